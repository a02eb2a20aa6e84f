/**
 * Translation as the guest's accesses meet it: checks, TLB, walk, faults; and flushing.
 *
 * `mmu.ts` tells the story and moves the bytes.
 */
import { isCanonical } from "../arch/address.ts";
import { GUEST_FAULT, VECTOR } from "../arch/exceptions.ts";
import { PAGING } from "../arch/paging.ts";
import type { Events } from "../events.ts";
import { SEG, SEGMENT, SEGMENT_BYTES, STATE } from "../memory/layout.ts";
import type { PhysicalMemory } from "../memory/physical.ts";
import { ACCESS } from "./access.ts";
import { FastTables } from "./fast_tables.ts";
import { PagingState, permits, RIGHTS } from "./paging_state.ts";
import { Tlb } from "./tlb.ts";
import { Walker } from "./walker.ts";
import { unsigned64 } from "./words.ts";

// The hot path looks at local constants: an imported object costs loads each time.
const { USER, WRITE } = ACCESS;
const { OFF } = PAGING;
const DIRTY = RIGHTS.D;
const CODE_SEGMENT = STATE.segments + SEG.CS * SEGMENT_BYTES;
/** The L bit of a cached code segment's attributes. */
const LONG_CODE = 1 << 13;
const EPOCH = STATE.epoch >> 2;
/** The rights that instruction fetches depend on. */
const FETCH_RIGHTS = RIGHTS.US | RIGHTS.NX;

/** Linear to physical, for one CPU. */
export class Translator {
  readonly paging: PagingState;
  readonly fast: FastTables;
  readonly tlb: Tlb;
  readonly walker: Walker;
  /** The second page's frame after {@linkcode Translator.locateCrossing}. */
  second = 0;

  readonly #events: Events;
  readonly #i32: Int32Array;
  /** RFLAGS.AC as the fast tables were filled under. */
  #ac = false;

  constructor(memory: PhysicalMemory, events: Events) {
    this.#events = events;
    this.#i32 = memory.i32;
    this.paging = new PagingState(memory.i32);
    this.fast = new FastTables(memory.i32);
    this.tlb = new Tlb(memory.i32, this.fast);
    this.walker = new Walker(memory, this.paging);
    this.restored();
  }

  /** Checks an access within one page. @returns Its 4 KiB frame. @throws {GuestFault} */
  locate(low: number, high: number, size: number, access: number): number {
    if (!isCanonical(high)) this.#raiseNotCanonical(low, high, access);
    if ((access & USER) !== 0 && (low & (size - 1)) !== 0) this.#checkAlignment(low, high);
    return this.#frame(low, high, access);
  }

  /** Checks an access that crosses a page boundary. @returns The first frame; see `second`. */
  locateCrossing(low: number, high: number, size: number, access: number): number {
    const nextLow = (low + size - 1) & ~0xfff;
    const nextHigh = nextLow === 0 && this.#wide() ? (high + 1) | 0 : high;
    if (nextLow === 0 && (access & ACCESS.FLAT) !== 0) {
      this.#raiseNotCanonical(low, high, access);
    }
    if (!isCanonical(high)) this.#raiseNotCanonical(low, high, access);
    if (!isCanonical(nextHigh)) this.#raiseNotCanonical(nextLow, nextHigh, access);
    if ((access & USER) !== 0 && (low & (size - 1)) !== 0) this.#checkAlignment(low, high);
    const frame = this.#frame(low, high, access);
    this.second = this.#frame(nextLow, nextHigh, access);
    return frame;
  }

  /** Whether misaligned user accesses fault at present. */
  get checksAlignment(): boolean {
    return this.paging.alignmentMask && this.paging.ac;
  }

  /** Drops all TLB entries, or all that are not global. */
  flushAll(includeGlobal: boolean): void {
    this.tlb.flush(includeGlobal);
    this.fast.dropAll();
    this.#i32[EPOCH]++;
    if (this.#events.wants.tlb) {
      const kind = includeGlobal ? "flush-global" : "flush";
      this.#events.emit("tlb", { kind, address: undefined });
    }
  }

  /** Drops the entries for a linear address. */
  flushPage(low: number, high: number): void {
    this.tlb.dropAddress(low, high);
    this.#i32[EPOCH]++;
    if (this.#events.wants.tlb) {
      this.#events.emit("tlb", { kind: "invlpg", address: unsigned64(low, high) });
    }
  }

