import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import fc from "fast-check";
import { Clock } from "../../../machine/clock.ts";
import { nsOfTick, Pit8254, tickAt } from "../../../machine/devices/pit8254.ts";
import { checkSavedState, FakeLine } from "./rig.ts";

interface Rig {
  readonly clock: Clock;
  readonly line: FakeLine;
  readonly pit: Pit8254;
  /** Tick numbers of the changes of OUT 0. */
  readonly edges: [number, boolean][];
  /** Goes to the very tick. */
  at(tick: number): void;
}

function rig(): Rig {
  const clock = new Clock();
  const edges: [number, boolean][] = [];
  const line = new FakeLine((level) => edges.push([tickAt(clock.nowNs), level]));
  const pit = new Pit8254({ clock, irq0: line });
  const at = (tick: number) => clock.advanceTo(Math.ceil(nsOfTick(tick) / 10));
  return { clock, line, pit, edges, at };
}

/** Count by latch command, low byte first. */
function latched(pit: Pit8254, counter: number): number {
  pit.writePort(0x43, counter << 6);
  return pit.readPort(0x40 + counter) | pit.readPort(0x40 + counter) << 8;
}

/** OUT and NULL COUNT by read-back. */
function status(pit: Pit8254, counter: number): number {
  pit.writePort(0x43, 0xe0 | 2 << counter);
  return pit.readPort(0x40 + counter);
}

Deno.test("tickAt() and nsOfTick() are exact for years", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1_193_182 * 86_400 * 100 }), (tick) => {
      const ns = nsOfTick(tick);
      strictEqual(tickAt(ns), tick);
      if (tick > 0) strictEqual(tickAt(ns - 1), tick - 1);
      strictEqual(BigInt(tickAt(ns)), BigInt(ns) * 1_193_182n / 1_000_000_000n);
    }),
    { seed: 8254, numRuns: 2000 },
  );
});

Deno.test("Mode 0: OUT rises N + 1 ticks after the count was written, once", () => {
  const { pit, edges, at, clock } = rig();
  at(100);
  pit.writePort(0x43, 0x30);
  pit.writePort(0x40, 0x04);
  pit.writePort(0x40, 0x00);
  at(1000);
  deepStrictEqual(edges, [[105, true]]);
  strictEqual(clock.nextNs, Infinity, "no alarm without an edge to come");
  strictEqual(latched(pit, 0), (4 - 899) & 0xffff, "CE wraps and goes on");
  pit.writePort(0x43, 0x30);
  deepStrictEqual(edges[1], [1000, false]);
});

Deno.test("Mode 0: the first byte of a new count stops the counter and lowers OUT", () => {
  const { pit, at } = rig();
  pit.writePort(0x43, 0xb0);
  pit.setGate2(true);
  pit.writePort(0x42, 0x10);
  pit.writePort(0x42, 0x00);
  at(30);
  strictEqual(pit.out2, true);
  pit.writePort(0x42, 0x08);
  strictEqual(pit.out2, false);
  at(60);
  strictEqual(pit.out2, false);
  pit.writePort(0x42, 0x00);
  at(68);
  strictEqual(pit.out2, false);
  at(69);
  strictEqual(pit.out2, true);
});

Deno.test("Mode 0: GATE low holds the count", () => {
  const { pit, at } = rig();
  pit.setGate2(true);
  pit.writePort(0x43, 0x90); // LSB only
  pit.writePort(0x42, 10);
  at(4); // loaded at 1, so CE = 7
  pit.setGate2(false);
  at(50);
  strictEqual(pit.counter(2).count, 7);
  pit.setGate2(true);
  at(56);
  strictEqual(pit.out2, false);
  at(57);
  strictEqual(pit.out2, true);
});

Deno.test("Mode 1: GATE's edge starts, and restarts, a pulse of N ticks", () => {
  const { pit, at } = rig();
  pit.writePort(0x43, 0x92);
  pit.writePort(0x42, 5);
  at(10);
  strictEqual(pit.out2, true);
  pit.setGate2(true);
  strictEqual(pit.out2, true);
  at(11);
  strictEqual(pit.out2, false);
  at(14);
  pit.setGate2(false);
  pit.setGate2(true); // retriggered: from 15 to 20
  at(19);
  strictEqual(pit.out2, false);
  at(20);
  strictEqual(pit.out2, true);
});

Deno.test("Mode 2: OUT is low for one tick in N; a new count waits for the period's end", () => {
  const { pit, edges, at } = rig();
  pit.writePort(0x43, 0x14);
  strictEqual(edges.length, 1, "OUT is high at once");
  pit.writePort(0x40, 4);
  at(10);
  pit.writePort(0x40, 6);
  strictEqual(status(pit, 0) & 0x40, 0x40, "NULL COUNT");
  at(13);
  strictEqual(status(pit, 0) & 0x40, 0);
  at(26);
  deepStrictEqual(edges.slice(1), [
    [4, false],
    [5, true],
    [8, false],
    [9, true],
    [12, false],
    [13, true],
    [18, false],
    [19, true],
    [24, false],
    [25, true],
  ]);
});

