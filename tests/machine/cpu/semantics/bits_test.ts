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
  resultFlags,
  SF,
  truncate,
  vex,
  WIDE_SIZES,
  word64,
  ZF,
} from "../../../_support/encode.ts";

const RCX = 1;
const RDX = 2;
const RBX = 3;
const RSI = 6;
/** Physical address 0 as an offset in the machine's memory. */
const RAM = 0x10_0000;

/** BT BTS BTR BTC with a register, and the extension of the form with an immediate. */
const BIT_TESTS = [
  { name: "BT", opcode: 0xa3, extension: 4, change: (value: bigint) => value },
  { name: "BTS", opcode: 0xab, extension: 5, change: (value: bigint, bit: bigint) => value | bit },
  { name: "BTR", opcode: 0xb3, extension: 6, change: (value: bigint, bit: bigint) => value & ~bit },
  { name: "BTC", opcode: 0xbb, extension: 7, change: (value: bigint, bit: bigint) => value ^ bit },
];

for (const { name, opcode, extension, change } of BIT_TESTS) {
  Deno.test(`${name} takes the bit's number modulo the width in a register`, () => {
    const cpu = new BareCpu(64);
    fc.assert(
      fc.property(
        fc.constantFrom(...WIDE_SIZES),
        word64,
        word64,
        anyFlags,
        fc.boolean(),
        (size, a, index, before, isImmediate) => {
          cpu.set(RBX, a);
          cpu.set(RCX, index);
          cpu.flags = before;
          const number = Number(truncate(1, index));
          cpu.run(
            isImmediate
              ? [...registers([0x0f, 0xba], size, extension, RBX), number]
              : registers([0x0f, opcode], size, RCX, RBX),
          );
          const bit = 1n << (index & BigInt(size * 8 - 1));
          const expected = name === "BT" ? a : merged(size, a, change(truncate(size, a), bit));
          strictEqual(cpu.get(RBX), expected);
          strictEqual(cpu.flags, (before & ~CF) | ((a & bit) === 0n ? 0 : CF));
        },
      ),
      FIXED,
    );
  });

  Deno.test(`${name} with a register reaches bits far below and above its memory operand`, () => {
    const cpu = new BareCpu(64);
    const { u8 } = cpu.memory;
    fc.assert(
      fc.property(
        fc.constantFrom(...WIDE_SIZES),
        fc.integer({ min: -2000, max: 2000 }),
        fc.uint8Array({ minLength: 1024, maxLength: 1024 }),
        (size, index, bytes) => {
          u8.set(bytes, RAM + 0x2000);
          cpu.set(RSI, 0x2200n);
          cpu.set(RCX, BigInt(index));
          cpu.flags = 0;
          const prefix = size === 2 ? [0x66] : size === 8 ? [0x48] : [];
          cpu.run([...prefix, 0x0f, opcode, 0x0e]); // [rsi], cx/ecx/rcx
          const at = 0x200 + Math.floor(index / 8);
          const bit = 1n << BigInt(((index % 8) + 8) % 8);
          strictEqual(cpu.flags, (BigInt(bytes[at]) & bit) === 0n ? 0 : CF);
          const expected = bytes.slice();
          expected[at] = Number(truncate(1, change(BigInt(bytes[at]), bit)));
          deepStrictEqual(u8.slice(RAM + 0x2000, RAM + 0x2400), expected);
        },
      ),
      FIXED,
    );
  });
}

/** Binary digits, most significant first, as many as the width. */
function digits(size: number, value: bigint): string {
  return truncate(size, value).toString(2).padStart(size * 8, "0");
}

Deno.test("BSF and BSR find the ends; zero leaves the destination alone", () => {
  const cpu = new BareCpu(64);
  fc.assert(
    fc.property(
      fc.constantFrom(...WIDE_SIZES),
      word64,
      word64,
      fc.boolean(),
      (size, a, old, isForward) => {
        cpu.set(RBX, old);
        cpu.set(RCX, a);
        cpu.flags = CF | OF | SF | AF;
        cpu.run(registers([0x0f, isForward ? 0xbc : 0xbd], size, RBX, RCX));
        const text = digits(size, a);
        const index = size * 8 - 1 - (isForward ? text.lastIndexOf("1") : text.indexOf("1"));
        if (!text.includes("1")) {
          return deepStrictEqual([cpu.get(RBX), cpu.flags], [old, ZF | PF]);
        }
        strictEqual(cpu.get(RBX), merged(size, old, BigInt(index)));
        strictEqual(cpu.flags, resultFlags(size, BigInt(index)) & PF);
      },
    ),
    FIXED,
  );
});

