/** Far transfers: every descriptor × privilege against the manual's rules; frames; returns. */
import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { encodeDescriptor } from "../../../machine/arch/descriptor.ts";
import { encodeGate } from "../../../machine/arch/gate.ts";
import { modeName } from "../../../machine/cpu/helpers/mode.ts";
import { SEG, STATE } from "../../../machine/memory/layout.ts";
import {
  codeSelector,
  dataSelector,
  type Fault,
  innerTop,
  NEXT_RIP,
  Rig,
  selector,
  SLOT,
  STACK_TOP,
  TSS,
} from "../../_support/cpu_context.ts";

const GP = 13;
const NP = 11;
const TARGET = 0x4567;
const SPARE = new Rig("real");
const RPLS = [0, 1, 2, 3];

/** Offers every CPL × RPL × DPL × presence. */
function* privileges(): Generator<{ cpl: number; rpl: number; dpl: number; present: boolean }> {
  for (let bits = 0; bits < 128; bits++) {
    yield { cpl: bits & 3, rpl: bits >> 2 & 3, dpl: bits >> 4 & 3, present: bits < 64 };
  }
}

/** SDM Vol. 2, JMP and CALL: "CONFORMING-CODE-SEGMENT", "NONCONFORMING-CODE-SEGMENT". */
function expectedCode(
  type: number,
  p: { cpl: number; rpl: number; dpl: number; present: boolean },
  error: number,
): Fault | undefined {
  if (type < 24) return { vector: GP, error };
  const isConforming = (type & 4) !== 0;
  const allowed = isConforming ? p.dpl <= p.cpl : p.rpl <= p.cpl && p.dpl === p.cpl;
  if (!allowed) return { vector: GP, error };
  return p.present ? undefined : { vector: NP, error };
}

for (const name of ["farJump", "farCall"] as const) {
  Deno.test(`${name} to every kind of descriptor at every privilege`, () => {
    // System types that lead somewhere have tests of their own.
    const gates = { protected: [1, 4, 5, 9, 12], long: [12] };
    for (const mode of ["protected", "long"] as const) {
      for (let type = 0; type < 32; type++) {
        if ((gates[mode] as number[]).includes(type)) continue;
        for (const p of privileges()) {
          const rig = new Rig(mode, p.cpl, SPARE);
          const access = BigInt(type | p.dpl << 5 | (p.present ? 0x80 : 0)) << 40n;
          const flags = mode === "long" ? 0x00af_0000_0000_ffffn : 0x00cf_0000_0000_ffffn;
          rig.setSlot(SLOT.FREE, access | flags);
          const sel = selector(SLOT.FREE, p.rpl);
          const before = rig.snapshot();
          const fault = rig.call(name, sel, TARGET, 0, 4);
          const what = `${mode} type ${type} ${JSON.stringify(p)}`;
          const wanted = expectedCode(type, p, sel & ~3);
          deepStrictEqual(fault, wanted, what);
          if (wanted !== undefined) {
            deepStrictEqual(rig.snapshot(), before, what);
            continue;
          }
          strictEqual(rig.state.selector(SEG.CS), (sel & ~3) | p.cpl, what);
          strictEqual(rig.state.cpl, p.cpl);
          strictEqual(rig.rip(), BigInt(TARGET));
          strictEqual(rig.get64(0x1000 + SLOT.FREE * 8) >> 40n & 1n, 1n, "accessed");
          const isCall = name === "farCall";
          strictEqual(rig.rsp(), BigInt(isCall ? STACK_TOP - 8 : STACK_TOP));
          if (isCall) {
            strictEqual(rig.get32(STACK_TOP - 8), NEXT_RIP);
            strictEqual(rig.get32(STACK_TOP - 4), codeSelector(p.cpl));
          }
        }
      }
    }
  });
}

