/** INT 14h: serial lines, by polling. INT 17h: there is no printer. */
import { LSR, UART_REGISTER } from "../../devices/uart16550_spec.ts";
import { BDA } from "../bda.ts";
import type { BiosCall } from "../bios_call.ts";

const TIMEOUT = 0x80;
/** Divisors of 110, 150, 300, 600, 1200, 2400, 4800 and 9600 baud. */
const DIVISORS = [1047, 768, 384, 192, 96, 48, 24, 12] as const;

export function serialService(call: BiosCall): void {
  const { cpu, memory, ports } = call;
  const base = cpu.dx < 4 ? memory.u16(BDA.COM_PORTS + cpu.dx * 2) : 0;
  if (base === 0) {
    cpu.ah = TIMEOUT;
    return;
  }
  const read = (register: number) => ports.read(base + register, 1);
  const write = (register: number, value: number) => ports.write(base + register, value, 1);
  switch (cpu.ah) {
    case 0x00: {
      const divisor = DIVISORS[cpu.al >> 5];
      write(UART_REGISTER.LCR, 0x80);
      write(UART_REGISTER.RBR_THR, divisor & 0xff);
      write(UART_REGISTER.IER, divisor >> 8);
      write(UART_REGISTER.LCR, cpu.al & 0x1f);
      write(UART_REGISTER.IER, 0);
      break;
    }
    case 0x01:
      write(UART_REGISTER.MCR, 0x03);
      write(UART_REGISTER.RBR_THR, cpu.al);
      cpu.ah = read(UART_REGISTER.LSR);
      return;
    case 0x02:
      if ((read(UART_REGISTER.LSR) & LSR.DR) === 0) {
        cpu.ah = TIMEOUT;
        return;
      }
      cpu.al = read(UART_REGISTER.RBR_THR);
      cpu.ah = read(UART_REGISTER.LSR) & 0x1e;
      return;
    case 0x03:
      break;
    default:
      return call.reportUnsupported(0x14);
  }
  cpu.ah = read(UART_REGISTER.LSR);
  cpu.al = read(UART_REGISTER.MSR);
}

/** Time out, and not selected. */
export function printerService({ cpu }: BiosCall): void {
  cpu.ah = 0x01;
}