Deno.test("Mode 2: the count reads N … 1, and GATE low keeps OUT high", () => {
  const { pit, at } = rig();
  pit.setGate2(true);
  pit.writePort(0x43, 0x94);
  pit.writePort(0x42, 3);
  const seen = [];
  for (let tick = 1; tick <= 7; tick++) {
    at(tick);
    seen.push([pit.counter(2).count, pit.out2]);
  }
  deepStrictEqual(seen, [
    [3, true],
    [2, true],
    [1, false],
    [3, true],
    [2, true],
    [1, false],
    [3, true],
  ]);
  at(9);
  strictEqual(pit.out2, false);
  pit.setGate2(false);
  strictEqual(pit.out2, true);
  at(40);
  pit.setGate2(true);
  at(41);
  strictEqual(pit.counter(2).count, 3, "GATE's edge starts a new period");
});

Deno.test("Mode 3: even counts halve, odd ones are high one tick longer", () => {
  for (const [count, high, low] of [[4, 2, 2], [5, 3, 2], [2, 1, 1], [3, 2, 1]]) {
    const { pit, edges, at } = rig();
    pit.writePort(0x43, 0x16);
    pit.writePort(0x40, count);
    at(1 + 2 * count);
    deepStrictEqual(edges.slice(1), [
      [1 + high, false],
      [1 + high + low, true],
      [1 + count + high, false],
      [1 + 2 * count, true],
    ]);
  }
});

Deno.test("Mode 3: the count goes down by two (data sheet, figure 18)", () => {
  for (const [count, values] of [[4, [4, 2, 4, 2, 4]], [5, [4, 2, 0, 4, 2, 4, 2, 0]]] as const) {
    const { pit, at } = rig();
    pit.setGate2(true);
    pit.writePort(0x43, 0x96);
    pit.writePort(0x42, count);
    values.forEach((value, i) => {
      at(1 + i);
      strictEqual(pit.counter(2).count, value, `count ${count}, tick ${i}`);
    });
  }
});

Deno.test("Mode 3: a new count is taken at the end of the half-period", () => {
  const { pit, edges, at } = rig();
  pit.writePort(0x43, 0x16);
  pit.writePort(0x40, 8); // high 1–5, low 5–9
  at(2);
  pit.writePort(0x40, 4);
  at(14);
  deepStrictEqual(edges.slice(1), [[5, false], [7, true], [9, false], [11, true], [13, false]]);
});

Deno.test("Mode 4: OUT strobes low for one tick, N + 1 ticks after the write", () => {
  const { pit, edges, at, clock } = rig();
  pit.writePort(0x43, 0x18);
  pit.writePort(0x40, 3);
  at(20);
  deepStrictEqual(edges.slice(1), [[4, false], [5, true]]);
  strictEqual(clock.nextNs, Infinity);
});

Deno.test("Mode 5: GATE's edge starts the count to the strobe", () => {
  const { pit, at } = rig();
  pit.writePort(0x43, 0x9a);
  pit.writePort(0x42, 3);
  at(10);
  strictEqual(pit.out2, true);
  pit.setGate2(true);
  const seen = [11, 12, 13, 14, 15].map((tick) => (at(tick), pit.out2));
  deepStrictEqual(seen, [true, true, true, false, true]);
});

Deno.test("18.2 Hz does not drift in an hour", () => {
  const { pit, line, clock } = rig();
  pit.writePort(0x43, 0x36);
  pit.writePort(0x40, 0);
  pit.writePort(0x40, 0);
  const before = line.rises;
  clock.advanceNs(3600e9);
  // 3600 × 1193182 / 65536 = 65543.99…, counted from the first tick on.
  strictEqual(line.rises - before, Math.floor((3600 * 1_193_182 - 1) / 65_536));
});

Deno.test("BCD counts in decimal", () => {
  const { pit, at } = rig();
  pit.writePort(0x43, 0x71); // counter 1, LSB then MSB, mode 0, BCD
  pit.writePort(0x41, 0x00);
  pit.writePort(0x41, 0x10); // 1000
  at(2);
  strictEqual(latched(pit, 1), 0x0999);
  at(1002);
  strictEqual(latched(pit, 1), 0x9999);
  pit.writePort(0x43, 0x71);
  pit.writePort(0x41, 0x00);
  pit.writePort(0x41, 0x00); // 10000
  at(1004);
  strictEqual(latched(pit, 1), 0x9999);
});

