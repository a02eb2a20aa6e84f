/** Measures how much of the time the CPU spends in HLT. Time is counted in instructions. */
import type { Machine } from "../../machine/mod.ts";

export class HaltMeter {
  readonly #machine: Machine;
  readonly #remove: readonly (() => void)[];
  #from: number;
  #halted = 0;
  #since: number | undefined;

  /** Starts at once. */
  constructor(machine: Machine) {
    this.#machine = machine;
    this.#from = machine.retired;
    if (machine.cpu.halted) this.#since = this.#from;
    this.#remove = [
      machine.on("hlt", ({ retired }) => this.#since = retired),
      machine.on("interrupt", ({ retired }) => this.#wakes(retired)),
    ];
  }

  /** Starts over. */
  reset(): void {
    this.#from = this.#machine.retired;
    this.#halted = 0;
    if (this.#since !== undefined) this.#since = this.#from;
  }

  /** Time since the start. */
  get total(): number {
    return this.#machine.retired - this.#from;
  }

  /** Time in HLT since the start. */
  get halted(): number {
    const { retired, cpu } = this.#machine;
    const now = this.#since !== undefined && cpu.halted ? retired - this.#since : 0;
    return this.#halted + now;
  }

  /** The halted part of the time, 0 to 1. */
  get share(): number {
    return this.total === 0 ? 0 : this.halted / this.total;
  }

  [Symbol.dispose](): void {
    for (const remove of this.#remove) remove();
  }

  #wakes(retired: number): void {
    if (this.#since === undefined) return;
    this.#halted += retired - this.#since;
    this.#since = undefined;
  }
}
