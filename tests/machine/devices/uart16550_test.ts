import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import { Clock } from "../../../machine/clock.ts";
import { Uart16550 } from "../../../machine/devices/uart16550.ts";
import { checkSavedState, FakeLine } from "./rig.ts";

const BASE = 0x3f8;
/** 8N1 at 115200: ten bits of 1/115200 s. */
const CHARACTER_NS = 10e9 / 115_200;

function rig(speed: "real" | "instant" = "real") {
  const clock = new Clock();
  const irq = new FakeLine();
  const heard: number[] = [];
  const uart = new Uart16550({
    clock,
    irq,
    base: BASE,
    name: "com1",
    speed,
    onOutput: (byte) => heard.push(byte),
  });
  const out = (offset: number, value: number) => uart.writePort(BASE + offset, value);
  const read = (offset: number) => uart.readPort(BASE + offset);
  // 115200 8N1, OUT2.
  for (const [offset, value] of [[3, 0x80], [0, 1], [1, 0], [3, 0x03], [4, 0x0b]]) {
    out(offset, value);
  }
  const characters = (n: number) => clock.advanceNs(Math.ceil(n * CHARACTER_NS / 10) * 10);
  return { clock, irq, heard, uart, out, read, characters };
}

Deno.test("DLAB lets the divisor through, and keeps it apart from RBR and IER", () => {
  const { out, read, uart } = rig();
  out(1, 0x0f);
  out(3, 0x83);
  out(0, 0x34);
  out(1, 0x12);
  deepStrictEqual([read(0), read(1)], [0x34, 0x12]);
  out(3, 0x03);
  deepStrictEqual([read(0), read(1)], [0x00, 0x0f]);
  strictEqual(Math.round(uart.characterNs), Math.round(10 * 0x1234 * 1e9 / 115_200));
  out(3, 0x1f); // 8 bits, 2 stop bits, parity
  strictEqual(Math.round(uart.characterNs), Math.round(12 * 0x1234 * 1e9 / 115_200));
  out(7, 0x5a);
  strictEqual(read(7), 0x5a);
});

Deno.test("A byte is heard at once, and takes its time for the guest", () => {
  const { out, read, uart, heard, characters, clock } = rig();
  strictEqual(read(5), 0x60);
  out(0, 0x48);
  strictEqual(uart.output, "H");
  strictEqual(read(5), 0x20, "THRE at once: the shift register took it");
  out(0, 0x69);
  strictEqual(read(5), 0x00);
  out(0, 0x21); // too early: lost
  strictEqual(uart.output, "Hi");
  deepStrictEqual(heard, [0x48, 0x69]);
  characters(1);
  strictEqual(read(5), 0x20);
  characters(0.9);
  strictEqual(read(5), 0x20);
  characters(0.2);
  strictEqual(read(5), 0x60);
  strictEqual(clock.nextNs, Infinity);
});

Deno.test("The transmit FIFO holds sixteen bytes behind the shift register", () => {
  const { out, read, uart, characters } = rig();
  out(2, 0x01);
  for (let i = 0; i < 18; i++) out(0, 0x41 + i);
  strictEqual(uart.output, "ABCDEFGHIJKLMNOPQ");
  characters(15.5);
  strictEqual(read(5), 0x00);
  characters(1);
  strictEqual(read(5), 0x20);
  characters(1);
  strictEqual(read(5), 0x60);
});

Deno.test("THR empty interrupts: on enabling, on emptying; IIR read or THR write take it back", () => {
  const { out, read, irq, characters } = rig();
  out(1, 0x02);
  strictEqual(irq.level, true);
  strictEqual(read(2), 0x02);
  strictEqual(irq.level, false);
  strictEqual(read(2), 0x01);
  out(0, 1); // goes straight to the shift register
  strictEqual(irq.level, true);
  out(0, 2);
  strictEqual(irq.level, false);
  characters(1);
  strictEqual(irq.level, true);
  strictEqual(read(2), 0x02);
  strictEqual(irq.level, false);
  characters(3);
  strictEqual(irq.level, false);
});

Deno.test("Bytes arrive one by one and wait for the guest", () => {
  const { uart, read, irq, out, characters } = rig();
  out(1, 0x01);
  uart.receive("ab");
  strictEqual(read(5) & 1, 0);
  characters(1);
  strictEqual(read(5) & 1, 1);
  strictEqual(irq.level, true);
  strictEqual(read(2), 0x04);
  characters(10);
  strictEqual(read(5) & 2, 0, "no overrun: the host waits");
  strictEqual(read(0), 0x61);
  strictEqual(irq.level, false);
  characters(1);
  strictEqual(read(0), 0x62);
});

