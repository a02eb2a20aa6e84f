/** The registers as text. */
import { CR0, CR4, EFER } from "../arch/control_registers.ts";
import { RFLAGS } from "../arch/rflags.ts";
import { digits, paintFor, type TextOptions } from "./style.ts";

/** A segment register with its hidden part. */
export interface SegmentSnapshot {
  readonly selector: number;
  readonly base: number | bigint;
  readonly limit: number | bigint;
  readonly attributes: number;
}

const GENERAL = [
  ...["rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp"] as const,
  ...["r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"] as const,
];
const SEGMENTS = ["cs", "ss", "ds", "es", "fs", "gs"] as const;
const CONTROL = ["cr0", "cr2", "cr3", "cr4", "efer"] as const;

/** All that the picture shows; `machine.cpu.registers()` gives it. */
export type RegistersSnapshot =
  & { readonly [name in typeof GENERAL[number] | typeof CONTROL[number]]: number | bigint }
  & { readonly [name in typeof SEGMENTS[number]]: SegmentSnapshot }
  & {
    readonly rip: number | bigint;
    readonly rflags: number | bigint;
    /** In words: `real`, `protected`, `64-bit`, … */
    readonly mode: string;
    readonly cpl: number;
  };

/**
 * Draws the registers, with the flags and control bits that are set by name.
 *
 * Values have 8 digits while none needs more, else 16; R8 to R15 are left out with 8.
 */
export function registersText(registers: RegistersSnapshot, options: TextOptions = {}): string {
  const paint = paintFor(options);
  const { rip, rflags } = registers;
  const values = [...GENERAL.map((name) => registers[name]), rip];
  const wide = isWide(registers) || values.some((value) => BigInt(value) > 0xffff_ffffn);
  const count = wide ? 16 : 8;
  const field = (name: string, value: number | bigint, size = count) =>
    `${paint("name", name.padEnd(3))} ${digits(value, size)}`;

  const lines: string[] = [];
  const shown = wide ? GENERAL : GENERAL.slice(0, 8);
  for (let i = 0; i < shown.length; i += 4) {
    lines.push(shown.slice(i, i + 4).map((name) => field(name, registers[name])).join("  "));
  }
  lines.push(
    `${field("rip", rip)}  ${field("rflags", rflags, 8)}  ` +
      `${paint("strong", flagNames(rflags))}  ${registers.mode}, CPL ${registers.cpl}`,
  );
  lines.push("");
  for (const name of SEGMENTS) {
    const { selector, base, limit, attributes } = registers[name];
    lines.push(
      `${field(name, selector, 4)}  ${paint("quiet", "base")} ${digits(base, count)}  ` +
        `${paint("quiet", "limit")} ${digits(limit, 8)}  ` +
        `${paint("quiet", "attributes")} ${digits(attributes, 4)} ${describe(attributes)}`,
    );
  }
  lines.push("");
  for (const name of CONTROL) {
    const names = bitNames(name, registers[name]);
    lines.push(`${paint("name", name.padEnd(4))} ${digits(registers[name], count)}  ${names}`);
  }
  return lines.map((line) => line.trimEnd()).join("\n");
}

/** The names of the flags that are set, with IOPL when it is not 0: `ZF PF IF IOPL=3`. */
export function flagNames(rflags: number | bigint): string {
  const value = Number(BigInt.asUintN(32, BigInt(rflags)));
  const names = Object.entries(RFLAGS)
    .filter(([name, mask]) => name !== "FIXED" && name !== "IOPL" && (value & mask) !== 0)
    .map(([name]) => name).reverse();
  const iopl = (value & RFLAGS.IOPL) >> 12;
  if (iopl !== 0) names.push(`IOPL=${iopl}`);
  return names.join(" ") || "-";
}

/** What differs between two snapshots: `rax 1 → 2`, one per register. */
export function registerChanges(before: RegistersSnapshot, after: RegistersSnapshot): string[] {
  const changes: string[] = [];
  for (const name of [...GENERAL, ...CONTROL]) {
    const [old, now] = [BigInt(before[name]), BigInt(after[name])];
    if (old !== now) changes.push(`${name} ${hexOf(old)} → ${hexOf(now)}`);
  }
  if (BigInt(before.rflags) !== BigInt(after.rflags)) {
    changes.push(`flags ${flagNames(before.rflags)} → ${flagNames(after.rflags)}`);
  }
  for (const name of SEGMENTS) {
    const [old, now] = [before[name].selector, after[name].selector];
    if (old !== now) changes.push(`${name} ${hexOf(old)} → ${hexOf(now)}`);
  }
  return changes;
}

function hexOf(value: number | bigint): string {
  return `0x${digits(value, 1)}`;
}

function isWide({ efer }: RegistersSnapshot): boolean {
  return (BigInt(efer) & BigInt(EFER.LMA)) !== 0n;
}

function bitNames(name: typeof CONTROL[number], value: number | bigint): string {
  const masks: Record<string, number> = name === "cr0"
    ? CR0
    : name === "cr4"
    ? CR4
    : name === "efer"
    ? EFER
    : {};
  const low = Number(BigInt.asIntN(32, BigInt(value)));
  return Object.entries(masks).filter(([, mask]) => (low & mask) !== 0).map(([bit]) => bit)
    .join(" ");
}

/** The access byte in words. @see Intel SDM Vol. 3A, "Code- and Data-Segment Descriptor Types" */
function describe(attributes: number): string {
  if ((attributes & 0x80) === 0) return "null";
  if ((attributes & 0x10) === 0) return "system";
  const code = (attributes & 8) !== 0;
  const size = code && (attributes & 0x2000) !== 0 ? 64 : (attributes & 0x4000) !== 0 ? 32 : 16;
  const rights = code
    ? `${(attributes & 2) !== 0 ? "r" : "-"}x`
    : `r${(attributes & 2) !== 0 ? "w" : "-"}`;
  return `${code ? "code" : "data"} ${size}-bit ${rights} DPL ${(attributes >> 5) & 3}`;
}
