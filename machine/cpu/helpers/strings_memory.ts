/** Elements of strings in memory: through the fast tables while they answer, else the MMU. */
import { FAST, MODE, SEG, STATE } from "../../memory/layout.ts";
import { ACCESS } from "../../mmu/access.ts";
import type { CpuContext } from "../context.ts";
import type { CpuState } from "../state.ts";

/** `ACCESS` bits of the running code's own accesses through a segment. */
export function accessFor(state: CpuState, segment: number): number {
  return ((state.word(STATE.mode) & MODE.USER) !== 0 ? ACCESS.USER : 0) |
    (segment === SEG.SS ? ACCESS.STACK : 0);
}

/** Byte offset in the machine's memory of a linear address, or -1: ask the MMU. */
export function hostAddress(state: CpuState, low: number, high: number, write: boolean): number {
  const user = (state.word(STATE.mode) & MODE.USER) !== 0;
  const table = write
    ? (user ? FAST.writeUser : FAST.writeSupervisor)
    : (user ? FAST.readUser : FAST.readSupervisor);
  const { i32 } = state;
  const entry = (table >> 2) + ((low >>> 10) & 4092);
  if (i32[entry] !== (low & ~0xfff) || i32[entry + 1] !== high) return -1;
  return (i32[entry + 2] + low) | 0;
}

/** Low word of an element in the machine's memory, zero-extended. */
export function peek(state: CpuState, host: number, size: number): number {
  const { view } = state.memory;
  return size === 1
    ? state.u8[host]
    : size === 2
    ? view.getUint16(host, true)
    : view.getInt32(host, true);
}

/** High word of an element in the machine's memory; 0 unless it has 8 bytes. */
export function peekHigh(state: CpuState, host: number, size: number): number {
  return size === 8 ? state.memory.view.getInt32(host + 4, true) : 0;
}

/** Writes an element to the machine's memory. */
export function poke(
  state: CpuState,
  host: number,
  size: number,
  low: number,
  high: number,
): void {
  const { view } = state.memory;
  if (size === 1) state.u8[host] = low;
  else if (size === 2) view.setInt16(host, low, true);
  else {
    view.setInt32(host, low, true);
    if (size === 8) view.setInt32(host + 4, high, true);
  }
}

/** Loads an element through the MMU. @returns Its low word; the high one is in `STATE.high`. */
export function loadElement(
  cpu: CpuContext,
  size: number,
  low: number,
  high: number,
  access: number,
): number {
  const { mmu } = cpu;
  if (size === 8) return mmu.load64(low, high, access);
  cpu.state.setWord(STATE.high, 0);
  return size === 1
    ? mmu.load8(low, high, access)
    : size === 2
    ? mmu.load16(low, high, access)
    : mmu.load32(low, high, access);
}

/** Stores an element through the MMU. */
export function storeElement(
  cpu: CpuContext,
  size: number,
  low: number,
  high: number,
  value: number,
  valueHigh: number,
  access: number,
): void {
  const { mmu } = cpu;
  if (size === 1) mmu.store8(low, high, value, access);
  else if (size === 2) mmu.store16(low, high, value, access);
  else if (size === 4) mmu.store32(low, high, value, access);
  else mmu.store64(low, high, value, valueHigh, access);
}
