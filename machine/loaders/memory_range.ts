/** Ranges of physical memory, and room between them. */

/** Bytes from `start` to `start + size - 1`. */
export interface MemoryRange {
  readonly start: number;
  readonly size: number;
}

/** Where the display looks: no place for a program. */
export const VIDEO_MEMORY: MemoryRange = { start: 0xa_0000, size: 0x2_0000 };

/** Where a guest's writes are dropped. */
export const ROM: MemoryRange = { start: 0xc_0000, size: 0x4_0000 };

/** Below it are the real-mode vectors and the BIOS data area. */
const FIRST_FREE = 0x1000;

/** Above it a BIOS keeps its extended data area. */
const CONVENTIONAL_END = 0x9_f000;

const PAGE = 0x1000;

/** Whether two ranges share a byte. */
export function overlaps(a: MemoryRange, b: MemoryRange): boolean {
  return a.start < b.start + b.size && b.start < a.start + a.size;
}

/**
 * Finds a page-aligned place: the lowest below 640 KiB or, failing that, the highest in RAM.
 *
 * @param size In bytes, a multiple of 4096.
 * @param taken What must not be touched.
 * @returns The first byte's address, or `undefined` if there is no room.
 */
export function findRoom(
  size: number,
  taken: readonly MemoryRange[],
  ramSize: number,
): number | undefined {
  const blocking = (start: number) => taken.find((range) => overlaps(range, { start, size }));
  for (let start = FIRST_FREE; start + size <= CONVENTIONAL_END;) {
    const range = blocking(start);
    if (range === undefined) return start;
    start = roundUp(range.start + range.size);
  }
  for (let start = ramSize - size; start >= ROM.start + ROM.size;) {
    const range = blocking(start);
    if (range === undefined) return start;
    start = Math.floor((range.start - size) / PAGE) * PAGE;
  }
  return undefined;
}

function roundUp(address: number): number {
  return Math.ceil(address / PAGE) * PAGE;
}
