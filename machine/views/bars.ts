/**
 * Memories side by side: upright bars of blocks and holes, joined by arrows that say what is
 * mapped where. Programs in segments, pages in frames, regions of an MPU.
 */
import { Picture } from "./display.ts";
import { paintFor, type TextOptions } from "./style.ts";
import {
  arrow,
  box,
  card,
  CHARACTER,
  fitText,
  label,
  LINE,
  MARGIN,
  type Tone,
  TONES,
  wrap,
} from "./svg.ts";
import { element, path } from "./svg.ts";

/** A range of addresses in a bar. */
export interface Block {
  readonly start: number;
  readonly size: number;
  readonly label?: string | undefined;
  readonly tone?: Tone | undefined;
}

/** A memory, or an address space. What no block covers is free. */
export interface Bar {
  readonly title: string;
  /** First address of interest. Default 0. */
  readonly start?: number | undefined;
  /** In bytes. */
  readonly size: number;
  readonly blocks: readonly Block[];
}

/** An arrow from a block to another. */
export interface BarLink {
  /** Number of the bar, and an address in it. */
  readonly from: readonly [bar: number, address: number];
  readonly to: readonly [bar: number, address: number];
  /** How many bytes go together. */
  readonly size: number;
  readonly tone?: Tone | undefined;
}

/** What is shown. Bars go from left to right; those with the same `column` stand on each other. */
export interface Bars {
  readonly title: string;
  readonly bars: readonly (Bar & { readonly column?: number | undefined })[];
  readonly links?: readonly BarLink[] | undefined;
  readonly note?: string | undefined;
  /** How addresses are written. Default: decimal. */
  readonly address?: ((address: number) => string) | undefined;
}

const BAR = 130;
const HEIGHT = 330;
const BETWEEN = 70;
const STACKED = 34;
const HEAD = 48;

/** A picture of memories. */
export function bars(data: Bars): Picture {
  return new Picture({ svg: () => barsSvg(data), text: (options) => barsText(data, options) });
}

/** Free ranges of a bar, in ascending order. */
export function holes({ start = 0, size, blocks }: Bar): Block[] {
  const found: Block[] = [];
  let at = start;
  for (const block of [...blocks].sort((a, b) => a.start - b.start)) {
    if (block.start > at) found.push({ start: at, size: block.start - at });
    at = Math.max(at, block.start + block.size);
  }
  if (at < start + size) found.push({ start: at, size: start + size - at });
  return found;
}

interface Placed extends Bar {
  readonly x: number;
  readonly y: number;
  /** Pixels per byte. */
  readonly scale: number;
}

/** Memories as SVG. */
export function barsSvg(data: Bars): string {
  const { title, links = [], note, address = String } = data;
  const ticks = Math.max(
    ...data.bars.map(({ start = 0, size }) => address(start + size).length * CHARACTER),
  ) + 8;
  const placed = place(data, ticks);
  const columns = Math.max(...placed.map(({ x }) => x)) + BAR;
  const width = Math.max(columns - MARGIN, title.length * CHARACTER);
  const parts = [label(MARGIN, MARGIN + 11, title, { bold: true })];
  for (const bar of placed) parts.push(drawBar(bar, address));
  for (const { from, to, size, tone = "plain" } of links) {
    const [source, target] = [placed[from[0]], placed[to[0]]];
    const at = (bar: Placed, start: number) => bar.y + (start - (bar.start ?? 0)) * bar.scale;
    const [left, right] = [source.x + BAR, target.x - ticks];
    const top = [at(source, from[1]), at(target, to[1])];
    const bottom = [at(source, from[1] + size), at(target, to[1] + size)];
    const middle = (left + right) / 2;
    parts.push(element("path", {
      d: path(
        ["M", left, top[0]],
        ["C", middle, top[0], middle, top[1], right, top[1]],
        ["V", bottom[1]],
        ["C", middle, bottom[1], middle, bottom[0], left, bottom[0]],
        ["z"],
      ),
      fill: TONES[tone].fill,
      "fill-opacity": 0.55,
    }));
    parts.push(arrow(left, (top[0] + bottom[0]) / 2, right, (top[1] + bottom[1]) / 2, tone));
  }
  const end = MARGIN + HEAD + HEIGHT;
  const lines = note === undefined ? [] : wrap(note, Math.floor(width / CHARACTER));
  lines.forEach((text, i) => parts.push(label(MARGIN, end + 22 + i * LINE, text, { quiet: true })));
  const footer = lines.length === 0 ? 4 : 10 + lines.length * LINE;
  return card(width, end + footer - MARGIN, title, parts.join("\n"));
}

