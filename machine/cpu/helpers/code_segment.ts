/** What all far transfers share: checks of the target, and loading CS:RIP. */
import { isCanonical } from "../../arch/address.ts";
import { VECTOR } from "../../arch/exceptions.ts";
import { MODE, SEG, STATE } from "../../memory/layout.ts";
import type { CpuContext } from "../context.ts";
import { commitNull, commitSegment, type Descriptor } from "./descriptors.ts";
import { ATTRIBUTE } from "../state.ts";
import { fail, failSelector } from "./faults.ts";
import { reportMode } from "./mode.ts";
import { loadRealSegment, loadV86Segment } from "./segment_load.ts";

/** Number of RSP. */
const RSP = 4;

/** Whether segments are paragraphs: real and virtual-8086 mode. */
export function realAddressing(cpu: CpuContext): boolean {
  const mode = cpu.state.word(STATE.mode);
  return (mode & MODE.PROTECTED) === 0 || (mode & MODE.V86) !== 0;
}

/** In long mode a code segment cannot be 64-bit and 32-bit at once: #GP(selector). */
export function checkCodeSize(
  cpu: CpuContext,
  descriptor: Descriptor,
  selector: number,
  ext = 0,
): void {
  if (cpu.state.longMode && descriptor.long && descriptor.big) {
    failSelector(cpu, VECTOR.GP, selector, ext, "code with both L and D set");
  }
}

/** #GP(0) unless RIP may be `low`, `high` in a code segment. */
export function checkTarget(
  cpu: CpuContext,
  descriptor: Descriptor,
  low: number,
  high: number,
  ext = 0,
): void {
  if (cpu.state.longMode && descriptor.long) {
    if (!isCanonical(high)) fail(cpu, VECTOR.GP, ext, "the target is not canonical");
  } else if ((low >>> 0) > (descriptor.limit >>> 0)) {
    fail(
      cpu,
      VECTOR.GP,
      ext,
      `the target 0x${(low >>> 0).toString(16)} is beyond the code segment`,
    );
  }
}

/** Loads CS, CPL and RIP. The descriptor's accessed bit is set in memory already. */
export function commitCode(
  cpu: CpuContext,
  selector: number,
  descriptor: Descriptor,
  cpl: number,
  ripLow: number,
  ripHigh: number,
): void {
  const before = cpu.state.word(STATE.mode);
  setCode(cpu, selector, descriptor, cpl, ripLow, ripHigh);
  reportMode(cpu, before);
}

/** {@linkcode commitCode} without the report of a new mode, for those who have more to change. */
export function setCode(
  cpu: CpuContext,
  selector: number,
  descriptor: Descriptor,
  cpl: number,
  ripLow: number,
  ripHigh: number,
): void {
  const { state } = cpu;
  state.setWord(STATE.cpl, cpl);
  commitSegment(cpu, SEG.CS, (selector & ~3) | cpl, descriptor);
  const isLong = state.longMode && descriptor.long;
  state.setPair(STATE.rip, ripLow, isLong ? ripHigh : 0);
}

/** Far transfer in real and virtual-8086 mode; #GP(0) beyond CS's limit. */
export function checkRealTarget(cpu: CpuContext, offset: number, ext = 0): void {
  if ((offset >>> 0) > cpu.state.limit(SEG.CS)) {
    fail(
      cpu,
      VECTOR.GP,
      ext,
      `the target 0x${(offset >>> 0).toString(16)} is beyond the code segment`,
    );
  }
}

/** Loads CS:IP in real and virtual-8086 mode. */
export function commitRealCode(cpu: CpuContext, selector: number, offset: number): void {
  const { state } = cpu;
  if (state.v86) loadV86Segment(cpu, SEG.CS, selector);
  else loadRealSegment(cpu, SEG.CS, selector);
  state.setPair(STATE.rip, offset, 0);
}

/** Writes as much of RSP as the stack that is now in use is wide. */
export function writeStackPointer(cpu: CpuContext, low: number, high: number): void {
  const { state } = cpu;
  const width = (state.word(STATE.mode) >> MODE.STACK_SIZE_SHIFT) & 3;
  if (width === 2) state.setRegister(RSP, low, high);
  else if (width === 1) state.setRegister(RSP, low, 0);
  else state.setRegister(RSP, (state.low(RSP) & ~0xffff) | (low & 0xffff), state.high(RSP));
}

/** Loads SS, null when there is no descriptor, at a new privilege. */
export function commitStackSegment(
  cpu: CpuContext,
  selector: number,
  descriptor: Descriptor | undefined,
): void {
  if (descriptor === undefined) commitNull(cpu, SEG.SS, selector);
  else commitSegment(cpu, SEG.SS, selector, descriptor);
}

/** After a return to less privilege: data segments that the new CPL may not have become null. */
export function dropPrivilegedSegments(cpu: CpuContext): void {
  dropPrivileged(cpu, SEG.ES);
  dropPrivileged(cpu, SEG.DS);
  dropPrivileged(cpu, SEG.FS);
  dropPrivileged(cpu, SEG.GS);
}

function dropPrivileged(cpu: CpuContext, segment: number): void {
  const { state } = cpu;
  const attributes = state.attributes(segment);
  if ((attributes & ATTRIBUTE.P) === 0) return;
  const conforming = ATTRIBUTE.CODE | ATTRIBUTE.CONFORMING;
  if ((attributes & conforming) === conforming) return;
  if (((attributes >> ATTRIBUTE.DPL_SHIFT) & 3) < state.cpl) commitNull(cpu, segment, 0);
}
