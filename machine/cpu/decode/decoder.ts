/** The decoder: bytes to an {@linkcode Instruction}, for 16-, 32- and 64-bit code. */

import { Cursor } from "./cursor.ts";
import type { CodeSize, FetchByte, Instruction, Operand } from "./instruction.ts";
import type { Mnemonic } from "./mnemonics.ts";
import { readModRm, readModRmByte } from "./modrm.ts";
import { MOVSXD, NOP, ONE_BYTE, PAUSE } from "./one_byte.ts";
import { readPrefixes } from "./prefixes.ts";
import { type Leaf, resolve } from "./table.ts";
import { THREE_BYTE_38, THREE_BYTE_3A } from "./three_byte.ts";
import { TWO_BYTE } from "./two_byte.ts";
import { isVectorPrefix, readVector } from "./vex.ts";
import { isX87 } from "./x87.ts";

/** An instruction whose mnemonic is sure to have semantics. */
export interface DecodedInstruction extends Instruction {
  readonly mnemonic: Mnemonic;
}

const NO_OPERANDS: readonly Operand[] = Object.freeze([]);

/**
 * Decodes one instruction.
 *
 * Bytes that are no instruction give "ud" with a reason; more than 15 bytes give "too_long".
 * Bytes are fetched in order, none beyond the instruction's end (but the byte after C4, C5, 62
 * and 8F may be asked for twice).
 *
 * @param fetch Gives the bytes; what it throws goes through.
 * @param codeSize Default sizes of the code segment: CS.L and CS.D.
 */
export function decode(fetch: FetchByte, codeSize: CodeSize): DecodedInstruction {
  const c = new Cursor(fetch, codeSize);
  const leaf = readOpcode(c);
  if (c.is64) {
    if (leaf.f64) c.operandSize = 8;
    else if (leaf.d64 && c.operandSize === 4) c.operandSize = 8;
  }
  if (leaf.sizing === "wide") c.operandSize = c.wide ? 8 : 4;
  else if (leaf.sizing === "native") c.operandSize = c.is64 ? 8 : 4;
  if (leaf.modrm) {
    if (leaf.flat) readModRmByte(c);
    else readModRm(c);
  }
  const refusal = refuse(c, leaf);
  if (refusal !== undefined) return finish(c, "ud", NO_OPERANDS, refusal);
  const operands = readOperands(c, leaf);
  if (c.invalid !== undefined) return finish(c, "ud", NO_OPERANDS, c.invalid);
  return finish(c, leaf.mnemonic, operands, leaf.reason);
}

function readOpcode(c: Cursor): Leaf {
  const opcode = readPrefixes(c);
  c.opcode = opcode;
  if (opcode === 0x0f) return readEscape(c);
  if (isVectorPrefix(c, opcode)) return readVector(c, opcode);
  if (opcode === 0x63 && c.is64) return MOVSXD as Leaf;
  if (opcode === 0x90 && c.repeat === "rep") return PAUSE as Leaf;
  if (opcode === 0x90 && c.rexB === 0) return NOP as Leaf;
  return resolve(ONE_BYTE[opcode], c);
}

function readEscape(c: Cursor): Leaf {
  let opcode = c.u8();
  let table = TWO_BYTE;
  if (opcode === 0x38 || opcode === 0x3a) {
    table = opcode === 0x38 ? THREE_BYTE_38 : THREE_BYTE_3A;
    opcode = c.u8();
  }
  c.opcode = opcode;
  return resolve(table[opcode], c);
}

/** Why an entry of the table is not valid as it stands, if so. */
function refuse(c: Cursor, leaf: Leaf): string | undefined {
  if (leaf.i64 && c.is64) return "not in 64-bit mode";
  if (leaf.o64 && !c.is64) return "only in 64-bit mode";
  if (leaf.memoryOnly && c.mod === 3) return "register instead of memory";
  if (leaf.registerOnly && c.mod !== 3) return "memory instead of a register";
  if (c.lock) {
    if (!leaf.lock) return "LOCK on an instruction that cannot have it";
    if (c.mod === 3) return "LOCK on a register";
  }
  if (leaf.mnemonic === "x87" && !isX87(c.opcode, c.mod, c.reg, c.rm)) return "reserved x87 opcode";
  return undefined;
}

function readOperands(c: Cursor, leaf: Leaf): readonly Operand[] {
  const { readers, skip } = leaf;
  for (let i = skip < 0 ? (c.operandSize === 2 ? 2 : 4) : skip; i > 0; i--) c.u8();
  switch (readers.length) {
    case 0:
      return NO_OPERANDS;
    case 1:
      return [readers[0](c)];
    case 2:
      return [readers[0](c), readers[1](c)];
  }
  return [readers[0](c), readers[1](c), readers[2](c)];
}

function finish(
  c: Cursor,
  mnemonic: Mnemonic,
  operands: readonly Operand[],
  reason: string | undefined,
): DecodedInstruction {
  const instruction = {
    mnemonic: c.tooLong ? "too_long" as const : mnemonic,
    operands: c.tooLong ? NO_OPERANDS : operands,
    operandSize: c.operandSize,
    addressSize: c.addressSize,
    lock: c.lock,
    repeat: c.repeat,
    segmentOverride: c.segmentOverride,
    length: c.position,
    codeSize: c.codeSize,
  };
  return reason === undefined ? instruction : { ...instruction, reason };
}
