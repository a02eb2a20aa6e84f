/** Chapter 6: exceptions whose delivery fails, and stacks of their own. */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { asm, GlobalDescriptorTable, type Kernel } from "../../mod.ts";
import { kernelCodeSegment, tssSegment } from "../../kernel/gdt.ts";
import { boot, frame, screen, withoutAddresses } from "./support.ts";

const IST_STACK = [0x21_c000n, 0x22_1000n] as const;

const writeDeadbeef = ({ cpu }: Kernel) => cpu.store64(0xdead_beef, 42);

Deno.test("A page fault without handler is a double fault", () => {
  const kernel = boot("double-faults");
  const vectors: number[] = [];
  kernel.machine.on("exception", ({ vector }) => vectors.push(vector));
  const stop = kernel.main(writeDeadbeef);
  strictEqual(stop.kind, "halted");
  deepStrictEqual(vectors, [14, 8]);
  strictEqual(
    withoutAddresses(screen(kernel)),
    `Hello World!\npanicked at …:\nEXCEPTION: DOUBLE FAULT\n${frame("0x10002")}`,
  );
  strictEqual(kernel.cpu.cr2, 0xdead_beefn);
});

Deno.test("Without a double-fault handler it is a triple fault, with the whole chain", () => {
  const stop = boot("exceptions").main(writeDeadbeef);
  ok(stop.kind === "triple fault");
  deepStrictEqual(stop.chain.map(({ vector, address }) => [vector, address]), [
    [14, 0xdead_beefn],
    [8, undefined],
  ]);
  match(stop.text, /1\. IDT entry 14 is not present.*\n {2}2\. IDT entry 8 is not present/);
});

Deno.test("A double-fault handler without a stack of its own catches it as well", () => {
  const kernel = boot("exceptions");
  kernel.idt.setHandler("double fault", (frame) => {
    kernel.println("EXCEPTION: DOUBLE FAULT at {}", frame.address < 0x100_0020_2000n);
    kernel.hltLoop();
  });
  strictEqual(kernel.main(writeDeadbeef).kind, "halted");
  strictEqual(screen(kernel), "Hello World!\nEXCEPTION: DOUBLE FAULT at true");
});

Deno.test("A stack overflow into the guard page is caught on the interrupt stack", () => {
  const kernel = boot("double-faults");
  const places: bigint[] = [];
  const { handler } = { handler: kernel.idt.handler("double fault")! };
  kernel.idt.setHandler("double fault", (frame) => {
    places.push(frame.address, kernel.cpu.rsp, frame.stackPointer);
    handler(frame);
  }, { ist: 0 });
  const stop = kernel.main((kernel) => kernel.stackOverflow());
  strictEqual(stop.kind, "halted");
  strictEqual(
    screen(kernel).replace(/panicked at [^\n]+/, "panicked at …"),
    `Hello World!
panicked at …
EXCEPTION: DOUBLE FAULT
InterruptStackFrame {
    instruction_pointer: VirtAddr(0x201020),
    code_segment: 8,
    cpu_flags: 0x10002,
    stack_pointer: VirtAddr(0x100001f2000),
    stack_segment: 16,
}`,
  );
  for (const place of places.slice(0, 2)) ok(place > IST_STACK[0] && place < IST_STACK[1]);
  strictEqual(kernel.cpu.cr2, 0x100_001f_1ff8n, "the highest word of the guard page");
});

Deno.test("A stack overflow is a triple fault where the double fault has no stack of its own", () => {
  const kernel = boot("double-faults");
  kernel.idt.setHandler("double fault", () => kernel.println("never"));
  const stop = kernel.main((kernel) => kernel.stackOverflow());
  ok(stop.kind === "triple fault");
  deepStrictEqual(stop.chain.map(({ vector }) => vector), [14, 8]);
  match(stop.text, /the page of 0x100001f1f/);
  ok(!kernel.machine.screen.contains("never"));
});

Deno.test("A stack overflow with a page-fault handler but no own stack is a double fault", () => {
  const kernel = boot("paging");
  const stop = kernel.main((kernel) => kernel.stackOverflow());
  strictEqual(stop.kind, "halted");
  match(screen(kernel), /EXCEPTION: DOUBLE FAULT/);
});

Deno.test("GDT and TSS are in guest memory, in the hardware's format", () => {
  const kernel = boot("double-faults");
  const { cpu, gdt } = kernel;
  strictEqual(cpu.gdtr.base, 0x20_a000n);
  strictEqual(cpu.tr.selector, gdt.selectors?.tss);
  strictEqual(cpu.tr.base, 0x20_a800n);
  strictEqual(kernel.machine.virtual.u64(0x20_a800 + 36), IST_STACK[1] - 64n, "IST1");
  deepStrictEqual(
    gdt.entries().map((
      { selector, descriptor: { kind, dpl, long } },
    ) => [selector, kind, dpl, long]),
    [
      [0, "system", 0, false],
      [8, "code", 0, true],
      [16, "data", 0, false],
      [24, "data", 3, false],
      [32, "code", 3, true],
      [40, "system", 0, false],
    ],
  );
  strictEqual(kernel.idt.gate("double fault")?.istField, 1);
});

