/**
 * Moves: MOV and its relatives, exchanges, conversions between sizes, flags in AH.
 *
 * @see Intel SDM Vol. 1, "Data Transfer Instructions"
 */
import type { Builder } from "../builder.ts";
import type { ConditionOperand } from "../decode/instruction.ts";
import type { FlagName, Size, Value } from "../microop.ts";
import { asMemory, GPR, sizeOf } from "./common.ts";
import type { SemanticsFamily } from "./semantics.ts";

/** The low five flags at their places in AH; bit 1 is always set. */
const AH_FLAGS: readonly (readonly [FlagName, number])[] = [
  ["C", 0],
  ["P", 2],
  ["A", 4],
  ["Z", 6],
  ["S", 7],
];

export const DATA: SemanticsFamily = {
  mov: (b, [destination, source]) => b.write(destination, b.read(source)),

  movzx: (b, [destination, source]) =>
    b.write(destination, b.zext(b.read(source), sizeOf(destination))),

  /** MOVSX and MOVSXD; the latter without REX.W has equal sizes. */
  movsx: (b, [destination, source]) =>
    b.write(destination, b.sext(b.read(source), sizeOf(destination))),

  movbe: (b, [destination, source]) => b.write(destination, byteSwap(b, b.read(source))),

  /** A hint about caches apart, a move. */
  movnti: (b, [destination, source]) => b.write(destination, b.read(source)),

  lea: (b, [destination, source]) =>
    b.write(destination, b.resize(b.effectiveAddress(asMemory(source)), sizeOf(destination))),

  /** The memory operand, if any, is stored first: it may fault. */
  xchg: (b, [first, second]) => {
    const [memory, register] = second.kind === "memory" ? [second, first] : [first, second];
    const place = b.place(memory);
    const old = place.load();
    const value = b.read(register);
    place.store(value);
    b.write(register, old);
  },

  /** The manual leaves BSWAP of a 16-bit register open; the processor clears it. */
  bswap: (b, [destination]) => {
    const value = b.read(destination);
    b.write(destination, value.size === 2 ? b.constant(2, 0) : b.unary("bswap", value));
  },

  setcc: (b, [condition, destination]) => {
    const truth = b.condition((condition as ConditionOperand).condition);
    b.write(destination, b.trunc(truth, 1));
  },

  /** The load always happens; a 32-bit destination loses its upper half even when not moved to. */
  cmovcc: (b, [condition, destination, source]) => {
    const value = b.read(source);
    const truth = b.condition((condition as ConditionOperand).condition);
    b.write(destination, b.select(truth, value, b.read(destination)));
  },

  /** CBW, CWDE, CDQE: the accumulator's lower half, sign-extended to all of it. */
  cbw: (b) => {
    const half = b.register(GPR.RAX, (b.size / 2) as Size);
    b.setRegister(GPR.RAX, b.sext(half, b.size));
  },

  /** CWD, CDQ, CQO: the accumulator's sign in every bit of rDX. */
  cwd: (b) => {
    const accumulator = b.register(GPR.RAX, b.size);
    b.setRegister(GPR.RDX, b.sar(accumulator, b.constant(4, b.size * 8 - 1)));
  },

  /** AL = the byte at segment:rBX + AL. */
  xlat: (b, [table]) => {
    const operand = asMemory(table);
    const al = b.zext(b.register(GPR.RAX, 1), operand.addressSize);
    const offset = b.add(b.effectiveAddress(operand), al);
    const address = b.linear(operand.segment, offset, 1, false);
    b.setRegister(GPR.RAX, b.load(1, address));
  },

  lahf: (b) => {
    let ah = b.constant(4, 2);
    for (const [flag, position] of AH_FLAGS) {
      const bit = b.flag(flag);
      ah = b.or(ah, position === 0 ? bit : b.shl(bit, b.constant(4, position)));
    }
    b.setHighByte(GPR.RAX, b.trunc(ah, 1));
  },

  sahf: (b) => {
    const ah = b.highByte(GPR.RAX);
    for (const [flag, position] of AH_FLAGS) b.setFlag(flag, b.bit(ah, position));
  },

  /** SALC: AL = CF in every bit. */
  salc: (b) => {
    const mask = b.sub(b.constant(4, 0), b.flag("C"));
    b.setRegister(GPR.RAX, b.trunc(mask, 1));
  },
};

/** The bytes of a value in reverse order. */
function byteSwap(b: Builder, value: Value): Value {
  return value.size === 2 ? b.rotl(value, b.constant(4, 8)) : b.unary("bswap", value);
}
