import type { Command } from "./command.ts";

/** `.reset`: the reset button. */
export const reset: Command = {
  name: "reset",
  parameters: "",
  summary: "Resets the machine: the CPU is at F000:FFF0 in real mode again.",
  arity: [0, 0],
  async run(context) {
    const machine = await context.machine();
    machine.reset();
    context.print("reset");
  },
};
