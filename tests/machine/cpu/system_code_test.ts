/**
 * System instructions as code: decoded, translated and run by the real CPU. One journey through
 * all modes, and small programs for the instructions that it does not pass.
 */
import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { PortBus } from "../../../machine/bus/port_bus.ts";
import { Clock } from "../../../machine/clock.ts";
import { Cpu } from "../../../machine/cpu/cpu.ts";
import { modeName } from "../../../machine/cpu/helpers/mode.ts";
import { assemble } from "../../../machine/debug/assemble.ts";
import { Events } from "../../../machine/events.ts";
import { SEG, STATE } from "../../../machine/memory/layout.ts";
import { PhysicalMemory } from "../../../machine/memory/physical.ts";
import { Mmu } from "../../../machine/mmu/mmu.ts";

interface Pc {
  readonly cpu: Cpu;
  readonly memory: PhysicalMemory;
  readonly events: Events;
  readonly ports: PortBus;
}

function pc(): Pc {
  const memory = new PhysicalMemory(1 << 20);
  const events = new Events();
  const ports = new PortBus();
  const mmu = new Mmu(memory, events);
  const interruptController = { intr: false, acknowledge: () => 0 };
  const cpu = new Cpu({ memory, mmu, ports, events, clock: new Clock(), interruptController });
  return { cpu, memory, events, ports };
}

/** Real mode at 0000:7C00 with a stack below. */
function realPc(code: readonly number[]): Pc {
  const made = pc();
  const { state } = made.cpu;
  state.setSegment(SEG.CS, 0, 0x93, 0, 0, 0xffff);
  state.setPair(STATE.rip, 0x7c00, 0);
  state.setRegister(4, 0x7c00, 0);
  made.memory.poke(0x7c00, Uint8Array.from(code));
  made.cpu.registersChanged();
  return made;
}

/** Flat 64-bit code (paging off: the MMU does not mind) at 0x8000 and a stack at 0x7000. */
function longPc(source: string, cpl = 0): Pc {
  const made = pc();
  const { state } = made.cpu;
  state.setWord(STATE.cr0, 0x11);
  state.setWord(STATE.efer, 0x501);
  state.setWord(STATE.cr4, 0x20);
  state.setWord(STATE.cpl, cpl);
  state.setSegment(SEG.CS, 8 | cpl, 0xa09b | cpl << 5, 0, 0, -1);
  for (const segment of [SEG.SS, SEG.DS, SEG.ES, SEG.FS, SEG.GS]) {
    state.setSegment(segment, 0x10 | cpl, 0xc093 | cpl << 5, 0, 0, -1);
  }
  state.setPair(STATE.rip, 0x8000, 0);
  state.setRegister(4, 0x7000, 0);
  made.memory.poke(0x8000, assemble(source, { at: 0x8000 }));
  made.cpu.registersChanged();
  made.cpu.mmu.modeChanged();
  return made;
}

const register = ({ cpu }: Pc, number: number) =>
  BigInt(cpu.state.high(number) >>> 0) << 32n | BigInt(cpu.state.low(number) >>> 0);

function run(made: Pc, instructions: number): void {
  made.cpu.execute(made.cpu.retired + instructions);
}

