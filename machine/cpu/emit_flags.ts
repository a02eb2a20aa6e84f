/** The lazy flags as JavaScript text; `memory/layout.ts` says how each is kept. */
import { STATE } from "../memory/layout.ts";
import { type Text, word } from "./emit_arithmetic.ts";
import type { FlagName } from "./microop.ts";

const Z = word(STATE.flagZ);
const S = word(STATE.flagS);
const C = word(STATE.flagC);
const O = word(STATE.flagO);
const P = word(STATE.flagP);
const A = word(STATE.flagA);

/** The word of each flag. */
export const FLAG_WORDS: Readonly<Record<FlagName, string>> = { C, P, A, Z, S, O };

/** Conditions with an even code; the odd ones are their negations. */
const CONDITIONS = [
  `${O}<0`,
  `${C}<0`,
  `${Z}===0`,
  `(${C}<0||${Z}===0)`,
  `${S}<0`,
  `parity(${P}&255)!==0`,
  `(${S}^${O})<0`,
  `(${Z}===0||(${S}^${O})<0)`,
];

/** Contents for the word of a flag. */
export type FlagText = readonly [flag: FlagName, text: string];

/** A condition code as 0 or 1. */
export function conditionText(condition: number): string {
  const text = CONDITIONS[condition >> 1];
  return (condition & 1) === 0 ? `${text}?1:0` : `${text}?0:1`;
}

/** A flag as 0 or 1. */
export function flagText(flag: FlagName): string {
  switch (flag) {
    case "C":
    case "O":
    case "S":
      return `${FLAG_WORDS[flag]}>>>31`;
    case "A":
      return `(${A}>>>4)&1`;
    case "Z":
      return `${Z}===0?1:0`;
    case "P":
      return `parity(${P}&255)`;
  }
}

/** ZF, SF and PF of a result. */
export function resultFlags({ low, high, size }: Text): FlagText[] {
  const sign = size === 8 ? high : size === 4 ? low : `${low}<<${32 - size * 8}`;
  return [["Z", size === 8 ? `${low}|${high}` : low], ["S", sign], ["P", low]];
}

/** CF, OF and AF of `result = a ± b`, with any carry in. CF only on request. */
export function arithmeticFlags(
  add: boolean,
  carry: boolean,
  left: Text,
  right: Text,
  result: Text,
): FlagText[] {
  const { size } = left;
  const part = size === 8 ? "high" : "low";
  const [a, b, r] = [left[part], right[part], result[part]];
  const up = size < 4 ? `<<${32 - size * 8}` : "";
  const out = add ? `(${a}&${b})|((${a}|${b})&~${r})` : `(~${a}&${b})|((~${a}|${b})&${r})`;
  const overflow = add ? `(${a}^${r})&(${b}^${r})` : `(${a}^${b})&(${a}^${r})`;
  const flags: FlagText[] = carry ? [["C", `(${out})${up}`]] : [];
  return [...flags, ["O", `(${overflow})${up}`], ["A", `${left.low}^${right.low}^${result.low}`]];
}

/** A flag from bit 0 of a value. */
export function flagFrom(flag: FlagName, value: string): FlagText {
  if (flag === "Z" || flag === "P") return [flag, `~${value}&1`];
  return [flag, `${value}<<${flag === "A" ? 4 : 31}`];
}
