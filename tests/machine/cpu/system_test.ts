/** Helpers of system instructions: control registers, MSRs, flags, ports, fast calls. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { CR0, CR4, EFER } from "../../../machine/arch/control_registers.ts";
import { encodeDescriptor } from "../../../machine/arch/descriptor.ts";
import { MSR } from "../../../machine/arch/msr.ts";
import { HELPERS } from "../../../machine/cpu/helpers/mod.ts";
import { modeName } from "../../../machine/cpu/helpers/mode.ts";
import { SEG, SHADOW, STATE } from "../../../machine/memory/layout.ts";
import {
  codeSelector,
  dataSelector,
  NEXT_RIP,
  Rig,
  selector,
  SLOT,
  TSS,
} from "../../_support/cpu_context.ts";

const GP0 = { vector: 13, error: 0 };
const UD = { vector: 6, error: undefined };
const SPARE = new Rig("real");
const CODE64 = 0xa09b;

Deno.test("privileged instructions are #GP(0) at CPL 1 to 3 and change nothing", () => {
  const calls: readonly (readonly [string, ...number[]])[] = [
    ["readControlRegister", 0],
    ["writeControlRegister", 0, 1, 0],
    ["writeControlRegister", 3, 0, 0],
    ["writeControlRegister", 8, 0, 0],
    ["readDebugRegister", 0],
    ["writeDebugRegister", 7, 0, 0],
    ["loadLdtr", 0],
    ["loadTaskRegister", selector(SLOT.TSS)],
    ["loadMachineStatus", 1],
    ["clearTaskSwitched"],
    ["invalidatePage", 0, 0],
    ["readMsr", 0x10],
    ["writeMsr", 0x10, 0, 0],
    ["halt"],
    ["requireRing0"],
    ["swapGs"],
    ["systemReturn", 8],
  ];
  for (let cpl = 1; cpl < 4; cpl++) {
    for (const [name, ...args] of calls) {
      const rig = new Rig("long", cpl, SPARE);
      const before = rig.snapshot();
      deepStrictEqual(rig.call(name, ...args), GP0, `${name} at CPL ${cpl}`);
      deepStrictEqual(rig.snapshot(), before);
    }
  }
});

Deno.test("MOV CR0 refuses what the manual refuses, and enters and leaves every mode", () => {
  const write = (rig: Rig, value: number) => rig.call("writeControlRegister", 0, value | 0, 0);
  for (const value of [CR0.PG, CR0.NW, CR0.PE | CR0.PG | CR0.NW]) {
    deepStrictEqual(write(new Rig("real", 0, SPARE), value), GP0);
  }
  deepStrictEqual(new Rig("real").call("writeControlRegister", 0, 1, 1), GP0);

  const rig = new Rig("real", 0, SPARE);
  const modes: string[] = [];
  rig.events.on("mode", ({ from, to }) => modes.push(`${from} > ${to}`));
  strictEqual(write(rig, CR0.PE), undefined);
  strictEqual(rig.state.word(STATE.cr0), CR0.PE | CR0.ET, "ET is always set");
  rig.call("writeMsr", MSR.EFER, EFER.LME, 0);
  deepStrictEqual(write(rig, CR0.PE | CR0.PG), GP0, "no PAE");
  strictEqual(rig.call("writeControlRegister", 4, CR4.PAE, 0), undefined);
  rig.state.setSegment(SEG.CS, 8, CODE64, 0, 0, -1);
  deepStrictEqual(write(rig, CR0.PE | CR0.PG), GP0, "CS.L");
  rig.state.setSegment(SEG.CS, 8, 0xc09b, 0, 0, -1);
  rig.state.setSegment(SEG.TR, 0x60, 0x83, TSS, 0, 0x67);
  deepStrictEqual(write(rig, CR0.PE | CR0.PG), GP0, "16-bit TSS");
  rig.state.setSegment(SEG.TR, 0x60, 0x8b, TSS, 0, 0x67);
  strictEqual(write(rig, CR0.PE | CR0.PG), undefined);
  strictEqual(rig.state.word(STATE.efer), EFER.LME | EFER.LMA);
  strictEqual(modeName(rig.state), "compatibility");
  deepStrictEqual(rig.call("writeControlRegister", 4, 0, 0), GP0, "PAE stays in long mode");
  deepStrictEqual(rig.call("writeMsr", MSR.EFER, 0, 0), GP0, "LME stays while paging");
  rig.state.setSegment(SEG.CS, 8, CODE64, 0, 0, -1);
  deepStrictEqual(write(rig, CR0.PE), GP0, "64-bit code cannot turn paging off");
  rig.state.setSegment(SEG.CS, 8, 0xc09b, 0, 0, -1);
  strictEqual(write(rig, CR0.PE), undefined);
  strictEqual(rig.state.word(STATE.efer), EFER.LME);
  strictEqual(write(rig, 0), undefined);
  deepStrictEqual(modes, [
    "real > protected",
    "protected > compatibility",
    "compatibility > protected",
    "protected > real",
  ]);
});

Deno.test("PAE paging loads the PDPTEs: reserved bits are #GP(0) and nothing changes", () => {
  const rig = new Rig("protected", 0, SPARE);
  rig.set64(0x9000, 0x1_3001n);
  rig.set64(0x9008, 0x1_3003n);
  strictEqual(rig.call("writeControlRegister", 4, CR4.PAE, 0), undefined);
  strictEqual(rig.call("writeControlRegister", 3, 0x9000, 0), undefined, "paging is off");
  const before = rig.snapshot();
  deepStrictEqual(rig.call("writeControlRegister", 0, CR0.PE | CR0.PG, 0), GP0);
  deepStrictEqual(rig.snapshot(), before);
  rig.set64(0x9008, 0n);
  strictEqual(rig.call("writeControlRegister", 0, CR0.PE | CR0.PG, 0), undefined);
  strictEqual(rig.state.word(STATE.pdpte), 0x1_3001);
  rig.set64(0x9020, 0x2n | 1n);
  deepStrictEqual(rig.call("writeControlRegister", 3, 0x9020, 0), GP0);
  strictEqual(rig.state.word(STATE.cr3), 0x9000);
});

Deno.test("CR4 takes just the bits that CPUID offers; CR3 40 bits; CR8 four", () => {
  const offered = [2, 3, 4, 5, 6, 7, 8, 11, 16, 20, 21];
  for (let bit = 0; bit < 32; bit++) {
    const rig = new Rig("protected", 0, SPARE);
    const fault = rig.call("writeControlRegister", 4, 1 << bit, 0);
    deepStrictEqual(fault, offered.includes(bit) ? undefined : GP0, `bit ${bit}`);
  }
  const rig = new Rig("long", 0, SPARE);
  deepStrictEqual(rig.call("writeControlRegister", 4, CR4.PAE, 1), GP0);
  deepStrictEqual(rig.call("writeControlRegister", 3, 0, 0x100), GP0);
  strictEqual(rig.call("writeControlRegister", 3, 0x1000, 0xff), undefined);
  deepStrictEqual(rig.call("writeControlRegister", 8, 16, 0), GP0);
  strictEqual(rig.call("writeControlRegister", 8, 15, 0), undefined);
  for (const register of [1, 5, 6, 7, 9, 15]) {
    deepStrictEqual(rig.call("readControlRegister", register), UD);
    deepStrictEqual(rig.call("writeControlRegister", register, 0, 0), UD);
  }
});

Deno.test("debug registers: DR4 and DR5 alias, GD guards, fixed bits stay", () => {
  const rig = new Rig("long", 0, SPARE);
  rig.call("writeDebugRegister", 5, 0, 0);
  strictEqual(rig.state.word(STATE.dr + 56), 0x400);
  rig.call("writeDebugRegister", 4, 0xf, 0);
  strictEqual(rig.state.word(STATE.dr + 48), 0xffff_0fff | 0);
  rig.call("writeDebugRegister", 7, -1, 0);
  strictEqual(rig.state.word(STATE.dr + 56), 0xffff_27ff | 0);
  deepStrictEqual(rig.call("readDebugRegister", 0), { vector: 1, error: undefined });
  strictEqual(rig.state.word(STATE.dr + 48) & 0x2000, 0x2000, "BD");
  const other = new Rig("long", 0, SPARE);
  other.state.setWord(STATE.cr4, CR4.PAE | CR4.DE);
  deepStrictEqual(other.call("writeDebugRegister", 4, 0, 0), UD);
  deepStrictEqual(other.call("writeDebugRegister", 6, 0, 1), GP0);
  strictEqual(other.call("writeDebugRegister", 3, 1, 2), undefined);
  strictEqual(other.state.word(STATE.dr + 28), 2);
});

Deno.test("MSRs: known ones read back, addresses are canonical, unknown ones are #GP(0)", () => {
  const rig = new Rig("long", 0, SPARE);
  const addresses = [0x175, 0x176, 0xc000_0082, 0xc000_0083, 0xc000_0100, 0xc000_0101, 0xc000_0102];
  for (const number of [0x174, 0xc000_0081, ...addresses]) {
    strictEqual(rig.call("writeMsr", number, 0x1234, 0x7fff), undefined, number.toString(16));
    strictEqual(HELPERS.readMsr(rig, number), 0x1234);
    strictEqual(rig.state.word(STATE.high), 0x7fff);
    const isAddress = addresses.includes(number);
    deepStrictEqual(rig.call("writeMsr", number, 0, 0x8000), isAddress ? GP0 : undefined);
  }
  for (const number of [0, 0x11, 0x3b, 0xfe, 0x200, 0x480, 0xc000_0104, 0xffff_ffff]) {
    deepStrictEqual(rig.call("readMsr", number), GP0);
    strictEqual(rig.faultReason, `there is no MSR 0x${number.toString(16)}`);
    deepStrictEqual(rig.call("writeMsr", number, 0, 0), GP0);
  }
  for (const bit of [1, 2, 7, 9, 12, 14]) {
    deepStrictEqual(rig.call("writeMsr", MSR.EFER, EFER.LME | 1 << bit, 0), GP0, `EFER ${bit}`);
  }
  strictEqual(rig.call("writeMsr", MSR.EFER, EFER.LME | EFER.NXE, 0), undefined);
  strictEqual(rig.state.word(STATE.efer), EFER.LME | EFER.NXE | EFER.LMA, "LMA is read-only");
  deepStrictEqual(rig.call("writeMsr", MSR.PAT, 0x0002_0000, 0), GP0);
  strictEqual(rig.call("writeMsr", MSR.PAT, 0x0106_0504, 0x0704_0106), undefined);
  deepStrictEqual(rig.call("writeMsr", MSR.FMASK, 0, 1), GP0);
  deepStrictEqual(rig.call("readCounter"), GP0);
});

Deno.test("the time stamp counter counts virtual ns from what was written; TSD keeps it to ring 0", () => {
  const rig = new Rig("long", 0, SPARE);
  rig.clock.advanceTo(12_345_678_901);
  const now = rig.clock.nowNs;
  const read = () => {
    const low = HELPERS.timeStamp(rig) as number;
    return BigInt(rig.state.word(STATE.high) >>> 0) << 32n | BigInt(low >>> 0);
  };
  strictEqual(read(), BigInt(now));
  for (const value of [0n, 1n, 0xffff_ffffn, 0x1234_5678_9abc_def0n, (1n << 64n) - 1n]) {
    const low = Number(BigInt.asIntN(32, value));
    const high = Number(BigInt.asIntN(32, value >> 32n));
    strictEqual(rig.call("writeMsr", MSR.TIME_STAMP_COUNTER, low, high), undefined);
    strictEqual(read(), value);
  }
  const user = new Rig("long", 3, SPARE);
  strictEqual(user.call("timeStamp"), undefined);
  user.state.setWord(STATE.cr4, CR4.TSD);
  deepStrictEqual(user.call("timeStamp"), GP0);
});

Deno.test("random numbers repeat with the seed and do not repeat within it", () => {
  const take = () => {
    const rig = new Rig("long", 0, SPARE);
    rig.state.setPair(STATE.randomState, 1, 2);
    return Array.from({ length: 100 }, () => {
      const low = HELPERS.random(rig) as number;
      return BigInt(rig.state.word(STATE.high) >>> 0) << 32n | BigInt(low >>> 0);
    });
  };
  const numbers = take();
  deepStrictEqual(take(), numbers);
  strictEqual(new Set(numbers).size, 100);
  // One step of xorshift64 by its definition.
  let x = 2n << 32n | 1n;
  x ^= BigInt.asUintN(64, x << 13n);
  x ^= x >> 7n;
  x ^= BigInt.asUintN(64, x << 17n);
  strictEqual(numbers[0], x);
});

/** SDM Vol. 2, POPF: the table of which bits change. */
Deno.test("POPF changes just what privilege and size allow", () => {
  const all = 0x3f_7fd7 & ~(1 << 17);
  for (const mode of ["real", "protected", "long", "v86"] as const) {
    for (const cpl of mode === "real" ? [0] : mode === "v86" ? [3] : [0, 1, 2, 3]) {
      for (let iopl = mode === "v86" ? 3 : 0; iopl < 4; iopl++) {
        for (const size of [2, 4, 8]) {
          for (const old of [2, 0x38_4202]) {
            for (const value of [0, all]) {
              const rig = new Rig(mode, cpl, SPARE);
              const vm = mode === "v86" ? 1 << 17 : 0;
              rig.state.flags = old | iopl << 12 | vm;
              const before = rig.state.flags;
              let mask = 0x4dd5;
              if (size > 2) mask |= 0x25_0000;
              if (cpl <= iopl || mode === "real") mask |= 0x200;
              if (cpl === 0) mask |= 0x3000;
              const wanted = (before & ~mask) | (value & mask & ~0x1_0000);
              strictEqual(rig.call("popFlags", value, size), undefined);
              strictEqual(
                rig.state.flags,
                wanted,
                `${mode} ${cpl} ${iopl} ${size} ${old} ${value}`,
              );
            }
          }
        }
      }
    }
  }
});

