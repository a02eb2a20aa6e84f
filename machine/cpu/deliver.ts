/**
 * One attempt to deliver an exception or interrupt, in whatever mode the CPU is.
 *
 * Nothing but memory (pushed words, accessed bits) has changed when it faults; a task gate is
 * the exception, whose late faults belong to the new task.
 */
import { MODE, STATE } from "../memory/layout.ts";
import type { CpuContext } from "./context.ts";
import { type Delivery, READING_IDT } from "./gate_delivery.ts";
import { deliverLong } from "./long_delivery.ts";
import { deliverProtected } from "./protected_delivery.ts";
import { deliverReal } from "./real_delivery.ts";

/** Delivers, or raises what goes wrong; `faultReason` then says what the CPU was about to do. */
export function deliver(cpu: CpuContext, delivery: Delivery): void {
  const mode = cpu.state.word(STATE.mode);
  cpu.faultReason = READING_IDT;
  if ((mode & MODE.PROTECTED) === 0) deliverReal(cpu, delivery);
  else if ((mode & MODE.LONG) !== 0) deliverLong(cpu, delivery);
  else deliverProtected(cpu, delivery);
  cpu.faultReason = undefined;
}
