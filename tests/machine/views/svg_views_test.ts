import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { Machine } from "../../../machine/machine.ts";
import { encodeDescriptor } from "../../../machine/arch/descriptor.ts";
import { regions } from "../../../machine/views/address_space.ts";
import { bars, holes } from "../../../machine/views/bars.ts";
import { bitFields } from "../../../machine/views/bit_fields.ts";
import { blockMap } from "../../../machine/views/block_map.ts";
import { grid } from "../../../machine/views/grid.ts";
import { escapeXml, fitText, wrap } from "../../../machine/views/svg.ts";
import { tables } from "../../../machine/views/tables.ts";
import { encodeGate } from "../../../machine/arch/gate.ts";
import { checkSvg, expectSvg } from "./expected.ts";

const P = 1n;
const RW = 2n;
const US = 4n;
const G = 0x100n;
const PS = 0x80n;

/** Long mode with tables of our own: level 4 at 4 KiB, then 16, 24 and 32 KiB. */
function walked(): Machine {
  const machine = new Machine({ memory: 4 << 20 });
  machine.load(new Uint8Array(0xa000), { at: 0x1000, mode: "long" });
  const set = (table: number, index: number, entry: bigint) =>
    machine.physical.setU64(table + index * 8, entry);
  set(0x1000, 0, machine.physical.u64(Number(machine.cpu.cr3)));
  set(0x1000, 1, 0x4000n | P | RW | US);
  set(0x4000, 0, 0x6000n | P | RW | US);
  set(0x6000, 511, 0x8000n | P | RW | US);
  set(0x8000, 0, 0x5000n | P | RW | US);
  set(0x8000, 127, 0x3000n | P | US);
  set(0x1000, 256, 0x9000n | P | RW);
  set(0x9000, 0, 0xa000n | P | RW);
  set(0xa000, 0, 0x20_0000n | P | RW | PS | G);
  machine.cpu.writeCr3(0x1000);
  machine.cpu.cr4 |= 0x80n; // PGE
  return machine;
}

Deno.test("show.walk() draws each table, the entry in it, and the byte", () => {
  const walk = walked().show.walk(0x803f_e7f5_cen);
  strictEqual(walk.physical, 0x35ce);
  match(walk.text, /→ physical 0x35ce, page of 4 KiB, r-x user$/);
  expectSvg("walk_read", walk.svg);
});

Deno.test("show.walk() marks the level that refuses", () => {
  const walk = walked().show.walk(0x803f_e7f5_cen, { access: "write" });
  deepStrictEqual(walk.fault?.decoded, ["PROTECTION_VIOLATION", "CAUSED_BY_WRITE"]);
  expectSvg("walk_refused", walk.svg);
  ok(walk.svg.includes("✗ refuses"));
});

Deno.test("show.walk() draws large pages, absent entries, and no walk at all", () => {
  const machine = walked();
  expectSvg("walk_large", machine.show.walk(0x20_0123n).svg);
  expectSvg("walk_absent", machine.show.walk(0x100_0000_0000n).svg);
  expectSvg("walk_not_canonical", machine.show.walk(0x0000_8000_0000_0000n).svg);
  const real = new Machine({ memory: 1 << 20 }).show.walk(0x1234, { segment: "cs" });
  match(real.svg, /CS: base 0x[0-9a-f]+ \+ offset 0x1234, limit 0xffff/);
  checkSvg(real.svg);
});

Deno.test("show.walk() draws 32-bit and PAE tables", () => {
  const machine = new Machine({ memory: 4 << 20 });
  machine.load(Uint8Array.of(0x90), { at: 0x10_0000, mode: "protected" });
  machine.physical.setU32(0x2_0000, 0x2_1003);
  machine.physical.setU32(0x2_1000 + 0x100 * 4, 0x10_0003);
  machine.cpu.writeCr3(0x2_0000);
  machine.cpu.cr0 |= 0x8000_0000n;
  const walk = machine.show.walk(0x10_0000);
  strictEqual(walk.mode, "32-bit");
  strictEqual(walk.physical, 0x10_0000);
  expectSvg("walk_32_bit", walk.svg);
});

