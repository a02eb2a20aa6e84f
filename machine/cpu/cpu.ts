/**
 * The CPU: what happens between blocks. Alarms, interrupts, debug traps, faults, HLT, hypercalls
 * are looked at here; everything else runs in the block loop.
 *
 * The story of one turn of {@linkcode Cpu.execute}:
 *
 * 1. Alarms that are due ring. The end of the budget, a pause, a breakpoint stop the run.
 * 2. A halted CPU wakes up, or time jumps to the next alarm.
 * 3. Pending traps, NMI, and (IF set, no shadow) the interrupt controller's request are delivered.
 *    A delivery takes the time of one instruction, so that no storm of faults stops the clock.
 * 4. The block at RIP runs, and all that is linked to it, up to the next alarm. TF, an interrupt
 *    shadow, `exec` listeners and hardware breakpoints make it run a single instruction.
 * 5. A fault is delivered at the instruction that raised it. A triple fault shuts the CPU down.
 *
 * **Not modelled:** I/O breakpoints (CR4.DE), last-branch records, performance counters, SMM,
 * machine checks, microcode update.
 */
import type { InterruptController } from "../bus/interrupt_controller.ts";
import type { PortBus } from "../bus/port_bus.ts";
import type { Clock } from "../clock.ts";
import type { Events } from "../events.ts";
import { GUEST_FAULT, VECTOR } from "../arch/exceptions.ts";
import { RFLAGS } from "../arch/rflags.ts";
import { MODE, SEG, SHADOW, STATE } from "../memory/layout.ts";
import type { PhysicalMemory } from "../memory/physical.ts";
import type { Mmu } from "../mmu/mmu.ts";
import { type Block, BlockCache, SINGLE } from "./blocks.ts";
import type { CpuContext } from "./context.ts";
import { DebugRegisters, DR6 } from "./debug_registers.ts";
import { deliverException, deliverInterrupt, type TripleFault } from "./delivery.ts";
import { HELPERS } from "./helpers/mod.ts";
import { resetState } from "./reset.ts";
import { RunLoop } from "./run_loop.ts";
import { SEMANTICS } from "./semantics/mod.ts";
import { CpuState } from "./state.ts";

/** Why {@linkcode Cpu.execute} returned. */
export type CpuStop =
  | "budget"
  | "paused"
  | "breakpoint"
  | "halted"
  | "triple fault"
  | "returned";

/** How many instructions run at most before a pause from outside is looked for. */
const LONGEST_GRANT = 1 << 20;

/** High word of the linear addresses of the BIOS's ROM. */
const BIOS_SEGMENT = 0xf;

/** What the CPU is wired to. */
export interface CpuWiring {
  readonly memory: PhysicalMemory;
  readonly mmu: Mmu;
  readonly ports: PortBus;
  readonly events: Events;
  readonly clock: Clock;
  readonly interruptController: InterruptController;
  /** Entries after which a block is fused; for tests. */
  readonly fuseAfter?: number;
}

export class Cpu implements CpuContext {
  readonly state: CpuState;
  readonly mmu: Mmu;
  readonly ports: PortBus;
  readonly events: Events;
  readonly clock: Clock;
  readonly interruptController: InterruptController;
  faultReason: string | undefined;
  /** Set by INT n, INT3, INTO and INT1: they clear TF on their way, and are not trapped. */
  softwareInterrupt = false;

  /** The chain of faults that shut the CPU down; until reset. */
  tripleFault: TripleFault | undefined;
  /** Asked now and then during long runs; `true` pauses. */
  pollPause: (() => boolean) | undefined;

  readonly blocks: BlockCache;
  readonly #loop: RunLoop;
  readonly #debug: DebugRegisters;
  #hypercallHandler: (() => void) | undefined;
  #firmwareHandler: (() => void) | undefined;
  #hypercallPending: (() => void) | undefined;
  #pausePending = false;
  #nmiPending = false;

