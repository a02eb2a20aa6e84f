/**
 * The builder that semantics are written against: typed operations append micro-operations.
 *
 * The order of the calls is the order of execution. Load and compute first, then commit
 * (registers, flags), so that a fault leaves everything as it was. Stores may fault, so they
 * come before registers and flags are set.
 */
import { VECTOR } from "../arch/exceptions.ts";
import { MODE, SEG, SEGMENT, SEGMENT_BYTES, STATE } from "../memory/layout.ts";
import {
  type ImmediateOperand,
  type Instruction,
  type MemoryOperand,
  type Operand,
  type RegisterOperand,
  RIP_BASE,
} from "./decode/instruction.ts";
import type { Size, Value } from "./microop.ts";
import { ValueBuilder } from "./value_builder.ts";

/** What the surroundings of an instruction are when it is translated. */
export interface BuilderContext {
  /** The mode word ({@linkcode MODE}). */
  readonly mode: number;
  /** RIP of the instruction (offset in CS), low and high int32 words. */
  readonly ripLow: number;
  readonly ripHigh: number;
  /** CS limit in bytes (legacy and compatibility code). */
  readonly csLimit: number;
}

/** A place that is read and then written: a register, or memory whose address is known. */
export interface Place {
  load(): Value;
  store(value: Value): void;
}

/** Collects the micro-operations of one instruction. */
export class Builder extends ValueBuilder {
  readonly instruction: Instruction;
  readonly context: BuilderContext;
  /** The instruction's operand size: that of most of its values. */
  readonly size: 2 | 4 | 8;
  /** Addresses that are unchecked offsets in a segment of 4 GiB. */
  readonly #flat = new Set<number>();

  constructor(instruction: Instruction, context: BuilderContext) {
    super();
    this.instruction = instruction;
    this.context = context;
    this.size = instruction.operandSize;
  }

  // --- surroundings -------------------------------------------------------

  /** Whether the instruction is 64-bit code. */
  get code64(): boolean {
    return (this.context.mode & MODE.CODE_SIZE_MASK) === 2;
  }

  /** Whether it runs with user privilege. */
  get user(): boolean {
    return (this.context.mode & MODE.USER) !== 0;
  }

  /** Width of the stack pointer: 2, 4 or 8. */
  get stackSize(): 2 | 4 | 8 {
    return 2 << ((this.context.mode >> MODE.STACK_SIZE_SHIFT) & 3) as 2 | 4 | 8;
  }

  /** Real mode or virtual-8086 mode. */
  get realAddressing(): boolean {
    const { mode } = this.context;
    return (mode & MODE.PROTECTED) === 0 || (mode & MODE.V86) !== 0;
  }

  /** RIP of the following instruction as words, truncated to the code's width. */
  get nextRip(): { low: number; high: number } {
    return this.#ripPlus(this.instruction.length, this.code64 ? 8 : this.#ipSize);
  }

  /** The immediate operand at a size (default: its own). */
  immediate(operand: ImmediateOperand, size: Size = operand.size): Value {
    return this.parameter(size, operand.low, operand.high);
  }

  /** RIP of the following instruction as a value of `size`. */
  nextRipValue(size: Size): Value {
    const { low, high } = this.nextRip;
    return this.parameter(size, low, high);
  }

  // --- memory ---------------------------------------------------------------

  /** Reads at a linear address. */
  load(size: Size, address: Value, options: { write?: boolean; stack?: boolean } = {}): Value {
    const { write = false, stack = false } = options;
    return this.emit(size, (to) => ({
      op: "load",
      to,
      size,
      address: address.id,
      write,
      stack,
      flat: this.#flat.has(address.id),
    }));
  }

  /** Writes at a linear address. */
  store(address: Value, value: Value, options: { stack?: boolean } = {}): void {
    this.ops.push({
      op: "store",
      size: value.size,
      address: address.id,
      a: value.id,
      stack: options.stack ?? false,
      flat: this.#flat.has(address.id),
    });
  }