Deno.test("show.tlb() marks entries that the tables no longer agree with", () => {
  const machine = walked();
  for (const address of [0x803f_e0_0000n, 0x803f_e7_f000n, 0xffff_8000_0000_0000n]) {
    machine.cpu.load8(address);
  }
  strictEqual(machine.show.tlb().text.split("\n")[0], "TLB: 3 entries, 0 stale");
  machine.physical.setU64(0x8000, 0x7000n | P | RW | US);
  machine.physical.setU64(0x8000 + 127 * 8, 0n);
  machine.physical.setU64(0xa000, 0x20_0000n | P | PS | G);
  const stale = machine.show.tlb();
  const rows = stale.text.split("\n");
  strictEqual(rows[0], "TLB: 3 entries, 3 stale");
  match(rows[2], /^! 0x803fe00000 .* frame 0x7000, not accessed$/);
  match(rows[3], /^! 0x803fe7f000 .* nothing is mapped$/);
  match(rows[4], /^! 0xffff800000000000 .* G .* not writable, not accessed$/);
  expectSvg("tlb_stale", stale.svg);
  expectSvg("walk_stale", machine.show.walk(0x803f_e0_0000n).svg);
});

Deno.test("show.addressSpace() joins pages and names the holes", () => {
  const machine = walked();
  const space = machine.show.addressSpace();
  strictEqual(
    space.text,
    [
      "Address space: 4 GiB mapped",
      "  from                to                    physical  rights            pages",
      "  0x0                 0xffffffff            0x0       rwx supervisor    2048 × 2 MiB",
      "  ⋮                   509 GiB not mapped",
      "  0x803fe00000        0x803fe00fff          0x5000    rwx user          1 × 4 KiB",
      "  ⋮                   504 KiB not mapped",
      "  0x803fe7f000        0x803fe7ffff          0x3000    r-x user          1 × 4 KiB",
      "  ⋮                   127.5 TiB not mapped",
      "  0xffff800000000000  0xffff8000001fffff    0x200000  rwx supervisor G  1 × 2 MiB",
    ].join("\n"),
  );
  expectSvg("address_space", space.svg);
  strictEqual(
    machine.show.addressSpace({ from: 1n << 40n, to: 1n << 41n }).text.split("\n").length,
    1,
  );
});

Deno.test("show.addressSpace() ends with tables that contain themselves", () => {
  const machine = walked();
  machine.physical.setU64(0x1000 + 511 * 8, 0x1000n | P | RW);
  checkSvg(machine.show.addressSpace().svg);
});

Deno.test("regions() joins neighbours of one kind only", () => {
  const machine = walked();
  const page = (index: number, entry: bigint) =>
    machine.physical.setU64(0x8000 + index * 8, entry | P);
  const rights = RW | US;
  [
    0x10_0000n | rights,
    0x10_1000n | rights,
    0x10_3000n | rights,
    0x10_4000n | US,
    0x10_5000n | US | G,
  ]
    .forEach((entry, i) => page(200 + i, entry));
  const found = regions(machine.mmu.pageTables({ from: 0x80_3fec_8000n, to: 0x80_3fec_cfffn }));
  deepStrictEqual(
    found.map(({ physical, pages, global }) => [physical, pages, global]),
    [[0x10_0000, 2, false], [0x10_3000, 1, false], [0x10_4000, 1, false], [0x10_5000, 1, true]],
  );
});

Deno.test("show.gdt() takes the two halves of a TSS descriptor as one", () => {
  const machine = walked();
  const { base } = machine.cpu.gdtr;
  const tss = { kind: "system", type: 11, base: 0x1_2345_6000n, limit: 0x67 } as const;
  machine.physical.setU64(Number(base) + 0x20, encodeDescriptor(tss));
  machine.physical.setU64(Number(base) + 0x28, tss.base >> 32n);
  const lines = machine.show.gdt().text.split("\n");
  match(lines.at(-1)!, /^ {2}0x20 +TSS \(busy\) +0x123456000 +0x67 +0$/);
  machine.physical.setU64(Number(base) + 0x20, encodeDescriptor({ ...tss, present: false }));
  match(machine.show.gdt().text, /^! 0x20 .*not present$/m);
  machine.physical.setU64(Number(base) + 0x20, 0n);
  machine.physical.setU64(Number(base) + 0x28, 0n);
  strictEqual(machine.show.gdt().text.split("\n").at(-1), "2 entries are empty.");
});

