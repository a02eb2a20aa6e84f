/**
 * What the decoder makes of bytes: an instruction with its operands, before any meaning.
 *
 * The mnemonic is the key of its semantics (lower case, one per behaviour: "add", "shl",
 * "jcc", "cmovcc", "setcc", "movs", …); condition codes are an operand of their own.
 */

/** Default operand and address size of a code segment. */
export type CodeSize = 16 | 32 | 64;

/** Size of an operand in bytes. 6 and 10 are far pointers; 16 is `cmpxchg16b`'s. 0: none (lea). */
export type OperandSize = 0 | 1 | 2 | 4 | 6 | 8 | 10 | 16;

export interface RegisterOperand {
  readonly kind: "register";
  /** 0–15 as encoded; for AH, CH, DH, BH the register that they are part of (0–3). */
  readonly register: number;
  readonly size: 1 | 2 | 4 | 8;
  /** Bits 15:8 of the register: AH, CH, DH or BH. */
  readonly high: boolean;
}

export interface MemoryOperand {
  readonly kind: "memory";
  /** Effective segment (after overrides and BP/SP defaults): an index as in `SEG`. */
  readonly segment: number;
  /** General-purpose register, or -1, or {@linkcode RIP_BASE}. */
  readonly base: number;
  /** General-purpose register, or -1. */
  readonly index: number;
  readonly scale: 1 | 2 | 4 | 8;
  /**
   * Sign-extended displacement, low and high word. For RIP-relative operands relative to the
   * end of the instruction.
   */
  readonly displacement: number;
  readonly displacementHigh: number;
  readonly size: OperandSize;
  /** 2, 4 or 8: arithmetic on the effective address wraps at this many bytes. */
  readonly addressSize: 2 | 4 | 8;
}

export interface ImmediateOperand {
  readonly kind: "immediate";
  /** Sign-extended to 64 bits as the instruction wants it: low and high word (int32). */
  readonly low: number;
  readonly high: number;
  /** Size of the operation that uses it. */
  readonly size: 1 | 2 | 4 | 8;
}

/** A near branch target: a displacement from the end of the instruction. */
export interface RelativeOperand {
  readonly kind: "relative";
  readonly displacement: number;
}

/** `ptr16:16` or `ptr16:32`. */
export interface FarOperand {
  readonly kind: "far";
  readonly selector: number;
  readonly offset: number;
}

/** A segment, control or debug register. */
export interface SystemRegisterOperand {
  readonly kind: "segment" | "control" | "debug";
  readonly register: number;
}

/** Condition 0–15 of Jcc, SETcc, CMOVcc: O NO B AE E NE BE A S NS P NP L GE LE G. */
export interface ConditionOperand {
  readonly kind: "condition";
  readonly condition: number;
}

export type Operand =
  | RegisterOperand
  | MemoryOperand
  | ImmediateOperand
  | RelativeOperand
  | FarOperand
  | SystemRegisterOperand
  | ConditionOperand;

/** `base` of a RIP-relative operand. */
export const RIP_BASE = 16;

/** Which repeat prefix counts: the last of F2 and F3. */
export type Repeat = "none" | "rep" | "repne";

export interface Instruction {
  /** Key of the semantics. "ud" when the bytes are invalid. */
  readonly mnemonic: string;
  readonly operands: readonly Operand[];
  /** Effective operand size in bytes of the instruction as a whole (string, stack, far forms). */
  readonly operandSize: 2 | 4 | 8;
  /** Effective address size in bytes (string instructions, LOOP, JCXZ, XLAT). */
  readonly addressSize: 2 | 4 | 8;
  readonly lock: boolean;
  readonly repeat: Repeat;
  /** The segment override's register, or -1; string instructions and XLAT use it. */
  readonly segmentOverride: number;
  /** In bytes, 1–15. */
  readonly length: number;
  /** The first byte's code size. */
  readonly codeSize: CodeSize;
  /** For "ud": what is missing or wrong, in words (e.g. "SSE: movaps", "LOCK on a register"). */
  readonly reason?: string;
}

/**
 * Gives the decoder one byte after another.
 *
 * @param offset From the instruction's first byte, 0–14.
 * @returns The byte. It may throw (a guest fault): decoding is abandoned.
 */
export type FetchByte = (offset: number) => number;
