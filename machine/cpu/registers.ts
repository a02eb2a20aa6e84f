/**
 * The CPU's registers by name, for people: `cpu.rax`, `cpu.eflags.zf`, `cpu.cs.base`, `cpu.cr3`.
 *
 * General-purpose, control and debug registers are `bigint`; flags are booleans (IOPL a number);
 * the fields of segment registers are numbers, their base a `bigint`. Everything can be assigned:
 * a value is checked, then put into the register as it is, with no fault and no time spent.
 */
import { CR0 } from "../arch/control_registers.ts";
import { IOPL_SHIFT, RFLAGS } from "../arch/rflags.ts";
import { SEGMENT, STATE } from "../memory/layout.ts";
import type { Cpu } from "./cpu.ts";
import { modeName } from "./helpers/mode.ts";
import type { CpuState } from "./state.ts";
import { strictNames } from "./strict_names.ts";

/** Names of the 64-bit general-purpose registers in the order of their encodings. */
export const GPR_NAMES = [
  "rax",
  "rcx",
  "rdx",
  "rbx",
  "rsp",
  "rbp",
  "rsi",
  "rdi",
  "r8",
  "r9",
  "r10",
  "r11",
  "r12",
  "r13",
  "r14",
  "r15",
] as const;

const SEGMENT_NAMES = ["es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr"] as const;

const FLAG_BITS = {
  cf: RFLAGS.CF,
  pf: RFLAGS.PF,
  af: RFLAGS.AF,
  zf: RFLAGS.ZF,
  sf: RFLAGS.SF,
  tf: RFLAGS.TF,
  if: RFLAGS.IF,
  df: RFLAGS.DF,
  of: RFLAGS.OF,
  nt: RFLAGS.NT,
  rf: RFLAGS.RF,
  vm: RFLAGS.VM,
  ac: RFLAGS.AC,
  vif: RFLAGS.VIF,
  vip: RFLAGS.VIP,
  id: RFLAGS.ID,
} as const;

/** RFLAGS bit by bit. */
export type Flags = { -readonly [K in keyof typeof FLAG_BITS]: boolean } & { iopl: number };

/** A segment register with its hidden part. */
export interface SegmentRegister {
  selector: number;
  base: bigint;
  /** In bytes. */
  limit: number;
  /** Access byte in bits 7:0; AVL, L, D/B, G in bits 15:12. */
  attributes: number;
}

/** GDTR or IDTR. */
export interface TableRegister {
  base: bigint;
  limit: number;
}

/** Everything at once, as plain data. */
export type RegistersSnapshot =
  & { readonly [K in (typeof GPR_NAMES)[number]]: bigint }
  & { readonly [K in (typeof SEGMENT_NAMES)[number]]: Readonly<SegmentRegister> }
  & { readonly [K in "cr0" | "cr2" | "cr3" | "cr4" | "cr8" | "efer"]: bigint }
  & {
    readonly mode: string;
    readonly cpl: number;
    readonly rip: bigint;
    readonly rflags: bigint;
    readonly flags: Readonly<Flags>;
    readonly gdtr: Readonly<TableRegister>;
    readonly idtr: Readonly<TableRegister>;
    /** DR0 to DR7. */
    readonly dr: readonly bigint[];
    readonly halted: boolean;
  };

/** 64-bit registers outside of the general-purpose ones, with their place in the state block. */
const WIDE = {
  cr0: STATE.cr0,
  cr2: STATE.cr2,
  cr3: STATE.cr3,
  cr4: STATE.cr4,
  cr8: STATE.cr8,
  efer: STATE.efer,
  dr0: STATE.dr,
  dr1: STATE.dr + 8,
  dr2: STATE.dr + 16,
  dr3: STATE.dr + 24,
  dr6: STATE.dr + 48,
  dr7: STATE.dr + 56,
  star: STATE.star,
  lstar: STATE.lstar,
  cstar: STATE.cstar,
  fmask: STATE.fmask,
  kernelGsBase: STATE.kernelGsBase,
} as const;

/** The accessors that {@linkcode defineRegisters} adds. */
export type NamedRegisters =
  & { -readonly [K in (typeof GPR_NAMES)[number]]: bigint }
  & { -readonly [K in keyof typeof WIDE]: bigint }
  & { -readonly [K in (typeof SEGMENT_NAMES)[number]]: SegmentRegister }
  & { rip: bigint; rflags: bigint; eflags: Flags; gdtr: TableRegister; idtr: TableRegister }
  & Record<`e${"ax" | "cx" | "dx" | "bx" | "sp" | "bp" | "si" | "di"}`, number>
  & Record<"ax" | "cx" | "dx" | "bx" | "sp" | "bp" | "si" | "di", number>
  & Record<"al" | "cl" | "dl" | "bl" | "ah" | "ch" | "dh" | "bh", number>;

