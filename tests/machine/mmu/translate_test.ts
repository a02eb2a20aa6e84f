/** The doors for people: translate, pageTables, tlbEntries, audit, peek and poke. */
import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import { SEG, SEGMENT, SEGMENT_BYTES, STATE, TLB_AREA } from "../../../machine/memory/layout.ts";
import { World } from "./world.ts";

const P = 1n, RW = 2n, US = 4n, A = 0x20n, D = 0x40n, PS = 0x80n, NX = 1n << 63n;

/** The book's example: 0x803fe7f5ce. */
function world(): World {
  const w = new World(8 << 20);
  w.put(0x1008, 0x2000n | P | RW, 8);
  w.put(0x2000, 0x3000n | P | RW | US, 8);
  w.put(0x3000 + 511 * 8, 0x4000n | P | RW | US, 8);
  w.put(0x4000 + 127 * 8, 0x5000n | P | US, 8);
  w.put(0x4000 + 128 * 8, 0x6000n | P | RW | US | NX, 8);
  w.put(0x2008, 0x20_0000n | P | RW | US, 8);
  w.put(0x20_0000, 0x40_0000n | P | RW | US | PS, 8);
  w.cr3 = 0x1000n;
  w.control({ mode: "4-level", wp: true, nxe: true });
  return w;
}
const VA = 0x80_3fe7_f5cen;

Deno.test("Mmu.translate() gives every level of the walk", () => {
  const w = world();
  const before = w.memory.u8.slice();
  const { levels, ...rest } = w.mmu.translate(VA, { cpl: 0 });
  deepStrictEqual(w.memory.u8, before, "no side effects, the TLB included");
  deepStrictEqual(
    levels.map(({ name, level, tableAddress, index, entryAddress, raw }) => [
      name,
      level,
      tableAddress,
      index,
      entryAddress,
      raw,
    ]),
    [
      ["PML4E", 4, 0x1000, 1, 0x1008, 0x2000n | P | RW],
      ["PDPTE", 3, 0x2000, 0, 0x2000, 0x3000n | P | RW | US],
      ["PDE", 2, 0x3000, 511, 0x3ff8, 0x4000n | P | RW | US],
      ["PTE", 1, 0x4000, 127, 0x43f8, 0x5000n | P | US],
    ],
  );
  deepStrictEqual(levels.map(({ rights }) => rights), [
    { writable: true, user: false, executable: true },
    { writable: true, user: false, executable: true },
    { writable: true, user: false, executable: true },
    { writable: false, user: false, executable: true },
  ]);
  strictEqual(rest.mode, "4-level");
  strictEqual(rest.physical, 0x55ce);
  strictEqual(rest.pageSize, 4096);
  strictEqual(rest.tlb, "miss");
  strictEqual(rest.fault, undefined);
  strictEqual(rest.segment, undefined);
});

Deno.test("Mmu.translate() tells the fault, its code in words, and the level that refused", () => {
  const w = world();
  const rows: [bigint, object, number, string[], number | undefined, RegExp][] = [
    [
      VA,
      { access: "write", cpl: 0 },
      3,
      ["PROTECTION_VIOLATION", "CAUSED_BY_WRITE"],
      1,
      /PTE.*read-only/,
    ],
    [VA, { cpl: 3 }, 5, ["PROTECTION_VIOLATION", "USER_MODE"], 4, /PML4E.*supervisor/],
    [
      VA + 0x1000n,
      { access: "execute", cpl: 0 },
      17,
      ["PROTECTION_VIOLATION", "INSTRUCTION_FETCH"],
      1,
      /forbids execution/,
    ],
    [
      0xdead_beafn,
      { access: "write", cpl: 0 },
      2,
      ["CAUSED_BY_WRITE"],
      4,
      /PML4E at 0x1000 is not present/,
    ],
    [VA + 0x2000n, { cpl: 3 }, 4, ["USER_MODE"], 1, /PTE at 0x4408 is not present/],
  ];
  for (const [va, options, errorCode, decoded, level, reason] of rows) {
    const { fault, physical } = w.mmu.translate(va, options);
    strictEqual(physical, undefined);
    deepStrictEqual([fault?.vector, fault?.errorCode, fault?.decoded, fault?.level], [
      14,
      errorCode,
      decoded,
      level,
    ]);
    ok(reason.test(fault!.reason), fault!.reason);
  }
  w.put(0x3ff8, 0x4000n | P | (1n << 45n), 8);
  const { fault } = w.mmu.translate(VA, { cpl: 0 });
  deepStrictEqual(fault?.decoded, ["PROTECTION_VIOLATION", "MALFORMED_TABLE"]);
  strictEqual(fault?.level, 2);
  ok(/0x200000000000/.test(fault!.reason), fault!.reason);
  const canonical = w.mmu.translate(0x8000_0000_0000n);
  strictEqual(canonical.fault?.vector, 13);
});

