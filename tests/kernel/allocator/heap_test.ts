/** The heap's checked door: bad input, planted bugs, maps, traces, states. */
import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import { AllocError } from "../../../kernel/alloc/layout.ts";
import { Heap, type HeapOptions } from "../../../kernel/allocator/heap.ts";
import { HeapCorruptedError, HeapMemory } from "../../../kernel/allocator/heap_memory.ts";
import { ALLOCATOR_KINDS } from "../../../kernel/allocator/kinds.ts";
import { HeapTrace } from "../../../kernel/allocator/trace.ts";
import { makeMemory, randomFrom, SIZE, START } from "./workload.ts";

const make = (options?: HeapOptions) => new Heap(makeMemory(), options);

/** All that a failed request must leave alone. */
const picture = (heap: Heap) => JSON.stringify(heap.saveState().live) + heap.mapText(64, 16);

for (const kind of ALLOCATOR_KINDS) {
  Deno.test(`Heap refuses bad requests and stays as it is: ${kind}`, () => {
    const heap = make({ allocator: kind });
    const kept = heap.alloc(100, { align: 32 });
    strictEqual(kept % 32n, 0n);
    const before = picture(heap);
    for (const size of [0, -1, 1.5, NaN, Infinity]) throws(() => heap.alloc(size), RangeError);
    for (const align of [0, 3, -8, 24, 0.5, NaN]) {
      throws(() => heap.alloc(8, { align }), { name: "RangeError", message: /power of two/ });
    }
    throws(() => heap.free(kept + 8n), {
      name: "RangeError",
      message: new RegExp(`inside of the block at 0x${kept.toString(16)}`),
    });
    throws(() => heap.free(START + 90_000n), /never given out/);
    throws(() => heap.free(0x1234), /not in the heap/);
    throws(() => heap.free(START + BigInt(SIZE)), /not in the heap/);
    throws(() => heap.dealloc(START - 8n, { size: 8, align: 8 }), /not in the heap/);
    throws(() => heap.dealloc(START + 4n, { size: 8, align: 8 }), /not aligned to 8/);
    throws(() => heap.alloc(SIZE + 1), (error) => error instanceof AllocError);
    strictEqual(heap.tryAlloc(2 ** 40), undefined);
    strictEqual(picture(heap), before);
    heap.free(kept);
    throws(() => heap.free(kept), /freed already \(it was #1, 100 bytes aligned to 32\)/);
    strictEqual(heap.alloc(100, { align: 32 }), kept);
  });
}

Deno.test("An allocation that fails says its layout, as the kernel's panic prints it", () => {
  const heap = make();
  throws(() => heap.alloc(120_000, { align: 1 }), {
    message: "allocation error: Layout { size: 120000, align: 1 }",
  });
  const empty = new Heap(HeapMemory.empty(START));
  throws(() => empty.alloc(4, { align: 4 }), {
    message: "allocation error: Layout { size: 4, align: 4 }",
  });
  empty.init(makeMemory());
  strictEqual(empty.alloc(4), START);
});

Deno.test("many_boxes: the text's tests on each allocator", () => {
  const works = (kind: typeof ALLOCATOR_KINDS[number], longLived: boolean) => {
    const heap = make({ allocator: kind });
    const long = longLived ? heap.alloc(8) : undefined;
    for (let i = 0; i < SIZE; i++) {
      const address = heap.tryAlloc(8);
      if (address === undefined) return false;
      heap.free(address);
    }
    if (long !== undefined) heap.free(long);
    return true;
  };
  for (const kind of ALLOCATOR_KINDS) strictEqual(works(kind, false), true, kind);
  // many_boxes_long_lived: the one box keeps the bump allocator from its reset.
  for (const kind of ALLOCATOR_KINDS) strictEqual(works(kind, true), kind !== "bump", kind);
});

Deno.test("Both tricks let the bump allocator pass many_boxes_long_lived", () => {
  for (const trick of ["freeLast", "back"] as const) {
    const heap = make({ allocator: { kind: "bump", freeLast: trick === "freeLast" } });
    const long = heap.alloc(8, { back: trick === "back" });
    for (let i = 0; i < SIZE; i++) heap.free(heap.alloc(8));
    heap.free(long);
    strictEqual(heap.stats().free, SIZE);
  }
  throws(() => make({ allocator: "slab" }).alloc(8, { back: true }), TypeError);
});

Deno.test("Heap.allocator starts over, and refuses while blocks are alive", () => {
  const heap = make();
  strictEqual(heap.allocator, "fixed-size-blocks");
  heap.allocator = { kind: "linked-list", fit: "best" };
  strictEqual(heap.allocator, "linked-list");
  const address = heap.alloc(8);
  throws(() => heap.allocator = "bump", /1 blocks are alive/);
  heap.free(address);
  heap.allocator = "bump";
  for (
    const bad of ["heap", { kind: "linked-list", fit: "second" }, { kind: "slab", fit: "best" }]
  ) {
    throws(() => heap.allocator = bad as "bump", TypeError);
  }
  strictEqual(heap.allocator, "bump");
  heap.alloc(8);
  heap.reset();
  deepStrictEqual([heap.blocks, heap.stats().free], [[], SIZE]);
});

/** The frees that real allocators believe. */
Deno.test("A double free through the unsafe door gives one block twice", () => {
  const heap = make({ allocator: "fixed-size-blocks" });
  const layout = { size: 64, align: 8 };
  const address = heap.alloc(64);
  heap.dealloc(address, layout);
  heap.dealloc(address, layout);
  const [first, second] = [heap.alloc(64), heap.alloc(64)];
  deepStrictEqual([first, second], [address, address]);
  ok(heap.check().length > 0);
  const list = make({ allocator: "naive-linked-list" });
  const block = list.alloc(64);
  list.dealloc(block, layout);
  list.dealloc(block, layout);
  // A node that is its own successor: a circle, which ends in an error and not in a hang.
  throws(() => list.alloc(1000), HeapCorruptedError);
});

Deno.test("A write after a free, over the list's pointer, makes a later allocation fail", () => {
  const heap = make({ allocator: "fixed-size-blocks" });
  const [a, b] = [heap.alloc(64), heap.alloc(64)];
  heap.free(a);
  heap.free(b);
  heap.memory.setLong(heap.memory.offsetOf(b), 0x4141_4141);
  throws(() => heap.alloc(64), /0x41414141 is no address of a node in the heap/);
  deepStrictEqual(heap.check().map(({ kind, address }) => [kind, address]), [["bad list", b]]);
});

for (const kind of ALLOCATOR_KINDS) {
  Deno.test(`Checks find planted bugs and say where: ${kind}`, () => {
    const heap = make({ allocator: kind, checks: true });
    const seen: string[] = [];
    heap.onProblem = ({ text }) => seen.push(text);
    const write = (address: bigint, value: number) =>
      heap.memory.write(heap.memory.offsetOf(address), Uint8Array.of(value));
    const [a, b, c] = [heap.alloc(24), heap.alloc(100, { align: 64 }), heap.alloc(7)];
    strictEqual(b % 64n, 0n);
    deepStrictEqual(heap.check(), []);

    write(a + 24n, 0x41);
    write(b - 1n, 0x42);
    deepStrictEqual(
      heap.check().map(({ kind, address, block }) => ({ kind, address, block })),
      [
        { kind: "overflow", address: a + 24n, block: { address: a, size: 24 } },
        { kind: "underflow", address: b - 1n, block: { address: b, size: 100 } },
      ],
    );
    strictEqual(
      seen[0],
      `overflow: 0x${(a + 24n).toString(16)} holds 0x41 (1 changed), ` +
        `by the block of 24 bytes at 0x${a.toString(16)}`,
    );
    heap.free(c);
    write(c + 3n, 0x43);
    ok(heap.check().some(({ kind, address }) => kind === "use after free" && address === c + 3n));
    throws(() => heap.free(c), /freed already/);
    throws(() => heap.free(a + 8n), /inside of the block/);
    throws(() => heap.dealloc(a, { size: 32, align: 8 }), /it was given out as #1, 24 bytes/);
    const kinds = new Set(heap.problems.map((problem) => problem.kind));
    deepStrictEqual(
      [...kinds].sort(),
      ["double free", "invalid free", "overflow", "underflow", "use after free"],
    );
    heap.free(a);
    heap.free(b);
    strictEqual(heap.map().some((segment) => segment.kind === "quarantine"), true);
  });

  Deno.test(`Checks find nothing in a program without bugs: ${kind}`, () => {
    const heap = make({ allocator: kind, checks: { redZone: 8, quarantine: 16 } });
    const random = randomFrom(9);
    const alive: bigint[] = [];
    for (let i = 0; i < 3000; i++) {
      if (alive.length > 0 && random(100) < 50) heap.free(alive.splice(random(alive.length), 1)[0]);
      else {
        const [size, align] = [1 + random(200), 1 << random(6)];
        const address = heap.tryAlloc(size, { align });
        if (address === undefined) continue;
        strictEqual(address % BigInt(align), 0n);
        heap.memory.fill(heap.memory.offsetOf(address), size, 0x11);
        alive.push(address);
      }
    }
    deepStrictEqual([heap.check(), heap.problems], [[], []]);
  });
}

Deno.test("The quarantine gives way before an allocation fails", () => {
  const heap = make({ allocator: "linked-list", checks: { quarantine: 1000 } });
  for (let i = 0; i < 10; i++) heap.free(heap.alloc(60_000));
  strictEqual(heap.stats().failures, 9);
  strictEqual(heap.problems.length, 0);
});

Deno.test("Heap.map() covers the heap without gaps; the text counts its bytes", () => {
  for (const kind of ALLOCATOR_KINDS) {
    const heap = make({ allocator: kind });
    const blocks = [24, 100, 3000, 17, 900].map((size) => heap.alloc(size, { align: 16 }));
    heap.free(blocks[1]);
    heap.free(blocks[3]);
    let at: bigint = START;
    const sums: Record<string, number> = {};
    for (const { address, size, kind } of heap.map()) {
      strictEqual(address, at);
      at += BigInt(size);
      sums[kind] = (sums[kind] ?? 0) + size;
    }
    strictEqual(at, START + BigInt(SIZE));
    const { used, taken, free, overhead, lost } = heap.stats();
    deepStrictEqual(
      [sums.live, sums.slack ?? 0, sums.free, sums.overhead ?? 0, sums.lost ?? 0],
      [used, taken - used, free, overhead, lost],
      kind,
    );
  }
  const heap = new Heap(makeMemory(4096), { allocator: "linked-list" });
  const [a, b] = [heap.alloc(500), heap.alloc(700)];
  heap.alloc(300);
  heap.free(b);
  strictEqual(a, START);
  strictEqual(
    heap.mapText(16, 128),
    "444444440000  ████·····███····\n" +
      "444444440800  ················\n" +
      "█ live 800   ▒ slack 8   · free 3288   (128 bytes a symbol)",
  );
  strictEqual(
    new Heap(HeapMemory.empty(START)).mapText(),
    "(the heap is empty: no page is mapped)",
  );
});

Deno.test("A trace played on other allocators shows what each makes of it", () => {
  const heap = make({ allocator: "linked-list" });
  heap.trace.start();
  const random = randomFrom(10);
  const alive: bigint[] = [];
  for (let i = 0; i < 2000; i++) {
    if (alive.length > 0 && random(100) < 45) heap.free(alive.splice(random(alive.length), 1)[0]);
    else {
      const address = heap.tryAlloc(1 + random(600), { align: 1 << random(7) });
      if (address !== undefined) alive.push(address);
    }
  }
  heap.trace.stop();
  heap.free(alive[0]);
  strictEqual(heap.trace.length, 2000);
  const before = heap.memory.read(0, SIZE);
  const same = heap.trace.replay("linked-list");
  for (const { id, offset } of heap.blocks) strictEqual(same.offsets.get(id), offset);
  const failures = ALLOCATOR_KINDS.map((kind) => heap.trace.replay(kind).stats.failures);
  const [bump, list] = failures;
  ok(failures.every((count) => count <= bump) && bump > list, failures.join(" "));
  deepStrictEqual(heap.memory.read(0, SIZE), before, "a replay has memory of its own");
  const text = heap.trace.toString();
  deepStrictEqual([...HeapTrace.parse(text, heap.memory)], [...heap.trace]);
  throws(() => HeapTrace.parse("alloc 1 2", heap.memory), /line 1 of a trace/);
  const small = heap.trace.replay("buddy", { size: 16_384, watch: true });
  ok(small.stats.failures > failures[5] && small.worstFragmentation! > 0);
});

Deno.test("Heap.loadState() goes back, together with the bytes", () => {
  for (const kind of ALLOCATOR_KINDS) {
    const heap = make({ allocator: kind, checks: kind === "buddy" });
    const [a, b] = [heap.alloc(40), heap.alloc(80)];
    heap.free(a);
    const [state, bytes, text] = [heap.saveState(), heap.memory.read(0, SIZE), heap.mapText()];
    const next = [heap.alloc(40), heap.alloc(40)];
    heap.free(b);
    heap.memory.write(0, bytes);
    heap.loadState(structuredClone(state));
    strictEqual(heap.mapText(), text);
    deepStrictEqual([heap.alloc(40), heap.alloc(40)], next, kind);
    deepStrictEqual(heap.check(), []);
    heap.free(b);
  }
});

Deno.test("HeapMemory refuses frames and addresses that cannot be", () => {
  const good = { buffer: new ArrayBuffer(65_536), ramBase: 0, start: START, frames: [0, 4096] };
  const bad = [
    { start: START + 8n },
    { start: 0n },
    { start: 0x4444_ffff_f000n },
    { start: 0x8000_0000_0000_0n },
    { frames: [0, 0] },
    { frames: [100] },
    { frames: [-4096] },
    { frames: [65_536] },
    { ramBase: 8 },
  ];
  for (const change of bad) throws(() => new HeapMemory({ ...good, ...change }), RangeError);
});

Deno.test("An overflow is noticed when its block is freed, without a check()", () => {
  const heap = make({ allocator: "slab", checks: { redZone: 8, quarantine: 1 } });
  const [a, b] = [heap.alloc(10), heap.alloc(10)];
  heap.memory.fill(heap.memory.offsetOf(a) + 10, 3, 0);
  heap.free(a);
  deepStrictEqual(heap.problems.map(({ kind, address }) => [kind, address]), [
    ["overflow", a + 10n],
  ]);
  // And a late write when its block leaves the quarantine.
  heap.memory.fill(heap.memory.offsetOf(a), 1, 0);
  heap.free(b);
  deepStrictEqual(heap.problems.slice(1).map(({ kind, address }) => [kind, address]), [
    ["use after free", a],
  ]);
});

Deno.test("A replay frees no block twice, and none that it does not have", () => {
  const text = "alloc 1 8 8\nfree 1\nfree 1\nfree 2\nalloc 3 1000000 8\nfree 3";
  const { stats } = HeapTrace.parse(text, makeMemory()).replay("naive-linked-list");
  deepStrictEqual([stats.allocations, stats.frees, stats.failures], [1, 1, 1]);
});
