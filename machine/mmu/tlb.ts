/**
 * The translation lookaside buffer, in the memory's TLB area.
 *
 * ```text
 * word 0            count of valid 2/4 MiB entries
 * word 1            count of valid 1 GiB entries
 * word 16 …         next victim per set, one word each
 * word 512 …        rules of access, see `paging_state.ts`
 * word 1024 …       4 KiB pages:    256 sets x 4 ways
 * word 5120 …       2/4 MiB pages:  128 sets x 4 ways
 * word 7168 …       1 GiB pages:      4 sets x 4 ways
 *
 * entry: +0 linear address 31:12 | VALID   +1 linear address 63:32
 *        +2 first 4 KiB frame              +3 RIGHTS | page-size shift << 16
 * ```
 *
 * Three set-associative arrays, like the second-level TLB of the processors that we copy (1,024
 * to 1,536 entries for small and large pages, few for 1 GiB): a lookup is four comparisons, and
 * the large arrays cost nothing while they are empty. Replacement takes an invalid way first,
 * then goes round, so that equal runs evict equally. In one paging mode level 2 maps pages of one
 * size, so 2 MiB and 4 MiB entries never stand side by side.
 *
 * Shared by data and instructions, as the manual permits.
 *
 * **Not modelled:** process-context identifiers, paging-structure caches.
 *
 * @see Intel SDM Vol. 3A, "Caching Translation Information"
 */
import { TLB_AREA } from "../memory/layout.ts";
import type { FastTables } from "./fast_tables.ts";
import { RIGHTS } from "./paging_state.ts";

const AREA = TLB_AREA.start >> 2;
const LARGE_COUNT = AREA;
const GIANT_COUNT = AREA + 1;
const VICTIMS = AREA + 16;
const WAYS = 4;
const ENTRY_WORDS = 4;
const SET_WORDS = WAYS * ENTRY_WORDS;
const SMALL = AREA + 1024;
const SMALL_SETS = 256;
const LARGE = SMALL + SMALL_SETS * SET_WORDS;
const LARGE_SETS = 128;
const GIANT = LARGE + LARGE_SETS * SET_WORDS;
const GIANT_SETS = 4;
const END = GIANT + GIANT_SETS * SET_WORDS;
const VALID = 1;
const SHIFT_SHIFT = 16;

/** An entry's fields, taken apart. */
export interface RawTlbEntry {
  /** Linear address of the page's first byte, two words. */
  readonly low: number;
  readonly high: number;
  /** First 4 KiB frame. */
  readonly frame: number;
  /** {@linkcode RIGHTS}. */
  readonly rights: number;
  /** log2 of the page's size. */
  readonly shift: number;
}

/** The TLB of one CPU. An entry is known by the index of its first word. */
export class Tlb {
  /** log2 of the size of level 2's pages in the present mode: 21 or 22. */
  largeShift = 21;

  readonly #i32: Int32Array;
  readonly #fast: FastTables;

  constructor(i32: Int32Array, fast: FastTables) {
    this.#i32 = i32;
    this.#fast = fast;
  }

  /** Finds the entry for a linear address. @returns Its index, or -1. */
  find(low: number, high: number): number {
    const i32 = this.#i32;
    const tag = (low & ~0xfff) | VALID;
    const at = SMALL + ((low >>> 12) & (SMALL_SETS - 1)) * SET_WORDS;
    if (i32[at] === tag && i32[at + 1] === high) return at;
    if (i32[at + 4] === tag && i32[at + 5] === high) return at + 4;
    if (i32[at + 8] === tag && i32[at + 9] === high) return at + 8;
    if (i32[at + 12] === tag && i32[at + 13] === high) return at + 12;
    if (i32[LARGE_COUNT] !== 0) {
      const found = this.#findIn(LARGE, LARGE_SETS, low, high, this.largeShift);
      if (found >= 0) return found;
    }
    return i32[GIANT_COUNT] !== 0 ? this.#findIn(GIANT, GIANT_SETS, low, high, 30) : -1;
  }

  /** The entry's {@linkcode RIGHTS} (with other bits above bit 15). */
  rights(entry: number): number {
    return this.#i32[entry + 3];
  }

  /** The 4 KiB frame that the entry gives to a linear address within its page. */
  frame(entry: number, low: number): number {
    const shift = this.#i32[entry + 3] >>> SHIFT_SHIFT;
    return this.#i32[entry + 2] + ((low >>> 12) & ((1 << (shift - 12)) - 1));
  }

