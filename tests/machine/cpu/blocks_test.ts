/** The block cache and the jump cache: what must not be taken from them. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { PortBus } from "../../../machine/bus/port_bus.ts";
import { Clock } from "../../../machine/clock.ts";
import { Cpu } from "../../../machine/cpu/cpu.ts";
import { Events } from "../../../machine/events.ts";
import { SEG, STATE } from "../../../machine/memory/layout.ts";
import { PhysicalMemory } from "../../../machine/memory/physical.ts";
import { asm, asm32, Machine } from "../../../machine/mod.ts";
import { Mmu } from "../../../machine/mmu/mmu.ts";

const START = 0x10_0000;

Deno.test("a block that was decoded under a larger CS limit is not taken under a smaller one", () => {
  const machine = new Machine({ memory: 4 << 20 });
  machine.load(asm32`inc eax; inc eax; inc eax; hlt`, { at: START, mode: "protected" });
  strictEqual(machine.run().kind, "halted");
  machine.cpu.halted = false;
  machine.cpu.rip = BigInt(START);
  machine.cpu.cs.limit = START + 1;
  const stop = machine.run();
  ok(stop.kind === "triple fault");
  strictEqual(stop.chain[0].vector, 13);
  strictEqual(machine.cpu.eax, 5);
  strictEqual(machine.cpu.rip, BigInt(START + 2));
});

Deno.test("an instruction that crosses into a page that was mapped anew is decoded anew", () => {
  const machine = new Machine({ memory: 8 << 20 });
  machine.load(asm`nop`, { at: START, mode: "long" });
  const { cpu, physical } = machine;
  // 2 MiB of 4 KiB pages at 0x600000: page 0 and, behind it, either of two pages.
  const [table, first, second, other] = [0x30_0000, 0x30_1000, 0x30_2000, 0x30_3000];
  const { levels } = machine.mmu.translate(0x60_0000);
  physical.setU64(levels.at(-1)!.entryAddress!, table | 3);
  physical.setU64(table, first | 3);
  physical.setU64(table + 8, second | 3);
  physical.write(first + 0xffe, Uint8Array.of(0xb8, 0x11)); // mov eax, imm32
  physical.write(second, Uint8Array.of(0x22, 0x33, 0x44, 0xf4));
  physical.write(other, Uint8Array.of(0x55, 0x66, 0x77, 0xf4));
  cpu.invlpg(0x60_0000);
  cpu.invlpg(0x60_1000);
  const run = () => {
    cpu.halted = false;
    cpu.rip = 0x60_0ffen;
    strictEqual(machine.run().kind, "halted");
    return cpu.eax;
  };
  strictEqual(run(), 0x4433_2211);
  physical.setU64(table + 8, other | 3);
  strictEqual(run(), 0x4433_2211, "the TLB still has the old page");
  cpu.invlpg(0x60_1000);
  strictEqual(run(), 0x7766_5511);
  physical.setU8(other, 0xaa);
  strictEqual(run(), 0x7766_aa11);
});

Deno.test("code at the reset vector is that of the ROM below 1 MiB, also when that changes", () => {
  const machine = new Machine({ memory: 1 << 20 });
  machine.physical.write(0xf_fff0, Uint8Array.of(0x40, 0xeb, 0xfd)); // inc ax; jmp $-1
  machine.run({ instructions: 100 });
  strictEqual(machine.cpu.ax, 50);
  machine.physical.setU8(0xf_fff0, 0x48); // dec ax
  machine.run({ instructions: 100 });
  strictEqual(machine.cpu.ax, 0);
});

Deno.test("a jump does not take the same address's block of another code size", () => {
  const machine = new Machine({ memory: 4 << 20 });
  // 48 ff c0 is inc rax in 64-bit code; dec eax, inc eax in 32-bit code.
  machine.load(Uint8Array.of(0xff, 0xe1, 0x48, 0xff, 0xc0, 0xf4), { at: START, mode: "long" });
  const { cpu } = machine;
  const run = () => {
    cpu.halted = false;
    cpu.rcx = BigInt(START + 2);
    cpu.rip = BigInt(START);
    const before = machine.retired;
    strictEqual(machine.run().kind, "halted");
    return [cpu.rax, machine.retired - before];
  };
  cpu.rax = 5n;
  deepStrictEqual(run(), [6n, 3]);
  deepStrictEqual(run(), [7n, 3]);
  cpu.cs.attributes = 0xc09b;
  strictEqual(cpu.mode, "compatibility");
  deepStrictEqual(run(), [7n, 4]);
  cpu.cs.attributes = 0xa09b;
  deepStrictEqual(run(), [8n, 3]);
});

Deno.test("a jump does not find a block whose bytes have changed, or that was mapped away", () => {
  const machine = new Machine({ memory: 8 << 20 });
  machine.load(Uint8Array.of(0xff, 0xe1), { at: START, mode: "long" }); // jmp rcx
  const { cpu, physical } = machine;
  const { levels } = machine.mmu.translate(0x60_0000);
  physical.write(0x60_0000, Uint8Array.of(0xb0, 0x07, 0xf4)); // mov al, 7; hlt
  physical.write(0x40_0000, Uint8Array.of(0xb0, 0x0b, 0xf4));
  const run = () => {
    cpu.halted = false;
    cpu.rcx = 0x60_0000n;
    cpu.rip = BigInt(START);
    strictEqual(machine.run().kind, "halted");
    return cpu.al;
  };
  deepStrictEqual([run(), run()], [7, 7]);
  physical.setU8(0x60_0001, 9);
  deepStrictEqual([run(), run()], [9, 9]);
  physical.setU64(levels.at(-1)!.entryAddress!, 0x40_0083);
  cpu.invlpg(0x60_0000);
  deepStrictEqual([run(), run()], [11, 11]);
});

Deno.test("a second NMI waits while the first one's handler runs", () => {
  const machine = new Machine({ memory: 1 << 20 });
  machine.load(Uint8Array.of(0xf4), { at: 0x7c00, mode: "real" });
  machine.physical.write(0x500, Uint8Array.of(0x40, 0x43, 0x41, 0xcf)); // inc ax, bx, cx; iret
  machine.physical.setU32(2 * 4, 0x500);
  machine.nmi();
  machine.run({ instructions: 2 });
  machine.nmi();
  machine.run({ instructions: 2 });
  const { ax, bx, cx, ip } = { ...machine.cpu, ip: machine.cpu.rip };
  deepStrictEqual([ax, bx, cx, ip], [1, 1, 1, 0x503n]);
  machine.run();
  deepStrictEqual([machine.cpu.ax, machine.cpu.cx], [2, 2]);
});

Deno.test("a second NMI waits, though the CPU halts, until the first one's handler has returned", () => {
  const machine = new Machine({ memory: 1 << 20 });
  // inc ax; hlt; inc bx; hlt; iret
  const handler = Uint8Array.of(0x40, 0xf4, 0x43, 0xf4, 0xcf);
  machine.load(Uint8Array.of(0xf4, 0x41, 0xf4), { at: 0x7c00, mode: "real" });
  machine.physical.write(0x500, handler);
  machine.physical.setU32(2 * 4, 0x500);
  const { cpu } = machine;
  strictEqual(machine.run().kind, "halted");
  machine.nmi();
  strictEqual(machine.run().kind, "halted");
  deepStrictEqual([cpu.ax, cpu.bx, cpu.cx], [1, 0, 0]);
  machine.nmi();
  strictEqual(machine.run().kind, "halted");
  deepStrictEqual([cpu.ax, cpu.bx, cpu.cx], [1, 0, 0]);
  cpu.halted = false;
  cpu.rip = 0x504n;
  strictEqual(machine.run().kind, "halted");
  deepStrictEqual([cpu.ax, cpu.bx, cpu.cx], [2, 0, 0], "IRET lets the waiting one in");
});

Deno.test("fused routines of dropped blocks are given back", () => {
  const memory = new PhysicalMemory(2 << 20);
  const events = new Events();
  const cpu = new Cpu({
    memory,
    mmu: new Mmu(memory, events),
    ports: new PortBus(),
    events,
    clock: new Clock(),
    interruptController: { intr: false, acknowledge: () => 0 },
    fuseAfter: 2,
  });
  const { state, blocks } = cpu;
  state.setSegment(SEG.CS, 0, 0x9b, 0, 0, 0xffff);
  memory.poke(0x1000, Uint8Array.of(0x40, 0xeb, 0xfd)); // inc ax; jmp $-1
  const round = () => {
    state.setPair(STATE.rip, 0x1000, 0);
    cpu.registersChanged();
    cpu.execute(cpu.retired + 100);
    memory.poke(0x1000, Uint8Array.of(0x40));
    return blocks.routines.table.length;
  };
  for (let i = 0; i < 5; i++) round();
  const settled = round();
  for (let i = 0; i < 20; i++) round();
  strictEqual(round(), settled);
});
