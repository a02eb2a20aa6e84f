/**
 * What a long run costs in memory: resident size before and after 1,000 million instructions, and
 * how often the garbage collector of a process ran meanwhile (`--v8-flags=--trace-gc`).
 *
 * An interpreter that allocated one 16-byte object per instruction would fill the young generation
 * (16 MiB) a thousand times.
 */
import { cell, table } from "./table.ts";

export const title = "Memory over a long run";

const INSTRUCTIONS = 1_000_000_000;
/** What the runtime itself may come to hold meanwhile (compiled code, heap pages). */
const TOLERANCE_MIB = 8;

/** What the child process tells. Sizes are bytes, times ms since its start. */
export interface LongRun {
  readonly startMs: number;
  readonly endMs: number;
  readonly instructions: number;
  readonly rssBefore: number;
  readonly rssAfter: number;
  readonly heapBefore: number;
  readonly heapAfter: number;
}

/** A long run, and the collections during it. */
export interface MemoryMeasurement extends LongRun {
  readonly scavenges: number;
  readonly markCompacts: number;
}

export function measureMemory(instructions = INSTRUCTIONS): MemoryMeasurement {
  const { success, stdout, stderr } = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--allow-all", "--no-check", "--v8-flags=--trace-gc"],
      new URL("memory_child.ts", import.meta.url).href,
      `${instructions}`,
    ],
  }).outputSync();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  const text = new TextDecoder().decode(stdout);
  const run: LongRun = JSON.parse(/^RESULT (.*)$/m.exec(text)![1]);
  const during = (kind: RegExp) =>
    Array.from(text.matchAll(/^\[\d+:\S+\]\s+(\d+) ms: (.*)$/gm)).filter(([, ms, what]) =>
      Number(ms) >= run.startMs && Number(ms) <= run.endMs && kind.test(what)
    ).length;
  return { ...run, scavenges: during(/^Scavenge/), markCompacts: during(/^Mark-Compact/) };
}

/** The report. */
export function run(): string {
  const m = measureMemory();
  const mib = (bytes: number) => cell(bytes / 2 ** 20, 1, " MiB");
  const growth = (m.rssAfter - m.rssBefore) / 2 ** 20;
  return table(["", "before", "after"], [
    ["resident memory", mib(m.rssBefore), mib(m.rssAfter)],
    ["JavaScript heap in use", mib(m.heapBefore), mib(m.heapAfter)],
  ]) +
    `\n  ${(m.instructions / 1e6).toFixed(0)} M instructions in ` +
    `${((m.endMs - m.startMs) / 1000).toFixed(1)} s; garbage collections meanwhile: ` +
    `${m.scavenges} young, ${m.markCompacts} full` +
    `\n  target: resident memory does not rise (by ${TOLERANCE_MIB} MiB): ${
      growth.toFixed(1)
    } MiB: ` +
    (growth < TOLERANCE_MIB ? "met" : "MISSED");
}
