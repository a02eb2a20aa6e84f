/** PDEP and PEXT: bits scattered to, and gathered from, the set bits of a mask. */
import { STATE } from "../../memory/layout.ts";
import type { CpuContext, Helper } from "../context.ts";
import { popcnt } from "../integer.ts";

function deposit32(_cpu: CpuContext, value: number, mask: number): number {
  return deposit(value, mask);
}

function deposit64(
  cpu: CpuContext,
  low: number,
  high: number,
  maskLow: number,
  maskHigh: number,
): number {
  const used = popcnt(maskLow);
  const rest = used === 0 ? low : used === 32 ? high : (low >>> used) | (high << (32 - used));
  cpu.state.setWord(STATE.high, deposit(rest, maskHigh));
  return deposit(low, maskLow);
}

function extract32(_cpu: CpuContext, value: number, mask: number): number {
  return extract(value, mask);
}

function extract64(
  cpu: CpuContext,
  low: number,
  high: number,
  maskLow: number,
  maskHigh: number,
): number {
  const lower = extract(low, maskLow);
  const upper = extract(high, maskHigh);
  const used = popcnt(maskLow);
  cpu.state.setWord(STATE.high, used === 0 ? 0 : upper >>> (32 - used));
  return used === 32 ? lower : lower | (upper << used);
}

function deposit(value: number, mask: number): number {
  let result = 0;
  for (let rest = mask; rest !== 0; rest &= rest - 1) {
    if ((value & 1) !== 0) result |= rest & -rest;
    value >>>= 1;
  }
  return result;
}

function extract(value: number, mask: number): number {
  let result = 0;
  let position = 0;
  for (let rest = mask; rest !== 0; rest &= rest - 1) {
    if ((value & rest & -rest) !== 0) result |= 1 << position;
    position++;
  }
  return result;
}

export const bitsHelpers = { deposit32, deposit64, extract32, extract64 } satisfies Record<
  string,
  Helper
>;
