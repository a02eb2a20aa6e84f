/** The linked list beside a model of its policies, its bytes, and what guest code sees of it. */
import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import { HeapCorruptedError, HeapMemory, NONE } from "../../../kernel/allocator/heap_memory.ts";
import {
  LinkedListAllocator,
  type LinkedListPolicy,
  NAIVE_POLICY,
} from "../../../kernel/allocator/linked_list.ts";
import { asm, Machine } from "../../../machine/mod.ts";
import { makeMemory, randomFrom, SIZE, START } from "./workload.ts";

interface Hole {
  offset: number;
  size: number;
}

/** The policies said once more, over plain arrays, in the plainest way. */
class Model {
  holes: Hole[] = [{ offset: 0, size: SIZE }];
  /** Next fit goes on behind this hole. */
  after: Hole | undefined;

  constructor(readonly policy: LinkedListPolicy) {}

  alloc(size: number, align: number): number {
    const unit = Math.max(8, align);
    const need = Math.max(16, Math.ceil(size / unit) * unit);
    const fitting = this.holes.filter((hole) => this.place(hole, need, align) !== undefined);
    if (fitting.length === 0) return NONE;
    const at = (hole: Hole) => this.holes.indexOf(hole);
    let chosen = fitting[0];
    if (this.policy.fit === "best") chosen = fitting.toSorted((a, b) => a.size - b.size)[0];
    if (this.policy.fit === "worst") chosen = fitting.toSorted((a, b) => b.size - a.size)[0];
    if (this.policy.fit === "next") {
      const from = this.after === undefined ? -1 : at(this.after);
      chosen = fitting.find((hole) => at(hole) > from) ?? fitting[0];
      this.after = this.holes[at(chosen) - 1];
    }
    const start = this.place(chosen, need, align)!;
    const end = chosen.offset + chosen.size;
    const index = at(chosen);
    const rest = [];
    if (start > chosen.offset && this.policy.padding === "kept") {
      rest.push({ offset: chosen.offset, size: start - chosen.offset });
    }
    if (start + need < end) rest.push({ offset: start + need, size: end - start - need });
    this.holes.splice(index, 1);
    if (this.after === chosen) this.after = this.holes[index - 1];
    for (const hole of rest) this.insert(hole);
    return start;
  }

  dealloc(offset: number, size: number, align: number): void {
    const unit = Math.max(8, align);
    const hole = { offset, size: Math.max(16, Math.ceil(size / unit) * unit) };
    if (this.policy.coalesce) {
      const left = this.holes.find((other) => other.offset + other.size === hole.offset);
      const right = this.holes.find((other) => hole.offset + hole.size === other.offset);
      const neighbours = [left, right].filter((other) => other !== undefined);
      // From the list's end, so that what next fit remembers moves to a hole that stays.
      for (const other of neighbours.toSorted((a, b) => this.at(b) - this.at(a))) {
        // By address the left neighbour is not taken out: it grows.
        if (this.policy.order === "address" && other === left) {
          other.size += hole.size;
          hole.size = 0;
          continue;
        }
        const index = this.at(other);
        this.holes.splice(index, 1);
        if (this.after === other) this.after = this.holes[index - 1];
        hole.offset = Math.min(hole.offset, other.offset);
        hole.size += other.size;
      }
    }
    if (hole.size > 0) this.insert(hole);
  }

  at(hole: Hole): number {
    return this.holes.indexOf(hole);
  }

  place({ offset, size }: Hole, need: number, align: number): number | undefined {
    let start = Math.ceil(offset / align) * align;
    const gap = start - offset;
    if (this.policy.padding === "kept" && gap > 0 && gap < 16) start += align;
    const rest = offset + size - start - need;
    return rest === 0 || rest >= 16 ? start : undefined;
  }

  insert(hole: Hole): void {
    const { order } = this.policy;
    let index = order === "recency"
      ? 0
      : this.holes.findIndex((other) =>
        order === "size" ? other.size >= hole.size : other.offset > hole.offset
      );
    if (index < 0) index = this.holes.length;
    this.holes.splice(index, 0, hole);
  }
}

