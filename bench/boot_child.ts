/** Boots the kernel and prints what it took as JSON; `null` while there is no kernel. */
import * as ring0 from "../mod.ts";

const GREETING = "Hello World!";
const start = performance.now();
const { Kernel, Machine } = ring0 as unknown as {
  Kernel?: { boot(machine: ring0.Machine): unknown };
  Machine: typeof ring0.Machine;
};

if (Kernel === undefined) {
  console.log("null");
} else {
  const machine = new Machine();
  Kernel.boot(machine);
  const bootMs = performance.now() - start;
  if (!machine.screen.text().includes(GREETING)) throw new Error(`no "${GREETING}" on the screen`);
  const rssMiB = Deno.memoryUsage().rss / 2 ** 20;
  console.log(JSON.stringify({ bootMs, rssMiB, instructions: machine.retired }));
}
