/**
 * Where everything lives inside the machine's one `WebAssembly.Memory`.
 *
 * ```text
 * 0x00_0000  CPU state block          STATE.*          4 KiB
 * 0x00_1000  fast translation tables  FAST.*           64 KiB + 64 KiB
 * 0x02_1000  architectural TLB        TLB.*            up to RAM_BASE
 * 0x10_0000  guest physical memory    RAM_BASE         RAM size
 * ```
 *
 * All numbers are byte offsets. Index an `Int32Array` with `offset >> 2`.
 * A 64-bit value is two little-endian 32-bit words: low at `offset`, high at `offset + 4`.
 */

/** Byte offset of guest physical address 0. */
export const RAM_BASE = 0x10_0000;

/**
 * The CPU state block.
 *
 * The arithmetic flags are lazy: each is a word of its own from which the flag is derived.
 *
 * | word | flag |
 * |---|---|
 * | `flagZ` | ZF is set when the word is 0 |
 * | `flagS` | SF is bit 31 |
 * | `flagP` | PF is set when bits 7:0 hold an even number of ones |
 * | `flagC` | CF is bit 31 |
 * | `flagO` | OF is bit 31 |
 * | `flagA` | AF is bit 4 |
 *
 * All other RFLAGS bits are in `flagsRest`, at their architectural positions
 * (bit 1 always set; bits of the six lazy flags always clear).
 */
export const STATE = {
  /** RAX RCX RDX RBX RSP RBP RSI RDI R8 … R15, 8 bytes each. */
  gpr: 0x000,
  /** Offset within CS of the current instruction; exact only outside of blocks or after `sync`. */
  rip: 0x080,
  /** Offset within CS of the following instruction; set by `sync`. */
  nextRip: 0x088,
  flagZ: 0x090,
  flagS: 0x094,
  flagP: 0x098,
  flagC: 0x09c,
  flagO: 0x0a0,
  flagA: 0x0a4,
  flagsRest: 0x0a8,
  /** Current privilege level, 0–3. In virtual-8086 mode 3, in real mode 0. */
  cpl: 0x0ac,
  cr0: 0x0b0,
  cr2: 0x0b8,
  cr3: 0x0c0,
  cr4: 0x0c8,
  cr8: 0x0d0,
  /** EFER (only the low 32 bits exist). */
  efer: 0x0d8,
  /** DR0 … DR7, 8 bytes each. */
  dr: 0x0e0,
  /** Eight cached segment registers of {@linkcode SEGMENT_BYTES} each, in the order of {@linkcode SEG}. */
  segments: 0x120,
  gdtrBase: 0x220,
  gdtrLimit: 0x228,
  idtrBase: 0x230,
  idtrLimit: 0x238,
  /** MSRs, 8 bytes each. */
  star: 0x240,
  lstar: 0x248,
  cstar: 0x250,
  fmask: 0x258,
  kernelGsBase: 0x260,
  sysenterCs: 0x268,
  sysenterEsp: 0x270,
  sysenterEip: 0x278,
  tscAux: 0x280,
  apicBase: 0x288,
  pat: 0x290,
  tscOffset: 0x298,
  miscEnable: 0x2a0,
  /** The four PDPTE registers of PAE paging, 8 bytes each. */
  pdpte: 0x2a8,
  /** High word of the latest 64-bit result of a call whose return value is the low word. */
  high: 0x2c8,
  /** The fault being raised: vector, whether it has an error code, the code, and CR2 for #PF. */
  faultVector: 0x2d0,
  faultHasError: 0x2d4,
  faultError: 0x2d8,
  faultAddress: 0x2e0,
  /** Instructions left until the CPU must leave the block loop. Block headers count it down. */
  left: 0x2e8,
  /** Non-zero: the instruction that is executing must be the last of this visit to the block loop. */
  leave: 0x2ec,
  /** Index in the code arena of the instruction a slow path was called from, or -1. */
  currentP: 0x2f0,
  /** Counts up whenever links between blocks may have become wrong. */
  epoch: 0x2f4,
  /** 1 while the CPU waits in HLT. */
  halted: 0x2f8,
  /** 1: interrupts (and debug traps) are inhibited for one instruction. {@linkcode SHADOW} */
  shadow: 0x2fc,
  /** Scratch for `rdrand`: the generator's state, seeded at reset. */
  randomState: 0x300,
  /** Pending debug-trap bits (for DR6), collected while an instruction runs. */
  pendingDebug: 0x308,
  /** {@linkcode MODE} bits of the code that runs; kept by `CpuState.refreshMode`. */
  mode: 0x30c,
  /** 1 from the delivery of an NMI to the next IRET: further NMIs wait. */
  nmiBlocked: 0x310,
  /** 1 while a fault is raised that belongs to a task just entered: RIP is the new task's. */
  ripSettled: 0x314,
} as const;

