/** Programs in ring 3: system calls, isolation, and what happens to those that do wrong. */
import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import {
  asm,
  ERRNO,
  type Kernel,
  Page,
  PageTableFlags,
  setTimerFrequency,
  SYSCALL,
  USER,
} from "../../../mod.ts";
import { boot, screen } from "../support.ts";

const TICK = 100_000;

function fast(): Kernel {
  const kernel = boot("async");
  kernel.machine.run({ instructions: 50_000 });
  setTimerFrequency(kernel.cpu, 1000);
  return kernel;
}

const exit = (code: number | string) => `mov eax, ${SYSCALL.EXIT}; mov edi, ${code}; syscall`;
/** Prints a text that stands in the code. */
const hello = (text: string) =>
  asm`
    lea rdi, [rip + text]
    mov esi, ${text.length}
    mov eax, ${SYSCALL.WRITE}
    syscall
    mov rdi, rax
    mov eax, ${SYSCALL.EXIT}
    syscall
    text: .ascii "${text}"
  `;
const COUNT = asm`
  mov rax, ${USER.DATA}
  again: add qword ptr [rax], 1
  jmp again
`;

/** Runs until the CPU is in the kernel. */
function ringZero(kernel: Kernel): void {
  const until = () => kernel.machine.cpu.cpl === 0;
  kernel.machine.run({ instructions: 2 * TICK, until, untilEvery: 1 });
}

function lines(kernel: Kernel): string {
  return screen(kernel).replaceAll(/Instruction Pointer: VirtAddr\(0x4[0-9a-f]+\)/g, "at …")
    .replace(/PageFaultErrorCode\((.*)\)/, "$1");
}

Deno.test("a program in ring 3 writes by SYSCALL and exits", () => {
  const kernel = fast();
  const pid = kernel.processes.spawn(hello("Hello from ring 3!"), "hello");
  kernel.machine.run({ instructions: TICK });
  strictEqual(screen(kernel), "Hello World!\nHello from ring 3!");
  const { state, output, calls } = kernel.processes.get(pid);
  deepStrictEqual(state, { kind: "exited", exitCode: 18 });
  deepStrictEqual([output, calls], ["Hello from ring 3!", 2]);
});

Deno.test("it runs at CPL 3 with the user's segments, interrupts enabled, and its own CR3", () => {
  const kernel = fast();
  const pid = kernel.processes.spawn(COUNT);
  kernel.machine.run({ instructions: TICK / 2 });
  const { cpu } = kernel.machine;
  const { userCode, userData } = kernel.gdt.selectors!;
  deepStrictEqual(
    [cpu.cpl, cpu.cs.selector, cpu.ss.selector, cpu.eflags.if, Number(cpu.cr3)],
    [3, userCode, userData, true, kernel.processes.get(pid).cr3],
  );
  strictEqual(kernel.processes.current?.pid, pid);
});

Deno.test("touching kernel memory kills the program with a report; the kernel and others go on", () => {
  const kernel = fast();
  const bad = kernel.processes.spawn(asm`mov eax, [0x201000]; ${exit(0)}`, "bad");
  kernel.processes.spawn(hello("fine"), "good");
  kernel.machine.run({ instructions: 3 * TICK });
  kernel.println();
  kernel.println("It did not crash!");
  strictEqual(
    lines(kernel),
    `Hello World!
process 1 (bad) killed: PAGE FAULT
Accessed Address: VirtAddr(0x201000)
Error Code: PROTECTION_VIOLATION | USER_MODE
at …
fine
It did not crash!`,
  );
  const { state } = kernel.processes.get(bad);
  ok(state.kind === "killed" && state.vector === 14);
});

