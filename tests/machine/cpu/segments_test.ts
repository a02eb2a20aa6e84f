/**
 * Segment registers: every descriptor × selector × privilege against the manual's rules, said
 * over again here.
 */
import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { assemble, Machine } from "../../../machine/mod.ts";
import { SEG, STATE } from "../../../machine/memory/layout.ts";
import { segmentLinear } from "../../../machine/cpu/helpers/segments.ts";
import { type Fault, LDT, Rig, type RigMode, selector, SLOT } from "../../_support/cpu_context.ts";

const GP = 13;
const NP = 11;
const SS = 12;

interface Case {
  readonly mode: RigMode;
  readonly cpl: number;
  readonly rpl: number;
  /** Five bits: S and the type. */
  readonly type: number;
  readonly dpl: number;
  readonly present: boolean;
  readonly local: boolean;
}

function* cases(modes: readonly RigMode[]): Generator<Case> {
  for (const mode of modes) {
    for (let bits = 0; bits < 1 << 13; bits++) {
      yield {
        mode,
        cpl: bits & 3,
        rpl: bits >> 2 & 3,
        dpl: bits >> 4 & 3,
        type: bits >> 6 & 31,
        present: (bits >> 11 & 1) !== 0,
        local: (bits >> 12 & 1) !== 0,
      };
    }
  }
}

/** Bytes of a descriptor with base 0x12345678 and limit 0xabcde. */
function descriptor({ type, dpl, present }: Case): bigint {
  const access = type | dpl << 5 | (present ? 0x80 : 0);
  return 0x124a_0034_5678_bcden | BigInt(access) << 40n;
}

const isData = (type: number) => type >= 16 && type < 24;
const isCode = (type: number) => type >= 24;
const isWritable = (type: number) => isData(type) && (type & 2) !== 0;
const isReadable = (type: number) => isData(type) || (isCode(type) && (type & 2) !== 0);
const isConforming = (type: number) => isCode(type) && (type & 4) !== 0;

/** SDM Vol. 2, MOV: "IF SS is loaded … IF DS, ES, FS, or GS is loaded with non-NULL selector". */
function expected(segment: number, c: Case, sel: number): Fault | undefined {
  const { type, dpl, rpl, cpl } = c;
  const error = sel & ~3;
  if (segment === SEG.SS) {
    if (rpl !== cpl || !isWritable(type) || dpl !== cpl) return { vector: GP, error };
    return c.present ? undefined : { vector: SS, error };
  }
  if (!isReadable(type)) return { vector: GP, error };
  if ((isData(type) || !isConforming(type)) && (rpl > dpl || cpl > dpl)) {
    return { vector: GP, error };
  }
  return c.present ? undefined : { vector: NP, error };
}

const RIGS = new Map<string, Rig>();
/** One rig per mode and CPL; the tests leave its tables as they find them. */
function rigFor(mode: RigMode, cpl: number): Rig {
  const key = `${mode}${cpl}`;
  if (!RIGS.has(key)) RIGS.set(key, new Rig(mode, cpl));
  return RIGS.get(key)!;
}

for (const [name, segment] of [["SS", SEG.SS], ["DS", SEG.DS], ["FS", SEG.FS]] as const) {
  Deno.test(`loadSegment() of ${name} follows the manual for every descriptor`, () => {
    for (const c of cases(["protected", "compatibility", "long"])) {
      const rig = rigFor(c.mode, c.cpl);
      const before = rig.snapshot();
      const slot = c.local ? 3 : SLOT.FREE;
      const at = c.local ? LDT + slot * 8 : 0x1000 + slot * 8;
      const sel = slot << 3 | (c.local ? 4 : 0) | c.rpl;
      const bytes = descriptor(c);
      rig.set64(at, bytes);
      const fault = rig.call("loadSegment", segment, sel);
      const what = JSON.stringify(c);
      const wanted = expected(segment, c, sel);
      deepStrictEqual(fault, wanted, what);
      if (wanted !== undefined) {
        deepStrictEqual(rig.snapshot(), before, what);
        strictEqual(rig.get64(at), bytes, what);
        continue;
      }
      strictEqual(rig.get64(at), bytes | 1n << 40n, what);
      const { state } = rig;
      strictEqual(state.selector(segment), sel);
      strictEqual(state.baseLow(segment), 0x1234_5678);
      strictEqual(state.baseHigh(segment), 0);
      strictEqual(state.limit(segment), 0xabcde);
      strictEqual(state.attributes(segment), 0x4080 | c.type | 1 | c.dpl << 5);
      rig.memory.i32.set(before, 0);
    }
  });
}

