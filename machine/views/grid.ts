/** Rows and columns with a headline: TLB, GDT, IDT, address space. */
import { Picture } from "./display.ts";
import { paintFor, type TextOptions } from "./style.ts";
import { box, card, CHARACTER, element, label, line, MARGIN, type Tone, TONES } from "./svg.ts";

/** A line of a grid. */
export interface GridRow {
  readonly cells: readonly string[];
  /** What is remarkable about it: red is trouble. */
  readonly tone?: Tone | undefined;
}

/** What a grid shows. */
export interface Grid {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly GridRow[];
  /** A line below; also what is said when there are no rows. */
  readonly note?: string | undefined;
}

const ROW = 20;
const HEAD = 26;
const GAP = 2;

/** A picture of a grid. */
export function grid(data: Grid): Picture {
  return new Picture({ svg: () => gridSvg(data), text: (options) => gridText(data, options) });
}

/** A grid as SVG. */
export function gridSvg({ title, columns, rows, note }: Grid): string {
  const widths = columnWidths(columns, rows).map((count) => (count + GAP) * CHARACTER);
  const starts = widths.map((_, i) =>
    MARGIN + widths.slice(0, i).reduce((sum, width) => sum + width, 0)
  );
  const footer = note === undefined ? 0 : ROW;
  const wide = widths.reduce((sum, width) => sum + width, 0);
  const width = Math.max(wide, title.length * CHARACTER, (note?.length ?? 0) * CHARACTER);
  const parts = [label(MARGIN, MARGIN + 11, title, { bold: true })];
  const top = MARGIN + HEAD;
  columns.forEach((name, i) => parts.push(label(starts[i], top + 11, name, { quiet: true })));
  parts.push(line(MARGIN, top + 17.5, MARGIN + width, top + 17.5));
  rows.forEach(({ cells, tone }, row) => {
    const y = top + ROW * (row + 1);
    if (tone !== undefined) {
      parts.push(element("rect", {
        x: MARGIN - 6,
        y: y - 1,
        width: width + 12,
        height: ROW - 2,
        rx: 3,
        fill: TONES[tone].fill,
      }));
    }
    cells.forEach((cell, i) => {
      if (cell === "") return;
      const ink = tone === "red" || tone === "orange" ? { tone } : {};
      parts.push(label(starts[i], y + 12, cell, { ...ink, bold: i === 0 }));
    });
  });
  const end = top + ROW * (rows.length + 1);
  if (note !== undefined) parts.push(label(MARGIN, end + 14, note, { quiet: true }));
  return card(width, end + footer - MARGIN, title, parts.join("\n"));
}

/** A grid as text. */
export function gridText({ title, columns, rows, note }: Grid, options: TextOptions = {}): string {
  const paint = paintFor(options);
  const widths = columnWidths(columns, rows);
  const row = (cells: readonly string[]) =>
    cells.map((cell, i) => cell.padEnd(widths[i])).join("  ").trimEnd();
  return [
    paint("strong", title),
    ...(rows.length === 0 ? [] : [paint("quiet", `  ${row(columns)}`)]),
    ...rows.map(({ cells, tone }) => {
      const text = row(cells);
      return tone === "red" ? paint("bad", `! ${text}`) : `  ${text}`;
    }),
    ...(note === undefined ? [] : [paint("quiet", note)]),
  ].join("\n");
}

function columnWidths(columns: readonly string[], rows: readonly GridRow[]): number[] {
  return columns.map((name, i) =>
    Math.max(name.length, ...rows.map(({ cells }) => [...(cells[i] ?? "")].length))
  );
}

/** A legend: squares with what they stand for, from `x` on. */
export function legend(
  x: number,
  y: number,
  entries: readonly (readonly [Tone, string])[],
): string {
  let at = x;
  return entries.map(([tone, text]) => {
    const drawn = box(at, y, 11, 11, tone, 2) + label(at + 17, y + 10, text, { quiet: true });
    at += 17 + (text.length + 2) * CHARACTER;
    return drawn;
  }).join("\n");
}