  /** Re-reads CR0, CR4 and EFER. */
  modeChanged(): void {
    const { mode, pse } = this.paging;
    this.#adoptState();
    if (this.paging.mode !== mode || this.paging.pse !== pse) this.tlb.flush(true);
    this.fast.dropAll();
    this.#i32[EPOCH]++;
  }

  /** RFLAGS.AC may have changed. */
  privilegeViewChanged(): void {
    const ac = this.paging.ac;
    if (ac === this.#ac) return;
    this.#ac = ac;
    if (this.paging.smap) this.fast.dropSupervisor();
    if (this.paging.alignmentMask) this.fast.dropUser();
  }

  /** The meaning of physical addresses changed. */
  mapChanged(): void {
    this.walker.mapChanged();
    this.fast.dropAll();
    this.#i32[EPOCH]++;
  }

  /** The whole memory was replaced. */
  restored(): void {
    this.#adoptState();
    this.fast.clear();
    this.#i32[EPOCH]++;
  }

  #adoptState(): void {
    this.paging.update();
    this.tlb.largeShift = this.paging.largeShift;
    this.#ac = this.paging.ac;
  }

  /** Whether linear addresses have 64 bits; else they wrap at 4 GiB. */
  #wide(): boolean {
    return this.paging.mode === PAGING.LEVEL_4 &&
      (this.#i32[(CODE_SEGMENT + SEGMENT.attributes) >> 2] & LONG_CODE) !== 0;
  }

  #frame(low: number, high: number, access: number): number {
    if (this.paging.mode === OFF) return low >>> 12;
    const entry = this.tlb.find(low, high);
    if (entry < 0) return this.#adopt(low, high, this.walker.walk(low, high, access), access);
    const rights = this.tlb.rights(entry);
    if (
      permits(this.#i32, rights, access) &&
      ((access & WRITE) === 0 || (rights & DIRTY) !== 0)
    ) {
      return this.tlb.frame(entry, low);
    }
    return this.#walkAgain(low, high, access, entry);
  }

  /** The TLB's entry does not do: drops it and walks. Blocks must know if it was stale. */
  #walkAgain(low: number, high: number, access: number, entry: number): number {
    const oldFrame = this.tlb.frame(entry, low);
    const oldRights = this.tlb.rights(entry);
    this.tlb.dropAddress(low, high);
    const frame = this.walker.walk(low, high, access);
    if (frame !== oldFrame || ((this.walker.rights ^ oldRights) & FETCH_RIGHTS) !== 0) {
      this.#i32[EPOCH]++;
    }
    return this.#adopt(low, high, frame, access);
  }

  /** Makes a walk's result a TLB entry or a fault. */
  #adopt(low: number, high: number, frame: number, access: number): number {
    const { rights, shift, error } = this.walker;
    if (this.#events.wants.walk) this.#reportWalk(low, high, frame, access);
    if (frame < 0) this.#raise(VECTOR.PF, error, low, high);
    this.tlb.insert(low, high, frame, rights, shift);
    return frame;
  }

  #checkAlignment(low: number, high: number): void {
    if (this.checksAlignment) this.#raise(VECTOR.AC, 0, low, high);
  }

  #raiseNotCanonical(low: number, high: number, access: number): never {
    this.#raise((access & ACCESS.STACK) !== 0 ? VECTOR.SS : VECTOR.GP, 0, low, high);
  }

  #raise(vector: number, error: number, low: number, high: number): never {
    const i32 = this.#i32;
    i32[STATE.faultVector >> 2] = vector;
    i32[STATE.faultHasError >> 2] = 1;
    i32[STATE.faultError >> 2] = error;
    i32[STATE.faultAddress >> 2] = low;
    i32[(STATE.faultAddress >> 2) + 1] = high;
    throw GUEST_FAULT;
  }

  #reportWalk(low: number, high: number, frame: number, access: number): void {
    this.#events.emit("walk", {
      address: unsigned64(low, high),
      access: (access & ACCESS.FETCH) !== 0 ? "execute" : (access & WRITE) !== 0 ? "write" : "read",
      physical: frame < 0 ? undefined : frame * 0x1000 + (low & 0xfff),
    });
  }
}
