import { deepStrictEqual, strictEqual } from "node:assert/strict";
import * as fc from "fast-check";
import { BareCpu } from "../../../_support/bare_cpu.ts";
import {
  AF,
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
  word64,
  ZF,
} from "../../../_support/encode.ts";

const RAX = 0;
const RCX = 1;
const RDX = 2;
const RBX = 3;

/** All six flags of `a + b + carry`, by the definition of each. */
function additionFlags(size: OperandBytes, a: bigint, b: bigint, carry: bigint): number {
  const [x, y] = [truncate(size, a), truncate(size, b)];
  const sum = x + y + carry;
  const exact = signed(size, x) + signed(size, y) + carry;
  return resultFlags(size, sum) | (sum >> BigInt(size * 8) ? CF : 0) |
    ((x & 15n) + (y & 15n) + carry > 15n ? AF : 0) | (exact !== signed(size, exact) ? OF : 0);
}

/** All six flags of `a - b - borrow`. */
function subtractionFlags(size: OperandBytes, a: bigint, b: bigint, borrow: bigint): number {
  const [x, y] = [truncate(size, a), truncate(size, b)];
  const exact = signed(size, x) - signed(size, y) - borrow;
  return resultFlags(size, x - y - borrow) | (x < y + borrow ? CF : 0) |
    ((x & 15n) < (y & 15n) + borrow ? AF : 0) | (exact !== signed(size, exact) ? OF : 0);
}

interface Case {
  readonly name: string;
  readonly opcode: number;
  result(a: bigint, b: bigint, carry: bigint): bigint;
  flags(size: OperandBytes, a: bigint, b: bigint, carry: bigint): number;
}

const CASES: readonly Case[] = [
  {
    name: "ADD",
    opcode: 0x01,
    result: (a, b) => a + b,
    flags: (size, a, b) => additionFlags(size, a, b, 0n),
  },
  { name: "ADC", opcode: 0x11, result: (a, b, c) => a + b + c, flags: additionFlags },
  {
    name: "SUB",
    opcode: 0x29,
    result: (a, b) => a - b,
    flags: (size, a, b) => subtractionFlags(size, a, b, 0n),
  },
  { name: "SBB", opcode: 0x19, result: (a, b, c) => a - b - c, flags: subtractionFlags },
  {
    name: "CMP",
    opcode: 0x39,
    result: (a) => a,
    flags: (size, a, b) => subtractionFlags(size, a, b, 0n),
  },
];

for (const { name, opcode, result, flags } of CASES) {
  Deno.test(`${name} gives the sum or difference and all six flags`, () => {
    const cpu = new BareCpu(64);
    fc.assert(
      fc.property(fc.constantFrom(...SIZES), word64, word64, anyFlags, (size, a, b, before) => {
        cpu.set(RBX, a);
        cpu.set(RCX, b);
        cpu.flags = before;
        strictEqual(cpu.run(registers([opcode], size, RCX, RBX)), -1);
        const carry = BigInt(before & CF);
        strictEqual(cpu.get(RBX), name === "CMP" ? a : merged(size, a, result(a, b, carry)));
        strictEqual(cpu.get(RCX), b);
        strictEqual(cpu.flags, flags(size, a, b, carry));
      }),
      FIXED,
    );
  });
}

Deno.test("INC and DEC set all flags but CF", () => {
  const cpu = new BareCpu(64);
  fc.assert(
    fc.property(
      fc.constantFrom(...SIZES),
      word64,
      anyFlags,
      fc.boolean(),
      (size, a, before, up) => {
        cpu.set(RBX, a);
        cpu.flags = before;
        cpu.run(registers([0xff], size, up ? 0 : 1, RBX));
        strictEqual(cpu.get(RBX), merged(size, a, up ? a + 1n : a - 1n));
        const expected = (up ? additionFlags : subtractionFlags)(size, a, 1n, 0n);
        strictEqual(cpu.flags, (expected & ~CF) | (before & CF));
      },
    ),
    FIXED,
  );
});

Deno.test("NEG subtracts from zero", () => {
  const cpu = new BareCpu(64);
  fc.assert(
    fc.property(fc.constantFrom(...SIZES), word64, anyFlags, (size, a, before) => {
      cpu.set(RBX, a);
      cpu.flags = before;
      cpu.run(registers([0xf7], size, 3, RBX));
      strictEqual(cpu.get(RBX), merged(size, a, -a));
      strictEqual(cpu.flags, subtractionFlags(size, 0n, a, 0n));
    }),
    FIXED,
  );
});

Deno.test("XADD leaves the sum in the destination and the old destination in the source", () => {
  const cpu = new BareCpu(64);
  fc.assert(
    fc.property(fc.constantFrom(...SIZES), word64, word64, (size, a, b) => {
      cpu.set(RBX, a);
      cpu.set(RCX, b);
      cpu.run(registers([0x0f, 0xc1], size, RCX, RBX));
      deepStrictEqual(
        [cpu.get(RBX), cpu.get(RCX), cpu.flags],
        [merged(size, a, a + b), merged(size, b, a), additionFlags(size, a, b, 0n)],
      );
    }),
    FIXED,
  );
});

