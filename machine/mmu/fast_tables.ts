/**
 * The fast translation tables that generated code looks at before it calls the MMU.
 *
 * Shape and use: {@linkcode FAST}. They hold only what the TLB holds (with paging off: the
 * identity), so whoever drops a TLB entry drops it here as well.
 */
import { FAST } from "../memory/layout.ts";

const ENTRY_WORDS = 4;
const TABLE_WORDS = FAST.ENTRIES * ENTRY_WORDS;
const START = FAST.readSupervisor >> 2;
const TABLES = [FAST.readSupervisor, FAST.writeSupervisor, FAST.readUser, FAST.writeUser]
  .map((offset) => offset >> 2);

/** The four tables of one machine. */
export class FastTables {
  readonly #i32: Int32Array;
  /** Whether a table may hold entries; saves clearing empty ones. In the order of `TABLES`. */
  readonly #used = new Uint8Array(4);

  constructor(i32: Int32Array) {
    this.#i32 = i32;
    this.clear();
  }

  /**
   * Enters a page.
   *
   * @param low,high Any linear address within the page.
   * @param host Byte offset in the memory where the page starts.
   * @param write Into the table of writes, else into that of reads.
   */
  fill(low: number, high: number, host: number, write: boolean, user: boolean): void {
    const table = (user ? 2 : 0) + (write ? 1 : 0);
    const at = START + table * TABLE_WORDS + ((low >>> 12) & (FAST.ENTRIES - 1)) * ENTRY_WORDS;
    const page = low & ~0xfff;
    this.#i32[at] = page;
    this.#i32[at + 1] = high;
    this.#i32[at + 2] = host - page;
    this.#used[table] = 1;
  }

  /** Drops everything, whatever {@linkcode FastTables.dropAll} believes to be there. */
  clear(): void {
    this.#used.fill(1);
    this.dropAll();
  }

  dropAll(): void {
    this.dropSupervisor();
    this.dropUser();
  }

  dropSupervisor(): void {
    this.#dropTable(0);
    this.#dropTable(1);
  }

  dropUser(): void {
    this.#dropTable(2);
    this.#dropTable(3);
  }

  /** Drops a 4 KiB page from all tables. */
  dropPage(low: number, high: number): void {
    const page = low & ~0xfff;
    const index = ((low >>> 12) & (FAST.ENTRIES - 1)) * ENTRY_WORDS;
    for (let table = 0; table < 4; table++) {
      const at = START + table * TABLE_WORDS + index;
      if (this.#i32[at] === page && this.#i32[at + 1] === high) this.#i32[at] = FAST.EMPTY;
    }
  }

  /** Drops everything within a large page of 2^`shift` bytes. */
  dropLarge(low: number, high: number, shift: number): void {
    const inside = ~((1 << shift) - 1);
    for (let table = 0; table < 4; table++) {
      if (this.#used[table] === 0) continue;
      const start = START + table * TABLE_WORDS;
      for (let at = start; at < start + TABLE_WORDS; at += ENTRY_WORDS) {
        const tag = this.#i32[at];
        if (tag !== FAST.EMPTY && ((tag ^ low) & inside) === 0 && this.#i32[at + 1] === high) {
          this.#i32[at] = FAST.EMPTY;
        }
      }
    }
  }

  /** Drops the writes to the page that starts at `host` in the memory, by whatever address. */
  dropWritesTo(host: number): void {
    for (let table = 1; table < 4; table += 2) {
      if (this.#used[table] === 0) continue;
      const start = START + table * TABLE_WORDS;
      for (let at = start; at < start + TABLE_WORDS; at += ENTRY_WORDS) {
        const tag = this.#i32[at];
        if (tag !== FAST.EMPTY && ((tag + this.#i32[at + 2]) | 0) === host) {
          this.#i32[at] = FAST.EMPTY;
        }
      }
    }
  }

  /** What is entered, for tests and views. */
  *entries(): Generator<
    { low: number; high: number; host: number; write: boolean; user: boolean }
  > {
    for (const [table, start] of TABLES.entries()) {
      for (let at = start; at < start + TABLE_WORDS; at += ENTRY_WORDS) {
        const low = this.#i32[at];
        if (low === FAST.EMPTY) continue;
        const host = (low + this.#i32[at + 2]) | 0;
        yield { low, high: this.#i32[at + 1], host, write: table % 2 === 1, user: table >= 2 };
      }
    }
  }

  #dropTable(table: number): void {
    if (this.#used[table] === 0) return;
    this.#used[table] = 0;
    const start = START + table * TABLE_WORDS;
    this.#i32.fill(FAST.EMPTY, start, start + TABLE_WORDS);
  }
}
