import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { BareCpu } from "../../../_support/bare_cpu.ts";

const RAM = 0x10_0000;
const TOP = 0x2080;
const RAX = 0;
const RSP = 4;
const RBP = 5;

/** Memory from 0x2000 on holds its own low byte: 00 01 … FF. */
function stackCpu(codeSize: 16 | 32 | 64): BareCpu {
  const cpu = new BareCpu(codeSize);
  for (let i = 0; i < 256; i++) cpu.memory.u8[RAM + 0x2000 + i] = i;
  cpu.set(RSP, BigInt(TOP));
  return cpu;
}

const bytesAt = (
  cpu: BareCpu,
  address: number,
  count: number,
) => [...cpu.memory.u8.slice(RAM + address, RAM + address + count)];

interface Row {
  readonly name: string;
  readonly codeSize: 16 | 32 | 64;
  readonly code: readonly number[];
  readonly set?: Readonly<Record<number, bigint>>;
  readonly registers: Readonly<Record<number, bigint>>;
  readonly memory?: { readonly at: number; readonly bytes: readonly number[] };
}

/** Registers and memory after; those of 32- and 64-bit code were seen on an AMD EPYC (Zen 4). */
const ROWS: readonly Row[] = [
  {
    name: "PUSH RSP stores the old value",
    codeSize: 64,
    code: [0x54],
    registers: { [RSP]: 0x2078n },
    memory: { at: 0x2078, bytes: [0x80, 0x20, 0, 0, 0, 0, 0, 0] },
  },
  {
    name: "PUSH AX in 64-bit code moves RSP by 2",
    codeSize: 64,
    code: [0x66, 0x50],
    set: { [RAX]: 0x1234n },
    registers: { [RSP]: 0x207en },
    memory: { at: 0x207e, bytes: [0x34, 0x12, 0x80] },
  },
  {
    name: "PUSH of a byte extends its sign",
    codeSize: 64,
    code: [0x6a, 0xfe],
    registers: { [RSP]: 0x2078n },
    memory: { at: 0x2078, bytes: [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff] },
  },
  {
    name: "PUSH [RSP] reads with the old RSP",
    codeSize: 64,
    code: [0xff, 0x34, 0x24],
    registers: { [RSP]: 0x2078n },
    memory: { at: 0x2078, bytes: [0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87] },
  },
  {
    name: "POP RSP keeps what was popped",
    codeSize: 64,
    code: [0x5c],
    registers: { [RSP]: 0x8786_8584_8382_8180n },
  },
  {
    name: "POP [RSP] writes with the new RSP",
    codeSize: 64,
    code: [0x8f, 0x04, 0x24],
    registers: { [RSP]: 0x2088n },
    memory: { at: 0x2088, bytes: [0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x90] },
  },
  {
    name: "POP word [ESP+4] in 32-bit code writes with the new ESP",
    codeSize: 32,
    code: [0x66, 0x8f, 0x44, 0x24, 0x04],
    registers: { [RSP]: 0x2082n },
    memory: { at: 0x2084, bytes: [0x84, 0x85, 0x80, 0x81, 0x88] },
  },
  {
    name: "A 16-bit stack pointer wraps and leaves the upper half of ESP alone",
    codeSize: 16,
    code: [0x58],
    set: { [RSP]: 0xaaaa_fffen },
    registers: { [RAX]: 0n, [RSP]: 0xaaaa_0000n },
  },
  {
    name: "POP [ESP+0x100] with a 16-bit stack: the base is ESP with SP moved",
    codeSize: 16,
    code: [0x66, 0x67, 0x8f, 0x44, 0x24, 0x10],
    set: { [RSP]: 0x2080n },
    registers: { [RSP]: 0x2084n },
    memory: { at: 0x2094, bytes: [0x80, 0x81, 0x82, 0x83] },
  },
  {
    name: "PUSHA stores the old SP",
    codeSize: 32,
    code: [0x66, 0x60],
    set: { 0: 1n, 1: 2n, 2: 3n, 3: 4n, [RBP]: 5n, 6: 6n, 7: 7n },
    registers: { [RSP]: 0x2070n },
    memory: { at: 0x2070, bytes: [7, 0, 6, 0, 5, 0, 0x80, 0x20, 4, 0, 3, 0, 2, 0, 1, 0] },
  },
  {
    name: "POPA skips the stored SP",
    codeSize: 32,
    code: [0x66, 0x61],
    registers: {
      0: 0x8f8en,
      1: 0x8d8cn,
      2: 0x8b8an,
      3: 0x8988n,
      [RSP]: 0x2090n,
      [RBP]: 0x8584n,
      6: 0x8382n,
      7: 0x8180n,
    },
  },
  {
    name: "ENTER 8, 2 copies one outer frame pointer and its own",
    codeSize: 64,
    code: [0xc8, 8, 0, 2],
    set: { [RBP]: 0x20c0n },
    registers: { [RSP]: 0x2060n, [RBP]: 0x2078n },
    memory: {
      at: 0x2068,
      bytes: [
        ...[0x78, 0x20, 0, 0, 0, 0, 0, 0],
        ...[0xb8, 0xb9, 0xba, 0xbb, 0xbc, 0xbd, 0xbe, 0xbf],
        ...[0xc0, 0x20, 0, 0, 0, 0, 0, 0],
      ],
    },
  },
  {
    name: "ENTER with 16-bit operands leaves the rest of RBP alone",
    codeSize: 64,
    code: [0x66, 0xc8, 8, 0, 1],
    set: { [RBP]: 0xdead_beef_1234_5678n },
    registers: { [RSP]: 0x2074n, [RBP]: 0xdead_beef_1234_207en },
    memory: { at: 0x207c, bytes: [0x7e, 0x20, 0x78, 0x56] },
  },
  {
    name: "LEAVE takes RSP from RBP",
    codeSize: 64,
    code: [0xc9],
    set: { [RBP]: 0x20c0n },
    registers: { [RSP]: 0x20c8n, [RBP]: 0xc7c6_c5c4_c3c2_c1c0n },
  },
  {
    name: "LEAVE with 16-bit operands",
    codeSize: 64,
    code: [0x66, 0xc9],
    set: { [RBP]: 0x20c0n },
    registers: { [RSP]: 0x20c2n, [RBP]: 0xc1c0n },
  },
];

for (const { name, codeSize, code, set = {}, registers, memory } of ROWS) {
  Deno.test(name, () => {
    const cpu = stackCpu(codeSize);
    for (const [register, value] of Object.entries(set)) cpu.set(Number(register), value);
    const before = Array.from({ length: 16 }, (_, i) => cpu.get(i));
    strictEqual(cpu.run(code), -1);
    const expected = before.map((value, i) => registers[i] ?? set[i] ?? value);
    deepStrictEqual(Array.from({ length: 16 }, (_, i) => cpu.get(i)), expected);
    if (memory !== undefined) {
      deepStrictEqual(bytesAt(cpu, memory.at, memory.bytes.length), memory.bytes);
    }
  });
}

Deno.test("A store that faults leaves RSP as it was", () => {
  const cpu = new BareCpu(64);
  cpu.set(RSP, 0x8000_0000_0000_0004n);
  for (const code of [[0x50], [0x6a, 1], [0xc8, 0, 0, 0], [0xe8, 0, 0, 0, 0]]) {
    strictEqual(cpu.run(code), 12);
    strictEqual(cpu.get(RSP), 0x8000_0000_0000_0004n);
  }
});
