/**
 * Tests of an operating system: boot it, look at its screen and its serial line, type, look again.
 *
 * Every step has a budget in instructions, so that a test takes the same steps on every computer
 * and never hangs. A step that fails throws an `AssertionError` that shows the screen, the serial
 * output and the machine's last events.
 *
 * @example A kernel that greets and echoes keys
 * ```ts
 * import { Guest } from "ring0/testing";
 *
 * const guest = await Guest.boot("tests/images/echo.bin");
 * guest.expectScreen("Type, Esc ends.");
 * guest.typeKeys("hello");
 * guest.expectScreen(/^hello$/m);
 * guest.typeKeys("\x1b");
 * guest.expectScreen("Bye.");
 * ```
 */
import { AssertionError } from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { type BootOptions, Machine, type MachineOptions, type StopReason } from "../mod.ts";

/** What a step may cost, in instructions, unless it says otherwise: 5 s of virtual time. */
export const DEFAULT_BUDGET = 500_000_000;

/** Between two looks at the screen. */
const SLICE = 1_000_000;
/** So many looks without a change, with the CPU halted, are idleness. */
const IDLE_LOOKS = 10;
const EVENTS_SHOWN = 12;

/** How a guest is booted. */
export type GuestOptions = MachineOptions & BootOptions & {
  /** Budget of each step. */
  readonly budget?: number;
};

/** How a step is bounded. */
export interface StepOptions {
  /** In instructions. */
  readonly budget?: number;
}

/** A booted system under test. */
export class Guest {
  /** Where the serial output that {@linkcode Guest.expectSerial} has seen ends. */
  #serialSeen = 0;
  /** Why the machine will not go on. */
  #ended: StopReason | undefined;

  private constructor(readonly machine: Machine, readonly budget: number) {}

  /**
   * Boots an image: a path, a URL, or its bytes.
   *
   * @throws {ImageError} If it cannot be booted.
   */
  static async boot(image: string | URL | Uint8Array, options: GuestOptions = {}): Promise<Guest> {
    const { budget = DEFAULT_BUDGET, ...rest } = options;
    const machine = new Machine(rest);
    const bytes = image instanceof Uint8Array ? image : new Uint8Array(await readFile(image));
    machine.boot(bytes, rest);
    return new Guest(machine, budget);
  }

  /** Runs until the screen has a text. */
  expectScreen(text: string | RegExp, options: StepOptions = {}): void {
    const { screen } = this.machine;
    this.#expect(`the screen to show ${quoted(text)}`, () => screen.contains(text), options);
  }

  /** Runs until COM1 has sent a text, after those that were expected before. */
  expectSerial(text: string | RegExp, options: StepOptions = {}): void {
    const { serial } = this.machine;
    const pattern = typeof text === "string" ? new RegExp(escaped(text)) : withoutState(text);
    const found = () => pattern.exec(serial.output.slice(this.#serialSeen));
    this.#expect(`COM1 to send ${quoted(text)}`, () => found() !== null, options);
    const match = found()!;
    this.#serialSeen += match.index + match[0].length;
  }

  /** Runs until the guest ends the run through port 0xF4. @param code What it shall write. */
  expectExit(code: number, options: StepOptions = {}): void {
    this.#run(() => false, options);
    const stop = this.#ended;
    if (stop?.kind === "exit" && stop.code === code) return;
    this.#fail(`an exit with code 0x${code.toString(16)}`);
  }

  /** Types on the keyboard; the next step lets the guest see it. */
  typeKeys(text: string): void {
    this.machine.keyboard.type(text);
  }

  /**
   * Runs until the guest has nothing to do: halted, and for a while no change on the screen or on
   * COM1. A guest that never halts uses up the budget, which is a failure.
   */
  runUntilIdle(options: StepOptions = {}): void {
    let last = "";
    let quiet = 0;
    const idle = () => {
      const { cpu, screen, serial } = this.machine;
      const now = `${screen.text()}\0${serial.output.length}`;
      quiet = now === last && cpu.registers().halted ? quiet + 1 : 0;
      last = now;
      return quiet >= IDLE_LOOKS;
    };
    if (!this.#run(idle, options) && this.#ended?.kind !== "halted") {
      this.#fail("the guest to idle");
    }
  }

  #expect(what: string, done: () => boolean, options: StepOptions): void {
    if (!this.#run(done, options)) this.#fail(what);
  }

  /** @returns Whether `done` became true. */
  #run(done: () => boolean, { budget = this.budget }: StepOptions): boolean {
    if (done()) return true;
    const end = this.machine.retired + budget;
    while (this.#ended === undefined && this.machine.retired < end) {
      const stop = this.machine.run({
        instructions: Math.min(SLICE, end - this.machine.retired),
      });
      if (stop.kind !== "budget" && stop.kind !== "reset") this.#ended = stop;
      if (done()) return true;
    }
    return false;
  }

  #fail(what: string): never {
    const { events, retired, screen, serial } = this.machine;
    const why = this.#ended?.text ?? `the budget was used up after ${retired} instructions`;
    const recent = events.recent(EVENTS_SHOWN).map((event) => `  ${JSON.stringify(event, plain)}`);
    throw new AssertionError({
      message: [
        `Expected ${what}, but ${why}.`,
        "Screen:",
        screen.text().replace(/^/gm, "  | "),
        "COM1:",
        serial.output.slice(-1000).replace(/^/gm, "  | "),
        "Last events:",
        ...recent,
      ].join("\n"),
      stackStartFn: this.#fail,
    });
  }
}

function quoted(text: string | RegExp): string {
  return typeof text === "string" ? JSON.stringify(text) : String(text);
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

/** Without `g` and `y`, whose `lastIndex` would skip text. */
function withoutState(pattern: RegExp): RegExp {
  return new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, ""));
}

function plain(_: string, value: unknown): unknown {
  return typeof value === "bigint" ? `0x${value.toString(16)}` : value;
}
