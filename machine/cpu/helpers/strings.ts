/**
 * REP, REPE and REPNE: repeated string instructions.
 *
 * One iteration is one retired instruction. Each step does a run of them: within a page all at
 * once where the fast tables know the pages, else one through the MMU. Registers, flags and
 * time are exact after every step, so that a fault, an interrupt or the end of the budget leaves
 * the instruction ready to go on.
 */
import { SEG, STATE } from "../../memory/layout.ts";
import type { CpuContext, Helper } from "../context.ts";
import {
  advance,
  counter,
  elementsAhead,
  isUpward,
  linearHigh,
  linearLow,
  RCX,
  RDI,
  RSI,
} from "./strings_address.ts";
import { compareStep, scanStep } from "./strings_compare.ts";
import { copyElements, fillElements } from "./strings_elements.ts";
import {
  accessFor,
  hostAddress,
  loadElement,
  peek,
  peekHigh,
  poke,
  storeElement,
} from "./strings_memory.ts";
import { moved, RAX, type Step } from "./strings_step.ts";

/**
 * Repeats until rCX is 0 or ZF is not `wantedZero` (-1: whatever ZF is); for as long as
 * `STATE.left` allows, the instruction itself being counted already.
 */
function repeat(
  cpu: CpuContext,
  step: Step,
  size: number,
  addressSize: number,
  segment: number,
  wantedZero = -1,
): void {
  const { state } = cpu;
  const { i32 } = state;
  let count = counter(state, addressSize);
  if (count === 0) return finish(cpu);
  let budget = 1 + Math.max(0, i32[STATE.left >> 2]);
  for (;;) {
    const done = step(cpu, size, addressSize, segment, Math.min(count, budget), wantedZero);
    advance(state, RCX, addressSize, -done);
    i32[STATE.left >> 2] -= done;
    budget -= done;
    count = counter(state, addressSize);
    const isOver = count === 0 ||
      (wantedZero >= 0 && (i32[STATE.flagZ >> 2] === 0 ? 1 : 0) !== wantedZero);
    if (isOver || budget === 0 || i32[STATE.leave >> 2] !== 0) {
      i32[STATE.left >> 2] += 1;
      if (isOver) finish(cpu);
      return;
    }
  }
}

/** Goes on with the following instruction. */
export function finish(cpu: CpuContext): void {
  const { i32 } = cpu.state;
  i32[STATE.rip >> 2] = i32[STATE.nextRip >> 2];
  i32[(STATE.rip >> 2) + 1] = i32[(STATE.nextRip >> 2) + 1];
}

const moveStep: Step = (cpu, size, addressSize, segment, most) => {
  const { state } = cpu;
  const fromLow = linearLow(cpu, segment, RSI, addressSize, size, false);
  const fromHigh = linearHigh(state, segment, RSI, addressSize);
  const source = hostAddress(state, fromLow, fromHigh, false);
  let done = source < 0
    ? 0
    : Math.min(most, elementsAhead(state, segment, RSI, addressSize, size, fromLow, false));
  let value = 0;
  let valueHigh = 0;
  if (done === 0) {
    value = loadElement(cpu, size, fromLow, fromHigh, accessFor(state, segment));
    valueHigh = state.word(STATE.high);
  }
  const toLow = linearLow(cpu, SEG.ES, RDI, addressSize, size, true);
  const toHigh = linearHigh(state, SEG.ES, RDI, addressSize);
  const target = hostAddress(state, toLow, toHigh, true);
  if (done > 0) {
    const room = elementsAhead(state, SEG.ES, RDI, addressSize, size, toLow, true);
    if (target >= 0 && room > 0) {
      done = Math.min(done, room);
      copyElements(state, target, source, size, done, isUpward(state));
      return moved(cpu, addressSize, size, done, true, true);
    }
    value = peek(state, source, size);
    valueHigh = peekHigh(state, source, size);
  }
  storeElement(cpu, size, toLow, toHigh, value, valueHigh, accessFor(state, SEG.ES));
  return moved(cpu, addressSize, size, 1, true, true);
};

const storeStep: Step = (cpu, size, addressSize, _segment, most) => {
  const { state } = cpu;
  const low = linearLow(cpu, SEG.ES, RDI, addressSize, size, true);
  const high = linearHigh(state, SEG.ES, RDI, addressSize);
  const target = hostAddress(state, low, high, true);
  const ahead = target < 0 ? 0 : elementsAhead(state, SEG.ES, RDI, addressSize, size, low, true);
  if (ahead === 0) {
    const access = accessFor(state, SEG.ES);
    storeElement(cpu, size, low, high, state.low(RAX), state.high(RAX), access);
    return moved(cpu, addressSize, size, 1, false, true);
  }
  const done = Math.min(most, ahead);
  const start = isUpward(state) ? target : target - (done - 1) * size;
  poke(state, start, size, state.low(RAX), state.high(RAX));
  fillElements(state, start, size, done);
  return moved(cpu, addressSize, size, done, false, true);
};

/** Only the last element stays; those before it in a page of memory need not be looked at. */
const loadStep: Step = (cpu, size, addressSize, segment, most) => {
  const { state } = cpu;
  const low = linearLow(cpu, segment, RSI, addressSize, size, false);
  const high = linearHigh(state, segment, RSI, addressSize);
  const source = hostAddress(state, low, high, false);
  const ahead = source < 0
    ? 0
    : Math.min(most, elementsAhead(state, segment, RSI, addressSize, size, low, false));
  let value: number;
  let valueHigh: number;
  if (ahead === 0) {
    value = loadElement(cpu, size, low, high, accessFor(state, segment));
    valueHigh = state.word(STATE.high);
  } else {
    const last = source + (isUpward(state) ? ahead - 1 : 1 - ahead) * size;
    value = peek(state, last, size);
    valueHigh = peekHigh(state, last, size);
  }
  if (size < 4) {
    const kept = state.low(RAX) & (size === 1 ? ~0xff : ~0xffff);
    state.setRegister(RAX, kept | value, state.high(RAX));
  } else {
    state.setRegister(RAX, value, valueHigh);
  }
  return moved(cpu, addressSize, size, Math.max(ahead, 1), true, false);
};

export const stringHelpers = {
  repeatMovs: (cpu, size, addressSize, segment) =>
    repeat(cpu, moveStep, size, addressSize, segment),
  repeatStos: (cpu, size, addressSize, segment) =>
    repeat(cpu, storeStep, size, addressSize, segment),
  repeatLods: (cpu, size, addressSize, segment) =>
    repeat(cpu, loadStep, size, addressSize, segment),
  repeatCmps: (cpu, size, addressSize, segment, wantedZero) =>
    repeat(cpu, compareStep, size, addressSize, segment, wantedZero),
  repeatScas: (cpu, size, addressSize, segment, wantedZero) =>
    repeat(cpu, scanStep, size, addressSize, segment, wantedZero),
} satisfies Record<string, Helper>;
