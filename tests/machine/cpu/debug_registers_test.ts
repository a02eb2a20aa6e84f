import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { asm, Machine } from "../../../machine/mod.ts";

const AT = { at: 0x10_0000, mode: "long" } as const;

/** Runs without an IDT: what would be delivered first ends the run. */
function firstException(
  code: Uint8Array,
  setUp: (machine: Machine) => void,
): { vector: number; rip: bigint; dr6: bigint; rax: bigint } | undefined {
  const machine = new Machine({ memory: 4 << 20 });
  machine.load(code, AT);
  setUp(machine);
  const stop = machine.run({ instructions: 100_000 });
  if (stop.kind !== "triple fault") return undefined;
  const { vector, rip } = stop.chain[0];
  return { vector, rip, dr6: machine.cpu.dr6, rax: machine.cpu.rax };
}

const LOOP = asm`top: inc rax; mov [0x200004], ax; mov rbx, [0x200000]; jmp top`;
const ENABLE_0 = 1n;

/** DR7 for breakpoint 0: kind (0 execute, 1 write, 3 access) and length (0 1, 1 2, 3 4, 2 8 bytes). */
const dr7 = (kind: bigint, length: bigint) => 0x400n | ENABLE_0 | kind << 16n | length << 18n;

Deno.test("an instruction breakpoint is a fault before its instruction, also in a hot loop", () => {
  const found = firstException(LOOP, (machine) => {
    machine.run({ instructions: 20_001 });
    machine.cpu.dr0 = 0x10_0003n;
    machine.cpu.dr7 = dr7(0n, 0n);
  });
  deepStrictEqual(found, { vector: 1, rip: 0x10_0003n, dr6: 0xffff_0ff1n, rax: 5001n });
});

Deno.test("an instruction breakpoint compares all 64 bits", () => {
  const found = firstException(LOOP, ({ cpu }) => {
    cpu.dr0 = 0xffff_8000_0010_0003n;
    cpu.dr7 = dr7(0n, 0n);
  });
  strictEqual(found, undefined);
});

Deno.test("RF lets the instruction at a breakpoint pass once", () => {
  const found = firstException(LOOP, ({ cpu }) => {
    cpu.dr0 = 0x10_0000n;
    cpu.dr7 = dr7(0n, 0n);
    cpu.eflags.rf = true;
  });
  strictEqual(found?.rax, 1n);
});

Deno.test("a data breakpoint is a trap behind the access, for its bytes and kinds alone", () => {
  const cases: [address: bigint, kind: bigint, length: bigint, rip: bigint | undefined][] = [
    [0x20_0004n, 1n, 1n, 0x10_000bn], // write of 2 bytes
    [0x20_0004n, 3n, 0n, 0x10_000bn], // any access of the first byte
    [0x20_0000n, 3n, 3n, 0x10_0013n], // the read behind
    [0x20_0000n, 1n, 3n, undefined], // nothing writes there
    [0x20_0000n, 1n, 2n, 0x10_000bn], // eight bytes
    [0x20_0008n, 3n, 2n, undefined],
    [0x20_0007n, 1n, 3n, 0x10_000bn], // four bytes are aligned: the low two bits do not count
    [0x1_0020_0004n, 3n, 1n, undefined], // all 64 bits count
  ];
  for (const [address, kind, length, rip] of cases) {
    const found = firstException(LOOP, ({ cpu }) => {
      cpu.dr0 = address;
      cpu.dr7 = dr7(kind, length);
    });
    strictEqual(found?.rip, rip, `${address.toString(16)} ${kind} ${length}`);
    if (rip !== undefined) strictEqual(found?.vector, 1);
  }
});

Deno.test("TF traps behind every instruction, with DR6.BS", () => {
  const found = firstException(LOOP, ({ cpu }) => cpu.eflags.tf = true);
  deepStrictEqual(found, { vector: 1, rip: 0x10_0003n, dr6: 0xffff_4ff0n, rax: 1n });
});

Deno.test("a new #DB clears the hits of the one before, and keeps BS as it found it", () => {
  const found = firstException(LOOP, ({ cpu }) => {
    cpu.dr6 = 0xffff_4fffn;
    cpu.dr0 = 0x10_0000n;
    cpu.dr7 = dr7(0n, 0n);
  });
  strictEqual(found?.dr6, 0xffff_4ff1n);
});

Deno.test("the NMI is delivered whatever IF says", () => {
  const found = firstException(LOOP, (machine) => machine.nmi());
  strictEqual(found?.vector, 2);
});

Deno.test("STI holds interrupts off for one instruction", () => {
  const shadowed = (code: Uint8Array) => {
    const machine = new Machine({ memory: 4 << 20 });
    machine.load(code, AT);
    // Let the timer's request wait until IF is set.
    machine.run({ instructions: 6_000_000 });
    const stop = machine.run({ instructions: 10 });
    ok(stop.kind === "triple fault");
    return stop.chain[0].rip;
  };
  const wait = asm`mov ecx, 2999999; top: dec rcx; jnz top; sti; nop; nop; nop; hlt`;
  strictEqual(shadowed(wait), 0x10_000cn);
});
