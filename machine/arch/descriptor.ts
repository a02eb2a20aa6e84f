/**
 * Segment and system descriptors: eight bytes of a descriptor table (sixteen for system
 * descriptors in long mode).
 *
 * ```text
 *  31        24 23 22 21 20 19   16 15 14 13 12 11    8 7          0
 * ┌────────────┬──┬──┬──┬──┬───────┬──┬─────┬──┬───────┬────────────┐
 * │ base 31:24 │ G│DB│ L│AV│ limit │ P│ DPL │ S│ type  │ base 23:16 │ +4
 * │            │  │  │  │ L│ 19:16 │  │     │  │       │            │
 * ├────────────┴──┴──┴──┴──┴───────┼──┴─────┴──┴───────┴────────────┤
 * │           base 15:0            │           limit 15:0           │ +0
 * └────────────────────────────────┴────────────────────────────────┘
 * ```
 *
 * @see Intel SDM Vol. 3A, "Segment Descriptors"
 */

/** Types of system descriptors (S = 0), and of gates. */
export const SYSTEM_TYPE = {
  TSS16_AVAILABLE: 1,
  LDT: 2,
  TSS16_BUSY: 3,
  CALL_GATE16: 4,
  TASK_GATE: 5,
  INTERRUPT_GATE16: 6,
  TRAP_GATE16: 7,
  /** 32-bit; in long mode the 64-bit one. So for the following. */
  TSS32_AVAILABLE: 9,
  TSS32_BUSY: 11,
  CALL_GATE32: 12,
  INTERRUPT_GATE32: 14,
  TRAP_GATE32: 15,
} as const;

/** Makes a busy TSS's type out of an available one's. */
export const TSS_BUSY = 2;

/** Names of system types, by value; `undefined` where the value is reserved. */
export const SYSTEM_TYPE_NAMES: readonly (string | undefined)[] = [
  undefined,
  "16-bit TSS (available)",
  "LDT",
  "16-bit TSS (busy)",
  "16-bit call gate",
  "task gate",
  "16-bit interrupt gate",
  "16-bit trap gate",
  undefined,
  "TSS (available)",
  undefined,
  "TSS (busy)",
  "call gate",
  undefined,
  "interrupt gate",
  "trap gate",
];

/** Bits of a selector. */
export const SELECTOR = { RPL: 3, TI: 4, INDEX: 0xfff8 } as const;

/** Bits of a selector error code. @see Intel SDM Vol. 3A, "Error Code" */
export const SELECTOR_ERROR = {
  /** The event came from outside of the program, or from an earlier exception. */
  EXT: 1,
  /** The index is one of the IDT. */
  IDT: 2,
  /** The index is one of the LDT (when IDT is clear). */
  TI: 4,
} as const;

/** Attributes of a descriptor as the cached segment registers hold them: bits 7:0 and 15:12. */
export function descriptorAttributes(high: number): number {
  return (high >>> 8) & 0xf0ff;
}

/** Bits 31:0 of the base, int32. */
export function descriptorBase(low: number, high: number): number {
  return (low >>> 16) | ((high & 0xff) << 16) | (high & 0xff00_0000);
}

/** Limit in bytes, scaled by G, as an int32. */
export function descriptorLimit(low: number, high: number): number {
  const limit = (low & 0xffff) | (high & 0xf_0000);
  return (high & (1 << 23)) !== 0 ? (limit << 12) | 0xfff : limit;
}

/** A descriptor in words, for people. */
export interface SegmentDescriptor {
  readonly kind: "code" | "data" | "system";
  /** The four type bits. */
  readonly type: number;
  readonly base: bigint;
  /** Last valid byte (of an expand-down segment: the last invalid one). */
  readonly limit: number;
  readonly present: boolean;
  readonly dpl: number;
  readonly available: boolean;
  /** 64-bit code. */
  readonly long: boolean;
  /** D or B: 32-bit code, stack pointer, or upper bound. */
  readonly big: boolean;
  /** The limit is in units of 4 KiB. */
  readonly granular: boolean;
}

/**
 * Takes a descriptor apart.
 *
 * @param value The eight bytes, little-endian.
 * @param upper The upper eight bytes of a sixteen-byte system descriptor.
 */
export function decodeDescriptor(value: bigint, upper = 0n): SegmentDescriptor {
  const low = Number(value & 0xffff_ffffn);
  const high = Number(value >> 32n & 0xffff_ffffn);
  const isSystem = (high & (1 << 12)) === 0;
  return {
    kind: isSystem ? "system" : (high & (1 << 11)) !== 0 ? "code" : "data",
    type: (high >>> 8) & 15,
    base: BigInt(descriptorBase(low, high) >>> 0) | (upper & 0xffff_ffffn) << 32n,
    limit: descriptorLimit(low, high) >>> 0,
    present: (high & (1 << 15)) !== 0,
    dpl: (high >>> 13) & 3,
    available: (high & (1 << 20)) !== 0,
    long: (high & (1 << 21)) !== 0,
    big: (high & (1 << 22)) !== 0,
    granular: (high & (1 << 23)) !== 0,
  };
}

/** What {@linkcode encodeDescriptor} needs; what is left out is 0 or false, but `present`: true. */
export type DescriptorFields =
  & Pick<SegmentDescriptor, "kind" | "type">
  & Partial<SegmentDescriptor>;

/**
 * Puts a descriptor together.
 *
 * @returns Its low eight bytes; the upper eight of a long-mode system descriptor are `base >> 32n`.
 * @throws {RangeError} If the limit cannot be expressed: above 1 MiB it must end in 0xfff.
 *
 * @example The kernel code segment of long mode
 * ```ts
 * import { encodeDescriptor } from "./descriptor.ts";
 * import { strictEqual } from "node:assert/strict";
 *
 * const code = encodeDescriptor({
 *   kind: "code", type: 10, limit: 0xffff_ffff, granular: true, long: true,
 * });
 * strictEqual(code, 0x00af_9a00_0000_ffffn);
 * ```
 */
export function encodeDescriptor(fields: DescriptorFields): bigint {
  const { kind, type, base = 0n, limit = 0, present = true, dpl = 0 } = fields;
  const { available = false, long = false, big = false, granular = limit > 0xf_ffff } = fields;
  if (!Number.isInteger(limit) || limit < 0 || limit > 0xffff_ffff) {
    throw new RangeError(`Cannot encode limit ${limit}: not within 0 and 0xffffffff`);
  }
  if (granular ? (limit & 0xfff) !== 0xfff : limit > 0xf_ffff) {
    throw new RangeError(`Cannot encode limit 0x${limit.toString(16)}: not whole 4 KiB units`);
  }
  const field = granular ? limit >>> 12 : limit;
  const high = (field & 0xf_0000) | (type & 15) << 8 | (kind === "system" ? 0 : 1 << 12) |
    (dpl & 3) << 13 | (present ? 1 << 15 : 0) | (available ? 1 << 20 : 0) |
    (long ? 1 << 21 : 0) | (big ? 1 << 22 : 0) | (granular ? 1 << 23 : 0);
  return BigInt(field & 0xffff) | (base & 0xffffn) << 16n | (base >> 16n & 0xffn) << 32n |
    BigInt(high) << 32n | (base >> 24n & 0xffn) << 56n;
}