for (const fit of ["first", "best", "worst", "next"] as const) {
  for (const order of ["address", "size", "recency"] as const) {
    for (const coalesce of [true, false]) {
      for (const padding of ["kept", "lost"] as const) {
        const policy = { fit, order, coalesce, padding };
        Deno.test(`LinkedListAllocator does as the model does: ${Object.values(policy)}`, () => {
          const [allocator, model] = [
            new LinkedListAllocator(makeMemory(), policy),
            new Model(policy),
          ];
          const random = randomFrom(7);
          const alive: { offset: number; size: number; align: number }[] = [];
          for (let i = 0; i < 1500; i++) {
            if (alive.length > 0 && random(100) < 47) {
              const [{ offset, size, align }] = alive.splice(random(alive.length), 1);
              allocator.dealloc(offset, size, align);
              model.dealloc(offset, size, align);
            } else {
              const size = 1 + random(i % 7 === 0 ? 4000 : 300);
              const align = 1 << random(9);
              const offset = allocator.alloc(size, align);
              strictEqual(offset, model.alloc(size, align), `request ${i}`);
              if (offset !== NONE) alive.push({ offset, size, align });
            }
            if (i % 50 === 0) deepStrictEqual(holesOf(allocator), model.holes);
          }
          deepStrictEqual(holesOf(allocator), model.holes);
        });
      }
    }
  }
}

function holesOf(allocator: LinkedListAllocator): Hole[] {
  return allocator.regions().map(({ offset, size }) => ({ offset, size }));
}

Deno.test("A node is two 64-bit words: the region's size, and the next node's address or 0", () => {
  const memory = makeMemory();
  const allocator = new LinkedListAllocator(memory);
  const [a, _b] = [allocator.alloc(32, 8), allocator.alloc(32, 8)];
  allocator.dealloc(a, 32, 8);
  const bytes = new DataView(memory.read(0, SIZE).buffer);
  strictEqual(bytes.getBigUint64(0, true), 32n);
  strictEqual(bytes.getBigUint64(8, true), 0x4444_4444_0040n);
  strictEqual(bytes.getBigUint64(0x40, true), BigInt(SIZE - 64));
  strictEqual(bytes.getBigUint64(0x48, true), 0n);
});

Deno.test("The naive list loses the padding before an aligned block for good", () => {
  const allocator = new LinkedListAllocator(makeMemory(), NAIVE_POLICY);
  allocator.dealloc(allocator.alloc(8, 8), 8, 8);
  const small = allocator.alloc(16, 8);
  const aligned = allocator.alloc(64, 256);
  deepStrictEqual([small, aligned], [0, 256]);
  strictEqual(allocator.stats().lost, 240);
  allocator.dealloc(aligned, 64, 256);
  allocator.dealloc(small, 16, 8);
  const { free, lost, taken } = allocator.stats();
  deepStrictEqual([free, lost, taken], [SIZE - 240, 240, 0]);
  const kept = new LinkedListAllocator(makeMemory());
  kept.alloc(16, 8);
  kept.alloc(64, 256);
  strictEqual(kept.stats().lost, 0);
});

Deno.test("Without joining, what was freed in pieces cannot be given in one", () => {
  const make = (coalesce: boolean) => {
    const allocator = new LinkedListAllocator(makeMemory(), { coalesce });
    const blocks = Array.from({ length: SIZE / 1024 }, () => allocator.alloc(1024, 8));
    blocks.forEach((offset) => allocator.dealloc(offset, 1024, 8));
    return allocator;
  };
  strictEqual(make(true).alloc(2048, 8), 0);
  const pieces = make(false);
  strictEqual(pieces.alloc(2048, 8), NONE);
  const { free, largestHole, externalFragmentation } = pieces.stats();
  deepStrictEqual([free, largestHole, externalFragmentation], [SIZE, 1024, 0.99]);
});

/** Walks a list and writes each node's address and size to a table. RCX: how many there were. */
const WALK = asm`
    mov rbx, 0x444444440000
    mov rsi, [0x50000]
    mov edi, 0x60000
    xor ecx, ecx
  next:
    test rsi, rsi
    jz done
    mov [rdi], rsi
    mov rax, [rsi]
    mov [rdi + 8], rax
    add rdi, 16
    inc rcx
    mov rsi, [rsi + 8]
    jmp next
  done:
    hlt`;

