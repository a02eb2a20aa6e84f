/**
 * The slab allocator: pages full of objects of one size.
 *
 * ```text
 *  caches                 a slab (one page)
 *    16 ─► slab ─► slab   ┌──────────┬──────────┬──────────┬──────┬────────┬ ─ ─ ┐
 *    32                   │ next     │ previous │ free list│ size │ in use │ obj │ obj │ …
 *   …   (slabs with room) │ 8 bytes  │ 8        │ 8        │ 4    │ 4      │
 *  2032                   └──────────┴──────────┴────┬─────┴──────┴────────┴ ─ ─ ┘
 *                                                    └─► free object ─► free object ─► 0
 * ```
 *
 * The slab of an object is the page that it lies in. Slabs come from a pool of pages (a linked
 * list by address, joined) that also serves what is larger than an object can be. A slab without
 * objects goes back to the pool, unless it is its cache's only one with room; those go back when
 * the pool has nothing else. Object sizes are chosen to fill a page after its header.
 */
import { alignUp, Allocator, type HeapProblem, type Region } from "./allocator.ts";
import { type HeapMemory, NONE, PAGE_SIZE } from "./heap_memory.ts";
import { LinkedListAllocator } from "./linked_list.ts";
import { badWord, followList } from "./linked_list_verify.ts";

/** Each is aligned to the largest power of two that divides it. */
export const OBJECT_SIZES: readonly number[] = [
  ...[16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 672, 1008, 1344, 2032],
];

/** Fields of a slab's header. */
const SLAB = { next: 0, previous: 8, free: 16, objectSize: 24, inUse: 28, end: 32 } as const;

const LARGEST = OBJECT_SIZES[OBJECT_SIZES.length - 1];
/** Index of the smallest object of at least 16 n bytes. */
const CLASS_OF_SIXTEENTHS = Uint8Array.from(
  { length: LARGEST / 16 + 1 },
  (_, n) => OBJECT_SIZES.findIndex((size) => size >= n * 16),
);
/** The alignment of each class's objects. */
const ALIGNMENTS = Int32Array.from(OBJECT_SIZES, (size) => size & -size);
const FIRST_OBJECT = ALIGNMENTS.map((alignment) => alignUp(SLAB.end, alignment));

export class SlabAllocator extends Allocator {
  readonly name = "slab";
  readonly pool: LinkedListAllocator;
  readonly #heads = new Int32Array(OBJECT_SIZES.length).fill(NONE);
  readonly #slabPages: Uint8Array;

  constructor(memory: HeapMemory) {
    super(memory);
    this.pool = new LinkedListAllocator(memory);
    this.#slabPages = new Uint8Array(memory.size / PAGE_SIZE);
  }

