import { deepStrictEqual, match, ok, strictEqual, throws } from "node:assert/strict";
import { parseElf } from "../../../machine/loaders/elf.ts";
import { readElfSymbols } from "../../../machine/loaders/elf_symbols.ts";
import { ImageError } from "../../../machine/loaders/image_error.ts";
import { buildElf, type FileSpec, headerSize } from "./elf_builder.ts";

Deno.test("parseElf() describes an ELF64 file", () => {
  const image = parseElf(buildElf({
    entry: 0xffff_ffff_8010_0002n,
    segments: [
      { flags: 5, vaddr: 0xffff_ffff_8010_0000n, paddr: 0x10_0000n, memsz: 0x3000n },
      { type: 4, offset: 0xffff_ffffn },
      { flags: 6, vaddr: 0xffff_ffff_8020_0000n, paddr: 0x20_0000n, filesz: 0n, memsz: 0x10n },
      { filesz: 0n, memsz: 0n },
    ],
  }));
  const { symbols, ...plain } = image;
  deepStrictEqual(plain, {
    bits: 64,
    entry: 0xffff_ffff_8010_0002n,
    entryPhysical: 0x10_0002,
    segments: [{
      index: 0,
      offset: 64 + 4 * 56,
      fileSize: 5,
      memorySize: 0x3000,
      virtualAddress: 0xffff_ffff_8010_0000n,
      physicalAddress: 0x10_0000,
      flags: { read: true, write: false, execute: true },
    }, {
      index: 2,
      offset: 0,
      fileSize: 0,
      memorySize: 0x10,
      virtualAddress: 0xffff_ffff_8020_0000n,
      physicalAddress: 0x20_0000,
      flags: { read: true, write: true, execute: false },
    }],
  });
  deepStrictEqual(symbols(), []);
});

Deno.test("parseElf() describes an ELF32 file", () => {
  const { bits, entry, segments } = parseElf(buildElf({
    bits: 32,
    entry: 0x8010_0000n,
    segments: [{ vaddr: 0x8010_0000n, paddr: 0x10_0000n, memsz: 0x1234n, flags: 7 }],
  }));
  deepStrictEqual({ bits, entry, segments }, {
    bits: 32,
    entry: 0x8010_0000n,
    segments: [{
      index: 0,
      offset: 52 + 32,
      fileSize: 5,
      memorySize: 0x1234,
      virtualAddress: 0x8010_0000n,
      physicalAddress: 0x10_0000,
      flags: { read: true, write: true, execute: true },
    }],
  });
});

Deno.test("parseElf() takes a physical entry of a file that is linked high", () => {
  const { entryPhysical } = parseElf(buildElf({
    bits: 32,
    entry: 0x10_0004n,
    segments: [{ vaddr: 0x8010_0000n, paddr: 0x10_0000n }],
  }));
  strictEqual(entryPhysical, 0x10_0004);
});

Deno.test("parseElf() takes virtual addresses where all physical ones are 0", () => {
  const { segments } = parseElf(buildElf({
    segments: [{ paddr: 0n }, { vaddr: 0x20_0000n, paddr: 0n }],
  }));
  deepStrictEqual(segments.map((segment) => segment.physicalAddress), [0x10_0000, 0x20_0000]);
});

Deno.test("readElfSymbols() gives defined names by address, in both classes", () => {
  for (const bits of [32, 64] as const) {
    const bytes = buildElf({
      bits,
      symbols: [
        { name: "", value: 0n, shndx: 0 },
        { name: "main", value: 0x10_0004n, size: 9n },
        { name: "counter", value: 0x10_0002n, size: 2n, info: 0x11 },
        { name: "elsewhere", value: 1n, shndx: 0 },
        { name: "file.c", value: 0n, info: 4, shndx: 0xfff1 },
      ],
    });
    deepStrictEqual(parseElf(bytes).symbols(), [
      { name: "counter", value: 0x10_0002n, size: 2n, kind: "object" },
      { name: "main", value: 0x10_0004n, size: 9n, kind: "function" },
    ]);
  }
});

/** A right file with some bytes changed: [offset, values]. */
function patched(spec: FileSpec, ...patches: [offset: number, ...values: number[]][]): Uint8Array {
  const bytes = buildElf(spec);
  for (const [offset, ...values] of patches) bytes.set(values, offset);
  return bytes;
}

