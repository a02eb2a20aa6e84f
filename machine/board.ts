/**
 * The PC's wiring as one table: which device sits on which IRQ. The devices bring their ports.
 *
 * ```text
 * IRQ 0 timer            IRQ  8 real-time clock
 *     1 keyboard              9 -
 *     2 (cascade)            10 -
 *     3 COM2                 11 -
 *     4 COM1                 12 mouse port of the keyboard controller (nothing is plugged in)
 *     5 -                    13 - (no x87)
 *     6 - (no floppy yet)    14 first ATA channel
 *     7 -                    15 second ATA channel
 * ```
 *
 * Ports that nobody claims read as ones and are reported as `unclaimed` events.
 */
import type { Device } from "./bus/device.ts";
import type { Disk } from "./bus/disk.ts";
import { PortBus } from "./bus/port_bus.ts";
import { Clock } from "./clock.ts";
import { AtaChannel } from "./devices/ata.ts";
import { ATA_CHANNEL } from "./devices/ata_spec.ts";
import { CmosRtc } from "./devices/cmos_rtc.ts";
import type { DateTime } from "./devices/cmos_rtc_calendar.ts";
import { FIRMWARE_WRITES } from "./devices/firmware_setup.ts";
import { PicPair } from "./devices/pic8259_pair.ts";
import { Pit8254 } from "./devices/pit8254.ts";
import { Ps2Controller } from "./devices/ps2_controller.ts";
import { Ps2Keyboard } from "./devices/ps2_keyboard.ts";
import { DebugConsole, DebugExit, Port61, Port92, PostPort } from "./devices/system_ports.ts";
import { Uart16550 } from "./devices/uart16550.ts";
import { VgaText } from "./devices/vga_text.ts";
import { Events } from "./events.ts";
import { RAM_BASE } from "./memory/layout.ts";
import { PhysicalMemory } from "./memory/physical.ts";

const VIDEO_MEMORY = { start: 0xa_0000, size: 0x2_0000 } as const;
const TEXT_MEMORY = { start: 0xb_8000, cells: 80 * 25, blank: 0x0720 } as const;

/** What the board needs from the machine around it. */
export interface BoardOptions {
  /** RAM in bytes. */
  readonly memory: number;
  /** The date at virtual time 0. */
  readonly start?: DateTime;
  /** Whether characters on the serial lines take their time. */
  readonly serialSpeed: "real" | "instant";
  /** A device pulls the reset line. */
  readonly reset: (source: string) => void;
  /** The guest wrote to port 0xF4. */
  readonly exit: (code: number) => void;
}

/** Everything but the CPU and its MMU. */
export class Board {
  readonly memory: PhysicalMemory;
  readonly ports = new PortBus();
  readonly clock = new Clock();
  readonly events = new Events();
  readonly pic = new PicPair();
  readonly pit: Pit8254;
  readonly keyboard: Ps2Keyboard;
  readonly ps2: Ps2Controller;
  readonly vga: VgaText;
  readonly com1: Uart16550;
  readonly com2: Uart16550;
  readonly rtc: CmosRtc;
  readonly port61: Port61;
  readonly port92: Port92;
  readonly post: PostPort;
  readonly debugConsole = new DebugConsole();
  readonly debugExit: DebugExit;
  readonly ata0: AtaChannel;
  readonly ata1: AtaChannel;

  constructor({ memory, start, serialSpeed: speed, reset, exit }: BoardOptions) {
    const { clock, events, pic, ports } = this;
    this.memory = new PhysicalMemory(memory);
    const a20 = () => {
      this.memory.a20 = this.ps2.a20 || this.port92.a20;
    };
    this.pit = new Pit8254({ clock, irq0: pic.line(0) });
    this.keyboard = new Ps2Keyboard({ clock });
    this.ps2 = new Ps2Controller({
      clock,
      irq1: pic.line(1),
      irq12: pic.line(12),
      a20,
      reset: () => reset("keyboard controller"),
      keyboard: this.keyboard,
    });
    this.com1 = new Uart16550({ clock, irq: pic.line(4), base: 0x3f8, name: "com1", speed });
    this.com2 = new Uart16550({ clock, irq: pic.line(3), base: 0x2f8, name: "com2", speed });
    this.rtc = new CmosRtc({
      clock,
      irq8: pic.line(8),
      memorySize: memory,
      ...(start === undefined ? {} : { start }),
    });
    this.vga = new VgaText({
      clock,
      videoMemory: this.memory.u8.subarray(
        RAM_BASE + VIDEO_MEMORY.start,
        RAM_BASE + VIDEO_MEMORY.start + VIDEO_MEMORY.size,
      ),
    });
    this.port61 = new Port61({
      clock,
      gate2: (level) => this.pit.setGate2(level),
      out2: () => this.pit.out2,
    });
    this.port92 = new Port92({ a20, reset: () => reset("system control port 0x92") });
    this.post = new PostPort({ events });
    this.debugExit = new DebugExit({ exit });
    [this.ata0, this.ata1] = ATA_CHANNEL.map(({ name, base, control, irq }) =>
      new AtaChannel({ clock, irq: pic.line(irq), name, base, control })
    );
    for (const device of this.devices()) {
      for (const range of device.ports) ports.claim(range, device);
    }
    ports.onUnclaimed = (address, width, written) => {
      events.emit("unclaimed", { space: "port", address, width, written });
    };
    this.memory.onUnclaimed = (address, width, written) => {
      events.emit("unclaimed", { space: "memory", address, width, written });
    };
  }

  /** The devices on the port bus, in the order of their reset. */
  devices(): readonly Device[] {
    return [
      this.pic,
      this.pit,
      this.ps2,
      this.vga,
      this.com1,
      this.com2,
      this.rtc,
      this.port61,
      this.port92,
      this.post,
      this.debugConsole,
      this.debugExit,
      this.ata0,
      this.ata1,
    ];
  }

  /** Plugs hard disks in: master and slave of the first channel, then of the second. */
  attachDisks(disks: readonly Disk[]): void {
    this.ata0.attach(0, disks[0]);
    this.ata0.attach(1, disks[1]);
    this.ata1.attach(0, disks[2]);
    this.ata1.attach(1, disks[3]);
  }

  /** Pulls the reset line of every device; the keyboard hears of it over its cable. */
  reset(): void {
    this.keyboard.reset();
    for (const device of this.devices()) device.reset();
  }

  /** Leaves devices and screen as a PC's firmware does before it boots. */
  setUpAsFirmware(): void {
    for (const [port, value] of FIRMWARE_WRITES) this.ports.write(port, value, 1);
    const { start, cells, blank } = TEXT_MEMORY;
    this.memory.poke(start, new Uint8Array(new Uint16Array(cells).fill(blank).buffer));
  }
}
