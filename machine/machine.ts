/**
 * The machine: a PC in a variable.
 *
 * Everything that acts on the guest from outside comes through here: runs, keys, pokes, images.
 */
import { hex } from "./arch/address.ts";
import { Board } from "./board.ts";
import { CodeView } from "./code_view.ts";
import { Cpu, type CpuStop } from "./cpu/cpu.ts";
import { type CpuDoor, cpuDoor } from "./cpu_door.ts";
import type { DisassembledInstruction } from "./debug/disassemble.ts";
import type { Explanation } from "./debug/explain.ts";
import type { EventMap, Events, EventType, MachineEvent } from "./events.ts";
import { DiskImage } from "./firmware/disk_image.ts";
import { Firmware } from "./firmware/firmware.ts";
import { memoryMap } from "./firmware/services/memory_map.ts";
import { hashMachine } from "./hash.ts";
import { applyRegisters, planImage } from "./load.ts";
import { checkBootSector, type ImageKind, imageKind } from "./loaders/boot_image.ts";
import { ImageError } from "./loaders/image_error.ts";
import type { LoadPlan } from "./loaders/load_plan.ts";
import { findMultiboot } from "./loaders/multiboot.ts";
import { planMultiboot } from "./loaders/multiboot_plan.ts";
import type {
  BootOptions,
  LoadOptions,
  MachineOptions,
  RunOptions,
  StepResult,
} from "./machine_options.ts";
import { RAM_BASE, STATE } from "./memory/layout.ts";
import { Mmu } from "./mmu/mmu.ts";
import { MemoryDoor } from "./peek.ts";
import { Screen } from "./screen.ts";
import { Show } from "./show.ts";
import {
  checkSnapshot,
  restoreDevices,
  restoreMemory,
  type Snapshot,
  takeSnapshot,
} from "./snapshot.ts";
import { MachineStopped, type StopCause, type StopReason, stopReason } from "./stop.ts";

/** The budget of a run without bounds. */
export const DEFAULT_INSTRUCTIONS = 1_000_000_000;

const DEFAULT_MEMORY = 64 << 20;

export class Machine {
  /** Registers by name, and the instructions that TypeScript kernels execute. */
  readonly cpu: CpuDoor;
  readonly mmu: Mmu;
  readonly board: Board;
  /** Physical memory: bytes and integers, without side effects. */
  readonly physical: MemoryDoor;
  /** The same through the current page tables. */
  readonly virtual: MemoryDoor;
  /** The text display. */
  readonly screen: Screen;
  /** Pictures of the state, for notebooks and consoles. */
  readonly show: Show;
  readonly events: Events;
  /** The BIOS and its disks. In memory since the first {@linkcode Machine.boot}. */
  readonly firmware: Firmware;
  /** A flag in shared memory (such as a worker sets at Ctrl-C): non-zero pauses the run. */
  interruptFlag: Int32Array | undefined;

  readonly #cpu: Cpu;
  readonly #code: CodeView;
  readonly #hostTimeMs: () => number;
  /** What a device or a hook decided during a run. */
  #cause: StopCause | undefined;
  #resetBy: string | undefined;
  #running = false;

