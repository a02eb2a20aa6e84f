/**
 * A disk image of ours, of a bootimage's shape (`tests/images/long_mode.asm`), from power-on to
 * its end: here, under QEMU's translator and, where it is installed, under Bochs.
 *
 * Each run is a process of its own. Ours tells when its first line stood on the screen; QEMU and
 * Bochs are timed until the image's exit or the first byte on COM1 (Bochs has no port 0xF4).
 */
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Machine } from "../mod.ts";
import { cell, table } from "./table.ts";

export const title = "Booting a disk image";

const IMAGE = fileURLToPath(new URL("../tests/images/long_mode.bin", import.meta.url));
const RUNS = 3;
const LIMIT_MS = 30_000;
const LOOK_MS = 5;

/** Guest instructions and host ms to the first line on the screen, and in all. */
function measureOurs() {
  const bytes = Deno.readFileSync(IMAGE);
  const start = performance.now();
  const machine = new Machine();
  machine.boot(bytes);
  machine.run({ until: () => machine.screen.contains("Hello from long mode!"), untilEvery: 1000 });
  const firstMs = performance.now() - start;
  const instructions = machine.retired;
  const stop = machine.run({ instructions: 100_000_000 });
  if (stop.kind !== "exit") throw new Error(stop.text);
  return { firstMs, instructions, totalMs: performance.now() - start };
}

/** Process start to process end. */
function measureProcess(args: readonly string[], command: string): number | undefined {
  try {
    const start = performance.now();
    new Deno.Command(command, { args: [...args], stdout: "null", stderr: "null" }).outputSync();
    return performance.now() - start;
  } catch {
    return undefined;
  }
}

/** Until COM1's file has its first byte. */
async function measureBochs(): Promise<number | undefined> {
  if (!existsSync("/usr/bin/bochs")) return undefined;
  const directory = mkdtempSync(join(tmpdir(), "ring0-bochs-"));
  const disk = join(directory, "disk");
  const serial = join(directory, "serial");
  // Bochs wants whole cylinders.
  const bytes = new Uint8Array(16 * 63 * 512);
  bytes.set(Deno.readFileSync(IMAGE));
  writeFileSync(disk, bytes);
  writeFileSync(
    join(directory, "bochsrc"),
    [
      'display_library: rfb, options="timeout=0"',
      "romimage: file=/usr/share/bochs/BIOS-bochs-latest",
      "vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest",
      "memory: guest=128, host=128",
      `ata0-master: type=disk, path=${disk}, mode=volatile, cylinders=1, heads=16, spt=63`,
      "boot: disk",
      `com1: enabled=1, mode=file, dev=${serial}`,
      `log: ${join(directory, "log")}`,
      "panic: action=fatal",
      "",
    ].join("\n"),
  );
  const start = performance.now();
  const child = new Deno.Command("/usr/bin/bochs", {
    args: ["-q", "-f", join(directory, "bochsrc")],
    stdin: "piped",
    stdout: "null",
    stderr: "null",
  }).spawn();
  // Debian's Bochs has its debugger in: "c" lets the guest go.
  const debuggerInput = child.stdin.getWriter();
  await debuggerInput.write(new TextEncoder().encode("c\n"));
  let result: number | undefined;
  while (result === undefined && performance.now() - start < LIMIT_MS) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    if (existsSync(serial) && statSync(serial).size > 0) result = performance.now() - start;
  }
  try {
    child.kill("SIGKILL");
  } catch {
    // It has ended already.
  }
  await child.status;
  await debuggerInput.close().catch(() => {});
  rmSync(directory, { recursive: true });
  return result;
}

/** The report. */
export async function run(): Promise<string> {
  const ours = Array.from({ length: RUNS }, measureOurs);
  const best = (values: readonly (number | undefined)[]) => {
    const known = values.filter((value) => value !== undefined);
    return known.length === 0 ? undefined : Math.min(...known);
  };
  const process = best(Array.from({ length: RUNS }, () =>
    measureProcess(
      ["run", "-A", "--no-check", cliPath(), "run", IMAGE, "--display", "none"],
      Deno.execPath(),
    )));
  const qemu = best(Array.from({ length: RUNS }, () =>
    measureProcess([
      ...["-display", "none", "-serial", "null", "-drive", `format=raw,file=${IMAGE},snapshot=on`],
      ...["-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"],
    ], "qemu-system-x86_64")));
  const bochs: (number | undefined)[] = [];
  for (let i = 0; i < RUNS; i++) bochs.push(await measureBochs());
  const ms = (value: number | undefined) =>
    value === undefined ? "not here" : cell(value, 0, " ms");
  return table(["", "host time", "guest instructions"], [
    [
      "ours, new Machine to the first line",
      ms(best(ours.map((r) => r.firstMs))),
      cell(
        ours[0].instructions,
        0,
      ),
    ],
    ["ours, new Machine to the exit", ms(best(ours.map((r) => r.totalMs))), ""],
    ["ours, process start to end", ms(process), ""],
    ["QEMU (TCG), process start to end", ms(qemu), ""],
    ["Bochs, process start to the first byte on COM1", ms(best(bochs)), ""],
  ]);
}

function cliPath(): string {
  return fileURLToPath(new URL("../cli/main.ts", import.meta.url));
}
