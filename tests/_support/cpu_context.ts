/**
 * A CPU context without run loop: memory, MMU and state put straight into a mode, for tests of
 * helpers and of delivery.
 *
 * ```text
 * 0x01000  GDT         0x02000  LDT         0x03000  IDT (or IVT)
 * 0x04000  TSS         0x05000  second TSS  0x06000  third TSS
 * 0x08000  stack top of the running code
 * 0x0a000, 0x0b000, 0x0c000  stack tops of levels 0, 1, 2
 * 0x0d000 + n * 0x100  top of IST n
 * 0x10000  page tables (only after `mapPages`)
 * ```
 */
import { CR0, CR4, EFER } from "../../machine/arch/control_registers.ts";
import { encodeDescriptor } from "../../machine/arch/descriptor.ts";
import { GUEST_FAULT } from "../../machine/arch/exceptions.ts";
import { encodeGate, type GateFields } from "../../machine/arch/gate.ts";
import { PortBus } from "../../machine/bus/port_bus.ts";
import { Clock } from "../../machine/clock.ts";
import type { CpuContext } from "../../machine/cpu/context.ts";
import { HELPERS } from "../../machine/cpu/helpers/mod.ts";
import { CpuState } from "../../machine/cpu/state.ts";
import { Events } from "../../machine/events.ts";
import { SEG, STATE } from "../../machine/memory/layout.ts";
import { PhysicalMemory } from "../../machine/memory/physical.ts";
import { Mmu } from "../../machine/mmu/mmu.ts";

export type RigMode = "real" | "protected" | "v86" | "compatibility" | "long";

export const GDT = 0x1000;
export const LDT = 0x2000;
export const IDT = 0x3000;
export const TSS = 0x4000;
export const STACK_TOP = 0x8000;
/** Top of the stack that the TSS has for a level below 3. */
export const innerTop = (cpl: number) => 0xa000 + cpl * 0x1000;
export const istTop = (istField: number) => 0xd000 + istField * 0x100;
/** RIP of the running code, and of the instruction after it. */
export const RIP = 0x1230;
export const NEXT_RIP = 0x1232;

/** GDT slots that {@linkcode Rig} fills: code and data of every level, the LDT, the TSS. */
export const SLOT = { CODE: 1, DATA: 5, LDT: 10, TSS: 12, FREE: 14 } as const;

/** Selector of a GDT slot. */
export const selector = (slot: number, rpl = 0) => slot << 3 | rpl;
export const codeSelector = (dpl: number) => selector(SLOT.CODE + dpl, dpl);
export const dataSelector = (dpl: number) => selector(SLOT.DATA + dpl, dpl);

export interface Fault {
  readonly vector: number;
  /** `undefined` for vectors without an error code. */
  readonly error: number | undefined;
}

export class Rig implements CpuContext {
  readonly memory: PhysicalMemory;
  readonly events = new Events(16);
  readonly mmu: Mmu;
  readonly state: CpuState;
  readonly ports: PortBus;
  readonly clock = new Clock();
  readonly interruptController = { intr: false, acknowledge: () => 0 };
  hypercall: (() => void) | undefined;
  faultReason: string | undefined;
  softwareInterrupt = false;

