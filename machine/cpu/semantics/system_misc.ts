/**
 * The system bits of RFLAGS, HLT, time, chance, identity, and what does nothing.
 *
 * @see Intel SDM Vol. 1, "Flag Control (EFLAG) Instructions", "Miscellaneous Instructions"
 */
import { VECTOR } from "../../arch/exceptions.ts";
import { MODE, SEG, SEGMENT, SEGMENT_BYTES, STATE } from "../../memory/layout.ts";
import type { RegisterOperand } from "../decode/instruction.ts";
import { clearFlags, GPR, raiseFlags } from "./common.ts";
import type { Semantics, SemanticsFamily } from "./semantics.ts";
import { toEdxEax } from "./system_control.ts";

export const SYSTEM_MISC: SemanticsFamily = {
  pushf: (b) => b.push(b.resize(b.callFor(4, "readFlags"), b.size)),

  /** POPF: IF may have become 1, TF, AC and NT may have changed. */
  popf: (b) => {
    if ((b.context.mode & MODE.V86) !== 0) b.call("checkPopFlags");
    const flags = b.resize(b.peekStack(b.size), 4);
    b.dropStack(b.size);
    b.call("popFlags", flags, b.constant(4, b.size));
    b.exitNext();
  },

  cli: (b) => b.call("clearInterruptFlag"),
  sti: (b) => {
    b.sync();
    b.call("setInterruptFlag");
    b.exitNext();
  },
  clac: (b) => b.call("setAlignmentCheck", b.constant(4, 0)),
  stac: (b) => b.call("setAlignmentCheck", b.constant(4, 1)),

  hlt: (b) => {
    b.sync();
    b.call("halt");
    b.exitNext();
  },

  rdtsc: (b) => {
    b.sync();
    toEdxEax(b, b.callFor(8, "timeStamp"));
  },
  rdtscp: (b) => {
    b.sync();
    toEdxEax(b, b.callFor(8, "timeStamp"));
    b.setRegister(GPR.RCX, b.state(4, STATE.tscAux));
  },
  rdpid: (b, [destination]) =>
    b.write(destination, b.resize(b.state(4, STATE.tscAux), (destination as RegisterOperand).size)),

  rdrand: randomNumber,
  rdseed: randomNumber,
  cpuid: (b) => b.call("identify"),

  swapgs: (b) => b.call("swapGs"),
  rdfsbase: readBase(SEG.FS),
  rdgsbase: readBase(SEG.GS),
  wrfsbase: writeBase(SEG.FS),
  wrgsbase: writeBase(SEG.GS),

  pause: () => {},
  nop: () => {},
  fence: () => {},

  /** More than 15 bytes. */
  too_long: (b) => b.raise(VECTOR.GP, 0),
};

/** RDRAND, RDSEED: always ready, so CF is 1; the other five flags are 0. */
function randomNumber(...[b, [destination]]: Parameters<Semantics>): void {
  const value = b.callFor(8, "random");
  b.write(destination, b.resize(value, (destination as RegisterOperand).size));
  clearFlags(b, "O", "S", "Z", "A", "P");
  raiseFlags(b, "C");
}

function readBase(segment: number): Semantics {
  const offset = STATE.segments + segment * SEGMENT_BYTES + SEGMENT.base;
  return (b, [destination]) => {
    b.call("checkBaseAccess");
    b.write(destination, b.resize(b.state(8, offset), (destination as RegisterOperand).size));
  };
}

function writeBase(segment: number): Semantics {
  return (b, [source]) => b.call("writeBase", b.constant(4, segment), b.zext64(b.read(source)));
}
