/**
 * LAR, LSL, VERR, VERW: asking about a selector without a fault. ZF is the answer.
 *
 * @see Intel SDM Vol. 2, "LAR", "LSL", "VERR/VERW"
 */
import { SELECTOR, SYSTEM_TYPE } from "../../arch/descriptor.ts";
import { STATE } from "../../memory/layout.ts";
import type { CpuContext, Helper } from "../context.ts";
import { type Descriptor, findDescriptor, isNull } from "./descriptors.ts";

const T = SYSTEM_TYPE;
/** System types as bit sets: those that LAR knows, in and out of long mode; those with a limit. */
const LAR_TYPES = 1 << T.TSS16_AVAILABLE | 1 << T.LDT | 1 << T.TSS16_BUSY | 1 << T.CALL_GATE16 |
  1 << T.TASK_GATE | 1 << T.TSS32_AVAILABLE | 1 << T.TSS32_BUSY | 1 << T.CALL_GATE32;
const LONG_TYPES = 1 << T.LDT | 1 << T.TSS32_AVAILABLE | 1 << T.TSS32_BUSY | 1 << T.CALL_GATE32;
const LSL_TYPES = 1 << T.TSS16_AVAILABLE | 1 << T.LDT | 1 << T.TSS16_BUSY |
  1 << T.TSS32_AVAILABLE | 1 << T.TSS32_BUSY;

/** LAR: sets ZF and gives the access rights (the limit's bits among them, as on silicon). */
function accessRights(cpu: CpuContext, selector: number): number {
  const descriptor = visible(cpu, selector, LAR_TYPES);
  return answer(cpu, descriptor !== undefined) ? descriptor!.high & 0x00ff_ff00 : 0;
}

/** LSL: sets ZF and gives the limit in bytes. */
function segmentLimit(cpu: CpuContext, selector: number): number {
  const descriptor = visible(cpu, selector, LSL_TYPES);
  return answer(cpu, descriptor !== undefined) ? descriptor!.limit : 0;
}

/** VERR: sets ZF when the segment can be read at CPL and RPL. */
function verifyRead(cpu: CpuContext, selector: number): void {
  const descriptor = visible(cpu, selector, 0);
  answer(cpu, descriptor !== undefined && descriptor.isReadable);
}

/** VERW: sets ZF when it can be written. */
function verifyWrite(cpu: CpuContext, selector: number): void {
  const descriptor = visible(cpu, selector, 0);
  answer(cpu, descriptor !== undefined && descriptor.isWritableData);
}

/** The descriptor if its type is among `systemTypes` or a segment's, and privilege allows. */
function visible(
  cpu: CpuContext,
  selector: number,
  systemTypes: number,
): Descriptor | undefined {
  if (isNull(selector)) return undefined;
  const descriptor = findDescriptor(cpu, selector);
  if (descriptor === undefined) return undefined;
  const { type, dpl } = descriptor;
  if (type < 16) {
    const known = cpu.state.longMode ? systemTypes & LONG_TYPES : systemTypes;
    if ((known >> type & 1) === 0) return undefined;
  } else if (descriptor.isCode && descriptor.isConforming) {
    return descriptor;
  }
  return cpu.state.cpl > dpl || (selector & SELECTOR.RPL) > dpl ? undefined : descriptor;
}

function answer(cpu: CpuContext, isSet: boolean): boolean {
  cpu.state.setWord(STATE.flagZ, isSet ? 0 : 1);
  return isSet;
}

export const descriptorQueryHelpers = {
  accessRights,
  segmentLimit,
  verifyRead,
  verifyWrite,
} satisfies Record<string, Helper>;
