/** Many blocks of one memory in rows of equal length: a heap, the frames of the machine. */
import { Picture } from "./display.ts";
import { legend } from "./grid.ts";
import { paintFor, type TextOptions } from "./style.ts";
import { box, card, CHARACTER, fitText, label, MARGIN, type Tone } from "./svg.ts";

/** A range of units. */
export interface MapBlock {
  readonly start: number;
  readonly size: number;
  readonly tone: Tone;
  readonly label?: string | undefined;
}

/** What is shown. */
export interface BlockMap {
  readonly title: string;
  /** First address. Default 0. */
  readonly start?: number | bigint | undefined;
  /** Of the whole, in the units of the blocks (bytes, frames); blocks begin to count at 0. */
  readonly size: number;
  readonly blocks: readonly MapBlock[];
  /** How many units a row has. Default: a 32nd of the whole, as a power of two. */
  readonly perRow?: number | undefined;
  /** Bytes per unit, for the addresses of the rows. Default 1. */
  readonly unit?: number | undefined;
  readonly legend?: readonly (readonly [Tone, string])[] | undefined;
  readonly note?: string | undefined;
}

const WIDTH = 640;
const ROW = 15;
const LETTERS: Readonly<Record<Tone, string>> = {
  plain: "o",
  free: ".",
  blue: "#",
  green: "+",
  yellow: "=",
  orange: "%",
  red: "!",
  purple: "*",
};
const TEXT_COLUMNS = 64;

/** A picture of a memory's blocks. */
export function blockMap(data: BlockMap): Picture {
  return new Picture({
    svg: () => blockMapSvg(data),
    text: (options) => blockMapText(data, options),
  });
}

/** A memory's blocks as SVG. */
export function blockMapSvg(data: BlockMap): string {
  const { title, size, note, legend: entries = [] } = data;
  const perRow = rowLength(data);
  const rows = Math.ceil(size / perRow);
  const left = MARGIN + addressText(data, rows * perRow).length * CHARACTER + 10;
  const scale = WIDTH / perRow;
  const top = MARGIN + 24;
  const parts = [label(MARGIN, MARGIN + 11, title, { bold: true })];
  for (let row = 0; row < rows; row++) {
    const y = top + row * (ROW + 3);
    const units = Math.min(perRow, size - row * perRow);
    parts.push(label(MARGIN, y + 11, addressText(data, row * perRow), { quiet: true, size: 11 }));
    parts.push(box(left, y, units * scale, ROW, "free", 0));
  }
  for (const block of data.blocks) {
    // A block that goes over the end of a row goes on in the next.
    for (let at = block.start; at < block.start + block.size;) {
      const row = Math.floor(at / perRow);
      const end = Math.min(block.start + block.size, (row + 1) * perRow);
      const x = left + (at - row * perRow) * scale;
      const y = top + row * (ROW + 3);
      const width = (end - at) * scale;
      parts.push(box(x, y, width, ROW, block.tone, 0));
      const text = at === block.start && block.label !== undefined
        ? fitText(block.label, width - 4)
        : "";
      if (text !== "") {
        parts.push(
          label(x + width / 2, y + 11, text, { anchor: "middle", tone: block.tone, size: 11 }),
        );
      }
      at = end;
    }
  }
  let end = top + rows * (ROW + 3) + 6;
  if (entries.length > 0) {
    parts.push(legend(left, end, entries));
    end += 20;
  }
  if (note !== undefined) {
    parts.push(label(MARGIN, end + 11, note, { quiet: true }));
    end += 18;
  }
  return card(left + WIDTH - MARGIN, end - MARGIN, title, parts.join("\n"));
}

/** A memory's blocks as text: a character for each part of a row, the most used tone in it. */
export function blockMapText(data: BlockMap, options: TextOptions = {}): string {
  const paint = paintFor(options);
  const { title, size, note, legend: entries = [] } = data;
  const perRow = rowLength(data);
  const cell = Math.max(1, perRow / TEXT_COLUMNS);
  const count = Math.ceil(size / cell);
  const weight = new Float64Array(count);
  const letters = new Array<string>(count).fill(".");
  for (const { start, size: length, tone } of data.blocks) {
    for (let i = Math.floor(start / cell); i < count && i * cell < start + length; i++) {
      const part = Math.min(start + length, (i + 1) * cell) - Math.max(start, i * cell);
      if (part <= weight[i]) continue;
      weight[i] = part;
      letters[i] = LETTERS[tone];
    }
  }
  const perLine = Math.ceil(perRow / cell);
  const lines = [paint("strong", title)];
  const digits = addressText(data, Math.ceil(size / perRow) * perRow).length;
  for (let at = 0, row = 0; at < count; at += perLine, row++) {
    const address = addressText(data, row * perRow).padStart(digits);
    lines.push(`${paint("quiet", address)}  ${letters.slice(at, at + perLine).join("")}`);
  }
  if (entries.length > 0) {
    lines.push(entries.map(([tone, text]) => `${LETTERS[tone]} ${text}`).join("   "));
  }
  if (note !== undefined) lines.push(paint("quiet", note));
  return lines.join("\n");
}

function rowLength({ size, perRow }: BlockMap): number {
  return perRow ?? Math.max(1, 2 ** Math.ceil(Math.log2(Math.max(1, size) / 32)));
}

function addressText({ start = 0, unit = 1 }: BlockMap, at: number): string {
  return `0x${(BigInt(start) + BigInt(at) * BigInt(unit)).toString(16)}`;
}
