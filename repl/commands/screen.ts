import { screenText } from "../door.ts";
import type { Command } from "./command.ts";

/** `.screen`: what the display shows. */
export const screen: Command = {
  name: "screen",
  parameters: "",
  summary: "Shows the text screen.",
  arity: [0, 0],
  async run(context) {
    const machine = await context.machine();
    context.print(screenText(machine.screen.text(), 80, 25, { colour: context.colour }));
  },
};
