/**
 * How a kernel reaches its page tables.
 *
 * Entries hold physical addresses, but code can only use virtual ones: a table can be read and
 * written through some page that is mapped to the table's frame. Chapter 9 knows five ways to have
 * such pages; each is a subclass. All of them act by loads and stores of the guest, which take
 * time and can fault.
 */
import { hex, type Machine, type PhysAddr } from "../../machine/mod.ts";
import type { FrameAllocator } from "../memory.ts";
import { ENTRY_COUNT, type Level, tableIndex } from "./page.ts";
import { addressOf, entryOf, type Flags, isPresent, PageTableFlags } from "./page_table_flags.ts";

export type AccessName =
  | "identity"
  | "fixed-offset"
  | "complete-physical"
  | "temporary"
  | "recursive";

/** A table, and how a walk comes to it. */
export interface TablePlace {
  /** Frame of the level 4 table that the walk starts at. */
  readonly root: PhysAddr;
  readonly level: Level;
  /** An address whose walk comes by. */
  readonly address: bigint;
  /** The table's frame. */
  readonly frame: PhysAddr;
}

/** What the accesses cost so far. */
export interface AccessCounters {
  /** Loads of 64 bits. */
  loads: number;
  /** Stores of 64 bits, without those that clear a new table. */
  stores: number;
  /** Tables cleared: 512 stores each. */
  cleared: number;
  /** INVLPG and reloads of CR3 that the access itself needed. */
  flushes: number;
  /** Frames that could not become a table, since their page was taken. */
  unusableFrames: number;
}

/** A page in the kernel's half whose table exists: for a short look at any frame. */
export const SCRATCH_PAGE = 0xffff_fe80_0000_0000n;

const CR3_FRAME = 0x000f_ffff_ffff_f000n;
const TABLE_FLAGS = PageTableFlags.PRESENT | PageTableFlags.WRITABLE;

/** One way to reach page tables. */
export abstract class PageTableAccess {
  abstract readonly name: AccessName;
  readonly counters: AccessCounters = {
    loads: 0,
    stores: 0,
    cleared: 0,
    flushes: 0,
    unusableFrames: 0,
  };
  /** Flags that entries leading to tables must have, so that the access can write those. */
  readonly parentFlags: Flags = PageTableFlags.PRESENT;
  protected readonly machine: Machine;
  readonly #scratch: bigint;
  /** What CR3 had when the current operation began. */
  protected active = 0 as PhysAddr;

  constructor(machine: Machine, scratch: bigint = SCRATCH_PAGE) {
    this.machine = machine;
    this.#scratch = scratch;
  }

  /** What the accesses during some operations cost. */
  during(operations: () => void): AccessCounters {
    const before = { ...this.counters };
    operations();
    const { loads, stores, cleared, flushes, unusableFrames } = this.counters;
    return {
      loads: loads - before.loads,
      stores: stores - before.stores,
      cleared: cleared - before.cleared,
      flushes: flushes - before.flushes,
      unusableFrames: unusableFrames - before.unusableFrames,
    };
  }

  /** Begins an operation. @returns The frame of the active level 4 table. */
  begin(): PhysAddr {
    this.active = Number(this.machine.cpu.readCr3() & CR3_FRAME) as PhysAddr;
    return this.active;
  }

  /** Ends an operation: undoes what it needed for the moment. */
  end(): void {}

  /** Reads an entry. */
  load(place: TablePlace, index: number): bigint {
    return this.loadWord(this.tableAddress(place) + BigInt(index * 8));
  }

  /** Writes an entry. */
  store(place: TablePlace, index: number, entry: bigint): void {
    this.storeWord(this.tableAddress(place) + BigInt(index * 8), entry);
  }

  /**
   * Puts a new, empty table below an entry.
   *
   * @returns Its frame, or `undefined` when there is no frame left; nothing has changed then.
   */
  createTable(
    parent: TablePlace,
    index: number,
    flags: Flags,
    frames: FrameAllocator,
    _address: bigint,
  ): PhysAddr | undefined {
    const frame = this.allocateTable(frames);
    if (frame === undefined) return undefined;
    this.store(parent, index, entryOf(frame, flags));
    return frame;
  }

  /** Makes an empty level 4 table for another address space. */
  createRoot(frames: FrameAllocator): PhysAddr | undefined {
    return this.allocateTable(frames);
  }

  /** Takes an empty table away from below an entry, and frees its frame. */
  removeTable(parent: TablePlace, index: number, table: TablePlace, frames: FrameAllocator): void {
    this.store(parent, index, 0n);
    this.forgetTable(table);
    frames.deallocateFrame(frames.frameAt(table.frame));
  }

  /** Takes a level 4 table that is not in use away. */
  removeRoot(root: PhysAddr, frames: FrameAllocator): void {
    this.forgetTable({ root, level: 4, address: 0n, frame: root });
    frames.deallocateFrame(frames.frameAt(root));
  }

  /** Whether an entry of a level 4 table belongs to the access, and not to the mappings. */
  ownsRootEntry(_index: number): boolean {
    return false;
  }

  /**
   * A virtual address at which any frame of 4 KiB can be read and written, until the next call or
   * operation. This default maps the scratch page there.
   */
  frameAddress(frame: PhysAddr): bigint {
    const { root, place } = this.#scratchTable();
    if (place === undefined) {
      throw new RangeError(
        `Cannot reach frame ${hex(frame)}: no table for the scratch page below ${hex(root)}`,
      );
    }
    this.store(place, tableIndex(this.#scratch, 1), entryOf(frame, TABLE_FLAGS));
    this.invalidate(this.#scratch);
    return this.#scratch;
  }

  /** Virtual address of a table's first entry, until the next call. */
  protected abstract tableAddress(place: TablePlace): bigint;

  /** A frame for a table, reachable and cleared. This default does for all that reach any frame. */
  protected allocateTable(frames: FrameAllocator): PhysAddr | undefined {
    const frame = frames.allocateFrame();
    if (frame === undefined) return undefined;
    this.clear(this.tableAddress({ root: this.active, level: 4, address: 0n, frame: frame.start }));
    return frame.start;
  }

  /** Undoes what made a table reachable. */
  protected forgetTable(_table: TablePlace): void {}

  protected loadWord(address: bigint): bigint {
    this.counters.loads++;
    return this.machine.cpu.load64(address);
  }

  protected storeWord(address: bigint, value: bigint): void {
    this.counters.stores++;
    this.machine.cpu.store64(address, value);
  }

  protected invalidate(address: bigint): void {
    this.counters.flushes++;
    this.machine.cpu.invlpg(address);
  }

  /** Clears a page, by 512 stores. */
  clear(address: bigint): void {
    this.counters.cleared++;
    const { cpu } = this.machine;
    for (let i = 0; i < ENTRY_COUNT; i++) cpu.store64(address + BigInt(i * 8), 0);
  }

  #scratchTable(): { root: PhysAddr; place: TablePlace | undefined } {
    const root = this.active;
    let frame = root;
    for (let level: Level = 4; level > 1; level--) {
      const place = { root, level: level as Level, address: this.#scratch, frame };
      const entry = this.load(place, tableIndex(this.#scratch, place.level));
      if (!isPresent(entry)) return { root, place: undefined };
      frame = addressOf(entry);
    }
    return { root, place: { root, level: 1, address: this.#scratch, frame } };
  }
}
