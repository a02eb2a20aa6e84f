/** Descriptors and gates, against values that people know from other kernels. */
import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import fc from "fast-check";
import {
  decodeDescriptor,
  encodeDescriptor,
  type SegmentDescriptor,
} from "../../../machine/arch/descriptor.ts";
import { decodeGate, encodeGate } from "../../../machine/arch/gate.ts";

Deno.test("encodeDescriptor() makes the well-known descriptors", () => {
  const flat = { limit: 0xffff_ffff, granular: true };
  // Linux's GDT: __KERNEL32_CS, __KERNEL_CS, __KERNEL_DS, __USER_DS, __USER_CS (accessed).
  strictEqual(
    encodeDescriptor({ kind: "code", type: 11, big: true, ...flat }),
    0x00cf_9b00_0000_ffffn,
  );
  strictEqual(
    encodeDescriptor({ kind: "code", type: 11, long: true, ...flat }),
    0x00af_9b00_0000_ffffn,
  );
  strictEqual(
    encodeDescriptor({ kind: "data", type: 3, big: true, ...flat }),
    0x00cf_9300_0000_ffffn,
  );
  strictEqual(
    encodeDescriptor({ kind: "data", type: 3, big: true, dpl: 3, ...flat }),
    0x00cf_f300_0000_ffffn,
  );
  strictEqual(
    encodeDescriptor({ kind: "code", type: 11, long: true, dpl: 3, ...flat }),
    0x00af_fb00_0000_ffffn,
  );
  // A TSS at 0xffff_fe00_0000_3000.
  strictEqual(
    encodeDescriptor({ kind: "system", type: 9, base: 0xffff_fe00_0000_3000n, limit: 0x67 }),
    0x0000_8900_3000_0067n,
  );
});

Deno.test("encodeDescriptor() refuses limits that cannot be", () => {
  for (const limit of [-1, 1.5, 2 ** 32, 0x10_0000]) {
    throws(() => encodeDescriptor({ kind: "data", type: 2, limit }), RangeError);
  }
  throws(
    () => encodeDescriptor({ kind: "data", type: 2, limit: 0x1000, granular: true }),
    RangeError,
  );
});

const descriptors = fc.record<SegmentDescriptor>({
  kind: fc.constantFrom("code", "data", "system"),
  type: fc.integer({ min: 0, max: 15 }),
  base: fc.bigInt({ min: 0n, max: 0xffff_ffffn }),
  limit: fc.integer({ min: 0, max: 0xf_ffff }),
  present: fc.boolean(),
  dpl: fc.integer({ min: 0, max: 3 }),
  available: fc.boolean(),
  long: fc.boolean(),
  big: fc.boolean(),
  granular: fc.boolean(),
});

Deno.test("decodeDescriptor() is the inverse of encodeDescriptor()", () => {
  fc.assert(
    fc.property(descriptors, (fields) => {
      const kind = fields.kind;
      const type = kind === "code"
        ? fields.type | 8
        : kind === "data"
        ? fields.type & 7
        : fields.type;
      const limit = fields.granular ? fields.limit * 4096 + 4095 : fields.limit;
      const whole = { ...fields, type, limit };
      deepStrictEqual(decodeDescriptor(encodeDescriptor(whole)), whole);
    }),
    { seed: 1 },
  );
  strictEqual(decodeDescriptor(0x0000_8900_3000_0067n, 0xffff_fe00n).base, 0xffff_fe00_0000_3000n);
});

Deno.test("decodeGate() is the inverse of encodeGate(), and knows what is no gate", () => {
  for (const size of [2, 4, 8] as const) {
    for (const kind of ["interrupt", "trap", "call"] as const) {
      const gate = {
        kind,
        size,
        selector: 0x1234,
        offset: size === 8 ? 0xfedc_ba98_7654_3210n : size === 4 ? 0x7654_3210n : 0x3210n,
        dpl: 2,
        present: false,
        istField: size === 8 && kind !== "call" ? 5 : 0,
        parameters: size !== 8 && kind === "call" ? 17 : 0,
      };
      const { low, upper } = encodeGate(gate);
      deepStrictEqual(decodeGate(low, size === 8 ? upper : undefined), gate);
    }
  }
  // Types: 0, LDT, TSS and segments are none; in long mode task gates and 16-bit gates neither.
  for (const type of [0, 1, 2, 3, 8, 9, 10, 11, 13, 16, 30]) {
    strictEqual(decodeGate(BigInt(type) << 40n), undefined);
  }
  for (const type of [4, 5, 6, 7]) strictEqual(decodeGate(BigInt(type) << 40n, 0n), undefined);
  strictEqual(decodeGate(5n << 40n | 0x28n << 16n)?.selector, 0x28);
});
