/**
 * What the silicon vectors need of a processor, and the processor that is tested with them.
 */
import type { SiliconOutcome, SiliconVector } from "./silicon.ts";

/** Host views of the pages that the guest sees at `LAYOUT`'s linear addresses. */
export interface VectorMemory {
  readonly data: Uint8Array;
  readonly stack: Uint8Array;
  readonly readOnly: Uint8Array;
}

/**
 * A processor with `LAYOUT` mapped, at CPL 3.
 *
 * The replay fills {@linkcode memory} before each case and looks at it after. The code page is
 * the target's to write: `vector.code` at `START_OFFSET`, 0xCC all around.
 */
export interface VectorTarget {
  readonly memory: VectorMemory;
  /**
   * Runs exactly one instruction: all of a repeated one.
   *
   * @param vector Where from: environment, code, registers and flags.
   * @param outcome Receives registers, flags and RIP after, with the fault if there was one. On
   * a fault they are what the exception saves: RIP of the instruction (after it, if a trap).
   */
  run(vector: SiliconVector, outcome: SiliconOutcome): void;
}

/**
 * Makes the processor under test.
 *
 * @returns `undefined` while there is none: the replay is then ignored.
 */
export function createTarget(): VectorTarget | undefined {
  return undefined;
}
