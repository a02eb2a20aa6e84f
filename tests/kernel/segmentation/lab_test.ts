/** Chapter 8: segments, their fragmentation and its cure, on a CPU in protected mode. */
import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import { asm32, Machine } from "../../../machine/mod.ts";
import { SegmentationLab } from "../../../kernel/segmentation/lab.ts";
import type { Instance } from "../../../kernel/segmentation/results.ts";

const GP = 13;
const SS = 12;

function started(lab: SegmentationLab, offset?: number): Instance {
  const result = lab.start(offset);
  if (result.kind !== "instance") throw new Error(result.kind);
  return result;
}

function twoPrograms(): { lab: SegmentationLab; machine: Machine; one: Instance; two: Instance } {
  const machine = new Machine({ memory: 2 << 20 });
  const lab = new SegmentationLab(machine);
  return { lab, machine, one: started(lab, 100), two: started(lab, 300) };
}

Deno.test("two instances of one program at 100 and 300 count for themselves", () => {
  const { lab, machine, one, two } = twoPrograms();
  strictEqual(`${lab}`, "100 free · #0 at 100, 150 · 50 free · #1 at 300, 150 · 50 free");
  for (let i = 1; i <= 3; i++) deepStrictEqual(lab.run(one.id), { kind: "done", value: i });
  deepStrictEqual(lab.run(two.id), { kind: "done", value: 1 });
  deepStrictEqual(lab.run(one.id), { kind: "done", value: 4 });
  // The same virtual address, 100, at two physical ones.
  deepStrictEqual([machine.physical.u32(200), machine.physical.u32(400)], [4, 1]);
  strictEqual(machine.cpu.mode, "protected");
  for (const [{ code, data }, base] of [[one, 100n], [two, 300n]] as const) {
    for (const selector of [code, data]) {
      const { base: found, limit, dpl, granular } = lab.descriptor(selector);
      deepStrictEqual([found, limit, dpl, granular], [base, 149, 3, false]);
    }
  }
});

Deno.test("programs run in ring 3 with their own segments", () => {
  const { lab, machine, two } = twoPrograms();
  const seen: unknown[] = [];
  machine.on("interrupt", ({ vector, rip }) => {
    const { cpu } = machine;
    seen.push([vector, rip, cpu.cpl, cpu.cs.base, cpu.ds.base, cpu.ss.base, cpu.ds.limit]);
  });
  lab.run(two.id);
  strictEqual(seen.length, 1);
  const [vector, , cpl, ...segments] = seen[0] as unknown[];
  deepStrictEqual([vector, cpl, ...segments], [0x30, 3, 300n, 300n, 300n, 149]);
});

Deno.test("a program that oversteps its limit gets #GP, and its neighbour stays whole", () => {
  const { lab, machine, one, two } = twoPrograms();
  // Not even a byte is free between them now.
  lab.stop(two.id);
  const next = started(lab, 250);
  const before = machine.physical.read(250, 150);
  for (const entry of ["overstep", "peek"]) {
    const outcome = lab.run(one.id, entry);
    ok(outcome.kind === "fault");
    deepStrictEqual([outcome.vector, outcome.errorCode], [GP, 0]);
  }
  deepStrictEqual(machine.physical.read(250, 150), before);
  // Its last byte is its own.
  strictEqual(lab.run(one.id, "last_byte").kind, "done");
  strictEqual(machine.physical.u8(249), 0x55);
  deepStrictEqual(machine.physical.read(250, 150), before);

  const away = lab.run(one.id, "run_away");
  ok(away.kind === "fault" && away.vector === GP);
  const stack = lab.run(one.id, "overflow");
  ok(stack.kind === "fault" && stack.vector === SS);
  strictEqual(lab.counters.faults, 4);
  deepStrictEqual(lab.run(next.id), { kind: "done", value: 1 });
});

