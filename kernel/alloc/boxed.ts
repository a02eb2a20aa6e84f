/** `Box`: a value in the heap with one owner. */
import { hex, type VirtAddr } from "../../machine/mod.ts";
import type { Heap } from "../allocator/heap.ts";
import type { Type } from "./types.ts";

/**
 * A pointer to a value that it owns. `using` or {@linkcode drop} frees it, once: using it
 * afterwards throws, as the compiler would have refused it.
 *
 * ```text
 * handle ──► │ value │      in the heap: the value's bytes and nothing else
 * ```
 */
export class Box<T> {
  readonly heap: Heap;
  readonly type: Type<T>;
  readonly #address: VirtAddr;
  #alive = true;

  private constructor(heap: Heap, type: Type<T>, address: VirtAddr) {
    this.heap = heap;
    this.type = type;
    this.#address = address;
  }

  /**
   * Moves a value to the heap.
   *
   * @throws {AllocError} If there is no room.
   * @throws {RangeError} If the value does not fit its type; nothing stays allocated.
   */
  // deno-lint-ignore no-misused-new -- Rust's name for it
  static new<T>(heap: Heap, type: Type<T>, value: T): Box<T> {
    const address = heap.alloc(type.size, { align: type.align });
    try {
      type.write(heap, heap.memory.offsetOf(address), value);
    } catch (error) {
      heap.free(address);
      throw error;
    }
    return new Box(heap, type, address);
  }

  /** Where the value is. */
  get address(): VirtAddr {
    this.#check("look at");
    return this.#address;
  }

  get value(): T {
    this.#check("read");
    return this.type.read(this.heap, this.#offset);
  }

  set value(value: T) {
    this.#check("write");
    this.type.write(this.heap, this.#offset, value);
  }

  /** Whether it was not dropped, and not leaked. */
  get alive(): boolean {
    return this.#alive;
  }

  /** Frees the value. @throws {TypeError} If it was dropped or leaked. */
  drop(): void {
    this.#check("drop");
    this.#alive = false;
    this.type.drop?.(this.heap, this.#offset);
    this.heap.free(this.#address);
  }

  /** Gives the value up without freeing it. @returns Its address. */
  leak(): VirtAddr {
    this.#check("leak");
    this.#alive = false;
    return this.#address;
  }

  [Symbol.dispose](): void {
    if (this.#alive) this.drop();
  }

  toString(): string {
    return `Box<${this.type.name}>(${hex(this.#address)}${this.#alive ? "" : ", dropped"})`;
  }

  get #offset(): number {
    return this.heap.memory.offsetOf(this.#address);
  }

  #check(what: string): void {
    if (this.#alive) return;
    throw new TypeError(`Cannot ${what} a Box<${this.type.name}>: it was dropped or leaked`);
  }
}
