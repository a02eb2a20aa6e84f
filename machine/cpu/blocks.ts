/**
 * The block cache: decoded straight-line code, by physical address and mode.
 *
 * A block is a run of records in the code arena behind a header record that counts its
 * instructions off `STATE.left`. It ends at a jump, at the end of its page, or when it is long;
 * an instruction that crosses a page is a block of its own.
 */
import { GUEST_FAULT, VECTOR } from "../arch/exceptions.ts";
import { MODE, STATE } from "../memory/layout.ts";
import { PAGE_SIZE, type PhysicalMemory } from "../memory/physical.ts";
import type { Mmu } from "../mmu/mmu.ts";
import { Builder } from "./builder.ts";
import type { CodeSize, Instruction } from "./decode/instruction.ts";
import { decode } from "./decode/decoder.ts";
import { FIRST_OPERAND, lower } from "./emit.ts";
import { fuse } from "./fuse.ts";
import type { MicroOp } from "./microop.ts";
import type { Routines } from "./routines.ts";
import type { Semantics } from "./semantics/semantics.ts";
import type { CpuState } from "./state.ts";

const MAX_INSTRUCTIONS = 64;
const MAX_BYTES = 1024;
/** Room that a block may need in the arena, in words. */
const MAX_BLOCK_WORDS = 4000;
/** Code is tracked in chunks of this many bytes, so that data beside it can change freely. */
const CHUNK_SHIFT = 7;

/** A mode flag beside those of `MODE`: the block holds one instruction only. */
export const SINGLE = 1 << 30;

/** A decoded block. */
export interface Block {
  readonly ripLow: number;
  readonly ripHigh: number;
  /** The mode word it was decoded for, with {@linkcode SINGLE}. */
  readonly mode: number;
  readonly csLimit: number;
  /** Physical address of the first byte, and of the second page or -1. */
  readonly physical: number;
  readonly secondPage: number;
  readonly bytes: number;
  readonly instructions: number;
  /** Index of the header record in the arena. */
  readonly start: number;
  /** Number of its fused routine, or -1. */
  fused: number;
  /** Set when its bytes have changed: it must not be entered any more. */
  dead: boolean;
}

/**
 * Layout of a header record behind the routine's number. `COUNT` has bit 31 set, which tells a
 * header from other records, and the number of instructions in bits 7:0. `HEAT` is counted down
 * at each entry; at 0 the block is fused.
 */
export const HEADER = { COUNT: 1, RIP_LOW: 2, RIP_HIGH: 3, HEAT: 4, WORDS: 5 } as const;

/** Bits of the header's `COUNT` that hold the number of instructions. */
export const COUNT_MASK = 0xff;
const HEADER_MARK = 1 << 31;

/** Entries after which a block is fused. */
const FUSE_AFTER = 1500;

export class BlockCache {
  /** Where the records live. */
  readonly arena: Int32Array;
  readonly #pages = new Map<number, Block[]>();
  /** Per page with code: one bit per chunk that holds some (32 chunks of 128 bytes). */
  readonly #chunks: Int32Array;
  readonly #byStart = new Map<number, Block>();
  #used = 0;
  #headerRoutine = -1;

  constructor(
    readonly memory: PhysicalMemory,
    readonly mmu: Mmu,
    readonly state: CpuState,
    readonly semantics: Readonly<Record<string, Semantics>>,
    /** Entries after which a block is fused. At 1 even blocks of one instruction are (for tests). */
    readonly fuseAfter: number = FUSE_AFTER,
    arenaWords = 1 << 21,
  ) {
    this.arena = new Int32Array(arenaWords);
    this.#chunks = new Int32Array(memory.codePages.length);
  }

  /** Linear addresses (low words) that must start a block of their own: breakpoints. */
  readonly stops = new Set<number>();

  /** Set once, after the routines exist (they need the arena). */
  routines!: Routines;

