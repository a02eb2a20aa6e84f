import { deepStrictEqual, match, ok, strictEqual, throws } from "node:assert/strict";
import { asm, asm32, disassemble, ImageError, Machine } from "../../machine/mod.ts";

const AT = { at: 0x10_0000, mode: "long" } as const;

function machineWith(code: Uint8Array, memory = 4 << 20): Machine {
  const machine = new Machine({ memory });
  machine.load(code, AT);
  return machine;
}

Deno.test("Machine refuses memory sizes that are none", () => {
  for (const memory of [0, 4096, 1 << 19, (1 << 20) + 1, 2 ** 31, 1.5, NaN, -1]) {
    throws(() => new Machine({ memory }), RangeError, `${memory}`);
  }
  strictEqual(new Machine({ memory: 1 << 20 }).retired, 0);
});

Deno.test("Machine stands at the reset vector in real mode when it is new", () => {
  const { cpu } = new Machine({ memory: 1 << 20 });
  strictEqual(cpu.mode, "real");
  strictEqual(cpu.cs.selector, 0xf000);
  strictEqual(cpu.cs.base, 0xffff_0000n);
  strictEqual(cpu.rip, 0xfff0n);
  strictEqual(cpu.rflags, 2n);
  strictEqual(cpu.cr0, 0x6000_0010n);
});

Deno.test("Machine.step() tells what it executed", () => {
  const machine = machineWith(asm`mov rax, 1; add rax, 2; hlt`);
  const first = machine.step();
  strictEqual(first.text, "mov rax, 1");
  strictEqual(first.rip, 0x10_0000n);
  strictEqual(first.next, 0x10_0007n);
  strictEqual(machine.step().text, "add rax, 2");
  strictEqual(machine.cpu.rax, 3n);
  strictEqual(machine.retired, 2);
});

Deno.test("Machine.run() retires exactly the budget, whatever the blocks", () => {
  const code = asm`top: inc rax; inc rbx; inc rcx; jmp top`;
  for (const instructions of [0, 1, 2, 3, 4, 5, 7, 100, 1001, 12_345]) {
    const machine = machineWith(code);
    const stop = machine.run({ instructions });
    strictEqual(stop.kind, "budget");
    strictEqual(stop.retired, instructions);
    strictEqual(machine.retired, instructions);
    strictEqual(machine.cpu.rax, BigInt(Math.ceil(instructions / 4)));
    strictEqual(machine.cpu.rip, 0x10_0000n + [0n, 3n, 6n, 9n][instructions % 4]);
  }
});

Deno.test("Machine.run() in pieces gives the same machine as in one", () => {
  const code = asm`
    mov rsi, 0x200000; mov rdi, 0x210000
    again: mov rcx, 300; rep movsb
    sub rsi, 299; call f; jmp again
    f: push rax; add rax, [rsi]; xor [rdi], rax; pop rax; rdtsc; add rbx, rax; ret`;
  const whole = machineWith(code);
  whole.run({ instructions: 50_000 });
  const pieces = machineWith(code);
  for (let n = 1, left = 50_000; left > 0; n = n % 97 + 1) {
    const count = Math.min(n, left);
    pieces.run({ instructions: count });
    left -= count;
  }
  strictEqual(pieces.hash(), whole.hash());
  const stepped = machineWith(code);
  stepped.on("exec", () => {});
  stepped.run({ instructions: 50_000 });
  strictEqual(stepped.hash(), whole.hash());
});

Deno.test("Machine.run() stops when the condition is met, and when the host's time is up", () => {
  const machine = machineWith(asm`top: inc rax; jmp top`);
  const until = machine.run({ until: () => machine.cpu.rax >= 5000n });
  strictEqual(until.kind, "until");
  ok(machine.cpu.rax >= 5000n && machine.cpu.rax < 6000n);
  strictEqual(machine.run({ timeMs: 5 }).kind, "budget");
});

