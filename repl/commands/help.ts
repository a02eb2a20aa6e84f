import { type Command, CommandError, usage } from "./command.ts";

/** `.help [COMMAND]`: what there is, or one command's story. */
export const help: Command = {
  name: "help",
  parameters: "[COMMAND]",
  summary: "Lists the commands, or explains one.",
  arity: [0, 1],
  run(context, args) {
    const { commands } = context;
    if (args.length > 0) {
      const name = args[0].replace(/^\./, "");
      const command = commands.find((one) => one.name === name);
      if (command === undefined) {
        throw new CommandError(`Cannot explain .${name}: no such command (see .help)`);
      }
      context.print(`${usage(command)}\n  ${command.summary}`);
      if (command.details !== undefined) context.print(`  ${command.details}`);
      return;
    }
    const width = Math.max(...commands.map((command) => usage(command).length));
    for (const command of commands) {
      context.print(`${usage(command).padEnd(width)}  ${command.summary}`);
    }
    context.print(
      "\nAnything else is TypeScript: `machine`, `kernel` and all that mod.ts exports are at hand,\n" +
        "`_` is the last result. ADDR and N are numbers, registers or expressions: .x rsp 32",
    );
  },
};