Deno.test("CLI and STI obey IOPL; STI shadows only when IF was clear; PUSHF hides RF and VM", () => {
  for (const mode of ["protected", "v86"] as const) {
    for (const cpl of mode === "v86" ? [3] : [0, 1, 2, 3]) {
      for (let iopl = 0; iopl < 4; iopl++) {
        const rig = new Rig(mode, cpl, SPARE);
        rig.state.flags |= iopl << 12;
        const wanted = cpl <= iopl ? undefined : GP0;
        deepStrictEqual(rig.call("setInterruptFlag"), wanted);
        strictEqual(rig.state.word(STATE.shadow), cpl <= iopl ? SHADOW.STI : 0);
        rig.state.setWord(STATE.shadow, 0);
        rig.call("setInterruptFlag");
        strictEqual(rig.state.word(STATE.shadow), 0);
        deepStrictEqual(rig.call("clearInterruptFlag"), wanted);
        strictEqual(rig.state.flags & 0x200, 0);
        const pushes = mode === "v86" && iopl < 3 ? GP0 : undefined;
        deepStrictEqual(rig.call("readFlags"), pushes);
        deepStrictEqual(rig.call("checkPopFlags"), pushes);
      }
    }
  }
  const rig = new Rig("v86", 3, SPARE);
  rig.state.flags |= 0x1_3000;
  strictEqual(HELPERS.readFlags(rig), 0x3002);
});

