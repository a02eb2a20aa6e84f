/** INT 10h AH=10h: the attribute controller's palette, blink, and the DAC. */
import { ATTRIBUTE, ATTRIBUTE_MODE, VGA_PORT } from "../../devices/vga_text_spec.ts";
import type { BiosCall } from "../bios_call.ts";

const PALETTE_ON = 0x20;
const OVERSCAN = 0x11;

export function paletteService(call: BiosCall): void {
  const { cpu, memory, ports } = call;
  switch (cpu.al) {
    case 0x00:
      return writeAttribute(call, cpu.bl & 0x1f, cpu.bh);
    case 0x01:
      return writeAttribute(call, OVERSCAN, cpu.bh);
    case 0x02: {
      const at = call.linear("es", cpu.dx);
      for (let i = 0; i < 16; i++) writeAttribute(call, i, memory.u8(at + i));
      return writeAttribute(call, OVERSCAN, memory.u8(at + 16));
    }
    case 0x03: {
      const mode = readAttribute(call, ATTRIBUTE.MODE) & ~ATTRIBUTE_MODE.BLINK;
      const blink = (cpu.bl & 1) !== 0 ? ATTRIBUTE_MODE.BLINK : 0;
      return writeAttribute(call, ATTRIBUTE.MODE, mode | blink);
    }
    case 0x07:
      cpu.bh = readAttribute(call, cpu.bl & 0x1f);
      return;
    case 0x10:
      return writeColors(call, cpu.bx & 0xff, [cpu.dh, cpu.ch, cpu.cl]);
    case 0x12:
      return writeColors(
        call,
        cpu.bx & 0xff,
        call.read(call.linear("es", cpu.dx), Math.min(cpu.cx, 256) * 3),
      );
    case 0x15:
      ports.write(VGA_PORT.DAC_READ_INDEX, cpu.bl, 1);
      cpu.dh = ports.read(VGA_PORT.DAC_DATA, 1);
      cpu.ch = ports.read(VGA_PORT.DAC_DATA, 1);
      cpu.cl = ports.read(VGA_PORT.DAC_DATA, 1);
      return;
    default:
      call.reportUnsupported(0x10);
  }
}

function readAttribute({ ports }: BiosCall, index: number): number {
  ports.read(VGA_PORT.STATUS_1, 1);
  ports.write(VGA_PORT.ATTRIBUTE, index, 1);
  const value = ports.read(VGA_PORT.ATTRIBUTE_READ, 1);
  ports.read(VGA_PORT.STATUS_1, 1);
  ports.write(VGA_PORT.ATTRIBUTE, PALETTE_ON, 1);
  return value;
}

function writeAttribute({ ports }: BiosCall, index: number, value: number): void {
  ports.read(VGA_PORT.STATUS_1, 1);
  ports.write(VGA_PORT.ATTRIBUTE, index, 1);
  ports.write(VGA_PORT.ATTRIBUTE, value, 1);
  ports.write(VGA_PORT.ATTRIBUTE, PALETTE_ON, 1);
}

function writeColors({ ports }: BiosCall, first: number, values: Iterable<number>): void {
  ports.write(VGA_PORT.DAC_WRITE_INDEX, first, 1);
  for (const value of values) ports.write(VGA_PORT.DAC_DATA, value & 0x3f, 1);
}
