import { deepStrictEqual, match, ok, strictEqual, throws } from "node:assert/strict";
import fc from "fast-check";
import { ImageError } from "../../../machine/loaders/image_error.ts";
import { type LoadPlan, planElf, planFlat } from "../../../machine/loaders/load_plan.ts";
import { buildElf } from "./elf_builder.ts";

const MIB = 2 ** 20;
const RAM = 16 * MIB;

/** Memory after the plan's pokes; checks that they lie in RAM. */
function apply(plan: LoadPlan, ramSize = RAM): Uint8Array {
  const memory = new Uint8Array(ramSize).fill(0xcc);
  for (const { address, bytes } of plan.pokes) memory.set(bytes, address);
  return memory;
}

/** Walks 4-level tables as the manual draws them; `undefined` when not present. */
function walk(memory: Uint8Array, cr3: number, address: bigint): number | undefined {
  const view = new DataView(memory.buffer);
  let table = cr3;
  for (const shift of [39n, 30n, 21n]) {
    const entry = view.getBigUint64(table + 8 * Number((address >> shift) & 511n), true);
    if ((entry & 1n) === 0n) return undefined;
    strictEqual(entry & 0x6n, 2n, "writable, supervisor");
    if ((entry & 0x80n) !== 0n) {
      strictEqual(shift, 21n);
      return Number(entry & 0xf_ffff_ffe0_0000n) + Number(address & 0x1f_ffffn);
    }
    table = Number(entry & 0xf_ffff_ffff_f000n);
  }
  throw new Error("no large page");
}

Deno.test("planFlat() starts a boot sector as a BIOS does", () => {
  const plan = planFlat(new Uint8Array(512), { at: 0x7c00, mode: "real" }, RAM);
  const { cs, ss, ds, rip, rsp, cr0, idtr } = plan.registers;
  deepStrictEqual(plan.pokes, [{ address: 0x7c00, bytes: new Uint8Array(512) }]);
  deepStrictEqual(cs, { selector: 0, base: 0, limit: 0xffff, attributes: 0x9b });
  deepStrictEqual(ds, { selector: 0, base: 0, limit: 0xffff, attributes: 0x93 });
  deepStrictEqual(ss, ds);
  deepStrictEqual([rip, rsp, cr0, idtr], [0x7c00n, 0x7c00n, 0x10, { base: 0, limit: 0x3ff }]);
});

Deno.test("planFlat() makes a segment for real-mode code above 64 KiB", () => {
  const { cs, ds, rip } =
    planFlat(new Uint8Array(16), { at: 0x1_2345, mode: "real" }, RAM).registers;
  deepStrictEqual([cs.selector, cs.base, rip], [0x1234, 0x1_2340, 5n]);
  strictEqual(ds.base, 0x1_2340);
});

Deno.test("planFlat() moves the real-mode stack away from the image", () => {
  const { ss, rsp } = planFlat(new Uint8Array(16), { at: 0x7000, mode: "real" }, RAM).registers;
  deepStrictEqual([ss.base, rsp], [0x9_0000, 0xf000n]);
});

Deno.test("planFlat() gives protected mode flat segments from a descriptor table", () => {
  const plan = planFlat(new Uint8Array([0xf4]), { at: 0x10_0000, mode: "protected" }, RAM);
  const { registers } = plan;
  deepStrictEqual(registers.cs, {
    selector: 0x18,
    base: 0,
    limit: 0xffff_ffff,
    attributes: 0xc09b,
  });
  deepStrictEqual(registers.ss, {
    selector: 0x10,
    base: 0,
    limit: 0xffff_ffff,
    attributes: 0xc093,
  });
  deepStrictEqual([registers.cr0, registers.cr3, registers.cr4, registers.efer], [0x31, 0, 0, 0]);
  const memory = apply(plan);
  const { base, limit } = registers.gdtr;
  deepStrictEqual(
    Array.from(
      new BigUint64Array(memory.slice(base, base + limit + 1).buffer),
      (descriptor) => descriptor.toString(16).padStart(16, "0"),
    ),
    [
      "0000000000000000",
      "00af9b000000ffff",
      "00cf93000000ffff",
      "00cf9b000000ffff",
      "00009b000000ffff",
      "000093000000ffff",
    ],
  );
});

