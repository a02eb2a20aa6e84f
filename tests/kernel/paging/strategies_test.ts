/** Each of the five ways to reach the page tables does the same work alone. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { SPARE, WindowAccess } from "../../../kernel/paging/access/window.ts";
import { AddressSpace } from "../../../kernel/paging/address_space.ts";
import { Page, PAGE_SIZE } from "../../../kernel/paging/page.ts";
import type { Mapper } from "../../../kernel/paging/mapper.ts";
import { addressOf, isPresent } from "../../../kernel/paging/page_table_flags.ts";
import { expect } from "../../../kernel/paging/results.ts";
import { EmptyFrameAllocator } from "../../../kernel/memory.ts";
import { frameAt, pageAt, PRESENT, pureWorld, RW, STRATEGIES } from "./world.ts";

const NEW = 0xf021_f077_f065_f04en;

/** Every table is mapped where it is expected, and there is one spare. */
function checkWindow(mapper: Mapper): void {
  const { access } = mapper;
  if (!(access instanceof WindowAccess)) return;
  const tables = mapper.tables();
  for (const { frame } of tables) {
    strictEqual(mapper.translateAddr(access.offset + BigInt(frame)), frame);
  }
  const spares = tables.filter(({ level }) => level === 1).flatMap((table) =>
    mapper.entriesOf(table).filter((entry) => isPresent(entry) && (entry & SPARE) !== 0n)
  );
  strictEqual(spares.length, 1);
  ok(!tables.some(({ frame }) => frame === addressOf(spares[0])));
}

