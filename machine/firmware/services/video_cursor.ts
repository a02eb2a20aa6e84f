/** The cursor of INT 10h: one per page in the data area, the visible one in the CRT controller. */
import { CRTC, VGA_PORT } from "../../devices/vga_text_spec.ts";
import { BDA } from "../bda.ts";
import type { BiosCall } from "../bios_call.ts";

/** The text screen's size as the data area has it. */
export function screenOf({ memory }: BiosCall): { rows: number; columns: number } {
  return { rows: memory.u8(BDA.VIDEO_ROWS) + 1, columns: memory.u16(BDA.VIDEO_COLUMNS) || 80 };
}

export function cursorOf({ memory }: BiosCall, page: number): { row: number; column: number } {
  return {
    row: memory.u8(BDA.CURSORS + page * 2 + 1),
    column: memory.u8(BDA.CURSORS + page * 2),
  };
}

export function moveCursor(call: BiosCall, page: number, row: number, column: number): void {
  call.memory.setU8(BDA.CURSORS + page * 2, column);
  call.memory.setU8(BDA.CURSORS + page * 2 + 1, row);
  if (page === call.memory.u8(BDA.VIDEO_PAGE)) showCursor(call);
}

/** Tells the CRT controller the active page, its cursor's place and shape. */
export function showCursor(call: BiosCall): void {
  const { memory } = call;
  const page = memory.u8(BDA.VIDEO_PAGE);
  const { row, column } = cursorOf(call, page);
  const start = memory.u16(BDA.VIDEO_PAGE_START) >> 1;
  const at = start + row * screenOf(call).columns + column;
  const { startLine, endLine } = cursorLines(call);
  writeCrtc(call, CRTC.START_HIGH, start >> 8 & 0xff);
  writeCrtc(call, CRTC.START_LOW, start & 0xff);
  writeCrtc(call, CRTC.CURSOR_HIGH, at >> 8 & 0xff);
  writeCrtc(call, CRTC.CURSOR_LOW, at & 0xff);
  writeCrtc(call, CRTC.CURSOR_START, startLine);
  writeCrtc(call, CRTC.CURSOR_END, endLine);
}

/** Callers think in cells of 8 lines; taller cells get the same shape at their bottom. */
function cursorLines({ memory }: BiosCall): { startLine: number; endLine: number } {
  const shape = memory.u16(BDA.CURSOR_SHAPE);
  const height = memory.u8(BDA.CHARACTER_HEIGHT);
  const start = shape >> 8 & 0x3f;
  const end = shape & 0x1f;
  if (height <= 8 || end >= 8 || (start & 0x20) !== 0) return { startLine: start, endLine: end };
  if (end === start + 1) return { startLine: height - 3, endLine: height - 2 };
  return {
    startLine: Math.floor((start + 1) * height / 8) - 1,
    endLine: Math.floor((end + 1) * height / 8) - 1,
  };
}

export function writeCrtc({ ports }: BiosCall, index: number, value: number): void {
  ports.write(VGA_PORT.CRTC_INDEX, index, 1);
  ports.write(VGA_PORT.CRTC_INDEX + 1, value, 1);
}
