/**
 * JMP far and CALL far: to code segments, through call gates, to tasks.
 *
 * The helpers set CS, RIP (and SS:RSP) themselves: the semantics end in `exit`.
 *
 * @see Intel SDM Vol. 2, "JMP—Jump", "CALL—Call Procedure"
 */
import { SELECTOR, SYSTEM_TYPE } from "../../arch/descriptor.ts";
import { VECTOR } from "../../arch/exceptions.ts";
import { gateOffset, gateSelector } from "../../arch/gate.ts";
import { SEG, STATE } from "../../memory/layout.ts";
import type { CpuContext, Helper } from "../context.ts";
import {
  checkCodeSize,
  checkRealTarget,
  checkTarget,
  commitCode,
  commitRealCode,
  commitStackSegment,
  realAddressing,
} from "./code_segment.ts";
import {
  type Descriptor,
  isNull,
  markAccessed,
  readDescriptor,
  readUpperHalf,
} from "./descriptors.ts";
import { fail, failSelector } from "./faults.ts";
import { innerStack } from "./inner_stack.ts";
import { Stack } from "./stack.ts";
import { enterTask, taskOfGate } from "./task.ts";

/** JMP far. `size`: operand size in bytes, to which the offset is truncated. */
function farJump(
  cpu: CpuContext,
  selector: number,
  low: number,
  high: number,
  size: number,
): void {
  transfer(cpu, selector, low, high, size, false);
}

/** CALL far: pushes CS and the next RIP, `size` bytes each (through a gate: the gate's size). */
function farCall(
  cpu: CpuContext,
  selector: number,
  low: number,
  high: number,
  size: number,
): void {
  transfer(cpu, selector, low, high, size, true);
}

function transfer(
  cpu: CpuContext,
  selector: number,
  low: number,
  high: number,
  size: number,
  isCall: boolean,
): void {
  if (size === 2) low &= 0xffff;
  if (size !== 8) high = 0;
  if (realAddressing(cpu)) return transferReal(cpu, selector, low, size, isCall);
  if (isNull(selector)) fail(cpu, VECTOR.GP, 0, "far transfer to a null selector");
  const descriptor = readDescriptor(cpu, selector, VECTOR.GP, 0);
  if (descriptor.isCode) return toCode(cpu, selector, descriptor, low, high, size, isCall);
  const { longMode } = cpu.state;
  switch (descriptor.type) {
    case SYSTEM_TYPE.CALL_GATE16:
      if (!longMode) return throughGate(cpu, descriptor, 2, isCall);
      break;
    case SYSTEM_TYPE.CALL_GATE32:
      return throughGate(cpu, descriptor, longMode ? 8 : 4, isCall);
    case SYSTEM_TYPE.TASK_GATE:
      if (!longMode) return throughTaskGate(cpu, descriptor, isCall);
      break;
    case SYSTEM_TYPE.TSS16_AVAILABLE:
    case SYSTEM_TYPE.TSS32_AVAILABLE:
      if (!longMode) return toTask(cpu, descriptor, isCall);
      break;
  }
  failSelector(cpu, VECTOR.GP, selector, 0, "no target for a far transfer");
}

function transferReal(
  cpu: CpuContext,
  selector: number,
  offset: number,
  size: number,
  isCall: boolean,
): void {
  const { state } = cpu;
  if (!isCall) {
    checkRealTarget(cpu, offset);
    return commitRealCode(cpu, selector, offset);
  }
  const stack = Stack.current(cpu);
  stack.reserve(2 * size);
  checkRealTarget(cpu, offset);
  stack.push(size, state.selector(SEG.CS));
  stack.push(size, state.word(STATE.nextRip));
  stack.commitPointer();
  commitRealCode(cpu, selector, offset);
}

/** Straight to a code segment: CPL stays as it is. */
function toCode(
  cpu: CpuContext,
  selector: number,
  descriptor: Descriptor,
  low: number,
  high: number,
  size: number,
  isCall: boolean,
): void {
  const { cpl } = cpu.state;
  const { dpl } = descriptor;
  checkCodeSize(cpu, descriptor, selector);
  if (descriptor.isConforming) {
    if (dpl > cpl) failSelector(cpu, VECTOR.GP, selector, 0, `conforming code of DPL ${dpl}`);
  } else if ((selector & SELECTOR.RPL) > cpl || dpl !== cpl) {
    failSelector(cpu, VECTOR.GP, selector, 0, `code of DPL ${dpl} from CPL ${cpl}`);
  }
  if (!descriptor.present) failSelector(cpu, VECTOR.NP, selector, 0, "not present");
  if (isCall) {
    const stack = Stack.current(cpu);
    stack.reserve(2 * size);
    checkTarget(cpu, descriptor, low, high);
    markAccessed(cpu, descriptor);
    pushReturn(cpu, stack, size);
    stack.commitPointer();
  } else {
    checkTarget(cpu, descriptor, low, high);
    markAccessed(cpu, descriptor);
  }
  commitCode(cpu, selector, descriptor, cpl, low, high);
}

