/**
 * The builder's first half: values, registers, flags and ways out, none of which looks at the
 * instruction that is translated.
 */
import type { BinaryOp, CompareOp, FlagName, MicroOp, Size, UnaryOp, Value } from "./microop.ts";

/** Appends micro-operations. The order of the calls is the order of execution. */
export class ValueBuilder {
  readonly ops: MicroOp[] = [];
  #nextId = 0;

  // --- values -------------------------------------------------------------

  /** A number that belongs to the instruction's meaning. `high` defaults to the sign. */
  constant(size: Size, low: number, high: number = low >> 31): Value {
    return this.#const(size, low, high, false);
  }

  /** A number that comes from the instruction's bytes. */
  parameter(size: Size, low: number, high: number = low >> 31): Value {
    return this.#const(size, low, high, true);
  }

  binary(op: BinaryOp, a: Value, b: Value): Value {
    return this.emit(a.size, (to) => ({ op, to, size: a.size, a: a.id, b: b.id }));
  }

  add(a: Value, b: Value): Value {
    return this.binary("add", a, b);
  }

  sub(a: Value, b: Value): Value {
    return this.binary("sub", a, b);
  }

  mul(a: Value, b: Value): Value {
    return this.binary("mul", a, b);
  }

  and(a: Value, b: Value): Value {
    return this.binary("and", a, b);
  }

  or(a: Value, b: Value): Value {
    return this.binary("or", a, b);
  }

  xor(a: Value, b: Value): Value {
    return this.binary("xor", a, b);
  }

  /** Shifts left; `count` has size 4 and is less than the width. So for the other shifts. */
  shl(a: Value, count: Value): Value {
    return this.binary("shl", a, count);
  }

  shr(a: Value, count: Value): Value {
    return this.binary("shr", a, count);
  }

  sar(a: Value, count: Value): Value {
    return this.binary("sar", a, count);
  }

  rotl(a: Value, count: Value): Value {
    return this.binary("rotl", a, count);
  }

  unary(op: UnaryOp, a: Value): Value {
    return this.emit(a.size, (to) => ({ op, to, size: a.size, a: a.id }));
  }

  not(a: Value): Value {
    return this.unary("not", a);
  }

  /** Compares: 1 or 0, size 4. */
  compare(op: CompareOp, a: Value, b: Value): Value {
    return this.emit(4, (to) => ({ op, to, size: a.size, a: a.id, b: b.id }));
  }

  /** 1 when a value is zero, else 0. */
  isZero(a: Value): Value {
    return this.compare("eq", a, this.constant(a.size, 0));
  }

  zext(a: Value, size: Size): Value {
    return this.#convert("zext", a, size);
  }

  sext(a: Value, size: Size): Value {
    return this.#convert("sext", a, size);
  }

  trunc(a: Value, size: Size): Value {
    return this.#convert("trunc", a, size);
  }

  /** Zero-extends or truncates, whichever it takes. */
  resize(a: Value, size: Size): Value {
    return size === a.size ? a : size > a.size ? this.zext(a, size) : this.trunc(a, size);
  }

  /** Bits 63:32 of an 8-byte value, size 4. */
  high32(a: Value): Value {
    return this.emit(4, (to) => ({ op: "high32", to, size: 4, from: 8, a: a.id }));
  }

  /** Bit `count` (a constant) of a value as 0 or 1, size 4. */
  bit(a: Value, count: number): Value {
    const low = count < 32 ? this.resize(a, 4) : this.high32(a);
    return this.and(this.shr(low, this.constant(4, count & 31)), this.constant(4, 1));
  }

  /** The sign bit as 0 or 1, size 4. */
  sign(a: Value): Value {
    return this.bit(a, a.size * 8 - 1);
  }

  select(condition: Value, a: Value, b: Value): Value {
    return this.emit(a.size, (to) => ({
      op: "select",
      to,
      size: a.size,
      condition: condition.id,
      a: a.id,
      b: b.id,
    }));
  }

  // --- registers and state --------------------------------------------------

  /** A register that the instruction names implicitly (RAX of MUL, RSP of PUSH). */
  register(register: number, size: Size): Value {
    return this.emit(
      size,
      (to) => ({ op: "get", to, size, register, high: false, param: false }),
    );
  }

  /** AH, CH, DH or BH, named implicitly. */
  highByte(register: number): Value {
    return this.emit(
      1,
      (to) => ({ op: "get", to, size: 1, register, high: true, param: false }),
    );
  }

  setRegister(register: number, value: Value): void {
    this.ops.push({
      op: "set",
      size: value.size,
      register,
      high: false,
      param: false,
      a: value.id,
    });
  }

  setHighByte(register: number, value: Value): void {
    this.ops.push({ op: "set", size: 1, register, high: true, param: false, a: value.id });
  }

