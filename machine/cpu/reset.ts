/** The state after RESET. @see Intel SDM Vol. 3A, "Processor State After Reset" */
import { CR0 } from "../arch/control_registers.ts";
import { SIGNATURE } from "../arch/cpuid.ts";
import { SEG, STATE } from "../memory/layout.ts";
import type { CpuState } from "./state.ts";

/** Attributes of a real-mode data segment: present, writable, accessed. */
const DATA16 = 0x93;
const RANDOM_SEED = 0x2545_f491;

/** Puts every register to its power-up value: real mode at F000:FFF0, CS base FFFF0000. */
export function resetState(state: CpuState): void {
  state.i32.fill(0, 0, (STATE.ripSettled >> 2) + 1);
  state.setPair(STATE.cr0, CR0.ET | CR0.NW | CR0.CD, 0);
  state.setWord(STATE.currentP, -1);
  state.flags = 0x2;
  for (const segment of [SEG.ES, SEG.SS, SEG.DS, SEG.FS, SEG.GS]) {
    state.setSegment(segment, 0, DATA16, 0, 0, 0xffff);
  }
  state.setSegment(SEG.LDTR, 0, 0x82, 0, 0, 0xffff);
  state.setSegment(SEG.TR, 0, 0x8b, 0, 0, 0xffff);
  state.setSegment(SEG.CS, 0xf000, 0x9b, 0xffff_0000 | 0, 0, 0xffff);
  state.setPair(STATE.rip, 0xfff0, 0);
  state.setRegister(2, SIGNATURE, 0);
  state.setWord(STATE.gdtrLimit, 0xffff);
  state.setWord(STATE.idtrLimit, 0xffff);
  state.setWord(STATE.dr + 6 * 8, 0xffff_0ff0 | 0);
  state.setWord(STATE.dr + 7 * 8, 0x400);
  state.setPair(STATE.pat, 0x0007_0406, 0x0007_0406);
  state.setPair(STATE.apicBase, 0xfee0_0900 | 0, 0);
  state.setPair(STATE.randomState, RANDOM_SEED, 0x9e37_79b9 | 0);
}
