/** Accesses apart from rights: widths, page crossings, canonical and alignment faults, hooks. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { STATE } from "../../../machine/memory/layout.ts";
import { ACCESS } from "../../../machine/mmu/access.ts";
import { high, low, type RaisedFault, World } from "./world.ts";

const P = 1n, RW = 2n, US = 4n, A = 0x20n, D = 0x40n;

/** 4-level; pages 0x40000000 and on: frames 0x20, (absent), 0x31, 0x30, read-only 0x32 … */
function world(): World {
  const w = new World();
  w.put(0x1000, 0x2000n | P | RW | US, 8);
  w.put(0x1ff8, 0x2000n | P | RW | US, 8); // the top 512 GiB too
  w.put(0x1000 + 255 * 8, 0x2000n | P | RW | US, 8); // and the last before the hole
  w.put(0x2008, 0x3000n | P | RW | US, 8);
  w.put(0x2018, 0x3000n | P | RW | US, 8);
  w.put(0x2ff8, 0x3000n | P | RW | US, 8);
  w.put(0x2000, 0x3000n | P | RW | US, 8);
  w.put(0x3000, 0x4000n | P | RW | US, 8);
  w.put(0x3ff8, 0x5000n | P | RW | US, 8);
  for (const [i, frame] of [0x20n, 0n, 0x31n, 0x30n, 0x32n].entries()) {
    w.put(0x4000 + i * 8, frame === 0n ? 0n : (frame << 12n) | P | US | (i === 4 ? 0n : RW), 8);
  }
  w.put(0x5ff8, 0x33_000n | P | RW | US, 8);
  w.cr3 = 0x1000n;
  w.control({ mode: "4-level", wp: true });
  return w;
}

const BASE = 0x4000_0000n;
const args = (va: bigint) => [low(va), high(va)] as const;

Deno.test("Mmu loads and stores every width at every offset of a page crossing", () => {
  const w = world();
  for (let back = 0; back <= 9; back++) {
    const va = BASE + 0x3000n - BigInt(back); // frames 0x31 then 0x30: not adjacent in memory
    const physical = (i: number) => i < back ? 0x3_2000 - back + i : 0x3_0000 + i - back;
    for (const size of [1, 2, 4, 8]) {
      w.ram.fill(0xee, 0x3_0000, 0x3_2000);
      const bytes = [0x81, 0x92, 0xa3, 0xb4, 0xc5, 0xd6, 0xe7, 0xf8].slice(0, size);
      const value = bytes.reduceRight((v, byte) => (v << 8n) | BigInt(byte), 0n);
      const [l, h] = args(va);
      if (size === 1) w.mmu.store8(l, h, low(value) | 0x7700, 0);
      if (size === 2) w.mmu.store16(l, h, low(value) | 0x77_0000, 0);
      if (size === 4) w.mmu.store32(l, h, low(value), 0);
      if (size === 8) w.mmu.store64(l, h, low(value), high(value), 0);
      deepStrictEqual(bytes.map((_, i) => w.ram[physical(i)]), bytes, `${size} at -${back}`);
      strictEqual(w.ram.subarray(0x3_0000, 0x3_2000).filter((b) => b !== 0xee).length, size);
      if (size === 1) strictEqual(w.mmu.load8(l, h, 0), 0x81);
      if (size === 2) strictEqual(w.mmu.load16(l, h, 0), 0x9281);
      if (size === 4) strictEqual(w.mmu.load32(l, h, 0), 0xb4a3_9281 | 0);
      if (size === 8) {
        strictEqual(w.mmu.load64(l, h, 0), 0xb4a3_9281 | 0);
        strictEqual(w.i32[STATE.high >> 2], 0xf8e7_d6c5 | 0);
      }
    }
  }
});

Deno.test("Mmu writes nothing when the second page of a store faults", () => {
  const w = world();
  const before = Uint8Array.from(w.ram.subarray(0x2_0000, 0x3_4000));
  const fault = w.store32(BASE + 0xffen, -1);
  deepStrictEqual(fault, { vector: 14, error: 2, address: BASE + 0x1000n });
  deepStrictEqual(w.store32(BASE + 0x3ffdn, -1), {
    vector: 14,
    error: 3,
    address: BASE + 0x4000n,
  });
  deepStrictEqual(w.load32(BASE + 0x1ffen), {
    vector: 14,
    error: 0,
    address: BASE + 0x1ffen,
  }, "the first page: the exact address");
  deepStrictEqual(w.ram.subarray(0x2_0000, 0x3_4000), before);
  strictEqual(w.get(0x4000, 8), 0x20000n | P | RW | US | A | D, "its page was checked as a write");
});

