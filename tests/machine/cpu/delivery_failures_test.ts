/** Deliveries that fail: each cause, and what becomes of it. */
import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { encodeDescriptor } from "../../../machine/arch/descriptor.ts";
import {
  deliverException,
  deliverInterrupt,
  type TripleFault,
} from "../../../machine/cpu/delivery.ts";
import { SEG, STATE } from "../../../machine/memory/layout.ts";
import {
  codeSelector,
  dataSelector,
  IDT,
  istTop,
  Rig,
  type RigMode,
  RIP,
  selector,
  SLOT,
  STACK_TOP,
  TSS,
} from "../../_support/cpu_context.ts";

/** What goes wrong with gate 40, and the fault that the manual asks for. `ext` is added to it. */
interface Failure {
  readonly name: string;
  readonly mode: RigMode;
  readonly cpl?: number;
  readonly arrange: (rig: Rig) => void;
  readonly vector: number;
  readonly error: number;
}

const gate32 = (over: object = {}) =>
  ({
    kind: "interrupt",
    size: 4,
    selector: codeSelector(0),
    offset: 0x5678n,
    dpl: 3,
    ...over,
  }) as const;
const gate64 = (over: object = {}) => ({ ...gate32(over), size: 8 }) as const;
const IDT_ERROR = 40 << 3 | 2;
const free = (rig: Rig, fields: Parameters<typeof encodeDescriptor>[0]) => {
  rig.setSlot(SLOT.FREE, encodeDescriptor({ limit: 0xffff_ffff, ...fields }));
  return selector(SLOT.FREE);
};

