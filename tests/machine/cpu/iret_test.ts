/** IRET in every mode: what it pops, what it checks, and which flags it may change. */
import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { modeName } from "../../../machine/cpu/helpers/mode.ts";
import { SEG, STATE } from "../../../machine/memory/layout.ts";
import { codeSelector, dataSelector, Rig, STACK_TOP } from "../../_support/cpu_context.ts";

const SPARE = new Rig("real");
const ALL = 0x3f_7fd7;
const VM = 1 << 17;
const IOPL = 3 << 12;

/** SDM Vol. 2, IRET: which bits of RFLAGS come from the stack. */
function flagsMask(cpl: number, iopl: number, size: number, real: boolean): number {
  // CF PF AF ZF SF TF DF OF NT
  let mask = 0x1 | 0x4 | 0x10 | 0x40 | 0x80 | 0x100 | 0x400 | 0x800 | 0x4000;
  if (size > 2) mask |= 0x1_0000 | 0x4_0000 | 0x20_0000; // RF AC ID
  if (real || cpl <= iopl) mask |= 0x200; // IF
  if (real || cpl === 0) mask |= IOPL;
  if (!real && cpl === 0 && size > 2) mask |= 0x8_0000 | 0x10_0000; // VIF VIP
  return mask;
}

Deno.test("IRET restores just the flags that privilege and size allow", () => {
  for (const mode of ["real", "protected", "long", "compatibility"] as const) {
    for (const cpl of mode === "real" ? [0] : [0, 1, 2, 3]) {
      for (let iopl = 0; iopl < 4; iopl++) {
        for (const size of mode === "long" ? [2, 4, 8] : [2, 4]) {
          for (const old of [0x2, ALL & ~VM & ~IOPL & ~0x4000]) {
            for (const popped of [0x2, ALL & ~VM]) {
              const rig = new Rig(mode, cpl, SPARE);
              rig.state.flags = old | iopl << 12;
              const cs = mode === "real" ? 0x10 : codeSelector(cpl);
              push(rig, size, [0x1111, cs, popped, STACK_TOP - 0x100, dataSelector(cpl)]);
              strictEqual(rig.call("iret", size), undefined);
              const mask = flagsMask(cpl, iopl, size, mode === "real");
              const wanted = ((old | iopl << 12) & ~mask) | (popped & mask) | 2;
              strictEqual(rig.state.flags, wanted, `${mode} CPL ${cpl} IOPL ${iopl} ${size}`);
              strictEqual(rig.rip(), 0x1111n);
              const popsStack = mode === "long";
              strictEqual(rig.rsp(), BigInt(popsStack ? STACK_TOP - 0x100 : STACK_TOP + 3 * size));
            }
          }
        }
      }
    }
  }
});

function push(rig: Rig, size: number, values: readonly number[]): void {
  values.forEach((value, i) => {
    const at = STACK_TOP + i * size;
    if (size === 2) rig.set16(at, value);
    else if (size === 4) rig.set32(at, value);
    else rig.set64(at, BigInt(value >>> 0));
  });
}

Deno.test("IRET in virtual-8086 mode needs IOPL 3 and never changes IOPL", () => {
  for (let iopl = 0; iopl < 4; iopl++) {
    for (const size of [2, 4]) {
      const rig = new Rig("v86", 3, SPARE);
      rig.state.flags = VM | iopl << 12 | 2;
      push(rig, size, [0x1111, 0x2222, ALL & ~VM & ~IOPL]);
      const before = rig.snapshot();
      const fault = rig.call("iret", size);
      if (iopl < 3) {
        deepStrictEqual(fault, { vector: 13, error: 0 });
        deepStrictEqual(rig.snapshot(), before);
        continue;
      }
      strictEqual(fault, undefined);
      strictEqual(rig.state.selector(SEG.CS), 0x2222);
      strictEqual(rig.state.baseLow(SEG.CS), 0x22220);
      const changed = size === 2 ? 0x4fd5 : 0x25_4fd5;
      strictEqual(rig.state.flags, VM | IOPL | 2 | changed);
      strictEqual(modeName(rig.state), "virtual-8086");
    }
  }
});