Deno.test("from reset through real, protected, compatibility and 64-bit mode to ring 3 and back", () => {
  const made = pc();
  const { cpu, memory, events } = made;
  const modes: string[] = [];
  events.on("mode", ({ to }) => modes.push(to));
  const put64 = (at: number, ...values: bigint[]) =>
    values.forEach((value, i) =>
      memory.poke(at + i * 8, new Uint8Array(BigUint64Array.of(value).buffer))
    );
  // GDT: null, code32, data, code64, (SYSRET's) code32, data, code64 of ring 3, TSS.
  put64(
    0x1000,
    0n,
    0x00cf_9a00_0000_ffffn,
    0x00cf_9200_0000_ffffn,
    0x00af_9a00_0000_ffffn,
    0x00cf_fa00_0000_ffffn,
    0x00cf_f200_0000_ffffn,
    0x00af_fa00_0000_ffffn,
    0x0000_8900_3000_0067n,
    0n,
  );
  memory.poke(0x0ff0, Uint8Array.of(0x4f, 0, 0x00, 0x10, 0, 0));
  put64(0x3004, 0x6000n); // RSP0
  put64(0x1_0000, 0x1_1007n);
  put64(0x1_1000, 0x1_2007n);
  put64(0x1_2000, 0x87n);
  // Reset vector: far jump to 0000:7C00.
  memory.poke(0xf_fff0, Uint8Array.of(0xea, 0x00, 0x7c, 0, 0));
  memory.poke(
    0x7c00,
    Uint8Array.of(
      ...[0xfa], // cli
      ...[0x31, 0xc0, 0x8e, 0xd8, 0x8e, 0xd0], // xor ax,ax; mov ds,ax; mov ss,ax
      ...[0xbc, 0x00, 0x70], // mov sp,7000
      ...[0x0f, 0x01, 0x16, 0xf0, 0x0f], // lgdt [0ff0]
      ...[0x0f, 0x20, 0xc0, 0x0c, 0x01, 0x0f, 0x22, 0xc0], // mov eax,cr0; or al,1; mov cr0,eax
      ...[0xea, 0x00, 0x80, 0x08, 0x00], // jmp 8:8000
    ),
  );
  memory.poke(
    0x8000,
    assemble(
      `mov eax, 0x10; mov ds, ax; mov es, ax; mov ss, ax
       mov esp, 0x7000
       mov eax, cr4; or eax, 0x20; mov cr4, eax
       mov eax, 0x10000; mov cr3, eax
       mov ecx, 0xc0000080; rdmsr; or eax, 0x101; wrmsr
       mov eax, cr0; or eax, 0x80000000; mov cr0, eax
       jmp 0x18:0x9000`,
      { bits: 32, at: 0x8000 },
    ),
  );
  memory.poke(
    0x9000,
    assemble(
      `mov eax, 0x38; ltr ax
       mov ecx, 0xc0000081; xor eax, eax; mov edx, 0x00200018; wrmsr
       inc ecx; mov eax, 0xa000; xor edx, edx; wrmsr
       push 0x2b; push 0x6800; push 0x202; push 0x33; push 0xb000
       iretq`,
      { at: 0x9000 },
    ),
  );
  memory.poke(0xa000, assemble("mov rbx, 0x1234; hlt", { at: 0xa000 }));
  memory.poke(0xb000, assemble("mov rdi, 77; syscall; hlt", { at: 0xb000 }));
  strictEqual(cpu.execute(1000), "halted");
  deepStrictEqual(modes, ["protected", "compatibility", "64-bit"]);
  strictEqual(modeName(cpu.state), "64-bit");
  strictEqual(cpu.state.cpl, 0);
  strictEqual(register(made, 3), 0x1234n);
  strictEqual(register(made, 7), 77n);
  strictEqual(register(made, 1), 0xb009n);
  strictEqual(register(made, 11) & 0x202n, 0x202n);
  strictEqual(cpu.state.selector(SEG.SS), 0x20);
  strictEqual(memory.peek(0x103d, 1)[0], 0x8b, "the TSS is busy");
});

Deno.test("moves of segment registers: MOV, PUSH, POP, LES, LSS, LFS in real mode", () => {
  const made = realPc([
    ...[0xb8, 0x34, 0x12, 0x8e, 0xd8], // mov ax,1234; mov ds,ax
    ...[0x1e, 0x07], // push ds; pop es
    ...[0x8c, 0xc3], // mov bx,es
    ...[0x66, 0x8c, 0xc1], // mov ecx,es
    ...[0x31, 0xc0, 0x8e, 0xd8], // ds = 0
    ...[0xc4, 0x16, 0x00, 0x06], // les dx,[0600]
    ...[0x0f, 0xb4, 0x36, 0x04, 0x06], // lfs si,[0604]
    ...[0x8c, 0x26, 0x08, 0x06], // mov [0608],fs
    ...[0x0f, 0xb2, 0x26, 0x0a, 0x06], // lss sp,[060a]
  ]);
  made.cpu.state.setRegister(1, -1, -1);
  made.memory.poke(
    0x600,
    Uint8Array.of(0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x08, 0, 0, 0x00, 0x50, 0x00, 0x20),
  );
  run(made, 12);
  const { state } = made.cpu;
  deepStrictEqual([3, 2, 6].map((r) => register(made, r) & 0xffffn), [0x1234n, 0x2211n, 0x6655n]);
  strictEqual(register(made, 1), 0x1234n);
  deepStrictEqual([SEG.ES, SEG.FS, SEG.SS].map((s) => state.selector(s)), [0x4433, 0x877, 0x2000]);
  strictEqual(made.memory.read16(0x608, 0), 0x877);
  strictEqual(register(made, 4) & 0xffffn, 0x5000n);
});

