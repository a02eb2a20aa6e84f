/**
 * Timed waits, as the AT's BIOS has them: the real-time clock interrupts 1024 times a second, the
 * handler counts microseconds down in the data area and sets bit 7 of a byte of the caller's.
 */
import { RTC, RTC_B, RTC_C } from "../../devices/cmos_rtc_spec.ts";
import { BDA } from "../bda.ts";
import type { BiosCall } from "../bios_call.ts";

/** Between two periodic interrupts, rounded down so that a wait is never too short. */
const PERIOD_US = 976;
const SLAVE_MASK_PORT = 0xa1;
const MASTER_MASK_PORT = 0x21;

/** Starts the count-down. @param segment,offset Of the byte whose bit 7 will be set. */
export function startWait(call: BiosCall, segment: number, offset: number, us: number): void {
  const { memory, ports } = call;
  memory.setU16(BDA.WAIT_POINTER, offset);
  memory.setU16(BDA.WAIT_POINTER + 2, segment);
  memory.setU32(BDA.WAIT_COUNT, us);
  memory.setU8(BDA.WAIT_ACTIVE, 1);
  call.writeCmos(RTC.B, call.readCmos(RTC.B) | RTC_B.PIE);
  ports.write(SLAVE_MASK_PORT, ports.read(SLAVE_MASK_PORT, 1) & ~0x01 & 0xff, 1);
  ports.write(MASTER_MASK_PORT, ports.read(MASTER_MASK_PORT, 1) & ~0x04 & 0xff, 1);
}

export function stopWait(call: BiosCall): void {
  call.memory.setU8(BDA.WAIT_ACTIVE, 0);
  call.writeCmos(RTC.B, call.readCmos(RTC.B) & ~RTC_B.PIE & 0xff);
}

/** INT 70h. Leaves to INT 4Ah when the alarm rang. */
export function rtcTickService(call: BiosCall): void {
  const { memory } = call;
  const flags = call.readCmos(RTC.C) & call.readCmos(RTC.B);
  if ((flags & RTC_C.PF) !== 0) {
    const left = memory.u32(BDA.WAIT_COUNT);
    if (left > PERIOD_US) memory.setU32(BDA.WAIT_COUNT, left - PERIOD_US);
    else if ((memory.u8(BDA.WAIT_ACTIVE) & 1) !== 0) {
      const at = memory.u16(BDA.WAIT_POINTER + 2) * 16 + memory.u16(BDA.WAIT_POINTER);
      memory.setU32(BDA.WAIT_COUNT, 0);
      stopWait(call);
      call.write(at, Uint8Array.of(memory.u8(at) | 0x80));
    }
  }
  if ((flags & RTC_C.AF) !== 0) call.leaveTo("rtcAlarm");
}