Deno.test("CMPXCHG writes only what it changes, and compares the accumulator", () => {
  const cpu = new BareCpu(64);
  const accumulator = fc.oneof(word64, fc.constant(undefined));
  fc.assert(
    fc.property(fc.constantFrom(...SIZES), accumulator, word64, word64, (size, given, a, b) => {
      const old = given ?? a;
      cpu.set(RAX, old);
      cpu.set(RBX, a);
      cpu.set(RCX, b);
      cpu.run(registers([0x0f, 0xb1], size, RCX, RBX));
      const isEqual = truncate(size, old) === truncate(size, a);
      deepStrictEqual(
        [cpu.get(RAX), cpu.get(RBX), cpu.get(RCX), cpu.flags],
        [
          isEqual ? old : merged(size, old, a),
          isEqual ? merged(size, a, b) : a,
          b,
          subtractionFlags(size, old, a, 0n),
        ],
      );
    }),
    FIXED,
  );
});

Deno.test("CMPXCHG16B exchanges on a match, loads on a mismatch, and wants alignment", () => {
  const cpu = new BareCpu(64);
  const { view } = cpu.memory;
  const at = 0x10_0000 + 0x2000;
  const bytes = [0x48, 0x0f, 0xc7, 0x0e]; // cmpxchg16b [rsi]
  view.setBigUint64(at, 5n, true);
  view.setBigUint64(at + 8, 6n, true);
  cpu.set(6, 0x2000n);
  cpu.set(RAX, 5n);
  cpu.set(RDX, 7n);
  cpu.set(RBX, 11n);
  cpu.set(RCX, 12n);
  cpu.flags = CF | ZF;
  strictEqual(cpu.run(bytes), -1);
  deepStrictEqual([cpu.get(RAX), cpu.get(RDX), cpu.flags], [5n, 6n, CF]);
  strictEqual(cpu.run(bytes), -1);
  deepStrictEqual([cpu.get(RAX), cpu.get(RDX), cpu.flags], [5n, 6n, CF | ZF]);
  deepStrictEqual([view.getBigUint64(at, true), view.getBigUint64(at + 8, true)], [11n, 12n]);
  cpu.set(6, 0x2008n);
  strictEqual(cpu.run(bytes), 13);
});

Deno.test("ADCX and ADOX carry through one flag and leave the others", () => {
  const cpu = new BareCpu(64);
  fc.assert(
    fc.property(
      fc.constantFrom<OperandBytes>(4, 8),
      word64,
      word64,
      anyFlags,
      fc.boolean(),
      (size, a, b, before, isAdcx) => {
        const flag = isAdcx ? CF : OF;
        cpu.set(RBX, a);
        cpu.set(RCX, b);
        cpu.flags = before;
        cpu.run(registers([0x0f, 0x38, 0xf6], size, RBX, RCX, [isAdcx ? 0x66 : 0xf3]));
        const sum = truncate(size, a) + truncate(size, b) + (before & flag ? 1n : 0n);
        strictEqual(cpu.get(RBX), truncate(size, sum));
        strictEqual(cpu.flags, (before & ~flag) | (sum >> BigInt(size * 8) ? flag : 0));
      },
    ),
    FIXED,
  );
});

Deno.test("XADD and CMPXCHG work in memory, which they write before registers", () => {
  const cpu = new BareCpu(64);
  const { view } = cpu.memory;
  const at = 0x10_0000 + 0x2000;
  fc.assert(
    fc.property(word64, word64, fc.oneof(word64, fc.constant(undefined)), (a, b, given) => {
      const old = given ?? a;
      cpu.set(6, 0x2000n);
      cpu.set(RAX, old);
      cpu.set(RCX, b);
      view.setBigUint64(at, a, true);
      cpu.run([0x48, 0x0f, 0xb1, 0x0e]); // cmpxchg [rsi], rcx
      deepStrictEqual(
        [view.getBigUint64(at, true), cpu.get(RAX), cpu.flags],
        [old === a ? b : a, a, subtractionFlags(8, old, a, 0n)],
      );
      view.setBigUint64(at, a, true);
      cpu.run([0x48, 0x0f, 0xc1, 0x0e]); // xadd [rsi], rcx
      deepStrictEqual(
        [view.getBigUint64(at, true), cpu.get(RCX), cpu.flags],
        [truncate(8, a + b), a, additionFlags(8, a, b, 0n)],
      );
    }),
    FIXED,
  );
  cpu.set(RBX, 3n);
  cpu.run([0x48, 0x0f, 0xc1, 0xdb]); // xadd rbx, rbx
  strictEqual(cpu.get(RBX), 6n);
  cpu.set(6, 1n << 63n);
  const before = [cpu.get(RAX), cpu.get(RCX), cpu.flags];
  for (const opcode of [0xb1, 0xc1]) strictEqual(cpu.run([0x48, 0x0f, opcode, 0x0e]), 13);
  deepStrictEqual([cpu.get(RAX), cpu.get(RCX), cpu.flags], before);
});