Deno.test("POP of a segment register drops as much as PUSH of it took", () => {
  for (const [prefix, bytes] of [[[], 2], [[0x66], 4]] as const) {
    const made = realPc([...prefix, 0x06, ...prefix, 0x1f]); // push es; pop ds
    made.cpu.state.setRegister(4, 0x7c00, 0);
    run(made, 1);
    strictEqual(register(made, 4), 0x7c00n - BigInt(bytes));
    run(made, 1);
    strictEqual(register(made, 4), 0x7c00n);
  }
});

Deno.test("SGDT and SIDT store what LGDT and LIDT loaded; 16-bit loads cut the base", () => {
  const made = longPc(
    "lgdt [0x600]; lidt [0x610]; sgdt [0x620]; sidt [0x630]; smsw eax; str ebx; sldt [0x640]",
  );
  const table = Uint8Array.of(0x34, 0x12, 1, 2, 3, 4, 5, 0, 0, 0);
  made.memory.poke(0x600, table);
  made.memory.poke(0x610, table.map((byte) => byte + (byte > 0 ? 1 : 0)));
  run(made, 7);
  deepStrictEqual(made.memory.peek(0x620, 10), made.memory.peek(0x600, 10));
  deepStrictEqual(made.memory.peek(0x630, 10), made.memory.peek(0x610, 10));
  strictEqual(register(made, 0), 0x11n);
  const real = realPc([0x0f, 0x01, 0x16, 0x00, 0x06, 0x66, 0x0f, 0x01, 0x1e, 0x00, 0x06]);
  real.memory.poke(0x600, table);
  run(real, 2);
  strictEqual(real.cpu.state.word(STATE.gdtrBase), 0x03_0201);
  strictEqual(real.cpu.state.word(STATE.idtrBase), 0x0403_0201);
});

Deno.test("protected-mode instructions are #UD in real mode", () => {
  const codes: readonly (readonly number[])[] = [
    [0x0f, 0x02, 0xc0], // lar
    [0x0f, 0x03, 0xc0], // lsl
    [0x0f, 0x00, 0xc0], // sldt
    [0x0f, 0x00, 0xc8], // str
    [0x0f, 0x00, 0xd0], // lldt
    [0x0f, 0x00, 0xd8], // ltr
    [0x0f, 0x00, 0xe0], // verr
    [0x0f, 0x00, 0xe8], // verw
    [0x63, 0xc0], // arpl
    [0x0f, 0x05], // syscall
    [0x0f, 0x01, 0xc1], // vmcall
  ];
  for (const code of codes) {
    const made = realPc(code);
    const vectors: number[] = [];
    made.events.on("exception", ({ vector }) => vectors.push(vector));
    run(made, 1);
    deepStrictEqual(vectors, [6], code.join());
  }
});

Deno.test("LAR, LSL, VERR, VERW and ARPL in code", () => {
  const made = longPc(
    `mov eax, 0x77; lar eax, cx; setz r8b; lsl ebx, cx; verr cx; setz r9b; verw cx; setz r10b
     mov edx, 0x55; lar edx, si; setz r11b`,
  );
  made.memory.poke(0x1008, Uint8Array.of(0xff, 0xff, 0, 0, 0, 0x9b, 0xaf, 0));
  const { state } = made.cpu;
  state.setPair(STATE.gdtrBase, 0x1000, 0);
  state.setWord(STATE.gdtrLimit, 15);
  state.setRegister(1, 8, 0);
  state.setRegister(6, 16, 0);
  run(made, 11);
  strictEqual(register(made, 0), 0xaf9b00n);
  strictEqual(register(made, 3), 0xffff_ffffn);
  strictEqual(register(made, 2), 0x55n);
  deepStrictEqual([8, 9, 10, 11].map((r) => register(made, r) & 0xffn), [1n, 1n, 0n, 0n]);
});

Deno.test("IN and OUT of every width reach the bus with the right value", () => {
  const made = longPc(
    "mov eax, 0x11223344; out 0x80, al; mov edx, 0x1234; out dx, ax; out dx, eax; in al, 0x80; in ax, dx; in eax, dx",
  );
  const log: string[] = [];
  made.events.on(
    "out",
    ({ port, width, value }) => log.push(`${port.toString(16)} ${width} ${value.toString(16)}`),
  );
  run(made, 6);
  deepStrictEqual(log, ["80 1 44", "1234 2 3344", "1234 4 11223344"]);
  strictEqual(register(made, 0), 0x1122_33ffn);
  run(made, 1);
  strictEqual(register(made, 0), 0x1122_ffffn);
  run(made, 1);
  strictEqual(register(made, 0), 0xffff_ffffn);
});

