import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { Clock } from "../../machine/clock.ts";

Deno.test("Clock.advanceTo() counts 10 ns an instruction", () => {
  const clock = new Clock();
  clock.advanceTo(100_000_000);
  strictEqual(clock.nowNs, 1e9);
  strictEqual(clock.retired, 100_000_000);
});

Deno.test("Clock.advanceNs() rings what is due, earliest first, each at its own time", () => {
  const clock = new Clock();
  const rung: [string, number][] = [];
  const late = clock.alarm("late", () => rung.push(["late", clock.nowNs]));
  const early = clock.alarm("early", () => rung.push(["early", clock.nowNs]));
  late.armAt(500);
  early.armAt(203);
  strictEqual(clock.nextNs, 203);
  strictEqual(clock.nextRetired, 21);
  clock.advanceNs(200);
  deepStrictEqual(rung, []);
  clock.advanceNs(1000);
  deepStrictEqual(rung, [["early", 210], ["late", 500]]);
  strictEqual(clock.nowNs, 1200);
  strictEqual(clock.nextNs, Infinity);
});

Deno.test("Clock rings alarms of one time in the order they were made in", () => {
  const clock = new Clock();
  const rung: string[] = [];
  const a = clock.alarm("a", () => rung.push("a"));
  const b = clock.alarm("b", () => rung.push("b"));
  b.armAt(10);
  a.armAt(10);
  clock.advanceNs(10);
  deepStrictEqual(rung, ["a", "b"]);
});

Deno.test("Clock lets an alarm arm itself again while it rings", () => {
  const clock = new Clock();
  const times: number[] = [];
  const tick = clock.alarm("tick", () => {
    times.push(clock.nowNs);
    tick.armIn(100);
  });
  tick.armIn(100);
  clock.advanceNs(350);
  clock.advanceNs(100);
  deepStrictEqual(times, [100, 200, 300, 400]);
});

Deno.test("Alarm.disarm() and armAt() of the past", () => {
  const clock = new Clock();
  let rung = 0;
  const alarm = clock.alarm("x", () => rung++);
  alarm.armAt(100);
  deepStrictEqual(clock.pending(), [{ name: "x", atNs: 100 }]);
  alarm.disarm();
  clock.advanceNs(200);
  strictEqual(rung, 0);
  alarm.armAt(100);
  clock.advanceNs(10);
  strictEqual(rung, 1);
  deepStrictEqual(clock.pending(), []);
});

Deno.test("Clock.exact gives the time in the middle of a block", () => {
  const clock = new Clock();
  clock.advanceTo(100);
  clock.exact = () => 123;
  strictEqual(clock.nowNs, 1230);
  let changes = 0;
  clock.onChange = () => changes++;
  clock.alarm("x", () => {}).armIn(10);
  strictEqual(clock.nextNs, 1240);
  strictEqual(changes, 1);
});
