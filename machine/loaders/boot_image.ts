/**
 * Finds out what an image is, for people who say only "boot this".
 *
 * | first bytes | taken for |
 * |---|---|
 * | a Multiboot header | a kernel for such a loader: an ELF file or with addresses of its own |
 * | 7F `ELF` | an executable |
 * | … 55 AA at 510 | a disk: a floppy if it is as large as one, else a hard disk |
 */
import { ImageError } from "./image_error.ts";
import { findMultiboot } from "./multiboot.ts";

/** What an image is. */
export type ImageKind = "elf" | "multiboot" | "disk" | "floppy";

const ELF_MAGIC = [0x7f, 0x45, 0x4c, 0x46] as const;
const SECTOR = 512;
const SIGNATURE_AT = 510;
/** In bytes: the formats that drives of a PC have. */
const FLOPPY_SIZES: readonly number[] = [160, 180, 320, 360, 720, 1200, 1440, 2880].map((kib) =>
  kib * 1024
);

/** Whether bytes start as an ELF file does. */
export function isElf(bytes: Uint8Array): boolean {
  return ELF_MAGIC.every((byte, i) => bytes[i] === byte);
}

/**
 * What an image is.
 *
 * @throws {ImageError} `empty`, `truncated`, `no-boot-signature`.
 * @throws {TypeError} If `bytes` is no `Uint8Array`.
 */
export function imageKind(bytes: Uint8Array): ImageKind {
  if (!(bytes instanceof Uint8Array)) {
    throw new TypeError(`Cannot boot ${typeof bytes}: not a Uint8Array`);
  }
  if (bytes.length === 0) throw new ImageError("empty", "Cannot boot the image: it is empty");
  // A disk may hold a Multiboot kernel near its start: its boot sector decides.
  const multiboot = findMultiboot(bytes);
  if (isElf(bytes)) return multiboot === undefined ? "elf" : "multiboot";
  if (multiboot?.addresses !== undefined && !hasBootSignature(bytes)) return "multiboot";
  checkBootSector(bytes);
  return FLOPPY_SIZES.includes(bytes.length) ? "floppy" : "disk";
}

function hasBootSignature(bytes: Uint8Array): boolean {
  return bytes.length >= SECTOR && bytes[SIGNATURE_AT] === 0x55 && bytes[SIGNATURE_AT + 1] === 0xaa;
}

/** @throws {ImageError} If there is no boot sector in `bytes`. */
export function checkBootSector(bytes: Uint8Array): void {
  if (bytes.length < SECTOR) {
    throw new ImageError(
      "truncated",
      `Cannot boot ${bytes.length} bytes: neither an ELF file nor one sector (512 bytes) of a disk`,
    );
  }
  const signature = bytes[SIGNATURE_AT] | bytes[SIGNATURE_AT + 1] << 8;
  if (signature !== 0xaa55) {
    throw new ImageError(
      "no-boot-signature",
      `Cannot boot a disk whose first sector ends in 0x${signature.toString(16)}: ` +
        "the signature 0xaa55 (bytes 55 aa at 510) is missing, and it is no ELF file",
    );
  }
}
