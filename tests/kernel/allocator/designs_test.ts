/**
 * 100,000 random requests on every design and policy: each block in the heap, aligned, nobody
 * else's; lists and counters in order; every freed byte back where the design promises it; and the
 * same with frames that are not contiguous.
 */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { BuddyAllocator } from "../../../kernel/allocator/buddy.ts";
import { BumpAllocator } from "../../../kernel/allocator/bump.ts";
import {
  BLOCK_SIZES,
  FixedSizeBlockAllocator,
} from "../../../kernel/allocator/fixed_size_block.ts";
import { HeapMemory, NONE } from "../../../kernel/allocator/heap_memory.ts";
import {
  LinkedListAllocator,
  type LinkedListPolicy,
} from "../../../kernel/allocator/linked_list.ts";
import { OBJECT_SIZES, SlabAllocator } from "../../../kernel/allocator/slab.ts";
import { inspect, makeMemory, play, SIZE } from "./workload.ts";

const REQUESTS = 100_000;

const POLICIES: LinkedListPolicy[] = [];
for (const fit of ["first", "best", "worst", "next"] as const) {
  for (const order of ["address", "size", "recency"] as const) {
    for (const coalesce of [true, false]) {
      for (const padding of ["kept", "lost"] as const) {
        POLICIES.push({ fit, order, coalesce, padding });
      }
    }
  }
}

for (const policy of POLICIES) {
  const { coalesce, padding } = policy;
  Deno.test(`LinkedListAllocator keeps its promises: ${Object.values(policy).join(", ")}`, () => {
    const allocator = new LinkedListAllocator(makeMemory(), policy);
    let before = 0;
    const { successes } = play(allocator, {
      requests: REQUESTS,
      seed: 1,
      // Unjoined lists grow long, and every request walks them.
      inspectEvery: 19_999,
      inspect(owners) {
        const lost = inspect(allocator, owners);
        if (padding === "kept") strictEqual(lost, 0);
        ok(lost >= before, "what is lost stays lost");
        before = lost;
      },
    });
    ok(successes > 1000);
    const { free, holes, largestHole, lost, taken } = allocator.stats();
    strictEqual(taken, 0);
    strictEqual(free, SIZE - lost);
    if (padding === "lost") ok(lost > 0, "padding was lost");
    else if (coalesce) deepStrictEqual([holes, largestHole], [1, SIZE]);
  });
}

for (const freeLast of [false, true]) {
  Deno.test(`BumpAllocator gives nothing back but all${freeLast ? ", and the last" : ""}`, () => {
    const allocator = new BumpAllocator(makeMemory(), { freeLast });
    const workload = { requests: REQUESTS, seed: 2, freeAllEvery: 400 };
    const { failures, successes } = play(allocator, {
      ...workload,
      inspect: (owners) => inspect(allocator, owners),
    });
    ok(successes > 10_000 && failures >= 0);
    const { free, largestHole } = allocator.stats();
    deepStrictEqual([free, largestHole, allocator.next, allocator.back], [SIZE, SIZE, 0, SIZE]);
  });
}

Deno.test("FixedSizeBlockAllocator puts every freed block on its class's list", () => {
  const allocator = new FixedSizeBlockAllocator(makeMemory());
  play(allocator, {
    requests: REQUESTS,
    seed: 3,
    inspect: (owners) => inspect(allocator, owners),
  });
  const { fallback } = allocator;
  const blocks = allocator.regions().filter(({ list }) => list !== "free");
  const cut = blocks.reduce((sum, { size }) => sum + Math.max(16, size), 0);
  strictEqual(cut, fallback.stats().taken, "all that the fallback ever gave is on a list");
  strictEqual(allocator.stats().taken, 0);
  strictEqual(fallback.stats().lost, 0);
  ok(new Set(blocks.map(({ list }) => list)).size >= 8);
});

Deno.test("FixedSizeBlockAllocator gives the block that was freed last first", () => {
  const allocator = new FixedSizeBlockAllocator(makeMemory());
  for (const size of BLOCK_SIZES) {
    const blocks = Array.from({ length: 4 }, () => allocator.alloc(size, size));
    blocks.forEach((offset) => ok(offset % size === 0));
    blocks.forEach((offset) => allocator.dealloc(offset, size, size));
    strictEqual(allocator.heads[Math.log2(size) - 3], blocks[3]);
    deepStrictEqual(blocks.map(() => allocator.alloc(size, 1)), blocks.toReversed());
  }
});

Deno.test("SlabAllocator gives empty slabs back to the pool", () => {
  const allocator = new SlabAllocator(makeMemory());
  const { failures } = play(allocator, {
    requests: REQUESTS,
    seed: 4,
    slots: 700,
    inspect: (owners) => inspect(allocator, owners),
  });
  ok(failures > 0, "the pool ran dry");
  const slabs = (SIZE - allocator.pool.stats().free) / 4096;
  ok(slabs <= OBJECT_SIZES.length, "each cache keeps one empty slab at most");
  const all = allocator.alloc(SIZE, 8);
  strictEqual(all, 0, "what the caches kept comes back when it is needed");
  strictEqual(allocator.stats().free, 0);
  allocator.dealloc(all, SIZE, 8);
  deepStrictEqual(allocator.verify(), []);
  strictEqual(allocator.pool.stats().largestHole, SIZE);
});

