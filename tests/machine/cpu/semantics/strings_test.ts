import { deepStrictEqual, strictEqual } from "node:assert/strict";
import * as fc from "fast-check";
import { BareCpu } from "../../../_support/bare_cpu.ts";
import { anyFlags, CF, FIXED, ZF } from "../../../_support/encode.ts";
import { STATE } from "../../../../machine/memory/layout.ts";

const RAM = 0x10_0000;
const RAX = 0;
const RCX = 1;
const RDX = 2;
const RSI = 6;
const RDI = 7;
const DF = 0x400;
const RIP = 0x1000;
/** The window that strings live in: the end of one page and the start of the next. */
const START = 0x2f00;
const LENGTH = 0x200;

const SIZES = [1, 2, 4, 8] as const;
const MOVS = 0xa4;
const CMPS = 0xa6;
const STOS = 0xaa;
const LODS = 0xac;
const SCAS = 0xae;

/** What a string instruction comes to, element by element. */
interface Model {
  readonly memory: Uint8Array;
  rax: bigint;
  rcx: bigint;
  rsi: bigint;
  rdi: bigint;
  flags: number;
}

function element(memory: Uint8Array, address: bigint, size: number): bigint {
  let value = 0n;
  const at = Number(address) - START;
  for (let i = size - 1; i >= 0; i--) value = value << 8n | BigInt(memory[at + i]);
  return value;
}

function setElement(memory: Uint8Array, address: bigint, size: number, value: bigint): void {
  const at = Number(address) - START;
  for (let i = 0; i < size; i++) memory[at + i] = Number(value >> BigInt(i * 8) & 0xffn);
}

/** One iteration. @returns The operands that were compared, if any. */
function step(model: Model, opcode: number, size: number, stride: bigint): [bigint, bigint] {
  const { memory } = model;
  const wide = BigInt(size * 8);
  const accumulator = BigInt.asUintN(size * 8, model.rax);
  let compared: [bigint, bigint] = [0n, 0n];
  switch (opcode) {
    case MOVS:
      setElement(memory, model.rdi, size, element(memory, model.rsi, size));
      break;
    case CMPS:
      compared = [element(memory, model.rsi, size), element(memory, model.rdi, size)];
      break;
    case STOS:
      setElement(memory, model.rdi, size, accumulator);
      break;
    case LODS: {
      const value = element(memory, model.rsi, size);
      model.rax = size >= 4 ? value : model.rax >> wide << wide | value;
      break;
    }
    case SCAS:
      compared = [accumulator, element(memory, model.rdi, size)];
  }
  if (opcode === MOVS || opcode === CMPS || opcode === LODS) model.rsi += stride;
  if (opcode !== LODS) model.rdi += stride;
  return compared;
}

/** CF and ZF of a comparison; the others are the subtraction's, tested with CMP. */
const order = ([a, b]: [bigint, bigint]) => (a < b ? CF : 0) | (a === b ? ZF : 0);

const position = fc.integer({ min: 0x60, max: LENGTH - 0x60 }).map((n) => BigInt(START + n));

