import { walkText } from "../door.ts";
import { type Command, readAddress } from "./command.ts";

/** `.walk ADDR`: how an address is translated. */
export const walk: Command = {
  name: "walk",
  parameters: "ADDR",
  summary: "Follows an address through the TLB and the page tables.",
  arity: [1, 1],
  async run(context, args) {
    const address = await readAddress(context, args[0]);
    const { mmu } = await context.machine();
    context.print(walkText(mmu.translate(address), { colour: context.colour }));
  },
};