  constructor(wiring: CpuWiring) {
    const { memory, mmu, ports, events, clock, interruptController } = wiring;
    this.state = new CpuState(memory);
    this.mmu = mmu;
    this.ports = ports;
    this.events = events;
    this.clock = clock;
    this.interruptController = interruptController;
    this.blocks = new BlockCache(memory, mmu, this.state, SEMANTICS, wiring.fuseAfter);
    this.#loop = new RunLoop(this, this.blocks, HELPERS);
    this.#debug = new DebugRegisters(this.state, mmu, () => this.#loop.requestLeave());
    clock.exact = () => this.#loop.retired;
    clock.onChange = () => this.#loop.requestLeave();
    memory.onDeviceAccess = () => this.#loop.requestLeave();
    memory.onCodeWrite = (address, length) => {
      if (this.blocks.invalidate(address, length)) this.#loop.requestLeave();
    };
    this.reset();
  }

  /** Retired instructions since the machine was made. */
  get retired(): number {
    return this.#loop.retired;
  }

  set retired(value: number) {
    this.#loop.retired = value;
  }

  /** RESET: the registers' power-up values. Memory and time stay. */
  reset(): void {
    const { retired } = this;
    const epoch = this.state.word(STATE.epoch);
    resetState(this.state);
    this.state.setWord(STATE.epoch, epoch + 1);
    this.retired = retired;
    this.tripleFault = undefined;
    this.#hypercallPending = undefined;
    this.#nmiPending = false;
    this.registersChanged();
    this.mmu.flushAll(true);
    this.mmu.modeChanged();
  }

  /** DR7 and its like have changed. */
  debugRegistersChanged(): void {
    this.#debug.refresh();
  }

  /** The whole memory, state block included, was replaced by that of a snapshot. */
  restored(retired: number, epoch: number): void {
    this.state.setWord(STATE.epoch, epoch + 1);
    this.state.setWord(STATE.currentP, -1);
    this.retired = retired;
    this.tripleFault = undefined;
    this.#hypercallPending = undefined;
    this.#nmiPending = false;
    this.blocks.clear();
    this.mmu.restored();
    this.registersChanged();
  }

  /** Call after registers were changed from outside of the guest. */
  registersChanged(): void {
    this.state.refreshSegments();
    this.#loop.forgetLink();
    this.#debug.refresh();
  }

  /** Sets what VMCALL enters; `undefined`: VMCALL is #UD. */
  setHypercallHandler(handler: (() => void) | undefined): void {
    this.#hypercallHandler = handler;
  }

  /** Sets what VMCALL enters in real mode in the BIOS's ROM, instead. */
  setFirmwareHandler(handler: (() => void) | undefined): void {
    this.#firmwareHandler = handler;
  }

  /** What the VMCALL at RIP shall do: its handler runs between blocks, where it may run the CPU. */
  get hypercall(): (() => void) | undefined {
    const handler = this.#firmwareHandler !== undefined && this.#inBios()
      ? this.#firmwareHandler
      : this.#hypercallHandler;
    return handler && (() => {
      this.#hypercallPending = handler;
      this.#loop.requestLeave();
    });
  }

