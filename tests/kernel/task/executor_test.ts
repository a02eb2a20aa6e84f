/** Executors on the booted kernel: what they print, count, and how much they let the CPU sleep. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import {
  asyncFn,
  Completion,
  type ExecutorCounters,
  Future,
  type Kernel,
  Poll,
  provokeRace,
  ready,
  select,
  yieldNow,
} from "../../../mod.ts";
import { setTimerFrequency } from "../../../kernel/thread/timer_frequency.ts";
import { boot, screen, withoutAddresses } from "../support.ts";

const asyncNumber = asyncFn("async_number", function* () {
  return yield* ready(42);
});
const exampleTask = asyncFn("example_task", function* (kernel: Kernel) {
  const number = yield* asyncNumber();
  kernel.println("async number: {}", number);
});

/** A kernel whose keyboard task runs; a little later. */
function started(): Kernel {
  const kernel = boot("async");
  kernel.machine.run({ instructions: 100_000 });
  return kernel;
}

Deno.test("SimpleExecutor.run() prints async number: 42", () => {
  const kernel = boot("async");
  const executor = kernel.tasks.newSimpleExecutor();
  executor.spawn(exampleTask(kernel));
  executor.run();
  strictEqual(screen(kernel), "Hello World!\nasync number: 42");
  deepStrictEqual([executor.polls, executor.finished], [1, 1]);
});

Deno.test("SimpleExecutor polls tasks in turn until they end, woken or not", () => {
  const kernel = boot("async");
  const executor = kernel.tasks.newSimpleExecutor();
  const letters = asyncFn("letters", function* (text: string) {
    for (const letter of text) {
      kernel.print(letter);
      yield* yieldNow();
    }
  });
  executor.spawn(letters("abc"));
  executor.spawn(letters("ABC"));
  executor.run();
  strictEqual(screen(kernel), "Hello World!\naAbBcC");
  strictEqual(executor.polls, 8);
});

Deno.test("Executor.run() runs in the idle loop: async number: 42, and keys are printed", () => {
  const kernel = boot("async");
  kernel.main(() => {
    kernel.tasks.spawn(exampleTask(kernel));
    kernel.tasks.executor.run();
  });
  kernel.machine.keyboard.type("Hi!");
  kernel.machine.run({ instructions: 30_000_000 });
  strictEqual(screen(kernel), "Hello World!\nasync number: 42\nHi!");
});

Deno.test("Executor.run() as kernel_main: from power-on too", () => {
  for (const from of ["direct", "power-on"] as const) {
    const kernel = boot("async", {
      from,
      main: (kernel) => {
        kernel.tasks.spawn(exampleTask(kernel));
        kernel.tasks.executor.run();
      },
    });
    kernel.machine.run({ instructions: 100_000 });
    strictEqual(screen(kernel), "Hello World!\nasync number: 42");
  }
});

Deno.test("Executor polls a task when it is spawned and when it is woken, never else", () => {
  const kernel = started();
  const { executor } = kernel.tasks;
  const event = new Completion<number>("event");
  const waits = asyncFn("waits", function* () {
    kernel.println("got {}", yield* event);
  });
  const before = executor.counters;
  const id = executor.spawn(waits());
  kernel.machine.run({ instructions: 20_000_000 });
  strictEqual(executor.tasks().find((task) => task.id === id)!.polls, 1);
  event.complete(7);
  kernel.wake();
  kernel.machine.run({ instructions: 1_000_000 });
  strictEqual(screen(kernel), "Hello World!\ngot 7");
  deepStrictEqual(difference(executor.counters, before), {
    spawned: 1,
    finished: 1,
    polls: 2,
    wakes: 1,
    wakers: 1,
    stale: 0,
  });
});

Deno.test("Executor makes one waker per task, however often it is polled", () => {
  const kernel = started();
  const { executor } = kernel.tasks;
  const before = executor.counters;
  executor.spawn(
    asyncFn("busy", function* () {
      for (let i = 0; i < 10; i++) yield* yieldNow();
    })(),
  );
  kernel.machine.run({ instructions: 1_000_000 });
  const { polls, wakes, wakers } = difference(executor.counters, before);
  deepStrictEqual({ polls, wakes, wakers }, { polls: 11, wakes: 10, wakers: 1 });
});

Deno.test("Executor drops numbers of tasks that have ended, and does not stop at them", () => {
  const kernel = started();
  const { executor } = kernel.tasks;
  const before = executor.counters;
  class WokenTwice extends Future<void> {
    poll(cx: Parameters<Future<void>["poll"]>[0]) {
      cx.waker.wake();
      cx.waker.wake();
      return Poll.Ready(undefined);
    }
  }
  executor.spawn(new WokenTwice());
  kernel.machine.run({ instructions: 1_000_000 });
  const { stale, finished } = difference(executor.counters, before);
  deepStrictEqual({ stale, finished }, { stale: 2, finished: 1 });
});

