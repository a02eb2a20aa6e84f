/** Polling a task that may throw. */
import type { Kernel } from "../kernel.ts";
import { PanicUnwind } from "../panic.ts";
import { isUnwinding } from "../unwind.ts";
import { AsyncPanic, type Context } from "./future.ts";
import type { Task } from "./task.ts";

/**
 * Polls a task. An {@linkcode AsyncPanic} becomes a panic of the kernel; any other error ends the
 * task alone, is told on the screen, and the kernel goes on.
 *
 * @returns Whether the task has to be polled again.
 */
export function guarded(kernel: Kernel, task: Task, cx: Context): boolean {
  try {
    return task.poll(cx).kind === "Pending";
  } catch (error) {
    if (isUnwinding(error) || error instanceof PanicUnwind) throw error;
    if (error instanceof AsyncPanic) kernel.panic(error.message);
    const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    kernel.println(`task ${task.id} (${task.name}) threw ${text}`);
    return false;
  }
}
