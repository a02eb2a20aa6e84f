/** Futures made of futures. */
import {
  type Awaited,
  type Context,
  Future,
  type FutureState,
  polledAfterReady,
} from "./future.ts";
import { Poll } from "./poll.ts";

const END = "End";

/** A future that is there already. */
export class ReadyFuture<T> extends Future<T> {
  #value: { readonly value: T } | undefined;

  constructor(value: T) {
    super();
    this.#value = { value };
  }

  override get name(): string {
    return "ready";
  }

  poll(_cx: Context): Poll<T> {
    const { value } = this.#value ?? polledAfterReady();
    this.#value = undefined;
    return Poll.Ready(value);
  }

  override inspect(): FutureState {
    const state = this.#value === undefined ? END : "Start";
    return {
      name: this.name,
      state,
      number: state === END ? 1 : 0,
      saves: { ...this.#value },
      awaits: [],
    };
  }
}

export function ready<T>(value: T): Future<T> {
  return new ReadyFuture(value);
}

/** Pending once, and woken at once: lets all other tasks have a turn. */
class YieldNow extends Future<void> {
  #polls = 0;

  override get name(): string {
    return "yieldNow";
  }

  poll(cx: Context): Poll<void> {
    if (this.#polls++ > 0) return this.#polls > 2 ? polledAfterReady() : Poll.Ready(undefined);
    cx.waker.wake();
    return Poll.Pending;
  }

  override inspect(): FutureState {
    const state = ["Start", "Yielded", END][Math.min(this.#polls, 2)];
    return { name: this.name, state, number: this.#polls, saves: {}, awaits: [] };
  }
}

export function yieldNow(): Future<void> {
  return new YieldNow();
}

/** A future that somebody else completes: the other end of a device, or of an experiment. */
export class Completion<T> extends Future<T> {
  readonly #name: string;
  #value: { readonly value: T } | undefined;
  #waker: Context["waker"] | undefined;
  #isDone = false;
  /** How often it was polled. */
  polls = 0;

  constructor(name = "completion") {
    super();
    this.#name = name;
  }

  override get name(): string {
    return this.#name;
  }

  /** Gives the value, and wakes who waits. */
  complete(value: T): void {
    this.#value = { value };
    const waker = this.#waker;
    this.#waker = undefined;
    waker?.wake();
  }

  poll(cx: Context): Poll<T> {
    if (this.#isDone) polledAfterReady();
    this.polls++;
    if (this.#value === undefined) {
      this.#waker = cx.waker;
      return Poll.Pending;
    }
    this.#isDone = true;
    return Poll.Ready(this.#value.value);
  }

  override inspect(): FutureState {
    const state = this.#isDone ? END : this.#value === undefined ? "Waiting" : "Completed";
    const saves = this.#waker === undefined ? {} : { waker: this.#waker.name };
    return { name: this.name, state, number: this.#isDone ? 1 : 0, saves, awaits: [] };
  }
}

type Outputs<F extends readonly Awaited[]> = {
  [K in keyof F]: F[K] extends Future<infer T> ? T : never;
};

/** All of several futures. */
class Join<F extends readonly Awaited[]> extends Future<Outputs<F>> {
  readonly #futures: F;
  readonly #values: (Poll<unknown> | undefined)[];
  #isDone = false;

  constructor(futures: F) {
    super();
    this.#futures = futures;
    this.#values = futures.map(() => undefined);
  }

  override get name(): string {
    return "join";
  }

  poll(cx: Context): Poll<Outputs<F>> {
    if (this.#isDone) polledAfterReady();
    this.#futures.forEach((future, i) => {
      if (this.#values[i] !== undefined) return;
      const polled = future.poll(cx);
      if (polled.kind === "Ready") this.#values[i] = polled;
    });
    if (this.#values.includes(undefined)) return Poll.Pending;
    this.#isDone = true;
    const values = this.#values.map((polled) => (polled as { value: unknown }).value);
    return Poll.Ready(values as Outputs<F>);
  }

  override inspect(): FutureState {
    const number = this.#values.filter((value) => value !== undefined).length;
    const state = this.#isDone ? END : `${number} of ${this.#futures.length} ready`;
    return {
      name: this.name,
      state,
      number,
      saves: Object.fromEntries(
        this.#values.flatMap((v, i) => v?.kind === "Ready" ? [[`value${i}`, v.value]] : []),
      ),
      awaits: this.#futures.map((future) => future.inspect()),
    };
  }
}

/** Waits for all; the values come in the order of the futures. */
export function join<F extends readonly Awaited[]>(...futures: F): Future<Outputs<F>> {
  return new Join(futures);
}

/** Which future of a {@linkcode select} came first, and its value. */
export interface Selected<T> {
  readonly index: number;
  readonly value: T;
}

class Select<T> extends Future<Selected<T>> {
  readonly #futures: readonly Future<T>[];
  #winner = -1;

  constructor(futures: readonly Future<T>[]) {
    super();
    this.#futures = futures;
  }

  override get name(): string {
    return "select";
  }

  poll(cx: Context): Poll<Selected<T>> {
    if (this.#winner >= 0) polledAfterReady();
    for (const [index, future] of this.#futures.entries()) {
      const polled = future.poll(cx);
      if (polled.kind === "Pending") continue;
      this.#winner = index;
      return Poll.Ready({ index, value: polled.value });
    }
    return Poll.Pending;
  }

  override inspect(): FutureState {
    const isDone = this.#winner >= 0;
    return {
      name: this.name,
      state: isDone ? END : "Waiting",
      number: isDone ? 1 : 0,
      saves: isDone ? { winner: this.#winner } : {},
      awaits: this.#futures.map((future) => future.inspect()),
    };
  }
}

/**
 * Waits for the first; on a draw the one that stands first. The others are dropped as they are:
 * what they registered may still wake the task, for nothing.
 */
export function select<T>(...futures: readonly Future<T>[]): Future<Selected<T>> {
  return new Select(futures);
}
