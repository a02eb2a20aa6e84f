/**
 * The linked list allocator: free regions hold the list of free regions.
 *
 * ```text
 *  head ─►┌──────────────────┬──────────────────────┬ ─ ─ ─
 *         │ size (64 bits)   │ next (address or 0)  │ unused
 *         └──────────────────┴──────────┬───────────┴ ─ ─ ─
 *          at the region's start        └─► the next region
 * ```
 *
 * A region is found by walking the list (`fit`), cut to size, and its rest goes back to the list,
 * where `order` says where. Sizes are multiples of 8 and at least 16, so that any freed block can
 * hold a node; a region whose rest could not is passed over.
 *
 * The naive variant forgets what alignment skips at the start of a region (`padding: "lost"`) and
 * never joins neighbours: its heap wears out. The default is what grown-up lists do.
 */
import { alignUp, Allocator, type HeapProblem, type Region } from "./allocator.ts";
import { ListWalk, NODE_SIZE } from "./list_walk.ts";
import { verifyList } from "./linked_list_verify.ts";
import { type HeapMemory, NONE } from "./heap_memory.ts";

export interface LinkedListPolicy {
  /**
   * Which region that fits: the first, the smallest, the largest, or the first after the place of
   * the previous allocation. Default first.
   */
  readonly fit: "first" | "best" | "worst" | "next";
  /** How the list is sorted: by address, by size (smallest first), or last freed first. */
  readonly order: "address" | "size" | "recency";
  /** Whether a freed block is joined with its free neighbours. */
  readonly coalesce: boolean;
  /** What becomes of the bytes before an aligned block. */
  readonly padding: "kept" | "lost";
}

export const DEFAULT_POLICY: LinkedListPolicy = {
  fit: "first",
  order: "address",
  coalesce: true,
  padding: "kept",
};

/** The first linked list of the text. */
export const NAIVE_POLICY: LinkedListPolicy = {
  fit: "first",
  order: "recency",
  coalesce: false,
  padding: "lost",
};

/** What a request takes: a multiple of 8 and of its alignment, with room for a node. */
export function regionSize(size: number, align: number): number {
  const rounded = alignUp(size, align < 8 ? 8 : align);
  return rounded < NODE_SIZE ? NODE_SIZE : rounded;
}

export class LinkedListAllocator extends Allocator {
  readonly name: string;
  readonly policy: LinkedListPolicy;
  /** More nodes than this are a circle. */
  readonly #most: number;
  readonly #walk: ListWalk;
  readonly #keepsPadding: boolean;
  readonly #coalesce: boolean;
  readonly #byAddress: boolean;
  #head = NONE;
  /** Of next fit: the node after which the search starts. */
  #rover = NONE;
  /** Where the search ended: the node before, the region, its size, and the block's start. */
  #before = NONE;
  #found = NONE;
  #length = 0;
  #start = 0;

  /** @param policy What is not the default. */
  constructor(memory: HeapMemory, policy: Partial<LinkedListPolicy> = {}) {
    super(memory);
    this.policy = { ...DEFAULT_POLICY, ...policy };
    const { fit, order, coalesce, padding } = this.policy;
    this.name = `linked list (${fit} fit, by ${order}, ` +
      `${coalesce ? "joined" : "not joined"}, padding ${padding})`;
    this.#most = memory.size / NODE_SIZE;
    this.#walk = new ListWalk(memory);
    this.#keepsPadding = padding === "kept";
    this.#coalesce = coalesce;
    this.#byAddress = order === "address";
    if (memory.size > 0) this.#insert(0, memory.size);
  }

  /** Offset of the list's first node, or {@linkcode NONE}. */
  get head(): number {
    return this.#head;
  }