for (const [name, opcode] of Object.entries({ MOVS, CMPS, STOS, LODS, SCAS })) {
  Deno.test(`REP ${name} equals as many single ${name}, in visits of any length`, () => {
    const cpu = new BareCpu(64);
    const { u8 } = cpu.memory;
    fc.assert(
      fc.property(
        fc.record({
          size: fc.constantFrom(...SIZES),
          prefix: fc.constantFrom(undefined, 0xf3, 0xf2),
          count: fc.integer({ min: 0, max: 11 }),
          rsi: position,
          // Near the source often: runs that overlap themselves.
          rdi: fc.oneof(position, fc.constant(undefined)),
          near: fc.integer({ min: -9, max: 9 }),
          isDown: fc.boolean(),
          flags: anyFlags,
          // Few values, so that elements are often equal.
          bytes: fc.array(fc.constantFrom(0, 0, 0, 1, 0xff), {
            minLength: LENGTH,
            maxLength: LENGTH,
          }),
          visits: fc.array(fc.integer({ min: -1, max: 5 }), { minLength: 12, maxLength: 12 }),
        }),
        ({ size, prefix, count, rsi, rdi: given, near, isDown, flags, bytes, visits }) => {
          const rdi = given ?? rsi + BigInt(near);
          u8.set(bytes, RAM + START);
          cpu.set(RAX, 0xff00_0000n);
          cpu.set(RCX, BigInt(count));
          cpu.set(RSI, rsi);
          cpu.set(RDI, rdi);
          cpu.state.flags = flags | (isDown ? DF : 0);
          const model: Model = {
            memory: Uint8Array.from(bytes),
            rax: 0xff00_0000n,
            rcx: BigInt(count),
            rsi,
            rdi,
            flags,
          };
          const stride = BigInt(isDown ? -size : size);
          const isComparing = opcode === CMPS || opcode === SCAS;
          let iterations = 0;
          do {
            if (prefix !== undefined && model.rcx === 0n) break;
            const compared = step(model, opcode, size, stride);
            iterations++;
            if (isComparing) model.flags = order(compared);
            if (prefix === undefined) break;
            model.rcx--;
            if (isComparing && (model.flags & ZF) === (prefix === 0xf3 ? 0 : ZF)) break;
          } while (model.rcx > 0n);

          const bytesOfCode = [
            ...(prefix === undefined ? [] : [prefix]),
            ...(size === 2 ? [0x66] : size === 8 ? [0x48] : []),
            size === 1 ? opcode : opcode + 1,
          ];
          let retired = 0;
          for (let visit = 0;; visit++) {
            const left = visits[visit] ?? 100;
            cpu.state.setWord(STATE.left, left);
            strictEqual(cpu.run(bytesOfCode, RIP), -1);
            const done = 1 + left - cpu.state.word(STATE.left);
            strictEqual(done >= 1 && done <= 1 + Math.max(0, left), true);
            retired += done;
            if (cpu.rip !== BigInt(RIP)) break;
          }
          strictEqual(cpu.rip, BigInt(RIP + bytesOfCode.length));
          strictEqual(retired, Math.max(iterations, 1));
          deepStrictEqual(u8.slice(RAM + START, RAM + START + LENGTH), model.memory);
          deepStrictEqual(
            [cpu.get(RAX), cpu.get(RCX), cpu.get(RSI), cpu.get(RDI)],
            [model.rax, model.rcx, model.rsi, model.rdi],
          );
          const compared = isComparing && iterations > 0;
          strictEqual(cpu.flags & (compared ? CF | ZF : -1), model.flags);
        },
      ),
      { ...FIXED, numRuns: 1500 },
    );
  });
}

Deno.test("A fault in a repeated MOVS shows the iterations before it, and their time", () => {
  const cpu = new BareCpu(32);
  const { state } = cpu;
  // ES ends at 0x2fff: the fifth doubleword is outside.
  state.setSegment(0, 16, 0x4093, 0, 0, 0x2fff);
  cpu.set(RCX, 9n);
  cpu.set(RSI, 0x4000n);
  cpu.set(RDI, 0x2ff0n);
  cpu.memory.u8.fill(7, RAM + 0x4000, RAM + 0x4100);
  state.setWord(STATE.left, 100);
  strictEqual(cpu.run([0xf3, 0xa5], RIP), 13);
  deepStrictEqual([cpu.get(RCX), cpu.get(RSI), cpu.get(RDI)], [5n, 0x4010n, 0x3000n]);
  strictEqual(state.word(STATE.left), 96);
  strictEqual(cpu.rip, BigInt(RIP));
  deepStrictEqual([...cpu.memory.u8.slice(RAM + 0x2fee, RAM + 0x2ff2)], [0, 0, 7, 7]);
  strictEqual(cpu.memory.u8[RAM + 0x3000], 0);
});

Deno.test("REPE CMPS that faults keeps the flags of the last comparison", () => {
  const cpu = new BareCpu(32);
  cpu.state.setSegment(0, 16, 0x4093, 0, 0, 0x2fff);
  cpu.set(RCX, 300n);
  cpu.set(RSI, 0x4000n);
  cpu.set(RDI, 0x2ff0n);
  cpu.flags = 0x8d5;
  cpu.state.setWord(STATE.left, 1000);
  strictEqual(cpu.run([0xf3, 0xa6]), 13);
  // Seen on an AMD EPYC (Zen 4): 16 bytes were equal.
  deepStrictEqual([cpu.get(RCX), cpu.flags], [284n, 0x44]);
});

