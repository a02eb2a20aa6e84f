/**
 * Paging structures: bits of an entry, the shape of each paging mode, reserved bits.
 *
 * ```text
 *  63 62    52 51    40 39                 12 11  9  8  7  6  5  4   3   2   1   0
 * ┌──┬────────┬────────┬─────────────────────┬─────┬──┬──┬──┬──┬───┬───┬───┬───┬──┐
 * │NX│ ignored│reserved│ address of a frame  │avail│ G│PS│ D│ A│PCD│PWT│U/S│R/W│ P│
 * └──┴────────┴────────┴─────────────────────┴─────┴──┴──┴──┴──┴───┴───┴───┴───┴──┘
 * ```
 *
 * That is the 64-bit entry of 4-level paging. In PAE paging bits 62:52 are reserved too. The
 * 32-bit entry is the low half; a 4 MiB page has address bits 39:32 in its bits 20:13 (PSE-36).
 *
 * @see Intel SDM Vol. 3A, "Paging"
 */

/** MAXPHYADDR, as CPUID 80000008H reports it. */
export const PHYSICAL_ADDRESS_BITS = 40;

/** Bits of a paging-structure entry; `NX` is bit 31 of the high word. */
export const PTE = {
  P: 1 << 0,
  RW: 1 << 1,
  US: 1 << 2,
  PWT: 1 << 3,
  PCD: 1 << 4,
  A: 1 << 5,
  D: 1 << 6,
  /** In entries of level 2 and 3: maps a page. */
  PS: 1 << 7,
  G: 1 << 8,
} as const;

/** Bit 63 of a 64-bit entry, as a bit of its high word (negative as an int32). */
export const PTE_HIGH_NX = 1 << 31;

/** The high word's share of a physical address. */
export const PTE_HIGH_ADDRESS = (1 << (PHYSICAL_ADDRESS_BITS - 32)) - 1;

/** How linear addresses are translated. */
export const PAGING = { OFF: 0, BITS_32: 1, PAE: 2, LEVEL_4: 3 } as const;

/** The names of {@linkcode PAGING}'s modes, by value. */
export const PAGING_NAMES = ["off", "32-bit", "PAE", "4-level"] as const;

export type PagingName = typeof PAGING_NAMES[number];

/** Names of the tables by level; an entry's name adds an E, but for the lowest: PTE. */
export const TABLE_NAMES = ["", "PT", "PD", "PDPT", "PML4"] as const;

/** Names of the entries by level. */
export const ENTRY_NAMES = ["", "PTE", "PDE", "PDPTE", "PML4E"] as const;

/** A paging mode's shape. */
export interface PagingShape {
  /** The level of the first table that the walk reads from memory, or from the PDPTE registers. */
  readonly levels: number;
  /** Bytes per entry. */
  readonly entryBytes: 4 | 8;
  /** By level: the lowest bit of the linear address that indexes the table. */
  readonly shifts: readonly number[];
  /** By level: how many entries a table has. */
  readonly entries: readonly number[];
}

/** By {@linkcode PAGING} mode; `undefined` for none. */
export const PAGING_SHAPES: readonly (PagingShape | undefined)[] = [
  undefined,
  { levels: 2, entryBytes: 4, shifts: [0, 12, 22], entries: [0, 1024, 1024] },
  { levels: 3, entryBytes: 8, shifts: [0, 12, 21, 30], entries: [0, 512, 512, 4] },
  { levels: 4, entryBytes: 8, shifts: [0, 12, 21, 30, 39], entries: [0, 512, 512, 512, 512] },
];

/**
 * Reserved bits of the low word of an entry that maps a large page, by the lowest bit of the
 * linear address that the page leaves untranslated: the address bits below the page's size, but
 * for bit 12 (PAT). In a 4 MiB page bits 20:13 belong to the address.
 */
export const LARGE_RESERVED_4M = 1 << 21;
export const LARGE_RESERVED_2M = 0x001f_e000;
export const LARGE_RESERVED_1G = 0x3fff_e000;

/** Reserved bits 51:40 of the high word. */
export const HIGH_RESERVED = 0x000f_ffff & ~PTE_HIGH_ADDRESS;
/** Reserved bits 62:40 of the high word in PAE paging. */
export const HIGH_RESERVED_PAE = 0x7fff_ffff & ~PTE_HIGH_ADDRESS;
/** Reserved bits of a present PDPTE register: low word bits 8:5 and 2:1, high word 63:40. */
export const PDPTE_RESERVED_LOW = 0x1e6;
export const PDPTE_RESERVED_HIGH = ~PTE_HIGH_ADDRESS;

/** The paging mode that control-register values select; all are low words. */
export function pagingMode(cr0: number, cr4: number, efer: number): number {
  if (cr0 >= 0) return PAGING.OFF;
  if ((cr4 & (1 << 5)) === 0) return PAGING.BITS_32;
  return (efer & (1 << 10)) === 0 ? PAGING.PAE : PAGING.LEVEL_4;
}
