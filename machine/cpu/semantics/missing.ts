/**
 * What CPUID says is not there: x87 and everything from MMX on.
 *
 * x87 instructions are #NM while CR0.EM or CR0.TS is set. Software must set EM on a CPU without
 * FPU; where it did not, the manual has no answer, and they are #UD. MMX and SSE instructions are
 * #UD before TS is looked at.
 *
 * @see Intel SDM Vol. 3A, "Emulation of FPU/MMX/SSE Instructions"
 */
import { CR0 } from "../../arch/control_registers.ts";
import { VECTOR } from "../../arch/exceptions.ts";
import { STATE } from "../../memory/layout.ts";
import type { Builder } from "../builder.ts";
import type { SemanticsFamily } from "./semantics.ts";

export const MISSING: SemanticsFamily = {
  x87: (b) => refuse(b, "missingX87"),
  sse: (b) => refuse(b, "undefinedInstruction"),
  ud: (b) => refuse(b, "undefinedInstruction"),

  /** WAIT checks for pending x87 exceptions, of which there are none. */
  wait: (b) => {
    const both = b.constant(4, CR0.MP | CR0.TS);
    const masked = b.and(b.state(4, STATE.cr0), both);
    b.when(b.compare("eq", masked, both), () => b.raise(VECTOR.NM));
  },
};

/** The helper raises the fault and says what is missing. */
function refuse(b: Builder, helper: string): void {
  b.sync();
  b.call(helper);
  b.exit();
}
