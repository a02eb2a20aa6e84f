import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import { RAM_BASE } from "../../../machine/memory/layout.ts";
import { type MmioHandler, PhysicalMemory } from "../../../machine/memory/physical.ts";

const MIB = 1 << 20;
const SILENT: MmioHandler = { readMmio: () => 0, writeMmio: () => {} };

Deno.test("PhysicalMemory takes 1 MiB to 1 GiB in whole pages", () => {
  for (const size of [0, -4096, MIB - 4096, MIB + 1, 2 ** 30 + 4096, 1.5, NaN, Infinity]) {
    throws(() => new PhysicalMemory(size), RangeError, String(size));
  }
  strictEqual(new PhysicalMemory(MIB + 4096).ramSize, MIB + 4096);
});

Deno.test("PhysicalMemory reads back what was written, in every width", () => {
  const memory = new PhysicalMemory(2 * MIB);
  memory.write32(0x1000, 0, 0x8765_4321);
  memory.write16(0x1004, 0, 0x1_beef);
  memory.write8(0x1006, 0, 0x1a5);
  deepStrictEqual(
    [memory.read32(0x1000, 0), memory.read16(0x1004, 0), memory.read8(0x1006, 0)],
    [0x8765_4321 | 0, 0xbeef, 0xa5],
  );
  strictEqual(memory.read32(0x1003, 0), 0xa5be_ef87 | 0);
  strictEqual(memory.u8[RAM_BASE + 0x1000], 0x21);
});

Deno.test("PhysicalMemory drops writes to ROM and shows it again below 4 GiB", () => {
  const memory = new PhysicalMemory(MIB);
  memory.poke(0xf_fff0, Uint8Array.of(1, 2, 3, 4));
  memory.write32(0xf_fff0, 0, -1);
  memory.write8(0xc_0000, 0, 7);
  memory.write32(0xffff_fff0, 0, -1);
  strictEqual(memory.read32(0xf_fff0, 0), 0x0403_0201);
  strictEqual(memory.read32(0xffff_fff0, 0), 0x0403_0201);
  strictEqual(memory.read8(0xc_0000, 0), 0);
  strictEqual(memory.writablePage(0xf_f000, 0), -1);
  strictEqual(memory.readablePage(0xf_f000, 0), RAM_BASE + 0xf_f000);
  strictEqual(memory.readablePage(0xffff_f123, 0), RAM_BASE + 0xf_f000);
  deepStrictEqual([...memory.peek(0xffff_fff0, 4)], [1, 2, 3, 4]);
});

Deno.test("PhysicalMemory answers all ones where nothing is, and tells", () => {
  const memory = new PhysicalMemory(MIB);
  const told: unknown[] = [];
  memory.onUnclaimed = (...args) => told.push(args);
  strictEqual(memory.read8(MIB, 0), 0xff);
  strictEqual(memory.read16(0x8000_0000, 0), 0xffff);
  strictEqual(memory.read32(0, 1), -1);
  memory.write32(MIB, 0, 5);
  memory.write8(0, 1, 6);
  deepStrictEqual(told, [
    [MIB, 1, undefined],
    [0x8000_0000, 2, undefined],
    [2 ** 32, 4, undefined],
    [MIB, 4, 5],
    [2 ** 32, 1, 6],
  ]);
  strictEqual(memory.readablePage(MIB, 0), -1);
  strictEqual(memory.readablePage(0x1000, 1), -1);
  strictEqual(memory.writablePage(0x1000, 1), -1);
});

