/**
 * Changes and reads the page tables of an address space, by whatever access the kernel has.
 *
 * Failed operations change no mapping. Tables that were made before the frames ran out stay: they
 * are empty, and the next attempt uses them.
 */
import { type Machine, type PhysAddr, virtAddr } from "../../machine/mod.ts";
import type { FrameAllocator } from "../memory.ts";
import { FlushLedger, MapperFlush } from "./mapper_flush.ts";
import { refusal, TableWalker } from "./table_walker.ts";
import type { PageTableAccess, TablePlace } from "./page_table_access.ts";
import {
  ENTRY_COUNT,
  type Level,
  levelOf,
  type Page,
  PAGE_SIZE,
  PhysFrame,
  sizeAt,
} from "./page.ts";
import {
  addressOf,
  checkFlags,
  entryOf,
  type Flags,
  flagsOf,
  isHuge,
  isPresent,
  PageTableFlags,
} from "./page_table_flags.ts";
import type {
  FlagUpdateError,
  FrameAllocationFailed,
  InvalidFrameAddress,
  MapToError,
  ParentEntryHugePage,
  TranslateResult,
  UnmapError,
  Unmapped,
} from "./results.ts";

/** What a mapper works on, when it is not the active address space of a machine. */
export interface MapperOptions {
  /** The level 4 table's frame. By default that of CR3, looked up anew for each operation. */
  readonly root?: PhysAddr;
  /** Where its flush promises are noted. A ledger of its own by default. */
  readonly ledger?: FlushLedger;
}

const { PRESENT, WRITABLE, USER_ACCESSIBLE, HUGE_PAGE } = PageTableFlags;
/** What an entry that leads to a table needs so that the page's flags have effect. */
const PARENT_FLAGS = PRESENT | WRITABLE | USER_ACCESSIBLE;

export class Mapper {
  readonly access: PageTableAccess;
  readonly ledger: FlushLedger;
  readonly #machine: Machine;
  readonly #root: PhysAddr | undefined;
  readonly #walker: TableWalker;

  constructor(machine: Machine, access: PageTableAccess, options: MapperOptions = {}) {
    this.#machine = machine;
    this.access = access;
    this.#walker = new TableWalker(access);
    this.#root = options.root;
    this.ledger = options.ledger ?? new FlushLedger(machine);
  }

