/** Heaps, random requests and an oracle that knows which bytes are whose. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import type { Allocator } from "../../../kernel/allocator/allocator.ts";
import { HeapMemory, NONE } from "../../../kernel/allocator/heap_memory.ts";

/** Where the text has it, and how large. */
export const START = 0x4444_4444_0000n;
export const SIZE = 102_400;

/** A heap of its own. Shuffled frames lie apart and out of order. */
export function makeMemory(size = SIZE, shuffled = false): HeapMemory {
  const pages = size / 4096;
  const buffer = new ArrayBuffer(0x10_0000 + size * 2);
  const frames = Array.from(
    { length: pages },
    (_, page) => (shuffled ? (page * 7 % pages) * 2 + 1 : page) * 4096,
  );
  return new HeapMemory({ buffer, ramBase: 0x10_0000, start: START, frames });
}

/** Numbers that look random, the same every time. */
export function randomFrom(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return (state >>> 8) % limit;
  };
}

export interface Workload {
  readonly requests: number;
  readonly seed: number;
  /** At most so many blocks are alive. */
  readonly slots?: number;
  /** Whether every request has alignment 8. */
  readonly plain?: boolean;
  /** Lets nothing live long: every so many requests all is freed. */
  readonly freeAllEvery?: number;
  /** Called now and then with all bytes' owners (0: nobody's). */
  readonly inspect?: (owners: Int32Array) => void;
  readonly inspectEvery?: number;
}

/** What a workload came to. */
export interface Outcome {
  /** Over all offsets, failures included. */
  readonly checksum: number;
  readonly failures: number;
  readonly successes: number;
}

/**
 * Plays random requests and checks each: in the heap, aligned, nobody else's bytes, and at its end
 * still with the bytes that its owner wrote. At the end everything is free.
 */
export function play(allocator: Allocator, workload: Workload): Outcome {
  const { requests, slots = 300, plain = false, inspect, inspectEvery = 4999 } = workload;
  const { memory } = allocator;
  const random = randomFrom(workload.seed);
  const owners = new Int32Array(memory.size);
  const offsets = new Int32Array(slots).fill(NONE);
  const sizes = new Int32Array(slots);
  const aligns = new Int32Array(slots);
  let [checksum, failures, successes] = [0, 0, 0];
  const free = (slot: number) => {
    const [offset, size] = [offsets[slot], sizes[slot]];
    for (let i = 0; i < size; i++) {
      if (memory.u8[memory.at(offset + i)] !== (slot & 0xff ^ 0x5a)) {
        throw new Error(`Byte ${offset + i} of a living block was changed`);
      }
    }
    owners.fill(0, offset, offset + size);
    offsets[slot] = NONE;
    allocator.dealloc(offset, size, aligns[slot]);
  };
  for (let i = 0; i < requests; i++) {
    const slot = random(slots);
    if (offsets[slot] !== NONE) free(slot);
    else {
      const size = 1 + random(random(40) === 0 ? 6000 : 8 << random(7));
      const align = plain ? 8 : 1 << (random(30) === 0 ? random(13) : random(6));
      const offset = allocator.alloc(size, align);
      checksum = (Math.imul(checksum, 31) + offset) | 0;
      if (offset === NONE) failures++;
      else {
        successes++;
        if (offset < 0 || offset + size > memory.size) throw new Error(`${offset} is no offset`);
        if (offset % align !== 0) throw new Error(`${offset} is not aligned to ${align}`);
        for (let at = offset; at < offset + size; at++) {
          if (owners[at] !== 0) throw new Error(`Byte ${at} was given out twice`);
          owners[at] = slot + 1;
          memory.u8[memory.at(at)] = slot & 0xff ^ 0x5a;
        }
        offsets[slot] = offset;
        sizes[slot] = size;
        aligns[slot] = align;
      }
    }
    if (workload.freeAllEvery !== undefined && i % workload.freeAllEvery === 0) {
      offsets.forEach((offset, s) => offset === NONE || free(s));
    }
    if (i % inspectEvery === 0) inspect?.(owners);
  }
  offsets.forEach((offset, slot) => offset === NONE || free(slot));
  inspect?.(owners);
  return { checksum, failures, successes };
}

/** Checks that lists, living blocks and counters agree. @returns Bytes that are nobody's. */
export function inspect(allocator: Allocator, owners: Int32Array): number {
  deepStrictEqual(allocator.verify(), []);
  const listed = new Uint8Array(owners.length);
  for (const { offset, size, list } of allocator.regions()) {
    for (let at = offset; at < offset + size; at++) {
      if (listed[at] !== 0) throw new Error(`Byte ${at} is on two lists, one of them ${list}`);
      if (owners[at] !== 0) throw new Error(`Byte ${at} is alive and on the list ${list}`);
      listed[at] = 1;
    }
  }
  const { used, taken, free, overhead, lost, size } = allocator.stats();
  strictEqual(owners.reduce((sum, owner) => sum + Number(owner !== 0), 0), used);
  strictEqual(listed.reduce((sum, byte) => sum + byte, 0), free + overhead);
  strictEqual(taken + free + overhead + lost, size);
  ok(used <= taken && lost >= 0, `used ${used}, taken ${taken}, lost ${lost}`);
  return lost;
}
