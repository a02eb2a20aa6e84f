/**
 * VGA: ports and registers that text mode uses, and their values in mode 3 (80 × 25, 16 colours).
 *
 * @see IBM PS/2 Hardware Interface Technical Reference, "Video Subsystem"
 */

export const VGA_PORT = {
  /** Attribute controller: index and data by turns; reads give the index. */
  ATTRIBUTE: 0x3c0,
  ATTRIBUTE_READ: 0x3c1,
  /** Write: miscellaneous output. Read: input status 0. */
  MISC_WRITE: 0x3c2,
  SEQUENCER_INDEX: 0x3c4,
  SEQUENCER_DATA: 0x3c5,
  DAC_MASK: 0x3c6,
  /** Write: index for reading. Read: 3 after that, 0 after an index for writing. */
  DAC_READ_INDEX: 0x3c7,
  DAC_WRITE_INDEX: 0x3c8,
  DAC_DATA: 0x3c9,
  FEATURE_READ: 0x3ca,
  MISC_READ: 0x3cc,
  GRAPHICS_INDEX: 0x3ce,
  GRAPHICS_DATA: 0x3cf,
  CRTC_INDEX: 0x3d4,
  CRTC_DATA: 0x3d5,
  /** Read: input status 1, and the attribute controller's next write is an index. */
  STATUS_1: 0x3da,
} as const;

export const MISC = { IOAS: 0x01, ERAM: 0x02, CLOCK_SHIFT: 2 } as const;

/** Dot clocks by bits 3:2 of the miscellaneous output register; 2 and 3 are not connected. */
export const DOT_CLOCK_HZ: readonly number[] = [25_175_000, 28_322_000, 25_175_000, 25_175_000];

export const STATUS_1 = { DISPLAY_DISABLED: 0x01, VERTICAL_RETRACE: 0x08 } as const;

/** Indices of the CRT controller. */
export const CRTC = {
  HORIZONTAL_TOTAL: 0x00,
  HORIZONTAL_DISPLAY_END: 0x01,
  VERTICAL_TOTAL: 0x06,
  OVERFLOW: 0x07,
  MAXIMUM_SCAN_LINE: 0x09,
  /** Bit 5 turns the cursor off. */
  CURSOR_START: 0x0a,
  CURSOR_END: 0x0b,
  START_HIGH: 0x0c,
  START_LOW: 0x0d,
  CURSOR_HIGH: 0x0e,
  CURSOR_LOW: 0x0f,
  VERTICAL_RETRACE_START: 0x10,
  /** Bit 7 protects registers 0–7. */
  VERTICAL_RETRACE_END: 0x11,
  VERTICAL_DISPLAY_END: 0x12,
  /** Half the characters of a row. */
  OFFSET: 0x13,
} as const;

export const CURSOR_OFF = 0x20;
export const CRTC_PROTECT = 0x80;

export const SEQUENCER = { CLOCKING: 0x01 } as const;
/** SR01: characters are 8 dots wide instead of 9. */
export const DOTS_8 = 0x01;

export const GRAPHICS = { MISCELLANEOUS: 0x06 } as const;
/** Where video memory is seen, by GR06 bits 3:2. */
export const MEMORY_MAP: readonly { readonly start: number; readonly size: number }[] = [
  { start: 0xa_0000, size: 0x2_0000 },
  { start: 0xa_0000, size: 0x1_0000 },
  { start: 0xb_0000, size: 0x8000 },
  { start: 0xb_8000, size: 0x8000 },
];

/** First address of the memory view that the device is given. */
export const VIDEO_MEMORY_START = 0xa_0000;

export const ATTRIBUTE = { MODE: 0x10, PLANE_ENABLE: 0x12, COLOR_SELECT: 0x14 } as const;
/** AR10. */
export const ATTRIBUTE_MODE = {
  GRAPHICS: 0x01,
  LINE_GRAPHICS: 0x04,
  BLINK: 0x08,
  P54S: 0x80,
} as const;
/** Index bit 5: the palette feeds the display. While it is 0 the screen is blank. */
export const PALETTE_SOURCE = 0x20;

/** Register values of mode 3, as every VGA BIOS sets them. */
// deno-fmt-ignore
export const MODE_3 = {
  misc: 0x67,
  sequencer: [0x03, 0x00, 0x03, 0x00, 0x02],
  crtc: [
    0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0x00, 0x4f, 0x0d, 0x0e, 0x00,
    0x00, 0x00, 0x00, 0x9c, 0x8e, 0x8f, 0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff,
  ],
  graphics: [0x00, 0x00, 0x00, 0x00, 0x00, 0x10, 0x0e, 0x00, 0xff],
  attribute: [
    0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x14, 0x07, 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0x3e,
    0x3f, 0x0c, 0x00, 0x0f, 0x08, 0x00,
  ],
} as const;

/** The DAC after mode 3 was set: 64 EGA colours, 6 bits a channel; the rest is black. */
export function mode3Dac(): number[] {
  return Array.from({ length: 768 }, (_, i) => {
    const color = Math.floor(i / 3);
    if (color > 63) return 0;
    // Bits 5:3 are the secondary (one third) r, g, b; bits 2:0 the primary (two thirds).
    const channel = 2 - i % 3;
    return (color >> channel & 1) * 0x2a + (color >> (channel + 3) & 1) * 0x15;
  });
}
