/**
 * INT 13h: disks.
 *
 * | AH | what | | AH | what |
 * |---|---|---|---|---|
 * | 00h, 0Dh | reset | | 10h | drive ready? |
 * | 01h | status of the last call | | 11h | recalibrate |
 * | 02h, 03h | read, write | | 14h | diagnostic |
 * | 04h | verify | | 15h | type |
 * | 05h | format (fills with F6h) | | 16h | changed? |
 * | 08h | parameters | | 41h–48h | see `disk_extended.ts` |
 * | 09h, 0Ch | set parameters, seek | | | |
 *
 * A call takes no time: the data is there when it returns.
 *
 * @see IBM PS/2 and PC BIOS Interface Technical Reference, "Interrupt 13h"
 */
import { BDA } from "../bda.ts";
import type { BiosCall } from "../bios_call.ts";
import { type DiskImage, SECTOR } from "../disk_image.ts";
import { ROM_SEGMENT, ROM_TABLE } from "../rom.ts";
import { extendedDiskService } from "./disk_extended.ts";

/** Values of AH on return. */
export const DISK_STATUS = {
  OK: 0x00,
  BAD_COMMAND: 0x01,
  SECTOR_NOT_FOUND: 0x04,
  TIMEOUT: 0x80,
} as const;

/** Ends a call: AH, CF and the status byte of the data area. */
export function finishDisk(call: BiosCall, status: number): void {
  const { cpu, memory } = call;
  cpu.ah = status;
  call.carry = status !== DISK_STATUS.OK;
  memory.setU8((cpu.dl & 0x80) !== 0 ? BDA.DISK_STATUS : BDA.FLOPPY_STATUS, status);
}

export function diskService(call: BiosCall): void {
  const { cpu, memory } = call;
  const command = cpu.ah;
  const drive = call.drives.get(cpu.dl);
  if (command === 0x01) {
    const status = memory.u8((cpu.dl & 0x80) !== 0 ? BDA.DISK_STATUS : BDA.FLOPPY_STATUS);
    cpu.ah = status;
    call.carry = status !== 0;
    return;
  }
  if (command === 0x08) return driveParameters(call, drive);
  if (command === 0x15) return driveType(call, drive);
  if (drive === undefined) {
    const answer = command === 0x00 && (cpu.dl & 0x80) === 0
      ? DISK_STATUS.OK
      : (cpu.dl & 0x80) !== 0
      ? DISK_STATUS.BAD_COMMAND
      : DISK_STATUS.TIMEOUT;
    return finishDisk(call, answer);
  }
  switch (command) {
    case 0x00:
    case 0x09:
    case 0x0c:
    case 0x0d:
    case 0x10:
    case 0x11:
    case 0x14:
    case 0x16:
      return finishDisk(call, DISK_STATUS.OK);
    case 0x02:
    case 0x03:
    case 0x04:
      return transfer(call, drive, command);
    case 0x05:
      return formatTrack(call, drive);
    default:
      if (command >= 0x41 && command <= 0x49) return extendedDiskService(call, drive);
      call.reportUnsupported(0x13);
      return finishDisk(call, DISK_STATUS.BAD_COMMAND);
  }
}

/** Number of the first sector that CX and DH name; -1 if there is none. */
function firstSector(call: BiosCall, { geometry }: DiskImage): number {
  const { cl, ch, dh } = call.cpu;
  const cylinder = ch | (cl & 0xc0) << 2;
  const sector = cl & 0x3f;
  if (sector === 0 || sector > geometry.sectors) return -1;
  if (dh >= geometry.heads || cylinder >= geometry.cylinders) return -1;
  return (cylinder * geometry.heads + dh) * geometry.sectors + sector - 1;
}

function transfer(call: BiosCall, drive: DiskImage, command: number): void {
  const { cpu } = call;
  const count = cpu.al;
  const first = firstSector(call, drive);
  if (count === 0 || count > 128 || first < 0) return finishDisk(call, DISK_STATUS.BAD_COMMAND);
  const done = moveSectors(call, drive, command, first, count, call.linear("es", cpu.bx));
  cpu.al = done;
  finishDisk(call, done === count ? DISK_STATUS.OK : DISK_STATUS.SECTOR_NOT_FOUND);
}

/**
 * Reads (02h), writes (03h) or verifies sectors.
 *
 * @param address Linear.
 * @returns How many there were.
 */
export function moveSectors(
  call: BiosCall,
  drive: DiskImage,
  command: number,
  first: number,
  count: number,
  address: number,
): number {
  for (let i = 0; i < count; i++) {
    const at = address + i * SECTOR;
    if (command === 0x03) {
      if (!drive.write(first + i, call.read(at, SECTOR))) return i;
      continue;
    }
    const bytes = drive.read(first + i);
    if (bytes === undefined) return i;
    if (command === 0x02) call.write(at, bytes);
  }
  return count;
}

function formatTrack(call: BiosCall, drive: DiskImage): void {
  const { cpu } = call;
  cpu.cl = cpu.cl & 0xc0 | 1;
  const first = firstSector(call, drive);
  if (first < 0) return finishDisk(call, DISK_STATUS.BAD_COMMAND);
  const blank = new Uint8Array(SECTOR).fill(0xf6);
  for (let i = 0; i < drive.geometry.sectors; i++) drive.write(first + i, blank);
  finishDisk(call, DISK_STATUS.OK);
}

function driveParameters(call: BiosCall, drive: DiskImage | undefined): void {
  const { cpu, drives } = call;
  const hard = (cpu.dl & 0x80) !== 0;
  const count = drives.count(hard ? "disk" : "floppy");
  if (drive === undefined) {
    finishDisk(call, hard ? 0x07 : DISK_STATUS.OK);
    cpu.cx = 0;
    cpu.dx = count;
    cpu.bx = 0;
    return;
  }
  const { cylinders, heads, sectors } = drive.geometry;
  const last = cylinders - 1;
  finishDisk(call, DISK_STATUS.OK);
  cpu.al = 0;
  cpu.ch = last & 0xff;
  cpu.cl = last >> 2 & 0xc0 | sectors;
  cpu.dh = heads - 1;
  cpu.dl = count;
  if (!hard) {
    cpu.bx = drive.floppyType;
    call.setSegment("es", ROM_SEGMENT);
    cpu.di = ROM_TABLE.FLOPPY_PARAMETERS;
  }
}

function driveType(call: BiosCall, drive: DiskImage | undefined): void {
  const { cpu } = call;
  if (drive === undefined) {
    cpu.ah = 0;
    call.carry = (cpu.dl & 0x80) !== 0;
    return;
  }
  finishDisk(call, DISK_STATUS.OK);
  cpu.ah = drive.kind === "disk" ? 3 : 1;
  if (drive.kind === "disk") {
    cpu.cx = drive.sectors >>> 16;
    cpu.dx = drive.sectors & 0xffff;
  }
}
