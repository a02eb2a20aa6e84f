/** Builds the machine and runs a session. `main.ts` calls it with the real door, tests with another. */
import { parseArgs } from "node:util";
import { COMMANDS } from "./commands/mod.ts";
import type { ReplDisassemble, ReplMachine } from "./door.ts";
import { InterruptFlag } from "./interrupt.ts";
import { Repl } from "./repl.ts";
import { runInteractive, runPiped } from "./terminal.ts";

/** What the REPL uses of `mod.ts` by name; the rest is only put into scope. */
export interface ReplDoor {
  readonly Machine: new (options: { memory: number }) => ReplMachine;
  readonly Kernel?: { boot(machine: never): unknown };
  readonly disassemble: ReplDisassemble;
}

const HELP = `ring0: an x86-64 PC that you hold in a variable.

Usage: deno task repl [--memory SIZE] [--bare]

  --memory SIZE  RAM, such as 16M (1M to 1G; default 64M)
  --bare         the machine at reset, without a kernel
  --help         this text

Reads TypeScript and monitor commands (.help lists them) from the terminal or a pipe.
The exit status of piped input is 1 after an error, else 0, or what .exit says.`;

/**
 * Runs a session to its end.
 *
 * @returns The exit status.
 */
export async function start(door: ReplDoor, args: readonly string[]): Promise<number> {
  const options = readOptions(args);
  if (typeof options === "string") {
    printError(options);
    return 2;
  }
  if (options.help) {
    print(HELP);
    return 0;
  }
  const interrupt = new InterruptFlag();
  const machine = new door.Machine({ memory: options.memory });
  machine.interruptFlag = interrupt.words;
  const interactive = Deno.stdin.isTerminal() && Deno.stdout.isTerminal();
  const onOwnLine = (text: string) => interactive && interrupt.takePress() ? `\n${text}` : text;
  const repl = new Repl({
    scope: { ...door, machine, kernel: undefined },
    commands: COMMANDS,
    disassemble: door.disassemble,
    print: (text) => print(onOwnLine(text)),
    printError: (text) => printError(onOwnLine(text)),
    colour: Deno.stdout.isTerminal() && !Deno.noColor,
  });
  catchStrays(repl);
  if (!options.bare && door.Kernel !== undefined) {
    try {
      repl.evaluator.define({ kernel: door.Kernel.boot(machine as never) });
    } catch (error) {
      repl.report(error);
    }
  }
  try {
    if (!interactive) return await runPiped(repl, interrupt);
    print("ring0: an x86-64 PC in a variable. Try `machine`, .regs or .help; Ctrl-D leaves.");
    return await runInteractive(repl, interrupt, COMMANDS);
  } finally {
    interrupt.close();
    repl.close();
  }
}

interface Options {
  readonly memory: number;
  readonly bare: boolean;
  readonly help: boolean;
}

/** @returns A message, if the arguments are wrong. */
function readOptions(args: readonly string[]): Options | string {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        memory: { type: "string", default: "64M" },
        bare: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    const memory = readSize(values.memory);
    if (memory === undefined) {
      return `Cannot make memory of ${values.memory}: not a size from 1M to 1G, such as 64M`;
    }
    return { memory, bare: values.bare, help: values.help };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return `Cannot read the arguments: ${reason} (see --help)`;
  }
}

/** Reads `64M`, `1G`, `4096K` or bytes. @returns `undefined` outside of 1 MiB to 1 GiB. */
export function readSize(text: string): number | undefined {
  const match = /^(\d+)([KMG]?)(?:i?B)?$/i.exec(text);
  if (match === null) return undefined;
  const unit = { "": 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 }[match[2].toUpperCase()]!;
  const size = Number(match[1]) * unit;
  return size >= 2 ** 20 && size <= 2 ** 30 && size % 4096 === 0 ? size : undefined;
}

/** Errors of timers and forgotten promises are shown, and do not end the session. */
function catchStrays(repl: Repl): void {
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    repl.report(event.reason);
  });
  globalThis.addEventListener("error", (event) => {
    event.preventDefault();
    repl.report(event.error);
  });
}

function print(text: string): void {
  write(Deno.stdout, text);
}

function printError(text: string): void {
  write(Deno.stderr, text);
}

function write(stream: { writeSync(bytes: Uint8Array): number }, text: string): void {
  const bytes = new TextEncoder().encode(`${text}\n`);
  try {
    for (let done = 0; done < bytes.length;) done += stream.writeSync(bytes.subarray(done));
  } catch (error) {
    // The reader (`head`) has gone: nobody is left to tell.
    if (error instanceof Deno.errors.BrokenPipe) Deno.exit(1);
    throw error;
  }
}
