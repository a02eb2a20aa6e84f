/**
 * IN and OUT: who may touch a port, and the way to the bus.
 *
 * @see Intel SDM Vol. 1, "I/O Permission Bit Map"
 */
import { VECTOR } from "../../arch/exceptions.ts";
import { IOPL_SHIFT } from "../../arch/rflags.ts";
import type { PortWidth } from "../../bus/port_bus.ts";
import { MODE, SEG, STATE } from "../../memory/layout.ts";
import type { CpuContext, Helper } from "../context.ts";
import { systemLoad16 } from "./system_memory.ts";

/** Types of a TSS that has an I/O map: 32-bit (in long mode 64-bit), available or busy. */
const TSS32_AVAILABLE = 9;
const TSS32_BUSY = 11;
/** Where the 32-bit and the 64-bit TSS keep the map's offset. */
const IO_MAP_BASE = 102;

/**
 * Raises #GP(0) unless the running code may access `width` bytes from `port`: IOPL decides in
 * protected mode, else (and always in virtual-8086 mode) the map in the TSS.
 */
export function ioPermission(cpu: CpuContext, port: number, width: number): void {
  const { state } = cpu;
  const mode = state.word(STATE.mode);
  if ((mode & MODE.PROTECTED) === 0) return;
  const iopl = (state.word(STATE.flagsRest) >> IOPL_SHIFT) & 3;
  if ((mode & MODE.V86) === 0 && state.cpl <= iopl) return;
  if (!mapAllows(cpu, port, width)) {
    cpu.faultReason = `port 0x${port.toString(16)} is not allowed at CPL ${state.cpl}`;
    state.raise(VECTOR.GP, 0);
  }
}

/** The CPU reads two bytes of the map for every access, so both must lie within the limit. */
function mapAllows(cpu: CpuContext, port: number, width: number): boolean {
  const { state } = cpu;
  const type = state.attributes(SEG.TR) & 0x1f;
  if (type !== TSS32_AVAILABLE && type !== TSS32_BUSY) return false;
  const limit = state.limit(SEG.TR);
  if (limit < IO_MAP_BASE + 1) return false;
  const baseLow = state.baseLow(SEG.TR);
  const baseHigh = state.baseHigh(SEG.TR);
  const at = systemLoad16(cpu, baseLow, baseHigh, IO_MAP_BASE) + (port >> 3);
  if (at + 1 > limit) return false;
  const bits = systemLoad16(cpu, baseLow, baseHigh, at) >> (port & 7);
  return (bits & ((1 << width) - 1)) === 0;
}

/** Reads a port. @returns The value as an int32. */
export function portIn(cpu: CpuContext, port: number, width: number): number {
  ioPermission(cpu, port, width);
  const value = cpu.ports.read(port, width as PortWidth);
  if (!cpu.events.wants.in) return value;
  const event = cpu.events.emit("in", { port, width, value: unsigned(value, width) });
  return unsigned(event.value, width) | 0;
}

/** Writes the low `width` bytes of `value` to a port. */
export function portOut(cpu: CpuContext, port: number, width: number, value: number): void {
  ioPermission(cpu, port, width);
  if (cpu.events.wants.out) {
    value = cpu.events.emit("out", { port, width, value: unsigned(value, width) }).value;
  }
  cpu.ports.write(port, value, width as PortWidth);
}

function unsigned(value: number, width: number): number {
  return width === 4 ? value >>> 0 : value & (width === 1 ? 0xff : 0xffff);
}

export const ioHelpers = { portIn, portOut } satisfies Record<string, Helper>;