Deno.test("TZCNT, LZCNT and POPCNT count, and have their own flags", () => {
  const cpu = new BareCpu(64);
  fc.assert(
    fc.property(
      fc.constantFrom(...WIDE_SIZES),
      word64,
      word64,
      anyFlags,
      fc.constantFrom(0xbc, 0xbd, 0xb8),
      (size, a, old, before, opcode) => {
        cpu.set(RBX, old);
        cpu.set(RCX, a);
        cpu.flags = before;
        const bytes = registers([0x0f, opcode], size, RBX, RCX);
        cpu.run(size === 2 ? [0x66, 0xf3, ...bytes.slice(1)] : [0xf3, ...bytes]);
        const text = digits(size, a);
        const count = opcode === 0xb8
          ? text.replaceAll("0", "").length
          : opcode === 0xbc
          ? text.length - 1 - text.lastIndexOf("1")
          : text.includes("1")
          ? text.indexOf("1")
          : text.length;
        strictEqual(cpu.get(RBX), merged(size, old, BigInt(count)));
        const isZero = !text.includes("1");
        strictEqual(
          cpu.flags,
          opcode === 0xb8
            ? (isZero ? ZF : 0)
            : (before & OF) | (isZero ? CF : 0) | (count === 0 ? ZF : 0),
        );
      },
    ),
    FIXED,
  );
});

/** The result of each BMI instruction from two sources, and its flags. */
const BMI: Readonly<
  Record<string, {
    encode(size: OperandBytes): number[];
    result(a: bigint, b: bigint, width: number): bigint;
    flags?(result: bigint, a: bigint, b: bigint, width: number, size: number): number;
  }>
> = {
  // Destination RDX, first source RBX, second source RCX.
  andn: {
    encode: (size) => vex(2, 0, 0xf2, size, RDX, RBX, RCX),
    result: (a, b) => ~a & b,
    flags: (result, _a, _b, _width, size) => resultFlags(size, result),
  },
  blsr: {
    encode: (size) => vex(2, 0, 0xf3, size, 1, RDX, RBX),
    result: (a) => a & (a - 1n),
    flags: (result, a, _b, _width, size) => resultFlags(size, result) | (a === 0n ? CF : 0),
  },
  blsmsk: {
    encode: (size) => vex(2, 0, 0xf3, size, 2, RDX, RBX),
    result: (a) => a ^ (a - 1n),
    flags: (result, a, _b, _width, size) => resultFlags(size, result) | (a === 0n ? CF : 0),
  },
  blsi: {
    encode: (size) => vex(2, 0, 0xf3, size, 3, RDX, RBX),
    result: (a) => a & -a,
    flags: (result, a, _b, _width, size) => resultFlags(size, result) | (a === 0n ? 0 : CF),
  },
  bextr: {
    encode: (size) => vex(2, 0, 0xf7, size, RDX, RCX, RBX),
    result: (a, b) => (a >> (b & 0xffn)) & ((1n << (b >> 8n & 0xffn)) - 1n),
    flags: (result, _a, _b, _width, size) => (resultFlags(size, result) & ~SF) | AF,
  },
  bzhi: {
    encode: (size) => vex(2, 0, 0xf5, size, RDX, RCX, RBX),
    result: (a, b) => a & ((1n << (b & 0xffn)) - 1n),
    flags: (result, _a, b, width, size) =>
      resultFlags(size, result) | (Number(b & 0xffn) >= width ? CF : 0),
  },
  pdep: {
    encode: (size) => vex(2, 3, 0xf5, size, RDX, RBX, RCX),
    result: (a, mask, width) => {
      let result = 0n;
      let from = 0n;
      for (let i = 0n; i < width; i++) {
        if ((mask >> i & 1n) === 1n) result |= (a >> from++ & 1n) << i;
      }
      return result;
    },
  },
  pext: {
    encode: (size) => vex(2, 2, 0xf5, size, RDX, RBX, RCX),
    result: (a, mask, width) => {
      let result = 0n;
      let to = 0n;
      for (let i = 0n; i < width; i++) {
        if ((mask >> i & 1n) === 1n) result |= (a >> i & 1n) << to++;
      }
      return result;
    },
  },
};

for (const [name, { encode, result, flags }] of Object.entries(BMI)) {
  Deno.test(`${name.toUpperCase()} agrees with its definition`, () => {
    const cpu = new BareCpu(64);
    fc.assert(
      fc.property(
        fc.constantFrom<OperandBytes>(4, 8),
        word64,
        word64,
        anyFlags,
        (size, wideA, wideB, before) => {
          const [a, b] = [truncate(size, wideA), truncate(size, wideB)];
          cpu.set(RBX, wideA);
          cpu.set(RCX, wideB);
          cpu.flags = before;
          cpu.run(encode(size));
          const expected = truncate(size, result(a, b, size * 8));
          strictEqual(cpu.get(RDX), expected);
          strictEqual(cpu.flags, flags?.(expected, a, b, size * 8, size) ?? before);
        },
      ),
      FIXED,
    );
  });
}

Deno.test("BMI's VEX instructions are #UD in real mode", () => {
  const cpu = new BareCpu(32);
  cpu.state.setPair(0xb0, 0x10, 0); // CR0.PE clear
  cpu.state.refreshMode();
  strictEqual(cpu.run(vex(2, 0, 0xf2, 4, RDX, RBX, RCX)), 6);
});

Deno.test("BEXTR of everything clears SF even when the highest bit is set", () => {
  const cpu = new BareCpu(64);
  cpu.set(RBX, 1n << 63n);
  cpu.set(RCX, 64n << 8n);
  cpu.run(vex(2, 0, 0xf7, 8, RDX, RCX, RBX));
  deepStrictEqual([cpu.get(RDX), cpu.flags], [1n << 63n, PF | AF]);
});
