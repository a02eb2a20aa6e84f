/**
 * The text's `example` function, as a compiler turns it into a state machine.
 *
 * ```text
 * async fn example(min_len: usize) -> String {        Start              min_len
 *     let content = async_read_file("foo.txt").await; WaitingOnFooTxt    min_len, foo_txt_future
 *     if content.len() < min_len {
 *         content + &async_read_file("bar.txt").await WaitingOnBarTxt    content, bar_txt_future
 *     } else {
 *         content                                     End
 *     }
 * }
 * ```
 */
import { asyncFn, type AsyncFuture, saving } from "./async_fn.ts";
import { type Context, Future, type FutureState, polledAfterReady } from "./future.ts";
import { Poll } from "./poll.ts";

/** Reads a file some time. */
export type AsyncReadFile = (name: string) => Future<string>;

type State =
  | { readonly kind: "Start"; readonly minLen: number }
  | {
    readonly kind: "WaitingOnFooTxt";
    readonly minLen: number;
    readonly fooTxtFuture: Future<string>;
  }
  | {
    readonly kind: "WaitingOnBarTxt";
    readonly content: string;
    readonly barTxtFuture: Future<string>;
  }
  | { readonly kind: "End" };

const NAMES = ["Start", "WaitingOnFooTxt", "WaitingOnBarTxt", "End"] as const;

/** The name of a state. */
export type ExampleState = typeof NAMES[number];

/** A state of the diagram with what it saves. */
export interface DiagramState {
  readonly name: ExampleState;
  readonly number: number;
  readonly saves: readonly string[];
}

/** An arrow of the diagram. */
export interface DiagramArrow {
  readonly from: ExampleState;
  readonly to: ExampleState;
  /** When it is taken. */
  readonly when: string;
  /** What `poll` returns there; nothing where the loop goes on in the next state. */
  readonly returns?: "Pending" | "Ready";
}

/** The machine without values: what there is to draw. */
export const EXAMPLE_DIAGRAM: {
  readonly states: readonly DiagramState[];
  readonly arrows: readonly DiagramArrow[];
} = {
  states: [
    { name: "Start", number: 0, saves: ["min_len"] },
    { name: "WaitingOnFooTxt", number: 1, saves: ["min_len", "foo_txt_future"] },
    { name: "WaitingOnBarTxt", number: 2, saves: ["content", "bar_txt_future"] },
    { name: "End", number: 3, saves: [] },
  ],
  arrows: [
    { from: "Start", to: "WaitingOnFooTxt", when: "polled for the first time" },
    {
      from: "WaitingOnFooTxt",
      to: "WaitingOnFooTxt",
      when: "foo.txt is not ready",
      returns: "Pending",
    },
    {
      from: "WaitingOnFooTxt",
      to: "WaitingOnBarTxt",
      when: "foo.txt is ready, content.len() < min_len",
    },
    {
      from: "WaitingOnFooTxt",
      to: "End",
      when: "foo.txt is ready, content.len() >= min_len",
      returns: "Ready",
    },
    {
      from: "WaitingOnBarTxt",
      to: "WaitingOnBarTxt",
      when: "bar.txt is not ready",
      returns: "Pending",
    },
    { from: "WaitingOnBarTxt", to: "End", when: "bar.txt is ready", returns: "Ready" },
  ],
};

/** One turn of the loop in `poll`. */
export interface ExampleStep {
  /** Number of the poll, from 1. */
  readonly poll: number;
  readonly from: ExampleState;
  readonly to: ExampleState;
  /** What the poll returned, if it ended here. */
  readonly returns: "Pending" | "Ready" | undefined;
}

/** The machine, written by hand. */
export class ExampleStateMachine extends Future<string> {
  readonly #readFile: AsyncReadFile;
  readonly #steps: ExampleStep[] = [];
  #state: State;
  #polls = 0;
  #result: string | undefined;

  /** Makes it in the state `Start`; nothing else happens. */
  constructor(minLen: number, readFile: AsyncReadFile) {
    super();
    this.#readFile = readFile;
    this.#state = { kind: "Start", minLen };
  }

  override get name(): string {
    return "example";
  }

  get state(): ExampleState {
    return this.#state.kind;
  }

  /** The way it went so far. */
  get steps(): readonly ExampleStep[] {
    return this.#steps;
  }

  /** Takes steps until one returns. */
  poll(cx: Context): Poll<string> {
    this.#polls++;
    for (;;) {
      const polled = this.step(cx);
      if (polled !== undefined) return polled;
    }
  }

  /**
   * One turn of the loop in `poll`, one arm of its `match`. Do not mix with polls.
   *
   * @returns What `poll` would return, or `undefined` when it would go on.
   */
  step(cx: Context): Poll<string> | undefined {
    const from = this.#state.kind;
    const polled = this.#arm(cx);
    this.#steps.push({ poll: this.#polls, from, to: this.#state.kind, returns: polled?.kind });
    return polled;
  }

  override inspect(): FutureState {
    const state = this.#state;
    const number = NAMES.indexOf(state.kind);
    const common = { name: this.name, state: state.kind, number };
    switch (state.kind) {
      case "Start":
        return { ...common, saves: { min_len: state.minLen }, awaits: [] };
      case "WaitingOnFooTxt": {
        const awaited = state.fooTxtFuture.inspect();
        const saves = { min_len: state.minLen, foo_txt_future: awaited.state };
        return { ...common, saves, awaits: [awaited] };
      }
      case "WaitingOnBarTxt": {
        const awaited = state.barTxtFuture.inspect();
        const saves = { content: state.content, bar_txt_future: awaited.state };
        return { ...common, saves, awaits: [awaited] };
      }
      case "End":
        return { ...common, saves: {}, awaits: [] };
    }
  }

  /** The result, once it is there. */
  get result(): string | undefined {
    return this.#result;
  }

  #arm(cx: Context): Poll<string> | undefined {
    const state = this.#state;
    switch (state.kind) {
      case "Start": {
        const fooTxtFuture = this.#readFile("foo.txt");
        this.#state = { kind: "WaitingOnFooTxt", minLen: state.minLen, fooTxtFuture };
        return undefined;
      }
      case "WaitingOnFooTxt": {
        const polled = state.fooTxtFuture.poll(cx);
        if (polled.kind === "Pending") return polled;
        const content = polled.value;
        if (content.length >= state.minLen) return this.#end(content);
        this.#state = { kind: "WaitingOnBarTxt", content, barTxtFuture: this.#readFile("bar.txt") };
        return undefined;
      }
      case "WaitingOnBarTxt": {
        const polled = state.barTxtFuture.poll(cx);
        if (polled.kind === "Pending") return polled;
        return this.#end(state.content + polled.value);
      }
      case "End":
        return polledAfterReady();
    }
  }

  #end(result: string): Poll<string> {
    this.#state = { kind: "End" };
    this.#result = result;
    return Poll.Ready(result);
  }
}

/** The same function as a task is written: a generator, its states named. */
export const example: (minLen: number, readFile: AsyncReadFile) => AsyncFuture<string> = asyncFn(
  "example",
  function* (min_len: number, readFile: AsyncReadFile) {
    const content = yield* saving("WaitingOnFooTxt", { min_len }, readFile("foo.txt"));
    if (content.length >= min_len) return content;
    return content + (yield* saving("WaitingOnBarTxt", { content }, readFile("bar.txt")));
  },
);
