/** Small phrases that the semantics of several families share. */
import type { Builder } from "../builder.ts";
import type { MemoryOperand, Operand } from "../decode/instruction.ts";
import type { FlagName, Size, Value } from "../microop.ts";
import { VECTOR } from "../../arch/exceptions.ts";
import type { Semantics } from "./semantics.ts";

/** Numbers of the general-purpose registers that instructions name implicitly. */
export const GPR = { RAX: 0, RCX: 1, RDX: 2, RBX: 3, RSP: 4, RBP: 5, RSI: 6, RDI: 7 } as const;

/** Width of a value in bits. */
export function bits(value: Value): number {
  return value.size * 8;
}

/** Clears flags. */
export function clearFlags(b: Builder, ...flags: FlagName[]): void {
  const zero = b.constant(4, 0);
  for (const flag of flags) b.setFlag(flag, zero);
}

/** Sets flags. */
export function raiseFlags(b: Builder, ...flags: FlagName[]): void {
  const one = b.constant(4, 1);
  for (const flag of flags) b.setFlag(flag, one);
}

/** Size of an operand that is read or written as one value. */
export function sizeOf(operand: Operand): Size {
  if (
    operand.kind === "register" || operand.kind === "memory" || operand.kind === "immediate"
  ) return operand.size as Size;
  throw new TypeError(`Cannot take the size of a ${operand.kind} operand`);
}

/** The operand as memory, where the decoder allows nothing else. */
export function asMemory(operand: Operand): MemoryOperand {
  if (operand.kind === "memory") return operand;
  throw new TypeError(`Cannot take the address of a ${operand.kind} operand`);
}

/** An 8-byte value from its two halves. */
export function pair(b: Builder, high: Value, low: Value): Value {
  return b.or(b.shl(b.zext(high, 8), b.constant(4, 32)), b.zext(low, 8));
}

/** VEX-encoded instructions do not exist in real and virtual-8086 mode. */
export function vexEncoded(semantics: Semantics): Semantics {
  return (b, operands) => {
    if (b.realAddressing) b.raise(VECTOR.UD);
    else semantics(b, operands);
  };
}