  /** Offset of the first slab with room of each cache, or {@linkcode NONE}. */
  get heads(): readonly number[] {
    return [...this.#heads];
  }

  alloc(size: number, align: number): number {
    if (size > this.memory.size || align > this.memory.maxAlign) return this.failed();
    const index = classOf(size, align);
    if (index < 0) {
      const offset = this.#pages(pagesOf(size), align < PAGE_SIZE ? PAGE_SIZE : align);
      return offset === NONE ? this.failed() : this.gave(offset, size, pagesOf(size));
    }
    const { memory } = this;
    let slab = this.#heads[index];
    if (slab === NONE) {
      slab = this.#makeSlab(index);
      if (slab === NONE) return this.failed();
    }
    const object = memory.link(slab + SLAB.free);
    if (object === NONE) memory.corrupted(slab + SLAB.free, "no free object of a slab with room");
    const rest = memory.link(object);
    memory.setLink(slab + SLAB.free, rest);
    memory.setWord(slab + SLAB.inUse, memory.word(slab + SLAB.inUse) + 1);
    if (rest === NONE) this.#remove(slab, index);
    return this.gave(object, size, OBJECT_SIZES[index]);
  }

  dealloc(offset: number, size: number, align: number): void {
    const index = classOf(size, align);
    if (index < 0) {
      this.took(size, pagesOf(size));
      this.pool.dealloc(offset, pagesOf(size), align < PAGE_SIZE ? PAGE_SIZE : align);
      return;
    }
    const { memory } = this;
    this.took(size, OBJECT_SIZES[index]);
    const slab = offset & -PAGE_SIZE;
    const free = memory.link(slab + SLAB.free);
    memory.setLink(offset, free);
    memory.setLink(slab + SLAB.free, offset);
    const inUse = memory.word(slab + SLAB.inUse) - 1;
    memory.setWord(slab + SLAB.inUse, inUse);
    if (free === NONE) this.#push(slab, index);
    if (inUse === 0 && !this.#isOnly(slab, index)) this.#releaseSlab(slab, index);
  }

  footprint(size: number, align: number): number {
    const index = classOf(size, align);
    return index < 0 ? pagesOf(size) : OBJECT_SIZES[index];
  }

  regions(): Region[] {
    const regions: Region[] = [];
    this.#slabPages.forEach((kind, page) => {
      if (kind === 0) return;
      const slab = page * PAGE_SIZE;
      const size = OBJECT_SIZES[kind - 1];
      const first = FIRST_OBJECT[kind - 1];
      regions.push({ offset: slab, size: first, kind: "overhead", list: "slab header" });
      let left = PAGE_SIZE / size;
      let object = this.memory.link(slab + SLAB.free);
      for (; object !== NONE; object = this.memory.link(object)) {
        if (--left < 0) this.memory.corrupted(object, "in a list that runs in a circle");
        regions.push({ offset: object, size, kind: "free", list: `${size}` });
      }
      const used = first + Math.floor((PAGE_SIZE - first) / size) * size;
      if (used === PAGE_SIZE) return;
      const [offset, rest] = [slab + used, PAGE_SIZE - used];
      regions.push({ offset, size: rest, kind: "overhead", list: "slab tail" });
    });
    return [...regions, ...this.pool.regions()];
  }

  verify(): HeapProblem[] {
    const { memory } = this;
    const problems = this.pool.verify();
    const listed = new Set<number>();
    OBJECT_SIZES.forEach((_, index) => {
      const { nodes, problem } = followList(memory, this.#heads[index], SLAB.next, memory.size);
      if (problem !== undefined) problems.push(problem);
      nodes.forEach((slab, i) => {
        listed.add(slab);
        if (slab % PAGE_SIZE !== 0 || this.#slabPages[slab / PAGE_SIZE] !== index + 1) {
          problems.push(this.problem(slab, "no slab of this cache"));
        }
        const previous = i === 0 ? 0n : memory.addressOf(nodes[i - 1]);
        if (memory.long(slab + SLAB.previous) !== previous) {
          problems.push(badWord(memory, slab + SLAB.previous, "not the previous slab"));
        }
      });
    });
    this.#slabPages.forEach((kind, page) => {
      if (kind !== 0) problems.push(...this.#verifySlab(page * PAGE_SIZE, kind - 1, listed));
    });
    return problems;
  }

  saveRoots(): number[] {
    return [
      ...[...this.saveCounters(), ...this.#heads, ...this.#slabPages],
      ...this.pool.saveRoots(),
    ];
  }

  loadRoots(roots: readonly number[]): void {
    const slabs = 6 + OBJECT_SIZES.length;
    const pool = slabs + this.#slabPages.length;
    this.loadCounters(roots);
    this.#heads.set(roots.slice(6, slabs));
    this.#slabPages.set(roots.slice(slabs, pool));
    this.pool.loadRoots(roots.slice(pool));
  }

  #verifySlab(slab: number, index: number, listed: ReadonlySet<number>): HeapProblem[] {
    const { memory } = this;
    const [size, first] = [OBJECT_SIZES[index], FIRST_OBJECT[index]];
    const capacity = Math.floor((PAGE_SIZE - first) / size);
    if (memory.word(slab + SLAB.objectSize) !== size) {
      return [badWord(memory, slab + SLAB.objectSize, `no slab's size and count (size ${size})`)];
    }
    const free = memory.long(slab + SLAB.free);
    const head = free === 0n ? NONE : memory.offsetOf(free);
    if (free !== 0n && head === NONE) {
      return [badWord(memory, slab + SLAB.free, "no address in the heap")];
    }
    const { nodes, problem } = followList(memory, head, 0, capacity);
    if (problem !== undefined) return [problem];
    const problems = nodes
      .filter((node) => (node & -PAGE_SIZE) !== slab || (node - slab - first) % size !== 0)
      .map((node) => this.problem(node, `no object of the slab at offset ${slab}`));
    if (nodes.length + memory.word(slab + SLAB.inUse) !== capacity) {
      problems.push(badWord(memory, slab + SLAB.objectSize, "a slab's size and a wrong count"));
    }
    if (listed.has(slab) !== nodes.length > 0) {
      problems.push(this.problem(slab, `slab with ${nodes.length} free objects on the wrong list`));
    }
    return problems;
  }

