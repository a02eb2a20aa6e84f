/** The TLB: really used, really stale, flushed by exactly what flushes it. */
import { deepStrictEqual, notStrictEqual, ok, strictEqual } from "node:assert/strict";
import { CR0, CR4, EFER } from "../../../machine/arch/control_registers.ts";
import { STATE } from "../../../machine/memory/layout.ts";
import { ACCESS } from "../../../machine/mmu/access.ts";
import {
  changesPaging,
  flushScope,
  type PagingRegister,
} from "../../../machine/mmu/flush_rules.ts";
import { type RaisedFault, World } from "./world.ts";

const P = 1n, RW = 2n, US = 4n, A = 0x20n, D = 0x40n, PS = 0x80n, G = 0x100n;
const BASE = 0x4000_0000n; // PML4 0, PDPT 1, PD 0

/** 4-level tables: PML4 0x1000, PDPT 0x2000, PD 0x3000, PT 0x4000; frames hold their number. */
function world(pge = false): World {
  const w = new World(8 << 20);
  w.put(0x1000, 0x2000n | P | RW | US, 8);
  w.put(0x2008, 0x3000n | P | RW | US, 8);
  w.put(0x3000, 0x4000n | P | RW | US, 8);
  for (let page = 0x100; page < 0x800; page++) w.put(page * 0x1000, BigInt(page), 4);
  w.cr3 = 0x1000n;
  w.control({ mode: "4-level", wp: true, pge });
  return w;
}

const map = (w: World, index: number, frame: number, flags = P | RW | US) =>
  w.put(0x4000 + index * 8, BigInt(frame * 0x1000) | flags, 8);
const page = (index: number) => BASE + BigInt(index * 0x1000);
const flush = (w: World, va: bigint) =>
  w.mmu.flushPage(Number(BigInt.asIntN(32, va)), Number(BigInt.asIntN(32, va >> 32n)));

Deno.test("Tlb stays stale after a table change until INVLPG", () => {
  const w = world();
  map(w, 3, 0x123);
  strictEqual(w.load32(page(3)), 0x123);
  map(w, 3, 0x124);
  strictEqual(w.load32(page(3)), 0x123);
  w.put(0x4018, 0n, 8);
  strictEqual(w.load32(page(3)), 0x123);
  flush(w, page(4));
  strictEqual(w.load32(page(3)), 0x123, "another page's INVLPG");
  flush(w, page(3) + 0xabcn);
  deepStrictEqual(w.load32(page(3)), { vector: 14, error: 0, address: page(3) });
});

Deno.test("Tlb keeps a right that was taken away, and sees at once one that was given", () => {
  const w = world();
  map(w, 0, 0x123);
  w.store32(page(0), 7);
  map(w, 0, 0x123, P | US | A | D); // read-only now
  strictEqual(w.store32(page(0), 8), undefined, "still writable: stale");
  flush(w, page(0));
  strictEqual((w.store32(page(0), 9) as RaisedFault).error, 3);
  strictEqual(w.load32(page(0)), 8);
  map(w, 0, 0x123); // writable again: no INVLPG needed, the fault's walk finds it
  strictEqual(w.store32(page(0), 10), undefined);
});

Deno.test("Tlb drops the entry of an address that faults", () => {
  const w = world();
  map(w, 0, 0x123, P | US);
  strictEqual(w.load32(page(0)), 0x123);
  strictEqual((w.store32(page(0), 1) as RaisedFault).error, 3);
  strictEqual(w.mmu.tlbEntries().length, 0);
  map(w, 0, 0x200, P | US);
  strictEqual(w.load32(page(0)), 0x200);
});

Deno.test("Tlb with D clear: the first write walks the present tables and sets D", () => {
  const w = world();
  map(w, 0, 0x123);
  strictEqual(w.load32(page(0)), 0x123);
  strictEqual(w.mmu.tlbEntries()[0].dirty, false);
  map(w, 0, 0x300); // moved without INVLPG
  const epoch = w.epoch;
  w.store32(page(0), 77);
  strictEqual(w.get(0x4000, 8), 0x30_0000n | P | RW | US | A | D);
  strictEqual(w.get(0x30_0000, 4), 77n);
  strictEqual(w.load32(page(0)), 77);
  notStrictEqual(w.epoch, epoch, "an instruction fetch would go elsewhere now");
  // With D in the entry a write sets nothing any more.
  w.put(0x4000, 0x30_0000n | P | RW | US, 8);
  w.store32(page(0), 78);
  strictEqual(w.get(0x4000, 8), 0x30_0000n | P | RW | US);
});

