import { deepStrictEqual, match, ok, strictEqual, throws } from "node:assert/strict";
import { Clock } from "../../../machine/clock.ts";
import { Ps2Controller } from "../../../machine/devices/ps2_controller.ts";
import { TRANSLATION } from "../../../machine/devices/ps2_controller_spec.ts";
import { Ps2Keyboard } from "../../../machine/devices/ps2_keyboard.ts";
import { KEYS, scancodes, SEQUENCES } from "../../../machine/devices/ps2_keyboard_keys.ts";
import { checkSavedState, FakeLine } from "./rig.ts";

const MS = 1e6;

function rig(commandByte = 0x65) {
  const clock = new Clock();
  const keyboard = new Ps2Keyboard({ clock });
  const irq1 = new FakeLine();
  const irq12 = new FakeLine();
  const log: string[] = [];
  const controller = new Ps2Controller({
    clock,
    irq1,
    irq12,
    keyboard,
    a20: (level) => log.push(`a20 ${level}`),
    reset: () => log.push("reset"),
  });
  controller.writePort(0x64, 0x60);
  controller.writePort(0x60, commandByte);
  /** Reads like a driver: waits up to `ms` for each byte. */
  const read = (ms = 5): number[] => {
    const bytes = [];
    for (let i = 0; i < ms * 10; i++) {
      if (controller.readPort(0x64) & 1) bytes.push(controller.readPort(0x60));
      clock.advanceNs(0.1 * MS);
    }
    return bytes;
  };
  /** Sends to the keyboard and collects the answer. */
  const send = (...bytes: number[]): number[] =>
    bytes.flatMap((byte) => {
      controller.writePort(0x60, byte);
      return read();
    });
  const command = (byte: number): number[] => {
    controller.writePort(0x64, byte);
    return read(1);
  };
  return { clock, keyboard, controller, irq1, irq12, log, read, send, command };
}

Deno.test("A key travels: nothing, then OBF and IRQ 1, then nothing again", () => {
  const { clock, keyboard, controller, irq1 } = rig();
  keyboard.press("a");
  strictEqual(controller.readPort(0x64) & 1, 0);
  clock.advanceNs(0.5 * MS);
  strictEqual(irq1.level, false);
  clock.advanceNs(0.5 * MS);
  strictEqual(irq1.level, true);
  strictEqual(controller.readPort(0x64), 0x15, "OBF, SYS, keyboard not locked");
  strictEqual(controller.readPort(0x60), 0x1e);
  strictEqual(irq1.level, false);
  strictEqual(controller.readPort(0x64) & 1, 0);
  keyboard.release("a");
  clock.advanceNs(MS);
  strictEqual(irq1.level, false, "the prefix f0 is swallowed");
  clock.advanceNs(MS);
  strictEqual(controller.readPort(0x60), 0x9e);
  strictEqual(irq1.rises, 2);
});

Deno.test("Raw set 2 when XLAT is off", () => {
  const { keyboard, read } = rig(0x25);
  keyboard.press("a");
  keyboard.release("a");
  keyboard.press("up");
  keyboard.release("up");
  deepStrictEqual(read(20), [0x1c, 0xf0, 0x1c, 0xe0, 0x75, 0xe0, 0xf0, 0x75]);
});

Deno.test("Print and Pause send their sequences", () => {
  const { keyboard, read } = rig();
  keyboard.press("print");
  keyboard.release("print");
  deepStrictEqual(read(20), [0xe0, 0x2a, 0xe0, 0x37, 0xe0, 0xb7, 0xe0, 0xaa]);
  keyboard.press("pause");
  keyboard.release("pause");
  deepStrictEqual(read(20), [0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5]);
});

Deno.test("Every key's set 1 code is the translation of its set 2 code", () => {
  const translate = (bytes: readonly number[]): number[] => {
    const result: number[] = [];
    let up = 0;
    for (const byte of bytes) {
      if (byte === 0xf0) up = 0x80;
      else {
        const code = byte === 0x83 ? 0x41 : byte < 0x80 ? TRANSLATION[byte] : byte;
        result.push(code | up);
        up = 0;
      }
    }
    return result;
  };
  const names = [...KEYS.keys(), ...SEQUENCES.keys()];
  strictEqual(names.length, 105);
  for (const name of names) {
    for (const down of [true, false]) {
      deepStrictEqual(translate(scancodes(name, down, 2)), [...scancodes(name, down, 1)], name);
    }
  }
  const makes = names.map((name) => scancodes(name, true, 2).join());
  strictEqual(new Set(makes).size, names.length, "all different");
  deepStrictEqual(scancodes("ret", true, 1), [0x1c]);
  deepStrictEqual(scancodes("f12", true, 2), [0x07]);
  deepStrictEqual(scancodes("delete", false, 1), [0xe0, 0xd3]);
});

