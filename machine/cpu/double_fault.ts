/**
 * What becomes of a fault during the delivery of an exception.
 *
 * | first \ second | benign | contributory | page fault |
 * |---|---|---|---|
 * | benign | serial | serial | serial |
 * | contributory | serial | double fault | serial |
 * | page fault | serial | double fault | double fault |
 * | double fault | serial | shutdown | shutdown |
 *
 * "Serial": the second is delivered alone; the first shows again when its instruction is
 * executed again.
 *
 * @see Intel SDM Vol. 3A, "Interrupt 8—Double Fault Exception (#DF)"
 */
import { VECTOR } from "../arch/exceptions.ts";

export type FaultPair = "serial" | "double" | "shutdown";

/** Combines the vectors of two exceptions. */
export function combineFaults(first: number, second: number): FaultPair {
  const isPageFault = second === VECTOR.PF;
  if (!isPageFault && !isContributory(second)) return "serial";
  if (first === VECTOR.DF) return "shutdown";
  if (first === VECTOR.PF || (isContributory(first) && !isPageFault)) return "double";
  return "serial";
}

/** #DE, #TS, #NP, #SS and #GP. Interrupts, #NMI and all other exceptions are benign. */
function isContributory(vector: number): boolean {
  return vector === VECTOR.DE || (vector >= VECTOR.TS && vector <= VECTOR.GP);
}
