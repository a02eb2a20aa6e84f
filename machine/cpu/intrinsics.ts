/**
 * The instructions that TypeScript kernel code executes on the machine.
 *
 * Each counts as one instruction: time passes, a pending interrupt is taken before it when IF is
 * set, and a fault goes through the IDT; when the handler repairs it and returns, the access is
 * tried again. The code that runs has a place in guest memory (RIP, RSP), as the last guest
 * instruction before it left them: that is what the frames on the stack show.
 */
import { isCanonical } from "../arch/address.ts";
import { GUEST_FAULT, VECTOR } from "../arch/exceptions.ts";
import { RFLAGS } from "../arch/rflags.ts";
import { SHADOW, STATE } from "../memory/layout.ts";
import { ACCESS } from "../mmu/access.ts";
import type { Cpu, CpuStop } from "./cpu.ts";
import { HELPERS } from "./helpers/mod.ts";
import { portIn, portOut } from "./helpers/io.ts";

/** How many instructions a handler may run beyond the budget before it is given up. */
const HANDLER_BUDGET = 20_000_000;

/** How often, in intrinsics, a pause from outside is looked for. */
const POLL_EVERY = 1024;

/** Numbers and bigints are both taken for addresses and 64-bit values. */
export type Address = number | bigint;

/** The intrinsics of one CPU. */
export class Intrinsics {
  readonly #cpu: Cpu;
  readonly #stopped: (stop: CpuStop) => never;
  #untilPoll = POLL_EVERY;

  /** @param stopped Throws; called when the machine stops while kernel code waits for it. */
  constructor(cpu: Cpu, stopped: (stop: CpuStop) => never) {
    this.#cpu = cpu;
    this.#stopped = stopped;
  }

  load8(address: Address): number {
    return this.#access(address, (low, high, access) => this.#cpu.mmu.load8(low, high, access));
  }

  load16(address: Address): number {
    return this.#access(address, (low, high, access) => this.#cpu.mmu.load16(low, high, access));
  }

