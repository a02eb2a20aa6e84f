/**
 * Feeds the decoder random bytes for a while, beside iced-x86: nothing may throw but what
 * `fetch` throws, and nothing may differ.
 *
 *     deno run --allow-all tools/decoder_fuzz.ts [seconds] [seed]
 */

import { decode } from "../machine/cpu/decode/decoder.ts";
import type { CodeSize } from "../machine/cpu/decode/instruction.ts";
import { SLOT, Witness } from "../tests/machine/cpu/decode/iced_witness.ts";
import { byteSource, randomSequences } from "../tests/machine/cpu/decode/sequences.ts";

const BATCH = 100_000;

/** The guest fault that a fetch may throw. */
class FetchFault extends Error {}

/** Decodes with the bytes from `available` on missing: either it is done before, or it throws. */
function decodeCutOff(bytes: Uint8Array, at: number, available: number, bits: CodeSize): void {
  try {
    const { length } = decode((offset) => {
      if (offset >= available) throw new FetchFault();
      return bytes[at + offset];
    }, bits);
    if (length > available) throw new Error(`decoded ${length} bytes out of ${available}`);
  } catch (error) {
    if (!(error instanceof FetchFault)) throw error;
  }
}

function fuzz(seed: number): number {
  let problems = 0;
  const next = byteSource(seed);
  for (const bits of [16, 32, 64] as const) {
    const bytes = randomSequences(BATCH, seed);
    const witness = new Witness(bits, bytes);
    for (let at = 0; at < bytes.length; at += SLOT) {
      const { problem, ours, iced } = witness.compare(at);
      decodeCutOff(bytes, at, next() & 15, bits);
      if (problem === undefined) continue;
      problems++;
      const sequence = [...bytes.subarray(at, at + SLOT)].map((byte) => byte.toString(16));
      console.log(`${bits}-bit ${sequence.join(" ")}: ${ours} / ${iced}: ${problem}`);
    }
    witness.free();
  }
  return problems;
}

const seconds = Number(Deno.args[0] ?? 60);
let seed = Number(Deno.args[1] ?? 1);
const end = performance.now() + seconds * 1000;
let problems = 0;
let batches = 0;
while (performance.now() < end) {
  problems += fuzz(seed++);
  batches++;
}
console.log(`${batches * BATCH} sequences in each code size, ${problems} problems`);
Deno.exit(problems === 0 ? 0 : 1);
