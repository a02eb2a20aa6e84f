/** The screen as a PNG file: the character ROM's own pixels, 16 colours. */
import { deflateSync } from "node:zlib";
import { vgaFont } from "../machine/devices/vga_font.ts";
import type { TextScreen } from "../machine/devices/vga_text.ts";

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a] as const;
const BIT_DEPTH = 8;
const INDEXED = 3;
const GLYPH_BYTES = 16;

/**
 * Draws a text screen.
 *
 * @see PNG (Portable Network Graphics) Specification, "Chunk specifications"
 */
export function screenPng(screen: TextScreen): Uint8Array {
  const { columns, rows, cellWidth, cellHeight, palette, blank } = screen;
  const width = columns * cellWidth;
  const height = rows * cellHeight;
  // Each line starts with its filter's number, 0.
  const lines = new Uint8Array(height * (width + 1));
  if (!blank) drawCells(screen, lines, width + 1);
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header.set([BIT_DEPTH, INDEXED], 8);
  const colors = Uint8Array.from(
    palette.flatMap((rgb) => [rgb >> 16 & 0xff, rgb >> 8 & 0xff, rgb & 0xff]),
  );
  return joined([
    Uint8Array.from(SIGNATURE),
    chunk("IHDR", header),
    chunk("PLTE", colors),
    chunk("IDAT", new Uint8Array(deflateSync(lines))),
    chunk("IEND", new Uint8Array(0)),
  ]);
}

function drawCells(screen: TextScreen, lines: Uint8Array, pitch: number): void {
  const { columns, cells, cellWidth, cellHeight, cursor, blink } = screen;
  const font = vgaFont();
  cells.forEach((cell, index) => {
    const row = Math.floor(index / columns);
    const column = index % columns;
    const character = cell & 0xff;
    const foreground = cell >> 8 & 15;
    const background = cell >> 12 & (blink ? 7 : 15);
    const hasCursor = cursor.visible && cursor.row === row && cursor.column === column;
    for (let y = 0; y < cellHeight; y++) {
      const bits = y < GLYPH_BYTES ? font[character * GLYPH_BYTES + y] : 0;
      const inCursor = hasCursor && y >= cursor.startLine && y <= cursor.endLine;
      const at = (row * cellHeight + y) * pitch + 1 + column * cellWidth;
      for (let x = 0; x < cellWidth; x++) {
        // The ninth column repeats the eighth for line-drawing characters.
        const line = character >= 0xc0 && character <= 0xdf;
        const on = inCursor || (x < 8 ? bits >> (7 - x) & 1 : line ? bits & 1 : 0);
        lines[at + x] = on ? foreground : background;
      }
    }
  });
}

function chunk(type: string, data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(data.length + 12);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.length);
  for (let i = 0; i < 4; i++) bytes[4 + i] = type.charCodeAt(i);
  bytes.set(data, 8);
  view.setUint32(data.length + 8, crc32(bytes.subarray(4, data.length + 8)));
  return bytes;
}

/** @see PNG Specification, "CRC algorithm" */
function crc32(bytes: Uint8Array): number {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc >>> 1 ^ (crc & 1 ? 0xedb8_8320 : 0);
  }
  return (crc ^ -1) >>> 0;
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((total, part) => total + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
