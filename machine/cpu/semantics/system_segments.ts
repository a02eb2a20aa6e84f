/**
 * Segment registers and selectors: MOV, PUSH, POP, LDS and its kin; ARPL, LAR, LSL, VERR, VERW.
 *
 * @see Intel SDM Vol. 1, "Segment Register Instructions"
 */
import { VECTOR } from "../../arch/exceptions.ts";
import { MODE, SEG, SEGMENT, SEGMENT_BYTES, SHADOW, STATE } from "../../memory/layout.ts";
import type { Builder } from "../builder.ts";
import type {
  MemoryOperand,
  Operand,
  RegisterOperand,
  SystemRegisterOperand,
} from "../decode/instruction.ts";
import type { Size, Value } from "../microop.ts";
import { sizeOf } from "./common.ts";
import type { Semantics, SemanticsFamily } from "./semantics.ts";

export const SYSTEM_SEGMENTS: SemanticsFamily = {
  /** MOV r/m, Sreg: a register is zero-extended, memory gets 16 bits. */
  movsreg: (b, [destination, source]) => {
    b.write(destination, b.resize(selectorOf(b, numberOf(source)), sizeOf(destination)));
  },

  /** MOV Sreg, r/m. */
  loadsreg: (b, [segment, source]) => {
    const selector = b.read(source);
    b.sync();
    b.call("loadSegment", b.constant(4, numberOf(segment)), selector);
    loaded(b, numberOf(segment), true);
  },

  /** PUSH Sreg: zero-extended to the operand size, as on the processors at hand. */
  push_sreg: (b, [segment]) => b.push(b.resize(selectorOf(b, numberOf(segment)), b.size)),

  /** POP Sreg: the stack pointer moves only when the segment has been loaded. */
  pop_sreg: (b, [segment]) => {
    const selector = b.resize(b.peekStack(b.size), 2);
    b.sync();
    b.call("loadSegment", b.constant(4, numberOf(segment)), selector);
    b.dropStack(b.size);
    loaded(b, numberOf(segment), true);
  },

  /** LDS, LES, LFS, LGS, LSS: offset to the register, selector to the segment. */
  load_far: (b, [segment, destination, source]) => {
    const { offset, selector } = farPointer(b, source as MemoryOperand);
    b.sync();
    b.call("loadSegment", b.constant(4, numberOf(segment)), selector);
    b.write(destination as RegisterOperand, offset);
    loaded(b, numberOf(segment), false);
  },

  arpl: protectedOnly((b, [destination, source]) => {
    const three = b.constant(2, 3);
    const old = b.read(destination);
    const rpl = b.and(b.read(source), three);
    const isLower = b.compare("ltu", b.and(old, three), rpl);
    b.when(isLower, () => b.write(destination, b.or(b.and(old, b.constant(2, 0xfffc)), rpl)));
    b.setFlag("Z", isLower);
  }),

  lar: query("accessRights"),
  lsl: query("segmentLimit"),

  verr: protectedOnly((b, [selector]) => b.call("verifyRead", b.read(selector))),
  verw: protectedOnly((b, [selector]) => b.call("verifyWrite", b.read(selector))),
};

/** Number of a segment operand. */
function numberOf(operand: Operand): number {
  return (operand as SystemRegisterOperand).register;
}

/** A segment register's selector, size 4. */
export function selectorOf(b: Builder, segment: number): Value {
  return b.state(4, STATE.segments + segment * SEGMENT_BYTES + SEGMENT.selector);
}

/** Instructions that are #UD in real and virtual-8086 mode. */
export function protectedOnly(semantics: Semantics): Semantics {
  return (b, operands) => {
    if (b.realAddressing) b.raise(VECTOR.UD);
    else semantics(b, operands);
  };
}

/** Reads `m16:16`, `m16:32` or `m16:64`: the offset, then the selector. */
export function farPointer(b: Builder, operand: MemoryOperand): { offset: Value; selector: Value } {
  const size = operand.size - 2 as Size;
  const stack = operand.segment === SEG.SS;
  const address = b.address(operand);
  const offset = b.load(size, address, { stack });
  const selector = b.load(2, b.add(address, b.constant(address.size, size)), { stack });
  return { offset, selector };
}

/**
 * What follows the load of a segment: the block ends when the mode word is not what this
 * code was translated for. MOV SS and POP SS (`shadows`) hold interrupts off for one instruction.
 */
function loaded(b: Builder, segment: number, shadows: boolean): void {
  if (segment === SEG.SS) {
    if (shadows) {
      const shadow = b.state(4, STATE.shadow);
      b.setState(STATE.shadow, b.or(shadow, b.constant(4, SHADOW.MOV_SS)));
    }
    return b.exitNext();
  }
  if (segment === SEG.FS || segment === SEG.GS) return;
  const mode = b.constant(4, b.context.mode & MODE_BITS);
  b.when(b.compare("ne", b.state(4, STATE.mode), mode), () => b.exitNext());
}

/** The mode word's own bits; the block cache may tell variants apart by higher ones. */
const MODE_BITS = MODE.LONG * 2 - 1;

/** LAR and LSL: the destination changes only when ZF is set. */
function query(helper: string): Semantics {
  return protectedOnly((b, [destination, source]) => {
    const answer = b.callFor(4, helper, b.read(source));
    b.when(b.flag("Z"), () => b.write(destination, b.resize(answer, sizeOf(destination))));
  });
}
