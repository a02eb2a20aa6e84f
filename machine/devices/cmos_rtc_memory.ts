/** The CMOS bytes that a PC's firmware leaves behind. */
import { CMOS, DIVIDER, RTC, RTC_B } from "./cmos_rtc_spec.ts";

const MIB = 1 << 20;

/**
 * Fills CMOS memory for a machine: 24-hour BCD clock at 1024 Hz (not enabled), no floppies, a
 * VGA display, the sizes of memory, the checksum.
 *
 * @param memorySize In bytes, from 1 MiB.
 * @returns 128 bytes; the time is still 0.
 */
export function firmwareMemory(memorySize: number): number[] {
  const memory: number[] = new Array(128).fill(0);
  memory[RTC.A] = DIVIDER.RUN | 6;
  memory[RTC.B] = RTC_B.H24;
  memory[RTC.D] = 0x80; // VRT: the battery is good.
  // Bits 5:4 = 00: a display with its own BIOS; bit 2: a keyboard is enabled.
  memory[CMOS.EQUIPMENT] = 0x04;
  word(memory, CMOS.BASE_KIB_LOW, 640);
  const extended = Math.min(0xffff, Math.floor((memorySize - MIB) / 1024));
  word(memory, CMOS.EXTENDED_KIB_LOW, extended);
  word(memory, CMOS.FOUND_KIB_LOW, extended);
  word(memory, CMOS.ABOVE_16M_LOW, Math.max(0, Math.floor((memorySize - 16 * MIB) / 0x1_0000)));
  const sum = memory.slice(CMOS.FLOPPIES, CMOS.CHECKSUM_HIGH).reduce((a, b) => a + b, 0);
  memory[CMOS.CHECKSUM_HIGH] = sum >> 8 & 0xff;
  memory[CMOS.CHECKSUM_LOW] = sum & 0xff;
  return memory;
}

function word(memory: number[], low: number, value: number): void {
  memory[low] = value & 0xff;
  memory[low + 1] = value >> 8 & 0xff;
}
