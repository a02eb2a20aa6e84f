/**
 * Transfers to other segments, privileges and tasks: far JMP, CALL, RET; IRET; INT n and its kin;
 * SYSCALL, SYSENTER and back; VMCALL. The helpers set RIP.
 *
 * @see Intel SDM Vol. 1, "Control Transfer Instructions"
 */
import { VECTOR } from "../../arch/exceptions.ts";
import type { Builder } from "../builder.ts";
import type { ImmediateOperand, MemoryOperand, Operand } from "../decode/instruction.ts";
import type { Value } from "../microop.ts";
import type { Semantics, SemanticsFamily } from "./semantics.ts";
import { asMemory } from "./common.ts";
import { farPointer } from "./system_segments.ts";

export const SYSTEM_FAR: SemanticsFamily = {
  jmp_far: (b, [target]) => far(b, target, "farJump"),
  call_far: (b, [target]) => far(b, target, "farCall"),

  ret_far: (b, [extra]) => {
    const bytes = extra === undefined ? 0 : (extra as ImmediateOperand).low & 0xffff;
    leave(b, "farReturn", b.constant(4, b.size), b.parameter(4, bytes));
  },

  iret: (b) => leave(b, "iret", b.constant(4, b.size)),

  int: (b, [vector]) =>
    leave(b, "softwareInterrupt", b.parameter(4, (vector as ImmediateOperand).low & 0xff)),
  int3: (b) => leave(b, "softwareException", b.constant(4, VECTOR.BP)),
  int1: (b) => leave(b, "debugInterrupt"),
  into: (b) => b.when(b.flag("O"), () => leave(b, "softwareException", b.constant(4, VECTOR.OF))),

  /** BOUND: #BR unless lower <= index <= upper, signed. */
  bound: (b, [index, bounds]) => {
    const memory = asMemory(bounds);
    const value = b.read(index);
    const address = b.address(memory);
    const lower = b.load(b.size, address);
    const upper = b.load(b.size, b.add(address, b.constant(address.size, b.size)));
    const isOutside = b.or(b.compare("lts", value, lower), b.compare("lts", upper, value));
    b.when(isOutside, () => b.raise(VECTOR.BR));
  },

  syscall: transfer("systemCall"),
  sysret: (b) => leave(b, "systemReturn", b.constant(4, b.size === 8 ? 8 : 4)),
  sysenter: transfer("fastEnter"),
  sysexit: (b) => leave(b, "fastExit", b.constant(4, b.size === 8 ? 8 : 4)),
  vmcall: transfer("hypercall"),
};

/** Calls a helper that sets RIP. */
function leave(b: Builder, helper: string, ...args: Value[]): void {
  b.sync();
  b.call(helper, ...args);
  b.exit();
}

function transfer(helper: string): Semantics {
  return (b) => leave(b, helper);
}

/** JMP and CALL to a far pointer, in the instruction or in memory. */
function far(b: Builder, target: Operand, helper: string): void {
  if (target.kind === "far") {
    const selector = b.parameter(4, target.selector);
    const offset = b.parameter(8, target.offset | 0, 0);
    return leave(b, helper, selector, offset, b.constant(4, b.size));
  }
  const { offset, selector } = farPointer(b, target as MemoryOperand);
  leave(b, helper, b.zext(selector, 4), b.zext64(offset), b.constant(4, b.size));
}
