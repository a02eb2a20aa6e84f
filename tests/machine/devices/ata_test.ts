import { deepStrictEqual, notStrictEqual, strictEqual } from "node:assert/strict";
import { type Disk, SECTOR } from "../../../machine/bus/disk.ts";
import { PortBus } from "../../../machine/bus/port_bus.ts";
import { Clock } from "../../../machine/clock.ts";
import { AtaChannel } from "../../../machine/devices/ata.ts";
import { Machine } from "../../../machine/mod.ts";
import { checkSavedState, FakeLine } from "./rig.ts";

/** A disk whose sector n is full of words n, until it is written. */
class FakeDisk implements Disk {
  readonly written = new Map<number, Uint8Array>();
  constructor(readonly sectors: number) {}

  read(sector: number): Uint8Array | undefined {
    if (sector >= this.sectors) return undefined;
    return this.written.get(sector) ??
      new Uint8Array(new Uint16Array(SECTOR / 2).fill(sector & 0xffff).buffer);
  }

  write(sector: number, bytes: Uint8Array): boolean {
    if (sector >= this.sectors) return false;
    this.written.set(sector, bytes.slice());
    return true;
  }
}

/** A channel on a bus, at the first channel's ports. */
class Rig {
  readonly clock = new Clock();
  readonly irq = new FakeLine();
  readonly ports = new PortBus();
  readonly channel: AtaChannel;

  constructor(master?: Disk, slave?: Disk) {
    const { clock, irq } = this;
    this.channel = new AtaChannel({ clock, irq, name: "ata0", base: 0x1f0, control: 0x3f6 });
    this.channel.attach(0, master);
    this.channel.attach(1, slave);
    for (const range of this.channel.ports) this.ports.claim(range, this.channel);
  }

  /** Reads without taking the interrupt away. */
  get status(): number {
    return this.ports.read(0x3f6, 1);
  }

  out(...pairs: readonly (readonly [port: number, value: number])[]): void {
    for (const [port, value] of pairs) this.ports.write(port, value, 1);
  }

  /** Registers 0x1f1–0x1f6. */
  get registers(): number[] {
    return [1, 2, 3, 4, 5, 6].map((offset) => this.ports.read(0x1f0 + offset, 1));
  }

  /** Selects by LBA, writes count, address and command, and lets it finish. */
  command(command: number, lba: number, count: number, device = 0xe0): void {
    this.out([0x1f6, device | lba >> 24], [0x1f2, count], [0x1f3, lba & 0xff]);
    this.out([0x1f4, lba >> 8 & 0xff], [0x1f5, lba >> 16 & 0xff], [0x1f7, command]);
    strictEqual(this.status & 0x80, 0x80, "busy");
    this.wait();
  }

  wait(): void {
    this.clock.advanceNs(10_000);
  }

  read(words = 256): number[] {
    return Array.from({ length: words }, () => this.ports.read(0x1f0, 2));
  }

  write(value: number, words = 256): void {
    for (let i = 0; i < words; i++) this.ports.write(0x1f0, value, 2);
  }
}

const full = (word: number) => new Array<number>(256).fill(word);

Deno.test("ATA READ SECTORS: DRQ and an interrupt per sector, none after the last", () => {
  const rig = new Rig(new FakeDisk(1000));
  strictEqual(rig.status, 0x50);
  rig.command(0x20, 7, 2);
  strictEqual(rig.status, 0x58);
  strictEqual(rig.irq.level, true, "the alternate status takes no interrupt away");
  strictEqual(rig.ports.read(0x1f7, 1), 0x58);
  strictEqual(rig.irq.level, false, "the status does");
  deepStrictEqual(rig.read(), full(7));
  strictEqual(rig.status & 0x88, 0x80, "busy until the next sector");
  rig.wait();
  strictEqual(rig.status, 0x58);
  strictEqual(rig.irq.rises, 2);
  deepStrictEqual(rig.read(), full(8));
  strictEqual(rig.ports.read(0x1f7, 1), 0x50);
  rig.wait();
  strictEqual(rig.irq.rises, 2);
  strictEqual(rig.irq.level, false);
  strictEqual(rig.ports.read(0x1f0, 2), 0, "no data without DRQ");
});

