/**
 * Preemptive threads: the timer's interrupt takes the CPU from one and gives it to the next.
 *
 * ```text
 *  thread A's stack              thread B's stack
 *  │ …          │                │ …          │
 *  │ trap frame │◄─ saved RSP    │ trap frame │◄─ RSP: the gate pops this one
 * ```
 *
 * A gate has saved all registers on the stack of the thread that it came from. To switch is to
 * note that stack pointer, load another thread's, and let the gate go on: it pops the other
 * thread's registers, and IRETQ goes on where that one was interrupted. Ready threads wait in a
 * queue (round robin). Queue and control blocks are bytes in guest memory.
 *
 * Thread 0 is the kernel's own: the idle loop and what the kernel does there. TypeScript kernel
 * code is never switched away from in its middle: a tick that interrupts it switches nothing.
 */
import { type Machine } from "../../machine/mod.ts";
import { TrapFrame } from "../frames.ts";
import type { Kernel } from "../kernel.ts";
import { ArrayQueue } from "../task/array_queue.ts";
import { reserveQueue } from "../task/executor.ts";
import { hasStage } from "../stages.ts";
import { loadSaved, storeSaved } from "./saved_registers.ts";
import { type StartFrame, writeStartFrame } from "./start_frame.ts";
import { mapStack, stackOf } from "./stacks.ts";
import { exitCode, idleYieldCode, THREAD_CALL, THREAD_VECTOR } from "./thread_code.ts";
import { type ThreadReport, threadReport } from "./thread_report.ts";
import { type ThreadId, type ThreadState, ThreadTable } from "./thread_table.ts";

/** Most threads at a time, the kernel's own included. */
export const MAX_THREADS = 32;

const IDLE: ThreadId = 0;
const FAILED = -1;

export interface ThreadOptions {
  readonly name?: string;
  /** What it finds in RDI, RSI, RDX, RCX, R8, R9. */
  readonly args?: readonly (number | bigint)[];
}

export class Scheduler {
  /** Whether the timer switches threads. If not, they run until they give the CPU away. */
  preemptive = true;
  /** Called when a thread has ended. */
  onExit: (id: ThreadId) => void = () => {};
  /** Called before a thread goes on, with the end of its kernel stack. */
  onSwitch: (id: ThreadId, stackEnd: bigint) => void = () => {};

  readonly #kernel: Kernel;
  readonly #machine: Machine;
  readonly #names = new Map<ThreadId, string>();
  readonly #table: ThreadTable;
  readonly #ready: ArrayQueue;
  readonly #current;
  readonly #switches;
  readonly #sleeping;
  readonly #exitAddress: number;
  readonly #idleYield: number;

