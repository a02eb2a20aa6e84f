/**
 * Reads an ELF executable into a plain description, in which everything has been checked.
 *
 * Nothing is written anywhere here: a bad file is refused before the machine is touched.
 * Executables (`ET_EXEC`) and position-independent files (`ET_DYN`) that need no relocation are
 * taken as they are linked, without a load bias.
 *
 * **Not modelled:** relocations, interpreters, more than 65,534 segments, x32.
 *
 * @see System V ABI, "Program Loading and Dynamic Linking"
 */
import { DT, EI, EM, ET, EV_CURRENT, PF, PN_XNUM, PT } from "../arch/elf.ts";
import { hex, isCanonical, PHYSICAL_ADDRESS_LIMIT } from "../arch/address.ts";
import { ElfReader, unsupported } from "./elf_reader.ts";
import { type ElfSymbol, readElfSymbols } from "./elf_symbols.ts";
import { ImageError } from "./image_error.ts";

/** A part of the file that becomes memory. */
export interface ElfSegment {
  /** Index in the program header table. */
  readonly index: number;
  /** Where its bytes start in the file. */
  readonly offset: number;
  /** Bytes that come from the file. */
  readonly fileSize: number;
  /** Bytes that it takes in memory, at least `fileSize`, more than 0; the rest is zeros. */
  readonly memorySize: number;
  readonly virtualAddress: bigint;
  readonly physicalAddress: number;
  readonly flags: { readonly read: boolean; readonly write: boolean; readonly execute: boolean };
}

/** A checked executable. */
export interface ElfImage {
  readonly bits: 32 | 64;
  /** `e_entry`, within a segment's virtual addresses or, failing that, its physical ones. */
  readonly entry: bigint;
  /** Where the entry's instruction will be in physical memory. */
  readonly entryPhysical: number;
  /** In the order of the file; no two overlap, neither virtually nor physically. */
  readonly segments: readonly ElfSegment[];
  /** The symbol table, read at the first call. @throws {ImageError} If it is damaged. */
  readonly symbols: () => readonly ElfSymbol[];
}

/**
 * Reads and checks an ELF64 x86-64 or ELF32 i386 executable.
 *
 * A file whose linker left all physical addresses 0 is loaded at its virtual ones.
 *
 * @param bytes The whole file. It is kept, not copied.
 * @throws {ImageError} With the reason, if anything about the file is not as it must be.
 * @throws {TypeError} If `bytes` is no `Uint8Array`.
 */
export function parseElf(bytes: Uint8Array): ElfImage {
  const reader = new ElfReader(bytes);
  const { shape } = reader;
  const { header, bits } = shape;
  reader.require(0, header.size, "the file header");
  checkIdentity(reader);

  const ehsize = reader.u16(header.ehsize);
  if (ehsize !== header.size) throw wrongSize("file header", ehsize, header.size);
  const count = reader.u16(header.phnum);
  if (count === 0) {
    throw new ImageError("no-segments", "Cannot load the ELF image: it has no program headers");
  }
  if (count === PN_XNUM) throw unsupported("segment count", count, "at most 65534 are read");
  const entrySize = reader.u16(header.phentsize);
  if (entrySize !== shape.segment.size) {
    throw wrongSize("program header", entrySize, shape.segment.size);
  }
  const table = reader.require(
    reader.word(header.phoff),
    count * entrySize,
    `the table of ${count} program headers`,
  );

  const raw: ElfSegment[] = [];
  let dynamics = 0;
  for (let index = 0; index < count; index++) {
    const at = table + index * entrySize;
    const type = reader.u32(at);
    if (type === PT.INTERP) {
      throw new ImageError(
        "dynamic",
        `Cannot load segment ${index} of type ${hex(type)}: it asks for an interpreter`,
      );
    }
    if (type === PT.DYNAMIC) {
      if (dynamics++ > 0) {
        throw new ImageError(
          "dynamic",
          `Cannot load segment ${index} of type ${hex(type)}: there is one such segment already`,
        );
      }
      checkDynamic(reader, at, index);
    }
    if (type !== PT.LOAD) continue;
    const segment = readSegment(reader, at, index);
    if (segment !== undefined) raw.push(segment);
  }
  if (raw.length === 0) {
    throw new ImageError(
      "no-segments",
      `Cannot load the ELF image: none of its ${count} segments is to be loaded`,
    );
  }
  const segments = withPhysicalAddresses(raw);
  checkOverlap(segments, "virtual", (segment) => segment.virtualAddress);
  checkOverlap(segments, "physical", (segment) => BigInt(segment.physicalAddress));

  const entry = reader.word(header.entry);
  let symbols: readonly ElfSymbol[] | undefined;
  return {
    bits,
    entry,
    entryPhysical: findEntry(entry, segments),
    segments,
    symbols: () => symbols ??= readElfSymbols(bytes),
  };
}

function checkIdentity(reader: ElfReader): void {
  const { bits } = reader.shape;
  const version = reader.bytes[EI.VERSION];
  if (version !== EV_CURRENT) throw unsupported("version", version, "only 1 exists");
  const type = reader.u16(16);
  if (type !== ET.EXEC && type !== ET.DYN) {
    const what = type === ET.REL ? "a relocatable object, link it first" : "not an executable";
    throw unsupported("type", type, what);
  }
  const machine = reader.u16(18);
  const wanted = bits === 64 ? EM.X86_64 : EM.I386;
  if (machine !== wanted) {
    throw unsupported("machine", machine, `a ${bits}-bit image must be for ${hex(wanted)}`);
  }
  const second = reader.u32(20);
  if (second !== EV_CURRENT) throw unsupported("version", second, "only 1 exists");
}

