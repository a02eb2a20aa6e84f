/**
 * The operand codes of the opcode tables: a kind and a size, after the manual's appendix A.
 *
 * | kind | | size | bytes |
 * |---|---|---|---|
 * | `E` | ModRM.rm: register or memory | `b` `w` `d` `q` `x` | 1, 2, 4, 8, 16 |
 * | `M` | ModRM.rm: memory only | `v` | operand size |
 * | `R` | ModRM.rm: register only | `z` | operand size, at most 4 |
 * | `G` | ModRM.reg | `y` | 8 with REX.W, else 4 |
 * | | | `o` | 16 with REX.W, else 8 |
 * | `B` | VEX.vvvv | `n` | 8 in 64-bit code, else 4 |
 * | `Z` | low bits of the opcode | `p` | far pointer: 2 + operand size |
 * | `A` | rAX | `a` | twice the operand size |
 * | `O` | memory at an address in the instruction | `s` | pseudo-descriptor: 6, in 64-bit code 10 |
 * | `X` `Y` | memory at segment:rSI, ES:rDI | `e` | register: operand size, memory: 2 |
 * | | | `0` | none |
 *
 * Immediates: `Ib` and `Iw` zero-extended; `IB` a signed byte for a byte operation; `Is` a byte
 * extended to the operand size; `Iz` the operand size, at most 4 bytes, extended; `Iv` in full.
 * Branches: `Jb` `Jz` `Ap`. System: `Sw` `Cn` `Dn` by ModRM.reg, or a segment by name.
 * Fixed: `CL` `DX` `1`, `cc` (a condition in the opcode), `XL` (XLAT's table).
 *
 * @see Intel SDM Vol. 2, "Key to Abbreviations"
 */

import { SEG } from "../../memory/layout.ts";
import type { Cursor } from "./cursor.ts";
import type {
  ImmediateOperand,
  MemoryOperand,
  Operand,
  OperandSize,
  RegisterOperand,
  SystemRegisterOperand,
} from "./instruction.ts";

/** Makes an operand; consumes immediate bytes. ModRM has been read. */
export type OperandReader = (c: Cursor) => Operand;

type RegisterSize = RegisterOperand["size"];

/** Operands are immutable, so registers are shared: by size, then number. */
const REGISTERS: Readonly<Record<RegisterSize, readonly RegisterOperand[]>> = {
  1: registersOf(1),
  2: registersOf(2),
  4: registersOf(4),
  8: registersOf(8),
};
const HIGH_BYTES: readonly RegisterOperand[] = [0, 1, 2, 3].map((register) =>
  Object.freeze<RegisterOperand>({ kind: "register", register, size: 1, high: true })
);

function registersOf(size: RegisterSize): readonly RegisterOperand[] {
  return Array.from(
    { length: 16 },
    (_, register) =>
      Object.freeze<RegisterOperand>({ kind: "register", register, size, high: false }),
  );
}

/** A register; without REX, byte registers 4–7 are AH, CH, DH, BH. */
function register(c: Cursor, number: number, size: OperandSize): RegisterOperand {
  if (size === 1 && !c.hasRex && (number & ~3) === 4) return HIGH_BYTES[number & 3];
  return REGISTERS[size as RegisterSize][number];
}

const SIZES: Readonly<Record<string, (c: Cursor) => OperandSize>> = {
  "0": () => 0,
  b: () => 1,
  w: () => 2,
  d: () => 4,
  q: () => 8,
  x: () => 16,
  v: (c) => c.operandSize,
  z: (c) => c.operandSize === 2 ? 2 : 4,
  y: (c) => c.wide ? 8 : 4,
  n: (c) => c.is64 ? 8 : 4,
  o: (c) => c.wide ? 16 : 8,
  p: (c) => (2 + c.operandSize) as OperandSize,
  a: (c) => (2 * c.operandSize) as OperandSize,
  s: (c) => c.is64 ? 10 : 6,
  e: (c) => c.mod === 3 ? c.operandSize : 2,
};

const KINDS: Readonly<Record<string, (c: Cursor, size: OperandSize) => Operand>> = {
  E: (c, size) => c.mod === 3 ? register(c, c.rm | c.rexB, size) : c.memory(size),
  M: (c, size) => c.memory(size),
  R: (c, size) => register(c, c.rm | c.rexB, size),
  G: (c, size) => register(c, c.reg | c.rexR, size),
  B: (c, size) => register(c, c.vvvv, size),
  Z: (c, size) => register(c, c.opcode & 7 | c.rexB, size),
  A: (_, size) => REGISTERS[size as RegisterSize][0],
  O: absolute,
  X: (c, size) => pointed(c, dataSegment(c), 6, size),
  Y: (c, size) => pointed(c, SEG.ES, 7, size),
};

