import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import fc from "fast-check";
import { Clock } from "../../../machine/clock.ts";
import { CmosRtc, type CmosWiring } from "../../../machine/devices/cmos_rtc.ts";
import { dateTimeOf, secondsOf, weekdayOf } from "../../../machine/devices/cmos_rtc_calendar.ts";
import { checkSavedState, FakeLine } from "./rig.ts";

const MS = 1e6;

function rig(options: Partial<CmosWiring> = {}) {
  const clock = new Clock();
  const irq8 = new FakeLine();
  const rtc = new CmosRtc({ clock, irq8, memorySize: 64 << 20, ...options });
  const read = (index: number) => {
    rtc.writePort(0x70, index);
    return rtc.readPort(0x71);
  };
  const write = (index: number, value: number) => {
    rtc.writePort(0x70, index);
    rtc.writePort(0x71, value);
  };
  const time = () => [0x32, 9, 8, 7, 6, 4, 2, 0].map((index) => read(index).toString(16)).join(" ");
  return { clock, irq8, rtc, read, write, time };
}

Deno.test("The calendar agrees with ECMAScript's for four centuries", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 400 * 31_556_952 }), (seconds) => {
      const epoch = secondsOf({ year: 1900, month: 1, day: 1, hour: 0, minute: 0, second: 0 });
      const mine = dateTimeOf(epoch + seconds);
      const theirs = new Date(Date.UTC(1900, 0, 1) + 1000 * seconds);
      deepStrictEqual(mine, {
        year: theirs.getUTCFullYear(),
        month: theirs.getUTCMonth() + 1,
        day: theirs.getUTCDate(),
        hour: theirs.getUTCHours(),
        minute: theirs.getUTCMinutes(),
        second: theirs.getUTCSeconds(),
      });
      strictEqual(weekdayOf(mine), theirs.getUTCDay() + 1);
      strictEqual(secondsOf(mine), epoch + seconds);
    }),
    { seed: 146_818, numRuns: 3000 },
  );
});

Deno.test("The clock starts on 2020-01-01, a Wednesday, and counts in BCD", () => {
  const { clock, time } = rig();
  strictEqual(time(), "20 20 1 1 4 0 0 0");
  clock.advanceNs(999 * MS);
  strictEqual(time(), "20 20 1 1 4 0 0 0");
  clock.advanceNs(1 * MS);
  strictEqual(time(), "20 20 1 1 4 0 0 1");
  clock.advanceNs(59e9 + 59 * 60e9 + 13 * 3600e9);
  strictEqual(time(), "20 20 1 1 4 14 0 0");
});

Deno.test("The clock turns days, leap days, years and centuries", () => {
  for (
    const [start, before, after] of [
      [{ year: 2020, month: 2, day: 28 }, "20 20 2 28 6 23 59 59", "20 20 2 29 7 0 0 0"],
      [{ year: 2100, month: 2, day: 28 }, "21 0 2 28 1 23 59 59", "21 0 3 1 2 0 0 0"],
      [{ year: 1999, month: 12, day: 31 }, "19 99 12 31 6 23 59 59", "20 0 1 1 7 0 0 0"],
    ] as const
  ) {
    const { clock, time } = rig({ start: { ...start, hour: 23, minute: 59, second: 59 } });
    strictEqual(time(), before);
    clock.advanceNs(1e9);
    strictEqual(time(), after);
  }
});

Deno.test("Binary and 12-hour formats", () => {
  const { clock, write, read, time } = rig();
  write(0x0b, 0x80 | 0x04); // SET, binary, 12 hours
  for (const [index, value] of [[0, 59], [2, 59], [4, 0x80 | 11], [7, 31], [8, 12], [9, 21]]) {
    write(index, value);
  }
  write(0x0b, 0x04);
  clock.advanceNs(1e9);
  strictEqual(time(), "20 16 1 1 5 c 0 0", "midnight is 12 am of 2022 = 0x16");
  clock.advanceNs(12 * 3600e9);
  strictEqual(read(4), 0x8c, "noon is 12 pm");
  clock.advanceNs(3600e9);
  strictEqual(read(4), 0x81);
});

Deno.test("SET freezes the time; afterwards it goes on in step with the divider", () => {
  const { clock, write, time } = rig();
  clock.advanceNs(300 * MS);
  write(0x0b, 0x82);
  clock.advanceNs(5000 * MS);
  strictEqual(time(), "20 20 1 1 4 0 0 0");
  write(0x00, 0x30);
  write(0x0b, 0x02);
  clock.advanceNs(699 * MS);
  strictEqual(time(), "20 20 1 1 4 0 0 30");
  clock.advanceNs(1 * MS);
  strictEqual(time(), "20 20 1 1 4 0 0 31");
});

Deno.test("UIP rises 244 µs before the update cycle of 1984 µs", () => {
  const { clock, read } = rig();
  clock.advanceNs(1000 * MS - 2_228_000 - 10);
  strictEqual(read(0x0a), 0x26);
  clock.advanceNs(10);
  strictEqual(read(0x0a), 0xa6);
  clock.advanceNs(2_228_000 - 10);
  strictEqual(read(0x0a), 0xa6);
  clock.advanceNs(10);
  strictEqual(read(0x0a), 0x26);
});

