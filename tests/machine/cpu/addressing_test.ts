/** Effective addresses and segment overrides, in code that runs: what vectors in flat segments cannot show. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { Machine } from "../../../machine/mod.ts";

/** A real-mode machine at 0x7c00 with other segments apart: each holds its own letter at each word. */
function realMode(code: readonly number[]): Machine {
  const machine = new Machine({ memory: 4 << 20 });
  machine.load(Uint8Array.from([...code, 0xf4]), { at: 0x7c00, mode: "real" });
  const { cpu } = machine;
  const bases = { ds: 0x2_0000, ss: 0x4_0000, es: 0x6_0000, fs: 0x3_0000, gs: 0x5_0000 } as const;
  Object.entries(bases).forEach(([name, base]) => {
    const segment = cpu[name as keyof typeof bases];
    segment.selector = base >> 4;
    segment.base = BigInt(base);
    // A word tells its segment and its offset.
    for (let offset = 0; offset < 0x1_0000; offset += 0x10) {
      machine.physical.setU16(base + offset, (base >> 16) << 12 | offset >> 4);
    }
  });
  cpu.bx = 0xfff0;
  cpu.bp = 0x8000;
  cpu.si = 0x0020;
  cpu.di = 0x8010;
  return machine;
}

// Intel SDM Vol. 2, "16-Bit Addressing Forms with the ModR/M Byte": base, index and default segment.
const FORMS_16: readonly [what: string, bytes: number[], segment: number, offset: number][] = [
  ["[bx+si] wraps", [0x8b, 0x00], 2, 0x0010],
  ["[bx+di] wraps", [0x8b, 0x01], 2, 0x8000],
  ["[bp+si] is on the stack", [0x8b, 0x02], 4, 0x8020],
  ["[bp+di] wraps on the stack", [0x8b, 0x03], 4, 0x0010],
  ["[si]", [0x8b, 0x04], 2, 0x0020],
  ["[di]", [0x8b, 0x05], 2, 0x8010],
  ["[disp16]", [0x8b, 0x06, 0x30, 0x12], 2, 0x1230],
  ["[bx]", [0x8b, 0x07], 2, 0xfff0],
  ["[bp+disp8] is on the stack", [0x8b, 0x46, 0xf0], 4, 0x7ff0],
  ["[bx+si+disp8] with its sign", [0x8b, 0x40, 0xf0], 2, 0x0000],
  ["[bx+disp16] wraps", [0x8b, 0x87, 0x20, 0x00], 2, 0x0010],
  ["cs: goes to the code", [0x2e, 0x8b, 0x07], 0, 0xfff0],
  ["ss:[bx]", [0x36, 0x8b, 0x07], 4, 0xfff0],
  ["ds:[bp+si]", [0x3e, 0x8b, 0x02], 2, 0x8020],
  ["es:[bx]", [0x26, 0x8b, 0x07], 6, 0xfff0],
  ["fs:[bx]", [0x64, 0x8b, 0x07], 3, 0xfff0],
  ["gs:[bx]", [0x65, 0x8b, 0x07], 5, 0xfff0],
  ["the last of two overrides counts", [0x26, 0x64, 0x8b, 0x07], 3, 0xfff0],
  ["moffs with an override", [0x65, 0xa1, 0x40, 0x00], 5, 0x0040],
  ["[ebp+esi] by prefix is on the stack", [0x67, 0x8b, 0x44, 0x35, 0x00], 4, 0x8020],
  ["[esi+ebp] has SI as its base", [0x67, 0x8b, 0x04, 0x2e], 2, 0x8020],
  ["[esp+8*ebp] is on the stack", [0x67, 0x8b, 0x04, 0x24], 4, 0x7000],
  ["[disp32] by prefix", [0x67, 0x8b, 0x05, 0x50, 0, 0, 0], 2, 0x0050],
];

