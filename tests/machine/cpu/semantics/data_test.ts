import { deepStrictEqual, strictEqual } from "node:assert/strict";
import * as fc from "fast-check";
import { BareCpu } from "../../../_support/bare_cpu.ts";
import {
  anyFlags,
  CF,
  FIXED,
  merged,
  OF,
  type OperandBytes,
  registers,
  resultFlags,
  signed,
  SIZES,
  truncate,
  WIDE_SIZES,
  word64,
} from "../../../_support/encode.ts";

const RAM = 0x10_0000;
const RAX = 0;
const RCX = 1;
const RDX = 2;
const RBX = 3;
const RSI = 6;

Deno.test("AND, OR, XOR and TEST clear CF, OF and AF", () => {
  const cpu = new BareCpu(64);
  const rows = [
    { opcode: 0x21, result: (a: bigint, b: bigint) => a & b },
    { opcode: 0x09, result: (a: bigint, b: bigint) => a | b },
    { opcode: 0x31, result: (a: bigint, b: bigint) => a ^ b },
    { opcode: 0x85, result: (a: bigint, b: bigint) => a & b },
  ];
  fc.assert(
    fc.property(
      fc.constantFrom(...SIZES),
      word64,
      word64,
      anyFlags,
      fc.constantFrom(...rows),
      (size, a, b, before, { opcode, result }) => {
        cpu.set(RBX, a);
        cpu.set(RCX, b);
        cpu.flags = before;
        cpu.run(registers([opcode], size, RCX, RBX));
        strictEqual(cpu.get(RBX), opcode === 0x85 ? a : merged(size, a, result(a, b)));
        strictEqual(cpu.flags, resultFlags(size, result(a, b)));
      },
    ),
    FIXED,
  );
});

Deno.test("NOT, MOV, XCHG and BSWAP change no flag", () => {
  const cpu = new BareCpu(64);
  fc.assert(
    fc.property(
      fc.constantFrom(...SIZES),
      word64,
      word64,
      anyFlags,
      (size, a, b, before) => {
        const after = (bytes: number[]) => {
          cpu.set(RBX, a);
          cpu.set(RCX, b);
          cpu.flags = before;
          cpu.run(bytes);
          strictEqual(cpu.flags, before);
          return [cpu.get(RBX), cpu.get(RCX)];
        };
        deepStrictEqual(after(registers([0xf7], size, 2, RBX)), [merged(size, a, ~a), b]);
        deepStrictEqual(after(registers([0x89], size, RCX, RBX)), [merged(size, a, b), b]);
        deepStrictEqual(
          after(registers([0x87], size, RCX, RBX)),
          [merged(size, a, b), merged(size, b, a)],
        );
        if (size < 4) return;
        const prefix = size === 8 ? [0x48] : [];
        const digits = truncate(size, a).toString(16).padStart(size * 2, "0");
        const swapped = BigInt(`0x${digits.match(/../g)!.reverse().join("")}`);
        deepStrictEqual(after([...prefix, 0x0f, 0xcb]), [swapped, b]);
      },
    ),
    FIXED,
  );
});

Deno.test("BSWAP of a 16-bit register clears it, as the processor does", () => {
  const cpu = new BareCpu(64);
  cpu.set(RBX, 0xdead_beef_1234_5678n);
  cpu.run([0x66, 0x0f, 0xcb]);
  strictEqual(cpu.get(RBX), 0xdead_beef_1234_0000n);
});

Deno.test("MOVZX, MOVSX and MOVSXD extend", () => {
  const cpu = new BareCpu(64);
  fc.assert(
    fc.property(
      fc.constantFrom(...WIDE_SIZES),
      fc.constantFrom<OperandBytes>(1, 2),
      word64,
      word64,
      fc.boolean(),
      (size, from, a, old, isSigned) => {
        cpu.set(RBX, old);
        cpu.set(RCX, a);
        const opcode = (isSigned ? 0xbe : 0xb6) + from - 1;
        cpu.run(registers([0x0f, opcode], size, RBX, RCX));
        const value = isSigned ? signed(from, a) : truncate(from, a);
        strictEqual(cpu.get(RBX), merged(size, old, value));
        cpu.run([0x48, 0x63, 0xd9]); // movsxd rbx, ecx
        strictEqual(cpu.get(RBX), truncate(8, signed(4, a)));
      },
    ),
    FIXED,
  );
});

Deno.test("AH, CH, DH and BH are bits 15:8", () => {
  const cpu = new BareCpu(64);
  cpu.set(RAX, 0x1111_2222_3333_4455n);
  cpu.set(RBX, 0xaaaa_bbbb_cccc_ddeen);
  cpu.run([0x88, 0xe7]); // mov bh, ah
  strictEqual(cpu.get(RBX), 0xaaaa_bbbb_cccc_44een);
  cpu.run([0x00, 0xfc]); // add ah, bh
  strictEqual(cpu.get(RAX), 0x1111_2222_3333_8855n);
  strictEqual(cpu.flags & OF, OF);
});