const FIXED: Readonly<Record<string, OperandReader>> = {
  Ib: (c) => immediate(c.u8(), 0, 1),
  IB: (c) => signed(c.s8(), 1),
  Iw: (c) => immediate(c.u16(), 0, 2),
  Is: (c) => signed(c.s8(), c.operandSize),
  Iz: (c) => signed(c.operandSize === 2 ? c.s16() : c.s32(), c.operandSize),
  Iv: (c) => {
    if (c.operandSize === 2) return signed(c.s16(), 2);
    const low = c.s32();
    return c.operandSize === 4 ? signed(low, 4) : immediate(low, c.s32(), 8);
  },
  Jb: (c) => ({ kind: "relative", displacement: c.s8() }),
  Jz: (c) => ({ kind: "relative", displacement: c.operandSize === 2 ? c.s16() : c.s32() }),
  Ap: (c) => {
    const offset = c.operandSize === 2 ? c.u16() : c.s32() >>> 0;
    return { kind: "far", selector: c.u16(), offset };
  },
  Sw: (c) => {
    if (c.reg > SEG.GS) c.invalid = "no such segment register";
    return system("segment", c.reg);
  },
  Cn: (c) => {
    const number = c.reg | c.rexR;
    if (number === 1 || number > 4 && number !== 8) c.invalid = "no such control register";
    return system("control", number);
  },
  Dn: (c) => {
    if (c.rexR !== 0) c.invalid = "no such debug register";
    return system("debug", c.reg);
  },
  ES: () => system("segment", SEG.ES),
  CS: () => system("segment", SEG.CS),
  SS: () => system("segment", SEG.SS),
  DS: () => system("segment", SEG.DS),
  FS: () => system("segment", SEG.FS),
  GS: () => system("segment", SEG.GS),
  CL: () => REGISTERS[1][1],
  DX: () => REGISTERS[2][2],
  "1": () => immediate(1, 0, 1),
  cc: (c) => ({ kind: "condition", condition: c.opcode & 15 }),
  XL: (c) => pointed(c, dataSegment(c), 3, 1),
};

/**
 * The reader of an operand code.
 *
 * @throws {TypeError} If there is no such code: a mistake in an opcode table.
 */
export function operandReader(code: string): OperandReader {
  const fixed = FIXED[code];
  if (fixed !== undefined) return fixed;
  const kind = KINDS[code[0]];
  const size = SIZES[code[1]];
  if (code.length !== 2 || kind === undefined || size === undefined) {
    throw new TypeError(`cannot read the opcode table: no operand code ${code}`);
  }
  return (c) => kind(c, size(c));
}

/** Whether the operand needs ModRM. */
export function needsModRm(code: string): boolean {
  return FIXED[code] === undefined ? "EMRG".includes(code[0]) : "SwCnDn".includes(code);
}

function immediate(low: number, high: number, size: RegisterSize): ImmediateOperand {
  return { kind: "immediate", low, high, size };
}

function signed(low: number, size: RegisterSize): ImmediateOperand {
  return { kind: "immediate", low, high: low >> 31, size };
}

function system(kind: SystemRegisterOperand["kind"], register: number): SystemRegisterOperand {
  return { kind, register };
}

function dataSegment(c: Cursor): number {
  return c.segmentOverride >= 0 ? c.segmentOverride : SEG.DS;
}

function pointed(c: Cursor, segment: number, base: number, size: OperandSize): MemoryOperand {
  return memory(c, segment, base, 0, 0, size);
}

/** MOV's `moffs`: the address itself, as wide as addresses are. */
function absolute(c: Cursor, size: OperandSize): MemoryOperand {
  const low = c.addressSize === 2 ? c.s16() : c.s32();
  const high = c.addressSize === 8 ? c.s32() : low >> 31;
  return memory(c, dataSegment(c), -1, low, high, size);
}

function memory(
  c: Cursor,
  segment: number,
  base: number,
  displacement: number,
  displacementHigh: number,
  size: OperandSize,
): MemoryOperand {
  return {
    kind: "memory",
    segment,
    base,
    index: -1,
    scale: 1,
    displacement,
    displacementHigh,
    size,
    addressSize: c.addressSize,
  };
}