Deno.test("Machine.run() refuses bounds that are none", () => {
  const machine = machineWith(asm`hlt`);
  throws(() => machine.run({ instructions: -1 }), RangeError);
  throws(() => machine.run({ instructions: 1.5 }), RangeError);
  throws(() => machine.run({ timeMs: NaN }), RangeError);
  throws(() => machine.run({ until: 3 as unknown as () => boolean }), /Cannot run until 3: not a/);
  machine.on("hlt", () => throws(() => machine.run(), TypeError));
  strictEqual(machine.run().kind, "halted");
});

Deno.test("Machine stops: halted for ever, exit, reset, triple fault with its chain", () => {
  strictEqual(machineWith(asm`cli; hlt`).run().kind, "halted");

  const exit = machineWith(asm`mov eax, 0x10; out 0xf4, eax; hlt`).run();
  deepStrictEqual(exit.kind === "exit" && [exit.code, exit.status], [0x10, 33]);

  const machine = machineWith(asm`mov al, 0xfe; out 0x64, al; hlt`);
  strictEqual(machine.run().kind, "reset");
  strictEqual(machine.cpu.rip, 0xfff0n);

  const dead = machineWith(asm`mov rax, [0xffffffffdeadb000]`).run();
  ok(dead.kind === "triple fault");
  deepStrictEqual(dead.chain.map((link) => link.vector), [14, 8]);
  match(dead.text, /triple fault/);
});

Deno.test("Machine.run() ends a halted CPU's wait at the budget, and goes on waiting later", () => {
  const machine = machineWith(asm`mov al, 0xff; out 0x21, al; sti; hlt`);
  machine.clock.alarm("far away", () => {}).armIn(1e9);
  strictEqual(machine.run({ instructions: 1000 }).retired, 1000);
  strictEqual(machine.run({ instructions: 2345 }).retired, 3345);
  strictEqual(machine.cpu.halted, true);
});

Deno.test("a pause that came with a triple fault, and an NMI before a reset, are forgotten", () => {
  const machine = machineWith(asm`int3`);
  const remove = machine.on("exception", () => machine.pause());
  strictEqual(machine.run().kind, "triple fault");
  remove();
  machine.nmi();
  machine.load(asm`mov rax, 5; cli; hlt`, AT);
  strictEqual(machine.run().kind, "halted");
  strictEqual(machine.cpu.rax, 5n);
});

Deno.test("Machine.setBreakpoint() stops before the instruction, also inside a linked loop", () => {
  const machine = machineWith(asm`top: inc rax; inc rbx; inc rcx; jmp top`);
  machine.run({ instructions: 1000 });
  const remove = machine.setBreakpoint(0x10_0003);
  for (let i = 1; i <= 3; i++) {
    const stop = machine.run({ instructions: 1000 });
    strictEqual(stop.kind, "breakpoint");
    strictEqual(machine.cpu.rip, 0x10_0003n);
  }
  remove();
  strictEqual(machine.run({ instructions: 1000 }).kind, "budget");
});

Deno.test("Machine.setBreakpoint() tells addresses apart that share their low 32 bits", () => {
  const machine = machineWith(asm`top: inc rax; inc rbx; jmp top`);
  machine.setBreakpoint(0xffff_8000_0010_0003n);
  strictEqual(machine.run({ instructions: 1000 }).kind, "budget");
  strictEqual(machine.retired, 1000);
  for (const bad of [-1, 1.5, NaN, 1n << 64n, "a" as unknown as number]) {
    throws(() => machine.setBreakpoint(bad), RangeError);
  }
});