Deno.test("Key names: aliases, capitals, and a clear error", () => {
  const { keyboard, read } = rig();
  keyboard.press("Enter");
  keyboard.press("ret");
  deepStrictEqual(keyboard.down, ["ret"]);
  deepStrictEqual(read(), [0x1c]);
  throws(() => keyboard.press("hyper"), {
    name: "RangeError",
    message: /^Cannot find key "hyper": the keys are esc /,
  });
  for (const bad of ["", "toString", "__proto__", "constructor"]) {
    throws(() => keyboard.press(bad), RangeError);
  }
});

Deno.test("type() holds shift, and loses nothing to a slow guest", () => {
  const { keyboard, controller, clock } = rig();
  const text = "Hello, World! ~{}|\\ 0123456789\n".repeat(3);
  keyboard.type(text);
  const seen: number[] = [];
  for (let i = 0; i < 4000; i++) {
    clock.advanceNs(7 * MS); // a guest that looks every 7 ms
    if (controller.readPort(0x64) & 1) seen.push(controller.readPort(0x60));
  }
  strictEqual(keyboard.typing, false);
  deepStrictEqual(seen.slice(0, 6), [0x2a, 0x23, 0xa3, 0xaa, 0x12, 0x92]);
  // An independent typist's key map, by position on a US keyboard.
  const rows: [number, string, string][] = [
    [0x02, "1234567890-=", "!@#$%^&*()_+"],
    [0x10, "qwertyuiop[]", "QWERTYUIOP{}"],
    [0x1e, "asdfghjkl;'`", 'ASDFGHJKL:"~'],
    [0x2b, "\\zxcvbnm,./", "|ZXCVBNM<>?"],
    [0x39, " ", ""],
    [0x1c, "\n", ""],
  ];
  let shift = false;
  let result = "";
  for (const code of seen) {
    if (code === 0x2a) shift = true;
    else if (code === 0xaa) shift = false;
    else if (code < 0x80) {
      const row = rows.find(([first, plain]) => code >= first && code < first + plain.length)!;
      result += (shift ? row[2] : row[1])[code - row[0]];
    }
  }
  strictEqual(result, text);
});

Deno.test("type() waits for a guest that is not there, without alarms", () => {
  const { keyboard, clock, controller } = rig();
  keyboard.type("ab");
  clock.advanceNs(400 * MS);
  strictEqual(keyboard.typing, true);
  deepStrictEqual(clock.pending(), []);
  controller.readPort(0x60);
  clock.advanceNs(40 * MS);
  strictEqual(controller.readPort(0x60), 0x9e);
});

Deno.test("type() refuses what is on no key, and types nothing of it", () => {
  const { keyboard } = rig();
  throws(() => keyboard.type("abcé"), { name: "RangeError", message: /U\+00e9/ });
  strictEqual(keyboard.typing, false);
});

Deno.test("Typematic: 500 ms, then 10.9 per second; the last key alone repeats", () => {
  const { keyboard, read } = rig();
  keyboard.press("a");
  deepStrictEqual(read(499), [0x1e]);
  // 2b: (8 + 3) × 2 × 4.17 ms = 91.7 ms
  deepStrictEqual(read(3), [0x1e]);
  deepStrictEqual(read(10 * 91.74), new Array(10).fill(0x1e));
  keyboard.press("b");
  deepStrictEqual(read(600), [0x30, 0x30, 0x30]);
  keyboard.release("a");
  strictEqual(read(200).filter((code) => code === 0x30).length, 2);
  keyboard.release("b");
  deepStrictEqual(read(700), [0xb0]);
});

