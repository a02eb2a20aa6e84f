/**
 * Delivery in real mode.
 *
 * @see Intel SDM Vol. 3A, "Interrupt and Exception Handling" in "8086 Emulation"
 */
import { RFLAGS } from "../arch/rflags.ts";
import { SEG, STATE } from "../memory/layout.ts";
import type { CpuContext } from "./context.ts";
import { checkIdt, type Delivery, PUSHING_FRAME } from "./gate_delivery.ts";
import { checkRealTarget, commitRealCode } from "./helpers/code_segment.ts";
import { writeFlags } from "./helpers/mode.ts";
import { Stack } from "./helpers/stack.ts";
import { systemLoad32 } from "./helpers/system_memory.ts";

/** CS:IP from the interrupt vector table, a frame of three words. */
export function deliverReal(cpu: CpuContext, delivery: Delivery): void {
  const { state } = cpu;
  const offset = checkIdt(cpu, delivery, 4);
  const entry = systemLoad32(cpu, state.word(STATE.idtrBase), 0, offset);
  cpu.faultReason = PUSHING_FRAME;
  const stack = Stack.current(cpu);
  stack.reserve(6);
  checkRealTarget(cpu, entry & 0xffff);
  stack.push(2, delivery.flags);
  stack.push(2, state.selector(SEG.CS));
  stack.push(2, delivery.ripLow);
  stack.commitPointer();
  commitRealCode(cpu, entry >>> 16, entry & 0xffff);
  writeFlags(cpu, 0, RFLAGS.IF | RFLAGS.TF | RFLAGS.AC | RFLAGS.RF);
}
