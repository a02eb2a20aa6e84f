/**
 * The block loop: runs records of the code arena until something has to be looked at, and keeps
 * RIP and the count of retired instructions exact at every way out.
 *
 * `STATE.left` counts down what may still run before the next alarm or the end of the budget:
 * `retired = deadline - left`. A block's header takes its whole length off at once; a way out in
 * the middle gives back what did not run.
 */
import { GUEST_FAULT } from "../arch/exceptions.ts";
import { STATE } from "../memory/layout.ts";
import { type Block, type BlockCache, COUNT_MASK, HEADER } from "./blocks.ts";
import type { CpuContext, Helper } from "./context.ts";
import { umulh } from "./integer.ts";
import { type Routine, Routines, type RoutineServices } from "./routines.ts";
import { segmentLinear } from "./helpers/segments.ts";

const LEFT = STATE.left >> 2;
const RIP = STATE.rip >> 2;
const NEXT_RIP = STATE.nextRip >> 2;
const CURRENT = STATE.currentP >> 2;
const EPOCH = STATE.epoch >> 2;
const LEAVE = STATE.leave >> 2;
const MODE_WORD = STATE.mode >> 2;
const RIP_SETTLED = STATE.ripSettled >> 2;
const HIGH = STATE.high >> 2;

/** Entries of the jump cache, and the words of one: RIP low, RIP high, mode, epoch, record. */
const JUMP_ENTRIES = 4096;
const JUMP_WORDS = 8;

/** Runs blocks. One per CPU. */
export class RunLoop {
  readonly #i32: Int32Array;
  readonly #arena: Int32Array;
  readonly #table: Routine[];
  readonly #jumps = new Int32Array(JUMP_ENTRIES * JUMP_WORDS);
  readonly #blocks: BlockCache;
  /** `retired` when `STATE.left` reaches 0. */
  #deadline = 0;
  /** Operands of the direct jump that left last, or -1: waits for its target's block. */
  #pendingLink = -1;
  /** `STATE.epoch` at that time: when it has changed, the operands may be another record's. */
  #pendingEpoch = 0;

  constructor(
    readonly cpu: CpuContext,
    blocks: BlockCache,
    helpers: Readonly<Record<string, Helper>>,
  ) {
    this.#i32 = cpu.state.i32;
    this.#arena = blocks.arena;
    this.#blocks = blocks;
    const routines = new Routines(cpu.state.memory, blocks.arena, this.#services(), helpers);
    blocks.routines = routines;
    this.#table = routines.table;
    this.#i32[CURRENT] = -1;
  }

  /** Retired instructions, exact at any time. */
  get retired(): number {
    const settled = this.#deadline - this.#i32[LEFT];
    const p = this.#i32[CURRENT];
    return p < 0 ? settled : settled - this.#unretired(p);
  }

  /** Sets the count; only between runs and when the CPU skips halted time. */
  set retired(value: number) {
    this.#deadline = value;
    this.#i32[LEFT] = 0;
  }

  /** Makes the current instruction the last before the loop is left. Time is not changed. */
  requestLeave(): void {
    const i32 = this.#i32;
    if (i32[LEFT] > 0) {
      this.#deadline -= i32[LEFT];
      i32[LEFT] = 0;
    }
    i32[LEAVE] = 1;
  }

  /**
   * Runs from a block on, through everything that is linked to it, for at most `most`
   * instructions. The block that does not fit is run in part.
   *
   * @returns Whether the instruction at RIP raised a fault (noted in the state block).
   */
  run(block: Block, most: number): boolean {
    const i32 = this.#i32;
    this.#linkPending(block);
    this.#deadline = this.retired + most;
    i32[LEFT] = most;
    i32[LEAVE] = 0;
    if (block.instructions > most) return this.#runPart(block, most);
    const table = this.#table;
    const arena = this.#arena;
    let p = block.start;
    try {
      while (p >= 0) p = table[arena[p]](p);
      i32[CURRENT] = -1;
      return false;
    } catch (error) {
      // A fused block notes by itself which of its instructions it is at.
      this.#stopAt(this.#isHeader(p) ? i32[CURRENT] : p);
      if (error === GUEST_FAULT) return true;
      throw error;
    }
  }

  #isHeader(p: number): boolean {
    return this.#arena[p + HEADER.COUNT] < 0;
  }