Deno.test("BOUND raises #BR outside of its bounds, signed, and INTO #OF when OF is set", () => {
  for (const [index, isInside] of [[-5, true], [10, true], [-6, false], [11, false]] as const) {
    const made = realPc([0x62, 0x06, 0x00, 0x06]);
    made.memory.poke(0x600, Uint8Array.of(0xfb, 0xff, 10, 0));
    made.cpu.state.setRegister(0, index & 0xffff, 0);
    made.memory.poke(5 * 4, Uint8Array.of(0x99, 0, 0, 0));
    run(made, 1);
    strictEqual(made.cpu.state.word(STATE.rip), isInside ? 0x7c04 : 0x99);
  }
  const made = realPc([0xce, 0xb0, 0x7f, 0x04, 0x01, 0xce]);
  made.memory.poke(4 * 4, Uint8Array.of(0x99, 0, 0, 0));
  run(made, 3);
  strictEqual(made.cpu.state.word(STATE.rip), 0x7c05);
  run(made, 1);
  strictEqual(made.cpu.state.word(STATE.rip), 0x99);
  strictEqual(made.memory.read16(0x7bfa, 0), 0x7c06);
});

Deno.test("PUSHF, POPF, INT and IRET make a round trip in real mode; far CALL and RET too", () => {
  const made = realPc([
    ...[0x9c, 0x58, 0x0d, 0xd5, 0x0c, 0x50, 0x9d], // pushf; pop ax; or ax,0cd5; push ax; popf
    ...[0xcd, 0x21], // int 21
    ...[0x9a, 0x00, 0x01, 0x00, 0x01], // call 0100:0100
    ...[0xf4],
  ]);
  made.memory.poke(0x21 * 4, Uint8Array.of(0x00, 0x05, 0, 0));
  made.memory.poke(0x500, Uint8Array.of(0x43, 0xcf)); // inc bx; iret
  made.memory.poke(0x1100, Uint8Array.of(0x42, 0xca, 0x02, 0x00)); // inc dx; retf 2
  made.cpu.state.setRegister(2, 0, 0);
  run(made, 11);
  strictEqual(register(made, 3) & 0xffffn, 1n);
  strictEqual(register(made, 2) & 0xffffn, 1n);
  strictEqual(register(made, 4) & 0xffffn, 0x7c02n);
  strictEqual(made.cpu.state.word(STATE.rip), 0x7c0e);
});

Deno.test("far JMP and CALL through memory; MOV to and from control and debug registers", () => {
  const made = longPc(
    `mov rax, cr0; mov rbx, cr4; mov rcx, 5; mov cr8, rcx; mov rdx, cr8
     mov rsi, 0x12345678; mov dr3, rsi; mov rdi, dr3; mov r8, dr6
     jmp far [0x600]`.replace("jmp far [0x600]", "db 0x48, 0xff, 0x2c, 0x25, 0x00, 0x06, 0, 0"),
  );
  const { state } = made.cpu;
  state.setPair(STATE.gdtrBase, 0x1000, 0);
  state.setWord(STATE.gdtrLimit, 15);
  made.memory.poke(0x1008, Uint8Array.of(0xff, 0xff, 0, 0, 0, 0x9a, 0xaf, 0));
  made.memory.poke(0x600, Uint8Array.of(0x99, 0x99, 0, 0, 0xff, 0x7f, 0, 0, 8, 0));
  run(made, 10);
  strictEqual(register(made, 0), 0x11n);
  strictEqual(register(made, 3), 0x20n);
  strictEqual(register(made, 2), 5n);
  strictEqual(register(made, 7), 0x1234_5678n);
  strictEqual(register(made, 8), 0xffff_0ff0n);
  strictEqual(state.word(STATE.rip), 0x9999);
  strictEqual(state.word(STATE.rip + 4), 0x7fff);
});

Deno.test("FS and GS bases, SWAPGS, RDTSCP, RDPID, RDRAND, CPUID, XLAT's neighbours that do nothing", () => {
  const made = longPc(
    `mov eax, 0x10020; mov cr4, rax
     mov rbx, 0x7fff12345678; wrfsbase rbx; rdfsbase rcx
     mov rdx, 0x1111; wrgsbase rdx; swapgs; rdgsbase rsi; swapgs; rdgsbase rdi
     pause; mfence; lfence; clflush [0x600]; wbinvd; nop
     mov ecx, 0xc0000103; mov eax, 9; xor edx, edx; wrmsr; rdtscp; mov r8, rcx
     rdrand r9; setc r10b; mov eax, 0x40000000; cpuid`,
  );
  run(made, 28);
  strictEqual(register(made, 6), 0n);
  strictEqual(register(made, 7), 0x1111n);
  strictEqual(register(made, 8), 9n);
  strictEqual(register(made, 10) & 0xffn, 1n);
  const letters = [3, 1, 2].map((r) => register(made, r));
  const text = letters.flatMap((word) =>
    [0n, 8n, 16n, 24n].map((shift) => String.fromCharCode(Number(word >> shift & 0xffn)))
  );
  strictEqual(text.join(""), "ring0 ring0 ");
});

