/**
 * Steps two processors side by side and stops at the first difference.
 *
 * After each step all visible registers must agree; whenever a selector, CR0, CR4 or EFER changed,
 * the descriptor caches and table registers as well; at the end (before the write that ends both machines) the memory. Flags that the manual
 * leaves undefined are not compared: the second target is given those of the first.
 */
import { type DecodedInstruction, Instructions } from "./instruction.ts";
import {
  codeSegment,
  type HiddenState,
  type LockstepTarget,
  type RegisterName,
  REGISTERS,
  type Registers,
} from "./target.ts";

/** What is compared, and how far. */
export interface LockstepOptions {
  /** At most so many steps. */
  readonly steps: number;
  /** Physical ranges that must be equal at the end: start and length. */
  readonly memory?: readonly (readonly [number, number])[];
  /** How many instructions the report looks back. Default 10. */
  readonly history?: number;
  /** Whether to take RDX of the second target at reset (the processor's signature). Default true. */
  readonly adoptSignature?: boolean;
}

/**
 * What is compared of the memory unless the caller knows better: all of low RAM but the stacks of
 * our images (frames there differ in the RF that QEMU does not push), and 2 MiB from 1 MiB on.
 */
export const COMPARED_MEMORY: readonly (readonly [number, number])[] = [
  [0, 0x6000],
  [0x9200, 0xa_0000 - 0x9200],
  [0x10_0000, 0x20_0000],
];

/** One row of the report. */
export interface DifferenceRow {
  /** A register, a hidden part ("cs cache"), "memory 0x1000" or "ended". */
  readonly what: string;
  readonly left: string;
  readonly right: string;
}

/** The first difference. */
export interface Difference {
  /** Number of the step, from 0. */
  readonly step: number;
  readonly rows: readonly DifferenceRow[];
  /** The latest instructions, the guilty one last. */
  readonly history: readonly string[];
}

/** How a lock-step run ended. */
export interface LockstepResult {
  /** Instructions that both executed. */
  readonly steps: number;
  /** "ended": the guest stopped both machines; "halted": HLT; "budget"; or a difference. */
  readonly reason: "ended" | "halted" | "budget" | "difference";
  readonly difference: Difference | undefined;
}

/** The port that ends both machines (isa-debug-exit). */
const DEBUG_EXIT = 0xf4;

/** EFLAGS.RF. */
const RF = 1 << 16;

/** Hidden parts that are no segments of the program. */
const TABLES = ["gdt", "idt", "ldt", "tr"];

const MODE_REGISTERS: readonly RegisterName[] = [
  ...(["cs", "ss", "ds", "es", "fs", "gs", "cr0", "cr4", "efer"] as const),
];

/** Runs `left` and `right` in lock-step. Both must stand at the same state. */
export async function lockstep(
  left: LockstepTarget,
  right: LockstepTarget,
  options: LockstepOptions,
): Promise<LockstepResult> {
  const instructions = new Instructions();
  const history: string[] = [];
  const fail = (step: number, rows: readonly DifferenceRow[]): LockstepResult => ({
    steps: step,
    reason: "difference",
    difference: { step, rows, history: [...history] },
  });
  try {
    let before = await left.registers();
    let other = await right.registers();
    if (options.adoptSignature !== false && before.rdx !== other.rdx) {
      await right.set("rdx", before.rdx);
      other = await right.registers();
    }
    let hidden = await left.hidden();
    let rows = [
      ...compare(before, other, 0),
      ...compareHidden(hidden, await right.hidden(), before),
    ];
    if (rows.length > 0) return fail(0, rows);
    for (let step = 0; step < options.steps; step++) {
      const instruction = await current(left, before, hidden, instructions);
      const where = `${before.cs.toString(16).padStart(4, "0")}:${before.rip.toString(16)}`;
      history.push(`${where.padEnd(22)} ${instruction.text}`);
      if (history.length > (options.history ?? 10)) history.shift();
      const halts = instruction.halts && mayHalt(before);
      if (halts || instruction.outPort === DEBUG_EXIT) {
        rows = await compareAll(left, right, before, options);
        if (rows.length > 0) return fail(step, rows);
        if (halts) return { steps: step, reason: "halted", difference: undefined };
      }

      const [a, b] = await Promise.all([
        advance(left, before, instruction),
        advance(right, before, instruction),
      ]);
      if (a === undefined || b === undefined) {
        if (a === b) return { steps: step, reason: "ended", difference: undefined };
        const state = (x: Registers | undefined) => x === undefined ? "ended" : "runs on";
        return fail(step, [{ what: "machine", left: state(a), right: state(b) }]);
      }
      for (const name of instruction.incomparable) {
        if (a[name] !== b[name]) await right.set(name, b[name] = a[name]);
      }
      const undefinedFlags = a.rip === before.rip ? 0 : instruction.undefinedFlags;
      rows = compare(a, b, undefinedFlags);
      if (rows.length === 0 && MODE_REGISTERS.some((name) => a[name] !== before[name])) {
        hidden = await left.hidden();
        rows = compareHidden(hidden, await right.hidden(), a);
      }
      if (rows.length > 0) return fail(step, rows);
      if (((a.eflags ^ b.eflags) & comparedFlags(0)) !== 0n) await right.set("eflags", a.eflags);
      before = a;
    }
    rows = await compareAll(left, right, before, options);
    if (rows.length > 0) return fail(options.steps, rows);
    return { steps: options.steps, reason: "budget", difference: undefined };
  } finally {
    instructions.free();
  }
}

