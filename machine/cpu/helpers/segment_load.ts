/**
 * Loading ES, SS, DS, FS and GS: MOV, POP, LDS and its kin.
 *
 * @see Intel SDM Vol. 2, "MOV—Move" (the checks), Vol. 3A, "Segment Registers"
 */
import { SELECTOR } from "../../arch/descriptor.ts";
import { VECTOR } from "../../arch/exceptions.ts";
import { MODE, SEG, STATE } from "../../memory/layout.ts";
import type { CpuContext, Helper } from "../context.ts";
import { ATTRIBUTE } from "../state.ts";
import {
  checkDataSegment,
  checkStackSegment,
  commitNull,
  commitSegment,
  isNull,
  markAccessed,
} from "./descriptors.ts";

/** Access byte of a real-mode segment: present, writable, accessed data. */
const REAL_ACCESS = 0x93;
/** The same at DPL 3, in virtual-8086 mode. */
const V86_ACCESS = 0xf3;

/** Loads a segment register other than CS with everything that its mode asks for. */
export function loadSegment(cpu: CpuContext, segment: number, selector: number): void {
  const { state } = cpu;
  const mode = state.word(STATE.mode);
  if ((mode & MODE.PROTECTED) === 0) return loadRealSegment(cpu, segment, selector);
  if ((mode & MODE.V86) !== 0) return loadV86Segment(cpu, segment, selector);
  const { cpl } = state;
  if (segment === SEG.SS) {
    if (isNull(selector) && state.code64 && cpl < 3 && (selector & SELECTOR.RPL) === cpl) {
      return commitNull(cpu, segment, selector);
    }
    const descriptor = checkStackSegment(cpu, selector, cpl, VECTOR.GP, 0);
    markAccessed(cpu, descriptor);
    return commitSegment(cpu, segment, selector, descriptor);
  }
  if (isNull(selector)) return commitNull(cpu, segment, selector);
  const descriptor = checkDataSegment(cpu, selector, cpl, VECTOR.GP, 0);
  markAccessed(cpu, descriptor);
  commitSegment(cpu, segment, selector, descriptor);
}

/**
 * Real mode: the base changes. The limit and the default size stay as they are ("unreal mode"
 * depends on it).
 */
export function loadRealSegment(cpu: CpuContext, segment: number, selector: number): void {
  const { state } = cpu;
  const kept = state.attributes(segment) & (ATTRIBUTE.DB | ATTRIBUTE.G | ATTRIBUTE.AVL);
  state.setRealSegment(segment, selector, kept | REAL_ACCESS, state.limit(segment) | 0);
}

/** Virtual-8086 mode: always 64 KiB at 16 times the selector. */
export function loadV86Segment(cpu: CpuContext, segment: number, selector: number): void {
  cpu.state.setRealSegment(segment, selector, V86_ACCESS, 0xffff);
}

export const segmentLoadHelpers = { loadSegment } satisfies Record<string, Helper>;
