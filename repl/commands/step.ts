import { registerChanges } from "../door.ts";
import { type Command, instructionAddress, readCount } from "./command.ts";
import { disassembleAt, instructionLine } from "./unassemble.ts";

/** `.step [N]`: one instruction after the other, with what each changed. */
export const step: Command = {
  name: "step",
  parameters: "[N]",
  summary: "Executes one instruction, or N, and shows what each did.",
  details: "Ctrl-C ends a long series.",
  arity: [0, 1],
  async run(context, args) {
    const count = args.length === 0 ? 1 : await readCount(context, args[0], 1_000_000);
    const machine = await context.machine();
    for (let i = 0; i < count; i++) {
      if (machine.interruptFlag !== undefined && Atomics.load(machine.interruptFlag, 0) !== 0) {
        Atomics.store(machine.interruptFlag, 0, 0);
        context.print(`paused after ${i} instructions`);
        return;
      }
      const before = machine.cpu.registers();
      const address = instructionAddress(before);
      const [instruction] = disassembleAt(context, machine, address, 1, before);
      const result = machine.step();
      const changes = registerChanges(before, machine.cpu.registers()).join(", ");
      const line = instruction === undefined
        ? `${address.toString(16)}  (not mapped)`
        : instructionLine(instruction, before);
      context.print(changes === "" ? line : `${line.padEnd(64)}  ; ${changes}`);
      const stop = stopText(result);
      if (stop !== undefined) {
        context.print(stop);
        return;
      }
    }
  },
};

/** A step that ended otherwise than by its instruction says why. */
function stopText(result: unknown): string | undefined {
  if (typeof result !== "object" || result === null || !("stop" in result)) return undefined;
  const { stop } = result;
  if (typeof stop !== "object" || stop === null || !("kind" in stop)) return undefined;
  if (stop.kind === "budget") return undefined;
  return "text" in stop ? String(stop.text) : String(stop.kind);
}
