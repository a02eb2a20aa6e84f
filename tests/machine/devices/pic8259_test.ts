import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import fc from "fast-check";
import { Pic8259 } from "../../../machine/devices/pic8259.ts";
import { PicPair } from "../../../machine/devices/pic8259_pair.ts";
import { checkSavedState, FakeLine } from "./rig.ts";

/** A pair as Linux and blog_os set it up: vectors 0x20 and 0x28, nothing masked. */
function pair(icw4 = 0x01, slaveIcw4 = 0x01): PicPair {
  const pic = new PicPair();
  for (
    const [port, value] of [
      [0x20, 0x11],
      [0xa0, 0x11],
      [0x21, 0x20],
      [0xa1, 0x28],
      [0x21, 0x04],
      [0xa1, 0x02],
      [0x21, icw4],
      [0xa1, slaveIcw4],
      [0x21, 0x00],
      [0xa1, 0x00],
    ]
  ) pic.writePort(port, value);
  return pic;
}

function isr(pic: PicPair): [number, number] {
  return [pic.master.isr, pic.slave.isr];
}

Deno.test("Pic8259 keeps INT low until its initialisation is complete", () => {
  const pic = new PicPair();
  pic.line(0).set(true);
  strictEqual(pic.intr, false);
  for (const [port, value] of [[0x20, 0x11], [0x21, 0x20], [0x21, 0x04]]) {
    pic.writePort(port, value);
    strictEqual(pic.intr, false);
  }
  pic.writePort(0x21, 0x01);
  // ICW1 has cleared the edge detector: a line that was high already is no request.
  strictEqual(pic.intr, false);
  pic.line(0).set(false);
  pic.line(0).set(true);
  strictEqual(pic.intr, true);
  strictEqual(pic.acknowledge(), 0x20);
});

Deno.test("Pic8259 takes ICW3 and ICW4 only when ICW1 announces them", () => {
  const line = new FakeLine();
  const chip = new Pic8259(line);
  chip.write(0, 0x12); // SNGL, no ICW4
  chip.write(1, 0x40);
  chip.write(1, 0xaa); // already OCW1
  strictEqual(chip.read(1), 0xaa);
  chip.write(0, 0x13); // SNGL, ICW4
  chip.write(1, 0x40);
  chip.write(1, 0x01);
  chip.write(1, 0x55);
  strictEqual(chip.read(1), 0x55);
});

Deno.test("PicPair gives every IRQ its vector, and asks both chips for an EOI", () => {
  for (const irq of [0, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]) {
    const pic = pair();
    pic.line(irq).set(true);
    strictEqual(pic.intr, true);
    strictEqual(pic.acknowledge(), 0x20 + irq);
    strictEqual(pic.intr, false);
    deepStrictEqual(isr(pic), irq < 8 ? [1 << irq, 0] : [4, 1 << (irq - 8)]);
    if (irq >= 8) pic.writePort(0xa0, 0x20);
    pic.writePort(0x20, 0x20);
    deepStrictEqual(isr(pic), [0, 0]);
    strictEqual(pic.intr, false, "edge mode: the level alone asks no more");
  }
});

Deno.test("PicPair nests by priority: IRQ 0, 1, 8–15, 3–7", () => {
  const pic = pair();
  pic.line(4).set(true);
  strictEqual(pic.acknowledge(), 0x24);
  pic.line(5).set(true);
  strictEqual(pic.intr, false, "5 is below 4");
  pic.line(12).set(true);
  strictEqual(pic.acknowledge(), 0x2c);
  pic.line(14).set(true);
  strictEqual(pic.intr, false);
  pic.line(1).set(true);
  strictEqual(pic.acknowledge(), 0x21);
  pic.writePort(0x20, 0x20); // 1
  deepStrictEqual(isr(pic), [0x14, 0x10]);
  pic.writePort(0xa0, 0x20); // 12, slave
  strictEqual(pic.intr, false, "the master still has IR2 in service");
  pic.writePort(0x20, 0x20); // IR2
  strictEqual(pic.acknowledge(), 0x2e);
});

Deno.test("Pic8259.acknowledge() gives IR7's vector when the request has gone", () => {
  const pic = pair();
  pic.line(3).set(true);
  pic.line(3).set(false);
  strictEqual(pic.intr, false);
  strictEqual(pic.acknowledge(), 0x27);
  deepStrictEqual(isr(pic), [0, 0]);
});

Deno.test("PicPair.acknowledge() gives IRQ15's vector when the slave's request has gone", () => {
  const pic = pair();
  // The master takes IR2 while the slave's own request vanishes: drive the cascade by hand.
  pic.master.setIr(2, true);
  strictEqual(pic.acknowledge(), 0x2f);
  deepStrictEqual(isr(pic), [4, 0]);
});

