/** One step of REPE/REPNE CMPS and SCAS: compares until ZF is not wanted, within a page. */
import { SEG, STATE } from "../../memory/layout.ts";
import type { CpuState } from "../state.ts";
import { elementsAhead, isUpward, linearHigh, linearLow, RDI, RSI } from "./strings_address.ts";
import { compareFlags } from "./strings_elements.ts";
import { accessFor, hostAddress, loadElement, peek, peekHigh } from "./strings_memory.ts";
import { moved, RAX, type Step } from "./strings_step.ts";

export const compareStep: Step = (cpu, size, addressSize, segment, most, wantedZero) => {
  const { state } = cpu;
  const leftLow = linearLow(cpu, segment, RSI, addressSize, size, false);
  const leftHigh = linearHigh(state, segment, RSI, addressSize);
  const left = hostAddress(state, leftLow, leftHigh, false);
  const ahead = left < 0
    ? 0
    : elementsAhead(state, segment, RSI, addressSize, size, leftLow, false);
  let a = 0;
  let aHigh = 0;
  if (ahead === 0) {
    a = loadElement(cpu, size, leftLow, leftHigh, accessFor(state, segment));
    aHigh = state.word(STATE.high);
  }
  const rightLow = linearLow(cpu, SEG.ES, RDI, addressSize, size, false);
  const rightHigh = linearHigh(state, SEG.ES, RDI, addressSize);
  const right = hostAddress(state, rightLow, rightHigh, false);
  const room = right < 0
    ? 0
    : elementsAhead(state, SEG.ES, RDI, addressSize, size, rightLow, false);
  if (ahead > 0 && room > 0) {
    const end = Math.min(most, ahead, room);
    const stride = isUpward(state) ? size : -size;
    const done = compared(state, left, right, size, stride, end, wantedZero);
    const at = left + (done - 1) * stride;
    const to = right + (done - 1) * stride;
    a = peek(state, at, size);
    aHigh = peekHigh(state, at, size);
    compareFlags(state, size, a, aHigh, peek(state, to, size), peekHigh(state, to, size));
    return moved(cpu, addressSize, size, done, true, true);
  }
  if (ahead > 0) {
    a = peek(state, left, size);
    aHigh = peekHigh(state, left, size);
  }
  const b = loadElement(cpu, size, rightLow, rightHigh, accessFor(state, SEG.ES));
  compareFlags(state, size, a, aHigh, b, state.word(STATE.high));
  return moved(cpu, addressSize, size, 1, true, true);
};

export const scanStep: Step = (cpu, size, addressSize, _segment, most, wantedZero) => {
  const { state } = cpu;
  const mask = size === 1 ? 0xff : size === 2 ? 0xffff : -1;
  const a = state.low(RAX) & mask;
  const aHigh = size === 8 ? state.high(RAX) : 0;
  const low = linearLow(cpu, SEG.ES, RDI, addressSize, size, false);
  const high = linearHigh(state, SEG.ES, RDI, addressSize);
  const host = hostAddress(state, low, high, false);
  const ahead = host < 0 ? 0 : elementsAhead(state, SEG.ES, RDI, addressSize, size, low, false);
  if (ahead === 0) {
    const b = loadElement(cpu, size, low, high, accessFor(state, SEG.ES));
    compareFlags(state, size, a, aHigh, b, state.word(STATE.high));
    return moved(cpu, addressSize, size, 1, false, true);
  }
  const end = Math.min(most, ahead);
  const stride = isUpward(state) ? size : -size;
  const done = scanned(state, host, size, stride, end, wantedZero, a, aHigh);
  const at = host + (done - 1) * stride;
  compareFlags(state, size, a, aHigh, peek(state, at, size), peekHigh(state, at, size));
  return moved(cpu, addressSize, size, done, false, true);
};

/** How many elements of two runs in memory to compare until the end or an unwanted ZF. */
function compared(
  state: CpuState,
  left: number,
  right: number,
  size: number,
  stride: number,
  end: number,
  wantedZero: number,
): number {
  const wanted = wantedZero !== 0;
  const { u8 } = state;
  for (let done = 1; done < end; done++) {
    const isEqual = size === 1
      ? u8[left] === u8[right]
      : peek(state, left, size) === peek(state, right, size) &&
        peekHigh(state, left, size) === peekHigh(state, right, size);
    if (isEqual !== wanted) return done;
    left += stride;
    right += stride;
  }
  return end;
}

/** The same against one value. */
function scanned(
  state: CpuState,
  host: number,
  size: number,
  stride: number,
  end: number,
  wantedZero: number,
  value: number,
  valueHigh: number,
): number {
  const wanted = wantedZero !== 0;
  const { u8 } = state;
  for (let done = 1; done < end; done++) {
    const isEqual = size === 1
      ? u8[host] === value
      : peek(state, host, size) === value && peekHigh(state, host, size) === valueHigh;
    if (isEqual !== wanted) return done;
    host += stride;
  }
  return end;
}