Deno.test("Mmu.probe() checks and marks like the access, and moves nothing", () => {
  const w = world();
  w.mmu.probe(...args(BASE + 0x2ffcn), 8, ACCESS.WRITE);
  strictEqual(w.get(0x4010, 8), 0x31000n | P | RW | US | A | D);
  strictEqual(w.get(0x4018, 8), 0x30000n | P | RW | US | A | D);
  const fault = w.attempt(() => w.mmu.probe(...args(BASE + 0xffen), 4, ACCESS.USER));
  deepStrictEqual(fault, { vector: 14, error: 4, address: BASE + 0x1000n });
});

Deno.test("Mmu raises #GP(0) or #SS(0) for addresses that are not canonical", () => {
  const w = world();
  for (const va of [0x8000_0000_0000n, 0x1_0000_4000_0000n, 0xffff_7fff_ffff_ffffn, 1n << 63n]) {
    deepStrictEqual(w.load32(va), { vector: 13, error: 0, address: va });
    deepStrictEqual(w.store32(va, 1), { vector: 13, error: 0, address: va });
    deepStrictEqual(w.load32(va, ACCESS.STACK), { vector: 12, error: 0, address: va });
    deepStrictEqual(w.fetch(va), { vector: 13, error: 0, address: va });
  }
  // The last page below the hole is mapped, the access runs into the hole.
  strictEqual(typeof w.load32(0x7fff_ffff_fffcn), "number");
  strictEqual((w.load32(0x7fff_ffff_fffdn) as RaisedFault).vector, 13);
});

Deno.test("Mmu wraps at the end of the address space", () => {
  const w = world();
  w.put(0x3_3ffc, 0x4433_2211n, 4);
  w.put(0x2_0000, 0x8877_6655n, 4);
  strictEqual(w.load32(0xffff_ffff_ffff_fffen), 0x6655_4433, "2^64, in 64-bit code");
  // 4 GiB: in 64-bit code on to the next page, in 32-bit code back to 0.
  w.put(0x2020, 0x3000n | P | RW | US, 8);
  w.put(0x4000, 0x31000n | P | RW | US, 8);
  w.put(0x3_1000, 0xbbbbn, 4);
  w.put(0x2000, 0x6000n | P | RW | US, 8);
  w.put(0x6000, 0x7000n | P | RW | US, 8);
  w.put(0x7000, 0x20000n | P | RW | US, 8);
  w.mmu.flushAll(true);
  strictEqual(w.load32(0xffff_fffen), 0xbbbb_4433 | 0);
  w.i32[(STATE.segments + 32 + 4) >> 2] = 0xc09b;
  strictEqual(w.load32(0xffff_fffen), 0x6655_4433);
});

Deno.test("Mmu checks alignment at CPL 3 with AM and AC, before the page", () => {
  const w = world();
  w.control({ mode: "4-level", am: true, ac: true });
  const USER = ACCESS.USER;
  const rows: [size: number, va: bigint, faults: boolean][] = [
    [1, BASE + 1n, false],
    [2, BASE + 1n, true],
    [2, BASE + 2n, false],
    [4, BASE + 2n, true],
    [4, BASE + 4n, false],
    [8, BASE + 4n, true],
    [8, BASE + 8n, false],
    [4, BASE + 0x1001n, true],
    [4, BASE + 0xffen, true],
  ];
  for (const [size, va, faults] of rows) {
    const fault = w.attempt(() => w.mmu.probe(...args(va), size, USER));
    deepStrictEqual(fault, faults ? { vector: 17, error: 0, address: va } : undefined);
  }
  strictEqual((w.load32(0x8000_0000_0001n, USER) as RaisedFault).vector, 13);
  strictEqual(typeof w.load32(BASE + 1n), "number", "the supervisor may");
  strictEqual([...w.mmu.fastEntries()].filter(({ user }) => user).length, 0);
  w.setAc(false);
  strictEqual(typeof w.load32(BASE + 1n, USER), "number");
  strictEqual([...w.mmu.fastEntries()].filter(({ user }) => user).length, 1);
  w.setAc(true);
  strictEqual([...w.mmu.fastEntries()].filter(({ user }) => user).length, 0);
});

