/**
 * INT 10h: the display.
 *
 * | AH | what | | AH | what |
 * |---|---|---|---|---|
 * | 00h | set mode | | 0Bh | border (nothing to see) |
 * | 01h | cursor's shape | | 0Eh | teletype |
 * | 02h, 03h | cursor's place: set, get | | 0Fh | mode |
 * | 05h | page | | 10h | palette: registers, blink |
 * | 06h, 07h | scroll up, down | | 11h | font: 8 or 16 lines, addresses |
 * | 08h–0Ah | read, write cells | | 12h/10h | what adapter |
 * | 0Ch, 0Dh | pixels, in mode 13h's memory | | 13h | write string |
 * | | | | 1Ah | display combination: VGA |
 *
 * VESA functions (4Fh) answer that they are not there.
 *
 * **Not modelled:** graphics modes (set, but nothing is drawn), light pens, loading fonts.
 *
 * @see IBM PS/2 and PC BIOS Interface Technical Reference, "Interrupt 10h"
 */
import { BDA } from "../bda.ts";
import type { BiosCall } from "../bios_call.ts";
import { paletteService } from "./video_palette.ts";
import { fontService } from "./video_font.ts";
import { cursorOf, moveCursor, screenOf, showCursor } from "./video_cursor.ts";
import { setMode } from "./video_mode.ts";
import { cellAddress, clearWindow, scroll, teletype, type Window } from "./video_text.ts";

export function videoService(call: BiosCall): void {
  const { cpu, memory } = call;
  switch (cpu.ah) {
    case 0x00:
      return setMode(call, cpu.al);
    case 0x01:
      memory.setU16(BDA.CURSOR_SHAPE, cpu.cx);
      return showCursor(call);
    case 0x02:
      return moveCursor(call, cpu.bh & 7, cpu.dh, cpu.dl);
    case 0x03: {
      const { row, column } = cursorOf(call, cpu.bh & 7);
      cpu.dh = row;
      cpu.dl = column;
      cpu.cx = memory.u16(BDA.CURSOR_SHAPE);
      return;
    }
    case 0x05:
      memory.setU8(BDA.VIDEO_PAGE, cpu.al & 7);
      memory.setU16(BDA.VIDEO_PAGE_START, (cpu.al & 7) * memory.u16(BDA.VIDEO_PAGE_BYTES));
      return showCursor(call);
    case 0x06:
    case 0x07:
      return scrollWindow(call, cpu.ah === 0x06);
    case 0x08: {
      const { row, column } = cursorOf(call, cpu.bh & 7);
      cpu.ax = memory.u16(cellAddress(call, cpu.bh & 7, row, column));
      return;
    }
    case 0x09:
    case 0x0a:
      return writeCells(call, cpu.ah === 0x09);
    case 0x0b:
      return;
    case 0x0c:
    case 0x0d:
      return pixel(call);
    case 0x0e:
      return teletype(call, cpu.al, memory.u8(BDA.VIDEO_PAGE));
    case 0x0f:
      cpu.al = memory.u8(BDA.VIDEO_MODE);
      cpu.ah = memory.u8(BDA.VIDEO_COLUMNS);
      cpu.bh = memory.u8(BDA.VIDEO_PAGE);
      return;
    case 0x10:
      return paletteService(call);
    case 0x11:
      return fontService(call);
    case 0x12:
      return alternateSelect(call);
    case 0x13:
      return writeString(call);
    case 0x1a:
      if (cpu.al === 0) cpu.bx = 0x0008; // VGA with an analog colour display, no other.
      cpu.al = 0x1a;
      return;
    default:
      call.reportUnsupported(0x10);
      if (cpu.ah === 0x4f) cpu.ax = 0x0100;
  }
}

function scrollWindow(call: BiosCall, up: boolean): void {
  const { cpu } = call;
  const { rows, columns } = screenOf(call);
  const window: Window = {
    top: cpu.ch,
    left: cpu.cl,
    bottom: Math.min(cpu.dh, rows - 1),
    right: Math.min(cpu.dl, columns - 1),
  };
  const page = call.memory.u8(BDA.VIDEO_PAGE);
  const lines = cpu.al;
  if (lines === 0 || lines > window.bottom - window.top) {
    clearWindow(call, page, window, cpu.bh);
  } else scroll(call, page, window, up ? lines : -lines, cpu.bh);
}

/** 09h, 0Ah: CX times, without moving the cursor. */
function writeCells(call: BiosCall, withAttribute: boolean): void {
  const { cpu, memory } = call;
  const page = cpu.bh & 7;
  const { row, column } = cursorOf(call, page);
  const start = cellAddress(call, page, row, column);
  const end = cellAddress(call, page, 0, 0) + memory.u16(BDA.VIDEO_PAGE_BYTES);
  for (let i = 0, at = start; i < cpu.cx && at < end; i++, at += 2) {
    memory.setU8(at, cpu.al);
    if (withAttribute) memory.setU8(at + 1, cpu.bl);
  }
}

function writeString(call: BiosCall): void {
  const { cpu, memory } = call;
  const page = cpu.bh & 7;
  const before = cursorOf(call, page);
  const withAttributes = (cpu.al & 2) !== 0;
  let at = call.linear("es", cpu.bp);
  moveCursor(call, page, cpu.dh, cpu.dl);
  for (let i = 0; i < cpu.cx; i++) {
    const character = memory.u8(at++);
    const attribute = withAttributes ? memory.u8(at++) : cpu.bl;
    teletype(call, character, page, attribute);
  }
  if ((cpu.al & 1) === 0) moveCursor(call, page, before.row, before.column);
}

/** Mode 13h has a byte per pixel. */
function pixel(call: BiosCall): void {
  const { cpu, memory } = call;
  if (memory.u8(BDA.VIDEO_MODE) !== 0x13) return call.reportUnsupported(0x10);
  if (cpu.cx >= 320 || cpu.dx >= 200) return;
  const at = 0xa_0000 + cpu.dx * 320 + cpu.cx;
  if (cpu.ah === 0x0d) cpu.al = memory.u8(at);
  else memory.setU8(at, cpu.al);
}

function alternateSelect(call: BiosCall): void {
  const { cpu, memory } = call;
  if (cpu.bl === 0x10) {
    cpu.bx = 0x0003; // Colour, 256 KiB.
    cpu.cx = memory.u8(BDA.VIDEO_SWITCHES) & 0x0f;
  } else if (cpu.bl >= 0x30 && cpu.bl <= 0x36) cpu.al = 0x12;
  else call.reportUnsupported(0x10);
}