Deno.test("port permission: IOPL, then every bit of the map, its end, and a 16-bit TSS", () => {
  for (const mode of ["protected", "v86", "long"] as const) {
    for (let iopl = 0; iopl < 4; iopl++) {
      const rig = new Rig(mode, 3, SPARE);
      rig.state.flags |= iopl << 12;
      const free = mode !== "v86" && iopl === 3;
      for (let bit = 0; bit < 16; bit++) {
        rig.set16(TSS + 104 + 0x60 / 8, 1 << bit);
        for (const width of [1, 2, 4]) {
          for (let port = 0x60; port < 0x6a; port++) {
            const first = port - 0x60;
            const denied = bit >= first && bit < first + width;
            deepStrictEqual(
              rig.call("portIn", port, width),
              !free && denied ? GP0 : undefined,
              `${mode} IOPL ${iopl} bit ${bit} port ${port} width ${width}`,
            );
          }
        }
      }
    }
  }
  const rig = new Rig("protected", 3, SPARE);
  const limit = (value: number, type = 0x8b) =>
    rig.state.setSegment(SEG.TR, 0x60, type, TSS, 0, value);
  limit(104 + 3);
  strictEqual(rig.call("portIn", 0x17, 1), undefined, "bytes 2 and 3 are there");
  deepStrictEqual(rig.call("portIn", 0x18, 1), GP0, "byte 4 is not");
  limit(102);
  deepStrictEqual(rig.call("portIn", 0, 1), GP0);
  limit(0x2000, 0x83);
  deepStrictEqual(rig.call("portOut", 0, 1, 0), GP0);
  strictEqual(new Rig("real", 0, SPARE).call("portOut", 0, 1, 0), undefined);
});

