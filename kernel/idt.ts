/**
 * The interrupt descriptor table: 256 gates of 16 bytes in guest memory. A handler is a
 * TypeScript function behind the kernel's own gate, or any guest address.
 */
import { decodeGate, encodeGate, type Gate, hex, type Machine, virtAddr } from "../machine/mod.ts";
import type { TrapFrame } from "./frames.ts";
import { IMAGE } from "./layout.ts";
import { VECTORS } from "./stubs.ts";

/** The names of the x86_64 crate, and those of the PICs' vectors. */
export const VECTOR_NAMES: Readonly<Record<string, number>> = {
  divide_error: 0,
  debug: 1,
  non_maskable_interrupt: 2,
  breakpoint: 3,
  overflow: 4,
  bound_range_exceeded: 5,
  invalid_opcode: 6,
  device_not_available: 7,
  double_fault: 8,
  invalid_tss: 10,
  segment_not_present: 11,
  stack_segment_fault: 12,
  general_protection_fault: 13,
  page_fault: 14,
  x87_floating_point: 16,
  alignment_check: 17,
  machine_check: 18,
  simd_floating_point: 19,
  timer: 32,
  keyboard: 33,
};

/** What a handler gets: the frame on the stack, to look at and to change. */
export type Handler = (frame: TrapFrame) => void;

/** How a gate is made. */
export interface HandlerOptions {
  /** Stack of the interrupt stack table, 0–6; none by default. */
  readonly ist?: number | undefined;
  /** Which rings may reach it with INT n: 0 by default. */
  readonly dpl?: 0 | 3;
  /** A trap gate leaves interrupts enabled. */
  readonly kind?: "interrupt" | "trap";
}

export interface IdtHost {
  readonly machine: Machine;
  readonly symbols: ReadonlyMap<string, number>;
}

export class InterruptDescriptorTable {
  readonly #host: IdtHost;
  readonly #handlers = new Map<number, Handler>();

  constructor(host: IdtHost) {
    this.#host = host;
  }

  /** Fills the table with gates that are not present. The kernel does it once. */
  clear(): void {
    for (let vector = 0; vector < VECTORS; vector++) this.removeHandler(vector);
  }

  /** LIDT. */
  load(): void {
    this.#host.machine.cpu.lidt(IMAGE.IDT, VECTORS * 16 - 1);
  }

  /**
   * Sets or replaces a handler; at any time.
   *
   * @param which A vector, or a name such as `breakpoint`, `page fault`, `timer`.
   * @param handler A function, or the address of guest code.
   * @throws {RangeError} If there is no such vector, the address is not canonical, or `ist` is
   * not within 0 and 6.
   */
  setHandler(
    which: string | number,
    handler: Handler | number | bigint,
    options: HandlerOptions = {},
  ): void {
    const vector = vectorNumber(which);
    const { ist, dpl = 0, kind = "interrupt" } = options;
    if (ist !== undefined && !(Number.isInteger(ist) && ist >= 0 && ist <= 6)) {
      throw new RangeError(`Cannot use interrupt stack ${ist}: not within 0 and 6`);
    }
    const isFunction = typeof handler === "function";
    const offset = isFunction
      ? BigInt(this.#host.symbols.get(`vector_${vector}`)!)
      : virtAddr(handler);
    const { low, upper } = encodeGate({
      kind,
      size: 8,
      selector: this.#host.machine.cpu.cs.selector & ~3,
      offset,
      dpl,
      istField: ist === undefined ? 0 : ist + 1,
    });
    this.#write(vector, low, upper);
    if (isFunction) this.#handlers.set(vector, handler);
    else this.#handlers.delete(vector);
  }

  /** Makes a gate not present. */
  removeHandler(which: string | number): void {
    const vector = vectorNumber(which);
    // With its type, so that the CPU finds it not present, and not wrong.
    const { low, upper } = encodeGate({
      kind: "interrupt",
      size: 8,
      selector: 0,
      present: false,
    });
    this.#write(vector, low, upper);
    this.#handlers.delete(vector);
  }

  /** The function behind a vector, if it is one. */
  handler(which: string | number): Handler | undefined {
    return this.#handlers.get(vectorNumber(which));
  }

  /** A gate as it is in guest memory; `undefined` if it is none. */
  gate(which: string | number): Gate | undefined {
    const { virtual } = this.#host.machine;
    const address = IMAGE.IDT + 16 * vectorNumber(which);
    return decodeGate(virtual.u64(address), virtual.u64(address + 8));
  }

  /** The gates that are present. */
  gates(): { readonly vector: number; readonly name: string; readonly gate: Gate }[] {
    return Array.from({ length: VECTORS }, (_, vector) => vector).flatMap((vector) => {
      const gate = this.gate(vector);
      return gate?.present ? [{ vector, name: vectorName(vector), gate }] : [];
    });
  }

  #write(vector: number, low: bigint, upper: bigint): void {
    const { cpu } = this.#host.machine;
    const address = IMAGE.IDT + 16 * vector;
    cpu.store64(address, low);
    cpu.store64(address + 8, upper);
  }
}

/**
 * The vector that a name means. Blanks, hyphens and capitals do not matter.
 *
 * @throws {RangeError} If there is none.
 */
export function vectorNumber(which: string | number): number {
  if (typeof which === "number") {
    if (Number.isInteger(which) && which >= 0 && which < VECTORS) return which;
    throw new RangeError(`There is no vector ${which}: they go from 0 to ${VECTORS - 1}`);
  }
  const name = String(which).trim().toLowerCase().replace(/[\s-]+/g, "_");
  if (Object.hasOwn(VECTOR_NAMES, name)) return VECTOR_NAMES[name];
  throw new RangeError(
    `There is no vector "${which}": the names are ${Object.keys(VECTOR_NAMES).join(", ")}`,
  );
}

/** All vectors in words; asked for at every interrupt. */
const NAMES: readonly string[] = Array.from({ length: VECTORS }, (_, vector) => {
  const found = Object.entries(VECTOR_NAMES).find(([, number]) => number === vector);
  return found?.[0].replaceAll("_", " ") ?? `vector ${hex(vector)}`;
});

/** A vector in words. */
export function vectorName(vector: number): string {
  return NAMES[vector] ?? `vector ${hex(vector)}`;
}