Deno.test("Guest assembly that walks the list sees the same nodes, over frames that lie apart", () => {
  const machine = new Machine({ memory: 8 << 20 });
  machine.load(WALK, { at: 0x1_0000, mode: "long" });
  // Tables for 25 pages at 0x4444_4444_0000: indices 136, 273, 34, 64 and up.
  const frames = Array.from(
    { length: SIZE / 4096 },
    (_, page) => 0x20_0000 + page * 7 % 25 * 0x3000,
  );
  const [l3, l2, l1] = [0x1f_d000, 0x1f_e000, 0x1f_f000];
  const root = Number(machine.cpu.cr3);
  machine.physical.setU64(root + 136 * 8, l3 | 3);
  machine.physical.setU64(l3 + 273 * 8, l2 | 3);
  machine.physical.setU64(l2 + 34 * 8, l1 | 3);
  frames.forEach((frame, page) => machine.physical.setU64(l1 + (64 + page) * 8, frame | 3));
  const memory = new HeapMemory({ ...machine.memoryBuffer, start: START, frames });
  ok(!memory.contiguous);
  const allocator = new LinkedListAllocator(memory, { order: "recency", coalesce: false });
  const random = randomFrom(8);
  const blocks = Array.from({ length: 150 }, () => {
    const size = 1 + random(900);
    return { size, offset: allocator.alloc(size, 8) };
  });
  blocks.forEach(({ size, offset }, i) => {
    if (i % 3 !== 0 && offset !== NONE) allocator.dealloc(offset, size, 8);
  });
  machine.physical.setU64(0x5_0000, memory.addressOf(allocator.head));
  strictEqual(machine.run({ instructions: 100_000 }).kind, "halted");
  const regions = allocator.regions();
  ok(regions.length > 60);
  strictEqual(machine.cpu.rcx, BigInt(regions.length));
  const seen = regions.map((_, i) => [
    machine.physical.u64(0x6_0000 + i * 16),
    machine.physical.u64(0x6_0008 + i * 16),
  ]);
  deepStrictEqual(
    seen,
    regions.map(({ offset, size }) => [memory.addressOf(offset) as bigint, BigInt(size)]),
  );
});

for (const shuffled of [false, true]) {
  const where = shuffled ? "over scattered frames" : "over contiguous frames";
  Deno.test(`A damaged list stops the allocator, and does not hang or leave the heap, ${where}`, () => {
    const damages: [what: string, at: number, value: bigint, message: RegExp][] = [
      ["outside", 8, 0xdead_beefn, /0xdeadbeef is no address of a node/],
      ["misaligned", 8, 0x4444_4444_0044n, /0x444444440044 is no address of a node/],
      ["behind the end", 8, START + BigInt(SIZE), /is no address of a node/],
      ["a circle", 8, START, /in a list that runs in a circle/],
      ["a size", 0, 0x4141_4140n, /0x41414140 is the size of a region that leaves the heap/],
    ];
    for (const fit of ["first", "best", "worst", "next"] as const) {
      for (const [what, at, value, message] of damages) {
        const memory = makeMemory(SIZE, shuffled);
        const allocator = new LinkedListAllocator(memory, { fit });
        const [a, _] = [allocator.alloc(64, 8), allocator.alloc(64, 8)];
        allocator.dealloc(a, 64, 8);
        const bytes = new Uint8Array(8);
        new DataView(bytes.buffer).setBigUint64(0, value, true);
        memory.write(a + at, bytes);
        // Only the damaged region claims to be that large.
        const size = at === 0 ? SIZE - 64 : 1000;
        throws(
          () => allocator.alloc(size, 8),
          (error) => error instanceof HeapCorruptedError && message.test(error.message),
          `${fit}: ${what}`,
        );
        const [problem] = allocator.verify();
        strictEqual(problem?.kind, "bad list", what);
        strictEqual(problem.address, what === "a circle" ? problem.address : START + BigInt(at));
      }
    }
  });
}

Deno.test("verify() sees what the hot paths do not look at: high words, order, overlaps", () => {
  const damages: [offset: number, value: bigint, message: RegExp][] = [
    [8, 0xdead_4444_0080n, /no address in the heap/],
    [0, 24n + (1n << 40n), /leaves the heap/],
    [0, 20n, /no size of a region/],
    [0, 8n, /no size of a region/],
    [0, 0x98n, /overlaps/],
    [0, 0x80n, /not joined/],
  ];
  for (const [offset, value, message] of damages) {
    const memory = makeMemory();
    const allocator = new LinkedListAllocator(memory);
    const blocks = Array.from({ length: 4 }, () => allocator.alloc(64, 8));
    allocator.dealloc(blocks[0], 64, 8);
    allocator.dealloc(blocks[2], 64, 8);
    deepStrictEqual(allocator.verify(), []);
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, value, true);
    memory.write(offset, bytes);
    const [problem] = allocator.verify();
    ok(problem !== undefined && message.test(problem.text), `${value}: ${problem?.text}`);
  }
  const memory = makeMemory();
  const allocator = new LinkedListAllocator(memory);
  const blocks = Array.from({ length: 6 }, () => allocator.alloc(64, 8));
  for (const i of [0, 2, 4]) allocator.dealloc(blocks[i], 64, 8);
  memory.setLink(blocks[0] + 8, blocks[4]);
  memory.setLink(blocks[4] + 8, blocks[2]);
  memory.setLink(blocks[2] + 8, NONE);
  ok(/wrong place by address/.test(allocator.verify()[0].text));
});
