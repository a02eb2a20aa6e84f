/** The screen as the display draws it: 16 colours, the character ROM's own pixels, the cursor. */
import { document, element } from "./svg.ts";

/** The part of a text screen that is drawn; `machine.screen.snapshot()` gives it. */
export interface ScreenCells {
  readonly columns: number;
  readonly rows: number;
  /** Row by row: character in bits 7:0, attribute in bits 15:8. */
  readonly cells: Uint16Array;
  readonly cursor: {
    readonly row: number;
    readonly column: number;
    readonly startLine: number;
    readonly endLine: number;
    readonly visible: boolean;
  };
  /** Attribute bit 7 blinks; otherwise it makes the background bright. */
  readonly blink: boolean;
  /** 16 colours, 0xrrggbb. */
  readonly palette: readonly number[];
  readonly blank: boolean;
  readonly cellWidth: number;
  readonly cellHeight: number;
}

/** Bytes, and lines, per glyph of the character ROM. */
const GLYPH = 16;
/** Blank border around the picture, as a monitor has. */
const BORDER = 8;

/**
 * Draws a text screen.
 *
 * @param font 256 glyphs of 16 bytes, top line first, bit 7 leftmost.
 * @param title For those who cannot see it; the screen's text is a good one.
 */
export function screenSvg(screen: ScreenCells, font: Uint8Array, title: string): string {
  const { columns, rows, cellWidth, cellHeight, palette, blank } = screen;
  const width = columns * cellWidth;
  const height = rows * cellHeight;
  const parts = [
    element("rect", {
      width: width + 2 * BORDER,
      height: height + 2 * BORDER,
      rx: 4,
      fill: colour(palette[0]),
    }),
  ];
  if (!blank) {
    const drawn = [...backgrounds(screen), ...glyphs(screen, font)].join("\n");
    parts.push(element(
      "g",
      { transform: `translate(${BORDER} ${BORDER})`, "shape-rendering": "crispEdges" },
      drawn + cursor(screen),
    ));
  }
  return document(width + 2 * BORDER, height + 2 * BORDER, title, parts.join("\n"));
}

/** Runs of one background colour, but for the picture's own. */
function backgrounds(screen: ScreenCells): string[] {
  const { columns, rows, cells, cellWidth, cellHeight, palette, blink } = screen;
  const runs: string[] = [];
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns;) {
      const of = (at: number) => cells[row * columns + at] >> 12 & (blink ? 7 : 15);
      const start = column;
      const index = of(start);
      while (column < columns && of(column) === index) column++;
      if (index === 0) continue;
      runs.push(element("rect", {
        x: start * cellWidth,
        y: row * cellHeight,
        width: (column - start) * cellWidth,
        height: cellHeight,
        fill: colour(palette[index]),
      }));
    }
  }
  return runs;
}

/** One path for each colour, blinking or not: all its characters. */
function glyphs(screen: ScreenCells, font: Uint8Array): string[] {
  const { columns, cells, cellWidth, cellHeight, palette, blink } = screen;
  const paths = new Map<number, string>();
  const shapes = new Map<number, readonly Shape[]>();
  cells.forEach((cell, at) => {
    const code = cell & 0xff;
    const attribute = cell >> 8;
    let shape = shapes.get(code);
    if (shape === undefined) shapes.set(code, shape = glyphShapes(font, code, screen));
    if (shape.length === 0) return;
    const key = attribute & (blink ? 0x8f : 0x0f);
    const x = at % columns * cellWidth;
    const y = Math.floor(at / columns) * cellHeight;
    let data = paths.get(key) ?? "";
    for (const { left, top, width, height } of shape) {
      data += `M${x + left} ${y + top}h${width}v${height}h-${width}z`;
    }
    paths.set(key, data);
  });
  return [...paths].sort(([a], [b]) => a - b).map(([key, d]) => {
    const fill = colour(palette[key & 15]);
    if ((key & 0x80) === 0) return element("path", { d, fill });
    const animate = element("animate", {
      attributeName: "visibility",
      values: "visible;hidden",
      dur: "1.07s",
      calcMode: "discrete",
      repeatCount: "indefinite",
    });
    return element("path", { d, fill }, animate);
  });
}

interface Shape {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** A glyph as rectangles: runs of pixels, joined with the same run in the lines below. */
function glyphShapes(font: Uint8Array, code: number, screen: ScreenCells): readonly Shape[] {
  const { cellWidth, cellHeight } = screen;
  const shapes: { left: number; top: number; width: number; height: number }[] = [];
  let above: typeof shapes = [];
  for (let top = 0; top < Math.min(GLYPH, cellHeight); top++) {
    const bits = font[code * GLYPH + top];
    // The ninth dot is blank, except that lines of box drawing go on in it.
    const ninth = cellWidth === 9 && code >= 0xc0 && code <= 0xdf ? bits & 1 : 0;
    const dots = bits << 1 | ninth;
    const here: typeof shapes = [];
    for (let left = 0; left < 9;) {
      const start = left;
      while (left < 9 && (dots & 0x100 >> left) !== 0) left++;
      if (left === start) {
        left++;
        continue;
      }
      const width = left - start;
      const same = above.find((shape) => shape.left === start && shape.width === width);
      if (same === undefined) here.push({ left: start, top, width, height: 1 });
      else {
        same.height++;
        here.push(same);
      }
    }
    shapes.push(...here.filter((shape) => !above.includes(shape)));
    above = here;
  }
  return shapes;
}

function cursor({ cursor, cells, columns, cellWidth, cellHeight, palette }: ScreenCells): string {
  if (!cursor.visible) return "";
  const { row, column, startLine, endLine } = cursor;
  const attribute = cells[row * columns + column] >> 8;
  return element("rect", {
    x: column * cellWidth,
    y: row * cellHeight + startLine,
    width: cellWidth,
    height: Math.max(0, Math.min(endLine + 1, cellHeight) - startLine),
    fill: colour(palette[attribute & 15]),
  });
}

function colour(rgb: number): string {
  return `#${rgb.toString(16).padStart(6, "0")}`;
}

/** A title for a screen: what is written on it. */
export function screenTitle(text: string): string {
  const words = text.replace(/\s+/g, " ").trim();
  return words === "" ? "An empty screen" : `Screen: ${words}`;
}