for (const name of STRATEGIES) {
  Deno.test(`${name}: mapTo, translate, updateFlags, unmap of all three sizes`, () => {
    const { machine, mapper, frames } = pureWorld(name);
    const sizes = [
      [PAGE_SIZE.SIZE_4_KIB, 0x55_5555_5000n, 0x20_0000],
      [PAGE_SIZE.SIZE_2_MIB, 0x66_6660_0000n, 0x40_0000],
      [PAGE_SIZE.SIZE_1_GIB, 0x7f_4000_0000n, 0],
    ] as const;
    for (const [size, address, target] of sizes) {
      const page = pageAt(address, size);
      const frame = frameAt(target, size);
      expect(mapper.mapTo(page, frame, RW, frames), "map").flush();
      const inside = address + 0xabcn;
      strictEqual(mapper.translateAddr(inside), target + 0xabc);
      // What the MMU itself says.
      const { physical, pageSize } = machine.mmu.translate(inside, { access: "write" });
      deepStrictEqual([physical, pageSize], [target + 0xabc, size]);

      expect(mapper.updateFlags(page, PRESENT), "update").flush();
      const written = machine.mmu.translate(inside, { access: "write" });
      strictEqual(written.fault?.errorCode, 3);

      const unmapped = expect(mapper.unmap(page), "unmap");
      deepStrictEqual([unmapped.frame.start, unmapped.frame.size], [target, size]);
      unmapped.flush.flush();
      strictEqual(machine.mmu.translate(inside).fault?.errorCode, 0);
      deepStrictEqual(mapper.translate(inside).kind, "PageNotMapped");
    }
    deepStrictEqual(machine.mmu.audit(), []);
    deepStrictEqual(mapper.ledger.open, []);
  });

  Deno.test(`${name}: New! appears through page 0 and through 0xdeadbeaf000`, () => {
    for (const address of [0n, 0xdead_beaf_000n]) {
      const { machine, mapper, frames, cpu } = pureWorld(name);
      const page = pageAt(address);
      const result = mapper.mapTo(page, frameAt(0xb_8000), RW, frames);
      expect(result, "map").flush();
      cpu.store64(page.start + 400n, NEW);
      ok(machine.screen.text().includes("New!"));
      strictEqual(machine.physical.u64(0xb_8000 + 400), NEW);
    }
  });

  Deno.test(`${name}: FrameAllocationFailed when a table is needed and there is no frame`, () => {
    const { mapper } = pureWorld(name);
    const result = mapper.mapTo(
      pageAt(0xdead_beaf_000n),
      frameAt(0xb_8000),
      RW,
      new EmptyFrameAllocator(),
    );
    deepStrictEqual(result, { kind: "FrameAllocationFailed" });
    // Page 0 needs none: its level 1 table is there.
    expect(mapper.mapTo(pageAt(0), frameAt(0xb_8000), RW, new EmptyFrameAllocator()), "0").flush();
  });

  Deno.test(`${name}: a hundred tables in frames all over memory, all in reach`, () => {
    const { machine, mapper, frames } = pureWorld(name);
    const target = frames.allocateFrame()!;
    for (let i = 0; i < 34; i++) {
      const address = 0x10_0000_0000n + BigInt(i) * 0x1_4020_1000n;
      expect(mapper.mapTo(pageAt(address), target, RW, frames), `${i}`).flush();
      strictEqual(mapper.translateAddr(address + 5n), target.start + 5);
      strictEqual(machine.mmu.translate(address + 5n).physical, target.start + 5);
      // So that tables come from every 2 MiB region of memory.
      for (let n = 0; n < 60; n++) frames.allocateFrame();
    }
    deepStrictEqual(machine.mmu.audit(), []);
    checkWindow(mapper);
  });

  Deno.test(`${name}: running out of frames at any point leaves tables that work`, () => {
    for (let left = 0; left < 6; left++) {
      const { mapper, frames } = pureWorld(name, { memory: 8 << 20 });
      // What is left lies where the window of a kernel that maps tables one by one has no table.
      const taken = [];
      for (let frame; (frame = frames.allocateFrame()) !== undefined;) taken.push(frame);
      for (const frame of taken.splice(taken.length - left - 8, left)) {
        frames.deallocateFrame(frame);
      }
      const page = pageAt(0x200_0000_0000n);
      const first = mapper.mapTo(page, taken[0], RW, frames);
      strictEqual(first.kind, left < 3 ? "FrameAllocationFailed" : first.kind);
      for (const frame of taken.splice(1, 20)) frames.deallocateFrame(frame);
      const second = mapper.mapTo(page, taken[0], RW, frames);
      strictEqual(second.kind, first.kind === "flush" ? "PageAlreadyMapped" : "flush");
      strictEqual(mapper.translateAddr(page.start), taken[0].start);
    }
  });

  Deno.test(`${name}: makes another address space, fills it, switches there and back, frees it`, () => {
    const { machine, mapper, frames, cpu } = pureWorld(name);
    const kernel = AddressSpace.current(machine, mapper);
    const used = frames.counts().used;
    const space = kernel.create(frames);
    ok(space instanceof AddressSpace);
    const page = pageAt(0x80_0000_0000n * 40n);
    const frame = frames.allocateFrame()!;
    expect(space.mapper.mapTo(page, frame, RW, frames), "map").ignore();
    strictEqual(space.mapper.translateAddr(page.start), frame.start);
    strictEqual(mapper.translateAddr(page.start), undefined);
    deepStrictEqual(space.privatePages().map((p) => p.page.start), [page.start]);

    space.switchTo();
    ok(space.active && !kernel.active);
    cpu.store64(page.start, 42);
    strictEqual(mapper.translateAddr(page.start), frame.start);
    // The kernel's half is the same in both.
    strictEqual(mapper.translateAddr(0xb_8000), 0xb_8000);
    kernel.switchTo();
    strictEqual(mapper.translateAddr(page.start), undefined);
    strictEqual(machine.physical.u64(frame.start), 42n);

    space.destroy(frames);
    strictEqual(frames.counts().used, used);
    deepStrictEqual(machine.mmu.audit(), []);
  });

  Deno.test(`${name}: the frames run out without harm, and come back`, () => {
    const { mapper, frames } = pureWorld(name);
    const taken = [];
    while (frames.counts().free > 2) taken.push(frames.allocateFrame()!);
    const page = pageAt(0x20_0000_0000_0n);
    const target = taken[0];
    const failed = mapper.mapTo(page, target, RW, frames);
    strictEqual(failed.kind, "FrameAllocationFailed");
    for (const frame of taken.splice(10)) frames.deallocateFrame(frame);
    expect(mapper.mapTo(page, target, RW, frames), "now").flush();
    strictEqual(mapper.translateAddr(page.start), target.start);
  });
}

Deno.test("complete-physical: translates VGA, code, stack and the offset itself, a huge page", () => {
  const { mapper, cpu } = pureWorld("complete-physical");
  strictEqual(mapper.translateAddr(0xb_8000), 0xb_8000);
  strictEqual(mapper.translateAddr(0x10_0000), 0x10_0000);
  strictEqual(mapper.translateAddr(cpu.rsp - 8n), Number(cpu.rsp) - 8);
  const offset = mapper.translate(10n << 40n);
  ok(offset.kind === "mapped");
  deepStrictEqual([offset.physical, offset.frame.size], [0, PAGE_SIZE.SIZE_2_MIB]);
});

