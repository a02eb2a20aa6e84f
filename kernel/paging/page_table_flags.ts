/** Entries of page tables, with the names of the x86_64 crate: 64 bits as a `bigint`. */
import { type PhysAddr, PTE } from "../../machine/mod.ts";

/** The bits of an entry that are no address. */
export const PageTableFlags = {
  PRESENT: BigInt(PTE.P),
  WRITABLE: BigInt(PTE.RW),
  USER_ACCESSIBLE: BigInt(PTE.US),
  WRITE_THROUGH: BigInt(PTE.PWT),
  NO_CACHE: BigInt(PTE.PCD),
  ACCESSED: BigInt(PTE.A),
  DIRTY: BigInt(PTE.D),
  HUGE_PAGE: BigInt(PTE.PS),
  GLOBAL: BigInt(PTE.G),
  /** Free for the kernel: it marks its spare table with it. */
  BIT_9: 1n << 9n,
  /** Free for the kernel: a page that is given a frame when it is touched. */
  BIT_10: 1n << 10n,
  /** Free for the kernel: a page that is copied when it is written. */
  BIT_11: 1n << 11n,
  /** Reserved unless EFER.NXE is set. */
  NO_EXECUTE: 1n << 63n,
} as const;

/** Any combination of {@linkcode PageTableFlags}. */
export type Flags = bigint;

const ADDRESS_MASK = 0x000f_ffff_ffff_f000n;
const NAMES = Object.entries(PageTableFlags);

/** The flags of an entry. */
export function flagsOf(entry: bigint): Flags {
  return entry & ~ADDRESS_MASK;
}

/** The physical address in an entry. */
export function addressOf(entry: bigint): PhysAddr {
  return Number(entry & ADDRESS_MASK) as PhysAddr;
}

/** Puts an entry together. */
export function entryOf(address: number, flags: Flags): bigint {
  return BigInt(address) | flags;
}

export function isPresent(entry: bigint): boolean {
  return (entry & PageTableFlags.PRESENT) !== 0n;
}

export function isHuge(entry: bigint): boolean {
  return (entry & PageTableFlags.HUGE_PAGE) !== 0n;
}

/** Flags in words: `PRESENT | WRITABLE`. */
export function flagsText(flags: Flags): string {
  const names = NAMES.filter(([, bit]) => (flags & bit) !== 0n).map(([name]) => name);
  return names.length === 0 ? "0x0" : names.join(" | ");
}

/**
 * Checks flags that a caller gave.
 *
 * @throws {RangeError} If a bit of the address is among them.
 * @throws {TypeError} If they are no `bigint`.
 */
export function checkFlags(flags: Flags): void {
  if (typeof flags !== "bigint") {
    throw new TypeError(`Cannot use ${String(flags)} as page table flags: not a bigint`);
  }
  if (flags < 0n || flags >> 64n !== 0n || (flags & ADDRESS_MASK) !== 0n) {
    throw new RangeError(
      `Cannot use 0x${flags.toString(16)} as page table flags: bits 51:12 are the address`,
    );
  }
}
