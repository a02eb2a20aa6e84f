/**
 * The smallest environment in which an image can run: what is put into memory beside it, and
 * the registers that it starts with. Pure data; the machine applies it.
 *
 * | mode | code and data | paging | stack |
 * |---|---|---|---|
 * | `real` | CS:IP is 0:`entry` below 64 KiB, else `entry`/16:`entry`%16; DS = ES = CS | off | below 0:7C00 or 9000:F000 |
 * | `protected` | flat 32-bit segments of a GDT in memory | off | 64 KiB below 640 KiB |
 * | `long` | 64-bit code of the same GDT | the first 4 GiB one to one, and what the image asks | the same |
 *
 * Interrupts are disabled, and outside of real mode the IDT is empty: an exception before the
 * program has its own is a triple fault. Tables lie at 0x1000 and up if the image leaves that
 * free, else wherever there is room below 640 KiB, else at the end of RAM; so does the stack.
 */
import { hex } from "../arch/address.ts";
import { CR0, CR4, EFER } from "../arch/control_registers.ts";
import { RFLAGS } from "../arch/rflags.ts";
import {
  BOOT_SELECTOR,
  bootAttributes,
  bootGdt,
  buildPageTables,
  type Mapping,
} from "./boot_tables.ts";
import { ImageError } from "./image_error.ts";
import { findRoom, type MemoryRange, overlaps } from "./memory_range.ts";

/** The CPU's mode when the image's first instruction executes. */
export type LoadMode = "real" | "protected" | "long";

/** Bytes for physical memory. */
export interface Poke {
  readonly address: number;
  readonly bytes: Uint8Array;
}

/** A segment register with its hidden part; `limit` in bytes, `attributes` as the CPU caches them. */
export interface SegmentValue {
  readonly selector: number;
  readonly base: number;
  readonly limit: number;
  readonly attributes: number;
}

/** Registers to set. All others, with LDTR and TR, have their reset values or are 0. */
export interface EnvironmentRegisters {
  readonly rip: bigint;
  readonly rsp: bigint;
  readonly rflags: number;
  /** Unsigned. */
  readonly cr0: number;
  readonly cr3: number;
  readonly cr4: number;
  readonly efer: number;
  readonly gdtr: { readonly base: number; readonly limit: number };
  readonly idtr: { readonly base: number; readonly limit: number };
  readonly cs: SegmentValue;
  readonly ss: SegmentValue;
  readonly ds: SegmentValue;
  readonly es: SegmentValue;
  readonly fs: SegmentValue;
  readonly gs: SegmentValue;
}

/** What an image needs around itself. */
export interface Environment {
  readonly mode: LoadMode;
  /** In no overlapping places; none touches the image. */
  readonly pokes: readonly Poke[];
  readonly registers: EnvironmentRegisters;
  /** Where the stack may grow down to, and its size. */
  readonly stack: MemoryRange;
}

/** What {@linkcode environmentFor} has to know. */
export interface EnvironmentOptions {
  readonly mode: LoadMode;
  /** Address of the first instruction: virtual in long mode, else physical. */
  readonly entry: bigint;
  /** The image's physical ranges. */
  readonly occupied: readonly MemoryRange[];
  /** In bytes. */
  readonly ramSize: number;
  /** Long mode: what to map besides the first 4 GiB. */
  readonly mappings?: readonly Mapping[];
}

const STACK_BYTES = 0x1_0000;
const REAL_STACK_BYTES = 0x1000;
const CONVENTIONAL_STACK = 0x8_f000;
const IDENTITY_BYTES = 2 ** 32;
const FLAT_LIMIT = 0xffff_ffff;

/**
 * Computes the environment.
 *
 * @throws {ImageError} `unreachable`, `no-room` or `unmappable`.
 */
export function environmentFor(options: EnvironmentOptions): Environment {
  return options.mode === "real" ? realEnvironment(options) : flatEnvironment(options);
}

