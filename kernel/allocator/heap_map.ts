/** A heap as a picture: what each byte of it is. */
import type { Allocator } from "./allocator.ts";
import type { Block } from "./guard.ts";

/** A run of bytes of one kind. The segments of a map cover the heap without gaps, in order. */
export interface HeapSegment {
  readonly address: bigint;
  readonly size: number;
  /**
   * - `live`: a block that somebody has
   * - `slack`: behind it, what it was rounded up by
   * - `guard`: red zones
   * - `quarantine`: freed, but kept back
   * - `free`: on a list
   * - `overhead`: the allocator's own
   * - `lost`: nobody's until a reset, or for good
   */
  readonly kind: "live" | "slack" | "guard" | "quarantine" | "free" | "overhead" | "lost";
  /** Of a block its number, of free bytes their list. */
  readonly label: string;
}

/** The parts of a heap. Where two claim the same bytes, the one that starts first has them. */
export function heapMap(
  allocator: Allocator,
  live: Iterable<Block>,
  quarantine: Iterable<Block>,
): HeapSegment[] {
  const parts: { offset: number; size: number; kind: HeapSegment["kind"]; label: string }[] = [];
  for (const { offset, size, kind, list } of allocator.regions()) {
    parts.push({ offset, size, kind, label: list });
  }
  const addBlock = (block: Block, kind: "live" | "quarantine") => {
    const { offset, size, align, outer, outerSize, id } = block;
    const label = `#${id}`;
    const [end, outerEnd] = [offset + size, outer + outerSize];
    const slackEnd = outer + allocator.footprint(outerSize, align);
    parts.push({ offset: outer, size: offset - outer, kind: "guard", label });
    parts.push({ offset, size, kind, label });
    parts.push({ offset: end, size: outerEnd - end, kind: "guard", label });
    parts.push({ offset: outerEnd, size: slackEnd - outerEnd, kind: "slack", label });
  };
  for (const block of live) addBlock(block, "live");
  for (const block of quarantine) addBlock(block, "quarantine");
  parts.sort((a, b) => a.offset - b.offset);
  parts.push({ offset: allocator.memory.size, size: 0, kind: "lost", label: "" });
  const segments: HeapSegment[] = [];
  const add = (from: number, to: number, kind: HeapSegment["kind"], label: string) => {
    if (to <= from) return;
    segments.push({ address: allocator.memory.addressOf(from), size: to - from, kind, label });
  };
  let at = 0;
  for (const { offset, size, kind, label } of parts) {
    add(at, offset, "lost", "");
    add(Math.max(at, offset), offset + size, kind, label);
    at = Math.max(at, offset + size);
  }
  return segments;
}

/** What stands for each kind in {@linkcode heapMapText}. */
export const MAP_SYMBOLS: Readonly<Record<HeapSegment["kind"], string>> = {
  live: "█",
  slack: "▒",
  guard: "|",
  quarantine: "q",
  free: "·",
  overhead: "#",
  lost: "x",
};

/**
 * A map as text: a symbol for each stretch of bytes, by what most of it is, and a legend.
 *
 * @param columns Symbols a line. @param bytes Bytes a symbol; by default the map has 16 lines.
 */
export function heapMapText(
  segments: readonly HeapSegment[],
  columns = 64,
  bytes?: number,
): string {
  const total = segments.reduce((sum, { size }) => sum + size, 0);
  if (total === 0) return "(the heap is empty: no page is mapped)";
  const step = bytes ?? Math.max(1, Math.ceil(total / (columns * 16)));
  const start = segments[0].address;
  const cells = Array.from({ length: Math.ceil(total / step) }, () => new Map<string, number>());
  let at = 0;
  for (const { size, kind } of segments) {
    for (let left = size; left > 0;) {
      const count = Math.min(left, step - at % step);
      const cell = cells[Math.floor(at / step)];
      cell.set(kind, (cell.get(kind) ?? 0) + count);
      at += count;
      left -= count;
    }
  }
  const symbols = cells.map((cell) => {
    const [kind] = [...cell].reduce((most, next) => next[1] > most[1] ? next : most);
    return MAP_SYMBOLS[kind as HeapSegment["kind"]];
  });
  const lines: string[] = [];
  for (let i = 0; i < symbols.length; i += columns) {
    const address = (start + BigInt(i * step)).toString(16).padStart(12, "0");
    lines.push(`${address}  ${symbols.slice(i, i + columns).join("")}`);
  }
  const sums = new Map<HeapSegment["kind"], number>();
  for (const { kind, size } of segments) sums.set(kind, (sums.get(kind) ?? 0) + size);
  const legend = [...sums].map(([kind, size]) => `${MAP_SYMBOLS[kind]} ${kind} ${size}`);
  return [...lines, `${legend.join("   ")}   (${step} bytes a symbol)`].join("\n");
}
