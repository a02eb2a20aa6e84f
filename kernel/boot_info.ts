/**
 * What the loader tells the kernel: which physical memory is what, and where all of it is mapped.
 *
 * The bytes are those of the bootloader crate 0.9:
 *
 * ```text
 *    0  64 regions of 24 bytes: first frame number, one behind the last, type (u32), padding
 * 1536  number of regions in use
 * 1544  virtual address of physical memory; 0 if it is not mapped
 * ```
 */
import { type Machine, type PhysAddr, physAddr, type VirtAddr, virtAddr } from "../machine/mod.ts";
import { BOOT_DATA, IMAGE, ROM, STACK, TABLE, VGA } from "./layout.ts";

/** Kinds of memory by their number. */
export const REGION_TYPES = [
  "Usable",
  "InUse",
  "Reserved",
  "AcpiReclaimable",
  "AcpiNvs",
  "BadMemory",
  "Kernel",
  "KernelStack",
  "PageTable",
  "Bootloader",
  "FrameZero",
  "Empty",
  "BootInfo",
  "Package",
] as const;

export type RegionType = typeof REGION_TYPES[number];

/** A range of physical memory, page-aligned; `end` is behind the last byte. */
export interface MemoryRegion {
  readonly start: PhysAddr;
  readonly end: PhysAddr;
  readonly type: RegionType;
}

export interface BootInfo {
  /** Ascending, without gaps. */
  readonly memoryMap: readonly MemoryRegion[];
  /** `undefined` before stage "paging". */
  readonly physicalMemoryOffset: VirtAddr | undefined;
}

const PAGE = 4096;
const MAX_REGIONS = 64;
const REGION_BYTES = 24;
const COUNT = MAX_REGIONS * REGION_BYTES;
const OFFSET = COUNT + 8;
export const BOOT_INFO_BYTES = OFFSET + 8;

/** The memory map of a machine with `ramSize` bytes. */
export function memoryMap(ramSize: number): MemoryRegion[] {
  const imageEnd = IMAGE.PHYSICAL + IMAGE.END - IMAGE.START;
  const stackEnd = STACK.PHYSICAL + STACK.END - STACK.START;
  const bounds: readonly [end: number, type: RegionType][] = [
    [PAGE, "FrameZero"],
    [TABLE.END, "PageTable"],
    [BOOT_DATA.PAGE, "Usable"],
    [BOOT_DATA.PAGE + PAGE, "BootInfo"],
    // The last KiB below 640 KiB belongs to the firmware.
    [0x9_f000, "Usable"],
    [VGA.BUFFER, "Reserved"],
    [ROM.END, "Reserved"],
    [STACK.PHYSICAL, "Usable"],
    [stackEnd, "KernelStack"],
    [IMAGE.PHYSICAL, "Usable"],
    [imageEnd, "Kernel"],
    [ramSize, "Usable"],
  ];
  return bounds.map(([end, type], index) => ({
    start: physAddr(index === 0 ? 0 : bounds[index - 1][0]),
    end: physAddr(end),
    type,
  }));
}

/** Writes boot information as bytes. */
export function encodeBootInfo(info: BootInfo): Uint8Array {
  const bytes = new Uint8Array(BOOT_INFO_BYTES);
  const view = new DataView(bytes.buffer);
  info.memoryMap.forEach(({ start, end, type }, index) => {
    const at = index * REGION_BYTES;
    view.setBigUint64(at, BigInt(start / PAGE), true);
    view.setBigUint64(at + 8, BigInt(end / PAGE), true);
    view.setUint32(at + 16, REGION_TYPES.indexOf(type), true);
  });
  for (let index = info.memoryMap.length; index < MAX_REGIONS; index++) {
    view.setUint32(index * REGION_BYTES + 16, REGION_TYPES.indexOf("Empty"), true);
  }
  view.setBigUint64(COUNT, BigInt(info.memoryMap.length), true);
  view.setBigUint64(OFFSET, info.physicalMemoryOffset ?? 0n, true);
  return bytes;
}

/** Reads boot information from guest memory. */
export function readBootInfo(machine: Machine, address: number | bigint): BootInfo {
  const bytes = machine.virtual.read(address, BOOT_INFO_BYTES);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const count = Math.min(Number(view.getBigUint64(COUNT, true)), MAX_REGIONS);
  const offset = view.getBigUint64(OFFSET, true);
  return {
    memoryMap: Array.from({ length: count }, (_, index) => {
      const at = index * REGION_BYTES;
      return {
        start: physAddr(view.getBigUint64(at, true) * BigInt(PAGE)),
        end: physAddr(view.getBigUint64(at + 8, true) * BigInt(PAGE)),
        type: REGION_TYPES[view.getUint32(at + 16, true)] ?? "Reserved",
      };
    }),
    physicalMemoryOffset: offset === 0n ? undefined : virtAddr(offset),
  };
}
