/** Sleeping: futures that the timer's interrupt wakes. */
import { type Context, Future, type FutureState, polledAfterReady } from "./future.ts";
import { Poll } from "./poll.ts";
import type { Waker } from "./waker.ts";

/** What sleeping needs of the kernel's interrupts. */
export interface TickSource {
  /** Timer interrupts since boot. */
  readonly ticks: number;
}

interface Sleeper {
  readonly atTick: number;
  readonly waker: Waker;
}

/** Who sleeps until when. */
export class SleepQueue {
  readonly #source: TickSource;
  /** Ordered by time; those of one tick in the order of their coming. */
  readonly #sleepers: Sleeper[] = [];

  constructor(source: TickSource) {
    this.#source = source;
  }

  get now(): number {
    return this.#source.ticks;
  }

  /** Who sleeps, soonest first. */
  get sleepers(): readonly { readonly atTick: number; readonly name: string }[] {
    return this.#sleepers.map(({ atTick, waker }) => ({ atTick, name: waker.name }));
  }

  /** Wakes at a tick. The same waker for the same tick is kept once. */
  register(atTick: number, waker: Waker): void {
    const isKnown = this.#sleepers.some((s) => s.atTick === atTick && s.waker.willWake(waker));
    if (isKnown) return;
    const after = this.#sleepers.findIndex((sleeper) => sleeper.atTick > atTick);
    this.#sleepers.splice(after < 0 ? this.#sleepers.length : after, 0, { atTick, waker });
  }

  /** Called by the timer's handler: wakes those whose time has come. */
  tick(): void {
    const { now } = this;
    while (this.#sleepers.length > 0 && this.#sleepers[0].atTick <= now) {
      this.#sleepers.shift()!.waker.wake();
    }
  }
}

/** Pending until a number of ticks has passed since the first poll. */
export class Sleep extends Future<void> {
  readonly #queue: SleepQueue;
  #atTick: number | undefined;
  #isDone = false;

  /** @throws {RangeError} If `ticks` is not a whole number from 0. */
  constructor(queue: SleepQueue, readonly ticks: number) {
    super();
    if (!Number.isInteger(ticks) || ticks < 0) {
      throw new RangeError(`Cannot sleep ${ticks} ticks: not a whole number from 0`);
    }
    this.#queue = queue;
  }

  override get name(): string {
    return `sleep(${this.ticks})`;
  }

  poll(cx: Context): Poll<void> {
    if (this.#isDone) polledAfterReady();
    this.#atTick ??= this.#queue.now + this.ticks;
    // First register, then look: the tick may come in between.
    if (this.#queue.now < this.#atTick) this.#queue.register(this.#atTick, cx.waker);
    if (this.#queue.now < this.#atTick) return Poll.Pending;
    this.#isDone = true;
    return Poll.Ready(undefined);
  }

  override inspect(): FutureState {
    const atTick = this.#atTick;
    return {
      name: this.name,
      state: this.#isDone ? "End" : atTick === undefined ? "Start" : "Sleeping",
      number: this.#isDone ? 2 : atTick === undefined ? 0 : 1,
      saves: atTick === undefined ? { ticks: this.ticks } : { atTick },
      awaits: [],
    };
  }
}