Deno.test("what ring 3 may not do: each ends the program by the right exception", () => {
  const cases: readonly [name: string, code: Uint8Array, vector: number, text: string][] = [
    ["write to the VGA buffer", asm`mov word ptr [0xb8000], 0x0f41`, 14, "CAUSED_BY_WRITE"],
    ["write to its own code", asm`mov rax, ${USER.CODE}; mov byte ptr [rax], 0`, 14, "CAUSED_BY"],
    ["run its data", asm`mov rax, ${USER.DATA}; jmp rax`, 14, "INSTRUCTION_FETCH"],
    ["null", asm`mov rax, [0]`, 14, "Accessed Address: VirtAddr(0x0)"],
    ["overflow its stack", asm`again: push rax; jmp again`, 14, "USER_MODE"],
    ["hlt", asm`hlt`, 13, "GENERAL PROTECTION FAULT"],
    ["cli", asm`cli`, 13, "GENERAL PROTECTION FAULT"],
    ["out", asm`mov al, 0x20; out 0x20, al`, 13, "GENERAL PROTECTION FAULT"],
    ["mov cr3", asm`mov cr3, rax`, 13, "GENERAL PROTECTION FAULT"],
    ["int of a gate for ring 0", asm`int 0x30`, 13, "GENERAL PROTECTION FAULT"],
    ["int3", asm`int3`, 13, "GENERAL PROTECTION FAULT"],
    ["ud2", asm`ud2`, 6, "INVALID OPCODE"],
    ["vmcall", asm`mov eax, 2; vmcall`, 6, "INVALID OPCODE"],
    ["divide by zero", asm`xor ecx, ecx; div ecx`, 0, "DIVIDE ERROR"],
    ["single-step", asm`pushfq; or dword ptr [rsp], 0x100; popfq; nop`, 1, "DEBUG"],
  ];
  const kernel = fast();
  for (const [name, code, vector, text] of cases) {
    const pid = kernel.processes.spawn(code, name);
    kernel.machine.run({ instructions: TICK });
    const { state } = kernel.processes.get(pid);
    ok(state.kind === "killed", `${name}: ${state.kind}`);
    deepStrictEqual([state.vector, state.reason.includes(text)], [vector, true], state.reason);
  }
  strictEqual(kernel.processes.alive, 0);
  kernel.machine.keyboard.type("k");
  kernel.machine.run({ instructions: 50 * TICK });
  strictEqual(screen(kernel).split("\n").at(-1), "k", "the kernel goes on");
});

Deno.test("programs that never yield share the CPU; each has its own memory at the same address", () => {
  const kernel = fast();
  const pids = [1, 2, 3].map(() => kernel.processes.spawn(COUNT));
  kernel.machine.run({ instructions: 60 * TICK });
  const counts = pids.map((pid) => {
    const { mapper } = kernel.processes.addressSpace(pid);
    ringZero(kernel);
    return Number(kernel.machine.physical.u64(mapper.translateAddr(USER.DATA)!));
  });
  ok(counts.every((count) => count > 100_000) && new Set(counts).size > 1, `${counts}`);
  const instructions = pids.map((pid) =>
    kernel.threads.thread(kernel.processes.get(pid).thread).instructions
  );
  ok(Math.min(...instructions) > 0.85 * Math.max(...instructions), `${instructions}`);
  strictEqual(new Set(pids.map((pid) => kernel.processes.get(pid).cr3)).size, 3);
});

Deno.test("RCX and R11 are lost in a system call, all other registers and flags are kept", () => {
  const kernel = fast();
  const kept = ["rbx", "rdx", "rbp", "rsi", "r8", "r9", "r10", "r12", "r13", "r14", "r15"];
  const pid = kernel.processes.spawn(asm`
    ${kept.map((name, i) => `mov ${name}, ${100 + i}`).join("\n")}
    mov rdi, rsp
    push rdi
    stc
    mov eax, ${SYSCALL.YIELD}
    syscall
    jnc bad
    ${kept.map((name, i) => `cmp ${name}, ${100 + i}; jne bad`).join("\n")}
    pop rdi
    cmp rdi, rsp
    jne bad
    mov eax, ${SYSCALL.GETPID}
    syscall
    mov edi, eax
    mov eax, ${SYSCALL.EXIT}
    syscall
    bad: ${exit(99)}
  `);
  kernel.processes.spawn(hello("other"));
  kernel.machine.run({ instructions: 3 * TICK });
  deepStrictEqual(kernel.processes.get(pid).state, { kind: "exited", exitCode: pid });
});