for (const [what, bytes, segment, offset] of FORMS_16) {
  Deno.test(`16-bit code: ${what}`, () => {
    const machine = realMode(bytes);
    machine.cpu.sp = 0x7000;
    // What cs: finds.
    machine.physical.setU16(0xfff0, 0x0fff);
    strictEqual(machine.run().kind, "halted");
    strictEqual(machine.cpu.ax, segment << 12 | offset >> 4);
  });
}

Deno.test("16-bit code: a word at offset FFFF is #GP, through SS #SS; LEA and XLAT wrap", () => {
  for (
    const [bytes, vector] of [[[0x8b, 0x47, 0x0f], 13], [[0x36, 0x8b, 0x47, 0x0f], 12]] as const
  ) {
    const machine = realMode([...bytes]);
    const seen: number[] = [];
    machine.on("exception", (e) => {
      seen.push(e.vector);
      machine.pause();
    });
    machine.run();
    deepStrictEqual(seen, [vector]);
  }
  const lea = realMode([0x8d, 0x00]); // lea ax, [bx+si]
  lea.run();
  strictEqual(lea.cpu.ax, 0x0010);
  const xlat = realMode([0xb0, 0x20, 0x26, 0xd7]); // mov al, 0x20; es xlat
  xlat.run();
  strictEqual(xlat.cpu.al, 0x01, "the byte at ES:0010");
});

Deno.test("64-bit code: only FS and GS have a base, and other overrides do not undo theirs", () => {
  const forms: readonly [bytes: number[], expected: bigint][] = [
    [[0x48, 0x8b, 0x03], 0n],
    [[0x26, 0x48, 0x8b, 0x03], 0n],
    [[0x64, 0x48, 0x8b, 0x03], 4n],
    [[0x65, 0x48, 0x8b, 0x03], 5n],
    [[0x64, 0x2e, 0x48, 0x8b, 0x03], 4n],
    [[0x65, 0x3e, 0x48, 0x8b, 0x03], 5n],
    [[0x64, 0x65, 0x48, 0x8b, 0x03], 5n],
    // A 32-bit address is cut before the base is added.
    [[0x64, 0x67, 0x48, 0x8b, 0x03], 4n],
    // lea rax, fs:[rbx] has no base.
    [[0x64, 0x48, 0x8d, 0x03], 0xffff_ffff_0020_0000n],
  ];
  for (const [bytes, expected] of forms) {
    const machine = new Machine({ memory: 8 << 20 });
    machine.load(Uint8Array.from([...bytes, 0xf4]), { at: 0x10_0000, mode: "long" });
    const { cpu } = machine;
    const cut = bytes.includes(0x67) || bytes.includes(0x8d);
    cpu.rbx = cut ? 0xffff_ffff_0020_0000n : 0x20_0000n;
    cpu.ds.base = cpu.es.base = 0x10_0000n;
    cpu.fs.base = 0x20_0000n;
    cpu.gs.base = 0x30_0000n;
    machine.physical.setU64(0x40_0000, 4);
    machine.physical.setU64(0x50_0000, 5);
    strictEqual(machine.run().kind, "halted");
    strictEqual(cpu.rax, expected, bytes.map((byte) => byte.toString(16)).join(" "));
  }
});

Deno.test("RDRAND starts over at a reset, time goes on, and both are the same in every machine", () => {
  const values = () => {
    const machine = new Machine({ memory: 4 << 20 });
    const seen: bigint[] = [];
    for (let i = 0; i < 3; i++) {
      // rdrand rbx; rdtsc; hlt
      machine.load(Uint8Array.of(0x48, 0x0f, 0xc7, 0xf3, 0x0f, 0x31, 0xf4), {
        at: 0x10_0000,
        mode: "long",
      });
      machine.run();
      seen.push(machine.cpu.rbx, machine.cpu.rax);
    }
    return seen;
  };
  const seen = values();
  deepStrictEqual(values(), seen);
  deepStrictEqual([seen[2], seen[4]], [seen[0], seen[0]]);
  ok(seen[1] < seen[3] && seen[3] < seen[5]);
});
