/** Puts the difference between silicon and target into words. */
import { Decoder, Formatter, FormatterSyntax } from "iced-x86";
import type { SiliconOutcome, SiliconVector } from "./silicon.ts";
import type { FormMismatch, ReplayResult } from "./silicon_replay.ts";
import { ENVIRONMENTS, MODE, startIp } from "./silicon_state.ts";

const NAMES = "rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15".split(" ");
const FLAGS: readonly (readonly [name: string, bit: number])[] = [
  ...["CF", "1", "PF", "3", "AF", "5", "ZF", "SF", "TF", "IF", "DF", "OF"].map(
    (name, bit) => [name, bit] as const,
  ),
  ...[["IOPL0", 12], ["IOPL1", 13], ["NT", 14], ["RF", 16], ["VM", 17], ["AC", 18]] as const,
  ...[["VIF", 19], ["VIP", 20], ["ID", 21]] as const,
];
const FAULTS: Readonly<Record<number, string>> = {
  ...{ 0: "#DE", 4: "#OF", 5: "#BR", 6: "#UD", 7: "#NM", 8: "#DF", 11: "#NP", 12: "#SS" },
  ...{ 13: "#GP", 14: "#PF", 17: "#AC" },
};
const MODE_NAMES = ["64-bit", "32-bit", "32-bit, small segments", "16-bit"];
/** The silicon's is not kept. */
const RF = 1 << 16;
const MEMORY_BYTES_SHOWN = 32;

function hex32(value: number): string {
  return (value >>> 0).toString(16).padStart(8, "0");
}

function hex64(low: number, high: number): string {
  return `${hex32(high)}_${hex32(low)}`;
}

/** Names of the flags that are set, IF and the fixed bit aside. */
export function flagNames(flags: number): string {
  const set = FLAGS.filter(([, bit]) => bit !== 1 && bit !== 9 && flags >> bit & 1);
  return set.map(([name]) => name).join(" ") || "none";
}

function fault(outcome: SiliconOutcome): string {
  if (outcome.vector < 0) return "none";
  const name = FAULTS[outcome.vector] ?? `vector ${outcome.vector}`;
  const cr2 = outcome.vector === 14 ? ` cr2 ${hex64(outcome.cr2Low, outcome.cr2High)}` : "";
  return `${name}(${outcome.errorCode.toString(16)})${cr2}`;
}

/** The instruction in Intel's syntax. */
export function disassembleVector(vector: SiliconVector): string {
  const decoder = new Decoder(ENVIRONMENTS[vector.mode].codeSize, vector.code, 0);
  decoder.ip = BigInt(startIp(vector.mode));
  const instruction = decoder.decode();
  const formatter = new Formatter(FormatterSyntax.Intel);
  const text = formatter.format(instruction);
  instruction.free();
  decoder.free();
  formatter.free();
  return text;
}

/**
 * One case, a line for everything that differs.
 *
 * @param memory Bytes that differ: address, the silicon's, the target's.
 */
export function describeMismatch(
  vector: SiliconVector,
  actual: SiliconOutcome,
  memory: readonly (readonly [address: number, expected: number, actual: number])[],
): string {
  const expected = vector.after;
  const code = [...vector.code].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
  const lines = [
    `#${vector.index} ${MODE_NAMES[vector.mode]}: ${disassembleVector(vector)} (${code})`,
  ];
  const row = (name: string, before: string, silicon: string, ours: string) => {
    if (silicon !== ours) lines.push(`  ${name.padEnd(9)}${before} -> ${silicon}, not ${ours}`);
  };
  const long = vector.mode === MODE.LONG;
  const show = (registers: Int32Array, i: number) =>
    long ? hex64(registers[2 * i], registers[2 * i + 1]) : hex32(registers[2 * i]);
  for (let i = 0; i < (long ? 16 : 8); i++) {
    const name = long ? NAMES[i] : NAMES[i].replace("r", "e");
    row(
      name,
      show(vector.registers, i),
      show(expected.registers, i),
      show(actual.registers, i),
    );
  }
  row("flags", flagNames(vector.flags), flagNames(expected.flags), flagNames(actual.flags & ~RF));
  row(
    "rip",
    hex32(startIp(vector.mode)),
    hex64(expected.ripLow, expected.ripHigh),
    hex64(actual.ripLow, actual.ripHigh),
  );
  row("fault", "none", fault(expected), fault(actual));
  for (const [address, silicon, ours] of memory.slice(0, MEMORY_BYTES_SHOWN)) {
    lines.push(`  ${hex32(address)} ${silicon.toString(16)}, not ${ours.toString(16)}`);
  }
  if (memory.length > MEMORY_BYTES_SHOWN) {
    lines.push(`  … and ${memory.length - MEMORY_BYTES_SHOWN} bytes more`);
  }
  if (lines.length > 1) lines.push(`  before:  ${registersBefore(vector)}`);
  return lines.join("\n");
}

function registersBefore(vector: SiliconVector): string {
  const long = vector.mode === MODE.LONG;
  return NAMES.slice(0, long ? 16 : 8).map((name, i) =>
    `${name}=${vector.registers[2 * i + 1] && long ? hex32(vector.registers[2 * i + 1]) : ""}${
      hex32(vector.registers[2 * i])
    }`
  ).join(" ");
}

/** All mismatches of a family, grouped by form. */
export function describeReplay({ cases, mismatches }: ReplayResult): string {
  const wrong = mismatches.reduce((sum, entry) => sum + entry.count, 0);
  const heading = (entry: FormMismatch) =>
    `${entry.form.name}, ${entry.form.codeSize}-bit code: ${entry.count} of ${entry.form.cases}`;
  return [
    `${wrong} of ${cases} cases differ from the silicon, in ${mismatches.length} forms:`,
    ...mismatches.map((entry) => `${heading(entry)}\n${entry.examples.join("\n")}`),
  ].join("\n\n");
}
