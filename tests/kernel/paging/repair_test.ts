/** Page faults that the handler repairs: demand paging and copy-on-write, by every access. */
import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import { asm } from "../../../machine/mod.ts";
import { AddressSpace } from "../../../kernel/paging/address_space.ts";
import { PAGE_SIZE } from "../../../kernel/paging/page.ts";
import { PageFaultRepair, promisePage } from "../../../kernel/paging/page_fault_repair.ts";
import { expect } from "../../../kernel/paging/results.ts";
import { frameAt, pageAt, PRESENT, type PureWorld, pureWorld, RW, STRATEGIES } from "./world.ts";

const PAGE = pageAt(0x1400_0000_0000n);

function repairing(name: typeof STRATEGIES[number]): PureWorld & { repair: PageFaultRepair } {
  const world = pureWorld(name);
  const repair = new PageFaultRepair(world.machine, () => world.mapper, world.frames);
  world.onPageFault = (address, errorCode) => {
    const outcome = repair.handle(address, errorCode);
    if (outcome === "not-repairable" || outcome === "out-of-memory") throw new Error(outcome);
  };
  return Object.assign(world, { repair });
}

for (const name of STRATEGIES) {
  Deno.test(`${name}: a promised page gets a frame of zeros at its first touch`, () => {
    const { cpu, mapper, frames, faults, repair, machine } = repairing(name);
    strictEqual(promisePage(mapper, PAGE, RW, frames), undefined);
    const before = frames.counts().used;
    strictEqual(mapper.translateAddr(PAGE.start), undefined);
    strictEqual(cpu.load64(PAGE.start + 8n), 0n);
    cpu.store64(PAGE.start + 16n, 5);
    strictEqual(cpu.load64(PAGE.start + 16n), 5n);
    deepStrictEqual(faults, [{ address: PAGE.start + 8n, errorCode: 0 }]);
    strictEqual(frames.counts().used, before + 1);
    strictEqual(repair.counters["demand-zero"], 1);
    // Memory was full of 0xa5.
    ok(machine.virtual.read(PAGE.start + 32n, 64).every((byte) => byte === 0));
    strictEqual(promisePage(mapper, PAGE, RW, frames)?.kind, "PageAlreadyMapped");
  });

  Deno.test(`${name}: guest code does not notice that its page came late`, () => {
    const { machine, cpu, mapper, frames, faults } = repairing(name);
    promisePage(mapper, PAGE, RW, frames);
    machine.virtual.write(
      0x10_0080,
      asm`
      mov rax, 0x140000000000
      mov qword ptr [rax + 8], 7
      mov rbx, [rax + 8]
      hlt`,
    );
    cpu.rip = 0x10_0080n;
    strictEqual(machine.run({ instructions: 1_000_000 }).kind, "halted");
    strictEqual(cpu.rbx, 7n);
    deepStrictEqual(faults, [{ address: PAGE.start + 8n, errorCode: 2 }]);
  });

  Deno.test(`${name}: copy-on-write shares frames until one side writes`, () => {
    const { machine, cpu, mapper, frames, faults, repair } = repairing(name);
    const kernel = AddressSpace.current(machine, mapper);
    const used = frames.counts().used;
    const parent = kernel.create(frames);
    ok(parent instanceof AddressSpace);
    promisePage(parent.mapper, PAGE, RW, frames);
    promisePage(parent.mapper, PAGE.next(), RW, frames);
    const screen = pageAt(PAGE.start + 0x5000n);
    expect(parent.mapper.mapTo(screen, frameAt(0xb_8000), RW, frames), "screen").ignore();
    parent.switchTo();
    cpu.store64(PAGE.start, 1);
    const child = parent.copyOnWrite(frames);
    ok(child instanceof AddressSpace);
    const frame = parent.mapper.translateAddr(PAGE.start)!;
    strictEqual(child.mapper.translateAddr(PAGE.start), frame);
    strictEqual(frames.users(frameAt(frame)), 2);
    deepStrictEqual(machine.mmu.audit(), []);

    faults.length = 0;
    child.switchTo();
    strictEqual(cpu.load64(PAGE.start), 1n);
    deepStrictEqual(faults, []);
    cpu.store64(PAGE.start, 2);
    deepStrictEqual(faults, [{ address: PAGE.start, errorCode: 3 }]);
    strictEqual(cpu.load64(PAGE.start), 2n);
    const copy = mapper.translateAddr(PAGE.start)!;
    ok(copy !== frame);
    cpu.store16(screen.start, 0x0f41);
    ok(machine.screen.text().startsWith("A"));
    // A page that was only promised is promised to both.
    strictEqual(cpu.load64(PAGE.next().start), 0n);

    parent.switchTo();
    strictEqual(cpu.load64(PAGE.start), 1n);
    strictEqual(frames.users(frameAt(frame)), 1);
    cpu.store64(PAGE.start, 3);
    strictEqual(mapper.translateAddr(PAGE.start), frame);
    deepStrictEqual(repair.counters, {
      "demand-zero": 2,
      "copied": 1,
      "made-writable": 1,
      "not-repairable": 0,
      "out-of-memory": 0,
    });
    deepStrictEqual(machine.mmu.audit(), []);

    throws(() => parent.destroy(frames), /active/);
    kernel.switchTo();
    child.destroy(frames);
    parent.destroy(frames);
    strictEqual(frames.counts().used, used);
  });
}

