/**
 * SHLD and SHRD. The manual leaves 16-bit operands with a count above 16 open; the processor
 * goes on with the source once more: it shifts destination:source:source, and clears CF.
 */
import type { Builder } from "../builder.ts";
import type { Value } from "../microop.ts";
import { bits } from "./common.ts";
import { type Shifted, topTwoDiffer } from "./shifts.ts";

/** SHLD by a count from 1 to 31 (63): `filler` comes in from the right. */
export function doubleLeft(b: Builder, value: Value, filler: Value, count: Value): Shifted {
  const width = bits(value);
  if (width === 16) {
    const sixteen = b.constant(4, 16);
    const alone = b.shl(b.zext(value, 4), count);
    const upper = b.shl(window(b, value, filler, count), sixteen);
    const both = b.or(upper, b.zext(filler, 4));
    const shifted = b.shl(both, b.and(count, b.constant(4, 15)));
    const carry = b.shr(alone, sixteen);
    return {
      result: b.trunc(b.shr(shifted, sixteen), 2),
      carry,
      // Of the destination alone, even when only the filler is left.
      overflow: b.xor(b.shr(alone, b.constant(4, 15)), carry),
    };
  }
  const rest = b.sub(b.constant(4, width), count);
  const result = b.or(b.shl(value, count), b.shr(filler, rest));
  const carry = b.resize(b.shr(value, rest), 4);
  return { result, carry, overflow: b.xor(b.sign(result), carry) };
}

/** SHRD by a count from 1 to 31 (63): `filler` comes in from the left. */
export function doubleRight(b: Builder, value: Value, filler: Value, count: Value): Shifted {
  const width = bits(value);
  const before = b.sub(count, b.constant(4, 1));
  if (width === 16) {
    const upper = b.shl(b.zext(filler, 4), b.constant(4, 16));
    const both = b.or(upper, window(b, value, filler, count));
    const result = b.trunc(b.shr(both, b.and(count, b.constant(4, 15))), 2);
    const carry = b.shr(b.zext(value, 4), before);
    return { result, carry, overflow: topTwoDiffer(b, result) };
  }
  const rest = b.sub(b.constant(4, width), count);
  const result = b.or(b.shr(value, count), b.shl(filler, rest));
  const carry = b.resize(b.shr(value, before), 4);
  return { result, carry, overflow: topTwoDiffer(b, result) };
}

/** The 16 bits, size 4, that a shift by the count modulo 16 starts from. */
function window(b: Builder, value: Value, filler: Value, count: Value): Value {
  const beyond = b.compare("leu", b.constant(4, 16), count);
  return b.zext(b.select(beyond, filler, value), 4);
}
