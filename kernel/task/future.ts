/**
 * Futures: values that may not be there yet. Nothing happens before the first poll.
 *
 * In a task that is written as a generator, `yield*` is `.await`:
 * `const text = yield* readFile("foo.txt");`
 */
import type { Poll } from "./poll.ts";
import type { Waker } from "./waker.ts";

/** What a poll brings along. */
export class Context {
  constructor(readonly waker: Waker) {}
}

/**
 * A programming error in asynchronous code; an executor makes a kernel panic of it.
 */
export class AsyncPanic extends Error {
  override readonly name = "AsyncPanic";
}

/** A state machine as plain data: for views, and for people. */
export interface FutureState {
  /** Whose it is. */
  readonly name: string;
  /** Name of the state: `Start`, `WaitingOnFooTxt`, `End`. */
  readonly state: string;
  /** Its number; 0 is the start. */
  readonly number: number;
  /** What it keeps in this state, by name. */
  readonly saves: Readonly<Record<string, unknown>>;
  /** The futures that it waits for, or is made of. */
  readonly awaits: readonly FutureState[];
}

/** What a generator hands to who drives it: the future that it waits for. */
export type Awaited = Future<unknown>;

/** The body of an asynchronous function. */
export type AsyncBody<T> = Generator<Awaited, T, unknown>;

export abstract class Future<out T> {
  /** Says what it is, for views. */
  get name(): string {
    return this.constructor.name;
  }

  /**
   * Goes on as far as it can.
   *
   * @returns `Ready` once; polling again after that is an error ({@linkcode AsyncPanic}).
   */
  abstract poll(cx: Context): Poll<T>;

  /** Its state as plain data. */
  inspect(): FutureState {
    return { name: this.name, state: "?", number: 0, saves: {}, awaits: [] };
  }

  /** `.await`: hands the future to the task's driver, which polls it. */
  *[Symbol.iterator](): Generator<Awaited, T, unknown> {
    return (yield this) as T;
  }
}

/** @throws {AsyncPanic} Always. */
export function polledAfterReady(): never {
  throw new AsyncPanic("poll called after Poll::Ready was returned");
}
