import { deepStrictEqual } from "node:assert/strict";
import { MNEMONICS } from "../../../../machine/cpu/decode/mnemonics.ts";
import { SEMANTICS } from "../../../../machine/cpu/semantics/mod.ts";

Deno.test("Every mnemonic of the decoder has semantics, and nothing else has", () => {
  deepStrictEqual(Object.keys(SEMANTICS).sort(), [...MNEMONICS].sort());
});
