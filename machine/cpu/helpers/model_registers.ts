/**
 * RDMSR and WRMSR. An MSR that is not in the tables here is #GP(0), with its number as reason.
 *
 * @see Intel SDM Vol. 4, "IA-32 Architectural MSRs"
 */
import { isCanonical } from "../../arch/address.ts";
import { CR0, EFER } from "../../arch/control_registers.ts";
import { VECTOR } from "../../arch/exceptions.ts";
import { APIC_BASE, MSR, msrName } from "../../arch/msr.ts";
import { PHYSICAL_ADDRESS_BITS } from "../../arch/paging.ts";
import { SEG, SEGMENT, SEGMENT_BYTES, STATE } from "../../memory/layout.ts";
import type { CpuContext, Helper } from "../context.ts";
import { fail } from "./faults.ts";
import { requireRing0 } from "./privilege.ts";
import { readTime, writeTime } from "./time.ts";

/** MSRs that are nothing but 64 bits of state; those of `CANONICAL` hold addresses. */
const PLAIN: ReadonlyMap<number, number> = new Map([
  [MSR.APIC_BASE, STATE.apicBase],
  [MSR.SYSENTER_CS, STATE.sysenterCs],
  [MSR.SYSENTER_ESP, STATE.sysenterEsp],
  [MSR.SYSENTER_EIP, STATE.sysenterEip],
  [MSR.MISC_ENABLE, STATE.miscEnable],
  [MSR.PAT, STATE.pat],
  [MSR.EFER, STATE.efer],
  [MSR.STAR, STATE.star],
  [MSR.LSTAR, STATE.lstar],
  [MSR.CSTAR, STATE.cstar],
  [MSR.FMASK, STATE.fmask],
  [MSR.FS_BASE, baseOf(SEG.FS)],
  [MSR.GS_BASE, baseOf(SEG.GS)],
  [MSR.KERNEL_GS_BASE, STATE.kernelGsBase],
  [MSR.TSC_AUX, STATE.tscAux],
]);

const CANONICAL: ReadonlySet<number> = new Set([
  MSR.SYSENTER_ESP,
  MSR.SYSENTER_EIP,
  MSR.LSTAR,
  MSR.CSTAR,
  MSR.FS_BASE,
  MSR.GS_BASE,
  MSR.KERNEL_GS_BASE,
]);

/** MSRs with 32 bits: a write of more is #GP(0). */
const NARROW: ReadonlySet<number> = new Set([MSR.FMASK, MSR.TSC_AUX]);

/**
 * MSRs that only read, and their low word; a write is #GP(0), but for the microcode revision,
 * which software writes 0 to before it asks. FEATURE_CONTROL is locked with everything off.
 */
const CONSTANT: ReadonlyMap<number, number> = new Map([
  [MSR.PLATFORM_ID, 0],
  [MSR.FEATURE_CONTROL, 1],
  [MSR.BIOS_SIGN_ID, 0],
]);

const EFER_BITS = EFER.SCE | EFER.LME | EFER.LMA | EFER.NXE;
/** Fast strings: the only bit of IA32_MISC_ENABLE that can be set. */
const MISC_ENABLE_BITS = 1;

function baseOf(segment: number): number {
  return STATE.segments + segment * SEGMENT_BYTES + SEGMENT.base;
}

/** RDMSR. */
function readMsr(cpu: CpuContext, number: number): number {
  requireRing0(cpu, "RDMSR");
  const { state } = cpu;
  number >>>= 0;
  if (number === MSR.TIME_STAMP_COUNTER) return readTime(cpu);
  const offset = PLAIN.get(number);
  if (offset !== undefined) {
    state.setWord(STATE.high, state.word(offset + 4));
    return state.word(offset);
  }
  state.setWord(STATE.high, 0);
  return CONSTANT.get(number) ?? refuse(cpu, `there is no MSR 0x${number.toString(16)}`);
}

/** WRMSR. */
function writeMsr(cpu: CpuContext, number: number, low: number, high: number): void {
  requireRing0(cpu, "WRMSR");
  const { state } = cpu;
  number >>>= 0;
  if (number === MSR.TIME_STAMP_COUNTER) return writeTime(cpu, low, high);
  if (number === MSR.BIOS_SIGN_ID) return;
  const offset = PLAIN.get(number);
  if (offset === undefined) {
    refuse(cpu, `there is no MSR 0x${number.toString(16)} to write`);
  }
  if (CANONICAL.has(number) && !isCanonical(high)) refuseValue(cpu, number, "not canonical");
  if (NARROW.has(number) && high !== 0) refuseValue(cpu, number, "more than 32 bits");
  switch (number) {
    case MSR.EFER:
      return writeEfer(cpu, low, high);
    case MSR.PAT:
      if (!isPat(low) || !isPat(high)) refuseValue(cpu, number, "an unknown memory type");
      break;
    case MSR.MISC_ENABLE:
      if (high !== 0 || (low & ~MISC_ENABLE_BITS) !== 0) refuseValue(cpu, number, "reserved bits");
      break;
    case MSR.APIC_BASE:
      if (
        (high >>> (PHYSICAL_ADDRESS_BITS - 32)) !== 0 ||
        (low & 0xfff & ~(APIC_BASE.BSP | APIC_BASE.EN)) !== 0
      ) refuseValue(cpu, number, "reserved bits");
  }
  state.setPair(offset, low, high);
}

/** LMA cannot be written; LME cannot change while paging is on. */
function writeEfer(cpu: CpuContext, low: number, high: number): void {
  const { state, mmu } = cpu;
  if (high !== 0 || (low & ~EFER_BITS) !== 0) refuseValue(cpu, MSR.EFER, "reserved bits");
  const old = state.word(STATE.efer);
  const isPaging = (state.word(STATE.cr0) & CR0.PG) !== 0;
  if (isPaging && ((old ^ low) & EFER.LME) !== 0) {
    refuseValue(cpu, MSR.EFER, "LME changes while paging is on");
  }
  const value = (low & ~EFER.LMA) | (old & EFER.LMA);
  state.setPair(STATE.efer, value, 0);
  mmu.controlRegisterWritten("efer", old, value);
}

/** Whether four bytes are memory types: 0, 1, 4, 5, 6, 7. */
function isPat(word: number): boolean {
  for (let shift = 0; shift < 32; shift += 8) {
    const type = (word >>> shift) & 0xff;
    if (type > 7 || type === 2 || type === 3) return false;
  }
  return true;
}

function refuseValue(cpu: CpuContext, number: number, problem: string): never {
  return refuse(cpu, `WRMSR to ${msrName(number)}: ${problem}`);
}

function refuse(cpu: CpuContext, reason: string): never {
  return fail(cpu, VECTOR.GP, 0, reason);
}

/** RDPMC: there are no performance counters, so ECX is never right. */
function readCounter(cpu: CpuContext): void {
  fail(cpu, VECTOR.GP, 0, "there are no performance counters");
}

export const modelRegisterHelpers = {
  readMsr,
  writeMsr,
  readCounter,
} satisfies Record<string, Helper>;
