/** Raising a fault with the reason in words. */
import type { CpuContext } from "../context.ts";

/**
 * Raises an exception and notes why, for the event and for a triple fault's chain.
 *
 * @param error The error code; 0 for vectors without one.
 */
export function fail(cpu: CpuContext, vector: number, error: number, reason: string): never {
  cpu.faultReason = reason;
  return cpu.state.raise(vector, error);
}

/** The error code that names a selector. `ext` is 1 when an event from outside caused it. */
export function selectorError(selector: number, ext: number): number {
  return (selector & 0xfffc) | ext;
}

/** Raises an exception whose error code names a selector. */
export function failSelector(
  cpu: CpuContext,
  vector: number,
  selector: number,
  ext: number,
  what: string,
): never {
  return fail(
    cpu,
    vector,
    selectorError(selector, ext),
    `selector 0x${(selector & 0xffff).toString(16)}: ${what}`,
  );
}
