/**
 * INT 10h AH=00h: modes.
 *
 * Text modes 0–3 write all of the display's registers. Graphics modes are noted in the data area
 * and told as an event: the display does not draw them.
 */
import { ATTRIBUTE, CRTC, mode3Dac, MODE_3, VGA_PORT } from "../../devices/vga_text_spec.ts";
import { BDA } from "../bda.ts";
import type { BiosCall } from "../bios_call.ts";
import { showCursor, writeCrtc } from "./video_cursor.ts";
import { clearWindow } from "./video_text.ts";

/** What differs in the modes with 40 columns. */
const CRTC_40: readonly number[] = [0x2d, 0x27, 0x28, 0x90, 0x2b, 0xa0];
const OFFSET_40 = 0x14;
const CLOCKING_40 = 0x08;

const KEEP_MEMORY = 0x80;
const CURSOR_SHAPE = 0x0607;
const CHARACTER_HEIGHT = 16;

/** Bytes of a page by mode; 0 where there is one page only. */
const GRAPHICS_COLUMNS: Readonly<Record<number, number>> = {
  0x04: 40,
  0x05: 40,
  0x06: 80,
  0x0d: 40,
  0x0e: 80,
  0x0f: 80,
  0x10: 80,
  0x11: 80,
  0x12: 80,
  0x13: 40,
};

export function setMode(call: BiosCall, value: number): void {
  const { memory } = call;
  const mode = value & 0x7f;
  const graphics = GRAPHICS_COLUMNS[mode];
  if (mode > 3 && graphics === undefined) {
    call.report(`video mode ${mode.toString(16).padStart(2, "0")}h is not supported`);
    return;
  }
  if (graphics !== undefined) {
    call.report(`graphics mode ${mode.toString(16).padStart(2, "0")}h is set but not shown`);
  }
  const columns = graphics ?? (mode < 2 ? 40 : 80);
  memory.setU8(BDA.VIDEO_MODE, mode);
  memory.setU16(BDA.VIDEO_COLUMNS, columns);
  memory.setU16(BDA.VIDEO_PAGE_BYTES, columns === 40 ? 0x800 : 0x1000);
  memory.setU16(BDA.VIDEO_PAGE_START, 0);
  memory.setU8(BDA.VIDEO_PAGE, 0);
  for (let page = 0; page < 8; page++) memory.setU16(BDA.CURSORS + page * 2, 0);
  memory.setU16(BDA.CURSOR_SHAPE, CURSOR_SHAPE);
  memory.setU16(BDA.CRTC_PORT, VGA_PORT.CRTC_INDEX);
  memory.setU8(BDA.VIDEO_ROWS, 24);
  memory.setU16(BDA.CHARACTER_HEIGHT, CHARACTER_HEIGHT);
  memory.setU8(BDA.VIDEO_CONTROL, 0x60 | value & KEEP_MEMORY);
  memory.setU8(BDA.VIDEO_SWITCHES, 0xf9);
  if (graphics !== undefined) return;
  writeTextRegisters(call, columns === 40);
  if ((value & KEEP_MEMORY) === 0) {
    for (let page = 0; page < 8; page++) {
      clearWindow(call, page, { top: 0, left: 0, bottom: 24, right: columns - 1 }, 0x07);
    }
  }
  showCursor(call);
}

function writeTextRegisters(call: BiosCall, narrow: boolean): void {
  const { ports } = call;
  const indexed = (port: number, values: readonly number[]) =>
    values.forEach((value, index) => {
      ports.write(port, index, 1);
      ports.write(port + 1, value, 1);
    });
  const crtc: number[] = [...MODE_3.crtc];
  const sequencer: number[] = [...MODE_3.sequencer];
  if (narrow) {
    CRTC_40.forEach((value, index) => crtc[index] = value);
    crtc[CRTC.OFFSET] = OFFSET_40;
    sequencer[1] = CLOCKING_40;
  }
  ports.write(VGA_PORT.MISC_WRITE, MODE_3.misc, 1);
  indexed(VGA_PORT.SEQUENCER_INDEX, sequencer);
  writeCrtc(call, CRTC.VERTICAL_RETRACE_END, 0); // Opens registers 0–7.
  indexed(VGA_PORT.CRTC_INDEX, crtc);
  indexed(VGA_PORT.GRAPHICS_INDEX, MODE_3.graphics);
  ports.read(VGA_PORT.STATUS_1, 1);
  MODE_3.attribute.forEach((value, index) => {
    ports.write(VGA_PORT.ATTRIBUTE, index, 1);
    ports.write(VGA_PORT.ATTRIBUTE, value, 1);
  });
  ports.write(VGA_PORT.ATTRIBUTE, 0x20 | ATTRIBUTE.COLOR_SELECT, 1);
  ports.write(VGA_PORT.ATTRIBUTE, 0, 1);
  ports.write(VGA_PORT.DAC_MASK, 0xff, 1);
  ports.write(VGA_PORT.DAC_WRITE_INDEX, 0, 1);
  for (const value of mode3Dac()) ports.write(VGA_PORT.DAC_DATA, value, 1);
}