Deno.test("ATA reads by CHS, with the translation that INITIALIZE DEVICE PARAMETERS set", () => {
  const rig = new Rig(new FakeDisk(50_000));
  const chs = (cylinder: number, head: number, sector: number) => {
    rig.out([0x1f6, 0xa0 | head], [0x1f2, 1], [0x1f3, sector], [0x1f4, cylinder & 0xff]);
    rig.out([0x1f5, cylinder >> 8], [0x1f7, 0x20]);
    rig.wait();
    return rig.status & 1 ? rig.registers[0] : rig.read()[0];
  };
  strictEqual(chs(0, 0, 1), 0);
  strictEqual(chs(2, 3, 4), (2 * 16 + 3) * 63 + 3);
  strictEqual(chs(0, 0, 0), 0x10, "sectors count from 1: IDNF");
  strictEqual(chs(0, 0, 64), 0x10);
  rig.out([0x1f6, 0xa3], [0x1f2, 17], [0x1f7, 0x91]); // 4 heads, 17 sectors
  rig.wait();
  strictEqual(chs(300, 3, 17), (300 * 4 + 3) * 17 + 16);
  strictEqual(chs(0, 4, 1), 0x10);
});

Deno.test("ATA 48-bit commands take two bytes of each register; HOB shows the first", () => {
  const rig = new Rig(new FakeDisk(2 ** 33));
  const lba = [0x01, 0x02, 0x03, 0x04, 0x01, 0x00]; // 0x104030201
  rig.out([0x1f6, 0x40], [0x1f2, 0x00], [0x1f3, lba[3]], [0x1f4, lba[4]], [0x1f5, lba[5]]);
  rig.out([0x1f2, 0x01], [0x1f3, lba[0]], [0x1f4, lba[1]], [0x1f5, lba[2]]);
  rig.out([0x3f6, 0x80]);
  deepStrictEqual(rig.registers.slice(1, 5), [0x00, 0x04, 0x01, 0x00]);
  rig.out([0x1f7, 0x24]);
  deepStrictEqual(rig.registers.slice(1, 5), [0x01, 0x01, 0x02, 0x03], "a write clears HOB");
  rig.wait();
  deepStrictEqual(rig.read(), full(0x0201));
  strictEqual(rig.status, 0x50);
});

Deno.test("ATA WRITE SECTORS: the first DRQ without interrupt, then one per sector", () => {
  const disk = new FakeDisk(100);
  const rig = new Rig(disk);
  rig.command(0x30, 5, 2);
  strictEqual(rig.status, 0x58);
  strictEqual(rig.irq.rises, 0);
  rig.write(0x1111);
  strictEqual(rig.status & 0x88, 0x80);
  strictEqual(disk.written.size, 0, "written when BSY falls");
  rig.wait();
  strictEqual(rig.irq.rises, 1);
  strictEqual(rig.ports.read(0x1f7, 1), 0x58);
  rig.write(0x2222);
  rig.wait();
  strictEqual(rig.irq.rises, 2);
  strictEqual(rig.ports.read(0x1f7, 1), 0x50);
  deepStrictEqual([...disk.written.keys()], [5, 6]);
  deepStrictEqual(disk.written.get(6), new Uint8Array(512).fill(0x22));
  rig.command(0xe7, 0, 0);
  strictEqual(rig.status, 0x50);
});

Deno.test("ATA READ and WRITE MULTIPLE move as many sectors a block as SET MULTIPLE said", () => {
  const disk = new FakeDisk(100);
  const rig = new Rig(disk);
  rig.command(0xc6, 0, 4);
  strictEqual(rig.irq.rises, 1);
  rig.ports.read(0x1f7, 1);
  rig.command(0xc4, 10, 6);
  deepStrictEqual(rig.read(1024), [10, 11, 12, 13].flatMap(full));
  rig.wait();
  deepStrictEqual(rig.read(512), [14, 15].flatMap(full), "the last block is shorter");
  strictEqual(rig.status, 0x50);
  rig.ports.read(0x1f7, 1);
  strictEqual(rig.irq.rises, 2, "the status was not read between the blocks");
  rig.command(0xc5, 20, 5);
  rig.write(0x3333, 1024);
  rig.wait();
  strictEqual(rig.status, 0x58);
  rig.write(0x3333, 256);
  rig.wait();
  strictEqual(rig.status, 0x50);
  deepStrictEqual([...disk.written.keys()], [20, 21, 22, 23, 24]);
  rig.command(0xc6, 0, 3);
  deepStrictEqual([rig.status, rig.registers[0]], [0x51, 0x04], "not a power of two");
  rig.command(0xc6, 0, 0);
  rig.command(0xc4, 0, 1);
  deepStrictEqual([rig.status, rig.registers[0]], [0x51, 0x04], "switched off");
});

