/** Tables whose entries point at other tables: page tables, descriptor tables, lists. */
import { Picture } from "./display.ts";
import { paintFor, type TextOptions } from "./style.ts";
import {
  arrow,
  box,
  card,
  CHARACTER,
  element,
  label,
  LINE,
  MARGIN,
  type Tone,
  wrap,
} from "./svg.ts";

/** An entry. */
export interface TableEntry {
  /** Its number or name; empty for a gap between entries. */
  readonly key: string;
  readonly value?: string | undefined;
  readonly tone?: Tone | undefined;
  /** Number of the table that it points to, and which of its entries (default: its head). */
  readonly to?: readonly [table: number, entry?: number] | undefined;
}

/** A table. */
export interface LinkedTable {
  readonly title: string;
  readonly entries: readonly TableEntry[];
  /** Tables of one column stand below each other. */
  readonly column: number;
}

/** What is shown. */
export interface Tables {
  readonly title: string;
  readonly tables: readonly LinkedTable[];
  readonly note?: string | undefined;
}

const ROW = 20;
const BETWEEN = 60;
const HEAD = 28;
const STACKED = 30;

interface Placed {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly keyWidth: number;
}

/** A picture of linked tables. */
export function tables(data: Tables): Picture {
  return new Picture({ svg: () => tablesSvg(data), text: (options) => tablesText(data, options) });
}

/** Linked tables as SVG. */
export function tablesSvg(data: Tables): string {
  const { title, note } = data;
  const placed = place(data);
  const right = Math.max(...placed.map(({ x, width }) => x + width));
  const bottom = Math.max(...placed.map(({ y }, i) => y + data.tables[i].entries.length * ROW));
  const width = Math.max(right - MARGIN, title.length * CHARACTER);
  const parts = [label(MARGIN, MARGIN + 11, title, { bold: true })];
  data.tables.forEach((table, i) => parts.push(drawTable(table, placed[i])));
  data.tables.forEach(({ entries }, i) =>
    entries.forEach(({ to, tone = "blue" }, row) => {
      if (to === undefined) return;
      const from = placed[i];
      const target = placed[to[0]];
      const y = to[1] === undefined ? target.y + 6 : target.y + (to[1] + 0.5) * ROW;
      parts.push(arrow(from.x + from.width, from.y + (row + 0.5) * ROW, target.x, y, tone));
    })
  );
  const lines = note === undefined ? [] : wrap(note, Math.floor(width / CHARACTER));
  lines.forEach((text, i) =>
    parts.push(label(MARGIN, bottom + 22 + i * LINE, text, { quiet: true }))
  );
  const footer = lines.length === 0 ? 0 : 10 + lines.length * LINE;
  return card(width, bottom + footer - MARGIN, title, parts.join("\n"));
}

function drawTable({ title, entries }: LinkedTable, { x, y, width, keyWidth }: Placed): string {
  const parts = [label(x, y - 6, title, { quiet: true })];
  entries.forEach(({ key, value, tone }, row) => {
    const top = y + row * ROW;
    if (key === "") {
      parts.push(box(x, top, width, ROW, "free", 0));
      const text = value ?? "⋮";
      parts.push(label(x + width / 2, top + 14, text, { anchor: "middle", quiet: true }));
      return;
    }
    parts.push(box(x, top, width, ROW, tone ?? "plain", 0));
    parts.push(label(x + keyWidth - 6, top + 14, key, { anchor: "end", quiet: true }));
    parts.push(element("path", { d: `M${x + keyWidth} ${top}v${ROW}`, stroke: "#d0d7de" }));
    if (value !== undefined) {
      parts.push(label(x + keyWidth + 6, top + 14, value, { bold: tone !== undefined }));
    }
  });
  return parts.join("\n");
}

function place({ tables }: Tables): Placed[] {
  const order = [...new Set(tables.map(({ column }) => column))].sort((a, b) => a - b);
  const placed: Placed[] = [];
  let x = MARGIN;
  for (const column of order) {
    let y = MARGIN + 20 + HEAD;
    let widest = 0;
    tables.forEach((table, i) => {
      if (table.column !== column) return;
      const longest = (texts: readonly (string | undefined)[]) =>
        Math.max(...texts.map((text) => text?.length ?? 0));
      const keyWidth = longest(table.entries.map(({ key }) => key)) * CHARACTER + 12;
      const valueWidth = longest(table.entries.map(({ value }) => value)) * CHARACTER + 14;
      const width = Math.max(keyWidth + valueWidth, table.title.length * CHARACTER, 90);
      placed[i] = { x: Math.round(x), y, width: Math.round(width), keyWidth: Math.round(keyWidth) };
      y += table.entries.length * ROW + STACKED;
      widest = Math.max(widest, width);
    });
    x += widest + BETWEEN;
  }
  return placed;
}

/** Linked tables as text. */
export function tablesText(data: Tables, options: TextOptions = {}): string {
  const paint = paintFor(options);
  const { title, note } = data;
  const lines = [paint("strong", title)];
  for (const table of data.tables) {
    lines.push(paint("name", table.title));
    const size = Math.max(...table.entries.map(({ key }) => key.length));
    for (const { key, value, to } of table.entries) {
      if (key === "") {
        lines.push(paint("quiet", `  ${value ?? "…"}`));
        continue;
      }
      const link = to === undefined ? "" : ` → ${data.tables[to[0]].title}`;
      lines.push(`  ${key.padStart(size)}  ${value ?? ""}${link}`);
    }
  }
  if (note !== undefined) lines.push(paint("quiet", note));
  return lines.join("\n");
}
