/**
 * Hardware task switching, as protected mode has it (long mode has none).
 *
 * 1. The caller has found the TSS and checked privilege, presence and that it is (not) busy.
 * 2. Every access to come is tried out; what fails now fails in the old task.
 * 3. The old task's registers go to its TSS; busy bits and the back link change.
 * 4. Registers come from the new TSS. From here on every fault belongs to the new task: RIP is
 *    its EIP, and `STATE.ripSettled` says that RIP must be left as it is.
 * 5. LDTR and the segment registers are loaded and checked (#TS, #NP, #SS).
 *
 * @see Intel SDM Vol. 3A, "Task Switching"
 */
import { CR0, CR4 } from "../../arch/control_registers.ts";
import { SELECTOR, SYSTEM_TYPE, TSS_BUSY } from "../../arch/descriptor.ts";
import { VECTOR } from "../../arch/exceptions.ts";
import { RFLAGS } from "../../arch/rflags.ts";
import { TSS16, TSS32, TSS_T } from "../../arch/tss.ts";
import { SEG, STATE } from "../../memory/layout.ts";
import type { CpuContext } from "../context.ts";
import { ATTRIBUTE } from "../state.ts";
import { checkRealTarget } from "./code_segment.ts";
import { type Descriptor, isNull, markBusy, readDescriptor } from "./descriptors.ts";
import { failSelector } from "./faults.ts";
import { reportMode, writeFlags } from "./mode.ts";
import { systemLoad16, systemProbe, systemStore16 } from "./system_memory.ts";
import { loadTaskSegments } from "./task_segments.ts";
import { isWideTss, readTask, saveTask, type TaskImage } from "./task_state.ts";

/** Why a task is left for another. */
export type TaskSwitch = "jump" | "call" | "interrupt" | "return";

/** DR7's local enable bits, which a task switch clears: L0–L3 and LE. */
const DR7_LOCAL = 0x155;
/** DR6.BT: a task with its debug-trap bit set was entered. */
const DR6_BT = 1 << 15;

/** The TSS that a task gate leads to: in the GDT, available, present. */
export function taskOfGate(cpu: CpuContext, selector: number, ext: number): Descriptor {
  if ((selector & SELECTOR.TI) !== 0 || isNull(selector)) {
    failSelector(cpu, VECTOR.GP, selector, ext, "the task gate's TSS must be in the GDT");
  }
  const tss = readDescriptor(cpu, selector, VECTOR.GP, ext);
  if (tss.type !== SYSTEM_TYPE.TSS16_AVAILABLE && tss.type !== SYSTEM_TYPE.TSS32_AVAILABLE) {
    failSelector(cpu, VECTOR.GP, selector, ext, "the task gate leads to no available TSS");
  }
  if (!tss.present) failSelector(cpu, VECTOR.NP, selector, ext, "the TSS is not present");
  return tss;
}

/** IRET with NT set: back to the task that the back link names. */
export function returnFromTask(cpu: CpuContext): void {
  const { state } = cpu;
  const selector = systemLoad16(cpu, state.baseLow(SEG.TR), 0, TSS32.BACK_LINK);
  if ((selector & SELECTOR.TI) !== 0 || isNull(selector)) {
    failSelector(cpu, VECTOR.TS, selector, 0, "the back link must name a TSS in the GDT");
  }
  const tss = readDescriptor(cpu, selector, VECTOR.TS, 0);
  if (tss.type !== SYSTEM_TYPE.TSS16_BUSY && tss.type !== SYSTEM_TYPE.TSS32_BUSY) {
    failSelector(cpu, VECTOR.TS, selector, 0, "the back link names no busy TSS");
  }
  if (!tss.present) failSelector(cpu, VECTOR.NP, selector, 0, "the TSS is not present");
  enterTask(cpu, tss, "return", 0);
}

/**
 * Switches to the task of a checked TSS descriptor.
 *
 * @param ext EXT bit of error codes.
 * @param returnLow EIP that the old task goes on with; by default the next instruction's.
 * @param flags EFLAGS that it goes on with; NT is cleared by a return.
 */
