/** The guest's code for people: disassembled, and explained as micro-operations. */
import { hex } from "./arch/address.ts";
import { Builder } from "./cpu/builder.ts";
import type { Cpu } from "./cpu/cpu.ts";
import { decode } from "./cpu/decode/decoder.ts";
import type { CodeSize } from "./cpu/decode/instruction.ts";
import { SEMANTICS } from "./cpu/semantics/mod.ts";
import { disassemble, type DisassembledInstruction } from "./debug/disassemble.ts";
import { type Explanation, explanation } from "./debug/explain.ts";
import { MODE, SEG, STATE } from "./memory/layout.ts";
import type { MemoryDoor } from "./peek.ts";

const LONGEST_INSTRUCTION = 15;
/** What a disassembly gives at most. */
const MOST_INSTRUCTIONS = 1_000_000;
const PAGE = 0x1000n;

export class CodeView {
  readonly #cpu: Cpu;
  readonly #memory: MemoryDoor;

  /** @param memory Reads through the page tables. */
  constructor(cpu: Cpu, memory: MemoryDoor) {
    this.#cpu = cpu;
    this.#memory = memory;
  }

  /** The code size that the CPU executes. */
  get codeSize(): CodeSize {
    return (16 << (this.#cpu.state.word(STATE.mode) & MODE.CODE_SIZE_MASK)) as CodeSize;
  }

  /** The instruction at RIP; `undefined` when it is not mapped. */
  atRip(): DisassembledInstruction | undefined {
    try {
      return this.disassemble(undefined, 1)[0];
    } catch {
      return undefined;
    }
  }

  /** @see Machine.disassemble */
  disassemble(address: number | bigint | undefined, count: number): DisassembledInstruction[] {
    if (!Number.isSafeInteger(count) || count < 0 || count > MOST_INSTRUCTIONS) {
      throw new RangeError(
        `Cannot disassemble ${count} instructions: not a whole number from 0 to 1,000,000`,
      );
    }
    const bits = this.codeSize;
    const start = address === undefined ? this.#rip() : checked(address);
    const linear = address === undefined ? this.linearRip : start;
    const bytes = this.#bytesAt(linear, count * LONGEST_INSTRUCTION);
    return disassemble(bytes, { bits, address: start, count });
  }

  /** @see Machine.explain */
  explain(code: Uint8Array | number | bigint): Explanation {
    const isBytes = code instanceof Uint8Array;
    const at = isBytes ? 0n : checked(code);
    const bytes = isBytes ? code : this.#bytesAt(at, LONGEST_INSTRUCTION);
    const fetch = (offset: number) => {
      if (offset >= bytes.length) {
        throw new RangeError(`Cannot explain ${bytes.length} bytes: the instruction is longer`);
      }
      return bytes[offset];
    };
    const instruction = decode(fetch, this.codeSize);
    const { state } = this.#cpu;
    const builder = new Builder(instruction, {
      mode: state.word(STATE.mode),
      ripLow: Number(at & 0xffff_ffffn) | 0,
      ripHigh: Number(at >> 32n) | 0,
      csLimit: state.limit(SEG.CS),
    });
    SEMANTICS[instruction.mnemonic](builder, instruction.operands);
    const [{ text }] = disassemble(bytes, { bits: this.codeSize, address: at, count: 1 });
    return explanation(text, bytes.slice(0, instruction.length), instruction, builder.ops);
  }

  #rip(): bigint {
    const { state } = this.#cpu;
    const high = BigInt(state.word(STATE.rip + 4) >>> 0) << 32n;
    return high | BigInt(state.word(STATE.rip) >>> 0);
  }

  /** The linear address of the next instruction. */
  get linearRip(): bigint {
    if (this.codeSize === 64) return this.#rip();
    return (this.#rip() + BigInt(this.#cpu.state.baseLow(SEG.CS) >>> 0)) & 0xffff_ffffn;
  }

  /**
   * Up to `most` bytes; as many as are mapped, but one at least.
   *
   * @throws {RangeError} If not even the first is.
   */
  #bytesAt(linear: bigint, most: number): Uint8Array {
    const bytes = new Uint8Array(most);
    let length = 0;
    while (length < most) {
      const at = linear + BigInt(length);
      const count = Math.min(most - length, Number(PAGE - (at & (PAGE - 1n))));
      try {
        bytes.set(this.#memory.read(at, count), length);
      } catch (error) {
        if (length > 0) break;
        throw new RangeError(`Cannot disassemble at ${hex(linear)}: it is not mapped`, {
          cause: error,
        });
      }
      length += count;
    }
    return bytes.subarray(0, length);
  }
}

function checked(address: number | bigint): bigint {
  const isWhole = typeof address === "bigint" || Number.isSafeInteger(address);
  if (!isWhole || address < 0 || address >= 2 ** 64) {
    throw new RangeError(
      `Cannot look at code at ${String(address)}: not a whole number from 0 to 2^64 - 1`,
    );
  }
  return BigInt(address);
}
