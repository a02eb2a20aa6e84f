/**
 * RET far, and the checks of a return's CS and SS, which IRET shares.
 *
 * @see Intel SDM Vol. 2, "RET—Return From Procedure"
 */
import { SELECTOR } from "../../arch/descriptor.ts";
import { VECTOR } from "../../arch/exceptions.ts";
import { STATE } from "../../memory/layout.ts";
import type { CpuContext, Helper } from "../context.ts";
import {
  checkCodeSize,
  checkRealTarget,
  checkTarget,
  commitCode,
  commitRealCode,
  commitStackSegment,
  dropPrivilegedSegments,
  realAddressing,
  writeStackPointer,
} from "./code_segment.ts";
import {
  checkStackSegment,
  type Descriptor,
  isNull,
  markAccessed,
  readDescriptor,
} from "./descriptors.ts";
import { fail, failSelector } from "./faults.ts";
import { Stack } from "./stack.ts";

/** RET far. `size`: of each popped value; `extra`: bytes of parameters to discard. */
function farReturn(cpu: CpuContext, size: number, extra: number): void {
  const { state } = cpu;
  const stack = Stack.current(cpu);
  const low = stack.pop(size);
  const high = state.word(STATE.high);
  const selector = stack.pop(size) & 0xffff;
  if (realAddressing(cpu)) {
    checkRealTarget(cpu, low);
    stack.drop(extra);
    stack.commitPointer();
    return commitRealCode(cpu, selector, low);
  }
  const code = checkReturnCode(cpu, selector);
  const rpl = selector & SELECTOR.RPL;
  stack.drop(extra);
  if (rpl === state.cpl) {
    checkTarget(cpu, code, low, high);
    markAccessed(cpu, code);
    stack.commitPointer();
    return commitCode(cpu, selector, code, rpl, low, high);
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
  const sum = (pointerLow >>> 0) + extra;
  writeStackPointer(cpu, sum | 0, sum > 0xffff_ffff ? (pointerHigh + 1) | 0 : pointerHigh);
  dropPrivilegedSegments(cpu);
}

/** Checks the CS that a return goes to: #GP and #NP with its selector. */
export function checkReturnCode(cpu: CpuContext, selector: number): Descriptor {
  if (isNull(selector)) fail(cpu, VECTOR.GP, 0, "return to a null selector");
  const code = readDescriptor(cpu, selector, VECTOR.GP, 0);
  const rpl = selector & SELECTOR.RPL;
  const { cpl } = cpu.state;
  if (!code.isCode) failSelector(cpu, VECTOR.GP, selector, 0, "return to what is not code");
  if (rpl < cpl) failSelector(cpu, VECTOR.GP, selector, 0, `return from CPL ${cpl} inwards`);
  checkCodeSize(cpu, code, selector);
  if (code.isConforming ? code.dpl > rpl : code.dpl !== rpl) {
    failSelector(cpu, VECTOR.GP, selector, 0, `return at RPL ${rpl} to DPL ${code.dpl}`);
  }
  if (!code.present) failSelector(cpu, VECTOR.NP, selector, 0, "not present");
  return code;
}

/** Checks the SS of a return; `undefined` for the null SS that 64-bit code below CPL 3 may have. */
export function checkReturnStack(
  cpu: CpuContext,
  selector: number,
  code: Descriptor,
  cpl: number,
): Descriptor | undefined {
  if (isNull(selector) && cpu.state.longMode && code.long && cpl !== 3) return undefined;
  return checkStackSegment(cpu, selector, cpl, VECTOR.GP, 0);
}

export const farReturnHelpers = { farReturn } satisfies Record<string, Helper>;
