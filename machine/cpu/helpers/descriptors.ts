/** Reading descriptors from the GDT and the LDT. */
import {
  descriptorAttributes,
  descriptorBase,
  descriptorLimit,
  SELECTOR,
  TSS_BUSY,
} from "../../arch/descriptor.ts";
import { VECTOR } from "../../arch/exceptions.ts";
import { ACCESS } from "../../mmu/access.ts";
import { SEG, STATE } from "../../memory/layout.ts";
import type { CpuContext } from "../context.ts";
import { ATTRIBUTE } from "../state.ts";
import { fail, failSelector, selectorError } from "./faults.ts";
import { linearHigh, systemLoad32, systemStore8 } from "./system_memory.ts";

/** A descriptor as it was read. */
export class Descriptor {
  /** Attribute bits as cached segment registers hold them. */
  readonly attributes: number;

  /**
   * @param selector What it was read through.
   * @param atLow,atHigh Its linear address.
   * @param low,high Its first eight bytes.
   */
  constructor(
    readonly selector: number,
    readonly atLow: number,
    readonly atHigh: number,
    readonly low: number,
    readonly high: number,
  ) {
    this.attributes = descriptorAttributes(high);
  }

  /** S and the type: below 16 a system type, 16–23 data, 24–31 code. */
  get type(): number {
    return this.attributes & 0x1f;
  }

  get isCode(): boolean {
    return (this.attributes & CODE) === CODE;
  }

  get isConforming(): boolean {
    return (this.attributes & ATTRIBUTE.CONFORMING) !== 0;
  }

  /** A data segment that may be written: what SS needs. */
  get isWritableData(): boolean {
    return (this.attributes & (CODE | ATTRIBUTE.WRITABLE)) === (ATTRIBUTE.S | ATTRIBUTE.WRITABLE);
  }

  /** Data, or code that may be read: what DS to GS need. */
  get isReadable(): boolean {
    const { attributes } = this;
    return (attributes & ATTRIBUTE.S) !== 0 &&
      ((attributes & ATTRIBUTE.CODE) === 0 || (attributes & ATTRIBUTE.READABLE) !== 0);
  }

  get dpl(): number {
    return (this.attributes >> ATTRIBUTE.DPL_SHIFT) & 3;
  }

  get present(): boolean {
    return (this.attributes & ATTRIBUTE.P) !== 0;
  }

  /** 64-bit code, if it is code. */
  get long(): boolean {
    return (this.attributes & ATTRIBUTE.L) !== 0;
  }

  get big(): boolean {
    return (this.attributes & ATTRIBUTE.DB) !== 0;
  }

  get base(): number {
    return descriptorBase(this.low, this.high);
  }

  /** In bytes, int32. */
  get limit(): number {
    return descriptorLimit(this.low, this.high);
  }
}

const CODE = ATTRIBUTE.S | ATTRIBUTE.CODE;

/** Whether a selector is null: index 0 of the GDT, whatever its RPL. */
export function isNull(selector: number): boolean {
  return (selector & 0xfffc) === 0;
}

/**
 * Reads the descriptor of a selector that is not null.
 *
 * @param vector What to raise, naming the selector, when the table ends before it.
 * @param ext EXT bit of the error code.
 */
export function readDescriptor(
  cpu: CpuContext,
  selector: number,
  vector: number,
  ext: number,
): Descriptor {
  if (!inTable(cpu, selector, 8)) {
    const isLocal = (selector & SELECTOR.TI) !== 0;
    failSelector(cpu, vector, selector, ext, `beyond the ${isLocal ? "LDT" : "GDT"}`);
  }
  return read(cpu, selector);
}

/** Reads a descriptor, or gives `undefined` when its table ends before it. */
export function findDescriptor(cpu: CpuContext, selector: number): Descriptor | undefined {
  return inTable(cpu, selector, 8) ? read(cpu, selector) : undefined;
}

/** Whether all `bytes` bytes of a selector's descriptor lie within its table. */
export function inTable(cpu: CpuContext, selector: number, bytes: number): boolean {
  const { state } = cpu;
  const last = (selector & SELECTOR.INDEX) + bytes - 1;
  if ((selector & SELECTOR.TI) === 0) return last <= state.word(STATE.gdtrLimit);
  return (state.attributes(SEG.LDTR) & ATTRIBUTE.P) !== 0 && last <= state.limit(SEG.LDTR);
}

/**
 * Reads the upper half of a long-mode system descriptor: bits 63:32 of its base or offset.
 *
 * @param vector Raised, naming the selector, when it is not all there or not well formed.
 */
