/** The heap as the kernel has it, chapter 10. */
import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import { AllocError, asm, Box, HEAP_SIZE, HEAP_START, i32, Kernel, Machine, Rc, Vec } from "ring0";

function boot(stage: "paging" | "heap"): { machine: Machine; kernel: Kernel } {
  const machine = new Machine({ memory: 16 << 20 });
  return { machine, kernel: Kernel.boot(machine, { stage }) };
}

Deno.test("before stage heap the heap's addresses page-fault, and nothing can be allocated", () => {
  const { machine, kernel } = boot("paging");
  throws(() => kernel.heap.alloc(8), AllocError);
  kernel.main(() => machine.cpu.store64(HEAP_START, 1n), { instructions: 1_000_000 });
  ok(machine.screen.contains("EXCEPTION: PAGE FAULT"));
  ok(machine.screen.contains("Accessed Address: VirtAddr(0x444444440000)"));
  ok(machine.screen.contains("Error Code: CAUSED_BY_WRITE"));
});

Deno.test("stage heap maps 100 KiB at 0x4444_4444_0000, and no more", () => {
  const { machine, kernel } = boot("heap");
  strictEqual(
    machine.mmu.pageTables({ from: HEAP_START, to: HEAP_START + 0x20_0000 }).toArray()
      .reduce((bytes, page) => bytes + Number(page.size), 0),
    HEAP_SIZE,
  );
  machine.cpu.store64(HEAP_START + HEAP_SIZE - 8, 5n);
  strictEqual(machine.cpu.load64(HEAP_START + HEAP_SIZE - 8), 5n);
  strictEqual(kernel.heap.stats().used, 0);
});

Deno.test("Box, Vec and Rc live in guest memory, where guest code sees them", () => {
  const { machine, kernel } = boot("heap");
  const value = Box.new(kernel.heap, i32, 41);
  strictEqual(machine.virtual.u32(value.address), 41);
  const code = kernel.loadCode(asm`mov eax, [rdi]; inc eax; mov [rdi], eax; ret`);
  kernel.callGuest(code, BigInt(value.address));
  strictEqual(value.value, 42);
  const list = Vec.new(kernel.heap, i32);
  for (let i = 0; i < 500; i++) list.push(i);
  strictEqual([...list].reduce((sum, item) => sum + item, 0), 124_750);
  const counted = Rc.new(kernel.heap, i32, 7);
  const clone = counted.clone();
  strictEqual(Rc.strongCount(counted), 2);
  clone.drop();
  strictEqual(Rc.strongCount(counted), 1);
  deepStrictEqual(kernel.heap.check(), []);
});

Deno.test("an allocation that does not fit is an error with its layout", () => {
  const { kernel } = boot("heap");
  throws(
    () => kernel.heap.alloc(HEAP_SIZE + 1, { align: 16 }),
    (error: Error) =>
      error instanceof AllocError && /Layout \{ size: 102401, align: 16/.test(error.message),
  );
  ok(kernel.heap.alloc(64) >= HEAP_START);
});

Deno.test("the kernel's allocator can be chosen while the heap is empty", () => {
  const { kernel } = boot("heap");
  kernel.heap.allocator = "linked-list";
  const first = kernel.heap.alloc(100);
  throws(() => kernel.heap.allocator = "bump", TypeError);
  kernel.heap.free(first);
  kernel.heap.allocator = "bump";
  strictEqual(kernel.heap.alloc(8), BigInt(HEAP_START));
});
