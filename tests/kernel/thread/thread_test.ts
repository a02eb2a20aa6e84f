/** Preemptive threads against cooperative ones, with numbers. */
import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import {
  asm,
  asyncFn,
  type Kernel,
  MAX_THREADS,
  setTimerFrequency,
  THREAD_CALL,
  THREAD_VECTOR,
} from "../../../mod.ts";
import { boot, screen, withoutAddresses } from "../support.ts";

/** Counts at [rdi] for ever. */
const COUNT = asm`
  again: add qword ptr [rdi], 1
  jmp again
`;
/** The same, but gives the CPU away after each. */
const COUNT_AND_YIELD = asm`
  again: add qword ptr [rdi], 1
  mov eax, ${THREAD_CALL.YIELD}
  int ${THREAD_VECTOR}
  jmp again
`;
/** Adds all numbers from 1 to RDI. */
const SUM = asm`
  xor eax, eax
  again: add rax, rdi
  sub rdi, 1
  jnz again
  ret
`;
const TICK = 100_000;

/** A kernel whose timer ticks every 100,000 instructions. */
function fast(): Kernel {
  const kernel = boot("async");
  kernel.machine.run({ instructions: 50_000 });
  setTimerFrequency(kernel.cpu, 1000);
  return kernel;
}

function counters(kernel: Kernel, count: number) {
  const address = kernel.statics.reserve("COUNTERS", 8 * count, 8);
  return {
    at: (i: number) => address + 8 * i,
    values: () =>
      Array.from({ length: count }, (_, i) => Number(kernel.machine.virtual.u64(address + 8 * i))),
  };
}

Deno.test("three threads that never yield get the same share of the CPU by the timer", () => {
  const kernel = fast();
  const { at, values } = counters(kernel, 3);
  const ids = [0, 1, 2].map((i) => kernel.threads.spawn(COUNT, { args: [at(i)], name: `t${i}` }));
  kernel.machine.run({ instructions: 60 * TICK });
  const progress = values();
  ok(Math.min(...progress) > 0.95 * Math.max(...progress), `${progress}`);
  for (const id of ids) {
    const { switches, preemptions, instructions } = kernel.threads.thread(id);
    ok(switches >= 19 && switches <= 21, `${switches}`);
    ok(preemptions >= switches - 1, `${preemptions}`);
    ok(Math.abs(instructions - 20 * TICK) < 2 * TICK, `${instructions}`);
  }
  const total = kernel.threads.report().reduce((sum, { switches }) => sum + switches, 0);
  strictEqual(total, kernel.threads.contextSwitches);
});

Deno.test("without preemption a thread that never yields keeps the CPU; keys wait", () => {
  const outcomes = [true, false].map((preemptive) => {
    const kernel = fast();
    const { at, values } = counters(kernel, 2);
    kernel.threads.preemptive = preemptive;
    kernel.threads.spawn(COUNT, { args: [at(0)] });
    kernel.threads.spawn(COUNT_AND_YIELD, { args: [at(1)] });
    kernel.machine.keyboard.type("k");
    kernel.machine.run({ instructions: 50 * TICK });
    return { values: values(), text: screen(kernel), switches: kernel.threads.contextSwitches };
  });
  const [preemptive, cooperative] = outcomes;
  strictEqual(preemptive.text, "Hello World!\nk");
  ok(preemptive.values.every((value) => value > 0), `${preemptive.values}`);
  ok(preemptive.switches > 50);
  strictEqual(cooperative.text, "Hello World!");
  deepStrictEqual([cooperative.values[1], cooperative.switches], [0, 1]);
});

Deno.test("cooperative threads that yield share the CPU without a timer", () => {
  const kernel = fast();
  const { at, values } = counters(kernel, 2);
  kernel.threads.preemptive = false;
  for (const i of [0, 1]) kernel.threads.spawn(COUNT_AND_YIELD, { args: [at(i)] });
  kernel.machine.run({ instructions: 5 * TICK });
  const [a, b] = values();
  ok(a > 100 && Math.abs(a - b) <= 1, `${a}, ${b}`);
  ok(kernel.threads.contextSwitches >= 3 * a - 3);
  strictEqual(kernel.threads.thread(1).preemptions, 0);
});

Deno.test("a switch keeps all registers and flags of a thread", () => {
  const kernel = fast();
  const names = ["rax", "rbx", "rcx", "rdx", "rsi", "rbp", "rdi"]
    .concat(Array.from({ length: 8 }, (_, i) => `r${i + 8}`));
  const check = (seed: number) =>
    asm`
    ${names.map((name, i) => `mov ${name}, ${seed + i}`).join("\n")}
    stc
    again:
    jnc bad
    ${names.map((name) => `lea ${name}, [${name} + 1]; lea ${name}, [${name} - 1]`).join("\n")}
    push rax; push rcx; pushfq
    ${names.map((name, i) => `cmp ${name}, ${seed + i}; jne bad`).join("\n")}
    popfq; pop rcx; pop rax
    jmp again
    bad: mov eax, ${THREAD_CALL.EXIT}
    mov edi, 1
    int ${THREAD_VECTOR}
  `;
  kernel.threads.spawn(check(1000));
  kernel.threads.spawn(check(2000));
  setTimerFrequency(kernel.cpu, 50_000);
  kernel.machine.run({ instructions: 300_000 });
  ok(kernel.threads.contextSwitches > 100);
  for (const id of [1, 2]) {
    ok(["ready", "running"].includes(kernel.threads.thread(id).state), `thread ${id}`);
  }
});

