/**
 * The page walk of the hardware: from CR3 (or the PDPTE registers) down to a page, with
 * accessed and dirty flags set on the way.
 *
 * The story of one walk:
 *
 * 1. Read the level's entry. P clear: the walk fails, "not present".
 * 2. A reserved bit is set: it fails, "reserved bit".
 * 3. The entry points to another table: go down, repeat.
 * 4. The entry maps a page: combine the rights of all levels. Not permitted: the walk fails,
 *    "protection violation". Else set A in the entries of all levels, and D here for a write.
 *
 * So a walk that fails leaves all entries as they were. The manual lets a processor have set A in
 * the entries above the one that refused (some do, and so does QEMU); the 80386, KVM's and Bochs's
 * walkers do not, and programs exist that test for it.
 *
 * Entries are read one by one from physical memory: there is no paging-structure cache.
 *
 * @see Intel SDM Vol. 3A, "Paging", "Accessed and Dirty Flags"
 */
import { PF_ERROR } from "../arch/exceptions.ts";
import {
  LARGE_RESERVED_1G,
  LARGE_RESERVED_2M,
  LARGE_RESERVED_4M,
  PAGING,
  PTE,
  PTE_HIGH_ADDRESS,
} from "../arch/paging.ts";
import { RAM_BASE, STATE } from "../memory/layout.ts";
import type { PhysicalMemory } from "../memory/physical.ts";
import { ACCESS } from "./access.ts";
import { type PagingState, permits, RIGHTS } from "./paging_state.ts";

// The hot path looks at local constants: an imported object costs loads each time.
const { P, PS, A, D } = PTE;
const { RW, US, NX } = RIGHTS;
const { WRITE } = ACCESS;
const { BITS_32, PAE, LEVEL_4 } = PAGING;
const ADDRESS = PTE_HIGH_ADDRESS;
const CR3_LOW = STATE.cr3 >> 2;
const CR3_HIGH = CR3_LOW + 1;
const PDPTE = STATE.pdpte >> 2;
const RAM = RAM_BASE;
/** Index of guest physical address 0 in the memory's words. */
const RAM_WORD = RAM_BASE >> 2;

/** Walks page tables. The results of the latest walk are in its fields. */
export class Walker {
  /** {@linkcode RIGHTS} of the page found. */
  rights = 0;
  /** log2 of the found page's size. */
  shift = 12;
  /** The page-fault error code when the walk failed. */
  error = 0;

  readonly #memory: PhysicalMemory;
  readonly #i32: Int32Array;
  readonly #paging: PagingState;
  /** Addresses (low, high) of the entries above the last whose A is to be set. */
  readonly #used = new Int32Array(6);
  #usedWords = 0;
  /** The longest run of physical pages that are plain memory: most tables are in it. */
  #plainStart = 0;
  #plainBytes = 0;

  constructor(memory: PhysicalMemory, paging: PagingState) {
    this.#memory = memory;
    this.#i32 = memory.i32;
    this.#paging = paging;
    this.mapChanged();
  }