  #inBios(): boolean {
    const protectedMode = (this.state.word(STATE.mode) & MODE.PROTECTED) !== 0;
    return !protectedMode && this.#linearRip() >>> 16 === BIOS_SEGMENT;
  }

  /** Stops the run after the current instruction. */
  pause(): void {
    this.#pausePending = true;
    this.#loop.requestLeave();
  }

  /** Whether a pause was asked for; asking again gives false. For kernel code. */
  takePause(): boolean {
    const pending = this.#pausePending;
    this.#pausePending = false;
    return pending;
  }

  /** How many intrinsics are in progress, one inside of the other. */
  intrinsics = 0;

  /** The non-maskable interrupt's edge. */
  nmi(): void {
    this.#nmiPending = true;
    this.#loop.requestLeave();
  }

  /** The INTR pin may have changed, or an event wants to be looked at: leave the block. */
  attend(): void {
    this.#loop.requestLeave();
  }

  /**
   * Runs until `until` instructions have retired in all, or something stops the CPU.
   *
   * A breakpoint at the very first instruction does not stop.
   *
   * @param returned For intrinsics that wait: true when the guest is back where it was called from.
   */
  execute(until: number, returned?: () => boolean): CpuStop {
    const outer = this.budgetEnd;
    this.budgetEnd = until;
    try {
      return this.#execute(until, returned);
    } finally {
      this.budgetEnd = outer;
    }
  }

  #execute(until: number, returned: (() => boolean) | undefined): CpuStop {
    const loop = this.#loop;
    const i32 = this.state.i32;
    const { clock } = this;
    // Kernel code that waits inside of a run must not swallow the run's pause.
    if (returned === undefined) this.#pausePending = false;
    let first = true;
    for (;;) {
      if (this.tripleFault !== undefined) return "triple fault";
      if (this.#hypercallPending !== undefined) {
        const handler = this.#hypercallPending;
        this.#hypercallPending = undefined;
        handler();
        continue;
      }
      if (returned !== undefined && returned()) return "returned";
      const now = loop.retired;
      if (clock.nextRetired <= now) clock.advanceTo(now);
      if (this.#pausePending || (this.pollPause !== undefined && this.pollPause())) {
        this.#pausePending = false;
        return "paused";
      }
      if (now >= until) return "budget";
      if (i32[STATE.halted >> 2] !== 0 && !this.#wakes()) {
        if (!this.#canWake()) return "halted";
        loop.retired = Math.max(now, Math.min(clock.nextRetired, until));
        continue;
      }
      if (this.#deliverPending()) continue;
      if (!first && this.blocks.stops.size > 0 && this.blocks.stops.has(this.#linearRip())) {
        return "breakpoint";
      }
      first = false;
      this.#runBlock(Math.min(until, clock.nextRetired) - now);
    }
  }

  /** Where the current run's budget ends, in retired instructions; for intrinsics inside it. */
  budgetEnd = 0;

  /** One instruction's time passes outside of guest code. */
  passTime(): void {
    this.#loop.retired += 1;
    if (this.clock.nextRetired <= this.retired) this.clock.advanceTo(this.retired);
  }

  /** Delivers what waits to be delivered before the next instruction, if anything does. */
  deliverWaiting(): boolean {
    return this.tripleFault === undefined && this.#deliverPending();
  }

  /** Delivers the fault that is noted in the state block. */
  deliverFault(): void {
    this.state.setWord(STATE.shadow, 0);
    this.#deliver(deliverException(this));
  }

  /** INT n from outside of guest code; RIP is where it shall return to. */
  interrupt(vector: number): void {
    this.#deliver(deliverInterrupt(this, vector, "int"));
  }

  /** Step 4 of the story: the block at RIP, for at most `most` instructions. */
  #runBlock(most: number): void {
    const i32 = this.state.i32;
    const loop = this.#loop;
    const rest = i32[STATE.flagsRest >> 2];
    const shadow = i32[STATE.shadow >> 2];
    const traced = (rest & RFLAGS.TF) !== 0;
    const single = traced || shadow !== 0 || this.events.wants.exec || this.#debug.active ||
      (rest & RFLAGS.RF) !== 0;
    let faulted: boolean;
    try {
      if (single) {
        if (this.events.wants.exec) this.#emitExec();
        if ((rest & RFLAGS.RF) !== 0) i32[STATE.flagsRest >> 2] &= ~RFLAGS.RF;
        else {
          const high = this.state.code64 ? i32[(STATE.rip >> 2) + 1] : 0;
          this.#debug.checkFetch(this.#linearRip(), high);
        }
      }
      const mode = i32[STATE.mode >> 2] | (single ? SINGLE : 0);
      const block = this.blocks.get(i32[STATE.rip >> 2], i32[(STATE.rip >> 2) + 1], mode);
      if (!single && !this.#isStop(block)) loop.remember(block);
      else loop.forgetLink();
      i32[STATE.shadow >> 2] = 0;
      faulted = loop.run(block, single ? 1 : Math.min(most, LONGEST_GRANT));
    } catch (error) {
      if (error !== GUEST_FAULT) throw error;
      loop.forgetLink();
      faulted = true;
    }
    if (faulted) {
      i32[STATE.shadow >> 2] = 0;
      this.#deliver(deliverException(this));
    } else if (
      traced && !this.softwareInterrupt && (i32[STATE.shadow >> 2] & SHADOW.MOV_SS) === 0
    ) {
      i32[STATE.pendingDebug >> 2] |= DR6.BS;
    }
  }

  /** Step 3 of the story. @returns Whether something was delivered. */
  #deliverPending(): boolean {
    const i32 = this.state.i32;
    this.softwareInterrupt = false;
    if (i32[STATE.pendingDebug >> 2] !== 0 && (i32[STATE.shadow >> 2] & SHADOW.MOV_SS) === 0) {
      this.#debug.latchPending();
      i32[STATE.faultVector >> 2] = VECTOR.DB;
      i32[STATE.faultHasError >> 2] = 0;
      this.#deliver(deliverException(this));
      return true;
    }
    if (
      this.#nmiPending && i32[STATE.nmiBlocked >> 2] === 0 &&
      (i32[STATE.shadow >> 2] & SHADOW.MOV_SS) === 0
    ) {
      this.#nmiPending = false;
      i32[STATE.halted >> 2] = 0;
      this.#deliver(deliverInterrupt(this, VECTOR.NMI, "nmi"));
      return true;
    }
    if (
      (i32[STATE.flagsRest >> 2] & RFLAGS.IF) !== 0 && i32[STATE.shadow >> 2] === 0 &&
      this.interruptController.intr
    ) {
      i32[STATE.halted >> 2] = 0;
      this.#deliver(deliverInterrupt(this, this.interruptController.acknowledge(), "irq"));
      return true;
    }
    return false;
  }

  #deliver(result: TripleFault | undefined): void {
    this.faultReason = undefined;
    this.#loop.forgetLink();
    this.#loop.retired += 1;
    if (result !== undefined) this.tripleFault = result;
  }

  /** Whether a halted CPU has a reason to go on. */
  #wakes(): boolean {
    const i32 = this.state.i32;
    return (this.#nmiPending && i32[STATE.nmiBlocked >> 2] === 0) ||
      ((i32[STATE.flagsRest >> 2] & RFLAGS.IF) !== 0 && this.interruptController.intr);
  }

  /** Whether any alarm could wake a halted CPU. */
  #canWake(): boolean {
    return (this.state.i32[STATE.flagsRest >> 2] & RFLAGS.IF) !== 0 &&
      this.clock.nextRetired !== Infinity;
  }

  #isStop(block: Block): boolean {
    return this.blocks.stops.size > 0 && this.blocks.stops.has(this.#linear(block.ripLow));
  }

  /** Low word of the linear address of RIP. */
  #linearRip(): number {
    return this.#linear(this.state.i32[STATE.rip >> 2]);
  }

  #linear(ripLow: number): number {
    const code64 = (this.state.i32[STATE.mode >> 2] & MODE.CODE_SIZE_MASK) === 2;
    return code64 ? ripLow : (ripLow + this.state.baseLow(SEG.CS)) | 0;
  }

  #emitExec(): void {
    const i32 = this.state.i32;
    const low = BigInt(i32[STATE.rip >> 2] >>> 0);
    const rip = BigInt(i32[(STATE.rip >> 2) + 1] >>> 0) << 32n | low;
    const linear = this.state.code64 ? rip : BigInt(this.#linearRip() >>> 0);
    this.events.emit("exec", { rip, linear });
  }
}
