/**
 * The executor: polls the tasks that were woken, and sends the CPU to sleep when none is.
 *
 * ```text
 *             ┌──────────── wake: push the number ───────────┐
 *             ▼                                              │
 *  ready queue (numbers, guest memory) ──► task ── poll ──► Pending: keeps the waker
 *             │ empty                                └────► Ready: dropped
 *             ▼
 *     cli; still empty? sti; hlt
 * ```
 *
 * It is the work of the kernel's idle loop: `run()` goes there. The loop's guest code executes
 * HLT, so that the machine can be paused, stepped and interrupted at every instruction.
 */
import type { Kernel } from "../kernel.ts";
import { Diverged } from "../unwind.ts";
import { ArrayQueue } from "./array_queue.ts";
import { Context, type Future } from "./future.ts";
import { Task, type TaskId, type TaskState } from "./task.ts";
import { guarded } from "./task_failure.ts";
import { Waker } from "./waker.ts";

/**
 * What it does when no task is ready:
 *
 * - `sleep`: disables interrupts, looks again, and halts by `sti; hlt`.
 * - `racy-sleep`: looks and halts with interrupts enabled: one that comes in between is lost.
 * - `spin`: looks again, for ever.
 */
export type IdlePolicy = "sleep" | "racy-sleep" | "spin";

export interface ExecutorOptions {
  /** How many numbers the ready queue holds. Default 100. */
  readonly capacity?: number;
  /** Default `sleep`. */
  readonly idle?: IdlePolicy;
  /** How many of the latest events are kept for a timeline. Default 0. */
  readonly trace?: number;
}

/** What happened to a task, and when. */
export interface ExecutorEvent {
  /** Retired instructions. */
  readonly retired: number;
  readonly kind: "spawn" | "poll" | "pending" | "ready" | "wake" | "idle";
  /** 0 for `idle`. */
  readonly task: TaskId;
}

/** Numbers since the executor was made. */
export interface ExecutorCounters {
  readonly spawned: number;
  readonly finished: number;
  readonly polls: number;
  /** Calls of wakers. */
  readonly wakes: number;
  /** Wakers that were made: one per task, thanks to the cache. */
  readonly wakers: number;
  /** Numbers in the ready queue whose task was gone: woken, but finished before. */
  readonly stale: number;
  /** How often it found nothing to do. */
  readonly idle: number;
}

export class Executor {
  idle: IdlePolicy;
  /** When it polled a task last: retired instructions; −1 before the first. */
  lastPollAt = -1;
  /** Numbers of the tasks that were woken. */
  readonly readyQueue: ArrayQueue;

