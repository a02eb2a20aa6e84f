/**
 * Micro-operations: the small typed language that every instruction's meaning is written in.
 *
 * An instruction becomes a straight list of {@linkcode MicroOp}s with nested `if` regions.
 * Values are numbered temporaries that are assigned once. A value has a size: 1, 2, 4 or 8
 * bytes; values of 1 and 2 bytes are always zero-extended; truth values have size 4 and are
 * 0 or 1. Nothing here refers to a host object: memory accesses, flags and ways out are
 * operations of their own, so that a back end can translate the list to anything.
 *
 * A back end may turn numbers marked `param` (register numbers, immediates, displacements) into
 * operands of a shared routine; all else is part of the instruction's shape.
 */

/** Size of a value in bytes. */
export type Size = 1 | 2 | 4 | 8;

/** A temporary. */
export interface Value {
  readonly id: number;
  readonly size: Size;
}

export type BinaryOp =
  | "add"
  | "sub"
  | "mul"
  | "and"
  | "or"
  | "xor"
  | "shl"
  | "shr"
  | "sar"
  | "rotl"
  | "mulHighU"
  | "mulHighS";
export type UnaryOp = "not" | "bswap" | "clz" | "ctz" | "popcnt";
export type CompareOp = "eq" | "ne" | "ltu" | "lts" | "leu" | "les";
export type ConvertOp = "zext" | "sext" | "trunc" | "high32";
export type FlagName = "C" | "P" | "A" | "Z" | "S" | "O";

/** One micro-operation. `to`, `a`, `b`, … are ids of values. */
export type MicroOp =
  /** A number; `param` when it comes from the instruction's operands. */
  | { op: "const"; to: number; size: Size; low: number; high: number; param: boolean }
  /** Reads a general-purpose register; `high` for AH, CH, DH, BH. */
  | { op: "get"; to: number; size: Size; register: number; high: boolean; param: boolean }
  /** Writes a register: 4 bytes clear the upper half, 1 and 2 bytes leave the rest alone. */
  | { op: "set"; size: Size; register: number; high: boolean; param: boolean; a: number }
  /** Reads or writes 4 or 8 bytes of the state block (`STATE.*` + constant). */
  | { op: "getState"; to: number; size: 4 | 8; offset: number }
  | { op: "setState"; size: 4 | 8; offset: number; a: number }
  /** Shift and rotate counts have size 4 and are less than the width in bits. */
  | { op: BinaryOp; to: number; size: Size; a: number; b: number }
  | { op: UnaryOp; to: number; size: Size; a: number }
  /** Result 0 or 1, size 4; `size` is that of the operands. */
  | { op: CompareOp; to: number; size: Size; a: number; b: number }
  /** From `from` to `size` bytes; `high32` gives bits 63:32 of an 8-byte value. */
  | { op: ConvertOp; to: number; size: Size; from: Size; a: number }
  | { op: "select"; to: number; size: Size; condition: number; a: number; b: number }
  /**
   * Reads memory at a linear address (8 bytes in long mode, else 4). `write`: the
   * read of a read-modify-write, which faults as a write. `stack`: a bad address is #SS.
   * `flat`: the address is an offset in a 4 GiB segment, beyond the end of which nothing may lie.
   */
  | {
    op: "load";
    to: number;
    size: Size;
    address: number;
    write: boolean;
    stack: boolean;
    flat: boolean;
  }
  | { op: "store"; size: Size; address: number; a: number; stack: boolean; flat: boolean }
  /**
   * Checks an access of `bytes` bytes at a 4-byte offset into a segment (legacy modes), and
   * gives the linear address.
   */
  | {
    op: "segment";
    to: number;
    segment: number;
    a: number;
    bytes: number;
    write: boolean;
  }
  /** ZF, SF, PF from a result. */
  | { op: "flagsResult"; size: Size; a: number }
  /** CF, OF, AF of `result = a + b (+ carry)`; `carry` false leaves CF alone. */
  | {
    op: "flagsAdd" | "flagsSub";
    size: Size;
    a: number;
    b: number;
    result: number;
    carry: boolean;
  }
  /** Sets one flag to bit 0 of a value. */
  | { op: "setFlag"; flag: FlagName; a: number }
  | { op: "getFlag"; to: number; flag: FlagName }
  /** A condition code 0–15 (O NO B AE E NE BE A S NS P NP L GE LE G). */
  | { op: "condition"; to: number; condition: number }
  /** Runs the operations up to the matching `else`/`end` when the value is not 0. */
  | { op: "if"; a: number }
  | { op: "else" }
  | { op: "end" }
  /**
   * Calls a helper by name; an argument of 8 bytes is passed as two words. `to` is -1 without a
   * result. Every helper may fault.
   */
  | { op: "call"; to: number; size: Size; name: string; args: readonly number[] }
  /** Makes RIP, the next RIP and the time exact in the state block; before calls that need them. */
  | { op: "sync" }
  /** Raises an exception. `error` is -1 when the vector has no error code. */
  | { op: "raise"; vector: number; error: number }
  /** Continues at the following instruction, through the run loop. Ends a block. */
  | { op: "exitNext" }
  /** Continues at RIP as a helper has set it. Ends a block. */
  | { op: "exit" }
  /** #GP(0) unless a value may become RIP: canonical in 64-bit code, else within CS's limit. */
  | { op: "checkTarget"; size: Size; a: number }
  /** Jumps to a RIP in a value (truncated to its size, zero-extended, already checked). */
  | { op: "jump"; size: Size; a: number }
  /** Jumps to a constant RIP, `next RIP + displacement` truncated; known when decoded. */
  | { op: "goto"; low: number; high: number };

/** Operations after which nothing of the instruction follows on that path. */
export const TERMINATORS: ReadonlySet<MicroOp["op"]> = new Set([
  "exitNext",
  "exit",
  "jump",
  "goto",
  "raise",
]);