Deno.test("Holding the divider stops the clock; the first update comes 500 ms after", () => {
  const { clock, write, time } = rig();
  clock.advanceNs(900 * MS);
  write(0x0a, 0x66);
  clock.advanceNs(3000 * MS);
  strictEqual(time(), "20 20 1 1 4 0 0 0");
  write(0x0a, 0x26);
  clock.advanceNs(499 * MS);
  strictEqual(time(), "20 20 1 1 4 0 0 0");
  clock.advanceNs(1 * MS);
  strictEqual(time(), "20 20 1 1 4 0 0 1");
});

Deno.test("The periodic interrupt is a level until register C is read", () => {
  const { clock, write, read, irq8 } = rig();
  write(0x0b, 0x42);
  clock.advanceNs(970_000);
  strictEqual(irq8.level, false);
  clock.advanceNs(10_000); // 1024 Hz: 976.5625 µs
  strictEqual(irq8.level, true);
  strictEqual(clock.nextNs, Infinity, "no alarm while nobody answers");
  clock.advanceNs(10 * MS);
  strictEqual(irq8.rises, 1);
  strictEqual(read(0x0c), 0xc0);
  strictEqual(irq8.level, false);
  strictEqual(read(0x0c), 0x00);
  for (let i = 0; i < 1000; i++) {
    clock.advanceNs(1 * MS);
    read(0x0c);
  }
  strictEqual(irq8.rises, 1 + 1000);
});

Deno.test("Periodic rates (data sheet, table 5)", () => {
  const rates = [
    [1, 3906.25],
    [2, 7812.5],
    [3, 122.0703125],
    [6, 976.5625],
    [13, 125_000],
    [15, 500_000],
  ];
  for (const [rate, us] of rates) {
    const { clock, write, irq8 } = rig();
    write(0x0a, 0x20 | rate);
    write(0x0b, 0x42);
    clock.advanceTo(Math.floor(us * 100) - 1);
    strictEqual(irq8.level, false);
    clock.advanceTo(Math.ceil(us * 100));
    strictEqual(irq8.level, true);
  }
});

Deno.test("Update-ended and alarm interrupts, with and without enable bits", () => {
  const { clock, write, read, irq8 } = rig();
  clock.advanceNs(1e9);
  strictEqual(read(0x0c) & 0x10, 0x10, "UF needs no UIE");
  write(0x0b, 0x12);
  clock.advanceNs(999 * MS);
  strictEqual(irq8.level, false);
  clock.advanceNs(1 * MS);
  strictEqual(irq8.level, true);
  strictEqual(read(0x0c) & 0xb0, 0x90);
  write(0x0b, 0x22);
  write(0x01, 0x05);
  write(0x03, 0x01);
  write(0x05, 0xc0); // every hour
  clock.advanceNs(62.9e9);
  strictEqual(irq8.level, false);
  clock.advanceNs(0.2e9);
  strictEqual(irq8.level, true);
  strictEqual(read(0x0c) & 0xa0, 0xa0);
  clock.advanceNs(3600e9);
  strictEqual(read(0x0c) & 0xa0, 0xa0);
  write(0x05, 0x25); // never
  clock.advanceNs(86_400e9);
  strictEqual(read(0x0c) & 0xa0, 0);
});

Deno.test("Memory sizes, battery and checksum", () => {
  const word = (read: (i: number) => number, i: number) => read(i) | read(i + 1) << 8;
  for (
    const [size, extended, above] of [
      [1 << 20, 0, 0],
      [8 << 20, 7 * 1024, 0],
      [64 << 20, 63 * 1024, 768],
      [1 << 30, 0xffff, 0x3f00],
    ]
  ) {
    const { read } = rig({ memorySize: size });
    strictEqual(word(read, 0x15), 640);
    strictEqual(word(read, 0x17), extended);
    strictEqual(word(read, 0x30), extended);
    strictEqual(word(read, 0x34), above);
    strictEqual(read(0x0d), 0x80);
    let sum = 0;
    for (let i = 0x10; i <= 0x2d; i++) sum += read(i);
    strictEqual(read(0x2e) << 8 | read(0x2f), sum);
  }
});

Deno.test("Port 0x70 masks NMIs; C and D cannot be written; the rest is memory", () => {
  const masks: boolean[] = [];
  const { rtc, write, read } = rig({ nmiMask: (masked) => masks.push(masked) });
  rtc.writePort(0x70, 0x8f);
  rtc.writePort(0x71, 0x0a);
  strictEqual(rtc.nmiEnabled, false);
  rtc.writePort(0x70, 0x0f);
  deepStrictEqual(masks, [true, false]);
  strictEqual(rtc.readPort(0x71), 0x0a);
  strictEqual(rtc.readPort(0x70), 0xff);
  write(0x0d, 0);
  strictEqual(read(0x0d), 0x80);
  write(0x7f, 0x77);
  rtc.reset();
  strictEqual(read(0x7f), 0x77);
});

Deno.test("CmosRtc saves and loads its state", () => {
  const { clock, rtc, write, time } = rig();
  write(0x0b, 0x52);
  clock.advanceNs(1234 * MS);
  const irq8 = new FakeLine();
  const twin = new CmosRtc({ clock, irq8, memorySize: 1 << 20 });
  checkSavedState(rtc, twin);
  strictEqual(irq8.level, true);
  clock.advanceNs(5e9);
  deepStrictEqual(twin.dateTime, rtc.dateTime);
  strictEqual(time().slice(-1), "6");
  throws(() => rtc.loadState({ ...rtc.saveState(), memory: [1] }), RangeError);
});
