/** The text screen in a terminal, redrawn line by line as it changes. */
import type { TextScreen } from "../machine/devices/vga_text.ts";
import { decodeCp437 } from "../machine/views/cp437.ts";

/** VGA's colour numbers (blue is 1) to the terminal's (red is 1). */
const ANSI = [0, 4, 2, 6, 1, 5, 3, 7] as const;
const CLEAR = "\x1b[2J\x1b[H";
const RESET = "\x1b[0m";

/** Gives the escape sequences that bring a terminal from the last picture to the next. */
export class LiveScreen {
  #lines: string[] = [];
  #cursor = "";
  #rows = 0;

  /** Full size: for the first picture. */
  start(): string {
    this.#lines = [];
    return CLEAR;
  }

  /** What changed since the last call. */
  update(screen: TextScreen): string {
    const { rows, columns, cells, cursor } = screen;
    let out = rows === this.#rows ? "" : this.start();
    this.#rows = rows;
    for (let row = 0; row < rows; row++) {
      const line = lineText(cells.subarray(row * columns, (row + 1) * columns));
      if (line === this.#lines[row]) continue;
      this.#lines[row] = line;
      out += `\x1b[${row + 1};1H${line}${RESET}\x1b[K`;
    }
    const place = cursor.visible
      ? `\x1b[?25h\x1b[${cursor.row + 1};${cursor.column + 1}H`
      : "\x1b[?25l";
    if (out !== "" || place !== this.#cursor) out += place;
    this.#cursor = place;
    return out;
  }

  /** Leaves the cursor below the picture. */
  end(): string {
    return `${RESET}\x1b[?25h\x1b[${this.#rows + 1};1H\n`;
  }
}

function lineText(cells: Uint16Array): string {
  let text = "";
  let attribute = -1;
  let last = cells.length;
  while (last > 0 && (cells[last - 1] & 0xf0ff) === 0x20) last--;
  for (let i = 0; i < last; i++) {
    const next = cells[i] >> 8;
    if (next !== attribute) text += colors(next);
    attribute = next;
    const character = cells[i] & 0xff;
    text += character === 0 ? " " : decodeCp437(Uint8Array.of(character));
  }
  return text;
}

function colors(attribute: number): string {
  const foreground = (attribute & 8 ? 90 : 30) + ANSI[attribute & 7];
  const background = 40 + ANSI[attribute >> 4 & 7];
  return `\x1b[${foreground};${background}m`;
}