Deno.test("Mmu.translate() shows a stale TLB entry beside the tables", () => {
  const w = world();
  w.load32(VA & ~3n);
  w.put(0x43f8, 0x7000n | P, 8);
  const answer = w.mmu.translate(VA, { cpl: 0 });
  strictEqual(answer.tlb, "hit");
  strictEqual(answer.physical, 0x55ce);
  strictEqual(answer.tables.physical, 0x75ce);
  strictEqual(answer.stale, true);
  strictEqual(answer.tlbEntry?.physical, 0x5000);
  w.put(0x43f8, 0n, 8);
  const gone = w.mmu.translate(VA, { cpl: 0 });
  strictEqual(gone.physical, 0x55ce);
  strictEqual(gone.tables.fault?.errorCode, 0);
  strictEqual(gone.stale, true);
  strictEqual(
    w.mmu.translate(VA, { access: "write", cpl: 0 }).fault?.errorCode,
    2,
    "the walk decides",
  );
});

Deno.test("Mmu.translate() refuses nonsense", () => {
  const w = world();
  for (const va of [-1, -1n, 1.5, NaN, Infinity, 1n << 64n, 2 ** 60]) {
    throws(() => w.mmu.translate(va), RangeError, String(va));
  }
  throws(() => w.mmu.translate(0, { cpl: 4 }), RangeError);
  throws(() => w.mmu.translate(0, { access: "fly" as "read" }), TypeError);
  throws(() => w.mmu.translate(0, { segment: "xs" as "ds" }), TypeError);
  w.control({ mode: "32-bit" });
  throws(() => w.mmu.translate(1n << 32n), RangeError);
});

Deno.test("Mmu.translate() takes the segment's step first", () => {
  const w = new World();
  w.control({});
  const set = (index: number, base: number, limit: number, attributes: number) => {
    const at = (STATE.segments + index * SEGMENT_BYTES) >> 2;
    w.i32[at + (SEGMENT.selector >> 2)] = index * 8;
    w.i32[at + (SEGMENT.attributes >> 2)] = attributes;
    w.i32[at + (SEGMENT.base >> 2)] = base;
    w.i32[at + (SEGMENT.limit >> 2)] = limit;
  };
  set(SEG.DS, 0x1_0000, 0xfff, 0x4093);
  set(SEG.SS, 0x2_0000, 0xfff, 0x4097); // expand-down
  set(SEG.ES, 0x3_0000, 0xfff, 0x4091); // read-only
  set(SEG.FS, 0, 0xffff, 0);
  set(SEG.CS, 0, -1, 0xc099); // execute-only
  const ask = (segment: "ds" | "ss" | "es" | "fs" | "cs", offset: number, access = "read") => {
    const answer = w.mmu.translate(offset, { segment, access: access as "read" });
    return answer.fault?.vector ?? answer.physical;
  };
  strictEqual(ask("ds", 0xfff), 0x1_0fff);
  strictEqual(ask("ds", 0x1000), 13);
  strictEqual(ask("ss", 0xfff), 12);
  strictEqual(ask("ss", 0x1000), 0x2_1000);
  strictEqual(ask("es", 0), 0x3_0000);
  strictEqual(ask("es", 0, "write"), 13);
  strictEqual(ask("fs", 0), 13);
  strictEqual(ask("cs", 5), 13);
  strictEqual(ask("cs", 5, "execute"), 5);
  strictEqual(ask("ds", 5, "execute"), 13);
  const { segment } = w.mmu.translate(4, { segment: "ds" });
  deepStrictEqual([segment?.base, segment?.limit, segment?.offset, segment?.linear], [
    0x1_0000n,
    0xfff,
    4n,
    0x1_0004n,
  ]);
  const long = world();
  const at = (STATE.segments + SEG.GS * SEGMENT_BYTES) >> 2;
  long.i32[at + (SEGMENT.base >> 2)] = 0x3fe7_f000;
  long.i32[at + (SEGMENT.base >> 2) + 1] = 0x80;
  strictEqual(long.mmu.translate(0x5ce, { segment: "gs", cpl: 0 }).physical, 0x55ce);
  strictEqual(long.mmu.translate(VA, { segment: "ds", cpl: 0 }).physical, 0x55ce, "no base");
});

