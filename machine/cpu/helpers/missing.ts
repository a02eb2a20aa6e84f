/**
 * Undefined instructions and those of units that CPUID does not list. The bytes at RIP are
 * decoded once more, for the event to say in words what is missing.
 */
import { CR0 } from "../../arch/control_registers.ts";
import { GUEST_FAULT, VECTOR } from "../../arch/exceptions.ts";
import { MODE, SEG, STATE } from "../../memory/layout.ts";
import type { CpuContext, Helper } from "../context.ts";
import { decode } from "../decode/decoder.ts";
import type { CodeSize } from "../decode/instruction.ts";
import { fail } from "./faults.ts";

function undefinedInstruction(cpu: CpuContext): never {
  return fail(cpu, VECTOR.UD, 0, reasonAtRip(cpu));
}

/** #NM is how software that emulates an FPU, or switches one lazily, is told. */
function missingX87(cpu: CpuContext): never {
  const toldBySoftware = (cpu.state.word(STATE.cr0) & (CR0.EM | CR0.TS)) !== 0;
  return fail(cpu, toldBySoftware ? VECTOR.NM : VECTOR.UD, 0, reasonAtRip(cpu));
}

/** What the decoder says about the instruction at RIP, which must be exact. */
function reasonAtRip(cpu: CpuContext): string {
  const { state, mmu } = cpu;
  const mode = state.word(STATE.mode);
  const ripLow = state.word(STATE.rip);
  const ripHigh = state.word(STATE.rip + 4);
  const isWide = state.code64;
  const user = (mode & MODE.USER) !== 0;
  const fetch = (offset: number): number => {
    const low = (ripLow + offset + (isWide ? 0 : state.baseLow(SEG.CS))) | 0;
    const carry = (low >>> 0) < (ripLow >>> 0) ? 1 : 0;
    const page = mmu.fetchPage(low, isWide ? (ripHigh + carry) | 0 : 0, user);
    return state.memory.read8((page + (low & 0xfff)) | 0, 0);
  };
  const codeSize = (16 << (mode & MODE.CODE_SIZE_MASK)) as CodeSize;
  try {
    const { mnemonic, reason } = decode(fetch, codeSize);
    return reason ?? mnemonic;
  } catch (error) {
    if (error !== GUEST_FAULT) throw error;
    return "undefined instruction";
  }
}

export const missingHelpers = { undefinedInstruction, missingX87 } satisfies Record<string, Helper>;