Deno.test("Executor with a full ready queue panics", () => {
  const kernel = boot("async");
  const executor = kernel.tasks.newExecutor({ capacity: 2 });
  kernel.main(() => {
    for (let i = 0; i < 3; i++) executor.spawn(ready(i));
  });
  strictEqual(withoutAddresses(screen(kernel)), "Hello World!\npanicked at …:\nqueue full");
});

Deno.test("a future that is polled after its end panics the kernel", () => {
  const kernel = started();
  const again = ready(1);
  kernel.tasks.spawn(
    asyncFn("twice", function* () {
      yield* again;
      yield* again;
    })(),
  );
  kernel.machine.run({ instructions: 1_000_000 });
  strictEqual(
    withoutAddresses(screen(kernel)),
    "Hello World!\npanicked at …:\npoll called after Poll::Ready was returned",
  );
});

Deno.test("a task that throws ends alone; the kernel and the other tasks go on", () => {
  const kernel = started();
  const { executor } = kernel.tasks;
  executor.spawn(
    asyncFn("bad", function* () {
      yield* yieldNow();
      throw new TypeError("oops");
    })(),
  );
  executor.spawn(exampleTask(kernel));
  kernel.machine.keyboard.type("k");
  kernel.machine.run({ instructions: 20_000_000 });
  strictEqual(
    screen(kernel),
    "Hello World!\nasync number: 42\ntask 2 (bad) threw TypeError: oops\nk",
  );
});

Deno.test("a task that is cut short by a pause is told so later, and the kernel goes on", () => {
  const kernel = started();
  const { machine } = kernel;
  kernel.tasks.spawn(
    asyncFn("cut", function* () {
      yield* yieldNow();
      machine.pause();
      kernel.cpu.pause();
      kernel.println("never");
    })(),
  );
  strictEqual(machine.run({ instructions: 1_000_000 }).kind, "paused");
  const [, task] = kernel.tasks.executor.tasks();
  strictEqual(task.future.state, "Broken");
  machine.keyboard.type("k");
  machine.run({ instructions: 20_000_000 });
  strictEqual(screen(kernel), "Hello World!\nk");
});

Deno.test("sleep() wakes after so many timer ticks, in the order of time", () => {
  const kernel = started();
  const { tasks } = kernel;
  const start = kernel.interrupts.ticks;
  const sleeper = asyncFn("sleeper", function* (ticks: number) {
    yield* tasks.sleep(ticks);
    kernel.println("{} after {}", ticks, kernel.interrupts.ticks - start);
  });
  for (const ticks of [3, 0, 2, 1]) tasks.spawn(sleeper(ticks));
  kernel.machine.run({ instructions: 10 });
  kernel.machine.run({ instructions: 40_000_000 });
  strictEqual(screen(kernel), "Hello World!\n0 after 0\n1 after 1\n2 after 2\n3 after 3");
  deepStrictEqual(tasks.sleepers.sleepers, []);
});

Deno.test("select() with sleep() is a timeout", () => {
  const kernel = started();
  const never = new Completion<void>("never");
  kernel.tasks.spawn(
    asyncFn("timeout", function* () {
      const { index } = yield* select(never, kernel.tasks.sleep(2));
      kernel.println(index === 0 ? "value" : "timeout");
    })(),
  );
  kernel.machine.run({ instructions: 30_000_000 });
  strictEqual(screen(kernel), "Hello World!\ntimeout");
});

Deno.test("the share of halted time: busy polling none, wakers none, sleeping nearly all", () => {
  const shares: Record<string, number> = {};
  const polls: Record<string, number> = {};
  for (const kind of ["busy", "spin", "sleep"] as const) {
    const kernel = boot("async");
    const { tasks, machine } = kernel;
    setTimerFrequency(kernel.cpu, 1000);
    const ticker = asyncFn("ticker", function* () {
      for (;;) yield* tasks.sleep(1);
    });
    let count: () => number;
    if (kind === "busy") {
      const executor = tasks.newSimpleExecutor();
      executor.spawn(ticker());
      executor.start();
      count = () => executor.polls;
    } else {
      tasks.executor.idle = kind;
      tasks.spawn(ticker());
      count = () => tasks.executor.counters.polls;
    }
    machine.run({ instructions: 1000 });
    const before = count();
    using meter = tasks.haltMeter();
    machine.run({ instructions: 250_000 });
    shares[kind] = meter.share;
    polls[kind] = count() - before;
  }
  strictEqual(shares.busy, 0);
  strictEqual(shares.spin, 0);
  ok(shares.sleep > 0.99, `${shares.sleep}`);
  ok(polls.busy > 2_000, `${polls.busy}`);
  // Two ticks: woken, polled, asleep again.
  deepStrictEqual([polls.spin, polls.sleep], [2, 2]);
});

