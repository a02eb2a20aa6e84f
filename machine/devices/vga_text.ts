/**
 * VGA in text mode.
 *
 * ```text
 *   0x3c0–0x3cf, 0x3d4/5, 0x3da -> registers --+
 *   0xa0000–0xbffff: plain bytes of RAM -------+-> snapshot() -> views
 *   virtual clock -> retrace bits
 * ```
 *
 * 1. The guest writes character/attribute pairs at 0xb8000. The device has no part in that: it is
 *    lent the bytes and looks at them only in {@linkcode VgaText.snapshot}.
 * 2. The CRT controller's start address says which pair is at the top left, its cursor address
 *    where the cursor is. Both count pairs.
 * 3. An attribute's low four bits choose the foreground, bits 6:4 the background; bit 7 blinks or,
 *    when AR10 says so, is the background's fourth bit. These 16 numbers go through the attribute
 *    controller's palette to the DAC's 256 colours.
 * 4. Port 0x3c0 takes index and data by turns; reading 0x3da makes the next one an index.
 * 5. 0x3da's bits follow the beam, computed from the registers and the virtual time.
 *
 * After reset the registers are those of mode 3, as if the video BIOS had run.
 *
 * **Not modelled:** graphics modes, planes and latches, loadable fonts, panning and split screen,
 * the monochrome addresses 0x3b4–0x3ba, interrupts of the retrace.
 *
 * @see IBM PS/2 Hardware Interface Technical Reference, "Video Subsystem"
 */
import type { Device } from "../bus/device.ts";
import type { PortRange } from "../bus/port_bus.ts";
import {
  byte,
  type Checked,
  type DeviceState,
  fields,
  flag,
  integer,
  list,
  StateFormat,
} from "../bus/state_format.ts";
import type { Clock } from "../clock.ts";
import {
  ATTRIBUTE,
  ATTRIBUTE_MODE,
  CRTC,
  CRTC_PROTECT,
  CURSOR_OFF,
  DOT_CLOCK_HZ,
  DOTS_8,
  GRAPHICS,
  MEMORY_MAP,
  MISC,
  mode3Dac,
  MODE_3,
  PALETTE_SOURCE,
  SEQUENCER,
  STATUS_1,
  VGA_PORT,
  VIDEO_MEMORY_START,
} from "./vga_text_spec.ts";

const sixBits = integer(0, 63);
const STATE = fields({
  misc: byte,
  feature: byte,
  sequencerIndex: byte,
  sequencer: list(byte, 5, 5),
  graphicsIndex: byte,
  graphics: list(byte, 9, 9),
  crtcIndex: byte,
  crtc: list(byte, 25, 25),
  /** With bit 5, {@linkcode PALETTE_SOURCE}. */
  attributeIndex: sixBits,
  attribute: list(byte, 21, 21),
  /** The next write to 0x3c0 is data. */
  attributeData: flag,
  dacMask: byte,
  dac: list(sixBits, 768, 768),
  /** Colour × 3 + channel of the next access to 0x3c9. */
  dacIndex: integer(0, 767),
  dacReading: flag,
});
const FORMAT = new StateFormat("vga_text", 1, STATE);

function mode3(): Checked<typeof STATE> {
  return {
    misc: MODE_3.misc,
    feature: 0,
    sequencerIndex: 0,
    sequencer: [...MODE_3.sequencer],
    graphicsIndex: 0,
    graphics: [...MODE_3.graphics],
    crtcIndex: 0,
    crtc: [...MODE_3.crtc],
    attributeIndex: PALETTE_SOURCE,
    attribute: [...MODE_3.attribute],
    attributeData: false,
    dacMask: 0xff,
    dac: mode3Dac(),
    dacIndex: 0,
    dacReading: false,
  };
}

/** The screen as plain data, for views. */
export interface TextScreen {
  readonly columns: number;
  readonly rows: number;
  /** Row by row: character in bits 7:0, attribute in bits 15:8. */
  readonly cells: Uint16Array;
  readonly cursor: {
    /** May be off the screen. */
    readonly row: number;
    readonly column: number;
    /** Scan lines of the cell, both included. */
    readonly startLine: number;
    readonly endLine: number;
    /** Turned on, and on the screen. */
    readonly visible: boolean;
  };
  /** In cells from the start of the memory window. */
  readonly startAddress: number;
  /** Attribute bit 7 blinks; otherwise it makes the background bright. */
  readonly blink: boolean;
  /** The 16 colours, 0xrrggbb. */
  readonly palette: readonly number[];
  /** The display is turned off. */
  readonly blank: boolean;
  /** Dots per character: 8 or 9. */
  readonly cellWidth: number;
  /** Scan lines per character. */
  readonly cellHeight: number;
}

/** What the display is wired to. */
export interface VgaWiring {
  readonly clock: Clock;
  /** The 128 KiB of physical memory from 0xa0000. */
  readonly videoMemory: Uint8Array;
}

