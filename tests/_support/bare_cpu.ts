/**
 * A CPU without run loop, delivery or devices: a state, a memory, an MMU with paging off, and the
 * evaluator of `microop_eval.ts`. It executes one instruction at a time.
 */
import { GUEST_FAULT } from "../../machine/arch/exceptions.ts";
import { CR0, EFER } from "../../machine/arch/control_registers.ts";
import { PortBus } from "../../machine/bus/port_bus.ts";
import { Clock } from "../../machine/clock.ts";
import { Builder } from "../../machine/cpu/builder.ts";
import type { CpuContext } from "../../machine/cpu/context.ts";
import { decode } from "../../machine/cpu/decode/decoder.ts";
import type { CodeSize, Instruction } from "../../machine/cpu/decode/instruction.ts";
import { HELPERS } from "../../machine/cpu/helpers/mod.ts";
import { SEMANTICS } from "../../machine/cpu/semantics/mod.ts";
import { ATTRIBUTE, CpuState } from "../../machine/cpu/state.ts";
import { Events } from "../../machine/events.ts";
import { SEG, STATE } from "../../machine/memory/layout.ts";
import { PhysicalMemory } from "../../machine/memory/physical.ts";
import { Mmu } from "../../machine/mmu/mmu.ts";
import { evaluate } from "./microop_eval.ts";

const CODE = ATTRIBUTE.P | ATTRIBUTE.S | ATTRIBUTE.CODE | ATTRIBUTE.READABLE | ATTRIBUTE.ACCESSED;
const DATA = ATTRIBUTE.P | ATTRIBUTE.S | ATTRIBUTE.WRITABLE | ATTRIBUTE.ACCESSED;
const ARITHMETIC = 0x8d5;
const MASK64 = (1n << 64n) - 1n;

/** A CPU at CPL 0 in flat segments. `high` words of addresses must be 0. */
export class BareCpu implements CpuContext {
  readonly memory: PhysicalMemory;
  readonly state: CpuState;
  readonly mmu: Mmu;
  readonly ports = new PortBus();
  readonly events = new Events();
  readonly clock = new Clock();
  readonly interruptController = { intr: false, acknowledge: () => 0 };
  hypercall: (() => void) | undefined;
  faultReason: string | undefined;
  softwareInterrupt = false;

  constructor(readonly codeSize: CodeSize, ramBytes = 1 << 20) {
    this.memory = new PhysicalMemory(ramBytes);
    this.state = new CpuState(this.memory);
    const { state } = this;
    state.setPair(STATE.cr0, CR0.PE | CR0.ET, 0);
    if (codeSize === 64) state.setWord(STATE.efer, EFER.LMA | EFER.LME);
    state.flags = 2;
    const big = codeSize === 16 ? 0 : ATTRIBUTE.DB;
    const code = CODE | (codeSize === 64 ? ATTRIBUTE.L : big);
    state.setSegment(SEG.CS, 8, code, 0, 0, 0xffff_ffff);
    for (const segment of [SEG.SS, SEG.DS, SEG.ES, SEG.FS, SEG.GS]) {
      state.setSegment(segment, 16, DATA | big, 0, 0, 0xffff_ffff);
    }
    this.mmu = new Mmu(this.memory, this.events);
  }

  /** A general-purpose register, 0–15, unsigned. */
  get(register: number): bigint {
    const { state } = this;
    return BigInt(state.high(register) >>> 0) << 32n | BigInt(state.low(register) >>> 0);
  }

  set(register: number, value: bigint): void {
    const wide = value & MASK64;
    this.state.setRegister(
      register,
      Number(BigInt.asIntN(32, wide)),
      Number(BigInt.asIntN(32, wide >> 32n)),
    );
  }

  /** CF PF AF ZF SF OF, at their places in RFLAGS. */
  get flags(): number {
    return this.state.flags & ARITHMETIC;
  }

  set flags(value: number) {
    this.state.flags = (this.state.flags & ~ARITHMETIC) | (value & ARITHMETIC);
  }

  /** RIP as an unsigned number. */
  get rip(): bigint {
    const { state } = this;
    return BigInt(state.word(STATE.rip + 4) >>> 0) << 32n | BigInt(state.word(STATE.rip) >>> 0);
  }

  /** Decodes and executes bytes at `rip`. @returns The vector of the fault, or -1. */
  run(bytes: ArrayLike<number>, rip = 0x1000): number {
    return this.execute(decode((offset) => bytes[offset] ?? 0x90, this.codeSize), rip);
  }

  /** Executes one instruction (of a repeated one, one visit) at `rip`. */
  execute(instruction: Instruction, rip = 0x1000): number {
    const { state } = this;
    const builder = new Builder(instruction, {
      mode: state.word(STATE.mode),
      ripLow: rip,
      ripHigh: 0,
      csLimit: state.limit(SEG.CS),
    });
    SEMANTICS[instruction.mnemonic](builder, instruction.operands);
    state.setPair(STATE.rip, rip, 0);
    try {
      evaluate(builder, this, HELPERS);
      return -1;
    } catch (error) {
      if (error !== GUEST_FAULT) throw error;
      return state.word(STATE.faultVector);
    }
  }
}
