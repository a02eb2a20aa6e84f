/**
 * Decimal adjustments (not in 64-bit code).
 *
 * Flags that the manual leaves open are those of the addition or subtraction that the
 * processor makes: of AL in DAA, DAS and AAD, of AX before AL is masked in AAA and AAS.
 *
 * @see Intel SDM Vol. 1, "Decimal Arithmetic Instructions"
 */
import { VECTOR } from "../../arch/exceptions.ts";
import type { Builder } from "../builder.ts";
import type { ImmediateOperand } from "../decode/instruction.ts";
import type { Value } from "../microop.ts";
import { GPR } from "./common.ts";
import type { SemanticsFamily } from "./semantics.ts";

export const DECIMAL: SemanticsFamily = {
  daa: (b) => {
    const al = b.register(GPR.RAX, 1);
    const { low, high, correction } = decimalCorrection(b, al);
    const sum = b.add(al, correction);
    b.setRegister(GPR.RAX, sum);
    b.flagsAdd(al, correction, sum);
    b.setFlag("A", low);
    b.setFlag("C", high);
  },

  /** The borrow of the low digit counts as a carry even where the high digit is in range. */
  das: (b) => {
    const al = b.register(GPR.RAX, 1);
    const { low, high, correction } = decimalCorrection(b, al);
    const difference = b.sub(al, correction);
    const borrow = b.and(low, b.compare("ltu", al, b.constant(1, 6)));
    b.setRegister(GPR.RAX, difference);
    b.flagsSub(al, correction, difference);
    b.setFlag("A", low);
    b.setFlag("C", b.or(high, borrow));
  },

  aaa: (b) => {
    const ax = b.register(GPR.RAX, 2);
    const { adjust, correction } = digitCorrection(b, ax);
    const sum = b.add(ax, correction);
    b.setRegister(GPR.RAX, b.and(sum, b.constant(2, 0xff0f)));
    b.flagsAdd(ax, correction, sum);
    b.setFlag("A", adjust);
    b.setFlag("C", adjust);
  },

  aas: (b) => {
    const ax = b.register(GPR.RAX, 2);
    const { adjust, correction } = digitCorrection(b, ax);
    const difference = b.sub(ax, correction);
    b.setRegister(GPR.RAX, b.and(difference, b.constant(2, 0xff0f)));
    b.flagsSub(ax, correction, difference);
    b.setFlag("A", adjust);
    b.setFlag("C", adjust);
  },

  /** AH = AL / base, AL = AL mod base. */
  aam: (b, [operand]) => {
    const base = operand as ImmediateOperand;
    if ((base.low & 0xff) === 0) return b.raise(VECTOR.DE);
    const al = b.register(GPR.RAX, 1);
    const divisor = b.immediate(base, 1);
    const quotient = b.callFor(1, "divide8", b.constant(1, 0), al, divisor);
    const remainder = b.sub(al, b.mul(quotient, divisor));
    b.setRegister(GPR.RAX, remainder);
    b.setHighByte(GPR.RAX, quotient);
    b.flagsLogic(remainder);
  },

  /** AL = AL + AH * base, AH = 0. */
  aad: (b, [base]) => {
    const al = b.register(GPR.RAX, 1);
    const product = b.mul(b.highByte(GPR.RAX), b.immediate(base as ImmediateOperand, 1));
    const sum = b.add(al, product);
    b.setRegister(GPR.RAX, b.zext(sum, 2));
    b.flagsAdd(al, product, sum);
  },
};

/** Whether each digit of AL needs 6, as 0 or 1, and the sum of these sixes. */
function decimalCorrection(b: Builder, al: Value): { low: Value; high: Value; correction: Value } {
  const low = lowDigitExceeds(b, al);
  const high = b.or(b.compare("ltu", b.constant(1, 0x99), al), b.flag("C"));
  const six = b.mul(low, b.constant(4, 0x06));
  const sixty = b.mul(high, b.constant(4, 0x60));
  return { low, high, correction: b.trunc(b.add(six, sixty), 1) };
}

/** Whether AL needs adjustment, and 0106h if so. */
function digitCorrection(b: Builder, ax: Value): { adjust: Value; correction: Value } {
  const adjust = lowDigitExceeds(b, b.trunc(ax, 1));
  return { adjust, correction: b.trunc(b.mul(adjust, b.constant(4, 0x106)), 2) };
}

/** 1 when bits 3:0 of AL are above 9 or AF is set. */
function lowDigitExceeds(b: Builder, al: Value): Value {
  const digit = b.and(al, b.constant(1, 0x0f));
  return b.or(b.compare("ltu", b.constant(1, 9), digit), b.flag("A"));
}