Deno.test("Mmu.pageTables() yields what is mapped and skips the rest of 256 TiB", () => {
  const w = world();
  w.put(0x1ff8, 0x2000n | P | US, 8);
  const ranges = [...w.mmu.pageTables()];
  deepStrictEqual(
    ranges.map(({ virtual, size, physical, level }) => [virtual, size, physical, level]),
    [
      [0x80_3fe7_f000n, 0x1000, 0x5000, 1],
      [0x80_3fe8_0000n, 0x1000, 0x6000, 1],
      [0x80_4000_0000n, 0x20_0000, 0x40_0000, 2],
      [0xffff_ff80_3fe7_f000n, 0x1000, 0x5000, 1],
      [0xffff_ff80_3fe8_0000n, 0x1000, 0x6000, 1],
      [0xffff_ff80_4000_0000n, 0x20_0000, 0x40_0000, 2],
    ],
  );
  deepStrictEqual(ranges[0].rights, { writable: false, user: false, executable: true });
  deepStrictEqual(ranges[1].rights, { writable: true, user: false, executable: false });
  const part = (from: bigint, to: bigint) =>
    [...w.mmu.pageTables({ from, to })].map(({ physical }) => physical);
  deepStrictEqual(part(0x80_3fe8_0000n, 0xffff_ff80_3fe7_f000n), [0x6000, 0x40_0000, 0x5000]);
  deepStrictEqual(part(0x80_401f_ffffn, 0x80_401f_ffffn), [0x40_0000]);
  deepStrictEqual(part(0x80_3fe7_ffffn, 0x80_3fe7_ffffn), [0x5000]);
  deepStrictEqual(part(0n, 0x7fff_ffffn), []);
  deepStrictEqual([...w.mmu.pageTables({ cr3: 0x7000 })], []);
  throws(() => w.mmu.pageTables({ from: 1n << 47n }), RangeError);
  throws(() => w.mmu.pageTables({ to: -1 }), RangeError);
});

Deno.test("Mmu.pageTables() is lazy: tables that contain themselves do not hang it", () => {
  const w = new World();
  for (let i = 0; i < 512; i++) w.put(0x1000 + i * 8, 0x1000n | P | RW, 8);
  w.cr3 = 0x1000n;
  w.control({ mode: "4-level" });
  let count = 0;
  for (const { physical } of w.mmu.pageTables()) {
    strictEqual(physical, 0x1000);
    if (++count === 1000) break;
  }
  strictEqual(count, 1000);
});

Deno.test("Mmu.pageTables() in the other modes", () => {
  const w = new World();
  w.cr3 = 0x1000n;
  w.put(0x1004, 0x2000n | P | RW, 4);
  w.put(0x2008, 0x3000n | P | US, 4);
  w.put(0x1ffc, 0x80_0000n | PS | P, 4);
  const all = () =>
    [...w.mmu.pageTables()].map(({ virtual, size, physical }) => [virtual, size, physical]);
  w.control({ mode: "32-bit", pse: true });
  deepStrictEqual(all(), [
    [0x40_2000n, 0x1000, 0x3000],
    [0xffc0_0000n, 0x40_0000, 0x80_0000],
  ]);
  w.setPdpte(3, 0x5001n);
  w.put(0x5ff8, 0x40_0000n | PS | P, 8);
  w.control({ mode: "PAE" });
  deepStrictEqual(all(), [[0xffe0_0000n, 0x20_0000, 0x40_0000]]);
  w.put(0x6020, 0x5001n, 8);
  deepStrictEqual([...w.mmu.pageTables({ cr3: 0x6020 })].map(({ virtual }) => virtual), [
    0x3fe0_0000n,
  ]);
  w.control({});
  deepStrictEqual(all(), []);
});

