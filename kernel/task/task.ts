/** A task: a future that an executor polls to its end. Its value is dropped. */
import type { Context, Future, FutureState } from "./future.ts";
import type { Poll } from "./poll.ts";

/** A number that no other task of the kernel has. */
export type TaskId = number;

/** Hands the numbers out, from 1. */
export class TaskIds {
  #next = 1;

  next(): TaskId {
    return this.#next++;
  }
}

export class Task {
  /** How often it was polled. */
  polls = 0;
  /** How often its waker was called. */
  wakes = 0;

  constructor(readonly id: TaskId, readonly future: Future<unknown>) {}

  get name(): string {
    return this.future.name;
  }

  poll(cx: Context): Poll<unknown> {
    this.polls++;
    return this.future.poll(cx);
  }

  /** As plain data. */
  inspect(): TaskState {
    const { id, name, polls, wakes } = this;
    return { id, name, polls, wakes, future: this.future.inspect() };
  }
}

/** A task as plain data. */
export interface TaskState {
  readonly id: TaskId;
  readonly name: string;
  readonly polls: number;
  readonly wakes: number;
  readonly future: FutureState;
}
