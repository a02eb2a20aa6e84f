/**
 * Asynchronous functions, written as generators.
 *
 * A generator is what a compiler makes of an `async fn`: a state machine with a state per
 * `yield*`. What JavaScript keeps for it cannot be looked at, so the states are told: where the
 * code waits is known, and what it saves there can be declared with {@linkcode saving}.
 */
import {
  type AsyncBody,
  AsyncPanic,
  type Awaited,
  type Context,
  Future,
  type FutureState,
} from "./future.ts";
import { Poll } from "./poll.ts";

/** A future that waits under a name, with what is kept meanwhile. @see {@linkcode saving} */
class Saving<T> extends Future<T> {
  constructor(
    readonly future: Future<T>,
    readonly state: string,
    readonly saves: Readonly<Record<string, unknown>>,
  ) {
    super();
  }

  override get name(): string {
    return this.future.name;
  }

  poll(cx: Context): Poll<T> {
    return this.future.poll(cx);
  }

  override inspect(): FutureState {
    return this.future.inspect();
  }
}

/**
 * Names the state in which a function waits, and the variables that it needs afterwards:
 * `yield* saving("WaitingOnFooTxt", { minLen }, readFile("foo.txt"))`.
 */
export function saving<T>(
  state: string,
  saves: Readonly<Record<string, unknown>>,
  future: Future<T>,
): Future<T> {
  return new Saving(future, state, saves);
}

const END = "End";
/** The machine stopped, or the code threw, in the middle of a poll. */
const BROKEN = "Broken";

/** The future of an asynchronous function. */
export class AsyncFuture<T> extends Future<T> {
  readonly #name: string;
  readonly #saved: Readonly<Record<string, unknown>>;
  #body: AsyncBody<T> | (() => AsyncBody<T>) | undefined;
  #awaited: Awaited | undefined;
  #state = "Start";
  #number = 0;

  /** @param saved What it saves at the start: its arguments. */
  constructor(
    name: string,
    body: () => AsyncBody<T>,
    saved: Readonly<Record<string, unknown>> = {},
  ) {
    super();
    this.#name = name;
    this.#body = body;
    this.#saved = saved;
  }

  override get name(): string {
    return this.#name;
  }

  /** How many `yield*` it has come to. */
  get number(): number {
    return this.#number;
  }

  /** `Start`, `End`, or where it waits. */
  get state(): string {
    return this.#state;
  }

  poll(cx: Context): Poll<T> {
    if (this.#body === undefined) this.#refuse();
    const state = this.#state;
    // Should the poll be cut short, the generator cannot go on.
    this.#state = BROKEN;
    try {
      let value: unknown;
      if (this.#awaited !== undefined) {
        const polled = this.#awaited.poll(cx);
        if (polled.kind === "Pending") return this.#waits(state);
        value = polled.value;
      }
      return this.#resume(value, cx);
    } finally {
      if (this.#state === BROKEN) this.#body = this.#awaited = undefined;
    }
  }

  override inspect(): FutureState {
    const awaited = this.#awaited;
    const saves = awaited === undefined
      ? this.#number === 0 && this.#body !== undefined ? this.#saved : {}
      : awaited instanceof Saving
      ? awaited.saves
      : {};
    return {
      name: this.#name,
      state: this.#state,
      number: this.#number,
      saves,
      awaits: awaited === undefined ? [] : [awaited.inspect()],
    };
  }

  /** Runs the generator from one wait to the next until one is pending. */
  #resume(value: unknown, cx: Context): Poll<T> {
    const body = typeof this.#body === "function" ? this.#body() : this.#body!;
    this.#body = body;
    for (;;) {
      const { done, value: next } = body.next(value);
      this.#number++;
      if (done === true) {
        this.#body = this.#awaited = undefined;
        this.#state = END;
        return Poll.Ready(next as T);
      }
      this.#awaited = next as Awaited;
      const polled = this.#awaited.poll(cx);
      if (polled.kind === "Pending") return this.#waits(stateOf(this.#awaited));
      value = polled.value;
    }
  }

  #waits(state: string): Poll<T> {
    this.#state = state;
    return Poll.Pending;
  }

  #refuse(): never {
    if (this.#state === BROKEN) {
      throw new Error(`Cannot go on with ${this.#name}: its last poll was cut short`);
    }
    throw new AsyncPanic("`async fn` resumed after completion");
  }
}

function stateOf(awaited: Awaited): string {
  return awaited instanceof Saving ? awaited.state : `WaitingOn(${awaited.name})`;
}

/**
 * Makes an asynchronous function of a generator function. Calling it only makes the future.
 *
 * @example
 * ```ts
 * import { asyncFn } from "./async_fn.ts";
 * import { Context } from "./future.ts";
 * import { dummyWaker } from "./waker.ts";
 * import { deepStrictEqual } from "node:assert/strict";
 *
 * const asyncNumber = asyncFn("asyncNumber", function* () {
 *   return 42;
 * });
 * const twice = asyncFn("twice", function* () {
 *   return 2 * (yield* asyncNumber());
 * });
 * deepStrictEqual(twice().poll(new Context(dummyWaker())), { kind: "Ready", value: 84 });
 * ```
 */
export function asyncFn<A extends readonly unknown[], T>(
  name: string,
  body: (...args: A) => AsyncBody<T>,
): (...args: A) => AsyncFuture<T> {
  const names = parameterNames(body);
  return (...args) => {
    const saved = Object.fromEntries(args.map((value, i) => [names[i] ?? `argument${i}`, value]));
    return new AsyncFuture(name, () => body(...args), saved);
  };
}

/** Names of the parameters as far as they are plain, from the function's source. */
function parameterNames(body: (...args: never[]) => unknown): string[] {
  const list = /^[^(]*\(([^)]*)\)/.exec(body.toString())?.[1] ?? "";
  return list.split(",").map((part) => /^\s*([\w$]+)\s*(?:=.*)?$/.exec(part)?.[1] ?? "")
    .map((name, i) => name || `argument${i}`);
}
