/** Hardware task switches: what is saved, loaded and marked, and whose fault is whose. */
import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { encodeDescriptor } from "../../../machine/arch/descriptor.ts";
import { encodeGate } from "../../../machine/arch/gate.ts";
import { CR0 } from "../../../machine/arch/control_registers.ts";
import { deliverException, deliverInterrupt } from "../../../machine/cpu/delivery.ts";
import { modeName } from "../../../machine/cpu/helpers/mode.ts";
import { SEG, STATE } from "../../../machine/memory/layout.ts";
import {
  codeSelector,
  dataSelector,
  type Fault,
  NEXT_RIP,
  Rig,
  RIP,
  selector,
  SLOT,
  TSS,
} from "../../_support/cpu_context.ts";

const NEW = 0x5000;
const NEW_SLOT = 14;
const NEW_SELECTOR = selector(NEW_SLOT);
const OLD_SELECTOR = selector(SLOT.TSS);
const NEW_EIP = 0x4567;
const NEW_FLAGS = 0x0ad7;
const NT = 0x4000;
const ACCESS_AT = (slot: number) => 0x1000 + slot * 8 + 5;

/** A rig whose slot 14 is an available TSS of a task at a privilege. */
function rigWithTask(options: { wide?: boolean; cpl?: number; busy?: boolean } = {}): Rig {
  const { wide = true, cpl = 0, busy = false } = options;
  const rig = new Rig("protected");
  const type = (wide ? 9 : 1) | (busy ? 2 : 0);
  rig.setSlot(
    NEW_SLOT,
    encodeDescriptor({ kind: "system", type, base: BigInt(NEW), limit: wide ? 103 : 43 }),
  );
  const segments = [
    dataSelector(cpl),
    codeSelector(cpl),
    dataSelector(cpl),
    dataSelector(cpl),
    0,
    3,
  ];
  if (wide) {
    rig.set32(NEW + 28, 0x1_0000);
    rig.set32(NEW + 32, NEW_EIP);
    rig.set32(NEW + 36, NEW_FLAGS);
    for (let i = 0; i < 8; i++) rig.set32(NEW + 40 + i * 4, i === 4 ? 0x9000 : 0x1111_0000 * i + i);
    segments.forEach((value, i) => rig.set32(NEW + 72 + i * 4, value));
    rig.set32(NEW + 96, selector(SLOT.LDT));
  } else {
    rig.set16(NEW + 14, NEW_EIP);
    rig.set16(NEW + 16, NEW_FLAGS);
    for (let i = 0; i < 8; i++) rig.set16(NEW + 18 + i * 2, i === 4 ? 0x9000 : 0x1110 * i);
    segments.slice(0, 4).forEach((value, i) => rig.set16(NEW + 34 + i * 2, value));
    rig.set16(NEW + 42, selector(SLOT.LDT));
  }
  for (let i = 0; i < 8; i++) if (i !== 4) rig.state.setRegister(i, 0x2222_0000 + i, 0);
  rig.state.flags = 0x246;
  return rig;
}

const access = (rig: Rig, slot: number) => rig.bytes(ACCESS_AT(slot), 1)[0];

function checkSaved(rig: Rig, eip: number, flags: number): void {
  strictEqual(rig.get32(TSS + 32), eip);
  strictEqual(rig.get32(TSS + 36), flags);
  for (let i = 0; i < 8; i++) {
    strictEqual(rig.get32(TSS + 40 + i * 4), i === 4 ? 0x8000 : 0x2222_0000 + i);
  }
  const selectors = [0, 0, 0, 0, 0, 0].map((_, i) => rig.get16(TSS + 72 + i * 4));
  deepStrictEqual(selectors, [
    dataSelector(0),
    codeSelector(0),
    dataSelector(0),
    dataSelector(0),
    dataSelector(0),
    dataSelector(0),
  ]);
}

function checkLoaded(rig: Rig, cpl: number, wide: boolean, nested: boolean): void {
  const { state } = rig;
  strictEqual(rig.rip(), BigInt(NEW_EIP));
  strictEqual(state.flags, NEW_FLAGS | (nested ? NT : 0));
  for (let i = 0; i < 8; i++) {
    const value = wide
      ? i === 4 ? 0x9000 : 0x1111_0000 * i + i
      : (i === 4 ? 0x9000 : 0x1110 * i) | 0xffff_0000;
    strictEqual(state.low(i), value | 0);
  }
  strictEqual(state.cpl, cpl);
  deepStrictEqual(
    [SEG.ES, SEG.CS, SEG.SS, SEG.DS, SEG.FS, SEG.GS].map((s) => state.selector(s)),
    [dataSelector(cpl), codeSelector(cpl), dataSelector(cpl), dataSelector(cpl), 0, wide ? 3 : 0],
  );
  strictEqual(state.attributes(SEG.FS), 0);
  strictEqual(state.limit(SEG.DS), 0xffff_ffff);
  strictEqual(state.selector(SEG.LDTR), selector(SLOT.LDT));
  strictEqual(state.selector(SEG.TR), NEW_SELECTOR);
  strictEqual(state.attributes(SEG.TR) & 0xf, wide ? 11 : 3);
  strictEqual(state.word(STATE.cr0) & CR0.TS, CR0.TS);
  strictEqual(state.word(STATE.ripSettled), 0);
}

