/** Runs the interpreter program again and again; prints sizes before and after, after warm-up. */
import { Machine } from "../machine/mod.ts";

const WARM_UP = 100_000_000;
const elf = Deno.readFileSync(
  new URL("../tests/programs/bench/interpreter.elf", import.meta.url),
);
const machine = new Machine();

/** Runs so many instructions, loading the program whenever it has ended. */
function work(instructions: number): void {
  const end = machine.retired + instructions;
  while (machine.retired < end) {
    const stop = machine.run({ instructions: end - machine.retired });
    if (stop.kind === "exit") machine.load(elf);
    else if (stop.kind !== "budget") throw new Error(stop.text);
  }
}

machine.load(elf);
work(WARM_UP);
const before = Deno.memoryUsage();
const [startMs, start] = [performance.now(), machine.retired];
work(Number(Deno.args[0]));
const endMs = performance.now();
const after = Deno.memoryUsage();
console.log(
  "\nRESULT " + JSON.stringify({
    startMs,
    endMs,
    instructions: machine.retired - start,
    rssBefore: before.rss,
    rssAfter: after.rss,
    heapBefore: before.heapUsed,
    heapAfter: after.heapUsed,
  }),
);
