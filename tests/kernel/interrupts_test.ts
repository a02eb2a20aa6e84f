/** Chapter 7: the timer, the keyboard, and code that is interrupted. */
import { deepStrictEqual, match, ok, strictEqual, throws } from "node:assert/strict";
import { asm, BUFFER_HEIGHT, InterruptIndex, Kernel, type KernelTest, Machine } from "../../mod.ts";
import { boot, screen } from "./support.ts";

/** Instructions of a bit more than one tick, as the firmware sets the timer. */
const TICK = 5_600_000;

/** Boots chapter 7's kernel, with a timer that is quick: 100,000 instructions a tick. */
function bootFast(): Kernel {
  const kernel = boot("interrupts");
  kernel.interrupts.setTimerFrequency(1000);
  return kernel;
}

const lastLine = (kernel: Kernel) => screen(kernel).split("\n").at(-1);

Deno.test("The controllers are remapped to 32–47, the timer prints dots", () => {
  const kernel = boot("interrupts");
  const vectors: number[] = [];
  kernel.machine.on("interrupt", ({ vector }) => vectors.push(vector));
  strictEqual(kernel.machine.run({ instructions: 5 * TICK }).kind, "budget");
  strictEqual(screen(kernel), "Hello World!\n.....");
  deepStrictEqual(vectors, [32, 32, 32, 32, 32]);
  strictEqual(kernel.interrupts.ticks, 5);
  strictEqual(kernel.pics.offset2, 40);
});

Deno.test("Without EOI there is one dot, and no other", () => {
  const kernel = boot("interrupts");
  kernel.interrupts.options.eoi = false;
  kernel.machine.run({ instructions: 5 * TICK });
  strictEqual(screen(kernel), "Hello World!\n.");
  kernel.interrupts.options.eoi = true;
  kernel.pics.notifyEndOfInterrupt(InterruptIndex.Timer);
  kernel.machine.run({ instructions: 2 * TICK });
  strictEqual(screen(kernel), "Hello World!\n....");
});

Deno.test("Before the remapping the timer's vector is 8: it looks like a double fault", () => {
  const kernel = boot("double-faults");
  const vectors: number[] = [];
  kernel.machine.on("interrupt", ({ vector }) => vectors.push(vector));
  kernel.cpu.sti();
  kernel.machine.run({ instructions: 2 * TICK });
  deepStrictEqual(vectors, [8]);
  match(screen(kernel), /EXCEPTION: DOUBLE FAULT/);
});

Deno.test("The idle loop halts between interrupts", () => {
  const kernel = bootFast();
  let halts = 0;
  kernel.machine.on("hlt", () => void halts++);
  kernel.machine.run({ instructions: 1_050_000 });
  ok(halts >= 10 && halts <= 12, `${halts}`);
  ok(kernel.cpu.halted);
});

Deno.test("hlt() in kernel code returns after an interrupt's handler", () => {
  const kernel = bootFast();
  const { ticks } = kernel.interrupts;
  for (let i = 0; i < 3; i++) kernel.cpu.hlt();
  strictEqual(kernel.interrupts.ticks, ticks + 3);
});

Deno.test("A handler that prints while the interrupted code prints is a deadlock", () => {
  const kernel = bootFast();
  kernel.printWithoutInterrupts = false;
  const stop = kernel.main((kernel) => {
    for (;;) kernel.print("-");
  });
  ok(stop.kind === "deadlock");
  match(
    stop.reason,
    /^the timer handler spins on WRITER, which is held by the host's call \(at 0x2010[0-9a-f]+\), who was interrupted and cannot go on: interrupts are disabled$/,
  );
  ok(kernel.writerLock.isLocked);
  strictEqual(kernel.writerLock.holder?.who, "the host's call");
});

Deno.test("A deadlock in the main function is found as well, and names it", () => {
  const kernel = boot("interrupts", {
    main: (kernel) => {
      kernel.interrupts.setTimerFrequency(1000);
      kernel.printWithoutInterrupts = false;
      for (;;) kernel.print("-");
    },
  });
  ok(kernel.bootStop?.kind === "deadlock");
  match(kernel.bootStop.reason, /held by kernel_main/);
});

Deno.test("Printing without interrupts is the cure", () => {
  const kernel = bootFast();
  kernel.main((kernel) => {
    while (kernel.interrupts.ticks < 3) kernel.print("-");
    kernel.print("-");
  }, { instructions: 0 });
  strictEqual(kernel.writerLock.isLocked, false);
  match(screen(kernel), /-\.-/);
});

