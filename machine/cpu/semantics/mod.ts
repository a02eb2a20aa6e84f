/** The meaning of every instruction, by mnemonic. */
import { ARITHMETIC } from "./arithmetic.ts";
import { BITS } from "./bits.ts";
import { BMI } from "./bmi.ts";
import { CONTROL } from "./control.ts";
import { DATA } from "./data.ts";
import { DECIMAL } from "./decimal.ts";
import { FLAGS } from "./flags.ts";
import { LOGIC } from "./logic.ts";
import { MISSING } from "./missing.ts";
import { MULTIPLY } from "./multiply.ts";
import type { Semantics, SemanticsFamily } from "./semantics.ts";
import { SHIFTS } from "./shifts.ts";
import { STACK } from "./stack.ts";
import { STRINGS } from "./strings.ts";
import { SYSTEM_FAMILY } from "./system.ts";

const FAMILIES: readonly SemanticsFamily[] = [
  DATA,
  ARITHMETIC,
  LOGIC,
  MULTIPLY,
  DECIMAL,
  SHIFTS,
  BITS,
  BMI,
  STACK,
  STRINGS,
  CONTROL,
  FLAGS,
  SYSTEM_FAMILY,
  MISSING,
];

/** Merges families, none of which may claim another's mnemonic. */
function merge(families: readonly SemanticsFamily[]): Readonly<Record<string, Semantics>> {
  const all: Record<string, Semantics> = {};
  for (const family of families) {
    for (const [mnemonic, semantics] of Object.entries(family)) {
      if (Object.hasOwn(all, mnemonic)) {
        throw new TypeError(`Cannot give "${mnemonic}" two meanings`);
      }
      all[mnemonic] = semantics;
    }
  }
  return all;
}

export const SEMANTICS: Readonly<Record<string, Semantics>> = merge(FAMILIES);