Deno.test("Tlb entry that gets D only leaves block links alone", () => {
  const w = world();
  map(w, 0, 0x123);
  w.load32(page(0));
  const epoch = w.epoch;
  w.store32(page(0), 1);
  strictEqual(w.epoch, epoch);
});

Deno.test("MOV CR3 flushes all but global pages, and only with CR4.PGE", () => {
  for (const pge of [false, true]) {
    const w = world(pge);
    map(w, 0, 0x123, P | RW | US | G);
    map(w, 1, 0x124);
    w.load32(page(0));
    w.load32(page(1));
    map(w, 0, 0x200, P | RW | US | G);
    map(w, 1, 0x201);
    w.mmu.controlRegisterWritten("cr3", 0x1000, 0x1000);
    strictEqual(w.load32(page(0)), pge ? 0x123 : 0x200);
    strictEqual(w.load32(page(1)), 0x201);
    flush(w, page(0));
    strictEqual(w.load32(page(0)), 0x200, "INVLPG drops global pages too");
  }
});

Deno.test("INVLPG anywhere within a large page drops all of it", () => {
  const w = world();
  w.put(0x3008, 0x20_0000n | PS | P | RW | US, 8); // 2 MiB
  const at = BASE + 0x20_0000n;
  strictEqual(w.load32(at + 0x5000n), 0x205);
  strictEqual(w.load32(at + 0x6000n), 0x206);
  deepStrictEqual(w.mmu.tlbEntries().map(({ virtual, size }) => [virtual, size]), [[at, 1 << 21]]);
  w.put(0x3008, 0x40_0000n | PS | P | RW | US, 8);
  strictEqual(w.load32(at + 0x5000n), 0x205);
  flush(w, at + 0x1f_f000n);
  strictEqual(w.load32(at + 0x5000n), 0x405);
  strictEqual(w.load32(at + 0x6000n), 0x406);
});

Deno.test("A 1 GiB page is one entry", () => {
  const w = world();
  w.put(0x2010, PS | P | RW | US, 8);
  strictEqual(w.load32(0x8012_3000n), 0x123);
  strictEqual(w.load32(0x807f_f000n), 0x7ff);
  strictEqual(w.mmu.tlbEntries().length, 1);
  strictEqual(w.mmu.tlbEntries()[0].size, 1 << 30);
  w.put(0x2010, 0n, 8);
  strictEqual(w.load32(0x8012_4000n), 0x124);
  flush(w, 0xbfff_ffffn);
  strictEqual((w.load32(0x8012_3000n) as RaisedFault).vector, 14);
});

Deno.test("A 4 MiB page of 32-bit paging, with its PSE-36 address", () => {
  const w = new World(8 << 20);
  for (let i = 0x100; i < 0x800; i++) w.put(i * 0x1000, BigInt(i), 4);
  w.cr3 = 0x1000n;
  w.put(0x1000 + 4, 0x40_0000n | PS | P | RW, 4);
  w.put(0x1000 + 8, (1n << 13n) | PS | P | RW, 4);
  w.control({ mode: "32-bit", pse: true });
  strictEqual(w.load32(0x40_3000n), 0x403);
  strictEqual(w.load32(0x7f_f000n), 0x7ff);
  strictEqual(w.mmu.translate(0x80_0123).physical, 2 ** 32 + 0x123);
  strictEqual(w.load32(0x80_0000n), -1, "nothing is there");
  deepStrictEqual(w.mmu.tlbEntries().map(({ size }) => size), [1 << 22, 1 << 22]);
});

Deno.test("Tlb evicts, and then the tables count again", () => {
  const w = world();
  // Six pages that fall into one set: 256 pages apart.
  for (let i = 0; i < 6; i++) {
    w.put(0x3000 + i * 4 * 8, 0x4000n | P | RW | US, 8);
  }
  map(w, 0, 0x123);
  const address = (i: number) => BASE + BigInt(i * 8) * 0x10_0000n;
  for (let i = 0; i < 4; i++) strictEqual(w.load32(address(i)), 0x123);
  map(w, 0, 0x200);
  for (let i = 0; i < 4; i++) strictEqual(w.load32(address(i)), 0x123);
  strictEqual(w.load32(address(4)), 0x200);
  strictEqual(w.mmu.tlbEntries().length, 4);
  strictEqual(w.load32(address(0)), 0x200, "the first was the victim");
});

