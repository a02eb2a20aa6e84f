import { type Command, CommandError, readNumber } from "./command.ts";

/** `.exit [STATUS]`: leaves. */
export const exit: Command = {
  name: "exit",
  parameters: "[STATUS]",
  summary: "Leaves, with an exit status (0, or 1 after an error in piped input).",
  arity: [0, 1],
  async run(context, args) {
    if (args.length === 0) {
      context.exit(undefined);
      return;
    }
    const status = await readNumber(context, args[0], "status");
    if (status < 0n || status > 255n) {
      throw new CommandError(`Cannot exit with ${args[0]}: a status is from 0 to 255`);
    }
    context.exit(Number(status));
  },
};
