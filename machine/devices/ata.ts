/**
 * One channel of a PC's ATA (IDE) host adapter, with up to two disks, in PIO mode.
 *
 * ```text
 *   0x1f0 data (16 bits)     +---------+   INTRQ & !nIEN -> IRQ 14 (second channel: 15)
 *   0x1f1–0x1f7 command block| channel |
 *   0x3f6 control, status    |         +---- drive 0 (master)   +---- drive 1 (slave)
 *   second channel: 0x170–0x177, 0x376
 * ```
 *
 * 1. The guest selects a drive through bit 4 of the device register, waits until BSY and DRQ are
 *    clear, fills count and address, and writes the command. Both drives hear every write; the
 *    selected one answers, and obeys.
 * 2. What follows is the drive's story: `ata_drive.ts`.
 * 3. INTRQ is the selected drive's; reading the status register takes it away, reading the
 *    alternate status (0x3f6) does not.
 * 4. SRST in the control register resets both drives while it is set, and selects drive 0.
 *
 * Where drive 1 is missing, drive 0 answers for it with status 0. A channel without drives reads
 * as 0 everywhere.
 *
 * **Not modelled:** DMA (commands are aborted), ATAPI, the packet commands, DEVICE RESET (a disk
 * aborts it), power management beyond the answers, SMART, security, bytes wide accesses to the
 * data port (they move two bytes), the floating bus of an empty channel (0x7f or 0xff on boards
 * that do not pull it down; 0 is what the usual chipsets' models give).
 *
 * @see T13/1410D, AT Attachment with Packet Interface - 6
 * @see Intel 82371AB (PIIX4) data sheet (290562), "IDE Controller Functional Description"
 */
import type { Device } from "../bus/device.ts";
import type { Disk } from "../bus/disk.ts";
import type { IrqLine } from "../bus/irq_line.ts";
import type { PortRange, PortWidth } from "../bus/port_bus.ts";
import { byte, type DeviceState, fields, integer, StateFormat } from "../bus/state_format.ts";
import type { Clock } from "../clock.ts";
import { AtaDrive } from "./ata_drive.ts";
import { ATA_DRIVE_STATE } from "./ata_state.ts";
import { ATA_COMMAND, ATA_CONTROL, ATA_DEVICE, ATA_REGISTER, ATA_STATUS } from "./ata_spec.ts";

const STATE = fields({
  control: byte,
  selected: integer(0, 1),
  drive0: ATA_DRIVE_STATE,
  drive1: ATA_DRIVE_STATE,
});

/** What a channel is wired to. */
export interface AtaWiring {
  readonly clock: Clock;
  readonly irq: IrqLine;
  /** `ata0` or `ata1`. */
  readonly name: string;
  /** First port of the command block. */
  readonly base: number;
  /** Port of the control register. */
  readonly control: number;
}

/** An ATA channel. */
export class AtaChannel implements Device {
  readonly ports: readonly PortRange[];
  readonly #wiring: AtaWiring;
  readonly #drives: readonly [AtaDrive, AtaDrive];
  readonly #format: StateFormat<ReturnType<typeof STATE>>;
  #control = 0;
  #selected = 0;

  constructor(wiring: AtaWiring) {
    const { clock, name, base, control } = wiring;
    this.#wiring = wiring;
    this.#format = new StateFormat(name, 1, STATE);
    this.ports = [
      { device: name, first: base, count: 1, width: 4 },
      { device: name, first: base + 1, count: 7 },
      { device: name, first: control, count: 1 },
    ];
    const changed = () => this.#update();
    const drive = (number: number) =>
      new AtaDrive({ clock, name: `${name} drive ${number}`, number, changed });
    this.#drives = [drive(0), drive(1)];
  }

  /** Plugs a disk in, or pulls it out. @param number 0: master, 1: slave. */
  attach(number: 0 | 1, disk: Disk | undefined): void {
    this.#drives[number].disk = disk;
    this.#drives[number].reset();
  }