Deno.test("call gates: gate privilege, code privilege and presence in every combination", () => {
  for (const name of ["farJump", "farCall"] as const) {
    for (let bits = 0; bits < 1 << 10; bits++) {
      const cpl = bits & 3;
      const rpl = bits >> 2 & 3;
      const gateDpl = bits >> 4 & 3;
      const codeDpl = bits >> 6 & 3;
      const isConforming = (bits & 0x100) !== 0;
      const present = (bits & 0x200) === 0;
      const rig = new Rig("protected", cpl, SPARE);
      rig.setSlot(
        SLOT.FREE,
        encodeDescriptor({
          kind: "code",
          type: isConforming ? 14 : 10,
          dpl: codeDpl,
          limit: 0xffff_ffff,
          big: true,
          present,
        }),
      );
      const code = selector(SLOT.FREE);
      rig.setSlot(
        15,
        encodeGate({ kind: "call", size: 4, selector: code, offset: 0x4567n, dpl: gateDpl }).low,
      );
      const gate = selector(15, rpl);
      const before = rig.snapshot();
      const fault = rig.call(name, gate, 0x999, 0, 4);
      const what = JSON.stringify({ name, cpl, rpl, gateDpl, codeDpl, isConforming, present });
      const isInner = name === "farCall" && !isConforming && codeDpl < cpl;
      const allowed = isConforming ? codeDpl <= cpl : codeDpl === cpl || isInner;
      const wanted = gateDpl < cpl || gateDpl < rpl
        ? { vector: GP, error: gate & ~3 }
        : !allowed
        ? { vector: GP, error: code }
        : !present
        ? { vector: NP, error: code }
        : undefined;
      deepStrictEqual(fault, wanted, what);
      if (wanted !== undefined) {
        deepStrictEqual(rig.snapshot(), before, what);
        continue;
      }
      const newCpl = isInner ? codeDpl : cpl;
      strictEqual(rig.state.cpl, newCpl, what);
      strictEqual(rig.rip(), 0x4567n);
      strictEqual(rig.state.selector(SEG.CS), code | newCpl);
      strictEqual(rig.state.selector(SEG.SS), dataSelector(newCpl));
      const top = isInner ? innerTop(newCpl) : STACK_TOP;
      strictEqual(rig.rsp(), BigInt(name === "farJump" ? top : top - (isInner ? 16 : 8)), what);
    }
  }
});

for (const size of [4, 2] as const) {
  Deno.test(`a ${size * 8}-bit call gate copies its parameters, and RET far undoes it all`, () => {
    for (const parameters of [0, 1, 7, 31]) {
      const rig = new Rig("protected", 3, SPARE);
      for (let i = 0; i < 31; i++) {
        if (size === 4) rig.set32(STACK_TOP + i * 4, 0x1111_0000 + i);
        else rig.set16(STACK_TOP + i * 2, 0x1100 + i);
      }
      rig.setSlot(
        15,
        encodeGate({
          kind: "call",
          size,
          selector: codeSelector(1),
          offset: 0x4567n,
          dpl: 3,
          parameters,
        }).low,
      );
      const before = rig.snapshot();
      strictEqual(rig.call("farCall", selector(15, 3), 0, 0, 4), undefined);
      const at = innerTop(1) - (4 + parameters) * size;
      const get = (i: number) => size === 4 ? rig.get32(at + i * 4) : rig.get16(at + i * 2);
      strictEqual(rig.rsp(), BigInt(at));
      strictEqual(get(0), NEXT_RIP);
      strictEqual(get(1), codeSelector(3));
      for (let i = 0; i < parameters; i++) {
        strictEqual(get(2 + i), size === 4 ? 0x1111_0000 + i : 0x1100 + i);
      }
      strictEqual(get(2 + parameters), STACK_TOP);
      strictEqual(get(3 + parameters), dataSelector(3));
      strictEqual(rig.state.selector(SEG.SS), dataSelector(1));
      // DS of level 1 must not survive the way out; ES of level 3 does.
      rig.state.setSegment(SEG.DS, dataSelector(1), 0xc0b3, 0, 0, -1);
      // Conforming code may stay in a data segment register, whatever its DPL.
      rig.state.setSegment(SEG.FS, selector(SLOT.FREE), 0xc09f, 0, 0, -1);
      strictEqual(rig.call("farReturn", size, parameters * size), undefined);
      strictEqual(rig.state.cpl, 3);
      strictEqual(rig.rip(), BigInt(NEXT_RIP));
      strictEqual(rig.rsp(), BigInt(STACK_TOP + parameters * size));
      strictEqual(rig.state.selector(SEG.DS), 0);
      strictEqual(rig.state.attributes(SEG.DS), 0);
      strictEqual(rig.state.selector(SEG.ES), dataSelector(3));
      const after = rig.snapshot();
      for (const word of [STATE.rip, STATE.gpr + 4 * 8]) after[word >> 2] = before[word >> 2];
      strictEqual(rig.state.selector(SEG.FS), selector(SLOT.FREE));
      for (const segment of [SEG.DS, SEG.FS]) {
        const at = STATE.segments + segment * 32 >> 2;
        for (let i = 0; i < 8; i++) after[at + i] = before[at + i];
      }
      after[STATE.mode >> 2] = before[STATE.mode >> 2];
      deepStrictEqual(after, before);
    }
  });
}

