/** Results and refusals of the mapper, pages and frames. */
import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import { BootInfoFrameAllocator, EmptyFrameAllocator } from "../../../kernel/memory.ts";
import { Page, PAGE_SIZE, PhysFrame } from "../../../kernel/paging/page.ts";
import { flagsText, PageTableFlags } from "../../../kernel/paging/page_table_flags.ts";
import { expect, PagingFailed } from "../../../kernel/paging/results.ts";
import {
  frameAt,
  HUGE_PAGE,
  memoryMap,
  pageAt,
  PRESENT,
  pureWorld,
  RW,
  STRATEGIES,
  USER_ACCESSIBLE,
  world,
  WRITABLE,
} from "./world.ts";

const { SIZE_2_MIB, SIZE_1_GIB } = PAGE_SIZE;
const HIGH = 0x5555_4000_0000n;

Deno.test("Mapper.mapTo() of a mapped page gives PageAlreadyMapped with its frame", () => {
  const { mapper, frames } = world();
  const frame = frameAt(0x20_0000);
  expect(mapper.mapTo(pageAt(HIGH), frame, RW, frames), "map").flush();
  const again = mapper.mapTo(pageAt(HIGH), frameAt(0x5000), RW, frames);
  deepStrictEqual(again, { kind: "PageAlreadyMapped", frame });
  strictEqual(mapper.translateAddr(HIGH), 0x20_0000);
  strictEqual(mapper.ledger.open.length, 0);
});

Deno.test("Mapper refuses small pages inside huge ones with ParentEntryHugePage", () => {
  const { mapper, frames } = world();
  // The loader maps everything by 2 MiB pages.
  const inside = pageAt(0x12_3000);
  const expected = { kind: "ParentEntryHugePage", level: 2 };
  deepStrictEqual(mapper.mapTo(inside, frameAt(0x5000), RW, frames), expected);
  deepStrictEqual(mapper.unmap(inside), expected);
  strictEqual(mapper.updateFlags(inside, RW).kind, "ParentEntryHugePage");
  expect(
    mapper.mapTo(pageAt(HIGH, SIZE_1_GIB), frameAt(0, SIZE_1_GIB), RW, frames),
    "1 GiB",
  ).flush();
  const small = mapper.mapTo(
    pageAt(HIGH + 0x20_0000n, SIZE_2_MIB),
    frameAt(0, SIZE_2_MIB),
    RW,
    frames,
  );
  deepStrictEqual(small, { kind: "ParentEntryHugePage", level: 3 });
  strictEqual(mapper.translateAddr(HIGH + 0x1234_5678n), 0x1234_5678);
});

Deno.test("Mapper refuses a huge page where a table is", () => {
  const { mapper, frames } = world();
  expect(mapper.mapTo(pageAt(HIGH), frameAt(0x5000), RW, frames), "small").flush();
  const huge = mapper.mapTo(pageAt(HIGH, SIZE_2_MIB), frameAt(0, SIZE_2_MIB), RW, frames);
  strictEqual(huge.kind, "SmallerPagesInTheWay");
  strictEqual(mapper.unmap(pageAt(HIGH, SIZE_2_MIB)).kind, "PageNotMapped");
  strictEqual(mapper.updateFlags(pageAt(HIGH, SIZE_2_MIB), RW).kind, "PageNotMapped");
  strictEqual(mapper.translateAddr(HIGH), 0x5000);
});

Deno.test("Mapper.unmap() and updateFlags() of a hole give PageNotMapped with the level", () => {
  const { mapper, frames } = world();
  deepStrictEqual(mapper.unmap(pageAt(HIGH)), { kind: "PageNotMapped", level: 4 });
  expect(mapper.mapTo(pageAt(HIGH), frameAt(0x5000), RW, frames), "map").flush();
  deepStrictEqual(mapper.unmap(pageAt(HIGH + 0x1000n)), { kind: "PageNotMapped", level: 1 });
  deepStrictEqual(mapper.updateFlags(pageAt(HIGH + 0x20_0000n), RW), {
    kind: "PageNotMapped",
    level: 2,
  });
  expect(mapper.unmap(pageAt(HIGH)), "unmap").flush.flush();
  deepStrictEqual(mapper.unmap(pageAt(HIGH)), { kind: "PageNotMapped", level: 1 });
});