  readonly #kernel: Kernel;
  readonly #tasks = new Map<TaskId, Task>();
  readonly #wakerCache = new Map<TaskId, Context>();
  readonly #counters = {
    spawned: 0,
    finished: 0,
    polls: 0,
    wakes: 0,
    wakers: 0,
    stale: 0,
    idle: 0,
  };
  readonly #trace: ExecutorEvent[] = [];
  readonly #traceLength: number;
  #stop: (() => void) | undefined;

  constructor(kernel: Kernel, { capacity = 100, idle = "sleep", trace = 0 }: ExecutorOptions = {}) {
    this.#kernel = kernel;
    this.idle = idle;
    this.#traceLength = trace;
    this.readyQueue = reserveQueue(kernel, "READY_QUEUE", capacity);
  }

  get counters(): ExecutorCounters {
    return { ...this.#counters };
  }

  /** The latest events, oldest first; empty unless asked for. */
  get trace(): readonly ExecutorEvent[] {
    return this.#trace;
  }

  /** The tasks as plain data. */
  tasks(): TaskState[] {
    return [...this.#tasks.values()].map((task) => task.inspect());
  }

  /** Adds a task; it is ready. Panics when the queue is full. @returns Its number. */
  spawn(future: Future<unknown>): TaskId {
    const task = new Task(this.#kernel.tasks.ids.next(), future);
    this.#tasks.set(task.id, task);
    this.#counters.spawned++;
    this.#note("spawn", task.id);
    if (!this.readyQueue.push(task.id)) this.#kernel.panic("queue full");
    this.#kernel.wake();
    return task.id;
  }

  /** Starts as the work of the idle loop. Once is enough. @returns Ends it. */
  start(): () => void {
    this.#stop ??= this.#kernel.onIdle(() => this.#idleWork());
    return () => {
      this.#stop?.();
      this.#stop = undefined;
    };
  }

  /** Starts, and goes to the idle loop: never returns to TypeScript kernel code. */
  run(): never {
    this.start();
    this.#kernel.wake();
    this.#kernel.cpu.rip = BigInt(this.#kernel.symbols.get("idle")!);
    throw new Diverged("The executor runs in the idle loop; run the machine to go on there");
  }

  /**
   * Polls the tasks that are ready now. Those that are woken meanwhile come next time.
   *
   * @returns How many were polled.
   */
  runReadyTasks(): number {
    const { readyQueue } = this;
    let polled = 0;
    for (let left = readyQueue.count(); left > 0; left--) {
      const id = readyQueue.pop();
      if (id === undefined) break;
      const task = this.#tasks.get(id);
      if (task === undefined) {
        this.#counters.stale++;
        continue;
      }
      polled++;
      this.#poll(task);
    }
    return polled;
  }

  /**
   * Halts until the next interrupt, unless a task is ready: for kernel code that has a loop of its
   * own instead of {@linkcode Executor.run}.
   */
  sleepIfIdle(): void {
    const { cpu } = this.#kernel;
    if (this.idle === "sleep") cpu.cli();
    const isEmpty = this.readyQueue.isEmpty();
    if (isEmpty) this.#counters.idle++;
    if (this.idle === "sleep") cpu.sti();
    if (isEmpty && this.idle !== "spin") cpu.hlt();
  }

  /** @returns Whether the idle loop shall ask again; if not, it halts by `sti; hlt`. */
  #idleWork(): boolean {
    const { cpu } = this.#kernel;
    this.runReadyTasks();
    if (this.idle === "sleep") cpu.cli();
    if (!this.readyQueue.isEmpty()) {
      if (this.idle === "sleep") cpu.sti();
      return true;
    }
    this.#counters.idle++;
    if (this.#traceLength > 0) this.#note("idle", 0);
    return this.idle === "spin";
  }

  #poll(task: Task): void {
    let context = this.#wakerCache.get(task.id);
    if (context === undefined) {
      context = new Context(this.#waker(task));
      this.#wakerCache.set(task.id, context);
    }
    this.#counters.polls++;
    this.lastPollAt = this.#kernel.machine.retired;
    this.#note("poll", task.id);
    const isPending = guarded(this.#kernel, task, context);
    this.#note(isPending ? "pending" : "ready", task.id);
    if (isPending) return;
    this.#tasks.delete(task.id);
    this.#wakerCache.delete(task.id);
    this.#counters.finished++;
  }

  #waker(task: Task): Waker {
    this.#counters.wakers++;
    return new Waker(`task ${task.id}`, () => {
      this.#counters.wakes++;
      task.wakes++;
      this.#note("wake", task.id);
      if (!this.readyQueue.push(task.id)) this.#kernel.panic("task_queue full");
    });
  }

  #note(kind: ExecutorEvent["kind"], task: TaskId): void {
    if (this.#traceLength === 0) return;
    this.#trace.push({ retired: this.#kernel.machine.retired, kind, task });
    if (this.#trace.length > this.#traceLength) this.#trace.shift();
  }
}

/** Reserves a queue among the kernel's static variables; the second of a name is `NAME_2`. */
export function reserveQueue(kernel: Kernel, name: string, capacity: number): ArrayQueue {
  const { statics, machine } = kernel;
  let unique = name;
  for (let i = 2; statics.symbols.has(unique); i++) unique = `${name}_${i}`;
  return new ArrayQueue(machine, statics.reserve(unique, ArrayQueue.bytes(capacity), 8), capacity);
}
