/**
 * INT n, INT3, INTO, INT1: interrupts that instructions ask for.
 *
 * The return address is the following instruction; a fault on the way is the instruction's own.
 * CR4.VME and PVI are not offered: in virtual-8086 mode INT n needs IOPL 3.
 *
 * @see Intel SDM Vol. 2, "INT n/INTO/INT3/INT1—Call to Interrupt Procedure"
 */
import { VECTOR } from "../../arch/exceptions.ts";
import { IOPL_SHIFT, RFLAGS } from "../../arch/rflags.ts";
import { STATE } from "../../memory/layout.ts";
import type { CpuContext, Helper } from "../context.ts";
import { deliver } from "../deliver.ts";
import { fail } from "./faults.ts";

/** INT n. */
function softwareInterrupt(cpu: CpuContext, vector: number): void {
  const { flags } = cpu.state;
  if ((flags & RFLAGS.VM) !== 0 && ((flags >> IOPL_SHIFT) & 3) < 3) {
    fail(cpu, VECTOR.GP, 0, "INT n in virtual-8086 mode needs IOPL 3");
  }
  cpu.events.emit("interrupt", { vector, source: "int", rip: nextRip(cpu) });
  enter(cpu, vector, true);
}

/** INT3 (#BP) and INTO (#OF): like INT n, but whatever IOPL is. */
function softwareException(cpu: CpuContext, vector: number): void {
  report(cpu, vector);
  enter(cpu, vector, true);
}

/** INT1: #DB with no privilege check. DR6 says nothing. */
function debugInterrupt(cpu: CpuContext): void {
  report(cpu, VECTOR.DB);
  enter(cpu, VECTOR.DB, false);
}

function enter(cpu: CpuContext, vector: number, isSoftware: boolean): void {
  const { state } = cpu;
  deliver(cpu, {
    vector,
    isSoftware,
    error: undefined,
    ripLow: state.word(STATE.nextRip),
    ripHigh: state.word(STATE.nextRip + 4),
    flags: state.flags,
  });
  cpu.softwareInterrupt = true;
}

function report(cpu: CpuContext, vector: number): void {
  cpu.events.emit("exception", {
    vector,
    errorCode: undefined,
    rip: nextRip(cpu),
    address: undefined,
    reason: undefined,
  });
}

function nextRip(cpu: CpuContext): bigint {
  const { state } = cpu;
  const low = BigInt(state.word(STATE.nextRip) >>> 0);
  return BigInt(state.word(STATE.nextRip + 4) >>> 0) << 32n | low;
}

export const interruptHelpers = {
  softwareInterrupt,
  softwareException,
  debugInterrupt,
} satisfies Record<string, Helper>;
