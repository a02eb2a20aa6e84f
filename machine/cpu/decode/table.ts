/**
 * How opcode tables are written, and what is made of them.
 *
 * An entry is a text: a mnemonic, its operand codes with commas, flags, and after a semicolon
 * the reason of "ud" or the family of "sse". `"add Eb,Gb lock"`, `"ud modrm ;VMX: vmread"`.
 *
 * | flag | meaning |
 * |---|---|
 * | `lock` | LOCK is allowed when the destination is memory |
 * | `i64` `o64` | invalid in 64-bit code; invalid elsewhere |
 * | `d64` | 64-bit code: operand size 8, or 2 with 66 |
 * | `f64` | 64-bit code: operand size 8, 66 or not |
 * | `modrm` `imm8` `imm16` `imm32` `immz` | bytes to be skipped; no operand made of them |
 * | `mem` `reg` | valid only with a memory, or a register, in ModRM.rm |
 * | `flat` | ModRM.mod is ignored: rm is a register |
 *
 * An entry can also fork: eight nodes by ModRM.reg, or one of the objects below.
 */

import type { Cursor } from "./cursor.ts";
import type { Mnemonic } from "./mnemonics.ts";
import { MNEMONICS } from "./mnemonics.ts";
import { readModRm } from "./modrm.ts";
import { needsModRm, type OperandReader, operandReader } from "./operands.ts";

/** By mandatory prefix. A missing one is invalid. */
export interface ByPrefix {
  readonly none?: Node;
  readonly x66?: Node;
  readonly xf3?: Node;
  readonly xf2?: Node;
}

/** By what ModRM.rm is. */
export interface ByMod {
  readonly memory?: Node;
  readonly register?: Node;
}

/** By ModRM.rm, for opcodes that have it as a third byte. */
export interface ByRm {
  readonly rm: readonly (Node | undefined)[];
}

/** By ModRM.reg; `undefined` is invalid. */
export type ByReg = readonly (Node | undefined)[];

export type Node = string | ByReg | ByPrefix | ByMod | ByRm;

/** Opcode to node; see {@linkcode range} for runs of opcodes. */
export type OpcodeTable = Readonly<Record<number, Node>>;

/** What an entry became. */
export interface Leaf {
  readonly mnemonic: Mnemonic;
  readonly reason: string | undefined;
  readonly readers: readonly OperandReader[];
  readonly modrm: boolean;
  readonly lock: boolean;
  readonly i64: boolean;
  readonly o64: boolean;
  readonly d64: boolean;
  readonly f64: boolean;
  readonly flat: boolean;
  /** 66 is no size here: "wide" 8 with REX.W, else 4; "native" 8 in 64-bit code, else 4. */
  readonly sizing: "" | "wide" | "native";
  readonly memoryOnly: boolean;
  readonly registerOnly: boolean;
  /** Bytes without a meaning after all else; -1: an immediate of the operand size, at most 4. */
  readonly skip: number;
}

/** A fork with its rule. */
interface Fork {
  readonly select: (c: Cursor) => number;
  readonly children: readonly Compiled[];
}

export type Compiled = Leaf | Fork;

const FLAGS = [
  "lock",
  "i64",
  "o64",
  "d64",
  "f64",
  "modrm",
  "mem",
  "reg",
  "flat",
  "imm8",
  "imm16",
  "imm32",
  "immz",
] as const;

/** Where a table has nothing. */
export const RESERVED: Leaf = compileLeaf("ud ;reserved opcode");

/** Compiles a table of 256 opcodes. */
export function compileTable(table: OpcodeTable): readonly Compiled[] {
  const compiled = new Array<Compiled>(256).fill(RESERVED);
  for (const [opcode, node] of Object.entries(table)) compiled[Number(opcode)] = compile(node);
  return compiled;
}

/** Follows forks to the entry; reads ModRM when a fork needs it. */
export function resolve(node: Compiled, c: Cursor): Leaf {
  while ("select" in node) node = node.children[node.select(c)];
  return node;
}

