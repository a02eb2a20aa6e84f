/**
 * Opcode groups: ModRM.reg is the rest of the opcode.
 *
 * @see Intel SDM Vol. 2, "Opcode Extensions for One-Byte and Two-byte Opcodes"
 */

import type { ByMod, ByPrefix, ByReg, Node } from "./table.ts";
import { columns, group } from "./table.ts";

const ARITHMETIC = ["add", "or", "adc", "sbb", "and", "sub", "xor"];
/** /6 is an old second SHL. */
const SHIFTS = ["rol", "ror", "rcl", "rcr", "shl", "shr", "shl", "sar"];

/** Group 1: CMP alone writes nothing, so it cannot be locked. */
export function arithmeticGroup(operands: string): ByReg {
  return [...group(`${operands} lock`, ...ARITHMETIC), `cmp ${operands}`];
}

/** Group 2. */
export function shiftGroup(operands: string): ByReg {
  return group(operands, ...SHIFTS);
}

/** Group 3; /1 is an old second TEST. */
export function unaryGroup(operand: string, immediate: string): ByReg {
  return [
    `test ${operand},${immediate}`,
    `test ${operand},${immediate}`,
    `not ${operand} lock`,
    `neg ${operand} lock`,
    `mul ${operand}`,
    `imul1 ${operand}`,
    `div ${operand}`,
    `idiv ${operand}`,
  ];
}

/** Group 4. */
export const GROUP_4: ByReg = ["inc Eb lock", "dec Eb lock"];

/** Group 5. */
export const GROUP_5: ByReg = [
  "inc Ev lock",
  "dec Ev lock",
  "call Ev f64",
  "call_far Mp",
  "jmp Ev f64",
  "jmp_far Mp",
  "push Ev d64",
];

/** Group 6: descriptor tables' selectors. */
export const GROUP_6: ByReg = [
  "sldt Ee",
  "str Ee",
  "lldt Ew",
  "ltr Ew",
  "verr Ew",
  "verw Ew",
  { xf2: "ud ;LKGS" },
];

/** An instruction in ModRM.rm that CPUID does not offer. */
const absent = (reason: string): ByPrefix => ({ none: `ud ;${reason}` });

/** Group 7: descriptor tables, machine status word, and a crowd in the register forms. */
export const GROUP_7: ByMod = {
  memory: [
    "sgdt Ms",
    "sidt Ms",
    "lgdt Ms",
    "lidt Ms",
    "smsw Ee",
    { xf3: "ud ;CET: rstorssp" },
    "lmsw Ew",
    "invlpg M0",
  ],
  register: [
    {
      rm: [
        absent("SGX: enclv"),
        { none: "vmcall" },
        absent("VMX: vmlaunch"),
        absent("VMX: vmresume"),
        absent("VMX: vmxoff"),
        absent("PCONFIG"),
        { none: "ud ;WRMSRNS", xf3: "ud ;MSRLIST: wrmsrlist", xf2: "ud ;MSRLIST: rdmsrlist" },
        absent("PCONFIG: pbndkb"),
      ],
    },
    {
      rm: [
        absent("MONITOR"),
        absent("MWAIT"),
        { none: "clac", xf3: "ud ;FRED: eretu", xf2: "ud ;FRED: erets" },
        { none: "stac" },
        { x66: "ud ;TDX: tdcall" },
        { x66: "ud ;TDX: seamret" },
        { x66: "ud ;TDX: seamops" },
        { none: "ud ;SGX: encls", x66: "ud ;TDX: seamcall" },
      ],
    },
    {
      rm: [
        absent("XSAVE: xgetbv"),
        absent("XSAVE: xsetbv"),
        undefined,
        undefined,
        absent("VMX: vmfunc"),
        absent("RTM: xend"),
        absent("RTM: xtest"),
        absent("SGX: enclu"),
      ],
    },
    "ud ;SVM",
    "smsw Ee",
    {
      rm: [
        { none: "ud ;SERIALIZE", xf3: "ud ;CET: setssbsy", xf2: "ud ;TSXLDTRK: xsusldtrk" },
        { xf2: "ud ;TSXLDTRK: xresldtrk" },
        { xf3: "ud ;CET: saveprevssp" },
        undefined,
        { xf3: "ud ;UINTR: uiret" },
        { xf3: "ud ;UINTR: testui" },
        { none: "ud ;PKU: rdpkru", xf3: "ud ;UINTR: clui" },
        { none: "ud ;PKU: wrpkru", xf3: "ud ;UINTR: stui" },
      ],
    },
    "lmsw Ew",
    {
      rm: [
        "swapgs o64",
        "rdtscp",
        "ud ;MONITORX",
        "ud ;MWAITX",
        "ud ;CLZERO",
        "ud ;RDPRU",
        "ud ;INVLPGB",
        "ud ;TLBSYNC",
      ],
    },
  ],
};

