/**
 * Addition, subtraction, comparison, and the atomic exchanges that are made of them.
 *
 * @see Intel SDM Vol. 1, "Binary Arithmetic Instructions"
 */
import { VECTOR } from "../../arch/exceptions.ts";
import { SEG } from "../../memory/layout.ts";
import type { Builder } from "../builder.ts";
import type { Operand } from "../decode/instruction.ts";
import type { Value } from "../microop.ts";
import { asMemory, GPR, pair } from "./common.ts";
import type { SemanticsFamily } from "./semantics.ts";

export const ARITHMETIC: SemanticsFamily = {
  add: (b, [destination, source]) => {
    const place = b.place(destination);
    const right = b.read(source);
    const left = place.load();
    const sum = b.add(left, right);
    place.store(sum);
    b.flagsAdd(left, right, sum);
  },

  adc: (b, [destination, source]) => {
    const place = b.place(destination);
    const right = b.read(source);
    const left = place.load();
    const sum = b.add(b.add(left, right), b.resize(b.flag("C"), left.size));
    place.store(sum);
    b.flagsAdd(left, right, sum);
  },

  sub: (b, [destination, source]) => {
    const place = b.place(destination);
    const right = b.read(source);
    const left = place.load();
    const difference = b.sub(left, right);
    place.store(difference);
    b.flagsSub(left, right, difference);
  },

  sbb: (b, [destination, source]) => {
    const place = b.place(destination);
    const right = b.read(source);
    const left = place.load();
    const difference = b.sub(b.sub(left, right), b.resize(b.flag("C"), left.size));
    place.store(difference);
    b.flagsSub(left, right, difference);
  },

  cmp: (b, [first, second]) => {
    const left = b.read(first);
    const right = b.read(second);
    b.flagsSub(left, right, b.sub(left, right));
  },

  inc: (b, [destination]) => {
    const place = b.place(destination);
    const old = place.load();
    const one = b.constant(old.size, 1);
    const sum = b.add(old, one);
    place.store(sum);
    b.flagsAdd(old, one, sum, { carry: false });
  },

  dec: (b, [destination]) => {
    const place = b.place(destination);
    const old = place.load();
    const one = b.constant(old.size, 1);
    const difference = b.sub(old, one);
    place.store(difference);
    b.flagsSub(old, one, difference, { carry: false });
  },

  neg: (b, [destination]) => {
    const place = b.place(destination);
    const old = place.load();
    const zero = b.constant(old.size, 0);
    const difference = b.sub(zero, old);
    place.store(difference);
    b.flagsSub(zero, old, difference);
  },

  /** The sum wins where source and destination are the same register. */
  xadd: (b, [destination, source]) => {
    const place = b.place(destination);
    const right = b.read(source);
    const left = place.load();
    const sum = b.add(left, right);
    if (destination.kind === "memory") place.store(sum);
    b.write(source, left);
    if (destination.kind === "register") place.store(sum);
    b.flagsAdd(left, right, sum);
  },

  /**
   * CMPXCHG: memory is always written, with its own value on a mismatch. A register that is not
   * written keeps its upper half, 32-bit ones too: so does the processor.
   */
  cmpxchg: (b, [destination, source]) => {
    const place = b.place(destination);
    const replacement = b.read(source);
    const old = place.load();
    const accumulator = b.register(GPR.RAX, old.size);
    const equal = b.compare("eq", accumulator, old);
    const refuse = () => b.setRegister(GPR.RAX, old);
    if (destination.kind === "memory") {
      place.store(b.select(equal, replacement, old));
      b.when(b.isZero(equal), refuse);
    } else {
      b.when(equal, () => place.store(replacement), refuse);
    }
    b.flagsSub(accumulator, old, b.sub(accumulator, old));
  },

  /** CMPXCHG8B, and with 8-byte operands CMPXCHG16B. */
  cmpxchg8b: (b, [destination]) =>
    b.size === 8 ? exchange16(b, destination) : exchange8(b, destination),

  adcx: (b, operands) => addWithFlag(b, operands, "C"),
  adox: (b, operands) => addWithFlag(b, operands, "O"),
};

/** Compares EDX:EAX with 8 bytes of memory. */
function exchange8(b: Builder, destination: Operand): void {
  const place = b.place(destination);
  const old = place.load();
  const expected = pair(b, b.register(GPR.RDX, 4), b.register(GPR.RAX, 4));
  const replacement = pair(b, b.register(GPR.RCX, 4), b.register(GPR.RBX, 4));
  const equal = b.compare("eq", expected, old);
  place.store(b.select(equal, replacement, old));
  b.when(b.isZero(equal), () => {
    b.setRegister(GPR.RAX, b.trunc(old, 4));
    b.setRegister(GPR.RDX, b.high32(old));
  });
  b.setFlag("Z", equal);
}

/** Compares RDX:RAX with 16 bytes of memory, which must be aligned: so no store can fault. */
function exchange16(b: Builder, destination: Operand): void {
  const operand = asMemory(destination);
  const address = b.address(operand, { write: true });
  const misaligned = b.and(b.trunc(address, 4), b.constant(4, 15));
  b.when(misaligned, () => b.raise(VECTOR.GP, 0));
  const stack = operand.segment === SEG.SS;
  const upper = b.add(address, b.constant(address.size, 8));
  const oldLow = b.load(8, address, { write: true, stack });
  const oldHigh = b.load(8, upper, { write: true, stack });
  const equal = b.and(
    b.compare("eq", b.register(GPR.RAX, 8), oldLow),
    b.compare("eq", b.register(GPR.RDX, 8), oldHigh),
  );
  b.store(address, b.select(equal, b.register(GPR.RBX, 8), oldLow));
  b.store(upper, b.select(equal, b.register(GPR.RCX, 8), oldHigh));
  b.when(b.isZero(equal), () => {
    b.setRegister(GPR.RAX, oldLow);
    b.setRegister(GPR.RDX, oldHigh);
  });
  b.setFlag("Z", equal);
}

/** ADCX, ADOX: the carry goes in and out through one flag; the others stay. */
function addWithFlag(b: Builder, operands: readonly Operand[], flag: "C" | "O"): void {
  const [destination, source] = operands;
  const right = b.read(source);
  const left = b.read(destination);
  const partial = b.add(left, right);
  const sum = b.add(partial, b.resize(b.flag(flag), left.size));
  const carry = b.or(lessThan(b, partial, left), lessThan(b, sum, partial));
  b.write(destination, sum);
  b.setFlag(flag, carry);
}

function lessThan(b: Builder, left: Value, right: Value): Value {
  return b.compare("ltu", left, right);
}
