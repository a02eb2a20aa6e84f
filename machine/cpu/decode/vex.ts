/**
 * VEX, EVEX and XOP prefixes. Only BMI1 and BMI2 mean anything; for all else the length is
 * found and the instruction is "ud".
 *
 * ```text
 * C5 │ R̅ v̅v̅v̅v̅ L pp │ opcode
 * C4 │ R̅ X̅ B̅ mmmmm │ W v̅v̅v̅v̅ L pp │ opcode
 * 62 │ R̅ X̅ B̅ R̅' 0 mmm │ W v̅v̅v̅v̅ 1 pp │ z L'L b v̅' aaa │ opcode
 * 8F │ R̅ X̅ B̅ mmmmm │ W v̅v̅v̅v̅ L pp │ opcode          mmmmm 8, 9 or 10
 * ```
 *
 * @see Intel SDM Vol. 2, "The VEX Prefix"
 */

import type { Cursor } from "./cursor.ts";
import { readModRm } from "./modrm.ts";
import { type Compiled, compileTable, type Leaf, RESERVED, resolve } from "./table.ts";
import { VEX_0F38, VEX_0F3A } from "./three_byte.ts";

const LEAVES = compileTable({
  0: "ud ;AVX",
  1: "ud imm8 ;AVX",
  2: "ud modrm ;AVX",
  3: "ud modrm imm8 ;AVX",
  4: "ud modrm ;AVX-512",
  5: "ud modrm imm8 ;AVX-512",
  6: "ud modrm ;XOP",
  7: "ud modrm imm8 ;XOP",
  8: "ud modrm imm32 ;XOP",
  9: "ud ;VEX after 66, F2, F3, REX or LOCK",
}) as readonly Leaf[];

/** Whether the opcode is a prefix here, rather than LES, LDS, BOUND or POP. */
export function isVectorPrefix(c: Cursor, opcode: number): boolean {
  switch (opcode) {
    case 0xc4:
    case 0xc5:
    case 0x62:
      return c.is64 || c.peek() >= 0xc0;
    case 0x8f:
      return (c.peek() & 0x1f) >= 8;
  }
  return false;
}

/** Reads the rest of the prefix and the opcode. */
export function readVector(c: Cursor, prefix: number): Leaf {
  const refused = c.operandPrefix || c.repeat !== "none" || c.hasRex || c.lock;
  const first = c.u8();
  let map = 1;
  let second = first;
  if (prefix !== 0xc5) {
    map = first & (prefix === 0x62 ? 7 : 0x1f);
    second = c.u8();
    if (c.is64) {
      c.rexX = first & 0x40 ? 0 : 8;
      c.rexB = first & 0x20 ? 0 : 8;
      c.wide = (second & 0x80) !== 0;
    }
  }
  if (c.is64) c.rexR = first & 0x80 ? 0 : 8;
  c.vvvv = ~second >> 3 & (c.is64 ? 15 : 7);
  c.mandatory = [0, 1, 2, 3][second & 3];
  if (prefix === 0x62) c.u8();
  c.opcode = c.u8();
  if (refused) return LEAVES[9];
  if (prefix === 0x62) return LEAVES[hasImmediate(map, c.opcode) ? 5 : 4];
  if (prefix === 0x8f) return map === 8 ? LEAVES[7] : map === 9 ? LEAVES[6] : LEAVES[8];
  const bmi = (second & 4) !== 0 ? RESERVED : bmiLeaf(c, map, second);
  if (bmi !== RESERVED) return bmi;
  if (map === 1 && c.opcode === 0x77) return LEAVES[0];
  return LEAVES[hasImmediate(map, c.opcode) ? 3 : 2];
}

function bmiLeaf(c: Cursor, map: number, second: number): Leaf {
  const table: readonly Compiled[] | undefined = map === 2
    ? VEX_0F38
    : map === 3
    ? VEX_0F3A
    : undefined;
  if (table === undefined || c.opcode < 0xf0) return RESERVED;
  const leaf = resolve(table[c.opcode], c);
  if (leaf === RESERVED) return leaf;
  // RORX has no use for vvvv: it must be 1111.
  if (leaf.mnemonic === "rorx" && (second & 0x78) !== 0x78) return LEAVES[9];
  readModRm(c);
  return leaf;
}

function hasImmediate(map: number, opcode: number): boolean {
  if (map === 3) return true;
  return map === 1 &&
    (opcode >= 0x70 && opcode <= 0x73 || opcode === 0xc2 || opcode >= 0xc4 && opcode <= 0xc6);
}
