/** Why a run ended. */
import type { TripleFault } from "./cpu/delivery.ts";

/** What ended a run, with the count of retired instructions and a sentence for people. */
export type StopReason =
  & { readonly retired: number; readonly text: string }
  & (
    /** The instructions or the time that were allowed are used up. */
    | { readonly kind: "budget" }
    /** The `until` condition became true. */
    | { readonly kind: "until" }
    /** `pause()`, or Ctrl-C. */
    | { readonly kind: "paused" }
    | { readonly kind: "breakpoint"; readonly address: bigint }
    /** HLT, and nothing that could end it. */
    | { readonly kind: "halted" }
    /** The guest wrote `code` to port 0xF4; QEMU's exit status would be `status`. */
    | { readonly kind: "exit"; readonly code: number; readonly status: number }
    /** The guest switched the machine off. */
    | { readonly kind: "power off" }
    /** The guest reset the machine; it stands at the reset vector. */
    | { readonly kind: "reset"; readonly source: string }
    | { readonly kind: "triple fault"; readonly chain: TripleFault["chain"] }
    /** Kernel code waits for something that can never happen. */
    | { readonly kind: "deadlock"; readonly reason: string }
  );

type Bare<T> = T extends StopReason ? Omit<T, "retired" | "text"> : never;

/** A stop without the parts that {@linkcode stopReason} fills in. */
export type StopCause = Bare<StopReason>;

/**
 * Thrown through TypeScript kernel code when the machine stops beneath it: the code was waiting
 * for an interrupt handler or a repaired fault that will not return.
 */
export class MachineStopped extends Error {
  override readonly name = "MachineStopped";

  constructor(readonly stop: StopReason) {
    super(stop.text);
  }
}

/** Completes a stop with its time and its sentence. */
export function stopReason(cause: StopCause, retired: number): StopReason {
  return { ...cause, retired, text: sentence(cause, retired) } as StopReason;
}

function sentence(cause: StopCause, retired: number): string {
  const after = `after ${retired.toLocaleString("en-US")} instruction${retired === 1 ? "" : "s"}`;
  switch (cause.kind) {
    case "budget":
      return `stopped ${after}: the budget is used up`;
    case "until":
      return `stopped ${after}: the condition is met`;
    case "paused":
      return `paused ${after}`;
    case "breakpoint":
      return `breakpoint at 0x${cause.address.toString(16)} ${after}`;
    case "halted":
      return `halted for ever ${after}: no interrupt can wake the CPU`;
    case "exit":
      return `exit with code 0x${cause.code.toString(16)} (status ${cause.status}) ${after}`;
    case "power off":
      return `switched off ${after}`;
    case "reset":
      return `reset by the ${cause.source} ${after}`;
    case "triple fault": {
      const chain = cause.chain.map((link, i) => `  ${i + 1}. ${link.why}`);
      return [`triple fault ${after}:`, ...chain].join("\n");
    }
    case "deadlock":
      return `deadlock ${after}: ${cause.reason}`;
  }
}
