/**
 * The threads' control blocks: bytes in guest memory, 64 for each.
 *
 * ```text
 * +0  u64 saved RSP: the thread's trap frame, while it does not run
 * +8  u64 CR3
 * +16 u64 end of its kernel stack
 * +24 u32 state        +28 u32 wakes at tick
 * +32 u32 joins thread +36 u32 exit code
 * +40 u32 times that it was switched to
 * +44 u32 times that it was preempted
 * +48 u64 instructions that it ran
 * +56 u64 when it went on: retired instructions
 * ```
 */
import type { Machine } from "../../machine/mod.ts";
import type { Statics } from "../statics.ts";

/** A thread's number: its slot in the table. Thread 0 is the kernel's main one, the idle loop. */
export type ThreadId = number;

export const THREAD_STATES = [
  "free",
  "ready",
  "running",
  "sleeping",
  "joining",
  "finished",
] as const;

export type ThreadState = typeof THREAD_STATES[number];

const BYTES = 64;

/** Offsets of the 32-bit fields. */
const WORD = {
  state: 24,
  wakeTick: 28,
  joins: 32,
  exitCode: 36,
  switches: 40,
  preemptions: 44,
} as const;

/** Offsets of the 64-bit fields. */
const LONG = { rsp: 0, cr3: 8, stackEnd: 16, instructions: 48, since: 56 } as const;

export type WordField = Exclude<keyof typeof WORD, "state">;
export type LongField = keyof typeof LONG;

export class ThreadTable {
  readonly #machine: Machine;
  readonly address: number;

  constructor(machine: Machine, statics: Statics, readonly capacity: number) {
    this.#machine = machine;
    this.address = statics.reserve("THREADS", BYTES * capacity, 64);
  }

  state(id: ThreadId): ThreadState {
    return THREAD_STATES[this.#machine.cpu.load32(this.#at(id, WORD.state))];
  }

  setState(id: ThreadId, state: ThreadState): void {
    this.#machine.cpu.store32(this.#at(id, WORD.state), THREAD_STATES.indexOf(state));
  }

  word(id: ThreadId, field: WordField): number {
    return this.#machine.cpu.load32(this.#at(id, WORD[field]));
  }

  setWord(id: ThreadId, field: WordField, value: number): void {
    this.#machine.cpu.store32(this.#at(id, WORD[field]), value);
  }

  long(id: ThreadId, field: LongField): bigint {
    return this.#machine.cpu.load64(this.#at(id, LONG[field]));
  }

  setLong(id: ThreadId, field: LongField, value: number | bigint): void {
    this.#machine.cpu.store64(this.#at(id, LONG[field]), value);
  }

  /** Makes a block all zero but for its state. */
  clear(id: ThreadId, state: ThreadState): void {
    for (let at = 0; at < BYTES; at += 8) this.#machine.cpu.store64(this.#at(id, at), 0);
    this.setState(id, state);
  }

  /** The first free slot. */
  findFree(): ThreadId | undefined {
    for (let id = 0; id < this.capacity; id++) if (this.state(id) === "free") return id;
    return undefined;
  }

  /** A field without time passing; for views. */
  peek(id: ThreadId, field: WordField | LongField): number {
    const { virtual } = this.#machine;
    return field in LONG
      ? Number(virtual.u64(this.#at(id, LONG[field as LongField])))
      : virtual.u32(this.#at(id, WORD[field as WordField]));
  }

  peekState(id: ThreadId): ThreadState {
    return THREAD_STATES[this.#machine.virtual.u32(this.#at(id, WORD.state))];
  }

  #at(id: ThreadId, offset: number): number {
    return this.address + BYTES * id + offset;
  }
}
