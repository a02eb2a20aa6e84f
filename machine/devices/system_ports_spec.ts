/** The board's small ports: numbers and bits. */

export const SYSTEM_PORT = {
  CONTROL_B: 0x61,
  POST: 0x80,
  CONTROL_A: 0x92,
  DEBUG_CONSOLE: 0xe9,
  DEBUG_EXIT: 0xf4,
} as const;

/** Port 0x61. Bits 3:0 read as written. */
export const PORT_61 = { GATE2: 0x01, SPEAKER: 0x02, REFRESH: 0x10, OUT2: 0x20 } as const;

export const PORT_92 = { RESET: 0x01, A20: 0x02 } as const;

/** Between two memory refreshes: 18 ticks of the timer, 15.085 µs. */
export const REFRESH_NS = 15_085;