Deno.test("every privileged mnemonic is refused at CPL 3 by the code that runs", () => {
  const sources = [
    "mov cr0, rax",
    "mov rax, cr0",
    "mov dr0, rax",
    "mov rax, dr0",
    "lgdt [0x600]",
    "lidt [0x600]",
    "lldt ax",
    "ltr ax",
    "lmsw ax",
    "clts",
    "invlpg [0]",
    "invd",
    "wbinvd",
    "rdmsr",
    "wrmsr",
    "hlt",
    "cli",
    "sti",
    "in al, 0x60",
    "out 0x60, al",
    "swapgs",
    "sysretq",
    "sysexit",
    "rdpmc",
  ];
  for (const source of sources) {
    const made = longPc(source, 3);
    made.cpu.state.setSegment(SEG.TR, 0, 0x8b, 0, 0, 0);
    const vectors: number[] = [];
    made.events.on("exception", ({ vector, errorCode }) => vectors.push(vector, errorCode ?? -1));
    run(made, 1);
    deepStrictEqual(vectors.slice(0, 2), [13, 0], source);
    strictEqual(made.cpu.state.word(STATE.rip), 0x8000, source);
  }
});

Deno.test("INT n with TF set is not followed by a single-step trap; POPF setting TF traps after the next", () => {
  const made = realPc([0x9d, 0x90, 0xcd, 0x21]); // popf; nop; int 21
  made.memory.poke(0x7c00 - 2, Uint8Array.of(0x02, 0x01));
  made.cpu.state.setRegister(4, 0x7bfe, 0);
  made.memory.poke(0x21 * 4, Uint8Array.of(0x00, 0x05, 0, 0));
  made.memory.poke(4, Uint8Array.of(0x00, 0x06, 0, 0));
  made.memory.poke(0x500, Uint8Array.of(0x90, 0xf4));
  made.memory.poke(0x600, Uint8Array.of(0xcf)); // iret
  const traps: bigint[] = [];
  made.events.on("exception", ({ vector, rip }) => vector === 1 && traps.push(rip));
  run(made, 20);
  deepStrictEqual(traps, [0x7c02n]);
  strictEqual(made.cpu.state.word(STATE.rip), 0x502);
});

Deno.test("MOV SS holds a trap off for one instruction, LSS does not", () => {
  const count = (code: number[]) => {
    const made = realPc(code);
    made.cpu.state.flags = 0x102;
    made.memory.poke(4, Uint8Array.of(0x00, 0x06, 0, 0));
    made.memory.poke(0x600, Uint8Array.of(0xcf));
    const traps: bigint[] = [];
    made.events.on("exception", ({ vector, rip }) => vector === 1 && traps.push(rip));
    run(made, 8);
    return traps.slice(0, 2);
  };
  deepStrictEqual(count([0x31, 0xc0, 0x8e, 0xd0, 0x90, 0x90]), [0x7c02n, 0x7c05n]);
  deepStrictEqual(count([0x90, 0x0f, 0xb2, 0x26, 0x00, 0x00, 0x90, 0x90]), [0x7c01n, 0x7c06n]);
});

Deno.test("ARPL raises RPL to the source's, and says so in ZF", () => {
  for (let destination = 0; destination < 4; destination++) {
    for (let source = 0; source < 4; source++) {
      const made = longPc("");
      const { state } = made.cpu;
      state.setWord(STATE.efer, 0);
      state.setSegment(SEG.CS, 8, 0xc09b, 0, 0, -1);
      made.memory.poke(0x8000, Uint8Array.of(0x63, 0xc8)); // arpl ax, cx
      state.setRegister(0, 0x1234_5670 | destination, 0);
      state.setRegister(1, 0x40 | source, 0);
      run(made, 1);
      const raised = source > destination;
      strictEqual(register(made, 0), BigInt(0x1234_5670 | Math.max(destination, source)));
      strictEqual((state.flags & 0x40) !== 0, raised);
    }
  }
});
