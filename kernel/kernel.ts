/**
 * The teaching kernel on its machine.
 *
 * Its TypeScript runs in three ways, and always at a place in the guest: from a gate or the idle
 * loop, by VMCALL; nested above such a call, when that faults or is interrupted; or called by the
 * host, while the CPU stands wherever it stands (mostly in the idle loop).
 */
import { hasErrorCode, type Machine, MachineStopped, type RunOptions } from "../machine/mod.ts";
import type { StopReason } from "../machine/mod.ts";
import { bootDirect, bootPlan } from "./boot.ts";
import { type BootInfo, readBootInfo } from "./boot_info.ts";
import { Dispatcher, type GuestCall } from "./dispatch.ts";
import { format } from "./format.ts";
import type { TrapFrame } from "./frames.ts";
import { Gdt } from "./gdt.ts";
import { callGuest } from "./guest_call.ts";
import { InterruptDescriptorTable, vectorName } from "./idt.ts";
import { Interrupts } from "./interrupts.ts";
import { BOOT_DATA, STACK } from "./layout.ts";
import { emptyHeapMemory, initHeap } from "./allocator.ts";
import { Heap } from "./allocator/heap.ts";
import { KernelMemory } from "./paging/kernel_memory.ts";
import { type PanicInfo, panicInfo, panicText, PanicUnwind } from "./panic.ts";
import { bootFromPowerOn } from "./power_on.ts";
import { Processes } from "./process/processes.ts";
import { SerialPort } from "./serial.ts";
import { Mutex } from "./spin.ts";
import { checkStage, hasStage, type Stage, STAGE_INIT, STAGES } from "./stages.ts";
import { type KernelTest, runTests } from "./testing.ts";
import { Statics } from "./statics.ts";
import { Tasks } from "./task/mod.ts";
import { Scheduler } from "./thread/scheduler.ts";
import { IDLE, kernelText } from "./stubs.ts";
import { Text } from "./text.ts";
import { Diverged, finallyUnlessUnwinding, isUnwinding } from "./unwind.ts";
import { Color, colorCode, Writer } from "./vga_buffer.ts";

/** How a kernel is booted. */
export interface KernelBootOptions {
  /** The last chapter whose parts it has. Default: the last. */
  readonly stage?: Stage;
  /** `power-on`: by guest code from the reset vector. Default: `direct`. */
  readonly from?: "direct" | "power-on";
  /** The kernel's main function, after its initialisation. */
  readonly main?: (kernel: Kernel) => void;
  /** How many instructions the boot may take. Default 50 million. */
  readonly instructions?: number;
}

/** Work for the idle loop. @returns Whether there may be more. */
export type IdleWork = () => boolean;

const BOOT_INSTRUCTIONS = 50_000_000;
const MAIN_INSTRUCTIONS = 100_000;

export class Kernel {
  readonly machine: Machine;
  readonly stage: Stage;
  /** Names and addresses of the kernel's code. */
  readonly symbols: ReadonlyMap<string, number>;
  readonly #text: Text;
  readonly statics: Statics;
  readonly gdt: Gdt;
  readonly idt: InterruptDescriptorTable;
  readonly interrupts: Interrupts;
  /** The heap. It has no pages, and so no room, before stage "heap". */
  readonly heap = new Heap(emptyHeapMemory());
  /** Asynchronous tasks and their executors. */
  readonly tasks: Tasks;
  /** The lock around the screen's writer. */
  readonly writerLock: Mutex;
  readonly writer: Writer;
  readonly serialLock: Mutex;
  readonly serial: SerialPort;
  /** Whether printing disables interrupts: the cure of the deadlock in a handler that prints. */
  printWithoutInterrupts = true;
  /** What a panic does; it must not return. */
  panicHandler: (info: PanicInfo) => never = (info) => this.#panic(info);
  #memory: KernelMemory | undefined;
  #threads: Scheduler | undefined;
  #processes: Processes | undefined;
  /** Why the boot ended: `until` when it reached the idle loop. */
  bootStop: StopReason | undefined;

  readonly #dispatcher: Dispatcher;
  readonly #idleWork: IdleWork[] = [];
  readonly #main: (kernel: Kernel) => void;
  #booting = true;

  /**
   * Boots a kernel: runs the machine until it is in its idle loop, or stops.
   *
   * @throws {RangeError} If there is no such stage, or the machine has less than 8 MiB.
   */
  static boot(machine: Machine, options: KernelBootOptions = {}): Kernel {
    const stage = checkStage(options.stage ?? STAGES.at(-1));
    const text = kernelText();
    const plan = bootPlan({
      text: text.finish(),
      entry: text.address("_start"),
      ramSize: machine.board.memory.ramSize,
      mapPhysicalMemory: hasStage(stage, "paging"),
    });
    if (options.from === "power-on") bootFromPowerOn(machine, plan);
    else bootDirect(machine, plan);
    const kernel = new Kernel(machine, stage, new Text(machine, text), options.main);
    kernel.bootStop = machine.run({ instructions: options.instructions ?? BOOT_INSTRUCTIONS });
    kernel.#booting = false;
    return kernel;
  }