Deno.test("what each access costs: tables, entries, address space", () => {
  const cost = (name: typeof STRATEGIES[number], pageSize?: 0x1000 | 0x20_0000) =>
    pureWorld(name, pageSize === undefined ? {} : { pageSize }).installed.cost;
  // 16 MiB: 8 level 1 tables for 4 KiB pages; level 3 and level 2 come with both.
  deepStrictEqual(cost("complete-physical", 0x1000), {
    tables: 10,
    entries: 4096,
    addressSpace: 16 << 20,
  });
  deepStrictEqual(cost("complete-physical", 0x20_0000), {
    tables: 2,
    entries: 8,
    addressSpace: 16 << 20,
  });
  // The spare table and the scratch page's three; the tables' pages use the program's tables.
  const identity = cost("identity");
  strictEqual(identity.addressSpace, 16 << 20);
  deepStrictEqual(cost("temporary"), { tables: 3, entries: 1, addressSpace: 2 << 20 });
  deepStrictEqual(cost("recursive"), { tables: 3, entries: 1, addressSpace: 2 ** 39 });
  ok(cost("fixed-offset").tables >= identity.tables);
});

Deno.test("identity: a frame whose page is taken cannot become a table", () => {
  const { mapper, frames } = pureWorld("identity");
  // 1000 KiB of virtual memory are in use for something else, as in the chapter.
  const next = frames.allocateFrame()!;
  frames.deallocateFrame(next);
  const other = frames.allocateFrame(PAGE_SIZE.SIZE_2_MIB)!;
  const blocked = [...Page.range(next.start, next.start + 0x10_000)];
  for (const page of blocked) {
    const frame = frameAt(other.start);
    expect(mapper.mapTo(page, frame, RW, frames), "block").flush();
  }
  const { counters } = mapper.access;
  const before = counters.unusableFrames;
  const address = 0x60_0000_0000n;
  expect(mapper.mapTo(pageAt(address), frameAt(other.start + 0x1000), RW, frames), "map").flush();
  // Three tables, and the frames of the blocked pages were tried for each of them.
  ok(counters.unusableFrames - before >= 3 * 10, `${counters.unusableFrames - before}`);
  const tables = mapper.tables().map(({ frame }) => frame);
  ok(!tables.some((frame) => blocked.some(({ start }) => Number(start) === frame)));
  strictEqual(mapper.translateAddr(address), other.start + 0x1000);
});

Deno.test("fixed-offset: a table that nobody mapped is out of reach: a page fault", () => {
  const { mapper, machine, faults } = pureWorld("fixed-offset");
  const loader = 0x2000;
  const foreign = mapper.withRoot(frameAt(loader).start);
  let reported = 0;
  const stop = machine.on("exception", ({ vector, address }) => {
    if (vector === 14) {
      reported++;
      strictEqual(address, (10n << 40n) + BigInt(loader));
    }
  });
  try {
    foreign.translate(0);
  } catch (error) {
    ok(error instanceof Error);
  }
  stop();
  strictEqual(reported, 1);
  strictEqual(faults.length, 1);
});

Deno.test("accesses per translation: four loads, and what temporary mappings add", () => {
  const loads = (name: typeof STRATEGIES[number]) => {
    const { mapper } = pureWorld(name);
    const { counters } = mapper.access;
    mapper.translate(0xb_8000);
    const before = { ...counters };
    mapper.translate(0xb_8000);
    return [counters.loads - before.loads, counters.stores - before.stores];
  };
  for (const name of ["identity", "fixed-offset", "complete-physical", "recursive"] as const) {
    deepStrictEqual(loads(name), [4, 0], name);
  }
  deepStrictEqual(loads("temporary"), [8, 0]);
});

Deno.test("recursive: a visit to another address space reloads CR3 there and back", () => {
  const { machine, mapper, frames } = pureWorld("recursive");
  const kernel = AddressSpace.current(machine, mapper);
  const space = kernel.create(frames);
  ok(space instanceof AddressSpace);
  const { counters } = mapper.access;
  const before = counters.flushes;
  space.mapper.translate(0xb_8000);
  // The scratch page's INVLPG and two reloads.
  strictEqual(counters.flushes - before, 3);
  strictEqual(machine.mmu.audit().length, 0);
});
