import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { asm, assemble, Machine } from "../../../machine/mod.ts";
import { deadFlags } from "../../../machine/cpu/fuse.ts";

const AT = { at: 0x10_0000, mode: "long" } as const;

/** Operations of a random program: registers, memory, flags made and used. */
const STEPS = [
  "add rax, rbx",
  "sub ecx, eax",
  "adc rdx, rcx",
  "sbb r8d, edx",
  "imul rbx, rax",
  "shl rax, 3",
  "shr r9, cl",
  "rol ecx, 7",
  "inc r10",
  "dec r11w",
  "xor r12, rax",
  "cmp rax, r12",
  "test ebx, ecx",
  "cmovc r13, rax",
  "setg r14b",
  "neg r15",
  "bt rax, 5",
  "rcr rdx, 1",
  "mov [0x200000], rax",
  "add [0x200008], rcx",
  "mov rsi, [0x200000]",
  "xadd [0x200010], rbx",
  "lea rdi, [rax+rbx*4+8]",
  "push rax",
  "pop rbp",
  "bsf r9, rax",
  "mul rcx",
  "cqo",
  "stc",
  "cmc",
  "movzx r8, cl",
  "bswap rdx",
];

function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b_3c6d) + 0x9e37 | 0;
    state ^= state << 13;
    return (state >>> 0) / 2 ** 32;
  };
}

Deno.test("fused blocks do what records do: same state after, wherever the run is cut", () => {
  for (let seed = 1; seed <= 40; seed++) {
    const next = random(seed);
    const body = Array.from({ length: 24 }, () => STEPS[Math.floor(next() * STEPS.length)]);
    const code = assemble(`top: ${body.join("; ")}; dec r14; jmp top`);
    const fused = new Machine({ memory: 4 << 20 });
    fused.load(code, AT);
    const records = new Machine({ memory: 4 << 20 });
    records.load(code, AT);
    // A listener makes every instruction a block of its own, which is never fused.
    records.on("exec", () => {});
    const warm = 26 * 2000 + Math.floor(next() * 26);
    strictEqual(fused.run({ instructions: warm }).kind, "budget");
    strictEqual(records.run({ instructions: warm }).kind, "budget");
    deepStrictEqual(fused.cpu.registers(), records.cpu.registers(), body.join("; "));
    strictEqual(fused.hash(), records.hash(), body.join("; "));
  }
});

Deno.test("a fault in the middle of a fused block is exact", () => {
  const run = (listen: boolean) => {
    const machine = new Machine({ memory: 4 << 20 });
    // The pointer walks into what is not mapped, 4 GiB up, after some thousand rounds.
    machine.load(
      asm`mov rbx, 0xffff0000; top: add rcx, 5; inc rdx; sub rsi, rcx; mov al, [rbx]; add rbx, 16; jmp top`,
      AT,
    );
    if (listen) machine.on("exec", () => {});
    const stop = machine.run();
    ok(stop.kind === "triple fault");
    const { rcx, rdx, rsi, rbx, rflags } = machine.cpu;
    return { stop, rcx, rdx, rsi, rbx, rflags };
  };
  const fused = run(false);
  deepStrictEqual(fused, run(true));
  strictEqual(fused.rbx, 0x1_0000_0000n);
});

Deno.test("a fused block whose own code changes is dropped", () => {
  const machine = new Machine({ memory: 4 << 20 });
  machine.load(
    asm`mov ecx, 5000; top: add rax, 1; dec ecx; jnz top; cmp bl, 1; je done;
        mov bl, 1; mov byte ptr [0x100008], 2; mov ecx, 5000; jmp top; done: hlt`,
    AT,
  );
  strictEqual(machine.physical.u8(0x10_0008), 1);
  strictEqual(machine.run().kind, "halted");
  strictEqual(machine.cpu.rax, 15_000n);
});

Deno.test("deadFlags() keeps what a fault, a reader or the next block could see", () => {
  const flags = (op: "flagsAdd", carry = true) =>
    [{ op: "flagsResult", size: 4, a: 0 }, { op, size: 4, a: 0, b: 0, result: 0, carry }] as const;
  const add = flags("flagsAdd");
  const inc = flags("flagsAdd", false);
  const load = [{
    op: "load",
    to: 0,
    size: 4,
    address: 0,
    write: false,
    stack: false,
    flat: false,
  }] as const;
  const dead = (...list: Parameters<typeof deadFlags>[0]) =>
    deadFlags(list).map((set) => [...set].sort().join(""));
  deepStrictEqual(dead(add, add), ["ACOPSZ", ""]);
  deepStrictEqual(dead(add, inc), ["AOPSZ", ""]);
  deepStrictEqual(dead(add, load, add), ["", "ACOPSZ", ""]);
  deepStrictEqual(dead(add, [{ op: "getFlag", to: 0, flag: "C" }], add), ["AOPSZ", "ACOPSZ", ""]);
  deepStrictEqual(dead(add, [{ op: "if", a: 0 }, ...add, { op: "end" }]), ["", ""]);
});
