/** `Vec`: values in a row, in an allocation that grows. */
import type { VirtAddr } from "../../machine/mod.ts";
import type { Heap } from "../allocator/heap.ts";
import { NONE } from "../allocator/heap_memory.ts";
import type { Type } from "./types.ts";

/** A move of the elements to a larger allocation. Addresses 0 stand for no allocation. */
export interface Reallocation {
  readonly from: bigint;
  readonly to: bigint;
  /** In elements. */
  readonly fromCapacity: number;
  readonly toCapacity: number;
  /** Bytes copied. */
  readonly copied: number;
}

/** Size and fields of a Vec that lies in the heap itself ({@linkcode vec}). */
const HEADER = { capacity: 0, pointer: 8, length: 16, size: 24 } as const;

/**
 * A vector. Its handle is on TypeScript's stack, as Rust's is on the stack; its elements are in
 * the heap.
 *
 * ```text
 * handle (capacity, pointer, length) ──► │ element │ element │ … │ room │
 * ```
 *
 * A push into a full vector doubles the capacity (at least 4; 8 for bytes; 1 for elements above
 * 1 KiB): allocate, copy, free. {@linkcode onReallocate} and {@linkcode reallocations} show it.
 */
export class Vec<T> implements Iterable<T> {
  readonly heap: Heap;
  readonly type: Type<T>;
  /** Told of each move. */
  onReallocate: ((move: Reallocation) => void) | undefined;
  readonly #moves: Reallocation[] = [];
  #offset = NONE;
  #capacity = 0;
  #length = 0;
  /** Where the handle itself lies, if it was moved to the heap. */
  #home = NONE;
  #alive = true;

  private constructor(heap: Heap, type: Type<T>) {
    this.heap = heap;
    this.type = type;
  }

  /** An empty vector. It allocates nothing. */
  // deno-lint-ignore no-misused-new -- Rust's name for it
  static new<T>(heap: Heap, type: Type<T>): Vec<T> {
    return new Vec(heap, type);
  }

  /** @throws {AllocError} If there is no room for so many elements. */
  static withCapacity<T>(heap: Heap, type: Type<T>, capacity: number): Vec<T> {
    const vec = new Vec(heap, type);
    vec.reserve(capacity);
    return vec;
  }

  /** `vec![…]`. @throws {AllocError} If there is no room. */
  static from<T>(heap: Heap, type: Type<T>, values: readonly T[]): Vec<T> {
    const vec = Vec.withCapacity(heap, type, values.length);
    for (const value of values) vec.push(value);
    return vec;
  }

  get length(): number {
    this.#check();
    return this.#length;
  }

  get capacity(): number {
    this.#check();
    return this.#capacity;
  }

  /** Where the elements are; `undefined` while there is no allocation. */
  get address(): VirtAddr | undefined {
    this.#check();
    return this.#offset === NONE ? undefined : this.heap.memory.addressOf(this.#offset);
  }

  /** All moves so far. */
  get reallocations(): readonly Reallocation[] {
    return this.#moves;
  }

