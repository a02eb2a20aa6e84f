/**
 * Plans the start of a Multiboot kernel: 32-bit protected mode, paging off, EAX the loader's
 * number, EBX the address of the boot information.
 *
 * The kernel may be an ELF file of either class, or any file whose header brings addresses.
 *
 * @see Multiboot Specification version 0.6.96, "Machine state"
 */
import { hex } from "../arch/address.ts";
import { isElf } from "./boot_image.ts";
import { type ElfImage, parseElf } from "./elf.ts";
import { environmentFor, type Poke } from "./environment.ts";
import { ImageError } from "./image_error.ts";
import { checkElfRam, elfPokes, type LoadPlan, zeroPokes } from "./load_plan.ts";
import { findRoom, type MemoryRange } from "./memory_range.ts";
import type { MultibootAddresses, MultibootHeader } from "./multiboot.ts";
import {
  multiboot1Info,
  multiboot2Info,
  MULTIBOOT_ANSWER,
  type MultibootRange,
  type PlacedModule,
} from "./multiboot_info.ts";

const PAGE = 4096;
const ABOVE_ROM = 0x10_0000;

/** A file that the kernel gets beside itself, such as an initial RAM disk. */
export interface BootModule {
  readonly bytes: Uint8Array;
  readonly commandLine?: string;
}

/** What a Multiboot kernel is told. */
export interface MultibootOptions {
  readonly commandLine?: string;
  readonly modules?: readonly BootModule[];
}

/** A plan with the general registers that the kernel looks at. */
export interface MultibootPlan extends LoadPlan {
  readonly eax: number;
  readonly ebx: number;
}

/** The parts of a kernel in memory. */
interface Kernel {
  readonly elf: ElfImage | undefined;
  readonly entry: number;
  readonly ranges: readonly MemoryRange[];
  readonly pokes: readonly Poke[];
}

/**
 * Plans a kernel with a Multiboot header.
 *
 * @param map Of the machine's memory.
 * @throws {ImageError} If the image is damaged or does not fit the memory.
 */
export function planMultiboot(
  bytes: Uint8Array,
  header: MultibootHeader,
  options: MultibootOptions,
  ramSize: number,
  map: readonly MultibootRange[],
): MultibootPlan {
  const kernel = header.addresses === undefined
    ? elfKernel(bytes, header, ramSize)
    : flatKernel(bytes, header.addresses, header.entry, ramSize);
  const taken = [...kernel.ranges];
  const modules: PlacedModule[] = [];
  const modulePokes: Poke[] = [];
  for (const { bytes: file, commandLine = "" } of options.modules ?? []) {
    const start = roomAbove(file.length, taken, ramSize);
    taken.push({ start, size: Math.max(1, file.length) });
    modules.push({ start, size: file.length, commandLine });
    modulePokes.push({ address: start, bytes: file });
  }
  const facts = { ramSize, map, commandLine: options.commandLine ?? "", modules };
  const size = Math.ceil(multiboot1Info(facts, 0).length / PAGE) * PAGE +
    Math.ceil(multiboot2Info(facts).length / PAGE) * PAGE;
  const at = findRoom(size, taken, ramSize);
  if (at === undefined) throw noRoom(size, "the Multiboot information");
  taken.push({ start: at, size });
  const information = header.version === 1 ? multiboot1Info(facts, at) : multiboot2Info(facts);
  const environment = environmentFor({
    mode: "protected",
    entry: BigInt(kernel.entry),
    occupied: taken,
    ramSize,
  });
  return {
    ...environment,
    elf: kernel.elf,
    pokes: [
      ...kernel.pokes,
      ...modulePokes,
      { address: at, bytes: information },
      ...environment.pokes,
    ].filter((poke) => poke.bytes.length > 0),
    eax: MULTIBOOT_ANSWER[header.version],
    ebx: at,
  };
}

function elfKernel(bytes: Uint8Array, header: MultibootHeader, ramSize: number): Kernel {
  if (!isElf(bytes)) {
    throw new ImageError(
      "bad-multiboot",
      "Cannot obey the Multiboot header: it has no addresses, and the file is no ELF file",
    );
  }
  const elf = parseElf(bytes);
  return {
    elf,
    entry: header.entry ?? elf.entryPhysical,
    ranges: checkElfRam(elf, ramSize),
    pokes: elfPokes(elf, bytes),
  };
}

function flatKernel(
  bytes: Uint8Array,
  { offset, load, loadEnd, bssEnd }: MultibootAddresses,
  entry: number | undefined,
  ramSize: number,
): Kernel {
  if (entry === undefined) {
    throw new ImageError(
      "bad-multiboot",
      "Cannot obey the Multiboot header: addresses without an entry",
    );
  }
  const size = loadEnd === undefined ? bytes.length - offset : loadEnd - load;
  if (offset > bytes.length || offset + size > bytes.length) {
    throw new ImageError(
      "truncated",
      `Cannot load ${hex(size)} bytes from offset ${hex(offset)}: the file has ` +
        hex(bytes.length),
    );
  }
  const end = Math.max(load + size, bssEnd ?? 0);
  if (end > ramSize) {
    throw new ImageError(
      "does-not-fit",
      `Cannot load the image at ${hex(load)}: it ends at ${hex(end)}, memory at ${hex(ramSize)}`,
    );
  }
  if (load < ABOVE_ROM && end > 0xa_0000) {
    throw new ImageError(
      "reserved-memory",
      `Cannot load the image at ${hex(load)}: video memory and ROM are at 0xa0000 to 0xfffff`,
    );
  }
  if (entry < load || entry >= end) {
    throw new ImageError("bad-entry", `Cannot start at ${hex(entry)}: outside of the image`);
  }
  return {
    elf: undefined,
    entry,
    ranges: [{ start: load, size: end - load }],
    pokes: [
      { address: load, bytes: bytes.subarray(offset, offset + size) },
      ...zeroPokes(load + size, end - load - size),
    ],
  };
}

/** Modules lie above the kernel, as boot loaders put them: kernels take what follows as free. */
function roomAbove(size: number, taken: readonly MemoryRange[], ramSize: number): number {
  const end = Math.max(ABOVE_ROM, ...taken.map((range) => range.start + range.size));
  const start = Math.ceil(end / PAGE) * PAGE;
  if (start + size > ramSize) throw noRoom(size, "a module");
  return start;
}

function noRoom(size: number, what: string): ImageError {
  return new ImageError("no-room", `Cannot place ${hex(size)} bytes for ${what}: memory is full`);
}
