/** Completion of monitor commands, global names, properties and registers. */
import type { Command } from "./commands/command.ts";
import type { Evaluator } from "./evaluator.ts";

const REGISTERS = ("rax rbx rcx rdx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15 rip rflags " +
  "cs ss ds es fs gs cr0 cr2 cr3 cr4 efer").split(" ");

const KEYWORDS = ("async await class const delete for function if import interface let new " +
  "return throw try type typeof while").split(" ");

/** What every object has: only offered when nothing else fits. */
const COMMON = new Set(Object.getOwnPropertyNames(Object.prototype));

/** A property chain at the end of the line: `machine.cpu.r`. */
const CHAIN = /(?:^|[^\w$.])((?:[A-Za-z_$][\w$]*\s*\.\s*)*)([A-Za-z_$][\w$]*)?$/;

/**
 * Completes a line.
 *
 * @returns The candidates, and the part of the line that they replace, as `node:readline` wants.
 */
export async function complete(
  line: string,
  evaluator: Evaluator,
  commands: readonly Command[],
): Promise<[candidates: string[], part: string]> {
  const command = /^\s*(\.\w*)$/.exec(line);
  if (command !== null) {
    return filter(commands.map(({ name }) => `.${name}`), command[1]);
  }
  const isCommand = /^\s*\.\w+\s/.test(line);
  if (/^\s*\.help\s/.test(line)) {
    return filter(commands.map(({ name }) => name), /\S*$/.exec(line)![0]);
  }
  const chain = CHAIN.exec(line);
  if (chain === null) return [[], ""];
  const [, base, part = ""] = chain;
  if (base !== "") {
    const names = await evaluator.propertyNames(base.trim().replace(/\.$/, ""));
    const own = names.filter((name) => /^[A-Za-z_$][\w$]*$/.test(name));
    const found = filter(own.filter((name) => !COMMON.has(name)), part);
    return part === "" || found[0].length > 0 ? found : filter(own, part);
  }
  if (part === "") return [[], ""];
  const globals = [
    ...await evaluator.lexicalNames(),
    ...Object.getOwnPropertyNames(globalThis),
    ...(isCommand ? REGISTERS : KEYWORDS),
  ];
  return filter(globals.filter((name) => /^[A-Za-z_$]/.test(name)), part);
}

function filter(names: readonly string[], part: string): [string[], string] {
  const found = [...new Set(names)].filter((name) => name.startsWith(part)).sort();
  return [found, part];
}