Deno.test("show.gdt() and show.idt() list what is there", () => {
  const machine = walked();
  expectSvg("gdt", machine.show.gdt().svg);
  const gate = encodeGate({
    kind: "interrupt",
    size: 8,
    selector: 8,
    offset: 0x1234n,
    istField: 1,
  });
  machine.physical.setU64(0x20_0000 + 8 * 16, gate.low);
  machine.physical.setU64(0x20_0000 + 8 * 16 + 8, gate.upper);
  machine.cpu.lidt(0x20_0000, 0xfff);
  strictEqual(
    machine.show.idt().text,
    [
      "IDT at 0x200000, limit 0xfff",
      "  vector  of                gate       handler     DPL  IST",
      "  8       double fault #DF  interrupt  0x8:0x1234  0    1",
      "255 of 256 gates are not present.",
    ].join("\n"),
  );
  expectSvg("idt", machine.show.idt().svg);
  machine.cpu.lidt(0x5ead_0000_0000n, 0xfff);
  match(machine.show.idt().text, /0 of 0 gates/);
  checkSvg(new Machine({ memory: 1 << 20 }).show.gdt().svg);
});

/** Characters with an attribute. */
function write(machine: Machine, row: number, text: Iterable<number>, attribute: number): void {
  const bytes = Uint8Array.from([...text].flatMap((code) => [code, attribute]));
  machine.physical.write(0xb8000 + row * 160, bytes);
}

const ascii = (text: string) => Array.from(text, (c) => c.charCodeAt(0));

