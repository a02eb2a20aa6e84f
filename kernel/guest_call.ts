/** Calls of guest code by the System V convention, as a trap would see them: nothing is lost. */
import type { CpuDoor } from "../machine/mod.ts";

const ARGUMENTS = ["rdi", "rsi", "rdx", "rcx", "r8", "r9"] as const;
/** Registers that the routine may change, and the caller gets back. */
const SAVED = [
  ...["rax", "rbx", "rbp"] as const,
  ...ARGUMENTS,
  ...["r10", "r11", "r12", "r13", "r14", "r15"] as const,
] as const;
const INTERRUPT_FLAG = 0x200n;

/**
 * Calls the routine at `address`. The caller's registers and flags are kept, but for IF.
 *
 * @param args At most six, in RDI, RSI, RDX, RCX, R8, R9.
 * @returns RAX.
 * @throws {RangeError} If there are more than six arguments.
 */
export function callGuest(
  cpu: CpuDoor,
  address: number | bigint,
  args: readonly (number | bigint)[],
): bigint {
  if (args.length > ARGUMENTS.length) {
    throw new RangeError(`Cannot pass ${args.length} arguments: registers hold six`);
  }
  const before = SAVED.map((name) => cpu[name]);
  const { rflags } = cpu;
  args.forEach((value, i) => {
    cpu[ARGUMENTS[i]] = BigInt.asUintN(64, BigInt(value));
  });
  cpu.call(address);
  const result = cpu.rax;
  SAVED.forEach((name, i) => {
    cpu[name] = before[i];
  });
  cpu.rflags = (rflags & ~INTERRUPT_FLAG) | (cpu.rflags & INTERRUPT_FLAG);
  return result;
}
