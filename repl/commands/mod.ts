/** All monitor commands, in the order in which `.help` lists them. */
import type { Command } from "./command.ts";
import { examine } from "./examine.ts";
import { exit } from "./exit.ts";
import { help } from "./help.ts";
import { regs } from "./regs.ts";
import { reset } from "./reset.ts";
import { run } from "./run.ts";
import { screen } from "./screen.ts";
import { step } from "./step.ts";
import { unassemble } from "./unassemble.ts";
import { walk } from "./walk.ts";

export const COMMANDS: readonly Command[] = [
  regs,
  step,
  run,
  examine,
  walk,
  unassemble,
  screen,
  reset,
  help,
  exit,
];
