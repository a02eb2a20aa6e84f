/** The simplest executor: polls all tasks in turn, whether that is worth it or not. */
import type { Kernel } from "../kernel.ts";
import { ArrayQueue } from "./array_queue.ts";
import { reserveQueue } from "./executor.ts";
import { Context, type Future } from "./future.ts";
import { Task, type TaskId, type TaskState } from "./task.ts";
import { guarded } from "./task_failure.ts";
import { dummyWaker } from "./waker.ts";

export interface SimpleExecutorOptions {
  /** Most tasks at a time. Default 100. */
  readonly capacity?: number;
}

export class SimpleExecutor {
  /** Tasks that are not finished, the next one first: numbers in guest memory. */
  readonly queue: ArrayQueue;
  /** Polls since the start. */
  polls = 0;
  /** Tasks that have ended. */
  finished = 0;

  readonly #kernel: Kernel;
  readonly #tasks = new Map<TaskId, Task>();
  readonly #context = new Context(dummyWaker());

  constructor(kernel: Kernel, { capacity = 100 }: SimpleExecutorOptions = {}) {
    this.#kernel = kernel;
    this.queue = reserveQueue(kernel, "SIMPLE_QUEUE", capacity);
  }

  /** Adds a task. Nothing of it runs yet. Panics when there is no room. */
  spawn(future: Future<unknown>): TaskId {
    const task = new Task(this.#kernel.tasks.ids.next(), future);
    if (!this.queue.push(task.id)) this.#kernel.panic("queue full");
    this.#tasks.set(task.id, task);
    return task.id;
  }

  /** Polls the task whose turn it is. @returns Whether there was one. */
  runOnce(): boolean {
    const id = this.queue.pop();
    const task = id === undefined ? undefined : this.#tasks.get(id);
    if (task === undefined) return false;
    this.polls++;
    if (guarded(this.#kernel, task, this.#context)) {
      this.queue.push(task.id);
    } else {
      this.#tasks.delete(task.id);
      this.finished++;
    }
    return true;
  }

  /** Polls until all tasks are finished: for kernel code that has nothing else to do. */
  run(): void {
    while (this.runOnce());
  }

  /**
   * Does the same as the idle loop's work, so that the machine can be paused in between. The CPU
   * never halts while a task is left.
   *
   * @returns Ends it.
   */
  start(): () => void {
    return this.#kernel.onIdle(() => this.runOnce());
  }

  /** The tasks as plain data. */
  tasks(): TaskState[] {
    return [...this.#tasks.values()].map((task) => task.inspect());
  }
}
