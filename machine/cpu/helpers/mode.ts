/** Changes of privilege, of RFLAGS' system bits, and of the operating mode. */
import { RFLAGS } from "../../arch/rflags.ts";
import { MODE, STATE } from "../../memory/layout.ts";
import type { CpuContext } from "../context.ts";
import type { CpuState } from "../state.ts";

/** The names of the operating modes, as the `mode` event gives them. */
export type ModeName = "real" | "protected" | "virtual-8086" | "compatibility" | "64-bit";

/** The operating mode. @see Intel SDM Vol. 1, "Modes of Operation" */
export function modeName(state: CpuState): ModeName {
  return nameOf(state.word(STATE.mode));
}

/** Emits `mode` if the operating mode is another than it was with the mode word `before`. */
export function reportMode(cpu: CpuContext, before: number): void {
  const after = cpu.state.word(STATE.mode);
  if (before === after) return;
  const from = nameOf(before);
  const to = nameOf(after);
  if (from !== to) cpu.events.emit("mode", { from, to });
}

/** The one way to change CPL. */
export function setCpl(cpu: CpuContext, cpl: number): void {
  cpu.state.setWord(STATE.cpl, cpl);
  cpu.state.refreshMode();
}

/**
 * Replaces the bits `mask` of RFLAGS. The mode word and the MMU learn of VM and AC.
 *
 * @param value RFLAGS; bits outside of `mask` are not looked at.
 */
export function writeFlags(cpu: CpuContext, value: number, mask: number): void {
  const { state } = cpu;
  const old = state.flags;
  const flags = (old & ~mask) | (value & mask);
  state.flags = flags;
  const changed = old ^ flags;
  if ((changed & RFLAGS.AC) !== 0) cpu.mmu.privilegeViewChanged();
  if ((changed & RFLAGS.VM) !== 0) state.refreshMode();
}

function nameOf(mode: number): ModeName {
  if ((mode & MODE.LONG) !== 0) {
    return (mode & MODE.CODE_SIZE_MASK) === 2 ? "64-bit" : "compatibility";
  }
  if ((mode & MODE.PROTECTED) === 0) return "real";
  return (mode & MODE.V86) !== 0 ? "virtual-8086" : "protected";
}
