/**
 * What lock-step needs from a processor: ours, QEMU's, or any other.
 */

/** The registers that are compared after every step, in the order of the report. */
export const REGISTERS = [
  "rip",
  "rax",
  "rcx",
  "rdx",
  "rbx",
  "rsp",
  "rbp",
  "rsi",
  "rdi",
  "r8",
  "r9",
  "r10",
  "r11",
  "r12",
  "r13",
  "r14",
  "r15",
  "eflags",
  "cs",
  "ss",
  "ds",
  "es",
  "fs",
  "gs",
  "fs_base",
  "gs_base",
  "k_gs_base",
  "cr0",
  "cr2",
  "cr3",
  "cr4",
  "cr8",
  "efer",
] as const;

export type RegisterName = typeof REGISTERS[number];

/**
 * One processor's registers as unsigned 64-bit numbers. Outside of 64-bit mode the upper halves of
 * the general registers, and R8 to R15, read as 0. `rip` is the offset within CS.
 */
export type Registers = Record<RegisterName, bigint>;

/** A hidden part of the state (a descriptor cache, a table register) by name, as comparable text. */
export type HiddenState = Record<string, string>;

/** A processor with its board, stopped between two instructions. */
export interface LockstepTarget {
  readonly name: string;
  /**
   * Executes one instruction, or one round of a repeated one, or delivers one exception.
   *
   * @returns `false` when the machine has ended (a write to port 0xF4, a triple fault).
   */
  step(): Promise<boolean>;
  registers(): Promise<Registers>;
  /** Descriptor caches and table registers. Slower than {@linkcode LockstepTarget.registers}. */
  hidden(): Promise<HiddenState>;
  /** Sets a register; used to make both agree where no manual says what the value is. */
  set(register: RegisterName, value: bigint): Promise<void>;
  /** Bytes at a linear address, through the current translation; fewer where nothing is mapped. */
  read(linear: bigint, length: number): Promise<Uint8Array>;
  /** Bytes at a physical address. */
  readPhysical(address: number, length: number): Promise<Uint8Array>;
  /** Ends it and frees what it holds. */
  close(): Promise<void>;
}

/** Code size and base of CS, from registers and hidden state. */
export function codeSegment(registers: Registers, hidden: HiddenState): {
  readonly bits: 16 | 32 | 64;
  readonly base: bigint;
} {
  const [, base, , attributes] = hidden.cs.split(" ");
  const flags = parseInt(attributes, 16);
  const long = (registers.efer & 0x400n) !== 0n && (flags & 0x2000) !== 0;
  return {
    bits: long ? 64 : (flags & 0x4000) !== 0 ? 32 : 16,
    base: long ? 0n : BigInt(`0x${base}`),
  };
}