Deno.test("Tlb tells addresses apart that differ only above bit 31", () => {
  for (const large of [false, true]) {
    const w = world();
    // The same low words in six places: PDPTs 1 GiB x 4 apart, with a table or page of its own.
    for (let i = 0; i < 6; i++) {
      const frame = 0x20_0000n * BigInt(i % 3 + 1);
      w.put(0x2000 + (1 + i * 4) * 8, BigInt(0x10_0000 + i * 0x2000) | P | RW | US, 8);
      w.put(
        0x10_0000 + i * 0x2000,
        large ? frame | PS | P | RW : BigInt(0x10_1000 + i * 0x2000) | P | RW,
        8,
      );
      w.put(0x10_1000 + i * 0x2000, frame | P | RW, 8);
    }
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 6; i++) {
        strictEqual(w.load32(BASE + (BigInt(i) << 32n)), 0x200 * (i % 3 + 1), `${i} ${large}`);
      }
    }
    for (let i = 0; i < 6; i++) {
      const held = w.mmu.tlbEntries().map(({ virtual }) => virtual);
      const va = BASE + (BigInt(i) << 32n);
      flush(w, va);
      const left = held.filter((virtual) => virtual !== va);
      deepStrictEqual(w.mmu.tlbEntries().map(({ virtual }) => virtual), left);
    }
    strictEqual(w.mmu.tlbEntries().length, 0);
  }
});

Deno.test("Tlb holds hundreds of large pages without losing count", () => {
  const w = world();
  for (let i = 0; i < 512; i++) w.put(0x3000 + i * 8, PS | P | RW | US, 8);
  for (let i = 0; i < 512; i++) {
    strictEqual(w.load32(BASE + BigInt(i) * 0x20_0000n + 0x10_0000n), 0x100);
  }
  strictEqual(w.mmu.tlbEntries().length, 512);
  w.mmu.flushAll(true);
  strictEqual(w.mmu.tlbEntries().length, 0);
  strictEqual([...w.mmu.fastEntries()].length, 0);
});

Deno.test("flushScope() gives what each write flushes", () => {
  const rows: [PagingRegister, number, number, string][] = [
    ["cr0", CR0.PE, CR0.PE | CR0.PG, "everything"],
    ["cr0", CR0.PE | CR0.PG, CR0.PE, "everything"],
    ["cr0", CR0.PG, CR0.PG | CR0.WP | CR0.TS, "nothing"],
    ["cr3", 0x1000, 0x1000, "non-global"],
    ["cr3", 0x1000, 0x2000, "non-global"],
    ["cr4", 0, CR4.PGE, "everything"],
    ["cr4", CR4.PGE, 0, "everything"],
    ["cr4", 0, CR4.PAE, "everything"],
    ["cr4", CR4.PAE, 0, "everything"],
    ["cr4", 0, CR4.PSE, "everything"],
    ["cr4", 0, CR4.SMEP, "everything"],
    ["cr4", CR4.SMEP, 0, "nothing"],
    ["cr4", 0, CR4.SMAP, "nothing"],
    ["cr4", CR4.SMAP, 0, "nothing"],
    ["cr4", 0, CR4.PCIDE, "nothing"],
    ["cr4", CR4.PCIDE, 0, "everything"],
    ["cr4", CR4.PAE, CR4.PAE | CR4.UMIP | CR4.OSFXSR, "nothing"],
    ["efer", 0, EFER.NXE | EFER.LME, "nothing"],
  ];
  for (const [register, old, value, expected] of rows) {
    strictEqual(flushScope(register, old, value), expected, `${register} ${old} ${value}`);
  }
  strictEqual(changesPaging("cr0", 0, CR0.TS | CR0.MP), false);
  strictEqual(changesPaging("cr0", 0, CR0.WP), true);
  strictEqual(changesPaging("cr4", 0, CR4.SMAP), true);
});

