/**
 * What helpers (the long operations that micro-operations call) see of the CPU.
 */
import type { Clock } from "../clock.ts";
import type { Events } from "../events.ts";
import type { InterruptController } from "../bus/interrupt_controller.ts";
import type { PortBus } from "../bus/port_bus.ts";
import type { Mmu } from "../mmu/mmu.ts";
import type { CpuState } from "./state.ts";

export interface CpuContext {
  readonly state: CpuState;
  readonly mmu: Mmu;
  readonly ports: PortBus;
  readonly events: Events;
  readonly clock: Clock;
  readonly interruptController: InterruptController;
  /**
   * The hypercall's other side: called by VMCALL in ring 0 with RIP behind the instruction.
   * `undefined`: VMCALL is #UD.
   */
  readonly hypercall: (() => void) | undefined;
  /** Executes an undefined instruction's report: `reason` is shown with the #UD event. */
  faultReason: string | undefined;
  /** Set when INT n, INT3, INTO or INT1 went through its gate: that step is not a TF trap. */
  softwareInterrupt: boolean;
  /** Called after a debug register was written. */
  debugRegistersChanged?(): void;
}

/**
 * A helper. 64-bit arguments come as two int32 words (low, high); a 64-bit result is returned as
 * its low word with the high word in `STATE.high`. It may throw `GUEST_FAULT` (through
 * `raise`), and must not have changed anything visible then.
 */
export type Helper = (cpu: CpuContext, ...args: number[]) => number | void;
