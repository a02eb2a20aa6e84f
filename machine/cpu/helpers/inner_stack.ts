/**
 * The stacks that a task state segment keeps for more privileged code.
 *
 * @see Intel SDM Vol. 3A, "Stack Switching", "Stack Switching in IA-32e Mode"
 */
import { isCanonical } from "../../arch/address.ts";
import { VECTOR } from "../../arch/exceptions.ts";
import { TSS16, TSS32, TSS64 } from "../../arch/tss.ts";
import { SEG, STATE } from "../../memory/layout.ts";
import { ACCESS } from "../../mmu/access.ts";
import type { CpuContext } from "../context.ts";
import { checkStackSegment, type Descriptor } from "./descriptors.ts";
import { fail, failSelector, selectorError } from "./faults.ts";
import { Stack } from "./stack.ts";
import { linearHigh, systemLoad16, systemLoad32 } from "./system_memory.ts";

/** A stack that a transfer is about to switch to. */
export interface InnerStack {
  readonly stack: Stack;
  /** What SS becomes. */
  readonly selector: number;
  /** `undefined` in long mode, where SS becomes null. */
  readonly descriptor: Descriptor | undefined;
}

/** Bit of a TSS's type: 32-bit (or 64-bit). */
const WIDE_TSS = 8;

/** The stack for privilege level `cpl`, from the current TSS. Raises #TS and #SS. */
export function innerStack(cpu: CpuContext, cpl: number, ext: number): InnerStack {
  const { state } = cpu;
  if (state.longMode) {
    return {
      stack: longStack(cpu, TSS64.RSP0 + cpl * 8, cpl, ext),
      selector: cpl,
      descriptor: undefined,
    };
  }
  const isWide = (state.attributes(SEG.TR) & WIDE_TSS) !== 0;
  const at = isWide ? TSS32.ESP0 + cpl * 8 : TSS16.SP0 + cpl * 4;
  checkTss(cpu, at + (isWide ? 6 : 4), ext);
  const base = state.baseLow(SEG.TR);
  const pointer = isWide ? systemLoad32(cpu, base, 0, at) : systemLoad16(cpu, base, 0, at);
  const selector = systemLoad16(cpu, base, 0, at + (isWide ? 4 : 2));
  const descriptor = checkStackSegment(cpu, selector, cpl, VECTOR.TS, ext);
  const error = selectorError(selector, ext);
  return { stack: Stack.inSegment(cpu, descriptor, pointer, cpl, error), selector, descriptor };
}

/** The stack of an interrupt stack table entry. `istField`: 1–7. */
export function istStack(cpu: CpuContext, istField: number, cpl: number, ext: number): Stack {
  return longStack(cpu, TSS64.IST1 + (istField - 1) * 8, cpl, ext);
}

function longStack(cpu: CpuContext, at: number, cpl: number, ext: number): Stack {
  const { state } = cpu;
  checkTss(cpu, at + 8, ext);
  const baseLow = state.baseLow(SEG.TR);
  const baseHigh = state.baseHigh(SEG.TR);
  const address = (baseLow + at) | 0;
  const low = cpu.mmu.load64(address, linearHigh(cpu, baseLow, baseHigh, at), ACCESS.IMPLICIT);
  const high = state.word(STATE.high);
  if (!isCanonical(high)) {
    fail(cpu, VECTOR.SS, ext, "the stack pointer in the TSS is not canonical");
  }
  return Stack.wide(cpu, low, high, cpl, ext);
}

/** #TS unless the current TSS has `end` bytes. */
function checkTss(cpu: CpuContext, end: number, ext: number): void {
  const { state } = cpu;
  if (end - 1 <= state.limit(SEG.TR)) return;
  failSelector(
    cpu,
    VECTOR.TS,
    state.selector(SEG.TR),
    ext,
    "the TSS ends before the stack's entry",
  );
}
