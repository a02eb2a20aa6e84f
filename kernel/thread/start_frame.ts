/** The first trap frame of a thread: it starts by returning from an interrupt that never was. */
import { type Machine, RFLAGS } from "../../machine/mod.ts";
import { TRAP_FRAME_BYTES, TrapFrame } from "../frames.ts";

/** Where a thread starts, as a trap frame has it. */
export interface StartFrame {
  readonly rip: number | bigint;
  readonly rsp: number | bigint;
  readonly codeSegment: number;
  readonly stackSegment: number;
}

const ARGUMENTS = ["rdi", "rsi", "rdx", "rcx", "r8", "r9"] as const;

/**
 * Writes the frame below `end`: interrupts enabled, the arguments in their registers, all other
 * registers 0.
 *
 * @throws {RangeError} If there are more than six arguments.
 */
export function writeStartFrame(
  machine: Machine,
  end: number,
  start: StartFrame,
  args: readonly (number | bigint)[],
): TrapFrame {
  checkArguments(args);
  const frame = new TrapFrame(machine, BigInt(end - TRAP_FRAME_BYTES));
  frame.write(new Uint8Array(TRAP_FRAME_BYTES));
  frame.instructionPointer = start.rip;
  frame.stackPointer = start.rsp;
  frame.codeSegment = start.codeSegment;
  frame.stackSegment = start.stackSegment;
  frame.cpuFlags = RFLAGS.FIXED | RFLAGS.IF;
  args.forEach((value, i) => frame.set(ARGUMENTS[i], BigInt.asUintN(64, BigInt(value))));
  return frame;
}

/** @throws {RangeError} If there are more than six arguments. */
export function checkArguments(args: readonly (number | bigint)[]): void {
  if (args.length > ARGUMENTS.length) {
    throw new RangeError(`Cannot pass ${args.length} arguments: there are registers for six`);
  }
}