Deno.test("Command f3 sets delay and rate", () => {
  const { keyboard, send, read } = rig();
  deepStrictEqual(send(0xf3, 0x00), [0xfa, 0xfa]); // 250 ms, 30 per second
  keyboard.press("x");
  deepStrictEqual(read(249), [0x2d]);
  deepStrictEqual(read(336).length, 10 + 1);
});

Deno.test("Nothing repeats while the guest does not read", () => {
  const { keyboard, clock, read } = rig();
  keyboard.press("a");
  clock.advanceNs(5000 * MS);
  keyboard.release("a");
  const bytes = read(20);
  ok(bytes.length <= 3, `${bytes}`);
  strictEqual(bytes.at(-1), 0x9e);
});

Deno.test("Keyboard commands", () => {
  const { send, keyboard } = rig(0x25);
  deepStrictEqual(send(0xed, 0x06), [0xfa, 0xfa]);
  deepStrictEqual(keyboard.leds, { scroll: false, num: true, caps: true });
  deepStrictEqual(send(0xee), [0xee]);
  deepStrictEqual(send(0xf2), [0xfa, 0xab, 0x83]);
  deepStrictEqual(send(0xf0, 0x00), [0xfa, 0xfa, 0x02]);
  deepStrictEqual(send(0xf0, 0x01), [0xfa, 0xfa]);
  keyboard.press("a");
  deepStrictEqual(send(0xf0, 0x00), [0xfa, 0xfa, 0x01, 0x1e], "keys wait for the parameter");
  keyboard.release("a");
  deepStrictEqual(send(0xee), [0xee, 0x9e]);
  deepStrictEqual(send(0xf6), [0xfa]);
  deepStrictEqual(send(0xf0, 0x00), [0xfa, 0xfa, 0x02]);
  deepStrictEqual(send(0xf5), [0xfa]);
  keyboard.press("a");
  deepStrictEqual(send(0xee), [0xee], "not scanning");
  deepStrictEqual(send(0xf4), [0xfa]);
  keyboard.release("a");
  deepStrictEqual(send(0xee), [0xee, 0xf0, 0x1c]);
  deepStrictEqual(send(0xfe), [0x1c], "resend");
  deepStrictEqual(send(0xf0, 0x03), [0xfa, 0xfe], "set 3 is not modelled");
  deepStrictEqual(send(0xe0), [0xfe], "no such command");
  deepStrictEqual(send(0xed, 0xee), [0xfa, 0xee], "a command in a parameter's place");
});

Deno.test("Command ff acknowledges, then reports its self test", () => {
  const { controller, read, keyboard } = rig();
  keyboard.press("a");
  read();
  controller.writePort(0x60, 0xff);
  deepStrictEqual(read(15), [0xfa]);
  deepStrictEqual(read(15), [0xaa]);
  keyboard.release("a");
  deepStrictEqual(read(), [0x9e]);
});

Deno.test("The identity passes through translation as ab 41", () => {
  deepStrictEqual(rig().send(0xf2), [0xfa, 0xab, 0x41]);
});

Deno.test("An overrun leaves one 00 behind sixteen bytes", () => {
  const { keyboard, read, controller } = rig(0x35); // port disabled, no translation
  for (const key of "qwertyuiopasdfghjklz") keyboard.press(key);
  controller.writePort(0x64, 0xae);
  const bytes = read(40);
  strictEqual(bytes.length, 17);
  strictEqual(bytes[16], 0x00);
});

Deno.test("Controller commands", () => {
  const { command, controller, irq1, irq12, clock } = rig();
  deepStrictEqual(command(0x20), [0x65]);
  deepStrictEqual(command(0xaa), [0x55]);
  deepStrictEqual(command(0xab), [0x00]);
  deepStrictEqual(command(0xa9), [0x00]);
  deepStrictEqual(command(0xa4), [0xf1]);
  command(0xad);
  strictEqual(controller.commandByte, 0x75);
  command(0xae);
  command(0xa8);
  strictEqual(controller.commandByte, 0x45);
  command(0xa7);
  strictEqual(controller.commandByte, 0x65);
  controller.writePort(0x64, 0x7f);
  controller.writePort(0x60, 0x99);
  deepStrictEqual(command(0x3f), [0x99]);
  controller.writePort(0x64, 0x60);
  strictEqual(controller.readPort(0x64) & 8, 8, "A2: last write was a command");
  controller.writePort(0x60, 0x67);
  strictEqual(controller.readPort(0x64) & 8, 0);
  controller.writePort(0x64, 0xd3);
  controller.writePort(0x60, 0x42);
  strictEqual(irq12.level, true);
  strictEqual(irq1.level, false);
  strictEqual(controller.readPort(0x64) & 0x21, 0x21);
  strictEqual(controller.readPort(0x60), 0x42);
  strictEqual(irq12.level, false);
  clock.advanceNs(MS);
  controller.writePort(0x64, 0xd2);
  controller.writePort(0x60, 0x1c);
  strictEqual(controller.readPort(0x60), 0x1c, "not translated");
});