Deno.test("an interrupt between the look and HLT is lost without cli, and not with sti; hlt", () => {
  const results = (["racy-sleep", "sleep"] as const).map((idle) => {
    const kernel = started();
    kernel.tasks.executor.idle = idle;
    const result = provokeRace(kernel);
    kernel.machine.run({ instructions: 1_000_000 });
    strictEqual(screen(kernel), "Hello World!\na");
    return result;
  });
  deepStrictEqual(results.map(({ lost }) => lost), [true, false]);
  const [racy, safe] = results.map(({ latency }) => latency!);
  ok(racy > 1_000_000, `${racy}: not before the timer's next tick`);
  ok(safe < 1000, `${safe}`);
});

Deno.test("a lost wake-up without a timer sleeps until somebody presses another key", () => {
  const kernel = started();
  kernel.tasks.executor.idle = "racy-sleep";
  kernel.cpu.outb(0x21, kernel.cpu.inb(0x21) | 1);
  const { lost, latency } = provokeRace(kernel, { instructions: 20_000_000 });
  deepStrictEqual([lost, latency], [true, undefined]);
  strictEqual(screen(kernel), "Hello World!");
  strictEqual(kernel.tasks.executor.readyQueue.length, 1);
  strictEqual(kernel.cpu.halted, true);
});

Deno.test("sleepIfIdle() as kernel code of its own: sti; hlt by intrinsics sleeps until the tick", () => {
  const kernel = started();
  const executor = kernel.tasks.newExecutor();
  executor.spawn(exampleTask(kernel));
  kernel.main(() => {
    executor.sleepIfIdle(); // does not sleep: a task is ready
    executor.runReadyTasks();
    const { ticks } = kernel.interrupts;
    executor.sleepIfIdle();
    strictEqual(kernel.interrupts.ticks, ticks + 1);
  }, { instructions: 1 });
  strictEqual(screen(kernel), "Hello World!\nasync number: 42");
});

Deno.test("sleepIfIdle() loses no interrupt at any instruction of it; without cli there is one", () => {
  const longest = (["sleep", "racy-sleep"] as const).map((idle) => {
    let most = 0;
    for (let at = 1; at < 12; at++) {
      const kernel = started();
      const { machine } = kernel;
      const executor = kernel.tasks.newExecutor({ idle });
      const key = new Completion<void>("key");
      kernel.idt.setHandler("keyboard", () => {
        machine.board.pic.line(1).set(false);
        key.complete();
        kernel.interrupts.endOfInterrupt(33);
      });
      kernel.main(() => {
        executor.spawn(asyncFn("waits", () => key[Symbol.iterator]())());
        executor.runReadyTasks();
        machine.clock.alarm("test", () => machine.board.pic.line(1).set(true)).armIn(at * 10);
        const from = machine.retired;
        while (executor.counters.finished === 0) {
          executor.sleepIfIdle();
          executor.runReadyTasks();
        }
        most = Math.max(most, machine.retired - from);
      }, { instructions: 1 });
    }
    return most;
  });
  ok(longest[0] < 1000, `${longest}`);
  ok(longest[1] > 1_000_000, `${longest}: until the timer's tick`);
});

Deno.test("the executor's trace is a timeline of spawn, poll, wake", () => {
  const kernel = boot("async");
  const executor = kernel.tasks.newExecutor({ trace: 100 });
  const id = executor.spawn(
    asyncFn("one", function* () {
      yield* yieldNow();
    })(),
  );
  executor.runReadyTasks();
  executor.runReadyTasks();
  deepStrictEqual(
    executor.trace.map(({ kind, task }) => [kind, task - id]),
    ["spawn", "poll", "wake", "pending", "poll", "ready"].map((kind) => [kind, 0]),
  );
  const times = executor.trace.map(({ retired }) => retired);
  deepStrictEqual(times, times.toSorted((a, b) => a - b));
});

Deno.test("two kernels with tasks do not meet, and the same script gives the same hash ten times", () => {
  const run = () => {
    const kernel = boot("async");
    kernel.tasks.spawn(exampleTask(kernel));
    kernel.machine.keyboard.type("hello\n");
    return kernel;
  };
  const kernels = Array.from({ length: 10 }, run);
  for (let i = 0; i < 4; i++) {
    for (const { machine } of kernels) machine.run({ instructions: 5_000_000 });
  }
  const hashes = kernels.map(({ machine }) => machine.hash());
  deepStrictEqual(hashes, hashes.map(() => hashes[0]));
  strictEqual(screen(kernels[9]), "Hello World!\nasync number: 42\nhello");
});

function difference(after: ExecutorCounters, before: ExecutorCounters) {
  const { idle: _, ...counters } = after;
  return Object.fromEntries(
    Object.entries(counters).map((
      [name, value],
    ) => [name, value - before[name as keyof ExecutorCounters]]),
  );
}
