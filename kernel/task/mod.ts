/** Cooperative multitasking: what the chapter on async/await adds to the kernel. */
import type { Kernel } from "../kernel.ts";
import { Executor, type ExecutorOptions } from "./executor.ts";
import type { Future } from "./future.ts";
import { HaltMeter } from "./halt_meter.ts";
import { printKeypresses, ScancodeQueue } from "./keyboard.ts";
import { SimpleExecutor, type SimpleExecutorOptions } from "./simple_executor.ts";
import { type TaskId, TaskIds } from "./task.ts";
import { Sleep, SleepQueue } from "./timer.ts";

/** A kernel's tasks. */
export class Tasks {
  readonly ids = new TaskIds();
  readonly sleepers: SleepQueue;
  readonly scancodes: ScancodeQueue;
  readonly #kernel: Kernel;
  #executor: Executor | undefined;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    this.sleepers = new SleepQueue(kernel.interrupts);
    this.scancodes = new ScancodeQueue(kernel);
  }

  /**
   * The stage "async": the timer wakes sleepers, scancodes go to the queue, and the kernel's
   * executor runs the keyboard task in the idle loop.
   */
  init(): void {
    this.hook();
    this.executor.spawn(printKeypresses(this.#kernel, this.scancodes));
    this.executor.start();
  }

  /** Leads the timer's and the keyboard's interrupts here, and starts nothing. */
  hook(): void {
    const { interrupts } = this.#kernel;
    interrupts.onTimer.add(this.#tick);
    interrupts.onScancode = (scancode) => this.scancodes.addScancode(scancode);
  }

  readonly #tick = () => this.sleepers.tick();

  /** The kernel's executor; made when it is asked for. */
  get executor(): Executor {
    return this.#executor ??= this.newExecutor();
  }

  /** Spawns on the kernel's executor. */
  spawn(future: Future<unknown>): TaskId {
    return this.executor.spawn(future);
  }

  /** Pending for a number of timer ticks, from its first poll on. */
  sleep(ticks: number): Sleep {
    return new Sleep(this.sleepers, ticks);
  }

  /** Another executor. */
  newExecutor(options?: ExecutorOptions): Executor {
    return new Executor(this.#kernel, options);
  }

  newSimpleExecutor(options?: SimpleExecutorOptions): SimpleExecutor {
    return new SimpleExecutor(this.#kernel, options);
  }

  /** Starts to measure how much of the time the CPU is halted. */
  haltMeter(): HaltMeter {
    return new HaltMeter(this.#kernel.machine);
  }
}

export { ArrayQueue } from "./array_queue.ts";
export { asyncFn, AsyncFuture, saving } from "./async_fn.ts";
export { Completion, join, ready, select, type Selected, yieldNow } from "./combinators.ts";
export {
  type AsyncReadFile,
  example,
  EXAMPLE_DIAGRAM,
  type ExampleState,
  ExampleStateMachine,
  type ExampleStep,
} from "./example.ts";
export {
  Executor,
  type ExecutorCounters,
  type ExecutorEvent,
  type ExecutorOptions,
  type IdlePolicy,
} from "./executor.ts";
export { type AsyncBody, AsyncPanic, Context, Future, type FutureState } from "./future.ts";
export { HaltMeter } from "./halt_meter.ts";
export {
  printKeypresses,
  SCANCODE_QUEUE_CAPACITY,
  ScancodeQueue,
  ScancodeStream,
} from "./keyboard.ts";
export { SELF_REFERENTIAL_BYTES, SelfReferential, type SelfReferentialState } from "./pinning.ts";
export { type Pending, Poll, type Ready } from "./poll.ts";
export { SimpleExecutor } from "./simple_executor.ts";
export { provokeRace, type RaceOptions, type RaceResult } from "./sleep_race.ts";
export { Stream } from "./stream.ts";
export { type TaskId, type TaskState } from "./task.ts";
export { Sleep } from "./timer.ts";
export { AtomicWaker, dummyWaker, Waker } from "./waker.ts";
