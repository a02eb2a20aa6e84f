/** Chapter 9 on the booted kernel. */
import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import { Kernel, Machine } from "../../../mod.ts";
import { PHYSICAL_MEMORY_OFFSET } from "../../../kernel/layout.ts";
import {
  activeLevel4Table,
  createExampleMapping,
  EmptyFrameAllocator,
  init,
  memoryMapText,
  translateAddr,
} from "../../../kernel/memory.ts";
import { AddressSpace } from "../../../kernel/paging/address_space.ts";
import { ACCESS_NAMES } from "../../../kernel/paging/kernel_memory.ts";
import { measureAccess } from "../../../kernel/paging/measure.ts";
import { promisePage } from "../../../kernel/paging/page_fault_repair.ts";
import { flagsText } from "../../../kernel/paging/page_table_flags.ts";
import { expect } from "../../../kernel/paging/results.ts";
import { boot, screen } from "../support.ts";
import { pageAt, RW, USER_ACCESSIBLE } from "./world.ts";

const NEW = 0xf021_f077_f065_f04en;

Deno.test("the level 4 table is at 0x1000, and the memory map has every region", () => {
  const { machine, bootInfo, memory } = boot("paging");
  strictEqual(activeLevel4Table(machine).start, 0x1000);
  ok(memoryMapText(bootInfo.memoryMap).includes("FrameZero"));
  const usable = bootInfo.memoryMap.filter(({ type }) => type === "Usable")
    .reduce((sum, { start, end }) => sum + (end - start) / 0x1000, 0);
  strictEqual(memory.frames.counts().usable, usable);
  // Nothing that is in use is given out.
  const used = new Set<number>();
  for (let frame; (frame = memory.frames.allocateFrame()) !== undefined;) used.add(frame.start);
  ok(!used.has(0) && !used.has(0x1000) && !used.has(0xb_8000) && !used.has(0x40_0000));
  strictEqual(machine.screen.contains("Hello World!"), true);
});

for (const name of ACCESS_NAMES) {
  Deno.test(`the kernel translates VGA, code, stack and the physical offset by ${name}`, () => {
    const kernel = boot("paging");
    const { memory, machine } = kernel;
    strictEqual(memory.use(name).kind, "installed");
    strictEqual(memory.accessName, name);
    const code = kernel.symbols.get("_start")!;
    const addresses = [0xb_8000, code, kernel.stack.end - 8, PHYSICAL_MEMORY_OFFSET];
    const expected = [0xb_8000, code - 0x20_0000 + 0x40_0000, 0x27_9ff8, 0];
    deepStrictEqual(addresses.map((at) => translateAddr(at, memory.mapper)), expected);
    // The offset is mapped by a huge page.
    const offset = memory.mapper.translate(PHYSICAL_MEMORY_OFFSET);
    ok(offset.kind === "mapped" && offset.frame.size === 0x20_0000);
    deepStrictEqual(machine.mmu.audit(), []);
  });

  Deno.test(`New! appears on the kernel's screen by ${name}`, () => {
    for (const address of [0n, 0xdead_beaf_000n]) {
      const { memory, machine, cpu } = boot("paging");
      memory.use(name);
      const page = pageAt(address);
      const none = createExampleMapping(page, memory.mapper, new EmptyFrameAllocator());
      // Page 0 needs no new table; the other needs three.
      strictEqual(none.kind, address === 0n ? "flush" : "FrameAllocationFailed");
      if (none.kind === "flush") none.flush();
      else {expect(createExampleMapping(page, memory.mapper, memory.frames), "map_to failed")
          .flush();}
      cpu.store64(page.start + 400n, NEW);
      ok(machine.screen.contains("New!"));
    }
  });

  Deno.test(`the kernel's pages come on demand and are copied on write by ${name}`, () => {
    const { memory, cpu } = boot("paging");
    memory.use(name);
    const home = memory.addressSpace;
    const space = home.create(memory.frames);
    ok(space instanceof AddressSpace);
    const page = pageAt(0x80_0000_0000n);
    promisePage(space.mapper, page, RW | USER_ACCESSIBLE, memory.frames);
    space.switchTo();
    cpu.store64(page.start, 1);
    const copy = space.copyOnWrite(memory.frames);
    ok(copy instanceof AddressSpace);
    copy.switchTo();
    cpu.store64(page.start, 2);
    space.switchTo();
    strictEqual(cpu.load64(page.start), 1n);
    cpu.store64(page.start, 3);
    deepStrictEqual(memory.repair.counters, {
      "demand-zero": 1,
      "copied": 1,
      "made-writable": 1,
      "not-repairable": 0,
      "out-of-memory": 0,
    });
    home.switchTo();
    copy.destroy(memory.frames);
    space.destroy(memory.frames);
  });
}

Deno.test("init() makes the chapter's mapper over the mapping of physical memory", () => {
  const { machine, bootInfo } = boot("paging");
  const mapper = init(machine, bootInfo.physicalMemoryOffset!);
  strictEqual(mapper.translateAddr(0xb_8000), 0xb_8000);
  strictEqual(mapper.tables().length, 11);
});

