import { hexdump } from "../door.ts";
import { type Command, readAddress, readCount, readMapped } from "./command.ts";

const DEFAULT_BYTES = 64;
const MOST_BYTES = 0x1_0000;

/** `.x ADDR [N]`: memory through the tables, without side effects. */
export const examine: Command = {
  name: "x",
  parameters: "ADDR [N]",
  summary: `Dumps N bytes (${DEFAULT_BYTES}) of virtual memory.`,
  details: "Stops where nothing is mapped. Neither faults nor sets accessed bits.",
  arity: [1, 2],
  async run(context, args) {
    const address = await readAddress(context, args[0]);
    const wanted = args.length < 2 ? DEFAULT_BYTES : await readCount(context, args[1], MOST_BYTES);
    const bytes = readMapped(await context.machine(), address, wanted);
    context.print(hexdump(bytes, address, { colour: context.colour }));
    if (bytes.length < wanted) {
      context.print(`0x${(address + BigInt(bytes.length)).toString(16)}: not mapped`);
    }
  },
};