Deno.test("peeking, disassembling and listening refuse what makes no sense, with their own words", () => {
  const machine = machineWith(asm`mov rax, 1; hlt`);
  const before = machine.hash();
  for (const door of [machine.physical, machine.virtual]) {
    throws(() => door.read(0x10_0000, -4), /^RangeError: Cannot read -4 bytes at 0x100000: not a/);
    throws(() => door.read(0x10_0000, 0.5), RangeError);
    throws(() => door.read(0x10_0000, 1e12), /^RangeError: Cannot read 1000000000000 bytes/);
    throws(() => door.read(-1, 4), RangeError);
    throws(() => door.setU64(0x10_0000, "a" as unknown as bigint), /^TypeError: Cannot write a at/);
    throws(() => door.setU8(0x10_0000, 256), RangeError);
    throws(() => door.write(0x10_0000, "abc" as unknown as Uint8Array), TypeError);
  }
  for (const bad of [-1, 1.5, 1n << 64n, "a" as unknown as number]) {
    throws(() => machine.disassemble(bad), RangeError);
    throws(() => machine.explain(bad), RangeError);
  }
  for (const bad of [-1, 1.5, Infinity]) throws(() => machine.disassemble(0, bad), RangeError);
  throws(() => disassemble(3 as unknown as Uint8Array), TypeError);
  throws(
    () => machine.on("exec", 3 as unknown as () => void),
    /^TypeError: Cannot listen to "exec"/,
  );
  throws(() => machine.keyboard.type(3 as unknown as string), /^TypeError: Cannot type 3/);
  strictEqual(machine.hash(), before);
});

Deno.test("self-modifying code runs as it is now, also when it changes its own block", () => {
  // The immediate of the second instruction is bumped by the first, in the same block.
  const machine = machineWith(asm`
    top: inc byte ptr [0x100008]
    mov al, 0
    add rbx, rax
    dec rcx
    jnz top
    hlt`);
  const at = machine.disassemble(0x10_0000, 2);
  strictEqual(at[1].text, "mov al, 0");
  machine.cpu.rax = 0n;
  machine.cpu.rcx = 10n;
  strictEqual(machine.run().kind, "halted");
  strictEqual(machine.cpu.rbx, 55n);
});

Deno.test("pokes into code that is cached take effect", () => {
  const machine = machineWith(asm`top: mov al, 1; jmp top`);
  machine.run({ instructions: 1000 });
  machine.physical.setU8(0x10_0001, 7);
  machine.run({ instructions: 2 });
  strictEqual(machine.cpu.al, 7);
});

Deno.test("Machine.load() leaves the machine as it was when the image is bad", () => {
  const machine = machineWith(asm`mov rax, 1; hlt`);
  machine.run();
  const before = machine.hash();
  throws(() => machine.load(new Uint8Array(0), AT), ImageError);
  throws(() => machine.load(new Uint8Array(8 << 20), AT), ImageError);
  throws(() => machine.load(new Uint8Array(8), { at: -1, mode: "long" }), RangeError);
  throws(() => machine.load(new Uint8Array(8), { at: 1.5, mode: "long" }), RangeError);
  throws(() => machine.load(new Uint8Array(8), { at: 0x1000 }), TypeError);
  throws(() => machine.load(Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 2, 1)), ImageError);
  strictEqual(machine.hash(), before);
});

Deno.test("Machine.load() starts flat binaries in every mode", () => {
  const real = new Machine({ memory: 1 << 20 });
  real.load(Uint8Array.of(0xb8, 0x34, 0x12, 0xf4), { at: 0x7c00, mode: "real" });
  strictEqual(real.run().kind, "halted");
  strictEqual(real.cpu.ax, 0x1234);
  strictEqual(real.cpu.mode, "real");

  const flat = new Machine({ memory: 4 << 20 });
  flat.load(asm32`mov eax, 0x12345678; push eax; pop ebx; hlt`, {
    at: 0x10_0000,
    mode: "protected",
  });
  strictEqual(flat.run().kind, "halted");
  strictEqual(flat.cpu.ebx, 0x1234_5678);
  strictEqual(flat.cpu.mode, "protected");
});