  /**
   * Appends a value; moves the elements if there is no room.
   *
   * @throws {AllocError} If the larger allocation fails; the vector is unchanged.
   */
  push(value: T): void {
    this.#check();
    if (this.#length === this.#capacity) {
      const { size } = this.type;
      const least = size === 1 ? 8 : size <= 1024 ? 4 : 1;
      this.#reallocate(Math.max(this.#capacity * 2, least));
    }
    this.type.write(this.heap, this.#at(this.#length), value);
    this.#length++;
    this.#save();
  }

  /** Takes the last value off. @returns `undefined` when there is none. */
  pop(): T | undefined {
    this.#check();
    if (this.#length === 0) return undefined;
    this.#length--;
    this.#save();
    return this.type.read(this.heap, this.#at(this.#length));
  }

  /** @throws {RangeError} If the index is not below the length. */
  get(index: number): T {
    return this.type.read(this.heap, this.#at(this.#checkIndex(index)));
  }

  /** @throws {RangeError} If the index is not below the length. */
  set(index: number, value: T): void {
    this.type.write(this.heap, this.#at(this.#checkIndex(index)), value);
  }

  /** Makes room for at least so many elements in all. */
  reserve(capacity: number): void {
    this.#check();
    if (!Number.isSafeInteger(capacity) || capacity < 0) {
      throw new RangeError(`Cannot reserve ${capacity} elements: not a whole number from 0`);
    }
    if (capacity > this.#capacity) this.#reallocate(capacity);
  }

  *[Symbol.iterator](): Generator<T> {
    for (let i = 0; i < this.length; i++) yield this.get(i);
  }

  /** Drops the elements and frees their memory. @throws {TypeError} If it was dropped. */
  drop(): void {
    this.#check();
    this.#alive = false;
    for (let i = 0; i < this.#length; i++) this.type.drop?.(this.heap, this.#at(i));
    if (this.#offset !== NONE) this.heap.free(this.heap.memory.addressOf(this.#offset));
  }

  [Symbol.dispose](): void {
    if (this.#alive && this.#home === NONE) this.drop();
  }

  toString(): string {
    return `[${[...this].join(", ")}]`;
  }

  /** Moves the handle to the heap: from now on its three words are there. @internal */
  moveTo(offset: number): void {
    this.#check();
    this.#home = offset;
    this.#save();
  }

  /** The vector whose handle lies in the heap. @internal */
  static at<T>(heap: Heap, type: Type<T>, home: number): Vec<T> {
    const vec = new Vec(heap, type);
    const { memory } = heap;
    vec.#home = home;
    vec.#capacity = Number(memory.long(home + HEADER.capacity));
    vec.#length = Number(memory.long(home + HEADER.length));
    vec.#offset = vec.#capacity === 0 ? NONE : memory.offsetOf(memory.long(home + HEADER.pointer));
    return vec;
  }

  #reallocate(capacity: number): void {
    const { heap, type } = this;
    const { memory } = heap;
    const to = heap.alloc(capacity * type.size, { align: type.align });
    const from = this.address;
    const copied = this.#length * type.size;
    const move = {
      from: from ?? 0n,
      to,
      fromCapacity: this.#capacity,
      toCapacity: capacity,
      copied,
    };
    const offset = memory.offsetOf(to);
    if (from !== undefined) {
      memory.write(offset, memory.read(this.#offset, copied));
      heap.free(from);
    }
    this.#offset = offset;
    this.#capacity = capacity;
    this.#save();
    this.#moves.push(move);
    this.onReallocate?.(move);
  }

  /** Writes the handle's words, if it has a home. */
  #save(): void {
    if (this.#home === NONE) return;
    const { memory } = this.heap;
    memory.setLong(this.#home + HEADER.capacity, this.#capacity);
    // Rust's empty vectors point at their alignment.
    if (this.#offset === NONE) memory.setLong(this.#home + HEADER.pointer, this.type.align);
    else memory.setLink(this.#home + HEADER.pointer, this.#offset);
    memory.setLong(this.#home + HEADER.length, this.#length);
  }

  #at(index: number): number {
    return this.#offset + index * this.type.size;
  }

  #checkIndex(index: number): number {
    this.#check();
    if (Number.isInteger(index) && index >= 0 && index < this.#length) return index;
    throw new RangeError(
      `index out of bounds: the len is ${this.#length} but the index is ${index}`,
    );
  }

  #check(): void {
    if (!this.#alive) throw new TypeError(`Cannot use a Vec<${this.type.name}>: it was dropped`);
  }
}

/** The type of vectors that lie in the heap themselves: `Rc<Vec<T>>`, `Vec<Vec<T>>`. */
export function vec<T>(element: Type<T>): Type<Vec<T>> {
  return {
    name: `Vec<${element.name}>`,
    size: HEADER.size,
    align: 8,
    read: (heap, offset) => Vec.at(heap, element, offset),
    write: (_heap, offset, value) => value.moveTo(offset),
    drop: (heap, offset) => Vec.at(heap, element, offset).drop(),
  };
}