Deno.test("16-bit index registers wrap, and leave their upper halves alone", () => {
  const cpu = new BareCpu(16);
  cpu.memory.u8.set([1, 2, 3], RAM + 0xfffe);
  cpu.memory.u8.set([9], RAM);
  cpu.set(RCX, 0xabcd_0003n);
  cpu.set(RSI, 0x1111_fffen);
  cpu.set(RDI, 0x2222_ffffn);
  cpu.memory.u8[RAM + 0x1_0000] = 0x55;
  cpu.state.setWord(STATE.left, 100);
  strictEqual(cpu.run([0xf3, 0xa4]), -1);
  deepStrictEqual(
    [cpu.get(RCX), cpu.get(RSI), cpu.get(RDI)],
    [0xabcd_0000n, 0x1111_0001n, 0x2222_0002n],
  );
  // FFFE -> FFFF, FFFF -> 0, 0 -> 1: the first byte replicates.
  deepStrictEqual([...cpu.memory.u8.slice(RAM + 0xffff, RAM + 0x1_0001)], [1, 0x55]);
  deepStrictEqual([...cpu.memory.u8.slice(RAM, RAM + 2)], [1, 1]);
});

Deno.test("A 32-bit address size in 64-bit code clears upper halves, if anything is done", () => {
  const cpu = new BareCpu(64);
  const high = 0xdead_beef_0000_0000n;
  const run = (count: bigint) => {
    cpu.set(RCX, high | count);
    cpu.set(RSI, high | 0x4000n);
    cpu.set(RDI, high | 0x5000n);
    cpu.state.setWord(STATE.left, 100);
    cpu.run([0x67, 0xf3, 0xa4]);
    return [cpu.get(RCX), cpu.get(RSI), cpu.get(RDI)];
  };
  deepStrictEqual(run(0n), [high, high | 0x4000n, high | 0x5000n]);
  deepStrictEqual(run(2n), [0n, 0x4002n, 0x5002n]);
});

Deno.test("FS has a base in 64-bit code, for the source alone", () => {
  const cpu = new BareCpu(64);
  cpu.state.setSegment(4, 0, 0, 0x4000, 0, 0);
  cpu.memory.u8.set([1, 2, 3, 4], RAM + 0x4010);
  for (const prefix of [[], [0xf3]]) {
    cpu.set(RCX, 1n);
    cpu.set(RSI, 0x10n);
    cpu.set(RDI, 0x5000n);
    cpu.memory.u8.fill(0, RAM + 0x5000, RAM + 0x5004);
    strictEqual(cpu.run([0x64, ...prefix, 0xa5]), -1);
    deepStrictEqual([...cpu.memory.u8.slice(RAM + 0x5000, RAM + 0x5004)], [1, 2, 3, 4]);
  }
});

Deno.test("A huge count runs for the budget and no longer", () => {
  const cpu = new BareCpu(64);
  cpu.set(RCX, 1n << 40n);
  cpu.set(RDI, 0x2000n);
  cpu.set(RAX, 0x5an);
  cpu.state.setWord(STATE.left, 9_999);
  cpu.run([0xf3, 0xaa]);
  deepStrictEqual([cpu.get(RCX), cpu.get(RDI)], [(1n << 40n) - 10_000n, 0x2000n + 10_000n]);
  strictEqual(cpu.rip, BigInt(RIP));
  strictEqual(cpu.memory.u8[RAM + 0x2000 + 9_999], 0x5a);
  strictEqual(cpu.memory.u8[RAM + 0x2000 + 10_000], 0);
});

/** 32-bit paging: linear 0–3 MiB is physical, except that page 3 is at 8 and page 5 is absent. */
function pagedCpu(): BareCpu {
  const cpu = new BareCpu(32);
  const { view } = cpu.memory;
  view.setUint32(RAM + 0x1_0000, 0x1_1003, true);
  for (let page = 0; page < 256; page++) {
    const frame = page === 3 ? 8 : page;
    view.setUint32(RAM + 0x1_1000 + page * 4, page === 5 ? 0 : frame << 12 | 3, true);
  }
  cpu.state.setPair(STATE.cr3, 0x1_0000, 0);
  cpu.state.setPair(STATE.cr0, 0x8000_0011 | 0, 0);
  cpu.mmu.modeChanged();
  return cpu;
}

