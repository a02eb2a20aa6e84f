/**
 * Where the time goes: V8's sampling profiler over one of GCC's programs, self time by function.
 *
 * Routines are generated, one function per micro-operation sequence; they are added up as one row
 * per source (`routines`), because their names say nothing.
 */
import { Session } from "node:inspector/promises";
import { Machine } from "../machine/mod.ts";
import { cell, table } from "./table.ts";

export const title = "Where the time goes";

const PROGRAM = "quicksort";
const WARM_UP = 20_000_000;
const ROWS = 12;

/** Self time of a function in percent. */
export interface ProfileRow {
  readonly what: string;
  readonly percent: number;
}

/** Profiles a program's run after warm-up. */
export async function measureProfile(program = PROGRAM): Promise<ProfileRow[]> {
  const machine = new Machine();
  machine.load(Deno.readFileSync(
    new URL(`../tests/programs/bench/${program}.elf`, import.meta.url),
  ));
  machine.run({ instructions: WARM_UP });
  const session = new Session();
  session.connect();
  try {
    await session.post("Profiler.enable");
    await session.post("Profiler.setSamplingInterval", { interval: 500 });
    await session.post("Profiler.start");
    machine.run();
    const { profile } = await session.post("Profiler.stop");
    const samples = new Map<string, number>();
    let all = 0;
    for (const { callFrame, hitCount = 0 } of profile.nodes) {
      const { functionName, url } = callFrame;
      const generated = url === "" && !/^\(/.test(functionName);
      const file = url.split("/").slice(-1)[0];
      const what = generated
        ? "generated routines"
        : `${functionName || "(anonymous)"} ${file}`.trim();
      samples.set(what, (samples.get(what) ?? 0) + hitCount);
      all += hitCount;
    }
    return Array.from(samples, ([what, count]) => ({ what, percent: count / all * 100 }))
      .sort((a, b) => b.percent - a.percent);
  } finally {
    session.disconnect();
  }
}

/** The report. */
export async function run(): Promise<string> {
  const rows = (await measureProfile()).filter(({ percent }) => percent >= 0.1).slice(0, ROWS);
  return table(
    [`${PROGRAM}: self time in`, ""],
    rows.map((r) => [r.what, cell(r.percent, 1, "%")]),
  );
}