const FAILURES: readonly Failure[] = [
  {
    name: "IDT too short",
    mode: "protected",
    arrange: (r) => r.state.setWord(STATE.idtrLimit, 40 * 8 + 6),
    vector: 13,
    error: IDT_ERROR,
  },
  {
    name: "not a gate",
    mode: "protected",
    arrange: (r) => r.set64(IDT + 40 * 8, 0x0000_8200_0008_0000n),
    vector: 13,
    error: IDT_ERROR,
  },
  {
    name: "call gate in IDT",
    mode: "protected",
    arrange: (r) => r.setGate(40, gate32({ kind: "call" })),
    vector: 13,
    error: IDT_ERROR,
  },
  {
    name: "gate absent",
    mode: "protected",
    arrange: (r) => r.setGate(40, gate32({ present: false })),
    vector: 11,
    error: IDT_ERROR,
  },
  {
    name: "null code",
    mode: "protected",
    arrange: (r) => r.setGate(40, gate32({ selector: 3 })),
    vector: 13,
    error: 0,
  },
  {
    name: "code beyond GDT",
    mode: "protected",
    arrange: (r) => r.setGate(40, gate32({ selector: 0x200 })),
    vector: 13,
    error: 0x200,
  },
  {
    name: "code is data",
    mode: "protected",
    arrange: (r) => r.setGate(40, gate32({ selector: dataSelector(0) })),
    vector: 13,
    error: dataSelector(0),
  },
  {
    name: "code outwards",
    mode: "protected",
    arrange: (r) => r.setGate(40, gate32({ selector: codeSelector(3) })),
    vector: 13,
    error: codeSelector(3) & ~3,
  },
  {
    name: "code absent",
    mode: "protected",
    arrange: (r) =>
      r.setGate(
        40,
        gate32({ selector: free(r, { kind: "code", type: 10, big: true, present: false }) }),
      ),
    vector: 11,
    error: selector(SLOT.FREE),
  },
  {
    name: "offset beyond CS",
    mode: "protected",
    arrange: (r) =>
      r.setGate(
        40,
        gate32({ selector: free(r, { kind: "code", type: 10, big: true, limit: 0x5677 }) }),
      ),
    vector: 13,
    error: 0,
  },
  {
    name: "stack too small",
    mode: "protected",
    arrange: (r) => r.state.setSegment(SEG.SS, 0x10, 0x4093, 0, 0, STACK_TOP - 2),
    vector: 12,
    error: 0,
  },
  {
    name: "TSS too short",
    mode: "protected",
    cpl: 3,
    arrange: (r) => r.state.setSegment(SEG.TR, selector(SLOT.TSS), 0x8b, TSS, 0, 8),
    vector: 10,
    error: selector(SLOT.TSS),
  },
  {
    name: "16-bit TSS too short",
    mode: "protected",
    cpl: 3,
    arrange: (r) => r.state.setSegment(SEG.TR, selector(SLOT.TSS), 0x83, TSS, 0, 4),
    vector: 10,
    error: selector(SLOT.TSS),
  },
  {
    name: "SS0 null",
    mode: "protected",
    cpl: 3,
    arrange: (r) => r.set16(TSS + 8, 0),
    vector: 10,
    error: 0,
  },
  {
    name: "SS0 beyond GDT",
    mode: "protected",
    cpl: 3,
    arrange: (r) => r.set16(TSS + 8, 0x200),
    vector: 10,
    error: 0x200,
  },
  {
    name: "SS0 RPL",
    mode: "protected",
    cpl: 3,
    arrange: (r) => r.set16(TSS + 8, dataSelector(0) | 1),
    vector: 10,
    error: dataSelector(0),
  },
  {
    name: "SS0 DPL",
    mode: "protected",
    cpl: 3,
    arrange: (r) => r.set16(TSS + 8, dataSelector(3) & ~3),
    vector: 10,
    error: dataSelector(3) & ~3,
  },
  {
    name: "SS0 read-only",
    mode: "protected",
    cpl: 3,
    arrange: (r) => r.set16(TSS + 8, free(r, { kind: "data", type: 0 })),
    vector: 10,
    error: selector(SLOT.FREE),
  },
  {
    name: "SS0 absent",
    mode: "protected",
    cpl: 3,
    arrange: (r) => r.set16(TSS + 8, free(r, { kind: "data", type: 2, present: false })),
    vector: 12,
    error: selector(SLOT.FREE),
  },
  {
    name: "SS0 too small",
    mode: "protected",
    cpl: 3,
    arrange: (r) => r.set16(TSS + 8, free(r, { kind: "data", type: 2, limit: 0xfff })),
    vector: 12,
    error: selector(SLOT.FREE),
  },
  {
    name: "ring 1 from v86",
    mode: "v86",
    arrange: (r) => r.setGate(40, gate32({ selector: codeSelector(1) })),
    vector: 13,
    error: codeSelector(1) & ~3,
  },
  {
    name: "conforming from v86",
    mode: "v86",
    arrange: (r) =>
      r.setGate(40, gate32({ selector: free(r, { kind: "code", type: 14, big: true }) })),
    vector: 13,
    error: selector(SLOT.FREE),
  },
  {
    name: "task gate to LDT",
    mode: "protected",
    arrange: (r) => r.setGate(40, gate32({ kind: "task", selector: 0x1c })),
    vector: 13,
    error: 0x1c,
  },
  {
    name: "task gate to busy TSS",
    mode: "protected",
    arrange: (r) => r.setGate(40, gate32({ kind: "task", selector: selector(SLOT.TSS) })),
    vector: 13,
    error: selector(SLOT.TSS),
  },
  {
    name: "task gate to absent TSS",
    mode: "protected",
    arrange: (r) =>
      r.setGate(
        40,
        gate32({ kind: "task", selector: free(r, { kind: "system", type: 9, present: false }) }),
      ),
    vector: 11,
    error: selector(SLOT.FREE),
  },
  {
    name: "task gate to short TSS",
    mode: "protected",
    arrange: (r) =>
      r.setGate(
        40,
        gate32({ kind: "task", selector: free(r, { kind: "system", type: 9, limit: 102 }) }),
      ),
    vector: 10,
    error: selector(SLOT.FREE),
  },
  {
    name: "IDT too short",
    mode: "long",
    arrange: (r) => r.state.setWord(STATE.idtrLimit, 40 * 16 + 14),
    vector: 13,
    error: IDT_ERROR,
  },
  {
    name: "task gate",
    mode: "long",
    arrange: (r) => r.setGate(40, gate64({ kind: "task" })),
    vector: 13,
    error: IDT_ERROR,
  },
  {
    name: "gate absent",
    mode: "long",
    arrange: (r) => r.setGate(40, gate64({ present: false })),
    vector: 11,
    error: IDT_ERROR,
  },
  {
    name: "null code",
    mode: "long",
    arrange: (r) => r.setGate(40, gate64({ selector: 0 })),
    vector: 13,
    error: 0,
  },
  {
    name: "code is 32-bit",
    mode: "long",
    arrange: (r) =>
      r.setGate(40, gate64({ selector: free(r, { kind: "code", type: 10, big: true }) })),
    vector: 13,
    error: selector(SLOT.FREE),
  },
  {
    name: "code is both",
    mode: "long",
    arrange: (r) =>
      r.setGate(
        40,
        gate64({ selector: free(r, { kind: "code", type: 10, big: true, long: true }) }),
      ),
    vector: 13,
    error: selector(SLOT.FREE),
  },
  {
    name: "code absent",
    mode: "long",
    arrange: (r) =>
      r.setGate(
        40,
        gate64({ selector: free(r, { kind: "code", type: 10, long: true, present: false }) }),
      ),
    vector: 11,
    error: selector(SLOT.FREE),
  },
  {
    name: "code outwards",
    mode: "long",
    arrange: (r) => r.setGate(40, gate64({ selector: codeSelector(2) })),
    vector: 13,
    error: codeSelector(2) & ~3,
  },
  {
    name: "target not canonical",
    mode: "long",
    arrange: (r) => r.setGate(40, gate64({ offset: 1n << 47n })),
    vector: 13,
    error: 0,
  },
  {
    name: "TSS too short for RSP0",
    mode: "long",
    cpl: 3,
    arrange: (r) => r.state.setSegment(SEG.TR, selector(SLOT.TSS), 0x8b, TSS, 0, 10),
    vector: 10,
    error: selector(SLOT.TSS),
  },
  {
    name: "TSS too short for IST",
    mode: "long",
    arrange: (
      r,
    ) => (r.setGate(40, gate64({ istField: 2 })),
      r.state.setSegment(SEG.TR, selector(SLOT.TSS), 0x8b, TSS, 0, 50)),
    vector: 10,
    error: selector(SLOT.TSS),
  },
  {
    name: "RSP0 not canonical",
    mode: "long",
    cpl: 3,
    arrange: (r) => r.set64(TSS + 4, 1n << 47n),
    vector: 12,
    error: 0,
  },
  {
    name: "IST1 not canonical",
    mode: "long",
    arrange: (r) => (r.setGate(40, gate64({ istField: 1 })), r.set64(TSS + 36, 1n << 60n)),
    vector: 12,
    error: 0,
  },
  {
    name: "RSP not canonical",
    mode: "long",
    arrange: (r) => r.state.setRegister(4, 0x1000, 0x8000),
    vector: 12,
    error: 0,
  },
];

