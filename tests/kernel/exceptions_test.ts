/** Chapter 5: the IDT, and exceptions that come back. */
import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import { asm, hex, type Kernel } from "../../mod.ts";
import { boot, frame, screen, withoutAddresses } from "./support.ts";

/** Runs code in the kernel. */
function execute(kernel: Kernel, code: Uint8Array) {
  return kernel.main((kernel) => void kernel.callGuest(kernel.loadCode(code)));
}

Deno.test("int3 prints the interrupt stack frame, and the kernel goes on", () => {
  const kernel = boot("exceptions", {
    main: (kernel) => {
      kernel.cpu.int3();
      kernel.println("It did not crash!");
    },
  });
  strictEqual(kernel.bootStop?.kind, "until");
  // RIP behind the entry's VMCALL, RSP at the top of the kernel's stack.
  strictEqual(
    screen(kernel),
    `Hello World!
EXCEPTION: BREAKPOINT
InterruptStackFrame {
    instruction_pointer: VirtAddr(0x201008),
    code_segment: 8,
    cpu_flags: 0x2,
    stack_pointer: VirtAddr(0x10000202000),
    stack_segment: 16,
}
It did not crash!`,
  );
});

Deno.test("int3 by the host and in guest code does the same", () => {
  const kernel = boot("exceptions");
  kernel.cpu.int3();
  execute(kernel, asm`int3; ret`);
  kernel.println("It did not crash!");
  const text = `EXCEPTION: BREAKPOINT\n${frame("0x2")}`;
  strictEqual(
    withoutAddresses(screen(kernel)),
    `Hello World!\n${text}\n${text}\nIt did not crash!`.split("\n").slice(-24).join("\n"),
  );
});

Deno.test("int3 without an IDT is a triple fault that says so", () => {
  const stop = boot("vga").main(({ cpu }) => cpu.int3());
  ok(stop.kind === "triple fault");
  strictEqual(stop.chain[0].vector, 3);
  ok(stop.text.includes("beyond the IDT's limit"), stop.text);
});

const FATAL: readonly [name: string, code: Uint8Array, printed: string, flags: string][] = [
  ["DIVIDE ERROR", asm`xor ecx, ecx; mov eax, 1; cdq; div ecx; ret`, "", "0x10046"],
  ["INVALID OPCODE", asm`test esp, esp; ud2; ret`, "", "0x10002"],
  [
    "GENERAL PROTECTION FAULT",
    asm`mov eax, 0x50; mov ds, eax; ret`,
    "Error Code: 0x50\n",
    "0x10002",
  ],
  [
    "GENERAL PROTECTION FAULT",
    asm`mov rax, 0x800000000000; mov al, [rax]; ret`,
    "Error Code: 0x0\n",
    "0x10002",
  ],
];
for (const [name, code, printed, flags] of FATAL) {
  Deno.test(`${name} ${printed.trim()} prints its frame and ends in the halt loop`, () => {
    const kernel = boot("exceptions");
    const stop = execute(kernel, code);
    strictEqual(stop.kind, "halted");
    strictEqual(
      withoutAddresses(screen(kernel)).replace(/cpu_flags: 0x[0-9a-f]+/, `cpu_flags: ${flags}`),
      `Hello World!\nEXCEPTION: ${name}\n${printed}${frame(flags)}`,
    );
  });
}

Deno.test("An IDT entry has the gate's bytes as the manual draws them", () => {
  const kernel = boot("exceptions");
  const { virtual } = kernel.machine;
  const { idtr } = kernel.cpu;
  strictEqual(idtr.limit, 0xfff);
  const offset = BigInt(kernel.symbols.get("vector_3")!);
  const low = virtual.u64(idtr.base + 48n);
  strictEqual(low & 0xffffn, offset & 0xffffn);
  strictEqual(low >> 16n & 0xffffn, 8n, "selector");
  strictEqual(low >> 32n & 0xffn, 0n, "no interrupt stack");
  strictEqual(low >> 40n & 0xffn, 0x8en, "present, DPL 0, interrupt gate");
  strictEqual(low >> 48n, offset >> 16n);
  strictEqual(virtual.u64(idtr.base + 56n), 0n);
  strictEqual(virtual.u64(idtr.base + 14n * 16n), 0x0e00_0000_0000n, "no page-fault handler yet");
  deepStrictEqual(kernel.idt.gates().map(({ name }) => name), [
    "divide error",
    "breakpoint",
    "invalid opcode",
    "general protection fault",
  ]);
});

Deno.test("Handlers can be set, replaced and removed while the kernel runs", () => {
  const kernel = boot("exceptions");
  const seen: string[] = [];
  kernel.idt.setHandler("breakpoint", ({ vector, errorCode }) => {
    seen.push(`first ${vector} ${errorCode}`);
  });
  kernel.cpu.int3();
  kernel.idt.setHandler(3, () => void seen.push("second"));
  kernel.cpu.int3();
  kernel.idt.removeHandler("Breakpoint");
  const stop = kernel.main(({ cpu }) => cpu.int3());
  strictEqual(stop.kind, "triple fault");
  deepStrictEqual(seen, ["first 3 0", "second"]);
});

