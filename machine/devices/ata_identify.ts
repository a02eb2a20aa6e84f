/** What a drive says about itself: the 256 words of IDENTIFY DEVICE. */
import { ATA_GEOMETRY, ATA_MAX_MULTIPLE } from "./ata_spec.ts";

const MAX_28_BIT = 0x0fff_ffff;

/** What may be different from drive to drive. */
export interface AtaIdentity {
  /** Sectors in all. */
  readonly total: number;
  /** The serial number's last character. */
  readonly number: number;
  /** Heads and sectors per track of the current translation. */
  readonly heads: number;
  readonly sectors: number;
  /** Sectors in a block of READ MULTIPLE; 0: not allowed. */
  readonly multiple: number;
}

/** @see ATA/ATAPI-6, "IDENTIFY DEVICE" @returns 512 bytes. */
export function identifyData(identity: AtaIdentity): Uint8Array {
  const { total, number, heads, sectors, multiple } = identity;
  const words = new Uint16Array(256);
  const double = (at: number, value: number) => {
    words[at] = value & 0xffff;
    words[at + 1] = value >>> 16;
  };
  words[0] = 0x0040; // A fixed disk.
  words[1] = cylindersOf(total, ATA_GEOMETRY.heads, ATA_GEOMETRY.sectors);
  words[3] = ATA_GEOMETRY.heads;
  words[6] = ATA_GEOMETRY.sectors;
  text(words, 10, 10, `R0${String(number).padStart(5, "0")}`);
  text(words, 23, 4, "1.0");
  text(words, 27, 20, "RING0 HARDDISK");
  words[47] = 0x8000 | ATA_MAX_MULTIPLE;
  words[49] = 0x0200; // LBA; no DMA.
  words[50] = 0x4000;
  words[53] = 0x0003; // Words 54–58 and 64–70 are valid.
  words[54] = cylindersOf(total, heads, sectors);
  words[55] = heads;
  words[56] = sectors;
  double(57, words[54] * heads * sectors);
  words[59] = multiple === 0 ? 0 : 0x0100 | multiple;
  double(60, Math.min(total, MAX_28_BIT));
  words[64] = 0x0003; // PIO modes 3 and 4, of 120 ns.
  words[67] = words[68] = 120;
  words[80] = 0x007e; // ATA-1 to ATA/ATAPI-6.
  words[82] = words[85] = 0x0020; // Write cache.
  words[83] = 0x7400; // FLUSH CACHE, FLUSH CACHE EXT, 48-bit addresses.
  words[86] = 0x3400;
  words[84] = words[87] = 0x4000;
  words[93] = 0x6001;
  double(100, total >>> 0);
  words[102] = Math.floor(total / 2 ** 32) & 0xffff;
  return new Uint8Array(words.buffer);
}

/** Whole cylinders of a translation. */
export function cylindersOf(total: number, heads: number, sectors: number): number {
  return Math.min(ATA_GEOMETRY.maxCylinders, Math.max(1, Math.floor(total / (heads * sectors))));
}

/** Text lies in words with its first character in the high byte, padded with blanks. */
function text(words: Uint16Array, at: number, count: number, value: string): void {
  const padded = value.padEnd(2 * count);
  for (let i = 0; i < count; i++) {
    words[at + i] = padded.charCodeAt(2 * i) << 8 | padded.charCodeAt(2 * i + 1);
  }
}