Deno.test("a delivery that fails raises the manual's fault and changes no register", () => {
  for (const { name, mode, cpl, arrange, vector, error } of FAILURES) {
    for (const source of ["irq", "int"] as const) {
      const rig = new Rig(mode, cpl);
      const isLong = mode === "long";
      rig.setGate(40, isLong ? gate64() : gate32());
      arrange(rig);
      const seen: { vector: number; errorCode: number | undefined }[] = [];
      rig.events.on("exception", ({ vector, errorCode }) => seen.push({ vector, errorCode }));
      const before = rig.snapshot();
      // INT n raises its fault at itself; an interrupt's is looked for in the events.
      if (source === "int") {
        if (mode === "v86") rig.state.flags |= 0x3000;
        const full = rig.snapshot();
        deepStrictEqual(rig.call("softwareInterrupt", 40), { vector, error }, `int: ${name}`);
        deepStrictEqual(rig.snapshot(), full, `int: ${name}`);
        continue;
      }
      deliverInterrupt(rig, 40, "irq");
      deepStrictEqual(seen[0], { vector, errorCode: error | 1 }, `irq: ${name}`);
      // No handler exists for the fault, so it ends in shutdown with every register as it was.
      deepStrictEqual(rig.snapshot(), before, `irq: ${name}`);
    }
  }
});

Deno.test("page faults during delivery: the frame's page, the IDT's, the TSS's, the GDT's", () => {
  for (const mode of ["protected", "long"] as const) {
    for (
      const [page, what] of [[0x7000, "frame"], [0x3000, "IDT"], [0x1000, "descriptor"]] as const
    ) {
      const rig = new Rig(mode);
      rig.setGate(40, mode === "long" ? gate64() : gate32());
      rig.setGate(14, mode === "long" ? gate64() : gate32());
      rig.mapPages([page]);
      const before = rig.snapshot();
      const fault = rig.call("softwareInterrupt", 40);
      strictEqual(fault?.vector, 14);
      strictEqual(fault.error, what === "frame" ? 2 : 0, what);
      strictEqual(rig.state.word(STATE.faultAddress) & ~0xfff, page);
      deepStrictEqual(rig.snapshot(), before);
    }
  }
});

