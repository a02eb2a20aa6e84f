/** What a drive remembers. */
import { SECTOR } from "../bus/disk.ts";
import {
  byte,
  byteText,
  type Checked,
  fields,
  flag,
  integer,
  list,
  nullable,
  timeNs,
} from "../bus/state_format.ts";
import { ATA_ERROR, ATA_GEOMETRY, ATA_MAX_MULTIPLE, ATA_READY } from "./ata_spec.ts";

/** A drive's saved state; the disk's bytes are not part of it. */
export const ATA_DRIVE_STATE = fields({
  /** By offset: features, count, LBA low, mid, high; each with the byte before it in bits 15:8. */
  registers: list(integer(0, 0xffff), 6, 6),
  device: byte,
  error: byte,
  status: byte,
  /** The command under way, or the last one. */
  command: byte,
  /** INTRQ, whether or not anybody listens. */
  interrupt: flag,
  /** The next sector, and how many are left, this block's included. */
  next: integer(0, 2 ** 48),
  left: integer(0, 0x1_0000),
  /** The block that is moving, one character per byte. */
  block: byteText,
  position: integer(0, ATA_MAX_MULTIPLE * SECTOR),
  multiple: integer(0, ATA_MAX_MULTIPLE),
  heads: integer(1, 16),
  sectors: integer(0, 255),
  /** When BSY ends. */
  dueNs: nullable(timeNs),
});

/** Its type. */
export type AtaDriveState = Checked<typeof ATA_DRIVE_STATE>;

/** A drive after power-on: ready, with a disk's signature in its registers. */
export function powerOn(): Omit<AtaDriveState, "block" | "dueNs"> {
  return {
    registers: [0, 0, 1, 1, 0, 0],
    device: 0,
    error: ATA_ERROR.DIAGNOSTIC_PASSED,
    status: ATA_READY,
    command: 0,
    interrupt: false,
    next: 0,
    left: 0,
    position: 0,
    multiple: ATA_MAX_MULTIPLE,
    heads: ATA_GEOMETRY.heads,
    sectors: ATA_GEOMETRY.sectors,
  };
}
