/** Chapter 10: where variables live, and what happens to those who forget it. */
import { deepStrictEqual, notStrictEqual, ok, strictEqual } from "node:assert/strict";
import {
  asm,
  callStack,
  danglingReference,
  heapReference,
  Kernel,
  Machine,
  staticReference,
} from "ring0";

function boot(): Kernel {
  return Kernel.boot(new Machine({ memory: 16 << 20 }), { stage: "heap" });
}

Deno.test("callStack() shows outer's and inner's frames as bytes, and what is left after", () => {
  const kernel = boot();
  const { during, after, y } = callStack(kernel);
  strictEqual(y, 2);
  const values = Object.fromEntries(during.map(({ name, value }) => [name, value]));
  deepStrictEqual([values.x, values.i], [1n, 1n]);
  deepStrictEqual([values["z[0]"], values["z[1]"], values["z[2]"]], [1n, 2n, 3n]);
  deepStrictEqual(
    during.map(({ address }) => address),
    during.map(({ address }) => address).sort((a, b) => a < b ? 1 : -1),
    "the stack grows down",
  );
  deepStrictEqual(after.map(({ name, value }) => [name, value]), [["x", 1n], ["y", 2n]]);
  strictEqual(during[0].address, after[0].address);
});

Deno.test("a reference to a local dangles: the next call overwrites what it points to", () => {
  const kernel = boot();
  const { address, atReturn, afterNextCall } = danglingReference(kernel);
  strictEqual(atReturn, 2);
  strictEqual(afterNextCall, 0x4141_4141);
  ok(address < kernel.cpu.rsp && address >= BigInt(kernel.stack.start));
});

Deno.test("a reference to a static, and one to the heap, stay good", () => {
  const kernel = boot();
  const inStatic = staticReference(kernel);
  deepStrictEqual([inStatic.atReturn, inStatic.afterNextCall], [2, 2]);
  const onHeap = heapReference(kernel);
  deepStrictEqual([onHeap.atReturn, onHeap.afterNextCall], [2, 2]);
  strictEqual(onHeap.address, onHeap.block + 4n);
});

Deno.test("what is never freed leaks, until the heap is full", () => {
  const kernel = boot();
  for (let i = 0; i < 10; i++) heapReference(kernel);
  strictEqual(kernel.heap.stats().live, 10);
});

Deno.test("use after free: the pointer still works, on somebody else's bytes", () => {
  const kernel = boot();
  const { block } = heapReference(kernel);
  kernel.heap.free(block);
  const other = kernel.heap.alloc(12, { align: 4 });
  strictEqual(other, block, "the block is given out again");
  const write = kernel.loadCode(asm`mov dword ptr [rdi+4], 99; ret`);
  kernel.callGuest(write, block);
  strictEqual(kernel.machine.virtual.u32(other + 4n), 99);
});

Deno.test("a double free gives one block to two owners", () => {
  const kernel = boot();
  kernel.heap.allocator = "fixed-size-blocks";
  const block = kernel.heap.alloc(64);
  kernel.heap.dealloc(block, { size: 64, align: 8 });
  kernel.heap.dealloc(block, { size: 64, align: 8 });
  const first = kernel.heap.alloc(64);
  const second = kernel.heap.alloc(64);
  strictEqual(first, second);
  notStrictEqual(kernel.heap.check().length, 0);
});
