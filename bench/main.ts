/**
 * `deno task bench [NAME...]`: runs the benchmarks (all, or those named) and prints their tables.
 *
 * @see README.md for how to read them
 */
import { measureAllocators } from "./allocators.ts";
import * as boot from "./boot.ts";
import * as images from "./images.ts";
import * as memory from "./memory.ts";
import { measureMmu } from "./mmu.ts";
import * as profile from "./profile.ts";
import * as programs from "./programs.ts";
import { cell, table } from "./table.ts";
import * as tasks from "./tasks.ts";

interface Benchmark {
  readonly title: string;
  /** Measures, and gives the report. */
  run(): string | Promise<string>;
}

const mmu: Benchmark = {
  title: "Address translation",
  run() {
    const rows = measureMmu().map(({ name, ours, peer, ratio, target }) => [
      name,
      cell(ours / 1e6, 1),
      cell(peer === undefined ? undefined : peer / 1e6, 1),
      cell(ratio, 2, "×"),
      cell(target, 1, "×"),
      ratio === undefined ? "" : ratio <= target ? "met" : "MISSED",
    ]);
    return table(["", "ours M/s", "C M/s", "C/ours", "target", ""], rows);
  },
};

const allocators: Benchmark = {
  title: "Allocate/free pairs of the kernel's allocators",
  run() {
    const rows = measureAllocators().map(({ name, ours, peer, ratio, target }) => [
      name,
      cell(ours / 1e6, 1),
      cell(peer === undefined ? undefined : peer / 1e6, 1),
      cell(ratio, 2, "×"),
      cell(target, 1, "×"),
      ratio === undefined || target === undefined ? "" : ratio <= target ? "met" : "MISSED",
    ]);
    return table(["", "ours M/s", "C M/s", "C/ours", "target", ""], rows);
  },
};

const BENCHMARKS: Readonly<Record<string, Benchmark>> = {
  programs,
  profile,
  mmu,
  boot,
  images,
  memory,
  allocators,
  tasks,
};

/** @returns The exit status. */
export async function main(names: readonly string[]): Promise<number> {
  const unknown = names.filter((name) => !Object.hasOwn(BENCHMARKS, name));
  if (unknown.length > 0) {
    console.error(
      `There is no benchmark "${unknown[0]}": they are ${Object.keys(BENCHMARKS).join(", ")}`,
    );
    return 2;
  }
  let status = 0;
  for (const name of names.length > 0 ? names : Object.keys(BENCHMARKS)) {
    console.log(`${BENCHMARKS[name].title} (${name})\n`);
    try {
      console.log(await BENCHMARKS[name].run() + "\n");
    } catch (error) {
      console.log(`  failed: ${error instanceof Error ? error.message : error}\n`);
      status = 1;
    }
  }
  return status;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
