/**
 * Multiplication and division.
 *
 * Flags that the manual leaves open, as the processor has them: multiplications change only CF
 * and OF; divisions clear ZF, SF and PF, set AF, and leave CF and OF.
 *
 * @see Intel SDM Vol. 1, "Multiply and Divide Instructions"
 */
import type { Builder } from "../builder.ts";
import type { Operand } from "../decode/instruction.ts";
import type { Value } from "../microop.ts";
import { bits, clearFlags, GPR, raiseFlags, vexEncoded } from "./common.ts";
import type { SemanticsFamily } from "./semantics.ts";

export const MULTIPLY: SemanticsFamily = {
  /** MUL: the carry says that the upper half counts. */
  mul: (b, [source]) => {
    const value = b.read(source);
    if (value.size === 1) {
      const product = b.mul(b.zext(b.register(GPR.RAX, 1), 2), b.zext(value, 2));
      b.setRegister(GPR.RAX, product);
      carryOverflow(b, b.compare("ne", b.shr(product, b.constant(4, 8)), b.constant(2, 0)));
      return;
    }
    const accumulator = b.register(GPR.RAX, value.size);
    const low = b.mul(accumulator, value);
    const high = b.binary("mulHighU", accumulator, value);
    b.setRegister(GPR.RAX, low);
    b.setRegister(GPR.RDX, high);
    carryOverflow(b, b.compare("ne", high, b.constant(high.size, 0)));
  },

  /** IMUL with one operand: the carry says that the upper half is not just the sign. */
  imul1: (b, [source]) => {
    const value = b.read(source);
    if (value.size === 1) {
      const product = b.mul(b.sext(b.register(GPR.RAX, 1), 2), b.sext(value, 2));
      b.setRegister(GPR.RAX, product);
      carryOverflow(b, b.compare("ne", product, b.sext(b.trunc(product, 1), 2)));
      return;
    }
    const accumulator = b.register(GPR.RAX, value.size);
    const low = b.mul(accumulator, value);
    const high = b.binary("mulHighS", accumulator, value);
    b.setRegister(GPR.RAX, low);
    b.setRegister(GPR.RDX, high);
    carryOverflow(b, signLost(b, low, high));
  },

  /** IMUL with two or three operands. */
  imul2: (b, [destination, first, second]) => {
    const left = b.read(first);
    const right = b.read(second);
    const low = b.mul(left, right);
    const high = b.binary("mulHighS", left, right);
    b.write(destination, low);
    carryOverflow(b, signLost(b, low, high));
  },

  /** MULX: no flags; the upper half wins where both destinations are the same register. */
  mulx: vexEncoded((b, [high, low, source]) => {
    const value = b.read(source);
    const multiplicand = b.register(GPR.RDX, value.size);
    const product = b.mul(multiplicand, value);
    const upper = b.binary("mulHighU", multiplicand, value);
    b.write(low, product);
    b.write(high, upper);
  }),

  div: (b, [source]) => divide(b, source, "divide"),
  idiv: (b, [source]) => divide(b, source, "signedDivide"),
};

/**
 * The quotient comes from a helper, which raises #DE; the remainder follows from it.
 * 8-bit division takes AX, the others rDX:rAX.
 */
function divide(b: Builder, source: Operand, name: "divide" | "signedDivide"): void {
  const divisor = b.read(source);
  const low = b.register(GPR.RAX, divisor.size);
  const high = divisor.size === 1 ? b.highByte(GPR.RAX) : b.register(GPR.RDX, divisor.size);
  const quotient = b.callFor(divisor.size, `${name}${bits(divisor)}`, high, low, divisor);
  const remainder = b.sub(low, b.mul(quotient, divisor));
  b.setRegister(GPR.RAX, quotient);
  if (divisor.size === 1) b.setHighByte(GPR.RAX, remainder);
  else b.setRegister(GPR.RDX, remainder);
  clearFlags(b, "Z", "S", "P");
  raiseFlags(b, "A");
}

function carryOverflow(b: Builder, lost: Value): void {
  b.setFlag("C", lost);
  b.setFlag("O", lost);
}

/** Whether the upper half is more than the lower half's sign. */
function signLost(b: Builder, low: Value, high: Value): Value {
  return b.compare("ne", high, b.sar(low, b.constant(4, bits(low) - 1)));
}
