/**
 * The stack, flags and segment registers apart.
 *
 * @see Intel SDM Vol. 1, "Procedure Stack"
 */
import type { Builder } from "../builder.ts";
import type { ImmediateOperand, MemoryOperand } from "../decode/instruction.ts";
import { SEG } from "../../memory/layout.ts";
import type { Size, Value } from "../microop.ts";
import { GPR } from "./common.ts";
import type { SemanticsFamily } from "./semantics.ts";

export const STACK: SemanticsFamily = {
  /** PUSH of rSP pushes its old value. */
  push: (b, [source]) => b.push(b.read(source)),

  /** POP: a memory operand is addressed with the new stack pointer, and stored before it. */
  pop: (b, [destination]) => {
    const value = b.peekStack(b.size);
    const pointer = b.add(b.stackPointer(), b.constant(b.stackSize, b.size));
    if (destination.kind === "memory") {
      const address = addressAfterPop(b, destination, pointer);
      b.store(address, value, { stack: destination.segment === SEG.SS });
      b.setRegister(GPR.RSP, pointer);
    } else {
      b.setRegister(GPR.RSP, pointer);
      b.write(destination, value);
    }
  },

  /** PUSHA, PUSHAD: AX CX DX BX, the old SP, BP SI DI. */
  pusha: (b) => {
    let pointer = b.stackPointer();
    for (let register: number = GPR.RAX; register <= GPR.RDI; register++) {
      pointer = pushAt(b, pointer, b.register(register, b.size));
    }
    b.setRegister(GPR.RSP, pointer);
  },

  /** POPA, POPAD: the stored SP is skipped. All loads come before the first register changes. */
  popa: (b) => {
    const values: Value[] = [];
    const step = b.constant(b.stackSize, b.size);
    let pointer = b.stackPointer();
    for (let register: number = GPR.RDI; register >= 0; register--) {
      values[register] = b.load(b.size, b.stackAddress(pointer, b.size, false), { stack: true });
      pointer = b.add(pointer, step);
    }
    values.forEach((value, register) => {
      if (register !== GPR.RSP) b.setRegister(register, value);
    });
    b.setRegister(GPR.RSP, pointer);
  },

  /**
   * ENTER: saves rBP, copies the frame pointers of the outer levels, makes room. The new top of
   * the stack must be writable, whether or not anything is written there.
   */
  enter: (b, [allocation, nesting]) => {
    const level = (nesting as ImmediateOperand).low & 31;
    const bytes = (allocation as ImmediateOperand).low & 0xffff;
    const step = b.constant(b.stackSize, b.size);
    let outer = b.register(GPR.RBP, b.stackSize);
    let pointer = pushAt(b, b.stackPointer(), b.register(GPR.RBP, b.size));
    const frame = widen(b, pointer, b.size);
    for (let i = 1; i < level; i++) {
      outer = b.sub(outer, step);
      const link = b.load(b.size, b.stackAddress(outer, b.size, false), { stack: true });
      pointer = pushAt(b, pointer, link);
    }
    if (level > 0) pointer = pushAt(b, pointer, frame);
    const top = b.sub(pointer, b.parameter(b.stackSize, bytes));
    b.load(b.size, b.stackAddress(top, b.size, true), { write: true, stack: true });
    b.setRegister(GPR.RBP, frame);
    b.setRegister(GPR.RSP, top);
  },

  leave: (b) => {
    const frame = b.register(GPR.RBP, b.stackSize);
    const value = b.load(b.size, b.stackAddress(frame, b.size, false), { stack: true });
    b.setRegister(GPR.RSP, b.add(frame, b.constant(b.stackSize, b.size)));
    b.setRegister(GPR.RBP, value);
  },
};

/** Stores a value below a stack pointer that is not committed yet. @returns The new pointer. */
function pushAt(b: Builder, pointer: Value, value: Value): Value {
  const below = b.sub(pointer, b.constant(b.stackSize, value.size));
  b.store(b.stackAddress(below, value.size, true), value, { stack: true });
  return below;
}

/** The linear address of POP's memory operand: rSP as a base counts after the pop. */
function addressAfterPop(b: Builder, operand: MemoryOperand, pointer: Value): Value {
  if (operand.base !== GPR.RSP) return b.address(operand, { write: true });
  const offset = b.effectiveAddress(operand, widen(b, pointer, operand.addressSize));
  return b.linear(operand.segment, offset, operand.size, true);
}

/** A new stack pointer at a size: where that is more than the stack's width, rSP's rest stays. */
function widen(b: Builder, pointer: Value, size: Size): Value {
  if (pointer.size >= size) return b.resize(pointer, size);
  const rest = b.and(b.register(GPR.RSP, size), b.constant(size, ~0xffff));
  return b.or(rest, b.zext(pointer, size));
}
