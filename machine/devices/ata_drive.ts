/**
 * One ATA disk at a channel: its copy of the registers, and its commands.
 *
 * 1. A command sets BSY. After {@linkcode ATA_COMMAND_NS} it is done, or data may flow (DRQ).
 * 2. Data in: each block is announced by DRQ and an interrupt; when the last byte of the last one
 *    has been read there is no further interrupt.
 * 3. Data out: the first block is asked for by DRQ alone; each block taken is followed by BSY, the
 *    write, and an interrupt, with DRQ when there is another.
 * 4. An error sets ERR, tells the cause in the error register, interrupts, and ends the command;
 *    the address registers then name the sector and the count what was left.
 *
 * A block is one sector, or with READ/WRITE MULTIPLE up to as many as SET MULTIPLE said.
 */
import { type Disk, SECTOR } from "../bus/disk.ts";
import type { Alarm, Clock } from "../clock.ts";
import { sectorOf, showSector } from "./ata_address.ts";
import { type AtaDriveState, powerOn } from "./ata_state.ts";
import { identifyData } from "./ata_identify.ts";
import {
  ATA_COMMAND as COMMAND,
  ATA_COMMAND_NS,
  ATA_DEVICE,
  ATA_ERROR,
  ATA_EXTENDED,
  ATA_FEATURES,
  ATA_HARMLESS,
  ATA_MAX_MULTIPLE,
  ATA_MULTIPLE,
  ATA_READY as READY,
  ATA_REGISTER as REGISTER,
  ATA_RESET_NS,
  ATA_STATUS as STATUS,
  ATA_WRITES,
} from "./ata_spec.ts";

/** What a drive is wired to. */
export interface AtaDriveWiring {
  readonly clock: Clock;
  readonly name: string;
  /** 0 or 1. */
  readonly number: number;
  /** INTRQ has changed. */
  readonly changed: () => void;
}

/** A drive, or the empty place for one. */
export class AtaDrive {
  /** `undefined`: nothing is plugged in. */
  disk: Disk | undefined;
  readonly #alarm: Alarm;
  #s = powerOn();
  #block: Uint8Array = new Uint8Array(0);

  constructor(readonly wiring: AtaDriveWiring) {
    this.#alarm = wiring.clock.alarm(wiring.name, () => this.#due());
  }

  get status(): number {
    return this.#s.status;
  }

  get interrupt(): boolean {
    return this.#s.interrupt;
  }

  /** A register by its offset. @param before The byte before the last one written (HOB). */
  register(offset: number, before: boolean): number {
    const s = this.#s;
    if (offset === REGISTER.DEVICE) return s.device | ATA_DEVICE.OBSOLETE;
    if (offset === REGISTER.ERROR_FEATURES) return s.error;
    return before ? s.registers[offset] >> 8 : s.registers[offset] & 0xff;
  }

  /** Both drives of a channel hear every write. */
  setRegister(offset: number, value: number): void {
    const s = this.#s;
    if ((s.status & STATUS.BSY) !== 0 && offset !== REGISTER.DEVICE) return;
    if (offset === REGISTER.DEVICE) s.device = value;
    else s.registers[offset] = (s.registers[offset] & 0xff) << 8 | value;
  }

  /** The host has read the status register. */
  acknowledge(): void {
    this.#interrupt(false);
  }

  /** Starts a command; one that is under way goes on undisturbed. */
  start(command: number): void {
    const s = this.#s;
    if ((s.status & STATUS.BSY) !== 0) return;
    s.command = command;
    s.error = 0;
    s.position = s.left = 0;
    this.#block = new Uint8Array(0);
    this.#interrupt(false);
    this.#busy(ATA_COMMAND_NS);
  }

  /** Software reset is asserted. */
  holdReset(): void {
    this.#alarm.disarm();
    this.#block = new Uint8Array(0);
    this.#s.status = STATUS.BSY;
    this.#interrupt(false);
  }

  /** Software reset is over. */
  endReset(): void {
    this.#s.command = COMMAND.EXECUTE_DIAGNOSTIC;
    this.#sign();
    this.#s.status = STATUS.BSY;
    this.#alarm.armIn(ATA_RESET_NS);
  }

  /** The RESET wire, and power: ready at once. */
  reset(): void {
    this.#alarm.disarm();
    this.#block = new Uint8Array(0);
    this.#s = powerOn();
    this.wiring.changed();
  }

