/**
 * BIOS services as guest code meets them.
 *
 * @see IBM PS/2 and PC BIOS Interface Technical Reference; Phoenix Enhanced Disk Drive Specification
 */
import { deepStrictEqual, notStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import { Machine } from "../../../mod.ts";
import { BiosRig, image } from "../../_support/bios.ts";

const SMAP = 0x534d_4150;
const BUFFER = 0x8000;
const DATE = { year: 2024, month: 2, day: 29, hour: 13, minute: 5, second: 0 };

Deno.test("POST leaves vectors, data area and chips as a boot sector expects them", () => {
  const { machine } = new BiosRig();
  const { physical } = machine;
  strictEqual(physical.u16(0x13 * 4 + 2), 0xf000);
  strictEqual(physical.u16(0x13 * 4), 0xe3fe);
  strictEqual(physical.u16(0x413), 639);
  strictEqual(physical.u8(0x449), 3);
  strictEqual(physical.u8(0x475), 1);
  strictEqual(physical.u16(0x400), 0x3f8);
  strictEqual(machine.board.memory.a20, true);
  strictEqual(physical.u16(0xf_fffe) & 0xff, 0xfc);
});

Deno.test("INT 19h starts the boot sector with its drive in DL and AA55 loaded", () => {
  const { machine } = new BiosRig();
  deepStrictEqual([...machine.physical.read(0x7c00, 64)], [...image("probe").subarray(0, 64)]);
  strictEqual(machine.cpu.dl, 0x80);
});

Deno.test("INT 10h AH=0Eh writes, wraps and scrolls; BS CR LF BEL do what they say", () => {
  const rig = new BiosRig();
  const type = (text: string) => {
    for (const c of text) rig.call(0x10, { eax: 0x0e00 | c.charCodeAt(0), ebx: 7 });
  };
  type("abc\b\bX\r\nline 2\x07");
  strictEqual(rig.machine.screen.text(), "aXc\nline 2");
  const { edx } = rig.call(0x10, { eax: 0x0300 });
  strictEqual(edx & 0xffff, 0x0106);
  rig.call(0x10, { eax: 0x0200, edx: 0x184f });
  type("Z!");
  strictEqual(rig.machine.screen.lines()[23].at(79), "Z");
  strictEqual(rig.machine.screen.lines()[24], "!");
  strictEqual(rig.machine.screen.lines()[0], "line 2");
  const { row, column } = rig.machine.screen.snapshot().cursor;
  deepStrictEqual([row, column], [24, 1]);
});

Deno.test("INT 10h AH=06h and 07h scroll only their window, and clear it with AL=0", () => {
  const rig = new BiosRig();
  for (let row = 0; row < 5; row++) {
    rig.call(0x10, { eax: 0x0200, edx: row << 8 });
    rig.call(0x10, { eax: 0x0941 + row, ebx: 0x1e, ecx: 5 });
  }
  rig.call(0x10, { eax: 0x0601, ebx: 0x4f00, ecx: 0x0101, edx: 0x0303 });
  deepStrictEqual(rig.machine.screen.lines().slice(0, 5), [
    "AAAAA",
    "BCCCB",
    "CDDDC",
    "D   D",
    "EEEEE",
  ]);
  strictEqual(rig.machine.physical.u8(0xb8000 + (3 * 80 + 2) * 2 + 1), 0x4f);
  rig.call(0x10, { eax: 0x0702, ebx: 0x0700, ecx: 0x0000, edx: 0x0404 });
  deepStrictEqual(rig.machine.screen.lines().slice(0, 5), ["", "", "AAAAA", "BCCCB", "CDDDC"]);
  rig.call(0x10, { eax: 0x0600, ebx: 0x0700, ecx: 0x0000, edx: 0x184f });
  strictEqual(rig.machine.screen.text(), "");
});

Deno.test("INT 10h AH=08h reads, 0Ah keeps the attribute, 0Fh and 00h tell and set the mode", () => {
  const rig = new BiosRig();
  rig.call(0x10, { eax: 0x0951, ebx: 0x2c, ecx: 1 });
  rig.call(0x10, { eax: 0x0a52, ebx: 0x11, ecx: 1 });
  strictEqual(rig.call(0x10, { eax: 0x0800 }).ax, 0x2c52);
  strictEqual(rig.call(0x10, { eax: 0x0f00 }).ax, 0x5003);
  rig.call(0x10, { eax: 0x0001 });
  strictEqual(rig.call(0x10, { eax: 0x0f00 }).ax, 0x2801);
  strictEqual(rig.machine.screen.snapshot().columns, 40);
  rig.call(0x10, { eax: 0x0003 });
  strictEqual(rig.machine.screen.snapshot().columns, 80);
  strictEqual(rig.machine.screen.text(), "");
});

Deno.test("INT 10h AH=13h writes strings with and without attributes, with and without moving", () => {
  const rig = new BiosRig();
  rig.machine.physical.write(BUFFER, new TextEncoder().encode("Hi"));
  rig.call(0x10, { eax: 0x1301, ebx: 0x1f, ecx: 2, edx: 0x0203, ebp: BUFFER });
  strictEqual(rig.machine.screen.lines()[2], "   Hi");
  strictEqual(rig.call(0x10, { eax: 0x0300 }).edx & 0xffff, 0x0205);
  rig.machine.physical.write(BUFFER, Uint8Array.of(0x41, 0x4e, 0x42, 0x2f));
  rig.call(0x10, { eax: 0x1302, ecx: 2, edx: 0x0400, ebp: BUFFER });
  strictEqual(rig.machine.physical.u32(0xb8000 + 4 * 160), 0x2f42_4e41);
  strictEqual(rig.call(0x10, { eax: 0x0300 }).edx & 0xffff, 0x0205);
});

Deno.test("INT 10h: 50 lines, blink off, VGA is there, VESA is not", () => {
  const rig = new BiosRig();
  rig.call(0x10, { eax: 0x1112 });
  strictEqual(rig.machine.screen.snapshot().rows, 50);
  rig.call(0x10, { eax: 0x1003, ebx: 0 });
  strictEqual(rig.machine.screen.snapshot().blink, false);
  const combination = rig.call(0x10, { eax: 0x1a00 });
  deepStrictEqual([combination.al, combination.ebx & 0xff], [0x1a, 8]);
  notStrictEqual(rig.call(0x10, { eax: 0x4f00, edi: BUFFER }).ax, 0x004f);
});

Deno.test("INT 11h and 12h give the data area's words", () => {
  const rig = new BiosRig();
  strictEqual(rig.call(0x11, {}).ax, rig.machine.physical.u16(0x410));
  strictEqual(rig.call(0x12, {}).ax, 639);
});

Deno.test("INT 13h AH=02h reads by cylinder, head, sector; refuses what there is not", () => {
  const rig = new BiosRig();
  const read = rig.call(0x13, { eax: 0x0203, ecx: 0x0005, edx: 0x80, ebx: BUFFER });
  deepStrictEqual([read.cf, read.ah, read.al], [false, 0, 3]);
  deepStrictEqual(
    [rig.machine.physical.u16(BUFFER), rig.machine.physical.u16(BUFFER + 1024)],
    [4, 6],
  );
  for (
    const wrong of [
      { ecx: 0x0000 }, // Sector 0.
      { ecx: 0x0101 }, // No such cylinder.
      { ecx: 0x0001, eax: 0x0200 }, // No sectors.
      { ecx: 0x0001, edx: 0x81 }, // No such drive.
      { ecx: 0x0001, edx: 0x1080 }, // No such head.
    ]
  ) {
    const refused = rig.call(0x13, { eax: 0x0201, edx: 0x80, ebx: BUFFER, ...wrong });
    deepStrictEqual([refused.cf, refused.ah !== 0], [true, true], JSON.stringify(wrong));
  }
  strictEqual(rig.call(0x13, { eax: 0x0100, edx: 0x80 }).ah, 1);
});

Deno.test("INT 13h AH=08h and 15h tell a hard disk's size", () => {
  const rig = new BiosRig();
  const { ah, cf, ecx, edx } = rig.call(0x13, { eax: 0x0800, edx: 0x80 });
  deepStrictEqual([ah, cf, ecx & 0xffff, edx & 0xffff], [0, false, 0x003f, 0x0f01]);
  const type = rig.call(0x13, { eax: 0x1500, edx: 0x80 });
  deepStrictEqual([type.ah, type.ecx & 0xffff, type.edx & 0xffff], [3, 0, 64]);
  strictEqual(rig.call(0x13, { eax: 0x0800, edx: 0x00 }).edx & 0xff, 0);
});

Deno.test("INT 13h 41h, 42h, 43h, 48h: disks by sector number", () => {
  const rig = new BiosRig();
  const { physical } = rig.machine;
  const there = rig.call(0x13, { eax: 0x4100, ebx: 0x55aa, edx: 0x80 });
  deepStrictEqual([there.cf, there.ebx & 0xffff, there.ecx & 1], [false, 0xaa55, 1]);
  const packet = (count: number, at: number, sector: number) => {
    physical.write(0x500, new Uint8Array(16));
    physical.setU8(0x500, 16);
    physical.setU16(0x502, count);
    physical.setU16(0x504, at & 15);
    physical.setU16(0x506, at >> 4);
    physical.setU64(0x508, sector);
  };
  packet(2, BUFFER, 62);
  strictEqual(rig.call(0x13, { eax: 0x4200, edx: 0x80, esi: 0x500 }).cf, false);
  deepStrictEqual([physical.u16(BUFFER), physical.u16(BUFFER + 512)], [62, 63]);
  packet(2, BUFFER, 63);
  strictEqual(rig.call(0x13, { eax: 0x4200, edx: 0x80, esi: 0x500 }).cf, true);

  physical.write(BUFFER, new Uint8Array(512).fill(0xab));
  packet(1, BUFFER, 10);
  strictEqual(rig.call(0x13, { eax: 0x4300, edx: 0x80, esi: 0x500 }).cf, false);
  physical.write(BUFFER, new Uint8Array(512));
  strictEqual(rig.call(0x13, { eax: 0x4200, edx: 0x80, esi: 0x500 }).cf, false);
  strictEqual(physical.u16(BUFFER), 0xabab);
  const disk = rig.machine.firmware.drives.get(0x80)!;
  strictEqual(disk.contents()[10 * 512], 0xab);
  strictEqual(image("probe")[10 * 512], 10);

  physical.setU16(BUFFER, 30);
  strictEqual(rig.call(0x13, { eax: 0x4800, edx: 0x80, esi: BUFFER }).cf, false);
  deepStrictEqual([physical.u64(BUFFER + 16), physical.u16(BUFFER + 24)], [64n, 512]);
});

Deno.test("Snapshots hold what was written to the disk, and ask for the disk", () => {
  const rig = new BiosRig();
  const { physical } = rig.machine;
  const write = (value: number) => {
    physical.write(BUFFER, new Uint8Array(512).fill(value));
    rig.call(0x13, { eax: 0x0301, ecx: 3, edx: 0x80, ebx: BUFFER });
  };
  const first = () => rig.machine.firmware.drives.get(0x80)!.read(2)![0];
  write(0x11);
  const snapshot = rig.machine.snapshot();
  write(0x22);
  strictEqual(first(), 0x22);
  rig.machine.restore(snapshot);
  strictEqual(first(), 0x11);
  write(0x33);
  strictEqual(first(), 0x33);
  throws(() => new Machine({ memory: 32 << 20 }).restore(snapshot), /drive 0x80 is not attached/);
});

Deno.test("A floppy answers to drive 0 with its format, and not to the extensions", () => {
  const floppy = new Uint8Array(1440 * 1024);
  floppy.set(image("probe"));
  floppy.fill(0x77, 18 * 512, 19 * 512);
  const rig = new BiosRig({ as: "floppy" });
  const { ecx, edx, ebx, es, edi } = rig.call(0x13, { eax: 0x0800, edx: 0 });
  deepStrictEqual([ecx & 0xffff, edx & 0xffff, ebx & 0xff], [0x4f12, 0x0101, 4]);
  strictEqual(rig.machine.physical.u8(es * 16 + (edi & 0xffff) + 4), 18);
  strictEqual(rig.call(0x13, { eax: 0x4100, ebx: 0x55aa, edx: 0 }).cf, true);
  strictEqual(rig.call(0x13, { eax: 0x1500, edx: 0 }).ah, 1);
  strictEqual(rig.call(0x13, { eax: 0x0201, ecx: 0x0001, edx: 0x0100, ebx: BUFFER }).cf, false);
  strictEqual(rig.machine.physical.u16(BUFFER), 18);
});

Deno.test("INT 15h E820h gives ranges in order, none above what exists", () => {
  const rig = new BiosRig({ memory: 48 << 20 });
  const { physical } = rig.machine;
  const ranges: [bigint, bigint, number][] = [];
  let ebx = 0;
  do {
    const answer = rig.call(0x15, { eax: 0xe820, edx: SMAP, ecx: 24, ebx, edi: BUFFER });
    deepStrictEqual([answer.cf, answer.eax], [false, SMAP]);
    ranges.push([physical.u64(BUFFER), physical.u64(BUFFER + 8), physical.u32(BUFFER + 16)]);
    ebx = answer.ebx;
  } while (ebx !== 0);
  deepStrictEqual(ranges, [
    [0n, 0x9_fc00n, 1],
    [0x9_fc00n, 0x400n, 2],
    [0xf_0000n, 0x1_0000n, 2],
    [0x10_0000n, BigInt(47 << 20), 1],
    [0xffff_0000n, 0x1_0000n, 2],
  ]);
  strictEqual(rig.call(0x15, { eax: 0xe820, edx: 0, ecx: 24, edi: BUFFER }).cf, true);
});

Deno.test("INT 15h E801h, 88h: sizes above 1 MiB", () => {
  const rig = new BiosRig({ memory: 48 << 20 });
  const { cf, eax, ebx, ecx, edx } = rig.call(0x15, { eax: 0xe801 });
  deepStrictEqual(
    [cf, eax & 0xffff, ebx & 0xffff, ecx & 0xffff, edx & 0xffff],
    [false, 15 * 1024, 512, 15 * 1024, 512],
  );
  strictEqual(rig.call(0x15, { eax: 0x8800 }).ax, 47 * 1024);
});

Deno.test("INT 15h 24xxh switches A20", () => {
  const rig = new BiosRig();
  strictEqual(rig.call(0x15, { eax: 0x2402 }).al, 1);
  rig.call(0x15, { eax: 0x2400 });
  strictEqual(rig.machine.board.memory.a20, false);
  strictEqual(rig.call(0x15, { eax: 0x2402 }).al, 0);
  rig.call(0x15, { eax: 0x2401 });
  strictEqual(rig.machine.board.memory.a20, true);
  strictEqual(rig.call(0x15, { eax: 0x2403 }).ebx & 3, 3);
});

Deno.test("INT 15h AH=87h copies to above 1 MiB and back", () => {
  const rig = new BiosRig();
  const { physical } = rig.machine;
  const table = (source: number, target: number) => {
    physical.write(0x500, new Uint8Array(48));
    for (const [at, base] of [[0x510, source], [0x518, target]]) {
      physical.setU16(at, 0xffff);
      physical.setU32(at + 2, 0x9300_0000 + base);
      physical.setU8(at + 7, base >>> 24);
    }
  };
  physical.write(BUFFER, Uint8Array.of(1, 2, 3, 4, 5, 6));
  table(BUFFER, 0x123_4567);
  strictEqual(rig.call(0x15, { eax: 0x8700, ecx: 2, esi: 0x500 }).cf, false);
  deepStrictEqual([...physical.read(0x123_4567, 6)], [1, 2, 3, 4, 0, 0]);
});

Deno.test("INT 15h AH=86h waits in virtual time, with interrupts served", () => {
  const rig = new BiosRig();
  const { clock, physical } = rig.machine;
  const before = clock.nowNs;
  const ticks = physical.u32(0x46c);
  const { cf } = rig.call(0x15, { eax: 0x8600, ecx: 0x0007, edx: 0xa120 }); // 500 ms
  const ms = (clock.nowNs - before) / 1e6;
  strictEqual(cf, false);
  ok(ms >= 500 && ms < 515, `${ms} ms`);
  ok(physical.u32(0x46c) - ticks >= 8);
});

Deno.test("INT 15h: what is not there answers CF and AH = 86h, and is told", () => {
  const rig = new BiosRig();
  for (const eax of [0x8400, 0xec00, 0xd800]) {
    const { cf, ah } = rig.call(0x15, { eax });
    deepStrictEqual([cf, ah], [true, 0x86]);
  }
  ok(
    rig.machine.events.recent().some((event) =>
      event.type === "device" && /INT 15h AX=8400h/.test(event.message)
    ),
  );
  const table = rig.call(0x15, { eax: 0xc000 });
  strictEqual(rig.machine.physical.u8(table.es * 16 + (table.ebx & 0xffff) + 2), 0xfc);
});

Deno.test("INT 15h AX=5307h switches the machine off", () => {
  const rig = new BiosRig();
  strictEqual(rig.call(0x15, { eax: 0x5300 }).ebx & 0xffff, 0x504d);
  rig.start(0x15, { eax: 0x5307, ebx: 1, ecx: 3 });
  strictEqual(rig.machine.run({ instructions: 1_000_000 }).kind, "power off");
});

Deno.test("INT 10h draws pixels into mode 13h's memory", () => {
  const rig = new BiosRig();
  rig.call(0x10, { eax: 0x0013 });
  rig.call(0x10, { eax: 0x0c2a, ecx: 5, edx: 2 });
  strictEqual(rig.machine.physical.u8(0xa_0000 + 2 * 320 + 5), 0x2a);
  strictEqual(rig.call(0x10, { eax: 0x0d00, ecx: 5, edx: 2 }).al, 0x2a);
});

Deno.test("INT 16h waits for keys, looks at them, and tells shifts", () => {
  const rig = new BiosRig();
  const { keyboard } = rig.machine;
  strictEqual(rig.call(0x16, { eax: 0x0100 }).zf, true);
  rig.start(0x16, { eax: 0x0000 });
  strictEqual(rig.machine.run({ instructions: 50_000_000 }).kind, "budget");
  keyboard.type("aB");
  strictEqual(rig.machine.run({ instructions: 50_000_000 }).kind, "exit");
  strictEqual(rig.result().ax, 0x1e61);
  rig.call(0x15, { eax: 0x8600, ecx: 1 });
  const looked = rig.call(0x16, { eax: 0x0100 });
  deepStrictEqual([looked.zf, looked.ax], [false, 0x3042]);
  strictEqual(rig.call(0x16, { eax: 0x0000 }).ax, 0x3042);
  strictEqual(rig.call(0x16, { eax: 0x1100 }).zf, true);
  keyboard.press("shift");
  keyboard.press("alt");
  rig.call(0x15, { eax: 0x8600, ecx: 1 });
  strictEqual(rig.call(0x16, { eax: 0x0200 }).al, 0x0a);
  keyboard.release("shift");
  keyboard.release("alt");
});

Deno.test("INT 16h gives the codes of special keys, old and enhanced", () => {
  const rig = new BiosRig();
  const press = (...keys: string[]) => {
    for (const key of keys) rig.machine.keyboard.press(key);
    for (const key of keys.toReversed()) rig.machine.keyboard.release(key);
    rig.call(0x15, { eax: 0x8600, ecx: 1 });
  };
  const expected: [string[], number, number][] = [
    [["f1"], 0x3b00, 0x3b00],
    [["shift", "f2"], 0x5500, 0x5500],
    [["up"], 0x4800, 0x48e0],
    [["ctrl", "c"], 0x2e03, 0x2e03],
    [["alt", "x"], 0x2d00, 0x2d00],
    [["alt", "1"], 0x7800, 0x7800],
    [["kp_enter"], 0x1c0d, 0xe00d],
    [["tab"], 0x0f09, 0x0f09],
    [["esc"], 0x011b, 0x011b],
    [["ctrl", "backspace"], 0x0e7f, 0x0e7f],
    [["delete"], 0x5300, 0x53e0],
    [["caps_lock"], -1, -1],
    [["q"], 0x1051, 0x1051],
  ];
  for (const [keys, old, enhanced] of expected) {
    press(...keys);
    if (old >= 0) strictEqual(rig.call(0x16, { eax: 0x0000 }).ax, old, keys.join("-"));
    press(...keys);
    if (enhanced >= 0) strictEqual(rig.call(0x16, { eax: 0x1000 }).ax, enhanced, keys.join("-"));
    if (keys[0] === "caps_lock") press(...keys);
  }
});

Deno.test("INT 16h AH=05h puts a key into the ring until it is full", () => {
  const rig = new BiosRig();
  for (let i = 0; i < 15; i++) strictEqual(rig.call(0x16, { eax: 0x0500, ecx: 0x41 + i }).al, 0);
  strictEqual(rig.call(0x16, { eax: 0x0500, ecx: 0x99 }).al, 1);
  for (let i = 0; i < 15; i++) strictEqual(rig.call(0x16, { eax: 0x0000 }).ax, 0x41 + i);
});

Deno.test("INT 1Ah counts ticks at 18.2 Hz, calls INT 1Ch, and reads the clock in BCD", () => {
  const rig = new BiosRig({
    start: DATE,
  });
  const ticks = () => rig.call(0x1a, { eax: 0 }).edx & 0xffff;
  const before = ticks();
  rig.call(0x15, { eax: 0x8600, ecx: 0x000f, edx: 0x4240 }); // 1 s
  ok([18, 19].includes(ticks() - before));
  const date = rig.call(0x1a, { eax: 0x0400 });
  deepStrictEqual([date.cf, date.ecx & 0xffff, date.edx & 0xffff], [false, 0x2024, 0x0229]);
  const time = rig.call(0x1a, { eax: 0x0200 });
  strictEqual(time.ecx & 0xffff, 0x1305);
  rig.call(0x1a, { eax: 0x0300, ecx: 0x2359, edx: 0x5800 });
  strictEqual(rig.call(0x1a, { eax: 0x0200 }).ecx & 0xffff, 0x2359);
  rig.call(0x1a, { eax: 0x0100, ecx: 0x0018, edx: 0x00af });
  rig.call(0x15, { eax: 0x8600, ecx: 0x0002 });
  const midnight = rig.call(0x1a, { eax: 0 });
  deepStrictEqual([midnight.al, midnight.ecx & 0xffff], [1, 0]);
});

Deno.test("INT 14h sends and receives on COM1; INT 17h has no printer", () => {
  const rig = new BiosRig();
  rig.call(0x14, { eax: 0x00e3 });
  rig.call(0x14, { eax: 0x0141 });
  strictEqual(rig.machine.serial.output, "A");
  strictEqual(rig.call(0x14, { eax: 0x0200 }).ah & 0x80, 0x80);
  strictEqual(rig.call(0x17, { eax: 0x0041 }).ah & 1, 1);
});

Deno.test("A guest's own vector replaces a service; nothing bypasses the IVT", () => {
  const rig = new BiosRig();
  // mov ax, 1234h; iret
  rig.machine.physical.write(0x9000, Uint8Array.of(0xb8, 0x34, 0x12, 0xcf));
  rig.machine.physical.setU32(0x12 * 4, 0x9000);
  strictEqual(rig.call(0x12, {}).ax, 0x1234);
});

Deno.test("A disk without anything to start says so, by way of INT 18h, and halts", () => {
  const rig = new BiosRig();
  rig.machine.firmware.drives.bootDrive = 0x85;
  rig.machine.reset();
  strictEqual(rig.machine.run({ instructions: 10_000_000 }).kind, "halted");
  strictEqual(rig.machine.screen.text(), "No bootable device.");
});

Deno.test("Ctrl-Alt-Delete restarts by the keyboard controller", () => {
  const rig = new BiosRig();
  rig.start(0x16, { eax: 0 });
  for (const key of ["ctrl", "alt", "delete"]) rig.machine.keyboard.press(key);
  strictEqual(rig.machine.run({ instructions: 100_000_000 }).kind, "reset");
  strictEqual(rig.machine.run({ instructions: 10_000_000 }).kind, "exit");
});
