/** Images that Debian made: `apt-get install grub-rescue-pc`. CI installs it. */
import { ok } from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { Machine } from "ring0";

const GRUB_FLOPPY = "/usr/lib/grub-rescue/grub-rescue-floppy.img";
const isHere = existsSync(GRUB_FLOPPY);

Deno.test({
  name: "Debian's GRUB rescue floppy boots to its menu" +
    (isHere ? "" : ` (ignored: no ${GRUB_FLOPPY}; install grub-rescue-pc)`),
  // Where everything is installed, its absence is a failure.
  ignore: !isHere && Deno.env.get("CI") === undefined,
  fn() {
    const machine = new Machine();
    machine.boot(new Uint8Array(readFileSync(GRUB_FLOPPY)));
    const stop = machine.run({
      instructions: 400_000_000,
      until: () => machine.screen.contains("The highlighted entry will be executed"),
      untilEvery: 1_000_000,
    });
    ok(stop.kind === "until", `${stop.text}\n${machine.screen.text()}`);
    ok(machine.screen.contains("GNU GRUB  version 2"));
  },
});