const REFUSED: readonly [
  what: string,
  reason: string,
  bytes: () => Uint8Array,
  message: RegExp,
][] = [
  ["nothing", "empty", () => new Uint8Array(0), /empty/],
  ["a script", "not-elf", () => new TextEncoder().encode("#!/bin/sh"), /starts with 23 21 2f 62:/],
  ["three bytes", "not-elf", () => new Uint8Array([0x7f, 0x45, 0x4c]), /7f 45 4c:/],
  ["the magic alone", "truncated", () => buildElf().subarray(0, 4), /file at 0x4$/],
  ["half a header", "truncated", () => buildElf().subarray(0, 63), /file header.*0x40.*0x3f/],
  ["a header alone", "truncated", () => buildElf().subarray(0, 64), /table of 1 program headers/],
  ["a file less a byte", "truncated", () => buildElf().subarray(0, -1), /bytes of segment 0/],
  ["class 3", "unsupported", () => patched({}, [4, 3]), /class 0x3:/],
  ["big-endian", "unsupported", () => patched({}, [5, 2]), /byte order 0x2: big-endian/],
  ["byte order 0", "unsupported", () => patched({}, [5, 0]), /byte order 0x0: unknown/],
  ["version 2", "unsupported", () => patched({}, [6, 2]), /version 0x2/],
  ["the other version 2", "unsupported", () => patched({}, [20, 2]), /version 0x2/],
  ["an object", "unsupported", () => patched({}, [16, 1]), /type 0x1: a relocatable object/],
  ["a core", "unsupported", () => patched({}, [16, 4]), /type 0x4: not an executable/],
  ["ARM's", "unsupported", () => patched({}, [18, 183]), /machine 0xb7:/],
  ["x32", "unsupported", () => patched({ bits: 32 }, [18, 62]), /machine 0x3e: a 32-bit/],
  ["i386 in 64-bit", "unsupported", () => patched({}, [18, 3]), /machine 0x3: a 64-bit/],
  ["a header of 63", "wrong-size", () => patched({}, [52, 63]), /file header of 0x3f bytes/],
  ["segments of 57", "wrong-size", () => patched({}, [54, 57]), /program header of 0x39 bytes/],
  ["no headers", "no-segments", () => buildElf({ segments: [] }), /no program headers/],
  ["notes only", "no-segments", () => buildElf({ segments: [{ type: 4 }] }), /none of its 1/],
  ["empty only", "no-segments", () => buildElf({ segments: [{ filesz: 0n }] }), /none of its 1/],
  ["65535 segments", "unsupported", () => patched({}, [56, 0xff, 0xff]), /segment count 0xffff/],
  ["65534 of one", "truncated", () => patched({}, [56, 0xfe, 0xff]), /65534 program headers/],
  [
    "a table far away",
    "truncated",
    () => patched({}, [32, 255, 255, 255, 255, 255, 255, 255, 255]),
    /at offset 0xffffffffffffffff/,
  ],
  ["more in file", "wrong-size", () => buildElf({ segments: [{ memsz: 4n }] }), /0x5 .* its 0x4/],
  [
    "alignment 3",
    "wrong-size",
    () => buildElf({ segments: [{ align: 3n }] }),
    /0x3 is not a power/,
  ],
  [
    "bytes beyond",
    "truncated",
    () => buildElf({ segments: [{ offset: 0xffff_ffff_ffff_fff0n, filesz: 0x20n }] }),
    /it ends at 0x10000000000000010/,
  ],
  [
    "the hole",
    "non-canonical",
    () => buildElf({ segments: [{ vaddr: 0x8000_0000_0000n, paddr: 0n }] }),
    /segment 0 at 0x800000000000:/,
  ],
  [
    "into the hole",
    "non-canonical",
    () => buildElf({ segments: [{ vaddr: 0x7fff_ffff_fffcn, paddr: 0n }] }),
    /up to 0x800000000000/,
  ],
  [
    "over the hole",
    "non-canonical",
    () => buildElf({ segments: [{ vaddr: 0x10_0000n, paddr: 0n, memsz: 0xffff_ffff_ff00_0000n }] }),
    /not all canonical/,
  ],
  [
    "over the end",
    "overflow",
    () => buildElf({ segments: [{ vaddr: 0xffff_ffff_ffff_fffcn, paddr: 0n }] }),
    /pass the end of the 64-bit/,
  ],
  [
    "over 4 GiB",
    "overflow",
    () => buildElf({ bits: 32, segments: [{ vaddr: 0xffff_fffcn, paddr: 0n }] }),
    /pass the end of the 32-bit/,
  ],
  [
    "beyond 52 bits",
    "overflow",
    () => buildElf({ segments: [{ paddr: 1n << 52n }] }),
    /physical 0x10000000000000 are beyond 52 bits/,
  ],
  [
    "virtual overlap",
    "overlap",
    () => buildElf({ segments: [{ vaddr: 0x10_0004n }, { paddr: 0x50_0000n }] }),
    /segment 0 at virtual address 0x100004: segment 1 reaches to 0x100005/,
  ],
  [
    "physical overlap",
    "overlap",
    () => buildElf({ segments: [{}, { vaddr: 0x20_0000n, paddr: 0xf_fffcn }] }),
    /segment 0 at physical address 0x100000: segment 1 reaches to 0x100001/,
  ],
  ["an entry before", "bad-entry", () => buildElf({ entry: 0xf_ffffn }), /start at 0xfffff:/],
  ["an entry after", "bad-entry", () => buildElf({ entry: 0x10_0005n }), /start at 0x100005:/],
  ["an interpreter", "dynamic", () => buildElf({ segments: [{}, { type: 3 }] }), /interpreter/],
  [
    "relocations",
    "dynamic",
    () =>
      buildElf({
        body: new Uint8Array([8, 0, 0, 0, 0, 0, 0, 0, 24, 0, 0, 0, 0, 0, 0, 0]),
        segments: [{}, { type: 2 }],
      }),
    /0x18 bytes of relocations/,
  ],
  [
    "two dynamic segments",
    "dynamic",
    () => buildElf({ segments: [{}, { type: 2, filesz: 0n }, { type: 2, filesz: 0n }] }),
    /segment 2 of type 0x2: there is one/,
  ],
];

