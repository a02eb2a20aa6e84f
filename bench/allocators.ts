/**
 * Allocate/free pairs per second of each allocator beside the same algorithm in C
 * (`allocators_peer.c`, `gcc -O2`), in one run, on one random trace of 1,000,000 operations.
 *
 * Both sides must hand out the same offsets, or there is no result. About 2,000 blocks of 1–1,024
 * bytes are alive. The bump allocator gets a heap that the whole trace fits in, the others 4 MiB.
 * The naive linked list never joins regions, and its lists grow with every request: it gets 1 MiB
 * and the first 30,000 operations.
 *
 * The linked list's ratio depends on the length of its list (here about 90 nodes a walk), so it is
 * measured twice more, without a target: with 1,024 slots (30 nodes a walk) and with 64 (4 nodes),
 * where what counts is not the walk but the calls and checks around it.
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
const SLOTS = 4096;
const RUNS = 12;
const START = 0x4444_4444_0000n;

interface Case {
  readonly kind: AllocatorKind;
  /** In bytes. */
  readonly heap: number;
  readonly target?: number;
  /** Default all. */
  readonly operations?: number;
  readonly slots?: number;
}

const CASES: readonly Case[] = [
  { kind: "bump", heap: 128 << 20, target: 2.5 },
  { kind: "fixed-size-blocks", heap: 4 << 20, target: 2.5 },
  { kind: "linked-list", heap: 4 << 20, target: 2 },
  { kind: "linked-list", heap: 4 << 20, slots: 1024 },
  { kind: "linked-list", heap: 4 << 20, slots: 64 },
  { kind: "naive-linked-list", heap: 1 << 20, target: 2, operations: 30_000 },
  { kind: "slab", heap: 4 << 20 },
  { kind: "buddy", heap: 4 << 20 },
];

/** Pairs of slot and size; sizes lean to the small, 8–1,024 bytes. */
function makeTrace(slots: number): Int32Array {
  const trace = new Int32Array(OPERATIONS * 2);
  let state = 12345;
  const random = () => (state = (Math.imul(state, 1664525) + 1013904223) | 0) >>> 8;
  for (let i = 0; i < OPERATIONS; i++) {
    trace[i * 2] = random() % slots;
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
) {
  const pages = heap / 4096;
  const frames = Int32Array.from({ length: pages }, (_, i) => i * 4096);
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
    return CASES.map(({ kind, heap, target, operations = OPERATIONS, slots = SLOTS }) => {
      const part = makeTrace(slots).subarray(0, operations * 2);
      writeFileSync(file, part);
      const ours = measureKind(kind, heap, part);
      const rate = (ns: number) => operations / 2 / ns * 1e9;
      const name = slots === SLOTS ? kind : `${kind}, ${slots} slots`;
      const row = { name, ours: rate(ours.ns), target };
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
      `${name.padEnd(22)} ${millions(ours).padStart(12)}   C ${millions(peer).padStart(12)}   ` +
        verdict,
    );
  }
}
