/**
 * The memory management unit: linear addresses to physical ones, and every data access of the
 * guest that the fast tables do not answer.
 *
 * The story of one access:
 *
 * 1. Generated code looks into the fast tables (`FAST`); a hit never comes here.
 * 2. The address must be canonical, else #GP(0) or, through the stack segment, #SS(0).
 * 3. Alignment check, where CR0.AM and RFLAGS.AC ask for it at CPL 3: #AC(0). It precedes the
 *    page fault: seen on silicon (an AMD EPYC), where the manuals leave the order open.
 * 4. The TLB. An entry that permits the access (and, for a write, has D set) answers.
 * 5. Otherwise its entry is dropped and the tables in memory are walked: the walk's verdict
 *    counts, so a right that was widened without INVLPG works at once, while one that was narrowed
 *    stays usable until something flushes it. Failing is #PF.
 * 6. Both pages of an access that crosses a boundary pass these steps before a byte moves.
 * 7. The bytes are moved, and the fast tables learn the page if nothing speaks against it.
 *
 * Addresses and 64-bit values are two int32 words; a load's high word is in `STATE.high`.
 *
 * **Not modelled:** paging-structure caches, PCIDs, protection keys, 5-level paging, cacheability.
 */
import type { PhysAddr } from "../arch/address.ts";
import type { Events } from "../events.ts";
import { STATE } from "../memory/layout.ts";
import type { PhysicalMemory } from "../memory/physical.ts";
import { ACCESS } from "./access.ts";
import { audit, type TlbDisagreement } from "./audit.ts";
import { loadAcross, storeAcross } from "./crossing.ts";
import type { FastTables } from "./fast_tables.ts";
import { changesPaging, flushScope, type PagingRegister } from "./flush_rules.ts";
import { type PageRange, pageTables, type PageTablesOptions } from "./page_tables.ts";
import { loadPdptes } from "./pdptes.ts";
import { peekVirtual, pokeVirtual, virtualToPhysical } from "./peek.ts";
import { tlbEntries, type TlbEntry } from "./tlb_view.ts";
import { translate, type TranslateOptions, type Translation } from "./translate.ts";
import { Translator } from "./translator.ts";
import { unsigned64 } from "./words.ts";

/** Told after a data access while it is set. The address is the access's first byte. */
export type WatchCallback = (low: number, high: number, size: number, isWrite: boolean) => void;

// The hot path looks at local constants: an imported object costs loads each time.
const { USER, WRITE, FETCH } = ACCESS;
const HIGH = STATE.high >> 2;
/** Address line 20 in a frame's number. */
const A20_FRAME = 1 << 8;

/** The MMU of one CPU. */
export class Mmu {
  readonly #memory: PhysicalMemory;
  readonly #events: Events;
  readonly #i32: Int32Array;
  readonly #view: DataView;
  readonly #translator: Translator;
  #watch: WatchCallback | undefined;
  /** Nobody listens to data accesses: the fast tables may be filled. */
  #quiet = true;

  /** Takes over `memory.onMapChange`; whoever sets it later calls {@linkcode Mmu.mapChanged}. */
  constructor(memory: PhysicalMemory, events: Events) {
    this.#memory = memory;
    this.#events = events;
    this.#i32 = memory.i32;
    this.#view = memory.view;
    this.#translator = new Translator(memory, events);
    memory.onMapChange = () => this.mapChanged();
    this.hooksChanged();
  }