  /**
   * Starts scheduling: the code that runs now becomes thread 0.
   *
   * @throws {TypeError} Before stage "paging": threads need stacks of their own.
   */
  constructor(kernel: Kernel) {
    if (!hasStage(kernel.stage, "paging")) {
      throw new TypeError(`Cannot start threads at stage "${kernel.stage}": paging comes later`);
    }
    this.#kernel = kernel;
    const { machine, statics } = kernel;
    this.#machine = machine;
    this.#table = new ThreadTable(machine, statics, MAX_THREADS);
    this.#ready = reserveQueue(kernel, "READY_THREADS", MAX_THREADS);
    this.#current = statics.word("CURRENT_THREAD");
    this.#switches = statics.word("CONTEXT_SWITCHES");
    this.#sleeping = statics.word("SLEEPING_THREADS");
    this.#exitAddress = kernel.loadCode(exitCode(), "thread_exit");
    const idle = kernel.symbols.get("idle")!;
    this.#idleYield = kernel.loadCode(idleYieldCode(idle), "idle_yield");
    this.#table.clear(IDLE, "running");
    this.#table.setLong(IDLE, "cr3", kernel.cpu.readCr3());
    this.#table.setLong(IDLE, "stackEnd", kernel.stack.end);
    this.#names.set(IDLE, "kernel");
    this.#table.setLong(IDLE, "since", machine.retired);
    kernel.idt.setHandler(THREAD_VECTOR, (frame) => this.#call(frame));
    kernel.interrupts.onTimer.add((frame) => this.#tick(frame));
    kernel.onIdle(() => this.#idleWork());
  }

  /** The thread that runs: a load, for handlers. */
  loadCurrent(): ThreadId {
    return this.#current.value;
  }

  /** The thread that runs. Looking takes no time. */
  get current(): ThreadId {
    return this.#machine.virtual.u32(this.#current.address);
  }

  /** Switches since the start. */
  get contextSwitches(): number {
    return this.#machine.virtual.u32(this.#switches.address);
  }

  /** Numbers of the threads that wait for the CPU, the next one first. */
  get ready(): readonly ThreadId[] {
    return this.#ready.values();
  }

  /** All threads that there are, as plain data. Takes no time. */
  report(): ThreadReport[] {
    return Array.from({ length: MAX_THREADS }, (_, id) => id)
      .filter((id) => this.#table.peekState(id) !== "free")
      .map((id) => this.#reportOf(id));
  }

  /** One of them. @throws {RangeError} If there is no such thread. */
  thread(id: ThreadId): ThreadReport {
    this.#check(id);
    return this.#reportOf(id);
  }

  /**
   * Starts a thread of the kernel; it runs when its turn comes.
   *
   * @param entry Its function: a symbol, an address, or code that is loaded into the text pages.
   * When it returns, the thread ends with RAX as its exit code.
   * @throws {RangeError} If there are too many threads, no frames for its stack, or no such symbol.
   */
  spawn(entry: string | number | bigint | Uint8Array, options: ThreadOptions = {}): ThreadId {
    const { selectors } = this.#kernel.gdt;
    if (selectors === undefined) throw new TypeError("Cannot spawn a thread without the GDT");
    const rip = this.#address(entry);
    const id = this.create(options.name ?? (typeof entry === "string" ? entry : "thread"));
    const { end } = stackOf(id);
    this.#kernel.cpu.store64(end - 8, this.#exitAddress);
    this.begin(
      id,
      {
        rip,
        rsp: end - 8,
        codeSegment: selectors.kernelCode,
        stackSegment: selectors.kernelData,
      },
      options.args,
      16,
    );
    return id;
  }

  /**
   * Takes a slot and its stack; the thread does not run yet.
   *
   * @throws {RangeError} If there is no slot, or no frame.
   */
  create(name: string): ThreadId {
    const id = this.#table.findFree() ?? this.#recycle();
    if (id === undefined) {
      throw new RangeError(`Cannot spawn ${name}: all ${MAX_THREADS} threads are in use`);
    }
    if (!mapStack(this.#kernel, id)) {
      throw new RangeError(`Cannot spawn ${name}: no frames for its stack`);
    }
    this.#table.clear(id, "free");
    this.#table.setLong(id, "cr3", this.#table.long(IDLE, "cr3"));
    this.#table.setLong(id, "stackEnd", stackOf(id).end);
    this.#names.set(id, name);
    return id;
  }

  /** Gives a created thread its first trap frame and makes it ready. */
  begin(
    id: ThreadId,
    start: StartFrame,
    args: readonly (number | bigint)[] = [],
    below = 0,
    cr3?: number,
  ): void {
    const frame = writeStartFrame(this.#machine, stackOf(id).end - below, start, args);
    this.#table.setLong(id, "rsp", frame.base);
    if (cr3 !== undefined) this.#table.setLong(id, "cr3", cr3);
    this.#makeReady(id);
    this.#kernel.wake();
  }

  /** Ends a thread that is not the kernel's own; the current one by {@linkcode exitCurrent}. */
  kill(id: ThreadId, exitCode: number): void {
    this.#check(id);
    if (id === IDLE || id === this.current) {
      throw new TypeError(`Cannot kill thread ${id}: ${id === IDLE ? "the kernel" : "it runs"}`);
    }
    for (let left = this.#ready.length; left > 0; left--) {
      const other = this.#ready.pop()!;
      if (other !== id) this.#ready.push(other);
    }
    this.#finish(id, exitCode);
  }

  /**
   * Forgets a thread that has ended: its number is free for another one.
   *
   * @throws {TypeError} If it has not ended.
   */
  release(id: ThreadId): void {
    this.#check(id);
    if (this.#table.peekState(id) !== "finished") {
      throw new TypeError(`Cannot release thread ${id}: it has not ended`);
    }
    this.#table.setState(id, "free");
  }

  // ---- For handlers: to be called last; the frame is what the current thread goes on with -----

  /** Lets the others run first. */
  yieldCurrent(frame: TrapFrame): void {
    this.#leave(frame, this.#current.value, "ready");
  }

  /** Sleeps at least `ticks` ticks of the timer. */
  sleepCurrent(frame: TrapFrame, ticks: number): void {
    const current = this.#current.value;
    this.#table.setWord(current, "wakeTick", this.#kernel.interrupts.ticks + ticks);
    this.#sleeping.value += 1;
    this.#leave(frame, current, "sleeping");
  }

  /** Ends the current thread. */
  exitCurrent(frame: TrapFrame, exitCode: number): void {
    const current = this.#current.value;
    this.#finish(current, exitCode);
    this.#leave(frame, current, "finished");
  }

  /** Waits for the end of a thread: RAX of the frame becomes its exit code, or −1. */
  joinCurrent(frame: TrapFrame, id: number): void {
    const { cpu } = this.#machine;
    const current = this.#current.value;
    const state = id > IDLE && id < MAX_THREADS && id !== current ? this.#table.state(id) : "free";
    if (state === "free") return storeSaved(cpu, frame, "rax", FAILED);
    if (state === "finished") {
      return storeSaved(cpu, frame, "rax", this.#table.word(id, "exitCode"));
    }
    this.#table.setWord(current, "joins", id);
    this.#leave(frame, current, "joining");
  }

  #call(frame: TrapFrame): void {
    const { cpu } = this.#machine;
    const argument = loadSaved(cpu, frame, "rdi");
    const small = Number(BigInt.asUintN(32, argument));
    switch (Number(BigInt.asUintN(32, loadSaved(cpu, frame, "rax")))) {
      case THREAD_CALL.YIELD:
        return this.yieldCurrent(frame);
      case THREAD_CALL.SLEEP:
        return this.sleepCurrent(frame, small);
      case THREAD_CALL.EXIT:
        return this.exitCurrent(frame, small);
      case THREAD_CALL.JOIN:
        return this.joinCurrent(frame, small);
      case THREAD_CALL.SELF:
        return storeSaved(cpu, frame, "rax", this.#current.value);
      case THREAD_CALL.PRINT:
        return this.#print(argument, Number(loadSaved(cpu, frame, "rsi")));
      default:
        return storeSaved(cpu, frame, "rax", FAILED);
    }
  }

  #print(address: bigint, length: number): void {
    const { cpu } = this.#kernel;
    const bytes = Array.from({ length }, (_, i) => cpu.load8(address + BigInt(i)));
    this.#kernel.print(new TextDecoder().decode(Uint8Array.from(bytes)));
  }

  #tick(frame: TrapFrame): void {
    if (this.#sleeping.value > 0) this.#wakeSleepers();
    if (!this.preemptive || this.#machine.cpu.inIntrinsic || this.#ready.isEmpty()) return;
    const current = this.#current.value;
    this.#table.setWord(current, "preemptions", this.#table.word(current, "preemptions") + 1);
    this.#leave(frame, current, "ready");
  }

  #wakeSleepers(): void {
    const { ticks } = this.#kernel.interrupts;
    for (let id = 1; id < MAX_THREADS; id++) {
      if (this.#table.state(id) !== "sleeping") continue;
      if (this.#table.word(id, "wakeTick") > ticks) continue;
      this.#sleeping.value -= 1;
      this.#makeReady(id);
    }
  }

  /** The idle loop gives its turn away: not from here, but by guest code that it goes to. */
  #idleWork(): boolean {
    if (this.#machine.cpu.inIntrinsic || this.#ready.isEmpty()) return false;
    this.#machine.cpu.rip = BigInt(this.#idleYield);
    return true;
  }

  /** Switches to the next ready thread, if there is one. The current one goes on in `state`. */
  #leave(frame: TrapFrame, current: ThreadId, state: ThreadState): void {
    const { cpu } = this.#machine;
    const waits = state !== "ready";
    if (waits && (cpu.inIntrinsic || current === IDLE)) {
      this.#kernel.panic("the kernel's own thread cannot wait as others do");
    }
    if (cpu.inIntrinsic) return;
    if (!waits) this.#ready.push(current);
    // The kernel's own thread never waits: it runs, or is in the queue.
    const next = this.#ready.pop()!;
    if (next === current) return;
    this.#table.setState(current, state);
    const ran = BigInt(this.#machine.retired) - this.#table.long(current, "since");
    this.#table.setLong(current, "instructions", this.#table.long(current, "instructions") + ran);
    this.#table.setLong(current, "rsp", frame.base);
    this.#goOn(next);
  }

  #goOn(next: ThreadId): void {
    const { cpu } = this.#machine;
    this.#table.setLong(next, "since", this.#machine.retired);
    this.#switches.value += 1;
    this.#current.value = next;
    this.#table.setState(next, "running");
    this.#table.setWord(next, "switches", this.#table.word(next, "switches") + 1);
    this.onSwitch(next, this.#table.long(next, "stackEnd"));
    const cr3 = this.#table.long(next, "cr3");
    const rsp = this.#table.long(next, "rsp");
    if (cpu.readCr3() !== cr3) cpu.writeCr3(cr3);
    cpu.rsp = rsp;
    cpu.rip = BigInt(this.#kernel.symbols.get("restore")!);
  }

  #makeReady(id: ThreadId): void {
    this.#table.setState(id, "ready");
    this.#ready.push(id);
  }

  #finish(id: ThreadId, exitCode: number): void {
    if (this.#table.state(id) === "sleeping") this.#sleeping.value -= 1;
    this.#table.setState(id, "finished");
    this.#table.setWord(id, "exitCode", exitCode);
    for (let other = 1; other < MAX_THREADS; other++) {
      if (this.#table.state(other) !== "joining") continue;
      if (this.#table.word(other, "joins") !== id) continue;
      const frame = new TrapFrame(this.#machine, this.#table.long(other, "rsp"));
      storeSaved(this.#machine.cpu, frame, "rax", exitCode);
      this.#makeReady(other);
    }
    this.onExit(id);
  }

  /** A slot of a thread that has ended. */
  #recycle(): ThreadId | undefined {
    for (let id = 1; id < MAX_THREADS; id++) {
      if (this.#table.state(id) === "finished" && id !== this.current) return id;
    }
    return undefined;
  }

  #reportOf(id: ThreadId): ThreadReport {
    return threadReport(this.#table, id, {
      name: this.#names.get(id) ?? `thread ${id}`,
      stack: id === IDLE ? { guard: undefined, ...this.#kernel.stack } : stackOf(id),
      retired: id === this.current ? this.#machine.retired : undefined,
    });
  }

  #check(id: ThreadId): void {
    const exists = Number.isInteger(id) && id >= 0 && id < MAX_THREADS &&
      this.#table.peekState(id) !== "free";
    if (!exists) throw new RangeError(`There is no thread ${id}`);
  }

  #address(entry: string | number | bigint | Uint8Array): number | bigint {
    if (entry instanceof Uint8Array) return this.#kernel.loadCode(entry);
    if (typeof entry !== "string") return entry;
    const address = this.#kernel.symbols.get(entry);
    if (address === undefined) throw new RangeError(`There is no symbol ${entry} in the kernel`);
    return address;
  }
}