Deno.test("a thread that returns ends with RAX; join gets it, before and after the end", () => {
  const kernel = fast();
  const { at, values } = counters(kernel, 3);
  const sum = kernel.threads.spawn(SUM, { args: [1000] });
  const join = asm`
    mov rbx, rdi
    mov rdi, rsi
    mov eax, ${THREAD_CALL.JOIN}
    int ${THREAD_VECTOR}
    mov [rbx], rax
    ret
  `;
  kernel.threads.spawn(join, { args: [at(0), sum] });
  kernel.machine.run({ instructions: TICK });
  strictEqual(kernel.threads.thread(sum).state, "finished");
  strictEqual(kernel.threads.thread(sum).exitCode, 500500);
  kernel.threads.spawn(join, { args: [at(1), sum] });
  kernel.threads.spawn(join, { args: [at(2), 31] });
  kernel.machine.run({ instructions: TICK });
  const [early, late, none] = values();
  deepStrictEqual([early, late], [500500, 500500]);
  strictEqual(none, Number(2n ** 64n - 1n), "−1: there is no such thread");
});

Deno.test("join waits for a thread that takes many ticks", () => {
  const kernel = fast();
  const { at, values } = counters(kernel, 1);
  const sum = kernel.threads.spawn(SUM, { args: [200_000] });
  const join = kernel.threads.spawn(
    asm`
    mov rbx, rdi
    mov rdi, rsi
    mov eax, ${THREAD_CALL.JOIN}
    int ${THREAD_VECTOR}
    mov [rbx], rax
    ret
  `,
    { args: [at(0), sum] },
  );
  kernel.machine.run({ instructions: 2 * TICK });
  strictEqual(kernel.threads.thread(join).state, "joining");
  kernel.machine.run({ instructions: 10 * TICK });
  strictEqual(values()[0], 20000100000 % 2 ** 32);
});

Deno.test("sleep lets the CPU halt until the tick", () => {
  const kernel = fast();
  const { at, values } = counters(kernel, 1);
  kernel.threads.spawn(
    asm`
    mov rbx, rdi
    again: add qword ptr [rbx], 1
    mov eax, ${THREAD_CALL.SLEEP}
    mov edi, 2
    int ${THREAD_VECTOR}
    jmp again
  `,
    { args: [at(0)] },
  );
  using meter = kernel.tasks.haltMeter();
  kernel.machine.run({ instructions: 20 * TICK });
  const [wakes] = values();
  ok(wakes >= 10 && wakes <= 11, `${wakes}`);
  ok(meter.share > 0.98, `${meter.share}`);
});

Deno.test("PRINT and SELF are calls of a thread; an unknown one gives −1", () => {
  const kernel = fast();
  kernel.threads.spawn(asm`
    mov eax, ${THREAD_CALL.SELF}
    int ${THREAD_VECTOR}
    add al, 0x30
    push rax
    mov rdi, rsp
    mov esi, 1
    mov eax, ${THREAD_CALL.PRINT}
    int ${THREAD_VECTOR}
    pop rcx
    mov eax, 99
    int ${THREAD_VECTOR}
    ret
  `);
  kernel.machine.run({ instructions: TICK });
  strictEqual(screen(kernel), "Hello World!\n1");
  strictEqual(kernel.threads.thread(1).exitCode, 0xffff_ffff);
});

Deno.test("tasks of the executor run beside threads that never yield", () => {
  const kernel = fast();
  const { at } = counters(kernel, 1);
  kernel.threads.spawn(COUNT, { args: [at(0)] });
  kernel.tasks.spawn(
    asyncFn("task", function* () {
      for (let i = 0; i < 3; i++) {
        yield* kernel.tasks.sleep(1);
        kernel.print("{}", i);
      }
    })(),
  );
  kernel.machine.run({ instructions: 20 * TICK });
  strictEqual(screen(kernel), "Hello World!\n012");
});

Deno.test("a tick that interrupts kernel code in TypeScript switches no thread", () => {
  const kernel = fast();
  const { at, values } = counters(kernel, 1);
  kernel.threads.spawn(COUNT, { args: [at(0)] });
  const { ticks } = kernel.interrupts;
  for (let i = 0; i < 250_000; i++) kernel.cpu.pause();
  strictEqual(kernel.interrupts.ticks, ticks + 2, "ticks came meanwhile");
  deepStrictEqual([values()[0], kernel.threads.contextSwitches], [0, 0]);
  strictEqual(kernel.threads.thread(0).preemptions, 0);
  kernel.cpu.rax = BigInt(THREAD_CALL.YIELD);
  kernel.cpu.int(THREAD_VECTOR);
  deepStrictEqual([values()[0], kernel.threads.contextSwitches], [0, 0]);
  kernel.machine.run({ instructions: TICK });
  ok(values()[0] > 0);
});

