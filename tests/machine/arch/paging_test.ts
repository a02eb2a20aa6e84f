import { deepStrictEqual, strictEqual } from "node:assert/strict";
import {
  HIGH_RESERVED,
  HIGH_RESERVED_PAE,
  LARGE_RESERVED_1G,
  LARGE_RESERVED_2M,
  LARGE_RESERVED_4M,
  PAGING,
  PAGING_NAMES,
  PAGING_SHAPES,
  pagingMode,
  PDPTE_RESERVED_HIGH,
  PDPTE_RESERVED_LOW,
  PHYSICAL_ADDRESS_BITS,
  PTE_HIGH_ADDRESS,
} from "../../../machine/arch/paging.ts";

/** The set bits' numbers, as ranges in the manual's manner. */
function bits(word: number, from = 0): string {
  const set = Array.from({ length: 32 }, (_, i) => i).filter((i) => (word >>> i) & 1);
  const ranges: string[] = [];
  for (let i = 0; i < set.length; i++) {
    const start = i;
    while (set[i + 1] === set[i] + 1) i++;
    ranges.unshift(start === i ? `${set[i] + from}` : `${set[i] + from}:${set[start] + from}`);
  }
  return ranges.join(" ");
}

Deno.test("reserved bits are the manual's, for 40 address bits", () => {
  strictEqual(PHYSICAL_ADDRESS_BITS, 40);
  strictEqual(bits(PTE_HIGH_ADDRESS, 32), "39:32");
  strictEqual(bits(HIGH_RESERVED, 32), "51:40");
  strictEqual(bits(HIGH_RESERVED_PAE, 32), "62:40");
  strictEqual(bits(LARGE_RESERVED_4M), "21");
  strictEqual(bits(LARGE_RESERVED_2M), "20:13");
  strictEqual(bits(LARGE_RESERVED_1G), "29:13");
  strictEqual(bits(PDPTE_RESERVED_LOW), "8:5 2:1");
  strictEqual(bits(PDPTE_RESERVED_HIGH, 32), "63:40");
});

Deno.test("pagingMode() follows CR0.PG, CR4.PAE and EFER.LMA", () => {
  const PG = 1 << 31, PAE = 1 << 5, LMA = 1 << 10;
  const rows = [
    [0, 0, 0, "off"],
    [1, PAE, LMA, "off"],
    [PG | 1, 0, 0, "32-bit"],
    [PG | 1, 1 << 4, 0, "32-bit"],
    [PG | 1, PAE, 0, "PAE"],
    [PG | 1, PAE, 1 << 8, "PAE"],
    [PG | 1, PAE, LMA, "4-level"],
  ] as const;
  for (const [cr0, cr4, efer, name] of rows) {
    strictEqual(PAGING_NAMES[pagingMode(cr0, cr4, efer)], name);
  }
});

Deno.test("every mode's levels cover its linear addresses", () => {
  const width = (mode: number) => {
    const { levels, shifts, entries } = PAGING_SHAPES[mode]!;
    return Array.from({ length: levels }, (_, i) => i + 1)
      .reduce(
        (bit, level) => (strictEqual(shifts[level], bit), bit + Math.log2(entries[level])),
        12,
      );
  };
  deepStrictEqual([PAGING.BITS_32, PAGING.PAE, PAGING.LEVEL_4].map(width), [32, 32, 48]);
});