  /**
   * Adds a translation; the caller knows that no entry of its size for the page is there.
   *
   * @param frame 4 KiB frame of the address (not of the large page's start).
   * @param shift log2 of the page's size: 12, 21, 22 or 30.
   */
  insert(low: number, high: number, frame: number, rights: number, shift: number): void {
    const i32 = this.#i32;
    const start = shift === 12 ? SMALL : shift === 30 ? GIANT : LARGE;
    const sets = shift === 12 ? SMALL_SETS : shift === 30 ? GIANT_SETS : LARGE_SETS;
    const set = start + ((low >>> shift) & (sets - 1)) * SET_WORDS;
    let entry = -1;
    for (let at = set; at < set + SET_WORDS; at += ENTRY_WORDS) {
      if ((i32[at] & VALID) === 0) {
        entry = at;
        break;
      }
    }
    if (entry < 0) {
      const victim = VICTIMS + (set - SMALL) / SET_WORDS;
      entry = set + i32[victim] * ENTRY_WORDS;
      i32[victim] = (i32[victim] + 1) & (WAYS - 1);
      this.#drop(entry);
    }
    i32[entry] = (low & -(1 << shift)) | VALID;
    i32[entry + 1] = high;
    i32[entry + 2] = frame & ~((1 << (shift - 12)) - 1);
    i32[entry + 3] = rights | (shift << SHIFT_SHIFT);
    if (start === LARGE) i32[LARGE_COUNT]++;
    else if (start === GIANT) i32[GIANT_COUNT]++;
  }

  /** Drops every entry for a linear address, of any page size. @returns Whether there was one. */
  dropAddress(low: number, high: number): boolean {
    let dropped = false;
    for (;;) {
      const entry = this.find(low, high);
      if (entry < 0) return dropped;
      this.#drop(entry);
      dropped = true;
    }
  }

  /** Drops all entries, or all that are not global. The caller drops the fast tables. */
  flush(includeGlobal: boolean): void {
    const i32 = this.#i32;
    const end = i32[GIANT_COUNT] !== 0 ? END : i32[LARGE_COUNT] !== 0 ? GIANT : LARGE;
    for (let at = SMALL; at < end; at += ENTRY_WORDS) {
      if ((i32[at] & VALID) !== 0 && (includeGlobal || (i32[at + 3] & RIGHTS.G) === 0)) {
        this.#invalidate(at);
      }
    }
  }

  /** The valid entries. */
  *entries(): Generator<RawTlbEntry> {
    for (let at = SMALL; at < END; at += ENTRY_WORDS) {
      if ((this.#i32[at] & VALID) !== 0) yield this.entry(at);
    }
  }

  /** A valid entry's contents. */
  entry(at: number): RawTlbEntry {
    return {
      low: this.#i32[at] & ~0xfff,
      high: this.#i32[at + 1],
      frame: this.#i32[at + 2],
      rights: this.#i32[at + 3] & ((1 << SHIFT_SHIFT) - 1),
      shift: this.#i32[at + 3] >>> SHIFT_SHIFT,
    };
  }

  #findIn(start: number, sets: number, low: number, high: number, shift: number): number {
    const i32 = this.#i32;
    const tag = (low & -(1 << shift)) | VALID;
    const set = start + ((low >>> shift) & (sets - 1)) * SET_WORDS;
    for (let at = set; at < set + SET_WORDS; at += ENTRY_WORDS) {
      if (i32[at] === tag && i32[at + 1] === high) return at;
    }
    return -1;
  }

  /** Invalidates an entry, and what the fast tables have from it. */
  #drop(entry: number): void {
    const low = this.#i32[entry] & ~0xfff;
    const high = this.#i32[entry + 1];
    const shift = this.#i32[entry + 3] >>> SHIFT_SHIFT;
    this.#invalidate(entry);
    if (shift === 12) this.#fast.dropPage(low, high);
    else this.#fast.dropLarge(low, high, shift);
  }

  #invalidate(entry: number): void {
    this.#i32[entry] = 0;
    if (entry >= GIANT) this.#i32[GIANT_COUNT]--;
    else if (entry >= LARGE) this.#i32[LARGE_COUNT]--;
  }
}