/** Eight entries by ModRM.reg that share their operands and flags. */
export function group(rest: string, ...mnemonics: readonly string[]): ByReg {
  return mnemonics.map((mnemonic) => `${mnemonic} ${rest}`);
}

/** The same entry for several opcodes. */
export function range(first: number, last: number, node: Node): Record<number, Node> {
  return Object.fromEntries(
    Array.from({ length: last - first + 1 }, (_, i) => [first + i, node]),
  );
}

/** An entry that CPUID says is absent: by prefix columns as in {@linkcode columns}. */
export function columns(validity: string, entry: string): ByPrefix {
  const [flags, reason] = entry.split(";");
  const node = (mark: string): Node | undefined => {
    if (mark === "-") return undefined;
    const form = mark === "m" ? "mem " : mark === "r" ? "reg " : "";
    return `${flags.trim()} modrm ${form};${reason ?? ""}`;
  };
  const [none, x66, xf3, xf2] = [...validity].map(node);
  return forkOf({ none, x66, xf3, xf2 });
}

/** Drops the undefined columns, which exact optional properties want. */
function forkOf(nodes: Record<keyof ByPrefix, Node | undefined>): ByPrefix {
  return Object.fromEntries(Object.entries(nodes).filter(([, node]) => node !== undefined));
}

const byPrefix = (c: Cursor) => c.mandatory;
const byMod = (c: Cursor) => (readModRm(c), c.mod === 3 ? 1 : 0);
const byReg = (c: Cursor) => (readModRm(c), c.reg);
const byRm = (c: Cursor) => (readModRm(c), c.rm);

function compile(node: Node | undefined): Compiled {
  if (node === undefined) return RESERVED;
  if (typeof node === "string") return compileLeaf(node);
  if (isByReg(node)) return fork(byReg, Array.from({ length: 8 }, (_, i) => node[i]));
  if ("rm" in node) return fork(byRm, Array.from({ length: 8 }, (_, i) => node.rm[i]));
  if ("memory" in node || "register" in node) return fork(byMod, [node.memory, node.register]);
  const { none, x66, xf3, xf2 } = node as ByPrefix;
  return fork(byPrefix, [none, x66, xf3, xf2]);
}

function isByReg(node: Node): node is ByReg {
  return Array.isArray(node);
}

function fork(select: Fork["select"], children: readonly (Node | undefined)[]): Fork {
  return { select, children: children.map(compile) };
}

function compileLeaf(text: string): Leaf {
  const [entry, reason] = text.split(";");
  const [mnemonic, ...rest] = entry.trim().split(/\s+/);
  if (!(MNEMONICS as readonly string[]).includes(mnemonic)) {
    throw new TypeError(`cannot read the opcode table: no mnemonic ${mnemonic}`);
  }
  const flags = new Set(rest.filter((word) => (FLAGS as readonly string[]).includes(word)));
  const codes = rest.filter((word) => !flags.has(word)).flatMap((word) => word.split(","));
  const flat = flags.has("flat");
  return {
    mnemonic: mnemonic as Mnemonic,
    reason: reason?.trim() || undefined,
    readers: codes.map(operandReader),
    modrm: flags.has("modrm") || codes.some(needsModRm),
    lock: flags.has("lock"),
    i64: flags.has("i64"),
    o64: flags.has("o64"),
    d64: flags.has("d64"),
    f64: flags.has("f64"),
    flat,
    sizing: codes.some((code) => "yo".includes(code[1]))
      ? "wide"
      : codes.some((code) => code[1] === "n" && code[0] !== "C" && code[0] !== "D")
      ? "native"
      : "",
    memoryOnly: flags.has("mem") || codes.some((code) => code[0] === "M"),
    registerOnly: flags.has("reg") || !flat && codes.some((code) => code[0] === "R"),
    skip: flags.has("immz")
      ? -1
      : flags.has("imm32")
      ? 4
      : flags.has("imm16")
      ? 2
      : flags.has("imm8")
      ? 1
      : 0,
  };
}