  state(size: 4 | 8, offset: number): Value {
    return this.emit(size, (to) => ({ op: "getState", to, size, offset }));
  }

  setState(offset: number, value: Value): void {
    this.ops.push({ op: "setState", size: value.size as 4 | 8, offset, a: value.id });
  }

  // --- flags ----------------------------------------------------------------------

  /** ZF, SF and PF from a result. */
  flagsResult(result: Value): void {
    this.ops.push({ op: "flagsResult", size: result.size, a: result.id });
  }

  /** All six flags of an addition, with or without carry-in; `carry: false` leaves CF alone. */
  flagsAdd(a: Value, b: Value, result: Value, options: { carry?: boolean } = {}): void {
    this.#flagsArithmetic("flagsAdd", a, b, result, options.carry ?? true);
  }

  /** All six flags of a subtraction, with or without borrow-in. */
  flagsSub(a: Value, b: Value, result: Value, options: { carry?: boolean } = {}): void {
    this.#flagsArithmetic("flagsSub", a, b, result, options.carry ?? true);
  }

  /** Flags of AND, OR, XOR, TEST: ZF SF PF from the result; CF, OF, AF cleared. */
  flagsLogic(result: Value): void {
    this.flagsResult(result);
    const zero = this.constant(4, 0);
    this.setFlag("C", zero);
    this.setFlag("O", zero);
    this.setFlag("A", zero);
  }

  /** Sets a flag to bit 0 of a value of size 4. */
  setFlag(flag: FlagName, value: Value): void {
    this.ops.push({ op: "setFlag", flag, a: value.id });
  }

  /** A flag as 0 or 1, size 4. */
  flag(flag: FlagName): Value {
    return this.emit(4, (to) => ({ op: "getFlag", to, flag }));
  }

  /** A condition code 0–15 as 0 or 1, size 4. */
  condition(condition: number): Value {
    return this.emit(4, (to) => ({ op: "condition", to, condition }));
  }

  // --- control ------------------------------------------------------------------------

  /** Runs `then` only when the condition is not 0, else `otherwise`. Values do not escape. */
  when(condition: Value, then: () => void, otherwise?: () => void): void {
    this.ops.push({ op: "if", a: condition.id });
    then();
    if (otherwise !== undefined) {
      this.ops.push({ op: "else" });
      otherwise();
    }
    this.ops.push({ op: "end" });
  }

  /** Calls a helper without a result. */
  call(name: string, ...args: Value[]): void {
    this.ops.push({ op: "call", to: -1, size: 4, name, args: args.map((value) => value.id) });
  }

  /** Calls a helper for its result. */
  callFor(size: Size, name: string, ...args: Value[]): Value {
    return this.emit(
      size,
      (to) => ({ op: "call", to, size, name, args: args.map((value) => value.id) }),
    );
  }

  /** Makes RIP, the next RIP and the time exact for the calls that follow. */
  sync(): void {
    this.ops.push({ op: "sync" });
  }

  raise(vector: number, error = -1): void {
    this.ops.push({ op: "raise", vector, error });
  }

  exit(): void {
    this.ops.push({ op: "exit" });
  }

  exitNext(): void {
    this.ops.push({ op: "exitNext" });
  }

  /** #GP(0) unless `target` (2, 4 or 8 bytes) may become RIP. */
  checkTarget(target: Value): void {
    this.ops.push({ op: "checkTarget", size: target.size, a: target.id });
  }

  /** Jumps to a checked target. */
  jump(target: Value): void {
    this.ops.push({ op: "jump", size: target.size, a: target.id });
  }

  // --- inside -------------------------------------------------------------------------

  /** Appends an operation with a result. */
  protected emit(size: Size, make: (to: number) => MicroOp): Value {
    const id = this.#nextId++;
    this.ops.push(make(id));
    return { id, size };
  }

  #const(size: Size, low: number, high: number, param: boolean): Value {
    const narrow = size === 1 ? low & 0xff : size === 2 ? low & 0xffff : low | 0;
    return this.emit(
      size,
      (to) => ({ op: "const", to, size, low: narrow, high: size === 8 ? high | 0 : 0, param }),
    );
  }

  #convert(op: "zext" | "sext" | "trunc", a: Value, size: Size): Value {
    if (a.size === size) return a;
    return this.emit(size, (to) => ({ op, to, size, from: a.size, a: a.id }));
  }

  #flagsArithmetic(
    op: "flagsAdd" | "flagsSub",
    a: Value,
    b: Value,
    result: Value,
    carry: boolean,
  ): void {
    this.flagsResult(result);
    this.ops.push({ op, size: a.size, a: a.id, b: b.id, result: result.id, carry });
  }
}
