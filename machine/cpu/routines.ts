/**
 * The interpreter's routines: one JavaScript function per shape of instruction.
 *
 * A routine gets the index `p` of a record in the code arena and returns the index of the next
 * one, or -1 to leave the loop (RIP is exact then). Records are:
 *
 * ```text
 * p + 0   number of the routine
 * p + 1   position: bits 31:24 index in the block, 23:12 byte offset in the block,
 *         11:0 words from the block's header
 * p + 2…  the instruction's operands
 * ```
 */
import type { PhysicalMemory } from "../memory/physical.ts";
import type { Helper } from "./context.ts";
import type { Lowered } from "./emit.ts";
import { bswap, ctz, popcnt, umulh } from "./integer.ts";
import { parity } from "./state.ts";

/** What a routine may call; the run loop provides it. */
export interface RoutineServices {
  readonly cpu: unknown;
  load8(low: number, high: number, access: number, p: number): number;
  load16(low: number, high: number, access: number, p: number): number;
  load32(low: number, high: number, access: number, p: number): number;
  /** Returns the low word; the high one is in `STATE.high`. */
  load64(low: number, high: number, access: number, p: number): number;
  store8(low: number, high: number, value: number, access: number, p: number): void;
  store16(low: number, high: number, value: number, access: number, p: number): void;
  store32(low: number, high: number, value: number, access: number, p: number): void;
  store64(low: number, high: number, vl: number, vh: number, access: number, p: number): void;
  /** Full check of a segment access in legacy modes. @returns The linear address. */
  segment(segment: number, offset: number, bytes: number, write: number, p: number): number;
  /** Makes RIP, the next RIP and the time exact; `next` is the record behind `p`. */
  sync(p: number, next: number): void;
  raise(vector: number, error: number): never;
  /** Leaves with RIP at record `p`. */
  leaveAt(p: number): number;
  /** Leaves with RIP at the start of the block whose header is at `p`. */
  leaveBlock(p: number): number;
  /** Leaves behind an instruction that has run; `next` is the record behind it. */
  leaveNext(next: number): number;
  /** Fuses the block whose header is at `p`. @returns `p`. */
  heat(p: number): number;
  /** Next record for a RIP, or -1. */
  find(low: number, high: number): number;
  /** Leaves by a direct jump whose operands are at `slot`. */
  link(slot: number): number;
  umulh64(al: number, ah: number, bl: number, bh: number): number;
  smulh64(al: number, ah: number, bl: number, bh: number): number;
}

export type Routine = (p: number) => number;

const SERVICES = [
  "cpu",
  "load8",
  "load16",
  "load32",
  "load64",
  "store8",
  "store16",
  "store32",
  "store64",
  "segment",
  "sync",
  "raise",
  "leaveAt",
  "leaveBlock",
  "leaveNext",
  "heat",
  "find",
  "link",
  "umulh64",
  "smulh64",
] as const satisfies readonly (keyof RoutineServices)[];

/** The routines of one machine. */
export class Routines {
  /** By number. Indexed by the run loop. */
  readonly table: Routine[] = [];
  readonly #numbers = new Map<string, number>();
  readonly #free: number[] = [];
  readonly #names: string[];
  readonly #values: unknown[];

  constructor(
    memory: PhysicalMemory,
    arena: Int32Array,
    services: RoutineServices,
    readonly helpers: Readonly<Record<string, Helper>>,
  ) {
    const fixed: Record<string, unknown> = {
      I: memory.i32,
      B: memory.u8,
      H: memory.u16,
      V: memory.view,
      C: arena,
      umulh,
      bswap,
      ctz,
      popcnt,
      parity,
    };
    for (const name of SERVICES) fixed[name] = services[name];
    this.#names = Object.keys(fixed);
    this.#values = Object.values(fixed);
  }

  /** The number of the routine for a lowered instruction; made when there is none yet. */
  number(lowered: Lowered): number {
    const known = this.#numbers.get(lowered.text);
    if (known !== undefined) return known;
    const number = this.add(lowered);
    this.#numbers.set(lowered.text, number);
    return number;
  }

  /** Makes a routine that is nobody else's. @returns Its number. */
  add(lowered: Lowered): number {
    const helpers = [...lowered.helpers];
    for (const name of helpers) {
      if (this.helpers[name] === undefined) throw new TypeError(`No helper is named "${name}"`);
    }
    const make = new Function(
      ...this.#names,
      ...helpers.map((name) => `h_${name}`),
      `"use strict";return function(p){${lowered.text}\n}`,
    );
    const routine = make(...this.#values, ...helpers.map((name) => this.helpers[name])) as Routine;
    const number = this.#free.pop() ?? this.table.length;
    this.table[number] = routine;
    return number;
  }

  /** Gives a number back that {@linkcode add} gave. */
  remove(number: number): void {
    this.table[number] = REMOVED;
    this.#free.push(number);
  }
}

/** Stands where a routine has been removed. */
const REMOVED: Routine = () => {
  throw new Error("A removed routine was called");
};
