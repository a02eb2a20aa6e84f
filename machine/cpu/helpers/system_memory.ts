/**
 * The CPU's own accesses to descriptor tables and task state: linear, with supervisor
 * privilege at any CPL, through the MMU like any other (so that they may page-fault).
 *
 * @see Intel SDM Vol. 3A, "Determination of Access Rights" (implicit supervisor-mode accesses)
 */
import { ACCESS } from "../../mmu/access.ts";
import { STATE } from "../../memory/layout.ts";
import type { CpuContext } from "../context.ts";

const READ = ACCESS.IMPLICIT;
const WRITE = ACCESS.IMPLICIT | ACCESS.WRITE;

/** High word of `base + offset`: 0 outside of long mode, where linear addresses have 32 bits. */
export function linearHigh(
  cpu: CpuContext,
  baseLow: number,
  baseHigh: number,
  offset: number,
): number {
  if (!cpu.state.longMode) return 0;
  return (baseHigh + ((baseLow >>> 0) + offset > 0xffff_ffff ? 1 : 0)) | 0;
}

/** Reads 8 bits at `base + offset`; `offset` is unsigned. */
export function systemLoad8(cpu: CpuContext, low: number, high: number, offset: number): number {
  return cpu.mmu.load8((low + offset) | 0, linearHigh(cpu, low, high, offset), READ);
}

export function systemLoad16(cpu: CpuContext, low: number, high: number, offset: number): number {
  return cpu.mmu.load16((low + offset) | 0, linearHigh(cpu, low, high, offset), READ);
}

/** Reads 32 bits as an int32. */
export function systemLoad32(cpu: CpuContext, low: number, high: number, offset: number): number {
  return cpu.mmu.load32((low + offset) | 0, linearHigh(cpu, low, high, offset), READ);
}

export function systemStore8(
  cpu: CpuContext,
  low: number,
  high: number,
  offset: number,
  value: number,
): void {
  cpu.mmu.store8((low + offset) | 0, linearHigh(cpu, low, high, offset), value, WRITE);
}

export function systemStore16(
  cpu: CpuContext,
  low: number,
  high: number,
  offset: number,
  value: number,
): void {
  cpu.mmu.store16((low + offset) | 0, linearHigh(cpu, low, high, offset), value, WRITE);
}

export function systemStore32(
  cpu: CpuContext,
  low: number,
  high: number,
  offset: number,
  value: number,
): void {
  cpu.mmu.store32((low + offset) | 0, linearHigh(cpu, low, high, offset), value, WRITE);
}

/** Faults now if a later access to `bytes` bytes would. */
export function systemProbe(
  cpu: CpuContext,
  low: number,
  high: number,
  offset: number,
  bytes: number,
  write: boolean,
): void {
  cpu.mmu.probe(
    (low + offset) | 0,
    linearHigh(cpu, low, high, offset),
    bytes,
    write ? WRITE : READ,
  );
}

/** `STATE.high` of the latest 64-bit result. */
export function highWord(cpu: CpuContext): number {
  return cpu.state.word(STATE.high);
}
