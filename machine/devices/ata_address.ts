/** Sector numbers in a drive's registers: CHS, 28 and 48 bits. */
import { ATA_DEVICE, ATA_REGISTER as REGISTER } from "./ata_spec.ts";

/** The registers of an address, and the translation that CHS goes by. */
export interface AtaAddress {
  /** By offset, with the byte before in bits 15:8. */
  readonly registers: number[];
  device: number;
  readonly heads: number;
  readonly sectors: number;
}

/** @param extended A 48-bit command's. @returns The sector; `Infinity` if CHS names none. */
export function sectorOf(address: AtaAddress, extended: boolean): number {
  const { registers, device, heads, sectors } = address;
  const [, , , low, mid, high] = registers;
  if (extended) {
    return (low & 0xff) + (mid & 0xff) * 2 ** 8 + (high & 0xff) * 2 ** 16 +
      (low >> 8) * 2 ** 24 + (mid >> 8) * 2 ** 32 + (high >> 8) * 2 ** 40;
  }
  const head = device & ATA_DEVICE.HEAD;
  const middle = mid & 0xff | (high & 0xff) << 8;
  if ((device & ATA_DEVICE.LBA) !== 0) return low & 0xff | middle << 8 | head << 24;
  const sector = low & 0xff;
  if (sector === 0 || sector > sectors || head >= heads) return Infinity;
  return (middle * heads + head) * sectors + sector - 1;
}

/** Puts a sector's number into the registers, in the form that they have. */
export function showSector(address: AtaAddress, extended: boolean, sector: number): void {
  const { registers, heads, sectors } = address;
  const at = (shift: number) => Math.floor(sector / 2 ** shift) & 0xff;
  if (extended) {
    registers[REGISTER.LBA_LOW] = at(24) << 8 | at(0);
    registers[REGISTER.LBA_MID] = at(32) << 8 | at(8);
    registers[REGISTER.LBA_HIGH] = at(40) << 8 | at(16);
    return;
  }
  let head = at(24);
  if ((address.device & ATA_DEVICE.LBA) !== 0) {
    registers[REGISTER.LBA_LOW] = at(0);
    registers[REGISTER.LBA_MID] = at(8);
    registers[REGISTER.LBA_HIGH] = at(16);
  } else {
    const track = Math.floor(sector / sectors);
    const cylinder = Math.floor(track / heads);
    head = track % heads;
    registers[REGISTER.LBA_LOW] = sector % sectors + 1;
    registers[REGISTER.LBA_MID] = cylinder & 0xff;
    registers[REGISTER.LBA_HIGH] = cylinder >> 8 & 0xff;
  }
  address.device = address.device & ~ATA_DEVICE.HEAD | head & ATA_DEVICE.HEAD;
}
