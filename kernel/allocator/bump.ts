/**
 * The bump allocator: one number that goes up.
 *
 * ```text
 * 0          next            back       size
 * ├──────────┼───────────────┼──────────┤
 * │ given    │ free          │ given by │
 * │ ──►      │               │ allocBack│
 * └──────────┴───────────────┴──────────┘
 * ```
 *
 * Freed memory comes back when nothing is alive any more: a counter of living blocks reaches zero
 * and the border is reset. Two tricks soften that: with `freeLast` the block given last can be
 * freed at once (a loop that allocates and frees reuses its bytes), and `allocBack` gives memory
 * from the end, with a border and a counter of its own, so that the long-lived need not stand in
 * the way of the short-lived.
 */
import { alignUp, Allocator, type HeapProblem, type Region } from "./allocator.ts";
import type { HeapMemory } from "./heap_memory.ts";

export interface BumpOptions {
  /** Whether freeing the block given last moves the border back. Default false. */
  readonly freeLast?: boolean;
}

export class BumpAllocator extends Allocator {
  readonly name: string;
  readonly #freeLast: boolean;
  #next = 0;
  #back: number;
  #live = 0;
  #liveBack = 0;

  constructor(memory: HeapMemory, { freeLast = false }: BumpOptions = {}) {
    super(memory);
    this.#freeLast = freeLast;
    this.#back = memory.size;
    this.name = freeLast ? "bump (frees the last)" : "bump";
  }

  /** Offset of the border between given and free. */
  get next(): number {
    return this.#next;
  }

  /** Offset of the border to what {@linkcode allocBack} gave. */
  get back(): number {
    return this.#back;
  }

  alloc(size: number, align: number): number {
    if (size > this.memory.size || align > this.memory.maxAlign) return this.failed();
    const start = alignUp(this.#next, align);
    const end = start + size;
    if (end > this.#back) return this.failed();
    this.#next = end;
    this.#live++;
    return this.gave(start, size, size);
  }

  /** Like `alloc`, from the end of the heap. */
  allocBack(size: number, align: number): number {
    if (size > this.#back || align > this.memory.maxAlign) return this.failed();
    const start = (this.#back - size) & -align;
    if (start < this.#next) return this.failed();
    this.#back = start;
    this.#liveBack++;
    return this.gave(start, size, size);
  }

  dealloc(offset: number, size: number, _align: number): void {
    this.took(size, size);
    if (offset >= this.#back) {
      if (--this.#liveBack === 0) this.#back = this.memory.size;
      else if (this.#freeLast && offset === this.#back) this.#back = offset + size;
    } else if (--this.#live === 0) this.#next = 0;
    else if (this.#freeLast && offset + size === this.#next) this.#next = offset;
  }

  footprint(size: number, _align: number): number {
    return size;
  }

  regions(): Region[] {
    const size = this.#back - this.#next;
    return size === 0 ? [] : [{ offset: this.#next, size, kind: "free", list: "free" }];
  }

  verify(): HeapProblem[] {
    const ordered = 0 <= this.#next && this.#next <= this.#back && this.#back <= this.memory.size;
    if (ordered && this.#live >= 0 && this.#liveBack >= 0) return [];
    const text = `${this.#live} and ${this.#liveBack} blocks alive, borders at offsets ` +
      `${this.#next} and ${this.#back}`;
    return [this.problem(0, text)];
  }

  saveRoots(): number[] {
    return [...this.saveCounters(), this.#next, this.#back, this.#live, this.#liveBack];
  }

  loadRoots(roots: readonly number[]): void {
    this.loadCounters(roots);
    [this.#next, this.#back, this.#live, this.#liveBack] = roots.slice(6) as [
      number,
      number,
      number,
      number,
    ];
  }
}
