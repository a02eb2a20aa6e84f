/** The lock-free queue in guest memory. */
import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import fc from "fast-check";
import { ArrayQueue } from "../../../mod.ts";
import { boot } from "../support.ts";

Deno.test("ArrayQueue is first in, first out, refuses what is too much, and does as a list does", () => {
  const kernel = boot("vga");
  let names = 0;
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 5 }),
      fc.array(fc.option(fc.nat(0xff)), { maxLength: 60 }),
      (capacity, actions) => {
        const bytes = ArrayQueue.bytes(capacity);
        const address = kernel.statics.reserve(`queue ${names++}`, bytes, 4);
        const queue = new ArrayQueue(kernel.machine, address, capacity);
        const list: number[] = [];
        for (const value of actions) {
          if (value === null) {
            strictEqual(queue.pop(), list.shift());
          } else {
            const fits = list.length < capacity;
            strictEqual(queue.push(value), fits);
            if (fits) list.push(value);
          }
          deepStrictEqual(queue.values(), list);
          strictEqual(queue.isEmpty(), list.length === 0);
        }
      },
    ),
    { seed: 12, numRuns: 300 },
  );
});

Deno.test("ArrayQueue.push() by an interrupt handler at any instruction of a push or pop loses nothing", () => {
  for (const action of ["push", "pop"] as const) {
    for (let at = 0; at < 8; at++) {
      const kernel = boot("interrupts");
      const { machine } = kernel;
      const queue = new ArrayQueue(
        machine,
        kernel.statics.reserve("QUEUE", ArrayQueue.bytes(4), 4),
        4,
      );
      queue.push(1);
      kernel.idt.setHandler("keyboard", () => {
        ok(queue.push(77));
        kernel.interrupts.endOfInterrupt(33);
      });
      // The request comes when so many instructions have passed.
      const alarm = machine.clock.alarm("test", () => machine.board.pic.line(1).set(true));
      alarm.armIn(at * 10);
      if (action === "push") ok(queue.push(2));
      else strictEqual(queue.pop(), 1);
      for (let i = 0; i < 12; i++) kernel.cpu.pause();
      const values = queue.values();
      const expected = action === "push" ? [1, 2, 77] : [77];
      deepStrictEqual(values.toSorted((a, b) => a - b), expected, `${action}, ${at}`);
      deepStrictEqual(expected.map(() => queue.pop()).toSorted(), expected.toSorted());
    }
  }
});

Deno.test("ArrayQueue.pop() by an interrupt handler at any instruction of a pop takes nothing twice", () => {
  for (let at = 0; at < 8; at++) {
    const kernel = boot("interrupts");
    const { machine } = kernel;
    const bytes = ArrayQueue.bytes(4);
    const queue = new ArrayQueue(machine, kernel.statics.reserve("QUEUE", bytes, 4), 4);
    for (const value of [1, 2, 3]) queue.push(value);
    const taken: (number | undefined)[] = [];
    kernel.idt.setHandler("keyboard", () => {
      machine.board.pic.line(1).set(false);
      taken.push(queue.pop());
      kernel.interrupts.endOfInterrupt(33);
    });
    machine.clock.alarm("test", () => machine.board.pic.line(1).set(true)).armIn(at * 10);
    taken.push(queue.pop());
    for (let i = 0; i < 12; i++) kernel.cpu.pause();
    taken.push(queue.pop());
    deepStrictEqual(taken.toSorted(), [1, 2, 3], `${at}`);
    strictEqual(queue.pop(), undefined);
  }
});

Deno.test("ArrayQueue refuses a capacity that is none", () => {
  const { machine } = boot("vga");
  for (const capacity of [0, -1, 1.5, 0x1_0001]) {
    throws(() => new ArrayQueue(machine, 0x20_b000, capacity), RangeError);
  }
});