Deno.test("IRETD in ring 0 with VM set goes to virtual-8086 mode; elsewhere VM is ignored", () => {
  const rig = new Rig("protected", 0, SPARE);
  const modes: string[] = [];
  rig.events.on("mode", ({ from, to }) => modes.push(`${from} > ${to}`));
  push(rig, 4, [0x1111, 0x2222, VM | IOPL | 0x202, 0x3333, 0x4444, 0x5555, 0x6666, 0x7777, 0x8888]);
  strictEqual(rig.call("iret", 4), undefined);
  deepStrictEqual(modes, ["protected > virtual-8086"]);
  strictEqual(rig.state.cpl, 3);
  strictEqual(rig.state.flags, VM | IOPL | 0x202);
  strictEqual(rig.rsp(), 0x3333n);
  const order = [SEG.CS, SEG.SS, SEG.ES, SEG.DS, SEG.FS, SEG.GS];
  deepStrictEqual(order.map((s) => rig.state.selector(s)), [
    0x2222,
    0x4444,
    0x5555,
    0x6666,
    0x7777,
    0x8888,
  ]);
  for (const segment of order) {
    strictEqual(rig.state.attributes(segment), 0xf3);
    strictEqual(rig.state.limit(segment), 0xffff);
    strictEqual(rig.state.baseLow(segment), rig.state.selector(segment) << 4);
  }
  const far = new Rig("protected", 0, SPARE);
  push(far, 4, [0x1_0000, 0x2222, VM | 2, 0x3333, 0x4444, 0, 0, 0, 0]);
  deepStrictEqual(far.call("iret", 4), { vector: 13, error: 0 });
  const user = new Rig("protected", 3, SPARE);
  push(user, 4, [0x1111, codeSelector(3), VM | 2]);
  strictEqual(user.call("iret", 4), undefined);
  strictEqual(user.state.v86, false);
});

Deno.test("IRETQ: null SS below CPL 3 only, canonical RIP, NT is #GP(0)", () => {
  for (let rpl = 0; rpl < 4; rpl++) {
    const rig = new Rig("long", 0, SPARE);
    push(rig, 8, [0x1111, codeSelector(rpl), 2, 0x7770, 0]);
    deepStrictEqual(rig.call("iret", 8), rpl === 3 ? { vector: 13, error: 0 } : undefined);
    if (rpl === 3) continue;
    strictEqual(rig.state.cpl, rpl);
    strictEqual(rig.state.selector(SEG.SS), 0);
    strictEqual(rig.rsp(), 0x7770n);
  }
  const rig = new Rig("long", 0, SPARE);
  push(rig, 8, [0, codeSelector(0), 2, 0x7770, dataSelector(0)]);
  rig.set64(STACK_TOP, 1n << 47n);
  const before = rig.snapshot();
  deepStrictEqual(rig.call("iret", 8), { vector: 13, error: 0 });
  deepStrictEqual(rig.snapshot(), before);
  rig.set64(STACK_TOP, 0x1111n);
  rig.state.flags = 0x4002;
  deepStrictEqual(rig.call("iret", 8), { vector: 13, error: 0 });
});

Deno.test("IRETQ between 64-bit and compatibility code reports the mode and keeps RSP whole", () => {
  const rig = new Rig("long", 0, SPARE);
  rig.setSlot(14, 0x00cf_fa00_0000_ffffn);
  push(rig, 8, [0x1111, 14 << 3 | 3, 2, 0, dataSelector(3)]);
  rig.set64(STACK_TOP + 24, 0x1234_5678n);
  const modes: string[] = [];
  rig.events.on("mode", ({ from, to }) => modes.push(`${from} > ${to}`));
  strictEqual(rig.call("iret", 8), undefined);
  deepStrictEqual(modes, ["64-bit > compatibility"]);
  strictEqual(rig.rsp(), 0x1234_5678n);
  strictEqual(rig.state.word(STATE.cpl), 3);
});

Deno.test("IRET on a stack that ends is #SS(0) and changes nothing", () => {
  for (const size of [2, 4]) {
    for (let room = 0; room < 3 * size; room++) {
      const rig = new Rig("protected", 0, SPARE);
      push(rig, size, [0x1111, codeSelector(0), 2]);
      rig.state.setSegment(SEG.SS, dataSelector(0), 0x4093, 0, 0, STACK_TOP + room - 1);
      const before = rig.snapshot();
      deepStrictEqual(rig.call("iret", size), { vector: 12, error: 0 });
      deepStrictEqual(rig.snapshot(), before);
    }
  }
});