function realEnvironment({ entry, occupied }: EnvironmentOptions): Environment {
  if (entry >= 0x10_0000n) {
    throw new ImageError("unreachable", `Cannot start at ${hex(entry)}: real mode ends at 0xfffff`);
  }
  const address = Number(entry);
  const selector = address < 0x1_0000 ? 0 : address >> 4;
  const stacks: readonly [segment: number, pointer: number][] = [[0, 0x7c00], [0x9000, 0xf000]];
  const size = REAL_STACK_BYTES;
  const free = stacks.find(([segment, pointer]) => {
    const start = segment * 16 + pointer - size;
    return !occupied.some((range) => overlaps(range, { start, size }));
  });
  if (free === undefined) {
    throw new ImageError(
      "no-room",
      `Cannot place a stack of ${hex(size)} bytes below 0x7c00 or 0x9f000: the image is there`,
    );
  }
  const [stackSegment, rsp] = free;
  const data = realSegment(selector, 0x93);
  return {
    mode: "real",
    pokes: [],
    stack: { start: stackSegment * 16 + rsp - size, size },
    registers: {
      rip: BigInt(address - selector * 16),
      rsp: BigInt(rsp),
      rflags: RFLAGS.FIXED,
      cr0: CR0.ET,
      cr3: 0,
      cr4: 0,
      efer: 0,
      gdtr: { base: 0, limit: 0xffff },
      idtr: { base: 0, limit: 0x3ff },
      cs: realSegment(selector, 0x9b),
      ss: realSegment(stackSegment, 0x93),
      ds: data,
      es: data,
      fs: realSegment(0, 0x93),
      gs: realSegment(0, 0x93),
    },
  };
}

function realSegment(selector: number, attributes: number): SegmentValue {
  return { selector, base: selector * 16, limit: 0xffff, attributes };
}

function flatEnvironment(options: EnvironmentOptions): Environment {
  const { mode, entry, occupied, ramSize } = options;
  const long = mode === "long";
  if (!long && entry > BigInt(FLAT_LIMIT)) {
    throw new ImageError("unreachable", `Cannot start at ${hex(entry)}: beyond 32 bits`);
  }
  const gdt = bootGdt();
  const mappings = long ? allMappings(options) : [];
  const pageTables = (base: number) => long ? buildPageTables(base, mappings) : new Uint8Array(0);
  const tableBytes = 0x1000 + pageTables(0).length;
  const tables = room(tableBytes, occupied, ramSize, "the descriptor and page tables");
  const cr3 = long ? tables + 0x1000 : 0;

  const taken = [...occupied, { start: tables, size: tableBytes }];
  const preferred = { start: CONVENTIONAL_STACK, size: STACK_BYTES };
  const stack = taken.some((range) => overlaps(range, preferred))
    ? { start: room(STACK_BYTES, taken, ramSize, "the stack"), size: STACK_BYTES }
    : preferred;

  const pokes: Poke[] = [{ address: tables, bytes: gdt }];
  if (long) pokes.push({ address: cr3, bytes: pageTables(cr3) });
  const data = flatSegment(BOOT_SELECTOR.DATA);
  return {
    mode,
    pokes,
    stack,
    registers: {
      rip: entry,
      rsp: BigInt(stack.start + stack.size),
      rflags: RFLAGS.FIXED,
      cr0: (CR0.PE | CR0.ET | CR0.NE | (long ? CR0.WP | CR0.PG : 0)) >>> 0,
      cr3,
      cr4: long ? CR4.PAE : 0,
      efer: long ? EFER.LME | EFER.LMA : 0,
      gdtr: { base: tables, limit: gdt.length - 1 },
      idtr: { base: 0, limit: 0 },
      cs: flatSegment(long ? BOOT_SELECTOR.CODE_64 : BOOT_SELECTOR.CODE_32),
      ss: data,
      ds: data,
      es: data,
      fs: data,
      gs: data,
    },
  };
}

function allMappings({ mappings = [], ramSize }: EnvironmentOptions): readonly Mapping[] {
  const identity = { virtual: 0n, physical: 0, size: IDENTITY_BYTES };
  const wanted = mappings.filter(({ virtual, physical }) => virtual !== BigInt(physical));
  const low = wanted.find(({ virtual }) => virtual < BigInt(IDENTITY_BYTES));
  if (low !== undefined) {
    throw new ImageError(
      "unmappable",
      `Cannot map ${hex(low.virtual)} to physical ${hex(low.physical)}: ` +
        `the first 4 GiB are mapped one to one (memory ends at ${hex(ramSize)})`,
    );
  }
  return [identity, ...wanted];
}

function room(size: number, taken: readonly MemoryRange[], ramSize: number, what: string): number {
  const start = findRoom(size, taken, ramSize);
  if (start === undefined) {
    throw new ImageError(
      "no-room",
      `Cannot place ${hex(size)} bytes for ${what}: the image leaves no room in ${hex(ramSize)}`,
    );
  }
  return start;
}

function flatSegment(selector: number): SegmentValue {
  return { selector, base: 0, limit: FLAT_LIMIT, attributes: bootAttributes(selector) };
}
