/** A disk as a controller sees it: numbered sectors, wherever their bytes are. */

/** Bytes in a sector. */
export const SECTOR = 512;

/** Numbered sectors from 0. */
export interface Disk {
  /** Sectors in all. */
  readonly sectors: number;
  /** One sector, {@linkcode SECTOR} bytes, a copy; `undefined` beyond the end. */
  read(sector: number): Uint8Array | undefined;
  /** Writes one sector. @returns Whether there is such a sector. */
  write(sector: number, bytes: Uint8Array): boolean;
}
