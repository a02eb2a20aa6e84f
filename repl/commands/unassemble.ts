import type { RegistersSnapshot, ReplInstruction, ReplMachine } from "../door.ts";
import {
  codeBits,
  type Command,
  type CommandContext,
  instructionAddress,
  readAddress,
  readCount,
  readMapped,
} from "./command.ts";

const DEFAULT_INSTRUCTIONS = 10;
const LONGEST_INSTRUCTION = 15;

/** `.u [ADDR] [N]`: disassembly, by default from the next instruction on. */
export const unassemble: Command = {
  name: "u",
  parameters: "[ADDR] [N]",
  summary: `Disassembles N instructions (${DEFAULT_INSTRUCTIONS}) at ADDR, or at the next one.`,
  details: "The code's size, 16, 32 or 64 bits, is that of the mode the CPU is in.",
  arity: [0, 2],
  async run(context, args) {
    const machine = await context.machine();
    const registers = machine.cpu.registers();
    const address = args.length === 0
      ? instructionAddress(registers)
      : await readAddress(context, args[0]);
    const count = args.length < 2 ? DEFAULT_INSTRUCTIONS : await readCount(context, args[1], 4096);
    // Throws if nothing is there at all.
    readMapped(machine, address, 1);
    for (const line of disassembleAt(context, machine, address, count, registers)) {
      context.print(instructionLine(line, registers));
    }
  },
};

/** Disassembles what is mapped of `count` instructions; nothing, if nothing is. */
export function disassembleAt(
  context: CommandContext,
  machine: ReplMachine,
  address: bigint,
  count: number,
  registers: RegistersSnapshot,
): readonly ReplInstruction[] {
  const bytes = (() => {
    try {
      return readMapped(machine, address, count * LONGEST_INSTRUCTION);
    } catch {
      return new Uint8Array(0);
    }
  })();
  return context.disassemble(bytes, { bits: codeBits(registers), address, count });
}

/** `→ 0000000000100000  48 89 d8              mov rax, rbx`, the arrow at the next instruction. */
export function instructionLine(
  { address, bytes, text }: ReplInstruction,
  registers: RegistersSnapshot,
): string {
  const mark = address === instructionAddress(registers) ? "→" : " ";
  const width = codeBits(registers) === 64 ? 16 : 8;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
  return `${mark} ${address.toString(16).padStart(width, "0")}  ${hex.padEnd(24)}  ${text}`;
}