Deno.test("IN and OUT pass their values through the listeners", () => {
  const rig = new Rig("long", 0, SPARE);
  rig.events.on("in", (event) => event.value = 0x1_2345);
  strictEqual(HELPERS.portIn(rig, 0x500, 2), 0x2345);
  const seen: number[] = [];
  rig.events.on("out", ({ value }) => seen.push(value));
  HELPERS.portOut(rig, 0x500, 1, 0x1ff);
  HELPERS.portOut(rig, 0x500, 4, -1);
  deepStrictEqual(seen, [0xff, 0xffff_ffff]);
});

Deno.test("LLDT and LTR: type, table, presence, busy, and sixteen bytes in long mode", () => {
  for (const mode of ["protected", "long", "compatibility"] as const) {
    for (let type = 0; type < 32; type++) {
      for (const present of [true, false]) {
        for (const name of ["loadLdtr", "loadTaskRegister"] as const) {
          const rig = new Rig(mode, 0, SPARE);
          const access = BigInt(type | (present ? 0x80 : 0)) << 40n;
          rig.setSlot(
            SLOT.FREE,
            access | 0x0000_0000_5000_0067n,
            mode === "protected" ? undefined : 0x7fffn,
          );
          const sel = selector(SLOT.FREE);
          const good = name === "loadLdtr" ? [2] : mode === "protected" ? [1, 9] : [9];
          const wanted = !good.includes(type)
            ? { vector: 13, error: sel }
            : present
            ? undefined
            : { vector: 11, error: sel };
          deepStrictEqual(rig.call(name, sel), wanted, `${mode} ${name} ${type}`);
          if (wanted !== undefined) continue;
          const segment = name === "loadLdtr" ? SEG.LDTR : SEG.TR;
          strictEqual(rig.state.selector(segment), sel);
          strictEqual(rig.state.baseLow(segment), 0x5000);
          strictEqual(rig.state.baseHigh(segment), mode === "protected" ? 0 : 0x7fff);
          const busy = name === "loadLdtr" ? type : type | 2;
          strictEqual(rig.state.attributes(segment) & 0x1f, busy);
          strictEqual(rig.bytes(0x1000 + SLOT.FREE * 8 + 5, 1)[0] & 0x1f, busy);
        }
      }
    }
  }
  const rig = new Rig("long", 0, SPARE);
  deepStrictEqual(rig.call("loadTaskRegister", 0), GP0);
  deepStrictEqual(rig.call("loadTaskRegister", 4), { vector: 13, error: 4 });
  deepStrictEqual(rig.call("loadLdtr", 0xc), { vector: 13, error: 0xc });
  strictEqual(rig.call("loadLdtr", 0), undefined);
  strictEqual(rig.state.attributes(SEG.LDTR), 0);
  const tss = encodeDescriptor({ kind: "system", type: 9, limit: 103 });
  rig.setSlot(14, tss, 0x100n << 32n);
  deepStrictEqual(rig.call("loadTaskRegister", 14 << 3), { vector: 13, error: 14 << 3 });
  rig.setSlot(14, tss, 0x8000n);
  deepStrictEqual(rig.call("loadTaskRegister", 14 << 3), { vector: 13, error: 14 << 3 });
  rig.setSlot(15, tss);
  deepStrictEqual(rig.call("loadTaskRegister", 15 << 3), { vector: 13, error: 15 << 3 });
});