Deno.test("Mmu reports reads and writes, and takes the listener's value", () => {
  const w = world();
  w.put(0x2_0010, 0x1122_3344_5566_7788n, 8);
  const seen: unknown[] = [];
  const offs = [
    w.events.on("read", (e) => {
      seen.push(["read", e.address, e.physical, e.size, e.value]);
      e.value += 1n;
    }),
    w.events.on("write", (e) => {
      seen.push(["write", e.address, e.physical, e.size, e.value]);
      e.value = 0xabcn;
    }),
  ];
  strictEqual(w.mmu.load64(...args(BASE + 0x10n), 0), 0x5566_7789);
  strictEqual(w.i32[STATE.high >> 2], 0x1122_3344);
  strictEqual(w.mmu.load8(...args(BASE + 0x10n), 0), 0x89);
  w.mmu.store16(...args(BASE + 0x20n), -1, 0);
  w.store32(BASE + 0x2ffen, -1);
  deepStrictEqual(seen, [
    ["read", BASE + 0x10n, 0x2_0010, 8, 0x1122_3344_5566_7788n],
    ["read", BASE + 0x10n, 0x2_0010, 1, 0x88n],
    ["write", BASE + 0x20n, 0x2_0020, 2, 0xffffn],
    ["write", BASE + 0x2ffen, 0x3_1ffe, 4, 0xffff_ffffn],
  ]);
  strictEqual(w.get(0x2_0020, 4), 0xabcn);
  strictEqual(w.ram[0x3_1ffe] | (w.ram[0x3_1fff] << 8) | w.ram[0x3_0000], 0xabc);
  strictEqual([...w.mmu.fastEntries()].length, 0, "nothing may bypass the listeners");
  for (const off of offs) off();
  w.load32(BASE);
  strictEqual([...w.mmu.fastEntries()].length, 1);
});

Deno.test("Mmu reports walks and flushes to those who listen", () => {
  const w = world();
  const seen: unknown[] = [];
  w.events.on("walk", ({ address, access, physical }) => seen.push([address, access, physical]));
  w.events.on("tlb", ({ kind, address }) => seen.push([kind, address]));
  w.load32(BASE + 4n);
  w.load32(BASE + 8n);
  w.store32(BASE + 8n, 1);
  w.fetch(BASE + 0x1000n);
  w.mmu.flushPage(low(BASE), high(BASE));
  w.mmu.flushAll(false);
  w.mmu.flushAll(true);
  deepStrictEqual(seen, [
    [BASE + 4n, "read", 0x2_0004],
    [BASE + 8n, "write", 0x2_0008],
    [BASE + 0x1000n, "execute", undefined],
    ["invlpg", BASE],
    ["flush", undefined],
    ["flush-global", undefined],
  ]);
});

Deno.test("Mmu.setWatch() hears every access that succeeded", () => {
  const w = world();
  w.load32(BASE);
  const seen: unknown[] = [];
  w.mmu.setWatch((l, h, size, isWrite) => seen.push([l, h, size, isWrite]));
  strictEqual([...w.mmu.fastEntries()].length, 0);
  w.load32(BASE + 4n);
  w.store32(BASE + 0x2ffen, 9);
  w.load32(BASE + 0x1000n); // faults
  w.mmu.probe(...args(BASE), 4, 0); // moves nothing
  deepStrictEqual(seen, [
    [Number(BASE) + 4, 0, 4, false],
    [Number(BASE) + 0x2ffe, 0, 4, true],
  ]);
  strictEqual([...w.mmu.fastEntries()].length, 0);
  w.mmu.setWatch(undefined);
  w.load32(BASE);
  strictEqual([...w.mmu.fastEntries()].length, 1);
});

Deno.test("Mmu.fetchPage() gives unsigned addresses, the ROM's alias included", () => {
  const w = new World();
  strictEqual(w.fetch(0xffff_fff0n), 0xffff_f000);
  strictEqual(w.fetch(0x1234n), 0x1000);
  ok(w.mmu.translate(0xffff_fff0).physical === 0xffff_fff0);
});

