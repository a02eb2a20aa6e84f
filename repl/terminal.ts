/** Feeds a {@linkcode Repl} from a terminal or a pipe. */
import { createInterface, type Interface } from "node:readline";
import process from "node:process";
import { complete } from "./completion.ts";
import type { Command } from "./commands/command.ts";
import { readHistory, writeHistory } from "./history.ts";
import type { InterruptFlag } from "./interrupt.ts";
import type { Repl } from "./repl.ts";

const PROMPT = "ring0> ";
const CONTINUATION = "   ... ";
/** What a shell reports for a program that Ctrl-C ended. */
const STATUS_INTERRUPTED = 130;

/**
 * Evaluates piped lines one after the other, without prompts.
 *
 * Ctrl-C pauses the machine, as it does in a terminal, and ends the session after that line.
 *
 * @returns The exit status.
 */
export async function runPiped(repl: Repl, interrupt: InterruptFlag): Promise<number> {
  interrupt.listen();
  const stopWaiting = () => repl.interrupt();
  Deno.addSignalListener("SIGINT", stopWaiting);
  try {
    for await (const line of stdinLines()) {
      if (await repl.line(line) === "exit") return repl.status;
      if (Atomics.load(interrupt.words, 1) !== 0) return STATUS_INTERRUPTED;
    }
    await repl.end();
    // Rejections that nobody handled are told of when the event loop turns.
    await new Promise((resolve) => setTimeout(resolve, 0));
    return repl.status;
  } finally {
    Deno.removeSignalListener("SIGINT", stopWaiting);
  }
}

async function* stdinLines(): AsyncGenerator<string> {
  let rest = "";
  for await (const chunk of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop()!;
    for (const line of lines) yield line.replace(/\r$/, "");
  }
  if (rest !== "") yield rest;
}

/**
 * Talks to a person: prompt, editing, history, completion.
 *
 * @returns The exit status: 0 unless `.exit` says otherwise, for a person has seen the errors.
 */
export async function runInteractive(
  repl: Repl,
  interrupt: InterruptFlag,
  commands: readonly Command[],
): Promise<number> {
  interrupt.listen();
  const readline = createInterface({
    input: process.stdin,
    output: process.stdout,
    terminal: true,
    history: readHistory(),
    historySize: 1000,
    removeHistoryDuplicates: true,
    prompt: PROMPT,
    completer: (line: string, done: (error: null, result: [string[], string]) => void) => {
      complete(line, repl.evaluator, commands)
        .then((result) => done(null, result), () => done(null, [[], line]));
    },
  });
  const stopWaiting = () => repl.interrupt();
  Deno.addSignalListener("SIGINT", stopWaiting);
  try {
    await talk(readline, repl, interrupt);
  } finally {
    Deno.removeSignalListener("SIGINT", stopWaiting);
    writeHistory((readline as Interface & { history?: string[] }).history ?? []);
    readline.close();
  }
  return repl.chosenStatus ?? 0;
}

function talk(readline: Interface, repl: Repl, interrupt: InterruptFlag): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const queue: string[] = [];
  let busy = false;
  let closed = false;

  const prompt = () => {
    readline.setPrompt(repl.waiting ? CONTINUATION : PROMPT);
    readline.prompt();
  };
  const drain = async () => {
    if (busy) return;
    busy = true;
    // In raw mode the terminal would give Ctrl-C as a byte, to a thread that may be busy.
    readline.pause();
    process.stdin.setRawMode?.(false);
    for (let line = queue.shift(); line !== undefined; line = queue.shift()) {
      interrupt.clear();
      if (await repl.line(line) === "exit") {
        resolve();
        return;
      }
    }
    interrupt.clear();
    busy = false;
    if (closed) {
      resolve();
      return;
    }
    process.stdin.setRawMode?.(true);
    readline.resume();
    prompt();
  };

  readline.on("line", (line) => {
    queue.push(line);
    drain();
  });
  readline.on("SIGINT", () => {
    const empty = readline.line === "" && !repl.waiting;
    repl.discard();
    Deno.stdout.writeSync(
      new TextEncoder().encode(empty ? "\n(.exit or Ctrl-D leaves)\n" : "\n"),
    );
    (readline as Interface & { line: string; cursor: number }).line = "";
    (readline as Interface & { line: string; cursor: number }).cursor = 0;
    prompt();
  });
  readline.on("close", () => {
    closed = true;
    if (!busy) {
      Deno.stdout.writeSync(new TextEncoder().encode("\n"));
      resolve();
    }
  });
  prompt();
  return promise;
}