  /** Number of blocks held. */
  get size(): number {
    let size = 0;
    for (const blocks of this.#pages.values()) size += blocks.length;
    return size;
  }

  /**
   * The block for RIP in a mode, from the cache or decoded now.
   *
   * @throws GUEST_FAULT If the first instruction cannot be fetched.
   */
  get(ripLow: number, ripHigh: number, mode: number): Block {
    const state = this.state;
    const code64 = (mode & MODE.CODE_SIZE_MASK) === 2;
    const linearLow = code64 ? ripLow : (ripLow + state.baseLow(1)) | 0;
    const linearHigh = code64 ? ripHigh : 0;
    const csLimit = code64 ? 0 : state.limit(1);
    const user = (mode & MODE.USER) !== 0;
    if (!code64 && (ripLow >>> 0) > csLimit) state.raise(VECTOR.GP, 0);
    const page = this.#fetchPage(linearLow, linearHigh, user);
    const physical = page + (linearLow & 0xfff);
    const blocks = this.#pages.get(page / PAGE_SIZE);
    if (blocks !== undefined) {
      for (const block of blocks) {
        if (
          !block.dead && block.physical === physical && block.ripLow === ripLow &&
          block.ripHigh === ripHigh &&
          block.mode === mode && block.csLimit === csLimit
        ) {
          if (block.secondPage >= 0) {
            const next = this.#nextPage(linearLow, linearHigh, user);
            if (next !== block.secondPage) continue;
          }
          return block;
        }
      }
    }
    return this.#build(ripLow, ripHigh, mode, csLimit, linearLow, linearHigh, physical);
  }

  /** Drops the blocks that have code in a range of a page. Called before the bytes change. */
  invalidate(address: number, length: number): boolean {
    const page = address >>> 12;
    const chunks = chunkMask(address & 0xfff, length);
    if ((this.#chunks[page] & chunks) === 0) return false;
    const kept: Block[] = [];
    let left = 0;
    for (const block of this.#pages.get(page) ?? []) {
      const own = this.#chunksOn(block, page);
      if (block.dead) continue;
      if ((own & chunks) !== 0) {
        this.#bury(block);
      } else {
        kept.push(block);
        left |= own;
      }
    }
    this.#chunks[page] = left;
    if (kept.length > 0) this.#pages.set(page, kept);
    else {
      this.#pages.delete(page);
      this.memory.codePages[page] = 0;
    }
    this.memory.i32[STATE.epoch >> 2]++;
    return true;
  }

  /** Fuses the block whose header is at `start`: called when it has become hot. */
  fuse(start: number): void {
    const block = this.#byStart.get(start);
    if (block === undefined || block.dead || block.fused >= 0 || block.secondPage >= 0) return;
    const { mode, physical } = block;
    const codeSize = (16 << (mode & MODE.CODE_SIZE_MASK)) as CodeSize;
    const instructions: MicroOp[][] = [];
    for (let offset = 0; offset < block.bytes;) {
      const instruction = decode(
        (i) => this.memory.read8((physical + offset + i) | 0, 0),
        codeSize,
      );
      instructions.push(this.#translate(instruction, block, offset));
      offset += instruction.length;
    }
    const user = (mode & MODE.USER) !== 0;
    block.fused = this.routines.add(fuse(instructions, start + HEADER.WORDS, user));
    this.arena[start] = block.fused;
  }

  /** Forgets a block that has been dropped. */
  #bury(block: Block): void {
    block.dead = true;
    this.#byStart.delete(block.start);
    if (block.fused >= 0) this.routines.remove(block.fused);
  }

  /** Drops everything. */
  clear(): void {
    for (const block of this.#byStart.values()) this.#bury(block);
    this.#pages.clear();
    this.#chunks.fill(0);
    this.memory.codePages.fill(0);
    this.#used = 0;
    this.memory.i32[STATE.epoch >> 2]++;
  }

  #nextPage(linearLow: number, linearHigh: number, user: boolean): number {
    const low = ((linearLow & ~0xfff) + PAGE_SIZE) | 0;
    const high = low === 0 && (this.state.word(STATE.mode) & MODE.CODE_SIZE_MASK) === 2
      ? (linearHigh + 1) | 0
      : linearHigh;
    return this.#fetchPage(low, high, user);
  }

  /** The physical page that code at a linear address is in; aliases have one name. */
  #fetchPage(linearLow: number, linearHigh: number, user: boolean): number {
    const page = (this.mmu.fetchPage(linearLow, linearHigh, user) & ~0xfff) >>> 0;
    if (page >= 0xffff_0000) return page - 0xfff0_0000;
    return this.memory.a20 ? page : (page & ~(1 << 20)) >>> 0;
  }

  #build(
    ripLow: number,
    ripHigh: number,
    mode: number,
    csLimit: number,
    linearLow: number,
    linearHigh: number,
    physical: number,
  ): Block {
    if (this.#used + MAX_BLOCK_WORDS > this.arena.length) this.clear();
    const arena = this.arena;
    const user = (mode & MODE.USER) !== 0;
    const code64 = (mode & MODE.CODE_SIZE_MASK) === 2;
    const codeSize = (16 << (mode & MODE.CODE_SIZE_MASK)) as CodeSize;
    const most = (mode & SINGLE) !== 0 ? 1 : MAX_INSTRUCTIONS;
    const room = PAGE_SIZE - (physical & 0xfff);
    const start = this.#used;
    let secondPage = -1;
    let p = start + HEADER.WORDS;
    let offset = 0;
    let count = 0;

    const fetch = (index: number): number => {
      const at = offset + index;
      if (!code64 && (ripLow >>> 0) + at > csLimit) this.state.raise(VECTOR.GP, 0);
      if (at < room) return this.memory.read8(physical + at | 0, 0);
      if (secondPage < 0) secondPage = this.#nextPage(linearLow, linearHigh, user);
      return this.memory.read8(secondPage + (at - room) | 0, 0);
    };

    let terminated = false;
    while (!terminated && count < most && offset < room && offset < MAX_BYTES) {
      if (count > 0 && this.stops.has((linearLow + offset) | 0)) break;
      let instruction: Instruction;
      try {
        instruction = decode(fetch, codeSize);
      } catch (error) {
        if (error !== GUEST_FAULT || count === 0) throw error;
        secondPage = -1;
        break;
      }
      if (offset + instruction.length > room && count > 0) {
        secondPage = -1;
        break;
      }
      const ops = this.#translate(instruction, { mode, ripLow, ripHigh, csLimit }, offset);
      const lowered = lower(ops, { user });
      arena[p] = this.routines.number(lowered);
      arena[p + 1] = count << 24 | offset << 12 | (p - start);
      arena.set(lowered.operands, p + FIRST_OPERAND);
      p += FIRST_OPERAND + lowered.operands.length;
      offset += instruction.length;
      count++;
      terminated = lowered.leaves || lowered.terminates;
    }
    // Also behind a jump: its position is where the jump's following RIP is read from.
    p = this.#appendLink(p, start, count, offset, ripLow, ripHigh, mode);

    arena[start] = this.#header();
    arena[start + HEADER.COUNT] = HEADER_MARK | count;
    const fusible = secondPage < 0 && ((mode & SINGLE) === 0 || this.fuseAfter === 1);
    arena[start + HEADER.HEAT] = fusible ? this.fuseAfter : 0;
    arena[start + HEADER.RIP_LOW] = ripLow;
    arena[start + HEADER.RIP_HIGH] = ripHigh;
    this.#used = p;
    const block: Block = {
      ripLow,
      ripHigh,
      mode,
      csLimit,
      physical,
      secondPage,
      bytes: offset,
      instructions: count,
      start,
      fused: -1,
      dead: false,
    };
    this.#byStart.set(start, block);
    this.#register(block, physical >>> 12);
    if (secondPage >= 0) this.#register(block, secondPage >>> 12);
    return block;
  }

  /** An instruction's micro-operations, at an offset in a block. */
  #translate(
    instruction: Instruction,
    { mode, ripLow, ripHigh, csLimit }: Pick<Block, "mode" | "ripLow" | "ripHigh" | "csLimit">,
    offset: number,
  ): MicroOp[] {
    const low = (ripLow + offset) | 0;
    const high = (low >>> 0) < (ripLow >>> 0) ? (ripHigh + 1) | 0 : ripHigh;
    const builder = new Builder(instruction, { mode, ripLow: low, ripHigh: high, csLimit });
    const semantics = this.semantics[instruction.mnemonic];
    if (semantics === undefined) {
      throw new TypeError(`No semantics for "${instruction.mnemonic}"`);
    }
    semantics(builder, instruction.operands);
    return builder.ops;
  }

  /** Ends a block that just stops with a direct jump to what follows; it retires nothing. */
  #appendLink(
    p: number,
    start: number,
    count: number,
    offset: number,
    ripLow: number,
    ripHigh: number,
    mode: number,
  ): number {
    const low = (ripLow + offset) | 0;
    const code64 = (mode & MODE.CODE_SIZE_MASK) === 2;
    const high = code64 && (low >>> 0) < (ripLow >>> 0) ? (ripHigh + 1) | 0 : ripHigh;
    const lowered = lower([{ op: "goto", low, high }], { user: false });
    this.arena[p] = this.routines.number(lowered);
    this.arena[p + 1] = count << 24 | offset << 12 | (p - start);
    this.arena.set(lowered.operands, p + FIRST_OPERAND);
    return p + FIRST_OPERAND + lowered.operands.length;
  }

