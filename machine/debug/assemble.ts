/**
 * The assembler: Intel syntax, 64- and 32-bit code, over `@defasm/core`.
 *
 * A line holds statements separated by `;`. Comments start with `#` or `//`. Besides
 * instructions there are labels (`name:`), `name equ 5`, data (`db` `dw` `dd` `dq`, and GNU's
 * `.byte` `.word` `.long` `.quad` `.ascii` `.asciz`), `.skip N`, and far jumps and calls to
 * `selector:offset`. A number by name is an address: write `mov eax, offset name` for its value.
 *
 * Not supported: 16-bit code (defasm has none; write `db`), sections other than the one.
 */

import defer * as defasm from "@defasm/core";
import { decode } from "../cpu/decode/decoder.ts";
import { prepare, type Statement } from "./assembly_source.ts";

export interface AssembleOptions {
  /** 64 by default. */
  readonly bits?: 64 | 32 | undefined;
  /**
   * Address of the first byte, for what is not relative: `offset label`, `[label]` in 32-bit
   * code, `dd label`. Without it such a use is an error.
   */
  readonly at?: number | bigint | undefined;
}

/** Machine code: bytes that know how they were made. Copies of it are plain `Uint8Array`s. */
export class AssembledCode extends Uint8Array<ArrayBuffer> {
  /** Code size that it is for. */
  readonly bits: 64 | 32;
  /** Offset of each label from the first byte. */
  readonly labels: Readonly<Record<string, number>>;

  constructor(bytes: Uint8Array, bits: 64 | 32, labels: Readonly<Record<string, number>>) {
    super(Uint8Array.from(bytes).buffer);
    this.bits = bits;
    this.labels = labels;
  }

  static get [Symbol.species](): Uint8ArrayConstructor {
    return Uint8Array;
  }
}

/** What may stand in a hole of an {@linkcode asm} template: text, or bytes. */
export type Interpolated = number | bigint | string | Uint8Array;

/** The parts of defasm's (undeclared) types that are used here. */
interface DefasmValue {
  readonly addend: bigint;
  readonly section: { readonly name: string };
  flatten(): DefasmValue;
}
interface DefasmStatement {
  readonly address: number;
  readonly range: { readonly start: number };
  readonly relocations?: readonly DefasmRelocation[];
}
interface DefasmRelocation {
  readonly offset: number;
  readonly sizeReduction: number;
  readonly value: DefasmValue;
  readonly size: number;
  readonly signed: boolean;
  readonly pcRelative: boolean;
}
interface DefasmSymbol {
  readonly statement: { readonly isLabel: boolean } | null;
  readonly references: readonly DefasmStatement[];
  readonly value: DefasmValue;
}
interface DefasmSection {
  readonly name: string;
  readonly head: { dump(): Uint8Array };
}
interface DefasmState {
  readonly errors: readonly { readonly message: string; readonly range: { start: number } }[];
  readonly sections: readonly DefasmSection[];
  readonly symbols: ReadonlyMap<string, DefasmSymbol>;
  compile(source: string): void;
  iterate(visit: (statement: DefasmStatement) => void): void;
}

/**
 * Assembles a program.
 *
 * @throws {SyntaxError} With the line's number and text, if it cannot be assembled.
 * @throws {RangeError} If `bits` is neither 64 nor 32.
 *
 * @example
 * ```ts
 * import { assemble } from "./assemble.ts";
 * import { deepStrictEqual } from "node:assert/strict";
 *
 * const code = assemble("start: mov eax, 1\njmp start");
 * deepStrictEqual([...code], [0xb8, 1, 0, 0, 0, 0xeb, 0xf9]);
 * ```
 */
export function assemble(source: string, options: AssembleOptions = {}): AssembledCode {
  const { bits = 64, at } = options;
  if (bits !== 64 && bits !== 32) {
    throw new RangeError(`cannot assemble ${bits}-bit code: bits must be 64 or 32`);
  }
  const program = new Program(source, bits);
  return program.assemble(at === undefined ? undefined : BigInt(at));
}

