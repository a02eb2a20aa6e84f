/** Reads fields of an ELF file, of either class, with every access checked. */
import { EI, ELF32, ELF64, ELF_MAGIC, ELFCLASS, ELFDATA, type ElfShape } from "../arch/elf.ts";
import { hex } from "../arch/address.ts";
import { ImageError } from "./image_error.ts";

/** A view of the file and the shape of its structures. */
export class ElfReader {
  readonly bytes: Uint8Array;
  readonly shape: ElfShape;
  readonly #view: DataView;

  /**
   * Looks at `e_ident` alone.
   *
   * @throws {TypeError} If `bytes` is no `Uint8Array`.
   * @throws {ImageError} `empty`, `not-elf`, `truncated` or `unsupported`.
   */
  constructor(bytes: Uint8Array) {
    if (!(bytes instanceof Uint8Array)) {
      throw new TypeError(`Cannot load ${typeof bytes} as an ELF image: not a Uint8Array`);
    }
    if (bytes.length === 0) throw new ImageError("empty", "Cannot load the ELF image: it is empty");
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (bytes.length < 4 || this.#view.getUint32(0, true) !== ELF_MAGIC) {
      const start = [...bytes.subarray(0, 4)].map((byte) => byte.toString(16).padStart(2, "0"));
      throw new ImageError(
        "not-elf",
        `Cannot load an image that starts with ${
          start.join(" ")
        }: an ELF file starts with 7f 45 4c 46`,
      );
    }
    this.require(0, EI.SIZE, "the identification");
    const data = bytes[EI.DATA];
    if (data !== ELFDATA.LITTLE) {
      const what = data === ELFDATA.BIG ? "big-endian" : "unknown";
      throw unsupported("byte order", data, `${what}, the machine is little-endian`);
    }
    const fileClass = bytes[EI.CLASS];
    if (fileClass !== ELFCLASS.BITS_32 && fileClass !== ELFCLASS.BITS_64) {
      throw unsupported("class", fileClass, "neither 32-bit (1) nor 64-bit (2)");
    }
    this.shape = fileClass === ELFCLASS.BITS_64 ? ELF64 : ELF32;
  }

  /** Reads 16 bits at a checked offset. */
  u16(offset: number): number {
    return this.#view.getUint16(offset, true);
  }

  /** Reads 32 bits at a checked offset. */
  u32(offset: number): number {
    return this.#view.getUint32(offset, true);
  }

  /** Reads an address, offset or size at a checked offset. */
  word(offset: number): bigint {
    return this.shape.word === 8
      ? this.#view.getBigUint64(offset, true)
      : BigInt(this.#view.getUint32(offset, true));
  }

  /**
   * Checks that a range lies within the file.
   *
   * @param what Names it in the message.
   * @returns `offset` as a number.
   * @throws {ImageError} `truncated`.
   */
  require(offset: number | bigint, size: number | bigint, what: string): number {
    const end = BigInt(offset) + BigInt(size);
    if (end > BigInt(this.bytes.length)) {
      throw new ImageError(
        "truncated",
        `Cannot read ${what} at offset ${hex(offset)}: it ends at ${hex(end)}, ` +
          `the file at ${hex(this.bytes.length)}`,
      );
    }
    return Number(offset);
  }
}

/** An {@linkcode ImageError} about a field whose value asks for something else than this machine. */
export function unsupported(field: string, value: number, wrong: string): ImageError {
  return new ImageError(
    "unsupported",
    `Cannot load an ELF image of ${field} ${hex(value)}: ${wrong}`,
  );
}
