/** What kind of access the MMU is asked for. A bit set. */
export const ACCESS = {
  /** An explicit access at CPL 3. Without it: supervisor. */
  USER: 1,
  /** A write; for a load: the reading half of a read-modify-write, checked as a write. */
  WRITE: 2,
  /** The CPU's own access to a descriptor table or TSS: supervisor at any CPL, and SMAP ignores AC. */
  IMPLICIT: 4,
  /** Through SS: a non-canonical address is #SS(0) instead of #GP(0). */
  STACK: 8,
  /** An instruction fetch. Only the MMU itself uses it. */
  FETCH: 16,
  /** Through a flat segment of 4 GiB: bytes beyond its end are #GP(0), or #SS(0) with STACK. */
  FLAT: 32,
} as const;
