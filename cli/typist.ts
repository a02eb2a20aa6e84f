/** Plays a script of keys on a machine's keyboard, by the machine's own clock. */
import type { Machine } from "../mod.ts";
import type { KeyAction } from "./key_script.ts";

/** Guests load for a while before they read keys. */
const START_NS = 1_000_000_000;
/** Between the actions of a script. */
const STEP_NS = 50_000_000;
const NS_PER_MS = 1_000_000;

/** Types while the machine runs: call {@linkcode Typist.tick} between slices. */
export class Typist {
  readonly #actions: KeyAction[];
  #nextNs: number;

  constructor(readonly machine: Machine, actions: readonly KeyAction[]) {
    this.#actions = [...actions];
    this.#nextNs = machine.clock.nowNs + START_NS;
  }

  /** Instructions until there is something to do; `Infinity` at the end of the script. */
  get waits(): number {
    if (this.#actions.length === 0) return Infinity;
    const { clock } = this.machine;
    // The time of an instruction is the clock's own business: a tenth of the wait is near enough.
    return Math.max(1000, (this.#nextNs - clock.nowNs) / 10);
  }

  /** Does what is due. */
  tick(): void {
    const { clock, keyboard } = this.machine;
    while (this.#actions.length > 0 && clock.nowNs >= this.#nextNs) {
      const action = this.#actions.shift()!;
      this.#nextNs = clock.nowNs + STEP_NS;
      switch (action.kind) {
        case "wait":
          this.#nextNs = clock.nowNs + action.ms * NS_PER_MS;
          break;
        case "type":
          keyboard.type(action.text);
          this.#nextNs += action.text.length * STEP_NS;
          break;
        case "chord":
          for (const key of action.keys) keyboard.press(key);
          for (const key of action.keys.toReversed()) keyboard.release(key);
      }
    }
  }
}