Deno.test("Before its own GDT the kernel has the loader's, and no TSS", () => {
  const kernel = boot("exceptions");
  strictEqual(kernel.cpu.gdtr.base, 0x1_0000n);
  strictEqual(kernel.cpu.tr.selector, 0);
  strictEqual(kernel.gdt.selectors, undefined);
});

/** A new table in which selector 0x10 is the TSS: the stack segment's selector is stale. */
function loadOtherGdt(kernel: Kernel): void {
  const table = new GlobalDescriptorTable(kernel.machine, kernel.statics.reserve("OTHER_GDT", 64));
  table.append(kernelCodeSegment());
  table.append(tssSegment(0x20_a800n));
  table.load();
}

Deno.test("A stale SS after a new GDT faults at the first IRETQ: #GP(0x10)", () => {
  const kernel = boot("exceptions");
  loadOtherGdt(kernel);
  const stop = kernel.main(({ cpu }) => cpu.int3());
  strictEqual(stop.kind, "halted");
  match(
    screen(kernel),
    /EXCEPTION: BREAKPOINT[^]*EXCEPTION: GENERAL PROTECTION FAULT\nError Code: 0x10/,
  );
});

Deno.test("With SS reloaded the new GDT is fine", () => {
  const kernel = boot("exceptions");
  loadOtherGdt(kernel);
  kernel.cpu.loadSegment(2, 0);
  kernel.cpu.int3();
  kernel.println("It did not crash!");
  ok(screen(kernel).endsWith("It did not crash!"));
});

const PAIRS: readonly [first: string, second: string, code: Uint8Array, gone: string][] = [
  ["#DE", "#NP", asm`xor ecx, ecx; div ecx; ret`, "divide error"],
  ["#GP", "#NP", asm`mov eax, 0x50; mov ds, eax; ret`, "general protection fault"],
];
for (const [first, second, code, gone] of PAIRS) {
  Deno.test(`${first} whose gate is not present (${second}) is a double fault`, () => {
    const kernel = boot("double-faults");
    kernel.idt.removeHandler(gone);
    const vectors: number[] = [];
    kernel.machine.on("exception", ({ vector }) => vectors.push(vector));
    strictEqual(kernel.main((k) => void k.callGuest(k.loadCode(code))).kind, "halted");
    strictEqual(vectors.at(-1), 8);
    match(screen(kernel), /EXCEPTION: DOUBLE FAULT/);
  });
}

Deno.test("#UD whose gate is not present is no double fault: the second exception is served", () => {
  const kernel = boot("double-faults");
  kernel.idt.removeHandler("invalid opcode");
  kernel.idt.setHandler("segment not present", (frame) => {
    kernel.println("EXCEPTION: SEGMENT NOT PRESENT {:#x}", frame.errorCode);
    kernel.hltLoop();
  });
  const vectors: number[] = [];
  kernel.machine.on("exception", ({ vector }) => vectors.push(vector));
  kernel.main((k) => void k.callGuest(k.loadCode(asm`ud2; ret`)));
  deepStrictEqual(vectors, [6, 11]);
  match(screen(kernel), /SEGMENT NOT PRESENT 0x33$/);
});

Deno.test("The page-fault handler reports a write to 0xdeadbeaf, and a write to code", () => {
  const kernel = boot("paging");
  kernel.main(({ cpu }) => cpu.store8(0xdead_beaf, 42), { instructions: 1000 });
  strictEqual(
    withoutAddresses(screen(kernel)).replace("VirtAddr(…)", "VirtAddr(0xdeadbeaf)"),
    `Hello World!
EXCEPTION: PAGE FAULT
Accessed Address: VirtAddr(0xdeadbeaf)
Error Code: CAUSED_BY_WRITE
${frame("0x10202")}`,
  );
  strictEqual(kernel.cpu.cr2, 0xdead_beafn);
  const other = boot("paging");
  other.main((kernel) => {
    kernel.cpu.load8(0x20_1008);
    kernel.println("read worked");
    kernel.cpu.store8(0x20_1008, 42);
    kernel.println("write worked");
  }, { instructions: 1000 });
  match(
    screen(other),
    /read worked\n.*\nAccessed Address: VirtAddr\(0x201008\)\nError Code: PROTECTION_VIOLATION \| CAUSED_BY_WRITE\n/,
  );
  ok(!other.machine.screen.contains("write worked"));
});

Deno.test("A page fault that its handler repairs is tried again and goes on", () => {
  const kernel = boot("paging");
  const { machine } = kernel;
  kernel.idt.setHandler("page fault", () => {
    // Page 0x10_0000 of the kernel's table: frame 0x50_0000, present and writable.
    kernel.cpu.store64(0x180_0000_0000 + 0x4000 + 8 * 0x100, 0x50_0003);
  });
  kernel.cpu.store64(0x10_0000, 42);
  strictEqual(machine.physical.u64(0x50_0000), 42n);
});
