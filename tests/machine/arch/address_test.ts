import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import {
  hex,
  isCanonical,
  physAddr,
  truncateToPhysAddr,
  truncateToVirtAddr,
  tryPhysAddr,
  tryVirtAddr,
  virtAddr,
} from "../../../machine/arch/address.ts";

const NOT_ADDRESSES = [-1, -1n, 1.5, NaN, Infinity, -Infinity, 2 ** 60, 1n << 64n, -(1n << 63n)];

Deno.test("virtAddr() takes canonical numbers and bigints", () => {
  for (
    const [value, expected] of [
      [0, 0n],
      [0xb8000, 0xb8000n],
      [0x7fff_ffff_ffff, 0x7fff_ffff_ffffn],
      [0x7fff_ffff_ffffn, 0x7fff_ffff_ffffn],
      [0xffff_8000_0000_0000n, 0xffff_8000_0000_0000n],
      [0xffff_ffff_ffff_ffffn, 0xffff_ffff_ffff_ffffn],
    ] as const
  ) {
    strictEqual(virtAddr(value), expected);
    strictEqual(tryVirtAddr(value), expected);
  }
});

Deno.test("virtAddr() refuses everything else, and says why", () => {
  const hole = [0x8000_0000_0000n, 0xffff_7fff_ffff_ffffn, 0x1_0000_0000_0000n, 2 ** 47];
  for (const value of [...NOT_ADDRESSES, ...hole]) {
    throws(() => virtAddr(value), RangeError, String(value));
    strictEqual(tryVirtAddr(value), undefined, String(value));
  }
  throws(() => virtAddr(-5), /-0x5 as a virtual address: negative/);
  throws(() => virtAddr(0.5), /0\.5 as a virtual address: not a whole number/);
  throws(() => virtAddr(NaN), /NaN.*not a whole number/);
  throws(() => virtAddr(2 ** 47), /0x800000000000.*not canonical/);
  throws(() => virtAddr(2 ** 63), /write it as a bigint/);
  throws(() => virtAddr("1" as unknown as number), /not a number or bigint/);
});

Deno.test("truncateToVirtAddr() repeats bit 47", () => {
  strictEqual(truncateToVirtAddr(0x8000_0000_0000n), 0xffff_8000_0000_0000n);
  strictEqual(truncateToVirtAddr(0x1234_7fff_ffff_ffffn), 0x7fff_ffff_ffffn);
  strictEqual(truncateToVirtAddr(-1n), 0xffff_ffff_ffff_ffffn);
});

Deno.test("physAddr() takes whole numbers below 2^52", () => {
  strictEqual(physAddr(2 ** 52 - 1), 2 ** 52 - 1);
  strictEqual(physAddr(0xf_ffff_ffff_ffffn), 2 ** 52 - 1);
  for (const value of [...NOT_ADDRESSES, 2 ** 52, 1n << 52n]) {
    throws(() => physAddr(value), RangeError, String(value));
    strictEqual(tryPhysAddr(value), undefined, String(value));
  }
  strictEqual(tryPhysAddr(5n), 5);
  strictEqual(truncateToPhysAddr(0xfff0_0000_0000_1234n), 0x1234);
});

Deno.test("isCanonical() looks at the high word's upper 17 bits", () => {
  const words = [0, 0x7fff, 0x8000, 0xffff, 0x1_0000, 0x7fff_ffff, -1, -0x8000, -0x8001, 1 << 31];
  deepStrictEqual(words.map(isCanonical), [
    true,
    true,
    false,
    false,
    false,
    false,
    true,
    true,
    false,
    false,
  ]);
});

Deno.test("hex() writes addresses", () => {
  deepStrictEqual([hex(0), hex(0xb8000), hex(255n, 4), hex(-16n), hex(2 ** 52)], [
    "0x0",
    "0xb8000",
    "0x00ff",
    "-0x10",
    "0x10000000000000",
  ]);
});
