/** The drives that INT 13h knows, by number. */
import type { DiskImage } from "./disk_image.ts";

/** Floppies from 0x00, hard disks from 0x80. */
export class Drives {
  readonly #drives = new Map<number, DiskImage>();
  /** What INT 19h starts from. */
  bootDrive = 0x80;

  /** Attaches a disk as the next drive of its kind. @returns Its number. */
  attach(image: DiskImage): number {
    const number = (image.kind === "floppy" ? 0 : 0x80) + this.count(image.kind);
    this.#drives.set(number, image);
    return number;
  }

  clear(): void {
    this.#drives.clear();
  }

  get(number: number): DiskImage | undefined {
    return this.#drives.get(number);
  }

  count(kind: DiskImage["kind"]): number {
    return [...this.#drives.values()].filter((drive) => drive.kind === kind).length;
  }

  /** All with their numbers. */
  all(): readonly (readonly [number: number, image: DiskImage])[] {
    return [...this.#drives];
  }
}