Deno.test("screen.picture() draws characters, colours, lines and the cursor", () => {
  const machine = new Machine({ memory: 1 << 20 });
  machine.board.setUpAsFirmware();
  write(machine, 0, ascii("Hello World! <&>"), 0x0b);
  write(machine, 2, Array.from({ length: 48 }, (_, i) => 0xb0 + i), 0x1f);
  write(machine, 3, Array.from({ length: 48 }, (_, i) => 0xb0 + i), 0x1f);
  write(machine, 5, ascii("blinks"), 0xce);
  for (let i = 0; i < 16; i++) {
    machine.physical.write(0xb8000 + 7 * 160 + i * 4, Uint8Array.of(0xdb, i, 0xdb, i));
  }
  const { svg, text } = machine.screen.picture();
  expectSvg("screen", svg);
  match(svg, /<title>Screen: Hello World! &#60;&#38;&#62;/);
  ok(text.includes("│Hello World! <&>"));
  ok(svg.length < 20_000, `${svg.length} characters`);
});

Deno.test("screen.picture() of an empty screen has its size and little else", () => {
  const machine = new Machine({ memory: 1 << 20 });
  const { svg } = machine.screen.picture();
  checkSvg(svg);
  match(svg, /viewBox="0 0 736 416".*<title>An empty screen</);
  ok(svg.length < 600);
});

Deno.test("a picture shows the moment when it was taken, in a notebook and in a console", () => {
  const machine = new Machine({ memory: 1 << 20 });
  write(machine, 0, ascii("before"), 7);
  const picture = machine.screen.picture();
  write(machine, 0, ascii("after "), 7);
  ok(picture.text.includes("before"));
  ok(picture.svg.includes("before"));
  // deno-lint-ignore no-explicit-any
  const bundle = (value: any) => value[Symbol.for("Jupyter.display")]();
  deepStrictEqual(bundle(picture), { "image/svg+xml": picture.svg, "text/plain": picture.text });
  ok(bundle(machine.screen)["text/plain"].includes("after"));
  ok(Deno.inspect(picture).includes("│before"));
  // deno-lint-ignore no-control-regex
  match(Deno.inspect(machine.show.tlb(), { colors: true }), /\x1b\[1mTLB: 0 entries/);
});

Deno.test("bars() draws blocks, holes and arrows", () => {
  const picture = bars({
    title: "The same program twice",
    bars: [
      { title: "A, virtual", size: 150, blocks: [{ start: 0, size: 150, label: "A" }], column: 0 },
      {
        title: "B, virtual",
        size: 150,
        blocks: [{ start: 0, size: 150, label: "B", tone: "green" }],
        column: 0,
      },
      {
        title: "physical memory",
        size: 550,
        blocks: [{ start: 100, size: 150, label: "A" }, {
          start: 300,
          size: 150,
          label: "B",
          tone: "green",
        }],
        column: 1,
      },
    ],
    links: [
      { from: [0, 0], to: [2, 100], size: 150, tone: "blue" },
      { from: [1, 0], to: [2, 300], size: 150, tone: "green" },
    ],
    note: "250 bytes are free, but the largest hole has 100 of them.",
  });
  expectSvg("bars", picture.svg);
  match(picture.text, /0–150 +A → physical memory 100/);
  match(picture.text, /250–300 +free/);
});

Deno.test("holes() finds what no block covers, at the ends too, and stands overlaps", () => {
  const bar = (blocks: readonly [number, number][]) => ({
    title: "",
    start: 100,
    size: 100,
    blocks: blocks.map(([start, size]) => ({ start, size })),
  });
  deepStrictEqual(holes(bar([])), [{ start: 100, size: 100 }]);
  deepStrictEqual(holes(bar([[100, 100]])), []);
  deepStrictEqual(holes(bar([[150, 10], [110, 20], [115, 5]])), [
    { start: 100, size: 10 },
    { start: 130, size: 20 },
    { start: 160, size: 40 },
  ]);
});

Deno.test("blockMap() draws a heap in rows; blocks go on in the next", () => {
  const map = blockMap({
    title: "Heap",
    start: 0x4444_4444_0000n,
    size: 16 * 1024,
    perRow: 4096,
    blocks: [
      { start: 0, size: 6000, tone: "blue", label: "Vec" },
      { start: 6100, size: 100, tone: "red" },
      { start: 9000, size: 3288, tone: "green" },
    ],
    legend: [["blue", "used"], ["green", "cached"], ["red", "overflow"]],
    note: "3 blocks",
  });
  expectSvg("block_map", map.svg);
  const lines = map.text.split("\n");
  strictEqual(lines[1], `0x444444440000  ${"#".repeat(64)}`);
  match(lines[2], /^0x444444441000 {2}#{30}\.!!/);
  match(lines[4], /^0x444444443000 {2}\.{64}$/);
  strictEqual(lines[5], "# used   + cached   ! overflow");
});

Deno.test("bitFields() takes an entry apart", () => {
  const picture = bitFields({
    title: "A page table entry",
    value: 0x8000_0000_0000_3061n,
    fields: [
      { name: "NX", high: 63, low: 63, meaning: "no code" },
      { name: "address", high: 51, low: 12, meaning: "frame 3" },
      { name: "RW", high: 1, low: 1 },
      { name: "P", high: 0, low: 0 },
    ],
  });
  expectSvg("bit_fields", picture.svg);
  deepStrictEqual(picture.text.split("\n").slice(1), [
    "    63  NX       1  no code",
    " 51:12  address  0x3  frame 3",
    "     1  RW       0",
    "     0  P        1",
  ]);
});

Deno.test("tables() links entries to tables", () => {
  const picture = tables({
    title: "Two levels",
    tables: [
      {
        title: "level 2",
        column: 0,
        entries: [{ key: "0", value: "T1", tone: "blue", to: [1] }, {
          key: "",
          value: "99 empty",
        }, { key: "100", value: "T2", tone: "green", to: [2] }],
      },
      { title: "T1", column: 1, entries: [{ key: "0", value: "frame 0", tone: "blue" }] },
      { title: "T2", column: 1, entries: [{ key: "0", value: "frame 100", tone: "green" }] },
    ],
    note: "Two tables of level 1 are enough.",
  });
  expectSvg("tables", picture.svg);
  match(picture.text, /100 {2}T2 → T2/);
});

Deno.test("grid() without rows, and text that would break SVG", () => {
  const empty = grid({ title: "Nothing", columns: ["a"], rows: [], note: "none" });
  strictEqual(empty.text, "Nothing\nnone");
  checkSvg(empty.svg);
  const hostile = `<b attr="x">&amp;\u0000\u001b[1m`;
  const cell = grid({ title: hostile, columns: [hostile], rows: [{ cells: [hostile] }] });
  checkSvg(cell.svg);
  strictEqual(escapeXml(hostile), "&#60;b attr=&#34;x&#34;&#62;&#38;amp;��[1m");
  strictEqual(fitText("abcdef", 4 * 7.25), "abc…");
  deepStrictEqual(wrap("aa bb cc", 5), ["aa bb", "cc"]);
});

Deno.test("pictures of the same state are the same", () => {
  const [a, b] = [walked(), walked()];
  strictEqual(a.show.walk(0x803f_e7f5_cen).svg, b.show.walk(0x803f_e7f5_cen).svg);
  strictEqual(a.screen.picture().svg, b.screen.picture().svg);
});
