/** A translation as a picture: the address in its parts, each table with its entry, the end. */
import { hex } from "../arch/address.ts";
import { PAGING_NAMES, PAGING_SHAPES, TABLE_NAMES } from "../arch/paging.ts";
import type { Translation } from "../mmu/translate.ts";
import {
  arrow,
  arrowDown,
  box,
  card,
  CHARACTER,
  label,
  LINE,
  MARGIN,
  type Tone,
  wrap,
} from "./svg.ts";
import { levelFlags, rightsText, sizeText } from "./walk.ts";

/** Width of a table, and from one to the next. */
const TABLE = 148;
const STEP = 184;
const TABLE_HEIGHT = 190;
const ENTRY = 52;
const FIELD = 36;
const LEVEL_TONES: readonly Tone[] = ["plain", "orange", "purple", "green", "blue"];

interface Part {
  readonly name: string;
  readonly value: string;
  readonly bits: string;
  readonly tone: Tone;
}

/** Draws what `machine.mmu.translate()` found. */
export function walkSvg(translation: Translation): string {
  const { linear, access, cpl, mode, levels, fault } = translation;
  const paging = mode === "off" ? "paging off" : `${mode} paging`;
  const title = `${hex(linear)}: ${access} at CPL ${cpl}, ${paging}`;
  const parts = [label(MARGIN, MARGIN + 11, title, { bold: true })];
  const fields = addressParts(translation);
  const fieldTop = MARGIN + 40;
  fields.forEach((field, i) => parts.push(drawField(field, MARGIN + i * STEP, fieldTop)));

  const top = fieldTop + FIELD + 56;
  levels.forEach((level, i) => {
    const x = MARGIN + i * STEP;
    const refused = fault !== undefined && fault.level === level.level;
    const y = top + entryOffset(level, mode);
    const tone = refused ? "red" : LEVEL_TONES[level.level];
    parts.push(drawTable(level, x, top, y, refused, mode));
    parts.push(arrowDown(x + TABLE - 12, fieldTop + FIELD, y, tone));
    const isLast = i === levels.length - 1;
    if (!isLast || (translation.pageSize !== undefined && fault === undefined)) {
      parts.push(arrow(x + TABLE, y + ENTRY / 2, x + STEP, top + 6, tone));
    }
  });
  const end = MARGIN + levels.length * STEP;
  if (translation.pageSize !== undefined) {
    parts.push(drawPage(translation, end, top, fieldTop + FIELD));
  }
  const columns = Math.max(fields.length, levels.length + 1);
  const width = Math.max((columns - 1) * STEP + TABLE, title.length * CHARACTER, 420);
  let y = levels.length === 0 ? fieldTop : top + TABLE_HEIGHT + 24;
  for (const { text, tone } of footer(translation)) {
    for (const line of wrap(text, Math.floor(width / CHARACTER))) {
      parts.push(label(MARGIN, y, line, tone === undefined ? {} : { tone, bold: true }));
      y += LINE;
    }
  }
  return card(width, y - LINE + 4 - MARGIN, title, parts.join("\n"));
}

/** The indices in the order of the walk, then the offset. */
function addressParts({ linear, mode, levels, pageSize }: Translation): Part[] {
  const shape = PAGING_SHAPES[PAGING_NAMES.indexOf(mode)];
  if (shape === undefined || levels.length === 0) return [];
  const mapping = pageSize === undefined ? undefined : levels.at(-1)!.level;
  const parts: Part[] = [];
  let high = mode === "4-level" ? 47 : 31;
  for (let level = shape.levels; level > 0 && level >= (mapping ?? 0); level--) {
    const low = shape.shifts[level];
    const index = Number(linear >> BigInt(low)) % shape.entries[level];
    parts.push({
      name: `${TABLE_NAMES[level]} index`,
      value: String(index),
      bits: `${high}:${low}`,
      tone: levels.some((step) => step.level === level) ? LEVEL_TONES[level] : "free",
    });
    high = low - 1;
  }
  const offset = linear & (1n << BigInt(high + 1)) - 1n;
  const tone = pageSize === undefined ? "free" : "yellow";
  parts.push({ name: "offset", value: hex(offset), bits: `${high}:0`, tone });
  return parts;
}

function drawField({ name, value, bits, tone }: Part, x: number, y: number): string {
  const middle = { anchor: "middle", quiet: true, size: 11 } as const;
  return box(x, y, TABLE, FIELD, tone) +
    label(x + TABLE / 2, y - 5, `bits ${bits}`, middle) +
    label(x + TABLE / 2, y + 14, name, middle) +
    label(x + TABLE / 2, y + 29, value, { anchor: "middle", bold: true });
}

type Level = Translation["levels"][number];

function entryCount(level: number, mode: Translation["mode"]): number {
  return PAGING_SHAPES[PAGING_NAMES.indexOf(mode)]!.entries[level];
}

