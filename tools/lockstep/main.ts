/**
 * `deno run -A tools/lockstep/main.ts IMAGE [--steps N] [--memory MIB] [--history N] [--cpu MODEL]`
 *
 * Steps our CPU and QEMU side by side through an ELF program or a ROM image and prints the first
 * difference in columns. Exit status: 0 alike, 1 different, 2 cannot run.
 */
import { parseArgs } from "node:util";
import { COMPARED_MEMORY, lockstep } from "./differ.ts";
import { OurTarget } from "./ours.ts";
import { hasQemu, QemuTarget } from "./qemu.ts";
import { reportText } from "./report.ts";
import { romFromElf, romFromImage } from "./rom.ts";

const USAGE = "Usage: deno run -A tools/lockstep/main.ts IMAGE" +
  " [--steps N] [--memory MIB] [--history N] [--cpu MODEL]";

/** @returns The exit status. */
export async function main(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      steps: { type: "string", default: "100000" },
      memory: { type: "string", default: "64" },
      history: { type: "string", default: "10" },
      cpu: { type: "string", default: "max" },
    },
  });
  if (positionals.length !== 1) {
    console.error(USAGE);
    return 2;
  }
  if (!hasQemu()) {
    console.error("Cannot run in lock-step: qemu-system-x86_64 is not installed");
    return 2;
  }
  const image = await Deno.readFile(positionals[0]);
  const rom = image[0] === 0x7f && image[1] === 0x45 ? romFromElf(image) : romFromImage(image);
  const memoryMiB = Number(values.memory);
  const ours = new OurTarget(rom, memoryMiB);
  const qemu = await QemuTarget.start({ rom, memoryMiB, cpu: values.cpu });
  try {
    const result = await lockstep(ours, qemu, {
      steps: Number(values.steps),
      history: Number(values.history),
      memory: COMPARED_MEMORY,
    });
    console.log(reportText(result, ["ours", "qemu"]));
    return result.reason === "difference" ? 1 : 0;
  } finally {
    await qemu.close();
  }
}

if (import.meta.main) {
  try {
    Deno.exit(await main(Deno.args));
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    Deno.exit(2);
  }
}
