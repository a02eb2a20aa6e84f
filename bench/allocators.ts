/**
 * Allocate/free pairs per second of each allocator beside the same algorithm in C
 * (`allocators_peer.c`, `gcc -O2`), in one run, on one random trace of 1,000,000 operations.
 *
 * Both sides must hand out the same offsets, or there is no result. The bump allocator gets a
 * heap that the whole trace fits in; the others 1 MiB. The naive linked list never joins regions,
 * and searches ever longer lists: it gets the trace's first 20,000 operations.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Allocator } from "../kernel/allocator/allocator.ts";
import { HeapMemory, NONE } from "../kernel/allocator/heap_memory.ts";
import { type AllocatorKind, makeAllocator } from "../kernel/allocator/kinds.ts";

/** One measured allocator. */
export interface AllocatorMeasurement {
  readonly name: string;
  /** Allocate/free pairs per second. */
  readonly ours: number;
  /** The same in C; `undefined` where there is no gcc. */
  readonly peer: number | undefined;
  /** How many times longer ours takes. */
  readonly ratio: number | undefined;
  /** What is promised; `undefined` where nothing is. */
  readonly target: number | undefined;
}

const OPERATIONS = 1_000_000;
const SLOTS = 1024;
const RUNS = 12;
const START = 0x4444_4444_0000n;

const CASES: readonly {
  kind: AllocatorKind;
  heap: number;
  target?: number;
  operations?: number;
}[] = [
  { kind: "bump", heap: 128 << 20, target: 2.5 },
  { kind: "fixed-size-blocks", heap: 1 << 20, target: 2.5 },
  { kind: "linked-list", heap: 1 << 20, target: 2 },
  { kind: "naive-linked-list", heap: 1 << 20, target: 2, operations: 20_000 },
  { kind: "slab", heap: 1 << 20 },
  { kind: "buddy", heap: 1 << 20 },
];

/** Pairs of slot and size; sizes lean to the small, 8–1,024 bytes. */
export function makeTrace(): Int32Array {
  const trace = new Int32Array(OPERATIONS * 2);
  let state = 12345;
  const random = () => (state = (Math.imul(state, 1664525) + 1013904223) | 0) >>> 8;
  for (let i = 0; i < OPERATIONS; i++) {
    trace[i * 2] = random() % SLOTS;
    const limit = 8 << (random() % 8);
    trace[i * 2 + 1] = 1 + random() % limit;
  }
  return trace;
}

/** Plays the trace. @returns Checksum over the offsets. */
function play(allocator: Allocator, trace: Int32Array, slots: Int32Array, sizes: Int32Array) {
  slots.fill(NONE);
  let sum = 0;
  for (let i = 0; i < trace.length; i += 2) {
    const slot = trace[i];
    const offset = slots[slot];
    if (offset !== NONE) {
      allocator.dealloc(offset, sizes[slot], 8);
      slots[slot] = NONE;
    } else {
      const size = trace[i + 1];
      const given = allocator.alloc(size, 8);
      sum = (Math.imul(sum, 31) + given) | 0;
      slots[slot] = given;
      sizes[slot] = size;
    }
  }
  return sum;
}

/** Measures one kind in this process. */
export function measureKind(
  kind: AllocatorKind,
  heap: number,
  trace: Int32Array,
  shuffled = false,
) {
  const pages = heap / 4096;
  const frames = Int32Array.from({ length: pages }, (_, i) => (shuffled ? i ^ 1 : i) * 4096);
  const memory = new HeapMemory({
    buffer: new ArrayBuffer(heap),
    ramBase: 0,
    start: START,
    frames,
  });
  const slots = new Int32Array(SLOTS);
  const sizes = new Int32Array(SLOTS);
  let ns = Infinity;
  let sum = 0;
  let failures = 0;
  for (let run = 0; run < RUNS; run++) {
    const allocator = makeAllocator(kind, memory);
    const from = performance.now();
    sum = play(allocator, trace, slots, sizes);
    ns = Math.min(ns, (performance.now() - from) * 1e6);
    failures = allocator.failures;
  }
  return { ns, sum, failures };
}

/** Measures all allocators on both sides. @throws {Error} If the sides differ in an offset. */
export function measureAllocators(): AllocatorMeasurement[] {
  const trace = makeTrace();
  const directory = mkdtempSync(join(tmpdir(), "ring0-bench-"));
  try {
    const program = join(directory, "allocators_peer");
    const source = fileURLToPath(new URL("./allocators_peer.c", import.meta.url));
    const file = join(directory, "trace");
    let compiled = true;
    try {
      execFileSync("gcc", ["-O2", "-o", program, source], { stdio: "pipe" });
    } catch {
      compiled = false;
    }
    return CASES.map(({ kind, heap, target, operations = OPERATIONS }) => {
      const part = trace.subarray(0, operations * 2);
      writeFileSync(file, part);
      const ours = measureKind(kind, heap, part);
      const rate = (ns: number) => operations / 2 / ns * 1e9;
      const row = { name: kind, ours: rate(ours.ns), target };
      if (!compiled) return { ...row, peer: undefined, ratio: undefined };
      const output = execFileSync(program, [file, kind, String(heap), String(RUNS)]);
      const [ns, sum, failures] = output.toString().trim().split(" ").map(Number);
      if ((sum | 0) !== ours.sum || failures !== ours.failures) {
        throw new Error(`${kind}: the peer handed out other offsets`);
      }
      return { ...row, peer: rate(ns), ratio: ours.ns / ns };
    });
  } finally {
    rmSync(directory, { recursive: true });
  }
}

if (import.meta.main) {
  for (const { name, ours, peer, ratio, target } of measureAllocators()) {
    const millions = (rate: number | undefined) =>
      rate === undefined ? "no gcc" : `${(rate / 1e6).toFixed(1)} M/s`;
    const verdict = ratio === undefined
      ? ""
      : `${ratio.toFixed(2)}x` + (target === undefined ? "" : ` (target ${target}x)`);
    console.log(
      `${name.padEnd(20)} ${millions(ours).padStart(12)}   C ${millions(peer).padStart(12)}   ` +
        verdict,
    );
  }
}