Deno.test("controlRegisterWritten() flushes in the machine what the table says", () => {
  const rows: [PagingRegister, number, "kept" | "flushed", "kept" | "flushed"][] = [
    ["cr3", 0, "kept", "flushed"],
    ["cr4", CR4.SMAP, "kept", "kept"],
    ["cr4", CR4.SMEP, "flushed", "flushed"],
    ["cr4", CR4.PGE, "flushed", "flushed"],
    ["cr0", CR0.WP, "kept", "kept"],
    ["efer", EFER.NXE, "kept", "kept"],
  ];
  for (const [register, toggled, global, other] of rows) {
    const w = world(true);
    map(w, 0, 0x123, P | RW | G);
    map(w, 1, 0x124, P | RW);
    w.load32(page(0));
    w.load32(page(1));
    map(w, 0, 0x200, P | RW | G);
    map(w, 1, 0x201, P | RW);
    const at = STATE[register] >> 2;
    const old = w.i32[at];
    w.i32[at] ^= toggled;
    const epoch = w.epoch;
    w.mmu.controlRegisterWritten(register, old, w.i32[at]);
    strictEqual(w.load32(page(0)), global === "kept" ? 0x123 : 0x200, `${register} ${toggled}`);
    strictEqual(w.load32(page(1)), other === "kept" ? 0x124 : 0x201, `${register} ${toggled}`);
    ok(w.epoch > epoch);
  }
});

Deno.test("Turning paging off and on again starts with an empty TLB", () => {
  const w = world();
  map(w, 0, 0x123);
  w.load32(page(0));
  const on = w.i32[STATE.cr0 >> 2];
  w.i32[STATE.cr0 >> 2] = CR0.PE;
  w.mmu.controlRegisterWritten("cr0", on, CR0.PE);
  strictEqual(w.load32(0x12_3000n), 0x123, "identity");
  map(w, 0, 0x200);
  w.i32[STATE.cr0 >> 2] = on;
  w.mmu.controlRegisterWritten("cr0", CR0.PE, on);
  strictEqual(w.load32(page(0)), 0x200);
});

Deno.test("Rights of control registers count at once, without a flush", () => {
  const w = world();
  map(w, 0, 0x123, P);
  w.control({ mode: "4-level", wp: false });
  w.store32(page(0), 5);
  strictEqual(w.load32(page(0)), 5);
  w.control({ mode: "4-level", wp: true });
  strictEqual((w.store32(page(0), 6) as RaisedFault).error, 3);
  map(w, 1, 0x124);
  w.load32(page(1));
  w.control({ mode: "4-level", smap: true });
  strictEqual((w.load32(page(1)) as RaisedFault).error, 1);
  w.setAc(true);
  strictEqual(w.load32(page(1)), 0x124);
  strictEqual((w.load32(page(1), ACCESS.IMPLICIT) as RaisedFault).error, 1);
});

Deno.test("loadPdptes() takes all four or none", () => {
  const w = new World();
  const good = [0x3001n, 0x4019n, 0n, 0xff_ffff_f001n];
  for (const [i, entry] of good.entries()) w.put(0x2020 + i * 8, entry, 8);
  strictEqual(w.mmu.loadPdptes(0x2020), true);
  const registers = () =>
    [0, 1, 2, 3].map((i) =>
      (BigInt(w.i32[(STATE.pdpte >> 2) + i * 2 + 1] >>> 0) << 32n) |
      BigInt(w.i32[(STATE.pdpte >> 2) + i * 2] >>> 0)
    );
  deepStrictEqual(registers(), good);
  for (const bit of [1n, 2n, 5n, 6n, 7n, 8n, 40n, 51n, 62n, 63n]) {
    w.put(0x2020 + 24, 0x5001n | (1n << bit), 8);
    strictEqual(w.mmu.loadPdptes(0x2020), false, `bit ${bit}`);
    deepStrictEqual(registers(), good);
    w.put(0x2020 + 24, 0x5000n | (1n << bit), 8);
    if (bit > 0n) strictEqual(w.mmu.loadPdptes(0x2020 | 0x18), true, `absent, bit ${bit}`);
    for (const [i, entry] of good.entries()) w.put(0x2020 + i * 8, entry, 8);
    w.mmu.loadPdptes(0x2020);
  }
});
