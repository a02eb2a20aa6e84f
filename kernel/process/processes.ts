/**
 * Processes: programs in ring 3, each a thread with an address space of its own.
 *
 * What a program does wrong ends the program: its exceptions come to the kernel's gates with
 * CPL 3 in the frame, are reported, and another thread goes on.
 */
import { hex } from "../../machine/mod.ts";
import { pageFaultErrorCode, TrapFrame } from "../frames.ts";
import type { Handler } from "../idt.ts";
import { vectorName } from "../idt.ts";
import type { Kernel } from "../kernel.ts";
import type { AddressSpace } from "../paging/address_space.ts";
import type { RepairOutcome } from "../paging/page_fault_repair.ts";
import { loadSaved, storeSaved } from "../thread/saved_registers.ts";
import { checkArguments } from "../thread/start_frame.ts";
import type { ThreadId } from "../thread/thread_table.ts";
import { ERRNO, SYSCALL, SyscallEntry } from "./syscall.ts";
import { createUserSpace, isUserRange, USER } from "./user_space.ts";

/** The number of a process, from 1; never used again. */
export type ProcessId = number;

/** How a process ended, or that it has not. */
export type ProcessState =
  | { readonly kind: "alive" }
  | { readonly kind: "exited"; readonly exitCode: number }
  | { readonly kind: "killed"; readonly vector: number | undefined; readonly reason: string };

/** A process as plain data. */
export interface ProcessReport {
  readonly pid: ProcessId;
  readonly name: string;
  readonly thread: ThreadId;
  readonly state: ProcessState;
  /** What it wrote. */
  readonly output: string;
  /** System calls that it made. */
  readonly calls: number;
  /** Physical address of its level 4 table. */
  readonly cr3: number;
}

interface Process {
  readonly pid: ProcessId;
  readonly name: string;
  readonly thread: ThreadId;
  readonly space: AddressSpace;
  readonly cr3: number;
  state: ProcessState;
  output: string;
  calls: number;
  isFreed: boolean;
}

/** All exceptions that ring 3 can cause. */
const EXCEPTIONS = [0, 1, 3, 4, 5, 6, 7, 10, 11, 12, 13, 14, 16, 17, 19];
const PAGE_FAULT = 14;
const REPAIRED: ReadonlySet<RepairOutcome> = new Set(["demand-zero", "copied", "made-writable"]);
/** Most bytes of one WRITE. */
const LONGEST_WRITE = 0x1000;
/** Exit codes of killed processes: this and the vector. */
const KILLED = 128;

export class Processes {
  /** Whether the end of a process by an exception is told on the screen. */
  reports = true;
  readonly entry: SyscallEntry;

  readonly #kernel: Kernel;
  readonly #kernelSpace: AddressSpace;
  readonly #processes = new Map<ProcessId, Process>();
  readonly #alive = new Map<ThreadId, Process>();
  /** Those whose memory is not freed yet. */
  readonly #ended = new Set<Process>();

