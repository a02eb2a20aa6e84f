/** Walks through the tables in software, entry by entry, by whatever access there is. */
import type { PhysAddr } from "../../machine/mod.ts";
import type { FrameAllocator } from "../memory.ts";
import { ENTRY_COUNT, type Level, levelOf, type Page, tableIndex } from "./page.ts";
import type { PageTableAccess, TablePlace } from "./page_table_access.ts";
import { addressOf, type Flags, isHuge, isPresent } from "./page_table_flags.ts";
import type { FrameAllocationFailed, PageNotMapped, ParentEntryHugePage } from "./results.ts";

/** An entry that a walk stopped at, in its table. */
export interface Spot {
  readonly kind: "spot";
  readonly place: TablePlace;
  readonly index: number;
  readonly entry: bigint;
}

/** A walk that ended above the wanted level, at an entry that maps a huge page. */
export interface HugeSpot {
  readonly kind: "huge";
  readonly spot: Spot;
}

/** The walks of a mapper; each within one operation of its access. */
export class TableWalker {
  readonly #access: PageTableAccess;

  constructor(access: PageTableAccess) {
    this.#access = access;
  }

  /** Walks down to a level, as far as there are tables. */
  walk(
    root: PhysAddr,
    address: bigint,
    downTo: Level,
  ): Spot | PageNotMapped | HugeSpot {
    let place: TablePlace = { root, level: 4, address, frame: root };
    for (;;) {
      const index = tableIndex(address, place.level);
      const entry = this.#access.load(place, index);
      const { level } = place;
      const spot: Spot = { kind: "spot", place, index, entry };
      if (level === downTo) return spot;
      if (!isPresent(entry)) return { kind: "PageNotMapped", level };
      if (level < 4 && isHuge(entry)) return { kind: "huge", spot };
      place = { root, level: level - 1 as Level, address, frame: addressOf(entry) };
    }
  }

  /** Walks down to a page's entry, making the tables that are missing. */
  descend(
    root: PhysAddr,
    page: Page,
    frames: FrameAllocator,
    parentFlags: Flags,
  ): Spot | ParentEntryHugePage | FrameAllocationFailed {
    const address: bigint = page.start;
    const flags = parentFlags | this.#access.parentFlags;
    let place: TablePlace = { root, level: 4, address, frame: root };
    for (;;) {
      const index = tableIndex(address, place.level);
      const entry = this.#access.load(place, index);
      const { level } = place;
      if (level === levelOf(page.size)) return { kind: "spot", place, index, entry };
      let frame: PhysAddr | undefined = addressOf(entry);
      if (!isPresent(entry)) {
        frame = this.#access.createTable(place, index, flags, frames, address);
        if (frame === undefined) return { kind: "FrameAllocationFailed" };
      } else if (level < 4 && isHuge(entry)) {
        return { kind: "ParentEntryHugePage", level };
      } else if ((entry & flags) !== flags) {
        this.#access.store(place, index, entry | flags);
      }
      place = { root, level: level - 1 as Level, address, frame };
    }
  }

  /** Adds rights to the entries above a page that is mapped. */
  widen(root: PhysAddr, page: Page, flags: Flags): void {
    const address: bigint = page.start;
    let place: TablePlace = { root, level: 4, address, frame: root };
    while (place.level > levelOf(page.size)) {
      const index = tableIndex(address, place.level);
      const entry = this.#access.load(place, index);
      if ((entry & flags) !== flags) this.#access.store(place, index, entry | flags);
      place = { root, level: place.level - 1 as Level, address, frame: addressOf(entry) };
    }
  }

  /** The present entry of a page. */
  find(root: PhysAddr, page: Page): Spot | PageNotMapped | ParentEntryHugePage {
    const spot = this.walk(root, page.start, levelOf(page.size));
    if (spot.kind !== "spot") return refusal(spot);
    const { level } = spot.place;
    const mapsPage = isPresent(spot.entry) && (level === 1 || isHuge(spot.entry));
    return mapsPage ? spot : { kind: "PageNotMapped", level };
  }

  collect(place: TablePlace, found: TablePlace[]): void {
    found.push(place);
    if (place.level === 1) return;
    for (let index = 0; index < ENTRY_COUNT; index++) {
      const child = this.child(place, index);
      if (child !== undefined) this.collect(child, found);
    }
  }

  /** The table below an entry. */
  child(place: TablePlace, index: number): TablePlace | undefined {
    const { root, level } = place;
    if (level === 1 || (level === 4 && this.#access.ownsRootEntry(index))) return undefined;
    const entry = this.#access.load(place, index);
    if (!isPresent(entry) || (level < 4 && isHuge(entry))) return undefined;
    // A table that contains itself, by whoever made it, is no table below.
    if (addressOf(entry) === root) return undefined;
    let address = place.address | BigInt(index) << BigInt(3 + 9 * level);
    if (level === 4 && index >= ENTRY_COUNT / 2) address |= 0xffff_0000_0000_0000n;
    return { root, level: level - 1 as Level, address, frame: addressOf(entry) };
  }

  removeBelow(parent: TablePlace, index: number, frames: FrameAllocator): void {
    const table = this.child(parent, index);
    if (table === undefined) return;
    if (table.level > 1) {
      for (let i = 0; i < ENTRY_COUNT; i++) this.removeBelow(table, i, frames);
    }
    this.#access.removeTable(parent, index, table, frames);
  }
}

/** What a walk that did not arrive means for a caller. */
export function refusal(result: PageNotMapped | HugeSpot): PageNotMapped | ParentEntryHugePage {
  return result.kind === "huge"
    ? { kind: "ParentEntryHugePage", level: result.spot.place.level }
    : result;
}