for (const [what, reason, bytes, message] of REFUSED) {
  Deno.test(`parseElf() refuses ${what}`, () => {
    throws(() => parseElf(bytes()), (error) => {
      ok(error instanceof ImageError, String(error));
      strictEqual(error.reason, reason, error.message);
      match(error.message, message);
      match(error.message, /^Cannot [^\n]+: [^\n]+$/);
      return true;
    });
  });
}

Deno.test("parseElf() takes segments that touch without overlapping", () => {
  const touching = buildElf({ segments: [{}, { vaddr: 0x10_0005n }] });
  strictEqual(parseElf(touching).segments.length, 2);
});

Deno.test("parseElf() takes a dynamic segment without relocations", () => {
  const body = new Uint8Array(48);
  body.set([5, 0, 0, 0, 0, 0, 0, 0, 24], 0);
  body.set([8, 0, 0, 0, 0, 0, 0, 0, 0], 16);
  parseElf(patched({ body, segments: [{}, { type: 2 }] }, [16, 3]));
});

Deno.test("parseElf() refuses what is no Uint8Array", () => {
  throws(() => parseElf("ELF" as never), TypeError);
});

Deno.test("readElfSymbols() refuses damaged tables, of which parseElf() takes no notice", () => {
  const spec: FileSpec = { symbols: [{ name: "a", value: 1n }] };
  const sections = headerSize(64, 1) + 5;
  const damaged: [reason: string, bytes: Uint8Array][] = [
    ["wrong-size", patched(spec, [58, 63])],
    ["truncated", patched(spec, [60, 255])],
    ["truncated", patched(spec, [40, 255, 255, 255, 255])],
    ["wrong-size", patched(spec, [sections + 64 + 40, 3])],
    ["wrong-size", patched(spec, [sections + 64 + 56, 23])],
    ["truncated", patched(spec, [sections + 64 + 32 + 7, 255])],
    ["truncated", patched(spec, [sections + 128 + 24 + 7, 255])],
  ];
  for (const [reason, bytes] of damaged) {
    const image = parseElf(bytes);
    for (const read of [image.symbols, () => readElfSymbols(bytes)]) {
      throws(read, (error) => error instanceof ImageError && error.reason === reason, reason);
    }
  }
});
