/** Machine code of one instruction in 64-bit code, for tests that choose operands at random. */
import * as fc from "fast-check";

export type OperandBytes = 1 | 2 | 4 | 8;

/** Sizes of a byte-or-more instruction, and of one that has no byte form. */
export const SIZES: readonly OperandBytes[] = [1, 2, 4, 8];
export const WIDE_SIZES: readonly OperandBytes[] = [2, 4, 8];

/** Every property runs with this seed: the same cases each time. */
export const FIXED = { seed: 0x51_11_c0, numRuns: 300 } as const;

/**
 * Encodes an opcode with two registers.
 *
 * @param opcode Its bytes for 2 to 8 byte operands; a byte form is the last byte minus 1.
 * @param reg The ModRM byte's reg field: register 0–3 or opcode extension 0–7.
 * @param rm Register 0–3.
 */
export function registers(
  opcode: readonly number[],
  size: OperandBytes,
  reg: number,
  rm: number,
  prefix: readonly number[] = [],
): number[] {
  const last = opcode.at(-1)! - (size === 1 ? 1 : 0);
  return [
    ...prefix,
    ...(size === 2 ? [0x66] : []),
    ...(size === 8 ? [0x48] : []),
    ...opcode.slice(0, -1),
    last,
    0xc0 | reg << 3 | rm,
  ];
}

/**
 * Encodes a VEX instruction of three registers (4 or 8 bytes).
 *
 * @param map 2 for 0F 38, 3 for 0F 3A.
 * @param pp 0–3: no prefix, 66, F3, F2.
 */
export function vex(
  map: number,
  pp: number,
  opcode: number,
  size: OperandBytes,
  reg: number,
  vvvv: number,
  rm: number,
): number[] {
  const w = size === 8 ? 0x80 : 0;
  return [0xc4, 0xe0 | map, w | (~vvvv & 15) << 3 | pp, opcode, 0xc0 | reg << 3 | rm];
}

/** 64-bit numbers, biased to the edges of all sizes. */
export const word64: fc.Arbitrary<bigint> = fc.oneof(
  fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
  fc.bigInt({ min: 0n, max: 300n }),
  fc.bigInt({ min: 1n, max: 300n }).map((value) => (1n << 64n) - value),
  fc.integer({ min: 0, max: 63 }).map((bit) => 1n << BigInt(bit)),
  fc.integer({ min: 0, max: 64 }).map((bit) => (1n << BigInt(bit)) - 1n),
);

/** The six arithmetic flags at their places in RFLAGS, in every combination. */
export const anyFlags: fc.Arbitrary<number> = fc.integer({ min: 0, max: 63 }).map((n) =>
  n & 1 | (n & 2) << 1 | (n & 4) << 2 | (n & 8) << 3 | (n & 16) << 3 | (n & 32) << 6
);

/** Bits of RFLAGS, from the manual. */
export const CF = 1;
export const PF = 4;
export const AF = 0x10;
export const ZF = 0x40;
export const SF = 0x80;
export const OF = 0x800;

export const truncate = (size: number, value: bigint) => BigInt.asUintN(size * 8, value);
export const signed = (size: number, value: bigint) => BigInt.asIntN(size * 8, value);

/** What a register holds after `value` of `size` bytes was written to it. */
export function merged(size: number, old: bigint, value: bigint): bigint {
  if (size >= 4) return truncate(size, value);
  return old >> BigInt(size * 8) << BigInt(size * 8) | truncate(size, value);
}

/** ZF, SF and PF of a result. */
export function resultFlags(size: number, value: bigint): number {
  const result = truncate(size, value);
  const ones = [...(result & 0xffn).toString(2)].filter((digit) => digit === "1").length;
  return (result === 0n ? ZF : 0) | (signed(size, result) < 0n ? SF : 0) |
    (ones % 2 === 0 ? PF : 0);
}
