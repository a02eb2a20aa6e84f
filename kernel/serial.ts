/** The first serial port, by polling. @see the `uart_16550` crate */
import type { CpuDoor } from "../machine/mod.ts";

const COM1 = 0x3f8;
/** Offsets of the registers. */
const DATA = 0;
const INTERRUPT_ENABLE = 1;
const FIFO_CONTROL = 2;
const LINE_CONTROL = 3;
const MODEM_CONTROL = 4;
const LINE_STATUS = 5;
/** Line status: the transmitter can take a byte. */
const OUTPUT_EMPTY = 0x20;

export class SerialPort {
  readonly #cpu: CpuDoor;
  readonly #base: number;

  constructor(cpu: CpuDoor, base = COM1) {
    this.#cpu = cpu;
    this.#base = base;
  }

  /** 38400 baud, 8 data bits, no parity, one stop bit; FIFOs on. */
  init(): void {
    const set = (register: number, value: number) => this.#cpu.outb(this.#base + register, value);
    set(INTERRUPT_ENABLE, 0x00);
    set(LINE_CONTROL, 0x80); // the next two are the divisor
    set(DATA, 0x03);
    set(INTERRUPT_ENABLE, 0x00);
    set(LINE_CONTROL, 0x03);
    set(FIFO_CONTROL, 0xc7);
    set(MODEM_CONTROL, 0x0b);
  }

  send(byte: number): void {
    while ((this.#cpu.inb(this.#base + LINE_STATUS) & OUTPUT_EMPTY) === 0) this.#cpu.pause();
    this.#cpu.outb(this.#base + DATA, byte);
  }

  /** Writes text as UTF-8. */
  writeString(text: string): void {
    for (const byte of new TextEncoder().encode(text)) this.send(byte);
  }
}
