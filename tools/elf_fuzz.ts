/**
 * Fuzzes the ELF loader: mutated files in, an image or an `ImageError` out, nothing else.
 *
 * ```text
 * deno run tools/elf_fuzz.ts [seconds] [seed]
 * ```
 */
import { planElf } from "../machine/loaders/load_plan.ts";
import { parseElf } from "../machine/loaders/elf.ts";
import { ImageError } from "../machine/loaders/image_error.ts";
import { buildElf } from "../tests/machine/loaders/elf_builder.ts";

const seconds = Number(Deno.args[0] ?? 60);
const random = generator(Number(Deno.args[1] ?? 1));
const below = (limit: number) => random() % limit;
const pick = <T>(values: readonly T[]) => values[below(values.length)];

const symbols = [{ name: "main", value: 0x10_0000n, size: 5n }, { name: "x", value: 0x20_0000n }];
const seeds = [
  buildElf({ symbols }),
  buildElf({ bits: 32, symbols }),
  buildElf({ symbols, segments: [{ memsz: 0x5000n }, { type: 2 }, { vaddr: 0x40_0000n }] }),
  buildElf({
    symbols,
    entry: 0xffff_ffff_8010_0000n,
    segments: [{ vaddr: 0xffff_ffff_8010_0000n, paddr: 0x10_0000n }, { type: 3, filesz: 0n }],
  }),
];
const EDGES = [0n, 1n, 0x7fn, 0x80n, 0xffffn, 0x7fff_ffffn, 0x8000_0000n, 0xffff_ffffn]
  .concat([0x7fff_ffff_ffffn, 0x8000_0000_0000n, 0xffff_8000_0000_0000n, 1n << 52n, 1n << 63n])
  .flatMap((edge) => [edge - 1n, edge, edge + 1n]);

const outcomes = new Map<string, number>();
const end = performance.now() + seconds * 1000;
let runs = 0;
while (performance.now() < end) {
  for (let i = 0; i < 1000; i++, runs++) {
    const bytes = mutate(pick(seeds));
    count(() => parseElf(bytes).symbols(), bytes, "symbols");
    count(() => planElf(bytes, pick([1, 16, 1024]) * 2 ** 20), bytes, "plan");
  }
}
console.log(`${runs} files`);
for (const [outcome, times] of [...outcomes].sort()) console.log(outcome.padEnd(28), times);

function count(action: () => unknown, bytes: Uint8Array, what: string): void {
  let outcome = "ok";
  const start = performance.now();
  try {
    action();
  } catch (error) {
    if (!(error instanceof ImageError) || !/^Cannot [^\n]+: [^\n]+$/.test(error.message)) {
      console.error(`After ${runs} files:`, error, bytes.toHex());
      Deno.exit(1);
    }
    outcome = error.reason;
  }
  if (performance.now() - start > 2000) {
    console.error(`After ${runs} files: took too long`, bytes.toHex());
    Deno.exit(1);
  }
  const key = `${what}: ${outcome}`;
  outcomes.set(key, (outcomes.get(key) ?? 0) + 1);
}

function mutate(seed: Uint8Array): Uint8Array {
  let bytes = seed.slice();
  const view = new DataView(bytes.buffer);
  for (let n = 1 + below(4); n > 0; n--) {
    const at = below(bytes.length);
    const kind = below(6);
    if (kind === 0) bytes[at] = below(256);
    else if (kind === 1) bytes[at] ^= 1 << below(8);
    else if (kind === 2 && (at & ~1) + 2 <= bytes.length) {
      view.setUint16(at & ~1, Number(pick(EDGES) & 0xffffn), true);
    } else if (kind === 3 && (at & ~3) + 4 <= bytes.length) {
      view.setUint32(at & ~3, Number(BigInt.asUintN(32, pick(EDGES))), true);
    } else if ((at & ~7) + 8 <= bytes.length) {
      view.setBigUint64(at & ~7, BigInt.asUintN(64, pick(EDGES)), true);
    }
  }
  if (below(8) === 0) bytes = bytes.slice(0, below(bytes.length + 1));
  return bytes;
}

/** xorshift32: the same files for the same seed. */
function generator(seed: number): () => number {
  let state = seed | 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}