Deno.test("PageFaultRepair leaves real faults alone", () => {
  const { mapper, frames, repair } = repairing("complete-physical");
  strictEqual(repair.handle(0xdead_beafn, 2), "not-repairable");
  strictEqual(repair.handle(0x8000_0000_0000n, 2), "not-repairable");
  // A page of the program's: present, read-only, nobody promised a copy.
  expect(mapper.mapTo(PAGE, frames.allocateFrame()!, PRESENT, frames), "map").flush();
  strictEqual(repair.handle(PAGE.start, 3), "not-repairable");
  // A promise is kept only to those who may use the page.
  const next = PAGE.next();
  promisePage(mapper, next, 0n, frames);
  strictEqual(repair.handle(next.start, 2), "not-repairable");
  strictEqual(repair.handle(next.start, 4), "not-repairable");
  strictEqual(repair.handle(next.start, 0), "demand-zero");
  while (frames.allocateFrame() !== undefined);
  promisePage(mapper, next.next(), RW, frames);
  strictEqual(repair.handle(next.next().start, 2), "out-of-memory");
});

Deno.test("AddressSpace.copyOnWrite() refuses private huge pages and survives the lack of frames", () => {
  const { machine, mapper, frames } = repairing("complete-physical");
  const kernel = AddressSpace.current(machine, mapper);
  const space = kernel.create(frames);
  ok(space instanceof AddressSpace);
  const frame = frames.allocateFrame()!;
  expect(space.mapper.mapTo(PAGE, frame, RW, frames), "map").ignore();
  const taken = [];
  for (let one; (one = frames.allocateFrame()) !== undefined;) taken.push(one);
  deepStrictEqual(space.copyOnWrite(frames), { kind: "FrameAllocationFailed" });
  for (const one of taken.splice(2)) frames.deallocateFrame(one);
  for (const one of taken) frames.deallocateFrame(one);
  const left = frames.counts().used;
  for (let n = 0; n < 4; n++) {
    const kept = Array.from({ length: n }, () => frames.allocateFrame()!);
    const all = [];
    for (let one; (one = frames.allocateFrame()) !== undefined;) all.push(one);
    for (const one of kept) frames.deallocateFrame(one);
    strictEqual(space.copyOnWrite(frames) instanceof AddressSpace, false, `${n}`);
    for (const one of all) frames.deallocateFrame(one);
    strictEqual(frames.counts().used, left);
  }
  const huge = pageAt(PAGE.start + (1n << 30n), PAGE_SIZE.SIZE_2_MIB);
  const large = frames.allocateFrame(PAGE_SIZE.SIZE_2_MIB)!;
  expect(space.mapper.mapTo(huge, large, RW, frames), "huge").ignore();
  strictEqual(space.copyOnWrite(frames) instanceof AddressSpace, false);
  space.destroy(frames);
  strictEqual(frames.counts().shared, 0);
});
