/** Pages and frames: blocks of 4 KiB, 2 MiB or 1 GiB of virtual and of physical memory. */
import { hex, type PhysAddr, physAddr, type VirtAddr, virtAddr } from "../../machine/mod.ts";

/** The sizes of a page in bytes. */
export const PAGE_SIZE = {
  SIZE_4_KIB: 0x1000,
  SIZE_2_MIB: 0x20_0000,
  SIZE_1_GIB: 0x4000_0000,
} as const;

export type PageSize = typeof PAGE_SIZE[keyof typeof PAGE_SIZE];

/** A table's level: 4 is the root, 1 maps 4 KiB pages. */
export type Level = 1 | 2 | 3 | 4;

/** Entries of a table of any level. */
export const ENTRY_COUNT = 512;

/** The level of the table whose entries map pages of a size. */
export function levelOf(size: PageSize): Level {
  return size === PAGE_SIZE.SIZE_4_KIB ? 1 : size === PAGE_SIZE.SIZE_2_MIB ? 2 : 3;
}

/** The size of the pages that a table's entries map. There are none in a level 4 table. */
export function sizeAt(level: Level): PageSize {
  return level === 1
    ? PAGE_SIZE.SIZE_4_KIB
    : level === 2
    ? PAGE_SIZE.SIZE_2_MIB
    : PAGE_SIZE.SIZE_1_GIB;
}

/** The nine bits of a virtual address that index the table of a level, 0 to 511. */
export function tableIndex(address: bigint, level: Level): number {
  return Number(address >> BigInt(3 + 9 * level)) & (ENTRY_COUNT - 1);
}

/** A page's size as people write it. */
export function sizeText(size: number): string {
  return size >= 2 ** 30
    ? `${size / 2 ** 30} GiB`
    : size >= 2 ** 20
    ? `${size / 2 ** 20} MiB`
    : `${size / 2 ** 10} KiB`;
}

/** A page of virtual memory. */
export class Page {
  private constructor(readonly start: VirtAddr, readonly size: PageSize) {}

  /**
   * The page that starts at an address.
   *
   * @throws {RangeError} If the address is not canonical, or no multiple of the size.
   */
  static fromStartAddress(address: number | bigint, size: PageSize = 0x1000): Page {
    const page = Page.containing(address, size);
    if (page.start !== BigInt(address)) {
      throw new RangeError(
        `Cannot start a page at ${hex(address)}: not a multiple of ${sizeText(size)}`,
      );
    }
    return page;
  }

  /** Like {@linkcode Page.fromStartAddress}, with `undefined` for a misaligned address. */
  static tryFromStartAddress(address: number | bigint, size: PageSize = 0x1000): Page | undefined {
    const page = Page.containing(address, size);
    return page.start === BigInt(address) ? page : undefined;
  }

  /**
   * The page that an address is in.
   *
   * @throws {RangeError} If the address is not canonical, or the size is none.
   */
  static containing(address: number | bigint, size: PageSize = 0x1000): Page {
    checkSize(size);
    return new Page((virtAddr(address) & ~BigInt(size - 1)) as VirtAddr, size);
  }

  /** The pages of a range of addresses, `end` exclusive. */
  static *range(
    start: number | bigint,
    end: number | bigint,
    size: PageSize = 0x1000,
  ): Generator<Page> {
    const last = virtAddr(end);
    let { start: at } = Page.containing(start, size);
    for (; at < last; at = at + BigInt(size) as VirtAddr) yield Page.containing(at, size);
  }

  /** Its index in the table of a level. */
  index(level: Level): number {
    return tableIndex(this.start, level);
  }

  /** The page `count` pages on. @throws {RangeError} If that is beyond the address space. */
  next(count = 1): Page {
    return Page.fromStartAddress(this.start + BigInt(count) * BigInt(this.size), this.size);
  }

  toString(): string {
    return `Page[${sizeText(this.size)}](${hex(this.start)})`;
  }
}

/** A frame of physical memory. */
export class PhysFrame {
  private constructor(readonly start: PhysAddr, readonly size: PageSize) {}

  /**
   * The frame that starts at an address.
   *
   * @throws {RangeError} If the address is 2^52 or more, or no multiple of the size.
   */
  static fromStartAddress(address: number | bigint, size: PageSize = 0x1000): PhysFrame {
    const frame = PhysFrame.containing(address, size);
    if (frame.start !== Number(address)) {
      throw new RangeError(
        `Cannot start a frame at ${hex(address)}: not a multiple of ${sizeText(size)}`,
      );
    }
    return frame;
  }

  /** The frame that an address is in. @throws {RangeError} As the address or the size is none. */
  static containing(address: number | bigint, size: PageSize = 0x1000): PhysFrame {
    checkSize(size);
    const start = physAddr(address);
    return new PhysFrame((start - start % size) as PhysAddr, size);
  }

  toString(): string {
    return `PhysFrame[${sizeText(this.size)}](${hex(this.start)})`;
  }
}

function checkSize(size: number): void {
  if (!(Object.values(PAGE_SIZE) as number[]).includes(size)) {
    throw new RangeError(`Cannot use ${size} as a page's size: not 4 KiB, 2 MiB or 1 GiB`);
  }
}
