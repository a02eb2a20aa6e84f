/**
 * The fixed-size block allocator: a list of equal blocks per size class.
 *
 * ```text
 *    8 ─► □─►□            a free block's first 8 bytes point to the next
 *   16 ─► ▭─►▭─►▭
 *    …
 * 2048 ─► (empty: the first request cuts a block from the fallback)
 *         larger requests ─► fallback: a linked list, by address, joined
 * ```
 *
 * A block is as large and as aligned as its class. Lists start empty and are filled by what is
 * freed. Blocks never go back to the fallback: what a class once got stays its own.
 */
import { Allocator, type HeapProblem, type Region } from "./allocator.ts";
import { type HeapMemory, NONE } from "./heap_memory.ts";
import { LinkedListAllocator, type LinkedListPolicy } from "./linked_list.ts";
import { followList } from "./linked_list_verify.ts";

/** Powers of two, so that a block's size is its alignment. */
export const BLOCK_SIZES: readonly number[] = [8, 16, 32, 64, 128, 256, 512, 1024, 2048];

const LARGEST = 2048;
const SMALLEST_SHIFT = 3;

export class FixedSizeBlockAllocator extends Allocator {
  readonly name = "fixed-size blocks";
  readonly fallback: LinkedListAllocator;
  readonly #heads = new Int32Array(BLOCK_SIZES.length).fill(NONE);

  /** @param fallback Policy of the linked list behind. */
  constructor(memory: HeapMemory, fallback: Partial<LinkedListPolicy> = {}) {
    super(memory);
    this.fallback = new LinkedListAllocator(memory, fallback);
  }

  /** Offset of the first free block of each class, or {@linkcode NONE}. */
  get heads(): readonly number[] {
    return [...this.#heads];
  }

  alloc(size: number, align: number): number {
    const need = size > align ? size : align;
    if (need > LARGEST) {
      const offset = this.fallback.alloc(size, align);
      if (offset === NONE) return this.failed();
      return this.gave(offset, size, this.fallback.footprint(size, align));
    }
    const index = classOf(need);
    const block = 8 << index;
    const head = this.#heads[index];
    if (head !== NONE) {
      this.#heads[index] = this.memory.link(head);
      return this.gave(head, size, block);
    }
    const offset = this.fallback.alloc(block, block);
    return offset === NONE ? this.failed() : this.gave(offset, size, block);
  }

  dealloc(offset: number, size: number, align: number): void {
    const need = size > align ? size : align;
    if (need > LARGEST) {
      this.took(size, this.fallback.footprint(size, align));
      this.fallback.dealloc(offset, size, align);
      return;
    }
    const index = classOf(need);
    this.took(size, 8 << index);
    this.memory.setLink(offset, this.#heads[index]);
    this.#heads[index] = offset;
  }

  footprint(size: number, align: number): number {
    const need = Math.max(size, align);
    return need > LARGEST ? this.fallback.footprint(size, align) : 8 << classOf(need);
  }

  regions(): Region[] {
    const regions: Region[] = [];
    BLOCK_SIZES.forEach((size, index) => {
      let count = 0;
      for (let node = this.#heads[index]; node !== NONE; node = this.memory.link(node)) {
        if (++count > this.memory.size / 8) {
          this.memory.corrupted(node, "in a list that runs in a circle");
        }
        regions.push({ offset: node, size, kind: "free", list: `${size}` });
      }
    });
    return [...regions, ...this.fallback.regions()];
  }

  verify(): HeapProblem[] {
    const problems = this.fallback.verify();
    BLOCK_SIZES.forEach((size, index) => {
      const most = this.memory.size / Math.max(size, 16);
      const { nodes, problem } = followList(this.memory, this.#heads[index], 0, most);
      if (problem !== undefined) problems.push(problem);
      for (const node of nodes) {
        if (node % size === 0 && node + size <= this.memory.size) continue;
        problems.push(this.problem(node, `no place for a block of ${size} bytes`));
      }
    });
    return problems;
  }

  saveRoots(): number[] {
    return [...this.saveCounters(), ...this.#heads, ...this.fallback.saveRoots()];
  }

  loadRoots(roots: readonly number[]): void {
    const lists = 6 + BLOCK_SIZES.length;
    this.loadCounters(roots);
    this.#heads.set(roots.slice(6, lists));
    this.fallback.loadRoots(roots.slice(lists));
  }
}

/** Index of the smallest block that holds 1–2048 bytes. */
function classOf(need: number): number {
  return need <= 8 ? 0 : 32 - SMALLEST_SHIFT - Math.clz32(need - 1);
}
