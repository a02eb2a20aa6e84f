/**
 * String instructions: once as micro-operations, repeated as a helper that ends the block.
 *
 * @see Intel SDM Vol. 1, "String Instructions"
 */
import { RFLAGS } from "../../arch/rflags.ts";
import { STATE } from "../../memory/layout.ts";
import type { Builder } from "../builder.ts";
import type { MemoryOperand } from "../decode/instruction.ts";
import { asMemory, GPR } from "./common.ts";
import type { SemanticsFamily } from "./semantics.ts";

const DF_BIT = 10;

export const STRINGS: SemanticsFamily = {
  movs: (b, [destination, source]) => {
    if (isRepeated(b)) return repeat(b, "repeatMovs", asMemory(source));
    b.write(destination, b.read(source));
    advance(b, asMemory(destination), GPR.RSI, GPR.RDI);
  },

  cmps: (b, [source, destination]) => {
    if (isRepeated(b)) return repeat(b, "repeatCmps", asMemory(source), wantedZero(b));
    // When both fault, silicon reports ES:rDI.
    const right = b.read(destination);
    const left = b.read(source);
    advance(b, asMemory(source), GPR.RSI, GPR.RDI);
    b.flagsSub(left, right, b.sub(left, right));
  },

  stos: (b, [destination, accumulator]) => {
    if (isRepeated(b)) return repeat(b, "repeatStos", asMemory(destination));
    b.write(destination, b.read(accumulator));
    advance(b, asMemory(destination), GPR.RDI);
  },

  lods: (b, [accumulator, source]) => {
    if (isRepeated(b)) return repeat(b, "repeatLods", asMemory(source));
    b.write(accumulator, b.read(source));
    advance(b, asMemory(source), GPR.RSI);
  },

  scas: (b, [accumulator, destination]) => {
    if (isRepeated(b)) return repeat(b, "repeatScas", asMemory(destination), wantedZero(b));
    const left = b.read(accumulator);
    const right = b.read(destination);
    advance(b, asMemory(destination), GPR.RDI);
    b.flagsSub(left, right, b.sub(left, right));
  },

  /** One element per visit, repeated or not: a device may want attention after each. */
  ins: (b, [destination]) => repeat(b, "insert", asMemory(destination), isRepeated(b) ? 1 : 0),
  outs: (b, [, source]) => repeat(b, "output", asMemory(source), isRepeated(b) ? 1 : 0),
};

function isRepeated(b: Builder): boolean {
  return b.instruction.repeat !== "none";
}

/** ZF with which REPE (1) or REPNE (0) goes on. */
function wantedZero(b: Builder): number {
  return b.instruction.repeat === "rep" ? 1 : 0;
}

/** Leaves the rest to a helper, which sets RIP when it is done and else comes back here. */
function repeat(b: Builder, name: string, operand: MemoryOperand, ...more: number[]): void {
  const numbers = [operand.size, operand.addressSize, operand.segment, ...more];
  b.sync();
  b.call(name, ...numbers.map((number) => b.constant(4, number)));
  b.exit();
}

/** Moves index registers by one element, up or (DF set) down, at the address size. */
function advance(b: Builder, element: MemoryOperand, ...registers: number[]): void {
  const { size, addressSize } = element;
  const direction = b.and(b.state(4, STATE.flagsRest), b.constant(4, RFLAGS.DF));
  // DF is worth twice the size to subtract.
  const back = b.shr(direction, b.constant(4, DF_BIT - Math.log2(size) - 1));
  const delta = b.sub(b.constant(4, size), back);
  const step = addressSize < 4 ? b.trunc(delta, addressSize) : b.sext(delta, addressSize);
  for (const register of registers) {
    b.setRegister(register, b.add(b.register(register, addressSize), step));
  }
}
