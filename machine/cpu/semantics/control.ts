/**
 * Near transfers. A target that cannot be is #GP(0) before anything has changed.
 *
 * @see Intel SDM Vol. 1, "Control Transfer Instructions"
 */
import { VECTOR } from "../../arch/exceptions.ts";
import type { Builder } from "../builder.ts";
import type { ConditionOperand, Operand, RelativeOperand } from "../decode/instruction.ts";
import type { Value } from "../microop.ts";
import { GPR } from "./common.ts";
import type { SemanticsFamily } from "./semantics.ts";

export const CONTROL: SemanticsFamily = {
  jmp: (b, [target]) => {
    if (target.kind === "relative") return b.jumpRelative(target.displacement);
    const rip = b.read(target);
    b.checkTarget(rip);
    b.jump(rip);
  },

  jcc: (b, [condition, target]) =>
    b.branch(b.condition((condition as ConditionOperand).condition), displacement(target)),

  call: (b, [target]) => {
    if (target.kind === "relative") {
      if (!b.relativeTarget(target.displacement).valid) return b.raise(VECTOR.GP, 0);
      b.push(b.nextRipValue(b.size));
      return b.jumpRelative(target.displacement);
    }
    const rip = b.read(target);
    // Silicon looks at the stack segment before it looks at the target.
    const pointer = b.sub(b.stackPointer(), b.constant(b.stackSize, b.size));
    const top = b.stackAddress(pointer, b.size, true);
    b.checkTarget(rip);
    b.store(top, b.nextRipValue(b.size), { stack: true });
    b.setRegister(4, pointer);
    b.jump(rip);
  },

  /** RET; the immediate drops arguments. */
  ret: (b, [extra]) => {
    const rip = b.peekStack(b.size);
    b.checkTarget(rip);
    const arguments_ = extra?.kind === "immediate" ? extra.low & 0xffff : 0;
    b.dropStack(b.parameter(b.stackSize, arguments_ + b.size));
    b.jump(rip);
  },

  loop: (b, [target]) => loop(b, target, (more) => more),
  loope: (b, [target]) => loop(b, target, (more) => b.and(more, b.flag("Z"))),
  loopne: (b, [target]) => loop(b, target, (more) => b.and(more, b.isZero(b.flag("Z")))),

  /** JCXZ, JECXZ, JRCXZ by the address size. */
  jcxz: (b, [target]) =>
    b.branch(b.isZero(b.register(GPR.RCX, b.instruction.addressSize)), displacement(target)),
};

/** Counts rCX down; changes no flag. */
function loop(b: Builder, target: Operand, taken: (more: Value) => Value): void {
  const size = b.instruction.addressSize;
  const count = b.sub(b.register(GPR.RCX, size), b.constant(size, 1));
  const condition = taken(b.compare("ne", count, b.constant(size, 0)));
  const { valid } = b.relativeTarget(displacement(target));
  if (!valid) b.when(condition, () => b.raise(VECTOR.GP, 0));
  b.setRegister(GPR.RCX, count);
  b.branch(condition, displacement(target));
}

function displacement(operand: Operand): number {
  return (operand as RelativeOperand).displacement;
}
