/**
 * Where the kernel and its boot loader put things.
 *
 * ```text
 * virtual                          physical
 * 0x1_0000  boot GDT, boot info    the same       read-only
 * 0xb_8000  VGA text               the same
 * 0xf_0000  boot ROM               the same       executable
 * 0x20_0000 kernel: .rodata        0x40_0000      read-only
 * 0x20_1000         .text          0x40_1000      read-only, executable
 * 0x20_9000         IDT            0x40_9000
 * 0x20_a000         GDT, TSS       0x40_a000
 * 0x20_b000         statics        0x40_b000
 * 0x21_b000         (guard page)   -              not mapped
 * 0x21_c000         IST stack 0    0x41_c000
 * 0x100_001f_1000   (guard page)   -              not mapped
 * 0x100_001f_2000   kernel stack   0x26_a000
 * 0x180_0000_0000   all RAM        0              from stage "paging" on, 2 MiB pages
 *
 * -                 page tables    0x1000–0xb000
 * ```
 *
 * Page 0 is not mapped. The numbers are those of the bootloader crate where readers know them:
 * the level-4 table at 0x1000, code around 0x201000, the stack in level-4 entry 2.
 */

const PAGE = 0x1000;

/** Physical addresses of the first page tables. */
export const TABLE = {
  LEVEL_4: 0x1000,
  LOW_LEVEL_3: 0x2000,
  LOW_LEVEL_2: 0x3000,
  /** 0–2 MiB: the identity mapping. */
  IDENTITY: 0x4000,
  /** 2–4 MiB: the kernel. */
  KERNEL: 0x5000,
  STACK_LEVEL_3: 0x6000,
  STACK_LEVEL_2: 0x7000,
  STACK_LOW: 0x8000,
  STACK_HIGH: 0x9000,
  PHYSICAL_LEVEL_3: 0xa000,
  PHYSICAL_LEVEL_2: 0xb000,
  /** Behind the last. */
  END: 0xc000,
} as const;

/** One page, identity-mapped: the loader's GDT and what it tells the kernel. */
export const BOOT_DATA = { GDT: 0x1_0000, INFO: 0x1_0100, PAGE: 0x1_0000 } as const;

export const VGA = { BUFFER: 0xb_8000, END: 0xc_0000 } as const;

export const ROM = { START: 0xf_0000, END: 0x10_0000 } as const;

/** The kernel's image; virtual. */
export const IMAGE = {
  START: 0x20_0000,
  TEXT: 0x20_1000,
  TEXT_END: 0x20_9000,
  IDT: 0x20_9000,
  GDT: 0x20_a000,
  TSS: 0x20_a800,
  STATICS: 0x20_b000,
  STATICS_END: 0x21_b000,
  /** Not mapped. */
  IST_GUARD: 0x21_b000,
  IST_STACK: 0x21_c000,
  IST_STACK_END: 0x22_1000,
  END: 0x22_1000,
  /** Physical address of `START`. */
  PHYSICAL: 0x40_0000,
} as const;

/** The kernel's stack grows down from `END`; virtual. */
export const STACK = {
  GUARD: 0x100_001f_1000,
  START: 0x100_001f_2000,
  END: 0x100_0020_2000,
  /** Physical address of `START`. */
  PHYSICAL: 0x26_a000,
} as const;

/** Where all of physical memory is mapped, from stage "paging" on. */
export const PHYSICAL_MEMORY_OFFSET = 0x180_0000_0000;

/** The least RAM that all of this fits into, in bytes. */
export const MINIMUM_RAM = 8 << 20;

/** Selectors of both GDTs, the loader's and the kernel's. */
export const SELECTOR = {
  KERNEL_CODE: 0x08,
  KERNEL_DATA: 0x10,
  /** In the loader's GDT only. */
  BOOT_CODE_32: 0x18,
  BOOT_CODE_16: 0x20,
  BOOT_DATA_16: 0x28,
} as const;

/** Number of pages between two page-aligned addresses. */
export function pagesBetween(start: number, end: number): number {
  return (end - start) / PAGE;
}
