/**
 * AND, OR, XOR, NOT, TEST. The manual leaves AF open; the processor clears it.
 *
 * @see Intel SDM Vol. 1, "Logical Instructions"
 */
import type { Builder } from "../builder.ts";
import type { Operand } from "../decode/instruction.ts";
import type { SemanticsFamily } from "./semantics.ts";

export const LOGIC: SemanticsFamily = {
  and: (b, operands) => combine(b, operands, "and"),
  or: (b, operands) => combine(b, operands, "or"),
  xor: (b, operands) => combine(b, operands, "xor"),

  test: (b, [first, second]) => b.flagsLogic(b.and(b.read(first), b.read(second))),

  /** Changes no flag. */
  not: (b, [destination]) => {
    const place = b.place(destination);
    place.store(b.not(place.load()));
  },
};

function combine(b: Builder, operands: readonly Operand[], op: "and" | "or" | "xor"): void {
  const [destination, source] = operands;
  const place = b.place(destination);
  const right = b.read(source);
  const result = b.binary(op, place.load(), right);
  place.store(result);
  b.flagsLogic(result);
}