Deno.test("ATA IDENTIFY DEVICE: sizes, text with swapped bytes, no DMA", () => {
  const rig = new Rig(new FakeDisk(0x1234_5678));
  rig.command(0xec, 0, 0, 0xa0);
  strictEqual(rig.irq.level, true);
  const words = rig.read();
  strictEqual(rig.status, 0x50);
  strictEqual(words[0] & 0x8000, 0, "an ATA device");
  deepStrictEqual([words[1], words[3], words[6]], [16_383, 16, 63]);
  strictEqual(words[49], 0x0200, "LBA, no DMA");
  deepStrictEqual([words[60], words[61]], [0xffff, 0x0fff]);
  deepStrictEqual(words.slice(100, 104), [0x5678, 0x1234, 0, 0]);
  strictEqual(words[83] & 0xc400, 0x4400, "48-bit addresses");
  const model = words.slice(27, 47).map((w) => String.fromCharCode(w >> 8, w & 0xff)).join("");
  strictEqual(model, "RING0 HARDDISK".padEnd(40));
});

Deno.test("ATA errors: beyond the end, and commands that are not there", () => {
  const rig = new Rig(new FakeDisk(10));
  rig.command(0x20, 9, 2);
  deepStrictEqual(rig.read(), full(9));
  rig.wait();
  deepStrictEqual([rig.status, ...rig.registers], [0x51, 0x10, 1, 10, 0, 0, 0xe0], "IDNF at 10");
  strictEqual(rig.irq.level, true);
  rig.command(0x40, 8, 2);
  strictEqual(rig.status, 0x50, "verify");
  rig.command(0x40, 8, 3);
  deepStrictEqual([rig.status, ...rig.registers], [0x51, 0x10, 1, 10, 0, 0, 0xe0]);
  rig.command(0x30, 10, 1);
  rig.write(0);
  rig.wait();
  deepStrictEqual([rig.status, rig.registers[0]], [0x51, 0x10]);
  // NOP, DEVICE RESET, PACKET, IDENTIFY PACKET DEVICE, READ DMA, WRITE DMA, SMART
  for (const command of [0x00, 0x08, 0xa0, 0xa1, 0xc8, 0xca, 0xb0]) {
    rig.command(command, 0, 1);
    deepStrictEqual([rig.status, rig.registers[0]], [0x51, 0x04], `0x${command.toString(16)}`);
  }
});

Deno.test("ATA nIEN holds the interrupt back; the line is the selected drive's", () => {
  const rig = new Rig(new FakeDisk(10), new FakeDisk(20));
  rig.out([0x3f6, 0x02]);
  rig.command(0x20, 3, 1);
  strictEqual(rig.irq.level, false);
  rig.out([0x3f6, 0x00]);
  strictEqual(rig.irq.level, true, "it waited");
  rig.out([0x1f6, 0xf0]);
  strictEqual(rig.irq.level, false);
  strictEqual(rig.status, 0x50, "the slave is idle");
  rig.out([0x1f6, 0xe0]);
  strictEqual(rig.irq.level, true);
  deepStrictEqual(rig.read(), full(3));
  rig.command(0x20, 15, 1, 0xf0);
  deepStrictEqual(rig.read(), full(15), "the slave's sector");
});

