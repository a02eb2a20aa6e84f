/** CPUID. */
import { cpuid } from "../../arch/cpuid.ts";
import type { CpuContext, Helper } from "../context.ts";

/** Numbers of the registers that the answer goes to. */
const RAX = 0;
const RCX = 1;
const RDX = 2;
const RBX = 3;

/** CPUID: asks by EAX and ECX; all four registers lose their upper halves. */
function identify(cpu: CpuContext): void {
  const { state } = cpu;
  // The board has no local APIC yet.
  const context = { apic: false, code64: state.code64 };
  const answer = cpuid(state.low(RAX) >>> 0, state.low(RCX) >>> 0, context);
  state.setRegister(RAX, answer[0], 0);
  state.setRegister(RBX, answer[1], 0);
  state.setRegister(RCX, answer[2], 0);
  state.setRegister(RDX, answer[3], 0);
}

export const identifyHelpers = { identify } satisfies Record<string, Helper>;