Deno.test("LMSW sets PE but never clears it; UMIP keeps five instructions to ring 0", () => {
  const rig = new Rig("real", 0, SPARE);
  strictEqual(rig.call("loadMachineStatus", 0xffff), undefined);
  strictEqual(rig.state.word(STATE.cr0), 0x1f);
  strictEqual(modeName(rig.state), "protected");
  rig.call("loadMachineStatus", 0);
  strictEqual(rig.state.word(STATE.cr0), 0x11);
  for (let cpl = 0; cpl < 4; cpl++) {
    const user = new Rig("long", cpl, SPARE);
    strictEqual(user.call("checkUmip"), undefined);
    user.state.setWord(STATE.cr4, CR4.UMIP);
    deepStrictEqual(user.call("checkUmip"), cpl === 0 ? undefined : GP0);
  }
});

Deno.test("SYSCALL and SYSRET go to ring 0 and back", () => {
  const rig = new Rig("long", 3, SPARE);
  const { state } = rig;
  state.setPair(STATE.star, 0, 0x0033_0008);
  state.setPair(STATE.lstar, 0x1000, 0xffff_8000 | 0);
  state.setPair(STATE.fmask, 0x4_0300, 0);
  state.flags = 0x5_0a97;
  strictEqual(rig.call("systemCall"), undefined);
  strictEqual(rig.rip(), 0xffff_8000_0000_1000n);
  strictEqual(state.low(1), NEXT_RIP);
  strictEqual(state.low(11), 0x5_0a97);
  strictEqual(state.flags, 0x0897 | 2);
  strictEqual(state.cpl, 0);
  deepStrictEqual([state.selector(SEG.CS), state.selector(SEG.SS)], [8, 0x10]);
  strictEqual(state.attributes(SEG.CS), 0xa09b);
  strictEqual(state.attributes(SEG.SS), 0xc093);
  state.setRegister(11, -1, -1);
  strictEqual(rig.call("systemReturn", 8), undefined);
  strictEqual(rig.rip(), BigInt(NEXT_RIP));
  strictEqual(state.flags, 0x3c_7fd7 & 0x3f_7fd7);
  deepStrictEqual([state.selector(SEG.CS), state.selector(SEG.SS)], [0x43, 0x3b]);
  strictEqual(state.attributes(SEG.CS), 0xa0fb);
  strictEqual(modeName(state), "64-bit");
  strictEqual(rig.call("systemCall"), undefined);
  strictEqual(rig.call("systemReturn", 4), undefined);
  strictEqual(state.selector(SEG.CS), 0x33);
  strictEqual(modeName(state), "compatibility");
  deepStrictEqual(rig.call("systemCall"), UD, "Intel: not in compatibility mode");
  const kernel = new Rig("long", 0, SPARE);
  kernel.state.setRegister(1, 0, 0x8000);
  deepStrictEqual(kernel.call("systemReturn", 8), GP0);
  kernel.state.setWord(STATE.efer, EFER.LMA | EFER.LME);
  deepStrictEqual(kernel.call("systemCall"), UD);
  deepStrictEqual(kernel.call("systemReturn", 8), UD);
});

