/** Our machine and QEMU's, instruction by instruction. Needs `qemu-system-x86_64`. */
import { fail, ok, strictEqual } from "node:assert/strict";
import { COMPARED_MEMORY, lockstep, type LockstepResult } from "../../tools/lockstep/differ.ts";
import { OurTarget } from "../../tools/lockstep/ours.ts";
import { hasQemu, QemuTarget } from "../../tools/lockstep/qemu.ts";
import { reportText } from "../../tools/lockstep/report.ts";
import { romFromElf, romFromImage } from "../../tools/lockstep/rom.ts";

/** QEMU takes about 4,000 steps a second; all of this shall stay below a minute. */
const PROGRAM_STEPS = 8000;
const IMAGES = new URL("../../tools/lockstep/images/", import.meta.url);
const ELFS = new URL("../programs/elf/", import.meta.url);

const inCi = (Deno.env.get("CI") ?? "") !== "";
const present = hasQemu();
// In CI a missing QEMU is an error: the test runs, and fails to start it.
const ignore = !present && !inCi;
const reason = ignore ? " (skipped: qemu-system-x86_64 is not installed)" : "";

async function run(rom: Uint8Array, steps: number): Promise<LockstepResult> {
  const qemu = await QemuTarget.start({ rom });
  try {
    const result = await lockstep(new OurTarget(rom), qemu, {
      steps,
      memory: COMPARED_MEMORY,
    });
    if (result.difference !== undefined) fail(`\n${reportText(result, ["ours", "qemu"])}`);
    return result;
  } finally {
    await qemu.close();
  }
}

Deno.test({
  name: `QEMU agrees through all modes: modes.asm${reason}`,
  ignore,
  async fn() {
    const { reason, steps } = await run(
      romFromImage(Deno.readFileSync(new URL("modes.bin", IMAGES))),
      20_000,
    );
    strictEqual(reason, "ended");
    ok(steps > 5000);
  },
});

/** Each program once, the builds taken in turn. */
const BUILDS = ["O0-64", "O2-32", "Os-64", "O2bmi-64", "O0-32", "O2-64", "Os-32"];
const programs = Array.from(Deno.readDirSync(new URL("../programs/expected/", import.meta.url)))
  .map(({ name }) => name.replace(".txt", "")).sort();

programs.forEach((program, i) => {
  const elf = `${program}-${BUILDS[i % BUILDS.length]}.elf`;
  Deno.test({
    name: `QEMU agrees on the first ${PROGRAM_STEPS} instructions of ${elf}${reason}`,
    ignore,
    async fn() {
      await run(romFromElf(Deno.readFileSync(new URL(elf, ELFS))), PROGRAM_STEPS);
    },
  });
});