/** Group 8: bit tests with an immediate. */
export const GROUP_8: ByReg = [
  undefined,
  undefined,
  undefined,
  undefined,
  "bt Ev,Ib",
  "bts Ev,Ib lock",
  "btr Ev,Ib lock",
  "btc Ev,Ib lock",
];

const RDRAND: ByPrefix = {
  none: "rdrand Rv",
  x66: "rdrand Rv",
  xf3: "ud o64 ;UINTR: senduipi",
};
const RDSEED: ByPrefix = { none: "rdseed Rv", x66: "rdseed Rv", xf3: "rdpid Rn" };

/** Group 9. */
export const GROUP_9: ByMod = {
  memory: [
    undefined,
    "cmpxchg8b Mo lock",
    undefined,
    { none: "ud ;XSAVES: xrstors" },
    { none: "ud ;XSAVEC" },
    { none: "ud ;XSAVES" },
    { none: "ud ;VMX: vmptrld", x66: "ud ;VMX: vmclear", xf3: "ud ;VMX: vmxon" },
    { none: "ud ;VMX: vmptrst" },
  ],
  register: [undefined, undefined, undefined, undefined, undefined, undefined, RDRAND, RDSEED],
};

/** Group 11: MOV, and RTM's two in a corner. */
export function moveGroup(operands: string, transaction: string): ByReg {
  const corner: ByMod = {
    register: { rm: [`ud ${transaction} ;RTM`] },
  };
  return [
    `mov ${operands}`,
    undefined,
    undefined,
    undefined,
    undefined,
    undefined,
    undefined,
    corner,
  ];
}

/** Groups 12 to 14: shifts of MMX and SSE2 registers by an immediate. */
export function vectorShiftGroup(...regs: readonly (readonly [number, string])[]): ByReg {
  const slots: (Node | undefined)[] = new Array(8).fill(undefined);
  for (const [reg, validity] of regs) slots[reg] = columns(validity, "sse imm8 ;MMX/SSE2");
  return slots;
}

const base = (mnemonic: string): ByPrefix => ({ xf3: `${mnemonic} Ry o64` });

/** Group 15: fences, FS and GS bases; state components that are not there. */
export const GROUP_15: ByMod = {
  memory: [
    { none: "sse ;FXSR: fxsave" },
    { none: "sse ;FXSR: fxrstor" },
    { none: "sse ;SSE: ldmxcsr" },
    { none: "sse ;SSE: stmxcsr" },
    { none: "ud ;XSAVE", xf3: "ud ;PTWRITE" },
    { none: "ud ;XSAVE: xrstor" },
    { none: "ud ;XSAVEOPT", x66: "ud ;CLWB", xf3: "ud ;CET: clrssbsy" },
    { none: "clflush Mb", x66: "ud ;CLFLUSHOPT" },
  ],
  register: [
    base("rdfsbase"),
    base("rdgsbase"),
    base("wrfsbase"),
    base("wrgsbase"),
    { xf3: "ud ;PTWRITE" },
    { none: "fence", xf3: "ud ;CET: incssp" },
    { none: "fence", x66: "ud ;WAITPKG: tpause", xf3: "ud ;UMONITOR", xf2: "ud ;UMWAIT" },
    { none: "fence", x66: "ud ;PCOMMIT" },
  ],
};

/** Group 17 (VEX): lowest set bit. */
export const GROUP_17: ByPrefix = {
  none: [undefined, "blsr By,Ey", "blsmsk By,Ey", "blsi By,Ey"],
};
