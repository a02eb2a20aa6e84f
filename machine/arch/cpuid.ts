/**
 * What CPUID says: only what is there.
 *
 * The layout is Intel's (leaves 0 to 7 and 0xd, 0x8000_0000 to 0x8000_0008), and so is the
 * vendor's name, since software chooses its reading of the leaves by it. The hypervisor leaf
 * 0x4000_0000 says who it really is.
 *
 * **Not there:** x87, MMX, SSE and what builds on them, FXSAVE, XSAVE, a local APIC (until a
 * board has one), MTRRs, VME, MONITOR, PCIDs, VMX.
 *
 * @see Intel SDM Vol. 2A, "CPUID—CPU Identification"
 */
import { PHYSICAL_ADDRESS_BITS } from "./paging.ts";

/** Leaf 1, EDX. */
export const CPUID_1_EDX = {
  FPU: 1 << 0,
  VME: 1 << 1,
  DE: 1 << 2,
  PSE: 1 << 3,
  TSC: 1 << 4,
  MSR: 1 << 5,
  PAE: 1 << 6,
  MCE: 1 << 7,
  CX8: 1 << 8,
  APIC: 1 << 9,
  SEP: 1 << 11,
  MTRR: 1 << 12,
  PGE: 1 << 13,
  MCA: 1 << 14,
  CMOV: 1 << 15,
  PAT: 1 << 16,
  PSE36: 1 << 17,
  CLFSH: 1 << 19,
} as const;

/** Leaf 1, ECX. */
export const CPUID_1_ECX = {
  CX16: 1 << 13,
  MOVBE: 1 << 22,
  POPCNT: 1 << 23,
  RDRAND: 1 << 30,
  /** Bit 31: always set by hypervisors, always clear on silicon. */
  HYPERVISOR: 1 << 31,
} as const;

/** Leaf 7, subleaf 0, EBX. */
export const CPUID_7_EBX = {
  FSGSBASE: 1 << 0,
  BMI1: 1 << 3,
  SMEP: 1 << 7,
  BMI2: 1 << 8,
  RDSEED: 1 << 18,
  ADX: 1 << 19,
  SMAP: 1 << 20,
} as const;

/** Leaf 7, subleaf 0, ECX. */
export const CPUID_7_ECX = { UMIP: 1 << 2, RDPID: 1 << 22 } as const;

/** Leaf 0x8000_0001. */
export const CPUID_EXT_EDX = {
  SYSCALL: 1 << 11,
  NX: 1 << 20,
  PAGE_1G: 1 << 26,
  RDTSCP: 1 << 27,
  LM: 1 << 29,
} as const;
export const CPUID_EXT_ECX = { LAHF: 1 << 0, LZCNT: 1 << 5 } as const;

/** The twelve letters of leaf 0. */
export const VENDOR = "GenuineIntel";
/** The twelve letters of leaf 0x4000_0000. */
export const HYPERVISOR_VENDOR = "ring0 ring0 ";
/** Leaves 0x8000_0002 to 4: 48 bytes, padded with zeros. */
export const BRAND = "ring0 x86-64 processor @ 1.00GHz";

const E1 = CPUID_1_EDX;
const FEATURES_EDX = E1.DE | E1.PSE | E1.TSC | E1.MSR | E1.PAE | E1.MCE | E1.CX8 | E1.SEP |
  E1.PGE | E1.CMOV | E1.PAT | E1.PSE36 | E1.CLFSH;
const C1 = CPUID_1_ECX;
const FEATURES_ECX = C1.CX16 | C1.MOVBE | C1.POPCNT | C1.RDRAND | C1.HYPERVISOR;
const B7 = CPUID_7_EBX;
const FEATURES_7_EBX = B7.FSGSBASE | B7.BMI1 | B7.SMEP | B7.BMI2 | B7.RDSEED | B7.ADX | B7.SMAP;
const FEATURES_7_ECX = CPUID_7_ECX.UMIP | CPUID_7_ECX.RDPID;
const X = CPUID_EXT_EDX;