Deno.test("faults of an inner CALL leave everything as it was", () => {
  const cases: readonly (readonly [string, (rig: Rig) => void, Fault])[] = [
    ["TSS too short", (r) => r.state.setSegment(SEG.TR, 0x60, 0x8b, TSS, 0, 16), {
      vector: 10,
      error: 0x60,
    }],
    ["SS1 null", (r) => r.set16(TSS + 16, 0), { vector: 10, error: 0 }],
    ["SS1 of another level", (r) => r.set16(TSS + 16, dataSelector(0)), {
      vector: 10,
      error: dataSelector(0),
    }],
    [
      "ESP1 too low",
      (r) =>
        r.setSlot(
          SLOT.DATA + 1,
          encodeDescriptor({ kind: "data", type: 2, dpl: 1, limit: 0x100, big: true }),
        ),
      { vector: 12, error: dataSelector(1) & ~3 },
    ],
    [
      "SS1 absent",
      (r) =>
        r.setSlot(
          SLOT.DATA + 1,
          encodeDescriptor({ kind: "data", type: 2, dpl: 1, limit: 0xfffff, present: false }),
        ),
      { vector: 12, error: dataSelector(1) & ~3 },
    ],
    [
      "gate absent",
      (r) =>
        r.setSlot(
          15,
          encodeGate({ kind: "call", size: 4, selector: 0x10, dpl: 3, present: false }).low,
        ),
      { vector: 11, error: 15 << 3 },
    ],
    [
      "null in the gate",
      (r) => r.setSlot(15, encodeGate({ kind: "call", size: 4, selector: 0, dpl: 3 }).low),
      { vector: GP, error: 0 },
    ],
    [
      "data in the gate",
      (r) =>
        r.setSlot(15, encodeGate({ kind: "call", size: 4, selector: dataSelector(1), dpl: 3 }).low),
      { vector: GP, error: dataSelector(1) & ~3 },
    ],
  ];
  for (const [name, arrange, wanted] of cases) {
    const rig = new Rig("protected", 3, SPARE);
    rig.setSlot(15, encodeGate({ kind: "call", size: 4, selector: codeSelector(1), dpl: 3 }).low);
    arrange(rig);
    const before = rig.snapshot();
    deepStrictEqual(rig.call("farCall", selector(15, 3), 0, 0, 4), wanted, name);
    deepStrictEqual(rig.snapshot(), before, name);
  }
});

Deno.test("a 64-bit call gate switches to RSPn with a null SS; RET far of 8 bytes comes back", () => {
  for (const mode of ["long", "compatibility"] as const) {
    for (const target of [0, 1, 2]) {
      const rig = new Rig(mode, 3, SPARE);
      const offset = 0xffff_8000_0000_4567n;
      const { low, upper } = encodeGate({
        kind: "call",
        size: 8,
        selector: codeSelector(target),
        offset,
        dpl: 3,
      });
      rig.setSlot(14, low, upper);
      strictEqual(rig.call("farCall", selector(14, 3), 0, 0, 4), undefined);
      strictEqual(rig.rip(), offset);
      strictEqual(rig.rsp(), BigInt(innerTop(target) - 32));
      strictEqual(rig.state.selector(SEG.SS), target);
      strictEqual(rig.get64(innerTop(target) - 32), BigInt(NEXT_RIP));
      strictEqual(rig.get64(innerTop(target) - 24), BigInt(codeSelector(3)));
      strictEqual(rig.get64(innerTop(target) - 16), BigInt(STACK_TOP));
      strictEqual(rig.get64(innerTop(target) - 8), BigInt(dataSelector(3)));
      strictEqual(modeName(rig.state), "64-bit");
      strictEqual(rig.call("farReturn", 8, 0), undefined);
      strictEqual(rig.state.cpl, 3);
      strictEqual(rig.rsp(), BigInt(STACK_TOP));
      strictEqual(rig.state.selector(SEG.SS), dataSelector(3));
    }
  }
});

Deno.test("64-bit call gates refuse a type in their upper half and targets that are not canonical", () => {
  const rig = new Rig("long", 3, SPARE);
  const gate = { kind: "call", size: 8, selector: codeSelector(0), dpl: 3 } as const;
  rig.setSlot(14, encodeGate(gate).low, 0x100n << 32n);
  deepStrictEqual(rig.call("farCall", selector(14, 3), 0, 0, 4), { vector: GP, error: 14 << 3 });
  rig.setSlot(14, encodeGate(gate).low, 0x8000n);
  deepStrictEqual(rig.call("farCall", selector(14, 3), 0, 0, 4), { vector: GP, error: 0 });
  rig.setSlot(15, encodeGate(gate).low);
  deepStrictEqual(rig.call("farCall", selector(15, 3), 0, 0, 4), { vector: GP, error: 15 << 3 });
});