Deno.test("Mapper finds an entry with reserved address bits: InvalidFrameAddress", () => {
  const { mapper, machine, frames } = world();
  const page = pageAt(HIGH, SIZE_2_MIB);
  mapper.createTables(page, frames);
  mapper.writeEntry(page, 0x5000n | RW | HUGE_PAGE);
  deepStrictEqual(mapper.translate(HIGH), { kind: "InvalidFrameAddress", address: 0x4000 });
  deepStrictEqual(mapper.unmap(page), { kind: "InvalidFrameAddress", address: 0x4000 });
  deepStrictEqual(machine.mmu.translate(HIGH).fault?.decoded, [
    "PROTECTION_VIOLATION",
    "MALFORMED_TABLE",
  ]);
});

Deno.test("Mapper gives parents the rights that the page needs, and no more", () => {
  const { mapper, machine, frames } = world();
  expect(mapper.mapTo(pageAt(HIGH), frameAt(0x5000), PRESENT, frames), "ro").flush();
  const levels = () => machine.mmu.translate(HIGH).levels.slice(0, 3).map(({ flags }) => flags);
  ok(levels().every(({ writable, user }) => !writable && !user));
  const flags = RW | USER_ACCESSIBLE;
  expect(mapper.mapTo(pageAt(HIGH + 0x1000n), frameAt(0x6000), flags, frames), "rw").flush();
  ok(levels().every(({ writable, user }) => writable && user));
  // The first page is still read-only and the kernel's.
  const { rights } = machine.mmu.translate(HIGH);
  deepStrictEqual([rights?.writable, rights?.user], [false, false]);
});

Deno.test("the recursive access needs writable parents; the others do not", () => {
  for (const name of STRATEGIES) {
    const { mapper, machine, frames } = pureWorld(name);
    const page = pageAt(HIGH);
    expect(mapper.mapTo(page, frameAt(0x5000), PRESENT, frames), "map").flush();
    expect(mapper.mapTo(page.next(), frameAt(0x6000), PRESENT, frames), "map").flush();
    const { levels } = machine.mmu.translate(page.start);
    const recursive = name === "recursive";
    deepStrictEqual(levels.map(({ flags }) => flags.writable), [
      recursive,
      recursive,
      recursive,
      false,
    ]);
    if (recursive) throws(() => mapper.updateParentFlags(page, 3, PRESENT), /recursive access/);
    else expect(mapper.updateParentFlags(page, 3, PRESENT), "parent").flush();
    // What takes rights away from the parents does not hinder what comes after.
    expect(mapper.updateFlags(page, RW), "update").flush();
    strictEqual(machine.mmu.translate(page.start, { access: "write" }).physical, 0x5000);
  }
});

Deno.test("pages and frames refuse what is misaligned, not canonical or of no size", () => {
  throws(() => Page.fromStartAddress(0x1001), RangeError);
  throws(() => Page.fromStartAddress(0x1000, SIZE_2_MIB), /not a multiple of 2 MiB/);
  throws(() => Page.containing(0x8000_0000_0000n), /not canonical/);
  throws(() => Page.containing(-1), RangeError);
  throws(() => Page.containing(0, 50 as 0x1000), RangeError);
  throws(() => PhysFrame.fromStartAddress(0x5008), RangeError);
  throws(() => PhysFrame.fromStartAddress(2 ** 52), RangeError);
  strictEqual(Page.tryFromStartAddress(0x1001), undefined);
  const { mapper, frames } = world();
  throws(() => mapper.mapTo(pageAt(0), frameAt(0, SIZE_2_MIB), RW, frames), /sizes differ/);
  throws(() => mapper.mapTo(pageAt(HIGH), frameAt(0), 0x5000n | RW, frames), RangeError);
  throws(() => mapper.mapTo(pageAt(HIGH), frameAt(0), 3 as never, frames), TypeError);
  throws(() => mapper.updateParentFlags(pageAt(HIGH), 1, RW), RangeError);
  throws(
    () => expect(mapper.unmap(pageAt(HIGH)), "no such page"),
    (error) => error instanceof PagingFailed && error.message === "no such page: PageNotMapped",
  );
  // And all goes on.
  expect(mapper.mapTo(pageAt(HIGH), frameAt(0x5000), RW, frames), "map").flush();
  strictEqual(mapper.translateAddr(HIGH), 0x5000);
});