  /** @returns Unsigned. */
  load32(address: Address): number {
    return this.#access(
      address,
      (low, high, access) => this.#cpu.mmu.load32(low, high, access) >>> 0,
    );
  }

  load64(address: Address): bigint {
    return this.#access(address, (low, high, access) => {
      const value = this.#cpu.mmu.load64(low, high, access);
      const top = this.#cpu.state.word(STATE.high);
      return BigInt(top >>> 0) << 32n | BigInt(value >>> 0);
    });
  }

  store8(address: Address, value: number): void {
    this.#access(
      address,
      (low, high, access) => this.#cpu.mmu.store8(low, high, value & 0xff, access),
    );
  }

  store16(address: Address, value: number): void {
    this.#access(
      address,
      (low, high, access) => this.#cpu.mmu.store16(low, high, value & 0xffff, access),
    );
  }

  store32(address: Address, value: number): void {
    this.#access(
      address,
      (low, high, access) => this.#cpu.mmu.store32(low, high, value | 0, access),
    );
  }

  store64(address: Address, value: Address): void {
    const { low: valueLow, high: valueHigh } = words(value);
    this.#access(
      address,
      (low, high, access) => this.#cpu.mmu.store64(low, high, valueLow, valueHigh, access),
    );
  }

  /**
   * LOCK CMPXCHG of 32 bits: stores `value` if the word is `expected`.
   *
   * @returns What was there, unsigned.
   */
  compareExchange32(address: Address, expected: number, value: number): number {
    return this.#access(address, (low, high, access) => {
      const { mmu } = this.#cpu;
      mmu.probe(low, high, 4, access | ACCESS.WRITE);
      const found = mmu.load32(low, high, access) >>> 0;
      mmu.store32(low, high, (found === expected >>> 0 ? value : found) | 0, access);
      return found;
    });
  }

  inb(port: number): number {
    return this.#execute(() => portIn(this.#cpu, port & 0xffff, 1) & 0xff);
  }

  inw(port: number): number {
    return this.#execute(() => portIn(this.#cpu, port & 0xffff, 2) & 0xffff);
  }

  inl(port: number): number {
    return this.#execute(() => portIn(this.#cpu, port & 0xffff, 4) >>> 0);
  }

  outb(port: number, value: number): void {
    this.#execute(() => portOut(this.#cpu, port & 0xffff, 1, value & 0xff));
  }

  outw(port: number, value: number): void {
    this.#execute(() => portOut(this.#cpu, port & 0xffff, 2, value & 0xffff));
  }

  outl(port: number, value: number): void {
    this.#execute(() => portOut(this.#cpu, port & 0xffff, 4, value | 0));
  }

  /** CLI. */
  cli(): void {
    this.#execute(() => this.#setFlag(RFLAGS.IF, false));
  }

  /** STI: interrupts are taken from after the next instruction on. */
  sti(): void {
    this.#execute(() => {
      const { state } = this.#cpu;
      if ((state.flags & RFLAGS.IF) === 0) state.setWord(STATE.shadow, SHADOW.STI);
      this.#setFlag(RFLAGS.IF, true);
    });
  }

  /** Whether IF is set; as PUSHF would show. */
  interruptsEnabled(): boolean {
    return this.#execute(() => (this.#cpu.state.flags & RFLAGS.IF) !== 0);
  }

  /** HLT: returns after an interrupt's handler has returned. */
  hlt(): void {
    const { state } = this.#cpu;
    this.#execute(() => {
      state.setWord(STATE.halted, 1);
      if (this.#cpu.events.matters("hlt")) this.#cpu.events.emit("hlt", { rip: this.#rip() });
    });
    const here = this.#place();
    this.#return(() => state.word(STATE.halted) === 0 && here());
  }

  /** PAUSE: nothing but time. */
  pause(): void {
    this.#execute(() => {});
  }

  /**
   * CALL in 64-bit code: returns when the routine at `address` has returned. What it left in the
   * registers is there.
   */
  call(address: Address): void {
    const { low, high } = words(address);
    const { state } = this.#cpu;
    const here = this.#place();
    this.#execute(() => {
      const rspLow = (state.low(4) - 8) | 0;
      const rspHigh = (state.high(4) - (rspLow >>> 0 >= 0xffff_fff8 ? 1 : 0)) | 0;
      this.#cpu.mmu.store64(
        rspLow,
        rspHigh,
        state.word(STATE.rip),
        state.word(STATE.rip + 4),
        state.cpl === 3 ? ACCESS.USER : 0,
      );
      if (!isCanonical(high)) state.raise(VECTOR.GP, 0);
      state.setRegister(4, rspLow, rspHigh);
      state.setPair(STATE.rip, low, high);
      this.#cpu.registersChanged();
    });
    this.#return(here);
  }

  /** INT3. */
  int3(): void {
    this.int(VECTOR.BP);
  }

  /** INT n. */
  int(vector: number): void {
    const here = this.#place();
    this.#execute(() => this.#cpu.interrupt(vector & 0xff));
    this.#return(here);
  }

  /** LGDT. @param limit Size of the table in bytes, less one. */
  lgdt(base: Address, limit: number): void {
    this.#execute(() => this.#table(STATE.gdtrBase, STATE.gdtrLimit, base, limit));
  }

  lidt(base: Address, limit: number): void {
    this.#execute(() => this.#table(STATE.idtrBase, STATE.idtrLimit, base, limit));
  }

  sidt(): { base: bigint; limit: number } {
    return this.#execute(() => {
      const { state } = this.#cpu;
      const high = BigInt(state.word(STATE.idtrBase + 4) >>> 0) << 32n;
      return {
        base: high | BigInt(state.word(STATE.idtrBase) >>> 0),
        limit: state.word(STATE.idtrLimit),
      };
    });
  }

  ltr(selector: number): void {
    this.#helper("loadTaskRegister", selector & 0xffff);
  }

  lldt(selector: number): void {
    this.#helper("loadLdtr", selector & 0xffff);
  }

  /** MOV to a segment register (ES 0, SS 2, DS 3, FS 4, GS 5). */
  loadSegment(segment: number, selector: number): void {
    this.#helper("loadSegment", segment, selector & 0xffff);
  }

  invlpg(address: Address): void {
    const { low, high } = words(address);
    this.#helper("invalidatePage", low, high);
  }

  readCr2(): bigint {
    return this.#execute(() => this.#wide(STATE.cr2));
  }

  readCr3(): bigint {
    return this.#execute(() => this.#wide(STATE.cr3));
  }

  /** MOV CR3: also flushes the TLB's non-global entries. */
  writeCr3(value: Address): void {
    this.#writeControl(3, value);
  }

  writeCr0(value: Address): void {
    this.#writeControl(0, value);
  }

  writeCr4(value: Address): void {
    this.#writeControl(4, value);
  }

  rdmsr(index: number): bigint {
    return this.#execute(() => {
      const low = HELPERS.readMsr(this.#cpu, index | 0) as number;
      const high = this.#cpu.state.word(STATE.high);
      return BigInt(high >>> 0) << 32n | BigInt(low >>> 0);
    });
  }

  wrmsr(index: number, value: Address): void {
    const { low, high } = words(value);
    this.#helper("writeMsr", index | 0, low, high);
  }

  /** RDTSC. */
  rdtsc(): bigint {
    return this.#execute(() => BigInt(Math.floor(this.#cpu.clock.nowNs)));
  }

  #writeControl(register: number, value: Address): void {
    const { low, high } = words(value);
    this.#helper("writeControlRegister", register, low, high);
  }

  #helper(name: string, ...args: number[]): void {
    this.#execute(() => void HELPERS[name](this.#cpu, ...args));
  }

  #table(baseAt: number, limitAt: number, base: Address, limit: number): void {
    const { low, high } = words(base);
    const { state } = this.#cpu;
    if (high >> 15 !== 0 && high >> 15 !== -1) state.raise(VECTOR.GP, 0);
    state.setPair(baseAt, low, high);
    state.setWord(limitAt, limit & 0xffff);
  }

  #setFlag(bit: number, on: boolean): void {
    const { state } = this.#cpu;
    state.flags = on ? state.flags | bit : state.flags & ~bit;
  }

  #wide(offset: number): bigint {
    const { state } = this.#cpu;
    return BigInt(state.word(offset + 4) >>> 0) << 32n | BigInt(state.word(offset) >>> 0);
  }

  #rip(): bigint {
    return this.#wide(STATE.rip);
  }

  #access<T>(address: Address, action: (low: number, high: number, access: number) => T): T {
    const { low, high } = words(address);
    return this.#execute(() => action(low, high, this.#cpu.state.cpl === 3 ? ACCESS.USER : 0));
  }

  /** One instruction: time, interrupts, the action, its faults. */
  #execute<T>(action: () => T): T {
    const cpu = this.#cpu;
    if (cpu.takePause()) this.#stopped("paused");
    if (--this.#untilPoll <= 0) this.#poll();
    cpu.intrinsics += 1;
    try {
      for (;;) {
        const here = this.#place();
        cpu.passTime();
        while (cpu.deliverWaiting()) this.#return(here);
        try {
          const shadow = cpu.state.word(STATE.shadow);
          const result = action();
          // A shadow lasts for one instruction: the one that this was.
          if (shadow !== 0) cpu.state.setWord(STATE.shadow, 0);
          return result;
        } catch (error) {
          if (error !== GUEST_FAULT) throw error;
          cpu.deliverFault();
          this.#return(here);
        }
      }
    } finally {
      cpu.intrinsics -= 1;
    }
  }

  /** Ends kernel code that does not end by itself, as a run is ended. */
  #poll(): void {
    const cpu = this.#cpu;
    this.#untilPoll = POLL_EVERY;
    if (cpu.pollPause?.()) this.#stopped("paused");
    if (cpu.budgetEnd > 0 && cpu.retired > cpu.budgetEnd + HANDLER_BUDGET) this.#stopped("budget");
  }

  /** Runs the guest until it is back at the place that it was called from. */
  #return(here: () => boolean): void {
    const cpu = this.#cpu;
    const end = Math.max(cpu.budgetEnd, cpu.retired) + HANDLER_BUDGET;
    cpu.intrinsics += 1;
    try {
      const stop = cpu.execute(end, here);
      if (stop !== "returned") this.#stopped(stop);
    } finally {
      cpu.intrinsics -= 1;
    }
  }

  /** A test for: RIP, RSP and CPL are what they are now. */
  #place(): () => boolean {
    const { state } = this.#cpu;
    const ripLow = state.word(STATE.rip);
    const ripHigh = state.word(STATE.rip + 4);
    const rspLow = state.low(4);
    const rspHigh = state.high(4);
    const { cpl } = state;
    return () =>
      state.word(STATE.rip) === ripLow && state.word(STATE.rip + 4) === ripHigh &&
      state.low(4) === rspLow && state.high(4) === rspHigh && state.cpl === cpl;
  }
}

/** An address or 64-bit value as int32 words. */
function words(value: Address): { low: number; high: number } {
  if (typeof value === "number" && value >= 0 && Number.isSafeInteger(value)) {
    return { low: value | 0, high: Math.floor(value / 2 ** 32) | 0 };
  }
  if (typeof value === "number" && !Number.isSafeInteger(value)) {
    throw new RangeError(`Cannot use ${value} as an address: not a whole number`);
  }
  const wide = BigInt.asUintN(64, BigInt(value));
  return { low: Number(wide & 0xffff_ffffn) | 0, high: Number(wide >> 32n) | 0 };
}