Deno.test("WRITE refuses addresses that the program may not read; unknown calls give −38", () => {
  for (
    const [address, size] of [
      [0x20_1000, 8],
      [USER.CODE - 1, 4],
      [USER.CODE + 0xffe, 4],
      [USER.STACK_END - 2, 4],
      [0, 1],
      [0x8000_0000_0000_0000n, 1],
      [2n ** 64n - 1n, 4],
    ]
  ) {
    const kernel = fast();
    const pid = kernel.processes.spawn(asm`
      mov rdi, ${address}
      mov rsi, ${size}
      mov eax, ${SYSCALL.WRITE}
      syscall
      mov edi, eax
      mov eax, ${SYSCALL.EXIT}
      syscall
    `);
    kernel.machine.run({ instructions: TICK });
    const exitCode = ERRNO.EFAULT >>> 0;
    deepStrictEqual(kernel.processes.get(pid).state, { kind: "exited", exitCode });
    strictEqual(screen(kernel), "Hello World!");
  }
  const kernel = fast();
  const pid = kernel.processes.spawn(
    asm`mov eax, 77; syscall; mov edi, eax; mov eax, ${SYSCALL.EXIT}; syscall`,
  );
  kernel.machine.run({ instructions: TICK });
  const { state } = kernel.processes.get(pid);
  deepStrictEqual(state, { kind: "exited", exitCode: ERRNO.ENOSYS >>> 0 });
});

Deno.test("WRITE refuses a page of the program's part that is not for ring 3", () => {
  const kernel = fast();
  const pid = kernel.processes.spawn(asm`
    mov rdi, ${USER.DATA}
    mov esi, 1
    mov eax, ${SYSCALL.WRITE}
    syscall
    mov edi, eax
    mov eax, ${SYSCALL.EXIT}
    syscall
  `);
  const { mapper } = kernel.processes.addressSpace(pid);
  const { PRESENT, WRITABLE } = PageTableFlags;
  const changed = mapper.updateFlags(Page.containing(USER.DATA), PRESENT | WRITABLE);
  ok(changed.kind === "flush");
  changed.ignore();
  kernel.machine.run({ instructions: TICK });
  const { state } = kernel.processes.get(pid);
  deepStrictEqual(state, { kind: "exited", exitCode: ERRNO.EFAULT >>> 0 });
});

Deno.test("the kernel never uses the program's stack pointer, whenever an interrupt comes", () => {
  const kernel = fast();
  const program = asm`
    mov esp, 8
    mov ebx, 3000
    again:
    mov eax, ${SYSCALL.GETPID}
    syscall
    sub ebx, 1
    jnz again
    ${exit(7)}
  `;
  setTimerFrequency(kernel.cpu, 90_000);
  const pids = [1, 2].map(() => kernel.processes.spawn(program));
  kernel.machine.run({ instructions: 20 * TICK });
  for (const pid of pids) {
    deepStrictEqual(kernel.processes.get(pid).state, { kind: "exited", exitCode: 7 });
  }
  ok(kernel.interrupts.ticks > 300, `${kernel.interrupts.ticks}`);
});