  #header(): number {
    if (this.#headerRoutine < 0) {
      const left = `I[${STATE.left >> 2}]`;
      this.#headerRoutine = this.routines.number({
        text: `if(--C[p+${HEADER.HEAT}]===0)return heat(p);` +
          `const n=(${left}-(C[p+${HEADER.COUNT}]&${COUNT_MASK}))|0;` +
          `if(n<0)return leaveBlock(p);${left}=n;return p+${HEADER.WORDS};`,
        operands: [],
        helpers: new Set(),
        terminates: false,
        leaves: false,
      });
    }
    return this.#headerRoutine;
  }

  #register(block: Block, page: number): void {
    const blocks = this.#pages.get(page);
    if (blocks === undefined) this.#pages.set(page, [block]);
    else blocks.push(block);
    if (page >= this.#chunks.length) return;
    this.#chunks[page] |= this.#chunksOn(block, page);
    this.mmu.protectCodePage(page);
  }

  #chunksOn(block: Block, page: number): number {
    const inPage = block.physical & 0xfff;
    if (page === block.physical >>> 12) {
      return chunkMask(inPage, Math.min(block.bytes, PAGE_SIZE - inPage));
    }
    return chunkMask(0, inPage + block.bytes - PAGE_SIZE);
  }
}

/** The chunks that a range of a page touches. */
function chunkMask(offset: number, length: number): number {
  const first = offset >>> CHUNK_SHIFT;
  const last = Math.min(offset + Math.max(length, 1) - 1, PAGE_SIZE - 1) >>> CHUNK_SHIFT;
  const upTo = last === 31 ? -1 : (1 << (last + 1)) - 1;
  return upTo & ~((1 << first) - 1);
}
