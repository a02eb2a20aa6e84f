/**
 * The race between looking at the ready queue and HLT, at an exact instruction.
 *
 * The idle loop, after the executor has found nothing, executes `cmp; je; jb; sti; hlt`. With
 * interrupts enabled all along, one that comes before HLT fills the queue, and the CPU sleeps
 * although there is work. With interrupts disabled since the look, `sti` lets none in before
 * `hlt`, and that ends at once.
 */
import type { Kernel } from "../kernel.ts";

/** What came of it. */
export interface RaceResult {
  /** Where the interrupt was requested: before this instruction, the STI. */
  readonly rip: bigint;
  /** Whether the CPU fell asleep although a task was ready. */
  readonly lost: boolean;
  /**
   * Instructions from the request to the task's poll, halted time included; `undefined` if there
   * was none in time.
   */
  readonly latency: number | undefined;
}

/** Bytes of STI, before HLT. */
const STI_BYTES = 1n;
/** The primary interrupt controller's mask, and the keyboard's bit in it. */
const MASK_PORT = 0x21;
const KEYBOARD_BIT = 1 << 1;
/** Within this time a key's scancode has arrived: 10 ms. */
const ARRIVAL = 1_000_000;

export interface RaceOptions {
  /** The key that is pressed. As the keyboard names it. Default `a`. */
  readonly key?: string;
  /** How long to wait for the poll. Default 100 million instructions: 18 ticks of the timer. */
  readonly instructions?: number;
}

/**
 * Presses a key, holds its interrupt request back at the controller, and lets it through when the
 * idle loop is about to execute the STI before its HLT. Then runs until the kernel's executor has
 * polled a task.
 *
 * @throws {Error} If the kernel does not come to its HLT in that time.
 */
export function provokeRace(kernel: Kernel, options: RaceOptions = {}): RaceResult {
  const { key = "a", instructions = 100_000_000 } = options;
  const { machine, tasks } = kernel;
  const { ports } = machine.board;
  const { executor } = tasks;
  const rip = BigInt(kernel.symbols.get("idle_halt")!) - STI_BYTES;
  const mask = ports.read(MASK_PORT, 1);
  ports.write(MASK_PORT, mask | KEYBOARD_BIT, 1);
  machine.keyboard.press(key);
  machine.run({ instructions: ARRIVAL });
  kernel.wake();

  let requestedAt = Infinity;
  let lost = false;
  const removes = [
    machine.on("exec", (event) => {
      if (event.rip !== rip) return;
      requestedAt = machine.retired;
      ports.write(MASK_PORT, mask, 1);
      removes.shift()!();
    }),
    machine.on("hlt", () => {
      lost ||= requestedAt !== Infinity && executor.readyQueue.length > 0;
    }),
  ];
  const wasPolled = () => executor.lastPollAt > requestedAt;
  try {
    machine.run({ instructions, until: wasPolled });
  } finally {
    for (const remove of removes) remove();
    machine.keyboard.release(key);
  }
  if (requestedAt === Infinity) {
    throw new Error("The kernel does not come to the HLT of its idle loop");
  }
  return { rip, lost, latency: wasPolled() ? executor.lastPollAt - requestedAt : undefined };
}
