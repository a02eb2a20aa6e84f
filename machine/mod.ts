/** The machine's door: all that `kernel/` may import. */
export {
  hex,
  type PhysAddr,
  physAddr,
  truncateToPhysAddr,
  truncateToVirtAddr,
  tryPhysAddr,
  tryVirtAddr,
  type VirtAddr,
  virtAddr,
} from "./arch/address.ts";
export { CR0, CR4, EFER } from "./arch/control_registers.ts";
export {
  decodeDescriptor,
  type DescriptorFields,
  encodeDescriptor,
  type SegmentDescriptor,
  SYSTEM_TYPE,
} from "./arch/descriptor.ts";
export { hasErrorCode, PF_ERROR, VECTOR } from "./arch/exceptions.ts";
export { decodeGate, encodeGate, type Gate, type GateFields } from "./arch/gate.ts";
export { MSR } from "./arch/msr.ts";
export { PTE } from "./arch/paging.ts";
export { RFLAGS } from "./arch/rflags.ts";
export { TSS64 } from "./arch/tss.ts";
export type { Address } from "./cpu/intrinsics.ts";
export { type Alarm, NS_PER_INSTRUCTION } from "./clock.ts";
export { asm, asm32, assemble, AssembledCode } from "./debug/assemble.ts";
export { disassemble } from "./debug/disassemble.ts";
export type { Explanation } from "./debug/explain.ts";
export type { EventMap, EventType, MachineEvent } from "./events.ts";
export { ImageError } from "./loaders/image_error.ts";
export { Machine } from "./machine.ts";
export type {
  BootOptions,
  LoadOptions,
  MachineOptions,
  RunOptions,
  StepResult,
} from "./machine_options.ts";
export type { CpuDoor } from "./cpu_door.ts";
export type { Snapshot } from "./snapshot.ts";
export { MachineStopped, type StopCause, type StopReason } from "./stop.ts";
export { type Bar, type BarLink, type Bars, bars, type Block, holes } from "./views/bars.ts";
export { type BitField, type BitFields, bitFields } from "./views/bit_fields.ts";
export { type BlockMap, blockMap, type MapBlock } from "./views/block_map.ts";
export { type Drawing, type MimeBundle, Picture } from "./views/display.ts";
export { type Grid, grid, type GridRow } from "./views/grid.ts";
export { type LinkedTable, type TableEntry, type Tables, tables } from "./views/tables.ts";
export type { TextOptions } from "./views/style.ts";
export type { Tone } from "./views/svg.ts";
export type { Show, Walk } from "./show.ts";