Deno.test("Code that was taken away by a pause leaves no lock behind", () => {
  const kernel = bootFast();
  kernel.printWithoutInterrupts = false;
  kernel.machine.on("interrupt", () => kernel.machine.pause());
  const stop = kernel.main((kernel) => {
    for (;;) kernel.print("-");
  });
  strictEqual(stop.kind, "paused");
  strictEqual(kernel.writerLock.isLocked, false);
});

/** The chapter's test: print a line and read it back. */
function printlnOutput(cured: boolean): KernelTest {
  const text = "Some test string that fits on a single line";
  return {
    name: "test_println_output",
    run: (kernel) => {
      const check = () => {
        for (let i = 0; i < text.length; i++) {
          const { asciiCharacter } = kernel.writer.read(BUFFER_HEIGHT - 2, i);
          const found = String.fromCharCode(asciiCharacter);
          if (found !== text[i]) throw new Error(`left: '${found}', right: '${text[i]}'`);
        }
      };
      if (!cured) {
        kernel.println(text);
        return check();
      }
      kernel.withoutInterrupts(() =>
        kernel.writerLock.with(() => {
          kernel.writer.writeString(`\n${text}\n`);
          check();
        })
      );
    },
  };
}

Deno.test("A test that reads the screen back has a race with the timer's dots", () => {
  const kernel = bootFast();
  kernel.machine.run({ instructions: 150_000 });
  const stop = kernel.test([printlnOutput(false)]);
  strictEqual(stop.kind === "exit" && stop.status, 35);
  match(kernel.machine.serial.output, /Error: left: '\.', right: 'S'/);
});

Deno.test("Holding the lock without interrupts, from a new line on, wins the race", () => {
  const kernel = bootFast();
  kernel.machine.run({ instructions: 150_000 });
  const stop = kernel.test([printlnOutput(true)]);
  strictEqual(stop.kind === "exit" && stop.status, 33);
});

Deno.test("withoutInterrupts() lets nothing in, and has the flag as it was", () => {
  const kernel = bootFast();
  const { ticks } = kernel.interrupts;
  kernel.withoutInterrupts(() => {
    kernel.withoutInterrupts(() => {
      for (let i = 0; i < 250_000; i++) kernel.cpu.pause();
    });
    strictEqual(kernel.cpu.eflags.if, false);
    strictEqual(kernel.interrupts.ticks, ticks);
  });
  kernel.cpu.pause();
  kernel.cpu.pause();
  strictEqual(kernel.interrupts.ticks, ticks + 1);
  throws(() =>
    kernel.withoutInterrupts(() => {
      throw new Error("out");
    })
  );
  strictEqual(kernel.cpu.eflags.if, true);
});

Deno.test("The keyboard gives one k until its port is read", () => {
  const kernel = boot("interrupts");
  kernel.interrupts.options.dots = false;
  const print = (read: boolean) =>
    kernel.idt.setHandler("keyboard", () => {
      kernel.print("k");
      if (read) kernel.cpu.inb(0x60);
      kernel.pics.notifyEndOfInterrupt(InterruptIndex.Keyboard);
    });
  print(false);
  for (const key of ["a", "b", "c"]) {
    kernel.machine.keyboard.press(key);
    kernel.machine.keyboard.release(key);
  }
  kernel.machine.run({ instructions: TICK });
  strictEqual(lastLine(kernel), "k");
  print(true);
  kernel.cpu.inb(0x60);
  kernel.machine.run({ instructions: TICK });
  strictEqual(lastLine(kernel), "kkkkkk");
});

Deno.test("Typed keys are decoded and printed", () => {
  const kernel = boot("interrupts");
  kernel.interrupts.options.dots = false;
  kernel.machine.keyboard.type("Hello, [x] = {Y}!\nabc");
  kernel.machine.run({ instructions: 50_000_000 });
  strictEqual(screen(kernel), "Hello World!\nHello, [x] = {Y}!\nabc");
});

Deno.test("Caps lock, arrows and function keys", () => {
  const kernel = boot("interrupts");
  kernel.interrupts.options.dots = false;
  const press = (...keys: string[]) => {
    for (const key of keys) {
      kernel.machine.keyboard.press(key);
      kernel.machine.run({ instructions: 1_000_000 });
      kernel.machine.keyboard.release(key);
      kernel.machine.run({ instructions: 1_000_000 });
    }
  };
  press("caps_lock", "a", "1", "caps_lock", "a", "up", "f1", "kp_5");
  strictEqual(lastLine(kernel), "A1aArrowUpF15");
});