  /** Two bytes of the block that is moving; 0 when there is none. */
  readData(): number {
    const s = this.#s;
    if ((s.status & STATUS.DRQ) === 0 || this.#isWrite) return 0;
    const value = this.#block[s.position] | this.#block[s.position + 1] << 8;
    this.#advance();
    return value;
  }

  /** @param value Two bytes. */
  writeData(value: number): void {
    const s = this.#s;
    if ((s.status & STATUS.DRQ) === 0 || !this.#isWrite) return;
    this.#block[s.position] = value;
    this.#block[s.position + 1] = value >> 8;
    this.#advance();
  }

  saveState(): AtaDriveState {
    const { atNs } = this.#alarm;
    return {
      ...this.#s,
      block: Array.from(this.#block, (value) => String.fromCharCode(value)).join(""),
      dueNs: atNs === Infinity ? null : atNs,
    };
  }

  /** @param state Checked. */
  loadState({ block, dueNs, ...rest }: AtaDriveState): void {
    this.#s = rest;
    this.#block = Uint8Array.from(block, (character) => character.charCodeAt(0));
    this.#alarm.armAt(dueNs ?? Infinity);
  }

  get #isWrite(): boolean {
    return ATA_WRITES.includes(this.#s.command);
  }

  /** Whether the command uses both bytes of each register. */
  get #isExtended(): boolean {
    return ATA_EXTENDED.includes(this.#s.command);
  }

  #interrupt(level: boolean): void {
    this.#s.interrupt = level;
    this.wiring.changed();
  }

  #busy(ns: number): void {
    this.#s.status = STATUS.BSY | STATUS.DRDY;
    this.#alarm.armIn(ns);
  }

  #complete(): void {
    this.#s.status = READY;
    this.#interrupt(true);
  }

