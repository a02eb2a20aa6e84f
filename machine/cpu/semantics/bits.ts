/**
 * Bit tests, bit scans, bit counts.
 *
 * Flags that the manual leaves open, as the processor has them: BT and its kin change only CF;
 * BSF and BSR clear CF, OF, SF and AF and set PF from the index; TZCNT and LZCNT clear SF, AF
 * and PF and leave OF. BSF and BSR of zero leave the destination alone, all 64 bits of it.
 *
 * @see Intel SDM Vol. 1, "Bit and Byte Instructions"
 */
import type { Builder, Place } from "../builder.ts";
import type { MemoryOperand, Operand } from "../decode/instruction.ts";
import { SEG } from "../../memory/layout.ts";
import type { Size, Value } from "../microop.ts";
import { bits, clearFlags } from "./common.ts";
import type { SemanticsFamily } from "./semantics.ts";

/** log2 of a width in bits. */
const WIDTH_SHIFT: Readonly<Record<number, number>> = { 16: 4, 32: 5, 64: 6 };

export const BITS: SemanticsFamily = {
  bt: (b, operands) => testBit(b, operands),
  bts: (b, operands) => testBit(b, operands, (value, mask) => b.or(value, mask)),
  btr: (b, operands) => testBit(b, operands, (value, mask) => b.and(value, b.not(mask))),
  btc: (b, operands) => testBit(b, operands, (value, mask) => b.xor(value, mask)),

  bsf: (b, operands) => scan(b, operands, (wide) => b.unary("ctz", wide)),
  bsr: (b, operands) =>
    scan(b, operands, (wide) => {
      const top = b.constant(wide.size, bits(wide) - 1);
      return b.sub(top, b.unary("clz", wide));
    }),

  tzcnt: (b, [destination, source]) => {
    const value = b.read(source);
    // A bit above a 16-bit value ends the count there.
    const wide = value.size === 2 ? b.or(b.zext(value, 4), b.constant(4, 0x1_0000)) : value;
    countZeros(b, destination, value, b.resize(b.unary("ctz", wide), value.size));
  },

  lzcnt: (b, [destination, source]) => {
    const value = b.read(source);
    const count = b.unary("clz", b.resize(value, value.size === 8 ? 8 : 4));
    const excess = b.constant(4, 16);
    countZeros(b, destination, value, value.size === 2 ? b.trunc(b.sub(count, excess), 2) : count);
  },

  popcnt: (b, [destination, source]) => {
    const value = b.read(source);
    const wide = b.resize(value, value.size === 8 ? 8 : 4);
    b.write(destination, b.resize(b.unary("popcnt", wide), value.size));
    b.setFlag("Z", b.isZero(value));
    clearFlags(b, "C", "O", "S", "A", "P");
  },
};

/** BT, and with `change` BTS, BTR, BTC. */
function testBit(
  b: Builder,
  [destination, index]: readonly Operand[],
  change?: (value: Value, mask: Value) => Value,
): void {
  const offset = b.read(index);
  const place = destination.kind === "memory" && index.kind === "register"
    ? bitString(b, destination, offset, change !== undefined)
    : change === undefined
    ? { load: () => b.read(destination), store: () => {} }
    : b.place(destination);
  const value = place.load();
  const position = b.and(b.resize(offset, 4), b.constant(4, bits(value) - 1));
  const bit = b.resize(b.shr(value, position), 4);
  if (change !== undefined) {
    const mask = b.shl(b.constant(value.size, 1), position);
    place.store(change(value, mask));
  }
  b.setFlag("C", bit);
}

/** The element of a bit string in memory that has bit `offset`, which is signed. */
function bitString(b: Builder, operand: MemoryOperand, offset: Value, write: boolean): Place {
  const size = operand.size as Size;
  const { addressSize, segment } = operand;
  const shift = WIDTH_SHIFT[bits(offset)];
  const element = b.sar(offset, b.constant(4, shift));
  const wide = addressSize > element.size
    ? b.sext(element, addressSize)
    : b.trunc(element, addressSize);
  const delta = b.shl(wide, b.constant(4, shift - 3));
  const effective = b.add(b.effectiveAddress(operand), delta);
  const address = b.linear(segment, effective, size, write);
  const stack = segment === SEG.SS;
  return {
    load: () => b.load(size, address, { write, stack }),
    store: (value) => b.store(address, value, { stack }),
  };
}

/** BSF, BSR. `find` gives the index in a value of 4 or 8 bytes that is not zero. */
function scan(
  b: Builder,
  [destination, source]: readonly Operand[],
  find: (wide: Value) => Value,
): void {
  const value = b.read(source);
  const zero = b.isZero(value);
  const wide = b.resize(value, value.size === 8 ? 8 : 4);
  const index = b.resize(b.select(zero, b.constant(wide.size, 0), find(wide)), value.size);
  b.when(value.size === 8 ? b.isZero(zero) : wide, () => b.write(destination, index));
  b.flagsResult(index);
  b.setFlag("Z", zero);
  clearFlags(b, "C", "O", "A");
}

/** The end of TZCNT and LZCNT. */
function countZeros(b: Builder, destination: Operand, value: Value, count: Value): void {
  b.write(destination, count);
  b.setFlag("C", b.isZero(value));
  b.setFlag("Z", b.isZero(count));
  clearFlags(b, "S", "A", "P");
}