Deno.test("CBW, CWDE, CDQE, CWD, CDQ and CQO extend the accumulator", () => {
  const cpu = new BareCpu(64);
  fc.assert(
    fc.property(fc.constantFrom(...WIDE_SIZES), word64, word64, (size, a, d) => {
      const prefix = size === 2 ? [0x66] : size === 8 ? [0x48] : [];
      cpu.set(RAX, a);
      cpu.run([...prefix, 0x98]);
      strictEqual(cpu.get(RAX), merged(size, a, signed(size / 2, a)));
      cpu.set(RAX, a);
      cpu.set(RDX, d);
      cpu.run([...prefix, 0x99]);
      strictEqual(cpu.get(RDX), merged(size, d, signed(size, a) < 0n ? -1n : 0n));
    }),
    FIXED,
  );
});

Deno.test("LAHF and SAHF move five flags, and OF not", () => {
  const cpu = new BareCpu(64);
  fc.assert(
    fc.property(anyFlags, fc.integer({ min: 0, max: 255 }), (before, ah) => {
      cpu.set(RAX, 0x77n);
      cpu.flags = before;
      cpu.run([0x9f]);
      strictEqual(cpu.get(RAX), BigInt((before & 0xd5 | 2) << 8) | 0x77n);
      cpu.set(RAX, BigInt(ah << 8));
      cpu.run([0x9e]);
      strictEqual(cpu.flags, (before & OF) | (ah & 0xd5));
    }),
    FIXED,
  );
});

Deno.test("LEA computes at the address size and cuts or extends to the operand size", () => {
  const cpu = new BareCpu(64);
  fc.assert(
    fc.property(
      fc.constantFrom(...WIDE_SIZES),
      fc.boolean(),
      word64,
      word64,
      word64,
      (size, isNarrow, a, b, old) => {
        cpu.set(RBX, a);
        cpu.set(RCX, b);
        cpu.set(RDX, old);
        const address = a + b * 4n - 5n;
        // lea rdx, [rbx + rcx*4 - 5]
        const prefix = [
          ...(isNarrow ? [0x67] : []),
          ...(size === 2 ? [0x66] : size === 8 ? [0x48] : []),
        ];
        cpu.run([...prefix, 0x8d, 0x54, 0x8b, 0xfb]);
        strictEqual(cpu.get(RDX), merged(size, old, truncate(isNarrow ? 4 : 8, address)));
      },
    ),
    FIXED,
  );
});

Deno.test("LEA of a RIP-relative operand counts from the next instruction", () => {
  const cpu = new BareCpu(64);
  cpu.run([0x48, 0x8d, 0x15, 0xf0, 0xff, 0xff, 0xff]); // lea rdx, [rip - 16]
  strictEqual(cpu.get(RDX), 0x1007n - 16n);
});

Deno.test("MOVBE reverses bytes to and from memory", () => {
  const cpu = new BareCpu(64);
  cpu.set(RSI, 0x2000n);
  cpu.set(RAX, 0x1122_3344_5566_7788n);
  cpu.run([0x48, 0x0f, 0x38, 0xf1, 0x06]);
  deepStrictEqual(
    [...cpu.memory.u8.slice(RAM + 0x2000, RAM + 0x2008)],
    [0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88],
  );
  cpu.run([0x66, 0x0f, 0x38, 0xf0, 0x0e]);
  strictEqual(cpu.get(RCX), 0x1122n);
});

Deno.test("XLAT adds AL without a sign", () => {
  const cpu = new BareCpu(64);
  cpu.memory.u8[RAM + 0x20ff] = 0x5a;
  cpu.set(RBX, 0x2000n);
  cpu.set(RAX, 0x1234_56ffn);
  cpu.run([0xd7]);
  strictEqual(cpu.get(RAX), 0x1234_565an);
});

Deno.test("CLC, STC, CMC, CLD, STD and SALC", () => {
  const cpu = new BareCpu(32);
  const DF = 0x400;
  cpu.run([0xf9]);
  strictEqual(cpu.flags, CF);
  cpu.run([0xd6]);
  strictEqual(cpu.get(RAX), 0xffn);
  cpu.run([0xf5]);
  strictEqual(cpu.flags, 0);
  cpu.run([0xd6]);
  strictEqual(cpu.get(RAX), 0n);
  cpu.run([0xf9]);
  cpu.run([0xf8]);
  strictEqual(cpu.flags, 0);
  cpu.run([0xfd]);
  strictEqual(cpu.state.flags & DF, DF);
  cpu.run([0xfc]);
  strictEqual(cpu.state.flags & DF, 0);
});
