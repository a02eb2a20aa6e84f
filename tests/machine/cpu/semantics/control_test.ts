import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { BareCpu } from "../../../_support/bare_cpu.ts";
import { anyFlags, CF, FIXED, OF, PF, SF, ZF } from "../../../_support/encode.ts";
import * as fc from "fast-check";

const RAM = 0x10_0000;
const RAX = 0;
const RCX = 1;
const RSP = 4;
const GP = 13;

/** The conditions as the manual's table of condition codes has them. */
const CONDITIONS: readonly ((f: number) => boolean)[] = [
  (f) => (f & OF) !== 0,
  (f) => (f & CF) !== 0,
  (f) => (f & ZF) !== 0,
  (f) => (f & (CF | ZF)) !== 0,
  (f) => (f & SF) !== 0,
  (f) => (f & PF) !== 0,
  (f) => ((f & SF) !== 0) !== ((f & OF) !== 0),
  (f) => (f & ZF) !== 0 || ((f & SF) !== 0) !== ((f & OF) !== 0),
];

Deno.test("Jcc, SETcc and CMOVcc follow the condition in every combination of flags", () => {
  const cpu = new BareCpu(64);
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 15 }), anyFlags, (code, flags) => {
      const holds = CONDITIONS[code >> 1](flags) !== ((code & 1) !== 0);
      cpu.flags = flags;
      cpu.run([0x70 | code, 0x10]);
      strictEqual(cpu.rip, holds ? 0x1012n : 0x1002n);
      cpu.run([0x0f, 0x80 | code, 0xf0, 0xff, 0xff, 0xff]);
      strictEqual(cpu.rip, holds ? 0xff6n : 0x1006n);
      cpu.set(RAX, 0x1111_2222_3333_4444n);
      cpu.run([0x0f, 0x90 | code, 0xc0]);
      strictEqual(cpu.get(RAX), 0x1111_2222_3333_4400n | (holds ? 1n : 0n));
      cpu.set(RCX, 0xaaaa_bbbb_cccc_ddddn);
      cpu.run([0x0f, 0x40 | code, 0xc1]); // cmovcc eax, ecx
      strictEqual(cpu.get(RAX), holds ? 0xcccc_ddddn : 0x3333_4400n);
      strictEqual(cpu.flags, flags);
    }),
    FIXED,
  );
});

Deno.test("LOOP, LOOPE, LOOPNE and JRCXZ count at the address size and keep the flags", () => {
  const cpu = new BareCpu(64);
  const rows: [code: number[], rcx: bigint, flags: number, left: bigint, taken: boolean][] = [
    [[0xe2], 2n, 0, 1n, true],
    [[0xe2], 1n, 0, 0n, false],
    [[0xe2], 0n, ZF, (1n << 64n) - 1n, true],
    [[0x67, 0xe2], 0xffff_0000_0000_0001n, 0, 0n, false],
    [[0x67, 0xe2], 0xffff_0000_0000_0000n, 0, 0xffff_ffffn, true],
    [[0xe1], 2n, ZF, 1n, true],
    [[0xe1], 2n, 0, 1n, false],
    [[0xe0], 2n, 0, 1n, true],
    [[0xe0], 2n, ZF, 1n, false],
    [[0xe3], 0n, 0, 0n, true],
    [[0xe3], 1n << 32n, 0, 1n << 32n, false],
    [[0x67, 0xe3], 1n << 32n, 0, 1n << 32n, true],
  ];
  for (const [code, rcx, flags, left, taken] of rows) {
    cpu.set(RCX, rcx);
    cpu.flags = flags;
    const bytes = [...code, 0x20];
    strictEqual(cpu.run(bytes), -1);
    const next = 0x1000 + bytes.length;
    deepStrictEqual(
      [cpu.get(RCX), cpu.rip, cpu.flags],
      [left, BigInt(taken ? next + 0x20 : next), flags],
    );
  }
});

Deno.test("CALL pushes the next RIP, RET pops it and drops arguments", () => {
  const cpu = new BareCpu(64);
  cpu.set(RSP, 0x3000n);
  cpu.run([0xe8, 0x00, 0x01, 0x00, 0x00]);
  deepStrictEqual([cpu.rip, cpu.get(RSP)], [0x1105n, 0x2ff8n]);
  strictEqual(cpu.memory.view.getBigUint64(RAM + 0x2ff8, true), 0x1005n);
  cpu.run([0xc2, 0x10, 0xff], 0x1105);
  deepStrictEqual([cpu.rip, cpu.get(RSP)], [0x1005n, 0x3000n + 0xff10n]);
  cpu.set(RAX, 0x7654n);
  cpu.set(RSP, 0x3000n);
  cpu.run([0xff, 0xd0]); // call rax
  deepStrictEqual([cpu.rip, cpu.get(RSP)], [0x7654n, 0x2ff8n]);
  cpu.run([0xff, 0xe0]); // jmp rax
  strictEqual(cpu.rip, 0x7654n);
});

Deno.test("A target that is not canonical is #GP before anything has changed", () => {
  const cpu = new BareCpu(64);
  cpu.set(RAX, 1n << 63n);
  cpu.set(RSP, 0x3000n);
  cpu.memory.view.setBigUint64(RAM + 0x3000, 1n << 62n, true);
  for (const code of [[0xff, 0xd0], [0xff, 0xe0], [0xc3]]) {
    strictEqual(cpu.run(code), GP);
    deepStrictEqual([cpu.get(RSP), cpu.rip], [0x3000n, 0x1000n]);
  }
  strictEqual(cpu.memory.view.getBigUint64(RAM + 0x2ff8, true), 0n);
});

Deno.test("A relative target beyond CS's limit is #GP, and LOOP keeps its count", () => {
  const cpu = new BareCpu(32);
  cpu.state.setSegment(1, 8, 0x409b, 0, 0, 0x1fff);
  cpu.set(RCX, 5n);
  cpu.set(RSP, 0x3000n);
  strictEqual(cpu.run([0xe2, 0x7f], 0x1ffd), GP);
  strictEqual(cpu.get(RCX), 5n);
  strictEqual(cpu.run([0xe8, 0, 0x10, 0, 0], 0x1ff0), GP);
  strictEqual(cpu.get(RSP), 0x3000n);
  strictEqual(cpu.run([0xeb, 0x7f], 0x1ffd), GP);
  cpu.set(RCX, 1n);
  strictEqual(cpu.run([0xe2, 0x7f], 0x1ffd), -1);
  strictEqual(cpu.get(RCX), 0n);
});

Deno.test("16-bit jumps stay within 64 KiB", () => {
  const cpu = new BareCpu(16);
  cpu.run([0xeb, 0x7f], 0xfff0);
  strictEqual(cpu.rip, 0x71n);
  const wide = new BareCpu(32);
  wide.run([0x66, 0xe9, 0x00, 0x10], 0x1_2000);
  strictEqual(wide.rip, 0x3004n);
});
