/**
 * Shifts and rotates.
 *
 * The count is masked to 5 bits (6 for 64-bit operands); 0 changes no flag, though memory is
 * written all the same and a 32-bit register still loses its upper half. Flags that the manual
 * leaves open, as the processor has them: OF is defined for any count as it is for 1, and shifts
 * set AF.
 *
 * @see Intel SDM Vol. 1, "Shift and Rotate Instructions"
 */
import type { Builder } from "../builder.ts";
import type { Operand } from "../decode/instruction.ts";
import type { Value } from "../microop.ts";
import { bits, GPR, raiseFlags, vexEncoded } from "./common.ts";
import { doubleLeft, doubleRight } from "./double_shifts.ts";
import { rotateCarryLeft, rotateCarryRight } from "./rotate_carry.ts";
import type { SemanticsFamily } from "./semantics.ts";

/** What a shift comes to: all flags that it changes besides ZF, SF and PF. */
export interface Shifted {
  readonly result: Value;
  /** CF and OF in bit 0, size 4. */
  readonly carry: Value;
  readonly overflow: Value;
}

/** @param count Size 4, from 1 to the mask's maximum: for 8 and 16 bits it can exceed the width. */
type Shift = (b: Builder, value: Value, count: Value) => Shifted;

export const SHIFTS: SemanticsFamily = {
  shl: (b, [destination, count]) => shift(b, destination, count, left, true),
  shr: (b, [destination, count]) => shift(b, destination, count, right, true),
  sar: (b, [destination, count]) => shift(b, destination, count, arithmeticRight, true),
  rol: (b, [destination, count]) => shift(b, destination, count, rotateLeft, false),
  ror: (b, [destination, count]) => shift(b, destination, count, rotateRight, false),
  rcl: (b, [destination, count]) => shift(b, destination, count, rotateCarryLeft, false),
  rcr: (b, [destination, count]) => shift(b, destination, count, rotateCarryRight, false),
  shld: (b, [destination, source, count]) => {
    const filler = b.read(source);
    shift(b, destination, count, (b, value, n) => doubleLeft(b, value, filler, n), true);
  },
  shrd: (b, [destination, source, count]) => {
    const filler = b.read(source);
    shift(b, destination, count, (b, value, n) => doubleRight(b, value, filler, n), true);
  },

  shlx: vexEncoded((b, operands) => plain(b, operands, "shl")),
  shrx: vexEncoded((b, operands) => plain(b, operands, "shr")),
  sarx: vexEncoded((b, operands) => plain(b, operands, "sar")),
  rorx: vexEncoded((b, [destination, source, count]) => {
    const value = b.read(source);
    const amount = count.kind === "immediate" ? -count.low & (bits(value) - 1) : 0;
    b.write(destination, b.rotl(value, b.parameter(4, amount)));
  }),
};

/** Loads, shifts unless the count is 0, stores, and sets flags: for every form of the count. */
function shift(b: Builder, destination: Operand, count: Operand, op: Shift, all: boolean): void {
  const place = b.place(destination);
  const value = place.load();
  const mask = value.size === 8 ? 63 : 31;
  const commit = (n: Value) => {
    const { result, carry, overflow } = op(b, value, n);
    place.store(result);
    if (all) {
      b.flagsResult(result);
      raiseFlags(b, "A");
    }
    b.setFlag("C", carry);
    b.setFlag("O", overflow);
  };
  if (count.kind === "immediate") {
    const n = count.low & mask;
    if (n === 0) place.store(value);
    else commit(b.parameter(4, n));
    return;
  }
  const n = b.and(b.register(GPR.RCX, 4), b.constant(4, mask));
  b.when(n, () => commit(n), () => place.store(value));
}

/** SHLX, SHRX, SARX: no flags. */
function plain(b: Builder, operands: readonly Operand[], op: "shl" | "shr" | "sar"): void {
  const [destination, source, count] = operands;
  const value = b.read(source);
  const n = b.and(b.resize(b.read(count), 4), b.constant(4, bits(value) - 1));
  b.write(destination, b.binary(op, value, n));
}

function left(b: Builder, value: Value, count: Value): Shifted {
  const width = bits(value);
  let result: Value;
  let carry: Value;
  if (width < 32) {
    const wide = b.shl(b.zext(value, 4), count);
    result = b.trunc(wide, value.size);
    carry = b.shr(wide, b.constant(4, width));
  } else {
    result = b.shl(value, count);
    carry = b.trunc(b.shr(value, b.sub(b.constant(4, width), count)), 4);
  }
  return { result, carry, overflow: b.xor(b.sign(result), carry) };
}

function right(b: Builder, value: Value, count: Value): Shifted {
  const wide = b.resize(value, value.size === 8 ? 8 : 4);
  return rightWith(b, "shr", value, wide, count);
}

function arithmeticRight(b: Builder, value: Value, count: Value): Shifted {
  const wide = b.sext(value, value.size === 8 ? 8 : 4);
  return rightWith(b, "sar", value, wide, count);
}

function rightWith(
  b: Builder,
  op: "shr" | "sar",
  value: Value,
  wide: Value,
  count: Value,
): Shifted {
  const result = b.trunc(b.binary(op, wide, count), value.size);
  const last = b.binary(op, wide, b.sub(count, b.constant(4, 1)));
  const overflow = op === "shr" ? topTwoDiffer(b, result) : b.constant(4, 0);
  return { result, carry: b.resize(last, 4), overflow };
}

function rotateLeft(b: Builder, value: Value, count: Value): Shifted {
  const result = b.rotl(value, rotation(b, value, count));
  const carry = b.resize(result, 4);
  return { result, carry, overflow: b.xor(b.sign(result), carry) };
}

function rotateRight(b: Builder, value: Value, count: Value): Shifted {
  const result = b.rotl(value, rotation(b, value, b.sub(b.constant(4, 0), count)));
  return { result, carry: b.sign(result), overflow: topTwoDiffer(b, result) };
}

/** A count modulo the width. */
function rotation(b: Builder, value: Value, count: Value): Value {
  return b.and(count, b.constant(4, bits(value) - 1));
}

/** OF of shifts and rotates to the right: whether the result's two highest bits differ. */
export function topTwoDiffer(b: Builder, result: Value): Value {
  return b.xor(b.sign(result), b.bit(result, bits(result) - 2));
}