Deno.test("Mmu marks page tables through physical memory: cached code on them is told", () => {
  const w = world();
  const told: number[] = [];
  w.memory.codePages[4] = 1;
  w.memory.onCodeWrite = (address) => {
    told.push(address);
    w.memory.codePages[address >>> 12] = 0;
  };
  w.load32(BASE);
  deepStrictEqual(told, [0x4000]);
});

Deno.test("Mmu reaches devices behind pages, in words of at most 32 bits", () => {
  const w = world();
  const log: unknown[] = [];
  w.memory.claimMmio({ device: "test", start: 0x3_1000, size: 0x1000 }, {
    readMmio: (offset, width) => {
      log.push(["read", offset, width]);
      return offset + 0x100;
    },
    writeMmio: (offset, value, width) => void log.push(["write", offset, value, width]),
  });
  const at = BASE + 0x2010n;
  strictEqual(w.mmu.load64(...args(at), 0), 0x110);
  strictEqual(w.i32[STATE.high >> 2], 0x114);
  w.mmu.store64(...args(at), 1, 2, 0);
  w.mmu.store8(...args(at), 3, 0);
  w.mmu.store16(...args(at + 2n), 4, 0);
  strictEqual(w.mmu.load16(...args(at), 0), 0x110);
  deepStrictEqual(log, [
    ["read", 0x10, 4],
    ["read", 0x14, 4],
    ["write", 0x10, 1, 4],
    ["write", 0x14, 2, 4],
    ["write", 0x10, 3, 1],
    ["write", 0x12, 4, 2],
    ["read", 0x10, 2],
  ]);
  strictEqual([...w.mmu.fastEntries()].length, 0);
});

Deno.test("Mmu drops the supervisor's fast entries when AC changes under SMAP", () => {
  const w = world();
  w.control({ mode: "4-level", smap: true, ac: true });
  strictEqual(typeof w.load32(BASE), "number");
  strictEqual([...w.mmu.fastEntries()].length, 1);
  w.setAc(false);
  strictEqual([...w.mmu.fastEntries()].length, 0);
  strictEqual((w.load32(BASE) as RaisedFault).error, 1);
});

Deno.test("Mmu never learns fast writes to ROM or to cached code", () => {
  const w = new World();
  const writes = () => [...w.mmu.fastEntries()].filter(({ write }) => write).length;
  w.load32(0xf_0000n, ACCESS.WRITE);
  w.store32(0xf_0000n, 1);
  strictEqual(writes(), 0, "ROM");
  w.store32(0x5000n, 1);
  w.store32(0x6000n, 1);
  strictEqual(writes(), 2);
  w.mmu.protectCodePage(5);
  strictEqual(writes(), 1, "only the other page is left");
  w.memory.onCodeWrite = () => {};
  w.load32(0x5000n, ACCESS.WRITE);
  w.store32(0x5000n, 2);
  strictEqual(writes(), 1);
  w.memory.codePages[5] = 0;
  w.store32(0x5000n, 3);
  strictEqual(writes(), 2);
});

Deno.test("Mmu judges rights by the access bits that concern them, and by no others", () => {
  const w = world();
  w.control({ mode: "4-level", smap: true, wp: true });
  for (const more of [0, ACCESS.STACK, ACCESS.FLAT, ACCESS.FLAT | ACCESS.STACK]) {
    strictEqual((w.load32(BASE, more) as RaisedFault).error, 1, `supervisor, SMAP, ${more}`);
    strictEqual(typeof w.load32(BASE, ACCESS.USER | more), "number");
    strictEqual((w.store32(BASE + 0x4000n, 1, ACCESS.USER | more) as RaisedFault).error, 7);
  }
});

Deno.test("Mmu lets a flat segment end at 4 GiB", () => {
  const w = new World();
  strictEqual(w.load32(0xffff_fffcn, ACCESS.FLAT), 0);
  strictEqual((w.load32(0xffff_fffdn, ACCESS.FLAT) as RaisedFault).vector, 13);
  strictEqual((w.load32(0xffff_fffdn, ACCESS.FLAT | ACCESS.STACK) as RaisedFault).vector, 12);
  strictEqual(w.load32(0xffff_fffdn), 0, "otherwise it wraps");
});