  /** The same address space or another, by the same access. */
  withRoot(root: PhysAddr | undefined): Mapper {
    const { ledger } = this;
    const options = root === undefined ? { ledger } : { root, ledger };
    return new Mapper(this.#machine, this.access, options);
  }

  /** The level 4 table's frame. */
  root(): PhysAddr {
    return this.#do((root) => root);
  }

  /**
   * Maps a page to a frame of the same size.
   *
   * Entries above it get at least the rights that the page asks for: PRESENT, WRITABLE and
   * USER_ACCESSIBLE as in `flags`.
   *
   * @param flags Usually with PRESENT. HUGE_PAGE is set as the size needs it.
   * @returns A promise, or
   * - `PageAlreadyMapped` with the frame that the page is mapped to,
   * - `ParentEntryHugePage` if the page is a part of a mapped huge page,
   * - `SmallerPagesInTheWay` if a huge page is to replace a table,
   * - `FrameAllocationFailed` if a table is needed, and no frame is left.
   * @throws {RangeError} If page and frame differ in size, or `flags` have bits of the address.
   */
  mapTo(
    page: Page,
    frame: PhysFrame,
    flags: Flags,
    frames: FrameAllocator,
    parentFlags: Flags = flags & PARENT_FLAGS,
  ): MapperFlush | MapToError {
    checkFlags(flags);
    checkFlags(parentFlags);
    if (page.size !== frame.size) {
      throw new RangeError(`Cannot map ${page} to ${frame}: their sizes differ`);
    }
    const spot = this.#do((root) => {
      const found = this.#walker.descend(root, page, frames, parentFlags);
      if (found.kind !== "spot") return found;
      const { place, index, entry } = found;
      if (isPresent(entry)) {
        if (place.level > 1 && !isHuge(entry)) {
          const table = PhysFrame.fromStartAddress(addressOf(entry));
          return { kind: "SmallerPagesInTheWay", table } as const;
        }
        const mapped = PhysFrame.containing(addressOf(entry), page.size);
        return { kind: "PageAlreadyMapped", frame: mapped } as const;
      }
      this.access.store(place, index, entryOf(frame.start, leafFlags(page, flags)));
      return found;
    });
    return spot.kind === "spot" ? new MapperFlush(this.ledger, page, "mapTo") : spot;
  }

  /** Maps the page whose address is the frame's. @returns As {@linkcode Mapper.mapTo}. */
  identityMap(
    page: Page,
    flags: Flags,
    frames: FrameAllocator,
  ): MapperFlush | MapToError {
    const frame = PhysFrame.fromStartAddress(page.start, page.size);
    return this.mapTo(page, frame, flags, frames);
  }

  /**
   * Unmaps a page. Its frame is not freed.
   *
   * @returns The frame with a promise, or
   * - `PageNotMapped`,
   * - `ParentEntryHugePage` if the page is a part of a mapped huge page,
   * - `InvalidFrameAddress` if the entry has reserved bits of the address set.
   */
  unmap(page: Page): Unmapped | UnmapError {
    const result = this.#do((root) => {
      const spot = this.#walker.find(root, page);
      if (spot.kind !== "spot") return spot;
      const frame = frameOf(spot.entry, page.size);
      if (frame.kind === "frame") this.access.store(spot.place, spot.index, 0n);
      return frame;
    });
    if (result.kind !== "frame") return result;
    const flush = new MapperFlush(this.ledger, page, "unmap");
    return { kind: "unmapped", frame: result.frame, flush };
  }

  /**
   * Replaces the flags of a mapped page. ACCESSED and DIRTY are as given, too. Entries above it
   * get the rights that the page asks for, as by {@linkcode Mapper.mapTo}.
   *
   * @returns A promise, or `PageNotMapped`, or `ParentEntryHugePage`.
   * @throws {RangeError} If `flags` have bits of the address.
   */
  updateFlags(page: Page, flags: Flags): MapperFlush | FlagUpdateError {
    checkFlags(flags);
    const result = this.#do((root) => {
      const spot = this.#walker.find(root, page);
      if (spot.kind !== "spot") return spot;
      const { place, index, entry } = spot;
      this.#walker.widen(root, page, flags & (WRITABLE | USER_ACCESSIBLE));
      this.access.store(place, index, entryOf(addressOf(entry), leafFlags(page, flags)));
      return spot;
    });
    return result.kind === "spot" ? new MapperFlush(this.ledger, page, "updateFlags") : result;
  }

  /**
   * Replaces the flags of the entry on the way to a page that leads to the next table: rights that
   * are missing there are missing for all pages below.
   *
   * @param level Of the table that has the entry: 4, 3 or 2, above the page's.
   * @returns A promise for this page alone (reload CR3 for the others), or an error.
   * @throws {RangeError} If the level is not above the page's, or the access writes tables through
   * such entries (the recursive one does) and WRITABLE is not among the flags.
   */
  updateParentFlags(page: Page, level: Level, flags: Flags): MapperFlush | FlagUpdateError {
    checkFlags(flags);
    if (level <= levelOf(page.size) || level > 4) {
      throw new RangeError(`Cannot change level ${level} above ${page}: it has no such parent`);
    }
    if ((flags & this.access.parentFlags & WRITABLE) !== (this.access.parentFlags & WRITABLE)) {
      throw new RangeError(
        `Cannot make level ${level} above ${page} read-only: ${this.access.name} access needs it`,
      );
    }
    const result = this.#do((root) => {
      const spot = this.#walker.walk(root, page.start, level);
      if (spot.kind !== "spot") return refusal(spot);
      const { place, index, entry } = spot;
      if (!isPresent(entry)) return { kind: "PageNotMapped", level } as const;
      if (level < 4 && isHuge(entry)) return { kind: "ParentEntryHugePage", level } as const;
      this.access.store(place, index, entryOf(addressOf(entry), flags & ~HUGE_PAGE));
      return spot;
    });
    return result.kind === "spot"
      ? new MapperFlush(this.ledger, page, "updateParentFlags")
      : result;
  }

  /**
   * Follows the tables for an address, pages of all sizes.
   *
   * @returns Where it leads, or `PageNotMapped`, or `InvalidFrameAddress`.
   * @throws {RangeError} If the address is not canonical.
   */
  translate(address: number | bigint): TranslateResult {
    const at = virtAddr(address);
    return this.#do((root) => {
      const spot = this.#walker.walk(root, at, 1);
      if (spot.kind === "PageNotMapped") return spot;
      const { place, entry } = spot.kind === "spot" ? spot : spot.spot;
      if (!isPresent(entry)) return { kind: "PageNotMapped", level: place.level };
      const size = sizeAt(place.level);
      const found = frameOf(entry, size);
      if (found.kind !== "frame") return found;
      const offset = Number(at & BigInt(size - 1));
      const physical = (found.frame.start + offset) as PhysAddr;
      return { kind: "mapped", physical, frame: found.frame, offset, flags: flagsOf(entry) };
    });
  }

  /** The physical address that an address leads to, or `undefined`. */
  translateAddr(address: number | bigint): PhysAddr | undefined {
    const result = this.translate(address);
    return result.kind === "mapped" ? result.physical : undefined;
  }

  /**
   * Makes the tables on the way to a page, without mapping it.
   *
   * @returns The table that has the page's entry, or an error as of {@linkcode Mapper.mapTo}.
   */
  createTables(
    page: Page,
    frames: FrameAllocator,
    parentFlags: Flags = PRESENT | WRITABLE,
  ): PhysFrame | ParentEntryHugePage | FrameAllocationFailed {
    const spot = this.#do((root) => this.#walker.descend(root, page, frames, parentFlags));
    return spot.kind === "spot" ? PhysFrame.fromStartAddress(spot.place.frame) : spot;
  }

  /**
   * The entry of a page of 4 KiB as it is, present or not; `undefined` where no table is, or where
   * a huge page is.
   */
  readEntry(page: Page): bigint | undefined {
    return this.#do((root) => {
      const spot = this.#walker.walk(root, page.start, levelOf(page.size));
      return spot.kind === "spot" ? spot.entry : undefined;
    });
  }

  /**
   * Writes a page's entry as it is: for what the CPU does not look at, since PRESENT is not set.
   *
   * @returns False if there is no table for it, or a huge page.
   */
  writeEntry(page: Page, entry: bigint): boolean {
    return this.#do((root) => {
      const spot = this.#walker.walk(root, page.start, levelOf(page.size));
      if (spot.kind !== "spot") return false;
      this.access.store(spot.place, spot.index, entry);
      return true;
    });
  }

  /** Calls back with an address at which a frame of 4 KiB can be read and written. */
  withFrame<T>(frame: PhysFrame, action: (address: bigint) => T): T {
    return this.#do(() => action(this.access.frameAddress(frame.start)));
  }

  /** All tables, a level 4 table first, each before those below it. */
  tables(): TablePlace[] {
    return this.#do((root) => {
      const found: TablePlace[] = [];
      this.#walker.collect({ root, level: 4, address: 0n, frame: root }, found);
      return found;
    });
  }

  /** All entries of a table. */
  entriesOf(table: TablePlace): bigint[] {
    return this.#do(() =>
      Array.from({ length: ENTRY_COUNT }, (_, index) => this.access.load(table, index))
    );
  }

  /**
   * Frees the tables below some entries of the level 4 table, and those entries. Mapped frames
   * stay as they are; unmap or free them first.
   */
  removeTables(indexes: Iterable<number>, frames: FrameAllocator): void {
    this.#do((root) => {
      const top: TablePlace = { root, level: 4, address: 0n, frame: root };
      for (const index of indexes) this.#walker.removeBelow(top, index, frames);
    });
  }

  /** The entries of the level 4 table. */
  rootEntries(): bigint[] {
    const root = this.root();
    return this.entriesOf({ root, level: 4, address: 0n, frame: root });
  }

  /** Writes an entry of the level 4 table, as it is. */
  setRootEntry(index: number, entry: bigint): void {
    this.#do((root) =>
      this.access.store({ root, level: 4, address: 0n, frame: root }, index, entry)
    );
  }

  #do<T>(operation: (root: PhysAddr) => T): T {
    const active = this.access.begin();
    try {
      return operation(this.#root ?? active);
    } finally {
      this.access.end();
    }
  }
}

function leafFlags(page: Page, flags: Flags): Flags {
  return page.size === PAGE_SIZE.SIZE_4_KIB ? flags : flags | HUGE_PAGE;
}

/** PAT's bit in the entry of a huge page. */
const PAT = 0x1000;

function frameOf(
  entry: bigint,
  size: Page["size"],
): { readonly kind: "frame"; readonly frame: PhysFrame } | InvalidFrameAddress {
  const address = size === PAGE_SIZE.SIZE_4_KIB
    ? addressOf(entry)
    : addressOf(entry & ~BigInt(PAT)) as PhysAddr;
  if (address % size !== 0) return { kind: "InvalidFrameAddress", address };
  return { kind: "frame", frame: PhysFrame.fromStartAddress(address, size) };
}
