/** Preemptive threads. */
export {
  MAX_THREADS,
  Scheduler,
  type StartFrame,
  type ThreadOptions,
  type ThreadReport,
} from "./scheduler.ts";
export { STACK_PAGES, stackOf } from "./stacks.ts";
export { THREAD_CALL, THREAD_VECTOR } from "./thread_code.ts";
export { type ThreadId, type ThreadState } from "./thread_table.ts";
export { setTimerFrequency } from "./timer_frequency.ts";
