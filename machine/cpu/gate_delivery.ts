/** What is delivered, and the checks of its IDT entry that all modes share. */
import { SELECTOR_ERROR } from "../arch/descriptor.ts";
import { VECTOR } from "../arch/exceptions.ts";
import { STATE } from "../memory/layout.ts";
import type { CpuContext } from "./context.ts";
import { fail } from "./helpers/faults.ts";

/** What is delivered. */
export interface Delivery {
  readonly vector: number;
  /** INT n, INT3, INTO: the gate's DPL counts, and errors are not "external". */
  readonly isSoftware: boolean;
  /** `undefined`: none is pushed. Never pushed in real mode. */
  readonly error: number | undefined;
  /** The return address. */
  readonly ripLow: number;
  readonly ripHigh: number;
  /** RFLAGS as they are saved. */
  readonly flags: number;
}

/** Progress notes, for the case that the next access page-faults. */
export const READING_IDT = "reading the IDT";
export const READING_DESCRIPTOR = "reading the handler's code descriptor";
export const READING_STACK = "reading the new stack from the TSS";
export const PUSHING_FRAME = "pushing the frame";

/** EXT bit of the error codes of faults during this delivery. */
export function extOf(delivery: Delivery): number {
  return delivery.isSoftware ? 0 : SELECTOR_ERROR.EXT;
}

/** The error code that names an IDT entry. */
export function idtError(delivery: Delivery): number {
  return delivery.vector << 3 | SELECTOR_ERROR.IDT | extOf(delivery);
}

/** #GP naming the IDT entry, if the IDT has no `bytes` bytes for it. @returns Its offset. */
export function checkIdt(cpu: CpuContext, delivery: Delivery, bytes: number): number {
  const offset = delivery.vector * bytes;
  if (offset + bytes - 1 > cpu.state.word(STATE.idtrLimit)) {
    fail(
      cpu,
      VECTOR.GP,
      idtError(delivery),
      `IDT entry ${delivery.vector} is beyond the IDT's limit`,
    );
  }
  return offset;
}

/** DPL (for software) and presence of a gate whose type is right. `high`: its second word. */
export function checkGateRights(cpu: CpuContext, delivery: Delivery, high: number): void {
  const { vector, isSoftware } = delivery;
  const dpl = (high >>> 13) & 3;
  const { cpl } = cpu.state;
  if (isSoftware && dpl < cpl) {
    fail(
      cpu,
      VECTOR.GP,
      idtError(delivery),
      `IDT entry ${vector} has DPL ${dpl}: not for CPL ${cpl}`,
    );
  }
  if ((high & (1 << 15)) === 0) {
    fail(cpu, VECTOR.NP, idtError(delivery), `IDT entry ${vector} is not present`);
  }
}