Deno.test("Mmu.audit() finds the forgotten INVLPG", () => {
  const w = world();
  w.load32(VA & ~3n);
  w.store32(VA + 0xffen & ~3n, 1);
  w.load32(0x80_4000_0000n);
  w.load32(0x80_4020_0000n); // not mapped
  deepStrictEqual(w.mmu.audit(), []);
  const differences = () =>
    Object.fromEntries(w.mmu.audit().map(({ entry, differences }) => [entry.virtual, differences]));
  const entry = w.get(0x43f8, 8);
  const changes: [bigint, string[]][] = [
    [0n, ["unmapped"]],
    [entry + 0x1000n, ["physical"]],
    [entry | RW, ["writable"]],
    [entry | NX, ["executable"]],
    [entry & ~A, ["accessed"]],
  ];
  for (const [raw, expected] of changes) {
    w.put(0x43f8, raw, 8);
    deepStrictEqual(differences(), { [String(0x80_3fe7_f000n)]: expected });
  }
  w.put(0x43f8, entry, 8);
  w.put(0x4400, w.get(0x4400, 8) & ~D, 8);
  deepStrictEqual(differences(), { [String(0x80_3fe8_0000n)]: ["dirty"] });
  w.put(0x4400, w.get(0x4400, 8) | D, 8);
  const large = w.get(0x20_0000, 8);
  w.put(0x20_0000, 0x7000n | P | RW | US | A | D, 8);
  w.put(0x7000, 0x40_0000n | P | RW | US | A, 8);
  deepStrictEqual(differences(), { [String(0x80_4000_0000n)]: ["size"] });
  w.put(0x20_0000, large | NX, 8);
  deepStrictEqual(differences(), { [String(0x80_4000_0000n)]: ["executable"] });
});

Deno.test("Mmu.peek() and poke() go through the tables, all or nothing", () => {
  const w = world();
  w.put(0x4000 + 129 * 8, 0x9000n | P, 8);
  const bytes = Uint8Array.from({ length: 0x2100 }, (_, i) => i % 251);
  w.mmu.poke(VA & ~0xfffn, bytes); // 0x5000 read-only, then 0x6000, then 0x9000
  deepStrictEqual(w.mmu.peek(0x80_3fe7_f000n, bytes.length), bytes);
  deepStrictEqual(w.ram.slice(0x9000, 0x9100), bytes.slice(0x2000));
  const before = w.memory.u8.slice(TLB_AREA.start);
  throws(
    () => w.mmu.poke(0x80_3fe8_1f00n, new Uint8Array(0x200).fill(1)),
    /0x803fe82000 is not mapped/,
  );
  throws(() => w.mmu.peek(0x80_3fe8_1f00n, 0x200), RangeError);
  throws(() => w.mmu.peek(0x7fff_ffff_ffffn, 2), RangeError);
  throws(() => w.mmu.peek(VA, -1), RangeError);
  throws(() => w.mmu.peek(VA, 1.5), RangeError);
  deepStrictEqual(w.memory.u8.slice(TLB_AREA.start), before);
  strictEqual(w.mmu.virtualToPhysical(VA), 0x55ce);
  strictEqual(w.mmu.virtualToPhysical(0x80_401f_ffffn), 0x5f_ffff);
  strictEqual(w.mmu.virtualToPhysical(0), undefined);
  throws(() => w.mmu.virtualToPhysical(1n << 47n), RangeError);
  w.control({});
  strictEqual(w.mmu.virtualToPhysical(0xb8000), 0xb8000);
});
