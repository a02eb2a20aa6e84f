/** The decoder's place in an instruction and what it knows so far. */

import type { CodeSize, FetchByte, MemoryOperand, OperandSize, Repeat } from "./instruction.ts";

/** No instruction is longer, prefixes included. */
export const MAX_LENGTH = 15;

/**
 * One instruction in the making. Reading past 15 bytes gives zeros and sets
 * {@linkcode Cursor.tooLong}; nothing beyond is fetched.
 */
export class Cursor {
  readonly fetch: FetchByte;
  readonly codeSize: CodeSize;
  readonly is64: boolean;
  position = 0;
  tooLong = false;

  lock = false;
  repeat: Repeat = "none";
  operandPrefix = false;
  addressPrefix = false;
  segmentOverride = -1;
  /** A REX prefix stands right before the opcode (so SPL, BPL, SIL, DIL instead of AH …). */
  hasRex = false;
  /** REX.W or VEX.W, in 64-bit code only. */
  wide = false;
  /** REX.R, X, B (or VEX's) as 8 or 0. */
  rexR = 0;
  rexX = 0;
  rexB = 0;
  /** VEX.vvvv, already inverted. */
  vvvv = 0;
  /** Index of the mandatory prefix: 0 none, 1 66, 2 F3, 3 F2. */
  mandatory = 0;

  operandSize: 2 | 4 | 8 = 4;
  addressSize: 2 | 4 | 8 = 4;
  /** The last opcode byte. */
  opcode = 0;

  hasModRm = false;
  mod = 3;
  /** ModRM.reg without REX.R. */
  reg = 0;
  /** ModRM.rm without REX.B. */
  rm = 0;
  base = -1;
  index = -1;
  scale: 1 | 2 | 4 | 8 = 1;
  displacement = 0;
  segment = 0;

  /** Set by an operand that cannot be. */
  invalid: string | undefined = undefined;

  constructor(fetch: FetchByte, codeSize: CodeSize) {
    this.fetch = fetch;
    this.codeSize = codeSize;
    this.is64 = codeSize === 64;
  }

  /** The next byte, without consuming it. */
  peek(): number {
    return this.position < MAX_LENGTH ? this.fetch(this.position) & 0xff : 0;
  }

  /** Unsigned 8 bits. */
  u8(): number {
    if (this.position >= MAX_LENGTH) {
      this.tooLong = true;
      return 0;
    }
    return this.fetch(this.position++) & 0xff;
  }

  /** Sign-extended 8 bits. */
  s8(): number {
    return this.u8() << 24 >> 24;
  }

  /** Unsigned 16 bits. */
  u16(): number {
    const low = this.u8();
    return low | this.u8() << 8;
  }

  /** Sign-extended 16 bits. */
  s16(): number {
    return this.u16() << 16 >> 16;
  }

  /** 32 bits as a signed number. */
  s32(): number {
    const low = this.u16();
    return low | this.u16() << 16;
  }

  /** The memory operand that ModRM described. */
  memory(size: OperandSize): MemoryOperand {
    return {
      kind: "memory",
      segment: this.segment,
      base: this.base,
      index: this.index,
      scale: this.scale,
      displacement: this.displacement,
      displacementHigh: this.displacement >> 31,
      size,
      addressSize: this.addressSize,
    };
  }
}
