/** User mode: programs in ring 3. */
export { Processes, type ProcessId, type ProcessReport, type ProcessState } from "./processes.ts";
export { ERRNO, SYSCALL, SYSCALL_VECTOR } from "./syscall.ts";
export { USER } from "./user_space.ts";
