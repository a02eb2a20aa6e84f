/** Futures, generators as state machines, wakers, combinators, pinning. */
import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import {
  asyncFn,
  AsyncPanic,
  AtomicWaker,
  Completion,
  Context,
  dummyWaker,
  example,
  EXAMPLE_DIAGRAM,
  ExampleStateMachine,
  Future,
  join,
  Poll,
  ready,
  saving,
  select,
  SelfReferential,
  Waker,
  yieldNow,
} from "../../../mod.ts";
import { boot } from "../support.ts";

const cx = new Context(dummyWaker());
const PENDING = { kind: "Pending" };

function files() {
  const opened = new Map<string, Completion<string>>();
  const read = (name: string) => {
    const file = new Completion<string>(name);
    opened.set(name, file);
    return file;
  };
  return { opened, read };
}

Deno.test("ExampleStateMachine goes Start, WaitingOnFooTxt, WaitingOnBarTxt, End and saves what the text says", () => {
  const { opened, read } = files();
  const machine = new ExampleStateMachine(10, read);
  strictEqual(opened.size, 0, "nothing happens before the first poll");
  deepStrictEqual(machine.inspect(), {
    name: "example",
    state: "Start",
    number: 0,
    saves: { min_len: 10 },
    awaits: [],
  });
  deepStrictEqual(machine.poll(cx), PENDING);
  deepStrictEqual(machine.poll(cx), PENDING);
  strictEqual(machine.state, "WaitingOnFooTxt");
  deepStrictEqual(machine.inspect().saves, { min_len: 10, foo_txt_future: "Waiting" });
  deepStrictEqual([...opened.keys()], ["foo.txt"]);
  opened.get("foo.txt")!.complete("short");
  deepStrictEqual(machine.poll(cx), PENDING);
  deepStrictEqual(machine.inspect().saves, { content: "short", bar_txt_future: "Waiting" });
  opened.get("bar.txt")!.complete("er");
  deepStrictEqual(machine.poll(cx), Poll.Ready("shorter"));
  deepStrictEqual(machine.inspect(), {
    name: "example",
    state: "End",
    number: 3,
    saves: {},
    awaits: [],
  });
  deepStrictEqual(
    machine.steps.map(({ poll, from, to, returns }) => [poll, from, to, returns]),
    [
      [1, "Start", "WaitingOnFooTxt", undefined],
      [1, "WaitingOnFooTxt", "WaitingOnFooTxt", "Pending"],
      [2, "WaitingOnFooTxt", "WaitingOnFooTxt", "Pending"],
      [3, "WaitingOnFooTxt", "WaitingOnBarTxt", undefined],
      [3, "WaitingOnBarTxt", "WaitingOnBarTxt", "Pending"],
      [4, "WaitingOnBarTxt", "End", "Ready"],
    ],
  );
});

Deno.test("ExampleStateMachine skips bar.txt when foo.txt is long enough, and all steps are in the diagram", () => {
  for (const [minLen, opens] of [[5, 1], [6, 2]] as const) {
    const { opened, read } = files();
    const machine = new ExampleStateMachine(minLen, read);
    machine.poll(cx);
    opened.get("foo.txt")!.complete("12345");
    machine.poll(cx);
    strictEqual(opened.size, opens);
    opened.get("bar.txt")?.complete("6");
    if (minLen === 6) machine.poll(cx);
    strictEqual(machine.state, "End");
    for (const { from, to, returns } of machine.steps) {
      ok(
        EXAMPLE_DIAGRAM.arrows.some((a) => a.from === from && a.to === to && a.returns === returns),
        `${from} -> ${to} ${returns}`,
      );
    }
  }
});

Deno.test("ExampleStateMachine.step() takes one arm of the match at a time", () => {
  const { opened, read } = files();
  const machine = new ExampleStateMachine(3, read);
  strictEqual(machine.step(cx), undefined);
  strictEqual(machine.state, "WaitingOnFooTxt");
  deepStrictEqual(machine.step(cx), PENDING);
  opened.get("foo.txt")!.complete("foo");
  deepStrictEqual(machine.step(cx), Poll.Ready("foo"));
  throws(() => machine.step(cx), { message: "poll called after Poll::Ready was returned" });
});

Deno.test("polling a future after Ready panics, whatever future it is", () => {
  const done = new Completion<number>();
  done.complete(1);
  const futures: Future<unknown>[] = [
    ready(1),
    done,
    join(ready(1)),
    select(ready(1)),
    asyncFn("f", function* () {})(),
    new ExampleStateMachine(0, () => ready("")),
  ];
  for (const future of futures) {
    strictEqual(future.poll(cx).kind, "Ready", future.name);
    strictEqual(future.inspect().state, "End", future.name);
    throws(() => future.poll(cx), AsyncPanic, future.name);
  }
});

