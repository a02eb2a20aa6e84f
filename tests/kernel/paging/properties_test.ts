/** Random work with mappings, against a plain model and against the machine's own MMU. */
import fc from "fast-check";
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import {
  octal,
  RECURSIVE_INDEX,
  RecursiveAccess,
  recursiveTableAddress,
} from "../../../kernel/paging/access/recursive.ts";
import { TEMPORARY_SELF, TEMPORARY_SLOTS } from "../../../kernel/paging/access/temporary.ts";
import { PAGE_SIZE } from "../../../kernel/paging/page.ts";
import { frameAt, pageAt, PRESENT, pureWorld, RW, STRATEGIES } from "./world.ts";

const SIZES = [PAGE_SIZE.SIZE_4_KIB, PAGE_SIZE.SIZE_2_MIB] as const;
/** Few places, so that operations meet: both halves, neighbours, table borders. */
const BASES = [0x2000_0000_0000n, 0x2000_001f_f000n, 0x2000_3fe0_0000n, 0xffff_9000_0000_0000n];

const operation = fc.record({
  kind: fc.constantFrom("map", "map", "map", "unmap", "update"),
  size: fc.constantFrom(...SIZES),
  base: fc.constantFrom(...BASES),
  step: fc.integer({ min: 0, max: 2 }),
  frame: fc.integer({ min: 0, max: 3 }),
  writable: fc.boolean(),
});

for (const name of STRATEGIES) {
  Deno.test(`${name}: random mappings are what a model and the MMU say`, () => {
    fc.assert(
      fc.property(fc.array(operation, { minLength: 5, maxLength: 40 }), (operations) => {
        const { machine, mapper, frames, cpu } = pureWorld(name, { memory: 8 << 20 });
        const model = new Map<bigint, { size: number; target: number; writable: boolean }>();
        const overlaps = (start: bigint, size: number) =>
          [...model].some(([at, { size: other }]) =>
            start < at + BigInt(other) && at < start + BigInt(size)
          );
        for (const { kind, size, base, step, frame, writable } of operations) {
          const start = (base & ~BigInt(size - 1)) + BigInt(step * size);
          const page = pageAt(start, size);
          const entry = model.get(start);
          const exists = entry?.size === size;
          const flags = writable ? RW : PRESENT;
          if (kind === "map") {
            const target = frame * size;
            const result = mapper.mapTo(page, frameAt(target, size), flags, frames);
            if (result.kind === "flush") {
              ok(!overlaps(start, size));
              model.set(start, { size, target, writable });
              result.flush();
            } else {
              // An empty table that is left over is in the way of a huge page, too.
              ok(overlaps(start, size) || result.kind === "SmallerPagesInTheWay");
            }
          } else if (kind === "unmap") {
            const result = mapper.unmap(page);
            strictEqual(result.kind === "unmapped", exists);
            if (result.kind === "unmapped") {
              strictEqual(result.frame.start, entry?.target);
              model.delete(start);
              result.flush.flush();
            }
          } else {
            const result = mapper.updateFlags(page, flags);
            strictEqual(result.kind === "flush", exists);
            if (result.kind === "flush") {
              model.set(start, { ...entry!, writable });
              result.flush();
            }
          }
          // Everywhere, and the CPU really reads there.
          for (const [at, { target, writable }] of model) {
            strictEqual(mapper.translateAddr(at + 5n), target + 5);
            cpu.load8(at + 5n);
            const { physical, fault } = machine.mmu.translate(at + 5n, { access: "write" });
            deepStrictEqual(
              [physical, fault?.errorCode],
              writable ? [target + 5, undefined] : [undefined, 3],
            );
          }
          deepStrictEqual(machine.mmu.audit(), []);
        }
        deepStrictEqual(mapper.ledger.open, []);
      }),
      { seed: 8, numRuns: 10 },
    );
  });
}

Deno.test("temporary: 511 slots, none of them the table's own", () => {
  const { mapper, machine } = pureWorld("temporary");
  const { access } = mapper;
  const pages = new Set<bigint>();
  for (let n = 0; n < TEMPORARY_SLOTS; n++) {
    const frame = frameAt(0x40_0000 + n * 0x1000);
    const page = access.frameAddress(frame.start);
    pages.add(page);
    strictEqual(machine.mmu.translate(page).physical, frame.start);
  }
  strictEqual(pages.size, 511);
  const self = 0xffff_ff00_0000_0000n + BigInt(TEMPORARY_SELF * 0x1000);
  ok(!pages.has(self));
  // The 512th takes the first one's slot, and is flushed.
  const { flushes } = access.counters;
  access.frameAddress(frameAt(0x40_0000 + TEMPORARY_SLOTS * 0x1000).start);
  strictEqual(access.counters.flushes, flushes + 1);
});

Deno.test("recursive: the address formulas lead to the tables that the MMU walks", () => {
  const table = (level: 1 | 2 | 3 | 4) => recursiveTableAddress(0xb_8000n, level, 511);
  deepStrictEqual([1, 2, 3, 4].map((level) => table(level as 1)), [
    0xffff_ff80_0000_0000n,
    0xffff_ffff_c000_0000n,
    0xffff_ffff_ffe0_0000n,
    0xffff_ffff_ffff_f000n,
  ]);
  strictEqual(octal(table(1)), "0o777_000_000_000_0000");
  const { machine, mapper, cpu } = pureWorld("recursive");
  ok(mapper.access instanceof RecursiveAccess);
  for (const address of [0xb_8000n, cpu.rsp - 8n, 0x10_0000n]) {
    const { levels } = machine.mmu.translate(address);
    for (const { level, tableAddress, index, raw } of levels) {
      const place = recursiveTableAddress(address, level as 1, RECURSIVE_INDEX);
      strictEqual(machine.mmu.virtualToPhysical(place), tableAddress);
      strictEqual(machine.virtual.u64(place + BigInt(8 * index)), raw);
    }
  }
});