/**
 * Assembles 64-bit code: `` asm`mov rax, ${value}; int3` ``. Numbers and strings are inserted as
 * text, byte arrays as data.
 *
 * @throws {SyntaxError} As {@linkcode assemble} does.
 */
export function asm(parts: TemplateStringsArray, ...values: Interpolated[]): AssembledCode {
  return assemble(fill(parts, values), { bits: 64 });
}

/** {@linkcode asm} for 32-bit code. */
export function asm32(parts: TemplateStringsArray, ...values: Interpolated[]): AssembledCode {
  return assemble(fill(parts, values), { bits: 32 });
}

function fill(parts: TemplateStringsArray, values: readonly Interpolated[]): string {
  let text = parts.raw[0];
  values.forEach((value, i) => text += textOf(value, text) + parts.raw[i + 1]);
  return text;
}

function textOf(value: Interpolated, before: string): string {
  if (value instanceof Uint8Array) {
    const list = [...value].join(", ");
    if (/(^|\s)(db|\.byte)\s+$|,\s*$/i.test(before)) return list;
    return value.length === 0 ? "" : `; db ${list};`;
  }
  if (typeof value === "number" && !Number.isInteger(value)) {
    throw new RangeError(`cannot assemble the number ${value}: it must be an integer`);
  }
  return typeof value === "number" ? BigInt(value).toString() : String(value);
}

/** A number on its own; as the last operand of an instruction; data. */
const NUMBER = /^(-?)(0x[\da-f]+|[1-9]\d*|0)$/i;
const LAST_NUMBER = /(?:^[a-z\d]+\s+|,\s*)(-?)(0x[\da-f]+|[1-9]\d*|0)\s*$/i;
const DATA = /^(d[bwdq])\s(.*)$/i;
const DATA_BITS: Readonly<Record<string, number>> = { db: 8, dw: 16, dd: 32, dq: 64 };

class Program {
  readonly #statements: readonly Statement[];
  /** Where each statement starts in the text that defasm gets. */
  readonly #starts: readonly number[];
  readonly #bits: 64 | 32;
  readonly #state: DefasmState;

  constructor(source: string, bits: 64 | 32) {
    this.#bits = bits;
    this.#statements = prepare(source, bits);
    let end = 0;
    this.#starts = this.#statements.map(({ text }) => (end += text.length + 1) - text.length - 1);
    const config = { syntax: { intel: true, prefix: false }, bitness: bits, writableText: false };
    this.#state = new defasm.AssemblyState(config as never) as unknown as DefasmState;
  }

  assemble(at: bigint | undefined): AssembledCode {
    const state = this.#state;
    const text = this.#statements.map((statement) => statement.text).join("\n");
    try {
      state.compile(text);
    } catch (error) {
      // defasm throws for some inputs what it should report.
      throw this.#error(error instanceof Error ? error.message : String(error), 0);
    }
    const [first] = state.errors;
    if (first !== undefined) throw this.#error(first.message, first.range.start);
    this.#checkSymbols();
    const bytes = Uint8Array.from(state.sections[0].head.dump());
    state.iterate((statement) => {
      this.#checkImmediate(bytes, statement);
      for (const relocation of statement.relocations ?? []) {
        this.#relocate(bytes, statement, relocation, at);
      }
    });
    return new AssembledCode(bytes, this.#bits, this.#labels());
  }

  #checkSymbols(): void {
    for (const [name, symbol] of this.#state.symbols) {
      if (symbol.value.section.name !== "*UND*" || symbol.references.length === 0) continue;
      throw this.#error(`${name} is not defined`, symbol.references[0].range.start);
    }
    const other = this.#state.sections.slice(1).find((section) => section.head.dump().length > 0);
    if (other !== undefined) throw this.#error(`section ${other.name} is not supported`, 0);
  }

