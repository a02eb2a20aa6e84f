/** Exception vectors, and the value that is thrown inside the machine while one is raised. */

/** @see Intel SDM Vol. 3A, "Protected-Mode Exceptions and Interrupts" */
export const VECTOR = {
  DE: 0,
  DB: 1,
  NMI: 2,
  BP: 3,
  OF: 4,
  BR: 5,
  UD: 6,
  NM: 7,
  DF: 8,
  TS: 10,
  NP: 11,
  SS: 12,
  GP: 13,
  PF: 14,
  MF: 16,
  AC: 17,
  MC: 18,
  XM: 19,
} as const;

/** Bits of a page fault's error code. */
export const PF_ERROR = { P: 1, W: 2, U: 4, RSVD: 8, I: 16 } as const;

/** Whether the CPU pushes an error code for this vector (as an exception, not as INT n). */
export function hasErrorCode(vector: number): boolean {
  return vector === VECTOR.DF || (vector >= VECTOR.TS && vector <= VECTOR.PF) ||
    vector === VECTOR.AC;
}

/**
 * Thrown to abandon the current instruction; what was raised is in the state block
 * (`faultVector`, `faultHasError`, `faultError`, `faultAddress`). One frozen object, so that a
 * fault allocates nothing. Never leaves `machine/`.
 */
export class GuestFault {}

/** The one {@linkcode GuestFault}. */
export const GUEST_FAULT: GuestFault = Object.freeze(new GuestFault());
