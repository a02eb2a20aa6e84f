/**
 * Virtual and physical addresses as people's doors take and give them.
 *
 * Each type has three doors: the short name checks and throws, `try…` returns `undefined`,
 * `truncateTo…` forces. The hot paths use pairs of 32-bit words instead.
 */

declare const virtual: unique symbol;
declare const physical: unique symbol;

/** A canonical 64-bit linear address: bits 63:48 equal bit 47. Unsigned. */
export type VirtAddr = bigint & { readonly [virtual]: true };

/** A physical address, a whole number from 0 to 2^52 - 1. */
export type PhysAddr = number & { readonly [physical]: true };

/** Bits of a linear address that are translated; the rest repeats the highest of them. */
export const VIRTUAL_ADDRESS_BITS = 48;

/** One more than the highest physical address that the architecture can ever have. */
export const PHYSICAL_ADDRESS_LIMIT = 2 ** 52;

/**
 * Writes a number the way addresses are written.
 *
 * @param value Any whole number.
 * @param digits Pads with zeros up to this many digits.
 *
 * @example
 * ```ts
 * import { hex } from "./address.ts";
 * import { strictEqual } from "node:assert/strict";
 *
 * strictEqual(hex(0xb8000), "0xb8000");
 * strictEqual(hex(255n, 4), "0x00ff");
 * ```
 */
export function hex(value: number | bigint, digits = 0): string {
  const text = (value < 0 ? -value : value).toString(16).padStart(digits, "0");
  return value < 0 ? `-0x${text}` : `0x${text}`;
}

/** Whether bits 63:47 of a linear address, given as two words, are all equal. */
export function isCanonical(high: number): boolean {
  return ((high + 0x8000) | 0) >>> 16 === 0;
}

/**
 * Checks that `value` is canonical and brands it as a virtual address.
 *
 * @param value Unsigned 64-bit integer, in bytes from address 0.
 * @returns The same integer, typed {@linkcode VirtAddr}.
 * @throws {RangeError} If it is negative, not whole, too large for its type, or if bits 63:48 do
 * not all equal bit 47.
 * @see Intel SDM Vol. 1, "Canonical Addressing"
 *
 * @example The two ends of the hole
 * ```ts
 * import { virtAddr } from "./address.ts";
 * import { strictEqual, throws } from "node:assert/strict";
 *
 * strictEqual(virtAddr(0xffff_8000_0000_0000n), 0xffff_8000_0000_0000n);
 * throws(() => virtAddr(0x0000_8000_0000_0000n), RangeError);
 * ```
 */
export function virtAddr(value: number | bigint): VirtAddr {
  const wide = whole(value, "virtual");
  if (!fitsVirtual(wide)) {
    throw new RangeError(
      `Cannot use ${hex(wide)} as a virtual address: not canonical (bits 63:48 must equal bit 47)`,
    );
  }
  return wide as VirtAddr;
}

/** Like {@linkcode virtAddr}, with `undefined` for what is no virtual address. */
export function tryVirtAddr(value: number | bigint): VirtAddr | undefined {
  return isWhole(value) && fitsVirtual(BigInt(value)) ? BigInt(value) as VirtAddr : undefined;
}

/** Keeps bits 47:0 and repeats bit 47 upwards. */
export function truncateToVirtAddr(value: bigint): VirtAddr {
  return BigInt.asUintN(64, BigInt.asIntN(VIRTUAL_ADDRESS_BITS, value)) as VirtAddr;
}

/**
 * Checks that `value` is a physical address and brands it.
 *
 * @throws {RangeError} If it is negative, not whole, or 2^52 or more.
 */
export function physAddr(value: number | bigint): PhysAddr {
  const wide = whole(value, "physical");
  if (wide >= BigInt(PHYSICAL_ADDRESS_LIMIT)) {
    throw new RangeError(`Cannot use ${hex(wide)} as a physical address: beyond 52 bits`);
  }
  return Number(wide) as PhysAddr;
}

/** Like {@linkcode physAddr}, with `undefined` for what is no physical address. */
export function tryPhysAddr(value: number | bigint): PhysAddr | undefined {
  return isWhole(value) && value < PHYSICAL_ADDRESS_LIMIT ? Number(value) as PhysAddr : undefined;
}

/** Keeps bits 51:0. */
export function truncateToPhysAddr(value: bigint): PhysAddr {
  return Number(BigInt.asUintN(52, value)) as PhysAddr;
}

function isWhole(value: number | bigint): boolean {
  return typeof value === "bigint"
    ? value >= 0n
    : typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function fitsVirtual(value: bigint): boolean {
  return value < 1n << 64n && truncateToVirtAddr(value) === value;
}

function whole(value: number | bigint, kind: string): bigint {
  if (typeof value === "bigint") {
    if (value < 0n) throw new RangeError(`Cannot use ${hex(value)} as a ${kind} address: negative`);
    return value;
  }
  if (typeof value !== "number") {
    throw new RangeError(
      `Cannot use ${String(value)} as a ${kind} address: not a number or bigint`,
    );
  }
  if (!Number.isInteger(value)) {
    throw new RangeError(`Cannot use ${value} as a ${kind} address: not a whole number`);
  }
  if (value < 0) throw new RangeError(`Cannot use ${hex(value)} as a ${kind} address: negative`);
  if (!Number.isSafeInteger(value)) {
    throw new RangeError(
      `Cannot use ${
        hex(value)
      } as a ${kind} address: too large for an exact number, write it as a bigint (${hex(value)}n)`,
    );
  }
  return BigInt(value);
}
