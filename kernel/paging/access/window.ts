/**
 * Only the frames of page tables are mapped, each at its physical address plus an offset: 0 is the
 * identity mapping.
 *
 * A new table has to be mapped before it can be written, which may itself need a level 1 table,
 * for which the same holds. So one spare table is kept, mapped and empty: it becomes the level 1
 * table of a region that has none, and the new frame, reachable through it, becomes the spare.
 */
import type { Machine, PhysAddr } from "../../../machine/mod.ts";
import type { FrameAllocator } from "../../memory.ts";
import { type AccessName, PageTableAccess, type TablePlace } from "../page_table_access.ts";
import { ENTRY_COUNT, type Level, type PhysFrame, tableIndex } from "../page.ts";
import { addressOf, entryOf, isHuge, isPresent, PageTableFlags } from "../page_table_flags.ts";

/** 10 TiB: the offset of the chapter's example. */
export const FIXED_OFFSET = 10n << 40n;

/** Marks the page of the spare table. */
export const SPARE = PageTableFlags.BIT_9;

/** Flags of the pages through which tables are reached. */
export const WINDOW_FLAGS = PageTableFlags.PRESENT | PageTableFlags.WRITABLE;

type Spot =
  | { readonly kind: "mapped"; readonly to: PhysAddr; readonly place?: TablePlace }
  | { readonly kind: "free"; readonly place: TablePlace }
  | { readonly kind: "no table"; readonly parent: TablePlace };

/** Reaches tables through pages that are made for them one by one. */
export abstract class WindowAccess extends PageTableAccess {
  readonly offset: bigint;

  constructor(machine: Machine, offset: bigint) {
    super(machine);
    this.offset = offset;
  }

  protected override tableAddress({ frame }: TablePlace): bigint {
    return this.offset + BigInt(frame);
  }

  protected override allocateTable(frames: FrameAllocator): PhysAddr | undefined {
    const skipped: PhysFrame[] = [];
    try {
      for (;;) {
        const frame = frames.allocateFrame();
        if (frame === undefined) return undefined;
        const spot = this.#spot(frame.start);
        const address = this.offset + BigInt(frame.start);
        if (spot.kind === "no table") {
          this.#useSpare(spot.parent, frame.start);
        } else if (spot.kind === "mapped" && spot.to !== frame.start) {
          this.counters.unusableFrames++;
          skipped.push(frame);
        } else {
          if (spot.kind === "free") this.#map(spot.place, frame.start, WINDOW_FLAGS);
          this.clear(address);
          return frame.start;
        }
      }
    } finally {
      for (const frame of skipped) frames.deallocateFrame(frame);
    }
  }

  protected override forgetTable({ frame }: TablePlace): void {
    const spot = this.#spot(frame);
    if (spot.kind !== "mapped" || spot.to !== frame || spot.place === undefined) return;
    this.store(spot.place, tableIndex(spot.place.address, 1), 0n);
    this.invalidate(spot.place.address);
  }

  #map(place: TablePlace, frame: PhysAddr, flags: bigint): void {
    this.store(place, tableIndex(place.address, 1), entryOf(frame, flags));
  }

  /** Makes the spare the level 1 table of a frame's page, and that frame the spare. */
  #useSpare(parent: TablePlace, frame: PhysAddr): void {
    const { place, entry } = this.#findSpare(parent);
    const spare = addressOf(entry);
    // A and D stay as they are: the TLB knows them.
    this.store(place, tableIndex(place.address, 1), entry & ~SPARE);
    this.store(parent, tableIndex(parent.address, 2), entryOf(spare, WINDOW_FLAGS));
    const { root, address } = parent;
    this.#map({ root, level: 1, address, frame: spare }, frame, WINDOW_FLAGS | SPARE);
    this.clear(address);
  }

  /** Looks through the window for the page that is marked. Rare: once per 2 MiB of frames. */
  #findSpare(level2: TablePlace): { readonly place: TablePlace; readonly entry: bigint } {
    const start = this.offset - this.offset % (1n << 30n);
    for (let i = 0; i < ENTRY_COUNT; i++) {
      const table = this.load(level2, i);
      if (!isPresent(table) || isHuge(table)) continue;
      for (let j = 0; j < ENTRY_COUNT; j++) {
        const address = start + BigInt(i * 0x20_0000 + j * 0x1000);
        const place: TablePlace = { ...level2, level: 1, address, frame: addressOf(table) };
        const entry = this.load(place, j);
        if (isPresent(entry) && (entry & SPARE) !== 0n) return { place, entry };
      }
    }
    throw new RangeError(`Cannot map a page table at ${this.name}: the spare table is missing`);
  }

  /** What is at the page through which a frame would be reached. */
  #spot(target: PhysAddr): Spot {
    const root = this.active;
    const address = this.offset + BigInt(target);
    let frame = root;
    for (let level: Level = 4; level > 1; level--) {
      const place: TablePlace = { root, level: level as Level, address, frame };
      const entry = this.load(place, tableIndex(address, place.level));
      if (!isPresent(entry)) {
        if (level === 2) return { kind: "no table", parent: place };
        throw new RangeError(`Cannot map a page table at ${this.name}: the window is not set up`);
      }
      if (level < 4 && isHuge(entry)) {
        const size = level === 3 ? 1n << 30n : 1n << 21n;
        return { kind: "mapped", to: addressOf(entry) + Number(address % size) as PhysAddr };
      }
      frame = addressOf(entry);
    }
    const place: TablePlace = { root, level: 1, address, frame };
    const entry = this.load(place, tableIndex(address, 1));
    return isPresent(entry)
      ? { kind: "mapped", to: addressOf(entry), place }
      : { kind: "free", place };
  }
}

/**
 * Reaches tables at their physical addresses.
 *
 * Good: a table's address is its entry's. Bad: tables lie about in the virtual address space that
 * programs want to use, and a frame whose page is taken can not become a table.
 */
export class IdentityAccess extends WindowAccess {
  override readonly name: AccessName = "identity";

  constructor(machine: Machine) {
    super(machine, 0n);
  }
}

/**
 * Reaches tables at their physical addresses plus an offset.
 *
 * Good: out of the way. Bad: every new table needs a new mapping, and a table that was not mapped
 * (another address space's, made by somebody else) cannot be reached: a page fault.
 */
export class FixedOffsetAccess extends WindowAccess {
  override readonly name: AccessName = "fixed-offset";

  constructor(machine: Machine, offset = FIXED_OFFSET) {
    super(machine, offset);
  }
}
