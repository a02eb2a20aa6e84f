/** Chapter 4: tests inside of the machine. */
import { match, ok, strictEqual } from "node:assert/strict";
import { asm, BUFFER_HEIGHT, Kernel, type KernelTest, Machine } from "../../mod.ts";
import { boot, withoutAddresses } from "./support.ts";

const PASSES: KernelTest = { name: "trivial_assertion", run: () => {} };

/** Runs tests. @returns Exit status or kind of stop, and the serial output. */
function run(tests: readonly KernelTest[], stage: "testing" | "double-faults" = "testing") {
  const kernel = boot(stage);
  const stop = kernel.test(tests);
  return {
    status: stop.kind === "exit" ? stop.status : stop.kind,
    output: kernel.machine.serial.output,
  };
}

Deno.test("Tests that pass are told on the serial port, and the machine exits with 33", () => {
  const { status, output } = run([PASSES, { ...PASSES, name: "another" }]);
  strictEqual(status, 33);
  strictEqual(output, "Running 2 tests\ntrivial_assertion...\t[ok]\nanother...\t[ok]\n");
});

Deno.test("The first test that fails ends the run, and the machine exits with 35", () => {
  const { status, output } = run([PASSES, {
    name: "fails",
    run: () => {
      throw new Error("left is 1, right is 2");
    },
  }, PASSES]);
  strictEqual(status, 35);
  strictEqual(
    output,
    "Running 3 tests\ntrivial_assertion...\t[ok]\nfails...\t[failed]\n\n" +
      "Error: left is 1, right is 2\n\n",
  );
});

Deno.test("A panic fails a test, with its place", () => {
  const { status, output } = run([{ name: "panics", run: (kernel) => kernel.panic("oh") }]);
  strictEqual(status, 35);
  strictEqual(
    withoutAddresses(output),
    "Running 1 tests\npanics...\t[failed]\n\nError: panicked at …:\noh\n\n",
  );
});

const PANICS: readonly [shouldPanic: KernelTest["shouldPanic"], status: number][] = [
  [true, 33],
  ["exp", 33],
  [/^expected$/, 33],
  ["other", 35],
];
for (const [shouldPanic, status] of PANICS) {
  Deno.test(`shouldPanic: ${shouldPanic} makes a panic "expected" exit with ${status}`, () => {
    const test = { name: "t", shouldPanic, run: (kernel: Kernel) => kernel.panic("expected") };
    strictEqual(run([test as KernelTest]).status, status);
  });
}

Deno.test("A test that should panic and does not fails", () => {
  const { status, output } = run([{ ...PASSES, shouldPanic: true }]);
  strictEqual(status, 35);
  match(output, /Error: test did not panic\n/);
});

Deno.test("A test that takes too long fails, in TypeScript and in guest code", () => {
  const endless: KernelTest["run"][] = [
    (kernel) => {
      for (;;) kernel.cpu.pause();
    },
    (kernel) => {
      for (;;) kernel.print("x");
    },
    (kernel) => kernel.callGuest(kernel.loadCode(asm`again: jmp again`)),
  ];
  for (const loop of endless) {
    const test = { name: "endless", timeoutInstructions: 5000, run: loop };
    const { status, output } = run([test, PASSES]);
    strictEqual(status, 35);
    match(output, /endless\.\.\.\t\[failed\]\n\nError: timeout after 5000 instructions\n/);
  }
});

Deno.test("A test that halts with interrupts disabled fails", () => {
  const { status, output } = run([{ name: "halts", run: (kernel) => kernel.cpu.hlt() }]);
  strictEqual(status, 35);
  match(output, /halted for ever/);
});

Deno.test("A triple fault in a test ends the machine", () => {
  const { status, output } = run([{ name: "int3", run: (kernel) => kernel.cpu.int3() }]);
  strictEqual(status, "triple fault");
  strictEqual(output, "Running 1 tests\nint3...\t");
});

/** The tests of the chapter. */
const VGA_TESTS: readonly KernelTest[] = [
  { name: "test_println_simple", run: (kernel) => kernel.println("test_println_simple output") },
  {
    name: "test_println_many",
    run: (kernel) => {
      for (let i = 0; i < 200; i++) kernel.println("test_println_many output");
    },
  },
  {
    name: "test_println_output",
    run: (kernel) => {
      const text = "Some test string that fits on a single line";
      kernel.println(text);
      for (let i = 0; i < text.length; i++) {
        const { asciiCharacter } = kernel.writer.read(BUFFER_HEIGHT - 2, i);
        if (asciiCharacter !== text.charCodeAt(i)) kernel.panic("cell {} differs", i);
      }
    },
  },
];

Deno.test("The chapter's tests of the VGA buffer pass, 200 lines among them", () => {
  const { status, output } = run(VGA_TESTS);
  strictEqual(
    output,
    "Running 3 tests\ntest_println_simple...\t[ok]\ntest_println_many...\t[ok]\n" +
      "test_println_output...\t[ok]\n",
  );
  strictEqual(status, 33);
});

Deno.test("A stack overflow is a test that should panic with a double fault", () => {
  const test: KernelTest = {
    name: "stack_overflow::stack_overflow",
    shouldPanic: "EXCEPTION: DOUBLE FAULT",
    run: (kernel) => kernel.stackOverflow(),
  };
  const { status, output } = run([test, PASSES, test], "double-faults");
  strictEqual(
    output,
    "Running 3 tests\nstack_overflow::stack_overflow...\t[ok]\ntrivial_assertion...\t[ok]\n" +
      "stack_overflow::stack_overflow...\t[ok]\n",
  );
  strictEqual(status, 33);
});

Deno.test("A test that panicked leaves stack and panics as they were", () => {
  const kernel = boot("double-faults");
  const { rsp } = kernel.cpu;
  kernel.test([{ name: "overflow", shouldPanic: true, run: (kernel) => kernel.stackOverflow() }]);
  strictEqual(kernel.cpu.rsp, rsp);
  strictEqual(kernel.main((kernel) => kernel.panic("for real")).kind, "halted");
  ok(kernel.machine.screen.contains("for real"));
});

Deno.test("Kernel code can run the tests itself, and a guest's exit ends the run", () => {
  const machine = new Machine({ memory: 16 << 20 });
  const kernel = Kernel.boot(machine, {
    stage: "testing",
    main: (kernel) => {
      kernel.test([PASSES]);
      kernel.println("never");
    },
  });
  strictEqual(kernel.bootStop?.kind, "exit");
  ok(machine.serial.output.endsWith("[ok]\n"));
  ok(!machine.screen.contains("never"));
});

Deno.test("After its tests the kernel goes on when the machine is run", () => {
  const kernel = boot("testing");
  kernel.test([PASSES]);
  kernel.println("still here");
  strictEqual(kernel.machine.run({ instructions: 1000 }).kind, "halted");
  ok(kernel.machine.screen.contains("still here"));
});
