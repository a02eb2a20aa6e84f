/**
 * INT 1Ah: ticks, and the real-time clock (in BCD, as the chip keeps it).
 *
 * @see IBM PS/2 and PC BIOS Interface Technical Reference, "Interrupt 1Ah"
 */
import { RTC, RTC_B } from "../../devices/cmos_rtc_spec.ts";
import { BDA } from "../bda.ts";
import type { BiosCall } from "../bios_call.ts";

const SLAVE_MASK_PORT = 0xa1;

export function timeService(call: BiosCall): void {
  const { cpu, memory } = call;
  switch (cpu.ah) {
    case 0x00: {
      const ticks = memory.u32(BDA.TICKS);
      cpu.cx = ticks >>> 16;
      cpu.dx = ticks & 0xffff;
      cpu.al = memory.u8(BDA.TICKS_OVERFLOW);
      memory.setU8(BDA.TICKS_OVERFLOW, 0);
      break;
    }
    case 0x01:
      memory.setU32(BDA.TICKS, cpu.cx * 0x1_0000 + cpu.dx);
      memory.setU8(BDA.TICKS_OVERFLOW, 0);
      break;
    case 0x02:
      cpu.ch = call.readCmos(RTC.HOURS);
      cpu.cl = call.readCmos(RTC.MINUTES);
      cpu.dh = call.readCmos(RTC.SECONDS);
      cpu.dl = call.readCmos(RTC.B) & RTC_B.DSE;
      cpu.ah = 0;
      cpu.al = cpu.ch;
      break;
    case 0x03:
      set(call, [[RTC.HOURS, cpu.ch], [RTC.MINUTES, cpu.cl], [RTC.SECONDS, cpu.dh]]);
      break;
    case 0x04:
      cpu.ch = call.readCmos(RTC.CENTURY);
      cpu.cl = call.readCmos(RTC.YEAR);
      cpu.dh = call.readCmos(RTC.MONTH);
      cpu.dl = call.readCmos(RTC.DAY);
      cpu.ah = 0;
      cpu.al = cpu.ch;
      break;
    case 0x05:
      set(call, [[RTC.CENTURY, cpu.ch], [RTC.YEAR, cpu.cl], [RTC.MONTH, cpu.dh], [
        RTC.DAY,
        cpu.dl,
      ]]);
      break;
    case 0x06: {
      const b = call.readCmos(RTC.B);
      if ((b & RTC_B.AIE) !== 0) {
        cpu.ax = 0;
        call.carry = true;
        return;
      }
      call.writeCmos(RTC.SECONDS_ALARM, cpu.dh);
      call.writeCmos(RTC.MINUTES_ALARM, cpu.cl);
      call.writeCmos(RTC.HOURS_ALARM, cpu.ch);
      call.ports.write(SLAVE_MASK_PORT, call.ports.read(SLAVE_MASK_PORT, 1) & ~0x01 & 0xff, 1);
      call.writeCmos(RTC.B, b | RTC_B.AIE);
      break;
    }
    case 0x07:
      call.writeCmos(RTC.B, call.readCmos(RTC.B) & ~RTC_B.AIE & 0xff);
      break;
    default:
      return call.unsupported(0x1a);
  }
  call.carry = false;
}

/** Stops the clock while it is set. */
function set(call: BiosCall, values: readonly (readonly [index: number, value: number])[]): void {
  const b = call.readCmos(RTC.B) & ~RTC_B.SET & 0xff;
  call.writeCmos(RTC.B, b | RTC_B.SET);
  for (const [index, value] of values) call.writeCmos(index, value);
  call.writeCmos(RTC.B, b);
}
