/**
 * 8259A: commands and registers.
 *
 * ```text
 *        7    6    5    4    3    2    1    0
 * ICW1   –    –    –    1  LTIM  ADI SNGL  IC4    even port, bit 4 = 1
 * ICW2   vector base 7:3           –    –    –    odd port, then …
 * ICW3   master: which IR has a slave · slave: 2:0 its number on the master (unless SNGL)
 * ICW4   0    0    0  SFNM  BUF  M/S AEOI  µPM    if IC4
 * OCW1   interrupt mask                           odd port
 * OCW2   R    SL  EOI   0    0   level 2:0        even port, bits 4:3 = 00
 * OCW3   0  ESMM  SMM   0    1    P   RR  RIS     even port, bits 4:3 = 01
 * ```
 *
 * @see Intel 8259A data sheet (231468), "Programming the 8259A"
 */

export const ICW1 = { IC4: 0x01, SNGL: 0x02, ADI: 0x04, LTIM: 0x08, INIT: 0x10 } as const;

export const ICW4 = { UPM: 0x01, AEOI: 0x02, MS: 0x04, BUF: 0x08, SFNM: 0x10 } as const;

export const OCW3 = {
  RIS: 0x01,
  RR: 0x02,
  P: 0x04,
  MARK: 0x08,
  SMM: 0x20,
  ESMM: 0x40,
} as const;

/** The eight actions of OCW2, by bits 7:5 (R, SL, EOI). */
export const OCW2_ACTION = {
  ROTATE_IN_AEOI_CLEAR: 0,
  NON_SPECIFIC_EOI: 1,
  NO_OPERATION: 2,
  SPECIFIC_EOI: 3,
  ROTATE_IN_AEOI_SET: 4,
  ROTATE_ON_NON_SPECIFIC_EOI: 5,
  SET_PRIORITY: 6,
  ROTATE_ON_SPECIFIC_EOI: 7,
} as const;

/** Bits 7:5 of OCW2. */
export const OCW2_ACTION_SHIFT = 5;

/** Bit 7 of a poll's answer: there is an interrupt; its level is in 2:0. */
export const POLL_INTERRUPT = 0x80;

/** Where a PC has its two chips. `ELCR`: a bit per IR, 1 = level-triggered. */
export const PIC_PORT = {
  MASTER_COMMAND: 0x20,
  MASTER_DATA: 0x21,
  SLAVE_COMMAND: 0xa0,
  SLAVE_DATA: 0xa1,
  MASTER_ELCR: 0x4d0,
  SLAVE_ELCR: 0x4d1,
} as const;

/** The ELCR bits that can be set: IRQ 0, 1, 2, 8 and 13 are always edge-triggered. */
export const ELCR_WRITABLE = { MASTER: 0xf8, SLAVE: 0xde } as const;

/** The master's IR that the slave's INT pin drives. */
export const CASCADE_IR = 2;
