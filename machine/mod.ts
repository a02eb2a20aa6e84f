/** The machine's door: all that `kernel/` may import. */
export { hex, type PhysAddr, physAddr, type VirtAddr, virtAddr } from "./arch/address.ts";
export { asm, asm32, assemble, AssembledCode } from "./debug/assemble.ts";
export { disassemble } from "./debug/disassemble.ts";
export type { Explanation } from "./debug/explain.ts";
export type { EventMap, EventType, MachineEvent } from "./events.ts";
export { ImageError } from "./loaders/image_error.ts";
export {
  type LoadOptions,
  Machine,
  type MachineOptions,
  type RunOptions,
  type StepResult,
} from "./machine.ts";
export type { CpuDoor } from "./cpu_door.ts";
export type { Snapshot } from "./snapshot.ts";
export { MachineStopped, type StopCause, type StopReason } from "./stop.ts";
