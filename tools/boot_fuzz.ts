/**
 * Fuzzes `Machine.boot` and what runs afterwards: disks of random bytes, damaged disks, floppies,
 * Multiboot and ELF files. Each must be refused with an `ImageError`, or run to a stop reason
 * within its budget of instructions.
 *
 * ```text
 * deno run -A tools/boot_fuzz.ts [seconds] [seed]
 * ```
 */
import { readFileSync } from "node:fs";
import { ImageError, Machine } from "../mod.ts";
import { buildElf } from "../tests/machine/loaders/elf_builder.ts";

const BUDGET = 300_000;
const MOST_MS = 30_000;
const SECTOR = 512;

const seconds = Number(Deno.args[0] ?? 60);
const random = generator(Number(Deno.args[1] ?? 1));
const below = (limit: number) => random() % limit;
const image = (name: string) =>
  new Uint8Array(readFileSync(new URL(`../tests/images/${name}.bin`, import.meta.url)));
const seeds: readonly Uint8Array[] = [
  image("long_mode"),
  image("echo"),
  image("probe"),
  image("multiboot2"),
].concat(
  [buildElf({}), buildElf({ bits: 32 })].map((bytes) => new Uint8Array(bytes)),
);

const machine = new Machine({ memory: 4 << 20 });
const outcomes = new Map<string, number>();
const end = performance.now() + seconds * 1000;
let runs = 0;
let slowestMs = 0;
for (; performance.now() < end; runs++) {
  const bytes = below(3) === 0 ? randomDisk() : damaged(seeds[below(seeds.length)]);
  const start = performance.now();
  let outcome: string;
  try {
    const kind = machine.boot(bytes);
    outcome = `${kind}: ${machine.run({ instructions: BUDGET }).kind}`;
  } catch (error) {
    if (!(error instanceof ImageError) || !/^Cannot [^\n]+$/.test(error.message)) {
      fail(bytes, error);
    }
    outcome = `refused: ${error.reason}`;
  }
  slowestMs = Math.max(slowestMs, performance.now() - start);
  if (slowestMs > MOST_MS) fail(bytes, "took too long");
  outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
}
console.log(`${runs} images, the slowest in ${Math.round(slowestMs)} ms`);
for (const [outcome, times] of [...outcomes].sort()) console.log(outcome.padEnd(32), times);

function fail(bytes: Uint8Array, error: unknown): never {
  Deno.writeFileSync("/tmp/boot_fuzz.bin", bytes);
  console.error(`After ${runs} images (this one is in /tmp/boot_fuzz.bin):`, error);
  Deno.exit(1);
}

/** Random bytes behind a boot signature, or nearly. */
function randomDisk(): Uint8Array {
  const bytes = Uint8Array.from({ length: SECTOR * (1 + below(8)) }, () => below(256));
  if (below(8) > 0) bytes.set([0x55, 0xaa], SECTOR - 2);
  return below(16) === 0 ? bytes.slice(0, below(bytes.length)) : bytes;
}

/** An image with some bytes changed, most often near its start. */
function damaged(seed: Uint8Array): Uint8Array {
  const bytes = seed.slice();
  for (let n = 1 + below(12); n > 0; n--) {
    const at = below(below(2) === 0 ? Math.min(bytes.length, SECTOR) : bytes.length);
    if (below(2) === 0) bytes[at] = below(256);
    else bytes[at] ^= 1 << below(8);
  }
  return below(8) === 0 ? bytes.slice(0, below(bytes.length + 1)) : bytes;
}

/** xorshift32: the same images for the same seed. */
function generator(seed: number): () => number {
  let state = seed | 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}
