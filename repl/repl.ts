/**
 * The read-eval-print loop without its terminal: lines in, text out.
 *
 * A line that starts with a dot and a letter is a monitor command, all else TypeScript; what is
 * not complete waits for more lines.
 */
import {
  type Command,
  type CommandContext,
  CommandError,
  splitArguments,
  usage,
} from "./commands/command.ts";
import type { ReplDisassemble, ReplMachine } from "./door.ts";
import { Evaluator } from "./evaluator.ts";
import { oneLine, renderError, renderValue } from "./render.ts";

/** What a {@linkcode Repl} works with. */
export interface ReplOptions {
  /** Global variables; `machine` is what the commands act on. */
  readonly scope: Readonly<Record<string, unknown>>;
  readonly commands: readonly Command[];
  readonly disassemble: ReplDisassemble;
  /** Takes whole lines, without the last line feed. */
  readonly print: (text: string) => void;
  readonly printError: (text: string) => void;
  readonly colour: boolean;
}

/** What a line came to. */
export type LineResult = "done" | "incomplete" | "exit";

/** The loop's state. Close it when done. */
export class Repl {
  readonly evaluator = new Evaluator();
  readonly #options: ReplOptions;
  readonly #context: CommandContext;
  #pending = "";
  #failed = false;
  #leaving = false;
  #exitStatus: number | undefined;
  #interrupt: (() => void) | undefined;

  constructor(options: ReplOptions) {
    this.#options = options;
    this.evaluator.define(options.scope);
    this.#context = {
      machine: () => this.#machine(),
      evaluate: (source) => this.#value(source),
      disassemble: options.disassemble,
      print: options.print,
      colour: options.colour,
      commands: options.commands,
      exit: (status) => {
        this.#leaving = true;
        this.#exitStatus = status;
      },
    };
  }

  /** 0; 1 after an error; or what `.exit` was given. */
  get status(): number {
    return this.#exitStatus ?? (this.#failed ? 1 : 0);
  }

  /** What `.exit` was given, if anything. */
  get chosenStatus(): number | undefined {
    return this.#exitStatus;
  }

  /** Whether lines are waiting for their continuation. */
  get waiting(): boolean {
    return this.#pending !== "";
  }

  close(): void {
    this.evaluator.close();
  }

  /** Forgets lines that wait for their continuation. */
  discard(): void {
    this.#pending = "";
  }

  /** Stops waiting for a promise that was evaluated. A machine is stopped by its flag. */
  interrupt(): void {
    this.#interrupt?.();
  }

  /** Takes a line. Never throws. */
  async line(line: string): Promise<LineResult> {
    if (this.#pending === "") {
      const command = /^\s*\.([a-zA-Z]\w*)?(?=\s|$)(.*)$/.exec(line);
      if (command !== null) {
        await this.#guard(() => this.#command(command[1] ?? "", command[2]));
        return this.#leaving ? "exit" : "done";
      }
      if (line.trim() === "") return "done";
    }
    const source = this.#pending === "" ? line : `${this.#pending}\n${line}`;
    this.#pending = "";
    const outcome = await this.#interruptible(this.evaluator.evaluate(source));
    if (outcome === undefined) {
      this.evaluator.abandon();
      this.#fail("Interrupted: the promise is no longer waited for");
    } else if (outcome.kind === "incomplete") {
      this.#pending = source;
      return "incomplete";
    } else if (outcome.kind === "error") {
      this.#showError(outcome.error);
    } else {
      await this.#guard(() => this.#show(outcome.value));
    }
    return "done";
  }

  /** The input has ended: lines that still wait are an error. */
  async end(): Promise<void> {
    if (this.#pending === "") return;
    const source = this.#pending;
    this.#pending = "";
    const outcome = await this.evaluator.evaluate(source);
    if (outcome.kind !== "value") this.#showError(outcome.error);
  }

  /** Shows something thrown outside of an evaluation, by a timer or a promise. */
  report(error: unknown): void {
    this.#showError(error);
  }

  #show(value: unknown): void {
    this.evaluator.define({ _: value });
    if (value !== undefined) this.#options.print(renderValue(value, this.#options));
  }

  async #command(name: string, rest: string): Promise<void> {
    const { commands } = this.#options;
    const command = commands.find((one) => one.name === name);
    if (command === undefined) {
      throw new CommandError(`Cannot execute .${name}: no such command (see .help)`);
    }
    const args = splitArguments(rest);
    const [least, most] = command.arity;
    if (args.length < least || args.length > most) {
      const wrong = args.length < least ? "too few arguments" : "too many arguments";
      throw new CommandError(`Cannot execute .${name}: ${wrong} (usage: ${usage(command)})`);
    }
    await command.run(this.#context, args);
  }

  async #guard(action: () => Promise<void> | void): Promise<void> {
    try {
      await action();
    } catch (error) {
      if (error instanceof CommandError) this.#fail(oneLine(error.message));
      else this.#showError(error);
    }
  }

  async #machine(): Promise<ReplMachine> {
    const machine = await this.#value("machine") as ReplMachine | undefined;
    if (typeof machine !== "object" || machine === null || machine.cpu === undefined) {
      throw new CommandError("Cannot find the machine: the variable `machine` holds none");
    }
    return machine;
  }

  async #value(source: string): Promise<unknown> {
    const outcome = await this.evaluator.evaluate(source);
    if (outcome.kind === "value") return outcome.value;
    throw outcome.error;
  }

  async #interruptible<T>(work: Promise<T>): Promise<T | undefined> {
    const interrupted = new Promise<undefined>((resolve) => {
      // A machine that the same key press has paused gets the time to give its answer.
      this.#interrupt = () => setTimeout(() => resolve(undefined), 20);
    });
    try {
      return await Promise.race([work, interrupted]);
    } finally {
      this.#interrupt = undefined;
    }
  }

  #showError(error: unknown): void {
    this.#failed = true;
    this.#options.printError(renderError(error, this.#options));
  }

  #fail(message: string): void {
    this.#failed = true;
    this.#options.printError(this.#options.colour ? `\x1b[31m${message}\x1b[39m` : message);
  }
}
