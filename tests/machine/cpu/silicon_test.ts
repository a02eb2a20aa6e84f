/**
 * Replays what a real processor did: every integer instruction form, 200 cases and more each,
 * undefined flags and faults included. tools/silicon captured them.
 */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { Code, Decoder, DecoderOptions } from "iced-x86";
import { hashState, type SiliconOutcome, SiliconReader } from "../../_support/silicon.ts";
import { deriveMemory, ENVIRONMENTS, hashBytes, LAYOUT } from "../../_support/silicon_state.ts";
import { replay } from "../../_support/silicon_replay.ts";
import { describeReplay } from "../../_support/silicon_report.ts";
import { createTarget, type VectorTarget } from "../../_support/silicon_target.ts";

const DIRECTORY = new URL("../../vectors/silicon/", import.meta.url);
const FAMILIES = [
  ...["alu", "unary", "muldiv", "move", "cond", "stack", "shift", "bit", "bmi", "branch"],
  ...["string", "misc", "fault"],
];
const CASES_PER_FORM = 200;

function read(family: string): SiliconReader {
  return new SiliconReader(Deno.readFileSync(new URL(`${family}.bin.gz`, DIRECTORY)));
}

const target: VectorTarget = createTarget();
for (const family of FAMILIES) {
  Deno.test({
    name: `silicon: ${family} does as the real processor did`,
    fn() {
      const result = replay(read(family), target);
      ok(result.mismatches.length === 0, describeReplay(result));
    },
  });
}

/** Every block is compiled here, which takes its time: one case in eight, of every form. */
const FUSED_SAMPLE = 8;

Deno.test("silicon: fused blocks do as the real processor did", () => {
  const fused = createTarget({ fused: true });
  for (const family of FAMILIES) {
    const result = replay(read(family), fused, ({ index }) => index % FUSED_SAMPLE === 0);
    ok(result.mismatches.length === 0, describeReplay(result));
  }
});

Deno.test("silicon: the families are all there, and nothing else", () => {
  const files = [...Deno.readDirSync(DIRECTORY)].map((entry) => entry.name).sort();
  deepStrictEqual(files, FAMILIES.map((family) => `${family}.bin.gz`).sort());
});

Deno.test("SiliconReader derives the states that the harness started from", () => {
  const { data, stack, readOnly } = deriveMemory();
  const memory = hashBytes(readOnly, hashBytes(stack, hashBytes(data)));
  for (const family of FAMILIES) {
    const reader = read(family);
    strictEqual(reader.memoryHash, memory);
    const hashes = new Map(reader.forms.map((form) => [form, hashBytes(new Uint8Array(0))]));
    reader.forEach((vector) => {
      hashes.set(vector.form, hashState(vector, hashes.get(vector.form)!));
    });
    for (const [form, hash] of hashes) strictEqual(hash, form.stateHash, form.name);
  }
});

Deno.test("silicon: every form but the refused encodings has two hundred cases", () => {
  for (const family of FAMILIES) {
    for (const form of read(family).forms) {
      ok(family === "fault" || form.cases >= CASES_PER_FORM, form.name);
    }
  }
});

/** The silicon itself, looked up, so that a replay of it must agree. */
function recording(): VectorTarget {
  return {
    memory: {
      data: new Uint8Array(LAYOUT.data.size),
      stack: new Uint8Array(LAYOUT.stack.size),
      readOnly: new Uint8Array(LAYOUT.readOnly.size),
    },
    run({ after, changes }, outcome) {
      Object.assign(outcome, { ...after, registers: outcome.registers });
      outcome.registers.set(after.registers);
      for (const { address, bytes } of changes) {
        const inStack = address >= LAYOUT.stack.address;
        const region = inStack ? LAYOUT.stack : LAYOUT.data;
        this.memory[inStack ? "stack" : "data"].set(bytes, address - region.address);
      }
    },
  };
}

Deno.test("replay() finds nothing where the target is a recording of the silicon", () => {
  for (const family of ["string", "stack"]) {
    deepStrictEqual(replay(read(family), recording()).mismatches, []);
  }
});

Deno.test("replay() finds a wrong flag, register, RIP, fault, error code and byte of memory", () => {
  const wrong: Record<string, (outcome: SiliconOutcome, memory: VectorTarget["memory"]) => void> = {
    flags: (outcome) => outcome.flags ^= 1 << 4,
    rdx: (outcome) => outcome.registers[5] ^= 1,
    rip: (outcome) => outcome.ripLow++,
    fault: (outcome) => outcome.vector = 6,
    "rip ": (outcome) => outcome.ripHigh++,
    "#PF(": (outcome) => outcome.errorCode ^= 4,
    "20001fff": (_, memory) => memory.data[0x1fff] ^= 1,
    "30000000": (_, memory) => memory.stack[0] ^= 1,
    "50000123": (_, memory) => memory.readOnly[0x123] ^= 1,
  };
  for (const [word, spoil] of Object.entries(wrong)) {
    const good = recording();
    const bad: VectorTarget = {
      memory: good.memory,
      run(vector, outcome) {
        good.run(vector, outcome);
        if (word !== "#PF(" || outcome.vector === 14) spoil(outcome, good.memory);
      },
    };
    const only = "push64 rm mem";
    const result = replay(read("stack"), bad, (vector) => vector.form.name === only);
    strictEqual(result.mismatches.length, 1, word);
    ok(describeReplay(result).includes(word), `${word} is in ${describeReplay(result)}`);
  }
});

Deno.test("silicon: iced-x86 finds the captured instructions valid, and as long", () => {
  for (const family of FAMILIES) {
    read(family).forEach((vector) => {
      if (vector.after.vector === 6 || vector.form.name === "fifteen prefixes") return;
      const { codeSize } = ENVIRONMENTS[vector.mode];
      const decoder = new Decoder(codeSize, vector.code, DecoderOptions.None);
      const instruction = decoder.decode();
      const what = `${vector.form.name}: ${[...vector.code].map((b) => b.toString(16)).join(" ")}`;
      ok(instruction.code !== Code.INVALID, what);
      strictEqual(instruction.length, vector.code.length, what);
      instruction.free();
      decoder.free();
    });
  }
});
