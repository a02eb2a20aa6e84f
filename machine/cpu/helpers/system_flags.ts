/**
 * The system bits of RFLAGS: PUSHF, POPF, CLI, STI, CLAC, STAC.
 *
 * Not offered: virtual interrupts (CR4.VME, CR4.PVI); VIF and VIP are just bits.
 *
 * @see Intel SDM Vol. 2, "POPF/POPFD/POPFQ", "PUSHF/PUSHFD/PUSHFQ", "STI", "CLI"
 */
import { VECTOR } from "../../arch/exceptions.ts";
import { ARITHMETIC_FLAGS, IOPL_SHIFT, RFLAGS } from "../../arch/rflags.ts";
import { MODE, SHADOW, STATE } from "../../memory/layout.ts";
import type { CpuContext, Helper } from "../context.ts";
import { fail } from "./faults.ts";
import { writeFlags } from "./mode.ts";
import { requireIopl, requireRing0 } from "./privilege.ts";

/** What PUSHF pushes: RF and VM read as zero. #GP(0) in virtual-8086 mode below IOPL 3. */
function readFlags(cpu: CpuContext): number {
  checkV86(cpu, "PUSHF");
  return cpu.state.flags & ~(RFLAGS.RF | RFLAGS.VM);
}

/** #GP(0) for POPF in virtual-8086 mode below IOPL 3. */
function checkPopFlags(cpu: CpuContext): void {
  checkV86(cpu, "POPF");
}

/** POPF of `size` bytes: each privilege changes what it may, silently. */
function popFlags(cpu: CpuContext, value: number, size: number): void {
  const { state } = cpu;
  const mode = state.word(STATE.mode);
  const iopl = (state.word(STATE.flagsRest) >> IOPL_SHIFT) & 3;
  let mask = ARITHMETIC_FLAGS | RFLAGS.TF | RFLAGS.DF | RFLAGS.NT;
  if (size !== 2) mask |= RFLAGS.AC | RFLAGS.ID | RFLAGS.RF;
  const isReal = (mode & MODE.PROTECTED) === 0;
  if (isReal || state.cpl <= iopl) mask |= RFLAGS.IF;
  if (isReal || state.cpl === 0) mask |= RFLAGS.IOPL;
  writeFlags(cpu, value & ~RFLAGS.RF, mask);
}

function checkV86(cpu: CpuContext, what: string): void {
  const rest = cpu.state.word(STATE.flagsRest);
  if ((rest & RFLAGS.VM) !== 0 && ((rest >> IOPL_SHIFT) & 3) < 3) {
    fail(cpu, VECTOR.GP, 0, `${what} in virtual-8086 mode needs IOPL 3`);
  }
}

/** CLI. */
function clearInterruptFlag(cpu: CpuContext): void {
  requireIopl(cpu, "CLI");
  const { state } = cpu;
  state.setWord(STATE.flagsRest, state.word(STATE.flagsRest) & ~RFLAGS.IF);
}

/** STI: interrupts wait for one more instruction if IF was clear. */
function setInterruptFlag(cpu: CpuContext): void {
  requireIopl(cpu, "STI");
  const { state } = cpu;
  const rest = state.word(STATE.flagsRest);
  if ((rest & RFLAGS.IF) !== 0) return;
  state.setWord(STATE.flagsRest, rest | RFLAGS.IF);
  state.setWord(STATE.shadow, state.word(STATE.shadow) | SHADOW.STI);
}

/** STAC and CLAC: AC, in ring 0. */
function setAlignmentCheck(cpu: CpuContext, value: number): void {
  if (cpu.state.cpl !== 0) fail(cpu, VECTOR.UD, 0, `STAC or CLAC at CPL ${cpu.state.cpl}`);
  writeFlags(cpu, value === 0 ? 0 : RFLAGS.AC, RFLAGS.AC);
}

/** HLT. */
function halt(cpu: CpuContext): void {
  requireRing0(cpu, "HLT");
  const { state } = cpu;
  state.setWord(STATE.halted, 1);
  const low = BigInt(state.word(STATE.rip) >>> 0);
  cpu.events.emit("hlt", { rip: BigInt(state.word(STATE.rip + 4) >>> 0) << 32n | low });
}

export const systemFlagHelpers = {
  readFlags,
  checkPopFlags,
  popFlags,
  clearInterruptFlag,
  setInterruptFlag,
  setAlignmentCheck,
  halt,
} satisfies Record<string, Helper>;
