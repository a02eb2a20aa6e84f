/** What the REPL needs of a machine: the part of the public door that its commands use. */
import type { RegistersSnapshot } from "../machine/views/registers.ts";
import type { Translation } from "../machine/mmu/translate.ts";

export { hexdump } from "../machine/views/hexdump.ts";
export { registerChanges, registersText } from "../machine/views/registers.ts";
export { screenText } from "../machine/views/screen_text.ts";
export { walkText } from "../machine/views/walk.ts";
export type { RegistersSnapshot, Translation };

/** Why a run ended. `kind` and, where the machine has more to say, `text`. */
export interface ReplStop {
  readonly kind: string;
  readonly text?: string;
}

/** A machine as the commands see it. */
export interface ReplMachine {
  readonly cpu: { registers(): RegistersSnapshot };
  readonly mmu: { translate(address: bigint): Translation };
  readonly virtual: { read(address: bigint, length: number): Uint8Array };
  readonly screen: { text(): string };
  step(): unknown;
  run(options: { instructions: number }): ReplStop;
  reset(): void;
  /** Shared with the Worker that hears Ctrl-C: non-zero asks a run to pause. */
  interruptFlag?: Int32Array | undefined;
}

/** One disassembled instruction. */
export interface ReplInstruction {
  readonly address: bigint;
  readonly length: number;
  readonly bytes: Uint8Array;
  readonly text: string;
}

/** Disassembles, as `disassemble` of the door does. */
export type ReplDisassemble = (
  bytes: Uint8Array,
  options: { bits: 16 | 32 | 64; address: bigint; count: number },
) => readonly ReplInstruction[];