Deno.test("planFlat() maps the first 4 GiB one to one in long mode", () => {
  const plan = planFlat(new Uint8Array([0xf4]), { at: 0x10_0000, mode: "long" }, RAM);
  const { registers } = plan;
  strictEqual(registers.cs.attributes, 0xa09b);
  // PG, WP, NE, ET, PE; PAE; LMA and LME.
  deepStrictEqual([registers.cr0, registers.cr4, registers.efer], [0x8001_0031, 0x20, 0x500]);
  const memory = apply(plan);
  for (const address of [0, 0x1234, 0xb_8000, 0x1f_ffff, 0x20_0000, 0x4000_0000, 0xffff_ffff]) {
    strictEqual(walk(memory, registers.cr3, BigInt(address)), address);
  }
  strictEqual(walk(memory, registers.cr3, 0x1_0000_0000n), undefined);
  strictEqual(walk(memory, registers.cr3, 0xffff_8000_0000_0000n), undefined);
});

Deno.test("planElf() maps a kernel that is linked high", () => {
  const plan = planElf(
    buildElf({
      entry: 0xffff_ffff_8010_0001n,
      segments: [
        { vaddr: 0xffff_ffff_8010_0000n, paddr: 0x10_0000n, memsz: 0x30_0000n },
        { vaddr: 0xffff_ffff_8050_0000n, paddr: 0x50_0000n },
      ],
    }),
    RAM,
  );
  const memory = apply(plan);
  const { cr3, rip } = plan.registers;
  strictEqual(plan.mode, "long");
  strictEqual(rip, 0xffff_ffff_8010_0001n);
  strictEqual(walk(memory, cr3, rip), 0x10_0001);
  strictEqual(walk(memory, cr3, 0xffff_ffff_803f_ffffn), 0x3f_ffff);
  strictEqual(walk(memory, cr3, 0xffff_ffff_8050_0004n), 0x50_0004);
  strictEqual(walk(memory, cr3, 0xffff_ffff_8060_0000n), undefined);
  deepStrictEqual([...memory.subarray(0x10_0000, 0x10_0006)], [0x90, 0x90, 0xf4, 0xeb, 0xfd, 0]);
  strictEqual(memory[0x3f_ffff], 0);
  strictEqual(memory[0x40_0000], 0xcc);
});

Deno.test("planElf() starts ELF32 in protected mode at the physical entry", () => {
  const plan = planElf(
    buildElf({
      bits: 32,
      entry: 0x8010_0002n,
      segments: [{ vaddr: 0x8010_0000n, paddr: 0x10_0000n }],
    }),
    RAM,
  );
  deepStrictEqual([plan.mode, plan.registers.rip], ["protected", 0x10_0002n]);
});

Deno.test("planElf() takes read-only headers in ROM", () => {
  const plan = planElf(
    buildElf({ segments: [{ vaddr: 0xf_f000n, flags: 4 }, { vaddr: 0x10_0000n }] }),
    RAM,
  );
  strictEqual(plan.pokes[0].address, 0xf_f000);
});

const REFUSED: readonly [what: string, reason: string, plan: () => unknown, message: RegExp][] = [
  ["nothing", "empty", () => planFlat(new Uint8Array(0), { at: 0, mode: "real" }, RAM), /empty/],
  [
    "what passes the end of memory",
    "does-not-fit",
    () => planFlat(new Uint8Array(2), { at: RAM - 1, mode: "long" }, RAM),
    /0x2 bytes at 0xffffff: memory ends at 0x1000000/,
  ],
  [
    "real-mode code at 1 MiB",
    "unreachable",
    () => planFlat(new Uint8Array(2), { at: MIB, mode: "real" }, RAM),
    /start at 0x100000/,
  ],
  [
    "a real-mode image that reaches above FFFF:FFFF",
    "unreachable",
    () => planFlat(new Uint8Array(0x2_0000), { at: 0xf_0000, mode: "real" }, RAM),
    /0x20000 bytes at 0xf0000/,
  ],
  [
    "an entry behind the image",
    "bad-entry",
    () => planFlat(new Uint8Array(2), { at: 0x1000, mode: "long", entry: 0x1002 }, RAM),
    /start at 0x1002/,
  ],
  [
    "an image that fills memory",
    "no-room",
    () => planFlat(new Uint8Array(RAM), { at: 0, mode: "long" }, RAM),
    /descriptor and page tables/,
  ],
  [
    "an image that leaves the real-mode stack no room",
    "no-room",
    () => planFlat(new Uint8Array(0xa_0000), { at: 0, mode: "real" }, RAM),
    /stack/,
  ],
  [
    "an ELF segment beyond memory",
    "does-not-fit",
    () => planElf(buildElf({ segments: [{ memsz: 0xf0_0001n }] }), RAM),
    /segment 0 at physical 0x100000: it ends at 0x1000001, memory at 0x1000000/,
  ],
  [
    "an ELF segment of half the address space",
    "does-not-fit",
    () => planElf(buildElf({ segments: [{ memsz: 0x7fff_0000_0000n }] }), RAM),
    /ends at 0x7fff00100000/,
  ],
  [
    "an ELF segment in video memory",
    "reserved-memory",
    () => planElf(buildElf({ entry: 0x9_fffen, segments: [{ vaddr: 0x9_fffen }] }), RAM),
    /physical 0x9fffe/,
  ],
  [
    "a writable ELF segment in ROM",
    "reserved-memory",
    () => planElf(buildElf({ entry: 0xf_fffbn, segments: [{ vaddr: 0xf_fffbn, flags: 7 }] }), RAM),
    /physical 0xffffb/,
  ],
  [
    "an ELF segment that no large page maps",
    "unmappable",
    () =>
      planElf(
        buildElf({
          entry: 0x10_0000n,
          segments: [{ vaddr: 0xffff_ffff_8000_1000n, paddr: 0x10_0000n }],
        }),
        RAM,
      ),
    /0xffffffff80001000 to physical 0x100000: they differ modulo 2 MiB/,
  ],
  [
    "ELF segments that share a large page but not its target",
    "unmappable",
    () =>
      planElf(
        buildElf({
          entry: 0x20_0000n,
          segments: [
            { vaddr: 0xffff_ffff_8000_0000n, paddr: 0x20_0000n },
            { vaddr: 0xffff_ffff_8000_1000n, paddr: 0x40_1000n },
          ],
        }),
        RAM,
      ),
    /the same 2 MiB page leads to 0x200000/,
  ],
  [
    "an ELF64 segment that wants other low memory than its own",
    "unmappable",
    () => planElf(buildElf({ segments: [{ vaddr: 0x40_0000n, paddr: 0x10_0000n }] }), RAM),
    /0x400000 to physical 0x100000: the first 4 GiB/,
  ],
];