Deno.test("a page fault that nobody repairs still ends in the kernel's message", () => {
  const kernel = boot("paging");
  const stop = kernel.main(({ cpu }) => cpu.store8(0xdead_beaf, 42));
  strictEqual(stop.kind, "halted");
  ok(screen(kernel).includes("EXCEPTION: PAGE FAULT\nAccessed Address: VirtAddr(0xdeadbeaf)"));
  strictEqual(kernel.memory.repair.counters["not-repairable"], 1);
});

Deno.test("a code page is present and neither writable nor repaired when it is written", () => {
  const kernel = boot("paging");
  const code = kernel.symbols.get("_start")!;
  const translated = kernel.memory.mapper.translate(code);
  ok(translated.kind === "mapped");
  strictEqual(flagsText(translated.flags), "PRESENT | ACCESSED");
  kernel.main(({ cpu }) => cpu.store8(code, 42));
  ok(screen(kernel).includes("PROTECTION_VIOLATION | CAUSED_BY_WRITE"));
});

Deno.test("the kernel changes its access while it runs, and a snapshot goes back", () => {
  const { memory, machine } = boot("paging");
  const before = machine.snapshot();
  for (const name of ACCESS_NAMES) {
    strictEqual(memory.use(name).kind, "installed");
    strictEqual(memory.mapper.translateAddr(0xb_8000), 0xb_8000);
  }
  strictEqual(memory.accessName, "recursive");
  machine.restore(before);
  strictEqual(memory.accessName, "complete-physical");
  // What was set up is gone with the tables, and is set up again.
  const again = memory.use("recursive");
  ok(again.kind === "installed" && again.cost.entries === 1);
  strictEqual(memory.mapper.translateAddr(0xb_8000), 0xb_8000);
  throws(() => memory.use("magic" as "recursive"), RangeError);
});

Deno.test("an unsettled flush is reported on the serial port when the kernel is idle", () => {
  const { machine, memory, cpu } = boot("paging");
  const page = pageAt(0x80_0000_0000n);
  const frame = memory.frames.allocateFrame()!;
  expect(memory.mapper.mapTo(page, frame, RW, memory.frames), "map").flush();
  cpu.load64(page.start);
  const { flush } = expect(memory.mapper.unmap(page), "unmap");
  machine.run({ instructions: 1_000_000 });
  const line = "unsettled flush: unmap of Page[4 KiB](0x8000000000): " +
    `the TLB still leads 0x8000000000 to 0x${frame.start.toString(16)} (unmapped)\n`;
  strictEqual(machine.serial.output.split(line).length, 2, machine.serial.output);
  flush.flush();
  deepStrictEqual(memory.ledger.report(), []);
});

Deno.test("measureAccess() gives each access's drawback in numbers", () => {
  const measured = ACCESS_NAMES.map((name) => {
    const { memory, machine } = boot("paging");
    const used = memory.frames.counts().used;
    const result = measureAccess(memory, name);
    ok(result.kind === "measured");
    const { setUp, translate, mapWithTables, translateForeign } = result;
    deepStrictEqual(machine.mmu.audit(), []);
    // The loader's two tables were there before.
    const made = name === "complete-physical" ? 0 : setUp.tables;
    strictEqual(memory.frames.counts().used - used, made);
    return [
      name,
      setUp.tables,
      setUp.addressSpace,
      translate.loads,
      [mapWithTables.loads, mapWithTables.stores],
      [translateForeign.loads, translateForeign.stores, translateForeign.flushes],
    ];
  });
  const RAM = 16 << 20;
  deepStrictEqual(measured, [
    ["complete-physical", 2, RAM, 4, [4, 4], [4, 0, 0]],
    // Three tables for the scratch page, and the spare.
    ["identity", 4, RAM, 4, [16, 7], [4, 0, 0]],
    // And the window's own three.
    ["fixed-offset", 7, RAM, 4, [16, 7], [4, 0, 0]],
    ["temporary", 3, 2 << 20, 8, [15, 7], [8, 0, 0]],
    ["recursive", 3, 2 ** 39, 4, [4, 4], [7, 3, 3]],
  ]);
});

Deno.test("memory management comes with stage paging", () => {
  throws(() => boot("interrupts").memory, TypeError);
});

Deno.test("the same work on two machines gives the same hash, and they do not meet", () => {
  const kernels = [0, 1].map(() => Kernel.boot(new Machine({ memory: 16 << 20 })));
  for (const { memory, cpu } of kernels) {
    memory.use("temporary");
    const page = pageAt(0x80_0000_0000n);
    const frame = memory.frames.allocateFrame()!;
    expect(memory.mapper.mapTo(page, frame, RW, memory.frames), "map").flush();
    cpu.store64(page.start, 1);
  }
  const [one, two] = kernels;
  strictEqual(one.machine.hash(), two.machine.hash());
  one.cpu.store64(0x80_0000_0000n, 2);
  strictEqual(two.cpu.load64(0x80_0000_0000n), 1n);
});