  private constructor(
    machine: Machine,
    stage: Stage,
    text: Text,
    main: (kernel: Kernel) => void = () => {},
  ) {
    this.machine = machine;
    this.stage = stage;
    this.#text = text;
    this.symbols = text.symbols;
    this.#main = main;
    const { cpu } = machine;
    this.statics = new Statics(cpu);
    this.gdt = new Gdt(this);
    this.idt = new InterruptDescriptorTable(this);
    this.writerLock = new Mutex(this, "WRITER", this.statics.reserve("WRITER", 4, 4));
    this.writer = new Writer(cpu, this.statics.word("COLUMN"), this.statics.word("COLOR"));
    this.serialLock = new Mutex(this, "SERIAL1", this.statics.reserve("SERIAL1", 4, 4));
    this.serial = new SerialPort(cpu);
    this.interrupts = new Interrupts(this, { dots: stage === "interrupts" });
    this.tasks = new Tasks(this);
    this.#dispatcher = new Dispatcher({
      machine,
      idt: this.idt,
      main: () => this.#kernelMain(),
      poll: () => this.#poll(),
      handlerThrew: (frame, error) => this.#handlerThrew(frame, error),
    });
  }

  get cpu(): Machine["cpu"] {
    return this.machine.cpu;
  }

  /** The interrupt controllers. */
  get pics(): Interrupts["pics"] {
    return this.interrupts.pics;
  }

  /** Frames, page tables and address spaces. @throws {TypeError} Before stage "paging". */
  get memory(): KernelMemory {
    if (this.#memory !== undefined) return this.#memory;
    throw new TypeError(`Cannot manage memory at stage "${this.stage}": paging comes later`);
  }

  /** Called at stage "paging". */
  initMemory(): void {
    this.#memory = new KernelMemory(this);
  }

  /** Maps the heap's pages. Panics when they cannot be mapped. */
  initHeap(): void {
    const { mapper, frames } = this.memory;
    const failure = initHeap(this.heap, this.machine, mapper, frames);
    if (failure !== undefined) this.panic(`heap initialization failed: ${failure.kind}`);
  }

  /** Preemptive threads. Scheduling starts when they are asked for, from stage "paging" on. */
  get threads(): Scheduler {
    return this.#threads ??= new Scheduler(this);
  }

  /** Programs in ring 3. User mode is set up when they are asked for, from stage "paging" on. */
  get processes(): Processes {
    return this.#processes ??= new Processes(this);
  }

  /** What the loader told. */
  get bootInfo(): BootInfo {
    return readBootInfo(this.machine, BOOT_DATA.INFO);
  }

  /** Who is running, in words. */
  get running(): string {
    return this.#dispatcher.running;
  }

  /** How many calls from guest code are in progress; 0 when the host drives. */
  get depth(): number {
    return this.#dispatcher.depth;
  }

  // ---- Printing ----------------------------------------------------------------------------

  /** Prints on the screen. @see {@linkcode format} for the holes. */
  print(text: string, ...args: readonly unknown[]): void {
    const formatted = format(text, ...args);
    this.wake();
    const write = () => this.writerLock.with(() => this.writer.writeString(formatted));
    if (this.printWithoutInterrupts) this.withoutInterrupts(write);
    else write();
  }

  println(text = "", ...args: readonly unknown[]): void {
    this.print(`${format(text, ...args)}\n`);
  }

  /** Prints on the first serial port. */
  serialPrint(text: string, ...args: readonly unknown[]): void {
    const formatted = format(text, ...args);
    this.wake();
    const write = () => this.serialLock.with(() => this.serial.writeString(formatted));
    if (this.printWithoutInterrupts) this.withoutInterrupts(write);
    else write();
  }

  serialPrintln(text = "", ...args: readonly unknown[]): void {
    this.serialPrint(`${format(text, ...args)}\n`);
  }

  // ---- Control -----------------------------------------------------------------------------

  /**
   * Runs `main` as the kernel's main function, in the place of the idle loop, then the machine.
   *
   * @param options Bounds of the run; 100,000 instructions by default.
   * @returns Why the machine stopped: in `main`, or afterwards.
   */
  main(main: (kernel: Kernel) => void, options?: RunOptions): StopReason {
    this.wake();
    try {
      main(this);
    } catch (error) {
      if (error instanceof MachineStopped) return error.stop;
      if (!(error instanceof Diverged)) throw error;
    }
    return this.machine.run(options ?? { instructions: MAIN_INSTRUCTIONS });
  }

  /** Runs `action` with interrupts disabled, and then has them as they were. */
  withoutInterrupts<T>(action: () => T): T {
    const { cpu } = this;
    if (!cpu.interruptsEnabled()) return action();
    cpu.cli();
    return finallyUnlessUnwinding(action, () => cpu.sti());
  }

  /** Goes to the halt loop. TypeScript kernel code that called it never goes on. */
  hltLoop(): never {
    this.wake();
    this.cpu.rip = BigInt(this.symbols.get("hlt_loop")!);
    throw new Diverged("The kernel is in its halt loop for good; run the machine to go on there");
  }

  /** Ends in a message with the caller's place in the source. */
  panic(message: string, ...args: readonly unknown[]): never {
    return this.panicHandler(panicInfo(format(message, ...args)));
  }

  /**
   * Ends a HLT: the idle loop asks for work again. To be called before the host drives the kernel.
   *
   * @throws {TypeError} If a user program runs: kernel code needs ring 0.
   */
  wake(): void {
    if (this.depth === 0 && this.cpu.cpl !== 0) {
      throw new TypeError(
        `Cannot run kernel code now: the CPU is in ring ${this.cpu.cpl}; run until it is in ring 0`,
      );
    }
    if (this.cpu.halted) this.cpu.halted = false;
  }

  /** Runs tests in the kernel and exits the machine. @see {@linkcode runTests} */
  test(tests: readonly KernelTest[]): StopReason {
    return runTests(this, tests);
  }

  /** Calls `work` whenever the idle loop asks, until it has no more. @returns Removes it. */
  onIdle(work: IdleWork): () => void {
    this.#idleWork.push(work);
    this.wake();
    return () => {
      const at = this.#idleWork.indexOf(work);
      if (at >= 0) this.#idleWork.splice(at, 1);
    };
  }

  /** Registers a function that guest code calls: RAX = 4, RDI = the number, VMCALL. */
  registerCall(name: string, call: GuestCall): number {
    return this.#dispatcher.register(name, call);
  }

  /**
   * Puts machine code behind the kernel's own, as the loader of a module does: no time passes.
   *
   * @param name A symbol for it; none by default.
   * @returns Its address, a multiple of 16.
   * @throws {RangeError} If the text pages are full.
   * @throws {TypeError} If the symbol is taken.
   */
  loadCode(code: Uint8Array, name?: string): number {
    return this.#text.load(code, name);
  }

  /**
   * Calls guest code by the System V convention, and keeps the caller's registers.
   *
   * @param routine A symbol of the kernel, or an address.
   * @returns RAX.
   */
  callGuest(routine: string | number | bigint, ...args: readonly (number | bigint)[]): bigint {
    const address = typeof routine === "string" ? this.#symbol(routine) : routine;
    return callGuest(this.cpu, address, args);
  }

  /** Recurses in guest code until the stack is used up. Ends as a double fault, or worse. */
  stackOverflow(): void {
    this.callGuest("stack_overflow");
  }

  /** memset as guest code. */
  memset(address: number | bigint, value: number, bytes: number): void {
    this.callGuest("memset", address, value, bytes);
  }

  /** memcpy as guest code. */
  memcpy(to: number | bigint, from: number | bigint, bytes: number): void {
    this.callGuest("memcpy", to, from, bytes);
  }

  /** memcmp as guest code. @returns Negative, 0 or positive. */
  memcmp(a: number | bigint, b: number | bigint, bytes: number): number {
    return Number(BigInt.asIntN(32, this.callGuest("memcmp", a, b, bytes)));
  }

  /** Where the kernel's stack starts and ends; virtual, the guard page not included. */
  get stack(): { readonly start: number; readonly end: number } {
    return { start: STACK.START, end: STACK.END };
  }

  /** A line for consoles. */
  toString(): string {
    const { machine, stage } = this;
    return `Kernel at stage "${stage}" after ${
      machine.retired.toLocaleString("en-US")
    } instructions`;
  }

  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }

  // ---- Called by the dispatcher ------------------------------------------------------------

  #kernelMain(): void {
    this.writer.colorCode = colorCode(Color.Yellow, Color.Black);
    this.serial.init();
    this.println("Hello World{}", "!");
    for (const stage of STAGES) {
      if (hasStage(this.stage, stage)) STAGE_INIT[stage](this);
    }
    this.#main(this);
  }

  #poll(): number {
    const { cpu } = this;
    if (this.#booting) {
      this.#booting = false;
      this.machine.stop({ kind: "until" });
      return IDLE.AGAIN;
    }
    const enabled = cpu.eflags.if;
    let more = false;
    for (const work of [...this.#idleWork]) more = work() || more;
    if (more) {
      // Work that found nothing left interrupts disabled, for `sti; hlt`.
      if (enabled && !cpu.eflags.if) cpu.sti();
      return IDLE.AGAIN;
    }
    return enabled ? IDLE.ENABLE_AND_HALT : IDLE.HALT;
  }

  #handlerThrew(frame: TrapFrame, error: unknown): void {
    if (isUnwinding(error) || error instanceof PanicUnwind) throw error;
    const { vector } = frame;
    const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    const what = `the ${vectorName(vector)} handler threw ${text}`;
    if (vector < 32 && (hasErrorCode(vector) || vector === 0 || vector === 6)) this.panic(what);
    this.println(what);
    this.interrupts.endOfInterrupt(vector);
  }

  #panic(info: PanicInfo): never {
    this.println(panicText(info));
    this.hltLoop();
  }

  #symbol(name: string): number {
    const address = this.symbols.get(name);
    if (address === undefined) throw new RangeError(`There is no symbol ${name} in the kernel`);
    return address;
  }
}
