/** RCL and RCR: rotations of a value together with CF, 9, 17, 33 or 65 bits wide. */
import type { Builder } from "../builder.ts";
import type { Value } from "../microop.ts";
import { bits } from "./common.ts";
import { type Shifted, topTwoDiffer } from "./shifts.ts";

/** RCL by a count from 1 to 31 (63). */
export function rotateCarryLeft(b: Builder, value: Value, count: Value): Shifted {
  const { result, carry } = bits(value) < 32
    ? rotateNarrow(b, value, remainder(b, count, bits(value) + 1))
    : rotateWideLeft(b, value, count);
  return { result, carry, overflow: b.xor(b.sign(result), carry) };
}

/** RCR by a count from 1 to 31 (63). */
export function rotateCarryRight(b: Builder, value: Value, count: Value): Shifted {
  const around = bits(value) + 1;
  const { result, carry } = around < 32
    ? rotateNarrow(b, value, b.sub(b.constant(4, around), remainder(b, count, around)))
    : rotateWideRight(b, value, count);
  return { result, carry, overflow: topTwoDiffer(b, result) };
}

/** Rotates 9 or 17 bits to the left, by 0 to 9 or 17. */
function rotateNarrow(b: Builder, value: Value, count: Value): { result: Value; carry: Value } {
  const width = bits(value);
  const whole = b.or(b.zext(value, 4), b.shl(b.flag("C"), b.constant(4, width)));
  const down = b.sub(b.constant(4, width + 1), count);
  const rotated = b.or(b.shl(whole, count), b.shr(whole, down));
  return {
    result: b.trunc(rotated, value.size),
    carry: b.shr(rotated, b.constant(4, width)),
  };
}

/** The value comes in from below CF, so its first bit goes two ways down: by 1 and the rest. */
function rotateWideLeft(b: Builder, value: Value, count: Value): { result: Value; carry: Value } {
  const one = b.constant(4, 1);
  const rest = b.sub(b.constant(4, bits(value)), count);
  const carryIn = b.shl(b.resize(b.flag("C"), value.size), b.sub(count, one));
  const around = b.shr(b.shr(value, one), rest);
  return {
    result: b.or(b.or(b.shl(value, count), carryIn), around),
    carry: b.resize(b.shr(value, rest), 4),
  };
}

function rotateWideRight(b: Builder, value: Value, count: Value): { result: Value; carry: Value } {
  const one = b.constant(4, 1);
  const rest = b.sub(b.constant(4, bits(value)), count);
  const carryIn = b.shl(b.resize(b.flag("C"), value.size), rest);
  const around = b.shl(b.shl(value, one), rest);
  return {
    result: b.or(b.or(b.shr(value, count), carryIn), around),
    carry: b.resize(b.shr(value, b.sub(count, one)), 4),
  };
}

/** A count below 32 modulo 9 or 17. */
function remainder(b: Builder, count: Value, divisor: number): Value {
  // 57 / 512 and 61 / 1024 are just above 1/9 and 1/17: exact for numbers this small.
  const [factor, shift] = divisor === 9 ? [57, 9] : [61, 10];
  const quotient = b.shr(b.mul(count, b.constant(4, factor)), b.constant(4, shift));
  return b.sub(count, b.mul(quotient, b.constant(4, divisor)));
}
