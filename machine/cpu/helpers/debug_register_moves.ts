/**
 * MOV to and from debug registers.
 *
 * @see Intel SDM Vol. 2, "MOV—Move to/from Debug Registers", Vol. 3B, "Debug Registers"
 */
import { CR4 } from "../../arch/control_registers.ts";
import { VECTOR } from "../../arch/exceptions.ts";
import { STATE } from "../../memory/layout.ts";
import type { CpuContext, Helper } from "../context.ts";
import { fail } from "./faults.ts";
import { requireRing0 } from "./privilege.ts";

const DR6 = STATE.dr + 6 * 8;
const DR7 = STATE.dr + 7 * 8;
/** Bits that read as ones, and those that can be written. Bit 12 of DR6 is 0. */
const DR6_ONES = 0xffff_0ff0 | 0;
const DR6_BITS = 0x0000_e00f;
const DR7_ONES = 1 << 10;
const DR7_BITS = 0xffff_23ff | 0;
const DR6_BD = 1 << 13;
const DR7_GD = 1 << 13;

/** MOV from DRn. */
function readDebugRegister(cpu: CpuContext, register: number): number {
  const offset = debugRegister(cpu, register);
  cpu.state.setWord(STATE.high, cpu.state.word(offset + 4));
  return cpu.state.word(offset);
}

/** MOV to DRn. */
function writeDebugRegister(cpu: CpuContext, register: number, low: number, high: number): void {
  const { state } = cpu;
  const offset = debugRegister(cpu, register);
  if (offset !== DR6 && offset !== DR7) {
    state.setPair(offset, low, high);
  } else {
    if (high !== 0) fail(cpu, VECTOR.GP, 0, "DR6 and DR7 have 32 bits");
    const value = offset === DR6 ? (low & DR6_BITS) | DR6_ONES : (low & DR7_BITS) | DR7_ONES;
    state.setPair(offset, value, 0);
  }
  cpu.debugRegistersChanged?.();
}

/** Where the register is: DR4 and DR5 are DR6 and DR7 unless CR4.DE is set. */
function debugRegister(cpu: CpuContext, register: number): number {
  const { state } = cpu;
  requireRing0(cpu, "MOV with a debug register");
  if (register === 4 || register === 5) {
    if ((state.word(STATE.cr4) & CR4.DE) !== 0) {
      fail(cpu, VECTOR.UD, 0, `there is no DR${register} while CR4.DE is set`);
    }
    register += 2;
  }
  if ((state.word(DR7) & DR7_GD) !== 0) {
    state.setWord(DR6, state.word(DR6) | DR6_BD);
    fail(cpu, VECTOR.DB, 0, "DR7.GD guards the debug registers");
  }
  return STATE.dr + register * 8;
}

export const debugRegisterHelpers = {
  readDebugRegister,
  writeDebugRegister,
} satisfies Record<string, Helper>;
