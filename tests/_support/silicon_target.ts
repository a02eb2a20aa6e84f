/**
 * What the silicon vectors need of a processor, and our processor in its place.
 */
import { PortBus } from "../../machine/bus/port_bus.ts";
import { Clock } from "../../machine/clock.ts";
import { hasErrorCode } from "../../machine/arch/exceptions.ts";
import { Cpu } from "../../machine/cpu/cpu.ts";
import { Events } from "../../machine/events.ts";
import { RAM_BASE, STATE } from "../../machine/memory/layout.ts";
import { PhysicalMemory } from "../../machine/memory/physical.ts";
import { Mmu } from "../../machine/mmu/mmu.ts";
import type { SiliconOutcome, SiliconVector } from "./silicon.ts";
import { LAYOUT, START_OFFSET, startIp } from "./silicon_state.ts";
import { buildWorld, enterEnvironment, HANDLER_SIZE, KERNEL_HIGH, WORLD } from "./silicon_world.ts";

/** Host views of the pages that the guest sees at `LAYOUT`'s linear addresses. */
export interface VectorMemory {
  readonly data: Uint8Array;
  readonly stack: Uint8Array;
  readonly readOnly: Uint8Array;
}

/**
 * A processor with `LAYOUT` mapped, at CPL 3.
 *
 * The replay fills {@linkcode memory} before each case and looks at it after. The code page is
 * the target's to write: `vector.code` at `START_OFFSET`, 0xCC all around.
 */
export interface VectorTarget {
  readonly memory: VectorMemory;
  /**
   * Runs exactly one instruction: all of a repeated one.
   *
   * @param vector Where from: environment, code, registers and flags.
   * @param outcome Receives registers, flags and RIP after, with the fault if there was one. On
   * a fault they are what the exception saves: RIP of the instruction (after it, if a trap).
   */
  run(vector: SiliconVector, outcome: SiliconOutcome): void;
}

const MEMORY_SIZE = 1 << 20;
const RSP = 4;
const LONGEST_CODE = 15;
/** Single steps of a repeated instruction that stops to let interrupts in. */
const MOST_STEPS = 100;

/** Our CPU. A fault goes through a gate to CPL 0; what it saved is read from the stack there. */
class CpuTarget implements VectorTarget {
  readonly memory: VectorMemory;
  readonly #cpu: Cpu;
  readonly #physical = new PhysicalMemory(MEMORY_SIZE);
  readonly #view: DataView;
  readonly #code = new Uint8Array(LONGEST_CODE + 1);

  constructor(fused: boolean) {
    const events = new Events();
    // With a listener every instruction is a block of its own, which is fused at once.
    if (fused) events.on("exec", () => {});
    this.#cpu = new Cpu({
      memory: this.#physical,
      mmu: new Mmu(this.#physical, events),
      ports: new PortBus(),
      events,
      clock: new Clock(),
      interruptController: { intr: false, acknowledge: () => 0 },
      ...(fused ? { fuseAfter: 1 } : {}),
    });
    this.#view = new DataView(this.#physical.buffer, RAM_BASE, MEMORY_SIZE);
    buildWorld(this.#cpu, this.#physical);
    const page = (name: "data" | "stack" | "readOnly") =>
      new Uint8Array(this.#physical.buffer, RAM_BASE + WORLD.pages[name], LAYOUT[name].size);
    this.memory = { data: page("data"), stack: page("stack"), readOnly: page("readOnly") };
  }

  run(vector: SiliconVector, outcome: SiliconOutcome): void {
    const cpu = this.#cpu;
    const { state } = cpu;
    this.#code.fill(0xcc);
    this.#code.set(vector.code);
    this.#physical.poke(WORLD.pages.code + START_OFFSET, this.#code);
    enterEnvironment(cpu, vector.mode);
    for (let i = 0; i < 16; i++) {
      state.setRegister(i, vector.registers[2 * i], vector.registers[2 * i + 1]);
    }
    state.flags = vector.flags;
    const start = startIp(vector.mode);
    state.setPair(STATE.rip, start, 0);
    cpu.registersChanged();
    cpu.mmu.privilegeViewChanged();
    let steps = 0;
    do cpu.execute(cpu.retired + 1); while (
      state.cpl === 3 && state.word(STATE.rip) === start && state.word(STATE.rip + 4) === 0 &&
      ++steps < MOST_STEPS
    );
    if (cpu.tripleFault !== undefined) {
      cpu.reset();
      buildWorld(cpu, this.#physical);
      throw new Error("The CPU shut down: a fault could not be delivered");
    }
    for (let i = 0; i < 16; i++) {
      outcome.registers[2 * i] = state.low(i);
      outcome.registers[2 * i + 1] = state.high(i);
    }
    if (state.cpl === 3) {
      outcome.vector = -1;
      outcome.errorCode = outcome.cr2Low = outcome.cr2High = 0;
      outcome.flags = state.flags;
      outcome.ripLow = state.word(STATE.rip);
      outcome.ripHigh = state.word(STATE.rip + 4);
    } else {
      this.#readFrame(outcome);
    }
  }

  #readFrame(outcome: SiliconOutcome): void {
    const { state } = this.#cpu;
    const handler = state.word(STATE.rip) - WORLD.handlers;
    if (handler % HANDLER_SIZE !== 0 || state.word(STATE.rip + 4) !== KERNEL_HIGH) {
      throw new Error("The CPU is at CPL 0, but not at the start of a handler");
    }
    const vector = handler / HANDLER_SIZE;
    const word = (offset: number) => this.#view.getInt32(WORLD.kernelStackTop - offset, true);
    outcome.vector = vector;
    outcome.errorCode = hasErrorCode(vector) ? word(48) : 0;
    outcome.cr2Low = vector === 14 ? state.word(STATE.cr2) : 0;
    outcome.cr2High = vector === 14 ? state.word(STATE.cr2 + 4) : 0;
    outcome.ripLow = word(40);
    outcome.ripHigh = word(36);
    outcome.flags = word(24);
    outcome.registers[2 * RSP] = word(16);
    outcome.registers[2 * RSP + 1] = word(12);
  }
}

/**
 * Makes the processor under test: a CPU and its MMU, with no devices.
 *
 * @param options.fused Run fused blocks instead of records.
 */
export function createTarget({ fused = false }: { fused?: boolean } = {}): VectorTarget {
  return new CpuTarget(fused);
}
