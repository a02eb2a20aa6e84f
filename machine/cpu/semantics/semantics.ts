/** The form of an instruction's meaning. */
import type { Builder } from "../builder.ts";
import type { Operand } from "../decode/instruction.ts";

/**
 * Appends an instruction's micro-operations. A list that ends without a terminator
 * (`exit`, `exitNext`, `jump`, `goto`) continues with the following instruction in the same block.
 */
export type Semantics = (b: Builder, operands: readonly Operand[]) => void;

/** One family of instructions: mnemonic → meaning. */
export type SemanticsFamily = Readonly<Record<string, Semantics>>;
