/**
 * Runs the silicon vectors on a target and tells where it differs from the silicon.
 */
import { Buffer } from "node:buffer";
import {
  type SiliconBytes,
  type SiliconForm,
  SiliconOutcome,
  SiliconReader,
  type SiliconVector,
} from "./silicon.ts";
import { deriveMemory, LAYOUT, MODE } from "./silicon_state.ts";
import { describeMismatch } from "./silicon_report.ts";
import type { VectorTarget } from "./silicon_target.ts";

/** The cases of a form that differed. */
export interface FormMismatch {
  readonly form: SiliconForm;
  count: number;
  /** The first few, in words. */
  readonly examples: string[];
}

/** What a replay found. */
export interface ReplayResult {
  cases: number;
  mismatches: FormMismatch[];
}

const EXAMPLES_PER_FORM = 3;
/** RF: the silicon's is never kept. */
const COMPARED_FLAGS = ~(1 << 16);
const RSP = 4;

/** A page range of the target's: how it should look, and how it does. */
class Region {
  readonly #address: number;
  readonly #live: Buffer;
  readonly #usual: Uint8Array;
  readonly #expected: Buffer;
  #touched = false;

  constructor(address: number, live: Uint8Array, usual: Uint8Array) {
    this.#address = address;
    this.#live = Buffer.from(live.buffer, live.byteOffset, live.length);
    this.#usual = usual;
    this.#expected = Buffer.from(usual);
    this.#live.set(usual);
  }

  poke(bytes: SiliconBytes): void {
    if (this.expect(bytes)) this.#live.set(bytes.bytes, bytes.address - this.#address);
  }

  expect({ address, bytes }: SiliconBytes): boolean {
    const offset = address - this.#address;
    if (offset < 0 || offset >= this.#usual.length) return false;
    this.#expected.set(bytes, offset);
    this.#touched = true;
    return true;
  }

  agrees(): boolean {
    return this.#live.equals(this.#expected);
  }

  /** Puts everything back as it usually is. */
  settle(): void {
    this.#live.set(this.#usual);
    if (this.#touched) this.#expected.set(this.#usual);
    this.#touched = false;
  }

  /** Calls back for every byte that is not as expected. */
  differences(report: (address: number, expected: number, actual: number) => void): void {
    for (let i = 0; i < this.#live.length; i++) {
      if (this.#live[i] !== this.#expected[i]) {
        report(this.#address + i, this.#expected[i], this.#live[i]);
      }
    }
  }
}

/** Whether everything but memory agrees. */
export function outcomeAgrees(vector: SiliconVector, actual: SiliconOutcome): boolean {
  const expected = vector.after;
  const flags = COMPARED_FLAGS & ~vector.form.unstableFlags;
  if ((expected.flags ^ actual.flags) & flags) return false;
  if (expected.ripLow !== actual.ripLow || expected.ripHigh !== actual.ripHigh) return false;
  if (expected.vector !== actual.vector || expected.errorCode !== actual.errorCode) return false;
  if (expected.cr2Low !== actual.cr2Low || expected.cr2High !== actual.cr2High) return false;
  if (vector.form.partialRegisters && expected.vector >= 0) {
    return expected.registers[2 * RSP] === actual.registers[2 * RSP];
  }
  const long = vector.mode === MODE.LONG;
  for (let i = 0; i < (long ? 32 : 16); i += long ? 1 : 2) {
    if (expected.registers[i] !== actual.registers[i]) return false;
  }
  return true;
}

/**
 * Runs all cases of a family.
 *
 * @param select Which cases to run; all, unless given.
 */
export function replay(
  reader: SiliconReader,
  target: VectorTarget,
  select: (vector: SiliconVector) => boolean = () => true,
): ReplayResult {
  const usual = deriveMemory();
  const regions = (["data", "stack", "readOnly"] as const).map((name) =>
    new Region(LAYOUT[name].address, target.memory[name], usual[name])
  );
  const found = new Map<SiliconForm, FormMismatch>();
  const actual = new SiliconOutcome();
  let cases = 0;
  reader.forEach((vector) => {
    if (!select(vector)) return;
    cases++;
    for (const poke of vector.pokes) for (const region of regions) region.poke(poke);
    target.run(vector, actual);
    for (const change of vector.changes) for (const region of regions) region.expect(change);
    /* A fault in the middle of these leaves stores behind, differently on every processor. */
    const blind = vector.form.partialStores && vector.after.vector >= 0;
    if (!outcomeAgrees(vector, actual) || !(blind || regions.every((r) => r.agrees()))) {
      const entry = found.get(vector.form) ?? { form: vector.form, count: 0, examples: [] };
      found.set(vector.form, entry);
      if (entry.count++ < EXAMPLES_PER_FORM) {
        const memory: [address: number, expected: number, actual: number][] = [];
        for (const region of regions) region.differences((...byte) => memory.push(byte));
        entry.examples.push(describeMismatch(vector, actual, blind ? [] : memory));
      }
    }
    for (const region of regions) region.settle();
  });
  return { cases, mismatches: [...found.values()] };
}
