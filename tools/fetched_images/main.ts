/**
 * Runs disk images that are not ours, here and under QEMU, and compares screen, COM1 and status.
 *
 * ```sh
 * deno run -A tools/fetched_images/main.ts [--seconds 5] [--keys abc] IMAGE…
 * ```
 *
 * The images stay where they are; none is ever put into this repository. Two differences are
 * expected, and not counted: runs of dots (timer ticks, a matter of when one looks), and RF in
 * the flags that a page fault pushed, which processors set and QEMU's translator does not.
 */
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { parseArgs } from "node:util";
import { Machine } from "../../mod.ts";
import { decodeCp437 } from "../../machine/views/cp437.ts";
import { type Outcome, runQemu } from "./qemu.ts";

const BUDGET = 1_000_000_000;
const MEMORY = 128 << 20;
const COLUMNS = 80;
const TYPED_NS = 1_500_000_000;

function runOurs(path: string, keys: string): Outcome & { readonly why: string } {
  const machine = new Machine({ memory: MEMORY });
  machine.boot(new Uint8Array(readFileSync(path)));
  let stop = machine.run({
    instructions: BUDGET,
    until: () => keys !== "" && machine.clock.nowNs > TYPED_NS,
    untilEvery: 1_000_000,
  });
  if (stop.kind === "until") {
    machine.keyboard.type(keys);
    stop = machine.run({ instructions: BUDGET });
  }
  return {
    status: stop.kind === "exit" ? stop.status : undefined,
    serial: machine.serial.output,
    text: machine.physical.read(0xb8000, 4000),
    why: stop.text.split("\n")[0],
  };
}

/** The screen's lines without what may differ. */
function comparable(text: Uint8Array): string {
  const characters = decodeCp437(text.filter((_, i) => i % 2 === 0));
  const lines = Array.from(
    { length: characters.length / COLUMNS },
    (_, row) => characters.slice(row * COLUMNS, (row + 1) * COLUMNS).trimEnd(),
  );
  return lines.join("\n").replace(/\.+/g, "").replace(/0x10([0-9a-f]{3})\b/g, "0x$1")
    .replace(/0x(0*)([0-9a-f]{1,3})\b/g, "0x$2").split("\n").filter((line) => line !== "")
    .join("\n");
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({
    args: Deno.args,
    allowPositionals: true,
    options: {
      seconds: { type: "string", default: "5" },
      keys: { type: "string", default: "" },
    },
  });
  let same = 0;
  for (const path of positionals) {
    const theirs = await runQemu(path, Number(values.seconds), values.keys);
    const ours = runOurs(path, values.keys);
    const differences = [
      ours.status === theirs.status ? "" : `status ${ours.status} for ${theirs.status}`,
      ours.serial === theirs.serial ? "" : "COM1",
      theirs.text === undefined || comparable(ours.text!) === comparable(theirs.text)
        ? ""
        : `screen\n--- ours\n${comparable(ours.text!)}\n--- QEMU\n${comparable(theirs.text)}\n---`,
    ].filter((difference) => difference !== "");
    if (differences.length === 0) same++;
    console.log(
      `${differences.length === 0 ? "same" : "DIFFERS"}  ${basename(path)}  ${ours.why}  ` +
        differences.join(", "),
    );
  }
  console.log(`${same} of ${positionals.length} are the same`);
  if (same < positionals.length) Deno.exitCode = 1;
}
