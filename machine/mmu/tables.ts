/**
 * Page tables as data: reads them for people, with no side effects. The guest's own walk is in
 * `walker.ts`; this one is slower, remembers every step, and judges nobody.
 */
import { hex, type PhysAddr } from "../arch/address.ts";
import {
  ENTRY_NAMES,
  PAGING,
  PAGING_SHAPES,
  type PagingShape,
  PHYSICAL_ADDRESS_BITS,
} from "../arch/paging.ts";
import { STATE } from "../memory/layout.ts";
import type { PhysicalMemory } from "../memory/physical.ts";
import type { PagingState } from "./paging_state.ts";
import { unsigned64 } from "./words.ts";

/** A decoded entry. */
export interface EntryFlags {
  readonly present: boolean;
  readonly writable: boolean;
  readonly user: boolean;
  readonly writeThrough: boolean;
  readonly cacheDisabled: boolean;
  readonly accessed: boolean;
  readonly dirty: boolean;
  /** Maps a page above level 1. */
  readonly huge: boolean;
  readonly global: boolean;
  readonly noExecute: boolean;
}

/** Rights of all levels so far together. */
export interface EffectiveRights {
  readonly writable: boolean;
  readonly user: boolean;
  readonly executable: boolean;
}

/** One step of a walk. */
export interface WalkLevel {
  /** `PML4E`, `PDPTE`, `PDE` or `PTE`. */
  readonly name: string;
  /** 4 to 1. */
  readonly level: number;
  /** Where the table starts; `undefined` for the PDPTE registers, which are in the CPU. */
  readonly tableAddress: PhysAddr | undefined;
  readonly index: number;
  readonly entryAddress: PhysAddr | undefined;
  readonly raw: bigint;
  readonly flags: EntryFlags;
  /** The reserved bits that are set in it. */
  readonly reserved: bigint;
  /** Of this level and those above. */
  readonly rights: EffectiveRights;
}

/** A page that the tables map. */
export interface MappedPage {
  /** Physical address of the page's first byte. */
  readonly physical: PhysAddr;
  /** In bytes. */
  readonly size: number;
}

/** Where a walk went. Without a page, the last level is the one that refused. */
export interface TableWalk {
  readonly levels: readonly WalkLevel[];
  readonly page: MappedPage | undefined;
  /** Why there is no page, in words. */
  readonly reason: string | undefined;
}

/** The root of a set of tables. */
export interface TableRoot {
  readonly shape: PagingShape;
  /** Physical address of the top table; `undefined` for the PDPTE registers. */
  readonly address: number | undefined;
}

const ADDRESS_MASK = (1n << BigInt(PHYSICAL_ADDRESS_BITS)) - 0x1000n;
const NX = 1n << 63n;

/** The tables that are in use, or others of the same mode. `undefined` with paging off. */
export function tableRoot(
  memory: PhysicalMemory,
  paging: PagingState,
  cr3?: number,
): TableRoot | undefined {
  const shape = PAGING_SHAPES[paging.mode];
  if (shape === undefined) return undefined;
  if (paging.mode === PAGING.PAE) {
    return { shape, address: cr3 === undefined ? undefined : Math.floor(cr3 / 32) * 32 };
  }
  const at = STATE.cr3 >> 2;
  const value = cr3 === undefined
    ? unsigned64(memory.i32[at], paging.mode === PAGING.BITS_32 ? 0 : memory.i32[at + 1])
    : BigInt(cr3);
  return { shape, address: Number(value & ADDRESS_MASK) };
}

/** Reads an entry. Where nothing or a device is, all ones. */
export function readEntry(
  memory: PhysicalMemory,
  root: TableRoot,
  table: number | undefined,
  index: number,
): bigint {
  if (table === undefined) {
    const at = (STATE.pdpte >> 2) + index * 2;
    return unsigned64(memory.i32[at], memory.i32[at + 1]);
  }
  const bytes = root.shape.entryBytes;
  const address = table + index * bytes;
  const page = memory.readablePage(address | 0, Math.floor(address / 2 ** 32));
  if (page < 0) return (1n << BigInt(bytes * 8)) - 1n;
  const at = (page + (address & 0xfff)) >> 2;
  return unsigned64(memory.i32[at], bytes === 8 ? memory.i32[at + 1] : 0);
}

