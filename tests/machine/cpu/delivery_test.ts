/** Delivery: every vector in every mode, with and without a stack switch, and what can fail. */
import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { encodeDescriptor } from "../../../machine/arch/descriptor.ts";
import { deliverException, deliverInterrupt } from "../../../machine/cpu/delivery.ts";
import { modeName } from "../../../machine/cpu/helpers/mode.ts";
import { SEG, STATE } from "../../../machine/memory/layout.ts";
import {
  codeSelector,
  dataSelector,
  IDT,
  innerTop,
  istTop,
  NEXT_RIP,
  Rig,
  type RigMode,
  RIP,
  selector,
  SLOT,
  STACK_TOP,
  TSS,
} from "../../_support/cpu_context.ts";

/** RFLAGS with every bit that a delivery may clear: CF IF TF DF NT RF AC ID, IOPL 0. */
const FLAGS = 0x2_0002 ^ 0x2_0000 | 0x1 | 0x100 | 0x200 | 0x400 | 0x4000 | 0x1_0000 | 0x4_0000 |
  0x20_0000;
const VM = 0x2_0000;
const TF_NT_VM_RF = 0x100 | 0x4000 | 0x2_0000 | 0x1_0000;
const HANDLER = 0x5678;
/** Exceptions that push an error code. */
const WITH_ERROR = [8, 10, 11, 12, 13, 14, 17];

const SPARE = new Rig("real");

function prepare(mode: RigMode, cpl: number): Rig {
  const rig = new Rig(mode, cpl, SPARE);
  rig.state.flags = mode === "v86" ? FLAGS | VM : FLAGS;
  rig.state.refreshMode();
  return rig;
}

/** Values of `bytes` bytes from an address up. */
function stackWords(rig: Rig, at: number, bytes: number, count: number): bigint[] {
  return Array.from({ length: count }, (_, i) => {
    const address = at + i * bytes;
    return bytes === 8
      ? rig.get64(address)
      : BigInt(bytes === 4 ? rig.get32(address) : rig.get16(address));
  });
}

Deno.test("deliverInterrupt() in real mode pushes FLAGS, CS and IP for every vector", () => {
  for (let vector = 0; vector < 256; vector++) {
    const rig = prepare("real", 0);
    rig.set32(IDT + vector * 4, 0x0040 << 16 | HANDLER);
    strictEqual(deliverInterrupt(rig, vector, "irq"), undefined);
    strictEqual(rig.rip(), BigInt(HANDLER));
    strictEqual(rig.state.selector(SEG.CS), 0x40);
    strictEqual(rig.state.baseLow(SEG.CS), 0x400);
    strictEqual(rig.rsp(), BigInt(STACK_TOP - 6));
    deepStrictEqual(stackWords(rig, STACK_TOP - 6, 2, 3), [
      BigInt(RIP),
      0x10n,
      BigInt(FLAGS & 0xffff),
    ]);
    strictEqual(rig.state.flags, FLAGS & ~(0x300 | 0x4_0000 | 0x1_0000));
  }
});

