/**
 * Checks that a memory access through a segment passes before it is made.
 *
 * @see Intel SDM Vol. 3A, "Limit Checking", "Type Checking"
 */
import { VECTOR } from "../../arch/exceptions.ts";
import { MODE, SEG, STATE } from "../../memory/layout.ts";
import type { CpuContext } from "../context.ts";
import { ATTRIBUTE } from "../state.ts";

/**
 * Checks an access in real, virtual-8086, protected and compatibility mode and gives its linear
 * address. In 64-bit code there is nothing to check: do not call it there.
 *
 * @param segment Index as in `SEG`.
 * @param offset Effective address, int32.
 * @param bytes Length of the access, at least 1.
 * @returns The linear address, int32. Raises #GP(0), or #SS(0) through SS.
 */
export function segmentLinear(
  cpu: CpuContext,
  segment: number,
  offset: number,
  bytes: number,
  write: boolean,
): number {
  const { state } = cpu;
  const mode = state.word(STATE.mode);
  const attributes = state.attributes(segment);
  const typed = (mode & MODE.PROTECTED) !== 0 && (mode & MODE.V86) === 0;
  if (typed && !typeAllows(attributes, write)) refuse(cpu, segment);
  const limit = state.limit(segment);
  if (!withinLimit(attributes, limit, offset >>> 0, bytes)) refuse(cpu, segment);
  return (state.baseLow(segment) + offset) | 0;
}

/**
 * Whether bytes `offset` … `offset + bytes - 1` lie within a segment.
 *
 * Bytes beyond the end of a 4 GiB segment do not wrap around to its start: seen on silicon (an AMD
 * EPYC), where the manual leaves it open.
 *
 * @param offset,limit Unsigned.
 */
export function withinLimit(
  attributes: number,
  limit: number,
  offset: number,
  bytes: number,
): boolean {
  const last = offset + bytes - 1;
  if ((attributes & (ATTRIBUTE.CODE | ATTRIBUTE.EXPAND_DOWN)) === ATTRIBUTE.EXPAND_DOWN) {
    const top = (attributes & ATTRIBUTE.DB) !== 0 ? 0xffff_ffff : 0xffff;
    return offset > limit && last <= top;
  }
  return last <= limit;
}

/** Whether a present descriptor may be read (written) through. */
function typeAllows(attributes: number, write: boolean): boolean {
  const usable = ATTRIBUTE.P | ATTRIBUTE.S;
  if ((attributes & usable) !== usable) return false;
  const isCode = (attributes & ATTRIBUTE.CODE) !== 0;
  const bit1 = (attributes & ATTRIBUTE.WRITABLE) !== 0;
  return write ? !isCode && bit1 : !isCode || bit1;
}

function refuse(cpu: CpuContext, segment: number): never {
  return cpu.state.raise(segment === SEG.SS ? VECTOR.SS : VECTOR.GP, 0);
}
