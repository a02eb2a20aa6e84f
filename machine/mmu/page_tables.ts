/** The mapped ranges of an address space, found lazily. */
import {
  type PhysAddr,
  truncateToVirtAddr,
  type VirtAddr,
  virtAddr,
  VIRTUAL_ADDRESS_BITS,
} from "../arch/address.ts";
import { PAGING } from "../arch/paging.ts";
import type { PhysicalMemory } from "../memory/physical.ts";
import type { PagingState } from "./paging_state.ts";
import {
  combine,
  type EffectiveRights,
  entryAddress,
  type EntryFlags,
  entryFlags,
  FULL_RIGHTS,
  mapsPage,
  readEntry,
  reservedBits,
  type TableRoot,
  tableRoot,
} from "./tables.ts";

/** Which part of which address space. */
export interface PageTablesOptions {
  /** First address of interest; 0 by default. */
  readonly from?: number | bigint;
  /** Last address of interest, inclusive; the end of the address space by default. */
  readonly to?: number | bigint;
  /** Another root of the same mode instead of CR3 (in PAE mode: of PDPTEs in memory). */
  readonly cr3?: number;
}

/** A page that the tables map. */
export interface PageRange {
  readonly virtual: VirtAddr;
  /** In bytes. */
  readonly size: number;
  readonly physical: PhysAddr;
  /** The level of the entry that maps it: 1, or 2 or 3 for a large page. */
  readonly level: number;
  readonly rights: EffectiveRights;
  readonly flags: EntryFlags;
  readonly entryAddress: PhysAddr;
}

/**
 * Yields the mapped pages in ascending order of address (the lower half first).
 *
 * It looks at a table only when somebody asks for a page in it, and never below an absent entry,
 * so that an empty 256 TiB is done at once. Tables that contain themselves make as many pages as
 * they map; take what you need.
 *
 * @throws {RangeError} If `from` or `to` is not an address; at once, not at the first page.
 */
export function pageTables(
  memory: PhysicalMemory,
  paging: PagingState,
  options: PageTablesOptions,
): Generator<PageRange> {
  const root = tableRoot(memory, paging, options.cr3);
  const wide = paging.mode === PAGING.LEVEL_4;
  const last = wide ? (1n << 64n) - 1n : (1n << 32n) - 1n;
  const space = (1n << BigInt(wide ? VIRTUAL_ADDRESS_BITS : 32)) - 1n;
  const from = virtAddr(options.from ?? 0n);
  const to = virtAddr(options.to ?? last);
  const start = from > last ? space + 1n : from & space;
  const end = to > last ? space : to & space;
  return root === undefined
    ? nothing()
    : ranges(memory, paging, root, root.address, root.shape.levels, 0n, FULL_RIGHTS, start, end);
}

function* nothing(): Generator<PageRange> {}

function* ranges(
  memory: PhysicalMemory,
  paging: PagingState,
  root: TableRoot,
  table: number | undefined,
  level: number,
  base: bigint,
  above: EffectiveRights,
  from: bigint,
  to: bigint,
): Generator<PageRange> {
  const shift = BigInt(root.shape.shifts[level]);
  const count = root.shape.entries[level];
  const first = from > base ? Number((from - base) >> shift) : 0;
  const last = to < base ? -1 : Number((to - base) >> shift);
  for (let index = first; index <= last && index < count; index++) {
    const raw = readEntry(memory, root, table, index);
    if ((raw & 1n) === 0n || reservedBits(raw, level, paging) !== 0n) continue;
    const start = base + (BigInt(index) << shift);
    const flags = entryFlags(raw, level, paging);
    const rights = combine(above, flags);
    const physical = entryAddress(raw, level, paging);
    if (mapsPage(raw, level, paging)) {
      yield {
        virtual: truncateToVirtAddr(start),
        size: 2 ** root.shape.shifts[level],
        physical: physical as PhysAddr,
        level,
        rights,
        flags,
        entryAddress: (table! + index * root.shape.entryBytes) as PhysAddr,
      };
    } else {
      yield* ranges(memory, paging, root, physical, level - 1, start, rights, from, to);
    }
  }
}
