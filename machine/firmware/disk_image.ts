/**
 * A disk over given bytes: reads come from them, writes stay in an overlay.
 *
 * The bytes are never changed. {@linkcode DiskImage.contents} gives what the guest sees.
 */

import { type Disk, SECTOR } from "../bus/disk.ts";

export { SECTOR };

/** Cylinders, heads, sectors per track. */
export interface Geometry {
  readonly cylinders: number;
  readonly heads: number;
  readonly sectors: number;
}

/** `floppy` drives are 0x00 and up, `disk` drives 0x80 and up. */
export type DriveKind = "floppy" | "disk";

/** Sizes of formatted floppies in KiB, with the type that INT 13h gives them. */
const FLOPPIES: Readonly<Record<number, Geometry & { readonly type: number }>> = {
  160: { cylinders: 40, heads: 1, sectors: 8, type: 1 },
  180: { cylinders: 40, heads: 1, sectors: 9, type: 1 },
  320: { cylinders: 40, heads: 2, sectors: 8, type: 1 },
  360: { cylinders: 40, heads: 2, sectors: 9, type: 1 },
  720: { cylinders: 80, heads: 2, sectors: 9, type: 3 },
  1200: { cylinders: 80, heads: 2, sectors: 15, type: 2 },
  1440: { cylinders: 80, heads: 2, sectors: 18, type: 4 },
  2880: { cylinders: 80, heads: 2, sectors: 36, type: 5 },
};

/** Whether a file has exactly the size of a formatted floppy. */
export function isFloppySize(bytes: number): boolean {
  return bytes % 1024 === 0 && Object.hasOwn(FLOPPIES, bytes / 1024);
}

/** A sector that the guest wrote. */
export interface WrittenSector {
  readonly sector: number;
  readonly bytes: readonly number[];
}

/** A disk with its guest's writes. */
export class DiskImage implements Disk {
  readonly kind: DriveKind;
  readonly geometry: Geometry;
  /** INT 13h's type of a floppy drive; 0 for a hard disk. */
  readonly floppyType: number;
  /** Sectors in all; what the image lacks of the last one reads as 0. */
  readonly sectors: number;
  readonly #base: Uint8Array;
  /** Written sectors by number. */
  readonly #overlay = new Map<number, Uint8Array>();

  /** @param base Kept, not copied, not changed. */
  constructor(base: Uint8Array, kind: DriveKind) {
    this.kind = kind;
    this.#base = base;
    if (kind === "floppy") {
      // A short image is a floppy whose rest was not written down.
      const kib = Object.keys(FLOPPIES).map(Number).find((size) => size * 1024 >= base.length);
      const standard = isFloppySize(base.length) ? base.length / 1024 : Math.max(kib ?? 2880, 1440);
      const { type, ...geometry } = FLOPPIES[standard];
      this.geometry = geometry;
      this.floppyType = type;
      this.sectors = standard * 2;
    } else {
      this.sectors = Math.ceil(base.length / SECTOR);
      this.geometry = diskGeometry(base, this.sectors);
      this.floppyType = 0;
    }
  }

  /** Whether the guest has written anything. */
  get modified(): boolean {
    return this.#overlay.size > 0;
  }

  /** One sector; `undefined` beyond the end. A copy. */
  read(sector: number): Uint8Array | undefined {
    if (!(sector >= 0 && sector < this.sectors)) return undefined;
    const written = this.#overlay.get(sector);
    if (written !== undefined) return written.slice();
    const bytes = new Uint8Array(SECTOR);
    bytes.set(this.#base.subarray(sector * SECTOR, (sector + 1) * SECTOR));
    return bytes;
  }

  /** Writes a sector into the overlay. @returns Whether there is such a sector. */
  write(sector: number, bytes: Uint8Array): boolean {
    if (!(sector >= 0 && sector < this.sectors)) return false;
    const copy = new Uint8Array(SECTOR);
    copy.set(bytes.subarray(0, SECTOR));
    this.#overlay.set(sector, copy);
    return true;
  }

  /** The whole disk with the guest's writes: to save it. */
  contents(): Uint8Array {
    const last = Math.max(-1, ...this.#overlay.keys());
    const bytes = new Uint8Array(Math.max(this.#base.length, (last + 1) * SECTOR));
    bytes.set(this.#base);
    for (const [sector, written] of this.#overlay) bytes.set(written, sector * SECTOR);
    return bytes;
  }

  /** The written sectors in ascending order, for snapshots: plain data. */
  saveState(): readonly WrittenSector[] {
    return [...this.#overlay].sort(([a], [b]) => a - b)
      .map(([sector, bytes]) => ({ sector, bytes: [...bytes] }));
  }

  loadState(state: readonly WrittenSector[]): void {
    this.#overlay.clear();
    for (const { sector, bytes } of state) this.write(sector, Uint8Array.from(bytes));
  }
}

/**
 * The geometry that the first partition's end suggests, as partitioning tools of the same BIOS
 * left it; failing that 16 heads and 63 sectors, with more heads where 1024 cylinders would not do.
 */
function diskGeometry(base: Uint8Array, total: number): Geometry {
  if (base[510] === 0x55 && base[511] === 0xaa) {
    for (let entry = 0x1be; entry < 0x1fe; entry += 16) {
      const heads = base[entry + 5] + 1;
      const sectors = base[entry + 6] & 0x3f;
      const size = base[entry + 12] | base[entry + 13] << 8 | base[entry + 14] << 16 |
        base[entry + 15] << 24;
      if (size === 0 || base[entry + 5] === 0 || sectors === 0) continue;
      const cylinders = Math.floor(total / (heads * sectors));
      if (cylinders >= 1 && cylinders <= 1024) return { cylinders, heads, sectors };
    }
  }
  const sectors = 63;
  const heads = [16, 32, 64, 128].find((count) => total <= 1024 * count * sectors) ?? 255;
  const cylinders = Math.min(1024, Math.max(1, Math.ceil(total / (heads * sectors))));
  return { cylinders, heads, sectors };
}
