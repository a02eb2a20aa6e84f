/**
 * BMI1 and BMI2. The manual leaves AF and PF open; the processor sets PF from the result and
 * clears AF. BEXTR sets AF, and clears SF whatever the result.
 *
 * @see Intel SDM Vol. 1, "BMI1 and BMI2 Instructions"
 */
import type { Builder } from "../builder.ts";
import type { Value } from "../microop.ts";
import { bits, clearFlags, raiseFlags, vexEncoded } from "./common.ts";
import type { SemanticsFamily } from "./semantics.ts";

export const BMI: SemanticsFamily = {
  andn: vexEncoded((b, [destination, inverted, source]) => {
    const result = b.and(b.not(b.read(inverted)), b.read(source));
    b.write(destination, result);
    b.flagsLogic(result);
  }),

  /** Bits `start` … `start + length - 1`, of which those beyond the source are zero. */
  bextr: vexEncoded((b, [destination, source, control]) => {
    const value = b.read(source);
    const selector = b.resize(b.read(control), 4);
    const start = b.and(selector, b.constant(4, 0xff));
    const length = b.and(b.shr(selector, b.constant(4, 8)), b.constant(4, 0xff));
    const zero = b.constant(value.size, 0);
    const shifted = b.select(within(b, start, value), b.shr(value, modulo(b, start, value)), zero);
    const result = lowBits(b, shifted, length);
    b.write(destination, result);
    b.flagsResult(result);
    clearFlags(b, "C", "O", "S");
    raiseFlags(b, "A");
  }),

  /** Resets the lowest set bit. */
  blsr: vexEncoded((b, [destination, source]) => {
    const value = b.read(source);
    const less = b.sub(value, b.constant(value.size, 1));
    const result = b.and(value, less);
    b.write(destination, result);
    b.flagsLogic(result);
    b.setFlag("C", b.isZero(value));
  }),

  /** A mask up to and with the lowest set bit. */
  blsmsk: vexEncoded((b, [destination, source]) => {
    const value = b.read(source);
    const less = b.sub(value, b.constant(value.size, 1));
    const result = b.xor(value, less);
    b.write(destination, result);
    b.flagsLogic(result);
    b.setFlag("C", b.isZero(value));
  }),

  /** The lowest set bit alone. */
  blsi: vexEncoded((b, [destination, source]) => {
    const value = b.read(source);
    const zero = b.constant(value.size, 0);
    const result = b.and(value, b.sub(zero, value));
    b.write(destination, result);
    b.flagsLogic(result);
    b.setFlag("C", b.compare("ne", value, zero));
  }),

  /** The bits below an index; CF says that the index was beyond all. */
  bzhi: vexEncoded((b, [destination, source, control]) => {
    const value = b.read(source);
    const index = b.and(b.resize(b.read(control), 4), b.constant(4, 0xff));
    const result = lowBits(b, value, index);
    const beyond = b.isZero(within(b, index, value));
    b.write(destination, result);
    b.flagsLogic(result);
    b.setFlag("C", beyond);
  }),

  /** Scatters the source's low bits to the mask's set bits. */
  pdep: vexEncoded((b, [destination, source, mask]) => {
    const value = b.read(source);
    b.write(destination, b.callFor(value.size, `deposit${bits(value)}`, value, b.read(mask)));
  }),

  /** Gathers the source's bits at the mask's set bits. */
  pext: vexEncoded((b, [destination, source, mask]) => {
    const value = b.read(source);
    b.write(destination, b.callFor(value.size, `extract${bits(value)}`, value, b.read(mask)));
  }),
};

/** The low `count` (0–255) bits of a value. */
function lowBits(b: Builder, value: Value, count: Value): Value {
  const one = b.constant(value.size, 1);
  const mask = b.sub(b.shl(one, modulo(b, count, value)), one);
  return b.select(within(b, count, value), b.and(value, mask), value);
}

/** Whether a position lies within a value, as 0 or 1. */
function within(b: Builder, position: Value, value: Value): Value {
  return b.compare("ltu", position, b.constant(4, bits(value)));
}

function modulo(b: Builder, position: Value, value: Value): Value {
  return b.and(position, b.constant(4, bits(value) - 1));
}
