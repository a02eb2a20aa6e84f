/** Box, Vec and Rc over the heap. */
import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import {
  array,
  Box,
  f64,
  i32,
  i64,
  Rc,
  u16,
  u64,
  u8,
  Vec,
  vec,
} from "../../../kernel/alloc/mod.ts";
import { Heap } from "../../../kernel/allocator/heap.ts";
import { makeMemory, SIZE, START } from "./workload.ts";

const make = () => new Heap(makeMemory(SIZE, true), { allocator: "linked-list" });

Deno.test("Box moves a value to the heap and frees it once", () => {
  const heap = make();
  const box = Box.new(heap, i32, 41);
  strictEqual(box.address, START);
  strictEqual(heap.memory.word(0), 41);
  box.value++;
  strictEqual(box.value, 42);
  box.drop();
  strictEqual(heap.stats().used, 0);
  for (const use of [() => box.value, () => box.drop(), () => box.address, () => box.leak()]) {
    throws(use, TypeError);
  }
  {
    using other = Box.new(heap, array(u16, 3), [1, 2, 3]);
    deepStrictEqual(other.value, [1, 2, 3]);
    strictEqual(heap.stats().live, 1);
  }
  strictEqual(heap.stats().live, 0);
  const leaked = Box.new(heap, f64, 0.5).leak();
  strictEqual(heap.stats().live, 1, "a leak");
  heap.free(leaked);
});

Deno.test("A value that does not fit its type leaves nothing behind", () => {
  const heap = make();
  for (const value of [-1, 256, 1.5]) throws(() => Box.new(heap, u8, value), RangeError);
  throws(() => Box.new(heap, i64, 1n << 63n), RangeError);
  throws(() => Rc.new(heap, u8, 256), RangeError);
  throws(() => Box.new(heap, u8, 1).value = 300, RangeError);
  strictEqual(heap.stats().live, 1);
  strictEqual(Box.new(heap, i64, -5n).value, -5n);
});

Deno.test("Vec grows by doubling: 4, 8, 16 … and each move can be seen", () => {
  const heap = make();
  const numbers = Vec.new(heap, u64);
  strictEqual(numbers.address, undefined);
  const told: number[] = [];
  numbers.onReallocate = ({ toCapacity }) => told.push(toCapacity);
  for (let i = 0n; i < 500n; i++) numbers.push(i);
  deepStrictEqual(told, [4, 8, 16, 32, 64, 128, 256, 512]);
  const moves = numbers.reallocations;
  deepStrictEqual(moves[0], { from: 0n, to: START, fromCapacity: 0, toCapacity: 4, copied: 0 });
  ok(
    moves.slice(1).every(({ from, to, copied, fromCapacity }, i) =>
      from === moves[i].to && to !== from && copied === fromCapacity * 8
    ),
  );
  strictEqual([...numbers].reduce((sum, n) => sum + n), 124_750n);
  strictEqual(numbers.pop(), 499n);
  numbers.set(0, 7n);
  strictEqual(numbers.get(0), 7n);
  throws(() => numbers.get(499), {
    message: "index out of bounds: the len is 499 but the index is 499",
  });
  strictEqual(heap.stats().live, 1);
  numbers.drop();
  strictEqual(heap.stats().live, 0);
  throws(() => numbers.push(1n), TypeError);
  const bytes = Vec.new(heap, u8);
  bytes.push(1);
  strictEqual(bytes.capacity, 8);
});

Deno.test("A push that finds no room leaves the vector as it was", () => {
  const heap = make();
  const numbers = Vec.withCapacity(heap, u64, 8192);
  for (let i = 0n; i < 8192n; i++) numbers.push(i);
  throws(() => numbers.push(1n), {
    message: "allocation error: Layout { size: 131072, align: 8 }",
  });
  deepStrictEqual([numbers.length, numbers.capacity, numbers.get(8191)], [8192, 8192, 8191n]);
});

Deno.test("Rc counts to 2 and back to 1, then frees; its Vec goes with it", () => {
  const heap = make();
  const counted = Rc.new(heap, vec(i32), Vec.from(heap, i32, [1, 2, 3]));
  const cloned = counted.clone();
  strictEqual(Rc.strongCount(cloned), 2);
  strictEqual(heap.memory.long(heap.memory.offsetOf(counted.address)), 2n, "in guest memory");
  counted.drop();
  strictEqual(Rc.strongCount(cloned), 1);
  throws(() => counted.value, TypeError);
  throws(() => Rc.strongCount(counted), TypeError);
  cloned.value.push(4);
  cloned.value.push(5);
  strictEqual(`${cloned.value}`, "[1, 2, 3, 4, 5]");
  strictEqual(heap.stats().live, 2);
  cloned.drop();
  deepStrictEqual([heap.stats().live, heap.stats().largestHole], [0, SIZE]);
});

Deno.test("Weak does not keep the value, but its memory", () => {
  const heap = make();
  const rc = Rc.new(heap, u64, 5n);
  const weak = Rc.downgrade(rc);
  deepStrictEqual([Rc.strongCount(rc), Rc.weakCount(rc)], [1, 1]);
  const again = weak.upgrade()!;
  strictEqual(again.value, 5n);
  rc.drop();
  again.drop();
  strictEqual(weak.upgrade(), undefined);
  strictEqual(heap.stats().live, 1);
  weak.drop();
  strictEqual(heap.stats().live, 0);
  throws(() => weak.upgrade(), TypeError);
});

Deno.test("Vectors of vectors drop what they own", () => {
  const heap = make();
  const rows = Vec.new(heap, vec(u8));
  for (const row of [[1], [2, 3], [], [4, 5, 6]]) rows.push(Vec.from(heap, u8, row));
  strictEqual(`${rows}`, "[[1], [2, 3], [], [4, 5, 6]]");
  rows.get(2).push(9);
  strictEqual(`${rows.get(2)}`, "[9]");
  rows.drop();
  strictEqual(heap.stats().live, 0);
});
