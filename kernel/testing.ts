/**
 * Tests inside of the machine: what runs, passes or fails is told on the serial port, the verdict
 * through port 0xF4, as QEMU's isa-debug-exit device has it.
 *
 * ```text
 * Running 2 tests
 * trivial_assertion...	[ok]
 * test_println_output...	[failed]
 *
 * Error: panicked at …
 * ```
 *
 * The first failure ends the run.
 */
import { MachineStopped, NS_PER_INSTRUCTION, type StopReason } from "../machine/mod.ts";
import type { Kernel } from "./kernel.ts";
import { type PanicInfo, panicText, PanicUnwind } from "./panic.ts";
import { Diverged } from "./unwind.ts";

/** What is written to the port; QEMU's exit status is twice that and 1. */
export const QemuExitCode = { Success: 0x10, Failed: 0x11 } as const;

const EXIT_PORT = 0xf4;
const TIMEOUT_INSTRUCTIONS = 10_000_000;
/** After these stops there is no machine to go on with. */
const FINAL: ReadonlySet<string> = new Set(["triple fault", "exit", "paused", "reset"]);

/** A test: passes when `run` returns, or, with `shouldPanic`, when the kernel panics. */
export interface KernelTest {
  readonly name: string;
  readonly run: (kernel: Kernel) => void;
  /** `true`, or what the message must contain. */
  readonly shouldPanic?: boolean | string | RegExp;
  /** 10 million by default: 0.1 s. */
  readonly timeoutInstructions?: number;
}

/** What a test came to: `undefined` if it passed, else the error's text. */
type Failure = string | undefined;

/**
 * Runs the tests and exits the machine: with status 33 if all pass, else 35.
 *
 * @returns How the machine stopped; `exit`, unless a test brought it down.
 */
export function runTests(kernel: Kernel, tests: readonly KernelTest[]): StopReason {
  kernel.wake();
  try {
    testRunner(kernel, tests);
  } catch (error) {
    // For kernel code the machine is off.
    if (error instanceof MachineStopped && kernel.depth === 0) return error.stop;
    throw error;
  }
}

/** The same for kernel code: never returns. */
export function testRunner(kernel: Kernel, tests: readonly KernelTest[]): never {
  const timer = new TestTimer(kernel);
  kernel.serialPrintln(`Running ${tests.length} tests`);
  for (const test of tests) {
    kernel.serialPrint(`${test.name}...\t`);
    const ending = timer.limit(
      test.timeoutInstructions ?? TIMEOUT_INSTRUCTIONS,
      () => attempt(kernel, test),
    );
    const failure = timer.exceeded === undefined
      ? judge(test, ending)
      : `timeout after ${timer.exceeded} instructions`;
    if (failure !== undefined) {
      kernel.serialPrintln(`[failed]\n\nError: ${failure}\n`);
      exitQemu(kernel, QemuExitCode.Failed);
    }
    kernel.serialPrintln("[ok]");
  }
  exitQemu(kernel, QemuExitCode.Success);
}

/** Ends the machine's run with an exit code. */
export function exitQemu(kernel: Kernel, exitCode: number): never {
  kernel.cpu.outb(EXIT_PORT, exitCode);
  kernel.cpu.pause();
  kernel.hltLoop();
}

/** How a test ended, if it did not return. */
type Ending = PanicInfo | Error | undefined;

function attempt(kernel: Kernel, test: KernelTest): Ending {
  const { cpu, panicHandler } = kernel;
  const { rip, rsp, rflags } = cpu;
  kernel.panicHandler = (info) => {
    throw new PanicUnwind(info);
  };
  try {
    test.run(kernel);
    return undefined;
  } catch (error) {
    if (error instanceof MachineStopped && FINAL.has(error.stop.kind)) throw error;
    // The test is given up, wherever on the stack it was.
    Object.assign(cpu, { rip, rsp, rflags });
    kernel.wake();
    for (const lock of [kernel.writerLock, kernel.serialLock]) lock.forceUnlock();
    if (error instanceof PanicUnwind) return error.info;
    if (error instanceof MachineStopped) return new Error(error.stop.text);
    if (error instanceof Diverged) return new Error("the kernel went to its halt loop");
    return error instanceof Error ? error : new Error(String(error));
  } finally {
    kernel.panicHandler = panicHandler;
  }
}

function judge({ shouldPanic = false }: KernelTest, ending: Ending): Failure {
  const isPanic = ending !== undefined && !(ending instanceof Error);
  if (shouldPanic === false) {
    return isPanic ? panicText(ending) : ending?.message;
  }
  if (!isPanic) return ending?.message ?? "test did not panic";
  const { message } = ending;
  const matches = shouldPanic === true ||
    (typeof shouldPanic === "string" ? message.includes(shouldPanic) : shouldPanic.test(message));
  return matches ? undefined : `panicked, but not as expected: ${message}`;
}

/** Stops tests that take too long. */
class TestTimer {
  /** The limit that was exceeded by the latest test. */
  exceeded: number | undefined;
  readonly #clock: Kernel["machine"]["clock"];
  readonly #alarm: ReturnType<Kernel["machine"]["clock"]["alarm"]>;
  #limit = 0;

  constructor({ machine }: Kernel) {
    this.#clock = machine.clock;
    this.#alarm = machine.clock.alarm("test timeout", () => {
      this.exceeded = this.#limit;
      machine.stop({ kind: "budget" });
    });
  }

  limit<T>(instructions: number, action: () => T): T {
    this.exceeded = undefined;
    this.#limit = instructions;
    this.#alarm.armAt(this.#clock.nowNs + instructions * NS_PER_INSTRUCTION);
    try {
      return action();
    } finally {
      this.#alarm.disarm();
    }
  }
}
