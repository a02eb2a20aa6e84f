/**
 * The page walk of the hardware: from CR3 (or the PDPTE registers) down to a page, with
 * accessed and dirty flags set on the way.
 *
 * The story of one walk:
 *
 * 1. Read the level's entry. P clear: the walk fails, "not present".
 * 2. A reserved bit is set: it fails, "reserved bit".
 * 3. The entry points to another table: set A in it, go down, repeat.
 * 4. The entry maps a page: combine the rights of all levels. Not permitted: the walk fails,
 *    "protection violation". Else set A, and D for a write, in one store.
 *
 * So an entry that led to a lower table has A set even if the walk fails further down (it *was
 * used* in the translation, as the manual words it, and processors do so), while the entry that
 * refuses stays as it was, and so does a leaf whose page may not be accessed. QEMU does the same;
 * KVM's and Bochs's software walkers touch nothing when the walk fails.
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
import { STATE } from "../memory/layout.ts";
import type { PhysicalMemory } from "../memory/physical.ts";
import { ACCESS } from "./access.ts";
import { type PagingState, RIGHTS } from "./paging_state.ts";

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

  constructor(memory: PhysicalMemory, paging: PagingState) {
    this.#memory = memory;
    this.#i32 = memory.i32;
    this.#paging = paging;
  }

  /**
   * Walks for a linear address; paging must be on.
   *
   * @param access {@linkcode ACCESS} bits.
   * @returns Number of the 4 KiB physical frame, or -1 (see `error`).
   */
  walk(low: number, high: number, access: number): number {
    return this.#paging.mode === PAGING.BITS_32
      ? this.#walk32(low, access)
      : this.#walk64(low, high, access);
  }

  #walk64(low: number, high: number, access: number): number {
    const i32 = this.#i32;
    const memory = this.#memory;
    const reservedHigh = this.#paging.reservedHigh;
    const page = (high << 20) | (low >>> 12);
    let tableLow: number;
    let tableHigh: number;
    let shift: number;
    if (this.#paging.mode === PAGING.PAE) {
      const register = (STATE.pdpte >> 2) + ((low >>> 30) << 1);
      tableLow = i32[register];
      tableHigh = i32[register + 1];
      if ((tableLow & PTE.P) === 0) return this.#fail(0, access);
      shift = 21;
    } else {
      tableLow = i32[STATE.cr3 >> 2];
      tableHigh = i32[(STATE.cr3 >> 2) + 1];
      shift = 39;
    }
    let common = -1;
    let any = 0;
    for (;;) {
      tableLow &= ~0xfff;
      tableHigh &= PTE_HIGH_ADDRESS;
      const offset = (shift === 39 ? (high >>> 7) & 511 : (page >>> (shift - 12)) & 511) << 3;
      const host = memory.readablePage(tableLow, tableHigh);
      let entryLow: number;
      let entryHigh: number;
      if (host >= 0) {
        entryLow = i32[(host + offset) >> 2];
        entryHigh = i32[(host + offset + 4) >> 2];
      } else {
        entryLow = memory.read32(tableLow | offset, tableHigh);
        entryHigh = memory.read32(tableLow | (offset + 4), tableHigh);
      }
      if ((entryLow & PTE.P) === 0) return this.#fail(0, access);
      if ((entryHigh & reservedHigh) !== 0) return this.#fail(PF_ERROR.RSVD, access);
      common &= entryLow;
      any |= entryHigh;
      if (shift !== 12) {
        if ((entryLow & PTE.PS) === 0) {
          if ((entryLow & PTE.A) === 0) {
            memory.write32(tableLow | offset, tableHigh, entryLow | PTE.A);
          }
          tableLow = entryLow;
          tableHigh = entryHigh;
          shift -= 9;
          continue;
        }
        const reserved = shift === 21 ? LARGE_RESERVED_2M : shift === 30 ? LARGE_RESERVED_1G : -1;
        if ((entryLow & reserved) !== 0) return this.#fail(PF_ERROR.RSVD, access);
      }
      const rights = this.#leaf(common, any, entryLow, access);
      if (rights < 0) return -1;
      this.#mark(tableLow | offset, tableHigh, entryLow, access);
      this.rights = rights;
      this.shift = shift;
      const inside = (1 << (shift - 12)) - 1;
      const frame = ((entryHigh & PTE_HIGH_ADDRESS) << 20) | (entryLow >>> 12);
      return (frame & ~inside) | (page & inside);
    }
  }

  #walk32(low: number, access: number): number {
    const memory = this.#memory;
    const directory = (this.#i32[STATE.cr3 >> 2] & ~0xfff) | ((low >>> 22) << 2);
    const pde = this.#read(directory);
    if ((pde & PTE.P) === 0) return this.#fail(0, access);
    if ((pde & PTE.PS) !== 0 && this.#paging.pse) {
      if ((pde & LARGE_RESERVED_4M) !== 0) return this.#fail(PF_ERROR.RSVD, access);
      const rights = this.#leaf(pde, 0, pde, access);
      if (rights < 0) return -1;
      this.#mark(directory, 0, pde, access);
      this.rights = rights;
      this.shift = 22;
      return ((pde >>> 22) << 10) | (((pde >>> 13) & PTE_HIGH_ADDRESS) << 20) |
        ((low >>> 12) & 0x3ff);
    }
    if ((pde & PTE.A) === 0) memory.write32(directory, 0, pde | PTE.A);
    const table = (pde & ~0xfff) | (((low >>> 12) & 0x3ff) << 2);
    const pte = this.#read(table);
    if ((pte & PTE.P) === 0) return this.#fail(0, access);
    const rights = this.#leaf(pde & pte, 0, pte, access);
    if (rights < 0) return -1;
    this.#mark(table, 0, pte, access);
    this.rights = rights;
    this.shift = 12;
    return pte >>> 12;
  }

  #read(address: number): number {
    const host = this.#memory.readablePage(address, 0);
    return host >= 0 ? this.#i32[(host + (address & 0xfff)) >> 2] : this.#memory.read32(address, 0);
  }

  /** The rights when the access is permitted, or -1. D is set when this access sets it. */
  #leaf(common: number, any: number, entryLow: number, access: number): number {
    const paging = this.#paging;
    const rights = (common & (RIGHTS.RW | RIGHTS.US)) |
      (entryLow & (RIGHTS.D | paging.globalMask)) |
      (any < 0 ? RIGHTS.NX : 0);
    if (!paging.permits(rights, access)) return this.#fail(PF_ERROR.P, access);
    return (access & ACCESS.WRITE) !== 0 ? rights | RIGHTS.D : rights;
  }

  #mark(addressLow: number, addressHigh: number, entryLow: number, access: number): void {
    const marked = entryLow | ((access & ACCESS.WRITE) !== 0 ? PTE.A | PTE.D : PTE.A);
    if (marked !== entryLow) this.#memory.write32(addressLow, addressHigh, marked);
  }

  #fail(cause: number, access: number): number {
    const present = cause === 0 ? 0 : PF_ERROR.P;
    this.error = this.#paging.errorCode(cause | present, access);
    return -1;
  }
}
