/**
 * SYSCALL, SYSRET, SYSENTER, SYSEXIT, SWAPGS, RDFSBASE and its kin, VMCALL.
 *
 * SYSCALL is Intel's: #UD in compatibility and legacy code (CSTAR is there, but nothing reads it).
 *
 * @see Intel SDM Vol. 3A, "Performing Fast Calls to System Procedures with the SYSENTER and
 * SYSEXIT Instructions", "Fast System Calls in 64-Bit Mode"
 */
import { isCanonical } from "../../arch/address.ts";
import { CR4, EFER } from "../../arch/control_registers.ts";
import { VECTOR } from "../../arch/exceptions.ts";
import { RFLAGS } from "../../arch/rflags.ts";
import { SEG, SEGMENT, STATE } from "../../memory/layout.ts";
import type { CpuContext, Helper } from "../context.ts";
import { ATTRIBUTE } from "../state.ts";
import { fail } from "./faults.ts";
import { reportMode, writeFlags } from "./mode.ts";
import { requireRing0 } from "./privilege.ts";

const RCX = 1;
const RDX = 2;
const RSP = 4;
const R11 = 11;

/** Flat segments as these instructions make them, whatever the tables say: but for DPL and size. */
const FLAT_CODE = ATTRIBUTE.P | ATTRIBUTE.S | ATTRIBUTE.G | 0xb;
const FLAT_DATA = ATTRIBUTE.P | ATTRIBUTE.S | ATTRIBUTE.G | ATTRIBUTE.DB | 0x3;
/** Bits that SYSRET takes from R11. */
const SYSRET_FLAGS = 0x3c_7fd7;

/** Loads CS and SS flat at a privilege, and RIP. */
function enterFlat(
  cpu: CpuContext,
  cs: number,
  ss: number,
  cpl: number,
  isLong: boolean,
  ripLow: number,
  ripHigh: number,
): void {
  const { state } = cpu;
  const before = state.word(STATE.mode);
  const dpl = cpl << ATTRIBUTE.DPL_SHIFT;
  const code = FLAT_CODE | dpl | (isLong ? ATTRIBUTE.L : ATTRIBUTE.DB);
  state.setWord(STATE.cpl, cpl);
  state.setSegment(SEG.CS, (cs & 0xfffc) | cpl, code, 0, 0, -1);
  state.setSegment(SEG.SS, (ss & 0xfffc) | cpl, FLAT_DATA | dpl, 0, 0, -1);
  state.setPair(STATE.rip, ripLow, ripHigh);
  reportMode(cpu, before);
}

/** SYSCALL. */
function systemCall(cpu: CpuContext): void {
  const { state } = cpu;
  if (!state.code64) fail(cpu, VECTOR.UD, 0, "SYSCALL outside of 64-bit code");
  if ((state.word(STATE.efer) & EFER.SCE) === 0) {
    fail(cpu, VECTOR.UD, 0, "SYSCALL without EFER.SCE");
  }
  const { flags } = state;
  state.setRegister(RCX, state.word(STATE.nextRip), state.word(STATE.nextRip + 4));
  state.setRegister(R11, flags, 0);
  writeFlags(cpu, flags & ~state.word(STATE.fmask) & ~RFLAGS.RF, ~0);
  const cs = state.word(STATE.star + 4) & 0xffff;
  enterFlat(cpu, cs, cs + 8, 0, true, state.word(STATE.lstar), state.word(STATE.lstar + 4));
}

/** SYSRET of operand size 8 (to 64-bit code) or 4 (to compatibility code). */
function systemReturn(cpu: CpuContext, size: number): void {
  const { state } = cpu;
  if (!state.code64) fail(cpu, VECTOR.UD, 0, "SYSRET outside of 64-bit code");
  if ((state.word(STATE.efer) & EFER.SCE) === 0) {
    fail(cpu, VECTOR.UD, 0, "SYSRET without EFER.SCE");
  }
  requireRing0(cpu, "SYSRET");
  const isLong = size === 8;
  const ripHigh = isLong ? state.high(RCX) : 0;
  if (!isCanonical(ripHigh)) fail(cpu, VECTOR.GP, 0, "SYSRET to RCX, which is not canonical");
  const base = state.word(STATE.star + 4) >>> 16;
  writeFlags(cpu, state.low(R11) & SYSRET_FLAGS, ~0);
  enterFlat(cpu, isLong ? base + 16 : base, base + 8, 3, isLong, state.low(RCX), ripHigh);
}

