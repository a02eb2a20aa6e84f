/**
 * The registers in a trap frame, by instructions of the kernel: what a scheduler does at every
 * switch. ({@linkcode TrapFrame} looks from outside, which takes no time of the machine and more of
 * the host's.)
 */
import type { CpuDoor } from "../../machine/mod.ts";
import { SAVED_REGISTERS, type SavedRegister, type TrapFrame } from "../frames.ts";

const OFFSETS = Object.fromEntries(
  SAVED_REGISTERS.map((name, i) => [name, BigInt(8 * i)]),
) as Record<SavedRegister, bigint>;

export function loadSaved(cpu: CpuDoor, frame: TrapFrame, register: SavedRegister): bigint {
  return cpu.load64(frame.base + OFFSETS[register]);
}

/** @param value Whole; negative ones as two's complement. */
export function storeSaved(
  cpu: CpuDoor,
  frame: TrapFrame,
  register: SavedRegister,
  value: number | bigint,
): void {
  cpu.store64(frame.base + OFFSETS[register], BigInt.asUintN(64, BigInt(value)));
}
