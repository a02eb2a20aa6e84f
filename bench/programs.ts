/**
 * Guest instructions per second on GCC's programs (`tests/programs/bench/`), and the same programs
 * on the host and in QEMU in the same run.
 *
 * Ours: the first {@linkcode WARM_UP} instructions are not timed. Peers: the best of three runs of
 * the process, less what a process that does nothing takes.
 */
import { Machine } from "../machine/mod.ts";
import { hasQemu, qemuArguments } from "../tools/lockstep/qemu.ts";
import { romFromElf } from "../tools/lockstep/rom.ts";
import { cell, table } from "./table.ts";

export const title = "GCC's programs";

const PROGRAMS = new URL("../tests/programs/", import.meta.url);
const WARM_UP = 20_000_000;
const BUDGET = 3_000_000_000;
const TARGET_MIPS = 40;
const PEER_RUNS = 3;

/** One program's figures. Times are seconds for the whole program. */
export interface ProgramMeasurement {
  readonly name: string;
  readonly instructions: number;
  /** Million guest instructions per second after warm-up. */
  readonly mips: number;
  readonly seconds: number;
  readonly native: number | undefined;
  readonly qemu: number | undefined;
}

/** The programs of `bench.txt` with their repeat counts. */
function programs(): [string, string][] {
  return Deno.readTextFileSync(new URL("bench.txt", PROGRAMS)).trim().split("\n")
    .map((line) => line.split(" ") as [string, string]);
}

/** @throws {Error} If a program does not print what it shall: a fast wrong answer is none. */
export function measureOurs(name: string): { instructions: number; mips: number } {
  const machine = new Machine();
  machine.load(Deno.readFileSync(new URL(`bench/${name}.elf`, PROGRAMS)));
  machine.run({ instructions: WARM_UP });
  const warm = machine.retired;
  const start = performance.now();
  const stop = machine.run({ instructions: BUDGET });
  const seconds = (performance.now() - start) / 1000;
  const expected = Deno.readTextFileSync(new URL(`bench/${name}.txt`, PROGRAMS));
  if (stop.kind !== "exit" || machine.serial.output !== expected) {
    throw new Error(`${name} went wrong: ${stop.text}\n${machine.serial.output}`);
  }
  return {
    instructions: machine.retired,
    mips: (machine.retired - warm) / seconds / 1e6,
  };
}

/** Seconds that a command takes, the best of some; `undefined` if it cannot be started. */
function seconds(command: string, args: string[], status: number): number | undefined {
  let best = Infinity;
  for (let i = 0; i < PEER_RUNS; i++) {
    const start = performance.now();
    try {
      const { code } = new Deno.Command(command, { args, stdout: "null", stderr: "null" })
        .outputSync();
      if (code !== status) return undefined;
    } catch {
      return undefined;
    }
    best = Math.min(best, (performance.now() - start) / 1000);
  }
  return best;
}

function less(time: number | undefined, idle: number | undefined): number | undefined {
  return time === undefined || idle === undefined ? undefined : Math.max(time - idle, 1e-4);
}

/** The host's own build of a program; `undefined` without gcc. */
function compileNative(name: string, repeat: string, directory: string): string | undefined {
  const output = `${directory}/${name}-${repeat}`;
  try {
    const { success } = new Deno.Command("gcc", {
      args: ["-std=c11", "-O2", `-DREPEAT=${repeat}`, "-o", output, "native.c", `${name}.c`],
      cwd: new URL("src/", PROGRAMS),
    }).outputSync();
    return success ? output : undefined;
  } catch {
    return undefined;
  }
}

function measureNative(name: string, repeat: string, directory: string): number | undefined {
  const binary = compileNative(name, repeat, directory);
  const idle = compileNative(name, "0", directory);
  if (binary === undefined || idle === undefined) return undefined;
  // Without a round some programs find their checks failed: only the time is of interest.
  const idleTime = seconds(idle, [], 0) ?? seconds(idle, [], 1);
  return less(seconds(binary, [], 0), idleTime);
}

const QEMU_SUCCESS = 33;

function measureQemu(elf: URL, directory: string): number | undefined {
  const rom = romFromElf(Deno.readFileSync(elf));
  const path = `${directory}/rom`;
  Deno.writeFileSync(path, rom);
  return seconds(
    "qemu-system-x86_64",
    [...qemuArguments({ rom }, path), "-serial", "null"],
    QEMU_SUCCESS,
  );
}

/** All programs, ours and the peers'. */
export function measurePrograms(): ProgramMeasurement[] {
  const directory = Deno.makeTempDirSync({ prefix: "ring0-bench" });
  try {
    const qemu = hasQemu();
    const qemuIdle = qemu
      ? measureQemu(new URL("elf/crc32-O2-64.elf", PROGRAMS), directory)
      : undefined;
    return programs().map(([name, repeat]) => {
      const ours = measureOurs(name);
      return {
        name,
        ...ours,
        seconds: ours.instructions / ours.mips / 1e6,
        native: measureNative(name, repeat, directory),
        qemu: qemu
          ? less(measureQemu(new URL(`bench/${name}.elf`, PROGRAMS), directory), qemuIdle)
          : undefined,
      };
    });
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
}

function geometricMean(values: readonly (number | undefined)[]): number | undefined {
  const present = values.filter((value) => value !== undefined);
  if (present.length < values.length) return undefined;
  return Math.exp(present.reduce((sum, value) => sum + Math.log(value), 0) / present.length);
}

/** The report. */
export function run(): string {
  const results = measurePrograms();
  const ratio = (a: number, b: number | undefined) => b === undefined ? undefined : a / b;
  const rows = results.map((r) => [
    r.name,
    cell(r.instructions / 1e6, 0),
    cell(r.seconds, 2, " s"),
    cell(r.mips, 1),
    cell(r.native, 3, " s"),
    cell(ratio(r.seconds, r.native), 1, "×"),
    cell(r.qemu, 3, " s"),
    cell(ratio(r.seconds, r.qemu), 1, "×"),
  ]);
  const mean = geometricMean(results.map((r) => r.mips))!;
  rows.push([
    "geometric mean",
    "",
    "",
    cell(mean, 1),
    "",
    cell(geometricMean(results.map((r) => ratio(r.seconds, r.native))), 1, "×"),
    "",
    cell(geometricMean(results.map((r) => ratio(r.seconds, r.qemu))), 1, "×"),
  ]);
  const slowest = Math.min(...results.map((r) => r.mips));
  return table(
    ["program", "M instr.", "ours", "M/s", "native", "ours/native", "qemu tcg", "ours/qemu"],
    rows,
  ) + `\n  target: at least ${TARGET_MIPS} M/s; slowest ${slowest.toFixed(1)} M/s: ` +
    (slowest >= TARGET_MIPS ? "met" : "MISSED");
}