function wrongSize(what: string, size: number, expected: number): ImageError {
  return new ImageError(
    "wrong-size",
    `Cannot read a ${what} of ${hex(size)} bytes: it has ${hex(expected)} in this class`,
  );
}

/** @returns `undefined` for a segment of no size. */
function readSegment(reader: ElfReader, at: number, index: number): ElfSegment | undefined {
  const { segment: field, bits } = reader.shape;
  const fileSize = reader.word(at + field.filesz);
  const memorySize = reader.word(at + field.memsz);
  const virtualAddress = reader.word(at + field.vaddr);
  const physical = reader.word(at + field.paddr);
  const align = reader.word(at + field.align);
  const doing = `Cannot load segment ${index} at ${hex(virtualAddress)}`;
  if (fileSize > memorySize) {
    throw new ImageError(
      "wrong-size",
      `${doing}: ${hex(fileSize)} bytes in the file do not fit its ${hex(memorySize)} in memory`,
    );
  }
  if ((align & (align - 1n)) !== 0n && align !== 0n) {
    throw new ImageError("wrong-size", `${doing}: alignment ${hex(align)} is not a power of 2`);
  }
  if (memorySize === 0n) return undefined;
  const fileOffset = reader.word(at + field.offset);
  // An empty part of the file may be said to lie anywhere.
  const offset = fileSize === 0n
    ? 0
    : reader.require(fileOffset, fileSize, `the bytes of segment ${index}`);
  const last = virtualAddress + memorySize - 1n;
  if (last >= 1n << BigInt(bits)) {
    throw new ImageError(
      "overflow",
      `${doing}: ${hex(memorySize)} bytes pass the end of the ${bits}-bit address space`,
    );
  }
  const oneHalf = virtualAddress >> 63n === last >> 63n;
  if (bits === 64 && !(canonical(virtualAddress) && canonical(last) && oneHalf)) {
    throw new ImageError(
      "non-canonical",
      `${doing}: its addresses up to ${hex(last)} are not all canonical`,
    );
  }
  if (physical + memorySize > BigInt(PHYSICAL_ADDRESS_LIMIT)) {
    throw new ImageError(
      "overflow",
      `${doing}: ${hex(memorySize)} bytes at physical ${hex(physical)} are beyond 52 bits`,
    );
  }
  const flags = reader.u32(at + field.flags);
  return {
    index,
    offset,
    fileSize: Number(fileSize),
    memorySize: Number(memorySize),
    virtualAddress,
    physicalAddress: Number(physical),
    flags: {
      read: (flags & PF.R) !== 0,
      write: (flags & PF.W) !== 0,
      execute: (flags & PF.X) !== 0,
    },
  };
}

function canonical(address: bigint): boolean {
  return isCanonical(Number(BigInt.asIntN(32, address >> 32n)));
}

/** Linkers that know of no physical addresses leave them all 0. */
function withPhysicalAddresses(segments: readonly ElfSegment[]): readonly ElfSegment[] {
  const limit = BigInt(PHYSICAL_ADDRESS_LIMIT);
  const unused = segments.every(({ physicalAddress, virtualAddress, memorySize }) =>
    physicalAddress === 0 && virtualAddress + BigInt(memorySize) <= limit
  );
  if (!unused) return segments;
  return segments.map((segment) => ({
    ...segment,
    physicalAddress: Number(segment.virtualAddress),
  }));
}

function checkOverlap(
  segments: readonly ElfSegment[],
  space: string,
  address: (segment: ElfSegment) => bigint,
): void {
  const sorted = [...segments].sort((a, b) =>
    address(a) < address(b) ? -1 : address(a) > address(b) ? 1 : 0
  );
  for (let i = 1; i < sorted.length; i++) {
    const [below, above] = [sorted[i - 1], sorted[i]];
    const end = address(below) + BigInt(below.memorySize);
    if (end > address(above)) {
      throw new ImageError(
        "overlap",
        `Cannot load segment ${above.index} at ${space} address ${hex(address(above))}: ` +
          `segment ${below.index} reaches to ${hex(end)}`,
      );
    }
  }
}

function findEntry(entry: bigint, segments: readonly ElfSegment[]): number {
  for (const { virtualAddress, physicalAddress, memorySize } of segments) {
    const offset = entry - virtualAddress;
    if (offset >= 0n && offset < BigInt(memorySize)) return physicalAddress + Number(offset);
  }
  // Kernels that turn paging on themselves are linked high and entered at a physical address.
  for (const { physicalAddress, memorySize } of segments) {
    const offset = entry - BigInt(physicalAddress);
    if (offset >= 0n && offset < BigInt(memorySize)) return Number(entry);
  }
  throw new ImageError("bad-entry", `Cannot start at ${hex(entry)}: no segment is there`);
}

function checkDynamic(reader: ElfReader, at: number, index: number): void {
  const { segment: field, word } = reader.shape;
  const size = reader.word(at + field.filesz);
  const what = `the dynamic entries of segment ${index}`;
  const table = reader.require(reader.word(at + field.offset), size, what);
  const sizes: readonly number[] = [DT.RELSZ, DT.RELASZ, DT.RELRSZ, DT.PLTRELSZ];
  for (let i = table; i + 2 * word <= table + Number(size); i += 2 * word) {
    const tag = reader.word(i);
    if (tag === BigInt(DT.NULL)) return;
    const value = reader.word(i + word);
    if (value !== 0n && tag <= 0xffff_ffffn && sizes.includes(Number(tag))) {
      throw new ImageError(
        "dynamic",
        `Cannot load the ELF image with ${hex(value)} bytes of relocations: ` +
          "link it statically at a fixed address (-static -no-pie)",
      );
    }
  }
}
