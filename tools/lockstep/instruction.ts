/**
 * What lock-step must know about an instruction: its text, which flags it leaves undefined, and
 * whether it answers with what differs between any two machines. All of it from `iced-x86`.
 */
import {
  Decoder,
  DecoderOptions,
  Formatter,
  FormatterSyntax,
  Mnemonic,
  OpKind,
  RflagsBits,
} from "iced-x86";
import type { RegisterName } from "./target.ts";

/** An instruction as the differ sees it. */
export interface DecodedInstruction {
  readonly text: string;
  readonly length: number;
  /** Bits of EFLAGS that the manual leaves undefined after it, and those that QEMU has wrong. */
  readonly undefinedFlags: number;
  /** A string instruction with a repeat prefix: one step may be one round of it. */
  readonly repeated: boolean;
  /** HLT: nothing follows it here. */
  readonly halts: boolean;
  /** OUT with the port in the instruction: that port. */
  readonly outPort: number | undefined;
  /** Registers that differ by nature: the clock, the random source, the processor's name. */
  readonly incomparable: readonly RegisterName[];
}

const FLAGS: readonly (readonly [number, number])[] = [
  [RflagsBits.CF, 1 << 0],
  [RflagsBits.PF, 1 << 2],
  [RflagsBits.AF, 1 << 4],
  [RflagsBits.ZF, 1 << 6],
  [RflagsBits.SF, 1 << 7],
  [RflagsBits.OF, 1 << 11],
];

/** Flags that QEMU 7.2 sets against the manual and the silicon. */
const WRONG_IN_QEMU = new Map<Mnemonic, number>([
  // CF is set for a source that is not 0; QEMU has it the other way round.
  [Mnemonic.Blsi, 1 << 0],
]);

const INCOMPARABLE = new Map<Mnemonic, readonly RegisterName[]>([
  [Mnemonic.Rdtsc, ["rax", "rdx"]],
  [Mnemonic.Rdtscp, ["rax", "rdx", "rcx"]],
  [Mnemonic.Cpuid, ["rax", "rbx", "rcx", "rdx"]],
]);

/** Decodes with one formatter for all calls; free it with {@linkcode Instructions.free}. */
export class Instructions {
  readonly #formatter = new Formatter(FormatterSyntax.Nasm);

  /** @param bytes From the instruction on; too few give "(bad)". */
  decode(bytes: Uint8Array, bits: 16 | 32 | 64, rip: bigint): DecodedInstruction {
    const decoder = new Decoder(bits, bytes, DecoderOptions.None);
    decoder.ip = rip;
    const instruction = decoder.decode();
    try {
      const undefinedFlags = FLAGS.reduce(
        (bits, [iced, flag]) => (instruction.rflagsUndefined & iced) !== 0 ? bits | flag : bits,
        WRONG_IN_QEMU.get(instruction.mnemonic) ?? 0,
      );
      return {
        text: instruction.isInvalid ? "(bad)" : this.#formatter.format(instruction),
        length: instruction.length,
        undefinedFlags,
        repeated: instruction.isStringInstruction &&
          (instruction.hasRepPrefix || instruction.hasRepePrefix || instruction.hasRepnePrefix),
        halts: instruction.mnemonic === Mnemonic.Hlt,
        outPort: instruction.mnemonic === Mnemonic.Out && instruction.op0Kind === OpKind.Immediate8
          ? instruction.immediate8
          : undefined,
        incomparable: INCOMPARABLE.get(instruction.mnemonic) ?? [],
      };
    } finally {
      instruction.free();
      decoder.free();
    }
  }

  free(): void {
    this.#formatter.free();
  }
}
