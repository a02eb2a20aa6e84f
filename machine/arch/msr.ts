/** Numbers of the model-specific registers that the machine knows. */

/** @see Intel SDM Vol. 4, "IA-32 Architectural MSRs" */
export const MSR = {
  PLATFORM_ID: 0x17,
  TIME_STAMP_COUNTER: 0x10,
  APIC_BASE: 0x1b,
  FEATURE_CONTROL: 0x3a,
  /** Microcode revision. */
  BIOS_SIGN_ID: 0x8b,
  SYSENTER_CS: 0x174,
  SYSENTER_ESP: 0x175,
  SYSENTER_EIP: 0x176,
  MISC_ENABLE: 0x1a0,
  PAT: 0x277,
  EFER: 0xc000_0080,
  STAR: 0xc000_0081,
  LSTAR: 0xc000_0082,
  CSTAR: 0xc000_0083,
  FMASK: 0xc000_0084,
  FS_BASE: 0xc000_0100,
  GS_BASE: 0xc000_0101,
  KERNEL_GS_BASE: 0xc000_0102,
  TSC_AUX: 0xc000_0103,
} as const;

/** The name of an MSR, in the manual's spelling, or `undefined`. */
export function msrName(number: number): string | undefined {
  const found = Object.entries(MSR).find(([, value]) => value === number >>> 0);
  return found === undefined ? undefined : `IA32_${found[0]}`;
}

/** Bits of IA32_APIC_BASE. */
export const APIC_BASE = { BSP: 1 << 8, EXTD: 1 << 10, EN: 1 << 11 } as const;

/** The page-attribute table after a reset: WB WT UC- UC, twice. Low and high word alike. */
export const PAT_RESET = 0x0007_0406;
