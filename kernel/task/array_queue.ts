/**
 * A queue of fixed capacity, in guest memory, that needs no lock: an interrupt handler may push at
 * any instruction of whoever pushes or pops.
 *
 * ```text
 * address + 0  u32  head: how many were popped
 *         + 4  u32  tail: how many pushes have taken a slot
 *         + 8  slot 0: u32 stamp, u32 value; slot 1 …
 * ```
 *
 * The stamp says whose turn a slot is. In round `r` (push number `t` belongs to round
 * `t / capacity`) it is 2r while the slot is free, 2r + 1 once its value is there, and the pop
 * makes it 2r + 2: free in the next round. So a zeroed queue is an empty one.
 *
 * @see D. Vyukov, "Bounded MPMC queue"
 */
import type { Machine } from "../../machine/mod.ts";

const HEAD = 0;
const TAIL = 4;
const SLOTS = 8;
const SLOT_BYTES = 8;
const VALUE = 4;

export class ArrayQueue {
  readonly #machine: Machine;

  /**
   * Takes over a queue as it is in memory: all zero for an empty one.
   *
   * @param address Of {@linkcode ArrayQueue.bytes} bytes, a multiple of 4.
   * @throws {RangeError} If the capacity is not a whole number from 1 to 65,536.
   */
  constructor(machine: Machine, readonly address: number, readonly capacity: number) {
    if (!Number.isInteger(capacity) || capacity < 1 || capacity > 0x1_0000) {
      throw new RangeError(`Cannot make a queue for ${capacity} values: not from 1 to 65,536`);
    }
    this.#machine = machine;
  }

  /** Size of a queue in memory. */
  static bytes(capacity: number): number {
    return SLOTS + SLOT_BYTES * capacity;
  }

  /** How many values wait. Takes no time. */
  get length(): number {
    const { virtual } = this.#machine;
    return (virtual.u32(this.address + TAIL) - virtual.u32(this.address + HEAD)) >>> 0;
  }

  /** The values that wait, the oldest first. Takes no time. */
  values(): number[] {
    const { virtual } = this.#machine;
    const head = virtual.u32(this.address + HEAD);
    return Array.from({ length: this.length }, (_, i) => virtual.u32(this.#slot(head + i) + VALUE));
  }

  /** How many values wait: two loads. */
  count(): number {
    const { cpu } = this.#machine;
    return (cpu.load32(this.address + TAIL) - cpu.load32(this.address + HEAD)) >>> 0;
  }

  /** Whether it is empty: two loads. */
  isEmpty(): boolean {
    const { cpu } = this.#machine;
    return cpu.load32(this.address + HEAD) === cpu.load32(this.address + TAIL);
  }

  /** Adds a value, 0 to 2³² − 1. @returns Whether there was room. */
  push(value: number): boolean {
    const { cpu } = this.#machine;
    for (;;) {
      const tail = cpu.load32(this.address + TAIL);
      const slot = this.#slot(tail);
      const lag = (cpu.load32(slot) - this.#freeStamp(tail)) | 0;
      // Behind: its value of the last round is still there.
      if (lag < 0) return false;
      if (lag === 0 && this.#advance(TAIL, tail)) {
        cpu.store32(slot + VALUE, value);
        cpu.store32(slot, this.#freeStamp(tail) + 1);
        return true;
      }
    }
  }

  /** Takes the oldest value out; `undefined` if there is none. */
  pop(): number | undefined {
    const { cpu } = this.#machine;
    for (;;) {
      const head = cpu.load32(this.address + HEAD);
      const slot = this.#slot(head);
      const lag = (cpu.load32(slot) - this.#freeStamp(head) - 1) | 0;
      if (lag < 0) return undefined;
      if (lag === 0 && this.#advance(HEAD, head)) {
        const value = cpu.load32(slot + VALUE);
        cpu.store32(slot, this.#freeStamp(head + this.capacity));
        return value;
      }
    }
  }

  /** Counts on, unless somebody else has. */
  #advance(field: number, from: number): boolean {
    const { cpu } = this.#machine;
    return cpu.compareExchange32(this.address + field, from, from + 1) === from;
  }

  #slot(count: number): number {
    return this.address + SLOTS + SLOT_BYTES * ((count >>> 0) % this.capacity);
  }

  /** The stamp of the slot of push `count` while it is free: twice the round. */
  #freeStamp(count: number): number {
    return 2 * Math.floor((count >>> 0) / this.capacity);
  }
}
