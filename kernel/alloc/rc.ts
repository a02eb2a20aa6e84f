/** `Rc`: a value in the heap with several owners, counted. */
import { hex, type VirtAddr } from "../../machine/mod.ts";
import type { Heap } from "../allocator/heap.ts";
import { alignUp } from "../allocator/allocator.ts";
import type { Type } from "./types.ts";

/** The counters before the value: 64 bits each. */
const COUNTS = { strong: 0, weak: 8, size: 16 } as const;

/** What all handles of one value share: where it is. */
interface Shared<T> {
  readonly heap: Heap;
  readonly type: Type<T>;
  readonly address: VirtAddr;
}

/**
 * A shared pointer.
 *
 * ```text
 * handle ─┐
 * handle ─┴─► │ strong │ weak │ value │      the counters are in the heap, too
 * ```
 *
 * The value is dropped with the last `Rc`, its memory freed with the last of all handles: all
 * `Rc`s together count as one `Weak`.
 */
export class Rc<T> {
  readonly #shared: Shared<T>;
  #alive = true;

  private constructor(shared: Shared<T>) {
    this.#shared = shared;
  }

  /**
   * Moves a value to the heap, with a strong count of 1.
   *
   * @throws {AllocError} If there is no room.
   * @throws {RangeError} If the value does not fit its type; nothing stays allocated.
   */
  // deno-lint-ignore no-misused-new -- Rust's name for it
  static new<T>(heap: Heap, type: Type<T>, value: T): Rc<T> {
    const align = Math.max(8, type.align);
    const address = heap.alloc(valueOffset(type) + alignUp(type.size, align), { align });
    const shared = { heap, type, address };
    try {
      type.write(heap, offsetOf(shared) + valueOffset(type), value);
    } catch (error) {
      heap.free(address);
      throw error;
    }
    setCount(shared, "strong", 1);
    setCount(shared, "weak", 1);
    return new Rc(shared);
  }

  /** How many `Rc`s share the value. */
  static strongCount<T>(rc: Rc<T>): number {
    return count(rc.#use("count"), "strong");
  }

  /** How many `Weak`s look at it. */
  static weakCount<T>(rc: Rc<T>): number {
    return count(rc.#use("count"), "weak") - 1;
  }

  /** A handle that does not keep the value. */
  static downgrade<T>(rc: Rc<T>): Weak<T> {
    const shared = rc.#use("downgrade");
    setCount(shared, "weak", count(shared, "weak") + 1);
    return new Weak(shared, () => new Rc(shared));
  }

  get value(): T {
    const shared = this.#use("read");
    return shared.type.read(shared.heap, offsetOf(shared) + valueOffset(shared.type));
  }

  /** Where the counters are; the value follows. */
  get address(): VirtAddr {
    return this.#use("look at").address;
  }

  /** One more owner. */
  clone(): Rc<T> {
    const shared = this.#use("clone");
    setCount(shared, "strong", count(shared, "strong") + 1);
    return new Rc(shared);
  }

  /** One owner less; the last one drops the value. @throws {TypeError} If it was dropped. */
  drop(): void {
    const shared = this.#use("drop");
    const { heap, type } = shared;
    this.#alive = false;
    const strong = count(shared, "strong") - 1;
    setCount(shared, "strong", strong);
    if (strong > 0) return;
    type.drop?.(heap, offsetOf(shared) + valueOffset(type));
    dropWeak(shared);
  }

  [Symbol.dispose](): void {
    if (this.#alive) this.drop();
  }

  toString(): string {
    const { type, address } = this.#shared;
    return `Rc<${type.name}>(${hex(address)}${this.#alive ? "" : ", dropped"})`;
  }

  #use(what: string): Shared<T> {
    if (this.#alive) return this.#shared;
    throw new TypeError(`Cannot ${what} an Rc<${this.#shared.type.name}>: it was dropped`);
  }
}

/** A pointer that knows where a shared value was, and whether it still is. */
export class Weak<T> {
  readonly #shared: Shared<T>;
  readonly #revive: () => Rc<T>;
  #alive = true;

  /** Made by {@linkcode Rc.downgrade}. */
  constructor(shared: Shared<T>, revive: () => Rc<T>) {
    this.#shared = shared;
    this.#revive = revive;
  }

  /** An owner more, or `undefined` if the value was dropped. */
  upgrade(): Rc<T> | undefined {
    this.#check("upgrade");
    const strong = count(this.#shared, "strong");
    if (strong === 0) return undefined;
    setCount(this.#shared, "strong", strong + 1);
    return this.#revive();
  }

  /** @throws {TypeError} If it was dropped. */
  drop(): void {
    this.#check("drop");
    this.#alive = false;
    dropWeak(this.#shared);
  }

  [Symbol.dispose](): void {
    if (this.#alive) this.drop();
  }

  #check(what: string): void {
    if (this.#alive) return;
    throw new TypeError(`Cannot ${what} a Weak<${this.#shared.type.name}>: it was dropped`);
  }
}

function offsetOf({ heap, address }: Shared<unknown>): number {
  return heap.memory.offsetOf(address);
}

function valueOffset({ align }: Type<unknown>): number {
  return alignUp(COUNTS.size, align);
}

function count(shared: Shared<unknown>, which: "strong" | "weak"): number {
  return Number(shared.heap.memory.long(offsetOf(shared) + COUNTS[which]));
}

function setCount(shared: Shared<unknown>, which: "strong" | "weak", value: number): void {
  shared.heap.memory.setLong(offsetOf(shared) + COUNTS[which], value);
}

/** One weak handle less; the last one frees the memory. */
function dropWeak(shared: Shared<unknown>): void {
  const weak = count(shared, "weak") - 1;
  setCount(shared, "weak", weak);
  if (weak === 0) shared.heap.free(shared.address);
}