/** Bars of one column share its height by their sizes; every column is as high. */
function place({ bars }: Bars, ticks: number): Placed[] {
  const columnOf = bars.map(({ column }, i) => column ?? i);
  const order = [...new Set(columnOf)].sort((a, b) => a - b);
  const placed: Placed[] = [];
  order.forEach((column, nth) => {
    const members = bars.map((bar, i) => ({ bar, i })).filter(({ i }) => columnOf[i] === column);
    const total = members.reduce((sum, { bar }) => sum + bar.size, 0);
    const scale = (HEIGHT - STACKED * (members.length - 1)) / total;
    let y = MARGIN + HEAD;
    for (const { bar, i } of members) {
      placed[i] = { ...bar, scale, x: MARGIN + ticks + nth * (BAR + BETWEEN + ticks), y };
      y += bar.size * scale + STACKED;
    }
  });
  return placed;
}

function drawBar(bar: Placed, address: (at: number) => string): string {
  const { title, start = 0, size, blocks, x, y, scale } = bar;
  const parts = [
    label(x + BAR / 2, y - 8, fitText(title, BAR + 60), { anchor: "middle", quiet: true }),
    box(x, y, BAR, size * scale, "free", 0),
  ];
  for (const block of holes(bar)) parts.push(caption(x, y, scale, start, block, true));
  const edges = new Set([start, start + size]);
  for (const block of blocks) {
    const top = y + (block.start - start) * scale;
    parts.push(box(x, top, BAR, block.size * scale, block.tone ?? "blue", 0));
    parts.push(caption(x, y, scale, start, block, false));
    edges.add(block.start).add(block.start + block.size);
  }
  let last = -Infinity;
  for (const edge of [...edges].sort((a, b) => a - b)) {
    const at = y + (edge - start) * scale;
    if (at - last < 11) continue;
    last = at;
    parts.push(label(x - 5, at + 4, address(edge), { anchor: "end", quiet: true, size: 11 }));
  }
  return parts.join("\n");
}

function caption(
  x: number,
  y: number,
  scale: number,
  start: number,
  block: Block,
  free: boolean,
): string {
  if (block.size * scale < 13) return "";
  const middle = y + (block.start - start + block.size / 2) * scale + 4;
  const text = block.label ?? (free ? `${block.size} free` : "");
  const style = free ? { quiet: true, size: 11 } : { tone: block.tone ?? "blue" };
  return label(x + BAR / 2, middle, fitText(text, BAR - 4), { anchor: "middle", ...style });
}

/** Memories as text: a line for each block and hole. */
export function barsText(data: Bars, options: TextOptions = {}): string {
  const paint = paintFor(options);
  const { title, bars, links = [], note, address = String } = data;
  const lines = [paint("strong", title)];
  bars.forEach((bar, i) => {
    lines.push(paint("name", bar.title));
    const all = [...bar.blocks, ...holes(bar).map((hole) => ({ ...hole, label: "free" }))];
    for (const { start, size, label = "" } of all.sort((a, b) => a.start - b.start)) {
      const to = links.filter(({ from }) => from[0] === i && from[1] === start)
        .map((link) => ` → ${bars[link.to[0]].title} ${address(link.to[1])}`).join("");
      const range = `${address(start)}–${address(start + size)}`;
      lines.push(`  ${range.padEnd(12)} ${label === "free" ? paint("quiet", label) : label}${to}`);
    }
  });
  if (note !== undefined) lines.push(paint("quiet", note));
  return lines.join("\n");
}