/** The bits of EFLAGS that are compared. QEMU 7.2 does not keep RF (nor pushes it for faults). */
function comparedFlags(undefinedFlags: number): bigint {
  return ~BigInt(undefinedFlags | RF);
}

/** Rows for the registers that differ. */
export function compare(a: Registers, b: Registers, undefinedFlags: number): DifferenceRow[] {
  const mask = comparedFlags(undefinedFlags);
  const rows: DifferenceRow[] = [];
  for (const what of REGISTERS) {
    if (a[what] === b[what]) continue;
    if (what === "eflags" && (a.eflags & mask) === (b.eflags & mask)) continue;
    const show = what === "eflags" ? flagsText : hexText;
    rows.push({ what, left: show(a[what]), right: show(b[what]) });
  }
  return rows;
}

/**
 * Rows for the hidden parts that differ. The attributes of segments count only in protected mode:
 * in real and virtual-8086 mode nothing looks at them, and processors keep different ones.
 */
function compareHidden(a: HiddenState, b: HiddenState, registers: Registers): DifferenceRow[] {
  const isReal = (registers.cr0 & 1n) === 0n || (registers.eflags & 0x2_0000n) !== 0n;
  const seen = (name: string, text = "?") => {
    if (isReal && !TABLES.includes(name)) return text.split(" ").slice(0, 3).join(" ");
    // CS as real mode loads it, still there after CR0.PE was set: writable data, or code.
    // A null segment is not present; what else its cache holds is anybody's choice.
    if (!TABLES.includes(name) && (parseInt(text.slice(-2), 16) & 0x80) === 0) {
      return `${text.slice(0, 4)} null`;
    }
    if (name === "cs") return text.replace(/0093$/, "009b");
    // QEMU marks the descriptor in memory busy, but not its copy.
    return name === "tr" ? text.replace(/0089$/, "008b") : text;
  };
  return Object.keys(b).filter((name) => seen(name, a[name]) !== seen(name, b[name]))
    .map((name) => ({ what: `${name} cache`, left: a[name] ?? "?", right: b[name] }));
}

async function compareAll(
  left: LockstepTarget,
  right: LockstepTarget,
  registers: Registers,
  options: LockstepOptions,
): Promise<DifferenceRow[]> {
  return [
    ...compareHidden(await left.hidden(), await right.hidden(), registers),
    ...await compareMemory(left, right, options.memory ?? []),
  ];
}

async function compareMemory(
  left: LockstepTarget,
  right: LockstepTarget,
  ranges: readonly (readonly [number, number])[],
): Promise<DifferenceRow[]> {
  const rows: DifferenceRow[] = [];
  for (const [start, length] of ranges) {
    const a = await left.readPhysical(start, length);
    const b = await right.readPhysical(start, length);
    for (let i = 0; i < length && rows.length < 16; i++) {
      if (a[i] === b[i]) continue;
      const at = i & ~7;
      const show = (bytes: Uint8Array) =>
        Array.from(bytes.subarray(at, at + 8), (byte) => byte.toString(16).padStart(2, "0"))
          .join(" ");
      rows.push({ what: `memory 0x${(start + at).toString(16)}`, left: show(a), right: show(b) });
      i = at + 7;
    }
  }
  return rows;
}

/** The instruction that is next. */
async function current(
  target: LockstepTarget,
  registers: Registers,
  hidden: HiddenState,
  instructions: Instructions,
): Promise<DecodedInstruction> {
  const { bits, base } = codeSegment(registers, hidden);
  const linear = base + registers.rip;
  const bytes = await target.read(bits === 64 ? linear : linear & 0xffff_ffffn, 15);
  return instructions.decode(bytes, bits, registers.rip);
}

/** Executes the whole instruction; `undefined` when the machine ended. */
async function advance(
  target: LockstepTarget,
  before: Registers,
  instruction: DecodedInstruction,
): Promise<Registers | undefined> {
  for (;;) {
    if (!await target.step()) return undefined;
    const after = await target.registers();
    if (!instruction.repeated || after.rip !== before.rip || after.cs !== before.cs) return after;
  }
}

/** Whether HLT is not a fault: real mode or ring 0. */
function mayHalt({ cr0, cs, eflags }: Registers): boolean {
  return (cr0 & 1n) === 0n || ((cs & 3n) === 0n && (eflags & 0x2_0000n) === 0n);
}

function hexText(value: bigint): string {
  return value.toString(16).padStart(16, "0");
}

const FLAG_NAMES: readonly (readonly [number, string])[] = [
  ...([[17, "VM"], [16, "RF"], [14, "NT"], [11, "OF"], [10, "DF"], [9, "IF"], [8, "TF"]] as const),
  ...([[7, "SF"], [6, "ZF"], [4, "AF"], [2, "PF"], [0, "CF"]] as const),
];

/** EFLAGS as a number and the names of what is set. */
export function flagsText(value: bigint): string {
  const names = FLAG_NAMES.filter(([bit]) => (value >> BigInt(bit) & 1n) !== 0n)
    .map(([, name]) => name);
  return `${value.toString(16).padStart(8, "0")} ${names.join(" ")}`;
}
