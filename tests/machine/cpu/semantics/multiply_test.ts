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
  PF,
  registers,
  SF,
  signed,
  SIZES,
  truncate,
  vex,
  WIDE_SIZES,
  word64,
  ZF,
} from "../../../_support/encode.ts";

const RAX = 0;
const RCX = 1;
const RDX = 2;
const RBX = 3;
const DIVIDE_ERROR = 0;

/** Writes a double-width number to AX, or rDX:rAX. */
function expectDouble(cpu: BareCpu, size: OperandBytes, old: bigint, value: bigint, rdx: bigint) {
  if (size === 1) {
    return deepStrictEqual([cpu.get(RAX), cpu.get(RDX)], [merged(2, old, value), rdx]);
  }
  const high = value >> BigInt(size * 8);
  deepStrictEqual(
    [cpu.get(RAX), cpu.get(RDX)],
    [merged(size, old, value), merged(size, rdx, high)],
  );
}

for (const isSigned of [false, true]) {
  Deno.test(`${isSigned ? "IMUL" : "MUL"} gives the double-width product`, () => {
    const cpu = new BareCpu(64);
    const read = isSigned ? signed : truncate;
    fc.assert(
      fc.property(
        fc.constantFrom(...SIZES),
        word64,
        word64,
        word64,
        anyFlags,
        (size, a, b, d, before) => {
          cpu.set(RAX, a);
          cpu.set(RBX, b);
          cpu.set(RDX, d);
          cpu.flags = before;
          cpu.run(registers([0xf7], size, isSigned ? 5 : 4, RBX));
          const product = read(size, a) * read(size, b);
          expectDouble(cpu, size, a, product, d);
          const isLost = product !== read(size, product);
          strictEqual(cpu.flags, (before & ~(CF | OF)) | (isLost ? CF | OF : 0));
        },
      ),
      FIXED,
    );
  });

  Deno.test(`${isSigned ? "IDIV" : "DIV"} gives quotient and remainder, or #DE`, () => {
    const cpu = new BareCpu(64);
    const read = isSigned ? signed : truncate;
    // Quotients that fit are rare at random: make the dividend from one, sometimes.
    const made = fc.tuple(word64, word64, fc.boolean());
    fc.assert(
      fc.property(fc.constantFrom(...SIZES), word64, made, (size, b, [x, y, isMade]) => {
        const width = BigInt(size * 8);
        const divisor = read(size, b);
        let dividend = read(size * 2, x << width | truncate(size, y));
        if (isMade) dividend = read(size * 2, divisor * read(size, x) + read(size, y) / 2n);
        const bits = BigInt.asUintN(size * 16, dividend);
        cpu.set(RAX, size === 1 ? bits : truncate(size, bits));
        cpu.set(RDX, size === 1 ? 99n : bits >> width);
        cpu.set(RBX, b);
        cpu.flags = CF | OF;
        const before = [cpu.get(RAX), cpu.get(RDX)];
        const vector = cpu.run(registers([0xf7], size, isSigned ? 7 : 6, RBX));
        if (divisor === 0n || dividend / divisor !== read(size, dividend / divisor)) {
          strictEqual(vector, DIVIDE_ERROR);
          deepStrictEqual([cpu.get(RAX), cpu.get(RDX), cpu.flags], [...before, CF | OF]);
          return;
        }
        strictEqual(vector, -1);
        const quotient = truncate(size, dividend / divisor);
        const remainder = truncate(size, dividend % divisor);
        if (size === 1) strictEqual(cpu.get(RAX), remainder << 8n | quotient);
        else {
          deepStrictEqual(
            [cpu.get(RAX), cpu.get(RDX)],
            [merged(size, before[0], quotient), merged(size, before[1], remainder)],
          );
        }
        strictEqual(cpu.flags, CF | OF | AF);
      }),
      { ...FIXED, numRuns: 4000 },
    );
  });
}

Deno.test("IMUL with two and three operands truncates and says so", () => {
  const cpu = new BareCpu(64);
  fc.assert(
    fc.property(
      fc.constantFrom(...WIDE_SIZES),
      word64,
      word64,
      fc.integer({ min: -128, max: 127 }),
      fc.boolean(),
      (size, a, b, immediate, hasThree) => {
        cpu.set(RBX, a);
        cpu.set(RCX, b);
        cpu.flags = ZF | SF | PF | AF;
        const bytes = hasThree
          ? [...registers([0x6b], size, RBX, RCX), immediate & 0xff]
          : registers([0x0f, 0xaf], size, RBX, RCX);
        cpu.run(bytes);
        const product = signed(size, b) * (hasThree ? BigInt(immediate) : signed(size, a));
        strictEqual(cpu.get(RBX), merged(size, a, product));
        const isLost = product !== signed(size, product);
        strictEqual(cpu.flags, ZF | SF | PF | AF | (isLost ? CF | OF : 0));
      },
    ),
    FIXED,
  );
});

Deno.test("MULX gives both halves and no flags; equal destinations get the upper half", () => {
  const cpu = new BareCpu(64);
  fc.assert(
    fc.property(
      fc.constantFrom<OperandBytes>(4, 8),
      word64,
      word64,
      anyFlags,
      (size, d, b, before) => {
        const product = truncate(size, d) * truncate(size, b);
        const high = product >> BigInt(size * 8);
        cpu.set(RDX, d);
        cpu.set(RBX, b);
        cpu.flags = before;
        cpu.run(vex(2, 3, 0xf6, size, RAX, RCX, RBX));
        deepStrictEqual(
          [cpu.get(RAX), cpu.get(RCX), cpu.flags],
          [high, truncate(size, product), before],
        );
        cpu.run(vex(2, 3, 0xf6, size, RAX, RAX, RBX));
        strictEqual(cpu.get(RAX), high);
      },
    ),
    FIXED,
  );
});

Deno.test("IDIV reaches the most negative quotient, and not one beyond the most positive", () => {
  const cpu = new BareCpu(64);
  for (const size of SIZES) {
    const limit = 1n << BigInt(size * 8 - 1);
    for (const [dividend, divisor] of [[-limit, 1n], [limit, -1n], [limit, 1n], [-limit, -1n]]) {
      const bits = BigInt.asUintN(size * 16, dividend);
      cpu.set(RAX, size === 1 ? bits : truncate(size, bits));
      cpu.set(RDX, bits >> BigInt(size * 8));
      cpu.set(RBX, truncate(size, divisor));
      const fits = dividend / divisor === -limit;
      strictEqual(cpu.run(registers([0xf7], size, 7, RBX)), fits ? -1 : DIVIDE_ERROR);
      if (fits) strictEqual(truncate(size, cpu.get(RAX)), limit);
    }
  }
});