export function readUpperHalf(
  cpu: CpuContext,
  descriptor: Descriptor,
  vector: number,
  ext: number,
): number {
  const { selector, atLow, atHigh } = descriptor;
  if (!inTable(cpu, selector, 16)) {
    failSelector(cpu, vector, selector, ext, "a 16-byte descriptor that the table cuts off");
  }
  if ((systemLoad32(cpu, atLow, atHigh, 12) & 0x1f00) !== 0) {
    failSelector(cpu, vector, selector, ext, "the upper half's type is not 0");
  }
  return systemLoad32(cpu, atLow, atHigh, 8);
}

/** Sets the accessed bit in the table, if it is clear. */
export function markAccessed(cpu: CpuContext, descriptor: Descriptor): void {
  const { attributes, atLow, atHigh } = descriptor;
  if ((attributes & ATTRIBUTE.ACCESSED) !== 0) return;
  systemStore8(cpu, atLow, atHigh, 5, (attributes | ATTRIBUTE.ACCESSED) & 0xff);
}

/** Sets or clears the busy bit of a TSS in the table. */
export function markBusy(cpu: CpuContext, descriptor: Descriptor, busy: boolean): void {
  const { attributes, atLow, atHigh } = descriptor;
  const access = busy ? attributes | TSS_BUSY : attributes & ~TSS_BUSY;
  systemStore8(cpu, atLow, atHigh, 5, access & 0xff);
}

/** Loads a segment register from a checked descriptor whose accessed bit is set. */
export function commitSegment(
  cpu: CpuContext,
  segment: number,
  selector: number,
  descriptor: Descriptor,
): void {
  const { attributes, base, limit } = descriptor;
  cpu.state.setSegment(segment, selector, attributes | ATTRIBUTE.ACCESSED, base, 0, limit);
}

/** Makes a segment register unusable. */
export function commitNull(cpu: CpuContext, segment: number, selector: number): void {
  cpu.state.setSegment(segment, selector, 0, 0, 0, 0);
}

/**
 * Checks a selector for SS: writable data whose DPL and RPL are `cpl`, and present (#SS).
 *
 * @param vector #GP for loads and returns, #TS when it comes from a TSS.
 */
export function checkStackSegment(
  cpu: CpuContext,
  selector: number,
  cpl: number,
  vector: number,
  ext: number,
): Descriptor {
  if (isNull(selector)) fail(cpu, vector, selectorError(selector, ext), "SS is null");
  const descriptor = readDescriptor(cpu, selector, vector, ext);
  if ((selector & SELECTOR.RPL) !== cpl) {
    failSelector(cpu, vector, selector, ext, `SS needs RPL ${cpl}`);
  }
  if (!descriptor.isWritableData) {
    failSelector(cpu, vector, selector, ext, "SS needs writable data");
  }
  if (descriptor.dpl !== cpl) failSelector(cpu, vector, selector, ext, `SS needs DPL ${cpl}`);
  if (!descriptor.present) failSelector(cpu, VECTOR.SS, selector, ext, "SS is not present");
  return descriptor;
}

/** Checks a selector that is not null for DS, ES, FS or GS. `vector` as for SS; absent: #NP. */
export function checkDataSegment(
  cpu: CpuContext,
  selector: number,
  cpl: number,
  vector: number,
  ext: number,
): Descriptor {
  const descriptor = readDescriptor(cpu, selector, vector, ext);
  if (!descriptor.isReadable) {
    failSelector(cpu, vector, selector, ext, "neither data nor readable code");
  }
  const { dpl } = descriptor;
  const isPrivate = !descriptor.isCode || !descriptor.isConforming;
  if (isPrivate && ((selector & SELECTOR.RPL) > dpl || cpl > dpl)) {
    failSelector(cpu, vector, selector, ext, `DPL ${dpl} is not for CPL ${cpl}`);
  }
  if (!descriptor.present) failSelector(cpu, VECTOR.NP, selector, ext, "not present");
  return descriptor;
}

function read(cpu: CpuContext, selector: number): Descriptor {
  const { state } = cpu;
  const index = selector & SELECTOR.INDEX;
  const isLocal = (selector & SELECTOR.TI) !== 0;
  const baseLow = isLocal ? state.baseLow(SEG.LDTR) : state.word(STATE.gdtrBase);
  const baseHigh = isLocal ? state.baseHigh(SEG.LDTR) : state.word(STATE.gdtrBase + 4);
  const atLow = (baseLow + index) | 0;
  const atHigh = linearHigh(cpu, baseLow, baseHigh, index);
  const low = cpu.mmu.load64(atLow, atHigh, ACCESS.IMPLICIT);
  return new Descriptor(selector, atLow, atHigh, low, state.word(STATE.high));
}
