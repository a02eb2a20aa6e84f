/**
 * CLC, STC, CMC, CLD, STD.
 *
 * @see Intel SDM Vol. 1, "Flag Control (EFLAG) Instructions"
 */
import { RFLAGS } from "../../arch/rflags.ts";
import { STATE } from "../../memory/layout.ts";
import { clearFlags, raiseFlags } from "./common.ts";
import type { SemanticsFamily } from "./semantics.ts";

export const FLAGS: SemanticsFamily = {
  clc: (b) => clearFlags(b, "C"),
  stc: (b) => raiseFlags(b, "C"),
  cmc: (b) => b.setFlag("C", b.xor(b.flag("C"), b.constant(4, 1))),

  cld: (b) =>
    b.setState(
      STATE.flagsRest,
      b.and(b.state(4, STATE.flagsRest), b.constant(4, ~RFLAGS.DF)),
    ),

  std: (b) =>
    b.setState(STATE.flagsRest, b.or(b.state(4, STATE.flagsRest), b.constant(4, RFLAGS.DF))),
};