/**
 * Checks a value for a register of `bits` bits.
 *
 * @throws {TypeError} If it is neither a number nor a bigint.
 * @throws {RangeError} If it is fractional, negative or too large.
 */
export function registerValue(name: string, value: unknown, bits: number): bigint {
  if (typeof value !== "number" && typeof value !== "bigint") {
    throw new TypeError(`Cannot set ${name} to ${String(value)}: not a number`);
  }
  if (typeof value === "number" && !Number.isInteger(value)) {
    throw new RangeError(`Cannot set ${name} to ${value}: not a whole number`);
  }
  const wide = BigInt(value);
  if (wide < 0n) throw new RangeError(`Cannot set ${name} to ${value}: negative`);
  if (wide >> BigInt(bits) !== 0n) {
    throw new RangeError(`Cannot set ${name} to 0x${wide.toString(16)}: more than ${bits} bits`);
  }
  return wide;
}

/** Reads a 64-bit value of the state block. */
export function readWide(state: CpuState, offset: number): bigint {
  return BigInt(state.word(offset + 4) >>> 0) << 32n | BigInt(state.word(offset) >>> 0);
}

/** Writes a 64-bit value of the state block. */
export function writeWide(state: CpuState, offset: number, value: bigint): void {
  state.setPair(offset, Number(value & 0xffff_ffffn) | 0, Number(value >> 32n) | 0);
}

/** Adds an accessor per register to `target`. */
export function defineRegisters(target: object, cpu: Cpu): void {
  const { state } = cpu;
  const define = (name: string, get: () => unknown, set: (value: never) => void) => {
    Object.defineProperty(target, name, { get, set, enumerable: true });
  };
  GPR_NAMES.forEach((name, index) => {
    const offset = STATE.gpr + index * 8;
    define(
      name,
      () => readWide(state, offset),
      (value) => writeWide(state, offset, registerValue(name, value, 64)),
    );
  });
  GPR_NAMES.slice(0, 8).forEach((name, index) => {
    const at = STATE.gpr + index * 8;
    const short = name.slice(1);
    define(`e${short}`, () => state.word(at) >>> 0, (value) => {
      state.setPair(at, Number(registerValue(`e${short}`, value, 32)) | 0, 0);
    });
    define(short, () => state.u16[at >> 1], (value) => {
      state.u16[at >> 1] = Number(registerValue(short, value, 16));
    });
  });
  ["a", "c", "d", "b"].forEach((letter, index) => {
    ["l", "h"].forEach((half, offset) => {
      const at = STATE.gpr + index * 8 + offset;
      const name = letter + half;
      define(name, () => state.u8[at], (value) => {
        state.u8[at] = Number(registerValue(name, value, 8));
      });
    });
  });
  for (const [name, offset] of Object.entries(WIDE)) {
    define(name, () => readWide(state, offset), (value) => setWide(cpu, name, offset, value));
  }
  define("rip", () => readWide(state, STATE.rip), (value) => {
    const rip = registerValue("rip", value, 64);
    if (state.code64 && BigInt.asUintN(64, BigInt.asIntN(48, rip)) !== rip) {
      throw new RangeError(`Cannot set rip to 0x${rip.toString(16)}: not canonical`);
    }
    writeWide(state, STATE.rip, rip);
    cpu.registersChanged();
  });
  define("rflags", () => BigInt(state.flags >>> 0), (value) => {
    setFlags(cpu, Number(registerValue("rflags", value, 32)) | 0);
  });
  const flags = inspectable(flagsOf(cpu), "flag");
  define("eflags", () => flags, (value) => {
    setFlags(cpu, Number(registerValue("eflags", value, 32)) | 0);
  });
  SEGMENT_NAMES.forEach((name, index) => {
    const register = inspectable(segmentOf(cpu, name, index), `field of ${name}`);
    define(name, () => register, () => {
      throw new TypeError(
        `Cannot set ${name} as a whole: set ${name}.selector, .base, .limit or .attributes`,
      );
    });
  });
  const tables = { gdtr: STATE.gdtrBase, idtr: STATE.idtrBase };
  for (const [name, offset] of Object.entries(tables)) {
    const register = inspectable(tableOf(state, name, offset), `field of ${name}`);
    define(name, () => register, () => {
      throw new TypeError(`Cannot set ${name} as a whole: set ${name}.base or ${name}.limit`);
    });
  }
}

