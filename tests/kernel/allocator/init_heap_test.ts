/** The heap on the booted kernel's pages. */
import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import { emptyHeapMemory, HEAP_SIZE, HEAP_START, initHeap } from "../../../kernel/allocator.ts";
import { Heap } from "../../../kernel/allocator/heap.ts";
import { Box, u64 } from "../../../kernel/alloc/mod.ts";
import { EmptyFrameAllocator, type FrameAllocator } from "../../../kernel/memory.ts";
import { Page } from "../../../kernel/paging/page.ts";
import { boot } from "../support.ts";

Deno.test("initHeap() maps 100 KiB, and guest and kernel see the same bytes", () => {
  const { machine, cpu, memory: { mapper, frames } } = boot("paging");
  const heap = new Heap(emptyHeapMemory());
  throws(() => heap.alloc(8), { message: "allocation error: Layout { size: 8, align: 8 }" });
  strictEqual(mapper.translateAddr(HEAP_START), undefined);
  strictEqual(initHeap(heap, machine, mapper, frames), undefined);
  deepStrictEqual([heap.stats().size, HEAP_SIZE], [102_400, 102_400]);
  deepStrictEqual(mapper.ledger.open, []);
  const box = Box.new(heap, u64, 41n);
  strictEqual(box.address, 0x4444_4444_0000n);
  strictEqual(cpu.load64(box.address), 41n);
  cpu.store64(box.address, 42n);
  strictEqual(box.value, 42n);
  // The last page is mapped, the one behind it is not.
  cpu.store64(HEAP_START + HEAP_SIZE - 8, 7n);
  strictEqual(heap.memory.long(HEAP_SIZE - 8), 7n);
  strictEqual(mapper.translateAddr(HEAP_START + HEAP_SIZE), undefined);
  // The free block's node, as the CPU reads it.
  heap.reset();
  heap.allocator = "linked-list";
  strictEqual(cpu.load64(HEAP_START), 102_400n);
  strictEqual(cpu.load64(HEAP_START + 8), 0n);
});

Deno.test("initHeap() without frames, or where something is mapped, changes nothing", () => {
  const { machine, memory: { mapper, frames } } = boot("paging");
  const heap = new Heap(emptyHeapMemory());
  const none = initHeap(heap, machine, mapper, new EmptyFrameAllocator());
  deepStrictEqual(none, { kind: "FrameAllocationFailed" });
  /** Runs dry after some frames. */
  const few = (left: number): FrameAllocator => ({
    allocateFrame: (size) => left-- > 0 ? frames.allocateFrame(size) : undefined,
    deallocateFrame: (frame) => frames.deallocateFrame(frame),
    frameAt: (address) => frames.frameAt(address),
  });
  deepStrictEqual(initHeap(heap, machine, mapper, few(10)), { kind: "FrameAllocationFailed" });
  strictEqual(mapper.translateAddr(HEAP_START), undefined);
  const before = frames.counts().used;
  strictEqual(heap.stats().size, 0);
  strictEqual(initHeap(heap, machine, mapper, frames), undefined);
  strictEqual(frames.counts().used, before + 25, "the tables were there");
  const again = initHeap(new Heap(emptyHeapMemory()), machine, mapper, frames);
  ok(again?.kind === "PageAlreadyMapped");
  strictEqual(again.frame.start, mapper.translateAddr(HEAP_START));
  strictEqual(frames.counts().used, before + 25);
  ok(mapper.unmap(Page.containing(HEAP_START)).kind === "unmapped");
  for (const size of [0, -1, 0.5]) throws(() => initHeap(heap, machine, mapper, frames, size));
});