/** Leaf 1, EAX, and EDX after reset: family 6, model 60, stepping 3. */
export const SIGNATURE = 0x0003_06c3;
const CLFLUSH_BYTES = 64;

/** Highest leaves of the three ranges. */
const MAX_BASIC = 0x16;
const MAX_HYPERVISOR = 0x4000_0000;
const MAX_EXTENDED = 0x8000_0008;

/** What of the answer depends on the CPU's state. */
export interface CpuidContext {
  /** The board has a local APIC and IA32_APIC_BASE enables it. */
  readonly apic: boolean;
  /** 64-bit code asks: SYSCALL's bit shows in it alone. */
  readonly code64: boolean;
}

/** EAX, EBX, ECX, EDX as int32. */
export type CpuidAnswer = readonly [eax: number, ebx: number, ecx: number, edx: number];

const NOTHING: CpuidAnswer = [0, 0, 0, 0];

/**
 * Answers CPUID.
 *
 * @param leaf EAX, unsigned. Beyond the highest basic leaf: the highest basic leaf's answer.
 * @param subleaf ECX, unsigned.
 */
export function cpuid(leaf: number, subleaf: number, context: CpuidContext): CpuidAnswer {
  switch (leaf) {
    case 0:
      return [MAX_BASIC, letters(VENDOR, 0), letters(VENDOR, 8), letters(VENDOR, 4)];
    case 1:
      return [
        SIGNATURE,
        1 << 16 | (CLFLUSH_BYTES / 8) << 8,
        FEATURES_ECX,
        FEATURES_EDX | (context.apic ? E1.APIC : 0),
      ];
    case 2:
      // "Read leaf 4 instead": one descriptor byte, 0xff.
      return [0x00ff_ff01, 0, 0, 0];
    case 7:
      return subleaf === 0 ? [0, FEATURES_7_EBX, FEATURES_7_ECX, 0] : NOTHING;
    case 0x15:
      // The TSC runs at 1/1 of a 1 GHz crystal.
      return [1, 1, 1_000_000_000, 0];
    case 0x16:
      return [1000, 1000, 100, 0];
    case 0x4000_0000:
      return [
        MAX_HYPERVISOR,
        letters(HYPERVISOR_VENDOR, 0),
        letters(HYPERVISOR_VENDOR, 4),
        letters(HYPERVISOR_VENDOR, 8),
      ];
    case 0x8000_0000:
      return [MAX_EXTENDED | 0, 0, 0, 0];
    case 0x8000_0001:
      return [
        0,
        0,
        CPUID_EXT_ECX.LAHF | CPUID_EXT_ECX.LZCNT,
        X.NX | X.PAGE_1G | X.RDTSCP | X.LM | (context.code64 ? X.SYSCALL : 0),
      ];
    case 0x8000_0002:
    case 0x8000_0003:
    case 0x8000_0004: {
      const at = (leaf - 0x8000_0002) * 16;
      return [
        letters(BRAND, at),
        letters(BRAND, at + 4),
        letters(BRAND, at + 8),
        letters(BRAND, at + 12),
      ];
    }
    case 0x8000_0007:
      // Invariant TSC.
      return [0, 0, 0, 1 << 8];
    case 0x8000_0008:
      return [PHYSICAL_ADDRESS_BITS | 48 << 8, 0, 0, 0];
  }
  if (leaf > MAX_BASIC && leaf < MAX_HYPERVISOR || leaf > MAX_EXTENDED) {
    return cpuid(MAX_BASIC, subleaf, context);
  }
  return NOTHING;
}

/** Four letters as a little-endian word; zeros behind the end. */
function letters(text: string, at: number): number {
  let word = 0;
  for (let i = 0; i < 4 && at + i < text.length; i++) word |= text.charCodeAt(at + i) << (8 * i);
  return word;
}
