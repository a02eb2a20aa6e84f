import { type Command, instructionAddress, readCount } from "./command.ts";
import { disassembleAt, instructionLine } from "./unassemble.ts";

const DEFAULT_INSTRUCTIONS = 10_000_000;

/** `.run [N]`: lets the machine go. */
export const run: Command = {
  name: "run",
  parameters: "[N]",
  summary: `Runs until something stops it, at most N instructions (${
    DEFAULT_INSTRUCTIONS.toLocaleString("en-GB")
  }).`,
  details: "Ctrl-C pauses the machine. Says why it stopped and shows the next instruction.",
  arity: [0, 1],
  async run(context, args) {
    const instructions = args.length === 0
      ? DEFAULT_INSTRUCTIONS
      : await readCount(context, args[0], Number.MAX_SAFE_INTEGER);
    const machine = await context.machine();
    const stop = machine.run({ instructions });
    context.print(stop.text ?? stop.kind);
    const registers = machine.cpu.registers();
    const address = instructionAddress(registers);
    for (const line of disassembleAt(context, machine, address, 1, registers)) {
      context.print(instructionLine(line, registers));
    }
  },
};
