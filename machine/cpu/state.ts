/**
 * The architectural state by name: accessors over the state block (`memory/layout.ts`).
 *
 * 64-bit values go in and out as low and high int32 words here; `bigint` is the public door's.
 */
import { CR0, EFER } from "../arch/control_registers.ts";
import { GUEST_FAULT, hasErrorCode } from "../arch/exceptions.ts";
import { ARITHMETIC_FLAGS, RFLAGS } from "../arch/rflags.ts";
import { MODE, SEG, SEGMENT, SEGMENT_BYTES, STATE } from "../memory/layout.ts";
import type { PhysicalMemory } from "../memory/physical.ts";

/** The low byte's parity: 1 when the number of ones is even. */
export function parity(value: number): number {
  value ^= value >> 4;
  return (0x9669 >> (value & 15)) & 1;
}

/** Descriptor attribute bits as `SEGMENT.attributes` holds them. */
export const ATTRIBUTE = {
  TYPE: 0xf,
  ACCESSED: 1,
  /** Data: writable. Code: readable. */
  WRITABLE: 2,
  READABLE: 2,
  /** Data: expand-down. Code: conforming. */
  EXPAND_DOWN: 4,
  CONFORMING: 4,
  CODE: 8,
  /** Not a system descriptor. */
  S: 1 << 4,
  DPL_SHIFT: 5,
  P: 1 << 7,
  AVL: 1 << 12,
  L: 1 << 13,
  /** D (code) or B (stack, data). */
  DB: 1 << 14,
  G: 1 << 15,
} as const;

/** The CPU's registers. */
export class CpuState {
  readonly i32: Int32Array;
  readonly u8: Uint8Array;
  readonly u16: Uint16Array;
  readonly memory: PhysicalMemory;

  constructor(memory: PhysicalMemory) {
    this.memory = memory;
    this.i32 = memory.i32;
    this.u8 = memory.u8;
    this.u16 = memory.u16;
  }

  /** Reads an int32 word of the state block. */
  word(offset: number): number {
    return this.i32[offset >> 2];
  }

  setWord(offset: number, value: number): void {
    this.i32[offset >> 2] = value;
  }

  /** Writes a 64-bit value. */
  setPair(offset: number, low: number, high: number): void {
    this.i32[offset >> 2] = low;
    this.i32[(offset >> 2) + 1] = high;
  }

  /** Low word of a general-purpose register, 0–15. */
  low(register: number): number {
    return this.i32[(STATE.gpr >> 2) + register * 2];
  }

  /** High word of a general-purpose register. */
  high(register: number): number {
    return this.i32[(STATE.gpr >> 2) + register * 2 + 1];
  }

  /** Writes all 64 bits of a general-purpose register. */
  setRegister(register: number, low: number, high: number): void {
    this.setPair(STATE.gpr + register * 8, low, high);
  }

  /** RFLAGS with the lazy flags worked out. */
  get flags(): number {
    const i32 = this.i32;
    return i32[STATE.flagsRest >> 2] | RFLAGS.FIXED |
      (i32[STATE.flagC >> 2] >>> 31) |
      parity(i32[STATE.flagP >> 2] & 0xff) << 2 |
      (i32[STATE.flagA >> 2] & RFLAGS.AF) |
      (i32[STATE.flagZ >> 2] === 0 ? RFLAGS.ZF : 0) |
      (i32[STATE.flagS >> 2] >>> 31) << 7 |
      (i32[STATE.flagO >> 2] >>> 31) << 11;
  }

  /** Sets every bit of RFLAGS; reserved bits are dropped. */
  set flags(value: number) {
    const i32 = this.i32;
    i32[STATE.flagsRest >> 2] = (value & 0x3f7fd7 & ~ARITHMETIC_FLAGS) | RFLAGS.FIXED;
    this.setArithmeticFlags(value);
  }

  /** Sets the six arithmetic flags from their RFLAGS positions. */
  setArithmeticFlags(value: number): void {
    const i32 = this.i32;
    i32[STATE.flagC >> 2] = value << 31;
    i32[STATE.flagP >> 2] = value & RFLAGS.PF ? 0 : 1;
    i32[STATE.flagA >> 2] = value & RFLAGS.AF;
    i32[STATE.flagZ >> 2] = value & RFLAGS.ZF ? 0 : 1;
    i32[STATE.flagS >> 2] = value << 24 & 0x8000_0000;
    i32[STATE.flagO >> 2] = value << 20 & 0x8000_0000;
  }

  get cpl(): number {
    return this.i32[STATE.cpl >> 2];
  }

  /** Whether CR0.PE is set. */
  get protectedMode(): boolean {
    return (this.i32[STATE.cr0 >> 2] & CR0.PE) !== 0;
  }

  /** Whether EFLAGS.VM is set. */
  get v86(): boolean {
    return (this.i32[STATE.flagsRest >> 2] & RFLAGS.VM) !== 0;
  }

  /** Whether EFER.LMA is set: compatibility or 64-bit mode. */
  get longMode(): boolean {
    return (this.i32[STATE.efer >> 2] & EFER.LMA) !== 0;
  }