/** SYSENTER. */
function fastEnter(cpu: CpuContext): void {
  const { state } = cpu;
  const cs = systemSegment(cpu, "SYSENTER");
  const isLong = state.longMode;
  writeFlags(cpu, 0, RFLAGS.VM | RFLAGS.IF | RFLAGS.RF);
  state.setRegister(
    RSP,
    state.word(STATE.sysenterEsp),
    isLong ? state.word(STATE.sysenterEsp + 4) : 0,
  );
  const ripHigh = isLong ? state.word(STATE.sysenterEip + 4) : 0;
  enterFlat(cpu, cs, cs + 8, 0, isLong, state.word(STATE.sysenterEip), ripHigh);
}

/** SYSEXIT of operand size 8 (to 64-bit code) or 4. */
function fastExit(cpu: CpuContext, size: number): void {
  const { state } = cpu;
  const cs = systemSegment(cpu, "SYSEXIT");
  requireRing0(cpu, "SYSEXIT");
  const isLong = size === 8;
  const ripHigh = isLong ? state.high(RDX) : 0;
  const rspHigh = isLong ? state.high(RCX) : 0;
  if (!isCanonical(ripHigh) || !isCanonical(rspHigh)) {
    fail(cpu, VECTOR.GP, 0, "SYSEXIT to an address that is not canonical");
  }
  state.setRegister(RSP, state.low(RCX), rspHigh);
  const offset = isLong ? 32 : 16;
  enterFlat(cpu, cs + offset, cs + offset + 8, 3, isLong, state.low(RDX), ripHigh);
}

/** IA32_SYSENTER_CS; #GP(0) while it is null, and in real mode. */
function systemSegment(cpu: CpuContext, what: string): number {
  const { state } = cpu;
  const cs = state.word(STATE.sysenterCs) & 0xffff;
  if (!state.protectedMode) fail(cpu, VECTOR.GP, 0, `${what} in real mode`);
  if ((cs & 0xfffc) === 0) fail(cpu, VECTOR.GP, 0, `${what} with a null IA32_SYSENTER_CS`);
  return cs;
}

/** SWAPGS. */
function swapGs(cpu: CpuContext): void {
  const { state } = cpu;
  if (!state.code64) fail(cpu, VECTOR.UD, 0, "SWAPGS outside of 64-bit code");
  requireRing0(cpu, "SWAPGS");
  const base = state.segmentOffset(SEG.GS) + SEGMENT.base;
  const low = state.word(base);
  const high = state.word(base + 4);
  state.setPair(base, state.word(STATE.kernelGsBase), state.word(STATE.kernelGsBase + 4));
  state.setPair(STATE.kernelGsBase, low, high);
}

/** RDFSBASE … WRGSBASE: #UD outside of 64-bit code and without CR4.FSGSBASE. */
function checkBaseAccess(cpu: CpuContext): void {
  const { state } = cpu;
  if (!state.code64) fail(cpu, VECTOR.UD, 0, "FSGSBASE outside of 64-bit code");
  if ((state.word(STATE.cr4) & CR4.FSGSBASE) === 0) {
    fail(cpu, VECTOR.UD, 0, "FSGSBASE without CR4.FSGSBASE");
  }
}

/** WRFSBASE and WRGSBASE; the base must be canonical. */
function writeBase(cpu: CpuContext, segment: number, low: number, high: number): void {
  checkBaseAccess(cpu);
  if (!isCanonical(high)) fail(cpu, VECTOR.GP, 0, "a segment base that is not canonical");
  cpu.state.setPair(cpu.state.segmentOffset(segment) + SEGMENT.base, low, high);
}

/** VMCALL: the hypercall's other side runs with RIP behind the instruction. */
function hypercall(cpu: CpuContext): void {
  const { state } = cpu;
  const answer = cpu.hypercall;
  if (answer === undefined) fail(cpu, VECTOR.UD, 0, "VMCALL with nobody to answer");
  if (state.cpl !== 0) fail(cpu, VECTOR.UD, 0, `VMCALL at CPL ${state.cpl}`);
  state.setPair(STATE.rip, state.word(STATE.nextRip), state.word(STATE.nextRip + 4));
  answer();
}

export const fastCallHelpers = {
  systemCall,
  systemReturn,
  fastEnter,
  fastExit,
  swapGs,
  checkBaseAccess,
  writeBase,
  hypercall,
} satisfies Record<string, Helper>;
