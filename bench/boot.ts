/**
 * Boot time to `Hello World!`, and the memory of a process with a default machine and a booted
 * kernel. Each run is a process of its own (`boot_child.ts`).
 */
import { cell, table } from "./table.ts";

export const title = "Boot";

const RUNS = 5;
const TARGET_BOOT_MS = 1000;
const TARGET_RSS_MIB = 200;

/** What one process tells. */
export interface BootMeasurement {
  /** From the start of the process to the greeting on the screen. */
  readonly processMs: number;
  /** Within it: making the machine and booting the kernel. */
  readonly bootMs: number;
  readonly instructions: number;
  readonly rssMiB: number;
}

/** @returns `undefined` while there is no kernel. */
export function measureBoot(): BootMeasurement | undefined {
  const start = performance.now();
  const { success, stdout, stderr } = new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-all", "--no-check", new URL("boot_child.ts", import.meta.url).href],
  }).outputSync();
  const processMs = performance.now() - start;
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  const result = JSON.parse(new TextDecoder().decode(stdout));
  return result === null ? undefined : { processMs, ...result };
}

/** The report. */
export function run(): string {
  const results = Array.from({ length: RUNS }, measureBoot).filter((r) => r !== undefined);
  if (results.length === 0) return "  no kernel yet";
  const best = (key: keyof BootMeasurement) => Math.min(...results.map((r) => r[key]));
  const worst = (key: keyof BootMeasurement) => Math.max(...results.map((r) => r[key]));
  const verdict = (good: boolean) => good ? "met" : "MISSED";
  return table(["", "best", "worst", "target", ""], [
    [
      "process start to Hello World!",
      cell(best("processMs"), 0, " ms"),
      cell(worst("processMs"), 0, " ms"),
      `${TARGET_BOOT_MS} ms`,
      verdict(worst("processMs") < TARGET_BOOT_MS),
    ],
    [
      "of this new Machine and Kernel.boot",
      cell(best("bootMs"), 0, " ms"),
      cell(worst("bootMs"), 0, " ms"),
      "",
      "",
    ],
    ["guest instructions", cell(best("instructions"), 0), cell(worst("instructions"), 0), "", ""],
    [
      "resident memory",
      cell(best("rssMiB"), 0, " MiB"),
      cell(worst("rssMiB"), 0, " MiB"),
      `${TARGET_RSS_MIB} MiB`,
      verdict(worst("rssMiB") < TARGET_RSS_MIB),
    ],
  ]);
}