Deno.test("kernel code of the host runs between runs, whichever thread has the CPU", () => {
  const kernel = fast();
  const { at, values } = counters(kernel, 2);
  for (const i of [0, 1]) kernel.threads.spawn(COUNT, { args: [at(i)] });
  for (let i = 0; i < 5; i++) {
    kernel.machine.run({ instructions: TICK + 12_345 });
    kernel.println("{}", i);
  }
  strictEqual(screen(kernel), "Hello World!\n0\n1\n2\n3\n4");
  ok(values().every((value) => value > 0));
});

Deno.test("a thread that overflows its stack hits its guard page: double fault on the IST stack", () => {
  const kernel = fast();
  kernel.threads.spawn("stack_overflow");
  kernel.machine.run({ instructions: TICK });
  const text = withoutAddresses(screen(kernel));
  ok(text.includes("EXCEPTION: DOUBLE FAULT"), text);
  const { guard, start } = kernel.threads.thread(1).stack;
  ok(guard !== undefined);
  strictEqual(start - guard, 0x1000);
  strictEqual(kernel.memory.mapper.translateAddr(guard), undefined);
});

Deno.test("kill() ends a thread wherever it waits; its number is not found in the queue again", () => {
  const kernel = fast();
  const { at, values } = counters(kernel, 2);
  const [a, b] = [0, 1].map((i) => kernel.threads.spawn(COUNT, { args: [at(i)] }));
  kernel.threads.kill(b, 9);
  kernel.machine.run({ instructions: 5 * TICK });
  ok(values()[0] > 0);
  strictEqual(values()[1], 0);
  deepStrictEqual(kernel.threads.thread(b).exitCode, 9);
  throws(() => kernel.threads.kill(0, 1), TypeError);
  throws(() => kernel.threads.kill(7, 1), RangeError);
  strictEqual(kernel.threads.thread(a).state === "finished", false);
});

Deno.test("kill() of a thread that sleeps: nobody waits for its tick any more", () => {
  const kernel = fast();
  const id = kernel.threads.spawn(asm`
    mov eax, ${THREAD_CALL.SLEEP}
    mov edi, 3
    int ${THREAD_VECTOR}
  `);
  kernel.machine.run({ instructions: TICK });
  strictEqual(kernel.threads.thread(id).state, "sleeping");
  const sleeping = kernel.statics.symbols.get("SLEEPING_THREADS")!;
  strictEqual(kernel.machine.virtual.u32(sleeping), 1);
  kernel.threads.kill(id, 0);
  strictEqual(kernel.machine.virtual.u32(sleeping), 0);
  kernel.machine.run({ instructions: 5 * TICK });
  strictEqual(kernel.threads.thread(id).state, "finished");
});

Deno.test("too many threads are refused; numbers of threads that have ended are used again", () => {
  const kernel = fast();
  const code = kernel.loadCode(SUM, "sum");
  for (let i = 1; i < MAX_THREADS; i++) kernel.threads.spawn(code, { args: [1] });
  throws(() => kernel.threads.spawn(code), /all 32 threads are in use/);
  kernel.machine.run({ instructions: TICK });
  const used = kernel.memory.frames.counts().used;
  strictEqual(kernel.threads.spawn(code, { args: [4] }), 1);
  strictEqual(kernel.memory.frames.counts().used, used, "the stack is there already");
  kernel.machine.run({ instructions: TICK });
  strictEqual(kernel.threads.thread(1).exitCode, 10);
});

Deno.test("threads before stage paging, and of a symbol that is none, are refused", () => {
  throws(() => boot("interrupts").threads, /Cannot start threads at stage "interrupts"/);
  throws(() => fast().threads.spawn("nothing"), /There is no symbol nothing/);
});

Deno.test("the same threads give the same hash ten times", () => {
  const hashes = Array.from({ length: 10 }, () => {
    const kernel = fast();
    const { at } = counters(kernel, 2);
    for (const i of [0, 1]) kernel.threads.spawn(COUNT, { args: [at(i)] });
    kernel.machine.run({ instructions: 5 * TICK });
    return kernel.machine.hash();
  });
  deepStrictEqual(hashes, hashes.map(() => hashes[0]));
});

Deno.test("threads are in guest memory: a restored snapshot goes on with them alike", () => {
  const kernel = fast();
  const { at, values } = counters(kernel, 2);
  for (const i of [0, 1]) kernel.threads.spawn(COUNT, { args: [at(i)] });
  kernel.machine.run({ instructions: 3 * TICK });
  const snapshot = kernel.machine.snapshot();
  const run = () => {
    kernel.machine.run({ instructions: 5 * TICK });
    return [kernel.machine.hash(), values(), kernel.threads.report()];
  };
  const first = run();
  kernel.machine.run({ instructions: 2 * TICK + 7 });
  kernel.machine.restore(snapshot);
  deepStrictEqual(run(), first);
});