/** The display adapter. */
export class VgaText implements Device {
  readonly ports: readonly PortRange[] = [
    { device: "vga", first: VGA_PORT.ATTRIBUTE, count: 16 },
    { device: "vga", first: VGA_PORT.CRTC_INDEX, count: 2 },
    { device: "vga", first: VGA_PORT.STATUS_1, count: 1 },
  ];
  readonly #clock: Clock;
  readonly #memory: Uint8Array;
  #s = mode3();

  /** @throws {RangeError} If the video memory is not 128 KiB. */
  constructor({ clock, videoMemory }: VgaWiring) {
    if (videoMemory.length !== 0x2_0000) {
      throw new RangeError(
        `Cannot show ${videoMemory.length} bytes of video memory: not 128 KiB`,
      );
    }
    this.#clock = clock;
    this.#memory = videoMemory;
  }

  /** Takes a picture. Nothing changes. */
  snapshot(): TextScreen {
    const { crtc, graphics, attribute, attributeIndex, sequencer } = this.#s;
    const columns = crtc[CRTC.HORIZONTAL_DISPLAY_END] + 1;
    const cellHeight = (crtc[CRTC.MAXIMUM_SCAN_LINE] & 0x1f) + 1;
    const rows = Math.floor(this.#vertical(CRTC.VERTICAL_DISPLAY_END, 1, 6) / cellHeight) || 1;
    const window = MEMORY_MAP[graphics[GRAPHICS.MISCELLANEOUS] >> 2 & 3];
    const base = window.start - VIDEO_MEMORY_START;
    const pitch = 2 * crtc[CRTC.OFFSET];
    const startAddress = crtc[CRTC.START_HIGH] << 8 | crtc[CRTC.START_LOW];
    const cells = new Uint16Array(columns * rows);
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        const offset = base + 2 * (startAddress + row * pitch + column) % window.size;
        cells[row * columns + column] = this.#memory[offset] | this.#memory[offset + 1] << 8;
      }
    }
    const position = (crtc[CRTC.CURSOR_HIGH] << 8 | crtc[CRTC.CURSOR_LOW]) - startAddress;
    const row = pitch === 0 ? 0 : Math.floor(position / pitch);
    const column = position - row * pitch;
    const startLine = crtc[CRTC.CURSOR_START] & 0x1f;
    const endLine = crtc[CRTC.CURSOR_END] & 0x1f;
    const visible = !(crtc[CRTC.CURSOR_START] & CURSOR_OFF) && startLine <= endLine &&
      row >= 0 && row < rows && column < columns;
    return {
      columns,
      rows,
      cells,
      cursor: { row, column, startLine, endLine, visible },
      startAddress,
      blink: (attribute[ATTRIBUTE.MODE] & ATTRIBUTE_MODE.BLINK) !== 0,
      palette: this.#palette(),
      blank: !(attributeIndex & PALETTE_SOURCE),
      cellWidth: sequencer[SEQUENCER.CLOCKING] & DOTS_8 ? 8 : 9,
      cellHeight,
    };
  }

  readPort(port: number): number {
    const s = this.#s;
    switch (port) {
      case VGA_PORT.ATTRIBUTE:
        return s.attributeIndex;
      case VGA_PORT.ATTRIBUTE_READ:
        return s.attribute[s.attributeIndex & 0x1f] ?? 0;
      case VGA_PORT.MISC_WRITE:
        return 0x10; // The switch sense: a colour display.
      case VGA_PORT.SEQUENCER_INDEX:
        return s.sequencerIndex;
      case VGA_PORT.SEQUENCER_DATA:
        return s.sequencer[s.sequencerIndex] ?? 0;
      case VGA_PORT.DAC_MASK:
        return s.dacMask;
      case VGA_PORT.DAC_READ_INDEX:
        return s.dacReading ? 3 : 0;
      case VGA_PORT.DAC_WRITE_INDEX:
        return Math.floor(s.dacIndex / 3);
      case VGA_PORT.DAC_DATA: {
        const value = s.dac[s.dacIndex];
        s.dacIndex = (s.dacIndex + 1) % 768;
        return value;
      }
      case VGA_PORT.FEATURE_READ:
        return s.feature;
      case VGA_PORT.MISC_READ:
        return s.misc;
      case VGA_PORT.GRAPHICS_INDEX:
        return s.graphicsIndex;
      case VGA_PORT.GRAPHICS_DATA:
        return s.graphics[s.graphicsIndex] ?? 0;
      case VGA_PORT.CRTC_INDEX:
        return s.crtcIndex;
      case VGA_PORT.CRTC_DATA:
        return s.crtc[s.crtcIndex] ?? 0;
      case VGA_PORT.STATUS_1:
        s.attributeData = false;
        return this.#beam();
      default:
        return 0xff;
    }
  }

  writePort(port: number, value: number): void {
    const s = this.#s;
    switch (port) {
      case VGA_PORT.ATTRIBUTE:
        return this.#writeAttribute(value);
      case VGA_PORT.MISC_WRITE:
        s.misc = value;
        return;
      case VGA_PORT.SEQUENCER_INDEX:
        s.sequencerIndex = value & 0x07;
        return;
      case VGA_PORT.SEQUENCER_DATA:
        return store(s.sequencer, s.sequencerIndex, value);
      case VGA_PORT.DAC_MASK:
        s.dacMask = value;
        return;
      case VGA_PORT.DAC_READ_INDEX:
      case VGA_PORT.DAC_WRITE_INDEX:
        s.dacIndex = 3 * value;
        s.dacReading = port === VGA_PORT.DAC_READ_INDEX;
        return;
      case VGA_PORT.DAC_DATA:
        s.dac[s.dacIndex] = value & 0x3f;
        s.dacIndex = (s.dacIndex + 1) % 768;
        return;
      case VGA_PORT.GRAPHICS_INDEX:
        s.graphicsIndex = value & 0x0f;
        return;
      case VGA_PORT.GRAPHICS_DATA:
        return store(s.graphics, s.graphicsIndex, value);
      case VGA_PORT.CRTC_INDEX:
        s.crtcIndex = value & 0x3f;
        return;
      case VGA_PORT.CRTC_DATA:
        return this.#writeCrtc(value);
      case VGA_PORT.STATUS_1:
        s.feature = value;
    }
  }

  /** Mode 3. The memory keeps its bytes. */
  reset(): void {
    this.#s = mode3();
  }

  saveState(): DeviceState {
    return FORMAT.save(this.#s);
  }

  loadState(state: unknown): void {
    this.#s = FORMAT.load(state);
  }

  #writeAttribute(value: number): void {
    const s = this.#s;
    if (!s.attributeData) {
      s.attributeIndex = value & 0x3f;
    } else {
      const index = s.attributeIndex & 0x1f;
      // The palette proper can only be written while it does not feed the display.
      if (index >= 0x10 || !(s.attributeIndex & PALETTE_SOURCE)) {
        store(s.attribute, index, index < 0x10 ? value & 0x3f : value);
      }
    }
    s.attributeData = !s.attributeData;
  }

  #writeCrtc(value: number): void {
    const { crtc, crtcIndex } = this.#s;
    if (crtcIndex <= CRTC.OVERFLOW && crtc[CRTC.VERTICAL_RETRACE_END] & CRTC_PROTECT) {
      // Of the protected registers only bit 4 of the overflow register (line compare) is open.
      if (crtcIndex === CRTC.OVERFLOW) {
        crtc[crtcIndex] = crtc[crtcIndex] & ~0x10 | value & 0x10;
      }
      return;
    }
    store(crtc, crtcIndex, value);
  }

  /** A vertical count of ten bits: the register, bits 8 and 9 in the overflow register, plus one. */
  #vertical(register: number, bit8: number, bit9: number, plus = 1): number {
    const { crtc } = this.#s;
    const overflow = crtc[CRTC.OVERFLOW];
    return (crtc[register] | (overflow >> bit8 & 1) << 8 | (overflow >> bit9 & 1) << 9) + plus;
  }

  /** Input status 1: where the beam is. */
  #beam(): number {
    const { crtc, misc, sequencer } = this.#s;
    const width = sequencer[SEQUENCER.CLOCKING] & DOTS_8 ? 8 : 9;
    const lineDots = (crtc[CRTC.HORIZONTAL_TOTAL] + 5) * width;
    const lines = this.#vertical(CRTC.VERTICAL_TOTAL, 0, 5, 2);
    const lineNs = lineDots * 1e9 / DOT_CLOCK_HZ[misc >> MISC.CLOCK_SHIFT & 3];
    const inFrame = this.#clock.nowNs % (lineNs * lines) / lineNs;
    const line = Math.floor(inFrame);
    const character = Math.floor((inFrame - line) * lineDots / width);
    const retrace = this.#vertical(CRTC.VERTICAL_RETRACE_START, 2, 7, 0);
    // The end register holds the low four bits of the first line after the retrace.
    const length = (crtc[CRTC.VERTICAL_RETRACE_END] - retrace) & 15 || 16;
    const displayed = line < this.#vertical(CRTC.VERTICAL_DISPLAY_END, 1, 6) &&
      character <= crtc[CRTC.HORIZONTAL_DISPLAY_END];
    return (displayed ? 0 : STATUS_1.DISPLAY_DISABLED) |
      (line >= retrace && line < retrace + length ? STATUS_1.VERTICAL_RETRACE : 0);
  }

  /** The 16 colours: through the attribute controller, then the DAC. */
  #palette(): number[] {
    const { attribute, dac, dacMask } = this.#s;
    const select = attribute[ATTRIBUTE.COLOR_SELECT];
    const p54s = attribute[ATTRIBUTE.MODE] & ATTRIBUTE_MODE.P54S;
    return Array.from({ length: 16 }, (_, color) => {
      const entry = attribute[color & attribute[ATTRIBUTE.PLANE_ENABLE]];
      const low = p54s ? entry & 0x0f | (select & 3) << 4 : entry & 0x3f;
      const index = (low | (select & 0x0c) << 4) & dacMask;
      const channel = (i: number) => (dac[3 * index + i] << 2 | dac[3 * index + i] >> 4) & 0xff;
      return channel(0) << 16 | channel(1) << 8 | channel(2);
    });
  }
}

function store(registers: number[], index: number, value: number): void {
  if (index < registers.length) registers[index] = value;
}