Deno.test("a third instance does not fit, though enough is free: external fragmentation", () => {
  const { lab } = twoPrograms();
  deepStrictEqual(lab.start(), { kind: "DoesNotFit", needed: 150, free: 200, largestHole: 100 });
  deepStrictEqual(lab.holes, [
    { offset: 0, size: 100 },
    { offset: 250, size: 50 },
    { offset: 450, size: 50 },
  ]);
});

Deno.test("compaction moves the bytes and the bases; the programs go on, the third fits", () => {
  const { lab, machine, one, two } = twoPrograms();
  lab.run(one.id);
  lab.run(one.id);
  lab.run(two.id);
  const written = lab.counters.descriptorsWritten;
  const { moves, bytesMoved, instructions } = lab.compact();
  deepStrictEqual(moves, [{ id: one.id, from: 100, to: 0 }, { id: two.id, from: 300, to: 150 }]);
  strictEqual(bytesMoved, 300);
  deepStrictEqual(lab.counters, {
    bytesMoved: 300,
    compactions: 1,
    descriptorsWritten: written + 4,
    faults: 0,
  });
  // A load and a store for each byte, and the descriptors.
  strictEqual(instructions, 604);
  deepStrictEqual([lab.descriptor(one.data).base, lab.descriptor(two.code).base], [0n, 150n]);
  deepStrictEqual(lab.holes, [{ offset: 300, size: 200 }]);

  const three = started(lab);
  strictEqual(three.offset, 300);
  deepStrictEqual([one, two, three].map(({ id }) => lab.run(id)), [
    { kind: "done", value: 3 },
    { kind: "done", value: 2 },
    { kind: "done", value: 1 },
  ]);
  strictEqual(machine.physical.u32(100), 3);
  // Nothing to do a second time.
  deepStrictEqual(lab.compact().moves, []);
  strictEqual(lab.counters.bytesMoved, 300);
});

Deno.test("virtual 0x1234000 in a segment at 0x1111000 is physical 0x2345000", () => {
  const machine = new Machine({ memory: 64 << 20 });
  const lab = new SegmentationLab(machine);
  lab.window(0x111_1000, 0x1ff_ffff);
  const { linear, physical } = machine.mmu.translate(0x123_4000, { segment: "ds" });
  deepStrictEqual([linear, physical], [0x234_5000n, 0x234_5000]);
  machine.physical.write(0x10_0800, asm32`mov dword ptr [0x1234000], 0x600df00d; hlt`);
  machine.cpu.rip = 0x10_0800n;
  strictEqual(machine.run({ instructions: 10 }).kind, "halted");
  strictEqual(machine.physical.u32(0x234_5000), 0x600d_f00d);
});

Deno.test("SegmentationLab refuses what cannot be, and goes on", () => {
  const { lab, machine, one } = twoPrograms();
  deepStrictEqual(lab.start(120), { kind: "Occupied" });
  throws(() => lab.start(351), RangeError);
  throws(() => lab.start(-1), RangeError);
  throws(() => lab.start(0.5), RangeError);
  throws(() => lab.run(9), RangeError);
  throws(() => lab.run(one.id, "nowhere"), RangeError);
  throws(() => lab.window(0, 0x10_0001), RangeError);
  throws(() => new SegmentationLab(machine, { arena: 0 }), RangeError);
  deepStrictEqual(lab.run(one.id), { kind: "done", value: 1 });
  lab.stop(one.id);
  throws(() => lab.run(one.id), RangeError);
  strictEqual(lab.descriptor(one.code).present, false);
  strictEqual(started(lab, 50).id, 0);
});

Deno.test("a full arena takes as many programs as it has room for", () => {
  const lab = new SegmentationLab(new Machine({ memory: 2 << 20 }), { arena: 1500 });
  const all = Array.from({ length: 10 }, () => started(lab));
  strictEqual(lab.start().kind, "DoesNotFit");
  for (const { id } of all.filter((_, index) => index % 2 === 0)) lab.stop(id);
  strictEqual(lab.compact().bytesMoved, 5 * 150);
  strictEqual(lab.holes[0].size, 750);
});