Deno.test("loadSegment() with a null selector: data always, SS in 64-bit code below CPL 3", () => {
  for (const mode of ["protected", "compatibility", "long"] as const) {
    for (let cpl = 0; cpl < 4; cpl++) {
      for (let rpl = 0; rpl < 4; rpl++) {
        const rig = new Rig(mode, cpl);
        strictEqual(rig.call("loadSegment", SEG.DS, rpl), undefined);
        strictEqual(rig.state.selector(SEG.DS), rpl);
        strictEqual(rig.state.attributes(SEG.DS) & 0x80, 0);
        const isAllowed = mode === "long" && cpl < 3 && rpl === cpl;
        deepStrictEqual(
          rig.call("loadSegment", SEG.SS, rpl),
          isAllowed ? undefined : { vector: GP, error: 0 },
          `${mode} CPL ${cpl} RPL ${rpl}`,
        );
      }
    }
  }
});

Deno.test("loadSegment() beyond the tables, and with no LDT, is #GP(selector)", () => {
  const rig = new Rig("protected");
  deepStrictEqual(rig.call("loadSegment", SEG.DS, 0x83), { vector: GP, error: 0x80 });
  deepStrictEqual(rig.call("loadSegment", SEG.SS, 0x80), { vector: GP, error: 0x80 });
  deepStrictEqual(rig.call("loadSegment", SEG.DS, 0x107), { vector: GP, error: 0x104 });
  rig.state.setWord(STATE.gdtrLimit, 0x76);
  deepStrictEqual(rig.call("loadSegment", SEG.DS, 0x70), { vector: GP, error: 0x70 });
  rig.state.setSegment(SEG.LDTR, selector(SLOT.LDT), 0x82, LDT, 0, 0xf);
  rig.set64(LDT + 8, 0x00cf_9200_0000_ffffn);
  rig.set64(LDT + 16, 0x00cf_9200_0000_ffffn);
  strictEqual(rig.call("loadSegment", SEG.DS, 0xc), undefined);
  deepStrictEqual(rig.call("loadSegment", SEG.DS, 0x14), { vector: GP, error: 0x14 });
  rig.state.setSegment(SEG.LDTR, 0, 0, 0, 0, 0);
  deepStrictEqual(rig.call("loadSegment", SEG.DS, 0xc), { vector: GP, error: 0xc });
});

Deno.test("loadSegment() in real mode keeps the limit, in virtual-8086 mode makes it 64 KiB", () => {
  const real = new Rig("real");
  real.state.setSegment(SEG.DS, 0, 0xc093, 0, 0, -1);
  strictEqual(real.call("loadSegment", SEG.DS, 0x1234), undefined);
  strictEqual(real.state.baseLow(SEG.DS), 0x12340);
  strictEqual(real.state.limit(SEG.DS), 0xffff_ffff);
  const v86 = new Rig("v86");
  v86.state.setSegment(SEG.DS, 0, 0xc0f3, 0, 0, -1);
  strictEqual(v86.call("loadSegment", SEG.DS, 0xffff), undefined);
  strictEqual(v86.state.baseLow(SEG.DS), 0xf_fff0);
  strictEqual(v86.state.limit(SEG.DS), 0xffff);
  strictEqual(v86.state.attributes(SEG.DS), 0xf3);
});

