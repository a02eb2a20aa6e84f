/**
 * The map of physical memory as the BIOS tells it: INT 12h, and INT 15h E820h, E801h, 88h.
 *
 * No entry lies above what exists: the last is the ROM below 4 GiB.
 */

/** Types of ranges. */
export const RANGE = { USABLE: 1, RESERVED: 2 } as const;

/** One entry of the map. */
export interface MapEntry {
  readonly start: number;
  readonly size: number;
  readonly type: number;
}

const MIB = 1 << 20;
/** The extended data area takes the rest to 640 KiB. */
export const CONVENTIONAL_END = 0x9_fc00;

/** The map for a machine with `ramSize` bytes, in ascending order, without overlaps. */
export function memoryMap(ramSize: number): readonly MapEntry[] {
  const entries = [
    { start: 0, size: CONVENTIONAL_END, type: RANGE.USABLE },
    { start: CONVENTIONAL_END, size: 0xa_0000 - CONVENTIONAL_END, type: RANGE.RESERVED },
    { start: 0xf_0000, size: 0x1_0000, type: RANGE.RESERVED },
    { start: MIB, size: ramSize - MIB, type: RANGE.USABLE },
    { start: 0xffff_0000, size: 0x1_0000, type: RANGE.RESERVED },
  ];
  return entries.filter(({ size }) => size > 0);
}

/** Memory above 1 MiB: KiB up to 16 MiB, and 64-KiB units above that. */
export function extendedMemory(ramSize: number): { kibBelow16: number; unitsAbove16: number } {
  return {
    kibBelow16: Math.min(15 * 1024, Math.floor((ramSize - MIB) / 1024)),
    unitsAbove16: Math.max(0, Math.floor((ramSize - 16 * MIB) / 0x1_0000)),
  };
}