Deno.test("A handler may be guest code", () => {
  const kernel = boot("exceptions");
  const counter = kernel.statics.word("COUNTER");
  const code = asm`push rax; mov eax, ${counter.address}; inc dword ptr [rax]; pop rax; iretq`;
  kernel.idt.setHandler("breakpoint", kernel.loadCode(code));
  kernel.cpu.int3();
  kernel.cpu.int3();
  strictEqual(counter.value, 2);
  strictEqual(kernel.idt.handler("breakpoint"), undefined);
});

Deno.test("What a handler changes in the frame is what the CPU pops", () => {
  const kernel = boot("exceptions");
  kernel.idt.setHandler("divide error", (frame) => {
    frame.instructionPointer += 2n;
    frame.set("rax", 42);
    frame.cpuFlags |= 1n;
  });
  const code = kernel.loadCode(asm`xor ecx, ecx; div ecx; jnc no; ret; no: xor eax, eax; ret`);
  strictEqual(kernel.callGuest(code), 42n);
});

Deno.test("A frame has all registers of the interrupted code, and restores them", () => {
  const kernel = boot("exceptions");
  const seen: string[] = [];
  kernel.idt.setHandler("breakpoint", (frame) => {
    for (const name of ["rax", "rbx", "rbp", "r8", "r15"] as const) {
      seen.push(`${name} ${hex(frame.get(name))}`);
    }
    throws(() => frame.get("rip" as never), /no saved register/);
  });
  const before = { rax: 1n, rbx: 2n, rbp: 3n, r8: 4n, r15: 0xffff_ffff_ffff_fff5n };
  Object.assign(kernel.cpu, before);
  const registers = kernel.cpu.registers();
  kernel.cpu.int3();
  deepStrictEqual(kernel.cpu.registers(), registers);
  deepStrictEqual(seen, ["rax 0x1", "rbx 0x2", "rbp 0x3", "r8 0x4", "r15 0xfffffffffffffff5"]);
});

Deno.test("A frame can be exchanged as a whole", () => {
  const kernel = boot("exceptions");
  kernel.idt.setHandler("breakpoint", (frame) => {
    const bytes = frame.read();
    strictEqual(bytes.length, 176);
    new DataView(bytes.buffer).setBigUint64(112, 7n, true); // RAX
    frame.write(bytes);
    throws(() => frame.write(new Uint8Array(8)), /it has 176/);
  });
  strictEqual(kernel.callGuest(kernel.loadCode(asm`xor eax, eax; int3; ret`)), 7n);
});

Deno.test("A handler of a trap that throws is reported, and the kernel goes on", () => {
  const kernel = boot("exceptions");
  kernel.idt.setHandler("breakpoint", () => {
    throw new TypeError("oops");
  });
  kernel.cpu.int3();
  kernel.println("It did not crash!");
  strictEqual(
    screen(kernel),
    "Hello World!\nthe breakpoint handler threw TypeError: oops\nIt did not crash!",
  );
});

Deno.test("A handler of a fault that throws is a panic", () => {
  const kernel = boot("exceptions");
  kernel.idt.setHandler("general protection fault", () => {
    throw new TypeError("oops");
  });
  const stop = execute(kernel, asm`mov eax, 0x50; mov ds, eax; ret`);
  strictEqual(stop.kind, "halted");
  ok(screen(kernel).endsWith("the general protection fault handler threw TypeError: oops"));
});

Deno.test("setHandler() refuses what is no vector, no address, no interrupt stack", () => {
  const { idt } = boot("exceptions");
  throws(() => idt.setHandler("breakpiont", () => {}), /the names are divide_error/);
  throws(() => idt.setHandler(256, () => {}), /from 0 to 255/);
  throws(() => idt.setHandler(3, 0x8000_0000_0000n), /not canonical/);
  throws(() => idt.setHandler(3, () => {}, { ist: 7 }), /within 0 and 6/);
});

Deno.test("The exception is delivered in the manual's order: IDT, stack, handler", () => {
  const kernel = boot("exceptions");
  const { machine } = kernel;
  const steps: string[] = [];
  const { idtr, rsp } = kernel.cpu;
  const removers = [
    machine.on("exception", ({ vector }) => void steps.push(`exception ${vector}`)),
    machine.on("read", ({ address }) => {
      if (address >= idtr.base && address < idtr.base + 4096n) steps.push("gate");
    }),
    machine.on("write", ({ address, value }) => {
      if (address < rsp && address >= rsp - 48n) steps.push(`push ${hex(value)}`);
    }),
  ];
  kernel.idt.setHandler("invalid opcode", (frame) => {
    steps.push("handler");
    frame.instructionPointer += 2n;
  });
  steps.length = 0;
  const code = kernel.loadCode(asm`ud2; hlt`);
  kernel.cpu.rip = BigInt(code);
  machine.run({ instructions: 60 });
  for (const remove of removers) remove();
  deepStrictEqual(steps.filter((step, i) => step !== steps[i - 1]).slice(0, 8), [
    "exception 6",
    "gate",
    "push 0x10",
    `push ${hex(rsp)}`,
    "push 0x10002",
    "push 0x8",
    `push ${hex(code)}`,
    "push 0x0",
  ]);
  ok(steps.includes("handler"));
});