  /** Whether the CPU executes 64-bit code. */
  get code64(): boolean {
    return (this.i32[STATE.mode >> 2] & MODE.CODE_SIZE_MASK) === 2;
  }

  /** Byte offset of a cached segment register in the state block. */
  segmentOffset(segment: number): number {
    return STATE.segments + segment * SEGMENT_BYTES;
  }

  selector(segment: number): number {
    return this.i32[this.segmentOffset(segment) + SEGMENT.selector >> 2];
  }

  attributes(segment: number): number {
    return this.i32[this.segmentOffset(segment) + SEGMENT.attributes >> 2];
  }

  baseLow(segment: number): number {
    return this.i32[this.segmentOffset(segment) + SEGMENT.base >> 2];
  }

  baseHigh(segment: number): number {
    return this.i32[(this.segmentOffset(segment) + SEGMENT.base >> 2) + 1];
  }

  /** Limit in bytes as an unsigned number. */
  limit(segment: number): number {
    return this.i32[this.segmentOffset(segment) + SEGMENT.limit >> 2] >>> 0;
  }

  /** Loads a cached segment register as it is, without checks, and refreshes the mode word. */
  setSegment(
    segment: number,
    selector: number,
    attributes: number,
    baseLow: number,
    baseHigh: number,
    limit: number,
  ): void {
    const at = this.segmentOffset(segment) >> 2;
    const i32 = this.i32;
    i32[at + (SEGMENT.selector >> 2)] = selector;
    i32[at + (SEGMENT.attributes >> 2)] = attributes;
    i32[at + (SEGMENT.base >> 2)] = baseLow;
    i32[at + (SEGMENT.base >> 2) + 1] = baseHigh;
    i32[at + (SEGMENT.limit >> 2)] = limit;
    this.#deriveEnds(at, attributes, limit | 0);
    this.refreshMode();
  }

  /** Real mode and virtual-8086: base from the selector, the rest as given. */
  setRealSegment(segment: number, selector: number, attributes: number, limit: number): void {
    this.setSegment(segment, selector, attributes, selector << 4, 0, limit);
  }

  /** Recomputes the mode word after anything that it depends on has changed. */
  refreshMode(): void {
    const i32 = this.i32;
    const cs = this.attributes(SEG.CS);
    const isProtected = this.protectedMode;
    const v86 = isProtected && this.v86;
    const long = this.longMode;
    const code = long && (cs & ATTRIBUTE.L) !== 0 ? 2 : (cs & ATTRIBUTE.DB) !== 0 ? 1 : 0;
    const stack = code === 2 ? 2 : (this.attributes(SEG.SS) & ATTRIBUTE.DB) !== 0 ? 1 : 0;
    i32[STATE.mode >> 2] = code | stack << MODE.STACK_SIZE_SHIFT |
      (i32[STATE.cpl >> 2] === 3 ? MODE.USER : 0) |
      (this.#isFlat(SEG.DS) ? MODE.FLAT_DS : 0) |
      (this.#isFlat(SEG.ES) ? MODE.FLAT_ES : 0) |
      (this.#isFlat(SEG.SS) ? MODE.FLAT_SS : 0) |
      (isProtected ? MODE.PROTECTED : 0) | (v86 ? MODE.V86 : 0) | (long ? MODE.LONG : 0);
  }

  /** Recomputes everything derived from the segment registers; after a snapshot was loaded. */
  refreshSegments(): void {
    for (let segment = 0; segment < 8; segment++) {
      this.#deriveEnds(
        this.segmentOffset(segment) >> 2,
        this.attributes(segment),
        this.limit(segment) | 0,
      );
    }
    this.refreshMode();
  }

  /**
   * Raises an exception: notes it in the state block and abandons the instruction.
   *
   * @param error The error code; ignored for vectors that have none.
   */
  raise(vector: number, error = 0): never {
    this.setWord(STATE.faultVector, vector);
    this.setWord(STATE.faultHasError, hasErrorCode(vector) ? 1 : 0);
    this.setWord(STATE.faultError, error);
    throw GUEST_FAULT;
  }

  #isFlat(segment: number): boolean {
    const attributes = this.attributes(segment);
    const needed = ATTRIBUTE.P | ATTRIBUTE.S | ATTRIBUTE.WRITABLE;
    return (attributes & (needed | ATTRIBUTE.CODE | ATTRIBUTE.EXPAND_DOWN)) === needed &&
      this.baseLow(segment) === 0 && this.limit(segment) === 0xffff_ffff;
  }

  #deriveEnds(at: number, attributes: number, limit: number): void {
    const present = (attributes & (ATTRIBUTE.P | ATTRIBUTE.S)) === (ATTRIBUTE.P | ATTRIBUTE.S);
    const code = (attributes & ATTRIBUTE.CODE) !== 0;
    const bit1 = (attributes & ATTRIBUTE.WRITABLE) !== 0;
    const plain = present && (code || (attributes & ATTRIBUTE.EXPAND_DOWN) === 0);
    const end = (limit + 1) | 0;
    this.i32[at + (SEGMENT.readEnd >> 2)] = plain && (!code || bit1) ? end : 0;
    this.i32[at + (SEGMENT.writeEnd >> 2)] = plain && !code && bit1 ? end : 0;
  }
}