/** Where in the table the entry is, in proportion. */
function entryOffset({ index, level }: Level, mode: Translation["mode"]): number {
  return index / (entryCount(level, mode) - 1) * (TABLE_HEIGHT - ENTRY);
}

function drawTable(
  step: Level,
  x: number,
  top: number,
  y: number,
  refused: boolean,
  mode: Translation["mode"],
): string {
  const { level, tableAddress, index, raw, flags } = step;
  const tone = refused ? "red" : LEVEL_TONES[level];
  const where = tableAddress === undefined ? "in the CPU" : `at ${hex(tableAddress)}`;
  const frame = hex(raw & 0x000f_ffff_ffff_f000n);
  const parts = [
    label(x, top - 7, `${TABLE_NAMES[level]} ${where}`, { quiet: true }),
    box(x, top, TABLE, TABLE_HEIGHT, "free", 0),
    box(x, y, TABLE, ENTRY, tone, 0),
    label(x + 6, y + 15, `[${index}]`, { quiet: true }),
    label(x + TABLE - 6, y + 15, flags.present ? frame : "0", { anchor: "end", bold: true }),
    label(x + 6, y + 31, levelFlags(step), { size: 11 }),
    label(x + 6, y + 46, refused ? "✗ refuses" : flags.present ? rightsText(step.rights) : "", {
      size: 11,
      ...(refused ? { tone: "red", bold: true } : { quiet: true }),
    }),
  ];
  const last = entryCount(level, mode) - 1;
  if (index > last / 8) parts.push(label(x + 6, top + 14, "[0]", { quiet: true, size: 11 }));
  if (index < last * 7 / 8) {
    parts.push(label(x + 6, top + TABLE_HEIGHT - 6, `[${last}]`, { quiet: true, size: 11 }));
  }
  return parts.join("");
}

/** The page that the tables lead to, with the byte in it. */
function drawPage(translation: Translation, x: number, top: number, from: number): string {
  const { pageSize, linear, fault, levels } = translation;
  const size = pageSize!;
  const offset = Number(linear & BigInt(size - 1));
  const physical = translation.tables.physical;
  const frame = physical === undefined ? frameOf(levels.at(-1)!, size) : physical - offset;
  const at = top + 18 + offset / size * (TABLE_HEIGHT - 36);
  const reached = fault === undefined;
  const parts = [
    label(x, top - 7, `${sizeText(size)} at ${hex(frame)}`, { quiet: true }),
    box(x, top, TABLE, TABLE_HEIGHT, reached ? "plain" : "free", 0),
    box(x, at - 12, TABLE, 20, reached ? "yellow" : "free", 0),
    label(x + TABLE / 2, at + 3, hex(frame + offset), {
      anchor: "middle",
      ...(reached ? { bold: true } : { quiet: true }),
    }),
    reached ? arrowDown(x + TABLE - 12, from, at - 12, "yellow") : "",
  ];
  return parts.join("");
}

function frameOf({ raw }: Level, size: number): number {
  return Number(raw & 0x000f_ffff_ffff_f000n & ~BigInt(size - 1));
}

/** What is said below: segment, TLB, the end, staleness. */
function footer(translation: Translation): { text: string; tone?: Tone }[] {
  const { segment, tlb, tlbEntry, physical, fault, stale, tables } = translation;
  const lines: { text: string; tone?: Tone }[] = [];
  if (segment !== undefined) {
    const limit = segment.limit === undefined ? "no limit" : `limit ${hex(segment.limit)}`;
    const place = `base ${hex(segment.base)} + offset ${hex(segment.offset)}, ${limit}`;
    lines.push({ text: `${segment.name.toUpperCase()}: ${place}` });
  }
  if (fault !== undefined) {
    const words = fault.decoded.length === 0 ? "" : ` (${fault.decoded.join(" | ")})`;
    const code = `exception ${fault.vector}, error code ${hex(fault.errorCode)}${words}`;
    lines.push({ text: `${code}: ${fault.reason}`, tone: "red" });
  } else if (physical !== undefined) {
    const rights = translation.rights === undefined ? "" : `, ${rightsText(translation.rights)}`;
    lines.push({
      text: `→ physical ${hex(physical)}${stale ? " from the TLB" : rights}`,
      tone: "green",
    });
  }
  if (stale) {
    const truth = tables.physical === undefined ? "fault" : `lead to ${hex(tables.physical)}`;
    lines.push({ text: `Stale: the TLB answers, but the tables ${truth}`, tone: "red" });
  } else if (translation.levels.length > 0) {
    const held = tlbEntry === undefined
      ? ""
      : `: ${hex(tlbEntry.virtual)} → ${hex(tlbEntry.physical)}`;
    lines.push({ text: `TLB ${tlb}${held}` });
  }
  return lines;
}
