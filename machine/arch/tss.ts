/**
 * Task state segments: where their fields are, in bytes from the start.
 *
 * @see Intel SDM Vol. 3A, "Task-State Segment (TSS)", "16-Bit Task-State Segment (TSS)",
 * "Task Management in 64-bit Mode"
 */

/** The 32-bit TSS, 104 bytes. Selectors take the low half of their 4 bytes. */
export const TSS32 = {
  BACK_LINK: 0,
  /** ESP and SS of level 0; 8 bytes a level. */
  ESP0: 4,
  SS0: 8,
  CR3: 28,
  EIP: 32,
  EFLAGS: 36,
  /** EAX ECX EDX EBX ESP EBP ESI EDI. */
  EAX: 40,
  /** ES CS SS DS FS GS, 4 bytes each. */
  ES: 72,
  LDT: 96,
  /** Bit 0: raise #DB when the task is entered. */
  DEBUG_TRAP: 100,
  IO_MAP_BASE: 102,
  /** The smallest limit that holds all of it. */
  MIN_LIMIT: 103,
  /** What a switch away saves: EIP to GS. */
  SAVED_END: 96,
} as const;

/** The 16-bit TSS, 44 bytes. */
export const TSS16 = {
  BACK_LINK: 0,
  /** SP and SS of level 0; 4 bytes a level. */
  SP0: 2,
  SS0: 4,
  IP: 14,
  FLAGS: 16,
  /** AX CX DX BX SP BP SI DI. */
  AX: 18,
  /** ES CS SS DS, 2 bytes each. */
  ES: 34,
  LDT: 42,
  MIN_LIMIT: 43,
  SAVED_END: 42,
} as const;

/** The 64-bit TSS, 104 bytes: stacks and the I/O map, no registers. */
export const TSS64 = {
  /** RSP0, RSP1, RSP2, 8 bytes each. */
  RSP0: 4,
  /** IST1 … IST7, 8 bytes each. */
  IST1: 36,
  IO_MAP_BASE: 102,
  /** Without an I/O map. */
  MIN_LIMIT: 103,
} as const;

/** Debug-trap bit of a 32-bit TSS. */
export const TSS_T = 1;