/** SDM Vol. 2, RET: "RETURN-OUTER-PRIVILEGE-LEVEL" and "…SAME…", the code segment's half. */
function expectedReturn(
  p: { cpl: number; rpl: number; dpl: number; present: boolean },
  isConforming: boolean,
  error: number,
): Fault | undefined {
  if (p.rpl < p.cpl) return { vector: GP, error };
  if (isConforming ? p.dpl > p.rpl : p.dpl !== p.rpl) return { vector: GP, error };
  return p.present ? undefined : { vector: NP, error };
}

Deno.test("RET far and IRET to every code segment at every privilege", () => {
  for (const helper of ["farReturn", "iret"] as const) {
    for (const isConforming of [false, true]) {
      for (const p of privileges()) {
        const rig = new Rig("protected", p.cpl, SPARE);
        rig.setSlot(
          SLOT.FREE,
          encodeDescriptor({
            kind: "code",
            type: isConforming ? 14 : 10,
            dpl: p.dpl,
            limit: 0xffff_ffff,
            big: true,
            present: p.present,
          }),
        );
        const sel = selector(SLOT.FREE, p.rpl);
        rig.set32(STACK_TOP, TARGET);
        rig.set32(STACK_TOP + 4, sel);
        const next = helper === "iret" ? STACK_TOP + 12 : STACK_TOP + 8;
        rig.set32(STACK_TOP + 8, 2);
        rig.set32(next, 0x7770);
        rig.set32(next + 4, dataSelector(p.rpl));
        const before = rig.snapshot();
        const fault = helper === "iret" ? rig.call("iret", 4) : rig.call("farReturn", 4, 0);
        const what = `${helper} ${isConforming} ${JSON.stringify(p)}`;
        const wanted = expectedReturn(p, isConforming, sel & ~3);
        deepStrictEqual(fault, wanted, what);
        if (wanted !== undefined) {
          deepStrictEqual(rig.snapshot(), before, what);
          continue;
        }
        const isOuter = p.rpl > p.cpl;
        strictEqual(rig.state.cpl, p.rpl, what);
        strictEqual(rig.rip(), BigInt(TARGET));
        strictEqual(rig.rsp(), BigInt(isOuter ? 0x7770 : next), what);
        strictEqual(rig.state.selector(SEG.SS), dataSelector(p.rpl));
        strictEqual(rig.state.selector(SEG.DS), isOuter ? 0 : dataSelector(p.cpl));
      }
    }
  }
});

Deno.test("a return's stack segment is checked: every selector the GDT has", () => {
  for (const rpl of RPLS.slice(1)) {
    for (let slot = 0; slot < 20; slot++) {
      for (const stackRpl of RPLS) {
        const rig = new Rig("protected", 0, SPARE);
        const ss = selector(slot, stackRpl);
        [TARGET, codeSelector(rpl), 0x7770, ss].forEach((v, i) => rig.set32(STACK_TOP + i * 4, v));
        const before = rig.snapshot();
        const fault = rig.call("farReturn", 4, 0);
        const good = ss === dataSelector(rpl);
        deepStrictEqual(
          fault,
          good ? undefined : { vector: GP, error: slot === 0 ? 0 : ss & ~3 },
          `${rpl} ${ss}`,
        );
        if (!good) deepStrictEqual(rig.snapshot(), before);
      }
    }
  }
});

Deno.test("far transfers in real and virtual-8086 mode", () => {
  for (const mode of ["real", "v86"] as const) {
    const rig = new Rig(mode, undefined, SPARE);
    strictEqual(rig.call("farCall", 0x1234, 0x1_5678, 0, 2), undefined);
    strictEqual(rig.state.selector(SEG.CS), 0x1234);
    strictEqual(rig.state.baseLow(SEG.CS), 0x12340);
    strictEqual(rig.rip(), 0x5678n);
    strictEqual(rig.get16(STACK_TOP - 4), NEXT_RIP);
    strictEqual(rig.get16(STACK_TOP - 2), 0x10);
    strictEqual(rig.call("farReturn", 2, 6), undefined);
    strictEqual(rig.rip(), BigInt(NEXT_RIP));
    strictEqual(rig.rsp(), BigInt(STACK_TOP + 6));
    deepStrictEqual(rig.call("farJump", 0x10, 0x1_0000, 0, 4), { vector: GP, error: 0 });
  }
});
