import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import { PortBus, type PortHandler, type PortWidth } from "../../../machine/bus/port_bus.ts";

/** A device that logs, and whose byte at port p reads as the low byte of p. */
class Logger implements PortHandler {
  readonly log: string[] = [];

  readPort(port: number, width: PortWidth): number {
    this.log.push(`in${8 * width} ${port.toString(16)}`);
    let value = 0;
    for (let i = width - 1; i >= 0; i--) value = value << 8 | (port + i) & 0xff;
    return value >>> 0;
  }

  writePort(port: number, value: number, width: PortWidth): void {
    this.log.push(`out${8 * width} ${port.toString(16)} ${value.toString(16)}`);
  }
}

Deno.test("PortBus splits a wide access to an 8-bit device into ascending bytes", () => {
  const bus = new PortBus();
  const device = new Logger();
  bus.claim({ device: "d", first: 0x3c0, count: 16 }, device);
  strictEqual(bus.read(0x3c4, 2), 0xc5c4);
  bus.write(0x3c4, 0x0f02, 2);
  strictEqual(bus.read(0x3c4, 4) >>> 0, 0xc7c6c5c4);
  bus.write(0x3c4, 0xdeadbeef, 4);
  deepStrictEqual(device.log, [
    "in8 3c4",
    "in8 3c5",
    "out8 3c4 2",
    "out8 3c5 f",
    "in8 3c4",
    "in8 3c5",
    "in8 3c6",
    "in8 3c7",
    "out8 3c4 ef",
    "out8 3c5 be",
    "out8 3c6 ad",
    "out8 3c7 de",
  ]);
});

Deno.test("PortBus gives a device whole what it declared", () => {
  const bus = new PortBus();
  const device = new Logger();
  bus.claim({ device: "two", first: 0x10, count: 8, width: 2 }, device);
  bus.claim({ device: "four", first: 0x20, count: 4, width: 4 }, device);
  bus.write(0x10, 0x1234_5678, 4);
  bus.write(0x20, -1, 4);
  bus.write(0x20, 0x1ff, 1);
  strictEqual(bus.read(0x20, 4), 0x2322_2120);
  deepStrictEqual(device.log, [
    "out16 10 5678",
    "out16 12 1234",
    "out32 20 ffffffff",
    "out8 20 ff",
    "in32 20",
  ]);
});

Deno.test("PortBus reads all ones where nobody is, and tells", () => {
  const bus = new PortBus();
  const told: unknown[] = [];
  bus.onUnclaimed = (...access) => told.push(access);
  strictEqual(bus.read(0x1234, 1), 0xff);
  strictEqual(bus.read(0x1234, 2), 0xffff);
  strictEqual(bus.read(0x1234, 4), -1);
  bus.write(0x1234, 0xabc, 1);
  bus.write(0x1234, -1, 4);
  deepStrictEqual(told, [
    [0x1234, 1, undefined],
    [0x1234, 2, undefined],
    [0x1234, 4, undefined],
    [0x1234, 1, 0xbc],
    [0x1234, 4, 0xffff_ffff],
  ]);
});

Deno.test("PortBus lets an access run from one device into another and into nothing", () => {
  const bus = new PortBus();
  const device = new Logger();
  bus.claim({ device: "a", first: 0x70, count: 1 }, device);
  bus.claim({ device: "b", first: 0x71, count: 1 }, device);
  strictEqual(bus.read(0x70, 4) >>> 0, 0xffff_7170);
  bus.claim({ device: "end", first: 0xffff, count: 1 }, device);
  strictEqual(bus.read(0xffff, 2), 0xffff, "wraps to the unclaimed port 0");
});

Deno.test("PortBus.claim() refuses what is taken or out of range, and claims nothing then", () => {
  const bus = new PortBus();
  const device = new Logger();
  bus.claim({ device: "first", first: 0x62, count: 1 }, device);
  throws(
    () => bus.claim({ device: "second", first: 0x60, count: 5 }, device),
    { name: "TypeError", message: "Cannot claim port 0x62 for second: first has it" },
  );
  strictEqual(bus.ownerOf(0x60), undefined);
  throws(() => bus.claim({ device: "x", first: 0xffff, count: 2 }, device), RangeError);
  throws(() => bus.claim({ device: "x", first: -1, count: 2 }, device), RangeError);
  throws(() => bus.claim({ device: "x", first: 5, count: 0 }, device), RangeError);
  deepStrictEqual(bus.ranges(), [{ device: "first", first: 0x62, count: 1 }]);
});