  /**
   * Walks for a linear address; paging must be on.
   *
   * Here, in one go, is the ordinary walk: four tables in plain memory, a 4 KiB page, A (and D
   * for a write) set already, the access permitted. It reads all four entries before it judges any
   * of them, and writes nothing. Whatever is not ordinary is done again, properly, level by level.
   *
   * @param access {@linkcode ACCESS} bits.
   * @returns Number of the 4 KiB physical frame, or -1 (see `error`).
   */
  walk(low: number, high: number, access: number): number {
    const i32 = this.#i32;
    const start = this.#plainStart;
    const bytes = (this.#paging.mode === LEVEL_4 ? this.#plainBytes : 0) >>> 0;
    const root = i32[CR3_LOW];
    if ((root - start) >>> 0 >= bytes) return this.#general(low, high, access);
    const at4 = ((root >>> 12) << 10) + ((high >>> 6) & 0x3fe) + RAM_WORD;
    const low4 = i32[at4];
    const high4 = i32[at4 + 1];
    if ((low4 - start) >>> 0 >= bytes) return this.#general(low, high, access);
    const at3 = ((low4 >>> 12) << 10) + (((high << 3) | (low >>> 29)) & 0x3fe) + RAM_WORD;
    const low3 = i32[at3];
    const high3 = i32[at3 + 1];
    if ((low3 - start) >>> 0 >= bytes) return this.#general(low, high, access);
    const at2 = ((low3 >>> 12) << 10) + ((low >>> 20) & 0x3fe) + RAM_WORD;
    const low2 = i32[at2];
    const high2 = i32[at2 + 1];
    if ((low2 - start) >>> 0 >= bytes) return this.#general(low, high, access);
    const at1 = ((low2 >>> 12) << 10) + ((low >>> 11) & 0x3fe) + RAM_WORD;
    const low1 = i32[at1];
    const common = low4 & low3 & low2 & low1;
    const any = high4 | high3 | high2 | i32[at1 + 1];
    const wanted = (access & WRITE) === 0 ? P | A : P | A | D;
    const rights = (common & (RW | US)) | (low1 & (D | this.#paging.globalMask)) |
      (any < 0 ? NX : 0);
    if (
      (common & (P | A)) !== (P | A) || (low1 & wanted) !== wanted ||
      ((low4 | low3 | low2) & PS) !== 0 ||
      ((any | i32[CR3_HIGH]) & (this.#paging.reservedHigh | ADDRESS)) !== 0 ||
      !permits(i32, rights, access)
    ) return this.#general(low, high, access);
    this.rights = rights;
    this.shift = 12;
    return low1 >>> 12;
  }

  #general(low: number, high: number, access: number): number {
    this.#usedWords = 0;
    return this.#paging.mode === BITS_32
      ? this.#walk32(low, access)
      : this.#walk64(low, high, access);
  }

  /** The physical map changed: finds the longest run of pages that are plain memory. */
  mapChanged(): void {
    const pages = this.#memory.ramSize >>> 12;
    this.#plainBytes = 0;
    for (let page = 0, run = 0; page < pages; page++) {
      const at = page << 12;
      run = this.#memory.readablePage(at, 0) === RAM + at ? run + 0x1000 : 0;
      if (run > this.#plainBytes) {
        this.#plainBytes = run;
        this.#plainStart = at + 0x1000 - run;
      }
    }
  }

  /** PAE and 4-level paging, level by level. */
  #walk64(low: number, high: number, access: number): number {
    const i32 = this.#i32;
    const memory = this.#memory;
    const reservedHigh = this.#paging.reservedHigh;
    const page = (high << 20) | (low >>> 12);
    let tableLow: number;
    let tableHigh: number;
    let shift: number;
    if (this.#paging.mode === PAE) {
      const register = PDPTE + ((low >>> 30) << 1);
      tableLow = i32[register];
      tableHigh = i32[register + 1];
      if ((tableLow & P) === 0) return this.#fail(0, access);
      shift = 21;
    } else {
      tableLow = i32[CR3_LOW];
      tableHigh = i32[CR3_HIGH];
      shift = 39;
    }
    let common = -1;
    let any = 0;
    for (;;) {
      tableLow &= ~0xfff;
      tableHigh &= ADDRESS;
      const offset = (shift === 39 ? (high >>> 7) & 511 : (page >>> (shift - 12)) & 511) << 3;
      const host = memory.readablePage(tableLow, tableHigh);
      let entryLow: number;
      let entryHigh: number;
      if (host >= 0) {
        const at = (host + offset) >> 2;
        entryLow = i32[at];
        entryHigh = i32[at + 1];
      } else {
        entryLow = memory.read32(tableLow | offset, tableHigh) | 0;
        entryHigh = memory.read32(tableLow | (offset + 4), tableHigh) | 0;
      }
      if ((entryLow & P) === 0) return this.#fail(0, access);
      if ((entryHigh & reservedHigh) !== 0) return this.#fail(PF_ERROR.RSVD, access);
      common &= entryLow;
      any |= entryHigh;
      if (shift === 12 || (entryLow & PS) !== 0) {
        return this.#leaf(
          page,
          tableLow | offset,
          tableHigh,
          entryLow,
          entryHigh,
          (common & (RW | US)) | (any < 0 ? NX : 0),
          shift,
          access,
        );
      }
      if ((entryLow & A) === 0) this.#use(tableLow | offset, tableHigh);
      tableLow = entryLow;
      tableHigh = entryHigh;
      shift -= 9;
    }
  }

  /** The entry that maps a page, in PAE and 4-level paging. */
  #leaf(
    page: number,
    addressLow: number,
    addressHigh: number,
    entryLow: number,
    entryHigh: number,
    rights: number,
    shift: number,
    access: number,
  ): number {
    const frame = ((entryHigh & ADDRESS) << 20) | (entryLow >>> 12);
    if (shift === 12) {
      return this.#finish(addressLow, addressHigh, entryLow, rights, 12, access) ? frame : -1;
    }
    const reserved = shift === 21 ? LARGE_RESERVED_2M : shift === 30 ? LARGE_RESERVED_1G : -1;
    if ((entryLow & reserved) !== 0) return this.#fail(PF_ERROR.RSVD, access);
    const inside = (1 << (shift - 12)) - 1;
    return this.#finish(addressLow, addressHigh, entryLow, rights, shift, access)
      ? (frame & ~inside) | (page & inside)
      : -1;
  }

  #walk32(low: number, access: number): number {
    const directory = (this.#i32[CR3_LOW] & ~0xfff) | ((low >>> 22) << 2);
    const pde = this.#read(directory);
    if ((pde & P) === 0) return this.#fail(0, access);
    if ((pde & PS) !== 0 && this.#paging.pse) {
      if ((pde & LARGE_RESERVED_4M) !== 0) return this.#fail(PF_ERROR.RSVD, access);
      const rights = pde & (RW | US);
      if (!this.#finish(directory, 0, pde, rights, 22, access)) return -1;
      return ((pde >>> 22) << 10) | (((pde >>> 13) & ADDRESS) << 20) |
        ((low >>> 12) & 0x3ff);
    }
    if ((pde & A) === 0) this.#use(directory, 0);
    const table = (pde & ~0xfff) | (((low >>> 12) & 0x3ff) << 2);
    const pte = this.#read(table);
    if ((pte & P) === 0) return this.#fail(0, access);
    const rights = pde & pte & (RW | US);
    return this.#finish(table, 0, pte, rights, 12, access) ? pte >>> 12 : -1;
  }

  #read(address: number): number {
    const host = this.#memory.readablePage(address, 0);
    return host >= 0 ? this.#i32[(host + (address & 0xfff)) >> 2] : this.#memory.read32(address, 0);
  }

  /** Notes an entry whose A will be set if the walk succeeds. */
  #use(low: number, high: number): void {
    this.#used[this.#usedWords++] = low;
    this.#used[this.#usedWords++] = high;
  }

  /** Judges the access, marks the entries, publishes the results. @returns Whether it is permitted. */
  #finish(
    addressLow: number,
    addressHigh: number,
    entryLow: number,
    rights: number,
    shift: number,
    access: number,
  ): boolean {
    if (!permits(this.#i32, rights, access)) {
      this.#fail(PF_ERROR.P, access);
      return false;
    }
    for (let i = 0; i < this.#usedWords; i += 2) {
      const low = this.#used[i];
      const high = this.#used[i + 1];
      this.#memory.write32(low, high, this.#memory.read32(low, high) | A);
    }
    const marked = entryLow | ((access & WRITE) !== 0 ? A | D : A);
    if (marked !== entryLow) this.#memory.write32(addressLow, addressHigh, marked);
    this.rights = rights | (marked & (D | this.#paging.globalMask));
    this.shift = shift;
    return true;
  }

  #fail(cause: number, access: number): number {
    const present = cause === 0 ? 0 : PF_ERROR.P;
    this.error = this.#paging.errorCode(cause | present, access);
    return -1;
  }
}
