/** INT 10h AH=11h: the ROM's fonts. Text modes can have 25 lines of 16 rows, or 50 of 8. */
import { CRTC, VGA_PORT } from "../../devices/vga_text_spec.ts";
import { BDA } from "../bda.ts";
import type { BiosCall } from "../bios_call.ts";
import { ROM_SEGMENT, ROM_TABLE } from "../rom.ts";
import { showCursor, writeCrtc } from "./video_cursor.ts";

const SCAN_LINES = 400;

export function fontService(call: BiosCall): void {
  const { cpu } = call;
  switch (cpu.al) {
    case 0x02:
    case 0x12:
      return setHeight(call, 8);
    case 0x04:
    case 0x14:
      return setHeight(call, 16);
    case 0x30:
      return fontAddress(call);
    default:
      call.reportUnsupported(0x10);
  }
}

function setHeight(call: BiosCall, height: number): void {
  const { memory, ports } = call;
  const rows = SCAN_LINES / height;
  ports.write(VGA_PORT.CRTC_INDEX, CRTC.MAXIMUM_SCAN_LINE, 1);
  const old = ports.read(VGA_PORT.CRTC_INDEX + 1, 1);
  writeCrtc(call, CRTC.MAXIMUM_SCAN_LINE, old & 0xe0 | height - 1);
  memory.setU8(BDA.VIDEO_ROWS, rows - 1);
  memory.setU16(BDA.CHARACTER_HEIGHT, height);
  memory.setU16(BDA.VIDEO_PAGE_BYTES, rows > 25 ? 0x2000 : 0x1000);
  showCursor(call);
}

function fontAddress(call: BiosCall): void {
  const { cpu, memory } = call;
  const vector = cpu.bh === 0 ? 0x1f : cpu.bh === 1 ? 0x43 : undefined;
  cpu.cx = memory.u16(BDA.CHARACTER_HEIGHT);
  cpu.dl = memory.u8(BDA.VIDEO_ROWS);
  if (vector !== undefined) {
    cpu.bp = memory.u16(vector * 4);
    return call.setSegment("es", memory.u16(vector * 4 + 2));
  }
  cpu.bp = cpu.bh === 3
    ? ROM_TABLE.FONT_8X8
    : cpu.bh === 4
    ? ROM_TABLE.FONT_8X8 + 128 * 8
    : ROM_TABLE.FONT_8X16;
  call.setSegment("es", ROM_SEGMENT);
}
