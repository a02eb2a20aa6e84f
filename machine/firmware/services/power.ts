/**
 * INT 15h AX=53xxh: just enough of power management to switch the machine off.
 *
 * 5300h present · 5301h connect · 5304h disconnect · 5307h state "off" of all devices · 530Eh version
 *
 * @see Advanced Power Management BIOS Interface Specification 1.2, "APM Function Codes"
 */
import type { BiosCall } from "../bios_call.ts";

const SIGNATURE = 0x504d; // "PM"
const VERSION_12 = 0x0102;
const ALL_DEVICES = 0x0001;
const OFF = 0x0003;
const ERROR = { UNSUPPORTED: 0x0c, BAD_DEVICE: 0x09 } as const;

export function powerService(call: BiosCall): void {
  const { cpu } = call;
  switch (cpu.al) {
    case 0x00:
      cpu.ax = VERSION_12;
      cpu.bx = SIGNATURE;
      cpu.cx = 0; // No 16-bit or 32-bit interface, not slowed down when idle.
      break;
    case 0x01:
    case 0x04:
      break;
    case 0x07:
      if (cpu.bx !== ALL_DEVICES) return fail(call, ERROR.BAD_DEVICE);
      if (cpu.cx === OFF) call.host.powerOff();
      break;
    case 0x0e:
      cpu.ax = VERSION_12;
      break;
    default:
      call.reportUnsupported(0x15);
      return fail(call, ERROR.UNSUPPORTED);
  }
  call.carry = false;
}

function fail(call: BiosCall, error: number): void {
  call.cpu.ah = error;
  call.carry = true;
}
