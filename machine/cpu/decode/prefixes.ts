/** Legacy prefixes and REX. */

import { SEG } from "../../memory/layout.ts";
import type { Cursor } from "./cursor.ts";

/**
 * Reads all prefixes and the first opcode byte, and sets the sizes that follow from them.
 *
 * Of several segment overrides, or of F2 and F3, the last counts. REX counts only right before
 * the opcode. In 64-bit code overrides with CS, DS, ES and SS count for nothing, not even
 * against an earlier FS or GS.
 *
 * @returns The opcode byte.
 * @see Intel SDM Vol. 2, "Instruction Prefixes"
 */
export function readPrefixes(c: Cursor): number {
  let rex = 0;
  let opcode = 0;
  for (;;) {
    opcode = c.u8();
    if (c.is64 && (opcode & 0xf0) === 0x40) {
      rex = opcode;
      continue;
    }
    if (!readLegacyPrefix(c, opcode)) break;
    rex = 0;
  }
  if (rex !== 0) {
    c.hasRex = true;
    c.wide = (rex & 8) !== 0;
    c.rexR = (rex & 4) << 1;
    c.rexX = (rex & 2) << 2;
    c.rexB = (rex & 1) << 3;
  }
  c.mandatory = c.repeat === "rep" ? 2 : c.repeat === "repne" ? 3 : c.operandPrefix ? 1 : 0;
  setSizes(c);
  return opcode;
}

function readLegacyPrefix(c: Cursor, byte: number): boolean {
  switch (byte) {
    case 0x26:
      return override(c, SEG.ES);
    case 0x2e:
      return override(c, SEG.CS);
    case 0x36:
      return override(c, SEG.SS);
    case 0x3e:
      return override(c, SEG.DS);
    case 0x64:
      return override(c, SEG.FS);
    case 0x65:
      return override(c, SEG.GS);
    case 0x66:
      return c.operandPrefix = true;
    case 0x67:
      return c.addressPrefix = true;
    case 0xf0:
      return c.lock = true;
    case 0xf2:
      c.repeat = "repne";
      return true;
    case 0xf3:
      c.repeat = "rep";
      return true;
  }
  return false;
}

function override(c: Cursor, segment: number): true {
  if (!c.is64 || segment >= SEG.FS) c.segmentOverride = segment;
  return true;
}

function setSizes(c: Cursor): void {
  if (c.is64) {
    c.operandSize = c.wide ? 8 : c.operandPrefix ? 2 : 4;
    c.addressSize = c.addressPrefix ? 4 : 8;
  } else {
    const wide = c.codeSize === 32;
    c.operandSize = c.operandPrefix === wide ? 2 : 4;
    c.addressSize = c.addressPrefix === wide ? 2 : 4;
  }
}