Deno.test("segmentLinear() checks type, limit and expand-down in every combination", () => {
  const limits = [0, 1, 0xfff, 0xffff, 0xffff_fffe, 0xffff_ffff];
  const offsets = [
    0,
    1,
    2,
    0xffe,
    0xfff,
    0x1000,
    0xfffe,
    0xffff,
    0x1_0000,
    0xffff_fffe,
    0xffff_ffff,
  ];
  const rig = new Rig("protected");
  for (let type = 0; type < 32; type++) {
    for (const attributes of [type, type | 0x80, type | 0x4080]) {
      for (const limit of limits) {
        for (const segment of [SEG.SS, SEG.DS]) {
          rig.state.setSegment(segment, 0x10, attributes, 0x1000, 0, limit | 0);
          for (const offset of offsets) {
            for (const bytes of [1, 2, 4, 8]) {
              for (const write of [false, true]) {
                const ok = allows(attributes, limit, offset, bytes, write);
                let linear = 0;
                const fault = rig.attempt(() => {
                  linear = segmentLinear(rig, segment, offset | 0, bytes, write);
                });
                const vector = segment === SEG.SS ? SS : GP;
                const what = JSON.stringify({ attributes, limit, offset, bytes, write, segment });
                deepStrictEqual(fault, ok ? undefined : { vector, error: 0 }, what);
                if (ok) strictEqual(linear, (0x1000 + offset) | 0, what);
              }
            }
          }
        }
      }
    }
  }
});

/** Byte by byte, as the manual has it. A 4 GiB segment has no end to cross. */
function allows(
  attributes: number,
  limit: number,
  offset: number,
  bytes: number,
  write: boolean,
): boolean {
  const type = attributes & 31;
  if ((attributes & 0x80) === 0 || type < 16) return false;
  if (write ? !isWritable(type) : !isReadable(type)) return false;
  const down = isData(type) && (type & 4) !== 0;
  const top = (attributes & 0x4000) !== 0 ? 0xffff_ffff : 0xffff;
  for (let i = 0; i < bytes; i++) {
    const at = offset + i;
    if (down ? at <= limit || at > top : at > limit) return false;
  }
  return true;
}

Deno.test("LAR, LSL, VERR and VERW tell the truth about every descriptor", () => {
  for (const c of cases(["protected", "long"])) {
    if (c.local) continue;
    const rig = rigFor(c.mode, c.cpl);
    rig.set64(0x1000 + SLOT.FREE * 8, descriptor(c));
    const sel = selector(SLOT.FREE, c.rpl);
    const privileged = isConforming(c.type) || (c.cpl <= c.dpl && c.rpl <= c.dpl);
    const isLong = c.mode === "long";
    const lar = c.type >= 16 ||
      (isLong ? [2, 9, 11, 12] : [1, 2, 3, 4, 5, 9, 11, 12]).includes(c.type);
    const lsl = c.type >= 16 || (isLong ? [2, 9, 11] : [1, 2, 3, 9, 11]).includes(c.type);
    const ask = (name: string): boolean => {
      strictEqual(rig.call(name, sel), undefined);
      return (rig.state.flags & 0x40) !== 0;
    };
    const what = JSON.stringify(c);
    strictEqual(ask("accessRights"), lar && privileged, `LAR ${what}`);
    strictEqual(ask("segmentLimit"), lsl && privileged, `LSL ${what}`);
    strictEqual(ask("verifyRead"), isReadable(c.type) && privileged, `VERR ${what}`);
    strictEqual(ask("verifyWrite"), isWritable(c.type) && privileged, `VERW ${what}`);
  }
});

Deno.test("bytes beyond the end of a flat 4 GiB segment are #GP, through SS #SS", () => {
  const cases: [source: string, vector: number][] = [
    ["mov eax, [0xfffffffe]", 13],
    ["mov [0xffffffff], ax", 13],
    ["add dword ptr [0xfffffffd], 1", 13],
    ["mov esp, 2; push eax", 12],
    ["mov ebp, 0xffffffff; mov eax, [ebp]", 12],
  ];
  for (const [source, vector] of cases) {
    const machine = new Machine({ memory: 2 << 20 });
    machine.load(assemble(source, { bits: 32 }), { at: 0x10_0000, mode: "protected" });
    const stop = machine.run({ instructions: 10 });
    strictEqual(stop.kind === "triple fault" && stop.chain[0].vector, vector, source);
  }
});