  /** Enters a block into the jump cache, so that jumps find it without leaving the loop. */
  remember(block: Block): void {
    const at = jumpIndex(block.ripLow);
    const jumps = this.#jumps;
    jumps[at] = block.ripLow;
    jumps[at + 1] = block.ripHigh;
    jumps[at + 2] = block.mode;
    jumps[at + 3] = this.#i32[EPOCH];
    jumps[at + 4] = block.start;
  }

  /** Forgets a jump that waits for its target; when RIP was changed from outside. */
  forgetLink(): void {
    this.#pendingLink = -1;
  }

  /** Runs the first `most` instructions of a block, one record at a time. */
  #runPart(block: Block, most: number): boolean {
    const i32 = this.#i32;
    const arena = this.#arena;
    i32[LEFT] = most - block.instructions;
    let p = block.start + HEADER.WORDS;
    try {
      for (let index = 0; index < most || arena[p + 1] >>> 24 === block.instructions; index++) {
        const next = this.#table[arena[p]](p);
        if (next < 0) {
          i32[CURRENT] = -1;
          return false;
        }
        p = next;
        if (this.#isHeader(p)) break;
      }
    } catch (error) {
      this.#stopAt(p);
      if (error === GUEST_FAULT) return true;
      throw error;
    }
    if (this.#isHeader(p)) this.#leaveBlock(p);
    else this.#stopAt(p);
    i32[CURRENT] = -1;
    return false;
  }

  /** Instructions of the block from record `p` on: those that have not run. */
  #unretired(p: number): number {
    const position = this.#arena[p + 1];
    const count = this.#arena[p - (position & 0xfff) + HEADER.COUNT] & COUNT_MASK;
    return count - (position >>> 24);
  }

  /** Leaves with the instruction at `p` not run: exact RIP, exact count. */
  #stopAt(p: number): void {
    this.#i32[CURRENT] = -1;
    this.#i32[LEFT] += this.#unretired(p);
    if (this.#i32[RIP_SETTLED] === 0) this.#setRip(RIP, p);
    else this.#i32[RIP_SETTLED] = 0;
  }

