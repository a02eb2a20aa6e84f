/**
 * Registers and addresses of repeated string instructions: rSI, rDI and rCX at the address
 * size, and how many elements from there on need no further check.
 */
import { MODE, SEG, SEGMENT, STATE } from "../../memory/layout.ts";
import type { CpuContext } from "../context.ts";
import type { CpuState } from "../state.ts";
import { segmentLinear } from "./segments.ts";

export const RCX = 1;
export const RSI = 6;
export const RDI = 7;

const PAGE = 4096;

/** Low word of a register at an address size, as it goes into an address. */
function offsetLow(state: CpuState, register: number, addressSize: number): number {
  const low = state.low(register);
  return addressSize === 2 ? low & 0xffff : low;
}

/** What is left to do, at most 2^31. */
export function counter(state: CpuState, addressSize: number): number {
  const low = offsetLow(state, RCX, addressSize) >>> 0;
  const isHuge = addressSize === 8 && state.high(RCX) !== 0;
  return isHuge ? 0x8000_0000 : Math.min(low, 0x8000_0000);
}

/** Adds to a register at an address size: 2 bytes leave the rest alone, 4 clear the upper half. */
export function advance(
  state: CpuState,
  register: number,
  addressSize: number,
  delta: number,
): void {
  const low = state.low(register);
  const sum = (low + delta) | 0;
  if (addressSize === 2) {
    state.setRegister(register, (low & 0xffff_0000) | (sum & 0xffff), state.high(register));
  } else if (addressSize === 4) {
    state.setRegister(register, sum, 0);
  } else {
    const carry = Math.floor(((low >>> 0) + delta) / 2 ** 32);
    state.setRegister(register, sum, (state.high(register) + carry) | 0);
  }
}

/** Whether DF is clear. */
export function isUpward(state: CpuState): boolean {
  return (state.word(STATE.flagsRest) & (1 << 10)) === 0;
}

/**
 * Low word of the linear address that an index register points to.
 *
 * In legacy modes it checks the access of `bytes` bytes and may raise #GP or #SS.
 */
export function linearLow(
  cpu: CpuContext,
  segment: number,
  register: number,
  addressSize: number,
  bytes: number,
  write: boolean,
): number {
  const { state } = cpu;
  const low = offsetLow(state, register, addressSize);
  if (!state.code64) return segmentLinear(cpu, segment, low, bytes, write);
  return hasBase(segment) ? (low + state.baseLow(segment)) | 0 : low;
}

/** High word of the same address: 0 in legacy modes. */
export function linearHigh(
  state: CpuState,
  segment: number,
  register: number,
  addressSize: number,
): number {
  if (!state.code64) return 0;
  const high = addressSize === 8 ? state.high(register) : 0;
  if (!hasBase(segment)) return high;
  const sum = (state.low(register) >>> 0) + (state.baseLow(segment) >>> 0);
  return (high + state.baseHigh(segment) + (sum > 0xffff_ffff ? 1 : 0)) | 0;
}

/**
 * How many elements from an index register on lie within one page, the address size and the
 * segment, if the first is known to be in the segment. 0 when the first crosses a page.
 *
 * @param low Low word of the first element's linear address.
 */
export function elementsAhead(
  state: CpuState,
  segment: number,
  register: number,
  addressSize: number,
  size: number,
  low: number,
  write: boolean,
): number {
  const inPage = low & (PAGE - 1);
  if (inPage + size > PAGE) return 0;
  const isUp = isUpward(state);
  const onPage = isUp ? Math.floor((PAGE - inPage) / size) : Math.floor(inPage / size) + 1;
  if (addressSize === 8) return onPage;
  const offset = offsetLow(state, register, addressSize) >>> 0;
  const end = Math.min(
    addressSize === 2 ? 0x1_0000 : 0x1_0000_0000,
    state.code64 ? Infinity : segmentEnd(state, segment, write),
  );
  if (offset + size > end) return 1;
  return Math.min(onPage, isUp ? Math.floor((end - offset) / size) : Math.floor(offset / size) + 1);
}

/** One more than the highest offset that needs no check; see `SEGMENT.readEnd`. */
function segmentEnd(state: CpuState, segment: number, write: boolean): number {
  const flat = segment === SEG.DS
    ? MODE.FLAT_DS
    : segment === SEG.ES
    ? MODE.FLAT_ES
    : segment === SEG.SS
    ? MODE.FLAT_SS
    : 0;
  if ((state.word(STATE.mode) & flat) !== 0) return 0x1_0000_0000;
  const field = write ? SEGMENT.writeEnd : SEGMENT.readEnd;
  return state.word(state.segmentOffset(segment) + field) >>> 0;
}

/** In 64-bit code only FS and GS have a base. */
function hasBase(segment: number): boolean {
  return segment === SEG.FS || segment === SEG.GS;
}