Deno.test("a generator is the same state machine: its states are told by where it waits", () => {
  const { opened, read } = files();
  const future = example(10, read);
  deepStrictEqual(future.inspect().state, "Start");
  strictEqual(future.inspect().saves["min_len"], 10);
  deepStrictEqual(future.poll(cx), PENDING);
  strictEqual(future.state, "WaitingOnFooTxt");
  deepStrictEqual(future.inspect().saves, { min_len: 10 });
  opened.get("foo.txt")!.complete("short");
  future.poll(cx);
  deepStrictEqual([future.state, future.number], ["WaitingOnBarTxt", 2]);
  deepStrictEqual(future.inspect().saves, { content: "short" });
  deepStrictEqual(future.inspect().awaits.map(({ name }) => name), ["bar.txt"]);
  opened.get("bar.txt")!.complete("!");
  deepStrictEqual(future.poll(cx), Poll.Ready("short!"));
  deepStrictEqual([future.state, future.inspect().saves], ["End", {}]);
  throws(() => future.poll(cx), { message: "`async fn` resumed after completion" });
});

Deno.test("yield* awaits within a function that is awaited; the states nest", () => {
  const inner = new Completion<number>("number");
  const asyncNumber = asyncFn("asyncNumber", function* () {
    return yield* saving("Waiting", {}, inner);
  });
  const outer = asyncFn("outer", function* () {
    return 1 + (yield* asyncNumber());
  })();
  outer.poll(cx);
  strictEqual(outer.state, "WaitingOn(asyncNumber)");
  strictEqual(outer.inspect().awaits[0].state, "Waiting");
  strictEqual(outer.inspect().awaits[0].awaits[0].name, "number");
  inner.complete(41);
  deepStrictEqual(outer.poll(cx), Poll.Ready(42));
});

Deno.test("a generator that throws is broken, and says so when it is polled again", () => {
  const future = asyncFn("bad", function* () {
    yield* ready(1);
    throw new RangeError("oops");
  })();
  throws(() => future.poll(cx), RangeError);
  strictEqual(future.state, "Broken");
  throws(() => future.poll(cx), /Cannot go on with bad: its last poll was cut short/);
});

Deno.test("join waits for all and polls none that is ready; select takes the first", () => {
  const [a, b] = [new Completion<string>("a"), new Completion<number>("b")];
  const both = join(a, b);
  both.poll(cx);
  a.complete("x");
  deepStrictEqual(both.poll(cx), PENDING);
  strictEqual(both.inspect().state, "1 of 2 ready");
  const polls = a.polls;
  both.poll(cx);
  strictEqual(a.polls, polls);
  b.complete(2);
  deepStrictEqual(both.poll(cx), Poll.Ready(["x", 2]));

  const [c, d] = [new Completion<number>("c"), new Completion<number>("d")];
  const first = select(c, d);
  deepStrictEqual(first.poll(cx), PENDING);
  d.complete(7);
  deepStrictEqual(first.poll(cx), Poll.Ready({ index: 1, value: 7 }));
});

Deno.test("AtomicWaker.wake() wakes the last who registered, once", () => {
  const woken: string[] = [];
  const place = new AtomicWaker();
  place.wake();
  place.register(new Waker("first", () => woken.push("first")));
  place.register(new Waker("second", () => woken.push("second")));
  place.wake();
  place.wake();
  deepStrictEqual(woken, ["second"]);
  strictEqual(place.wakes, 1);
});

Deno.test("yieldNow() is pending once, and wakes at once", () => {
  let wakes = 0;
  const future = yieldNow();
  const counting = new Context(new Waker("count", () => wakes++));
  deepStrictEqual([future.poll(counting).kind, future.poll(counting).kind], ["Pending", "Ready"]);
  strictEqual(wakes, 1);
});

Deno.test("SelfReferential dangles after a move, reads what came there, and cannot move when pinned", () => {
  const kernel = boot("async");
  const place = kernel.statics.reserve("PIN_EXAMPLE", 128, 16);
  const future = new SelfReferential(kernel, place, [1, 2, 3]);
  strictEqual(future.dereference(), 3);
  strictEqual(future.inspect().isDangling, false);
  future.moveTo(place + 64);
  const { element, target, isDangling, array } = future.inspect();
  deepStrictEqual([element, target, isDangling], [place + 8, place + 72, true]);
  deepStrictEqual(array, [1, 2, 3]);
  kernel.memset(place, 0xee, 32);
  strictEqual(future.dereference(), 0xeeee_eeee, "the reference reads somebody else's bytes");

  const pinned = new SelfReferential(kernel, place, [4, 5, 6]).pin();
  throws(() => pinned.moveTo(place + 64), /Cannot move a pinned future/);
  strictEqual(pinned.dereference(), 6);
});
