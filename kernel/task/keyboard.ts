/**
 * The keyboard as a stream: the interrupt handler puts scancodes into a queue and wakes the task
 * that decodes and prints them.
 */
import { keyText } from "../interrupts.ts";
import type { Kernel } from "../kernel.ts";
import type { ArrayQueue } from "./array_queue.ts";
import { asyncFn } from "./async_fn.ts";
import { reserveQueue } from "./executor.ts";
import { AsyncPanic, type Context, type Future } from "./future.ts";
import { Poll } from "./poll.ts";
import { Stream } from "./stream.ts";
import { AtomicWaker } from "./waker.ts";

export const SCANCODE_QUEUE_CAPACITY = 100;

/** The queue between handler and stream. There is none until the stream is made. */
export class ScancodeQueue {
  readonly waker = new AtomicWaker();
  /** Scancodes that were lost. */
  dropped = 0;

  readonly #kernel: Kernel;
  #queue: ArrayQueue | undefined;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  /** In guest memory; `undefined` until the stream is made. */
  get queue(): ArrayQueue | undefined {
    return this.#queue;
  }

  /** Called by the keyboard's interrupt handler: never blocks, never allocates. */
  addScancode(scancode: number): void {
    if (this.#queue === undefined) {
      this.dropped++;
      this.#kernel.println("WARNING: scancode queue uninitialized");
    } else if (!this.#queue.push(scancode)) {
      this.dropped++;
      this.#kernel.println("WARNING: scancode queue full; dropping keyboard input");
    } else {
      this.waker.wake();
    }
  }

  /**
   * Makes the queue and its stream.
   *
   * @throws {AsyncPanic} If there is one already.
   */
  stream(): ScancodeStream {
    if (this.#queue !== undefined) {
      throw new AsyncPanic("ScancodeStream::new should only be called once");
    }
    this.#queue = reserveQueue(this.#kernel, "SCANCODE_QUEUE", SCANCODE_QUEUE_CAPACITY);
    return new ScancodeStream(this.#queue, this.waker);
  }
}

/** The scancodes in the order of their coming, without an end. */
export class ScancodeStream extends Stream<number> {
  readonly #queue: ArrayQueue;
  readonly #waker: AtomicWaker;

  /** @see ScancodeQueue.stream */
  constructor(queue: ArrayQueue, waker: AtomicWaker) {
    super();
    this.#queue = queue;
    this.#waker = waker;
  }

  override get name(): string {
    return "scancodes";
  }

  pollNext(cx: Context): Poll<number | undefined> {
    const early = this.#queue.pop();
    if (early !== undefined) return Poll.Ready(early);
    this.#waker.register(cx.waker);
    // One may have come since the first look.
    const late = this.#queue.pop();
    if (late === undefined) return Poll.Pending;
    this.#waker.take();
    return Poll.Ready(late);
  }
}

/** The keyboard task: prints what is typed. */
export function printKeypresses(kernel: Kernel, scancodes: ScancodeQueue): Future<void> {
  return printing(kernel, scancodes);
}

const printing = asyncFn(
  "print_keypresses",
  function* (kernel: Kernel, queue: ScancodeQueue) {
    const scancodes = queue.stream();
    const { keyboard } = kernel.interrupts;
    for (;;) {
      const scancode = yield* scancodes.next();
      if (scancode === undefined) return;
      const event = keyboard.addByte(scancode);
      const key = event && keyboard.processKeyEvent(event);
      if (key !== undefined) kernel.print(keyText(key));
    }
  },
);