Deno.test("The receive FIFO interrupts at its trigger level, or after four silent characters", () => {
  const { uart, read, irq, out, characters } = rig();
  out(2, 0x81); // FIFOs, trigger 8
  out(1, 0x01);
  uart.receive(new Uint8Array(10).map((_, i) => i));
  characters(7.5);
  strictEqual(irq.level, false);
  characters(1);
  strictEqual(read(2), 0xc4);
  characters(2);
  deepStrictEqual([0, 1, 2].map(() => read(0)), [0, 1, 2]);
  strictEqual(irq.level, false, "seven left");
  characters(3.9);
  strictEqual(irq.level, false);
  characters(0.2);
  strictEqual(read(2), 0xcc);
  strictEqual(irq.level, true);
  strictEqual(read(0), 3);
  strictEqual(irq.level, false);
  out(2, 0x83);
  strictEqual(read(5) & 1, 0, "FCR.RFR");
});

Deno.test("IIR shows the most urgent cause first", () => {
  const { out, read, irq, characters } = rig();
  out(4, 0x1f); // loop, all outputs on
  read(6);
  out(1, 0x0f);
  out(0, 0x11);
  characters(1);
  out(0, 0x22);
  characters(1); // overrun
  out(4, 0x1e); // DTR off: DDSR
  strictEqual(read(2), 0x06);
  strictEqual(read(5), 0x63);
  strictEqual(read(2), 0x04);
  strictEqual(read(0), 0x22);
  strictEqual(read(2), 0x02);
  strictEqual(read(2), 0x00);
  strictEqual(read(6), 0xd2);
  strictEqual(read(2), 0x01);
  strictEqual(irq.rises, 0, "in loopback OUT2 does not reach the wire");
});

Deno.test("Loopback feeds the receiver and the modem inputs, and no pin", () => {
  const { out, read, uart, characters } = rig();
  strictEqual(read(6), 0xb0);
  for (const [mcr, msr] of [[0x10, 0x00], [0x11, 0x20], [0x12, 0x10], [0x14, 0x40], [0x18, 0x80]]) {
    out(4, mcr);
    strictEqual(read(6) & 0xf0, msr);
  }
  out(4, 0x14);
  read(6);
  out(4, 0x10);
  strictEqual(read(6) & 0x0f, 0x04, "RI counts when it goes away");
  out(0, 0xae);
  strictEqual(read(5) & 1, 0);
  characters(1);
  strictEqual(read(0), 0xae);
  strictEqual(uart.output, "");
});

Deno.test("OUT2 gates the interrupt", () => {
  const { out, irq } = rig();
  out(4, 0x03);
  out(1, 0x02);
  strictEqual(irq.level, false);
  out(4, 0x0b);
  strictEqual(irq.level, true);
});

Deno.test("An instant UART is always ready", () => {
  const { out, read, uart, irq, clock } = rig("instant");
  for (const byte of new TextEncoder().encode("grün\n")) {
    out(0, byte);
    strictEqual(read(5), 0x60);
  }
  strictEqual(uart.output, "grün\n");
  out(1, 0x03);
  strictEqual(read(2), 0x02);
  uart.receive("xy");
  clock.advanceNs(10);
  strictEqual(irq.level, true);
  strictEqual(read(0), 0x78);
  clock.advanceNs(10);
  strictEqual(read(0), 0x79);
});

Deno.test("Uart16550 saves and loads its state", () => {
  const { uart, out, characters, clock } = rig();
  out(2, 0x41);
  out(1, 0x0f);
  uart.receive("abcdef");
  for (const byte of [1, 2, 0xff]) out(0, byte);
  characters(1.5);
  const irq = new FakeLine();
  const twin = new Uart16550({ clock, irq, base: BASE, name: "com1" });
  checkSavedState(uart, twin);
  characters(4);
  strictEqual(twin.readPort(BASE + 2), 0xc4);
  strictEqual(irq.level, true);
  throws(() => twin.loadState({ ...twin.saveState(), output: "\u0100" }), RangeError);
  throws(() => twin.loadState({ ...twin.saveState(), shifting: 1, sentAtNs: null }), RangeError);
});