for (const wide of [true, false]) {
  for (const how of ["farJump", "farCall", "gate", "interrupt"] as const) {
    Deno.test(`a task switch by ${how} to a ${wide ? 32 : 16}-bit TSS`, () => {
      for (const cpl of [0, 1, 2, 3]) {
        const rig = rigWithTask({ wide, cpl });
        const gate = encodeGate({ kind: "task", size: 4, selector: NEW_SELECTOR }).low;
        if (how === "gate") {
          rig.setSlot(15, gate);
          strictEqual(rig.call("farCall", selector(15), 0, 0, 4), undefined);
        } else if (how === "interrupt") {
          rig.set64(0x3000 + 32 * 8, gate);
          strictEqual(deliverInterrupt(rig, 32, "irq"), undefined);
        } else strictEqual(rig.call(how, NEW_SELECTOR, 0, 0, 4), undefined);
        const nested = how !== "farJump";
        checkSaved(rig, how === "interrupt" ? RIP : NEXT_RIP, 0x246);
        checkLoaded(rig, cpl, wide, nested);
        strictEqual(access(rig, NEW_SLOT) & 0xf, wide ? 11 : 3, "the new task is busy");
        strictEqual(access(rig, SLOT.TSS) & 0xf, nested ? 11 : 9, "the old one as it should be");
        strictEqual(rig.get16(NEW), nested ? OLD_SELECTOR : 0, "back link");
        const back = rig.call("iret", 4);
        if (!nested) continue;
        strictEqual(back, undefined);
        strictEqual(rig.rip(), BigInt(how === "interrupt" ? RIP : NEXT_RIP));
        strictEqual(rig.state.flags, 0x246);
        strictEqual(rig.state.selector(SEG.TR), OLD_SELECTOR);
        strictEqual(access(rig, NEW_SLOT) & 0xf, wide ? 9 : 1);
        strictEqual(access(rig, SLOT.TSS) & 0xf, 11);
        const saved = wide ? rig.get32(NEW + 36) : rig.get16(NEW + 16);
        strictEqual(saved, NEW_FLAGS, "NT is clear in the saved flags");
      }
    });
  }
}

Deno.test("an exception through a task gate pushes its error code on the new task's stack", () => {
  const rig = rigWithTask({ cpl: 0 });
  rig.set64(0x3000 + 13 * 8, encodeGate({ kind: "task", size: 4, selector: NEW_SELECTOR }).low);
  rig.note(13, 0x1234);
  strictEqual(deliverException(rig), undefined);
  strictEqual(rig.rsp(), 0x8ffcn);
  strictEqual(rig.get32(0x8ffc), 0x1234);
  checkSaved(rig, RIP, 0x1_0246);
});

Deno.test("a task switch loads CR3 only with paging, and flushes; the T bit pends a debug trap", () => {
  const rig = rigWithTask();
  rig.call("farJump", NEW_SELECTOR, 0, 0, 4);
  strictEqual(rig.state.word(STATE.cr3), 0);
  const paged = rigWithTask();
  paged.mapPages([]);
  paged.state.setPair(STATE.cr3, 0x1_0000, 0);
  paged.set32(NEW + 28, 0x1_0008);
  paged.set16(NEW + 100, 1);
  paged.state.setWord(STATE.dr + 56, 0x7ff);
  strictEqual(paged.call("farJump", NEW_SELECTOR, 0, 0, 4), undefined);
  strictEqual(paged.state.word(STATE.cr3), 0x1_0008);
  strictEqual(paged.state.word(STATE.pendingDebug), 0x8000);
  strictEqual(paged.state.word(STATE.dr + 56), 0x6aa, "L0 to L3 and LE are clear");
});

Deno.test("a task with VM set runs in virtual-8086 mode", () => {
  const rig = rigWithTask();
  rig.set32(NEW + 36, 0x2_0002);
  for (let i = 0; i < 6; i++) rig.set32(NEW + 72 + i * 4, 0x1000 + i);
  strictEqual(rig.call("farJump", NEW_SELECTOR, 0, 0, 4), undefined);
  strictEqual(modeName(rig.state), "virtual-8086");
  strictEqual(rig.state.cpl, 3);
  strictEqual(rig.state.baseLow(SEG.GS), 0x1_0050);
  strictEqual(rig.state.attributes(SEG.CS), 0xf3);
});