Deno.test("The latch holds both bytes, and a second latch command is ignored", () => {
  const { pit, at } = rig();
  pit.writePort(0x43, 0x74);
  pit.writePort(0x41, 0x34);
  pit.writePort(0x41, 0x12);
  at(1);
  pit.writePort(0x43, 0x40);
  at(500);
  pit.writePort(0x43, 0x40);
  strictEqual(pit.readPort(0x41), 0x34);
  at(900);
  strictEqual(pit.readPort(0x41), 0x12);
  strictEqual(latched(pit, 1), 0x1234 - 899, "then it follows again");
});

Deno.test("Read-back latches status and count of several counters", () => {
  const { pit, at } = rig();
  pit.writePort(0x43, 0x36);
  pit.writePort(0x40, 0x00);
  pit.writePort(0x40, 0x01);
  pit.writePort(0x43, 0x54);
  pit.writePort(0x41, 18);
  at(3);
  pit.writePort(0x43, 0xc6); // status and count of 0 and 1
  at(50);
  strictEqual(pit.readPort(0x40), 0xb6, "OUT, LSB/MSB, mode 3");
  strictEqual(pit.readPort(0x40), 0xfc);
  strictEqual(pit.readPort(0x40), 0x00);
  strictEqual(pit.readPort(0x41), 0x94);
  strictEqual(pit.readPort(0x41), 16);
  strictEqual(pit.readPort(0x43), 0xff, "the control word cannot be read");
});

Deno.test("Only counter 0 costs alarms", () => {
  const { pit, clock, at } = rig();
  for (const control of [0x54, 0x94, 0xb6]) pit.writePort(0x43, control);
  pit.writePort(0x41, 18);
  pit.writePort(0x42, 18);
  pit.writePort(0x42, 18);
  pit.setGate2(true);
  at(100);
  strictEqual(clock.nextNs, Infinity);
  strictEqual(Math.round(pit.toneHz!), Math.round(1_193_182 / 0x1212));
});

Deno.test("A late alarm loses no edge", () => {
  const { pit, line, clock } = rig();
  pit.writePort(0x43, 0x14);
  pit.writePort(0x40, 10);
  const before = line.rises;
  // The CPU notices the alarm in the middle of a block, 30 periods late.
  let retired = 0;
  clock.exact = () => retired;
  retired = Math.ceil(nsOfTick(301) / 10);
  clock.advanceTo(retired);
  strictEqual(line.rises - before, 30);
});

Deno.test("Pit8254 saves and loads its state", () => {
  const { pit, at, clock } = rig();
  pit.writePort(0x43, 0x14);
  pit.writePort(0x40, 10);
  pit.writePort(0x43, 0xb6);
  pit.writePort(0x42, 0x55);
  at(7);
  const line = new FakeLine();
  checkSavedState(pit, new Pit8254({ clock, irq0: line }));
  at(31);
  strictEqual(line.rises, 4, "high when loaded, then at 11, 21 and 31");
  throws(() => pit.loadState({ ...pit.saveState(), counters: [] }), RangeError);
});

/** The data sheet's counter, one CLK at a time, for modes 0, 2, 3 and 4 with GATE high. */
class Stepped {
  ce = 0;
  out: boolean;
  loaded = false;
  pending = true;
  high = true;
  fired = false;

  constructor(readonly mode: number, readonly n: number) {
    this.out = mode !== 0;
  }

  clk(): void {
    const { mode, n } = this;
    if (this.pending) {
      this.pending = false;
      this.loaded = true;
      this.ce = mode === 3 ? n & ~1 : n;
      return;
    }
    if (mode === 3) {
      const odd = n & 1;
      const done = this.ce === (this.high && odd ? 0 : 2);
      if (!done) this.ce -= 2;
      else {
        this.ce = n & ~1;
        this.high = !this.high;
        this.out = this.high;
      }
      return;
    }
    if (mode === 2 && this.ce === 1) {
      this.ce = n;
      this.out = true;
      return;
    }
    this.ce = (this.ce - 1) & 0xffff;
    if (mode === 2) this.out = this.ce !== 1;
    else if (mode === 0) this.out ||= this.ce === 0;
    else {
      this.out = !(this.ce === 0 && !this.fired);
      this.fired ||= this.ce === 0;
    }
  }
}

Deno.test("Counters agree with a counter that really counts", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(0, 2, 3, 4),
      fc.integer({ min: 2, max: 40 }),
      (mode, n) => {
        const { pit, line, at } = rig();
        pit.writePort(0x43, 0x10 | mode << 1);
        pit.writePort(0x40, n);
        const model = new Stepped(mode, n);
        for (let tick = 1; tick < 150; tick++) {
          at(tick);
          model.clk();
          const { count, out } = pit.counter(0);
          deepStrictEqual([tick, count, out, line.level], [tick, model.ce, model.out, model.out]);
        }
        ok(model.loaded);
      },
    ),
    { seed: 8254, numRuns: 150 },
  );
});
