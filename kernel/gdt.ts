/**
 * The kernel's global descriptor table and its task state segment.
 *
 * ```text
 * 0x08 kernel code   0x10 kernel data   0x18 user data   0x20 user code   0x28 TSS (16 bytes)
 * ```
 *
 * The order of the user segments is the one that SYSRET asks for. The TSS holds stacks: RSP0 for
 * ring 3, and the interrupt stack table. Stack 0 of it is for double faults.
 */
import {
  decodeDescriptor,
  encodeDescriptor,
  type Machine,
  type SegmentDescriptor,
  SYSTEM_TYPE,
  TSS64,
} from "../machine/mod.ts";
import { IMAGE } from "./layout.ts";

export const DOUBLE_FAULT_IST_INDEX = 0;

/**
 * Top of the double faults' stack. A little is left above it: should an interrupt come on vector 8,
 * its gate looks for an error code that is not there, and the frame seems to end above the top.
 */
const INTERRUPT_STACK_TOP = IMAGE.IST_STACK_END - 64;

/** A descriptor: eight bytes, or sixteen as two values. */
export type Descriptor = readonly [bigint] | readonly [low: bigint, upper: bigint];

const FLAT = { limit: 0xffff_ffff } as const;
const CODE = 10;
const DATA = 2;
/** The TSS, 104 bytes, without an I/O map. */
const TSS_BYTES = TSS64.MIN_LIMIT + 1;

export const kernelCodeSegment = (): Descriptor => [
  encodeDescriptor({ kind: "code", type: CODE, ...FLAT, long: true }),
];
export const kernelDataSegment = (): Descriptor => [
  encodeDescriptor({ kind: "data", type: DATA, ...FLAT, big: true }),
];
export const userCodeSegment = (): Descriptor => [
  encodeDescriptor({ kind: "code", type: CODE, ...FLAT, long: true, dpl: 3 }),
];
export const userDataSegment = (): Descriptor => [
  encodeDescriptor({ kind: "data", type: DATA, ...FLAT, big: true, dpl: 3 }),
];
/** An available 64-bit TSS at a virtual address. */
export const tssSegment = (address: bigint): Descriptor => [
  encodeDescriptor({
    kind: "system",
    type: SYSTEM_TYPE.TSS32_AVAILABLE,
    base: address,
    limit: TSS_BYTES - 1,
  }),
  address >> 32n,
];

/** Builds a table in guest memory, entry after entry. */
export class GlobalDescriptorTable {
  readonly #machine: Machine;
  /** Bytes in use; the null descriptor is there from the start. */
  #size = 8;

  /** @param address Virtual address of the table. */
  constructor(machine: Machine, readonly address: number) {
    this.#machine = machine;
  }

  /** @returns The selector, with the descriptor's privilege level. */
  append(descriptor: Descriptor): number {
    const selector = this.#size;
    for (const value of descriptor) {
      this.#machine.cpu.store64(this.address + this.#size, value);
      this.#size += 8;
    }
    return selector | decodeDescriptor(descriptor[0]).dpl;
  }

  /** LGDT. Segment registers keep what they hold. */
  load(): void {
    this.#machine.cpu.lgdt(this.address, this.#size - 1);
  }
}

/** Selectors of the kernel's table. */
export interface Selectors {
  readonly kernelCode: number;
  readonly kernelData: number;
  readonly userData: number;
  readonly userCode: number;
  readonly tss: number;
}

export interface GdtHost {
  readonly machine: Machine;
  callGuest(symbol: string, ...args: readonly (number | bigint)[]): bigint;
}

export class Gdt {
  readonly #host: GdtHost;
  #selectors: Selectors | undefined;

  constructor(host: GdtHost) {
    this.#host = host;
  }

  /** Selectors of the kernel's table; `undefined` while the loader's is in use. */
  get selectors(): Selectors | undefined {
    return this.#selectors;
  }

  /** Builds table and TSS, loads them, and reloads CS, the data segments and TR. */
  init(): void {
    const { machine } = this.#host;
    const { cpu } = machine;
    this.setInterruptStack(DOUBLE_FAULT_IST_INDEX, INTERRUPT_STACK_TOP);
    cpu.store16(IMAGE.TSS + TSS64.IO_MAP_BASE, TSS_BYTES);
    const table = new GlobalDescriptorTable(machine, IMAGE.GDT);
    const selectors = {
      kernelCode: table.append(kernelCodeSegment()),
      kernelData: table.append(kernelDataSegment()),
      userData: table.append(userDataSegment()),
      userCode: table.append(userCodeSegment()),
      tss: table.append(tssSegment(BigInt(IMAGE.TSS))),
    };
    table.load();
    this.#host.callGuest("set_cs", selectors.kernelCode);
    for (const segment of [0, 2, 3, 4, 5]) cpu.loadSegment(segment, selectors.kernelData);
    cpu.ltr(selectors.tss);
    this.#selectors = selectors;
  }

  /**
   * Sets a stack of the interrupt stack table.
   *
   * @param istIndex 0–6; gates count from 1.
   * @param top The stack's end: it grows down from there.
   */
  setInterruptStack(istIndex: number, top: number | bigint): void {
    if (!Number.isInteger(istIndex) || istIndex < 0 || istIndex > 6) {
      throw new RangeError(`Cannot set interrupt stack ${istIndex}: not within 0 and 6`);
    }
    this.#host.machine.cpu.store64(IMAGE.TSS + TSS64.IST1 + 8 * istIndex, top);
  }

  /** Sets the stack that the CPU takes when it comes from ring 3. */
  setKernelStack(top: number | bigint): void {
    this.#host.machine.cpu.store64(IMAGE.TSS + TSS64.RSP0, top);
  }

  /** The table that GDTR points at, as it is in guest memory. */
  entries(): { readonly selector: number; readonly descriptor: SegmentDescriptor }[] {
    const { cpu, virtual } = this.#host.machine;
    const { base, limit } = cpu.gdtr;
    const found: { selector: number; descriptor: SegmentDescriptor }[] = [];
    for (let selector = 0; selector + 7 <= limit; selector += 8) {
      const low = virtual.u64(base + BigInt(selector));
      const isWide = (low >> 44n & 1n) === 0n && low !== 0n && selector + 15 <= limit;
      const upper = isWide ? virtual.u64(base + BigInt(selector + 8)) : 0n;
      found.push({ selector, descriptor: decodeDescriptor(low, upper) });
      if (isWide) selector += 8;
    }
    return found;
  }
}