Deno.test("SYSENTER and SYSEXIT in protected and long mode", () => {
  for (const mode of ["protected", "long", "compatibility"] as const) {
    const rig = new Rig(mode, 3, SPARE);
    const { state } = rig;
    deepStrictEqual(rig.call("fastEnter"), GP0, "null IA32_SYSENTER_CS");
    state.setPair(STATE.sysenterCs, 0x0b, 0);
    state.setPair(STATE.sysenterEsp, 0x7000, 0xffff_8000 | 0);
    state.setPair(STATE.sysenterEip, 0x6000, 0xffff_8000 | 0);
    state.flags = 0x1_0202;
    strictEqual(rig.call("fastEnter"), undefined);
    const high = mode === "protected" ? 0n : 0xffff_8000_0000_0000n;
    strictEqual(rig.rip(), high | 0x6000n);
    strictEqual(rig.rsp(), high | 0x7000n);
    deepStrictEqual([state.selector(SEG.CS), state.selector(SEG.SS), state.cpl], [8, 16, 0]);
    strictEqual(state.flags, 2);
    strictEqual(modeName(state), mode === "protected" ? "protected" : "64-bit");
    state.setRegister(1, 0x1111, 0);
    state.setRegister(2, 0x2222, 0);
    strictEqual(rig.call("fastExit", 4), undefined);
    deepStrictEqual([state.selector(SEG.CS), state.selector(SEG.SS), state.cpl], [0x1b, 0x23, 3]);
    strictEqual(rig.rip(), 0x2222n);
    strictEqual(rig.rsp(), 0x1111n);
    deepStrictEqual(rig.call("fastExit", 4), GP0, "CPL 3");
  }
  deepStrictEqual(new Rig("real", 0, SPARE).call("fastEnter"), GP0);
});