for (
  const [size, kind] of [[4, "interrupt"], [4, "trap"], [2, "interrupt"], [2, "trap"]] as const
) {
  Deno.test(`a ${size * 8}-bit ${kind} gate delivers every vector at every privilege`, () => {
    for (let vector = 0; vector < 256; vector++) {
      for (const cpl of vector < 34 ? [0, 1, 2, 3] : [0, 3]) {
        for (let target = 0; target <= cpl; target++) {
          const asException = WITH_ERROR.includes(vector);
          const rig = prepare("protected", cpl);
          rig.setGate(vector, {
            kind,
            size,
            selector: codeSelector(target),
            offset: 0x1_0000n + BigInt(HANDLER),
          });
          if (asException) rig.note(vector, 0x18, 0xcafe);
          const result = asException ? deliverException(rig) : deliverInterrupt(rig, vector, "irq");
          strictEqual(result, undefined);
          const inner = target < cpl;
          const top = inner ? innerTop(target) : STACK_TOP;
          const saved = asException ? FLAGS | 0x1_0000 : FLAGS;
          const frame = [
            BigInt(RIP),
            BigInt(codeSelector(cpl)),
            BigInt(size === 2 ? saved & 0xffff : saved),
          ];
          if (inner) frame.push(BigInt(STACK_TOP), BigInt(dataSelector(cpl)));
          if (asException) frame.unshift(0x18n);
          const at = top - frame.length * size;
          deepStrictEqual(
            stackWords(rig, at, size, frame.length),
            frame,
            `${vector} ${cpl} ${target}`,
          );
          strictEqual(rig.rsp(), BigInt(at));
          strictEqual(rig.rip(), BigInt(size === 2 ? HANDLER : HANDLER + 0x1_0000));
          strictEqual(rig.state.selector(SEG.CS), codeSelector(target));
          strictEqual(rig.state.selector(SEG.SS), dataSelector(target));
          strictEqual(rig.state.cpl, target);
          strictEqual(rig.state.flags, FLAGS & ~TF_NT_VM_RF & ~(kind === "interrupt" ? 0x200 : 0));
          if (vector === 14) strictEqual(rig.state.word(STATE.cr2), 0xcafe);
        }
      }
    }
  });
}

Deno.test("a gate to conforming code keeps CPL and the stack", () => {
  for (let dpl = 0; dpl < 4; dpl++) {
    const rig = prepare("protected", 3);
    rig.setSlot(
      SLOT.FREE,
      encodeDescriptor({ kind: "code", type: 14, dpl, limit: 0xffff_ffff, big: true }),
    );
    rig.setGate(40, { kind: "interrupt", size: 4, selector: selector(SLOT.FREE), offset: 0x5678n });
    strictEqual(deliverInterrupt(rig, 40, "irq"), undefined);
    strictEqual(rig.state.selector(SEG.CS), selector(SLOT.FREE, 3));
    strictEqual(rig.state.cpl, 3);
    strictEqual(rig.rsp(), BigInt(STACK_TOP - 12));
  }
});

for (const size of [4, 2] as const) {
  Deno.test(`from virtual-8086 mode a ${size * 8}-bit gate pushes the segments and nulls them`, () => {
    for (let vector = 0; vector < 256; vector++) {
      const asException = WITH_ERROR.includes(vector);
      const rig = prepare("v86", 3);
      const sels = { ES: 0x111, SS: 0x222, DS: 0x333, FS: 0x444, GS: 0x555 };
      for (const [name, value] of Object.entries(sels)) {
        rig.state.setSegment(SEG[name as "ES"], value, 0xf3, value << 4, 0, 0xffff);
      }
      rig.setGate(vector, { kind: "interrupt", size, selector: codeSelector(0), offset: 0x5678n });
      if (asException) rig.note(vector, 0);
      const modes: string[] = [];
      rig.events.on("mode", ({ from, to }) => modes.push(`${from} > ${to}`));
      strictEqual(
        asException ? deliverException(rig) : deliverInterrupt(rig, vector, "irq"),
        undefined,
      );
      const saved = FLAGS | VM | (asException ? 0x1_0000 : 0);
      const frame = [
        RIP,
        0x10,
        size === 2 ? saved & 0xffff : saved,
        STACK_TOP,
        0x222,
        0x111,
        0x333,
        0x444,
        0x555,
      ];
      if (asException) frame.unshift(0);
      const at = innerTop(0) - frame.length * size;
      deepStrictEqual(stackWords(rig, at, size, frame.length), frame.map(BigInt));
      strictEqual(rig.rsp(), BigInt(at));
      strictEqual(rig.state.cpl, 0);
      strictEqual(rig.state.v86, false);
      strictEqual(modeName(rig.state), "protected");
      deepStrictEqual(modes, ["virtual-8086 > protected"]);
      strictEqual(rig.state.selector(SEG.SS), dataSelector(0));
      for (const segment of [SEG.ES, SEG.DS, SEG.FS, SEG.GS]) {
        strictEqual(rig.state.selector(segment), 0);
        strictEqual(rig.state.attributes(segment), 0);
      }
    }
  });
}

