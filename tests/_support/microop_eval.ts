/**
 * A second, independent execution of micro-operations: slow, with `bigint`, one case per
 * operation. What it and the machine's own lowering disagree about is a mistake of one of them.
 */
import { STATE } from "../../machine/memory/layout.ts";
import type { Builder } from "../../machine/cpu/builder.ts";
import type { FlagName, MicroOp, Size } from "../../machine/cpu/microop.ts";
import type { CpuContext, Helper } from "../../machine/cpu/context.ts";
import { segmentLinear } from "../../machine/cpu/helpers/segments.ts";
import { ACCESS } from "../../machine/mmu/access.ts";

/** How an instruction ended; faults are thrown. RIP in the state block is up to date. */
export type Ending = "next" | "jump" | "exit";

const FLAG_BIT: Record<FlagName, number> = { C: 0, P: 2, A: 4, Z: 6, S: 7, O: 11 };

const unsigned = (size: number, value: bigint) => BigInt.asUintN(size * 8, value);
const signed = (size: number, value: bigint) => BigInt.asIntN(size * 8, value);
const pair = (low: number, high: number) => (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
const lowWord = (value: bigint) => Number(BigInt.asIntN(32, value));
const highWord = (value: bigint) => Number(BigInt.asIntN(32, value >> 32n));

/**
 * Executes one instruction's micro-operations on a CPU's state and memory.
 *
 * @throws {GuestFault} As the instruction would fault.
 */
export function evaluate(
  builder: Builder,
  cpu: CpuContext,
  helpers: Readonly<Record<string, Helper>>,
): Ending {
  return new Evaluation(builder, cpu, helpers).run();
}

class Evaluation {
  readonly #values: bigint[] = [];

  constructor(
    readonly builder: Builder,
    readonly cpu: CpuContext,
    readonly helpers: Readonly<Record<string, Helper>>,
  ) {}

  run(): Ending {
    const { ops } = this.builder;
    for (let at = 0; at < ops.length; at++) {
      const op = ops[at];
      switch (op.op) {
        case "if":
          if (this.#values[op.a] === 0n) at = this.#matching(at, true);
          break;
        case "else":
          at = this.#matching(at, false);
          break;
        case "exitNext":
          this.#goTo(this.builder.nextRip.low, this.builder.nextRip.high);
          return "exit";
        case "exit":
          return "exit";
        case "jump":
          this.#goTo(lowWord(this.#values[op.a]), highWord(this.#values[op.a]));
          return "jump";
        case "goto":
          this.#goTo(op.low, op.high);
          return "jump";
        default:
          this.#execute(op);
      }
    }
    this.#goTo(this.builder.nextRip.low, this.builder.nextRip.high);
    return "next";
  }

  /** Index of the `else` (if asked for) or `end` that belongs to a region's start. */
  #matching(from: number, orElse: boolean): number {
    let depth = 0;
    for (let at = from + 1;; at++) {
      const { op } = this.builder.ops[at];
      if (op === "if") depth++;
      else if (depth === 0 && (op === "end" || (orElse && op === "else"))) return at;
      else if (op === "end") depth--;
    }
  }

  #goTo(low: number, high: number): void {
    this.cpu.state.setPair(STATE.rip, low, high);
  }

  #execute(op: MicroOp): void {
    const { cpu } = this;
    const { state } = cpu;
    const v = this.#values;
    switch (op.op) {
      case "const":
        v[op.to] = unsigned(op.size, pair(op.low, op.high));
        return;
      case "get": {
        const whole = pair(state.low(op.register), state.high(op.register));
        v[op.to] = unsigned(op.size, op.high ? whole >> 8n : whole);
        return;
      }
      case "set":
        return this.#setRegister(op.register, op.size, op.high, v[op.a]);
      case "getState":
        v[op.to] = unsigned(op.size, pair(state.word(op.offset), state.word(op.offset + 4)));
        return;
      case "setState":
        state.setWord(op.offset, lowWord(v[op.a]));
        if (op.size === 8) state.setWord(op.offset + 4, highWord(v[op.a]));
        return;
      case "add":
        v[op.to] = unsigned(op.size, v[op.a] + v[op.b]);
        return;
      case "sub":
        v[op.to] = unsigned(op.size, v[op.a] - v[op.b]);
        return;
      case "mul":
        v[op.to] = unsigned(op.size, v[op.a] * v[op.b]);
        return;
      case "mulHighU":
        v[op.to] = unsigned(op.size, (v[op.a] * v[op.b]) >> BigInt(op.size * 8));
        return;
      case "mulHighS": {
        const product = signed(op.size, v[op.a]) * signed(op.size, v[op.b]);
        v[op.to] = unsigned(op.size, product >> BigInt(op.size * 8));
        return;
      }
      case "and":
        v[op.to] = v[op.a] & v[op.b];
        return;
      case "or":
        v[op.to] = v[op.a] | v[op.b];
        return;
      case "xor":
        v[op.to] = v[op.a] ^ v[op.b];
        return;
      case "shl":
        v[op.to] = unsigned(op.size, v[op.a] << this.#count(op));
        return;
      case "shr":
        v[op.to] = v[op.a] >> this.#count(op);
        return;
      case "sar":
        v[op.to] = unsigned(op.size, signed(op.size, v[op.a]) >> this.#count(op));
        return;
      case "rotl": {
        const count = this.#count(op);
        const down = BigInt(op.size * 8) - count;
        v[op.to] = unsigned(op.size, (v[op.a] << count) | (v[op.a] >> down));
        return;
      }
      case "not":
        v[op.to] = unsigned(op.size, ~v[op.a]);
        return;
      case "bswap": {
        let reversed = 0n;
        for (let i = 0n; i < op.size; i++) {
          reversed = (reversed << 8n) | ((v[op.a] >> (i * 8n)) & 0xffn);
        }
        v[op.to] = reversed;
        return;
      }
      case "clz":
        v[op.to] = BigInt(op.size * 8 - (v[op.a] === 0n ? 0 : v[op.a].toString(2).length));
        return;
      case "ctz": {
        const digits = v[op.a].toString(2);
        const zeros = digits.length - 1 - digits.lastIndexOf("1");
        v[op.to] = BigInt(v[op.a] === 0n ? op.size * 8 : zeros);
        return;
      }
      case "popcnt":
        v[op.to] = BigInt(v[op.a].toString(2).replaceAll("0", "").length);
        return;
      case "eq":
        v[op.to] = v[op.a] === v[op.b] ? 1n : 0n;
        return;
      case "ne":
        v[op.to] = v[op.a] !== v[op.b] ? 1n : 0n;
        return;
      case "ltu":
        v[op.to] = v[op.a] < v[op.b] ? 1n : 0n;
        return;
      case "leu":
        v[op.to] = v[op.a] <= v[op.b] ? 1n : 0n;
        return;
      case "lts":
        v[op.to] = signed(op.size, v[op.a]) < signed(op.size, v[op.b]) ? 1n : 0n;
        return;
      case "les":
        v[op.to] = signed(op.size, v[op.a]) <= signed(op.size, v[op.b]) ? 1n : 0n;
        return;
      case "zext":
        v[op.to] = v[op.a];
        return;
      case "sext":
        v[op.to] = unsigned(op.size, signed(op.from, v[op.a]));
        return;
      case "trunc":
        v[op.to] = unsigned(op.size, v[op.a]);
        return;
      case "high32":
        v[op.to] = v[op.a] >> 32n;
        return;
      case "select":
        v[op.to] = v[op.condition] !== 0n ? v[op.a] : v[op.b];
        return;
      case "load":
        v[op.to] = this.#load(op.size, v[op.address], this.#access(op.stack, op.write));
        return;
      case "store":
        return this.#store(op.size, v[op.address], v[op.a], this.#access(op.stack, true));
      case "segment": {
        const linear = segmentLinear(cpu, op.segment, lowWord(v[op.a]), op.bytes, op.write);
        v[op.to] = unsigned(4, BigInt(linear));
        return;
      }
      case "flagsResult": {
        const result = v[op.a];
        this.#setFlag("Z", result === 0n);
        this.#setFlag("S", signed(op.size, result) < 0n);
        const ones = (result & 0xffn).toString(2).replaceAll("0", "").length;
        return this.#setFlag("P", ones % 2 === 0);
      }
      case "flagsAdd": {
        const [a, b, result] = [v[op.a], v[op.b], v[op.result]];
        const carryIn = unsigned(op.size, result - a - b);
        const sum = a + b + carryIn;
        const total = signed(op.size, a) + signed(op.size, b) + carryIn;
        if (op.carry) this.#setFlag("C", sum !== result);
        this.#setFlag("O", total !== signed(op.size, result));
        return this.#setFlag("A", ((a ^ b ^ result) & 16n) !== 0n);
      }
      case "flagsSub": {
        const [a, b, result] = [v[op.a], v[op.b], v[op.result]];
        const borrow = unsigned(op.size, a - b - result);
        const total = signed(op.size, a) - signed(op.size, b) - borrow;
        if (op.carry) this.#setFlag("C", a < b + borrow);
        this.#setFlag("O", total !== signed(op.size, result));
        return this.#setFlag("A", ((a ^ b ^ result) & 16n) !== 0n);
      }
      case "setFlag":
        return this.#setFlag(op.flag, (v[op.a] & 1n) !== 0n);
      case "getFlag":
        v[op.to] = this.#flag(op.flag) ? 1n : 0n;
        return;
      case "condition":
        v[op.to] = this.#condition(op.condition) ? 1n : 0n;
        return;
      case "call": {
        const args = op.args.flatMap((id) =>
          this.#sizeOf(id) === 8 ? [lowWord(v[id]), highWord(v[id])] : [lowWord(v[id])]
        );
        const low = this.helpers[op.name](cpu, ...args);
        if (op.to >= 0) {
          v[op.to] = unsigned(op.size, pair(low as number, state.word(STATE.high)));
        }
        return;
      }
      case "sync": {
        const { context, nextRip } = this.builder;
        state.setPair(STATE.rip, context.ripLow, context.ripHigh);
        return state.setPair(STATE.nextRip, nextRip.low, nextRip.high);
      }
      case "raise":
        return state.raise(op.vector, Math.max(op.error, 0));
      case "checkTarget": {
        const valid = op.size === 8
          ? signed(8, v[op.a]) === BigInt.asIntN(48, v[op.a])
          : v[op.a] <= BigInt(this.builder.context.csLimit >>> 0);
        if (!valid) state.raise(13, 0);
        return;
      }
      case "end":
        return;
      default:
        throw new TypeError(`Cannot evaluate "${op.op}" here`);
    }
  }

  /** A shift count, which must be less than the width. */
  #count(op: { size: Size; b: number }): bigint {
    const count = this.#values[op.b];
    if (count >= op.size * 8) throw new RangeError(`Cannot shift ${op.size} bytes by ${count}`);
    return count;
  }

  #sizeOf(id: number): Size {
    for (const op of this.builder.ops) {
      if ("to" in op && op.to === id) {
        switch (op.op) {
          case "eq":
          case "ne":
          case "ltu":
          case "lts":
          case "leu":
          case "les":
          case "getFlag":
          case "condition":
          case "segment":
            return 4;
          default:
            return op.size;
        }
      }
    }
    throw new TypeError(`Cannot find value ${id}`);
  }

  #setRegister(register: number, size: Size, high: boolean, value: bigint): void {
    const { state } = this.cpu;
    const old = pair(state.low(register), state.high(register));
    const shift = high ? 8n : 0n;
    const mask = size === 1 ? 0xffn << shift : size === 2 ? 0xffffn : (1n << 64n) - 1n;
    const merged = (old & ~mask) | ((value << shift) & mask);
    state.setRegister(register, lowWord(merged), highWord(merged));
  }

  #access(stack: boolean, write: boolean): number {
    return (this.builder.user ? ACCESS.USER : 0) | (stack ? ACCESS.STACK : 0) |
      (write ? ACCESS.WRITE : 0);
  }

  #load(size: Size, address: bigint, access: number): bigint {
    const { mmu, state } = this.cpu;
    const low = lowWord(address);
    const high = highWord(address);
    switch (size) {
      case 1:
        return unsigned(1, BigInt(mmu.load8(low, high, access)));
      case 2:
        return unsigned(2, BigInt(mmu.load16(low, high, access)));
      case 4:
        return unsigned(4, BigInt(mmu.load32(low, high, access)));
      case 8:
        return pair(mmu.load64(low, high, access), state.word(STATE.high));
    }
  }

  #store(size: Size, address: bigint, value: bigint, access: number): void {
    const { mmu } = this.cpu;
    const low = lowWord(address);
    const high = highWord(address);
    switch (size) {
      case 1:
        return mmu.store8(low, high, lowWord(value), access);
      case 2:
        return mmu.store16(low, high, lowWord(value), access);
      case 4:
        return mmu.store32(low, high, lowWord(value), access);
      case 8:
        return mmu.store64(low, high, lowWord(value), highWord(value), access);
    }
  }

  #flag(flag: FlagName): boolean {
    return (this.cpu.state.flags >> FLAG_BIT[flag] & 1) !== 0;
  }

  #setFlag(flag: FlagName, value: boolean): void {
    const { state } = this.cpu;
    const bit = 1 << FLAG_BIT[flag];
    state.setArithmeticFlags(value ? state.flags | bit : state.flags & ~bit);
  }

  #condition(code: number): boolean {
    const [c, p, z] = [this.#flag("C"), this.#flag("P"), this.#flag("Z")];
    const [s, o] = [this.#flag("S"), this.#flag("O")];
    const truth = [o, c, z, c || z, s, p, s !== o, z || s !== o][code >> 1];
    return (code & 1) === 0 ? truth : !truth;
  }
}
