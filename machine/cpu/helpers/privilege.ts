/** Who may execute an instruction at all. */
import { VECTOR } from "../../arch/exceptions.ts";
import { IOPL_SHIFT } from "../../arch/rflags.ts";
import { MODE, STATE } from "../../memory/layout.ts";
import type { CpuContext, Helper } from "../context.ts";
import { fail } from "./faults.ts";

/** #GP(0) at any CPL but 0. In real mode CPL is 0, in virtual-8086 mode 3. */
export function requireRing0(cpu: CpuContext, what = "this instruction"): void {
  const { cpl } = cpu.state;
  if (cpl !== 0) fail(cpu, VECTOR.GP, 0, `${what} at CPL ${cpl}`);
}

/** #GP(0) when IOPL forbids CLI and STI (`isV86`: PUSHF, POPF, INT n as well). */
export function requireIopl(cpu: CpuContext, what = "this instruction"): void {
  const { state } = cpu;
  const mode = state.word(STATE.mode);
  if ((mode & MODE.PROTECTED) === 0) return;
  const iopl = (state.word(STATE.flagsRest) >> IOPL_SHIFT) & 3;
  if (state.cpl > iopl) fail(cpu, VECTOR.GP, 0, `${what} at CPL ${state.cpl} with IOPL ${iopl}`);
}

/** The same as helpers for the semantics. */
export const privilegeHelpers = {
  requireRing0: (cpu: CpuContext) => requireRing0(cpu),
  requireIopl: (cpu: CpuContext) => requireIopl(cpu),
} satisfies Record<string, Helper>;
