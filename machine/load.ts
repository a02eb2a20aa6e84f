/** Between the loaders' plans, which are data, and the CPU. */
import type { Cpu } from "./cpu/cpu.ts";
import type { EnvironmentRegisters } from "./loaders/environment.ts";
import { type LoadPlan, planElf, planFlat } from "./loaders/load_plan.ts";
import type { LoadOptions } from "./machine_options.ts";
import { STATE } from "./memory/layout.ts";

const ELF_MAGIC = [0x7f, 0x45, 0x4c, 0x46];

/**
 * Plans an image: an ELF file by itself, a flat binary by its options.
 *
 * @throws {ImageError} If the image is damaged or does not fit.
 * @throws {TypeError} If an option is missing.
 */
export function planImage(
  bytes: Uint8Array,
  { at, mode, entry }: LoadOptions,
  ramSize: number,
): LoadPlan {
  const isElf = bytes instanceof Uint8Array && ELF_MAGIC.every((byte, i) => bytes[i] === byte);
  if (isElf && at === undefined) return planElf(bytes, ramSize);
  if (at === undefined || mode === undefined) {
    throw new TypeError(
      `Cannot load a flat binary: ${at === undefined ? "`at`" : "`mode`"} is missing`,
    );
  }
  return planFlat(bytes, { at, mode, ...(entry === undefined ? {} : { entry }) }, ramSize);
}

/** Puts the registers of a planned environment into the CPU. */
export function applyRegisters(cpu: Cpu, registers: EnvironmentRegisters): void {
  const { state, mmu } = cpu;
  const { cr0, cr3, cr4, efer, gdtr, idtr, rip, rsp, rflags } = registers;
  state.setPair(STATE.cr0, cr0 | 0, 0);
  state.setPair(STATE.cr3, cr3 | 0, 0);
  state.setPair(STATE.cr4, cr4 | 0, 0);
  state.setPair(STATE.efer, efer | 0, 0);
  state.flags = rflags;
  const segments = ["es", "cs", "ss", "ds", "fs", "gs"] as const;
  segments.forEach((name, index) => {
    const { selector, base, limit, attributes } = registers[name];
    state.setSegment(index, selector, attributes, base | 0, 0, limit | 0);
  });
  state.setPair(STATE.gdtrBase, gdtr.base | 0, 0);
  state.setWord(STATE.gdtrLimit, gdtr.limit);
  state.setPair(STATE.idtrBase, idtr.base | 0, 0);
  state.setWord(STATE.idtrLimit, idtr.limit);
  state.setPair(STATE.gpr + 4 * 8, Number(rsp & 0xffff_ffffn) | 0, Number(rsp >> 32n) | 0);
  state.setPair(STATE.rip, Number(rip & 0xffff_ffffn) | 0, Number(rip >> 32n) | 0);
  mmu.flushAll(true);
  mmu.modeChanged();
  cpu.registersChanged();
}
