/** Characters and attributes in video memory: teletype and scrolling. */
import { BDA } from "../bda.ts";
import type { BiosCall } from "../bios_call.ts";
import { cursorOf, moveCursor, screenOf } from "./video_cursor.ts";

const COLOR_TEXT = 0xb_8000;
const MONOCHROME_TEXT = 0xb_0000;
const MONOCHROME_MODE = 7;
const CONTROL = { BELL: 7, BACKSPACE: 8, LINE_FEED: 10, RETURN: 13 } as const;
const DEFAULT_ATTRIBUTE = 0x07;

/** Rows and columns, all included. */
export interface Window {
  readonly top: number;
  readonly left: number;
  readonly bottom: number;
  readonly right: number;
}

/** Whether the data area's mode is one with characters in memory. */
export function isTextMode({ memory }: BiosCall): boolean {
  const mode = memory.u8(BDA.VIDEO_MODE);
  return mode <= 3 || mode === MONOCHROME_MODE;
}

export function cellAddress(call: BiosCall, page: number, row: number, column: number): number {
  const { memory } = call;
  const base = memory.u8(BDA.VIDEO_MODE) === MONOCHROME_MODE ? MONOCHROME_TEXT : COLOR_TEXT;
  const offset = page * memory.u16(BDA.VIDEO_PAGE_BYTES) +
    (row * screenOf(call).columns + column) * 2;
  return base + (offset & 0x7fff);
}

/**
 * Writes a character at a page's cursor and moves it on; bell, backspace, line feed and return do
 * what their names say. At the end of the screen it scrolls.
 *
 * @param attribute Default: what the cell has.
 */
export function teletype(
  call: BiosCall,
  character: number,
  page: number,
  attribute?: number,
): void {
  const { rows, columns } = screenOf(call);
  let { row, column } = cursorOf(call, page);
  switch (character) {
    case CONTROL.BELL:
      return;
    case CONTROL.BACKSPACE:
      if (column > 0) column--;
      break;
    case CONTROL.LINE_FEED:
      row++;
      break;
    case CONTROL.RETURN:
      column = 0;
      break;
    default:
      if (isTextMode(call)) {
        const at = cellAddress(call, page, row, column);
        call.memory.setU8(at, character);
        if (attribute !== undefined) call.memory.setU8(at + 1, attribute);
      }
      if (++column >= columns) {
        column = 0;
        row++;
      }
  }
  if (row >= rows) {
    row = rows - 1;
    const blank = isTextMode(call)
      ? call.memory.u8(cellAddress(call, page, row, column) + 1)
      : DEFAULT_ATTRIBUTE;
    scroll(call, page, { top: 0, left: 0, bottom: row, right: columns - 1 }, 1, blank);
  }
  moveCursor(call, page, row, column);
}

/** Moves a window's lines up (or down, when negative) and blanks what comes free. */
export function scroll(
  call: BiosCall,
  page: number,
  window: Window,
  lines: number,
  attribute: number,
): void {
  const { top, left, bottom, right } = window;
  if (!isTextMode(call) || right < left) return;
  const bytes = (right - left + 1) * 2;
  const height = bottom - top + 1;
  const moved = height - Math.abs(lines);
  for (let i = 0; i < moved; i++) {
    const to = lines > 0 ? top + i : bottom - i;
    const from = cellAddress(call, page, to + lines, left);
    call.memory.write(cellAddress(call, page, to, left), call.read(from, bytes));
  }
  clearWindow(
    call,
    page,
    lines > 0 ? { ...window, top: bottom - lines + 1 } : { ...window, bottom: top - lines - 1 },
    attribute,
  );
}

/** Fills a window with spaces. */
export function clearWindow(
  call: BiosCall,
  page: number,
  { top, left, bottom, right }: Window,
  attribute: number,
): void {
  if (!isTextMode(call) || right < left) return;
  const line = Uint8Array.from(
    { length: (right - left + 1) * 2 },
    (_, i) => i % 2 === 0 ? 0x20 : attribute,
  );
  for (let row = top; row <= bottom; row++) {
    call.memory.write(cellAddress(call, page, row, left), line);
  }
}
