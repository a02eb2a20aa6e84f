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
import { compareFlags, copyElements, fillElements } from "./strings_elements.ts";
import {
  accessFor,
  hostAddress,
  loadElement,
  peek,
  peekHigh,
  poke,
  storeElement,
} from "./strings_memory.ts";

const RAX = 0;

/** Does 1 to `most` iterations, counter apart. @returns How many. May fault before the first. */
type Step = (
  cpu: CpuContext,
  size: number,
  addressSize: number,
  segment: number,
  most: number,
  wantedZero: number,
) => number;

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

const compareStep: Step = (cpu, size, addressSize, segment, most, wantedZero) => {
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
    let done = 0;
    let at = left;
    let to = right;
    do {
      done++;
      a = peek(state, at, size);
      aHigh = peekHigh(state, at, size);
      const isEqual = a === peek(state, to, size) && aHigh === peekHigh(state, to, size);
      if (done === end || (isEqual ? 1 : 0) !== wantedZero) break;
      at += stride;
      to += stride;
    } while (true);
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

const scanStep: Step = (cpu, size, addressSize, _segment, most, wantedZero) => {
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
  let done = 0;
  let at = host;
  for (;;) {
    done++;
    const isEqual = a === peek(state, at, size) && aHigh === peekHigh(state, at, size);
    if (done === end || (isEqual ? 1 : 0) !== wantedZero) break;
    at += stride;
  }
  compareFlags(state, size, a, aHigh, peek(state, at, size), peekHigh(state, at, size));
  return moved(cpu, addressSize, size, done, false, true);
};

/** Moves the index registers by `done` elements. @returns `done`. */
function moved(
  cpu: CpuContext,
  addressSize: number,
  size: number,
  done: number,
  source: boolean,
  destination: boolean,
): number {
  const { state } = cpu;
  const delta = isUpward(state) ? done * size : -done * size;
  if (source) advance(state, RSI, addressSize, delta);
  if (destination) advance(state, RDI, addressSize, delta);
  return done;
}

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
