/** CPUID: what is there is said, what is not there is not. Bit numbers are the manual's. */
import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { cpuid } from "../../../machine/arch/cpuid.ts";
import { MSR, msrName } from "../../../machine/arch/msr.ts";

const CONTEXT = { apic: false, code64: true };
const bits = (word: number) =>
  Array.from({ length: 32 }, (_, i) => i).filter((i) => word >>> i & 1);
const text = (...words: number[]) =>
  words.map((word) => String.fromCharCode(...[0, 8, 16, 24].map((s) => word >>> s & 255))).join("");

Deno.test("cpuid() gives its names", () => {
  const [, b, c, d] = cpuid(0, 0, CONTEXT);
  strictEqual(text(b, d, c), "GenuineIntel");
  const [, hb, hc, hd] = cpuid(0x4000_0000, 0, CONTEXT);
  strictEqual(text(hb, hc, hd), "ring0 ring0 ");
  const brand = [2, 3, 4].flatMap((i) => [...cpuid(0x8000_0000 + i, 0, CONTEXT)]);
  strictEqual(text(...brand).replace(/\0+$/, ""), "ring0 x86-64 processor @ 1.00GHz");
});

Deno.test("cpuid() lists what is implemented and nothing else", () => {
  const [, , ecx, edx] = cpuid(1, 0, CONTEXT);
  // DE PSE TSC MSR PAE MCE CX8 SEP PGE CMOV PAT PSE-36 CLFSH; no FPU, VME, APIC, MTRR, MMX, SSE.
  deepStrictEqual(bits(edx), [2, 3, 4, 5, 6, 7, 8, 11, 13, 15, 16, 17, 19]);
  // CX16 MOVBE POPCNT RDRAND hypervisor.
  deepStrictEqual(bits(ecx), [13, 22, 23, 30, 31]);
  const [max7, ebx7, ecx7, edx7] = cpuid(7, 0, CONTEXT);
  strictEqual(max7, 0);
  // FSGSBASE BMI1 SMEP BMI2 RDSEED ADX SMAP; UMIP RDPID.
  deepStrictEqual(bits(ebx7), [0, 3, 7, 8, 18, 19, 20]);
  deepStrictEqual(bits(ecx7), [2, 22]);
  strictEqual(edx7, 0);
  const [, , extendedC, extendedD] = cpuid(0x8000_0001, 0, CONTEXT);
  deepStrictEqual(bits(extendedC), [0, 5]);
  deepStrictEqual(bits(extendedD), [11, 20, 26, 27, 29]);
  deepStrictEqual(bits(cpuid(0x8000_0001, 0, { apic: false, code64: false })[3]), [20, 26, 27, 29]);
  deepStrictEqual(bits(cpuid(1, 0, { apic: true, code64: true })[3]).includes(9), true);
});

Deno.test("cpuid() answers leaves beyond the highest like the highest basic one", () => {
  const [highest] = cpuid(0, 0, CONTEXT);
  const last = cpuid(highest, 0, CONTEXT);
  for (const leaf of [highest + 1, 0x3fff_ffff, 0x8000_0009, 0xffff_ffff]) {
    deepStrictEqual(cpuid(leaf, 0, CONTEXT), last);
  }
  deepStrictEqual(cpuid(0xd, 0, CONTEXT), [0, 0, 0, 0]);
  deepStrictEqual(cpuid(7, 1, CONTEXT), [0, 0, 0, 0]);
  deepStrictEqual(cpuid(0x8000_0008, 0, CONTEXT), [40 | 48 << 8, 0, 0, 0]);
});

Deno.test("msrName() knows every MSR", () => {
  strictEqual(msrName(0xc000_0080), "IA32_EFER");
  strictEqual(msrName(0xc000_0080 | 0), "IA32_EFER");
  strictEqual(msrName(0x9999), undefined);
  strictEqual(new Set(Object.values(MSR)).size, Object.keys(MSR).length);
});