  /** @throws {RangeError} If the memory's size is not a multiple of 4096 from 1 MiB to 1 GiB. */
  constructor(options: MachineOptions = {}) {
    const { memory = DEFAULT_MEMORY, start, serialSpeed = "instant" } = options;
    this.#hostTimeMs = options.hostTimeMs ?? (() => performance.now());
    this.board = new Board({
      memory,
      ...(start === undefined ? {} : { start }),
      serialSpeed,
      reset: (source) => this.#requestReset(source),
      exit: (code) => this.stop({ kind: "exit", code, status: (code << 1 | 1) & 0xff }),
    });
    const { clock, events, ports, pic } = this.board;
    this.events = events;
    this.mmu = new Mmu(this.board.memory, events);
    this.#cpu = new Cpu({
      memory: this.board.memory,
      mmu: this.mmu,
      ports,
      events,
      clock,
      interruptController: pic,
    });
    this.#cpu.pollPause = () => this.#interrupted();
    events.now = () => this.#cpu.retired;
    events.onWantsChange = () => {
      this.mmu.hooksChanged();
      this.#cpu.attend();
    };
    this.board.memory.onMapChange = () => {
      this.mmu.mapChanged();
      this.#cpu.blocks.clear();
      this.#cpu.attend();
    };
    this.cpu = cpuDoor(this.#cpu, (stop) => {
      throw new MachineStopped(this.#reason(stop));
    });
    this.physical = new MemoryDoor({
      read: (address, length) => this.board.memory.peek(physical(address), length),
      write: (address, bytes) => this.board.memory.poke(physical(address), bytes),
    });
    this.virtual = new MemoryDoor({
      read: (address, length) => this.mmu.peek(address, length),
      write: (address, bytes) => this.mmu.poke(address, bytes),
    });
    this.#code = new CodeView(this.#cpu, this.virtual);
    this.screen = new Screen(this.board.vga);
    this.show = new Show({ cpu: this.cpu, mmu: this.mmu, screen: this.screen });
    this.firmware = new Firmware({
      cpu: this.cpu,
      memory: this.physical,
      ports,
      events,
      ramSize: this.board.memory.ramSize,
      powerOff: () => this.stop({ kind: "power off" }),
    });
    this.#cpu.setFirmwareHandler(() => this.firmware.answer());
  }

  /** The keyboard: `press`, `release`, `type`. */
  get keyboard(): Board["keyboard"] {
    return this.board.keyboard;
  }

  /** COM1: `output`, `receive`. */
  get serial(): Board["com1"] {
    return this.board.com1;
  }

  /** COM2. */
  get serial2(): Board["com2"] {
    return this.board.com2;
  }

  /** Virtual time. */
  get clock(): Board["clock"] {
    return this.board.clock;
  }

  /**
   * The bytes behind physical memory, for kernel code whose hot paths cannot afford a call per
   * access (a heap's lists): the machine's one buffer, which never moves or grows, and the byte
   * offset in it of physical address 0.
   *
   * Writing through it is a poke without its care: no translation, no dirty bit, no time, and
   * **cached code is not dropped**. It is for RAM that holds no code.
   */
  get memoryBuffer(): { readonly buffer: ArrayBuffer; readonly ramBase: number } {
    return { buffer: this.board.memory.buffer, ramBase: RAM_BASE };
  }

  /** Instructions retired since the machine was made. */
  get retired(): number {
    return this.#cpu.retired;
  }

  /** Calls `listener` for every event of a kind. @returns A function that removes it. */
  on<T extends EventType>(type: T, listener: (event: MachineEvent<T>) => void): () => void {
    return this.events.on(type, listener);
  }

  /**
   * Runs until a bound is reached or something stops the machine.
   *
   * @throws {RangeError} If a bound is negative or not a number.
   * @throws {TypeError} If `until` is no function, or the machine is running already.
   */
  run(options: RunOptions = {}): StopReason {
    const { instructions, until, untilEvery = 1000, timeMs } = options;
    for (const [name, value] of Object.entries({ instructions, untilEvery, timeMs })) {
      if (value !== undefined && !(value >= 0)) {
        throw new RangeError(`Cannot run with ${name} = ${value}: not a number from 0`);
      }
    }
    if (instructions !== undefined && !Number.isInteger(instructions)) {
      throw new RangeError(`Cannot run ${instructions} instructions: not a whole number`);
    }
    if (until !== undefined && typeof until !== "function") {
      throw new TypeError(`Cannot run until ${String(until)}: not a function`);
    }
    if (this.#running) throw new TypeError("Cannot run the machine: it is running already");
    const unbounded = timeMs === undefined && until === undefined;
    const budget = instructions ?? (unbounded ? DEFAULT_INSTRUCTIONS : Infinity);
    const end = this.retired + budget;
    const every = until === undefined ? Infinity : Math.max(1, Math.floor(untilEvery));
    const deadline = timeMs === undefined ? Infinity : this.#hostTimeMs() + timeMs;
    this.#cpu.pollPause = () =>
      this.#interrupted() || (deadline !== Infinity && this.#hostTimeMs() >= deadline);
    this.#running = true;
    this.#cause = undefined;
    try {
      for (;;) {
        if (until?.()) return this.#complete({ kind: "until" });
        const stop = this.#cpu.execute(Math.min(end, this.retired + every));
        if (stop === "breakpoint" && !this.#breakpoints.has(this.#code.linearRip)) continue;
        if (stop !== "budget" || this.retired >= end) {
          const timeUp = stop === "paused" && this.#cause === undefined &&
            this.#hostTimeMs() >= deadline;
          return timeUp ? this.#complete({ kind: "budget" }) : this.#reason(stop);
        }
      }
    } catch (error) {
      if (error instanceof MachineStopped) return error.stop;
      throw error;
    } finally {
      this.#running = false;
      this.#cpu.pollPause = () => this.#interrupted();
    }
  }

  /** Executes one instruction, or delivers one interrupt or exception. */
  step(): StepResult {
    const { rip } = this.cpu;
    const instruction = this.#code.atRip();
    const stop = this.run({ instructions: 1 });
    return {
      rip,
      text: instruction?.text,
      bytes: instruction?.bytes ?? new Uint8Array(0),
      next: this.cpu.rip,
      stop,
    };
  }

  /** Ends the current run after the current instruction. */
  pause(): void {
    this.stop({ kind: "paused" });
  }

  /** Ends the current run, or kernel code that runs outside of one, with a cause of the caller's. */
  stop(cause: StopCause): void {
    if (!this.#running && this.#cpu.intrinsics === 0) return;
    this.#cause ??= cause;
    this.#cpu.pause();
  }

  /** Stops TypeScript kernel code where it is, and the run around it. */
  abandon(cause: StopCause): never {
    throw new MachineStopped(this.#complete(cause));
  }

  /** The RESET button: CPU and devices start over. Memory and virtual time stay. */
  reset(): void {
    this.board.reset();
    this.#cpu.reset();
  }

  /** The NMI pin's edge. */
  nmi(): void {
    this.#cpu.nmi();
  }

  /**
   * Loads a program and makes the machine ready to run it: resets it, sets the devices up as
   * firmware does, puts the image and a minimal environment (GDT, page tables, stack) into memory.
   *
   * ELF64 files start in long mode, ELF32 files in protected mode. Anything else is a flat binary
   * and needs `at` and `mode`. Use `asm` to make one.
   *
   * @returns What was placed where.
   * @throws {ImageError} If the image is damaged or does not fit; the machine is unchanged.
   * @throws {RangeError} If an address is negative, fractional or not canonical.
   * @throws {TypeError} If an option is missing.
   */
  load(bytes: Uint8Array, options: LoadOptions = {}): LoadPlan {
    const plan = planImage(bytes, options, this.board.memory.ramSize);
    this.#apply(plan);
    return plan;
  }

  /** @param bios Whether the BIOS is there as well, to be called from real mode. */
  #apply(plan: LoadPlan, bios = false): void {
    this.reset();
    this.board.setUpAsFirmware();
    if (bios) this.firmware.setUp();
    this.board.port92.writePort(0x92, 2);
    for (const poke of plan.pokes) this.board.memory.poke(poke.address, poke.bytes);
    applyRegisters(this.#cpu, plan.registers);
  }

  #loadMultiboot(bytes: Uint8Array, options: BootOptions): void {
    const header = findMultiboot(bytes);
    if (header === undefined) {
      throw new ImageError("bad-multiboot", "Cannot boot a kernel without a Multiboot header");
    }
    const { ramSize } = this.board.memory;
    const plan = planMultiboot(bytes, header, options, ramSize, memoryMap(ramSize));
    this.firmware.drives.clear();
    this.board.attachDisks([]);
    this.#apply(plan, true);
    this.cpu.eax = plan.eax;
    this.cpu.ebx = plan.ebx;
  }

  /**
   * Disassembles what is in memory, in the CPU's current code size.
   *
   * @param address Linear. Default: at RIP.
   * @throws {RangeError} If the address is not mapped.
   */
  disassemble(address?: number | bigint, count = 10): DisassembledInstruction[] {
    return this.#code.disassemble(address, count);
  }

  /**
   * Starts an image as a PC does: a disk from its boot sector, by way of the BIOS; a kernel with
   * a Multiboot header as such a loader does; any other ELF file as {@linkcode Machine.load}.
   *
   * The machine is reset and stands at the reset vector; {@linkcode Machine.run} goes on from
   * there. What the guest writes to the disk stays in memory: see `firmware.drives`.
   *
   * @returns What the image was taken for.
   * @throws {ImageError} If the image is damaged or is none; the machine is unchanged.
   */
  boot(bytes: Uint8Array, options: BootOptions = {}): ImageKind {
    const kind = options.as ?? imageKind(bytes);
    if (kind === "elf") {
      this.load(bytes);
      return kind;
    }
    if (kind === "multiboot") {
      this.#loadMultiboot(bytes, options);
      return kind;
    }
    checkBootSector(bytes);
    const { drives } = this.firmware;
    drives.clear();
    drives.bootDrive = drives.attach(new DiskImage(bytes, kind));
    for (const disk of options.disks ?? []) drives.attach(new DiskImage(disk, "disk"));
    this.board.attachDisks(drives.disks());
    this.reset();
    this.firmware.install();
    return kind;
  }

  /** The micro-operations of an instruction: of bytes, or of what is at an address. */
  explain(code: Uint8Array | number | bigint): Explanation {
    return this.#code.explain(code);
  }

  /** Where breakpoints are. @see {@linkcode Machine.setBreakpoint} */
  get breakpoints(): readonly bigint[] {
    return [...this.#breakpoints];
  }

  readonly #breakpoints = new Set<bigint>();

  /**
   * Stops runs before the instruction at a linear address.
   *
   * @returns A function that removes it.
   * @throws {RangeError} If it is not a whole number from 0 to 2^64 - 1.
   */
  setBreakpoint(address: number | bigint): () => void {
    const isWhole = typeof address === "bigint" || Number.isSafeInteger(address);
    if (!isWhole || address < 0 || address >= 2 ** 64) {
      throw new RangeError(
        `Cannot set a breakpoint at ${String(address)}: not a whole number from 0 to 2^64 - 1`,
      );
    }
    const at = BigInt(address);
    this.#breakpoints.add(at);
    this.#breakpointsChanged();
    return () => {
      this.#breakpoints.delete(at);
      this.#breakpointsChanged();
    };
  }

  /** Sets what VMCALL in ring 0 enters, with RIP behind it; `undefined` makes it #UD again. */
  onHypercall(handler: (() => void) | undefined): void {
    this.#cpu.setHypercallHandler(handler);
  }

  /** Takes the machine's whole state: memory, registers, TLB, devices, time. */
  snapshot(): Snapshot {
    const disks = this.firmware.drives.saveState();
    return { ...takeSnapshot(this.board, this.retired), disks };
  }

  /**
   * Goes back to a snapshot, of this machine or of one with as much memory.
   *
   * @throws {TypeError} If it is no snapshot, or of another version; the machine is unchanged.
   * @throws {RangeError} If it does not fit or is damaged; the machine is unchanged.
   */
  restore(snapshot: Snapshot): void {
    const checked = checkSnapshot(snapshot, this.board);
    const { drives } = this.firmware;
    const disks = drives.saveState();
    if (checked.disks !== undefined) drives.loadState(checked.disks);
    const { memory } = this.board;
    const before = this.retired;
    this.#cpu.retired = checked.retired;
    try {
      restoreDevices(this.board, checked.devices);
    } catch (error) {
      drives.loadState(disks);
      this.#cpu.retired = before;
      throw error;
    }
    const epoch = this.#cpu.state.word(STATE.epoch);
    restoreMemory(memory, checked);
    memory.a20 = checked.a20;
    this.#cpu.restored(checked.retired, epoch);
  }

  /**
   * A number that tells two states apart: registers, memory, devices, what was
   * written to disks, and time.
   *
   * Machines with the same past have the same hash. FNV-1a over 32-bit words, 53 bits of it.
   */
  hash(): number {
    const disks = this.firmware.drives.saveState();
    return hashMachine(this.board, this.cpu.registers(), disks, this.retired);
  }

  /** A line about the machine, for consoles. */
  [Symbol.for("Deno.customInspect")](): string {
    const { mode, rip, cpl } = this.cpu.registers();
    const { ramSize } = this.board.memory;
    const memory = `${ramSize >= 1 << 20 ? `${ramSize / 2 ** 20} MiB` : `${ramSize} bytes`}`;
    return `Machine { ${memory}, ${mode} mode, CPL ${cpl}, rip ${hex(rip)}, ` +
      `${this.retired.toLocaleString("en-US")} instructions retired }`;
  }

  #requestReset(source: string): void {
    this.#resetBy = source;
    this.#cause ??= { kind: "reset", source };
    this.#cpu.pause();
  }

  #interrupted(): boolean {
    const flag = this.interruptFlag;
    if (flag === undefined || Atomics.load(flag, 0) === 0) return false;
    Atomics.store(flag, 0, 0);
    return true;
  }

  /** What a stop of the CPU means for the machine. */
  #reason(stop: CpuStop): StopReason {
    const cause = this.#cause;
    this.#cause = undefined;
    if (this.#resetBy !== undefined) {
      this.#resetBy = undefined;
      this.reset();
    }
    if (stop === "paused" && cause !== undefined) return this.#complete(cause);
    switch (stop) {
      case "triple fault":
        return this.#complete({ kind: "triple fault", chain: this.#cpu.tripleFault!.chain });
      case "breakpoint":
        return this.#complete({ kind: "breakpoint", address: this.cpu.rip });
      case "halted":
        return this.#complete({ kind: "halted" });
      case "paused":
        return this.#complete({ kind: "paused" });
      default:
        return this.#complete({ kind: "budget" });
    }
  }

  #complete(cause: StopCause): StopReason {
    return stopReason(cause, this.retired);
  }

  #breakpointsChanged(): void {
    const { stops } = this.#cpu.blocks;
    stops.clear();
    for (const at of this.#breakpoints) stops.add(Number(at & 0xffff_ffffn) | 0);
    this.#cpu.blocks.clear();
  }
}

function physical(address: number | bigint): number {
  if (address >= 2 ** 52) {
    throw new RangeError(`Cannot use ${hex(address)} as a physical address: beyond 52 bits`);
  }
  return Number(address);
}

export type { EventMap };
