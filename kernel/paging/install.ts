/**
 * Sets up what an access needs in an address space: what the loader does for the kernel.
 *
 * It is done through a mapper that works already. From then on the new access works alone, in that
 * address space; `cost` tells what it took.
 */
import type { Machine, PhysAddr } from "../../machine/mod.ts";
import type { FrameAllocator } from "../memory.ts";
import { CompletePhysicalAccess } from "./access/complete_physical.ts";
import { RECURSIVE_INDEX, RecursiveAccess } from "./access/recursive.ts";
import { TEMPORARY_REGION, TEMPORARY_SELF, TemporaryAccess } from "./access/temporary.ts";
import {
  FIXED_OFFSET,
  FixedOffsetAccess,
  IdentityAccess,
  SPARE,
  WINDOW_FLAGS,
  type WindowAccess,
} from "./access/window.ts";
import type { Mapper } from "./mapper.ts";
import { type AccessName, type PageTableAccess, SCRATCH_PAGE } from "./page_table_access.ts";
import { Page, PAGE_SIZE, type PageSize, PhysFrame } from "./page.ts";
import { entryOf } from "./page_table_flags.ts";
import type { FrameAllocationFailed, MapToError, ParentEntryHugePage } from "./results.ts";

export interface InstallOptions {
  readonly name: AccessName;
  /** One behind the highest physical address, in bytes: for `complete-physical`. */
  readonly memoryEnd: number;
  /** Of `complete-physical`. Default 2 MiB. */
  readonly pageSize?: PageSize;
  /** Of `complete-physical` and `fixed-offset`. Default 10 TiB. */
  readonly offset?: bigint;
}

/** What an access takes from the machine. */
export interface AccessCost {
  /** Page tables that had to be made, and spare ones: frames of 4 KiB. */
  readonly tables: number;
  /** Entries that map pages or tables for it. */
  readonly entries: number;
  /** Virtual addresses that it keeps for itself, in bytes. */
  readonly addressSpace: number;
}

export interface Installed {
  readonly kind: "installed";
  readonly access: PageTableAccess;
  readonly cost: AccessCost;
}

type Failure = MapToError;

/**
 * Sets an access up in the address space of a mapper.
 *
 * @returns The access with its cost, or the error of the mapping that failed: a page that is taken
 * (`PageAlreadyMapped`), or no frame.
 */
export function installAccess(
  machine: Machine,
  mapper: Mapper,
  frames: FrameAllocator,
  options: InstallOptions,
): Installed | Failure {
  const before = mapper.tables().length;
  const setUp = new SetUp(mapper, frames);
  const result = setUp.run(machine, options);
  if ("kind" in result) return result;
  const tables = mapper.tables().length - before + setUp.spares;
  return {
    kind: "installed",
    access: result.access,
    cost: { tables, entries: setUp.entries, addressSpace: result.addressSpace },
  };
}

type Done = { readonly access: PageTableAccess; readonly addressSpace: number };

class SetUp {
  entries = 0;
  spares = 0;

  constructor(readonly mapper: Mapper, readonly frames: FrameAllocator) {}

  run(machine: Machine, options: InstallOptions): Done | Failure {
    const { name, memoryEnd, pageSize = PAGE_SIZE.SIZE_2_MIB, offset = FIXED_OFFSET } = options;
    switch (name) {
      case "identity":
        return this.#window(new IdentityAccess(machine), memoryEnd);
      case "fixed-offset":
        return this.#window(new FixedOffsetAccess(machine, offset), memoryEnd);
      case "complete-physical":
        return this.#complete(machine, offset, memoryEnd, pageSize);
      case "temporary":
        return this.#temporary(machine);
      case "recursive":
        return this.#recursive(machine);
    }
  }

  #complete(machine: Machine, offset: bigint, end: number, size: PageSize): Done | Failure {
    for (let at = 0; at < end; at += size) {
      const page = Page.fromStartAddress(offset + BigInt(at), size);
      const failed = this.#map(page, PhysFrame.fromStartAddress(at, size));
      if (failed !== undefined) return failed;
    }
    return { access: new CompletePhysicalAccess(machine, offset), addressSpace: end };
  }

  #temporary(machine: Machine): Done | Failure {
    const page = Page.fromStartAddress(TEMPORARY_REGION + BigInt(TEMPORARY_SELF * 0x1000));
    const table = this.#tables(page);
    if (!(table instanceof PhysFrame)) return table;
    const failed = this.#map(page, table);
    if (failed !== undefined) return failed;
    return { access: new TemporaryAccess(machine), addressSpace: PAGE_SIZE.SIZE_2_MIB };
  }

  #recursive(machine: Machine): Done | Failure {
    const failed = this.#scratch();
    if (failed !== undefined) return failed;
    this.mapper.setRootEntry(RECURSIVE_INDEX, entryOf(this.mapper.root(), WINDOW_FLAGS));
    this.entries++;
    return { access: new RecursiveAccess(machine), addressSpace: 2 ** 39 };
  }

  /** Maps all tables, those that this makes too, and a spare one. */
  #window(access: WindowAccess, memoryEnd: number): Done | Failure {
    const failed = this.#scratch() ?? this.#mapTables(access);
    if (failed !== undefined) return failed;
    const skipped: PhysFrame[] = [];
    try {
      for (;;) {
        const spare = this.frames.allocateFrame();
        if (spare === undefined) return { kind: "FrameAllocationFailed" };
        const unusable = this.#map(this.#pageOf(access, spare.start), spare, SPARE);
        if (unusable?.kind === "PageAlreadyMapped") {
          skipped.push(spare);
          continue;
        }
        if (unusable !== undefined) return unusable;
        this.mapper.withFrame(spare, (address) => access.clear(address));
        this.spares++;
        // The spare's page may have needed tables.
        const late = this.#mapTables(access);
        return late ?? { access, addressSpace: memoryEnd };
      }
    } finally {
      for (const frame of skipped) this.frames.deallocateFrame(frame);
    }
  }

  #mapTables(access: WindowAccess): Failure | undefined {
    for (let last = -1, tables = this.mapper.tables(); tables.length !== last;) {
      for (const { frame } of tables) {
        const page = this.#pageOf(access, frame);
        const reached = this.mapper.translateAddr(page.start);
        if (reached === frame) continue;
        const failed = this.#map(page, PhysFrame.fromStartAddress(frame));
        if (failed !== undefined) return failed;
      }
      last = tables.length;
      tables = this.mapper.tables();
    }
    return undefined;
  }

  #pageOf({ offset }: WindowAccess, frame: PhysAddr): Page {
    return Page.fromStartAddress(offset + BigInt(frame));
  }

  /** The tables of the scratch page. */
  #scratch(): Failure | undefined {
    const table = this.#tables(Page.fromStartAddress(SCRATCH_PAGE));
    return table instanceof PhysFrame ? undefined : table;
  }

  #tables(page: Page): PhysFrame | ParentEntryHugePage | FrameAllocationFailed {
    return this.mapper.createTables(page, this.frames);
  }

  #map(page: Page, frame: PhysFrame, extra = 0n): Failure | undefined {
    const result = this.mapper.mapTo(page, frame, WINDOW_FLAGS | extra, this.frames);
    if (result.kind !== "flush") return result;
    result.flush();
    this.entries++;
    return undefined;
  }
}
