/**
 * Draws the README's pictures anew: `docs/screen.svg` and `docs/walk.svg`.
 *
 *     deno run --allow-read --allow-write tools/readme_pictures.ts
 *
 * What they show is a machine that runs here, and so the same on every computer.
 */
import { Kernel, Machine } from "ring0";

const DOCS = new URL("../docs/", import.meta.url);

/** A booted kernel's screen behind a breakpoint and some ticks and keys. */
function screen(): string {
  const machine = new Machine();
  const kernel = Kernel.boot(machine, { stage: "interrupts" });
  kernel.idt.setHandler("breakpoint", (frame) => {
    kernel.println(`EXCEPTION: BREAKPOINT\n${frame}`);
  });
  kernel.cpu.int3();
  kernel.println("It did not crash!");
  kernel.println("");
  machine.keyboard.type("typed on the machine's own keyboard");
  machine.run({ instructions: 50_000_000, until: () => !machine.keyboard.typing });
  return machine.screen.picture().svg;
}

/** How a write by user code to the kernel's screen is refused, level by level. */
function walk(): string {
  const machine = new Machine();
  Kernel.boot(machine, { stage: "interrupts" });
  return machine.show.walk(0xb8000, { access: "write", cpl: 3 }).svg;
}

await Deno.mkdir(DOCS, { recursive: true });
await Deno.writeTextFile(new URL("screen.svg", DOCS), screen());
await Deno.writeTextFile(new URL("walk.svg", DOCS), walk());
