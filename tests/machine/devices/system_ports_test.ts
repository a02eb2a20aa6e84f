import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { PortBus } from "../../../machine/bus/port_bus.ts";
import { Clock } from "../../../machine/clock.ts";
import { FIRMWARE_WRITES } from "../../../machine/devices/firmware_setup.ts";
import { PicPair } from "../../../machine/devices/pic8259_pair.ts";
import { Pit8254 } from "../../../machine/devices/pit8254.ts";
import { Ps2Controller } from "../../../machine/devices/ps2_controller.ts";
import { Ps2Keyboard } from "../../../machine/devices/ps2_keyboard.ts";
import {
  DebugConsole,
  DebugExit,
  Port61,
  Port92,
  PostPort,
} from "../../../machine/devices/system_ports.ts";
import { Events } from "../../../machine/events.ts";
import { checkSavedState } from "./rig.ts";

Deno.test("Port 0x61: gate and speaker bits, OUT 2, and refresh every 15.085 µs", () => {
  const clock = new Clock();
  let out2 = false;
  const gates: boolean[] = [];
  const wiring = { clock, gate2: (level: boolean) => void gates.push(level), out2: () => out2 };
  const port = new Port61(wiring);
  strictEqual(port.readPort(), 0x00);
  port.writePort(0x61, 0xf3);
  strictEqual(port.readPort(), 0x03);
  strictEqual(port.speakerOn, true);
  out2 = true;
  strictEqual(port.readPort(), 0x23);
  clock.advanceNs(15_090);
  strictEqual(port.readPort(), 0x33);
  clock.advanceNs(15_090);
  strictEqual(port.readPort(), 0x23);
  checkSavedState(port, new Port61(wiring));
  port.reset();
  deepStrictEqual(gates, [true, false]);
});

Deno.test("Port 0x92: fast A20 and fast reset", () => {
  const log: string[] = [];
  const wiring = {
    a20: (level: boolean) => log.push(`a20 ${level}`),
    reset: () => log.push("reset"),
  };
  const port = new Port92(wiring);
  port.writePort(0x92, 0x02);
  port.writePort(0x92, 0x02);
  strictEqual(port.readPort(), 0x02);
  port.writePort(0x92, 0x03);
  port.writePort(0x92, 0x03);
  port.writePort(0x92, 0x00);
  deepStrictEqual(log, ["a20 true", "reset", "a20 false"]);
  checkSavedState(port, new Port92(wiring));
});

Deno.test("Port 0x80 keeps and tells the POST code", () => {
  const events = new Events();
  const port = new PostPort({ events });
  port.writePort(0x80, 0x5a);
  strictEqual(port.readPort(), 0x5a);
  deepStrictEqual(events.recent(), [
    { type: "device", retired: 0, device: "post", message: "POST code 0x5a" },
  ]);
  checkSavedState(port, new PostPort({ events }));
});

Deno.test("Port 0xe9 collects UTF-8 and reads as 0xe9", () => {
  const port = new DebugConsole();
  for (const byte of new TextEncoder().encode("grüß\n")) port.writePort(0xe9, byte);
  strictEqual(port.output, "grüß\n");
  strictEqual(port.readPort(), 0xe9);
  checkSavedState(port, new DebugConsole());
  port.clearOutput();
  strictEqual(port.output, "");
});

Deno.test("Port 0xf4 hands over what was written, whole", () => {
  const values: number[] = [];
  const port = new DebugExit({ exit: (value) => values.push(value) });
  const bus = new PortBus();
  for (const range of port.ports) bus.claim(range, port);
  bus.write(0xf4, 0x10, 4);
  bus.write(0xf4, 0xfedc_ba98, 4);
  bus.write(0xf4, 0x1234, 2);
  bus.write(0xf4, 0x11, 1);
  deepStrictEqual(values, [0x10, 0xfedc_ba98, 0x1234, 0x11]);
  checkSavedState(port, new DebugExit({ exit() {} }));
});

Deno.test("The firmware's writes leave a PC that ticks and types", () => {
  const clock = new Clock();
  const bus = new PortBus();
  const pic = new PicPair();
  const pit = new Pit8254({ clock, irq0: pic.line(0) });
  const keyboard = new Ps2Keyboard({ clock });
  const controller = new Ps2Controller({
    clock,
    irq1: pic.line(1),
    irq12: pic.line(12),
    a20() {},
    reset() {},
    keyboard,
  });
  for (const device of [pic, pit, controller]) {
    for (const range of device.ports) bus.claim(range, device);
  }
  for (const [port, value] of FIRMWARE_WRITES) bus.write(port, value, 1);
  // Mode 3 made OUT 0 rise when its control word came: one tick is waiting already.
  strictEqual(pic.intr, true);
  strictEqual(pic.acknowledge(), 0x08);
  bus.write(0x20, 0x20, 1);
  clock.advanceNs(54_920_000);
  strictEqual(pic.intr, false);
  clock.advanceNs(20_000);
  strictEqual(pic.acknowledge(), 0x08);
  bus.write(0x20, 0x20, 1);
  keyboard.type("\n");
  clock.advanceNs(6e6);
  strictEqual(pic.acknowledge(), 0x09);
  strictEqual(bus.read(0x60, 1), 0x1c);
});
