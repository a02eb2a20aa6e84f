/** The heap and its allocators. */
export { Allocator, type HeapProblem, type HeapStats, type Region } from "./allocator.ts";
export { BuddyAllocator } from "./buddy.ts";
export { BumpAllocator, type BumpOptions } from "./bump.ts";
export { BLOCK_SIZES, FixedSizeBlockAllocator } from "./fixed_size_block.ts";
export { type Block, type GuardOptions, PATTERN } from "./guard.ts";
export { type AllocOptions, Heap, type HeapOptions, type HeapState } from "./heap.ts";
export { type HeapSegment, MAP_SYMBOLS } from "./heap_map.ts";
export { HeapCorruptedError, type HeapFrames, HeapMemory, NONE } from "./heap_memory.ts";
export { ALLOCATOR_KINDS, type AllocatorChoice, type AllocatorKind } from "./kinds.ts";
export { LinkedListAllocator, type LinkedListPolicy, NAIVE_POLICY } from "./linked_list.ts";
export { OBJECT_SIZES, SlabAllocator } from "./slab.ts";
export { HeapTrace, type Replay, type ReplayOptions, type TraceEntry } from "./trace.ts";