Deno.test("A spurious IRQ 7 or 15 is counted and gets no EOI of its own", () => {
  const kernel = boot("interrupts");
  const writes: number[] = [];
  kernel.machine.on("out", ({ port, value }) => {
    if ((port === 0x20 || port === 0xa0) && value === 0x20) writes.push(port);
  });
  kernel.cpu.int(39);
  strictEqual(kernel.interrupts.spurious, 1);
  deepStrictEqual(writes, []);
  kernel.cpu.int(47);
  strictEqual(kernel.interrupts.spurious, 2);
  deepStrictEqual(writes, [0x20], "the primary controller did serve its line 2");
});

Deno.test("A real IRQ 7 is not spurious", () => {
  const kernel = boot("interrupts");
  const writes: number[] = [];
  kernel.machine.on("out", ({ port, value }) => {
    if ((port === 0x20 || port === 0xa0) && value === 0x20) writes.push(port);
  });
  const [primary, secondary] = kernel.pics.readMasks();
  kernel.pics.writeMasks(primary & 0x7f, secondary);
  const line = kernel.machine.board.pic.line(7);
  line.set(true);
  kernel.machine.run({ instructions: 1000 });
  line.set(false);
  strictEqual(kernel.interrupts.spurious, 0);
  deepStrictEqual(writes, [0x20]);
});

Deno.test("The secondary controller's interrupts end at both controllers", () => {
  const kernel = boot("interrupts");
  const writes: number[] = [];
  kernel.machine.on("out", ({ port, value }) => {
    if ((port === 0x20 || port === 0xa0) && value === 0x20) writes.push(port);
  });
  kernel.idt.setHandler(44, ({ vector }) => kernel.pics.notifyEndOfInterrupt(vector));
  const line = kernel.machine.board.pic.line(12);
  line.set(true);
  kernel.machine.run({ instructions: 1000 });
  line.set(false);
  deepStrictEqual(writes, [0xa0, 0x20]);
});

Deno.test("The remapping leaves the masks as the firmware set them", () => {
  deepStrictEqual(boot("interrupts").pics.readMasks(), [0xb8, 0x8f]);
});

Deno.test("An interrupt handler that throws is reported, and the timer goes on", () => {
  const kernel = boot("interrupts");
  kernel.idt.setHandler("timer", () => {
    throw new Error("late");
  });
  kernel.machine.run({ instructions: 2 * TICK });
  strictEqual(
    screen(kernel),
    "Hello World!\nthe timer handler threw Error: late\nthe timer handler threw Error: late",
  );
});

Deno.test("An interrupt in guest code finds all registers again", () => {
  const kernel = bootFast();
  const count = 400_000;
  const code = kernel.loadCode(asm`
    mov ecx, edi; xor eax, eax
    again: inc rax; mov rdx, rax; cmp rdx, rax; jne wrong; dec ecx; jnz again; ret
    wrong: xor eax, eax; ret`);
  strictEqual(kernel.callGuest(code, count), BigInt(count));
  ok(kernel.interrupts.ticks > 10);
});

/** A session with everything in it. */
function script(machine: Machine): Kernel {
  const kernel = Kernel.boot(machine, { stage: "interrupts" });
  kernel.println("x = {}", 42);
  kernel.cpu.int3();
  machine.keyboard.type("Hi!");
  machine.run({ instructions: 12_345_678 });
  kernel.idt.setHandler("breakpoint", () => kernel.print("b"));
  kernel.cpu.int3();
  machine.run({ instructions: 3 * TICK });
  return kernel;
}

Deno.test("The same script gives the same hash ten times", () => {
  const hashes = new Set<number>();
  for (let i = 0; i < 10; i++) {
    const machine = new Machine({ memory: 8 << 20 });
    script(machine);
    hashes.add(machine.hash());
  }
  strictEqual(hashes.size, 1);
});

Deno.test("Two kernels on two machines do not meet", () => {
  const alone = new Machine({ memory: 8 << 20 });
  script(alone);
  const [first, second] = [new Machine({ memory: 8 << 20 }), new Machine({ memory: 8 << 20 })];
  const other = Kernel.boot(second, { stage: "interrupts" });
  other.interrupts.options.eoi = false;
  second.run({ instructions: 1_000_000 });
  script(first);
  second.keyboard.type("z");
  second.run({ instructions: 2 * TICK });
  strictEqual(first.hash(), alone.hash());
  strictEqual(other.interrupts.ticks, 1);
  ok(!second.screen.contains("x = 42"));
});
