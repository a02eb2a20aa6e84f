/**
 * The one-byte opcode map. Prefixes, 0F, VEX, EVEX and XOP are not in it.
 *
 * @see Intel SDM Vol. 2, "One-Byte Opcode Map"
 */

import { arithmeticGroup, GROUP_4, GROUP_5, moveGroup, shiftGroup, unaryGroup } from "./groups.ts";
import { compileTable, type Node, type OpcodeTable, range } from "./table.ts";

/** 00–3F: eight operations, six forms each. */
function arithmetic(): Record<number, Node> {
  const rows: Record<number, Node> = {};
  ["add", "or", "adc", "sbb", "and", "sub", "xor", "cmp"].forEach((mnemonic, row) => {
    const lock = mnemonic === "cmp" ? "" : " lock";
    rows[row * 8] = `${mnemonic} Eb,Gb${lock}`;
    rows[row * 8 + 1] = `${mnemonic} Ev,Gv${lock}`;
    rows[row * 8 + 2] = `${mnemonic} Gb,Eb`;
    rows[row * 8 + 3] = `${mnemonic} Gv,Ev`;
    rows[row * 8 + 4] = `${mnemonic} Ab,IB`;
    rows[row * 8 + 5] = `${mnemonic} Av,Iz`;
  });
  return rows;
}

const TABLE: OpcodeTable = {
  ...arithmetic(),
  0x06: "push_sreg ES i64",
  0x07: "pop_sreg ES i64",
  0x0e: "push_sreg CS i64",
  0x16: "push_sreg SS i64",
  0x17: "pop_sreg SS i64",
  0x1e: "push_sreg DS i64",
  0x1f: "pop_sreg DS i64",
  0x27: "daa i64",
  0x2f: "das i64",
  0x37: "aaa i64",
  0x3f: "aas i64",
  ...range(0x40, 0x47, "inc Zv i64"),
  ...range(0x48, 0x4f, "dec Zv i64"),
  ...range(0x50, 0x57, "push Zv d64"),
  ...range(0x58, 0x5f, "pop Zv d64"),
  0x60: "pusha i64",
  0x61: "popa i64",
  0x62: "bound Gv,Ma i64",
  // 63 depends on the mode: see decoder.ts.
  0x63: "arpl Ew,Gw i64",
  0x68: "push Iz d64",
  0x69: "imul2 Gv,Ev,Iz",
  0x6a: "push Is d64",
  0x6b: "imul2 Gv,Ev,Is",
  0x6c: "ins Yb,DX",
  0x6d: "ins Yz,DX",
  0x6e: "outs DX,Xb",
  0x6f: "outs DX,Xz",
  ...range(0x70, 0x7f, "jcc cc,Jb f64"),
  0x80: arithmeticGroup("Eb,IB"),
  0x81: arithmeticGroup("Ev,Iz"),
  // An alias of 80.
  0x82: arithmeticGroup("Eb,IB i64"),
  0x83: arithmeticGroup("Ev,Is"),
  0x84: "test Eb,Gb",
  0x85: "test Ev,Gv",
  0x86: "xchg Eb,Gb lock",
  0x87: "xchg Ev,Gv lock",
  0x88: "mov Eb,Gb",
  0x89: "mov Ev,Gv",
  0x8a: "mov Gb,Eb",
  0x8b: "mov Gv,Ev",
  0x8c: "movsreg Ee,Sw",
  0x8d: "lea Gv,M0",
  // Not to CS, which only a far transfer loads.
  0x8e: [
    "loadsreg Sw,Ew",
    undefined,
    "loadsreg Sw,Ew",
    "loadsreg Sw,Ew",
    "loadsreg Sw,Ew",
    "loadsreg Sw,Ew",
  ],
  0x8f: ["pop Ev d64"],
  // 90 without REX.B is NOP or PAUSE: see decoder.ts.
  ...range(0x90, 0x97, "xchg Zv,Av"),
  0x98: "cbw",
  0x99: "cwd",
  0x9a: "call_far Ap i64",
  0x9b: "wait",
  0x9c: "pushf d64",
  0x9d: "popf d64",
  0x9e: "sahf",
  0x9f: "lahf",
  0xa0: "mov Ab,Ob",
  0xa1: "mov Av,Ov",
  0xa2: "mov Ob,Ab",
  0xa3: "mov Ov,Av",
  0xa4: "movs Yb,Xb",
  0xa5: "movs Yv,Xv",
  0xa6: "cmps Xb,Yb",
  0xa7: "cmps Xv,Yv",
  0xa8: "test Ab,IB",
  0xa9: "test Av,Iz",
  0xaa: "stos Yb,Ab",
  0xab: "stos Yv,Av",
  0xac: "lods Ab,Xb",
  0xad: "lods Av,Xv",
  0xae: "scas Ab,Yb",
  0xaf: "scas Av,Yv",
  ...range(0xb0, 0xb7, "mov Zb,IB"),
  ...range(0xb8, 0xbf, "mov Zv,Iv"),
  0xc0: shiftGroup("Eb,Ib"),
  0xc1: shiftGroup("Ev,Ib"),
  0xc2: "ret Iw f64",
  0xc3: "ret f64",
  0xc4: "load_far ES,Gv,Mp i64",
  0xc5: "load_far DS,Gv,Mp i64",
  0xc6: moveGroup("Eb,IB", "imm8"),
  0xc7: moveGroup("Ev,Iz", "immz"),
  0xc8: "enter Iw,Ib d64",
  0xc9: "leave d64",
  0xca: "ret_far Iw",
  0xcb: "ret_far",
  0xcc: "int3",
  0xcd: "int Ib",
  0xce: "into i64",
  0xcf: "iret",
  0xd0: shiftGroup("Eb,1"),
  0xd1: shiftGroup("Ev,1"),
  0xd2: shiftGroup("Eb,CL"),
  0xd3: shiftGroup("Ev,CL"),
  0xd4: "aam Ib i64",
  0xd5: "aad Ib i64",
  0xd6: "salc i64",
  0xd7: "xlat XL",
  ...range(0xd8, 0xdf, "x87 modrm"),
  0xe0: "loopne Jb f64",
  0xe1: "loope Jb f64",
  0xe2: "loop Jb f64",
  0xe3: "jcxz Jb f64",
  0xe4: "in Ab,Ib",
  0xe5: "in Az,Ib",
  0xe6: "out Ib,Ab",
  0xe7: "out Ib,Az",
  0xe8: "call Jz f64",
  0xe9: "jmp Jz f64",
  0xea: "jmp_far Ap i64",
  0xeb: "jmp Jb f64",
  0xec: "in Ab,DX",
  0xed: "in Az,DX",
  0xee: "out DX,Ab",
  0xef: "out DX,Az",
  0xf1: "int1",
  0xf4: "hlt",
  0xf5: "cmc",
  0xf6: unaryGroup("Eb", "IB"),
  0xf7: unaryGroup("Ev", "Iz"),
  0xf8: "clc",
  0xf9: "stc",
  0xfa: "cli",
  0xfb: "sti",
  0xfc: "cld",
  0xfd: "std",
  0xfe: GROUP_4,
  0xff: GROUP_5,
};

/** 256 entries by opcode. */
export const ONE_BYTE = compileTable(TABLE);
/** 63 in 64-bit code; its source is 2 bytes with operand size 2, else 4. */
export const MOVSXD = compileTable({ 0x63: "movsx Gv,Ez" })[0x63];
export const NOP = compileTable({ 0x90: "nop" })[0x90];
export const PAUSE = compileTable({ 0x90: "pause" })[0x90];