Deno.test("YIELD and SLEEP take turns between programs", () => {
  const kernel = fast();
  const letter = (text: string, call: number) =>
    asm`
      mov ebx, 3
      again:
      lea rdi, [rip + text]
      mov esi, 1
      mov eax, ${SYSCALL.WRITE}
      syscall
      mov eax, ${call}
      mov edi, 1
      syscall
      sub ebx, 1
      jnz again
      ${exit(0)}
      text: .ascii "${text}"
    `;
  kernel.processes.spawn(letter("a", SYSCALL.YIELD));
  kernel.processes.spawn(letter("b", SYSCALL.YIELD));
  kernel.machine.run({ instructions: TICK / 2 });
  kernel.processes.spawn(letter("c", SYSCALL.SLEEP));
  kernel.processes.spawn(letter("d", SYSCALL.SLEEP));
  kernel.machine.run({ instructions: 10 * TICK });
  strictEqual(screen(kernel), "Hello World!\nabababcdcdcd");
});

Deno.test("the frames of programs that have ended come back", () => {
  const kernel = fast();
  kernel.processes.spawn(hello("x"));
  kernel.machine.run({ instructions: TICK });
  const before = kernel.memory.frames.counts().used;
  for (let i = 0; i < 5; i++) {
    kernel.processes.spawn(i % 2 === 0 ? hello("x") : asm`hlt`);
    kernel.machine.run({ instructions: TICK });
  }
  strictEqual(kernel.memory.frames.counts().used, before);
});

Deno.test("kernel code of the host while a program runs is refused, and hurts nobody", () => {
  const kernel = fast();
  const pid = kernel.processes.spawn(COUNT, "counting");
  kernel.machine.run({ instructions: TICK / 2 });
  throws(() => kernel.println("hello"));
  throws(
    () => kernel.cpu.store16(0xb_8000, 0),
    /kernel code cannot run in ring 3, where process 1 \(counting\) is/,
  );
  const stop = kernel.machine.run({ instructions: 5 * TICK });
  strictEqual(stop.kind, "budget");
  strictEqual(kernel.processes.get(pid).state.kind, "alive");
});

Deno.test("kill() ends a program that sleeps", () => {
  const kernel = fast();
  const pid = kernel.processes.spawn(
    asm`mov eax, ${SYSCALL.SLEEP}; mov edi, 1000; syscall; ${exit(0)}`,
  );
  kernel.machine.run({ instructions: TICK });
  kernel.processes.kill(pid);
  const { state } = kernel.processes.get(pid);
  deepStrictEqual(state, { kind: "killed", vector: undefined, reason: "by the kernel" });
  throws(() => kernel.processes.kill(pid), TypeError);
  throws(() => kernel.processes.kill(9), RangeError);
});

Deno.test("out of frames: the program is refused, nothing is kept, and the kernel goes on", () => {
  const kernel = fast();
  kernel.processes.spawn(hello("x"));
  kernel.machine.run({ instructions: TICK });
  const { frames } = kernel.memory;
  const taken = [];
  for (let frame = frames.allocateFrame(); frame !== undefined; frame = frames.allocateFrame()) {
    taken.push(frame);
  }
  for (let count = 0; count < 10; count++) {
    frames.deallocateFrame(taken.pop()!);
    const { used } = frames.counts();
    try {
      kernel.processes.spawn(hello("y"));
      break;
    } catch (error) {
      ok(error instanceof RangeError);
      strictEqual(frames.counts().used, used, `${count} frames`);
    }
  }
});

Deno.test("more arguments than registers are refused, and nothing is kept", () => {
  const kernel = fast();
  const { used } = (void kernel.processes, kernel.memory.frames.counts());
  throws(() => kernel.processes.spawn(COUNT, "many", [1, 2, 3, 4, 5, 6, 7]), RangeError);
  deepStrictEqual([kernel.processes.alive, kernel.memory.frames.counts().used], [0, used]);
});

Deno.test("the same programs give the same hash ten times", () => {
  const hashes = Array.from({ length: 10 }, () => {
    const kernel = fast();
    kernel.processes.spawn(COUNT);
    kernel.processes.spawn(hello("x"));
    kernel.processes.spawn(asm`hlt`);
    kernel.machine.run({ instructions: 5 * TICK });
    return kernel.machine.hash();
  });
  deepStrictEqual(hashes, hashes.map(() => hashes[0]));
});
