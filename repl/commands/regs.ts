import { registersText } from "../door.ts";
import type { Command } from "./command.ts";

/** `.regs`: all registers. */
export const regs: Command = {
  name: "regs",
  parameters: "",
  summary: "Shows the registers, flags, segments and control registers.",
  arity: [0, 0],
  async run(context) {
    const { cpu } = await context.machine();
    context.print(registersText(cpu.registers(), { colour: context.colour }));
  },
};
