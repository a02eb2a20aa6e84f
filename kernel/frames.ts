/**
 * What lies on the stack while a handler runs, as views of guest memory: what a handler changes
 * here is what the CPU pops. Looking takes no time and never faults.
 */
import { hex, type Machine, PF_ERROR } from "../machine/mod.ts";

/** The part that the CPU pushes, 40 bytes, with the names of the x86_64 crate. */
export class InterruptStackFrame {
  protected readonly machine: Machine;
  /** Virtual address of the frame's lowest byte. */
  readonly address: bigint;

  constructor(machine: Machine, address: bigint) {
    this.machine = machine;
    this.address = address;
  }

  get instructionPointer(): bigint {
    return this.machine.virtual.u64(this.address);
  }

  set instructionPointer(value: number | bigint) {
    this.machine.virtual.setU64(this.address, value);
  }

  get codeSegment(): number {
    return Number(this.machine.virtual.u64(this.address + 8n));
  }

  set codeSegment(value: number) {
    this.machine.virtual.setU64(this.address + 8n, value);
  }

  get cpuFlags(): bigint {
    return this.machine.virtual.u64(this.address + 16n);
  }

  set cpuFlags(value: number | bigint) {
    this.machine.virtual.setU64(this.address + 16n, value);
  }

  get stackPointer(): bigint {
    return this.machine.virtual.u64(this.address + 24n);
  }

  set stackPointer(value: number | bigint) {
    this.machine.virtual.setU64(this.address + 24n, value);
  }

  get stackSegment(): number {
    return Number(this.machine.virtual.u64(this.address + 32n));
  }

  set stackSegment(value: number) {
    this.machine.virtual.setU64(this.address + 32n, value);
  }

  /** As `{:#?}` of the x86_64 crate prints it. */
  toString(): string {
    return [
      "InterruptStackFrame {",
      `    instruction_pointer: VirtAddr(${hex(this.instructionPointer)}),`,
      `    code_segment: ${this.codeSegment},`,
      `    cpu_flags: ${hex(this.cpuFlags)},`,
      `    stack_pointer: VirtAddr(${hex(this.stackPointer)}),`,
      `    stack_segment: ${this.stackSegment},`,
      "}",
    ].join("\n");
  }
}

/** Names of the saved registers from the lowest address up. */
export const SAVED_REGISTERS = [
  "r15",
  "r14",
  "r13",
  "r12",
  "r11",
  "r10",
  "r9",
  "r8",
  "rdi",
  "rsi",
  "rbp",
  "rdx",
  "rcx",
  "rbx",
  "rax",
] as const;

export type SavedRegister = typeof SAVED_REGISTERS[number];

/** Bytes below the CPU's part: 15 registers, the vector, the error code. */
const SAVED_BYTES = BigInt(SAVED_REGISTERS.length * 8 + 16);

/** Size of a whole trap frame in bytes. */
export const TRAP_FRAME_BYTES = Number(SAVED_BYTES) + 40;

/** All of it: the general-purpose registers, vector, error code, and the CPU's part. */
export class TrapFrame extends InterruptStackFrame {
  /** @param base Virtual address of the saved R15, the lowest. */
  constructor(machine: Machine, readonly base: bigint) {
    super(machine, base + SAVED_BYTES);
  }

  get vector(): number {
    return Number(this.machine.virtual.u64(this.address - 16n));
  }

  /** The error code; 0 where the CPU pushes none. */
  get errorCode(): number {
    return Number(this.machine.virtual.u64(this.address - 8n));
  }

  /** A general-purpose register of the interrupted code. */
  get(register: SavedRegister): bigint {
    return this.machine.virtual.u64(this.#place(register));
  }

  set(register: SavedRegister, value: number | bigint): void {
    this.machine.virtual.setU64(this.#place(register), value);
  }

  /** The interrupted code's privilege level. */
  get cpl(): number {
    return this.codeSegment & 3;
  }

  /** The whole frame as bytes, to be kept or put elsewhere. */
  read(): Uint8Array {
    return this.machine.virtual.read(this.base, TRAP_FRAME_BYTES);
  }

  /** Replaces the whole frame: another thread's, for instance. */
  write(bytes: Uint8Array): void {
    if (bytes.length !== TRAP_FRAME_BYTES) {
      throw new RangeError(
        `Cannot write a trap frame of ${bytes.length} bytes: it has ${TRAP_FRAME_BYTES}`,
      );
    }
    this.machine.virtual.write(this.base, bytes);
  }

  #place(register: SavedRegister): bigint {
    const index = SAVED_REGISTERS.indexOf(register);
    if (index < 0) {
      throw new RangeError(
        `There is no saved register "${register}": the names are ${SAVED_REGISTERS.join(", ")}`,
      );
    }
    return this.base + BigInt(8 * index);
  }
}

const PAGE_FAULT_FLAGS = [
  ["PROTECTION_VIOLATION", PF_ERROR.P],
  ["CAUSED_BY_WRITE", PF_ERROR.W],
  ["USER_MODE", PF_ERROR.U],
  ["MALFORMED_TABLE", PF_ERROR.RSVD],
  ["INSTRUCTION_FETCH", PF_ERROR.I],
] as const;

/** A page fault's error code in words: `PROTECTION_VIOLATION | CAUSED_BY_WRITE`; `(empty)` for 0. */
export function pageFaultErrorCode(errorCode: number): string {
  const names = PAGE_FAULT_FLAGS.filter(([, bit]) => (errorCode & bit) !== 0)
    .map(([name]) => name);
  return names.length > 0 ? names.join(" | ") : "(empty)";
}
