/**
 * Frames of physical memory, handed out over the loader's memory map; and what the chapter on
 * paging does first: a mapper over the complete physical memory, and the example mapping.
 */
import { hex, type Machine, type PhysAddr } from "../machine/mod.ts";
import type { MemoryRegion } from "./boot_info.ts";
import { CompletePhysicalAccess } from "./paging/access/complete_physical.ts";
import type { MapperFlush } from "./paging/mapper_flush.ts";
import { Mapper } from "./paging/mapper.ts";
import { type Page, PAGE_SIZE, type PageSize, PhysFrame } from "./paging/page.ts";
import { PageTableFlags } from "./paging/page_table_flags.ts";
import type { MapToError } from "./paging/results.ts";

/** Gives frames out and takes them back. */
export interface FrameAllocator {
  /** A frame that nobody else has; its bytes are anything. `undefined` when there is none left. */
  allocateFrame(size?: PageSize): PhysFrame | undefined;
  /** @throws {RangeError} If the frame was not given out. */
  deallocateFrame(frame: PhysFrame): void;
  /** The frame of 4 KiB at an address. */
  frameAt(address: number): PhysFrame;
}

/** An allocator without frames: mapping works as long as it needs no new table. */
export class EmptyFrameAllocator implements FrameAllocator {
  allocateFrame(): undefined {
    return undefined;
  }

  deallocateFrame(frame: PhysFrame): never {
    throw new RangeError(`Cannot free ${frame}: it was never given out`);
  }

  frameAt(address: number): PhysFrame {
    return PhysFrame.fromStartAddress(address);
  }
}

/** How many frames there are, by what they are used for. */
export interface FrameCounts {
  /** All that the map calls usable. */
  readonly usable: number;
  readonly used: number;
  readonly free: number;
  /** Those with more than one user. */
  readonly shared: number;
}

const FRAME = 0x1000;
/** The table's header: from which frame to search. */
const HINT = 0;
const HEADER = 8;
const MOST_USERS = 0xffff;

/**
 * Hands out the usable frames of the loader's memory map, the lowest first, and takes them back.
 *
 * All it knows is in guest memory: a table of 16 bits per frame, how many users the frame has.
 *
 * ```text
 * table + 0   u32  search from this frame on; 4 bytes are unused
 *       + 8   u16  users of frame 0, u16 users of frame 1, …
 * ```
 */
export class BootInfoFrameAllocator implements FrameAllocator {
  readonly #machine: Machine;
  readonly #regions: readonly { readonly first: number; readonly end: number }[];
  /** Virtual address of the table. */
  readonly table: bigint;

  /**
   * Takes over a table as it is in memory.
   *
   * @param table Virtual address of {@linkcode BootInfoFrameAllocator.tableBytes} mapped bytes:
   * all zero at first.
   */
  constructor(machine: Machine, memoryMap: readonly MemoryRegion[], table: number | bigint) {
    this.#machine = machine;
    this.#regions = usable(memoryMap);
    this.table = BigInt(table);
  }

  /**
   * Makes an allocator with an empty table at the end of the largest usable region; the table's
   * own frames count as used.
   *
   * @param physicalMemoryOffset Where physical address 0 is mapped, with all that follows.
   * @throws {RangeError} If no usable region has room for the table.
   */
  static init(
    machine: Machine,
    memoryMap: readonly MemoryRegion[],
    physicalMemoryOffset: number | bigint,
  ): BootInfoFrameAllocator {
    const frames = Math.ceil(BootInfoFrameAllocator.tableBytes(memoryMap) / FRAME);
    const [largest] = usable(memoryMap).toSorted((a, b) => (b.end - b.first) - (a.end - a.first));
    if (largest === undefined || largest.end - largest.first < frames) {
      throw new RangeError(
        `Cannot place a table of ${frames} frames: no usable region is so large`,
      );
    }
    const start = largest.end - frames;
    const table = BigInt(physicalMemoryOffset) + BigInt(start * FRAME);
    for (let at = 0; at < frames * FRAME; at += 8) machine.cpu.store64(table + BigInt(at), 0);
    const allocator = new BootInfoFrameAllocator(machine, memoryMap, table);
    for (let number = start; number < largest.end; number++) allocator.#setUsers(number, 1);
    return allocator;
  }

  /** Size of the table for a memory map. */
  static tableBytes(memoryMap: readonly MemoryRegion[]): number {
    const end = Math.max(0, ...usable(memoryMap).map((region) => region.end));
    return HEADER + 2 * end;
  }

