/** Chapter 8: the example walk, rights over levels, the TLB, and the chapter's arithmetic. */
import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import { asm, CR4, Machine } from "../../../machine/mod.ts";
import {
  oneLevelTable,
  pagedRegion,
  placePaged,
  translatePaged,
  twoLevelTable,
} from "../../../kernel/paging/models.ts";
import { buildWalkLab, WALK } from "../../../kernel/paging/walk_lab.ts";
import { expect } from "../../../kernel/paging/results.ts";
import { frameAt, GLOBAL, pageAt, PRESENT, RW, world } from "./world.ts";

Deno.test("the walk of 0x803FE7F5CE goes by tables at 16, 24 and 32 KiB to 0x35CE", () => {
  const machine = new Machine({ memory: 4 << 20 });
  const lab = buildWalkLab(machine);
  deepStrictEqual(lab.indexes, [1, 0, 511, 127]);
  strictEqual(lab.offset, 0x5ce);
  const { levels, physical } = machine.mmu.translate(lab.address);
  deepStrictEqual(levels.map(({ index }) => index), [1, 0, 511, 127]);
  deepStrictEqual(levels.map(({ tableAddress }) => tableAddress), [
    4 << 10,
    16 << 10,
    24 << 10,
    32 << 10,
  ]);
  strictEqual(physical, 0x35ce);
  machine.physical.setU8(0x35ce, 77);
  strictEqual(machine.cpu.load8(lab.address), 77);
});

Deno.test("the walk's write is refused by level 1, whose page is read-only", () => {
  const machine = new Machine({ memory: 4 << 20 });
  const { address } = buildWalkLab(machine);
  const { fault } = machine.mmu.translate(address, { access: "write" });
  deepStrictEqual([fault?.vector, fault?.level, fault?.decoded], [
    14,
    1,
    ["PROTECTION_VIOLATION", "CAUSED_BY_WRITE"],
  ]);
  // And by the CPU: without an IDT, a triple fault that begins with this #PF.
  machine.virtual.write(WALK.PROGRAM, asm`mov rax, 0x803fe7f5ce; mov byte ptr [rax], 1; hlt`);
  machine.cpu.rip = BigInt(WALK.PROGRAM);
  const stop = machine.run();
  ok(stop.kind === "triple fault");
  deepStrictEqual([stop.chain[0].vector, stop.chain[0].errorCode], [14, 3]);
  strictEqual(machine.cpu.cr2, address);
  strictEqual(machine.physical.u8(0x35ce), 0);
  // The other page of the example can be written.
  strictEqual(machine.mmu.translate(0x80_3fe0_0000n, { access: "write" }).physical, 0x5000);
});

Deno.test("an address with a wrong sign extension is not canonical", () => {
  const machine = new Machine({ memory: 4 << 20 });
  buildWalkLab(machine);
  strictEqual(machine.mmu.translate(0x8000_0000_0000n).fault?.vector, 13);
  throws(() => world().mapper.translate(0x8000_0000_0000n), RangeError);
});

Deno.test("rights are those of all levels together", () => {
  for (const level of [2, 3, 4] as const) {
    const { machine, mapper, frames } = world();
    const page = pageAt(0x5555_5555_5000n);
    const frame = frames.allocateFrame()!;
    expect(mapper.mapTo(page, frame, RW, frames), "map").flush();
    ok(machine.mmu.translate(page.start, { access: "write" }).fault === undefined);
    expect(mapper.updateParentFlags(page, level, PRESENT), "parent").flush();
    const { fault } = machine.mmu.translate(page.start, { access: "write" });
    deepStrictEqual([fault?.errorCode, fault?.level], [3, level]);
    strictEqual(machine.mmu.translate(page.start).physical, frame.start);
    // A second writable page below gives the entry its right back.
    expect(mapper.mapTo(page.next(), frame, RW, frames), "next").flush();
    strictEqual(machine.mmu.translate(page.start, { access: "write" }).fault, undefined);
  }
});

