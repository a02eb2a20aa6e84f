/**
 * From nothing to the kernel's first instruction: what has to be in memory and in the registers.
 *
 * The plan is data. {@linkcode bootDirect} puts it in place at once; `power_on.ts` makes a ROM of
 * it whose code does the same step by step.
 */
import {
  CR0,
  CR4,
  EFER,
  encodeDescriptor,
  type Machine,
  PTE,
  RFLAGS,
  virtAddr,
} from "../machine/mod.ts";
import { encodeBootInfo, memoryMap } from "./boot_info.ts";
import {
  BOOT_DATA,
  IMAGE,
  MINIMUM_RAM,
  PHYSICAL_MEMORY_OFFSET,
  ROM,
  SELECTOR,
  STACK,
  TABLE,
  VGA,
} from "./layout.ts";

/** Takes address line 20 away at the keyboard controller's output port: port and value. */
export const A20_OFF: readonly (readonly [port: number, value: number])[] = [
  [0x64, 0xd1],
  [0x60, 0xdd],
];
/** Gives it back at the system control port. */
const A20_ON = [0x92, 0x02] as const;

/** Equal steps of page-table entries: `count` entries from `table` on, `step` bytes apart. */
export interface EntryRun {
  /** Physical address of the first entry. */
  readonly table: number;
  readonly first: bigint;
  readonly step: number;
  readonly count: number;
}

export interface BootPlan {
  /** Physical ranges that must be zero. */
  readonly clear: readonly { readonly start: number; readonly size: number }[];
  readonly copies: readonly { readonly to: number; readonly bytes: Uint8Array }[];
  readonly entries: readonly EntryRun[];
  /** Entries that the loader's own accesses mark: accessed, and dirty where it wrote. */
  readonly touched: readonly { readonly entry: number; readonly flags: number }[];
  readonly registers: BootRegisters;
}

/** The registers at `_start`; all others are 0 or as after a reset. */
export interface BootRegisters {
  readonly cr0: number;
  readonly cr3: number;
  readonly cr4: number;
  readonly efer: number;
  readonly gdtr: { readonly base: number; readonly limit: number };
  readonly rip: number;
  readonly rsp: number;
  /** The boot information. */
  readonly rdi: number;
  readonly rflags: number;
}

const PAGE = 0x1000;
const LARGE_PAGE = 0x20_0000;
const NX = 1n << 63n;
const READ = BigInt(PTE.P);
const WRITE = BigInt(PTE.P | PTE.RW);
/** Attributes as segment registers cache them. */
const CODE_64 = 0xa09b;
const DATA = 0xc093;

/** Pages of the ROM that are used with paging on: the tables, the code. */
const ROM_PAGES = [ROM.START, ROM.START + PAGE];

/** What is planned for: the kernel's text, the machine's memory, whether all RAM gets mapped. */
export interface BootPlanOptions {
  readonly text: Uint8Array;
  readonly entry: number;
  /** In bytes. */
  readonly ramSize: number;
  readonly mapPhysicalMemory: boolean;
}