Deno.test("registers are read and set by name, and bad values change nothing", () => {
  const { cpu } = new Machine({ memory: 1 << 20 });
  cpu.rax = 0x1122_3344_5566_7788n;
  strictEqual(cpu.eax, 0x5566_7788);
  strictEqual(cpu.ax, 0x7788);
  strictEqual(cpu.ah, 0x77);
  cpu.ah = 0xaa;
  strictEqual(cpu.rax, 0x1122_3344_5566_aa88n);
  cpu.eax = 1;
  strictEqual(cpu.rax, 1n);
  cpu.eflags.zf = true;
  strictEqual(cpu.rflags, 0x42n);
  cpu.eflags.iopl = 3;
  strictEqual(cpu.rflags, 0x3042n);
  cpu.ds.base = 0x1234_0000n;
  strictEqual(cpu.ds.base, 0x1234_0000n);
  throws(() => cpu.rax = -1n, RangeError);
  throws(() => cpu.rax = 1n << 64n, RangeError);
  throws(() => cpu.al = 256, RangeError);
  throws(() => cpu.rbx = 0.5 as unknown as bigint, RangeError);
  throws(() => cpu.rbx = "5" as unknown as bigint, TypeError);
  throws(() => cpu.set("rxx", 1), /There is no register "rxx"/);
  throws(() => cpu.get("registers"), RangeError);
  const loose = cpu as unknown as Record<string, unknown>;
  // As the REPL's prompt does it: not in a module, so not in strict mode.
  const assign = new Function("target", "name", "value", "target[name] = value;");
  throws(() => assign(cpu, "raxx", 1), /^RangeError: There is no register "raxx"$/);
  throws(() => loose.raxx, /^RangeError: There is no register "raxx"$/);
  throws(() => assign(cpu.eflags, "zff", true), /There is no flag "zff"/);
  throws(() => assign(cpu.cs, "size", 1), /There is no field of cs "size"/);
  throws(() => assign(cpu.gdtr, "size", 1), /There is no field of gdtr "size"/);
  strictEqual(loose.then, undefined);
  strictEqual(`${typeof cpu.toString} ${"rax" in cpu} ${"raxx" in cpu}`, "function true false");
  strictEqual(cpu.rax, 1n);
});

Deno.test("in 64-bit mode RIP must be canonical", () => {
  const { cpu } = machineWith(asm`hlt`);
  throws(() => cpu.rip = 0x8000_0000_0000_0000n, RangeError);
  cpu.rip = 0xffff_8000_0000_0000n;
  strictEqual(cpu.rip, 0xffff_8000_0000_0000n);
});

Deno.test("Machine.explain() gives an instruction's micro-operations", () => {
  const machine = machineWith(asm`add rax, [rbx+8]`);
  const explained = machine.explain(0x10_0000);
  strictEqual(explained.instruction, "add rax, [rbx+8]");
  strictEqual(explained.text, machine.explain(asm`add rax, [rbx+8]`).text);
  ok(explained.microOps.some(({ op }) => op === "load"));
  ok(explained.microOps.some(({ op }) => op === "flagsAdd"));
  throws(() => machine.explain(Uint8Array.of(0x48)), RangeError);
});

Deno.test("time is exact in the middle of a block", () => {
  const machine = machineWith(
    asm`nop; nop; nop; rdtsc; mov rbx, rax; nop; rdtsc; sub rax, rbx; hlt`,
  );
  machine.run();
  // Three instructions lie between the two: mov, nop, and the second rdtsc's own start.
  strictEqual(machine.cpu.rax, 30n);
  const ports = machineWith(asm`nop; nop; in al, 0x61; nop; hlt`);
  ports.on("in", (e) => strictEqual(e.retired, 2));
  ports.run();
});

Deno.test("the timer interrupts a loop at the same instruction every time", () => {
  const run = () => {
    const machine = machineWith(asm`sti; top: inc rax; jmp top`);
    const seen: number[] = [];
    machine.on("interrupt", (e) => seen.push(e.retired));
    // The IDT is empty: the first tick is a triple fault.
    const stop = machine.run({ instructions: 100_000_000 });
    strictEqual(stop.kind, "triple fault");
    return `${seen.join()} ${stop.retired} ${machine.cpu.rax}`;
  };
  strictEqual(run(), run());
});
