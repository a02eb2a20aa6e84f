/**
 * Requests to a heap, recorded, and played again on another allocator.
 *
 * A trace holds what was asked, not what was given: `alloc` with a number for the block, `free`
 * of that number. Played on another design, the same program shows what that design makes of it.
 */
import type { Allocator, HeapStats } from "./allocator.ts";
import { BumpAllocator } from "./bump.ts";
import { HeapMemory, NONE, PAGE_SIZE } from "./heap_memory.ts";
import { type AllocatorChoice, makeAllocator } from "./kinds.ts";

/** One request. */
export type TraceEntry =
  | {
    readonly op: "alloc" | "allocBack";
    readonly id: number;
    readonly size: number;
    readonly align: number;
  }
  | { readonly op: "free"; readonly id: number };

/** What a replay came to. */
export interface Replay {
  /** At the end. */
  readonly stats: HeapStats;
  /** The highest external fragmentation after any request. Only with `watch`. */
  readonly worstFragmentation: number | undefined;
  /** By block number: the offset, or {@linkcode NONE} where the allocation failed. */
  readonly offsets: ReadonlyMap<number, number>;
}

export interface ReplayOptions {
  /** Size and start of the heap; by default those of the recorded one. */
  readonly size?: number;
  /** Looks at the fragmentation after each request: slow. */
  readonly watch?: boolean;
}

const OPS = ["alloc", "allocBack", "free"] as const;
/** Per entry: operation, block, size, alignment. */
const WORDS = 4;

export class HeapTrace {
  /** Bytes of the heap that was recorded. */
  readonly heapSize: number;
  readonly #start: bigint;
  #words = new Int32Array(64 * WORDS);
  #length = 0;
  #recording = false;

  constructor(memory: Pick<HeapMemory, "size" | "start">) {
    this.heapSize = memory.size;
    this.#start = memory.start;
  }

  /** Requests recorded. */
  get length(): number {
    return this.#length;
  }

  get recording(): boolean {
    return this.#recording;
  }

  /** Forgets what it has, and records from now on. */
  start(): void {
    this.#length = 0;
    this.#recording = true;
  }

  stop(): void {
    this.#recording = false;
  }

  /** Adds a request if it is recording. @internal */
  note(op: TraceEntry["op"], id: number, size = 0, align = 0): void {
    if (this.#recording) this.push(op, id, size, align);
  }

  /** Adds a request. */
  push(op: TraceEntry["op"], id: number, size = 0, align = 0): void {
    const at = this.#length * WORDS;
    if (at === this.#words.length) {
      const words = new Int32Array(at * 2);
      words.set(this.#words);
      this.#words = words;
    }
    this.#words[at] = OPS.indexOf(op);
    this.#words[at + 1] = id;
    this.#words[at + 2] = Math.min(size, 0x7fff_ffff);
    this.#words[at + 3] = Math.min(align, 0x4000_0000);
    this.#length++;
  }

  *[Symbol.iterator](): Generator<TraceEntry> {
    for (let i = 0; i < this.#length; i++) {
      const [code, id, size, align] = this.#words.subarray(i * WORDS, (i + 1) * WORDS);
      const op = OPS[code];
      yield op === "free" ? { op, id } : { op, id, size, align };
    }
  }

  /** One request a line: `alloc 1 24 8`, `free 1`. */
  toString(): string {
    return Array.from(
      this,
      (entry) =>
        entry.op === "free"
          ? `free ${entry.id}`
          : `${entry.op} ${entry.id} ${entry.size} ${entry.align}`,
    ).join("\n");
  }

  /** Reads what {@linkcode toString} wrote. @throws {SyntaxError} If a line is something else. */
  static parse(text: string, memory: Pick<HeapMemory, "size" | "start">): HeapTrace {
    const trace = new HeapTrace(memory);
    text.split("\n").forEach((line, i) => {
      if (line.trim() === "") return;
      const match = /^(?:(free) (\d+)|(alloc|allocBack) (\d+) (\d+) (\d+))$/.exec(line.trim());
      if (match === null) throw new SyntaxError(`Cannot read line ${i + 1} of a trace: "${line}"`);
      if (match[1] === "free") trace.push("free", Number(match[2]));
      else {
        const [id, size, align] = match.slice(4).map(Number);
        trace.push(match[3] as "alloc", id, size, align);
      }
    });
    return trace;
  }

  /**
   * Plays all requests on an allocator of its own, over memory of its own: the heap stays as it
   * is. A block whose allocation fails there is not freed; one that was never allocated neither.
   *
   * @throws {TypeError} If there is no such allocator.
   */
  replay(choice: AllocatorChoice, options: ReplayOptions = {}): Replay {
    const { size = this.heapSize, watch = false } = options;
    const pages = Math.floor(size / PAGE_SIZE);
    const memory = new HeapMemory({
      buffer: new ArrayBuffer(pages * PAGE_SIZE),
      ramBase: 0,
      start: this.#start,
      frames: Array.from({ length: pages }, (_, i) => i * PAGE_SIZE),
    });
    const allocator = makeAllocator(choice, memory);
    return this.#play(allocator, watch);
  }

  #play(allocator: Allocator, watch: boolean): Replay {
    const offsets = new Map<number, number>();
    const alive = new Map<number, { offset: number; size: number; align: number }>();
    let worst = 0;
    for (const entry of this) {
      if (entry.op === "free") {
        const block = alive.get(entry.id);
        if (block === undefined) continue;
        alive.delete(entry.id);
        allocator.dealloc(block.offset, block.size, block.align);
      } else {
        const { op, id, size, align } = entry;
        const back = op === "allocBack" && allocator instanceof BumpAllocator;
        const offset = back ? allocator.allocBack(size, align) : allocator.alloc(size, align);
        offsets.set(id, offset);
        if (offset !== NONE) alive.set(id, { offset, size, align });
      }
      if (watch) worst = Math.max(worst, allocator.stats().externalFragmentation);
    }
    return {
      stats: allocator.stats(),
      worstFragmentation: watch ? worst : undefined,
      offsets,
    };
  }
}
