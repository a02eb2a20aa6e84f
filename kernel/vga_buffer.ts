/**
 * The VGA text buffer: 25 lines of 80 cells, two bytes each.
 *
 * ```text
 *  15    14    12 11       8 7                0
 * ┌─────┬────────┬──────────┬──────────────────┐
 * │blink│ ground │ colour   │ code page 437    │
 * └─────┴────────┴──────────┴──────────────────┘
 * ```
 *
 * The writer fills the lowest line and moves everything up when it is full, or at a new line.
 */
import type { CpuDoor } from "../machine/mod.ts";
import { VGA } from "./layout.ts";
import type { Static32 } from "./statics.ts";

export const Color = {
  Black: 0,
  Blue: 1,
  Green: 2,
  Cyan: 3,
  Red: 4,
  Magenta: 5,
  Brown: 6,
  LightGray: 7,
  DarkGray: 8,
  LightBlue: 9,
  LightGreen: 10,
  LightCyan: 11,
  LightRed: 12,
  Pink: 13,
  Yellow: 14,
  White: 15,
} as const;

export const BUFFER_HEIGHT = 25;
export const BUFFER_WIDTH = 80;

/** A square, for what code page 437 shows otherwise than ASCII. */
const UNPRINTABLE = 0xfe;
const NEW_LINE = 0x0a;

/** Attribute byte of a foreground (0–15) on a background (0–15; 8 and up blink). */
export function colorCode(foreground: number, background: number): number {
  return (background << 4 | foreground) & 0xff;
}

/** A cell as bytes that are read back. */
export interface ScreenChar {
  readonly asciiCharacter: number;
  readonly colorCode: number;
}

export class Writer {
  readonly #cpu: CpuDoor;
  readonly #column: Static32;
  readonly #color: Static32;

  /** @param column,color Where the writer keeps them. */
  constructor(cpu: CpuDoor, column: Static32, color: Static32) {
    this.#cpu = cpu;
    this.#column = column;
    this.#color = color;
  }

  get columnPosition(): number {
    return this.#column.value;
  }

  set columnPosition(column: number) {
    this.#column.value = column;
  }

  /** The attribute byte of what is written next. @see {@linkcode colorCode} */
  get colorCode(): number {
    return this.#color.value;
  }

  set colorCode(code: number) {
    this.#color.value = code;
  }

  /** Writes text; what is not printable ASCII becomes ■, once per byte of UTF-8. */
  writeString(text: string): void {
    for (const byte of new TextEncoder().encode(text)) {
      this.writeByte(isPrintable(byte) || byte === NEW_LINE ? byte : UNPRINTABLE);
    }
  }

  writeByte(byte: number): void {
    if (byte === NEW_LINE) return this.newLine();
    if (this.columnPosition >= BUFFER_WIDTH) this.newLine();
    const column = this.columnPosition;
    this.#cpu.store16(cell(BUFFER_HEIGHT - 1, column), byte | this.colorCode << 8);
    this.columnPosition = column + 1;
  }

  /** Moves all lines up by one; the lowest becomes blank. */
  newLine(): void {
    for (let row = 1; row < BUFFER_HEIGHT; row++) {
      for (let column = 0; column < BUFFER_WIDTH; column += 4) {
        this.#cpu.store64(cell(row - 1, column), this.#cpu.load64(cell(row, column)));
      }
    }
    this.clearRow(BUFFER_HEIGHT - 1);
    this.columnPosition = 0;
  }

  clearRow(row: number): void {
    const blank = 0x20 | this.colorCode << 8;
    for (let column = 0; column < BUFFER_WIDTH; column++) {
      this.#cpu.store16(cell(row, column), blank);
    }
  }

  /** Reads a cell back. */
  read(row: number, column: number): ScreenChar {
    const value = this.#cpu.load16(cell(row, column));
    return { asciiCharacter: value & 0xff, colorCode: value >> 8 };
  }
}

function cell(row: number, column: number): number {
  return VGA.BUFFER + 2 * (row * BUFFER_WIDTH + column);
}

function isPrintable(byte: number): boolean {
  return byte >= 0x20 && byte <= 0x7e;
}
