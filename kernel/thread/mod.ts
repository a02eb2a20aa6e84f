/** Preemptive threads. */
export { MAX_THREADS, Scheduler, type ThreadOptions } from "./scheduler.ts";
export type { StartFrame } from "./start_frame.ts";
export { STACK_PAGES, stackOf } from "./stacks.ts";
export { THREAD_CALL, THREAD_VECTOR } from "./thread_code.ts";
export type { ThreadReport } from "./thread_report.ts";
export { type ThreadId, type ThreadState } from "./thread_table.ts";
export { setTimerFrequency } from "./timer_frequency.ts";