Deno.test("BuddyAllocator joins all buddies again", () => {
  const allocator = new BuddyAllocator(makeMemory());
  const before = allocator.regions();
  strictEqual(before[0].size, 16);
  strictEqual(before.filter(({ kind }) => kind === "free").at(-1)!.size, 65_536);
  const { failures } = play(allocator, {
    requests: REQUESTS,
    seed: 5,
    slots: 700,
    inspect: (owners) => strictEqual(inspect(allocator, owners), 0),
  });
  ok(failures > 0);
  deepStrictEqual(allocator.regions(), before);
});

const DESIGNS: [string, (memory: HeapMemory) => LinkedListAllocator | BuddyAllocator][] = [
  ["first fit", (memory) => new LinkedListAllocator(memory)],
  ["next fit by size", (memory) => new LinkedListAllocator(memory, { fit: "next", order: "size" })],
  [
    "the naive list",
    (memory) =>
      new LinkedListAllocator(memory, { order: "recency", coalesce: false, padding: "lost" }),
  ],
  ["buddy", (memory) => new BuddyAllocator(memory)],
];
const OTHERS: [string, (memory: HeapMemory) => BumpAllocator | FixedSizeBlockAllocator][] = [
  ["bump", (memory) => new BumpAllocator(memory, { freeLast: true })],
  ["fixed-size blocks", (memory) => new FixedSizeBlockAllocator(memory)],
];
const SLAB: [string, (memory: HeapMemory) => SlabAllocator][] = [
  ["slab", (memory) => new SlabAllocator(memory)],
];

for (const [name, make] of [...DESIGNS, ...OTHERS, ...SLAB]) {
  Deno.test(`Frames that are not contiguous make no difference: ${name}`, () => {
    const run = (shuffled: boolean) => {
      const memory = makeMemory(SIZE, shuffled);
      strictEqual(memory.contiguous, !shuffled);
      const allocator = make(memory);
      const outcome = play(allocator, {
        requests: 100_000,
        seed: 6,
        inspectEvery: 33_333,
        inspect: (owners) => inspect(allocator, owners),
      });
      return { outcome, stats: allocator.stats(), bytes: memory.read(0, SIZE) };
    };
    deepStrictEqual(run(true), run(false));
  });
}

for (const [name, make] of [...DESIGNS, ...OTHERS, ...SLAB]) {
  Deno.test(`What cannot be given is refused, and nothing changes: ${name}`, () => {
    const allocator = make(makeMemory());
    const kept = allocator.alloc(100, 16);
    const state = JSON.stringify([allocator.regions(), allocator.stats().taken]);
    const tooMuch = [SIZE + 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 40, Number.MAX_SAFE_INTEGER];
    for (const size of tooMuch) strictEqual(allocator.alloc(size, 8), NONE);
    // The heap's start is a multiple of 256 KiB.
    for (const align of [2 ** 19, 2 ** 30, 2 ** 31]) strictEqual(allocator.alloc(8, align), NONE);
    strictEqual(allocator.alloc(SIZE, 8), NONE);
    strictEqual(allocator.failures, tooMuch.length + 4);
    strictEqual(JSON.stringify([allocator.regions(), allocator.stats().taken]), state);
    allocator.dealloc(kept, 100, 16);
  });

  Deno.test(`An empty heap gives nothing: ${name}`, () => {
    const allocator = make(HeapMemory.empty(0x4444_4444_0000));
    strictEqual(allocator.alloc(1, 1), NONE);
    deepStrictEqual([allocator.regions(), allocator.verify()], [[], []]);
  });

  Deno.test(`Roots and bytes are all there is to save: ${name}`, () => {
    const memory = makeMemory();
    const allocator = make(memory);
    const keep = [24, 100, 3000, 17].map((size) => ({ size, offset: allocator.alloc(size, 8) }));
    allocator.dealloc(keep[1].offset, 100, 8);
    const [roots, bytes] = [allocator.saveRoots(), memory.read(0, SIZE)];
    const other = makeMemory(SIZE, true);
    const copy = make(other);
    other.write(0, bytes);
    copy.loadRoots(roots);
    deepStrictEqual([copy.verify(), copy.stats()], [[], allocator.stats()]);
    for (const size of [64, 8, 4000, 100]) {
      strictEqual(copy.alloc(size, 8), allocator.alloc(size, 8));
    }
  });
}

Deno.test("SlabAllocator keeps a cache's last slab with room, though it is empty", () => {
  const allocator = new SlabAllocator(makeMemory());
  const [a, b] = [allocator.alloc(2032, 8), allocator.alloc(2032, 8)];
  const [c, d] = [allocator.alloc(2032, 8), allocator.alloc(2032, 8)];
  strictEqual(allocator.pool.stats().free, SIZE - 2 * 4096);
  [a, b].forEach((offset) => allocator.dealloc(offset, 2032, 8));
  strictEqual(allocator.pool.stats().free, SIZE - 2 * 4096, "it is the only one with room");
  [c, d].forEach((offset) => allocator.dealloc(offset, 2032, 8));
  strictEqual(allocator.pool.stats().free, SIZE - 4096, "one of two");
});
