/** Reads an ELF file's symbol table: which name belongs to which address. */
import { SHN_UNDEF, SHT, STT } from "../arch/elf.ts";
import { hex } from "../arch/address.ts";
import { ElfReader } from "./elf_reader.ts";
import { ImageError } from "./image_error.ts";

/** A named address. */
export interface ElfSymbol {
  readonly name: string;
  /** Its virtual address. */
  readonly value: bigint;
  /** In bytes; 0 where the file does not say. */
  readonly size: bigint;
  readonly kind: "function" | "object" | "other";
}

/**
 * Reads the static symbol table.
 *
 * @returns Defined symbols that have a name, by ascending value; none for a stripped file.
 * @throws {ImageError} `truncated` or `wrong-size`, if the section headers or tables are damaged.
 */
export function readElfSymbols(bytes: Uint8Array): readonly ElfSymbol[] {
  const reader = new ElfReader(bytes);
  const { header, section } = reader.shape;
  reader.require(0, header.size, "the file header");
  const count = reader.u16(header.shnum);
  if (count === 0) return [];
  const entrySize = reader.u16(header.shentsize);
  if (entrySize !== section.size) {
    throw new ImageError(
      "wrong-size",
      `Cannot read section headers of ${hex(entrySize)} bytes: they have ${hex(section.size)}`,
    );
  }
  const table = reader.require(
    reader.word(header.shoff),
    count * entrySize,
    `the table of ${count} section headers`,
  );
  for (let index = 0; index < count; index++) {
    const at = table + index * entrySize;
    if (reader.u32(at + 4) !== SHT.SYMTAB) continue;
    const link = reader.u32(at + section.link);
    if (link >= count) {
      throw new ImageError(
        "wrong-size",
        `Cannot find the names of section ${index} in section ${hex(link)}: there are ${count}`,
      );
    }
    const names = sectionBytes(reader, table + link * entrySize, link);
    return readTable(reader, at, index, names);
  }
  return [];
}

function sectionBytes(reader: ElfReader, at: number, index: number): Uint8Array {
  const { section } = reader.shape;
  const size = reader.word(at + section.bytes);
  const offset = reader.require(reader.word(at + section.offset), size, `section ${index}`);
  return reader.bytes.subarray(offset, offset + Number(size));
}

function readTable(
  reader: ElfReader,
  at: number,
  index: number,
  names: Uint8Array,
): readonly ElfSymbol[] {
  const { section, symbol } = reader.shape;
  const entrySize = reader.word(at + section.entsize);
  if (entrySize !== BigInt(symbol.size)) {
    throw new ImageError(
      "wrong-size",
      `Cannot read symbols of ${hex(entrySize)} bytes: they have ${hex(symbol.size)}`,
    );
  }
  const table = sectionBytes(reader, at, index);
  const start = table.byteOffset - reader.bytes.byteOffset;
  const symbols: ElfSymbol[] = [];
  for (let i = start; i + symbol.size <= start + table.length; i += symbol.size) {
    const type = reader.bytes[i + symbol.info] & 0xf;
    if (reader.u16(i + symbol.shndx) === SHN_UNDEF) continue;
    if (type !== STT.NOTYPE && type !== STT.OBJECT && type !== STT.FUNC) continue;
    const name = readName(names, reader.u32(i));
    if (name === "") continue;
    symbols.push({
      name,
      value: reader.word(i + symbol.value),
      size: reader.word(i + symbol.bytes),
      kind: type === STT.FUNC ? "function" : type === STT.OBJECT ? "object" : "other",
    });
  }
  return symbols.sort((a, b) => a.value < b.value ? -1 : a.value > b.value ? 1 : 0);
}

/** A longer name than this is cut, so that overlapping names cannot fill the host's memory. */
const MAX_NAME = 1024;

function readName(names: Uint8Array, offset: number): string {
  if (offset >= names.length) return "";
  const limit = Math.min(names.length, offset + MAX_NAME);
  const end = names.subarray(offset, limit).indexOf(0);
  return new TextDecoder().decode(names.subarray(offset, end < 0 ? limit : offset + end));
}
