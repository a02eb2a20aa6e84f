/**
 * The interpreter's lowering: one instruction's micro-operations as JavaScript.
 *
 * Values of up to 4 bytes become an int32 variable `vN`; values of 8 bytes the pair `vNl`, `vNh`.
 * What comes from the operands (register numbers, immediates) is read from the code arena at
 * `C[p + k]`, so that all instructions of one shape share one routine.
 */
import { FAST, SEG, SEGMENT, SEGMENT_BYTES, STATE } from "../memory/layout.ts";
import { ACCESS } from "../mmu/access.ts";
import { binary32, binary64, compare, mask, type Text, unary, word } from "./emit_arithmetic.ts";
import {
  arithmeticFlags,
  conditionText,
  FLAG_WORDS,
  flagFrom,
  type FlagText,
  flagText,
  resultFlags,
} from "./emit_flags.ts";
import { type FlagName, type MicroOp, type Size, TERMINATORS } from "./microop.ts";

/** First operand of a record in the code arena: behind the routine's number and the position. */
export const FIRST_OPERAND = 2;

/** A routine's text and the operands of one instruction. */
export interface Lowered {
  /** Body of `function (p)`; instructions with equal texts share a routine. */
  readonly text: string;
  /** Contents of the record from {@linkcode FIRST_OPERAND} on. */
  readonly operands: number[];
  /** Names of the helpers that it calls. */
  readonly helpers: ReadonlySet<string>;
  /** Whether the record never continues with the one behind it. */
  readonly terminates: boolean;
  /** Whether it may leave the block: then it is the block's last instruction. */
  readonly leaves: boolean;
}

/** Stands for the index of the following record until the operands are counted. */
const NEXT = "NEXT";

/** How an instruction is lowered. */
export interface LowerOptions {
  /** Explicit accesses are made at CPL 3. */
  readonly user: boolean;
  /**
   * The record's index, when the text is to be part of a fused block: operands become numbers,
   * and whatever may fault first notes where it is.
   */
  readonly at?: number;
  /** Flags that nobody will see: their computation is left out. */
  readonly dead?: ReadonlySet<FlagName>;
}

/** Lowers one instruction's micro-operations. */
export function lower(ops: readonly MicroOp[], options: LowerOptions): Lowered {
  const emitter = new Emitter(options);
  for (const op of ops) emitter.emit(op);
  return emitter.finish(ops);
}

class Emitter {
  readonly #lines: string[] = [];
  readonly #values: Text[] = [];
  readonly #operands: number[] = [];
  readonly #helpers = new Set<string>();
  readonly #access: number;
  /** Per address value: the variable with the host offset of a read-modify-write's fast path. */
  readonly #hosts: { address: number; host: string; depth: number }[] = [];
  /** How many `if` regions are open. */
  #depth = 0;
  /** Host offsets that are negative when the access took the slow path. */
  readonly #slow: string[] = [];
  /** Something was called that may want the block left. */
  #always = false;

  readonly #user: boolean;
  readonly #at: number | undefined;
  readonly #dead: ReadonlySet<FlagName>;
  /** The record's index as text. */
  readonly #p: string;

  constructor({ user, at, dead }: LowerOptions) {
    this.#user = user;
    this.#at = at;
    this.#dead = dead ?? new Set();
    this.#p = at === undefined ? "p" : `${at}`;
    this.#access = user ? ACCESS.USER : 0;
  }

