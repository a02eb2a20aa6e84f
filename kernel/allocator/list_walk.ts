/**
 * The two hot loops of the linked list: to a region that is large enough, and to an address.
 *
 * When the frames are contiguous, a node's place in the buffer is its pointer's low word plus a
 * constant, so that from load to load there is one addition. Else each node takes the page map.
 * Nothing that is read is trusted: a damaged list must not run away or hang.
 */
import { type HeapMemory, NONE } from "./heap_memory.ts";

/** Bytes of a node (size, next), and so of the smallest region. */
export const NODE_SIZE = 16;

/** A place in a list. */
export class ListWalk {
  /** The node before {@linkcode found}, or {@linkcode NONE}. */
  before = NONE;
  /** Where the walk ended. {@linkcode NONE}: at the list's end. */
  found = NONE;
  /** Nodes that may still be looked at; with none left the list is a circle. */
  left: number;
  /** At most so many nodes are in the heap. */
  readonly #most: number;

  constructor(readonly memory: HeapMemory) {
    this.#most = memory.size / NODE_SIZE;
    this.left = this.#most;
  }

  /** Starts counting nodes. */
  begin(): void {
    this.left = this.#most;
  }

  /** Nodes looked at since {@linkcode begin}. */
  get seen(): number {
    return this.#most - this.left;
  }

  /**
   * Goes from `node`, which `before` precedes, to the first region of at least `need` bytes.
   *
   * @param last The last node to look at, or {@linkcode NONE}.
   * @returns Whether there is one.
   * @throws {HeapCorruptedError} If the list is damaged.
   */
  toSize(before: number, node: number, need: number, last: number): boolean {
    if (node === NONE) return this.#end(before, this.left);
    const { memory } = this;
    if (memory.base < 0) return this.#toSizePaged(before, node, need, last);
    const { view, base, low, size } = memory;
    // Positions are those of the nodes' next fields; `first` is that of a node at offset 0.
    const first = base + 8;
    const delta = (first - low) | 0;
    const lastPosition = first + last;
    let previous = first + before;
    let position = first + node;
    let left = this.left;
    for (;;) {
      if (--left < 0) this.#circle(position - first);
      if (view.getInt32(position - 8, true) >= need) {
        this.before = previous - first;
        this.found = position - first;
        this.left = left;
        return true;
      }
      const word = view.getInt32(position, true);
      if (word === 0 || position === lastPosition) return this.#end(position - first, left);
      previous = position;
      position = (word + delta) | 0;
      if ((position - first) >>> 0 >= size || (position & 7) !== 0) {
        memory.badLink(previous - base);
      }
    }
  }

  /**
   * Goes from `head` to the first node at or behind an offset.
   *
   * @throws {HeapCorruptedError} If the list is damaged.
   */
  toAddress(head: number, offset: number): void {
    this.before = NONE;
    this.found = head;
    if (head === NONE || head >= offset) return;
    const { memory } = this;
    if (memory.base < 0) return this.#toAddressPaged(head, offset);
    const { view, base, low, size } = memory;
    const first = base + 8;
    const delta = (first - low) | 0;
    const target = first + offset;
    let previous = first + head;
    let position = previous;
    let left = this.left;
    while (position < target) {
      if (--left < 0) this.#circle(position - first);
      const word = view.getInt32(position, true);
      if (word === 0) {
        this.#end(position - first, left);
        return;
      }
      previous = position;
      position = (word + delta) | 0;
      if ((position - first) >>> 0 >= size || (position & 7) !== 0) {
        memory.badLink(previous - base);
      }
    }
    this.before = previous - first;
    this.found = position - first;
    this.left = left;
  }

  #toSizePaged(before: number, node: number, need: number, last: number): boolean {
    const { memory } = this;
    for (;;) {
      if (--this.left < 0) this.#circle(node);
      if (memory.word(node) >= need) break;
      const next = node === last ? NONE : memory.link(node + 8);
      if (next === NONE) return this.#end(node, this.left);
      before = node;
      node = next;
    }
    this.before = before;
    this.found = node;
    return true;
  }

  #toAddressPaged(head: number, offset: number): void {
    let [before, node] = [NONE, head];
    while (node !== NONE && node < offset) {
      if (--this.left < 0) this.#circle(node);
      before = node;
      node = this.memory.link(node + 8);
    }
    this.before = before;
    this.found = node;
  }

  #end(before: number, left: number): boolean {
    this.before = before;
    this.found = NONE;
    this.left = left;
    return false;
  }

  #circle(node: number): never {
    this.memory.corrupted(node + 8, "in a list that runs in a circle");
  }
}