Deno.test("SWAPGS, FSGSBASE and VMCALL", () => {
  const rig = new Rig("long", 0, SPARE);
  const { state } = rig;
  state.setPair(STATE.kernelGsBase, 1, 2);
  strictEqual(rig.call("swapGs"), undefined);
  deepStrictEqual([state.baseLow(SEG.GS), state.baseHigh(SEG.GS)], [1, 2]);
  strictEqual(state.word(STATE.kernelGsBase), 0);
  deepStrictEqual(rig.call("checkBaseAccess"), UD);
  state.setWord(STATE.cr4, CR4.PAE | CR4.FSGSBASE);
  strictEqual(rig.call("checkBaseAccess"), undefined);
  deepStrictEqual(rig.call("writeBase", SEG.FS, 0, 0x8000), GP0);
  strictEqual(rig.call("writeBase", SEG.FS, 5, 6), undefined);
  deepStrictEqual([state.baseLow(SEG.FS), state.baseHigh(SEG.FS)], [5, 6]);
  deepStrictEqual(rig.call("hypercall"), UD);
  let at = 0n;
  rig.hypercall = () => at = rig.rip();
  strictEqual(rig.call("hypercall"), undefined);
  strictEqual(at, BigInt(NEXT_RIP));
  const user = new Rig("long", 3, SPARE);
  user.hypercall = () => ok(false);
  deepStrictEqual(user.call("hypercall"), UD);
  deepStrictEqual(new Rig("compatibility", 0, SPARE).call("swapGs"), UD);
});

Deno.test("HLT tells its RIP; CPUID fills four registers and clears their upper halves", () => {
  const rig = new Rig("long", 0, SPARE);
  const rips: bigint[] = [];
  rig.events.on("hlt", ({ rip }) => rips.push(rip));
  strictEqual(rig.call("halt"), undefined);
  deepStrictEqual(rips, [0x1230n]);
  strictEqual(rig.state.word(STATE.halted), 1);
  for (let i = 0; i < 4; i++) rig.state.setRegister(i, 0, -1);
  strictEqual(rig.call("identify"), undefined);
  const text = [3, 2, 1].map((i) =>
    String.fromCharCode(...[0, 8, 16, 24].map((shift) => rig.state.low(i) >>> shift & 0xff))
  ).join("");
  strictEqual(text, "GenuineIntel");
  for (let i = 0; i < 4; i++) strictEqual(rig.state.high(i), 0);
  deepStrictEqual([codeSelector(0), dataSelector(0)], [8, 0x28]);
});

Deno.test("STAC and CLAC open and shut user pages to ring 0 under SMAP, at once", () => {
  const rig = new Rig("long", 0, SPARE);
  rig.mapPages([]);
  rig.call("writeControlRegister", 4, CR4.PAE | CR4.SMAP, 0);
  const load = () => rig.attempt(() => rig.mmu.load32(0x6000, 0, 0));
  strictEqual(load()?.vector, 14);
  rig.call("setAlignmentCheck", 1);
  strictEqual(load(), undefined);
  const open = [...rig.mmu.fastEntries()].length;
  ok(open > 0);
  rig.call("setAlignmentCheck", 0);
  strictEqual([...rig.mmu.fastEntries()].length, 0, "generated code must not find the page");
  strictEqual(load()?.vector, 14);
  deepStrictEqual(new Rig("long", 3, SPARE).call("setAlignmentCheck", 1), UD);
});