  /** Loads a byte. @returns 0–255. @throws {GuestFault} As every access here. */
  load8(low: number, high: number, access: number): number {
    const frame = this.#translator.locate(low, high, 1, access);
    const page = this.#memory.readablePage(frame << 12, frame >>> 20);
    const value = page >= 0
      ? this.#memory.u8[page + (low & 0xfff)]
      : this.#memory.read8((frame << 12) | (low & 0xfff), frame >>> 20);
    if (!this.#quiet) return this.#loaded(low, high, frame, 1, value, 0);
    if (page >= 0) this.#learn(low, high, frame, page, access, false);
    return value;
  }

  /** Loads 16 bits. @returns 0–65535. */
  load16(low: number, high: number, access: number): number {
    const offset = low & 0xfff;
    if (offset > 0xffe) return this.#loadCrossing(low, high, 2, access);
    const frame = this.#translator.locate(low, high, 2, access);
    const page = this.#memory.readablePage(frame << 12, frame >>> 20);
    const value = page >= 0
      ? this.#view.getUint16(page + offset, true)
      : this.#memory.read16((frame << 12) | offset, frame >>> 20);
    if (!this.#quiet) return this.#loaded(low, high, frame, 2, value, 0);
    if (page >= 0) this.#learn(low, high, frame, page, access, false);
    return value;
  }

  /** Loads 32 bits. @returns An int32. */
  load32(low: number, high: number, access: number): number {
    const offset = low & 0xfff;
    if (offset > 0xffc) return this.#loadCrossing(low, high, 4, access);
    const frame = this.#translator.locate(low, high, 4, access);
    const page = this.#memory.readablePage(frame << 12, frame >>> 20);
    const value = page >= 0
      ? this.#view.getInt32(page + offset, true)
      : this.#memory.read32((frame << 12) | offset, frame >>> 20);
    if (!this.#quiet) return this.#loaded(low, high, frame, 4, value, 0);
    if (page >= 0) this.#learn(low, high, frame, page, access, false);
    return value;
  }

  /** Loads 64 bits. @returns The low word as an int32; the high word is in `STATE.high`. */
  load64(low: number, high: number, access: number): number {
    const offset = low & 0xfff;
    if (offset > 0xff8) return this.#loadCrossing(low, high, 8, access);
    const frame = this.#translator.locate(low, high, 8, access);
    const page = this.#memory.readablePage(frame << 12, frame >>> 20);
    let value: number;
    let valueHigh: number;
    if (page >= 0) {
      value = this.#view.getInt32(page + offset, true);
      valueHigh = this.#view.getInt32(page + offset + 4, true);
    } else {
      value = this.#memory.read32((frame << 12) | offset, frame >>> 20);
      valueHigh = this.#memory.read32((frame << 12) | (offset + 4), frame >>> 20);
    }
    this.#i32[HIGH] = valueHigh;
    if (!this.#quiet) return this.#loaded(low, high, frame, 8, value, valueHigh);
    if (page >= 0) this.#learn(low, high, frame, page, access, false);
    return value;
  }

  /** Stores the low 8 bits of `value`. */
  store8(low: number, high: number, value: number, access: number): void {
    this.#store(low, high, 1, value, 0, access | WRITE);
  }

  /** Stores the low 16 bits of `value`. */
  store16(low: number, high: number, value: number, access: number): void {
    this.#store(low, high, 2, value, 0, access | WRITE);
  }

  /** Stores 32 bits. */
  store32(low: number, high: number, value: number, access: number): void {
    this.#store(low, high, 4, value, 0, access | WRITE);
  }

  /** Stores 64 bits. */
  store64(low: number, high: number, valueLow: number, valueHigh: number, access: number): void {
    this.#store(low, high, 8, valueLow, valueHigh, access | WRITE);
  }

  /** Does everything of an access but move data: checks, accessed and dirty flags, faults. */
  probe(low: number, high: number, size: number, access: number): void {
    if ((low & 0xfff) + size > 0x1000) this.#translator.locateCrossing(low, high, size, access);
    else this.#translator.locate(low, high, size, access);
  }

  /**
   * Translates for an instruction fetch.
   *
   * @returns The physical address of the page's first byte behind the A20 gate, unsigned, below
   * 2^40.
   * @throws {GuestFault} #PF, or #GP(0) for an address that is not canonical.
   */
  fetchPage(low: number, high: number, user: boolean): number {
    const access = FETCH | (user ? USER : 0);
    const frame = this.#translator.locate(low, high, 1, access);
    return (this.#memory.a20 ? frame : frame & ~A20_FRAME) * 0x1000;
  }

  /** Drops all TLB entries, or all that are not global. */
  flushAll(includeGlobal: boolean): void {
    this.#translator.flushAll(includeGlobal);
  }

  /** INVLPG: drops the entries for a linear address, global ones and large pages included. */
  flushPage(low: number, high: number): void {
    this.#translator.flushPage(low, high);
  }

  /**
   * A control register was written (and the state block has its new value): adopts the new mode
   * and flushes exactly what the write flushes, see `flush_rules.ts`.
   *
   * @param old,value The low words before and after.
   */
  controlRegisterWritten(register: PagingRegister, old: number, value: number): void {
    if (changesPaging(register, old, value)) this.modeChanged();
    const scope = flushScope(register, old, value);
    if (scope !== "nothing") this.flushAll(scope === "everything");
  }

  /**
   * Re-reads CR0, CR4 and EFER. Drops the fast tables, and the TLB only when its entries would
   * mean nothing in the new mode.
   */
  modeChanged(): void {
    this.#translator.modeChanged();
  }

  /** RFLAGS.AC may have changed: SMAP's view and alignment checking depend on it. */
  privilegeViewChanged(): void {
    this.#translator.privilegeViewChanged();
  }

  /** The meaning of physical addresses changed (A20, MMIO). */
  mapChanged(): void {
    this.#translator.mapChanged();
  }

  /** Somebody began or ceased to listen to events. */
  hooksChanged(): void {
    const { read, write } = this.#events.wants;
    this.#quiet = !read && !write && this.#watch === undefined;
    this.#translator.fast.dropAll();
  }

  /** Sets or removes the debug registers' ear for data accesses. */
  setWatch(callback: WatchCallback | undefined): void {
    this.#watch = callback;
    this.hooksChanged();
  }

  /** The whole memory was replaced (a snapshot): believes it. The TLB stays as it came. */
  restored(): void {
    this.#translator.restored();
  }

  /** Marks a physical page as one with cached code: stores to it come through here from now on. */
  protectCodePage(page: number): void {
    if (this.#memory.codePages[page] !== 0) return;
    const host = this.#memory.writablePage(page * 0x1000, 0);
    this.#memory.codePages[page] = 1;
    if (host >= 0) this.#translator.fast.dropWritesTo(host);
    else this.#translator.fast.dropAll();
  }

  /**
   * Loads PAE's four PDPTE registers, all or none.
   *
   * @param cr3 CR3's low word.
   * @returns False when a present entry has a reserved bit set: the CPU raises #GP(0).
   */
  loadPdptes(cr3: number): boolean {
    return loadPdptes(this.#memory, cr3);
  }

  // ---- For people: no faults, no time, no A or D, no TLB fill ------------------------------

  /** What an access to a virtual address would meet, step by step, as data. */
  translate(va: number | bigint, options: TranslateOptions = {}): Translation {
    return translate(this.#memory, this.#translator.paging, this.#translator.tlb, va, options);
  }

  /** The mapped ranges, one per page, found as you ask for them; absent subtrees are skipped. */
  pageTables(options: PageTablesOptions = {}): Generator<PageRange> {
    return pageTables(this.#memory, this.#translator.paging, options);
  }

  /** What the TLB holds. */
  tlbEntries(): TlbEntry[] {
    return tlbEntries(this.#translator.tlb);
  }

  /** The TLB entries that disagree with the tables in memory: somebody forgot an INVLPG. */
  audit(): TlbDisagreement[] {
    return audit(this.#memory, this.#translator.paging, this.#translator.tlb);
  }

  /** Where the tables in memory map an address to, whatever its rights and the TLB. */
  virtualToPhysical(va: number | bigint): PhysAddr | undefined {
    return virtualToPhysical(this.#memory, this.#translator.paging, va);
  }

  /** Copies bytes out through the tables. @throws {RangeError} If a page is not mapped. */
  peek(va: number | bigint, length: number): Uint8Array {
    return peekVirtual(this.#memory, this.#translator.paging, va, length);
  }

  /** Puts bytes in through the tables, read-only pages too; all or nothing. */
  poke(va: number | bigint, bytes: Uint8Array): void {
    pokeVirtual(this.#memory, this.#translator.paging, va, bytes);
  }

  /** @internal What the fast tables hold, for tests. */
  fastEntries(): ReturnType<FastTables["entries"]> {
    return this.#translator.fast.entries();
  }

  /** @internal One walk without TLB, for the benchmark. */
  walk(low: number, high: number, access: number): number {
    return this.#translator.walker.walk(low, high, access);
  }

  #store(
    low: number,
    high: number,
    size: number,
    value: number,
    valueHigh: number,
    access: number,
  ): void {
    const offset = low & 0xfff;
    const crossing = offset + size > 0x1000;
    const frame = crossing
      ? this.#translator.locateCrossing(low, high, size, access)
      : this.#translator.locate(low, high, size, access);
    if (this.#events.wants.write) {
      const second = this.#translator.second;
      const replaced = this.#events.emit("write", {
        address: unsigned64(low, high),
        physical: frame * 0x1000 + offset,
        size,
        value: BigInt.asUintN(size * 8, unsigned64(value, valueHigh)),
      }).value;
      value = Number(BigInt.asIntN(32, replaced));
      valueHigh = Number(BigInt.asIntN(32, replaced >> 32n));
      this.#translator.second = second;
    }
    const memory = this.#memory;
    if (crossing) {
      storeAcross(memory, low, size, frame, this.#translator.second, value, valueHigh);
    } else {
      const at = (frame << 12) | offset;
      const top = frame >>> 20;
      const page = memory.writablePage(at, top);
      if (page >= 0) {
        const host = page + offset;
        if (size === 1) memory.u8[host] = value;
        else if (size === 2) this.#view.setUint16(host, value, true);
        else {
          this.#view.setInt32(host, value, true);
          if (size === 8) this.#view.setInt32(host + 4, valueHigh, true);
        }
        if (this.#quiet) this.#learn(low, high, frame, page, access, true);
      } else if (size === 1) memory.write8(at, top, value);
      else if (size === 2) memory.write16(at, top, value);
      else {
        memory.write32(at, top, value);
        if (size === 8) memory.write32(at + 4, top, valueHigh);
      }
    }
    this.#watch?.(low, high, size, true);
  }

  #loadCrossing(low: number, high: number, size: number, access: number): number {
    const frame = this.#translator.locateCrossing(low, high, size, access);
    const value = loadAcross(this.#memory, low, size, frame, this.#translator.second);
    return this.#quiet
      ? value
      : this.#loaded(low, high, frame, size, value, size === 8 ? this.#i32[HIGH] : 0);
  }

  /** Tells whoever listens of a load. @returns The value, which a listener may have replaced. */
  #loaded(
    low: number,
    high: number,
    frame: number,
    size: number,
    value: number,
    valueHigh: number,
  ): number {
    if (this.#events.wants.read) {
      const replaced = BigInt.asUintN(
        size * 8,
        this.#events.emit("read", {
          address: unsigned64(low, high),
          physical: frame * 0x1000 + (low & 0xfff),
          size,
          value: BigInt.asUintN(size * 8, unsigned64(value, valueHigh)),
        }).value,
      );
      value = Number(size < 4 ? replaced : BigInt.asIntN(32, replaced));
      if (size === 8) this.#i32[HIGH] = Number(BigInt.asIntN(32, replaced >> 32n));
    }
    this.#watch?.(low, high, size, false);
    return value;
  }

  /** Enters a page that was just accessed into the fast tables. */
  #learn(
    low: number,
    high: number,
    frame: number,
    page: number,
    access: number,
    stored: boolean,
  ): void {
    const user = (access & USER) !== 0;
    if (user && this.#translator.checksAlignment) return;
    if (!stored) this.#translator.fast.fill(low, high, page, false, user);
    if ((access & WRITE) === 0) return;
    if (stored || this.#memory.writablePage(frame << 12, frame >>> 20) >= 0) {
      this.#translator.fast.fill(low, high, page, true, user);
    }
  }
}