Deno.test("a stack overflow becomes a double fault on its IST, with RIP and CR2 of the fault", () => {
  const rig = new Rig("long");
  rig.setGate(14, gate64());
  rig.setGate(8, gate64({ istField: 1, offset: 0x9999n }));
  rig.mapPages([0x7000]);
  rig.note(14, 2, 0x7ff8);
  const vectors: number[] = [];
  rig.events.on("exception", ({ vector }) => vectors.push(vector));
  strictEqual(deliverException(rig), undefined);
  deepStrictEqual(vectors, [14, 8]);
  strictEqual(rig.rip(), 0x9999n);
  strictEqual(rig.rsp(), BigInt(istTop(1) - 48));
  strictEqual(rig.get64(istTop(1) - 48), 0n);
  strictEqual(rig.get64(istTop(1) - 40), BigInt(RIP));
  strictEqual(rig.get64(istTop(1) - 16), BigInt(STACK_TOP));
  strictEqual(rig.state.word(STATE.cr2) & ~0xfff, 0x7000);
});

Deno.test("a triple fault tells the whole chain in words", () => {
  const rig = new Rig("long");
  rig.setGate(14, gate64());
  rig.setGate(8, gate64({ present: false }));
  rig.mapPages([0x7000]);
  rig.note(14, 2, 0xdead_beaf | 0);
  const before = rig.snapshot();
  const result = deliverException(rig) as TripleFault;
  deepStrictEqual(result.chain, [
    {
      vector: 14,
      errorCode: 2,
      address: 0xdead_beafn,
      rip: BigInt(RIP),
      why: "pushing the frame faulted: the page of 0x7fd0 is not present (#PF)",
    },
    {
      vector: 8,
      errorCode: 0,
      address: undefined,
      rip: BigInt(RIP),
      why: "IDT entry 8 is not present: #NP(0x43)",
    },
  ]);
  const after = rig.snapshot();
  after[STATE.cr2 >> 2] = before[STATE.cr2 >> 2];
  deepStrictEqual(after, before);
  strictEqual(rig.faultReason, undefined);
});

Deno.test("in real mode a vector beyond the IDT ends in shutdown when #GP and #DF are, too", () => {
  const rig = new Rig("real");
  rig.state.setWord(STATE.idtrLimit, 0x1f);
  rig.note(6);
  rig.set32(IDT + 24, 0x0040_5678);
  strictEqual(deliverException(rig), undefined);
  strictEqual(rig.rip(), 0x5678n);
  const short = new Rig("real");
  short.state.setWord(STATE.idtrLimit, 0x10);
  short.note(6);
  deepStrictEqual((deliverException(short) as TripleFault).chain.map(({ vector }) => vector), [
    6,
    13,
    8,
  ]);
});

Deno.test("an NMI blocks further ones until IRET; delivery ends HLT; #DB clears DR7.GD", () => {
  const rig = new Rig("long");
  rig.setGate(2, gate64());
  rig.setGate(1, gate64());
  rig.state.setWord(STATE.halted, 1);
  rig.state.setWord(STATE.dr + 56, 0x2400);
  strictEqual(deliverInterrupt(rig, 2, "nmi"), undefined);
  strictEqual(rig.state.word(STATE.nmiBlocked), 1);
  strictEqual(rig.state.word(STATE.halted), 0);
  strictEqual(rig.state.word(STATE.dr + 56), 0x2400);
  strictEqual(rig.call("iret", 8), undefined);
  strictEqual(rig.state.word(STATE.nmiBlocked), 0);
  strictEqual(rig.rip(), BigInt(RIP));
  strictEqual(rig.rsp(), BigInt(STACK_TOP));
  rig.note(1);
  strictEqual(deliverException(rig), undefined);
  strictEqual(rig.state.word(STATE.dr + 56), 0x400);
  strictEqual(Number(rig.get64(STACK_TOP - 24)) & 0x1_0000, 0, "RF is not set for #DB");
});
