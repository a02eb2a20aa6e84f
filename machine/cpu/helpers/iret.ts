/**
 * IRET in every mode.
 *
 * @see Intel SDM Vol. 2, "IRET/IRETD/IRETQ—Interrupt Return"
 */
import { SELECTOR } from "../../arch/descriptor.ts";
import { VECTOR } from "../../arch/exceptions.ts";
import { IOPL_SHIFT, RFLAGS } from "../../arch/rflags.ts";
import { MODE, SEG, STATE } from "../../memory/layout.ts";
import type { CpuContext, Helper } from "../context.ts";
import {
  checkRealTarget,
  checkTarget,
  commitCode,
  commitRealCode,
  commitStackSegment,
  dropPrivilegedSegments,
  writeStackPointer,
} from "./code_segment.ts";
import { markAccessed } from "./descriptors.ts";
import { checkReturnCode, checkReturnStack } from "./far_return.ts";
import { fail } from "./faults.ts";
import { reportMode, writeFlags } from "./mode.ts";
import { loadV86Segment } from "./segment_load.ts";
import { Stack } from "./stack.ts";
import { returnFromTask } from "./task.ts";

/** Flags that every return restores. */
const ALWAYS = RFLAGS.CF | RFLAGS.PF | RFLAGS.AF | RFLAGS.ZF | RFLAGS.SF | RFLAGS.TF | RFLAGS.DF |
  RFLAGS.OF | RFLAGS.NT;
/** Those of the upper half that a 32-bit or 64-bit return restores too. */
const UPPER = RFLAGS.RF | RFLAGS.AC | RFLAGS.ID;

/** IRET, IRETD, IRETQ by `size` 2, 4, 8. Unblocks NMIs, even when it faults. */
function iret(cpu: CpuContext, size: number): void {
  const { state } = cpu;
  const mode = state.word(STATE.mode);
  const upper = size === 2 ? 0 : UPPER;
  if ((mode & MODE.PROTECTED) === 0) {
    state.setWord(STATE.nmiBlocked, 0);
    return returnReal(cpu, size, ALWAYS | RFLAGS.IF | RFLAGS.IOPL | upper);
  }
  const { flags } = state;
  const iopl = (flags >> IOPL_SHIFT) & 3;
  if ((mode & MODE.V86) !== 0) {
    if (iopl < 3) fail(cpu, VECTOR.GP, 0, "IRET in virtual-8086 mode needs IOPL 3");
    state.setWord(STATE.nmiBlocked, 0);
    return returnReal(cpu, size, ALWAYS | RFLAGS.IF | upper);
  }
  state.setWord(STATE.nmiBlocked, 0);
  if ((flags & RFLAGS.NT) !== 0) {
    if (state.longMode) fail(cpu, VECTOR.GP, 0, "IRET with NT set in long mode");
    return returnFromTask(cpu);
  }
  let mask = ALWAYS | upper;
  if (state.cpl <= iopl) mask |= RFLAGS.IF;
  if (state.cpl === 0) mask |= RFLAGS.IOPL | (size === 2 ? 0 : RFLAGS.VIF | RFLAGS.VIP);
  returnProtected(cpu, size, mask);
}

function returnReal(cpu: CpuContext, size: number, mask: number): void {
  const stack = Stack.current(cpu);
  const offset = stack.pop(size);
  const selector = stack.pop(size) & 0xffff;
  const flags = stack.pop(size);
  checkRealTarget(cpu, offset);
  stack.commitPointer();
  commitRealCode(cpu, selector, offset);
  writeFlags(cpu, flags, mask);
}

function returnProtected(cpu: CpuContext, size: number, mask: number): void {
  const { state } = cpu;
  const stack = Stack.current(cpu);
  const low = stack.pop(size);
  const high = state.word(STATE.high);
  const selector = stack.pop(size) & 0xffff;
  const flags = stack.pop(size);
  if ((flags & RFLAGS.VM) !== 0 && size === 4 && state.cpl === 0 && !state.longMode) {
    return returnToV86(cpu, stack, low, selector, flags);
  }
  const code = checkReturnCode(cpu, selector);
  const rpl = selector & SELECTOR.RPL;
  const isOuter = rpl !== state.cpl;
  if (!isOuter && !state.code64) {
    checkTarget(cpu, code, low, high);
    markAccessed(cpu, code);
    stack.commitPointer();
    commitCode(cpu, selector, code, rpl, low, high);
    return writeFlags(cpu, flags, mask);
  }
  const pointerLow = stack.pop(size);
  const pointerHigh = state.word(STATE.high);
  const stackSelector = stack.pop(size) & 0xffff;
  const ss = checkReturnStack(cpu, stackSelector, code, rpl);
  checkTarget(cpu, code, low, high);
  markAccessed(cpu, code);
  if (ss !== undefined) markAccessed(cpu, ss);
  commitCode(cpu, selector, code, rpl, low, high);
  commitStackSegment(cpu, stackSelector, ss);
  writeStackPointer(cpu, pointerLow, pointerHigh);
  writeFlags(cpu, flags, mask);
  if (isOuter) dropPrivilegedSegments(cpu);
}

/** The frame goes on with ESP, SS, ES, DS, FS and GS. */
function returnToV86(
  cpu: CpuContext,
  stack: Stack,
  offset: number,
  selector: number,
  flags: number,
): void {
  const { state } = cpu;
  const pointer = stack.pop(4);
  const ss = stack.pop(4) & 0xffff;
  const es = stack.pop(4) & 0xffff;
  const ds = stack.pop(4) & 0xffff;
  const fs = stack.pop(4) & 0xffff;
  const gs = stack.pop(4) & 0xffff;
  if ((offset >>> 0) > 0xffff) {
    fail(cpu, VECTOR.GP, 0, "return to virtual-8086 code beyond 64 KiB");
  }
  const before = state.word(STATE.mode);
  state.setWord(STATE.cpl, 3);
  writeFlags(cpu, flags, ~0);
  loadV86Segment(cpu, SEG.CS, selector);
  loadV86Segment(cpu, SEG.SS, ss);
  loadV86Segment(cpu, SEG.ES, es);
  loadV86Segment(cpu, SEG.DS, ds);
  loadV86Segment(cpu, SEG.FS, fs);
  loadV86Segment(cpu, SEG.GS, gs);
  state.setRegister(RSP, pointer, 0);
  state.setPair(STATE.rip, offset, 0);
  reportMode(cpu, before);
}

const RSP = 4;

export const iretHelpers = { iret } satisfies Record<string, Helper>;
