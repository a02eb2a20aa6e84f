/**
 * The BIOS: ROM code in memory, and the services behind its VMCALLs.
 *
 * ```text
 * guest: INT 13h -> IVT -> F000:E3FE  VMCALL  --> services/disk.ts: registers, FLAGS, memory
 *                                     IRET    <--
 * ```
 *
 * A guest that changes the IVT gets what it asked for: nothing bypasses it. There is no state
 * here but the disks: everything else is in the data area, in the chips, and in the caller's
 * registers.
 *
 * **Not modelled:** PCI BIOS, APM, PnP, SMBIOS, ACPI tables, calls from virtual-8086 mode (VMCALL
 * is #UD in ring 3), VESA.
 */
import { BDA } from "./bda.ts";
import { BiosCall, type FirmwareHost } from "./bios_call.ts";
import { Drives } from "./drives.ts";
import { buildRom, type Rom, ROM_BASE, ROM_SEGMENT, type ServiceName } from "./rom.ts";
import { bootService, noBootService, postService } from "./services/boot.ts";
import { diskService } from "./services/disk.ts";
import { keyboardService, scancodeService } from "./services/keyboard.ts";
import { printerService, serialService } from "./services/serial.ts";
import { systemService, waitDoneService } from "./services/system.ts";
import { timeService } from "./services/time.ts";
import { videoService } from "./services/video.ts";
import { rtcTickService } from "./services/wait.ts";

const SERVICES: Readonly<Record<ServiceName, (call: BiosCall) => void>> = {
  post: postService,
  boot: bootService,
  noBoot: noBootService,
  video: videoService,
  equipment: ({ cpu, memory }) => void (cpu.ax = memory.u16(BDA.EQUIPMENT)),
  memorySize: ({ cpu, memory }) => void (cpu.ax = memory.u16(BDA.BASE_KIB)),
  disk: diskService,
  serial: serialService,
  system: systemService,
  waitDone: waitDoneService,
  keyboard: keyboardService,
  printer: printerService,
  time: timeService,
  scancode: scancodeService,
  rtcTick: rtcTickService,
};

/** The firmware of one machine. */
export class Firmware {
  /** The disks behind INT 13h. */
  readonly drives = new Drives();
  readonly #rom: Rom = buildRom();
  readonly #call: BiosCall;

  constructor(readonly host: FirmwareHost) {
    this.#call = new BiosCall(host, this.drives, (label) => {
      host.cpu.rip = BigInt(this.#rom.offsetOf(label));
    });
  }

  /** Puts the ROM where the reset vector finds it. */
  install(): void {
    this.host.memory.write(ROM_BASE, this.#rom.bytes);
  }

  /**
   * Leaves memory as power-on does, in no time: ROM, vectors, data area. For kernels that their
   * loader found by itself, and that go back to real mode to call the BIOS.
   */
  setUp(): void {
    this.install();
    this.#rom.vectors.forEach((offset, vector) => {
      this.host.memory.setU32(vector * 4, (ROM_SEGMENT << 16 | offset) >>> 0);
    });
    postService(this.#call);
  }

  /** Answers the VMCALL before RIP. @returns Whether it is one of the ROM's. */
  answer(): boolean {
    const { cpu } = this.host;
    const at = Number((cpu.cs.base + cpu.rip) & 0xffff_ffffn) - ROM_BASE;
    const service = this.#rom.services.get(at);
    if (service === undefined) return false;
    SERVICES[service](this.#call);
    return true;
  }
}
