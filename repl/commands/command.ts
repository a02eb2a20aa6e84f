/** What a monitor command is, and how its arguments are read. */
import type { RegistersSnapshot, ReplDisassemble, ReplMachine } from "../door.ts";

/** What commands can reach. */
export interface CommandContext {
  /** The machine that the variable `machine` holds now. */
  machine(): Promise<ReplMachine>;
  /** Evaluates TypeScript; throws what it throws. */
  evaluate(source: string): Promise<unknown>;
  readonly disassemble: ReplDisassemble;
  /** Prints lines. */
  print(text: string): void;
  readonly colour: boolean;
  /** Ends the session after this command; without a status, with that of what went before. */
  exit(status: number | undefined): void;
  /** The commands there are. */
  readonly commands: readonly Command[];
}

/** A monitor command, entered as a dot and its name. */
export interface Command {
  /** Without the dot. */
  readonly name: string;
  /** `ADDR [N]`; empty for none. */
  readonly parameters: string;
  /** One line in the third person. */
  readonly summary: string;
  /** More, for `.help NAME`. */
  readonly details?: string;
  /** How many arguments it takes at least and at most. */
  readonly arity: readonly [least: number, most: number];
  run(context: CommandContext, args: readonly string[]): Promise<void> | void;
}

/** A command could not do what it was asked; the message is all that is shown. */
export class CommandError extends Error {
  override readonly name = "CommandError";
}

/** The line that tells how to call a command. */
export function usage({ name, parameters }: Command): string {
  return `.${name} ${parameters}`.trimEnd();
}

/** Splits at blanks outside of brackets and quotes, so that an argument may be an expression. */
export function splitArguments(text: string): string[] {
  const args: string[] = [];
  let current = "";
  let depth = 0;
  let quote = "";
  for (const char of text) {
    if (quote !== "") {
      if (char === quote) quote = "";
    } else if ("\"'`".includes(char)) quote = char;
    else if ("([{".includes(char)) depth++;
    else if (")]}".includes(char)) depth--;
    else if (depth <= 0 && /\s/.test(char)) {
      if (current !== "") args.push(current);
      current = "";
      continue;
    }
    current += char;
  }
  if (current !== "") args.push(current);
  return args;
}

const NUMBER = /^-?(?:0x[0-9a-f_]+|0b[01_]+|0o[0-7_]+|[0-9][0-9_]*)n?$/i;

/**
 * Reads a number: 0x…, decimal, a register's name (with or without `$`), or any expression whose
 * value is a whole number.
 *
 * @param what Names the argument in the message.
 * @throws {CommandError} If it is none.
 */
export async function readNumber(
  context: CommandContext,
  text: string,
  what: string,
): Promise<bigint> {
  if (NUMBER.test(text)) {
    const plain = text.replace(/^-|_|n$/gi, "");
    try {
      return text.startsWith("-") ? -BigInt(plain) : BigInt(plain);
    } catch {
      throw new CommandError(`Cannot read the ${what} ${text}: not a number`);
    }
  }
  const source = await withRegisters(context, text) ?? text;
  const value = await (async () => {
    try {
      return await context.evaluate(source);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new CommandError(`Cannot read the ${what} ${text}: ${reason}`);
    }
  })();
  if (typeof value === "bigint") return value;
  if (typeof value === "number" && Number.isSafeInteger(value)) return BigInt(value);
  throw new CommandError(
    `Cannot read the ${what} ${text}: it is ${describe(value)}, not a whole number`,
  );
}

/** Reads an address. @throws {CommandError} If it is no number from 0 to 2^64 - 1. */
export async function readAddress(context: CommandContext, text: string): Promise<bigint> {
  const address = await readNumber(context, text, "address");
  if (address < 0n || address >= 1n << 64n) {
    throw new CommandError(`Cannot read the address ${text}: not from 0 to 2^64 - 1`);
  }
  return address;
}

/** Reads a count. @throws {CommandError} If it is not from 1 to `most`. */
export async function readCount(
  context: CommandContext,
  text: string,
  most: number,
): Promise<number> {
  const count = await readNumber(context, text, "count");
  if (count < 1n || count > BigInt(most)) {
    throw new CommandError(`Cannot read the count ${text}: not from 1 to ${most}`);
  }
  return Number(count);
}

/**
 * Puts values for the names in arithmetic like `rsp+8*2`, all numbers as `bigint`.
 *
 * @returns `undefined` if there are other names or operators: plain TypeScript.
 */
async function withRegisters(context: CommandContext, text: string): Promise<string | undefined> {
  if (!/^[\w$\s+\-*/%&|^~<>()]+$/.test(text)) return undefined;
  let source = "";
  for (const [token] of text.matchAll(/[\w$]+|[^\w$]+/g)) {
    if (NUMBER.test(token)) source += token.endsWith("n") ? token : `${token}n`;
    else if (!/^[\w$]/.test(token)) source += token;
    else {
      const value = await readRegister(context, token);
      if (value === undefined) return undefined;
      source += `${value}n`;
    }
  }
  return source;
}

async function readRegister(context: CommandContext, text: string): Promise<bigint | undefined> {
  const name = text.replace(/^\$/, "").toLowerCase();
  if (!/^[a-z][a-z0-9]*$/.test(name)) return undefined;
  const { cpu } = await context.machine();
  const value: unknown = (cpu.registers() as unknown as Record<string, unknown>)[name];
  if (typeof value === "bigint") return value;
  if (typeof value === "number" && name !== "cpl") return BigInt(value);
  if (typeof value === "object" && value !== null && "selector" in value) {
    return BigInt(value.selector as number);
  }
  // eax, ax and their like, where the CPU has them by name.
  if (/^(e?(ax|bx|cx|dx|si|di|bp|sp|ip)|[abcd][hl]|eflags)$/.test(name)) {
    const part = (cpu as unknown as Record<string, unknown>)[name];
    if (typeof part === "bigint" || typeof part === "number") return BigInt(part);
  }
  return undefined;
}

/** 16, 32 or 64: the size of the code that CS selects. */
export function codeBits({ cs, efer }: RegistersSnapshot): 16 | 32 | 64 {
  if ((BigInt(efer) & 0x400n) !== 0n && (cs.attributes & 0x2000) !== 0) return 64;
  return (cs.attributes & 0x4000) !== 0 ? 32 : 16;
}

/** The linear address of the next instruction. */
export function instructionAddress(registers: RegistersSnapshot): bigint {
  const rip = BigInt(registers.rip);
  if (codeBits(registers) === 64) return rip;
  return BigInt.asUintN(32, rip + BigInt(registers.cs.base));
}

/**
 * Reads as much as is mapped of a stretch of virtual memory.
 *
 * @throws {CommandError} If not even the first byte is.
 */
export function readMapped(machine: ReplMachine, address: bigint, length: number): Uint8Array {
  try {
    return machine.virtual.read(address, length);
  } catch (error) {
    // The stretch ends in an unmapped page, or the address is none.
    const toPage = Number(0x1000n - (address & 0xfffn));
    for (let size = length - ((length - toPage) % 0x1000 || 0x1000); size > 0; size -= 0x1000) {
      try {
        return machine.virtual.read(address, size);
      } catch {
        // Shorter, then.
      }
    }
    throw new CommandError(error instanceof Error ? error.message : String(error));
  }
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === "number") return String(value);
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
