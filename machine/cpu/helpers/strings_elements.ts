/** What repeated string instructions do with runs of elements in the machine's memory. */
import { RFLAGS } from "../../arch/rflags.ts";
import { type CpuState, parity } from "../state.ts";
import { peek, peekHigh, poke } from "./strings_memory.ts";

/**
 * Copies elements one after another, upwards or downwards. Where a run overlaps itself in the
 * direction of the copy, what was written is read again: the beginning repeats.
 *
 * @param target,source Byte offsets of the first element to copy.
 */
export function copyElements(
  state: CpuState,
  target: number,
  source: number,
  size: number,
  count: number,
  isUp: boolean,
): void {
  const bytes = count * size;
  const distance = isUp ? target - source : source - target;
  if (distance <= 0 || distance >= bytes) {
    const back = isUp ? 0 : bytes - size;
    state.u8.copyWithin(target - back, source - back, source - back + bytes);
    return;
  }
  const stride = isUp ? size : -size;
  for (let i = 0; i < count; i++) {
    const low = peek(state, source, size);
    poke(state, target, size, low, peekHigh(state, source, size));
    source += stride;
    target += stride;
  }
}

/** Repeats the element at `start` upwards until there are `count` of it. */
export function fillElements(state: CpuState, start: number, size: number, count: number): void {
  const { u8 } = state;
  const end = start + count * size;
  if (size === 1) {
    u8.fill(u8[start], start, end);
    return;
  }
  let filled = size;
  while (start + filled < end) {
    const more = Math.min(filled, end - start - filled);
    u8.copyWithin(start + filled, start, start + more);
    filled += more;
  }
}

/** The flags of `a - b`; words of 1 and 2 bytes zero-extended. */
export function compareFlags(
  state: CpuState,
  size: number,
  a: number,
  aHigh: number,
  b: number,
  bHigh: number,
): void {
  const low = (a - b) | 0;
  const wideHigh = (aHigh - bHigh - ((a >>> 0) < (b >>> 0) ? 1 : 0)) | 0;
  // The words that hold the sign bit, moved up to bit 31.
  const up = size < 4 ? 32 - size * 8 : 0;
  const top = (size === 8 ? aHigh : a) << up;
  const bTop = (size === 8 ? bHigh : b) << up;
  const result = (size === 8 ? wideHigh : low) << up;
  const isZero = size === 8 ? (low | wideHigh) === 0 : result === 0;
  const isBelow = size === 8 && aHigh !== bHigh
    ? (aHigh >>> 0) < (bHigh >>> 0)
    : (a >>> 0) < (b >>> 0);
  state.setArithmeticFlags(
    (isBelow ? RFLAGS.CF : 0) |
      (parity(low & 0xff) !== 0 ? RFLAGS.PF : 0) |
      ((a ^ b ^ low) & RFLAGS.AF) |
      (isZero ? RFLAGS.ZF : 0) |
      (result < 0 ? RFLAGS.SF : 0) |
      (((top ^ bTop) & (top ^ result)) < 0 ? RFLAGS.OF : 0),
  );
}
