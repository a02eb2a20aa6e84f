/**
 * Integrity checks: red zones, poison and a quarantine around every block.
 *
 * ```text
 * alive        │ fd fd … fd │ cd cd cd (the block) │ fd fd … fd │
 *                front zone                          back zone
 * quarantined  │ fd fd … fd │ dd dd dd             │ fd fd … fd │
 * ```
 *
 * A changed byte of a zone is an overflow (or underflow), a changed byte of a quarantined block
 * is a use after free. Freed blocks wait in the quarantine, first in, first out, so that a late
 * write hits no one else. It costs memory and time, so it is there on request.
 */
import { hex } from "../../machine/mod.ts";
import type { HeapProblem } from "./allocator.ts";
import { type HeapMemory, NONE } from "./heap_memory.ts";

/** A block that was handed out. */
export interface Block {
  /** Of the first byte that is the caller's. */
  readonly offset: number;
  readonly size: number;
  readonly align: number;
  /** What the allocator gave: the block with its zones. */
  readonly outer: number;
  readonly outerSize: number;
  /** Counts up from 1 over all allocations. */
  readonly id: number;
}

export interface GuardOptions {
  /** Bytes before and behind each block (before: at least the alignment). Default 16. */
  readonly redZone?: number;
  /** How many freed blocks are kept back. Default 32. */
  readonly quarantine?: number;
}

/** The bytes that are written. */
export const PATTERN = { ZONE: 0xfd, FRESH: 0xcd, FREED: 0xdd } as const;

export class Guard {
  readonly redZone: number;
  readonly capacity: number;
  readonly #memory: HeapMemory;
  #quarantine: Block[] = [];

  /** @throws {RangeError} If a size is not a whole number from 0. */
  constructor(memory: HeapMemory, { redZone = 16, quarantine = 32 }: GuardOptions = {}) {
    for (const [name, value] of Object.entries({ redZone, quarantine })) {
      if (!Number.isSafeInteger(value) || value < 0) {
        throw new RangeError(`Cannot check the heap with ${name} = ${value}: not a number from 0`);
      }
    }
    this.#memory = memory;
    this.redZone = redZone;
    this.capacity = quarantine;
  }

  /** Freed blocks, the oldest first. */
  get quarantine(): readonly Block[] {
    return this.#quarantine;
  }

  set quarantine(blocks: readonly Block[]) {
    this.#quarantine = [...blocks];
  }

  /** Bytes before a block. */
  frontZone(align: number): number {
    return Math.ceil(this.redZone / align) * align;
  }

  /** Marks a block that was just given. */
  arm({ offset, size, outer, outerSize }: Block): void {
    this.#memory.fill(outer, outerSize, PATTERN.ZONE);
    this.#memory.fill(offset, size, PATTERN.FRESH);
  }

  /** Poisons a freed block and keeps it. @returns The block that must leave for it. */
  retire(block: Block): Block | undefined {
    this.#memory.fill(block.offset, block.size, PATTERN.FREED);
    this.#quarantine.push(block);
    return this.#quarantine.length > this.capacity ? this.#quarantine.shift() : undefined;
  }

  /** Empties the quarantine. */
  drain(): Block[] {
    const blocks = this.#quarantine;
    this.#quarantine = [];
    return blocks;
  }

  /** What was done to a block's zones. */
  inspect(block: Block): HeapProblem[] {
    const { offset, size, outer, outerSize } = block;
    const end = offset + size;
    return [
      ...this.#changed(block, "underflow", outer, offset - outer, PATTERN.ZONE),
      ...this.#changed(block, "overflow", end, outer + outerSize - end, PATTERN.ZONE),
    ];
  }

  /** What was done to a freed block. */
  inspectFreed(block: Block): HeapProblem[] {
    const { offset, size } = block;
    return [
      ...this.inspect(block),
      ...this.#changed(block, "use after free", offset, size, PATTERN.FREED),
    ];
  }

  #changed(
    block: Block,
    kind: "underflow" | "overflow" | "use after free",
    offset: number,
    length: number,
    pattern: number,
  ): HeapProblem[] {
    const memory = this.#memory;
    const first = memory.findOther(offset, length, pattern);
    if (first === NONE) return [];
    const count = memory.read(first, offset + length - first).filter((byte) => byte !== pattern);
    const address = memory.addressOf(first);
    const at = memory.addressOf(block.offset);
    return [{
      kind,
      address,
      block: { address: at, size: block.size },
      text: `${kind}: ${hex(address)} holds 0x${count[0].toString(16).padStart(2, "0")}` +
        ` (${count.length} changed), by the block of ${block.size} bytes at ${hex(at)}`,
    }];
  }
}
