/** The teaching kernel. */
export { type BootInfo, type MemoryRegion, type RegionType } from "./boot_info.ts";
export { format } from "./format.ts";
export {
  InterruptStackFrame,
  pageFaultErrorCode,
  type SavedRegister,
  TrapFrame,
} from "./frames.ts";
export { emptyHeapMemory, HEAP_SIZE, HEAP_START, initHeap } from "./allocator.ts";
export { type AllocOptions, Heap, type HeapOptions, type HeapState } from "./allocator/heap.ts";
export { HeapMemory } from "./allocator/heap_memory.ts";
export type { HeapSegment } from "./allocator/heap_map.ts";
export type { Allocator, HeapProblem, HeapStats } from "./allocator/allocator.ts";
export type { AllocatorChoice, AllocatorKind } from "./allocator/kinds.ts";
export * from "./alloc/mod.ts";
export {
  callStack,
  type CallStackRecord,
  danglingReference,
  heapReference,
  type PointerRecord,
  type StackSlot,
  staticReference,
} from "./lifetimes/lab.ts";
export { type Descriptor, GlobalDescriptorTable } from "./gdt.ts";
export { type Handler, type HandlerOptions, InterruptDescriptorTable } from "./idt.ts";
export { InterruptIndex, type InterruptOptions, keyText } from "./interrupts.ts";
export { type IdleWork, Kernel, type KernelBootOptions } from "./kernel.ts";
export { type DecodedKey, Keyboard, type KeyEvent } from "./keyboard.ts";
export { type PanicInfo } from "./panic.ts";
export { Mutex } from "./spin.ts";
export { type Stage, STAGES } from "./stages.ts";
export { exitQemu, type KernelTest, QemuExitCode, runTests, testRunner } from "./testing.ts";
export { BUFFER_HEIGHT, BUFFER_WIDTH, Color, colorCode } from "./vga_buffer.ts";
export * from "./task/mod.ts";
export { SegmentationLab, type SegmentationOptions } from "./segmentation/lab.ts";
export type {
  Compaction,
  DoesNotFit,
  Hole,
  Instance,
  Occupied,
  RunOutcome,
} from "./segmentation/results.ts";
export * from "./paging/mod.ts";
export * from "./thread/mod.ts";
export * from "./process/mod.ts";