  /** @param recycled A rig whose memory and ports are used again, cleared. */
  constructor(readonly mode: RigMode, cpl = mode === "v86" ? 3 : 0, recycled?: Rig) {
    this.memory = recycled?.memory ?? new PhysicalMemory(1 << 20);
    this.ports = recycled?.ports ?? new PortBus();
    if (recycled !== undefined) this.memory.u8.fill(0);
    const isLong = mode === "long" || mode === "compatibility";
    this.state = new CpuState(this.memory);
    const { state } = this;
    state.flags = mode === "v86" ? 1 << 17 | 2 : 2;
    state.setPair(STATE.cr0, mode === "real" ? CR0.ET : CR0.ET | CR0.PE, 0);
    if (isLong) {
      state.setWord(STATE.efer, EFER.LME | EFER.LMA | EFER.SCE);
      state.setWord(STATE.cr4, CR4.PAE);
    }
    this.mmu = new Mmu(this.memory, this.events);
    state.setPair(STATE.gdtrBase, GDT, 0);
    state.setWord(STATE.gdtrLimit, 16 * 8 - 1);
    state.setPair(STATE.idtrBase, IDT, 0);
    state.setWord(STATE.idtrLimit, 0xfff);
    for (let dpl = 0; dpl < 4; dpl++) {
      this.setSlot(SLOT.CODE + dpl, this.code(dpl, isLong));
      this.setSlot(
        SLOT.DATA + dpl,
        encodeDescriptor({ kind: "data", type: 3, dpl, limit: 0xffff_ffff, big: true }),
      );
    }
    this.setSlot(
      SLOT.LDT,
      encodeDescriptor({ kind: "system", type: 2, base: BigInt(LDT), limit: 0xff }),
    );
    this.setSlot(
      SLOT.TSS,
      encodeDescriptor({ kind: "system", type: 11, base: BigInt(TSS), limit: 0x2067 }),
    );
    state.setSegment(SEG.LDTR, selector(SLOT.LDT), 0x82, LDT, 0, 0xff);
    state.setSegment(SEG.TR, selector(SLOT.TSS), 0x8b, TSS, 0, 0x2067);
    this.#fillTss(isLong);
    this.#loadSegments(cpl);
    state.setRegister(4, STACK_TOP, 0);
    state.setPair(STATE.rip, RIP, 0);
    state.setPair(STATE.nextRip, NEXT_RIP, 0);
  }

  /** A code segment as the mode wants it. */
  code(dpl: number, isLong: boolean): bigint {
    const size = isLong ? { long: true } : { big: true };
    return encodeDescriptor({ kind: "code", type: 11, dpl, limit: 0xffff_ffff, ...size });
  }

  setSlot(slot: number, descriptor: bigint, upper?: bigint): void {
    this.set64(GDT + slot * 8, descriptor);
    if (upper !== undefined) this.set64(GDT + slot * 8 + 8, upper);
  }

  setGate(vector: number, gate: GateFields): void {
    const { low, upper } = encodeGate(gate);
    const bytes = gate.size === 8 ? 16 : 8;
    this.set64(IDT + vector * bytes, low);
    if (gate.size === 8) this.set64(IDT + vector * bytes + 8, upper);
  }

  get16(address: number): number {
    return this.memory.read16(address, 0);
  }

  get32(address: number): number {
    return this.memory.read32(address, 0) >>> 0;
  }

  get64(address: number): bigint {
    return BigInt(this.get32(address + 4)) << 32n | BigInt(this.get32(address));
  }

  set16(address: number, value: number): void {
    this.memory.write16(address, 0, value);
  }

  set32(address: number, value: number): void {
    this.memory.write32(address, 0, value | 0);
  }

  set64(address: number, value: bigint): void {
    this.set32(address, Number(value & 0xffff_ffffn));
    this.set32(address + 4, Number(value >> 32n & 0xffff_ffffn));
  }

  /** Calls a helper. @returns The fault that it raised, if any. */
  call(name: string, ...args: number[]): Fault | undefined {
    const helper = HELPERS[name];
    if (helper === undefined) throw new TypeError(`Cannot call ${name}: no such helper`);
    return this.attempt(() => helper(this, ...args));
  }

  /** Runs something that may raise a fault. */
  attempt(action: () => unknown): Fault | undefined {
    try {
      action();
      return undefined;
    } catch (thrown) {
      if (thrown !== GUEST_FAULT) throw thrown;
      const { state } = this;
      const hasError = state.word(STATE.faultHasError) !== 0;
      return {
        vector: state.word(STATE.faultVector),
        error: hasError ? state.word(STATE.faultError) : undefined,
      };
    }
  }

