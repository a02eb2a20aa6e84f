/**
 * The descriptor table and the page tables that a loaded image starts with, as bytes.
 *
 * ```text
 * GDT  0x00 null        0x08 code, 64-bit   0x10 data, flat
 *      0x18 code, 32    0x20 code, 16-bit   0x28 data, 64 KiB
 * ```
 *
 * All are of ring 0, and have their accessed bit set, so that loading one writes nothing.
 *
 * @see Intel SDM Vol. 3A, "Segment Descriptors"; "4-Level Paging"
 */
import { hex } from "../arch/address.ts";
import { PTE } from "../arch/paging.ts";
import { ImageError } from "./image_error.ts";

const DESCRIPTORS: readonly bigint[] = [
  0n,
  0x00af_9b00_0000_ffffn,
  0x00cf_9300_0000_ffffn,
  0x00cf_9b00_0000_ffffn,
  0x0000_9b00_0000_ffffn,
  0x0000_9300_0000_ffffn,
];

/** Selectors of the {@linkcode bootGdt}. */
export const BOOT_SELECTOR = {
  CODE_64: 0x08,
  DATA: 0x10,
  CODE_32: 0x18,
  CODE_16: 0x20,
  DATA_16: 0x28,
} as const;

/** The bytes of the descriptor table. */
export function bootGdt(): Uint8Array {
  const bytes = new Uint8Array(DESCRIPTORS.length * 8);
  const view = new DataView(bytes.buffer);
  DESCRIPTORS.forEach((descriptor, index) => view.setBigUint64(index * 8, descriptor, true));
  return bytes;
}

/**
 * A descriptor's attributes as segment registers cache them: access byte in bits 7:0, AVL, L,
 * D/B and G in bits 15:12.
 */
export function bootAttributes(selector: number): number {
  return Number(DESCRIPTORS[selector >> 3] >> 40n) & 0xf0ff;
}

/** A virtual range that leads to a physical one of the same size. */
export interface Mapping {
  readonly virtual: bigint;
  readonly physical: number;
  readonly size: number;
}

const LARGE_PAGE = 0x20_0000;
const TABLE_BYTES = 4096;
const ENTRIES = TABLE_BYTES / 8;
const LEVEL_SHIFT = 9n;

/**
 * Builds 4-level tables of 2 MiB pages: present, writable, supervisor.
 *
 * @param base Where the tables will lie, page-aligned; the first is the PML4.
 * @param mappings Ranges are widened to whole pages.
 * @returns The tables' bytes.
 * @throws {ImageError} `unmappable` if an address and its target differ modulo 2 MiB, or if two
 * mappings give one page two targets.
 */
export function buildPageTables(base: number, mappings: readonly Mapping[]): Uint8Array {
  const tables: BigUint64Array[] = [new BigUint64Array(ENTRIES)];
  /** Index in `tables` by the position of the entry that points there. */
  const children = new Map<number, number>();

  for (const { virtual, physical, size } of mappings) {
    const shift = Number(virtual % BigInt(LARGE_PAGE));
    if (shift !== physical % LARGE_PAGE) {
      throw new ImageError(
        "unmappable",
        `Cannot map ${hex(virtual)} to physical ${hex(physical)}: they differ modulo 2 MiB`,
      );
    }
    for (let offset = -shift; offset < size; offset += LARGE_PAGE) {
      mapPage(virtual + BigInt(offset), physical + offset);
    }
  }
  const bytes = new Uint8Array(tables.length * TABLE_BYTES);
  tables.forEach((table, index) =>
    bytes.set(new Uint8Array(table.buffer as ArrayBuffer), index * TABLE_BYTES)
  );
  return bytes;

  function mapPage(virtual: bigint, physical: number): void {
    let table = 0;
    for (let level = 4; level > 2; level--) {
      const index = indexAt(virtual, level);
      const key = table * ENTRIES + index;
      let child = children.get(key);
      if (child === undefined) {
        child = tables.push(new BigUint64Array(ENTRIES)) - 1;
        children.set(key, child);
        tables[table][index] = BigInt(base + child * TABLE_BYTES) | BigInt(PTE.P | PTE.RW);
      }
      table = child;
    }
    const index = indexAt(virtual, 2);
    const entry = BigInt(physical) | BigInt(PTE.P | PTE.RW | PTE.PS);
    const other = tables[table][index];
    if (other !== 0n && other !== entry) {
      throw new ImageError(
        "unmappable",
        `Cannot map ${hex(virtual)} to physical ${hex(physical)}: ` +
          `the same 2 MiB page leads to ${hex(other & ~0x1f_ffffn)}`,
      );
    }
    tables[table][index] = entry;
  }
}

function indexAt(virtual: bigint, level: number): number {
  return Number((virtual >> (12n + LEVEL_SHIFT * BigInt(level - 1))) & BigInt(ENTRIES - 1));
}
