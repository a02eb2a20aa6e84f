/**
 * The disassembler: `iced-x86` in Intel syntax.
 *
 * It is loaded when first used: its WebAssembly takes some 70 ms to start.
 */

import defer * as iced from "iced-x86";

export interface DisassembleOptions {
  /** Code size; by default that of assembled code, else 64. */
  readonly bits?: 16 | 32 | 64 | undefined;
  /** Address of the first byte; 0 by default. */
  readonly address?: number | bigint | undefined;
  /** At most this many instructions; all by default. */
  readonly count?: number | undefined;
}

/** A line of a disassembly. */
export interface DisassembledInstruction {
  readonly address: bigint;
  /** In bytes. */
  readonly length: number;
  readonly bytes: Uint8Array;
  /** "mov rax, 1"; "(bad)" where there is no instruction. */
  readonly text: string;
}

/**
 * Disassembles bytes, one instruction after the other. A byte sequence that is no instruction,
 * or that is cut off by the end, gives "(bad)" and the next one starts after it.
 *
 * @throws {TypeError} If it is given no bytes.
 * @throws {RangeError} If an option is not what it should be.
 *
 * @example
 * ```ts
 * import { disassemble } from "./disassemble.ts";
 * import { strictEqual } from "node:assert/strict";
 *
 * const [first] = disassemble(Uint8Array.of(0x48, 0x89, 0xd8, 0xc3), { address: 0x1000 });
 * strictEqual(first.text, "mov rax, rbx");
 * ```
 */
export function disassemble(
  bytes: Uint8Array & { readonly bits?: 16 | 32 | 64 },
  options: DisassembleOptions = {},
): DisassembledInstruction[] {
  const { bits = bytes.bits ?? 64, address = 0n, count = Infinity } = options;
  if (!(bytes instanceof Uint8Array)) {
    throw new TypeError(`cannot disassemble ${String(bytes)}: not a Uint8Array`);
  }
  check(bits, count);
  const start = BigInt.asUintN(64, BigInt(address));
  // A plain copy: not the view's subclass, nor shared memory.
  const code = Uint8Array.from(bytes);
  const decoder = new iced.Decoder(bits, code, iced.DecoderOptions.None);
  const formatter = intelFormatter();
  const instruction = new iced.Instruction();
  const lines: DisassembledInstruction[] = [];
  try {
    decoder.ip = start;
    while (decoder.canDecode && lines.length < count) {
      const at = decoder.position;
      decoder.decodeOut(instruction);
      lines.push({
        address: BigInt.asUintN(64, start + BigInt(at)),
        length: decoder.position - at,
        bytes: code.slice(at, decoder.position),
        text: formatter.format(instruction),
      });
    }
  } finally {
    instruction.free();
    formatter.free();
    decoder.free();
  }
  return lines;
}

function check(bits: number, count: number): void {
  if (bits !== 16 && bits !== 32 && bits !== 64) {
    throw new RangeError(`cannot disassemble ${bits}-bit code: bits must be 16, 32 or 64`);
  }
  if (!(count >= 0)) {
    throw new RangeError(`cannot disassemble ${count} instructions: count must not be negative`);
  }
}

function intelFormatter(): iced.Formatter {
  const formatter = new iced.Formatter(iced.FormatterSyntax.Intel);
  formatter.hexPrefix = "0x";
  formatter.hexSuffix = "";
  formatter.uppercaseHex = false;
  formatter.spaceAfterOperandSeparator = true;
  formatter.branchLeadingZeros = false;
  formatter.showBranchSize = false;
  formatter.signedImmediateOperands = false;
  return formatter;
}
