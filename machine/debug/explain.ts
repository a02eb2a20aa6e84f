/** An instruction's micro-operations, as data and as text. */
import { STATE } from "../memory/layout.ts";
import type { Instruction } from "../cpu/decode/instruction.ts";
import type { MicroOp } from "../cpu/microop.ts";

/** What {@linkcode Machine.explain} gives. */
export interface Explanation {
  /** The instruction in Intel syntax. */
  readonly instruction: string;
  readonly bytes: Uint8Array;
  readonly mnemonic: string;
  readonly microOps: readonly MicroOp[];
  /** One line per micro-operation. */
  readonly text: string;
  toString(): string;
}

const NAMES = "rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15".split(" ");
const SEGMENTS = "es cs ss ds fs gs".split(" ");
const CONDITIONS = "o no b ae e ne be a s ns p np l ge le g".split(" ");
const SYMBOLS: Record<string, string> = {
  add: "+",
  sub: "-",
  mul: "*",
  and: "&",
  or: "|",
  xor: "^",
  shl: "<<",
  shr: ">>>",
  sar: ">>",
  eq: "==",
  ne: "!=",
  ltu: "<u",
  lts: "<s",
  leu: "<=u",
  les: "<=s",
};

/** Puts an explanation together. */
export function explanation(
  instruction: string,
  bytes: Uint8Array,
  decoded: Instruction,
  microOps: readonly MicroOp[],
): Explanation {
  const lines: string[] = [];
  let depth = 0;
  for (const op of microOps) {
    if (op.op === "else" || op.op === "end") depth--;
    lines.push("  ".repeat(depth) + describe(op));
    if (op.op === "if" || op.op === "else") depth++;
  }
  const text = lines.join("\n");
  return {
    instruction,
    bytes,
    mnemonic: decoded.mnemonic,
    microOps,
    text,
    toString: () => `${instruction}\n${lines.map((line) => `  ${line}`).join("\n")}`,
  };
}

function describe(op: MicroOp): string {
  const v = (id: number) => `t${id}`;
  const typed = (to: number, size: number) => `${v(to)}:${size * 8}`;
  switch (op.op) {
    case "const": {
      const value = BigInt(op.high >>> 0) << 32n | BigInt(op.low >>> 0);
      return `${typed(op.to, op.size)} = 0x${value.toString(16)}`;
    }
    case "get":
      return `${typed(op.to, op.size)} = ${registerName(op.register, op.size, op.high)}`;
    case "set":
      return `${registerName(op.register, op.size, op.high)} = ${v(op.a)}`;
    case "getState":
      return `${typed(op.to, op.size)} = state.${stateName(op.offset)}`;
    case "setState":
      return `state.${stateName(op.offset)} = ${v(op.a)}`;
    case "not":
    case "bswap":
    case "clz":
    case "ctz":
    case "popcnt":
      return `${typed(op.to, op.size)} = ${op.op} ${v(op.a)}`;
    case "zext":
    case "sext":
    case "trunc":
    case "high32":
      return `${typed(op.to, op.size)} = ${op.op} ${v(op.a)}`;
    case "select":
      return `${typed(op.to, op.size)} = ${v(op.condition)} ? ${v(op.a)} : ${v(op.b)}`;
    case "load":
      return `${typed(op.to, op.size)} = load${op.write ? " for writing" : ""}` +
        `${op.stack ? " (stack)" : ""} [${v(op.address)}]`;
    case "store":
      return `store${op.stack ? " (stack)" : ""} [${v(op.address)}]:${op.size * 8} = ${v(op.a)}`;
    case "segment":
      return `${typed(op.to, 4)} = ${SEGMENTS[op.segment]}:${v(op.a)} ` +
        `checked for ${op.write ? "writing" : "reading"} ${op.bytes} bytes`;
    case "flagsResult":
      return `ZF SF PF = of ${v(op.a)}:${op.size * 8}`;
    case "flagsAdd":
    case "flagsSub":
      return `${op.carry ? "CF " : ""}OF AF = of ${v(op.a)} ${op.op === "flagsAdd" ? "+" : "-"} ` +
        `${v(op.b)} = ${v(op.result)}`;
    case "setFlag":
      return `${op.flag}F = ${v(op.a)}`;
    case "getFlag":
      return `${typed(op.to, 4)} = ${op.flag}F`;
    case "condition":
      return `${typed(op.to, 4)} = condition ${CONDITIONS[op.condition]}`;
    case "if":
      return `if ${v(op.a)} {`;
    case "else":
      return "} else {";
    case "end":
      return "}";
    case "call": {
      const call = `${op.name}(${op.args.map(v).join(", ")})`;
      return op.to < 0 ? `call ${call}` : `${typed(op.to, op.size)} = call ${call}`;
    }
    case "sync":
      return "make RIP and time exact";
    case "raise":
      return `raise exception ${op.vector}` + (op.error < 0 ? "" : `, error code ${op.error}`);
    case "checkTarget":
      return `#GP(0) unless ${v(op.a)} may be RIP`;
    case "exit":
      return "leave: RIP has been set";
    case "exitNext":
      return "leave: next instruction";
    case "jump":
      return `jump ${v(op.a)}`;
    case "goto": {
      const value = BigInt(op.high >>> 0) << 32n | BigInt(op.low >>> 0);
      return `goto 0x${value.toString(16)}`;
    }
    default:
      return `${typed(op.to, op.size)} = ${v(op.a)} ${SYMBOLS[op.op] ?? op.op} ${v(op.b)}`;
  }
}

function registerName(register: number, size: number, high: boolean): string {
  const name = NAMES[register];
  if (register >= 8) return name + { 1: "b", 2: "w", 4: "d", 8: "" }[size];
  if (size === 8) return name;
  if (size === 4) return `e${name.slice(1)}`;
  if (size === 2) return name.slice(1);
  if (high) return `${name[1]}h`;
  return register < 4 ? `${name[1]}l` : `${name.slice(1)}l`;
}

function stateName(offset: number): string {
  const entries = Object.entries(STATE).filter(([, at]) => at <= offset);
  const [name, at] = entries.reduce((best, entry) => entry[1] > best[1] ? entry : best);
  return at === offset ? name : `${name}+${offset - at}`;
}
