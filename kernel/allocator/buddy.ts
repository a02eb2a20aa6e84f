/**
 * The buddy allocator: blocks of 16 · 2^order bytes, halved to fit and joined with their other
 * half when both are free.
 *
 * ```text
 * order 2  ├───────────────┤          freed block:  │ next (8) │ previous (8) │
 * order 1  ├───────┤▒▒▒▒▒▒▒│          pair bits:     one per two buddies and order, set while
 * order 0  ├───┤▒▒▒│                                exactly one of them is free
 * ```
 *
 * A block at `offset` has its buddy at `offset ^ size`, and is aligned to its size. The heap need
 * not be a power of two: it is cut into the largest blocks that fit. The pair bits are the last
 * bytes of the heap, real and in the guest's sight like the lists.
 */
import { Allocator, type HeapProblem, type Region } from "./allocator.ts";
import { type HeapMemory, NONE } from "./heap_memory.ts";
import { badWord, followList } from "./linked_list_verify.ts";

const SMALLEST = 16;
const SMALLEST_SHIFT = 4;

export class BuddyAllocator extends Allocator {
  readonly name = "buddy";
  /** Bytes below the pair bits. */
  readonly #end: number;
  readonly #heads: Int32Array;
  /** Number of the first pair of each order. */
  readonly #firstPair: Int32Array;

  constructor(memory: HeapMemory) {
    super(memory);
    const orders = memory.size === 0 ? 0 : 32 - SMALLEST_SHIFT - Math.clz32(memory.size);
    this.#heads = new Int32Array(orders).fill(NONE);
    this.#firstPair = new Int32Array(orders);
    let pairs = 0;
    for (let order = 0; order < orders; order++) {
      this.#firstPair[order] = pairs;
      pairs += (memory.size >>> (SMALLEST_SHIFT + 1 + order)) + 1;
    }
    const bitmap = Math.ceil(pairs / 32) * 4;
    this.#end = Math.max(0, (memory.size - bitmap) & -SMALLEST);
    memory.fill(this.#end, memory.size - this.#end, 0);
    for (let offset = 0; offset < this.#end;) {
      let order = orders - 1;
      while ((offset & (SMALLEST << order) - 1) !== 0 || offset + (SMALLEST << order) > this.#end) {
        order--;
      }
      this.#flip(offset, order);
      this.#push(offset, order);
      offset += SMALLEST << order;
    }
  }

  /** Offset of the first free block of each order, or {@linkcode NONE}. */
  get heads(): readonly number[] {
    return [...this.#heads];
  }

  alloc(size: number, align: number): number {
    if (size > this.#end || align > this.memory.maxAlign) return this.failed();
    const order = orderOf(size > align ? size : align);
    const orders = this.#heads.length;
    let from = order;
    while (from < orders && this.#heads[from] === NONE) from++;
    this.visited += from - order + 1;
    if (from >= orders) return this.failed();
    const offset = this.#heads[from];
    this.#remove(offset, from);
    this.#flip(offset, from);
    while (from > order) {
      from--;
      const half = offset + (SMALLEST << from);
      this.#flip(half, from);
      this.#push(half, from);
    }
    return this.gave(offset, size, SMALLEST << order);
  }

  dealloc(offset: number, size: number, align: number): void {
    let order = orderOf(size > align ? size : align);
    this.took(size, SMALLEST << order);
    const orders = this.#heads.length;
    // Flipped to 0: the buddy is free as well. The last pairs have no buddy and stay at 1.
    while (this.#flip(offset, order) === 0 && order + 1 < orders) {
      const buddy = offset ^ (SMALLEST << order);
      this.#remove(buddy, order);
      if (buddy < offset) offset = buddy;
      order++;
      this.visited++;
    }
    this.#push(offset, order);
  }

  footprint(size: number, align: number): number {
    return SMALLEST << orderOf(Math.max(size, align));
  }

  regions(): Region[] {
    const regions: Region[] = [];
    this.#heads.forEach((head, order) => {
      const size = SMALLEST << order;
      let left = this.memory.size / size;
      for (let node = head; node !== NONE; node = this.memory.link(node)) {
        if (--left < 0) this.memory.corrupted(node, "in a list that runs in a circle");
        regions.push({ offset: node, size, kind: "free", list: `${size}` });
      }
    });
    const size = this.memory.size - this.#end;
    if (size > 0) regions.push({ offset: this.#end, size, kind: "overhead", list: "pair bits" });
    return regions;
  }

  verify(): HeapProblem[] {
    const { memory } = this;
    const problems: HeapProblem[] = [];
    const free = this.#heads.length === 0 ? [] : Array.from(this.#heads, (head, order) => {
      const size = SMALLEST << order;
      const { nodes, problem } = followList(memory, head, 0, memory.size / size);
      if (problem !== undefined) problems.push(problem);
      nodes.forEach((node, i) => {
        if (node % size !== 0 || node + size > this.#end) {
          problems.push(this.problem(node, `no place for a block of ${size} bytes`));
        }
        const previous = i === 0 ? 0n : memory.addressOf(nodes[i - 1]);
        if (memory.long(node + 8) !== previous) {
          problems.push(badWord(memory, node + 8, "not the previous block"));
        }
      });
      return new Set(nodes);
    });
    free.forEach((nodes, order) => {
      const size = SMALLEST << order;
      for (let pair = 0; pair < this.#end; pair += 2 * size) {
        const halves = Number(nodes.has(pair)) + Number(nodes.has(pair + size));
        const bit = this.#bit(pair, order);
        const last = order + 1 === free.length;
        if (halves === 2 && !last || bit !== (halves & 1)) {
          const text = `${halves} halves of ${size} bytes are free and the pair bit is ${bit}`;
          problems.push(this.problem(pair, text));
        }
      }
    });
    return problems;
  }

  saveRoots(): number[] {
    return [...this.saveCounters(), ...this.#heads];
  }

  loadRoots(roots: readonly number[]): void {
    this.loadCounters(roots);
    this.#heads.set(roots.slice(6));
  }

  #push(offset: number, order: number): void {
    const { memory } = this;
    const head = this.#heads[order];
    memory.setLink(offset, head);
    memory.setLink(offset + 8, NONE);
    if (head !== NONE) memory.setLink(head + 8, offset);
    this.#heads[order] = offset;
  }

  #remove(offset: number, order: number): void {
    const { memory } = this;
    const next = memory.link(offset);
    const previous = memory.link(offset + 8);
    if (previous === NONE) this.#heads[order] = next;
    else memory.setLink(previous, next);
    if (next !== NONE) memory.setLink(next + 8, previous);
  }

  /** Inverts the bit of a block's pair. @returns The new bit. */
  #flip(offset: number, order: number): number {
    const pair = this.#firstPair[order] + (offset >>> (SMALLEST_SHIFT + 1 + order));
    const at = this.memory.at(this.#end + (pair >>> 5 << 2)) >> 2;
    const word = this.memory.i32[at] ^ (1 << (pair & 31));
    this.memory.i32[at] = word;
    return word >>> (pair & 31) & 1;
  }

  #bit(offset: number, order: number): number {
    const pair = this.#firstPair[order] + (offset >>> (SMALLEST_SHIFT + 1 + order));
    return this.memory.word(this.#end + (pair >>> 5 << 2)) >>> (pair & 31) & 1;
  }
}

/** Order of the smallest block that holds so many bytes. */
function orderOf(need: number): number {
  return need <= SMALLEST ? 0 : 32 - SMALLEST_SHIFT - Math.clz32(need - 1);
}