/** All registers as plain data. */
export function snapshotRegisters(cpu: Cpu): RegistersSnapshot {
  const { state } = cpu;
  const wide = (offset: number) => readWide(state, offset);
  const snapshot = {
    ...Object.fromEntries(GPR_NAMES.map((name, i) => [name, wide(STATE.gpr + i * 8)])),
    ...Object.fromEntries(
      SEGMENT_NAMES.map((name, i) => [name, { ...segmentOf(cpu, name, i) }]),
    ),
    mode: modeName(state),
    cpl: state.cpl,
    rip: wide(STATE.rip),
    rflags: BigInt(state.flags >>> 0),
    flags: { ...flagsOf(cpu) },
    gdtr: { ...tableOf(state, "gdtr", STATE.gdtrBase) },
    idtr: { ...tableOf(state, "idtr", STATE.idtrBase) },
    cr0: wide(STATE.cr0),
    cr2: wide(STATE.cr2),
    cr3: wide(STATE.cr3),
    cr4: wide(STATE.cr4),
    cr8: wide(STATE.cr8),
    efer: wide(STATE.efer),
    dr: Array.from({ length: 8 }, (_, i) => wide(STATE.dr + i * 8)),
    halted: state.word(STATE.halted) !== 0,
  };
  return snapshot as unknown as RegistersSnapshot;
}

/** Shows values instead of accessors on consoles, and knows no names but its own. */
function inspectable<T extends object>(register: T, what: string): T {
  Object.setPrototypeOf(register, strictNames(what));
  Object.defineProperty(register, Symbol.for("Deno.customInspect"), {
    value: (inspect: (value: unknown, options: unknown) => string, options: unknown) =>
      inspect({ ...register }, options),
  });
  return Object.seal(register);
}

function setWide(cpu: Cpu, name: string, offset: number, value: unknown): void {
  const { state, mmu } = cpu;
  const checked = registerValue(name, value, name === "cr0" || name === "cr4" ? 32 : 64);
  writeWide(state, offset, checked);
  if (name === "cr0" || name === "cr3" || name === "cr4" || name === "efer") {
    if (name === "cr0") state.setWord(STATE.cr0, state.word(STATE.cr0) | CR0.ET);
    mmu.flushAll(true);
    mmu.modeChanged();
  }
  cpu.registersChanged();
}

function setFlags(cpu: Cpu, value: number): void {
  cpu.state.flags = value;
  cpu.mmu.privilegeViewChanged();
  cpu.registersChanged();
}

function flagsOf(cpu: Cpu): Flags {
  const { state } = cpu;
  const flags = {} as Flags;
  for (const [name, bit] of Object.entries(FLAG_BITS)) {
    Object.defineProperty(flags, name, {
      enumerable: true,
      get: () => (state.flags & bit) !== 0,
      set: (value: unknown) => {
        setFlags(cpu, (state.flags & ~bit) | (value ? bit : 0));
      },
    });
  }
  Object.defineProperty(flags, "iopl", {
    enumerable: true,
    get: () => (state.flags & RFLAGS.IOPL) >> IOPL_SHIFT,
    set: (value: unknown) => {
      const level = Number(registerValue("iopl", value, 2));
      setFlags(cpu, (state.flags & ~RFLAGS.IOPL) | level << IOPL_SHIFT);
    },
  });
  return flags;
}

function segmentOf(cpu: Cpu, name: string, index: number): SegmentRegister {
  const { state } = cpu;
  const at = state.segmentOffset(index);
  const field = (key: "selector" | "attributes" | "limit", bits: number) => ({
    enumerable: true,
    get: () => state.word(at + SEGMENT[key]) >>> 0,
    set: (value: unknown) => {
      const checked = registerValue(`${name}.${key}`, value, bits);
      state.setWord(at + SEGMENT[key], Number(checked) | 0);
      cpu.registersChanged();
    },
  });
  const register = {} as SegmentRegister;
  Object.defineProperties(register, {
    selector: field("selector", 16),
    base: {
      enumerable: true,
      get: () => readWide(state, at + SEGMENT.base),
      set: (value: unknown) => {
        writeWide(state, at + SEGMENT.base, registerValue(`${name}.base`, value, 64));
        cpu.registersChanged();
      },
    },
    limit: field("limit", 32),
    attributes: field("attributes", 16),
  });
  return register;
}

function tableOf(state: CpuState, name: string, offset: number): TableRegister {
  const register = {} as TableRegister;
  Object.defineProperties(register, {
    base: {
      enumerable: true,
      get: () => readWide(state, offset),
      set: (value: unknown) => {
        writeWide(state, offset, registerValue(`${name}.base`, value, 64));
      },
    },
    limit: {
      enumerable: true,
      get: () => state.word(offset + 8) >>> 0,
      set: (value: unknown) => {
        state.setWord(offset + 8, Number(registerValue(`${name}.limit`, value, 16)));
      },
    },
  });
  return register;
}