  #fail(error: number): void {
    this.#s.error = error;
    this.#s.status = READY | STATUS.ERR;
    this.#interrupt(true);
  }

  /** BSY has lasted long enough. */
  #due(): void {
    const s = this.#s;
    if (s.position > 0) return this.#blockEnded();
    switch (s.command) {
      case COMMAND.IDENTIFY:
        return this.#offer(this.#identify());
      case COMMAND.READ_SECTORS:
      case COMMAND.READ_SECTORS_NO_RETRY:
      case COMMAND.READ_SECTORS_EXT:
      case COMMAND.READ_MULTIPLE:
      case COMMAND.READ_MULTIPLE_EXT:
        return this.#begin() ? this.#readBlock() : undefined;
      case COMMAND.WRITE_SECTORS:
      case COMMAND.WRITE_SECTORS_NO_RETRY:
      case COMMAND.WRITE_SECTORS_EXT:
      case COMMAND.WRITE_MULTIPLE:
      case COMMAND.WRITE_MULTIPLE_EXT:
        return this.#begin() ? this.#askForBlock() : undefined;
      case COMMAND.EXECUTE_DIAGNOSTIC:
        s.status = READY;
        return;
      default:
        return this.#withoutData();
    }
  }

  /** Commands that move no data. */
  #withoutData(): void {
    const s = this.#s;
    const count = s.registers[REGISTER.COUNT] & 0xff;
    switch (s.command) {
      case COMMAND.SET_MULTIPLE:
        if (count > ATA_MAX_MULTIPLE || (count & count - 1) !== 0) break;
        s.multiple = count;
        return this.#complete();
      case COMMAND.INITIALIZE_PARAMETERS:
        s.heads = (s.device & ATA_DEVICE.HEAD) + 1;
        s.sectors = count;
        return this.#complete();
      case COMMAND.SET_FEATURES:
        if (!ATA_FEATURES.includes(s.registers[REGISTER.ERROR_FEATURES] & 0xff)) break;
        return this.#complete();
      case COMMAND.CHECK_POWER_MODE:
        s.registers[REGISTER.COUNT] = 0xff; // Active.
        return this.#complete();
      case COMMAND.READ_NATIVE_MAX:
      case COMMAND.READ_NATIVE_MAX_EXT:
        s.device |= ATA_DEVICE.LBA;
        this.#showAddress((this.disk?.sectors ?? 1) - 1);
        return this.#complete();
      case COMMAND.READ_VERIFY:
      case COMMAND.READ_VERIFY_NO_RETRY:
      case COMMAND.READ_VERIFY_EXT:
        return this.#verify();
      case COMMAND.SEEK:
        if (this.#address() < (this.disk?.sectors ?? 0)) return this.#complete();
        return this.#fail(ATA_ERROR.IDNF);
      default:
        if ((s.command & 0xf0) === COMMAND.RECALIBRATE || ATA_HARMLESS.includes(s.command)) {
          return this.#complete();
        }
    }
    this.#fail(ATA_ERROR.ABRT);
  }

  /** Takes address and count out of the registers. @returns Whether the command may go on. */
  #begin(): boolean {
    const s = this.#s;
    if (ATA_MULTIPLE.includes(s.command) && s.multiple === 0) {
      this.#fail(ATA_ERROR.ABRT);
      return false;
    }
    const count = s.registers[REGISTER.COUNT];
    s.next = this.#address();
    s.left = this.#isExtended ? count || 0x1_0000 : count & 0xff || 0x100;
    if (s.next >= 0 && s.next <= 2 ** 48) return true;
    s.next = 0;
    this.#fail(ATA_ERROR.IDNF);
    return false;
  }

  /** The sector that the registers name; `Infinity` if there is none. */
  #address(): number {
    return sectorOf(this.#s, this.#isExtended);
  }

  /** Puts a sector's address into the registers, and what is left into the count. */
  #showAddress(sector: number): void {
    const s = this.#s;
    showSector(s, this.#isExtended, sector);
    s.registers[REGISTER.COUNT] = s.left & 0xffff;
  }

  /** Sectors in the block to come. */
  get #blockSectors(): number {
    const { command, multiple, left } = this.#s;
    return Math.min(left, ATA_MULTIPLE.includes(command) ? multiple : 1);
  }

  /** Ends the command at a sector that does not exist. */
  #notFound(sector: number): void {
    this.#showAddress(sector);
    this.#fail(ATA_ERROR.IDNF);
  }

  #readBlock(): void {
    const s = this.#s;
    const block = new Uint8Array(this.#blockSectors * SECTOR);
    for (let i = 0; i * SECTOR < block.length; i++) {
      const bytes = this.disk?.read(s.next + i);
      if (bytes === undefined) return this.#notFound(s.next + i);
      block.set(bytes, i * SECTOR);
    }
    this.#offer(block);
  }

  /** Data in: DRQ and an interrupt. */
  #offer(block: Uint8Array): void {
    this.#block = block;
    this.#s.position = 0;
    this.#s.status = READY | STATUS.DRQ;
    this.#interrupt(true);
  }

  /** Data out: DRQ. */
  #askForBlock(): void {
    this.#block = new Uint8Array(this.#blockSectors * SECTOR);
    this.#s.position = 0;
    this.#s.status = READY | STATUS.DRQ;
  }

  /** Two bytes have moved. */
  #advance(): void {
    const s = this.#s;
    s.position += 2;
    if (s.position < this.#block.length) return;
    if (this.#isWrite || s.left > this.#blockSectors) return this.#busy(ATA_COMMAND_NS);
    if (s.command !== COMMAND.IDENTIFY) this.#finishBlock();
    s.position = 0;
    s.status = READY;
  }

  #finishBlock(): void {
    const s = this.#s;
    const count = this.#block.length / SECTOR;
    s.next += count;
    s.left -= count;
    this.#showAddress(s.next - 1);
  }

  /** The block has moved; what now? */
  #blockEnded(): void {
    const s = this.#s;
    if (!this.#isWrite) {
      this.#finishBlock();
      return this.#readBlock();
    }
    for (let i = 0; i * SECTOR < this.#block.length; i++) {
      const bytes = this.#block.subarray(i * SECTOR, (i + 1) * SECTOR);
      if (!this.disk?.write(s.next + i, bytes)) {
        s.position = 0;
        return this.#notFound(s.next + i);
      }
    }
    this.#finishBlock();
    s.position = 0;
    if (s.left === 0) return this.#complete();
    this.#askForBlock();
    this.#interrupt(true);
  }

  #verify(): void {
    if (!this.#begin()) return;
    const s = this.#s;
    const total = this.disk?.sectors ?? 0;
    if (s.next + s.left > total) {
      const missing = Math.max(total, s.next);
      s.left -= missing - s.next;
      return this.#notFound(missing);
    }
    const last = s.next + s.left - 1;
    s.left = 0;
    this.#showAddress(last);
    this.#complete();
  }

  #identify(): Uint8Array {
    const { heads, sectors, multiple } = this.#s;
    const total = this.disk?.sectors ?? 0;
    return identifyData({ total, number: this.wiring.number + 1, heads, sectors, multiple });
  }

  /** EXECUTE DEVICE DIAGNOSTIC, which both drives obey whichever is selected. */
  diagnose(): void {
    this.#alarm.disarm();
    this.#block = new Uint8Array(0);
    this.#sign();
    this.#complete();
  }

  /** The signature of an ATA disk. */
  #sign(): void {
    Object.assign(this.#s, { position: 0, left: 0, device: 0, error: ATA_ERROR.DIAGNOSTIC_PASSED });
    this.#s.registers = powerOn().registers;
  }
}