  finish(ops: readonly MicroOp[]): Lowered {
    const last = ops.at(-1);
    const terminates = last !== undefined && TERMINATORS.has(last.op);
    if (!terminates) {
      const slow = this.#always ? "" : `(${this.#slow.join("|")})<0&&`;
      if (this.#always || this.#slow.length > 0) {
        this.#line(`if(${slow}${word(STATE.leave)}!==0)return leaveAt(${NEXT});`);
      }
      if (this.#at === undefined) this.#line(`return ${NEXT};`);
    }
    const length = FIRST_OPERAND + this.#operands.length;
    const next = this.#at === undefined ? `p+${length}` : `${this.#at + length}`;
    return {
      text: this.#lines.join("\n").replaceAll(NEXT, next),
      operands: this.#operands,
      helpers: this.#helpers,
      terminates,
      leaves: ops.some(({ op }) => op !== "raise" && TERMINATORS.has(op)),
    };
  }

  emit(op: MicroOp): void {
    switch (op.op) {
      case "const":
        return this.#constant(op);
      case "get":
        return this.#get(op);
      case "set":
        return this.#set(op);
      case "getState":
        return this.#define(
          op.to,
          op.size,
          word(op.offset),
          word(op.offset + 4),
        );
      case "setState":
        this.#line(`${word(op.offset)}=${this.#low(op.a)};`);
        if (op.size === 8) this.#line(`${word(op.offset + 4)}=${this.#high(op.a)};`);
        return;
      case "add":
      case "sub":
      case "mul":
      case "and":
      case "or":
      case "xor":
      case "shl":
      case "shr":
      case "sar":
      case "rotl":
      case "mulHighU":
      case "mulHighS":
        if (op.size < 8) {
          const text = binary32(op.op, op.size, this.#low(op.a), this.#low(op.b));
          return this.#define(op.to, op.size, text);
        }
        this.#line(binary64(op.op, `v${op.to}`, this.#values[op.a], this.#values[op.b]));
        return this.#name(op.to);
      case "not":
      case "bswap":
      case "clz":
      case "ctz":
      case "popcnt":
        return this.#define(op.to, op.size, ...unary(op.op, this.#values[op.a]));
      case "eq":
      case "ne":
      case "ltu":
      case "lts":
      case "leu":
      case "les":
        return this.#define(
          op.to,
          4,
          `${compare(op.op, this.#values[op.a], this.#values[op.b])}?1:0`,
        );
      case "zext":
      case "trunc":
      case "sext":
        return this.#convert(op);
      case "high32":
        return this.#define(op.to, 4, this.#high(op.a));
      case "select": {
        const condition = `${this.#low(op.condition)}!==0`;
        return this.#define(
          op.to,
          op.size,
          `${condition}?${this.#low(op.a)}:${this.#low(op.b)}`,
          op.size === 8 ? `${condition}?${this.#high(op.a)}:${this.#high(op.b)}` : "0",
        );
      }
      case "load":
        return this.#load(op);
      case "store":
        return this.#store(op);
      case "segment":
        return this.#segment(op);
      case "flagsResult":
        return this.#setFlags(resultFlags(this.#values[op.a]));
      case "flagsAdd":
      case "flagsSub":
        return this.#setFlags(arithmeticFlags(
          op.op === "flagsAdd",
          op.carry,
          this.#values[op.a],
          this.#values[op.b],
          this.#values[op.result],
        ));
      case "setFlag":
        return this.#setFlags([flagFrom(op.flag, this.#low(op.a))]);
      case "getFlag":
        return this.#define(op.to, 4, flagText(op.flag));
      case "condition":
        return this.#define(op.to, 4, conditionText(op.condition));
      case "if":
        this.#depth++;
        return this.#line(`if(${this.#low(op.a)}!==0){`);
      case "else":
        this.#forgetHosts();
        return this.#line("}else{");
      case "end":
        this.#forgetHosts();
        this.#depth--;
        return this.#line("}");
      case "call":
        return this.#call(op);
      case "sync":
        return this.#line(`sync(${this.#p},${NEXT});`);
      case "raise":
        this.#here();
        return this.#line(`raise(${op.vector},${op.error});`);
      case "exitNext":
        return this.#line(`return leaveNext(${NEXT});`);
      case "exit":
        return this.#line("return -1;");
      case "checkTarget":
        this.#here();
        if (op.size === 8) {
          const top = `(${this.#high(op.a)}>>15)`;
          this.#line(`if(${top}!==0&&${top}!==-1)raise(13,0);`);
        } else {
          const limit = word(STATE.segments + SEG.CS * SEGMENT_BYTES + SEGMENT.limit);
          this.#line(`if((${this.#low(op.a)}>>>0)>(${limit}>>>0))raise(13,0);`);
        }
        return;
      case "jump":
        return this.#line(
          `return find(${this.#low(op.a)},${op.size === 8 ? this.#high(op.a) : "0"});`,
        );
      case "goto": {
        const slot = this.#place(this.#operand(op.low));
        this.#operand(op.high);
        const target = this.#place(this.#operand(0));
        const epoch = this.#place(this.#operand(-1));
        return this.#line(
          `return C[${epoch}]===${word(STATE.epoch)}?C[${target}]:link(${slot});`,
        );
      }
    }
  }

  #line(text: string): void {
    this.#lines.push(text);
  }

  #low(id: number): string {
    return this.#values[id].low;
  }

  #high(id: number): string {
    return this.#values[id].high;
  }

  /** Reserves an operand of the record. @returns Its offset from `p`. */
  #operand(value: number): number {
    this.#operands.push(value | 0);
    return FIRST_OPERAND + this.#operands.length - 1;
  }

  /** Index in the arena of an operand, as text. */
  #place(offset: number): string {
    return this.#at === undefined ? `p+${offset}` : `${this.#at + offset}`;
  }

  /** An operand's value as text. */
  #value(value: number): string {
    const offset = this.#operand(value);
    return this.#at === undefined ? `C[p+${offset}]` : paren(value | 0);
  }

  /** In a fused block: notes which instruction it is that may fault now. */
  #here(): void {
    if (this.#at !== undefined) this.#line(`${word(STATE.currentP)}=${this.#at};`);
  }

  #define(id: number, size: Size, low: string, high = "0"): void {
    if (size === 8) {
      this.#line(`const v${id}l=${low},v${id}h=${high};`);
      this.#name(id);
    } else {
      this.#line(`const v${id}=${low};`);
      this.#values[id] = { low: `v${id}`, high: "0", size };
    }
  }

  /** Notes that an 8-byte value is in the variables that bear its number. */
  #name(id: number): void {
    this.#values[id] = { low: `v${id}l`, high: `v${id}h`, size: 8 };
  }

  #constant(op: MicroOp & { op: "const" }): void {
    if (!op.param) {
      this.#values[op.to] = { low: paren(op.low), high: paren(op.high), size: op.size };
      return;
    }
    const low = this.#value(op.low);
    if (op.size !== 8) return this.#define(op.to, op.size, low);
    if (op.high === op.low >> 31) {
      this.#line(`const v${op.to}l=${low},v${op.to}h=v${op.to}l>>31;`);
      this.#name(op.to);
      return;
    }
    this.#define(op.to, 8, low, this.#value(op.high));
  }

  /** The index of a register's low word: a number, or the name of a variable that holds it. */
  #registerIndex(op: { register: number; param: boolean }): string {
    const index = (STATE.gpr >> 2) + op.register * 2;
    return op.param ? this.#value(index) : `${index}`;
  }

  #get(op: MicroOp & { op: "get" }): void {
    const index = this.#registerIndex(op);
    switch (op.size) {
      case 1:
        return this.#define(op.to, 1, `B[(${index}<<2)${op.high ? "+1" : ""}]`);
      case 2:
        return this.#define(op.to, 2, `H[${index}<<1]`);
      case 4:
        return this.#define(op.to, 4, `I[${index}]`);
      case 8:
        return this.#define(op.to, 8, `I[${index}]`, `I[${index}+1]`);
    }
  }

  #set(op: MicroOp & { op: "set" }): void {
    const index = this.#registerIndex(op);
    const low = this.#low(op.a);
    switch (op.size) {
      case 1:
        return this.#line(`B[(${index}<<2)${op.high ? "+1" : ""}]=${low};`);
      case 2:
        return this.#line(`H[${index}<<1]=${low};`);
      case 4:
        return this.#line(`I[${index}]=${low};I[${index}+1]=0;`);
      case 8:
        return this.#line(`I[${index}]=${low};I[${index}+1]=${this.#high(op.a)};`);
    }
  }

  #convert(op: Extract<MicroOp, { from: Size }>): void {
    const a = this.#low(op.a);
    switch (op.op) {
      case "zext":
        this.#values[op.to] = { low: a, high: "0", size: op.size };
        return;
      case "trunc":
        if (op.size === 4) {
          this.#values[op.to] = { low: a, high: "0", size: op.size };
          return;
        }
        return this.#define(op.to, op.size, `${a}&${mask(op.size)}`);
      case "sext": {
        const shift = 32 - op.from * 8;
        const wide = shift === 0 ? a : `${a}<<${shift}>>${shift}`;
        if (op.size === 2) return this.#define(op.to, 2, `(${wide})&65535`);
        if (op.size !== 8) return this.#define(op.to, op.size, wide);
        this.#line(`const v${op.to}l=${wide},v${op.to}h=v${op.to}l>>31;`);
        this.#name(op.to);
        return;
      }
    }
  }

  /** Declares `hN`: the host offset of a fast-table hit, or -1. */
  #translate(id: string, address: number, size: Size, write: boolean): void {
    const table = write
      ? (this.#user ? FAST.writeUser : FAST.writeSupervisor)
      : (this.#user ? FAST.readUser : FAST.readSupervisor);
    const low = this.#low(address);
    const last = size === 1 ? low : `(${low}+${size - 1})`;
    this.#line(
      `const t${id}=${table >> 2}+((${low}>>>10)&4092),` +
        `h${id}=I[t${id}]===(${last}&-4096)&&I[t${id}+1]===${this.#high(address)}` +
        `?(I[t${id}+2]+${low})|0:-1;`,
    );
    if (this.#depth === 0) this.#slow.push(`h${id}`);
    else this.#always = true;
  }

  #load(op: MicroOp & { op: "load" }): void {
    const { to, size } = op;
    this.#translate(`${to}`, op.address, size, op.write);
    const host = `h${to}`;
    if (op.write) this.#hosts.push({ address: op.address, host, depth: this.#depth });
    const flags = this.#flags(op) | (op.write ? ACCESS.WRITE : 0);
    const slow = `(${this.#low(op.address)},${this.#high(op.address)},${flags},${this.#p})`;
    if (size === 8) {
      this.#line(
        `let v${to}l,v${to}h;if(${host}>=0){` +
          `v${to}l=V.getInt32(${host},true);v${to}h=V.getInt32(${host}+4,true);` +
          `}else{v${to}l=load64${slow};v${to}h=${word(STATE.high)};}`,
      );
      this.#name(to);
      return;
    }
    const fast = size === 1
      ? `B[${host}]`
      : size === 2
      ? `V.getUint16(${host},true)`
      : `V.getInt32(${host},true)`;
    this.#define(to, size, `${host}>=0?${fast}:load${size * 8}${slow}`);
  }

  #store(op: MicroOp & { op: "store" }): void {
    const { size } = op;
    let host = this.#hosts.findLast(({ address }) => address === op.address)?.host;
    if (host === undefined) {
      const id = `s${this.#lines.length}`;
      this.#translate(id, op.address, size, true);
      host = `h${id}`;
    }
    const low = this.#low(op.a);
    const high = this.#high(op.a);
    const fast = size === 1
      ? `B[${host}]=${low};`
      : size === 2
      ? `V.setInt16(${host},${low},true);`
      : size === 4
      ? `V.setInt32(${host},${low},true);`
      : `V.setInt32(${host},${low},true);V.setInt32(${host}+4,${high},true);`;
    const value = size === 8 ? `${low},${high}` : low;
    this.#line(
      `if(${host}>=0){${fast}}else store${size * 8}(${this.#low(op.address)},` +
        `${this.#high(op.address)},${value},${this.#flags(op)},${this.#p});`,
    );
  }

  /** The region that ends takes its variables with it. */
  #forgetHosts(): void {
    while (this.#hosts.length > 0 && this.#hosts.at(-1)!.depth === this.#depth) this.#hosts.pop();
  }

  #flags({ stack, flat }: { stack: boolean; flat: boolean }): number {
    return this.#access | (stack ? ACCESS.STACK : 0) | (flat ? ACCESS.FLAT : 0);
  }

  #segment(op: MicroOp & { op: "segment" }): void {
    const at = STATE.segments + op.segment * SEGMENT_BYTES;
    const end = word(at + (op.write ? SEGMENT.writeEnd : SEGMENT.readEnd));
    const offset = this.#low(op.a);
    this.#define(
      op.to,
      4,
      `((${offset}>>>0)+${op.bytes})<=(${end}>>>0)?(${offset}+${word(at + SEGMENT.base)})|0` +
        `:segment(${op.segment},${offset},${op.bytes},${op.write ? 1 : 0},${this.#p})`,
    );
  }

  /** Assigns the words of flags, but for those that nobody will see. */
  #setFlags(flags: readonly FlagText[]): void {
    for (const [flag, text] of flags) {
      if (!this.#dead.has(flag)) this.#line(`${FLAG_WORDS[flag]}=${text};`);
    }
  }

  #call(op: MicroOp & { op: "call" }): void {
    this.#helpers.add(op.name);
    const args = op.args.flatMap((id) => {
      const { low, high, size } = this.#values[id];
      return size === 8 ? [low, high] : [low];
    });
    this.#here();
    const call = `h_${op.name}(${["cpu", ...args].join(",")})`;
    this.#always = true;
    if (op.to < 0) return this.#line(`${call};`);
    this.#define(op.to, op.size, call, word(STATE.high));
  }
}

function paren(value: number): string {
  return value < 0 ? `(${value})` : `${value}`;
}
