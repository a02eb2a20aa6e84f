/** An address space as a list of ranges: what is mapped where, with which rights. */
import { hex, VIRTUAL_ADDRESS_BITS } from "../arch/address.ts";
import type { PageRange } from "../mmu/page_tables.ts";
import type { Grid, GridRow } from "./grid.ts";
import type { Tone } from "./svg.ts";
import { rightsText, sizeText } from "./walk.ts";

/** Neighbouring pages of one size and rights that lead to neighbouring frames. */
export interface Region {
  readonly virtual: bigint;
  readonly physical: number;
  /** In bytes. */
  readonly size: number;
  readonly pageSize: number;
  readonly pages: number;
  readonly rights: PageRange["rights"];
  readonly global: boolean;
}

/** Joins pages to regions. @param pages In ascending order. */
export function regions(pages: Iterable<PageRange>): Region[] {
  const found: Region[] = [];
  for (const { virtual, physical, size, rights, flags: { global } } of pages) {
    const last = found.at(-1);
    const joins = last !== undefined && last.virtual + BigInt(last.size) === virtual &&
      last.physical + last.size === physical && last.pageSize === size &&
      last.global === global && rightsText(last.rights) === rightsText(rights);
    if (joins) {
      found[found.length - 1] = { ...last, size: last.size + size, pages: last.pages + 1 };
    } else found.push({ virtual, physical, size, pageSize: size, pages: 1, rights, global });
  }
  return found;
}

/** Where the lower half ends and the upper half of the canonical addresses begins. */
const LOWER_END = 1n << BigInt(VIRTUAL_ADDRESS_BITS - 1);
const UPPER_START = (1n << 64n) - LOWER_END;

/** As many ranges are listed; the others are counted. */
const MOST_REGIONS = 48;

/**
 * Lists regions with the holes between them.
 *
 * Blue is code, green data, grey what can only be read; orange can be both written and executed.
 *
 * @param cut Whether there were more pages than were looked at.
 */
export function addressSpaceGrid(found: readonly Region[], cut = false): Grid {
  const rows: GridRow[] = [];
  let end: bigint | undefined;
  for (const region of found.slice(0, MOST_REGIONS)) {
    const { virtual, physical, size, pageSize, pages, rights, global } = region;
    if (end !== undefined && virtual > end) {
      rows.push({ cells: ["⋮", `${bytesText(usable(end, virtual))} not mapped`] });
    }
    end = virtual + BigInt(size);
    rows.push({
      cells: [
        hex(virtual),
        hex(end - 1n),
        hex(physical),
        `${rightsText(rights)}${global ? " G" : ""}`,
        `${pages} × ${sizeText(pageSize)}`,
      ],
      tone: toneOf(rights),
    });
  }
  const mapped = found.reduce((sum, { size }) => sum + BigInt(size), 0n);
  return {
    title: `Address space: ${bytesText(mapped)} mapped${cut ? ", and more" : ""}`,
    columns: ["from", "to", "physical", "rights", "pages"],
    rows,
    ...(found.length > MOST_REGIONS ? { note: `${found.length - MOST_REGIONS} more ranges` } : {}),
  };
}

/** Bytes from one address to another, without those that are not canonical. */
function usable(from: bigint, to: bigint): bigint {
  const hole = from <= LOWER_END && to >= UPPER_START ? UPPER_START - LOWER_END : 0n;
  return to - from - hole;
}

function toneOf({ writable, executable, user }: Region["rights"]): Tone {
  if (user) return "purple";
  return writable ? executable ? "orange" : "green" : executable ? "blue" : "free";
}

/** A number of bytes with the largest unit that leaves it at least 1: `1.5 MiB`. */
export function bytesText(bytes: number | bigint): string {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let value = Number(bytes);
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${Math.round(value * 10) / 10} ${units[unit]}`;
}
