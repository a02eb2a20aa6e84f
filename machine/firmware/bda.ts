/**
 * The BIOS data area: where the BIOS keeps what it knows, at 0040:0000.
 *
 * @see IBM PS/2 and PC BIOS Interface Technical Reference, "Data Areas and ROM Tables"
 */

/** Physical addresses. */
export const BDA = {
  COM_PORTS: 0x400,
  EBDA_SEGMENT: 0x40e,
  EQUIPMENT: 0x410,
  BASE_KIB: 0x413,
  KEYBOARD_FLAGS: 0x417,
  KEYBOARD_FLAGS_2: 0x418,
  /** Next key to take; offset from segment 0x40. */
  KEYBOARD_HEAD: 0x41a,
  /** Next free place. */
  KEYBOARD_TAIL: 0x41c,
  KEYBOARD_BUFFER: 0x41e,
  FLOPPY_STATUS: 0x441,
  VIDEO_MODE: 0x449,
  VIDEO_COLUMNS: 0x44a,
  VIDEO_PAGE_BYTES: 0x44c,
  VIDEO_PAGE_START: 0x44e,
  /** Column and row of page 0–7. */
  CURSORS: 0x450,
  /** End line, start line. */
  CURSOR_SHAPE: 0x460,
  VIDEO_PAGE: 0x462,
  CRTC_PORT: 0x463,
  TICKS: 0x46c,
  TICKS_OVERFLOW: 0x470,
  BREAK: 0x471,
  /** 0x1234: restarted from the keyboard. */
  RESET_FLAG: 0x472,
  DISK_STATUS: 0x474,
  DISK_COUNT: 0x475,
  COM_TIMEOUTS: 0x47c,
  /** Offsets from segment 0x40. */
  KEYBOARD_START: 0x480,
  KEYBOARD_END: 0x482,
  /** Less one. */
  VIDEO_ROWS: 0x484,
  CHARACTER_HEIGHT: 0x485,
  VIDEO_CONTROL: 0x487,
  VIDEO_SWITCHES: 0x488,
  KEYBOARD_MODE: 0x496,
  KEYBOARD_LEDS: 0x497,
  /** Far pointer to the byte whose bit 7 a timed wait sets. */
  WAIT_POINTER: 0x498,
  /** Microseconds left. */
  WAIT_COUNT: 0x49c,
  /** Bit 0: a wait is under way. Bit 7: the wait of INT 15h AH=86h is over. */
  WAIT_ACTIVE: 0x4a0,
} as const;

/** Where segment 0x40 starts. */
export const BDA_START = 0x400;

/** The extended data area: 1 KiB below 640 KiB. */
export const EBDA_SEGMENT = 0x9fc0;

/** The timer's ticks in a day. */
export const TICKS_PER_DAY = 0x1800b0;