  /** A slab for a class, first in its cache. @returns {@linkcode NONE} without a page. */
  #makeSlab(index: number): number {
    const { memory } = this;
    const slab = this.#pages(PAGE_SIZE, PAGE_SIZE);
    if (slab === NONE) return NONE;
    const size = OBJECT_SIZES[index];
    let next = NONE;
    const last = PAGE_SIZE - size;
    const first = FIRST_OBJECT[index];
    for (let at = first + Math.floor((last - first) / size) * size; at >= first; at -= size) {
      memory.setLink(slab + at, next);
      next = slab + at;
    }
    memory.setLink(slab + SLAB.free, next);
    memory.setWord(slab + SLAB.objectSize, size);
    memory.setWord(slab + SLAB.inUse, 0);
    this.#slabPages[slab / PAGE_SIZE] = index + 1;
    this.#push(slab, index);
    return slab;
  }

  #releaseSlab(slab: number, index: number): void {
    this.#remove(slab, index);
    this.#slabPages[slab / PAGE_SIZE] = 0;
    this.pool.dealloc(slab, PAGE_SIZE, PAGE_SIZE);
  }

  /** Pages of the pool; if it has none, after the caches gave their empty slabs back. */
  #pages(bytes: number, align: number): number {
    const offset = this.pool.alloc(bytes, align);
    return offset === NONE && this.#reap() ? this.pool.alloc(bytes, align) : offset;
  }

  /** @returns Whether there was an empty slab. */
  #reap(): boolean {
    let any = false;
    for (let index = 0; index < OBJECT_SIZES.length; index++) {
      let slab = this.#heads[index];
      let left = this.#slabPages.length;
      while (slab !== NONE) {
        if (--left < 0) this.memory.corrupted(slab, "in a list that runs in a circle");
        const next = this.memory.link(slab + SLAB.next);
        if (this.memory.word(slab + SLAB.inUse) === 0) {
          this.#releaseSlab(slab, index);
          any = true;
        }
        slab = next;
      }
    }
    return any;
  }

  #isOnly(slab: number, index: number): boolean {
    return this.#heads[index] === slab && this.memory.link(slab + SLAB.next) === NONE;
  }

  #push(slab: number, index: number): void {
    const { memory } = this;
    const head = this.#heads[index];
    memory.setLink(slab + SLAB.next, head);
    memory.setLink(slab + SLAB.previous, NONE);
    if (head !== NONE) memory.setLink(head + SLAB.previous, slab);
    this.#heads[index] = slab;
  }

  #remove(slab: number, index: number): void {
    const { memory } = this;
    const next = memory.link(slab + SLAB.next);
    const previous = memory.link(slab + SLAB.previous);
    if (previous === NONE) this.#heads[index] = next;
    else memory.setLink(previous + SLAB.next, next);
    if (next !== NONE) memory.setLink(next + SLAB.previous, previous);
  }
}

/** Index of the cache for a request; -1 if it takes whole pages. */
function classOf(size: number, align: number): number {
  if (size > LARGEST) return -1;
  let index = CLASS_OF_SIXTEENTHS[(size + 15) >> 4];
  while (ALIGNMENTS[index] < align) {
    if (++index === OBJECT_SIZES.length) return -1;
  }
  return index;
}

function pagesOf(size: number): number {
  return alignUp(size, PAGE_SIZE);
}