Deno.test("Pic8259 shows IRR, ISR and IMR; masks hold back INT but not IRR", () => {
  const pic = pair();
  pic.writePort(0x21, 0x08);
  pic.line(3).set(true);
  strictEqual(pic.intr, false);
  strictEqual(pic.readPort(0x20), 0x08);
  strictEqual(pic.readPort(0x21), 0x08);
  pic.writePort(0x21, 0x00);
  strictEqual(pic.intr, true);
  pic.acknowledge();
  strictEqual(pic.readPort(0x20), 0x00);
  pic.writePort(0x20, 0x0b);
  strictEqual(pic.readPort(0x20), 0x08);
  pic.writePort(0x20, 0x0a);
  strictEqual(pic.readPort(0x20), 0x00);
});

Deno.test("Pic8259 in level mode asks again after EOI while the line is high", () => {
  const pic = pair();
  pic.writePort(0x4d0, 0xff);
  pic.writePort(0x4d1, 0xff);
  strictEqual(pic.readPort(0x4d0), 0xf8);
  strictEqual(pic.readPort(0x4d1), 0xde);
  pic.line(5).set(true);
  pic.acknowledge();
  strictEqual(pic.intr, false);
  pic.writePort(0x20, 0x20);
  strictEqual(pic.intr, true);
  pic.line(5).set(false);
  strictEqual(pic.intr, false);
});

Deno.test("OCW2: specific EOI, rotations and set priority", () => {
  const line = new FakeLine();
  const chip = new Pic8259(line);
  for (const [a0, value] of [[0, 0x13], [1, 0x20], [1, 0x01]]) chip.write(a0, value);
  const pulse = (ir: number) => {
    chip.setIr(ir, false);
    chip.setIr(ir, true);
  };
  chip.write(0, 0xc4); // set priority: 4 lowest, so 5 highest
  strictEqual(chip.lowestPriority, 4);
  for (let ir = 0; ir < 8; ir++) pulse(ir);
  strictEqual(chip.acknowledge().ir, 5);
  chip.write(0, 0xa0); // rotate on non-specific EOI: 5 lowest
  strictEqual(chip.isr, 0);
  strictEqual(chip.acknowledge().ir, 6);
  chip.write(0, 0xe6); // rotate on specific EOI 6
  strictEqual(chip.lowestPriority, 6);
  strictEqual(chip.acknowledge().ir, 7);
  chip.write(0, 0x67); // specific EOI 7
  strictEqual(chip.lowestPriority, 6);
  strictEqual(chip.isr, 0);
  chip.write(0, 0x40); // no operation
  strictEqual(chip.acknowledge().ir, 0);
  strictEqual(chip.isr, 1);
});

Deno.test("ICW4.AEOI clears ISR by itself, and rotates when told to", () => {
  const pic = pair(0x03);
  pic.line(0).set(true);
  strictEqual(pic.acknowledge(), 0x20);
  strictEqual(pic.master.isr, 0);
  strictEqual(pic.master.lowestPriority, 7);
  pic.writePort(0x20, 0x80); // rotate in AEOI: set
  pic.line(3).set(true);
  pic.acknowledge();
  strictEqual(pic.master.lowestPriority, 3);
  pic.writePort(0x20, 0x00); // clear
  pic.line(4).set(true);
  pic.acknowledge();
  strictEqual(pic.master.lowestPriority, 3);
});

Deno.test("Special mask mode lets lower levels in past a masked one in service", () => {
  const pic = pair();
  pic.line(3).set(true);
  pic.acknowledge();
  pic.line(6).set(true);
  strictEqual(pic.intr, false);
  pic.writePort(0x21, 0x08);
  strictEqual(pic.intr, false);
  pic.writePort(0x20, 0x68); // ESMM, SMM
  strictEqual(pic.intr, true);
  strictEqual(pic.acknowledge(), 0x26);
  pic.writePort(0x20, 0x20);
  strictEqual(pic.master.isr, 0x08, "a non-specific EOI passes the masked level over");
  pic.writePort(0x20, 0x48); // ESMM, not SMM
  pic.writePort(0x20, 0x20);
  strictEqual(pic.master.isr, 0);
});

Deno.test("Special fully nested mode lets a slave in service interrupt again", () => {
  for (const [icw4, expected] of [[0x01, false], [0x11, true]] as const) {
    const pic = pair(icw4);
    pic.line(12).set(true);
    pic.acknowledge();
    pic.line(9).set(true);
    strictEqual(pic.intr, expected);
    if (!expected) continue;
    strictEqual(pic.acknowledge(), 0x29);
    pic.line(4).set(true);
    strictEqual(pic.intr, false, "what is below the slave stays out");
  }
  const pic = pair(0x11);
  pic.line(3).set(true);
  pic.acknowledge();
  pic.line(3).set(false);
  pic.line(3).set(true);
  strictEqual(pic.intr, false, "an input without a slave does not interrupt itself");
});