  #leaveBlock(p: number): void {
    this.#i32[RIP] = this.#arena[p + HEADER.RIP_LOW];
    this.#i32[RIP + 1] = this.#arena[p + HEADER.RIP_HIGH];
  }

  /** Writes the RIP of record `p` to a word pair. */
  #setRip(to: number, p: number): void {
    const arena = this.#arena;
    const position = arena[p + 1];
    const header = p - (position & 0xfff);
    const start = arena[header + HEADER.RIP_LOW];
    const low = (start + ((position >>> 12) & 0xfff)) | 0;
    const i32 = this.#i32;
    i32[to] = low;
    i32[to + 1] = (arena[header + HEADER.RIP_HIGH] + ((low >>> 0) < (start >>> 0) ? 1 : 0)) | 0;
  }

  #linkPending(block: Block): void {
    const slot = this.#pendingLink;
    if (slot < 0) return;
    this.#pendingLink = -1;
    if (this.#pendingEpoch !== this.#i32[EPOCH]) return;
    const arena = this.#arena;
    if (arena[slot] !== block.ripLow || arena[slot + 1] !== block.ripHigh) return;
    arena[slot + 2] = block.start;
    arena[slot + 3] = this.#i32[EPOCH];
  }

  #services(): RoutineServices {
    const { cpu } = this;
    const { mmu, state } = cpu;
    const i32 = this.#i32;
    const arena = this.#arena;
    const jumps = this.#jumps;
    const product = (low: number, high: number) => {
      i32[HIGH] = high;
      return low;
    };
    const umulh64 = (al: number, ah: number, bl: number, bh: number): number => {
      // Schoolbook: partial sums stay below 2^53 as doubles.
      const middle = (umulh(al, bl) >>> 0) + (Math.imul(ah, bl) >>> 0) + (Math.imul(al, bh) >>> 0);
      const low = Math.floor(middle / 2 ** 32) + (umulh(ah, bl) >>> 0) + (umulh(al, bh) >>> 0) +
        (Math.imul(ah, bh) >>> 0);
      return product(low | 0, (Math.floor(low / 2 ** 32) + (umulh(ah, bh) >>> 0)) | 0);
    };
    return {
      cpu,
      load8: (low, high, access, p) => (i32[CURRENT] = p, mmu.load8(low, high, access)),
      load16: (low, high, access, p) => (i32[CURRENT] = p, mmu.load16(low, high, access)),
      load32: (low, high, access, p) => (i32[CURRENT] = p, mmu.load32(low, high, access)),
      load64: (low, high, access, p) => (i32[CURRENT] = p, mmu.load64(low, high, access)),
      store8: (low, high, value, access, p) => {
        i32[CURRENT] = p;
        mmu.store8(low, high, value, access);
      },
      store16: (low, high, value, access, p) => {
        i32[CURRENT] = p;
        mmu.store16(low, high, value, access);
      },
      store32: (low, high, value, access, p) => {
        i32[CURRENT] = p;
        mmu.store32(low, high, value, access);
      },
      store64: (low, high, vl, vh, access, p) => {
        i32[CURRENT] = p;
        mmu.store64(low, high, vl, vh, access);
      },
      segment: (segment, offset, bytes, write, p) => {
        i32[CURRENT] = p;
        return segmentLinear(cpu, segment, offset, bytes, write !== 0);
      },
      sync: (p, next) => {
        i32[CURRENT] = p;
        this.#setRip(RIP, p);
        this.#setRip(NEXT_RIP, next);
      },
      raise: (vector, error) => state.raise(vector, error),
      leaveAt: (p) => {
        this.#stopAt(p);
        return -1;
      },
      leaveBlock: (p) => {
        this.#leaveBlock(p);
        return -1;
      },
      leaveNext: (next) => {
        this.#setRip(RIP, next);
        return -1;
      },
      heat: (p) => {
        this.#blocks.fuse(p);
        return p;
      },
      find: (low, high) => {
        const at = jumpIndex(low);
        if (
          jumps[at] === low && jumps[at + 1] === high && jumps[at + 2] === i32[MODE_WORD] &&
          jumps[at + 3] === i32[EPOCH]
        ) {
          return jumps[at + 4];
        }
        i32[RIP] = low;
        i32[RIP + 1] = high;
        return -1;
      },
      link: (slot) => {
        i32[RIP] = arena[slot];
        i32[RIP + 1] = arena[slot + 1];
        this.#pendingLink = slot;
        this.#pendingEpoch = i32[EPOCH];
        return -1;
      },
      umulh64,
      smulh64: (al, ah, bl, bh) => {
        const low = umulh64(al, ah, bl, bh);
        let l = low;
        let h = i32[HIGH];
        if (ah < 0) {
          h = (h - bh - ((l >>> 0) < (bl >>> 0) ? 1 : 0)) | 0;
          l = (l - bl) | 0;
        }
        if (bh < 0) {
          h = (h - ah - ((l >>> 0) < (al >>> 0) ? 1 : 0)) | 0;
          l = (l - al) | 0;
        }
        return product(l, h);
      },
    };
  }
}

function jumpIndex(ripLow: number): number {
  return ((ripLow ^ (ripLow >>> 12)) & (JUMP_ENTRIES - 1)) * JUMP_WORDS;
}