for (const [what, reason, plan, message] of REFUSED) {
  Deno.test(`A load plan refuses ${what}`, () => {
    throws(plan, (error) => {
      ok(error instanceof ImageError, String(error));
      strictEqual(error.reason, reason, error.message);
      match(error.message, message);
      match(error.message, /^Cannot [^\n]+: [^\n]+$/);
      return true;
    });
  });
}

Deno.test("planFlat() refuses numbers and modes that are none", () => {
  const bytes = new Uint8Array(1);
  for (const at of [-1, 0.5, NaN, Infinity, -1n, 1n << 52n, "0x1000" as never]) {
    throws(() => planFlat(bytes, { at, mode: "long" }, RAM), RangeError, String(at));
  }
  throws(() => planFlat(bytes, { at: 0, mode: "virtual" as never }, RAM), /modes are real/);
  throws(() => planFlat([1] as never, { at: 0, mode: "long" }, RAM), TypeError);
});

Deno.test("A load plan never puts two things into one place", () => {
  fc.assert(
    fc.property(
      fc.constantFrom("real" as const, "protected" as const, "long" as const),
      fc.oneof(
        fc.integer({ min: 0, max: 0x11_0000 }),
        fc.integer({ min: 0, max: 2 * MIB }),
        fc.constantFrom(0, 0x1000, 0x7c00, 0x8_f000, 0x9_f000, 0x10_0000),
        fc.constant(0x1000),
      ),
      fc.oneof(
        fc.integer({ min: 1, max: 0x2000 }),
        fc.integer({ min: 1, max: 2 * MIB }),
        fc.integer({ min: 0x9_0000, max: 0x9_f000 }),
      ),
      (mode, at, size) => {
        const ramSize = 2 * MIB;
        const plan = (() => {
          try {
            return planFlat(new Uint8Array(size), { at, mode }, ramSize);
          } catch (error) {
            ok(error instanceof ImageError, String(error));
            return undefined;
          }
        })();
        if (plan === undefined) return;
        const ranges = [
          ...plan.pokes.map(({ address, bytes }) => ({ start: address, size: bytes.length })),
          plan.stack,
        ].sort((a, b) => a.start - b.start);
        for (let i = 1; i < ranges.length; i++) {
          ok(ranges[i - 1].start + ranges[i - 1].size <= ranges[i].start, JSON.stringify(ranges));
        }
        for (const { address, bytes } of plan.pokes.slice(1)) {
          // Neither the BIOS's data nor video memory nor ROM.
          ok(address + bytes.length <= 0x9_f000 || address >= 0x10_0000, `${address}`);
          ok(address >= 0x1000);
        }
        const last = ranges[ranges.length - 1];
        ok(last.start + last.size <= ramSize);
        const { ss, rsp } = plan.registers;
        strictEqual(ss.base + Number(rsp), plan.stack.start + plan.stack.size);
      },
    ),
    { seed: 2, numRuns: 2000 },
  );
});
