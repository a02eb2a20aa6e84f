/** Chapter 2: from power-on to Hello World. */
import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import { disassemble, Kernel, Machine, STAGES } from "../../mod.ts";
import { bootPlan } from "../../kernel/boot.ts";
import { bootRom } from "../../kernel/power_on.ts";
import { kernelText } from "../../kernel/stubs.ts";
import { boot, screen } from "./support.ts";

for (const stage of STAGES) {
  Deno.test(`Kernel.boot() greets and idles at stage ${stage}`, () => {
    const kernel = boot(stage);
    strictEqual(screen(kernel), "Hello World!");
    strictEqual(kernel.bootStop?.kind, "until");
    strictEqual(kernel.cpu.mode, "64-bit");
    strictEqual(kernel.depth, 0);
  });

  Deno.test(`Kernel.boot() from power-on ends in the state of a direct boot at stage ${stage}`, () => {
    const [direct, powerOn] = [boot(stage), boot(stage, { from: "power-on" })];
    deepStrictEqual(powerOn.cpu.registers(), direct.cpu.registers());
    const memory = (kernel: Kernel, start: number, end: number) =>
      kernel.machine.physical.read(start, end - start);
    ok(equal(memory(powerOn, 0, 0xf_0000), memory(direct, 0, 0xf_0000)), "below the ROM");
    ok(
      equal(memory(powerOn, 0x10_0000, 16 << 20), memory(direct, 0x10_0000, 16 << 20)),
      "above the ROM",
    );
    const devices = (
      { machine: { board } }: Kernel,
    ) => [board.pic, board.ps2, board.port92, board.vga, board.com1];
    deepStrictEqual(
      devices(powerOn).map((device) => device.saveState()),
      devices(direct).map((device) => device.saveState()),
    );
    strictEqual(powerOn.machine.board.memory.a20, true);
  });
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

Deno.test("Power-on goes from real to protected to long mode, each step where its label says", () => {
  const machine = new Machine({ memory: 16 << 20 });
  const text = kernelText();
  const rom = bootRom(bootPlan({
    text: text.finish(),
    entry: text.address("_start"),
    ramSize: 16 << 20,
    mapPhysicalMemory: false,
  }));
  const modes: string[] = [];
  machine.on("mode", ({ from, to }) => modes.push(`${from} → ${to}`));
  const seen: unknown[] = [];
  const watch = (label: string, state: () => unknown) => {
    const at = BigInt(rom.labels().get(label) ?? text.address(label));
    machine.on("exec", ({ linear }) => {
      if (linear === at) seen.push([label, machine.cpu.mode, state()]);
    });
  };
  const { cpu } = machine;
  watch("power_on", () => [cpu.cs.selector, cpu.cs.base]);
  watch("enable_a20", () => machine.board.memory.a20);
  watch("enter_protected_mode", () => machine.board.memory.a20);
  watch("protected_mode", () => [cpu.cr0, cpu.cs.selector]);
  watch("enter_long_mode", () => machine.physical.u64(0x1000));
  watch("long_mode", () => [cpu.cr0, cpu.cr3, cpu.cr4, cpu.efer]);
  watch("_start", () => [cpu.rsp, cpu.rdi, cpu.rflags, cpu.gdtr.base]);
  Kernel.boot(machine, { stage: "vga", from: "power-on" });
  deepStrictEqual(modes, [
    "real → protected",
    "protected → compatibility",
    "compatibility → 64-bit",
  ]);
  deepStrictEqual(seen, [
    ["power_on", "real", [0xf000, 0xf_0000n]],
    ["enable_a20", "real", false],
    ["enter_protected_mode", "real", true],
    ["protected_mode", "protected", [0x11n, 0x18]],
    ["enter_long_mode", "protected", 0x2003n],
    ["long_mode", "64-bit", [0x8001_0031n, 0x1000n, 0x20n, 0xd00n]],
    ["_start", "64-bit", [0x100_0020_2000n, 0x1_0100n, 2n, 0x1_0000n]],
  ]);
});

Deno.test("The first instruction is at F000:FFF0, the jump into the ROM", () => {
  const machine = new Machine({ memory: 16 << 20 });
  Kernel.boot(machine, { stage: "vga", from: "power-on" });
  machine.reset();
  const { rip, text, next } = machine.step();
  strictEqual(rip, 0xfff0n);
  ok(text?.startsWith("jmp"), text);
  ok(next < 0xfff0n);
  strictEqual(machine.cpu.cs.selector, 0xf000);
});

Deno.test("The kernel's bytes say what their comments say", () => {
  const code = kernelText();
  const lines = (label: string, count: number) =>
    disassemble(code.finish().subarray(code.address(label) - code.base), {
      bits: 64,
      address: BigInt(code.address(label)),
      count,
    }).map(({ text }) => text.replaceAll(/\s+/g, " "));
  const hex = (label: string) => code.address(label).toString(16);
  const [vmcall, loop] = ["vmcall", lines("_start", 10)];
  deepStrictEqual(loop.filter((text) => text === vmcall).length, 2);
  deepStrictEqual(loop.slice(6, 10).map((text) => text.split(" ")[0]), ["jb", "sti", "hlt", "jmp"]);
  ok(loop[9].endsWith(`${hex("idle")}h`) || loop[9].endsWith(hex("idle")), loop[9]);
  deepStrictEqual(lines("save", 17).map((text) => text.replace("push ", "")), [
    ..."rax rbx rcx rdx rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15".split(" "),
    "cld",
    "mov rdi, rsp",
  ]);
  deepStrictEqual(lines("restore", 15).map((text) => text.replace("pop ", "")), [
    ..."r15 r14 r13 r12 r11 r10 r9 r8 rdi rsi rbp rdx rcx rbx rax".split(" "),
  ]);
  deepStrictEqual(lines("restore", 17).slice(15).map((text) => text.split(" ")[0]), [
    "add",
    "iretq",
  ]);
  deepStrictEqual(lines("vector_3", 3).map((text) => text.split(" ")[0]), ["push", "push", "jmp"]);
  deepStrictEqual(lines("vector_14", 2).map((text) => text.split(" ")[0]), ["push", "jmp"]);
});

Deno.test("The loader maps what it should, with the rights that it should have", () => {
  const kernel = boot("vga");
  const { mmu } = kernel.machine;
  const physical = (va: number | bigint) => mmu.virtualToPhysical(va);
  strictEqual(physical(0), undefined);
  strictEqual(physical(0xb_8000), 0xb_8000);
  strictEqual(physical(0x20_1008), 0x40_1008);
  strictEqual(physical(0x100_0020_1a10), 0x27_9a10);
  strictEqual(physical(0x100_001f_1fff), undefined, "guard page of the stack");
  strictEqual(physical(0x21_bfff), undefined, "guard page of the interrupt stack");
  strictEqual(physical(0x180_0000_0000), undefined, "physical memory is mapped later");
  const refuses = (va: number, access: "read" | "write" | "execute") =>
    "fault" in mmu.translate(va, { access }) && mmu.translate(va, { access }).fault !== undefined;
  deepStrictEqual(
    [0x20_0000, 0x20_1000, 0x20_9000, 0xb_8000].map((va) =>
      (["read", "write", "execute"] as const).map((access) => !refuses(va, access))
    ),
    [[true, false, false], [true, false, true], [true, true, false], [true, true, false]],
  );
  strictEqual(kernel.cpu.cr3, 0x1000n);
});

Deno.test("From stage paging on all of physical memory is mapped at its offset", () => {
  const kernel = boot("paging");
  const { mmu } = kernel.machine;
  strictEqual(mmu.virtualToPhysical(0x180_0000_0000), 0);
  strictEqual(mmu.virtualToPhysical(0x180_00ff_ffff), 0xff_ffff);
  strictEqual(mmu.virtualToPhysical(0x180_0100_0000), undefined);
  strictEqual(kernel.bootInfo.physicalMemoryOffset, 0x180_0000_0000n);
});

Deno.test("bootInfo has a memory map without gaps, in guest memory", () => {
  const { memoryMap, physicalMemoryOffset } = boot("vga").bootInfo;
  strictEqual(physicalMemoryOffset, undefined);
  strictEqual(memoryMap[0].start, 0);
  memoryMap.slice(1).forEach(({ start }, i) => strictEqual(start, memoryMap[i].end));
  strictEqual(memoryMap.at(-1)!.end, 16 << 20);
  deepStrictEqual(
    memoryMap.filter(({ type }) => type !== "Usable").map(({ type, start }) => [type, start]),
    [
      ["FrameZero", 0],
      ["PageTable", 0x1000],
      ["BootInfo", 0x1_0000],
      ["Reserved", 0x9_f000],
      ["Reserved", 0xb_8000],
      ["KernelStack", 0x26_a000],
      ["Kernel", 0x40_0000],
    ],
  );
});

Deno.test("memset, memcpy and memcmp are guest code", () => {
  const kernel = boot("vga");
  const { virtual } = kernel.machine;
  const [a, b] = [kernel.statics.reserve("A", 64), kernel.statics.reserve("B", 64)];
  const { rax, rdi, rcx, rflags } = kernel.cpu;
  kernel.memset(a, 0x5a, 10);
  deepStrictEqual([...virtual.read(a, 11)], [...Array(10).fill(0x5a), 0]);
  kernel.memcpy(b, a, 8);
  deepStrictEqual([...virtual.read(b, 9)], [...Array(8).fill(0x5a), 0]);
  strictEqual(kernel.memcmp(a, b, 8), 0);
  strictEqual(kernel.memcmp(a, b, 0), 0);
  strictEqual(kernel.memcmp(a, b, 9), 0x5a);
  strictEqual(kernel.memcmp(b, a, 9), -0x5a);
  deepStrictEqual(
    [kernel.cpu.rax, kernel.cpu.rdi, kernel.cpu.rcx, kernel.cpu.rflags],
    [rax, rdi, rcx, rflags],
  );
});

Deno.test("A main function runs in the kernel's place and counts as its instructions", () => {
  const places: [string, bigint, number][] = [];
  const kernel = boot("vga", {
    main: (kernel) => {
      places.push([kernel.running, kernel.cpu.rip, kernel.depth]);
      kernel.println("main");
    },
  });
  strictEqual(screen(kernel), "Hello World!\nmain");
  deepStrictEqual(places, [["kernel_main", 0x20_1008n, 1]]);
});

Deno.test("Kernel.boot() refuses unknown stages and too little memory", () => {
  const machine = new Machine({ memory: 4 << 20 });
  throws(() => Kernel.boot(machine), /8388608/);
  throws(
    () => Kernel.boot(new Machine({ memory: 16 << 20 }), { stage: "chapter 5" as never }),
    /the stages are vga, testing/,
  );
});

Deno.test("A machine boots again, to the same state", () => {
  const machine = new Machine({ memory: 16 << 20 });
  const first = Kernel.boot(machine, { stage: "interrupts" });
  first.println("something");
  machine.run({ instructions: 10_000_000 });
  Kernel.boot(machine, { stage: "interrupts" });
  const registers = machine.cpu.registers();
  deepStrictEqual(registers, boot("interrupts").cpu.registers());
  strictEqual(machine.screen.text().trim(), "Hello World!");
});