Deno.test("INTK gates IRQ 1 only", () => {
  const { keyboard, controller, irq1, clock } = rig(0x64);
  keyboard.press("a");
  clock.advanceNs(MS);
  strictEqual(irq1.level, false);
  strictEqual(controller.readPort(0x64) & 1, 1);
  controller.writePort(0x64, 0x60);
  controller.writePort(0x60, 0x65);
  strictEqual(irq1.level, true);
});

Deno.test("A disabled port holds the keyboard back; sending enables it", () => {
  const { keyboard, command, read, send } = rig();
  command(0xad);
  keyboard.press("a");
  deepStrictEqual(read(20), []);
  deepStrictEqual(send(0xee), [0xee, 0x1e]);
});

Deno.test("A20 by output port and by command; reset by pulse and output port", () => {
  const { controller, log, command } = rig();
  strictEqual(controller.a20, true);
  deepStrictEqual(command(0xd0), [0xcf]);
  controller.writePort(0x64, 0xd1);
  controller.writePort(0x60, 0xdd);
  strictEqual(controller.a20, false);
  command(0xdf);
  command(0xdf);
  command(0xdd);
  deepStrictEqual(log, ["a20 false", "a20 true", "a20 false"]);
  controller.writePort(0x64, 0xf1);
  strictEqual(log.length, 3, "bit 0 set: no reset pulse");
  controller.writePort(0x64, 0xfe);
  strictEqual(log[3], "reset");
  controller.writePort(0x64, 0xd1);
  controller.writePort(0x60, 0xde);
  deepStrictEqual(log.slice(4), ["a20 true", "reset"]);
});

Deno.test("The absent mouse answers by timeout", () => {
  const { controller, clock, irq12 } = rig(0x47);
  controller.writePort(0x64, 0xd4);
  controller.writePort(0x60, 0xff);
  clock.advanceNs(5 * MS);
  strictEqual(controller.readPort(0x64) & 1, 0);
  clock.advanceNs(20 * MS);
  strictEqual(controller.readPort(0x64) & 0x61, 0x61, "OBF, AOBF, TO");
  strictEqual(irq12.level, true);
  strictEqual(controller.readPort(0x60), 0xfe);
  strictEqual(controller.readPort(0x64) & 0x61, 0);
});

Deno.test("An answer that finds the buffer full waits, and makes its own edge", () => {
  const { keyboard, controller, clock, irq1 } = rig();
  keyboard.press("a");
  clock.advanceNs(MS);
  controller.writePort(0x64, 0xaa);
  strictEqual(controller.readPort(0x60), 0x1e);
  strictEqual(irq1.level, false);
  clock.advanceNs(0.1 * MS);
  strictEqual(irq1.rises, 2);
  strictEqual(controller.readPort(0x60), 0x55);
});

Deno.test("Ps2Controller and Ps2Keyboard save and load their states", () => {
  const first = rig();
  first.keyboard.press("shift");
  first.keyboard.type("Hi");
  first.clock.advanceNs(10.2 * MS);
  first.controller.writePort(0x64, 0xaa);
  const second = rig();
  second.clock.advanceTo(first.clock.retired);
  checkSavedState(first.keyboard, second.keyboard);
  checkSavedState(first.controller, second.controller);
  const bytes = first.read(100);
  deepStrictEqual(second.read(100), bytes);
  match(bytes.join(), /85/);
  const state = first.keyboard.saveState();
  throws(() => first.keyboard.loadState({ ...state, down: ["nokey"] }), RangeError);
  throws(() => first.keyboard.loadState({ ...state, typeAtNs: 5 }), RangeError);
});
