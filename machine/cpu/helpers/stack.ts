/**
 * A stack while a frame is pushed to it or popped from it. Registers change only with
 * {@linkcode Stack.commitPointer}, so a fault half-way leaves them alone.
 */
import { isCanonical } from "../../arch/address.ts";
import { VECTOR } from "../../arch/exceptions.ts";
import { MODE, SEG, STATE } from "../../memory/layout.ts";
import { ACCESS } from "../../mmu/access.ts";
import type { CpuContext } from "../context.ts";
import { ATTRIBUTE } from "../state.ts";
import { fail } from "./faults.ts";
import type { Descriptor } from "./descriptors.ts";
import { withinLimit } from "./segments.ts";

/** Number of RSP. */
const RSP = 4;

export class Stack {
  /** The stack pointer; of a narrow stack the whole register, of which `width` bytes count. */
  low: number;
  high: number;

  /**
   * @param width Of the stack pointer: 2, 4 or 8.
   * @param attributes,base,limit The stack segment; not looked at when `width` is 8.
   * @param access `ACCESS` bits of its reads and writes.
   * @param error Error code of the #SS when the segment, or the canonical range, ends.
   */
  constructor(
    readonly cpu: CpuContext,
    readonly width: number,
    readonly attributes: number,
    readonly base: number,
    readonly limit: number,
    low: number,
    high: number,
    readonly access: number,
    readonly error: number,
  ) {
    this.low = low;
    this.high = high;
  }

  /** SS:rSP as they are, at the current privilege. */
  static current(cpu: CpuContext, error = 0): Stack {
    const { state } = cpu;
    const mode = state.word(STATE.mode);
    const isReal = (mode & MODE.PROTECTED) === 0;
    return new Stack(
      cpu,
      2 << ((mode >> MODE.STACK_SIZE_SHIFT) & 3),
      isReal ? state.attributes(SEG.SS) | ATTRIBUTE.P : state.attributes(SEG.SS),
      state.baseLow(SEG.SS),
      state.limit(SEG.SS),
      state.low(RSP),
      state.high(RSP),
      stackAccess(state.cpl),
      error,
    );
  }

  /** A stack in a segment that is about to become SS. */
  static inSegment(
    cpu: CpuContext,
    descriptor: Descriptor,
    low: number,
    cpl: number,
    error: number,
  ): Stack {
    const { attributes, base, limit, big } = descriptor;
    return new Stack(
      cpu,
      big ? 4 : 2,
      attributes,
      base,
      limit >>> 0,
      low,
      0,
      stackAccess(cpl),
      error,
    );
  }

  /** A 64-bit stack. */
  static wide(cpu: CpuContext, low: number, high: number, cpl: number, error: number): Stack {
    return new Stack(cpu, 8, 0, 0, 0, low, high, stackAccess(cpl), error);
  }

  /** Faults now if pushing `bytes` bytes would. */
  reserve(bytes: number): void {
    const first = this.#moved(-bytes);
    // A frame that wraps around is not in one piece: each push looks for itself.
    if (this.width < 8 && first + bytes > 2 ** (8 * this.width)) return;
    const write = this.access | ACCESS.WRITE;
    const high = this.#highAt(-bytes);
    const low = this.#linear(first, high, bytes);
    this.cpu.mmu.probe(low, high, 1, write);
    const lastLow = (low + bytes - 1) | 0;
    const carry = this.width === 8 && (lastLow >>> 0) < (low >>> 0) ? 1 : 0;
    this.cpu.mmu.probe(lastLow, (high + carry) | 0, 1, write);
  }

  /** Pushes 2, 4 or 8 bytes. */
  push(size: number, low: number, high = 0): void {
    const { mmu } = this.cpu;
    const offset = this.#moved(-size);
    const offsetHigh = this.#highAt(-size);
    const at = this.#linear(offset, offsetHigh, size);
    const access = this.access | ACCESS.WRITE;
    if (size === 2) mmu.store16(at, offsetHigh, low, access);
    else if (size === 4) mmu.store32(at, offsetHigh, low, access);
    else mmu.store64(at, offsetHigh, low, high, access);
    this.#move(-size);
  }

  /** Pops 2, 4 or 8 bytes. @returns The low word, zero-extended; bits 63:32 in `STATE.high`. */
  pop(size: number): number {
    const value = this.peek(0, size);
    this.#move(size);
    return value;
  }

  /** Reads `size` bytes at `offset` bytes above the top. Result as of {@linkcode Stack.pop}. */
  peek(offset: number, size: number): number {
    const { mmu, state } = this.cpu;
    const at = this.#moved(offset);
    const high = this.#highAt(offset);
    const linear = this.#linear(at, high, size);
    if (size === 8) return mmu.load64(linear, high, this.access);
    state.setWord(STATE.high, 0);
    return size === 4
      ? mmu.load32(linear, high, this.access)
      : mmu.load16(linear, high, this.access);
  }

  /** Discards `bytes` bytes. */
  drop(bytes: number): void {
    this.#move(bytes);
  }

  /** Makes the pointer RSP: of a 16-bit stack only SP changes. */
  commitPointer(): void {
    const { state } = this.cpu;
    if (this.width === 8) state.setRegister(RSP, this.low, this.high);
    else if (this.width === 4) state.setRegister(RSP, this.low, 0);
    else {
      const kept = state.low(RSP) & 0xffff_0000;
      state.setRegister(RSP, kept | (this.low & 0xffff), state.high(RSP));
    }
  }

  /** Linear address of an offset, checked. */
  #linear(offset: number, high: number, bytes: number): number {
    if (this.width === 8) {
      if (!isCanonical(high)) {
        fail(this.cpu, VECTOR.SS, this.error, `the stack pointer is not canonical`);
      }
      return offset | 0;
    }
    if (
      (this.attributes & ATTRIBUTE.P) === 0 ||
      !withinLimit(this.attributes, this.limit, offset, bytes)
    ) {
      fail(
        this.cpu,
        VECTOR.SS,
        this.error,
        `the stack segment ends before offset 0x${offset.toString(16)}`,
      );
    }
    return (this.base + offset) | 0;
  }

  /** The pointer moved by `delta`, at its width: its low word, unsigned. */
  #moved(delta: number): number {
    const moved = this.low + delta;
    return this.width === 2 ? moved & 0xffff : moved >>> 0;
  }

  /** High word of the pointer moved by `delta`. */
  #highAt(delta: number): number {
    if (this.width !== 8) return 0;
    return (this.high + Math.floor(((this.low >>> 0) + delta) / 2 ** 32)) | 0;
  }

  #move(delta: number): void {
    const high = this.#highAt(delta);
    this.low = this.#moved(delta) | 0;
    this.high = high;
  }
}

/** How code at a privilege level reaches its stack. */
export function stackAccess(cpl: number): number {
  return cpl === 3 ? ACCESS.STACK | ACCESS.USER : ACCESS.STACK;
}