  /** Counts by looking at every entry of the table. Takes no time of the machine. */
  counts(): FrameCounts {
    const { virtual } = this.#machine;
    let usableFrames = 0;
    let used = 0;
    let shared = 0;
    for (const { first, end } of this.#regions) {
      usableFrames += end - first;
      const bytes = virtual.read(this.#entry(first), (end - first) * 2);
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      for (let at = 0; at < bytes.length; at += 2) {
        const users = view.getUint16(at, true);
        if (users > 0) used++;
        if (users > 1) shared++;
      }
    }
    return { usable: usableFrames, used, free: usableFrames - used, shared };
  }

  /** The lowest free frame; of the larger sizes, the lowest whose frames are all free. */
  allocateFrame(size: PageSize = PAGE_SIZE.SIZE_4_KIB): PhysFrame | undefined {
    const count = size / FRAME;
    const hint = this.#machine.cpu.load32(this.table + BigInt(HINT));
    for (const { first, end } of this.#regions) {
      let number = Math.ceil(Math.max(first, hint) / count) * count;
      while (number + count <= end) {
        const taken = this.#lastTaken(number, count);
        if (taken === undefined) return this.#take(number, size);
        number = Math.ceil((taken + 1) / count) * count;
      }
    }
    return undefined;
  }

  /**
   * Takes one user off a frame; it is free when that was the last.
   *
   * @throws {RangeError} If the frame is not usable memory, or has no user.
   */
  deallocateFrame(frame: PhysFrame): void {
    for (const number of this.#numbers(frame, "free")) {
      const users = this.#users(number);
      if (users === 0) throw new RangeError(`Cannot free ${frame}: it is free already`);
      this.#setUsers(number, users - 1);
      if (users === 1) this.#released(number);
    }
  }

  /**
   * Adds a user to a frame.
   *
   * @throws {RangeError} If the frame is not usable memory, has no user yet, or has 65,535.
   */
  share(frame: PhysFrame): void {
    for (const number of this.#numbers(frame, "share")) {
      const users = this.#users(number);
      if (users === 0) throw new RangeError(`Cannot share ${frame}: nobody uses it`);
      if (users === MOST_USERS) throw new RangeError(`Cannot share ${frame}: too many users`);
      this.#setUsers(number, users + 1);
    }
  }

  /** How many use a frame; 0 for one that is free. Frames outside of the map have none. */
  users(frame: PhysFrame): number {
    const number = frame.start / FRAME;
    return this.#isUsable(number) ? this.#users(number) : 0;
  }

  frameAt(address: number): PhysFrame {
    return PhysFrame.fromStartAddress(address);
  }

  #take(number: number, size: PageSize): PhysFrame {
    const count = size / FRAME;
    for (let i = 0; i < count; i++) this.#setUsers(number + i, 1);
    if (count === 1) this.#machine.cpu.store32(this.table + BigInt(HINT), number + 1);
    return PhysFrame.fromStartAddress(number * FRAME, size);
  }

  #released(number: number): void {
    const { cpu } = this.#machine;
    const hint = this.table + BigInt(HINT);
    if (number < cpu.load32(hint)) cpu.store32(hint, number);
  }

  /** The last of `count` frames that is in use. */
  #lastTaken(number: number, count: number): number | undefined {
    for (let i = count - 1; i >= 0; i--) {
      if (this.#users(number + i) !== 0) return number + i;
    }
    return undefined;
  }

  #numbers(frame: PhysFrame, doing: string): number[] {
    const first = frame.start / FRAME;
    const numbers = Array.from({ length: frame.size / FRAME }, (_, i) => first + i);
    if (!numbers.every((number) => this.#isUsable(number))) {
      throw new RangeError(`Cannot ${doing} ${frame}: it is not usable memory`);
    }
    return numbers;
  }

  #isUsable(number: number): boolean {
    return this.#regions.some(({ first, end }) => number >= first && number < end);
  }

  #users(number: number): number {
    return this.#machine.cpu.load16(this.#entry(number));
  }

  #setUsers(number: number, users: number): void {
    this.#machine.cpu.store16(this.#entry(number), users);
  }

  #entry(number: number): bigint {
    return this.table + BigInt(HEADER + 2 * number);
  }
}

/** Frame numbers of the usable regions, ascending. */
function usable(memoryMap: readonly MemoryRegion[]): { first: number; end: number }[] {
  return memoryMap
    .filter(({ type }) => type === "Usable")
    .map(({ start, end }) => ({ first: Math.ceil(start / FRAME), end: Math.floor(end / FRAME) }))
    .filter(({ first, end }) => end > first)
    .toSorted((a, b) => a.first - b.first);
}

/** The mapper of a kernel whose loader mapped all of physical memory at an offset. */
export function init(machine: Machine, physicalMemoryOffset: number | bigint): Mapper {
  return new Mapper(machine, new CompletePhysicalAccess(machine, BigInt(physicalMemoryOffset)));
}

/** The frame of the active level 4 table, as CR3 has it. */
export function activeLevel4Table(machine: Machine): PhysFrame {
  return PhysFrame.containing(machine.cpu.readCr3() & 0x000f_ffff_ffff_f000n);
}

const VGA_FRAME = 0xb_8000;

/** Maps a page to the frame of the VGA text buffer, writable: the chapter's example. */
export function createExampleMapping(
  page: Page,
  mapper: Mapper,
  frames: FrameAllocator,
): MapperFlush | MapToError {
  const frame = PhysFrame.containing(VGA_FRAME);
  const flags = PageTableFlags.PRESENT | PageTableFlags.WRITABLE;
  return mapper.mapTo(page, frame, flags, frames);
}

/** Where an address leads, or `undefined`: the chapter's `translate_addr`. */
export function translateAddr(address: number | bigint, mapper: Mapper): PhysAddr | undefined {
  return mapper.translateAddr(address);
}

/** A memory map as lines of text. */
export function memoryMapText(memoryMap: readonly MemoryRegion[]): string {
  return memoryMap.map(({ start, end, type }) =>
    `${hex(start, 8)}–${hex(end, 8)} ${`${(end - start) / 1024} KiB`.padStart(10)}  ${type}`
  ).join("\n");
}