Deno.test("a forgotten flush leaves a stale TLB entry, which invlpg or CR3 removes", () => {
  for (const cure of ["flush", "cr3"] as const) {
    const { machine, mapper, frames, cpu } = world();
    const page = pageAt(0x5555_5555_5000n);
    const [one, two] = [frames.allocateFrame()!, frames.allocateFrame()!];
    machine.physical.setU64(one.start, 1);
    machine.physical.setU64(two.start, 2);
    expect(mapper.mapTo(page, one, RW, frames), "map").ignore();
    strictEqual(cpu.load64(page.start), 1n);
    const { flush } = expect(mapper.unmap(page), "unmap");
    const again = expect(mapper.mapTo(page, two, RW, frames), "map again");

    // Nobody flushed: the CPU goes on with the old frame.
    strictEqual(cpu.load64(page.start), 1n);
    ok(machine.mmu.translate(page.start).stale);
    const [stale] = machine.mmu.audit();
    deepStrictEqual([stale.entry.virtual, stale.differences], [
      page.start,
      ["physical", "accessed"],
    ]);
    strictEqual(mapper.ledger.open.length, 2);
    const report = mapper.ledger.report();
    ok(report[0].startsWith("unsettled flush: unmap of Page[4 KiB](0x555555555000)"), report[0]);
    ok(report[0].includes("the TLB still leads 0x555555555000"), report[0]);

    if (cure === "flush") flush.flush();
    else cpu.writeCr3(cpu.readCr3());
    strictEqual(cpu.load64(page.start), 2n);
    deepStrictEqual(machine.mmu.audit(), []);
    flush.ignore();
    again.ignore();
    deepStrictEqual(mapper.ledger.report(), []);
  }
});

Deno.test("MapperFlush settles at the end of its block", () => {
  const { mapper, frames } = world();
  {
    using flush = expect(
      mapper.mapTo(pageAt(0x5555_5555_5000n), frameAt(0x1000), RW, frames),
      "map",
    );
    strictEqual(flush.settled, false);
    strictEqual(mapper.ledger.open.length, 1);
  }
  strictEqual(mapper.ledger.open.length, 0);
  strictEqual(mapper.ledger.flushes, 1);
});

Deno.test("a global page outlives a reload of CR3, not its invlpg", () => {
  const { machine, mapper, frames, cpu } = world();
  cpu.writeCr4(cpu.cr4 | BigInt(CR4.PGE));
  const page = pageAt(0x5555_5555_5000n);
  expect(mapper.mapTo(page, frames.allocateFrame()!, RW | GLOBAL, frames), "map").flush();
  cpu.load64(page.start);
  const { flush } = expect(mapper.unmap(page), "unmap");
  cpu.writeCr3(cpu.readCr3());
  cpu.load64(page.start);
  strictEqual(machine.mmu.audit()[0].differences[0], "unmapped");
  flush.flush();
  deepStrictEqual(machine.mmu.audit(), []);
});

Deno.test("pages of 50 bytes: a program of 101 wastes 49, and fits into any three frames", () => {
  deepStrictEqual(pagedRegion(150, 50), { pages: 3, occupied: 150, wasted: 0 });
  deepStrictEqual(pagedRegion(101, 50), { pages: 3, occupied: 150, wasted: 49 });
  deepStrictEqual(pagedRegion(0, 50), { pages: 0, occupied: 0, wasted: 0 });
  // Of 500 bytes, two instances have 100–250 and 300–450; the third gets the rest in pieces.
  const free = [0, 50, 250, 450];
  const table = placePaged(150, 50, free)!;
  deepStrictEqual([...table], [[0, 0], [50, 50], [100, 250]]);
  deepStrictEqual(free, [450]);
  strictEqual(translatePaged(table, 50, 120), 270);
  strictEqual(translatePaged(table, 50, 150), undefined);
  strictEqual(placePaged(101, 50, free), undefined);
});

Deno.test("pages 0, 1_000_000, 1_000_050, 1_000_100 need 20,003 entries or 501", () => {
  const pages = [0, 1_000_000, 1_000_050, 1_000_100];
  const one = oneLevelTable(pages, 50);
  deepStrictEqual([one.entries, one.used, one.empty], [20_003, 4, 19_999]);
  const two = twoLevelTable(pages, 50, 10_000);
  deepStrictEqual(two.tables, [
    { name: "level 2", entries: 101, used: 2 },
    { name: "T1", entries: 200, used: 1 },
    { name: "T2", entries: 200, used: 3 },
  ]);
  strictEqual(two.entries, 501);
  throws(() => oneLevelTable([25], 50), RangeError);
  throws(() => pagedRegion(10, 0), RangeError);
});
