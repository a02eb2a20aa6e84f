/**
 * GDTR, IDTR, LDTR, TR: loading and storing them.
 *
 * @see Intel SDM Vol. 2, "LGDT/LIDT", "LLDT", "LTR", "SGDT", "SIDT", "SLDT", "STR"
 */
import { isCanonical } from "../../arch/address.ts";
import { CR0, CR4 } from "../../arch/control_registers.ts";
import { SELECTOR, SYSTEM_TYPE, TSS_BUSY } from "../../arch/descriptor.ts";
import { VECTOR } from "../../arch/exceptions.ts";
import { SEG, STATE } from "../../memory/layout.ts";
import type { CpuContext, Helper } from "../context.ts";
import {
  commitNull,
  type Descriptor,
  isNull,
  markBusy,
  readDescriptor,
  readUpperHalf,
} from "./descriptors.ts";
import { fail, failSelector } from "./faults.ts";
import { reportMode } from "./mode.ts";
import { requireRing0 } from "./privilege.ts";

/** LGDT; the base has been cut to its size. Base not canonical: #GP(0). */
function loadGdtr(cpu: CpuContext, limit: number, low: number, high: number): void {
  loadTable(cpu, STATE.gdtrBase, STATE.gdtrLimit, limit, low, high);
}

/** LIDT. */
function loadIdtr(cpu: CpuContext, limit: number, low: number, high: number): void {
  loadTable(cpu, STATE.idtrBase, STATE.idtrLimit, limit, low, high);
}

function loadTable(
  cpu: CpuContext,
  base: number,
  limitAt: number,
  limit: number,
  low: number,
  high: number,
): void {
  if (!isCanonical(high)) fail(cpu, VECTOR.GP, 0, "the table's base is not canonical");
  cpu.state.setPair(base, low, high);
  cpu.state.setWord(limitAt, limit);
}

/** LLDT; the privilege has been checked. */
function loadLdtr(cpu: CpuContext, selector: number): void {
  requireRing0(cpu, "LLDT");
  if (isNull(selector)) return commitNull(cpu, SEG.LDTR, selector);
  const descriptor = systemDescriptor(cpu, selector);
  if (descriptor.type !== SYSTEM_TYPE.LDT) {
    failSelector(cpu, VECTOR.GP, selector, 0, "not the descriptor of an LDT");
  }
  const high = baseHigh(cpu, descriptor);
  if (!descriptor.present) failSelector(cpu, VECTOR.NP, selector, 0, "the LDT is not present");
  const { attributes, base, limit } = descriptor;
  cpu.state.setSegment(SEG.LDTR, selector, attributes, base, high, limit);
}

/** LTR: the TSS becomes busy, in the table and in TR. No task switch. */
function loadTaskRegister(cpu: CpuContext, selector: number): void {
  requireRing0(cpu, "LTR");
  if (isNull(selector)) fail(cpu, VECTOR.GP, 0, "LTR with a null selector");
  const descriptor = systemDescriptor(cpu, selector);
  const { type } = descriptor;
  const isNarrow = type === SYSTEM_TYPE.TSS16_AVAILABLE && !cpu.state.longMode;
  if (type !== SYSTEM_TYPE.TSS32_AVAILABLE && !isNarrow) {
    failSelector(cpu, VECTOR.GP, selector, 0, "not the descriptor of an available TSS");
  }
  const high = baseHigh(cpu, descriptor);
  if (!descriptor.present) failSelector(cpu, VECTOR.NP, selector, 0, "the TSS is not present");
  markBusy(cpu, descriptor, true);
  const { attributes, base, limit } = descriptor;
  cpu.state.setSegment(SEG.TR, selector, attributes | TSS_BUSY, base, high, limit);
}

function systemDescriptor(cpu: CpuContext, selector: number): Descriptor {
  if ((selector & SELECTOR.TI) !== 0) {
    failSelector(cpu, VECTOR.GP, selector, 0, "must be in the GDT");
  }
  return readDescriptor(cpu, selector, VECTOR.GP, 0);
}

/** Bits 63:32 of the base: in long mode system descriptors have sixteen bytes. */
function baseHigh(cpu: CpuContext, descriptor: Descriptor): number {
  if (!cpu.state.longMode) return 0;
  const high = readUpperHalf(cpu, descriptor, VECTOR.GP, 0);
  if (!isCanonical(high)) {
    failSelector(cpu, VECTOR.GP, descriptor.selector, 0, "the base is not canonical");
  }
  return high;
}

/** SGDT, SIDT, SLDT, STR, SMSW: #GP(0) outside of ring 0 while CR4.UMIP is set. */
function checkUmip(cpu: CpuContext): void {
  const { state } = cpu;
  if (state.cpl !== 0 && (state.word(STATE.cr4) & CR4.UMIP) !== 0) {
    fail(cpu, VECTOR.GP, 0, "CR4.UMIP keeps this instruction to ring 0");
  }
}

/** LMSW: the low four bits of CR0; PE can be set but not cleared. */
function loadMachineStatus(cpu: CpuContext, value: number): void {
  const { state } = cpu;
  requireRing0(cpu, "LMSW");
  const before = state.word(STATE.mode);
  const old = state.word(STATE.cr0);
  const mask = CR0.PE | CR0.MP | CR0.EM | CR0.TS;
  state.setWord(STATE.cr0, (old & ~(mask & ~CR0.PE)) | (value & mask));
  state.refreshMode();
  cpu.mmu.controlRegisterWritten("cr0", old, state.word(STATE.cr0));
  reportMode(cpu, before);
}

/** CLTS. */
function clearTaskSwitched(cpu: CpuContext): void {
  requireRing0(cpu, "CLTS");
  cpu.state.setWord(STATE.cr0, cpu.state.word(STATE.cr0) & ~CR0.TS);
}

export const tableRegisterHelpers = {
  loadGdtr,
  loadIdtr,
  loadLdtr,
  loadTaskRegister,
  checkUmip,
  loadMachineStatus,
  clearTaskSwitched,
} satisfies Record<string, Helper>;
