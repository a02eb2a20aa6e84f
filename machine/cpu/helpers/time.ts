/**
 * RDTSC, RDTSCP, RDRAND, RDSEED.
 *
 * The time stamp counter counts virtual nanoseconds (1 GHz), plus what software wrote to it.
 * "Random" numbers are a xorshift sequence from the seed at reset: the same run gives the same.
 */
import { CR4 } from "../../arch/control_registers.ts";
import { VECTOR } from "../../arch/exceptions.ts";
import { STATE } from "../../memory/layout.ts";
import type { CpuContext, Helper } from "../context.ts";
import { fail } from "./faults.ts";

const TWO_32 = 2 ** 32;

/** The time stamp counter: low word; high word in `STATE.high`. */
export function readTime(cpu: CpuContext): number {
  const { state } = cpu;
  const now = cpu.clock.nowNs;
  const low = (now % TWO_32) + (state.word(STATE.tscOffset) >>> 0);
  const carry = low >= TWO_32 ? 1 : 0;
  const high = Math.floor(now / TWO_32) + state.word(STATE.tscOffset + 4) + carry;
  state.setWord(STATE.high, high | 0);
  return low | 0;
}

/** Sets the time stamp counter. */
export function writeTime(cpu: CpuContext, low: number, high: number): void {
  const now = cpu.clock.nowNs;
  const difference = (low >>> 0) - (now % TWO_32);
  const borrow = difference < 0 ? 1 : 0;
  const upper = high - Math.floor(now / TWO_32) - borrow;
  cpu.state.setPair(STATE.tscOffset, difference | 0, upper | 0);
}

/** RDTSC and RDTSCP: #GP(0) outside of ring 0 while CR4.TSD is set. */
function timeStamp(cpu: CpuContext): number {
  const { state } = cpu;
  if (state.cpl !== 0 && (state.word(STATE.cr4) & CR4.TSD) !== 0) {
    fail(cpu, VECTOR.GP, 0, "CR4.TSD keeps the time stamp counter to ring 0");
  }
  return readTime(cpu);
}

/** The next 64 bits of the xorshift sequence (13, 7, 17). */
function random(cpu: CpuContext): number {
  const { state } = cpu;
  let low = state.word(STATE.randomState);
  let high = state.word(STATE.randomState + 4);
  if ((low | high) === 0) low = 0x2545_f491;
  high ^= (high << 13) | (low >>> 19);
  low ^= low << 13;
  low ^= (low >>> 7) | (high << 25);
  high ^= high >>> 7;
  high ^= (high << 17) | (low >>> 15);
  low ^= low << 17;
  state.setPair(STATE.randomState, low, high);
  state.setWord(STATE.high, high);
  return low;
}

export const timeHelpers = { timeStamp, random } satisfies Record<string, Helper>;