Deno.test("Page has indexes, ranges and text", () => {
  const page = Page.containing(0x80_3fe7_f5cen);
  deepStrictEqual([4, 3, 2, 1].map((level) => page.index(level as 1)), [1, 0, 511, 127]);
  strictEqual(`${page}`, "Page[4 KiB](0x803fe7f000)");
  strictEqual(`${frameAt(0x20_0000, SIZE_2_MIB)}`, "PhysFrame[2 MiB](0x200000)");
  strictEqual([...Page.range(0x1000, 0x4001)].length, 4);
  strictEqual(page.next(-1).start, 0x80_3fe7_e000n);
  strictEqual(Page.containing(2n ** 64n - 1n, SIZE_1_GIB).start, 0xffff_ffff_c000_0000n);
  strictEqual(
    flagsText(PRESENT | WRITABLE | PageTableFlags.NO_EXECUTE),
    "PRESENT | WRITABLE | NO_EXECUTE",
  );
});

Deno.test("BootInfoFrameAllocator gives usable frames from the lowest up, each once", () => {
  const { frames } = world();
  const { free, usable, used } = frames.counts();
  // 16 MiB without the first 2 MiB and 1 MiB of kernel; the table has 3 frames.
  deepStrictEqual([usable, used, free], [3328, 3, 3325]);
  const all = Array.from({ length: free }, () => frames.allocateFrame()!.start);
  strictEqual(frames.allocateFrame(), undefined);
  strictEqual(new Set(all).size, free);
  deepStrictEqual(all, all.toSorted((a, b) => a - b));
  deepStrictEqual([all[0], all[255], all[256]], [0x20_0000, 0x2f_f000, 0x40_0000]);
  strictEqual(frames.counts().free, 0);
  frames.deallocateFrame(frameAt(0x2f_f000));
  frames.deallocateFrame(frameAt(0x20_0000));
  deepStrictEqual([frames.allocateFrame()?.start, frames.allocateFrame()?.start], [
    0x20_0000,
    0x2f_f000,
  ]);
});

Deno.test("BootInfoFrameAllocator gives larger frames where all of one is free", () => {
  const { frames } = world();
  strictEqual(frames.allocateFrame(SIZE_2_MIB)?.start, 0x40_0000);
  strictEqual(frames.allocateFrame()?.start, 0x20_0000);
  const large = frames.allocateFrame(SIZE_2_MIB)!;
  strictEqual(large.start, 0x60_0000);
  frames.deallocateFrame(large);
  strictEqual(frames.counts().used, 3 + 512 + 1);
  strictEqual(frames.allocateFrame(SIZE_1_GIB), undefined);
});

Deno.test("BootInfoFrameAllocator refuses frames that nobody has, and counts users", () => {
  const { frames, machine } = world();
  throws(() => frames.deallocateFrame(frameAt(0x20_0000)), /free already/);
  throws(() => frames.deallocateFrame(frameAt(0x30_0000)), /not usable memory/);
  throws(() => frames.share(frameAt(0x20_0000)), /nobody uses it/);
  const frame = frames.allocateFrame()!;
  frames.share(frame);
  strictEqual(frames.users(frame), 2);
  strictEqual(frames.counts().shared, 1);
  frames.deallocateFrame(frame);
  strictEqual(frames.users(frame), 1);
  // All it knows is in guest memory: another object over the same table goes on.
  const same = new BootInfoFrameAllocator(machine, memoryMap(), frames.table);
  strictEqual(same.allocateFrame()?.start, 0x20_1000);
  strictEqual(frames.allocateFrame()?.start, 0x20_2000);
  throws(() => new EmptyFrameAllocator().deallocateFrame(frame), RangeError);
  throws(() => BootInfoFrameAllocator.init(machine, [], 0), RangeError);
});