/** Through a call gate of `size` 2, 4 or 8: for a CALL, CPL may become the target's DPL. */
function throughGate(cpu: CpuContext, gate: Descriptor, size: number, isCall: boolean): void {
  const { cpl, longMode } = cpu.state;
  checkGate(cpu, gate);
  const high = longMode ? readUpperHalf(cpu, gate, VECTOR.GP, 0) : 0;
  const low = size === 2 ? gate.low & 0xffff : gateOffset(gate.low, gate.high);
  const selector = gateSelector(gate.low);
  if (isNull(selector)) fail(cpu, VECTOR.GP, 0, "the gate's code selector is null");
  const code = readDescriptor(cpu, selector, VECTOR.GP, 0);
  if (!code.isCode) failSelector(cpu, VECTOR.GP, selector, 0, "the gate leads to no code");
  const isInner = isCall && !code.isConforming && code.dpl < cpl;
  if (!isInner && (code.isConforming ? code.dpl > cpl : code.dpl !== cpl)) {
    failSelector(cpu, VECTOR.GP, selector, 0, `the gate leads to DPL ${code.dpl} from CPL ${cpl}`);
  }
  if (longMode && (!code.long || code.big)) {
    failSelector(cpu, VECTOR.GP, selector, 0, "the gate leads to code that is not 64-bit");
  }
  if (!code.present) failSelector(cpu, VECTOR.NP, selector, 0, "not present");
  if (isInner) return callInner(cpu, gate, selector, code, low, high, size);
  checkTarget(cpu, code, low, high);
  if (isCall) {
    const stack = Stack.current(cpu);
    stack.reserve(2 * size);
    markAccessed(cpu, code);
    pushReturn(cpu, stack, size);
    stack.commitPointer();
  } else {
    markAccessed(cpu, code);
  }
  commitCode(cpu, selector, code, cpl, low, high);
}

/** CALL through a gate to more privilege: a new stack, with the parameters copied to it. */
function callInner(
  cpu: CpuContext,
  gate: Descriptor,
  selector: number,
  code: Descriptor,
  low: number,
  high: number,
  size: number,
): void {
  const { state } = cpu;
  const { dpl } = code;
  const inner = innerStack(cpu, dpl, 0);
  const { stack } = inner;
  const count = size === 8 ? 0 : gate.high & 31;
  stack.reserve((4 + count) * size);
  checkTarget(cpu, code, low, high);
  const old = Stack.current(cpu);
  markAccessed(cpu, code);
  if (inner.descriptor !== undefined) markAccessed(cpu, inner.descriptor);
  stack.push(size, state.selector(SEG.SS));
  stack.push(size, old.low, old.high);
  for (let i = count - 1; i >= 0; i--) stack.push(size, old.peek(i * size, size));
  pushReturn(cpu, stack, size);
  commitCode(cpu, selector, code, dpl, low, high);
  commitStackSegment(cpu, (inner.selector & ~3) | dpl, inner.descriptor);
  stack.commitPointer();
}

/** Pushes CS and the next RIP. */
function pushReturn(cpu: CpuContext, stack: Stack, size: number): void {
  const { state } = cpu;
  stack.push(size, state.selector(SEG.CS));
  stack.push(size, state.word(STATE.nextRip), state.word(STATE.nextRip + 4));
}

/** Privilege and presence of a call gate, task gate or TSS that is named directly. */
function checkGate(cpu: CpuContext, gate: Descriptor): void {
  const { selector, dpl } = gate;
  const { cpl } = cpu.state;
  if (dpl < cpl || dpl < (selector & SELECTOR.RPL)) {
    failSelector(cpu, VECTOR.GP, selector, 0, `gate of DPL ${dpl} from CPL ${cpl}`);
  }
  if (!gate.present) failSelector(cpu, VECTOR.NP, selector, 0, "the gate is not present");
}

function throughTaskGate(cpu: CpuContext, gate: Descriptor, isCall: boolean): void {
  checkGate(cpu, gate);
  enterTask(cpu, taskOfGate(cpu, gateSelector(gate.low), 0), isCall ? "call" : "jump", 0);
}

function toTask(cpu: CpuContext, descriptor: Descriptor, isCall: boolean): void {
  const { selector } = descriptor;
  if ((selector & SELECTOR.TI) !== 0) {
    failSelector(cpu, VECTOR.GP, selector, 0, "a TSS in the LDT");
  }
  checkGate(cpu, descriptor);
  enterTask(cpu, descriptor, isCall ? "call" : "jump", 0);
}

export const farHelpers = { farJump, farCall } satisfies Record<string, Helper>;