/** @throws {RangeError} If there is too little memory. */
export function bootPlan(options: BootPlanOptions): BootPlan {
  const { text, entry, ramSize, mapPhysicalMemory } = options;
  if (ramSize < MINIMUM_RAM) {
    throw new RangeError(
      `Cannot boot with ${ramSize} bytes of memory: the kernel needs ${MINIMUM_RAM}`,
    );
  }
  const gdt = bootGdt();
  const info = encodeBootInfo({
    memoryMap: memoryMap(ramSize),
    physicalMemoryOffset: mapPhysicalMemory ? virtAddr(PHYSICAL_MEMORY_OFFSET) : undefined,
  });
  return {
    clear: [
      { start: TABLE.LEVEL_4, size: TABLE.END - TABLE.LEVEL_4 },
      { start: BOOT_DATA.PAGE, size: PAGE },
      { start: STACK.PHYSICAL, size: STACK.END - STACK.START },
      { start: IMAGE.PHYSICAL, size: IMAGE.END - IMAGE.START },
    ],
    copies: [
      { to: BOOT_DATA.GDT, bytes: gdt },
      { to: BOOT_DATA.INFO, bytes: info },
      { to: physical(IMAGE.TEXT), bytes: text },
    ],
    entries: pageTables(mapPhysicalMemory ? ramSize : 0),
    touched: [
      { entry: TABLE.LEVEL_4, flags: PTE.A },
      { entry: TABLE.LOW_LEVEL_3, flags: PTE.A },
      { entry: TABLE.LOW_LEVEL_2, flags: PTE.A },
      // The descriptors; the ROM's code and data.
      ...[BOOT_DATA.PAGE, ...ROM_PAGES].map((page) => ({
        entry: TABLE.IDENTITY + 8 * index(page, 1),
        flags: PTE.A,
      })),
      // The loader pushes flags.
      { entry: TABLE.LEVEL_4 + 8 * index(STACK.END, 4), flags: PTE.A },
      { entry: TABLE.STACK_LEVEL_3 + 8 * index(STACK.END, 3), flags: PTE.A },
      { entry: TABLE.STACK_LEVEL_2 + 8 * index(STACK.END - 1, 2), flags: PTE.A },
      { entry: TABLE.STACK_HIGH + 8 * index(STACK.END - 1, 1), flags: PTE.A | PTE.D },
    ],
    registers: {
      cr0: (CR0.PE | CR0.ET | CR0.NE | CR0.WP | CR0.PG) >>> 0,
      cr3: TABLE.LEVEL_4,
      cr4: CR4.PAE,
      efer: EFER.LME | EFER.LMA | EFER.NXE,
      gdtr: { base: BOOT_DATA.GDT, limit: gdt.length - 1 },
      rip: entry,
      rsp: STACK.END,
      rdi: BOOT_DATA.INFO,
      rflags: RFLAGS.FIXED,
    },
  };
}

/** The loader's descriptor table; all accessed bits are set. */
export function bootGdt(): Uint8Array {
  const code = { kind: "code", type: 11 } as const;
  const data = { kind: "data", type: 3 } as const;
  const descriptors = [
    0n,
    encodeDescriptor({ ...code, limit: 0xffff_ffff, long: true }),
    encodeDescriptor({ ...data, limit: 0xffff_ffff, big: true }),
    encodeDescriptor({ ...code, limit: 0xffff_ffff, big: true }),
    encodeDescriptor({ ...code, limit: 0xffff }),
    encodeDescriptor({ ...data, limit: 0xffff }),
  ];
  return new Uint8Array(BigUint64Array.from(descriptors).buffer);
}

/** @param mapped Bytes of physical memory to map at its offset; 0: none. */
function pageTables(mapped: number): EntryRun[] {
  const runs: EntryRun[] = [
    entry(TABLE.LEVEL_4, 0, TABLE.LOW_LEVEL_3),
    entry(TABLE.LOW_LEVEL_3, 0, TABLE.LOW_LEVEL_2),
    entry(TABLE.LOW_LEVEL_2, 0, TABLE.IDENTITY),
    entry(TABLE.LOW_LEVEL_2, 1, TABLE.KERNEL),
    pages(TABLE.IDENTITY, BOOT_DATA.PAGE, BOOT_DATA.PAGE + PAGE, BOOT_DATA.PAGE, READ | NX),
    pages(TABLE.IDENTITY, VGA.BUFFER, VGA.END, VGA.BUFFER, WRITE | NX),
    pages(TABLE.IDENTITY, ROM.START, ROM.END, ROM.START, READ),
    image(IMAGE.START, IMAGE.TEXT, READ | NX),
    image(IMAGE.TEXT, IMAGE.TEXT_END, READ),
    image(IMAGE.TEXT_END, IMAGE.IST_GUARD, WRITE | NX),
    image(IMAGE.IST_STACK, IMAGE.IST_STACK_END, WRITE | NX),
    entry(TABLE.LEVEL_4, index(STACK.START, 4), TABLE.STACK_LEVEL_3),
    entry(TABLE.STACK_LEVEL_3, index(STACK.START, 3), TABLE.STACK_LEVEL_2),
    entry(TABLE.STACK_LEVEL_2, index(STACK.START, 2), TABLE.STACK_LOW),
    entry(TABLE.STACK_LEVEL_2, index(STACK.END, 2), TABLE.STACK_HIGH),
    ...stackPages(),
  ];
  if (mapped === 0) return runs;
  return [
    ...runs,
    entry(TABLE.LEVEL_4, index(PHYSICAL_MEMORY_OFFSET, 4), TABLE.PHYSICAL_LEVEL_3),
    entry(TABLE.PHYSICAL_LEVEL_3, index(PHYSICAL_MEMORY_OFFSET, 3), TABLE.PHYSICAL_LEVEL_2),
    {
      table: TABLE.PHYSICAL_LEVEL_2,
      first: WRITE | NX | BigInt(PTE.PS),
      step: LARGE_PAGE,
      count: Math.ceil(mapped / LARGE_PAGE),
    },
  ];
}

