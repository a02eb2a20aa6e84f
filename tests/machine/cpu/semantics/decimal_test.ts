import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { BareCpu } from "../../../_support/bare_cpu.ts";
import { AF, CF } from "../../../_support/encode.ts";

/** AX, CF and AF before and after. */
interface Decimal {
  readonly al: number;
  readonly ah: number;
  readonly cf: boolean;
  readonly af: boolean;
}

/** The manual's pseudo-code, variable by variable. */
const MANUAL: Readonly<Record<string, { opcode: number; run(before: Decimal): Decimal }>> = {
  DAA: {
    opcode: 0x27,
    run: ({ al, ah, cf, af }) => {
      const [oldAl, oldCf] = [al, cf];
      cf = false;
      if ((al & 0x0f) > 9 || af) {
        cf = oldCf || al + 6 > 0xff;
        al = al + 6 & 0xff;
        af = true;
      } else af = false;
      if (oldAl > 0x99 || oldCf) {
        al = al + 0x60 & 0xff;
        cf = true;
      } else cf = false;
      return { al, ah, cf, af };
    },
  },
  DAS: {
    opcode: 0x2f,
    run: ({ al, ah, cf, af }) => {
      const [oldAl, oldCf] = [al, cf];
      cf = false;
      if ((al & 0x0f) > 9 || af) {
        cf = oldCf || al < 6;
        al = al - 6 & 0xff;
        af = true;
      } else af = false;
      if (oldAl > 0x99 || oldCf) {
        al = al - 0x60 & 0xff;
        cf = true;
      }
      return { al, ah, cf, af };
    },
  },
  AAA: {
    opcode: 0x37,
    run: ({ al, ah, af }) => {
      const adjusts = (al & 0x0f) > 9 || af;
      const ax = (ah << 8 | al) + (adjusts ? 0x106 : 0);
      return { al: ax & 0x0f, ah: ax >> 8 & 0xff, cf: adjusts, af: adjusts };
    },
  },
  AAS: {
    opcode: 0x3f,
    run: ({ al, ah, af }) => {
      const adjusts = (al & 0x0f) > 9 || af;
      const ax = (ah << 8 | al) - (adjusts ? 6 : 0);
      return {
        al: ax & 0x0f,
        ah: (ax >> 8) - (adjusts ? 1 : 0) & 0xff,
        cf: adjusts,
        af: adjusts,
      };
    },
  },
};

for (const [name, { opcode, run }] of Object.entries(MANUAL)) {
  Deno.test(`${name} agrees with the manual for every AL, CF and AF`, () => {
    const cpu = new BareCpu(32);
    for (let al = 0; al < 256; al++) {
      for (const ah of [0, 1, 0x7f, 0xff]) {
        for (const cf of [false, true]) {
          for (const af of [false, true]) {
            cpu.set(0, BigInt(0x5555_0000 | ah << 8 | al));
            cpu.flags = (cf ? CF : 0) | (af ? AF : 0);
            cpu.run([opcode]);
            const ax = Number(cpu.get(0) & 0xffffn);
            const after = {
              al: ax & 0xff,
              ah: ax >> 8,
              cf: (cpu.flags & CF) !== 0,
              af: (cpu.flags & AF) !== 0,
            };
            deepStrictEqual(after, run({ al, ah, cf, af }), `AL ${al} AH ${ah} CF ${cf} AF ${af}`);
            strictEqual(cpu.get(0) >> 16n, 0x5555n);
          }
        }
      }
    }
  });
}

Deno.test("AAM and AAD convert with any base; AAM with 0 is #DE", () => {
  const cpu = new BareCpu(32);
  for (let al = 0; al < 256; al++) {
    for (const base of [1, 7, 10, 16, 255]) {
      cpu.set(0, BigInt(0xff00 | al));
      cpu.run([0xd4, base]);
      strictEqual(Number(cpu.get(0)), Math.floor(al / base) << 8 | al % base);
      cpu.set(0, BigInt(0x1200 | al));
      cpu.run([0xd5, base]);
      strictEqual(Number(cpu.get(0)), (al + 0x12 * base) & 0xff);
    }
  }
  strictEqual(cpu.run([0xd4, 0]), 0);
});