/** Faults in the old task: nothing at all has changed. */
Deno.test("a task switch that is refused leaves the old task as it was", () => {
  const tss = (over: object) =>
    encodeDescriptor({ kind: "system", type: 9, base: BigInt(NEW), limit: 103, ...over });
  const cases: readonly (readonly [string, (rig: Rig) => void, Fault])[] = [
    ["busy", (r) => r.setSlot(14, tss({ type: 11 })), { vector: 13, error: NEW_SELECTOR }],
    ["absent", (r) => r.setSlot(14, tss({ present: false })), { vector: 11, error: NEW_SELECTOR }],
    ["short", (r) => r.setSlot(14, tss({ limit: 102 })), { vector: 10, error: NEW_SELECTOR }],
    ["16-bit short", (r) => r.setSlot(14, tss({ type: 1, limit: 42 })), {
      vector: 10,
      error: NEW_SELECTOR,
    }],
    ["old TSS short", (r) => r.state.setSegment(SEG.TR, OLD_SELECTOR, 0x8b, TSS, 0, 94), {
      vector: 10,
      error: OLD_SELECTOR,
    }],
    ["new TSS paged out", (r) => r.mapPages([NEW]), { vector: 14, error: 0 }],
    ["old TSS paged out", (r) => r.mapPages([TSS]), { vector: 14, error: 2 }],
  ];
  for (const [name, arrange, wanted] of cases) {
    const rig = rigWithTask();
    arrange(rig);
    const before = rig.snapshot();
    const tables = rig.bytes(0x1000, 0x1000);
    deepStrictEqual(rig.call("farJump", NEW_SELECTOR, 0, 0, 4), wanted, name);
    deepStrictEqual(rig.snapshot(), before, name);
    deepStrictEqual(rig.bytes(0x1000, 0x1000), tables, name);
  }
  const local = rigWithTask();
  local.set64(0x2000 + 8, tss({}));
  deepStrictEqual(local.call("farJump", 0xc, 0, 0, 4), { vector: 13, error: 0xc });
});

/** Faults after the switch: RIP is the new task's, and TR too. */
Deno.test("segments of the new task are checked in the new task", () => {
  const put = (offset: number, value: number) => (r: Rig) => r.set32(NEW + offset, value);
  const slot15 =
    (fields: Parameters<typeof encodeDescriptor>[0], offset: number, rpl = 0) => (r: Rig) => {
      r.setSlot(15, encodeDescriptor({ limit: 0xffff_ffff, big: true, ...fields }));
      r.set32(NEW + offset, selector(15, rpl));
    };
  const s15 = selector(15);
  const cases: readonly (readonly [string, (rig: Rig) => void, Fault])[] = [
    ["LDT local", put(96, 0xc), { vector: 10, error: 0xc }],
    ["LDT is none", put(96, OLD_SELECTOR), { vector: 10, error: OLD_SELECTOR }],
    ["LDT absent", slot15({ kind: "system", type: 2, present: false }, 96), {
      vector: 10,
      error: s15,
    }],
    ["CS null", put(76, 0), { vector: 10, error: 0 }],
    ["CS data", put(76, dataSelector(0)), { vector: 10, error: dataSelector(0) }],
    ["CS of another DPL", put(76, codeSelector(3) & ~3), {
      vector: 10,
      error: codeSelector(3) & ~3,
    }],
    ["CS absent", slot15({ kind: "code", type: 10, present: false }, 76), {
      vector: 11,
      error: s15,
    }],
    ["SS null", put(80, 0), { vector: 10, error: 0 }],
    ["SS of another DPL", put(80, dataSelector(3) & ~3), {
      vector: 10,
      error: dataSelector(3) & ~3,
    }],
    ["SS absent", slot15({ kind: "data", type: 2, present: false }, 80), {
      vector: 12,
      error: s15,
    }],
    ["DS beyond GDT", put(84, 0x800), { vector: 10, error: 0x800 }],
    ["DS is a TSS", put(84, OLD_SELECTOR), { vector: 10, error: OLD_SELECTOR }],
    ["ES absent", slot15({ kind: "data", type: 2, present: false }, 72), {
      vector: 11,
      error: s15,
    }],
    ["GS execute-only", slot15({ kind: "code", type: 8 }, 92), { vector: 10, error: s15 }],
    ["EIP beyond CS", (r) => slot15({ kind: "code", type: 10, limit: 0x100 }, 76)(r), {
      vector: 13,
      error: 0,
    }],
  ];
  for (const [name, arrange, wanted] of cases) {
    const rig = rigWithTask();
    arrange(rig);
    deepStrictEqual(rig.call("farJump", NEW_SELECTOR, 0, 0, 4), wanted, name);
    strictEqual(rig.rip(), BigInt(NEW_EIP), name);
    strictEqual(rig.state.selector(SEG.TR), NEW_SELECTOR, name);
    strictEqual(rig.state.word(STATE.ripSettled), 1, name);
  }
});

Deno.test("IRET with NT refuses a back link that names no busy TSS", () => {
  const cases: readonly (readonly [number, Fault])[] = [
    [0, { vector: 10, error: 0 }],
    [0xc, { vector: 10, error: 0xc }],
    [0x800, { vector: 10, error: 0x800 }],
    [codeSelector(0), { vector: 10, error: codeSelector(0) }],
    [NEW_SELECTOR, { vector: 10, error: NEW_SELECTOR }],
  ];
  for (const [link, wanted] of cases) {
    const rig = rigWithTask();
    rig.set16(TSS, link);
    rig.state.flags = NT | 2;
    const before = rig.snapshot();
    deepStrictEqual(rig.call("iret", 4), wanted);
    deepStrictEqual(rig.snapshot(), before);
  }
});
