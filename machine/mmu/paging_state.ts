/**
 * What the control registers say about paging, unpacked for the hot path, and the one rule of
 * who may do what to a page.
 *
 * @see Intel SDM Vol. 3A, "Determination of Access Rights"
 */
import { CR0, CR4, EFER } from "../arch/control_registers.ts";
import { HIGH_RESERVED, HIGH_RESERVED_PAE, PAGING, pagingMode, PTE } from "../arch/paging.ts";
import { PF_ERROR } from "../arch/exceptions.ts";
import { RFLAGS } from "../arch/rflags.ts";
import { STATE, TLB_AREA } from "../memory/layout.ts";
import { ACCESS } from "./access.ts";

/**
 * Effective rights of a translation: R/W, U/S, D and G at their places in an entry, and NX.
 * R/W and U/S are set when every level sets them, NX when any does.
 */
export const RIGHTS = {
  RW: PTE.RW,
  US: PTE.US,
  D: PTE.D,
  G: PTE.G,
  NX: 1 << 9,
} as const;

/**
 * The rules of access, precomputed: a word for every combination of {@linkcode ACCESS} bits and
 * RFLAGS.AC. Its low half has the rights that must be set; its high half those that are looked
 * at, which but for the former must be clear. In the TLB's area, where the hot path's array is.
 */
const RULE_TABLE = (TLB_AREA.start >> 2) + 512;
const RULES = 64;
const CHECKED_SHIFT = 16;
/** Bits of {@linkcode ACCESS} that a rule's number has; the others play no part in rights. */
const RULE_ACCESS = 31;
/** Bit of a rule's number: RFLAGS.AC is set. */
const RULE_AC = 32;
/** Shifts RFLAGS.AC to `RULE_AC`. */
const AC_TO_RULE = 13;
const FLAGS_REST = STATE.flagsRest >> 2;

/** The control registers' view of paging; {@linkcode PagingState.update} re-reads them. */
export class PagingState {
  /** One of {@linkcode PAGING}. */
  mode: number = PAGING.OFF;
  wp = false;
  smep = false;
  smap = false;
  /** NX works: EFER.NXE is set, and the entries are 64 bits wide. */
  nx = false;
  /** 32-bit paging with 4 MiB pages. */
  pse = false;
  /** `PTE.G` when CR4.PGE is set, or 0. */
  globalMask = 0;
  /** Reserved bits of the high word of every entry. */
  reservedHigh = 0;
  /** CR0.AM. */
  alignmentMask = false;

  readonly #i32: Int32Array;

  constructor(i32: Int32Array) {
    this.#i32 = i32;
  }

  /** Whether RFLAGS.AC is set. */
  get ac(): boolean {
    return (this.#i32[STATE.flagsRest >> 2] & RFLAGS.AC) !== 0;
  }

  /** log2 of the size of the pages that level 2 maps. */
  get largeShift(): number {
    return this.mode === PAGING.BITS_32 ? 22 : 21;
  }

  /** Re-reads the control registers. */
  update(): void {
    const cr0 = this.#i32[STATE.cr0 >> 2];
    const cr4 = this.#i32[STATE.cr4 >> 2];
    const efer = this.#i32[STATE.efer >> 2];
    this.mode = pagingMode(cr0, cr4, efer);
    this.wp = (cr0 & CR0.WP) !== 0;
    this.alignmentMask = (cr0 & CR0.AM) !== 0;
    this.smep = (cr4 & CR4.SMEP) !== 0;
    this.smap = (cr4 & CR4.SMAP) !== 0;
    this.nx = (efer & EFER.NXE) !== 0 && this.mode >= PAGING.PAE;
    this.pse = (cr4 & CR4.PSE) !== 0;
    this.globalMask = (cr4 & CR4.PGE) !== 0 ? RIGHTS.G : 0;
    this.reservedHigh = (this.mode === PAGING.PAE ? HIGH_RESERVED_PAE : HIGH_RESERVED) |
      (this.nx ? 0 : 1 << 31);
    for (let rule = 0; rule < RULES; rule++) this.#makeRule(rule);
  }

  /** Writes down which rights an access must find set, and which it looks at. */
  #makeRule(rule: number): void {
    const user = (rule & ACCESS.USER) !== 0;
    const write = (rule & ACCESS.WRITE) !== 0;
    const fetch = (rule & ACCESS.FETCH) !== 0;
    const overridden = (rule & RULE_AC) !== 0 && (rule & ACCESS.IMPLICIT) === 0;
    const set = (user ? RIGHTS.US : 0) | (write && (user || this.wp) ? RIGHTS.RW : 0);
    const keptOut = !user && (fetch ? this.smep : this.smap && !overridden);
    const clear = (keptOut ? RIGHTS.US : 0) | (fetch && this.nx ? RIGHTS.NX : 0);
    this.#i32[RULE_TABLE + rule] = set | ((set | clear) << CHECKED_SHIFT);
  }

  /**
   * The error code of a page fault.
   *
   * @param cause 0 (not present), `PF_ERROR.P`, or `PF_ERROR.P | PF_ERROR.RSVD`.
   * @see Intel SDM Vol. 3A, "Page-Fault Exceptions"
   */
  errorCode(cause: number, access: number): number {
    return cause |
      ((access & ACCESS.WRITE) !== 0 ? PF_ERROR.W : 0) |
      ((access & ACCESS.USER) !== 0 ? PF_ERROR.U : 0) |
      ((access & ACCESS.FETCH) !== 0 && (this.nx || this.smep) ? PF_ERROR.I : 0);
  }
}

/**
 * Whether an access is permitted to a page, by the control registers of the latest
 * {@linkcode PagingState.update} and the present RFLAGS.AC.
 *
 * @param i32 The memory's words.
 * @param rights {@linkcode RIGHTS} of the translation. D and G play no part.
 * @param access {@linkcode ACCESS} bits.
 */
export function permits(i32: Int32Array, rights: number, access: number): boolean {
  const ac = (i32[FLAGS_REST] >>> AC_TO_RULE) & RULE_AC;
  const rule = i32[RULE_TABLE + ((access & RULE_ACCESS) | ac)];
  return ((rights ^ rule) & (rule >>> CHECKED_SHIFT)) === 0;
}