  /**
   * Refuses a number that did not arrive: defasm drops the upper bits of one that is too large,
   * and lets 64-bit operations sign-extend 32 bits (`and rax, 0xffffffff` would do nothing).
   */
  #checkImmediate(bytes: Uint8Array, { address, range }: DefasmStatement): void {
    const text = this.#statementAt(range.start)?.text ?? "";
    const data = DATA.exec(text);
    if (data !== null) {
      const size = DATA_BITS[data[1].toLowerCase()];
      const elements = /["']/.test(data[2]) ? [] : data[2].split(",");
      for (const element of elements) {
        const literal = NUMBER.exec(element.trim());
        if (literal !== null) this.#fit(literal[1], literal[2], size, undefined, range.start);
      }
      return;
    }
    const literal = LAST_NUMBER.exec(text);
    if (literal === null) return;
    const { operands } = decode((offset) => bytes[address + offset] ?? 0, this.#bits);
    const last = operands.findLast((operand) => operand.kind === "immediate");
    if (last?.kind !== "immediate") return;
    const encoded = BigInt(last.high) << 32n | BigInt(last.low >>> 0);
    this.#fit(literal[1], literal[2], 8 * last.size, encoded, range.start);
  }

  /** Checks that a number is what was encoded, if that is known, and has room. */
  #fit(
    sign: string,
    digits: string,
    bits: number,
    encoded: bigint | undefined,
    position: number,
  ): void {
    const wanted = sign === "-" ? -BigInt(digits) : BigInt(digits);
    const fits = wanted < 1n << BigInt(bits) && wanted >= -(1n << BigInt(bits - 1));
    const same = encoded === undefined ||
      BigInt.asUintN(bits, encoded) === BigInt.asUintN(bits, wanted);
    if (!fits || !same) throw this.#error(`${sign}${digits} does not fit`, position);
  }

  /** Fills in a value that depends on where the code is. */
  #relocate(
    bytes: Uint8Array,
    statement: DefasmStatement,
    relocation: DefasmRelocation,
    at: bigint | undefined,
  ): void {
    const { addend, section } = relocation.value.flatten();
    if (at === undefined) {
      throw this.#error("an absolute address needs the option `at`", statement.range.start);
    }
    const base = (section.name === ".text" ? at : 0n) - (relocation.pcRelative ? at : 0n);
    const value = base + addend - BigInt(relocation.sizeReduction);
    const { size } = relocation;
    // A 32-bit value that 64-bit code sign-extends has no upper half to spare.
    const unsigned = this.#bits === 32 || !relocation.signed;
    const fits = BigInt.asIntN(size, value) === value ||
      unsigned && BigInt.asUintN(size, value) === value;
    if (!fits) {
      throw this.#error(`0x${value.toString(16)} exceeds ${size} bits`, statement.range.start);
    }
    const offset = statement.address + relocation.offset;
    for (let i = 0; i < size / 8; i++) {
      bytes[offset + i] = Number(BigInt.asUintN(8, value >> BigInt(8 * i)));
    }
  }

  #labels(): Readonly<Record<string, number>> {
    const labels: Record<string, number> = Object.create(null);
    for (const [name, symbol] of this.#state.symbols) {
      if (name === ".text" || symbol.statement === null) continue;
      if (symbol.value.section.name === ".text") {
        labels[name] = Number(symbol.value.addend);
      }
    }
    return labels;
  }

  #statementAt(position: number): Statement | undefined {
    let low = 0;
    let high = this.#starts.length;
    while (high - low > 1) {
      const middle = low + high >> 1;
      if (this.#starts[middle] <= position) low = middle;
      else high = middle;
    }
    return this.#statements[low];
  }

  #error(message: string, position: number): SyntaxError {
    const statement = this.#statementAt(position);
    const line = statement?.line ?? 1;
    const hint = statement?.separated ? " (; separates statements; comments start with #)" : "";
    return new SyntaxError(
      `cannot assemble line ${line}: ${message}: ${statement?.source ?? ""}${hint}`,
    );
  }
}
