/** Streams: values that come one after the other. */
import { type Context, Future, type FutureState } from "./future.ts";
import { Poll } from "./poll.ts";

export abstract class Stream<out T> {
  get name(): string {
    return this.constructor.name;
  }

  /** `Ready(undefined)` is the end; as long as there is one. */
  abstract pollNext(cx: Context): Poll<T | undefined>;

  /** The next value as a future. */
  next(): Future<T | undefined> {
    return new Next(this);
  }
}

class Next<T> extends Future<T | undefined> {
  readonly #stream: Stream<T>;
  #isDone = false;

  constructor(stream: Stream<T>) {
    super();
    this.#stream = stream;
  }

  override get name(): string {
    return `${this.#stream.name}.next`;
  }

  poll(cx: Context): Poll<T | undefined> {
    const polled = this.#stream.pollNext(cx);
    this.#isDone = polled.kind === "Ready";
    return polled;
  }

  override inspect(): FutureState {
    const state = this.#isDone ? "End" : "Waiting";
    return { name: this.name, state, number: this.#isDone ? 1 : 0, saves: {}, awaits: [] };
  }
}
