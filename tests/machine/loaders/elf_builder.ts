/** Makes small ELF files, right ones and wrong ones. Numbers are from the System V ABI. */

/** A program header; what is left out is 0, or follows from the rest. */
export interface SegmentSpec {
  type?: number;
  flags?: number;
  offset?: bigint;
  vaddr?: bigint;
  paddr?: bigint;
  filesz?: bigint;
  memsz?: bigint;
  align?: bigint;
}

export interface FileSpec {
  bits?: 32 | 64;
  entry?: bigint;
  segments?: SegmentSpec[];
  /** Bytes after the headers. */
  body?: Uint8Array;
  symbols?: { name: string; value: bigint; size?: bigint; info?: number; shndx?: number }[];
}

/** Size of the headers before the body. */
export function headerSize(bits: 32 | 64, segments: number): number {
  return bits === 64 ? 64 + 56 * segments : 52 + 32 * segments;
}

export function buildElf(spec: FileSpec = {}): Uint8Array {
  const bits = spec.bits ?? 64;
  const wide = bits === 64;
  const segments = spec.segments ?? [{}];
  const body = spec.body ?? new Uint8Array([0x90, 0x90, 0xf4, 0xeb, 0xfd]);
  const start = headerSize(bits, segments.length);
  const out = new Writer(wide);
  out.raw([0x7f, 0x45, 0x4c, 0x46, wide ? 2 : 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  out.u16(2).u16(wide ? 62 : 3).u32(1).word(spec.entry ?? 0x10_0000n);
  out.word(BigInt(wide ? 64 : 52));
  const sections = spec.symbols === undefined ? 0 : 3;
  out.word(sections === 0 ? 0n : BigInt(start + body.length));
  out.u32(0).u16(wide ? 64 : 52).u16(wide ? 56 : 32).u16(segments.length);
  out.u16(wide ? 64 : 40).u16(sections).u16(0);
  for (const segment of segments) {
    const filesz = segment.filesz ?? BigInt(body.length);
    const vaddr = segment.vaddr ?? 0x10_0000n;
    const flags = segment.flags ?? 5;
    out.u32(segment.type ?? 1);
    if (wide) out.u32(flags);
    out.word(segment.offset ?? BigInt(start)).word(vaddr).word(segment.paddr ?? vaddr);
    out.word(filesz).word(segment.memsz ?? filesz);
    if (!wide) out.u32(flags);
    out.word(segment.align ?? 0x1000n);
  }
  out.raw(body);
  if (spec.symbols !== undefined) writeSymbols(out, wide, spec.symbols);
  return out.done();
}

function writeSymbols(out: Writer, wide: boolean, symbols: NonNullable<FileSpec["symbols"]>): void {
  const names = new Writer(wide).raw([0]);
  const table = new Writer(wide);
  for (const { name, value, size = 0n, info = 0x12, shndx = 1 } of symbols) {
    table.u32(names.length);
    names.raw(new TextEncoder().encode(name)).raw([0]);
    if (wide) table.raw([info, 0]).u16(shndx).word(value).word(size);
    else table.word(value).word(size).raw([info, 0]).u16(shndx);
  }
  const at = BigInt(out.length + 3 * (wide ? 64 : 40));
  const section = (type: number, offset: bigint, size: number, link: number, entsize: number) => {
    out.u32(0).u32(type).word(0n).word(0n).word(offset).word(BigInt(size));
    out.u32(link).u32(0).word(1n).word(BigInt(entsize));
  };
  section(0, 0n, 0, 0, 0);
  section(2, at, table.length, 2, wide ? 24 : 16);
  section(3, at + BigInt(table.length), names.length, 0, 0);
  out.raw(table.done()).raw(names.done());
}

class Writer {
  readonly #bytes: number[] = [];
  readonly #wide: boolean;

  constructor(wide: boolean) {
    this.#wide = wide;
  }

  get length(): number {
    return this.#bytes.length;
  }

  raw(bytes: Iterable<number>): this {
    for (const byte of bytes) this.#bytes.push(byte);
    return this;
  }

  u16(value: number): this {
    return this.raw([value & 0xff, value >> 8]);
  }

  u32(value: number): this {
    return this.u16(value & 0xffff).u16(value >>> 16);
  }

  word(value: bigint): this {
    const bytes = this.#wide ? 8 : 4;
    for (let i = 0; i < bytes; i++) this.#bytes.push(Number((value >> BigInt(8 * i)) & 0xffn));
    return this;
  }

  done(): Uint8Array {
    return new Uint8Array(this.#bytes);
  }
}
