/**
 * Multiboot headers: what a kernel asks of its loader.
 *
 * Version 1 has its header in the first 8 KiB of the file, aligned to 4 bytes; version 2 in the
 * first 32 KiB, aligned to 8.
 *
 * @see Multiboot Specification version 0.6.96, "The layout of Multiboot header"
 * @see Multiboot2 Specification version 2.0, "The layout of Multiboot2 header"
 */
import { hex } from "../arch/address.ts";
import { ImageError } from "./image_error.ts";

const VERSION_1 = { MAGIC: 0x1bad_b002, SEARCH: 8192, ALIGN: 4 } as const;
const VERSION_2 = { MAGIC: 0xe852_50d6, SEARCH: 32_768, ALIGN: 8 } as const;

/** Flags of version 1. Those in bits 15:0 must be understood. */
export const MULTIBOOT_FLAG = {
  PAGE_ALIGN: 0x0000_0001,
  MEMORY_INFO: 0x0000_0002,
  VIDEO_MODE: 0x0000_0004,
  ADDRESSES: 0x0001_0000,
} as const;

/** Header tags of version 2 that change what is loaded or started. */
const TAG = {
  END: 0,
  INFORMATION_REQUEST: 1,
  ADDRESS: 2,
  ENTRY_ADDRESS: 3,
  CONSOLE: 4,
  FRAMEBUFFER: 5,
  MODULE_ALIGN: 6,
  EFI_BOOT_SERVICES: 7,
  EFI_ENTRY_I386: 8,
  EFI_ENTRY_AMD64: 9,
  RELOCATABLE: 10,
} as const;
const OPTIONAL = 1;

/** Where the parts of an image go, for kernels that are no ELF files or do not want to be. */
export interface MultibootAddresses {
  /** Offset in the file of the first byte to load. */
  readonly offset: number;
  readonly load: number;
  /** End of what comes from the file; `undefined`: all of it. */
  readonly loadEnd: number | undefined;
  /** End of the zeros behind; `undefined`: none. */
  readonly bssEnd: number | undefined;
}

/** A checked header. */
export interface MultibootHeader {
  readonly version: 1 | 2;
  readonly addresses: MultibootAddresses | undefined;
  /** Replaces the ELF file's entry. */
  readonly entry: number | undefined;
}

/**
 * Looks for a Multiboot header.
 *
 * @returns `undefined` if there is none.
 * @throws {ImageError} `bad-multiboot` if it asks for what this loader does not have.
 */
export function findMultiboot(bytes: Uint8Array): MultibootHeader | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const second = search(view, VERSION_2, (at) => sum(view, [at, at + 4, at + 8, at + 12]) === 0);
  if (second >= 0) return version2(view, second);
  const first = search(view, VERSION_1, (at) => sum(view, [at, at + 4, at + 8]) === 0);
  return first >= 0 ? version1(view, first) : undefined;
}

function search(
  view: DataView,
  { MAGIC, SEARCH, ALIGN }: { MAGIC: number; SEARCH: number; ALIGN: number },
  check: (at: number) => boolean,
): number {
  const end = Math.min(view.byteLength, SEARCH) - (ALIGN === 8 ? 16 : 12);
  for (let at = 0; at <= end; at += ALIGN) {
    if (view.getUint32(at, true) === MAGIC && check(at)) return at;
  }
  return -1;
}

function sum(view: DataView, places: readonly number[]): number {
  return places.reduce((total, at) => (total + view.getUint32(at, true)) >>> 0, 0);
}

function version1(view: DataView, at: number): MultibootHeader {
  const flags = view.getUint32(at + 4, true);
  const unknown = flags & 0xfff8;
  if (unknown !== 0) throw bad(`flags ${hex(flags >>> 0)} ask for what is not known`);
  if ((flags & MULTIBOOT_FLAG.ADDRESSES) === 0) {
    return { version: 1, addresses: undefined, entry: undefined };
  }
  if (at + 32 > view.byteLength) throw bad("the file ends in the middle of it");
  const word = (offset: number) => view.getUint32(at + offset, true);
  return {
    version: 1,
    addresses: addresses(at, word(12), word(16), word(20), word(24)),
    entry: word(28),
  };
}

function version2(view: DataView, at: number): MultibootHeader {
  const architecture = view.getUint32(at + 4, true);
  if (architecture !== 0) throw bad(`architecture ${architecture} is not i386`);
  const end = at + view.getUint32(at + 8, true);
  if (end > view.byteLength) throw bad("the file ends in the middle of it");
  let where: MultibootAddresses | undefined;
  let entry: number | undefined;
  for (let tag = at + 16; tag + 8 <= end;) {
    const type = view.getUint16(tag, true);
    const flags = view.getUint16(tag + 2, true);
    const size = view.getUint32(tag + 4, true);
    if (type === TAG.END) break;
    if (size < 8 || tag + size > end) throw bad(`tag ${type} has the size ${size}`);
    const word = (offset: number) => view.getUint32(tag + offset, true);
    if (type === TAG.ADDRESS && size >= 24) {
      where = addresses(at, word(8), word(12), word(16), word(20));
    } else if (type === TAG.ENTRY_ADDRESS && size >= 12) entry = word(8);
    else if (type === TAG.EFI_BOOT_SERVICES || type > TAG.RELOCATABLE) {
      if ((flags & OPTIONAL) === 0) throw bad(`tag ${type} is required, and not known here`);
    }
    tag += Math.ceil(size / 8) * 8;
  }
  return { version: 2, addresses: where, entry };
}

/** The header itself lies at `headerAddress` in memory and at `at` in the file. */
function addresses(
  at: number,
  headerAddress: number,
  load: number,
  loadEnd: number,
  bssEnd: number,
): MultibootAddresses {
  const whole = load === 0xffff_ffff;
  const offset = whole ? 0 : at - (headerAddress - load);
  if (offset < 0 || (!whole && load > headerAddress)) {
    throw bad(`it lies at ${hex(headerAddress)}, before the image at ${hex(load)}`);
  }
  const start = whole ? headerAddress - at : load;
  if ((loadEnd !== 0 && loadEnd < start) || (bssEnd !== 0 && bssEnd < loadEnd)) {
    throw bad(`the image ends at ${hex(loadEnd)}, before it starts at ${hex(start)}`);
  }
  return {
    offset,
    load: start,
    loadEnd: loadEnd === 0 ? undefined : loadEnd,
    bssEnd: bssEnd === 0 ? undefined : bssEnd,
  };
}

function bad(why: string): ImageError {
  return new ImageError("bad-multiboot", `Cannot obey the Multiboot header: ${why}`);
}
