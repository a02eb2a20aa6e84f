/** The kernel's heap: where it is, and how its pages are mapped. */
import { hex, type Machine } from "../machine/mod.ts";
import type { FrameAllocator } from "./memory.ts";
import type { Heap } from "./allocator/heap.ts";
import { HeapMemory } from "./allocator/heap_memory.ts";
import type { MapperFlush } from "./paging/mapper_flush.ts";
import type { Mapper } from "./paging/mapper.ts";
import { Page } from "./paging/page.ts";
import { PageTableFlags } from "./paging/page_table_flags.ts";
import type { FrameAllocationFailed, MapToError } from "./paging/results.ts";

/** Address of the heap's first byte: easy to recognise. */
export const HEAP_START = 0x4444_4444_0000;
/** 100 KiB. */
export const HEAP_SIZE = 100 * 1024;

/** A heap that has no pages yet: every allocation fails. */
export function emptyHeapMemory(): HeapMemory {
  return HeapMemory.empty(HEAP_START);
}

/**
 * Maps the heap's pages, each to whatever frame comes, and puts the heap on them.
 *
 * @param size In bytes; whole pages are mapped.
 * @returns `undefined`, or why a page could not be mapped. Its predecessors are unmapped again
 * then, and the heap is what it was.
 * @throws {RangeError} If the size is not a whole number from 1.
 */
export function initHeap(
  heap: Heap,
  machine: Machine,
  mapper: Mapper,
  frames: FrameAllocator,
  size = HEAP_SIZE,
): MapToError | FrameAllocationFailed | undefined {
  if (!Number.isSafeInteger(size) || size < 1) {
    throw new RangeError(`Cannot make a heap of ${size} bytes at ${hex(HEAP_START)}: no size`);
  }
  const flags = PageTableFlags.PRESENT | PageTableFlags.WRITABLE;
  const mapped: Page[] = [];
  const physical: number[] = [];
  for (const page of Page.range(HEAP_START, HEAP_START + size)) {
    const frame = frames.allocateFrame();
    const result = frame === undefined
      ? { kind: "FrameAllocationFailed" } as const
      : mapper.mapTo(page, frame, flags, frames);
    if (frame === undefined || result.kind !== "flush") {
      if (frame !== undefined) frames.deallocateFrame(frame);
      unmapAll(mapped, mapper, frames);
      return result as Exclude<typeof result, MapperFlush>;
    }
    result.flush();
    mapped.push(page);
    physical.push(frame.start);
  }
  heap.init(new HeapMemory({ ...machine.memoryBuffer, start: HEAP_START, frames: physical }));
  return undefined;
}

/** Takes pages back that were just mapped, with their frames. */
function unmapAll(pages: readonly Page[], mapper: Mapper, frames: FrameAllocator): void {
  for (const page of pages) {
    const result = mapper.unmap(page);
    if (result.kind !== "unmapped") continue;
    result.flush.flush();
    frames.deallocateFrame(result.frame);
  }
}