  /** Notes a fault as the MMU and the helpers do, for `deliverException`. */
  note(vector: number, error?: number, address = 0): void {
    const { state } = this;
    state.setWord(STATE.faultVector, vector);
    state.setWord(STATE.faultHasError, error === undefined ? 0 : 1);
    state.setWord(STATE.faultError, error ?? 0);
    state.setPair(STATE.faultAddress, address, 0);
  }

  rip(): bigint {
    const { state } = this;
    return BigInt(state.word(STATE.rip + 4) >>> 0) << 32n | BigInt(state.word(STATE.rip) >>> 0);
  }

  rsp(): bigint {
    const { state } = this;
    return BigInt(state.high(4) >>> 0) << 32n | BigInt(state.low(4) >>> 0);
  }

  /** Every architectural word: registers, segments, MSRs; not the scratch behind them. */
  snapshot(): number[] {
    const words = Array.from(this.memory.i32.subarray(0, STATE.high >> 2));
    words[STATE.mode >> 2] = this.state.word(STATE.mode);
    return words;
  }

  /** The words of 64 KiB of memory from `start`. */
  bytes(start: number, length: number): Uint8Array {
    return this.memory.peek(start, length);
  }

  /** Turns paging on (4-level in long mode, else 32-bit): 1 MiB one to one, but for some pages. */
  mapPages(absent: readonly number[], user = true): void {
    const { state } = this;
    const rights = user ? 7 : 3;
    const isLong = state.longMode;
    const bytes = isLong ? 8 : 4;
    if (isLong) {
      this.set64(0x1_0000, 0x1_1007n);
      this.set64(0x1_1000, 0x1_2007n);
      this.set64(0x1_2000, 0x1_3007n);
    } else this.set32(0x1_0000, 0x1_3007);
    for (let page = 0; page < 0x100; page++) {
      const entry = absent.includes(page * 0x1000) ? 0 : page * 0x1000 | rights;
      if (bytes === 8) this.set64(0x1_3000 + page * 8, BigInt(entry));
      else this.set32(0x1_3000 + page * 4, entry);
    }
    state.setPair(STATE.cr3, 0x1_0000, 0);
    const old = state.word(STATE.cr0);
    state.setWord(STATE.cr0, old | CR0.PG);
    this.mmu.controlRegisterWritten("cr0", old, old | CR0.PG);
    this.mmu.modeChanged();
  }

  #fillTss(isLong: boolean): void {
    for (let cpl = 0; cpl < 3; cpl++) {
      if (isLong) this.set64(TSS + 4 + cpl * 8, BigInt(innerTop(cpl)));
      else {
        this.set32(TSS + 4 + cpl * 8, innerTop(cpl));
        this.set32(TSS + 8 + cpl * 8, dataSelector(cpl));
      }
    }
    if (isLong) {
      for (let ist = 1; ist <= 7; ist++) this.set64(TSS + 28 + ist * 8, BigInt(istTop(ist)));
    }
    this.set16(TSS + 102, 104);
  }

  #loadSegments(cpl: number): void {
    const { state, mode } = this;
    state.setWord(STATE.cpl, cpl);
    const data = [SEG.ES, SEG.SS, SEG.DS, SEG.FS, SEG.GS];
    if (mode === "real" || mode === "v86") {
      const attributes = mode === "v86" ? 0xf3 : 0x93;
      state.setSegment(SEG.CS, 0x10, attributes, 0x100, 0, 0xffff);
      for (const segment of data) state.setSegment(segment, 0, attributes, 0, 0, 0xffff);
      return;
    }
    const access = 0x80 | cpl << 5;
    const size = mode === "long" ? 0xa000 : 0xc000;
    state.setSegment(SEG.CS, codeSelector(cpl), size | access | 0x1b, 0, 0, -1);
    for (const segment of data) {
      state.setSegment(segment, dataSelector(cpl), 0xc000 | access | 0x13, 0, 0, -1);
    }
  }
}
