/** What can lie in a heap: types with their size, alignment and bytes. */
import type { Heap } from "../allocator/heap.ts";

/** How values of a type become bytes at an offset of a heap that is aligned for it. */
export interface Type<T> {
  readonly name: string;
  readonly size: number;
  readonly align: number;
  read(heap: Heap, offset: number): T;
  /** Moves a value in. */
  write(heap: Heap, offset: number, value: T): void;
  /** Frees what the value owns; nothing by default. */
  drop?(heap: Heap, offset: number): void;
}

/** An integer of 8, 16 or 32 bits as a number. */
function small(name: string, size: 1 | 2 | 4, signed: boolean): Type<number> {
  const min = signed ? -(2 ** (8 * size - 1)) : 0;
  const max = min + 2 ** (8 * size) - 1;
  return {
    name,
    size,
    align: size,
    read({ memory }, offset) {
      const at = memory.at(offset);
      const { view } = memory;
      if (size === 1) return signed ? view.getInt8(at) : view.getUint8(at);
      if (size === 2) return signed ? view.getInt16(at, true) : view.getUint16(at, true);
      return signed ? view.getInt32(at, true) : view.getUint32(at, true);
    },
    write({ memory }, offset, value) {
      if (!Number.isInteger(value) || value < min || value > max) throw misfit(name, value);
      const at = memory.at(offset);
      if (size === 1) memory.view.setUint8(at, value);
      else if (size === 2) memory.view.setUint16(at, value, true);
      else memory.view.setUint32(at, value, true);
    },
  };
}

/** An integer of 64 bits as a bigint. */
function large(name: string, signed: boolean): Type<bigint> {
  return {
    name,
    size: 8,
    align: 8,
    read({ memory }, offset) {
      const at = memory.at(offset);
      return signed ? memory.view.getBigInt64(at, true) : memory.view.getBigUint64(at, true);
    },
    write({ memory }, offset, value) {
      const fits = typeof value === "bigint" &&
        (signed ? BigInt.asIntN(64, value) : BigInt.asUintN(64, value)) === value;
      if (!fits) throw misfit(name, value);
      memory.view.setBigUint64(memory.at(offset), BigInt.asUintN(64, value), true);
    },
  };
}

function misfit(name: string, value: unknown): RangeError {
  return new RangeError(`Cannot store ${String(value)} as ${name}: it does not fit`);
}

export const u8 = small("u8", 1, false);
export const u16 = small("u16", 2, false);
export const u32 = small("u32", 4, false);
export const i8 = small("i8", 1, true);
export const i16 = small("i16", 2, true);
export const i32 = small("i32", 4, true);
export const u64 = large("u64", false);
export const i64 = large("i64", true);
/** Addresses and sizes. */
export const usize: Type<bigint> = { ...u64, name: "usize" };

export const f64: Type<number> = {
  name: "f64",
  size: 8,
  align: 8,
  read: ({ memory }, offset) => memory.view.getFloat64(memory.at(offset), true),
  write: ({ memory }, offset, value) => memory.view.setFloat64(memory.at(offset), value, true),
};

/** `[T; length]`: values one behind the other. */
export function array<T>(element: Type<T>, length: number): Type<T[]> {
  const { size, align } = element;
  const at = (offset: number, i: number) => offset + i * size;
  return {
    name: `[${element.name}; ${length}]`,
    size: size * length,
    align,
    read: (heap, offset) => Array.from({ length }, (_, i) => element.read(heap, at(offset, i))),
    write(heap, offset, values) {
      if (values.length !== length) throw misfit(`[${element.name}; ${length}]`, values);
      values.forEach((value, i) => element.write(heap, at(offset, i), value));
    },
    drop(heap, offset) {
      for (let i = 0; i < length; i++) element.drop?.(heap, at(offset, i));
    },
  };
}
