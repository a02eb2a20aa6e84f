/** Bits of RFLAGS. @see Intel SDM Vol. 1, "EFLAGS Register" */
export const RFLAGS = {
  CF: 1 << 0,
  FIXED: 1 << 1,
  PF: 1 << 2,
  AF: 1 << 4,
  ZF: 1 << 6,
  SF: 1 << 7,
  TF: 1 << 8,
  IF: 1 << 9,
  DF: 1 << 10,
  OF: 1 << 11,
  IOPL: 3 << 12,
  NT: 1 << 14,
  RF: 1 << 16,
  VM: 1 << 17,
  AC: 1 << 18,
  VIF: 1 << 19,
  VIP: 1 << 20,
  ID: 1 << 21,
} as const;

/** Shift of the two IOPL bits. */
export const IOPL_SHIFT = 12;

/** The six arithmetic flags, which the machine keeps lazily. */
export const ARITHMETIC_FLAGS = RFLAGS.CF | RFLAGS.PF | RFLAGS.AF | RFLAGS.ZF | RFLAGS.SF |
  RFLAGS.OF;
