/** How often the timer interrupts: counter 0 of the 8254. */
import type { CpuDoor } from "../../machine/mod.ts";

/** The 8254's clock, in Hz. */
const CLOCK_HZ = 1_193_182;
const PORT = { COUNTER_0: 0x40, COMMAND: 0x43 } as const;
/** Counter 0, low byte then high byte, mode 2. */
const RATE_GENERATOR = 0x34;
const MOST = 0x1_0000;

/**
 * Sets the timer's frequency. The default is 18.2 Hz: a tick per 5.5 million instructions.
 *
 * @param frequencyHz From 18.3 to 100,000; at 1,000 a tick is 100,000 instructions.
 * @returns The frequency that it is, a divisor of 1,193,182 Hz.
 * @throws {RangeError} If the counter cannot do it.
 */
export function setTimerFrequency(cpu: CpuDoor, frequencyHz: number): number {
  const divisor = Math.round(CLOCK_HZ / frequencyHz);
  if (!(frequencyHz <= 100_000 && divisor >= 2 && divisor <= MOST)) {
    throw new RangeError(`Cannot set the timer to ${frequencyHz} Hz: not from 18.3 to 100,000`);
  }
  cpu.outb(PORT.COMMAND, RATE_GENERATOR);
  cpu.outb(PORT.COUNTER_0, divisor & 0xff);
  cpu.outb(PORT.COUNTER_0, divisor >> 8 & 0xff);
  return CLOCK_HZ / divisor;
}
