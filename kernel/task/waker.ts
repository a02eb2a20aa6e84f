/** Wakers: how a future that waits says that it can go on. */

/** Calls the one who polls. Cheap to keep; may be called from an interrupt handler. */
export class Waker {
  readonly #wake: () => void;

  /** @param name Whom it wakes, for views. */
  constructor(readonly name: string, wake: () => void) {
    this.#wake = wake;
  }

  /** Asks for another poll. Any number of times, at any time. */
  wake(): void {
    this.#wake();
  }

  /** Whether both wake the same. */
  willWake(other: Waker): boolean {
    return this === other || this.#wake === other.#wake;
  }
}

/** A waker that does nothing: who uses it has to poll again and again. */
export function dummyWaker(): Waker {
  return new Waker("nobody", nothing);
}

function nothing(): void {}

/**
 * A place for one waker, which a task fills and an interrupt handler empties.
 *
 * The order to keep: look, register, **look again**. What came between the first look and the
 * registration woke nobody.
 */
export class AtomicWaker {
  #waker: Waker | undefined;
  /** How often {@linkcode AtomicWaker.wake} found a waker. */
  wakes = 0;

  /** Who is registered. */
  get waker(): Waker | undefined {
    return this.#waker;
  }

  register(waker: Waker): void {
    this.#waker = waker;
  }

  /** Takes the waker out. */
  take(): Waker | undefined {
    const waker = this.#waker;
    this.#waker = undefined;
    return waker;
  }

  /** Wakes who is registered, once. */
  wake(): void {
    const waker = this.take();
    if (waker === undefined) return;
    this.wakes++;
    waker.wake();
  }
}
