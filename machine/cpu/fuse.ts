/**
 * Fusing a hot block: the routines of its instructions become one, without the calls between
 * them, with their operands as numbers, and without flags that nobody sees.
 *
 * The fused routine takes the place of the block's header; the records stay, for whoever needs a
 * position. It does what the records do, one by one: same faults, same counts, same ways out.
 */
import { STATE } from "../memory/layout.ts";
import { FIRST_OPERAND, lower, type Lowered } from "./emit.ts";
import type { FlagName, MicroOp } from "./microop.ts";

const ALL_FLAGS: readonly FlagName[] = ["C", "P", "A", "Z", "S", "O"];

/** Micro-operations at which the flags so far can be seen: by a fault's handler or a helper. */
const WINDOWS: ReadonlySet<MicroOp["op"]> = new Set([
  "load",
  "store",
  "segment",
  "call",
  "sync",
  "raise",
  "checkTarget",
  "exit",
  "exitNext",
  "jump",
  "goto",
]);

/**
 * Makes a block's fused routine.
 *
 * @param instructions The micro-operations, instruction by instruction.
 * @param first Index of the first instruction's record in the arena.
 */
export function fuse(
  instructions: readonly (readonly MicroOp[])[],
  first: number,
  user: boolean,
): Lowered {
  const left = `I[${STATE.left >> 2}]`;
  const count = instructions.length;
  const lines = [`const n=(${left}-${count})|0;if(n<0)return leaveBlock(p);${left}=n;`];
  const helpers = new Set<string>();
  const dead = deadFlags(instructions);
  let at = first;
  let terminates = false;
  instructions.forEach((ops, index) => {
    const lowered = lower(ops, { user, at, dead: dead[index] });
    lines.push(`{${lowered.text}}`);
    for (const helper of lowered.helpers) helpers.add(helper);
    at += FIRST_OPERAND + lowered.operands.length;
    terminates = lowered.terminates;
  });
  // Whoever falls out at the end takes the link record that follows the block.
  if (!terminates) lines.push(`return ${at};`);
  return { text: lines.join("\n"), operands: [], helpers, terminates: true, leaves: true };
}

/** Per instruction: the flags that it computes and that are overwritten before they are seen. */
export function deadFlags(
  instructions: readonly (readonly MicroOp[])[],
): ReadonlySet<FlagName>[] {
  const dead: Set<FlagName>[] = [];
  const live = new Set<FlagName>(ALL_FLAGS);
  for (let index = instructions.length - 1; index >= 0; index--) {
    const ops = instructions[index];
    dead[index] = new Set(ALL_FLAGS.filter((flag) => !live.has(flag)));
    let depth = 0;
    for (const op of ops) {
      if (op.op === "if") depth++;
      else if (op.op === "end") depth--;
      else if (depth === 0) { for (const flag of written(op)) live.delete(flag); }
    }
    // What the instruction itself reads, or lets others see, it reads before it writes.
    for (const op of ops) for (const flag of read(op)) live.add(flag);
  }
  return dead;
}

function written(op: MicroOp): readonly FlagName[] {
  switch (op.op) {
    case "flagsResult":
      return ["Z", "S", "P"];
    case "flagsAdd":
    case "flagsSub":
      return op.carry ? ["C", "O", "A"] : ["O", "A"];
    case "setFlag":
      return [op.flag];
    default:
      return [];
  }
}

function read(op: MicroOp): readonly FlagName[] {
  if (WINDOWS.has(op.op) || op.op === "condition") return ALL_FLAGS;
  return op.op === "getFlag" ? [op.flag] : [];
}
