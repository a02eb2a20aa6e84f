import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { decode } from "../../../../machine/cpu/decode/decoder.ts";
import type { CodeSize } from "../../../../machine/cpu/decode/instruction.ts";
import { SLOT, type Verdict, Witness } from "./iced_witness.ts";
import { everyOpcode, PREFIX_SETS, randomSequences, slotsOf } from "./sequences.ts";

/**
 * What iced decodes and we call "ud" (all with the length that iced finds): instructions that
 * our CPUID does not offer, by the family that `reason` names.
 */
const ABSENT: Readonly<Record<string, string>> = {
  "3DNow!": "AMD's; gone from its own processors",
  "AVX": "VEX-encoded vectors, AMX and mask registers: no CPUID bit (only BMI1 and BMI2 have one)",
  "AVX-512": "EVEX-encoded: no CPUID bit",
  "XOP": "AMD's XOP, TBM, LWP",
  "CET": "no shadow stacks; ENDBR and RDSSP are NOPs",
  "CLFLUSHOPT": "no CPUID bit; CLFLUSH has one",
  "CLWB": "no CPUID bit",
  "CLZERO": "AMD's",
  "ENQCMD": "no CPUID bit",
  "FRED": "no CPUID bit",
  "HRESET": "no CPUID bit",
  "INVLPGB": "AMD's, with RMPADJUST and RMPUPDATE",
  "Key Locker": "no CPUID bit",
  "LKGS": "no CPUID bit",
  "MONITOR": "no CPUID bit",
  "MONITORX": "AMD's, with MCOMMIT",
  "MOVDIR64B": "no CPUID bit",
  "MOVDIRI": "no CPUID bit",
  "MSRLIST": "no CPUID bit",
  "MWAIT": "no CPUID bit",
  "MWAITX": "AMD's",
  "PCOMMIT": "withdrawn by Intel",
  "PCONFIG": "no CPUID bit",
  "PKU": "no protection keys",
  "PTWRITE": "no CPUID bit",
  "RAO-INT": "no CPUID bit",
  "RDPRU": "AMD's",
  "RSM outside of system management mode": "there is no such mode here",
  "RTM": "no transactions",
  "SERIALIZE": "no CPUID bit",
  "SGX": "no enclaves",
  "SMX": "no CPUID bit",
  "SVM": "AMD's virtualization; VMMCALL too",
  "TDX": "no CPUID bit",
  "TLBSYNC": "AMD's, with PVALIDATE",
  "TSXLDTRK": "no CPUID bit",
  "UD0": "#UD is its purpose",
  "UD1": "#UD is its purpose",
  "UD2": "#UD is its purpose",
  "UINTR": "no user interrupts",
  "UMONITOR": "no CPUID bit",
  "UMWAIT": "no CPUID bit",
  "VIA PadLock": "VIA's",
  "VMX": "no virtualization; VMCALL alone is the machine's own",
  "WAITPKG": "no CPUID bit",
  "WRMSRNS": "no CPUID bit",
  "XSAVE": "no CPUID bit",
  "XSAVEC": "no CPUID bit",
  "XSAVEOPT": "no CPUID bit",
  "XSAVES": "no CPUID bit",
};

const CODE_SIZES: readonly CodeSize[] = [16, 32, 64];

/** GCC's machine code from tests/vectors/decoder/programs.c. */
function gccCode(bits: CodeSize): Uint8Array {
  const url = new URL(`../../../vectors/decoder/gcc_${bits}.bin.gz`, import.meta.url);
  return Uint8Array.from(gunzipSync(readFileSync(url)));
}

function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
}

/** Compares every slot; gathers mnemonics seen and fails with the first few differences. */
function compareAll(bits: CodeSize, bytes: Uint8Array, seen: Set<string> = new Set()): number {
  const witness = new Witness(bits, bytes);
  const problems: string[] = [];
  const count = bytes.length / SLOT;
  for (let i = 0; i < count; i++) {
    const verdict = witness.compare(i * SLOT);
    seen.add(verdict.ours);
    const problem = verdict.problem ?? unexplained(verdict);
    if (problem === undefined || problems.length >= 10) continue;
    const sequence = hex(bytes.subarray(i * SLOT, (i + 1) * SLOT));
    problems.push(`${bits}-bit ${sequence}: ${verdict.ours} / ${verdict.iced}: ${problem}`);
  }
  witness.free();
  deepStrictEqual(problems, []);
  return count;
}

/** Why an instruction of iced's that we refuse is not in the table above, if so. */
function unexplained({ ours, iced, reason }: Verdict): string | undefined {
  if (ours !== "ud" || iced === "(invalid)") return undefined;
  return Object.hasOwn(ABSENT, reason?.split(":")[0] ?? "")
    ? undefined
    : `refused without an explanation (${reason})`;
}

for (const bits of CODE_SIZES) {
  Deno.test(`decode() agrees with iced-x86 on every opcode and ModRM, ${bits}-bit`, () => {
    let count = 0;
    PREFIX_SETS.forEach((prefixes, i) => {
      for (const bytes of everyOpcode(prefixes, bits + i)) count += compareAll(bits, bytes);
    });
    strictEqual(count, PREFIX_SETS.length * 4 * 65536);
  });

  Deno.test(`decode() agrees with iced-x86 on a million random sequences, ${bits}-bit`, () => {
    for (let part = 0; part < 4; part++) {
      compareAll(bits, randomSequences(250_000, 1000 * bits + part));
    }
  });

  Deno.test(`decode() agrees with iced-x86 at every byte of GCC's code, ${bits}-bit`, () => {
    compareAll(bits, slotsOf(gccCode(bits)));
  });
}

Deno.test("decode() walks through GCC's code and meets nothing invalid but UD2 and AVX", () => {
  for (const bits of CODE_SIZES) {
    const code = gccCode(bits);
    for (let at = 0; at < code.length;) {
      const instruction = decode((offset) => code[at + offset] ?? 0, bits);
      if (instruction.mnemonic === "ud") {
        ok(
          ["UD2", "AVX"].includes(instruction.reason!),
          `${bits}-bit at ${at}: ${instruction.reason}: ${hex(code.subarray(at, at + 15))}`,
        );
      }
      at += instruction.length;
    }
  }
});