  /** The disk that is plugged in. @param number 0: master, 1: slave. */
  disk(number: 0 | 1): Disk | undefined {
    return this.#drives[number].disk;
  }

  readPort(port: number, width: PortWidth): number {
    const drive = this.#answering();
    if (drive === undefined) return 0;
    const offset = port - this.#wiring.base;
    if (offset === ATA_REGISTER.DATA) {
      if (drive !== this.#drive) return 0;
      const low = drive.readData();
      return width === 1 ? low & 0xff : width === 2 ? low : low | drive.readData() << 16;
    }
    if (port === this.#wiring.control) return drive === this.#drive ? drive.status : 0;
    if (offset !== ATA_REGISTER.STATUS_COMMAND) {
      return drive.register(offset, (this.#control & ATA_CONTROL.HOB) !== 0);
    }
    if (drive !== this.#drive) return 0;
    const { status } = drive;
    drive.acknowledge();
    return status;
  }

  writePort(port: number, value: number, width: PortWidth): void {
    if (port === this.#wiring.control) return this.#writeControl(value);
    const offset = port - this.#wiring.base;
    if (offset === ATA_REGISTER.DATA) {
      if (this.#drive.disk === undefined) return;
      this.#drive.writeData(value & 0xffff);
      if (width === 4) this.#drive.writeData(value >>> 16);
      return;
    }
    this.#control &= ~ATA_CONTROL.HOB;
    if (offset === ATA_REGISTER.STATUS_COMMAND) return this.#command(value);
    for (const drive of this.#drives) drive.setRegister(offset, value);
    if (offset === ATA_REGISTER.DEVICE) {
      this.#selected = (value & ATA_DEVICE.DEV) === 0 ? 0 : 1;
      this.#update();
    }
  }

  reset(): void {
    this.#control = 0;
    this.#selected = 0;
    for (const drive of this.#drives) drive.reset();
  }

  saveState(): DeviceState {
    const [drive0, drive1] = this.#drives.map((drive) => drive.saveState());
    return this.#format.save({
      control: this.#control,
      selected: this.#selected,
      drive0,
      drive1,
    });
  }

  loadState(state: unknown): void {
    const { control, selected, drive0, drive1 } = this.#format.load(state);
    this.#control = control;
    this.#selected = selected;
    this.#drives[0].loadState(drive0);
    this.#drives[1].loadState(drive1);
    this.#update();
  }

  /** The selected drive, or the place for it. */
  get #drive(): AtaDrive {
    return this.#drives[this.#selected];
  }

  /** Who answers: the selected drive, or the other for one that is missing. */
  #answering(): AtaDrive | undefined {
    if (this.#drive.disk !== undefined) return this.#drive;
    return this.#drives[0].disk === undefined ? undefined : this.#drives[0];
  }

  #command(command: number): void {
    if (command !== ATA_COMMAND.EXECUTE_DIAGNOSTIC) {
      if (this.#drive.disk !== undefined) this.#drive.start(command);
      return;
    }
    if ((this.#drive.status & ATA_STATUS.BSY) !== 0) return;
    this.#selected = 0;
    for (const drive of this.#drives) if (drive.disk !== undefined) drive.diagnose();
  }

  #writeControl(value: number): void {
    const changed = this.#control ^ value;
    this.#control = value;
    if ((changed & ATA_CONTROL.SRST) !== 0) {
      this.#selected = 0;
      for (const drive of this.#drives) {
        if ((value & ATA_CONTROL.SRST) !== 0) drive.holdReset();
        else drive.endReset();
      }
    }
    this.#update();
  }

  /** The one place that drives the wire. */
  #update(): void {
    const { disk, interrupt } = this.#drive;
    const enabled = (this.#control & ATA_CONTROL.NIEN) === 0;
    this.#wiring.irq.set(enabled && disk !== undefined && interrupt);
  }
}