/** Decodes an entry's flags. */
export function entryFlags(raw: bigint, level: number, paging: PagingState): EntryFlags {
  const bit = (n: number) => ((raw >> BigInt(n)) & 1n) !== 0n;
  const register = paging.mode === PAGING.PAE && level === 3;
  return {
    present: bit(0),
    writable: register || bit(1),
    user: register || bit(2),
    writeThrough: bit(3),
    cacheDisabled: bit(4),
    accessed: bit(5),
    dirty: bit(6),
    huge: mapsPage(raw, level, paging) && level > 1,
    global: bit(8),
    noExecute: bit(63),
  };
}

/** Whether a present entry maps a page instead of pointing to a table. */
export function mapsPage(raw: bigint, level: number, paging: PagingState): boolean {
  if (level === 1) return true;
  if ((raw & 0x80n) === 0n) return false;
  if (paging.mode === PAGING.BITS_32) return paging.pse;
  return level === 2 || (level === 3 && paging.mode === PAGING.LEVEL_4);
}

/** The reserved bits of an entry at a level that are set in it. */
export function reservedBits(raw: bigint, level: number, paging: PagingState): bigint {
  const huge = level > 1 && mapsPage(raw, level, paging);
  if (paging.mode === PAGING.BITS_32) return huge ? raw & (1n << 21n) : 0n;
  let mask = bits(PHYSICAL_ADDRESS_BITS, paging.mode === PAGING.PAE ? 62 : 51);
  if (!paging.nx) mask |= NX;
  if (paging.mode === PAGING.PAE && level === 3) mask |= NX | bits(1, 2) | bits(5, 8);
  if (huge) mask |= bits(13, level === 2 ? 20 : 29);
  if (level === 4) mask |= 0x80n;
  return raw & mask;
}

/** Physical address that an entry holds: the next table's or the page's. */
export function entryAddress(raw: bigint, level: number, paging: PagingState): number {
  if (level === 1 || !mapsPage(raw, level, paging)) return Number(raw & ADDRESS_MASK);
  if (paging.mode === PAGING.BITS_32) {
    return Number(raw & 0xffc0_0000n) + Number((raw >> 13n) & 0xffn) * 2 ** 32;
  }
  return Number(raw & ADDRESS_MASK & ~bits(0, level === 2 ? 20 : 29));
}

/** Adds a level's rights to those above it. */
export function combine(above: EffectiveRights, flags: EntryFlags): EffectiveRights {
  return {
    writable: above.writable && flags.writable,
    user: above.user && flags.user,
    executable: above.executable && !flags.noExecute,
  };
}

/** Before the first level everything is allowed. */
export const FULL_RIGHTS: EffectiveRights = { writable: true, user: true, executable: true };

/** Walks for a linear address. */
export function walkTables(
  memory: PhysicalMemory,
  paging: PagingState,
  root: TableRoot,
  linear: bigint,
): TableWalk {
  const levels: WalkLevel[] = [];
  let table = root.address;
  let rights = FULL_RIGHTS;
  for (let level = root.shape.levels; level > 0; level--) {
    const index = Number(linear >> BigInt(root.shape.shifts[level])) &
      (root.shape.entries[level] - 1);
    const raw = readEntry(memory, root, table, index);
    const flags = entryFlags(raw, level, paging);
    rights = combine(rights, flags);
    const reserved = flags.present ? reservedBits(raw, level, paging) : 0n;
    const entryAt = table === undefined
      ? undefined
      : (table + index * root.shape.entryBytes) as PhysAddr;
    levels.push({
      name: ENTRY_NAMES[level],
      level,
      tableAddress: table as PhysAddr | undefined,
      index,
      entryAddress: entryAt,
      raw,
      flags,
      reserved,
      rights,
    });
    const which = `the ${ENTRY_NAMES[level]} ` +
      (entryAt === undefined ? `in register ${index}` : `at ${hex(entryAt)}`);
    if (!flags.present) return { levels, page: undefined, reason: `${which} is not present` };
    if (reserved !== 0n) {
      const reason = `${which} has reserved bits set: ${hex(reserved)}`;
      return { levels, page: undefined, reason };
    }
    table = entryAddress(raw, level, paging);
    if (mapsPage(raw, level, paging)) {
      const page = { physical: table as PhysAddr, size: 2 ** root.shape.shifts[level] };
      return { levels, page, reason: undefined };
    }
  }
  throw new Error("unreachable: level 1 always maps a page");
}

function bits(from: number, to: number): bigint {
  return ((1n << BigInt(to - from + 1)) - 1n) << BigInt(from);
}
