/**
 * Plans the loading of an image: everything is checked here, so that the machine, which then
 * writes the pokes in order and sets the registers, cannot fail half-way.
 */
import { hex } from "../arch/address.ts";
import { type ElfImage, parseElf } from "./elf.ts";
import { type Environment, environmentFor, type LoadMode, type Poke } from "./environment.ts";
import { checkFlat } from "./flat.ts";
import { ImageError } from "./image_error.ts";
import { type MemoryRange, overlaps, ROM, VIDEO_MEMORY } from "./memory_range.ts";

/** An image that fits, with all that it needs. */
export interface LoadPlan extends Environment {
  /** The ELF description, where the image was one. */
  readonly elf: ElfImage | undefined;
}

/** Where a flat binary goes. */
export interface FlatOptions {
  /** Physical address of its first byte. */
  readonly at: number | bigint;
  readonly mode: LoadMode;
  /** Address of the first instruction. Default `at`. */
  readonly entry?: number | bigint;
}

/**
 * Plans a flat binary.
 *
 * @param ramSize Of the machine, in bytes.
 * @throws {ImageError} If the image cannot be loaded so.
 * @throws {RangeError} If an address is negative or not whole.
 * @throws {TypeError} If the mode is none, or `bytes` no `Uint8Array`.
 */
export function planFlat(bytes: Uint8Array, options: FlatOptions, ramSize: number): LoadPlan {
  const { range, entry } = checkFlat(bytes, options, ramSize);
  const environment = environmentFor({
    mode: options.mode,
    entry: BigInt(entry),
    occupied: [range],
    ramSize,
  });
  const image = { address: range.start, bytes };
  return { ...environment, elf: undefined, pokes: [image, ...environment.pokes] };
}

/**
 * Plans an ELF executable: ELF64 starts in long mode at its virtual entry, with its segments'
 * virtual addresses mapped; ELF32 in protected mode without paging at its physical entry.
 *
 * @throws {ImageError} If the file is damaged, or does not fit the memory.
 * @throws {TypeError} If `bytes` is no `Uint8Array`.
 */
export function planElf(bytes: Uint8Array, ramSize: number): LoadPlan {
  const elf = parseElf(bytes);
  const occupied = checkElfRam(elf, ramSize);
  const long = elf.bits === 64;
  const environment = environmentFor({
    mode: long ? "long" : "protected",
    entry: long ? elf.entry : BigInt(elf.entryPhysical),
    occupied,
    ramSize,
    mappings: elf.segments.map(({ virtualAddress, physicalAddress, memorySize }) => ({
      virtual: virtualAddress,
      physical: physicalAddress,
      size: memorySize,
    })),
  });
  return { ...environment, elf, pokes: [...elfPokes(elf, bytes), ...environment.pokes] };
}

/**
 * Checks that the segments' memory is there.
 *
 * @returns Their physical ranges.
 * @throws {ImageError} `does-not-fit` or `reserved-memory`.
 */
export function checkElfRam(elf: ElfImage, ramSize: number): MemoryRange[] {
  return elf.segments.map(({ physicalAddress, memorySize, flags, index }) => {
    const range = { start: physicalAddress, size: memorySize };
    checkRam(range, ramSize, flags.write, `segment ${index}`);
    return range;
  });
}

/** The segments' bytes and the zeros behind them. */
export function elfPokes(elf: ElfImage, bytes: Uint8Array): Poke[] {
  return elf.segments.flatMap((segment): Poke[] => [
    {
      address: segment.physicalAddress,
      bytes: bytes.subarray(segment.offset, segment.offset + segment.fileSize),
    },
    ...zeroPokes(
      segment.physicalAddress + segment.fileSize,
      segment.memorySize - segment.fileSize,
    ),
  ]).filter((poke) => poke.bytes.length > 0);
}

/** Long runs of zeros share one array. */
const ZEROS_BYTES = 0x10_0000;

/** Zeros for a range. */
export function zeroPokes(start: number, size: number): Poke[] {
  const pokes: Poke[] = [];
  const zeros = new Uint8Array(Math.min(size, ZEROS_BYTES));
  for (let done = 0; done < size; done += zeros.length) {
    pokes.push({
      address: start + done,
      bytes: zeros.subarray(0, Math.min(zeros.length, size - done)),
    });
  }
  return pokes;
}

/** Linkers put read-only headers just below the text at 1 MiB: those may lie in ROM. */
function checkRam(range: MemoryRange, ramSize: number, writable: boolean, what: string): void {
  const end = range.start + range.size;
  if (end > ramSize) {
    throw new ImageError(
      "does-not-fit",
      `Cannot load ${what} at physical ${hex(range.start)}: it ends at ${hex(end)}, ` +
        `memory at ${hex(ramSize)}`,
    );
  }
  if (overlaps(range, VIDEO_MEMORY) || (writable && overlaps(range, ROM))) {
    throw new ImageError(
      "reserved-memory",
      `Cannot load ${what} at physical ${hex(range.start)}: ` +
        "video memory and ROM are at 0xa0000 to 0xfffff",
    );
  }
}