Deno.test("Elements that cross into a page elsewhere are moved whole, in both directions", () => {
  for (const isDown of [false, true]) {
    const cpu = pagedCpu();
    for (let i = 0; i < 0x20; i++) cpu.memory.u8[RAM + 0x7000 + i] = i + 1;
    // Twice: the second time the fast tables know all pages.
    for (let round = 0; round < 2; round++) {
      cpu.memory.u8.fill(0, RAM + 0x2ff0, RAM + 0x3010);
      cpu.memory.u8.fill(0, RAM + 0x8000, RAM + 0x8010);
      cpu.set(RCX, 4n);
      cpu.set(RSI, isDown ? 0x700cn : 0x7000n);
      cpu.set(RDI, isDown ? 0x3003n : 0x2ff7n);
      cpu.state.flags = isDown ? DF : 0;
      cpu.state.setWord(STATE.left, 100);
      strictEqual(cpu.run([0xf3, 0xa5]), -1);
      const landed = [
        ...cpu.memory.u8.slice(RAM + 0x2ff7, RAM + 0x3000),
        ...cpu.memory.u8.slice(RAM + 0x8000, RAM + 0x8007),
      ];
      deepStrictEqual(landed, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]);
      strictEqual(cpu.memory.u8[RAM + 0x3000], 0);
    }
  }
});

Deno.test("A segment that ends or wraps within a page ends a run there", () => {
  const cpu = new BareCpu(32);
  cpu.memory.u8.fill(7, RAM + 0x2000, RAM + 0x3000);
  cpu.state.setSegment(0, 16, 0x4093, 0, 0, 0x4005);
  for (
    const [code, done] of [[[0xf3, 0xa4], 6n], [[0xf3, 0xa5], 1n], [[0xf3, 0xaa], 6n]] as const
  ) {
    cpu.set(RCX, 100n);
    cpu.set(RSI, 0x2000n);
    cpu.set(RDI, 0x4000n);
    cpu.state.setWord(STATE.left, 100);
    strictEqual(cpu.run(code), 13);
    strictEqual(cpu.get(RCX), 100n - done);
    strictEqual(cpu.memory.u8[RAM + 0x4006], 0);
  }
  // ES at 0x108, 16-bit addresses: offset FFFF is linear 0x10107, and offset 0 comes next.
  cpu.state.setSegment(0, 16, 0x93, 0x108, 0, 0xffff);
  cpu.set(RCX, 2n);
  cpu.set(RAX, 0x5an);
  cpu.set(RDI, 0xffffn);
  cpu.state.setWord(STATE.left, 100);
  strictEqual(cpu.run([0x67, 0xf3, 0xaa]), -1);
  deepStrictEqual(
    [0x1_0107, 0x1_0108, 0x108, 0x109].map((at) => cpu.memory.u8[RAM + at]),
    [0x5a, 0, 0x5a, 0],
  );
});

Deno.test("INS to an absent page is #PF before the port is read", () => {
  const cpu = pagedCpu();
  let reads = 0;
  cpu.ports.claim({ device: "test", first: 0x300, count: 1 }, {
    readPort: () => reads++,
    writePort: () => {},
  });
  cpu.set(RDX, 0x300n);
  cpu.set(RDI, 0x5000n);
  strictEqual(cpu.run([0x6c]), 14);
  strictEqual(reads, 0);
});

Deno.test("INS and OUTS move one element a visit, and INS checks its target first", () => {
  const cpu = new BareCpu(32);
  const written: number[] = [];
  let next = 0x41;
  cpu.ports.claim({ device: "test", first: 0x300, count: 1 }, {
    readPort: () => next++,
    writePort: (_port: number, value: number) => void written.push(value),
  });
  cpu.set(RDX, 0x300n);
  cpu.set(RCX, 3n);
  cpu.set(RDI, 0x2000n);
  for (const rip of [RIP, RIP, RIP + 2]) {
    cpu.run([0xf3, 0x6c]);
    strictEqual(cpu.rip, BigInt(rip));
  }
  deepStrictEqual([cpu.get(RCX), cpu.get(RDI)], [0n, 0x2003n]);
  deepStrictEqual([...cpu.memory.u8.slice(RAM + 0x2000, RAM + 0x2004)], [0x41, 0x42, 0x43, 0]);
  cpu.set(RSI, 0x2000n);
  cpu.run([0x6e]);
  deepStrictEqual([written, cpu.get(RSI), cpu.rip], [[0x41], 0x2001n, BigInt(RIP + 1)]);
  cpu.state.setSegment(0, 16, 0x4093, 0, 0, 0xff);
  strictEqual(cpu.run([0x6c]), 13);
  strictEqual(next, 0x44);
});
