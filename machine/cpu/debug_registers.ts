/**
 * The debug registers at work: instruction and data breakpoints.
 *
 * **Not modelled:** I/O breakpoints (CR4.DE with R/W = 10), breakpoints by task (the local bits
 * act like the global ones, and a hardware task switch clears them), general detect inside the
 * debug handler beyond DR7.GD's #DB.
 *
 * @see Intel SDM Vol. 3B, "Debug Registers"
 */
import { VECTOR } from "../arch/exceptions.ts";
import { STATE } from "../memory/layout.ts";
import type { Mmu } from "../mmu/mmu.ts";
import type { CpuState } from "./state.ts";

/** Bits of DR6. Bits 11:4 and 31:16 read as ones. */
export const DR6 = {
  B0: 1,
  BD: 1 << 13,
  BS: 1 << 14,
  BT: 1 << 15,
  FIXED: 0xffff_0ff0 | 0,
} as const;

/** Kinds of a breakpoint: the R/W field of DR7. */
const KIND = { EXECUTE: 0, WRITE: 1, IO: 2, ACCESS: 3 } as const;

export class DebugRegisters {
  /** Whether any breakpoint is enabled: then instructions run one by one. */
  active = false;

  constructor(
    readonly state: CpuState,
    readonly mmu: Mmu,
    readonly leave: () => void,
  ) {}

  /** Call after DR7 has changed. */
  refresh(): void {
    const dr7 = this.#register(7);
    this.active = (dr7 & 0xff) !== 0;
    let watches = false;
    for (let i = 0; i < 4; i++) {
      if (this.#enabled(i) && this.#kind(i) !== KIND.EXECUTE) watches = true;
    }
    this.mmu.setWatch(
      watches ? (low, high, size, isWrite) => this.#accessed(low, high, size, isWrite) : undefined,
    );
  }

  /** Raises #DB before an instruction that has a breakpoint. */
  checkFetch(linearLow: number, linearHigh: number): void {
    if (!this.active) return;
    let hits = 0;
    for (let i = 0; i < 4; i++) {
      if (!this.#enabled(i) || this.#kind(i) !== KIND.EXECUTE) continue;
      if (this.#register(i) === linearLow && this.#registerHigh(i) === linearHigh) {
        hits |= DR6.B0 << i;
      }
    }
    if (hits === 0) return;
    this.#latch(hits);
    this.state.raise(VECTOR.DB);
  }

  /** Moves the pending traps into DR6. */
  latchPending(): void {
    this.#latch(this.state.word(STATE.pendingDebug));
    this.state.setWord(STATE.pendingDebug, 0);
  }

  #latch(bits: number): void {
    const dr6 = STATE.dr + 6 * 8;
    this.state.setWord(dr6, (this.state.word(dr6) & ~0xf) | DR6.FIXED | bits);
  }

  #accessed(low: number, high: number, size: number, isWrite: boolean): void {
    let hits = 0;
    for (let i = 0; i < 4; i++) {
      const kind = this.#kind(i);
      if (!this.#enabled(i) || kind === KIND.EXECUTE || kind === KIND.IO) continue;
      if (kind === KIND.WRITE && !isWrite) continue;
      if (this.#registerHigh(i) !== high) continue;
      const length = [1, 2, 8, 4][(this.#register(7) >>> (18 + i * 4)) & 3];
      const start = (this.#register(i) & ~(length - 1)) >>> 0;
      const at = low >>> 0;
      if (at < start + length && at + size > start) hits |= DR6.B0 << i;
    }
    if (hits === 0) return;
    this.state.setWord(STATE.pendingDebug, this.state.word(STATE.pendingDebug) | hits);
    this.leave();
  }

  #register(index: number): number {
    return this.state.word(STATE.dr + index * 8);
  }

  #registerHigh(index: number): number {
    return this.state.word(STATE.dr + index * 8 + 4);
  }

  #enabled(index: number): boolean {
    return (this.#register(7) >>> (index * 2) & 3) !== 0;
  }

  #kind(index: number): number {
    return this.#register(7) >>> (16 + index * 4) & 3;
  }
}
