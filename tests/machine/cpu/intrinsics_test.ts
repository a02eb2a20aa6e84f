/** Instructions that TypeScript kernel code executes: time, interrupts, faults, stops. */
import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import { asm, Kernel, Machine, MachineStopped } from "../../../mod.ts";

function boot(stage: "vga" | "exceptions" | "interrupts" | "paging"): Kernel {
  return Kernel.boot(new Machine({ memory: 8 << 20 }), { stage });
}

const FREE = 0x20_c000;

Deno.test("Loads and stores of all widths go through the page tables and take one instruction", () => {
  const { cpu, machine } = boot("vga");
  const { retired } = machine;
  cpu.store64(FREE, 0x8877_6655_4433_2211n);
  strictEqual(cpu.load8(FREE + 7), 0x88);
  strictEqual(cpu.load16(FREE + 6), 0x8877);
  strictEqual(cpu.load32(FREE + 4), 0x8877_6655);
  strictEqual(cpu.load64(BigInt(FREE)), 0x8877_6655_4433_2211n);
  cpu.store8(FREE, -1);
  cpu.store16(FREE + 2, 0x1_0000);
  cpu.store32(FREE + 4, 0xffff_fffe);
  strictEqual(machine.physical.u64(0x40_c000), 0xffff_fffe_0000_22ffn);
  strictEqual(machine.retired - retired, 8);
});

Deno.test("Addresses are whole numbers; the high half works as bigint", () => {
  const { cpu } = boot("vga");
  throws(() => cpu.load8(1.5), RangeError);
  throws(() => cpu.load8(2 ** 60), RangeError);
  throws(() => cpu.load8(0xffff_ffff_ffff_ffffn), MachineStopped);
});

Deno.test("compareExchange32() stores only when the word is as expected", () => {
  const { cpu } = boot("vga");
  cpu.store32(FREE, 0xffff_fff0);
  strictEqual(cpu.compareExchange32(FREE, 1, 2), 0xffff_fff0);
  strictEqual(cpu.load32(FREE), 0xffff_fff0);
  strictEqual(cpu.compareExchange32(FREE, 0xffff_fff0, 2), 0xffff_fff0);
  strictEqual(cpu.load32(FREE), 2);
});

Deno.test("call() pushes its place, runs the routine and comes back", () => {
  const kernel = boot("vga");
  const { cpu } = kernel;
  const code = kernel.loadCode(asm`mov rax, [rsp]; mov ebx, 7; ret`);
  const { rip, rsp } = cpu;
  cpu.call(code);
  deepStrictEqual([cpu.rax, cpu.rbx, cpu.rip, cpu.rsp], [rip, 7n, rip, rsp]);
});

Deno.test("call() pushes below 4 GiB from a stack that begins there", () => {
  const { cpu, machine } = boot("vga");
  const seen: (bigint | undefined)[] = [];
  machine.on("exception", ({ address }) => seen.push(address));
  cpu.rsp = 1n << 32n;
  throws(() => cpu.call(0x1000), MachineStopped);
  strictEqual(seen[0], 0xffff_fff8n);
});

Deno.test("call() to an address that is not canonical is #GP, with nothing pushed", () => {
  const kernel = boot("exceptions");
  let frame: bigint | undefined;
  kernel.idt.setHandler("general protection fault", ({ stackPointer }) => {
    frame = stackPointer;
    kernel.hltLoop();
  });
  const { rsp } = kernel.cpu;
  strictEqual(kernel.main(({ cpu }) => cpu.call(1n << 47n)).kind, "halted");
  strictEqual(frame, rsp);
});

Deno.test("int3() comes back after its handler, and the frame shows the place", () => {
  const kernel = boot("exceptions");
  const seen: unknown[] = [];
  kernel.idt.setHandler("breakpoint", ({ instructionPointer }) => seen.push(instructionPointer));
  const { rip } = kernel.cpu;
  kernel.cpu.int3();
  seen.push("back");
  deepStrictEqual(seen, [rip, "back"]);
});

Deno.test("Nothing comes between sti() and the next instruction, hlt() included", () => {
  const kernel = boot("interrupts");
  const { cpu } = kernel;
  kernel.interrupts.setTimerFrequency(10_000);
  const ticks: number[] = [];
  for (let i = 0; i < 4; i++) {
    cpu.cli();
    for (let n = 0; n < 15_000; n++) cpu.pause();
    const before = kernel.interrupts.ticks;
    cpu.sti();
    ticks.push(kernel.interrupts.ticks - before);
    cpu.hlt();
    ticks.push(kernel.interrupts.ticks - before);
  }
  deepStrictEqual(ticks, [0, 1, 0, 1, 0, 1, 0, 1]);
});

Deno.test("sti() holds interrupts off only when they were off", () => {
  const kernel = boot("interrupts");
  const { cpu, machine } = kernel;
  kernel.interrupts.setTimerFrequency(10_000);
  cpu.sti();
  let next = "";
  const seen = new Set<string>();
  machine.on("interrupt", () => seen.add(next));
  for (let n = 0; n < 100_000 && seen.size < 2; n++) {
    next = "before sti";
    cpu.sti();
    next = "behind sti";
    cpu.pause();
  }
  deepStrictEqual([...seen].sort(), ["before sti", "behind sti"]);
});

Deno.test("A fault that its handler repairs is tried again, as often as it takes", () => {
  const kernel = boot("paging");
  let faults = 0;
  kernel.idt.setHandler("page fault", () => {
    faults++;
    if (faults === 3) kernel.cpu.store64(0x180_0000_4000 + 8 * 0x100, 0x50_0003);
  });
  kernel.cpu.store8(0x10_0004, 9);
  strictEqual(faults, 3);
  strictEqual(kernel.machine.physical.u8(0x50_0004), 9);
});

Deno.test("Kernel code that never ends stops with the run's budget, and some", () => {
  const kernel = boot("vga");
  kernel.onIdle(() => {
    for (;;) kernel.cpu.pause();
  });
  strictEqual(kernel.machine.run({ instructions: 1000 }).kind, "budget");
});

Deno.test("A pause stops kernel code at its next instruction; one from before stops nothing", () => {
  const kernel = boot("vga");
  const { cpu, machine } = kernel;
  machine.pause();
  cpu.pause();
  let count = 0;
  const remove = machine.on("out", () => machine.pause());
  const stop = kernel.main(() => {
    cpu.outb(0x80, 1);
    count = 1;
    cpu.pause();
    count = 2;
  });
  remove();
  strictEqual(stop.kind, "paused");
  strictEqual(count, 1);
  cpu.pause();
});

Deno.test("The interrupt flag of shared memory stops kernel code outside of runs too", () => {
  const kernel = boot("vga");
  const flag = new Int32Array(new SharedArrayBuffer(4));
  kernel.machine.interruptFlag = flag;
  let count = 0;
  throws(() => {
    for (;;) {
      kernel.cpu.pause();
      if (++count === 10) flag[0] = 1;
    }
  }, (error) => error instanceof MachineStopped && error.stop.kind === "paused");
  ok(count < 3000, `${count}`);
});

Deno.test("A pause in a handler above kernel code abandons both", () => {
  const kernel = boot("exceptions");
  const { machine } = kernel;
  kernel.idt.setHandler("breakpoint", () => {
    machine.pause();
    kernel.println("never");
  });
  strictEqual(kernel.main(({ cpu }) => cpu.int3()).kind, "paused");
  strictEqual(kernel.depth, 0);
  ok(!machine.screen.contains("never"));
});
