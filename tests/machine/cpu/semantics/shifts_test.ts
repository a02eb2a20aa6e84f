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
  SIZES,
  truncate,
  vex,
  WIDE_SIZES,
  word64,
} from "../../../_support/encode.ts";

const RCX = 1;
const RDX = 2;
const RBX = 3;

/** A value with the carry beside it. */
interface Carried {
  readonly value: bigint;
  readonly carry: bigint;
}

/** Each shift as the manual has it: one bit at a time. `top` is the place of the highest bit. */
const STEPS: Readonly<Record<string, (state: Carried, top: bigint) => Carried>> = {
  rol: ({ value }, top) => {
    const carry = value >> top;
    return { value: (value << 1n & (2n << top) - 1n) | carry, carry };
  },
  ror: ({ value }, top) => ({ value: value >> 1n | (value & 1n) << top, carry: value & 1n }),
  rcl: ({ value, carry }, top) => ({
    value: (value << 1n & (2n << top) - 1n) | carry,
    carry: value >> top,
  }),
  rcr: ({ value, carry }, top) => ({ value: value >> 1n | carry << top, carry: value & 1n }),
  shl: ({ value }, top) => ({ value: value << 1n & (2n << top) - 1n, carry: value >> top }),
  shr: ({ value }) => ({ value: value >> 1n, carry: value & 1n }),
  sar: ({ value }, top) => ({ value: value >> 1n | value >> top << top, carry: value & 1n }),
};
const EXTENSION = { rol: 0, ror: 1, rcl: 2, rcr: 3, shl: 4, shr: 5, sar: 7 };

/** OF by the rule for a count of 1, which the processor applies to the result of any. */
function overflow(name: string, { value, carry }: Carried, top: bigint): number {
  const highest = value >> top;
  const next = value >> (top - 1n) & 1n;
  const isLeft = name.endsWith("l");
  return (isLeft ? highest ^ carry : highest ^ next) === 1n ? OF : 0;
}

for (const [name, extension] of Object.entries(EXTENSION)) {
  Deno.test(`${name.toUpperCase()} by CL, by an immediate and by 1 is that many steps`, () => {
    const cpu = new BareCpu(64);
    fc.assert(
      fc.property(
        fc.constantFrom(...SIZES),
        word64,
        fc.integer({ min: 0, max: 255 }),
        anyFlags,
        fc.constantFrom("cl", "immediate", "one"),
        (size, a, given, before, form) => {
          const n = (form === "one" ? 1 : given) & (size === 8 ? 63 : 31);
          cpu.set(RBX, a);
          cpu.set(RCX, BigInt(given));
          cpu.flags = before;
          const opcode = { cl: 0xd3, immediate: 0xc1, one: 0xd1 }[form];
          const bytes = registers([opcode], size, extension, RBX);
          strictEqual(cpu.run(form === "immediate" ? [...bytes, given] : bytes), -1);
          const top = BigInt(size * 8 - 1);
          let state: Carried = { value: truncate(size, a), carry: BigInt(before & CF) };
          for (let i = 0; i < n; i++) state = STEPS[name](state, top);
          strictEqual(cpu.get(RBX), merged(size, a, state.value));
          if (n === 0) return strictEqual(cpu.flags, before);
          const isShift = name.startsWith("s");
          const kept = isShift ? resultFlags(size, state.value) | AF : before & ~(CF | OF);
          strictEqual(cpu.flags, kept | Number(state.carry) | overflow(name, state, top));
        },
      ),
      FIXED,
    );
  });
}

Deno.test("SHLD and SHRD move bits from the source into the destination", () => {
  const cpu = new BareCpu(64);
  fc.assert(
    fc.property(
      fc.constantFrom(...WIDE_SIZES),
      word64,
      word64,
      fc.integer({ min: 0, max: 255 }),
      fc.boolean(),
      (size, a, b, given, isLeft) => {
        const n = BigInt(given & (size === 8 ? 63 : 31));
        const width = BigInt(size * 8);
        fc.pre(n <= width);
        cpu.set(RBX, a);
        cpu.set(RDX, b);
        cpu.set(RCX, BigInt(given));
        cpu.flags = 0;
        cpu.run([...registers([0x0f, isLeft ? 0xa5 : 0xad], size, RDX, RBX)]);
        const [x, y] = [truncate(size, a), truncate(size, b)];
        const both = isLeft ? x << width | y : y << width | x;
        const value = isLeft ? both << n >> width : both >> n;
        strictEqual(cpu.get(RBX), merged(size, a, value));
        if (n === 0n) return strictEqual(cpu.flags, 0);
        const carry = Number((isLeft ? x >> (width - n) : x >> (n - 1n)) & 1n);
        const defined = resultFlags(size, value) | AF | carry;
        strictEqual(cpu.flags & ~OF, defined);
      },
    ),
    FIXED,
  );
});

Deno.test("SHLD of 16 bits by more than 16 goes on with the source, as the processor does", () => {
  const cpu = new BareCpu(64);
  // Seen on an AMD EPYC (Zen 4): shld bx, dx, 20.
  cpu.set(RBX, 0xb692n);
  cpu.set(RDX, 0x9545n);
  cpu.run([0x66, 0x0f, 0xa4, 0xd3, 20]);
  strictEqual(cpu.get(RBX), 0x5459n);
  strictEqual(cpu.flags & (CF | OF), 0);
  cpu.set(RBX, 0x7b16n);
  cpu.set(RDX, 0x419an);
  cpu.run([0x66, 0x0f, 0xac, 0xd3, 20]);
  strictEqual(cpu.get(RBX), 0xa419n);
});

Deno.test("A 32-bit shift by 0 clears the upper half and changes no flag", () => {
  for (const bytes of [[0xc1, 0xe3, 0x20], [0xd3, 0xe3], [0xd3, 0xd3], [0x0f, 0xa5, 0xd3]]) {
    const cpu = new BareCpu(64);
    cpu.set(RBX, 0xdead_beef_0000_0005n);
    cpu.flags = CF | AF;
    cpu.run(bytes);
    deepStrictEqual([cpu.get(RBX), cpu.flags], [5n, CF | AF]);
  }
});

Deno.test("SHLX, SHRX, SARX and RORX change no flags", () => {
  const cpu = new BareCpu(64);
  fc.assert(
    fc.property(
      fc.constantFrom<OperandBytes>(4, 8),
      word64,
      fc.integer({ min: 0, max: 255 }),
      anyFlags,
      (size, a, given, before) => {
        const width = BigInt(size * 8);
        const n = BigInt(given) & (width - 1n);
        const x = truncate(size, a);
        cpu.set(RBX, a);
        cpu.set(RCX, BigInt(given));
        cpu.flags = before;
        const results = [1, 3, 2].map((pp) => {
          cpu.run(vex(2, pp, 0xf7, size, RDX, RCX, RBX));
          return cpu.get(RDX);
        });
        cpu.run([...vex(3, 3, 0xf0, size, RDX, 0, RBX), given]);
        const rotated = cpu.get(RDX);
        deepStrictEqual(results, [
          truncate(size, x << n),
          x >> n,
          truncate(size, BigInt.asIntN(size * 8, x) >> n),
        ]);
        strictEqual(rotated, truncate(size, x >> n | x << (width - n)));
        strictEqual(cpu.flags, before);
      },
    ),
    FIXED,
  );
});