for (const kind of ["interrupt", "trap"] as const) {
  Deno.test(`a 64-bit ${kind} gate delivers every vector, with and without IST`, () => {
    for (let vector = 0; vector < 256; vector++) {
      for (const mode of ["long", "compatibility"] as const) {
        for (const cpl of [0, 3]) {
          for (const target of cpl === 0 ? [0] : [0, 1, 3]) {
            for (const istField of [0, 1, 7]) {
              checkLong(kind, vector, mode, cpl, target, istField);
            }
          }
        }
      }
    }
  });
}

function checkLong(
  kind: "interrupt" | "trap",
  vector: number,
  mode: RigMode,
  cpl: number,
  target: number,
  istField: number,
): void {
  const asException = WITH_ERROR.includes(vector);
  const rig = prepare(mode, cpl);
  const rsp = STACK_TOP - 3;
  rig.state.setRegister(4, rsp, 0);
  rig.state.setPair(STATE.rip, RIP, mode === "long" ? 0x7fff : 0);
  const offset = 0xffff_8000_1234_5678n;
  rig.setGate(vector, { kind, size: 8, selector: codeSelector(target), offset, istField });
  if (asException) rig.note(vector, 0x18, 0xcafe);
  const result = asException ? deliverException(rig) : deliverInterrupt(rig, vector, "irq");
  strictEqual(result, undefined);
  const inner = target < cpl;
  const top = istField !== 0 ? istTop(istField) : inner ? innerTop(target) : rsp & ~15;
  const saved = asException ? FLAGS | 0x1_0000 : FLAGS;
  const frame = [
    BigInt(RIP) | (mode === "long" ? 0x7fff_0000_0000n : 0n),
    BigInt(codeSelector(cpl)),
    BigInt(saved),
    BigInt(rsp),
    BigInt(dataSelector(cpl)),
  ];
  if (asException) frame.unshift(0x18n);
  const at = top - frame.length * 8;
  const what = `vector ${vector} ${mode} CPL ${cpl} to ${target} IST ${istField}`;
  deepStrictEqual(stackWords(rig, at, 8, frame.length), frame, what);
  strictEqual(rig.rsp(), BigInt(at), what);
  strictEqual(rig.rip(), offset);
  strictEqual(rig.state.cpl, target);
  strictEqual(rig.state.selector(SEG.CS), codeSelector(target));
  strictEqual(rig.state.selector(SEG.SS), inner ? target : dataSelector(cpl));
  strictEqual(rig.state.flags, FLAGS & ~TF_NT_VM_RF & ~(kind === "interrupt" ? 0x200 : 0));
  strictEqual(modeName(rig.state), "64-bit");
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

Deno.test("INT n and INT3 look at the gate's DPL; INT1 and interrupts do not", () => {
  for (let cpl = 0; cpl < 4; cpl++) {
    for (let dpl = 0; dpl < 4; dpl++) {
      const make = () => {
        const rig = new Rig("protected", cpl);
        for (const vector of [1, 3, 4, 0x80]) {
          rig.setGate(vector, gate32({ selector: codeSelector(0), dpl }));
        }
        return rig;
      };
      const refused = (vector: number) =>
        dpl < cpl ? { vector: 13, error: vector << 3 | 2 } : undefined;
      deepStrictEqual(make().call("softwareInterrupt", 0x80), refused(0x80));
      deepStrictEqual(make().call("softwareException", 3), refused(3));
      deepStrictEqual(make().call("softwareException", 4), refused(4));
      strictEqual(make().call("debugInterrupt"), undefined);
      const rig = make();
      strictEqual(deliverInterrupt(rig, 0x80, "irq"), undefined);
      strictEqual(rig.state.cpl, 0);
    }
  }
});

Deno.test("INT n saves the next RIP; in virtual-8086 mode it needs IOPL 3 and INT3 does not", () => {
  const rig = new Rig("long");
  rig.setGate(0x80, gate64());
  strictEqual(rig.call("softwareInterrupt", 0x80), undefined);
  strictEqual(rig.get64(STACK_TOP - 40), BigInt(NEXT_RIP));
  for (let iopl = 0; iopl < 4; iopl++) {
    const v86 = new Rig("v86");
    v86.state.flags |= iopl << 12;
    v86.setGate(0x21, gate32());
    v86.setGate(3, gate32());
    const before = v86.snapshot();
    const fault = v86.call("softwareInterrupt", 0x21);
    deepStrictEqual(fault, iopl < 3 ? { vector: 13, error: 0 } : undefined);
    if (iopl < 3) {
      deepStrictEqual(v86.snapshot(), before);
      strictEqual(v86.call("softwareException", 3), undefined);
    }
    strictEqual(v86.state.cpl, 0);
  }
});

Deno.test("a frame may cross 4 GiB; a 16-bit stack leaves the upper half of ESP alone", () => {
  const rig = new Rig("long", 0, SPARE);
  rig.setGate(40, gate64());
  rig.state.setRegister(4, 0x10, 1);
  strictEqual(deliverInterrupt(rig, 40, "irq"), undefined);
  strictEqual(rig.rsp(), 0x1_0000_0010n - 40n);
  const narrow = new Rig("protected", 0, SPARE);
  narrow.setGate(40, gate32());
  narrow.state.setSegment(SEG.SS, dataSelector(0), 0x93, 0, 0, 0xffff);
  narrow.state.setRegister(4, 0x1234_8000, 0);
  strictEqual(deliverInterrupt(narrow, 40, "irq"), undefined);
  strictEqual(narrow.rsp(), 0x1234_7ff4n);
  strictEqual(narrow.get32(0x7ff4), RIP);
  // SP wraps around within 64 KiB.
  narrow.state.setRegister(4, 0x1234_0004, 0);
  strictEqual(deliverInterrupt(narrow, 40, "irq"), undefined);
  strictEqual(narrow.rsp(), 0x1234_fff8n);
});

Deno.test("a TSS that just holds the stack's entry is long enough", () => {
  const cases = [[0x8b, 4 + 8 * 2 + 5], [0x83, 2 + 4 * 2 + 3]] as const;
  for (const [type, limit] of cases) {
    const rig = new Rig("protected", 3, SPARE);
    rig.set32(TSS + 2 + 4 * 2, dataSelector(2) << 16 | innerTop(2));
    if (type === 0x8b) {
      rig.set32(TSS + 4 + 8 * 2, innerTop(2));
      rig.set16(TSS + 8 + 8 * 2, dataSelector(2));
    }
    rig.state.setSegment(SEG.TR, selector(SLOT.TSS), type, TSS, 0, limit);
    rig.setGate(40, gate32({ selector: codeSelector(2) }));
    strictEqual(deliverInterrupt(rig, 40, "irq"), undefined, `type ${type}`);
    strictEqual(rig.rsp(), BigInt(innerTop(2) - 20));
    rig.state.setSegment(SEG.TR, selector(SLOT.TSS), type, TSS, 0, limit - 1);
    rig.state.setWord(STATE.cpl, 3);
    deepStrictEqual(rig.call("softwareInterrupt", 40), { vector: 10, error: selector(SLOT.TSS) });
  }
  const long = new Rig("long", 3, SPARE);
  long.setGate(40, gate64({ selector: codeSelector(2) }));
  long.state.setSegment(SEG.TR, selector(SLOT.TSS), 0x8b, TSS, 0, 4 + 8 * 2 + 7);
  strictEqual(deliverInterrupt(long, 40, "irq"), undefined);
});