Deno.test("PhysicalMemory gives claimed pages to their device, over RAM and beyond", () => {
  const memory = new PhysicalMemory(2 * MIB);
  const log: unknown[] = [];
  const handler: MmioHandler = {
    readMmio: (offset, width) => (log.push(["r", offset, width]), 0x55),
    writeMmio: (offset, value, width) => void log.push(["w", offset, value, width]),
  };
  let changes = 0;
  memory.onMapChange = () => changes++;
  memory.claimMmio({ device: "low", start: 0xa_0000, size: 0x2000 }, handler);
  memory.claimMmio({ device: "high", start: 0xfee0_0000, size: 0x1000 }, handler);
  strictEqual(changes, 2);
  strictEqual(memory.read8(0xa_1004, 0), 0x55);
  memory.write16(0xa_0002, 0, 9);
  strictEqual(memory.read32(0xfee0_0020, 0), 0x55);
  memory.write32(0xfee0_00b0, 0, -2);
  deepStrictEqual(log, [["r", 0x1004, 1], ["w", 2, 9, 2], ["r", 0x20, 4], ["w", 0xb0, -2, 4]]);
  strictEqual(memory.readablePage(0xa_0000, 0), -1);
  strictEqual(memory.writablePage(0xa_1000, 0), -1);
  strictEqual(memory.readablePage(0xa_2000, 0), RAM_BASE + 0xa_2000);
  deepStrictEqual(memory.mmioRanges().map(({ device }) => device), ["low", "high"]);
  const claim = (start: number, size: number) => () =>
    memory.claimMmio({ device: "x", start, size }, SILENT);
  throws(claim(0xa_1000, 0x1000), /low has part of it/);
  throws(claim(0x9_f000, 0x2000), TypeError);
  throws(claim(0x1234, 0x1000), RangeError);
  throws(claim(0x1000, 0), RangeError);
  throws(claim(-0x1000, 0x1000), RangeError);
  throws(claim(2 ** 52, 0x1000), RangeError);
});

Deno.test("PhysicalMemory without A20 reads bit 20 as 0", () => {
  const memory = new PhysicalMemory(4 * MIB);
  memory.write8(0x500, 0, 1);
  memory.write8(MIB + 0x500, 0, 2);
  let changes = 0;
  memory.onMapChange = () => changes++;
  memory.a20 = true;
  strictEqual(changes, 0);
  memory.a20 = false;
  strictEqual(changes, 1);
  strictEqual(memory.read8(MIB + 0x500, 0), 1);
  strictEqual(memory.readablePage(MIB + 0x500, 0), RAM_BASE);
  strictEqual(memory.writablePage(3 * MIB, 0), RAM_BASE + 2 * MIB);
  memory.write8(MIB + 0x500, 0, 3);
  memory.a20 = true;
  deepStrictEqual([memory.read8(0x500, 0), memory.read8(MIB + 0x500, 0)], [3, 2]);
});

Deno.test("PhysicalMemory tells before bytes of cached code change", () => {
  const memory = new PhysicalMemory(MIB);
  const told: unknown[] = [];
  memory.onCodeWrite = (address) => told.push([address, memory.u8[RAM_BASE + address]]);
  memory.codePages[5] = 1;
  strictEqual(memory.writablePage(0x5000, 0), -1);
  strictEqual(memory.readablePage(0x5000, 0), RAM_BASE + 0x5000);
  memory.write8(0x5010, 0, 9);
  memory.write8(0x6010, 0, 9);
  memory.poke(0x5020, Uint8Array.of(7));
  deepStrictEqual(told, [[0x5010, 0], [0x5020, 0]]);
  strictEqual(memory.read8(0x5010, 0), 9);
});

Deno.test("PhysicalMemory.peek() and poke() check their ranges and touch no device", () => {
  const memory = new PhysicalMemory(MIB);
  memory.claimMmio({ device: "d", start: 0xd000_0000, size: 0x1000 }, {
    readMmio: () => {
      throw new Error("touched");
    },
    writeMmio: () => {
      throw new Error("touched");
    },
  });
  deepStrictEqual([...memory.peek(0xd000_0000, 2)], [0xff, 0xff]);
  deepStrictEqual([...memory.peek(MIB - 1, 3)], [0, 0xff, 0xff]);
  for (const [address, length] of [[-1, 1], [0.5, 1], [0, -1], [2 ** 52, 1], [NaN, 1], [0, 1.5]]) {
    throws(() => memory.peek(address, length), RangeError, `${address} ${length}`);
  }
  throws(() => memory.poke(MIB - 1, Uint8Array.of(1, 2)), RangeError);
  strictEqual(memory.read8(MIB - 1, 0), 0);
  memory.poke(MIB, new Uint8Array(0));
});