  alloc(size: number, align: number): number {
    if (size > this.memory.size || align > this.memory.maxAlign) return this.failed();
    const need = regionSize(size, align);
    const { fit } = this.policy;
    const found = fit === "first"
      ? this.#searchFirst(NONE, NONE, need, align)
      : fit === "next"
      ? this.#searchNext(need, align)
      : this.#searchAll(need, align, fit === "best" ? 1 : -1);
    if (!found) return this.failed();
    this.#take(need);
    return this.gave(this.#start, size, need);
  }

  dealloc(offset: number, size: number, align: number): void {
    const length = regionSize(size, align);
    this.took(size, length);
    if (this.#byAddress) this.#insertByAddress(offset, length);
    else if (this.#coalesce) this.#insertJoined(offset, length);
    else this.#insert(offset, length);
  }

  footprint(size: number, align: number): number {
    return regionSize(size, align);
  }

  regions(): Region[] {
    const regions: Region[] = [];
    for (let node = this.#head; node !== NONE; node = this.memory.link(node + 8)) {
      if (regions.length > this.#most) this.#circle(node);
      regions.push({ offset: node, size: this.memory.word(node), kind: "free", list: "free" });
    }
    return regions;
  }

  verify(): HeapProblem[] {
    return verifyList(this.memory, this.#head, this.policy);
  }

  saveRoots(): number[] {
    return [...this.saveCounters(), this.#head, this.#rover];
  }

  loadRoots(roots: readonly number[]): void {
    this.loadCounters(roots);
    [this.#head, this.#rover] = roots.slice(6) as [number, number];
  }

  /** Where a block would start in a region, or {@linkcode NONE}. */
  #fits(node: number, length: number, need: number, align: number): number {
    let start = node;
    if (align > 8) {
      start = alignUp(node, align);
      // What is skipped must hold a node; two alignments up it does.
      if (this.#keepsPadding && start !== node && start - node < NODE_SIZE) start += align;
    }
    const rest = node + length - start - need;
    return rest === 0 || rest >= NODE_SIZE ? start : NONE;
  }

  /**
   * The first region behind `before` that fits.
   *
   * @param last The last one to look at, or {@linkcode NONE}.
   */
  #searchFirst(before: number, last: number, need: number, align: number): boolean {
    const walk = this.#walk;
    walk.begin();
    let node = before === NONE ? this.#head : this.memory.link(before + 8);
    while (walk.toSize(before, node, need, last)) {
      node = walk.found;
      const length = this.memory.word(node);
      const start = this.#fits(node, length, need, align);
      if (start !== NONE) {
        this.#before = walk.before;
        this.#found = node;
        this.#length = length;
        this.#start = start;
        this.visited += walk.seen;
        return true;
      }
      if (node === last) break;
      before = node;
      node = this.memory.link(node + 8);
    }
    this.visited += walk.seen;
    return false;
  }

  #searchNext(need: number, align: number): boolean {
    const rover = this.#rover;
    const found = this.#searchFirst(rover, NONE, need, align) ||
      (rover !== NONE && this.#searchFirst(NONE, rover, need, align));
    if (found) this.#rover = this.#before;
    return found;
  }

  /** The smallest (`sign` 1) or largest (-1) region that fits; of equals the first. */
  #searchAll(need: number, align: number, sign: number): boolean {
    const { memory } = this;
    const most = this.#most;
    let best = 0x7fff_ffff;
    let before = NONE;
    let seen = 0;
    for (let node = this.#head; node !== NONE; node = memory.link(node + 8)) {
      if (++seen > most) this.#circle(node);
      const length = memory.word(node);
      if (length >= need && length * sign < best) {
        const start = this.#fits(node, length, need, align);
        if (start !== NONE) {
          best = length * sign;
          this.#before = before;
          this.#found = node;
          this.#length = length;
          this.#start = start;
          if (sign > 0 && length === need) break;
        }
      }
      before = node;
    }
    this.visited += seen;
    return best !== 0x7fff_ffff;
  }

  /** Cuts the block out of the region that was found. */
  #take(need: number): void {
    const { memory } = this;
    const node = this.#found;
    const before = this.#before;
    const front = this.#keepsPadding ? this.#start - node : 0;
    const after = this.#start + need;
    const end = node + this.#length;
    if (end > memory.size) memory.corrupted(node, "the size of a region that leaves the heap");
    const next = memory.link(node + 8);
    if (this.#byAddress) {
      let tail = next;
      if (end !== after) {
        memory.setNode(after, end - after, next);
        tail = after;
      }
      if (front !== 0) {
        memory.setNode(node, front, tail);
      } else {
        this.#setNext(before, tail);
        if (this.#rover === node) this.#rover = before;
      }
      return;
    }
    this.#setNext(before, next);
    if (this.#rover === node) this.#rover = before;
    if (front !== 0) this.#insert(node, front);
    if (end !== after) this.#insert(after, end - after);
  }

  /** Keeps the list in the order of addresses; joins if asked to. */
  #insertByAddress(offset: number, length: number): void {
    const { memory } = this;
    const walk = this.#walk;
    walk.begin();
    walk.toAddress(this.#head, offset);
    this.visited += walk.seen;
    const before = walk.before;
    let node = walk.found;
    if (this.#coalesce) {
      if (offset + length === node) {
        length += memory.word(node);
        if (this.#rover === node) this.#rover = before;
        node = memory.link(node + 8);
      }
      if (before !== NONE) {
        const size = memory.word(before);
        if (before + size === offset) {
          memory.setNode(before, size + length, node);
          return;
        }
      }
    }
    memory.setNode(offset, length, node);
    this.#setNext(before, offset);
  }

  /** Takes the free neighbours off the list and puts the whole in. */
  #insertJoined(offset: number, length: number): void {
    const { memory } = this;
    let before = NONE;
    let node = this.#head;
    let seen = 0;
    for (let neighbours = 0; node !== NONE && neighbours < 2;) {
      if (++seen > this.#most) this.#circle(node);
      const size = memory.word(node);
      const next = memory.link(node + 8);
      if (node + size === offset || offset + length === node) {
        this.#setNext(before, next);
        if (this.#rover === node) this.#rover = before;
        if (node < offset) offset = node;
        length += size;
        neighbours++;
      } else {
        before = node;
      }
      node = next;
    }
    this.visited += seen;
    this.#insert(offset, length);
  }

  /** Puts a region where the order wants it. Two of the same size: the newer comes first. */
  #insert(offset: number, length: number): void {
    const { memory } = this;
    const { order } = this.policy;
    if (order === "address") return this.#insertByAddress(offset, length);
    let before = NONE;
    let node = this.#head;
    if (order === "size") {
      let seen = 0;
      while (node !== NONE && memory.word(node) < length) {
        if (++seen > this.#most) this.#circle(node);
        before = node;
        node = memory.link(node + 8);
      }
      this.visited += seen;
    }
    memory.setNode(offset, length, node);
    this.#setNext(before, offset);
  }

  #setNext(before: number, node: number): void {
    if (before === NONE) this.#head = node;
    else this.memory.setLink(before + 8, node);
  }

  #circle(node: number): never {
    this.memory.corrupted(node + 8, "in a list that runs in a circle");
  }
}