/** The stack lies on both sides of a 2 MiB boundary. */
function stackPages(): EntryRun[] {
  const boundary = STACK.END - STACK.END % LARGE_PAGE;
  return [
    pages(TABLE.STACK_LOW, STACK.START, boundary, STACK.PHYSICAL, WRITE | NX),
    pages(
      TABLE.STACK_HIGH,
      boundary,
      STACK.END,
      STACK.PHYSICAL + boundary - STACK.START,
      WRITE | NX,
    ),
  ];
}

/** One entry that leads to a lower table. */
function entry(table: number, at: number, target: number): EntryRun {
  return { table: table + 8 * at, first: BigInt(target) | WRITE, step: 0, count: 1 };
}

/** Level-1 entries for `start` up to `end`. */
function pages(
  table: number,
  start: number,
  end: number,
  frame: number,
  flags: bigint,
): EntryRun {
  return {
    table: table + 8 * index(start, 1),
    first: BigInt(frame) | flags,
    step: PAGE,
    count: (end - start) / PAGE,
  };
}

function image(start: number, end: number, flags: bigint): EntryRun {
  return pages(TABLE.KERNEL, start, end, physical(start), flags);
}

/** Index into the table of a level. */
function index(address: number, level: number): number {
  return Math.floor(address / 2 ** (12 + 9 * (level - 1))) % 512;
}

/** Physical address of a byte of the kernel's image. */
export function physical(virtual: number): number {
  return virtual - IMAGE.START + IMAGE.PHYSICAL;
}

/** Puts the machine into the state in which the loader leaves it. No time passes. */
export function bootDirect(machine: Machine, plan: BootPlan): void {
  machine.reset();
  machine.board.setUpAsFirmware();
  for (const [port, value] of [...A20_OFF, A20_ON]) machine.board.ports.write(port, value, 1);
  for (const { start, size } of plan.clear) machine.physical.write(start, new Uint8Array(size));
  for (const { to, bytes } of plan.copies) machine.physical.write(to, bytes);
  for (const { table, first, step, count } of plan.entries) {
    const run = new BigUint64Array(count);
    for (let i = 0; i < count; i++) run[i] = first + BigInt(step * i);
    machine.physical.write(table, new Uint8Array(run.buffer));
  }
  for (const { entry, flags } of plan.touched) {
    machine.physical.setU8(entry, machine.physical.u8(entry) | flags);
  }
  const { cpu } = machine;
  const { cr0, cr3, cr4, efer, gdtr, rip, rsp, rdi, rflags } = plan.registers;
  cpu.cr4 = BigInt(cr4);
  cpu.cr3 = BigInt(cr3);
  cpu.efer = BigInt(efer);
  cpu.cr0 = BigInt(cr0);
  cpu.gdtr.base = BigInt(gdtr.base);
  cpu.gdtr.limit = gdtr.limit;
  cpu.idtr.base = 0n;
  cpu.idtr.limit = 0;
  for (const name of ["cs", "ds", "es", "ss", "fs", "gs"] as const) {
    const segment = cpu[name];
    segment.selector = name === "cs" ? SELECTOR.KERNEL_CODE : SELECTOR.KERNEL_DATA;
    segment.base = 0n;
    segment.limit = 0xffff_ffff;
    segment.attributes = name === "cs" ? CODE_64 : DATA;
  }
  cpu.rdx = 0n;
  cpu.rdi = BigInt(rdi);
  cpu.rsp = BigInt(rsp);
  cpu.rflags = BigInt(rflags);
  cpu.rip = BigInt(rip);
}
