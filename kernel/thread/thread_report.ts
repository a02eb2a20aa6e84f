/** A thread as plain data. */
import type { ThreadId, ThreadState, ThreadTable } from "./thread_table.ts";

export interface ThreadReport {
  readonly id: ThreadId;
  readonly name: string;
  readonly state: ThreadState;
  /** How often it was switched to. */
  readonly switches: number;
  /** How often the timer took the CPU from it. */
  readonly preemptions: number;
  /** Instructions that it ran; for thread 0 halted time counts. */
  readonly instructions: number;
  /** Once it has ended. */
  readonly exitCode: number | undefined;
  /** The stack's ends; the guard page below it, where the scheduler made one. */
  readonly stack: {
    readonly guard: number | undefined;
    readonly start: number;
    readonly end: number;
  };
}

/** What the table does not know. */
export interface ReportExtras {
  readonly name: string;
  readonly stack: ThreadReport["stack"];
  /** Retired instructions now, if the thread runs. */
  readonly retired: number | undefined;
}

/** Looks a thread up. Takes no time of the machine. */
export function threadReport(table: ThreadTable, id: ThreadId, extras: ReportExtras): ThreadReport {
  const { name, stack, retired } = extras;
  const state = table.peekState(id);
  const running = retired === undefined ? 0 : retired - table.peek(id, "since");
  return {
    id,
    name,
    state,
    switches: table.peek(id, "switches"),
    preemptions: table.peek(id, "preemptions"),
    instructions: table.peek(id, "instructions") + running,
    exitCode: state === "finished" ? table.peek(id, "exitCode") : undefined,
    stack,
  };
}
