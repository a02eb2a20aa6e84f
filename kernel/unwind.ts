/** How TypeScript kernel code ends when the machine does not come back to it. */
import { MachineStopped } from "../machine/mod.ts";

/**
 * Thrown by code that never returns, after it has led the CPU to where that goes on (the halt
 * loop): unwinds TypeScript, and no more.
 */
export class Diverged extends Error {
  override readonly name = "Diverged";
}

/**
 * Whether an error says that the code it passes through will never go on: it must clean up
 * nothing, as code that just stopped would not.
 */
export function isUnwinding(error: unknown): boolean {
  return error instanceof MachineStopped || error instanceof Diverged;
}

/** Calls `action`, then `after`; not when the machine has left the code. */
export function finallyUnlessUnwinding<T>(action: () => T, after: () => void): T {
  let result: T;
  try {
    result = action();
  } catch (error) {
    if (!isUnwinding(error)) after();
    throw error;
  }
  after();
  return result;
}
