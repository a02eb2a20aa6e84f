/** The kernel's growth, chapter by chapter: what each stage adds. */
import type { Kernel } from "./kernel.ts";

/** In the order of the chapters. Each has all that is before it. */
export const STAGES = [
  "vga",
  "testing",
  "exceptions",
  "double-faults",
  "interrupts",
  "paging",
  "heap",
  "async",
] as const;

export type Stage = typeof STAGES[number];

/** What the kernel initialises at a stage. */
export const STAGE_INIT: Readonly<Record<Stage, (kernel: Kernel) => void>> = {
  vga: () => {},
  testing: () => {},
  exceptions: (kernel) => kernel.interrupts.initExceptions(),
  "double-faults": (kernel) => {
    kernel.gdt.init();
    kernel.interrupts.initDoubleFault();
  },
  interrupts: (kernel) => kernel.interrupts.initHardware(),
  paging: (kernel) => {
    kernel.interrupts.initPageFault();
    kernel.initMemory();
  },
  heap: (kernel) => kernel.initHeap(),
  async: (kernel) => kernel.tasks.init(),
};

/** Whether `stage` has what `needed` brings. */
export function hasStage(stage: Stage, needed: Stage): boolean {
  return STAGES.indexOf(stage) >= STAGES.indexOf(needed);
}

/** @throws {RangeError} If there is no such stage. */
export function checkStage(stage: unknown): Stage {
  if ((STAGES as readonly unknown[]).includes(stage)) return stage as Stage;
  throw new RangeError(
    `Cannot boot stage "${String(stage)}": the stages are ${STAGES.join(", ")}`,
  );
}
