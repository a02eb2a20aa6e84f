/**
 * INT 13h, the extensions for disks addressed by sector number.
 *
 * 41h present? · 42h read · 43h write · 44h verify · 47h seek · 48h parameters. For hard disks.
 *
 * @see Phoenix Enhanced Disk Drive Specification, version 3.0
 */
import type { BiosCall } from "../bios_call.ts";
import { type DiskImage, SECTOR } from "../disk_image.ts";
import { DISK_STATUS, finishDisk, moveSectors } from "./disk.ts";

const SIGNATURE = 0x55aa;
const MAGIC = 0xaa55;
const VERSION_30 = 0x30;
/** Fixed disk access, and enhanced disk drive support. */
const INTERFACES = 0x05;
/** Geometry is valid. */
const GEOMETRY_VALID = 0x02;

/** Offsets in the disk address packet. */
const PACKET = { SIZE: 0, COUNT: 2, BUFFER: 4, SEGMENT: 6, SECTOR: 8, FLAT_BUFFER: 16 } as const;

export function extendedDiskService(call: BiosCall, drive: DiskImage): void {
  const { cpu } = call;
  if (drive.kind !== "disk") return finishDisk(call, DISK_STATUS.BAD_COMMAND);
  switch (cpu.ah) {
    case 0x41:
      if (cpu.bx !== SIGNATURE) return finishDisk(call, DISK_STATUS.BAD_COMMAND);
      finishDisk(call, DISK_STATUS.OK);
      cpu.bx = MAGIC;
      cpu.ah = VERSION_30;
      cpu.cx = INTERFACES;
      return;
    case 0x42:
    case 0x43:
    case 0x44:
    case 0x47:
      return packetTransfer(call, drive, cpu.ah);
    case 0x48:
      return parameters(call, drive);
    default:
      call.reportUnsupported(0x13);
      return finishDisk(call, DISK_STATUS.BAD_COMMAND);
  }
}

function packetTransfer(call: BiosCall, drive: DiskImage, command: number): void {
  const { cpu, memory } = call;
  const packet = call.linear("ds", cpu.si);
  const size = memory.u8(packet + PACKET.SIZE);
  if (size < 16) return finishDisk(call, DISK_STATUS.BAD_COMMAND);
  const count = memory.u16(packet + PACKET.COUNT);
  const first = Number(memory.u64(packet + PACKET.SECTOR));
  const offset = memory.u16(packet + PACKET.BUFFER);
  const segment = memory.u16(packet + PACKET.SEGMENT);
  const address = segment === 0xffff && offset === 0xffff && size >= 24
    ? Number(memory.u64(packet + PACKET.FLAT_BUFFER))
    : segment * 16 + offset;
  if (first + count > drive.sectors) {
    call.write(packet + PACKET.COUNT, Uint8Array.of(0, 0));
    return finishDisk(call, DISK_STATUS.BAD_COMMAND);
  }
  if (command !== 0x47) {
    const kind = command === 0x42 ? 0x02 : command === 0x43 ? 0x03 : 0x04;
    moveSectors(call, drive, kind, first, count, address);
  }
  finishDisk(call, DISK_STATUS.OK);
}

function parameters(call: BiosCall, drive: DiskImage): void {
  const { cpu, memory } = call;
  const at = call.linear("ds", cpu.si);
  const size = memory.u16(at);
  if (size < 26) return finishDisk(call, DISK_STATUS.BAD_COMMAND);
  const length = size < 30 ? 26 : 30;
  const record = new DataView(new ArrayBuffer(30));
  record.setUint16(0, length, true);
  record.setUint16(2, GEOMETRY_VALID, true);
  record.setUint32(4, drive.geometry.cylinders, true);
  record.setUint32(8, drive.geometry.heads, true);
  record.setUint32(12, drive.geometry.sectors, true);
  record.setBigUint64(16, BigInt(drive.sectors), true);
  record.setUint16(24, SECTOR, true);
  record.setUint32(26, 0xffff_ffff, true);
  call.write(at, new Uint8Array(record.buffer, 0, length));
  finishDisk(call, DISK_STATUS.OK);
}