Deno.test("OCW3 poll acknowledges by a read", () => {
  const pic = pair();
  pic.writePort(0x20, 0x0c);
  strictEqual(pic.readPort(0x20), 0x00);
  pic.line(6).set(true);
  pic.line(4).set(true);
  pic.writePort(0x20, 0x0c);
  strictEqual(pic.readPort(0x20), 0x84);
  strictEqual(pic.master.isr, 0x10);
  strictEqual(pic.readPort(0x20), 0x40, "the next read is an ordinary one: IRR");
});

Deno.test("A slave with more to say makes a new edge for the master", () => {
  const pic = pair(0x01, 0x03); // the slave in AEOI mode: its ISR blocks nothing
  pic.line(8).set(true);
  pic.line(9).set(true);
  strictEqual(pic.acknowledge(), 0x28);
  strictEqual(pic.intr, false);
  pic.writePort(0x20, 0x20);
  strictEqual(pic.intr, true);
  strictEqual(pic.acknowledge(), 0x29);
});

Deno.test("PicPair.line() refuses wires that do not exist", () => {
  const pic = new PicPair();
  for (const irq of [-1, 2, 16, 1.5, NaN]) throws(() => pic.line(irq), RangeError);
});

Deno.test("PicPair saves and loads its state", () => {
  const pic = pair();
  pic.writePort(0x21, 0x40);
  pic.line(12).set(true);
  pic.acknowledge();
  pic.line(0).set(true);
  pic.line(6).set(true);
  checkSavedState(pic, pair());
  const state = JSON.parse(JSON.stringify(pic.saveState()));
  const twin = pair();
  const before = twin.saveState();
  state.master.expects = 5;
  throws(() => twin.loadState(state), RangeError);
  deepStrictEqual(twin.saveState(), before);
  state.master.expects = 0;
  twin.loadState(state);
  strictEqual(twin.intr, true);
  strictEqual(twin.acknowledge(), 0x20);
});

/** The data sheet's rule, written down another way: walk the ring from the highest priority. */
function expectedIr(irr: number, imr: number, isr: number, lowest: number): number | undefined {
  for (let step = 1; step <= 8; step++) {
    const ir = (lowest + step) % 8;
    if (isr & 1 << ir) return undefined;
    if (irr & 1 << ir && !(imr & 1 << ir)) return ir;
  }
  return undefined;
}

Deno.test("Pic8259 serves whom the fully nested rule names, in every situation", () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.oneof(
          fc.record({
            op: fc.constant("set"),
            n: fc.integer({ min: 0, max: 7 }),
            on: fc.boolean(),
          }),
          fc.record({
            op: fc.constant("mask"),
            n: fc.integer({ min: 0, max: 255 }),
            on: fc.boolean(),
          }),
          fc.record({
            op: fc.constantFrom("ack", "eoi", "rotate", "specific", "priority"),
            n: fc.integer({ min: 0, max: 7 }),
            on: fc.boolean(),
          }),
        ),
        { maxLength: 60 },
      ),
      (steps) => {
        const line = new FakeLine();
        const chip = new Pic8259(line);
        for (const [a0, value] of [[0, 0x13], [1, 0x20], [1, 0x01]]) chip.write(a0, value);
        let [pins, irr, imr, isr, lowest] = [0, 0, 0, 0, 7];
        const highest = () => {
          for (let step = 1; step <= 8; step++) {
            if (isr & 1 << (lowest + step) % 8) return (lowest + step) % 8;
          }
          return undefined;
        };
        for (const { op, n, on } of steps) {
          const best = expectedIr(irr, imr, isr, lowest);
          if (op === "set") {
            chip.setIr(n, on);
            if (!on) irr &= ~(1 << n);
            else if (!(pins & 1 << n)) irr |= 1 << n;
            pins = on ? pins | 1 << n : pins & ~(1 << n);
          } else if (op === "mask") {
            chip.write(1, n);
            imr = n;
          } else if (op === "ack") {
            deepStrictEqual(chip.acknowledge(), { ir: best ?? 7, spurious: best === undefined });
            if (best !== undefined) {
              isr |= 1 << best;
              irr &= ~(1 << best);
            }
          } else if (op === "specific") {
            chip.write(0, 0x60 | n);
            isr &= ~(1 << n);
          } else if (op === "priority") {
            chip.write(0, 0xc0 | n);
            lowest = n;
          } else {
            chip.write(0, op === "eoi" ? 0x20 : 0xa0);
            const ir = highest();
            if (ir !== undefined) isr &= ~(1 << ir);
            if (ir !== undefined && op === "rotate") lowest = ir;
          }
          deepStrictEqual([chip.irr, chip.imr, chip.isr], [irr, imr, isr]);
          strictEqual(line.level, expectedIr(irr, imr, isr, lowest) !== undefined);
        }
      },
    ),
    { seed: 8259, numRuns: 500 },
  );
});