Deno.test("ATA: a missing slave has status 0, an empty channel reads as 0", () => {
  const rig = new Rig(new FakeDisk(10));
  rig.out([0x1f6, 0xb0]);
  strictEqual(rig.status, 0);
  rig.out([0x1f7, 0xec]);
  rig.wait();
  strictEqual(rig.ports.read(0x1f7, 1), 0);
  strictEqual(rig.irq.rises, 0);
  rig.out([0x1f6, 0xa0]);
  strictEqual(rig.status, 0x50);
  const empty = new Rig();
  empty.out([0x1f6, 0xa0], [0x1f7, 0xec]);
  empty.wait();
  deepStrictEqual([empty.status, ...empty.registers], [0, 0, 0, 0, 0, 0, 0]);
});

Deno.test("ATA software reset and EXECUTE DEVICE DIAGNOSTIC leave the signature", () => {
  const rig = new Rig(new FakeDisk(10), new FakeDisk(10));
  rig.command(0x20, 3, 2, 0xf0);
  rig.out([0x3f6, 0x04]);
  strictEqual(rig.status, 0x80);
  rig.clock.advanceNs(1_000_000);
  strictEqual(rig.status, 0x80, "as long as SRST is set");
  rig.out([0x3f6, 0x00]);
  strictEqual(rig.status, 0x80);
  rig.clock.advanceNs(100_000);
  const signature = [0x01, 0x01, 0x01, 0x00, 0x00, 0xa0];
  deepStrictEqual([rig.status, ...rig.registers], [0x50, ...signature]);
  strictEqual(rig.irq.level, false);
  rig.out([0x1f6, 0xb0], [0x1f5, 9], [0x1f7, 0x90]);
  rig.wait();
  deepStrictEqual([rig.status, ...rig.registers], [0x50, ...signature]);
  strictEqual(rig.irq.level, true);
});

Deno.test("ATA data port: 32 bits are two words", () => {
  const rig = new Rig(new FakeDisk(0x5_0000));
  rig.command(0x20, 0x1234, 1);
  strictEqual(rig.ports.read(0x1f0, 4), 0x1234_1234);
  rig.read(254);
  strictEqual(rig.status, 0x50);
});

Deno.test("ATA: a saved state goes on in the middle of a transfer", () => {
  const rig = new Rig(new FakeDisk(100));
  rig.command(0x20, 40, 3);
  rig.read();
  rig.clock.advanceNs(4_000);
  const twin = new Rig(new FakeDisk(100));
  twin.clock.advanceNs(rig.clock.nowNs);
  checkSavedState(rig.channel, twin.channel);
  twin.clock.advanceNs(5_990);
  strictEqual(twin.status & 0x80, 0x80);
  twin.clock.advanceNs(10);
  strictEqual(twin.irq.level, true);
  deepStrictEqual(twin.read(), full(41));
});

Deno.test("ATA on the board: the disk of INT 13h, IRQ 14, and writes in snapshots and hash", () => {
  const image = new Uint8Array(64 * SECTOR);
  image.set([0xf4], 0); // HLT
  image.set([0x55, 0xaa], 510);
  image[3 * SECTOR] = 0x77;
  const machine = new Machine({ memory: 1 << 20 });
  machine.boot(image, { as: "disk", disks: [new Uint8Array(10 * SECTOR)] });
  const { ports } = machine.board;
  const out = (port: number, value: number) => ports.write(port, value, 1);
  const command = (value: number) => {
    out(0x1f2, 1);
    out(0x1f3, 3);
    out(0x1f7, value);
    machine.clock.advanceNs(10_000);
  };
  out(0x1f6, 0xe0);
  command(0x20);
  strictEqual(ports.read(0x1f0, 2), 0x77);
  out(0x1f6, 0xf0);
  strictEqual(ports.read(0x1f7, 1), 0x50, "the second disk is the slave");
  out(0x1f6, 0xe0);
  const before = machine.snapshot();
  const hash = machine.hash();
  command(0x30);
  for (let i = 0; i < 256; i++) ports.write(0x1f0, 0x5a5a, 2);
  machine.clock.advanceNs(10_000);
  strictEqual(machine.firmware.drives.get(0x80)?.read(3)?.[0], 0x5a);
  notStrictEqual(machine.hash(), hash);
  machine.restore(before);
  strictEqual(machine.firmware.drives.get(0x80)?.read(3)?.[0], 0x77);
});