  /**
   * The effective address (offset) of an operand, at its address size. `baseValue` stands in
   * for the base register (POP's rSP).
   */
  effectiveAddress(operand: MemoryOperand, baseValue?: Value): Value {
    const { base, index, scale, displacement, displacementHigh, addressSize } = operand;
    let sum: Value | undefined;
    if (base === RIP_BASE) {
      const { low, high } = this.nextRip;
      const target = low + displacement;
      const targetLow = target | 0;
      const carry = (targetLow >>> 0) < (low >>> 0) ? 1 : 0;
      const targetHigh = addressSize === 4 ? 0 : (high + displacementHigh + carry) | 0;
      return this.parameter(addressSize, targetLow, targetHigh);
    }
    if (base >= 0) sum = baseValue ?? this.#operandRegister(base, addressSize, false);
    if (index >= 0) {
      const value = this.#operandRegister(index, addressSize, false);
      const scaled = scale === 1
        ? value
        : this.shl(value, this.constant(4, scale === 2 ? 1 : scale === 4 ? 2 : 3));
      sum = sum === undefined ? scaled : this.add(sum, scaled);
    }
    if (sum === undefined) return this.parameter(addressSize, displacement, displacementHigh);
    if (displacement === 0 && displacementHigh === 0) return sum;
    return this.add(sum, this.parameter(addressSize, displacement, displacementHigh));
  }

  /**
   * The linear address of an offset in a segment, checked in legacy modes for an access of
   * `bytes` bytes.
   */
  linear(segment: number, offset: Value, bytes: number, write: boolean): Value {
    if (this.code64) {
      const wide = this.zext64(offset);
      if (segment !== SEG.FS && segment !== SEG.GS) return wide;
      const base = STATE.segments + segment * SEGMENT_BYTES + SEGMENT.base;
      return this.add(this.state(8, base), wide);
    }
    const narrow = this.resize(offset, 4);
    const { mode } = this.context;
    const flat = segment === SEG.DS
      ? MODE.FLAT_DS
      : segment === SEG.ES
      ? MODE.FLAT_ES
      : segment === SEG.SS
      ? MODE.FLAT_SS
      : 0;
    if ((mode & flat) !== 0) {
      this.#flat.add(narrow.id);
      return narrow;
    }
    return this.emit(
      4,
      (to) => ({ op: "segment", to, segment, a: narrow.id, bytes, write }),
    );
  }

  /** The linear address of a memory operand. */
  address(operand: MemoryOperand, options: { bytes?: number; write?: boolean } = {}): Value {
    const { bytes = operand.size, write = false } = options;
    return this.linear(operand.segment, this.effectiveAddress(operand), bytes, write);
  }

  /** Zero-extends to 8 bytes where it is not that wide. */
  zext64(a: Value): Value {
    return a.size === 8 ? a : this.zext(a, 8);
  }

  // --- operands ---------------------------------------------------------------

  /** The value of a register, memory or immediate operand, at the operand's size. */
  read(operand: Operand): Value {
    switch (operand.kind) {
      case "register":
        return this.#operandRegister(operand.register, operand.size, operand.high);
      case "memory":
        return this.load(operand.size as Size, this.address(operand), {
          stack: operand.segment === SEG.SS,
        });
      case "immediate":
        return this.immediate(operand);
      default:
        throw new TypeError(
          `Cannot read a ${operand.kind} operand of ${this.instruction.mnemonic}`,
        );
    }
  }

  /** Writes a register or memory operand that is not read before. */
  write(operand: Operand, value: Value): void {
    if (operand.kind === "register") {
      this.#setOperandRegister(operand, value);
    } else if (operand.kind === "memory") {
      this.store(this.address(operand, { bytes: value.size, write: true }), value, {
        stack: operand.segment === SEG.SS,
      });
    } else {
      throw new TypeError(`Cannot write a ${operand.kind} operand of ${this.instruction.mnemonic}`);
    }
  }