export function enterTask(
  cpu: CpuContext,
  tss: Descriptor,
  reason: TaskSwitch,
  ext: number,
  returnLow: number = cpu.state.word(STATE.nextRip),
  flags: number = cpu.state.flags,
): void {
  const { state } = cpu;
  const nests = reason === "call" || reason === "interrupt";
  const isWide = isWideTss(tss.attributes);
  if ((tss.limit >>> 0) < (isWide ? TSS32 : TSS16).MIN_LIMIT) {
    failSelector(cpu, VECTOR.TS, tss.selector, ext, "the TSS is too short");
  }
  const old = oldTask(cpu, ext);
  systemProbe(cpu, tss.base, 0, 0, (isWide ? TSS32 : TSS16).MIN_LIMIT + 1, nests);
  systemProbe(cpu, tss.atLow, 0, 5, 1, reason !== "return");
  const image = readTask(cpu, tss.base, isWide);

  const oldSelector = state.selector(SEG.TR);
  const saved = reason === "return" ? flags & ~RFLAGS.NT : flags;
  saveTask(cpu, state.baseLow(SEG.TR), isWideTss(state.attributes(SEG.TR)), returnLow, saved);
  if (!nests && old !== undefined) markBusy(cpu, old, false);
  if (nests) {
    systemStore16(cpu, tss.base, 0, TSS32.BACK_LINK, oldSelector);
    image.flags |= RFLAGS.NT;
  }
  if (reason !== "return") markBusy(cpu, tss, true);
  adopt(cpu, tss, image, ext);
  if ((image.debugTrap & TSS_T) !== 0) {
    state.setWord(STATE.pendingDebug, state.word(STATE.pendingDebug) | DR6_BT);
  }
  checkRealTarget(cpu, image.eip, ext);
  state.setWord(STATE.ripSettled, 0);
}

/** Checks that the old task can be saved. @returns Its descriptor, if TR was ever loaded. */
function oldTask(cpu: CpuContext, ext: number): Descriptor | undefined {
  const { state } = cpu;
  const selector = state.selector(SEG.TR);
  const attributes = state.attributes(SEG.TR);
  const shape = isWideTss(attributes) ? TSS32 : TSS16;
  if ((attributes & ATTRIBUTE.P) === 0 || state.limit(SEG.TR) < shape.SAVED_END - 1) {
    failSelector(cpu, VECTOR.TS, selector, ext, "there is no TSS to save the task in");
  }
  systemProbe(cpu, state.baseLow(SEG.TR), 0, 0, shape.SAVED_END, true);
  if (isNull(selector)) return undefined;
  const descriptor = readDescriptor(cpu, selector, VECTOR.TS, ext);
  systemProbe(cpu, descriptor.atLow, 0, 5, 1, true);
  return descriptor;
}

/** Takes the new task's state over; faults are the new task's. */
function adopt(cpu: CpuContext, tss: Descriptor, image: TaskImage, ext: number): void {
  const { state } = cpu;
  const before = state.word(STATE.mode);
  state.setSegment(
    SEG.TR,
    tss.selector & ~SELECTOR.RPL,
    tss.attributes | TSS_BUSY,
    tss.base,
    0,
    tss.limit,
  );
  state.setWord(STATE.cr0, state.word(STATE.cr0) | CR0.TS);
  state.setWord(STATE.dr + 7 * 8, state.word(STATE.dr + 7 * 8) & ~DR7_LOCAL);
  cpu.debugRegistersChanged?.();
  state.setPair(STATE.rip, image.eip, 0);
  state.setWord(STATE.ripSettled, 1);
  for (let register = 0; register < 8; register++) {
    state.setRegister(register, image.registers[register], 0);
  }
  const isV86 = (image.flags & RFLAGS.VM) !== 0;
  state.setWord(STATE.cpl, isV86 ? 3 : image.segments[SEG.CS] & SELECTOR.RPL);
  writeFlags(cpu, image.flags, ~0);
  for (let segment = 0; segment < 6; segment++) {
    state.setSegment(segment, image.segments[segment], 0, 0, 0, 0);
  }
  state.setSegment(SEG.LDTR, image.ldt, 0, 0, 0, 0);
  if (image.cr3 !== undefined && (state.word(STATE.cr0) & CR0.PG) !== 0) {
    loadCr3(cpu, image.cr3, tss, ext);
  }
  loadTaskSegments(cpu, image, isV86, ext);
  reportMode(cpu, before);
}

function loadCr3(cpu: CpuContext, value: number, tss: Descriptor, ext: number): void {
  const { state, mmu } = cpu;
  const isPae = (state.word(STATE.cr4) & CR4.PAE) !== 0;
  if (isPae && !mmu.loadPdptes(value)) {
    failSelector(cpu, VECTOR.TS, tss.selector, ext, "the new task's PDPTEs have reserved bits set");
  }
  const old = state.word(STATE.cr3);
  state.setPair(STATE.cr3, value, 0);
  mmu.controlRegisterWritten("cr3", old, value);
}
