/**
 * MC146818 real-time clock with CMOS memory: registers, and the bytes that a PC's firmware keeps.
 *
 * ```text
 *      7    6    5    4    3    2    1    0
 * A   UIP  DV2  DV1  DV0  RS3  RS2  RS1  RS0
 * B   SET  PIE  AIE  UIE SQWE   DM 24/12 DSE
 * C  IRQF   PF   AF   UF   0    0    0    0     reading clears it
 * D   VRT   0    0    0    0    0    0    0
 * ```
 *
 * @see Motorola MC146818 data sheet, "Registers"
 */

/** `INDEX`: bits 6:0 choose the byte, bit 7 masks the NMI. */
export const CMOS_PORT = { INDEX: 0x70, DATA: 0x71 } as const;

export const NMI_MASK = 0x80;

/** Indices of the clock's registers. */
export const RTC = {
  SECONDS: 0x00,
  SECONDS_ALARM: 0x01,
  MINUTES: 0x02,
  MINUTES_ALARM: 0x03,
  HOURS: 0x04,
  HOURS_ALARM: 0x05,
  WEEKDAY: 0x06,
  DAY: 0x07,
  MONTH: 0x08,
  YEAR: 0x09,
  A: 0x0a,
  B: 0x0b,
  C: 0x0c,
  D: 0x0d,
  CENTURY: 0x32,
} as const;

export const RTC_A = { UIP: 0x80, DV: 0x70, RS: 0x0f } as const;

/** Values of A.DV that matter: counting with a 32.768 kHz crystal; divider held in reset. */
export const DIVIDER = { RUN: 0x20, RESET: 0x60 } as const;

export const RTC_B = {
  SET: 0x80,
  PIE: 0x40,
  AIE: 0x20,
  UIE: 0x10,
  SQWE: 0x08,
  /** Binary instead of BCD. */
  DM: 0x04,
  /** 24 hours instead of 12. */
  H24: 0x02,
  DSE: 0x01,
} as const;

export const RTC_C = { IRQF: 0x80, PF: 0x40, AF: 0x20, UF: 0x10 } as const;

/** In a 12-hour clock, bit 7 of the hours means afternoon. */
export const PM = 0x80;
/** An alarm byte of 0xc0–0xff matches everything. */
export const ALARM_ANY = 0xc0;

/** UIP rises this long before an update cycle, which takes the second time. */
export const UPDATE = { BEFORE_NS: 244_000, CYCLE_NS: 1_984_000 } as const;

/** From the release of the divider to the first update. */
export const FIRST_UPDATE_NS = 500_000_000;

/** The CMOS bytes of a PC AT. */
export const CMOS = {
  SHUTDOWN: 0x0f,
  FLOPPIES: 0x10,
  EQUIPMENT: 0x14,
  BASE_KIB_LOW: 0x15,
  BASE_KIB_HIGH: 0x16,
  /** KiB above 1 MiB, as the setup program found them. */
  EXTENDED_KIB_LOW: 0x17,
  EXTENDED_KIB_HIGH: 0x18,
  /** Sum of 0x10–0x2d, high byte first. */
  CHECKSUM_HIGH: 0x2e,
  CHECKSUM_LOW: 0x2f,
  /** KiB above 1 MiB, as the self test found them. */
  FOUND_KIB_LOW: 0x30,
  FOUND_KIB_HIGH: 0x31,
  /** 64-KiB units above 16 MiB. */
  ABOVE_16M_LOW: 0x34,
  ABOVE_16M_HIGH: 0x35,
} as const;

/**
 * Period of the periodic interrupt in ns; `undefined` for none.
 *
 * @param rate A.RS, 0–15.
 * @see "Periodic Interrupt Selection"
 */
export function periodNs(rate: number): number | undefined {
  if (rate === 0) return undefined;
  return 1e9 / (32_768 >> (rate < 3 ? rate + 6 : rate - 1));
}
