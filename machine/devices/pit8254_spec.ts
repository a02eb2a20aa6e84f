/**
 * 8254: ports, control word, status.
 *
 * ```text
 *                7    6    5    4    3    2    1    0
 * control word  SC1  SC0  RW1  RW0   M2   M1   M0  BCD
 * read-back      1    1  /CNT /STA   C2   C1   C0   0
 * status        OUT NULL  RW1  RW0   M2   M1   M0  BCD
 * ```
 *
 * @see Intel 8254 data sheet (231164), "Programming the 8254", "Read-Back Command"
 */

/** Ports of a PC's 8254. */
export const PIT_PORT = {
  COUNTER_0: 0x40,
  COUNTER_1: 0x41,
  COUNTER_2: 0x42,
  CONTROL: 0x43,
} as const;

/** Frequency of CLK 0–2 on a PC: 14.31818 MHz / 12. */
export const PIT_FREQUENCY_HZ = 1_193_182;

export const SC_SHIFT = 6;
/** SC = 3 is the read-back command. */
export const SC_READ_BACK = 3;

export const RW_SHIFT = 4;
/** Values of the RW field. */
export const RW = { LATCH: 0, LSB: 1, MSB: 2, LSB_MSB: 3 } as const;

export const MODE_SHIFT = 1;
/** Values of the M field; 6 and 7 mean 2 and 3. */
export const MODE = {
  INTERRUPT_ON_TERMINAL_COUNT: 0,
  HARDWARE_ONE_SHOT: 1,
  RATE_GENERATOR: 2,
  SQUARE_WAVE: 3,
  SOFTWARE_STROBE: 4,
  HARDWARE_STROBE: 5,
} as const;

export const CONTROL = { BCD: 0x01 } as const;

/** The read-back command; COUNT and STATUS are low-active. */
export const READ_BACK = {
  COUNTER_0: 0x02,
  COUNTER_1: 0x04,
  COUNTER_2: 0x08,
  NO_STATUS: 0x10,
  NO_COUNT: 0x20,
} as const;

export const PIT_STATUS = { NULL_COUNT: 0x40, OUT: 0x80 } as const;
