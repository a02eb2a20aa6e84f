/** Runs the interpreter program again and again; prints sizes before and after, after warm-up. */
import { Machine } from "../machine/mod.ts";

const WARM_UP = 300_000_000;
const elf = Deno.readFileSync(
  new URL("../tests/programs/bench/interpreter.elf", import.meta.url),
);
const machine = new Machine();
machine.load(elf);
const entry = machine.cpu.rip;

/** Runs so many instructions; the program starts over whenever it has ended. */
function work(instructions: number): void {
  const end = machine.retired + instructions;
  while (machine.retired < end) {
    const stop = machine.run({ instructions: end - machine.retired });
    if (stop.kind === "exit") machine.cpu.rip = entry;
    else if (stop.kind !== "budget") throw new Error(stop.text);
  }
}

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