/** Kinds of interrupt shadow, OR-ed into `STATE.shadow`. */
export const SHADOW = {
  /** The instruction after STI: maskable interrupts wait. */
  STI: 1,
  /** The instruction after MOV SS / POP SS: maskable interrupts, NMI and debug traps wait. */
  MOV_SS: 2,
} as const;

/** Index of a segment register in encodings and in `STATE.segments`; LDTR and TR follow. */
export const SEG = { ES: 0, CS: 1, SS: 2, DS: 3, FS: 4, GS: 5, LDTR: 6, TR: 7 } as const;

/** Size of one cached segment register. */
export const SEGMENT_BYTES = 32;

/**
 * Fields of a cached segment register, from its start.
 *
 * `attributes` has the descriptor's access byte in bits 7:0 and its AVL, L, D/B, G bits in
 * bits 15:12, as LAR gives them shifted right by 8. A null selector outside real mode leaves
 * P (bit 7) clear. `limit` is in bytes, already scaled by G.
 */
export const SEGMENT = {
  selector: 0,
  attributes: 4,
  base: 8,
  limit: 16,
  /**
   * Derived: 1 + the highest offset that needs no further check to read (write), or 0 when every
   * access takes the slow path (null, expand-down, not readable, not writable, or 4 GiB long).
   */
  readEnd: 20,
  writeEnd: 24,
} as const;

/**
 * The fast translation tables: what the generated code looks at before it calls the MMU.
 *
 * Four tables (read and write, for supervisor and user) of {@linkcode FAST.ENTRIES} entries of
 * 16 bytes, indexed by bits 21:12 of the linear address:
 * `tagLow` (page address, or {@linkcode FAST.EMPTY}), `tagHigh`, `addend`, unused.
 * When the tag matches, `addend + linearLow` (mod 2^32) is the byte's offset in the memory.
 * They are a cache of the TLB (or, with paging off, of the identity) and never say more than it.
 */
export const FAST = {
  ENTRIES: 1024,
  /** Matches no page address: its low bits are not zero. */
  EMPTY: 1,
  readSupervisor: 0x1000,
  writeSupervisor: 0x5000,
  readUser: 0x9000,
  writeUser: 0xd000,
  end: 0x1_1000,
} as const;

/** The architectural TLB's share of the memory; `mmu/tlb.ts` lays it out. */
export const TLB_AREA = { start: 0x2_1000, end: RAM_BASE } as const;

/**
 * The mode word: everything about the CPU's mode that decoded code depends on.
 * Blocks are cached by it.
 */
export const MODE = {
  /** Bits 1:0: 0, 1, 2 for 16-, 32-, 64-bit code. */
  CODE_SIZE_MASK: 3,
  /** Bits 3:2: 0, 1, 2 for a 16-, 32-, 64-bit stack pointer. */
  STACK_SIZE_SHIFT: 2,
  /** Explicit accesses are made with user privilege (CPL 3). */
  USER: 1 << 4,
  /** DS, ES, SS: readable, writable, base 0, limit 4 GiB. */
  FLAT_DS: 1 << 5,
  FLAT_ES: 1 << 6,
  FLAT_SS: 1 << 7,
  /** CR0.PE. */
  PROTECTED: 1 << 8,
  V86: 1 << 9,
  /** EFER.LMA: long mode, compatibility or 64-bit. */
  LONG: 1 << 10,
} as const;
