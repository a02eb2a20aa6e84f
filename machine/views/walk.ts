/** A translation as text: segment, each level of the tables, TLB, and where it ends. */
import { hex } from "../arch/address.ts";
import type { Translation } from "../mmu/translate.ts";
import { digits, type Paint, paintFor, type TextOptions } from "./style.ts";

type WalkLevel = Translation["levels"][number];

/**
 * Draws what `machine.mmu.translate()` found.
 *
 * ```text
 * 0xb8000  read at CPL 0, 4-level paging
 *   PML4E  0x1000 + 0x000 * 8  0000000000002003  P RW A
 *   …
 *   TLB    miss
 * → physical 0xb8000, page of 2 MiB, r-x
 * ```
 */
export function walkText(translation: Translation, options: TextOptions = {}): string {
  const paint = paintFor(options);
  const { linear, access, cpl, mode, segment, physical, fault } = translation;
  const paging = mode === "off" ? "paging off" : `${mode} paging`;
  const lines = [`${paint("strong", hex(linear))}  ${access} at CPL ${cpl}, ${paging}`];
  if (segment !== undefined) {
    const limit = segment.limit === undefined ? "no limit" : `limit ${hex(segment.limit)}`;
    lines.push(
      `  ${paint("name", segment.name.padEnd(5))}  ${hex(segment.selector)}: base ${
        hex(segment.base)
      } + ${hex(segment.offset)}, ${limit}`,
    );
  }
  for (const level of translation.levels) {
    lines.push(`  ${levelText(level, translation.fault?.level === level.level, paint)}`);
  }
  if (mode !== "off") lines.push(`  ${paint("name", "TLB".padEnd(5))}  ${tlbText(translation)}`);
  if (fault !== undefined) {
    const words = fault.decoded.length === 0 ? "" : ` (${fault.decoded.join(" | ")})`;
    lines.push(
      `→ ${paint("bad", `exception ${fault.vector}, error code ${hex(fault.errorCode)}`)}` +
        `${words}: ${fault.reason}`,
    );
  } else if (physical !== undefined) {
    lines.push(`→ physical ${paint("good", hex(physical))}${pageText(translation)}`);
  }
  if (translation.stale) {
    const { tables } = translation;
    const truth = tables.physical === undefined ? "fault" : `lead to ${hex(tables.physical)}`;
    lines.push(`  ${paint("bad", "stale")}: the TLB answers, but the tables ${truth}`);
  }
  return lines.join("\n");
}

function levelText(level: WalkLevel, refused: boolean, paint: Paint): string {
  const where = level.tableAddress === undefined
    ? `register ${level.index}`
    : `${hex(level.tableAddress)}[${hex(level.index)}]`;
  const reserved = level.reserved === 0n ? "" : ` reserved ${hex(level.reserved)}`;
  const mark = refused ? paint("bad", "  ← refuses") : "";
  return `${paint("name", level.name.padEnd(5))}  ${where.padEnd(18)} ${digits(level.raw, 16)}  ` +
    `${levelFlags(level)}${paint("bad", reserved)}${mark}`;
}

const FLAG_NAMES: readonly (readonly [keyof WalkLevel["flags"], string])[] = [
  ["present", "P"],
  ["writable", "RW"],
  ["user", "US"],
  ["writeThrough", "PWT"],
  ["cacheDisabled", "PCD"],
  ["accessed", "A"],
  ["dirty", "D"],
  ["huge", "PS"],
  ["global", "G"],
  ["noExecute", "NX"],
];

/** The names of the flags that an entry has set. */
export function levelFlags({ flags }: WalkLevel): string {
  return FLAG_NAMES.filter(([key]) => flags[key]).map(([, name]) => name).join(" ") ||
    "not present";
}

function tlbText({ tlb, tlbEntry }: Translation): string {
  if (tlbEntry === undefined) return tlb;
  return `${tlb}: ${hex(tlbEntry.virtual)} → ${hex(tlbEntry.physical)}, ` +
    `${sizeText(tlbEntry.size)}, ${rightsText(tlbEntry)}`;
}

function pageText({ pageSize, rights }: Translation): string {
  const size = pageSize === undefined ? "" : `, page of ${sizeText(pageSize)}`;
  return rights === undefined ? size : `${size}, ${rightsText(rights)}`;
}

/** Rights in short: `rw- user`. */
export function rightsText(
  rights: { writable: boolean; user: boolean; executable: boolean },
): string {
  return `r${rights.writable ? "w" : "-"}${rights.executable ? "x" : "-"} ${
    rights.user ? "user" : "supervisor"
  }`;
}

/** A page's size in words. */
export function sizeText(size: number): string {
  if (size >= 2 ** 30) return `${size / 2 ** 30} GiB`;
  return size >= 2 ** 20 ? `${size / 2 ** 20} MiB` : `${size / 2 ** 10} KiB`;
}
