/** The drives that INT 13h knows, by number. */
import type { DiskImage, WrittenSector } from "./disk_image.ts";

/** What guests wrote, by drive; the images themselves are not part of it. */
export interface DrivesState {
  readonly bootDrive: number;
  readonly drives: readonly {
    readonly number: number;
    readonly written: readonly WrittenSector[];
  }[];
}

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

  /** The hard disks in order: what hangs on the ATA channels. */
  disks(): readonly DiskImage[] {
    return [...this.#drives.values()].filter((drive) => drive.kind === "disk");
  }

  count(kind: DiskImage["kind"]): number {
    return [...this.#drives.values()].filter((drive) => drive.kind === kind).length;
  }

  /** All with their numbers. */
  all(): readonly (readonly [number: number, image: DiskImage])[] {
    return [...this.#drives];
  }

  saveState(): DrivesState {
    const drives = this.all().map(([number, image]) => ({ number, written: image.saveState() }));
    return { bootDrive: this.bootDrive, drives };
  }

  /** @throws {RangeError} If a drive is not attached; nothing has changed then. */
  loadState({ bootDrive, drives }: DrivesState): void {
    const missing = drives.find(({ number }) => !this.#drives.has(number));
    if (missing !== undefined) {
      throw new RangeError(
        `Cannot restore: drive 0x${
          missing.number.toString(16)
        } is not attached, boot its image first`,
      );
    }
    this.bootDrive = bootDrive;
    for (const { number, written } of drives) this.#drives.get(number)!.loadState(written);
  }
}