  /**
   * A register or memory operand that is read and then written. The address is worked out
   * here, once; the load already checks for writing.
   */
  place(operand: Operand): Place {
    if (operand.kind === "register") {
      return {
        load: () => this.read(operand),
        store: (value) => this.#setOperandRegister(operand, value),
      };
    }
    if (operand.kind !== "memory") {
      throw new TypeError(
        `Cannot change a ${operand.kind} operand of ${this.instruction.mnemonic}`,
      );
    }
    const address = this.address(operand, { write: true });
    const stack = operand.segment === SEG.SS;
    return {
      load: () => this.load(operand.size as Size, address, { write: true, stack }),
      store: (value) => this.store(address, value, { stack }),
    };
  }

  // --- the stack ----------------------------------------------------------------

  /** The stack pointer at the stack's width. */
  stackPointer(): Value {
    return this.register(4, this.stackSize);
  }

  /** Linear address of a stack offset. */
  stackAddress(offset: Value, bytes: number, write: boolean): Value {
    return this.linear(SEG.SS, offset, bytes, write);
  }

  /** Pushes: the store first, then the stack pointer. */
  push(value: Value): void {
    const pointer = this.sub(this.stackPointer(), this.constant(this.stackSize, value.size));
    this.store(this.stackAddress(pointer, value.size, true), value, { stack: true });
    this.setRegister(4, pointer);
  }

  /** Reads the top of the stack; the pointer moves with {@linkcode dropStack}. */
  peekStack(size: Size): Value {
    return this.load(size, this.stackAddress(this.stackPointer(), size, false), { stack: true });
  }

  /** Adds to the stack pointer. */
  dropStack(bytes: Value | number): void {
    const count = typeof bytes === "number" ? this.constant(this.stackSize, bytes) : bytes;
    this.setRegister(4, this.add(this.stackPointer(), count));
  }

  // --- targets ----------------------------------------------------------------

  /** The target of a relative branch, truncated to the operand size; and whether it is valid. */
  relativeTarget(displacement: number): { low: number; high: number; valid: boolean } {
    const target = this.#ripPlus(this.instruction.length + displacement, this.size);
    const valid = this.code64
      ? target.high >> 15 === 0 || target.high >> 15 === -1
      : (target.low >>> 0) <= this.context.csLimit;
    return { ...target, valid };
  }

  /** Jumps relative to the next instruction; #GP(0) if the target cannot be. */
  jumpRelative(displacement: number): void {
    const { low, high, valid } = this.relativeTarget(displacement);
    if (valid) this.ops.push({ op: "goto", low, high });
    else this.raise(VECTOR.GP, 0);
  }

  /** Jumps relative when the condition is not 0, else continues at the next instruction. */
  branch(condition: Value, displacement: number): void {
    this.when(condition, () => this.jumpRelative(displacement));
    this.gotoNext();
  }

  /** Continues at the following instruction by a direct link. Ends a block. */
  gotoNext(): void {
    this.ops.push({ op: "goto", ...this.nextRip });
  }

  // --- inside -------------------------------------------------------------------------

  get #ipSize(): 2 | 4 {
    return (this.context.mode & MODE.CODE_SIZE_MASK) === 0 ? 2 : 4;
  }

  #ripPlus(delta: number, size: number): { low: number; high: number } {
    const { ripLow, ripHigh } = this.context;
    const low = (ripLow + delta) | 0;
    if (size === 2) return { low: low & 0xffff, high: 0 };
    if (size === 4) return { low, high: 0 };
    const carry = (ripLow >>> 0) + delta;
    return { low, high: (ripHigh + Math.floor(carry / 2 ** 32)) | 0 };
  }

  #operandRegister(register: number, size: Size, high: boolean): Value {
    return this.emit(size, (to) => ({ op: "get", to, size, register, high, param: true }));
  }

  #setOperandRegister(operand: RegisterOperand, value: Value): void {
    const { register, high } = operand;
    this.ops.push({ op: "set", size: value.size, register, high, param: true, a: value.id });
  }
}
