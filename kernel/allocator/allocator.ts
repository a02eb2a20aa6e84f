/** What an allocator is: one interface for all designs, and what they count. */
import { HeapMemory, NONE } from "./heap_memory.ts";

/** A part of the heap that is not handed out. */
export interface Region {
  readonly offset: number;
  readonly size: number;
  /** `free`: can be handed out. `overhead`: the allocator's own. */
  readonly kind: "free" | "overhead";
  /** Which list it is on. */
  readonly list: string;
}

/** Something that is wrong with the heap's bytes. */
export interface HeapProblem {
  readonly kind:
    | "bad list"
    | "overflow"
    | "underflow"
    | "use after free"
    | "double free"
    | "invalid free";
  /** Of the first byte that is wrong. */
  readonly address: bigint;
  /** The block it belongs to: its address and requested size. */
  readonly block?: { readonly address: bigint; readonly size: number };
  /** For people. */
  readonly text: string;
}

/** Numbers about a heap, in bytes and counts. */
export interface HeapStats {
  readonly allocator: string;
  readonly size: number;
  /** What callers asked for and have not freed. */
  readonly used: number;
  /** What that takes, rounded up to the allocator's blocks. */
  readonly taken: number;
  readonly free: number;
  /** The allocator's own: headers and bitmaps. */
  readonly overhead: number;
  /** Neither taken nor free nor overhead: padding nobody remembers, memory that waits for a reset. */
  readonly lost: number;
  readonly holes: number;
  readonly largestHole: number;
  /** 1 - largest hole / free: 0 when all that is free is in one piece. */
  readonly externalFragmentation: number;
  /** (taken - used) / taken: the share of handed-out bytes that nobody asked for. */
  readonly internalFragmentation: number;
  /** Blocks alive. */
  readonly live: number;
  readonly allocations: number;
  readonly frees: number;
  readonly failures: number;
  /** List nodes looked at: what the searches cost. */
  readonly visited: number;
}

/**
 * An allocator over a {@linkcode HeapMemory}. It is the unsafe layer, as `GlobalAlloc` is:
 * sizes are whole numbers from 1, alignments powers of two, and `dealloc` is told what `alloc`
 * was. {@linkcode Heap} is the checked door.
 */
export abstract class Allocator {
  /** For people: the design and its policy. */
  abstract readonly name: string;
  allocations = 0;
  frees = 0;
  failures = 0;
  used = 0;
  taken = 0;
  visited = 0;

  constructor(readonly memory: HeapMemory) {}

  /**
   * Hands out `size` bytes at a multiple of `align`.
   *
   * @returns The offset, or {@linkcode NONE} when there is no room for it, or when `align` is
   * more than the heap's start has ({@linkcode HeapMemory.maxAlign}).
   */
  abstract alloc(size: number, align: number): number;

  /** Takes back what `alloc(size, align)` gave. Anything else damages the heap. */
  abstract dealloc(offset: number, size: number, align: number): void;

  /** Bytes that such a request takes once it is given. */
  abstract footprint(size: number, align: number): number;

  /** What is not handed out, in the order of the lists. @throws {HeapCorruptedError} */
  abstract regions(): Region[];

  /** Checks the invariants of the design in guest memory. */
  abstract verify(): HeapProblem[];

  /** The numbers that are not in guest memory (list heads, counters), for snapshots. */
  abstract saveRoots(): number[];

  abstract loadRoots(roots: readonly number[]): void;

  stats(): HeapStats {
    const { allocations, frees, failures, used, taken, visited } = this;
    let [free, overhead, holes, largestHole] = [0, 0, 0, 0];
    for (const { kind, size } of this.regions()) {
      if (kind === "overhead") {
        overhead += size;
        continue;
      }
      free += size;
      holes++;
      largestHole = Math.max(largestHole, size);
    }
    return {
      allocator: this.name,
      size: this.memory.size,
      used,
      taken,
      free,
      overhead,
      lost: this.memory.size - free - overhead - taken,
      holes,
      largestHole,
      externalFragmentation: free === 0 ? 0 : 1 - largestHole / free,
      internalFragmentation: taken === 0 ? 0 : (taken - used) / taken,
      live: allocations - frees,
      allocations,
      frees,
      failures,
      visited,
    };
  }

  protected failed(): number {
    this.failures++;
    return NONE;
  }

  protected gave(offset: number, size: number, taken: number): number {
    this.allocations++;
    this.used += size;
    this.taken += taken;
    return offset;
  }

  protected took(size: number, taken: number): void {
    this.frees++;
    this.used -= size;
    this.taken -= taken;
  }

  protected saveCounters(): number[] {
    return [
      this.allocations,
      this.frees,
      this.failures,
      this.used,
      this.taken,
      this.visited,
    ];
  }

  protected loadCounters(counters: readonly number[]): void {
    [this.allocations, this.frees, this.failures, this.used, this.taken, this.visited] =
      counters as [number, number, number, number, number, number];
  }

  protected problem(offset: number, text: string): HeapProblem {
    const address = this.memory.addressOf(offset);
    return { kind: "bad list", address, text: `0x${address.toString(16)}: ${text}` };
  }
}

/** The next multiple of a power of two. */
export function alignUp(offset: number, align: number): number {
  return (offset + align - 1) & -align;
}
