/** The scancode queue, its warnings, its stream. */
import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import { AsyncPanic, Context, SCANCODE_QUEUE_CAPACITY, Waker } from "../../../mod.ts";
import { boot, screen } from "../support.ts";

Deno.test("a scancode before the stream is made: WARNING: scancode queue uninitialized", () => {
  const kernel = boot("heap");
  kernel.tasks.hook();
  kernel.machine.keyboard.press("a");
  kernel.machine.run({ instructions: 1_000_000 });
  strictEqual(screen(kernel), "Hello World!\nWARNING: scancode queue uninitialized");
  strictEqual(kernel.tasks.scancodes.dropped, 1);
});

Deno.test("scancode 101 that nobody takes: WARNING: scancode queue full; dropping keyboard input", () => {
  const kernel = boot("heap");
  const { scancodes } = kernel.tasks;
  kernel.tasks.hook();
  scancodes.stream();
  for (let i = 0; i < SCANCODE_QUEUE_CAPACITY; i++) scancodes.addScancode(i);
  strictEqual(screen(kernel), "Hello World!");
  kernel.machine.keyboard.press("a");
  kernel.machine.run({ instructions: 1_000_000 });
  strictEqual(
    screen(kernel),
    "Hello World!\nWARNING: scancode queue full; dropping keyboard input",
  );
  strictEqual(SCANCODE_QUEUE_CAPACITY, 100);
  strictEqual(scancodes.queue!.length, 100);
  strictEqual(scancodes.dropped, 1);
});

Deno.test("ScancodeStream is made once", () => {
  const kernel = boot("heap");
  kernel.tasks.scancodes.stream();
  throws(() => kernel.tasks.scancodes.stream(), AsyncPanic);
});

Deno.test("ScancodeStream.pollNext() is pending with its waker registered, then gives what came", () => {
  const kernel = boot("heap");
  const { scancodes } = kernel.tasks;
  const stream = scancodes.stream();
  let wakes = 0;
  const cx = new Context(new Waker("test", () => wakes++));
  deepStrictEqual(stream.pollNext(cx), { kind: "Pending" });
  scancodes.addScancode(0x1e);
  scancodes.addScancode(0x9e);
  strictEqual(wakes, 1);
  deepStrictEqual(stream.pollNext(cx), { kind: "Ready", value: 0x1e });
  deepStrictEqual(stream.pollNext(cx), { kind: "Ready", value: 0x9e });
  deepStrictEqual(stream.pollNext(cx), { kind: "Pending" });
});

Deno.test("a scancode that comes between look and registration is found by the second look", () => {
  const kernel = boot("heap");
  const { scancodes } = kernel.tasks;
  const stream = scancodes.stream();
  const { waker } = scancodes;
  const register = waker.register.bind(waker);
  waker.register = (registered) => {
    scancodes.addScancode(0x1e);
    register(registered);
  };
  const cx = new Context(new Waker("test", () => {}));
  deepStrictEqual(stream.pollNext(cx), { kind: "Ready", value: 0x1e });
  strictEqual(waker.waker, undefined, "the registration is taken back");
});

Deno.test("print_keypresses decodes shift, caps lock and arrows as the interrupt handler did", () => {
  const outputs = (["heap", "async"] as const).map((stage) => {
    const kernel = boot(stage);
    const { keyboard } = kernel.machine;
    keyboard.type("aB!\n");
    for (const key of ["caps_lock", "x", "left"]) {
      kernel.machine.run({ instructions: 20_000_000 });
      keyboard.press(key);
      keyboard.release(key);
    }
    kernel.machine.run({ instructions: 20_000_000 });
    return screen(kernel);
  });
  strictEqual(outputs[0], "Hello World!\naB!\nXArrowLeft");
  strictEqual(outputs[1], outputs[0]);
});