  /**
   * Sets up SYSCALL, and handlers for what ring 3 does wrong.
   *
   * @throws {TypeError} Before stage "paging", or while a process is running.
   */
  constructor(kernel: Kernel) {
    const { threads, memory, gdt } = kernel;
    this.#kernel = kernel;
    this.#kernelSpace = memory.addressSpace;
    this.entry = new SyscallEntry(kernel, gdt.selectors!, () => this.#call());
    for (const vector of EXCEPTIONS) this.#guard(vector);
    const { onSwitch } = threads;
    threads.onSwitch = (id, stackEnd) => {
      onSwitch(id, stackEnd);
      gdt.setKernelStack(stackEnd);
      this.entry.setStack(stackEnd);
    };
    const { onExit } = threads;
    threads.onExit = (id) => {
      onExit(id);
      this.#threadEnded(id);
    };
    kernel.onIdle(() => this.#reap());
  }

  /** The process whose thread runs. */
  get current(): ProcessReport | undefined {
    const program = this.#alive.get(this.#kernel.threads.current);
    return program && report(program);
  }

  /** All processes since the start, as plain data. */
  report(): ProcessReport[] {
    return [...this.#processes.values()].map(report);
  }

  /** One of them. @throws {RangeError} If there is no such process. */
  get(pid: ProcessId): ProcessReport {
    const program = this.#processes.get(pid);
    if (program === undefined) throw new RangeError(`There is no process ${pid}`);
    return report(program);
  }

  /** Its address space. @throws {RangeError} If there is no such process, or it has ended. */
  addressSpace(pid: ProcessId): AddressSpace {
    const program = this.#processes.get(pid);
    if (program === undefined || program.isFreed) {
      throw new RangeError(`There is no process ${pid}`);
    }
    return program.space;
  }

  /** How many have not ended. */
  get alive(): number {
    return this.#alive.size;
  }

  /**
   * Starts a program: its first instruction is its first byte, at {@linkcode USER.CODE}.
   *
   * @param args What it finds in RDI, RSI, RDX …
   * @throws {RangeError} If there are too many threads or arguments, or no frames.
   */
  spawn(code: Uint8Array, name = "program", args: readonly (number | bigint)[] = []): ProcessId {
    const { threads, gdt } = this.#kernel;
    checkArguments(args);
    this.#reap();
    const thread = threads.create(name);
    const space = createUserSpace(this.#kernel, this.#kernelSpace, code);
    if (space === undefined) throw new RangeError(`Cannot spawn ${name}: no frames left`);
    const pid = this.#processes.size + 1;
    const cr3 = space.root;
    const state = { kind: "alive" } as const;
    const program: Process = {
      pid,
      name,
      thread,
      space,
      cr3,
      state,
      output: "",
      calls: 0,
      isFreed: false,
    };
    this.#processes.set(pid, program);
    this.#alive.set(thread, program);
    const { userCode, userData } = gdt.selectors!;
    threads.begin(
      thread,
      { rip: USER.CODE, rsp: USER.STACK_END, codeSegment: userCode, stackSegment: userData },
      args,
      0,
      cr3,
    );
    return pid;
  }

  /**
   * Ends a process, wherever it waits.
   *
   * @throws {RangeError} If there is no such process.
   * @throws {TypeError} If it runs at this moment, or has ended.
   */
  kill(pid: ProcessId): void {
    const { thread, state } = this.get(pid);
    if (state.kind !== "alive") throw new TypeError(`Cannot kill process ${pid}: it has ended`);
    this.#kernel.threads.kill(thread, KILLED);
  }

  /** A thread has ended: by itself, by an exception, or because somebody killed it. */
  #threadEnded(thread: ThreadId): void {
    const program = this.#alive.get(thread);
    if (program === undefined) return;
    if (program.state.kind === "alive") {
      program.state = { kind: "killed", vector: undefined, reason: "by the kernel" };
    }
    this.#alive.delete(thread);
    this.#ended.add(program);
  }

  /** SYSCALL's other side. */
  #call(): void {
    const { cpu } = this.#kernel;
    const frame = new TrapFrame(this.#kernel.machine, cpu.rsp);
    const result = (value: number) => storeSaved(cpu, frame, "rax", value);
    const program = this.#running();
    if (program === undefined) this.#kernel.panic("SYSCALL outside of a process");
    program.calls++;
    const { threads } = this.#kernel;
    const argument = loadSaved(cpu, frame, "rdi");
    switch (loadSaved(cpu, frame, "rax")) {
      case BigInt(SYSCALL.EXIT): {
        const exitCode = Number(BigInt.asUintN(32, argument));
        program.state = { kind: "exited", exitCode };
        return threads.exitCurrent(frame, exitCode);
      }
      case BigInt(SYSCALL.WRITE):
        return result(this.#write(program, argument, loadSaved(cpu, frame, "rsi")));
      case BigInt(SYSCALL.YIELD):
        result(0);
        return threads.yieldCurrent(frame);
      case BigInt(SYSCALL.SLEEP):
        result(0);
        return threads.sleepCurrent(frame, Number(BigInt.asUintN(31, argument)));
      case BigInt(SYSCALL.GETPID):
        return result(program.pid);
      default:
        return result(ERRNO.ENOSYS);
    }
  }

  /** The kernel may read everything: it must look whether the program might. */
  #write(program: Process, address: bigint, size: bigint): number {
    const length = size > LONGEST_WRITE ? LONGEST_WRITE : Number(size);
    if (!isUserRange(program.space, address, length)) return ERRNO.EFAULT;
    const { cpu } = this.#kernel;
    const bytes = Array.from({ length }, (_, i) => cpu.load8(address + BigInt(i)));
    const text = new TextDecoder().decode(Uint8Array.from(bytes));
    program.output += text;
    this.#kernel.print(text);
    return length;
  }

  /** Puts a handler for ring 3 before the one that is there. */
  #guard(vector: number): void {
    const { idt } = this.#kernel;
    const otherwise = idt.handler(vector);
    const handler: Handler = (frame) => {
      if (frame.cpl === 3) return this.#fault(frame);
      if (otherwise !== undefined) return otherwise(frame);
      this.#kernel.panic(`EXCEPTION: ${vectorName(vector).toUpperCase()}\n${frame}`);
    };
    idt.setHandler(vector, handler);
  }

  #fault(frame: TrapFrame): void {
    const { cpu, machine, memory, threads } = this.#kernel;
    const program = this.#running();
    if (program === undefined) this.#kernel.panic(`An exception in ring 3 outside of a process`);
    if (cpu.inIntrinsic) {
      // The host's code, not the program's: undone, so that the program can go on.
      const reason = `kernel code cannot run in ring 3, where process ${program.pid} ` +
        `(${program.name}) is: run the machine until it is back in the kernel`;
      machine.abandon({ kind: "deadlock", reason });
    }
    const { vector, errorCode } = frame;
    const lines = [vectorName(vector).toUpperCase()];
    if (vector === PAGE_FAULT) {
      const address = cpu.readCr2();
      if (REPAIRED.has(memory.repair.handle(address, errorCode))) return;
      lines.push(`Accessed Address: VirtAddr(${hex(address)})`);
      lines.push(`Error Code: ${pageFaultErrorCode(errorCode)}`);
    }
    lines.push(`Instruction Pointer: VirtAddr(${hex(frame.instructionPointer)})`);
    const reason = lines.join("\n");
    program.state = { kind: "killed", vector, reason };
    if (this.reports) {
      this.#kernel.println(`process ${program.pid} (${program.name}) killed: ${reason}`);
    }
    threads.exitCurrent(frame, KILLED + vector);
  }

  #running(): Process | undefined {
    return this.#alive.get(this.#kernel.threads.loadCurrent());
  }

  /** Frees memory and threads of those that have ended. In the idle loop no space is active. */
  #reap(): boolean {
    for (const program of this.#ended) {
      if (program.space.active) continue;
      this.#ended.delete(program);
      program.isFreed = true;
      program.space.destroy(this.#kernel.memory.frames);
      this.#kernel.threads.release(program.thread);
    }
    return false;
  }
}

function report(program: Process): ProcessReport {
  const { pid, name, thread, state, output, calls, cr3 } = program;
  return { pid, name, thread, state, output, calls, cr3 };
}
