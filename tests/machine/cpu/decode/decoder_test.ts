import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import { decode } from "../../../../machine/cpu/decode/decoder.ts";
import type { CodeSize, Instruction, Operand } from "../../../../machine/cpu/decode/instruction.ts";
import { MNEMONICS } from "../../../../machine/cpu/decode/mnemonics.ts";

/** "48 01 d8" to an instruction. */
function decodeHex(bytes: string, bits: CodeSize = 64): Instruction {
  const code = bytes.split(" ").map((byte) => parseInt(byte, 16));
  return decode((offset) => {
    if (offset >= code.length) throw new RangeError(`fetched byte ${offset} of ${code.length}`);
    return code[offset];
  }, bits);
}

const SEGMENTS = ["es", "cs", "ss", "ds", "fs", "gs"];

/** A short text for an operand, with all that matters in it. */
function show(operand: Operand): string {
  switch (operand.kind) {
    case "register":
      return `${operand.high ? "h" : "r"}${operand.register}.${operand.size}`;
    case "memory": {
      const { segment, base, index, scale, displacement, displacementHigh } = operand;
      const parts = [
        base === 16 ? "rip" : base >= 0 ? `r${base}` : "",
        index >= 0 ? `r${index}*${scale}` : "",
        displacement !== 0 || displacementHigh !== 0 ? `${displacementHigh}:${displacement}` : "",
      ].filter((part) => part !== "");
      return `${SEGMENTS[segment]}[${parts.join("+")}].${operand.size}@${operand.addressSize}`;
    }
    case "immediate":
      return `#${operand.high}:${operand.low}.${operand.size}`;
    case "relative":
      return `+${operand.displacement}`;
    case "far":
      return `${operand.selector}:${operand.offset}`;
    case "condition":
      return `cc${operand.condition}`;
  }
  return `${operand.kind}${operand.register}`;
}

function text(instruction: Instruction): string {
  const { mnemonic, operands, operandSize } = instruction;
  return [`${mnemonic}.${operandSize}`, ...operands.map(show)].join(" ");
}

/** Code size, bytes, expectation. The manual's encodings, section by instruction. */
const CASES: readonly (readonly [CodeSize, string, string])[] = [
  // Operand size: default, 66, REX.W, REX.W over 66.
  [16, "01 d8", "add.2 r0.2 r3.2"],
  [16, "66 01 d8", "add.4 r0.4 r3.4"],
  [32, "01 d8", "add.4 r0.4 r3.4"],
  [32, "66 01 d8", "add.2 r0.2 r3.2"],
  [64, "01 d8", "add.4 r0.4 r3.4"],
  [64, "48 01 d8", "add.8 r0.8 r3.8"],
  [64, "66 48 01 d8", "add.8 r0.8 r3.8"],
  // A REX that is not last is none.
  [64, "48 66 01 d8", "add.2 r0.2 r3.2"],
  [64, "4d 01 d8", "add.8 r8.8 r11.8"],
  // High bytes, and what REX makes of them.
  [64, "00 e7", "add.4 h3.1 h0.1"],
  [64, "40 00 e7", "add.4 r7.1 r4.1"],
  // Immediates: extended to 64 bits.
  [64, "48 83 c0 ff", "add.8 r0.8 #-1:-1.8"],
  [64, "48 05 00 00 00 80", "add.8 r0.8 #-1:-2147483648.8"],
  [64, "48 b8 88 77 66 55 44 33 22 11", "mov.8 r0.8 #287454020:1432778632.8"],
  [64, "48 c7 c0 ff ff ff ff", "mov.8 r0.8 #-1:-1.8"],
  [64, "cd ff", "int.4 #0:255.1"],
  [64, "c2 ff ff", "ret.8 #0:65535.2"],
  // ModRM and SIB.
  [64, "8b 04 25 78 56 34 12", "mov.4 r0.4 ds[0:305419896].4@8"],
  [64, "8b 05 f8 ff ff ff", "mov.4 r0.4 ds[rip+-1:-8].4@8"],
  [64, "67 8b 05 08 00 00 00", "mov.4 r0.4 ds[rip+0:8].4@4"],
  [32, "8b 05 08 00 00 00", "mov.4 r0.4 ds[0:8].4@4"],
  [64, "8b 44 24 08", "mov.4 r0.4 ss[r4+0:8].4@8"],
  [64, "41 8b 44 24 08", "mov.4 r0.4 ds[r12+0:8].4@8"],
  [64, "42 8b 04 a0", "mov.4 r0.4 ds[r0+r12*4].4@8"],
  [64, "8b 04 6d 01 00 00 00", "mov.4 r0.4 ds[r5*2+0:1].4@8"],
  [64, "8b 45 00", "mov.4 r0.4 ss[r5].4@8"],
  [64, "64 8b 45 00", "mov.4 r0.4 fs[r5].4@8"],
  [64, "2e 8b 45 00", "mov.4 r0.4 ss[r5].4@8"],
  [64, "64 2e 8b 45 00", "mov.4 r0.4 fs[r5].4@8"],
  [32, "2e 8b 45 00", "mov.4 r0.4 cs[r5].4@4"],
  [16, "8b 40 ff", "mov.2 r0.2 ds[r3+r6*1+-1:-1].2@2"],
  [16, "8b 02", "mov.2 r0.2 ss[r5+r6*1].2@2"],
  [16, "8b 0e 34 12", "mov.2 r1.2 ds[0:4660].2@2"],
  [16, "67 8b 04 24", "mov.2 r0.2 ss[r4].2@4"],
  [64, "a1 88 77 66 55 44 33 22 11", "mov.4 r0.4 ds[287454020:1432778632].4@8"],
  [64, "67 a1 88 77 66 55", "mov.4 r0.4 ds[0:1432778632].4@4"],
  // Stack and branches default to 64 bits.
  [64, "50", "push.8 r0.8"],
  [64, "66 50", "push.2 r0.2"],
  [64, "6a ff", "push.8 #-1:-1.8"],
  [64, "ff 30", "push.8 ds[r0].8@8"],
  [64, "0f a0", "push_sreg.8 segment4"],
  [16, "07", "pop_sreg.2 segment0"],
  [64, "e8 fc ff ff ff", "call.8 +-4"],
  [64, "66 e8 fc ff ff ff", "call.8 +-4"],
  [32, "66 e8 fc ff", "call.2 +-4"],
  [64, "66 c3", "ret.8"],
  [64, "ff e0", "jmp.8 r0.8"],
  [64, "0f 85 10 00 00 00", "jcc.8 cc5 +16"],
  [16, "74 fe", "jcc.2 cc4 +-2"],
  [64, "c8 10 00 01", "enter.8 #0:16.2 #0:1.1"],
  [64, "cf", "iret.4"],
  [64, "48 cf", "iret.8"],
  // Far forms.
  [32, "ea 78 56 34 12 08 00", "jmp_far.4 8:305419896"],
  [16, "9a 34 12 00 f0", "call_far.2 61440:4660"],
  [64, "ff 28", "jmp_far.4 ds[r0].6@8"],
  [64, "48 ff 28", "jmp_far.8 ds[r0].10@8"],
  [32, "c4 08", "load_far.4 segment0 r1.4 ds[r0].6@4"],
  [64, "0f b2 08", "load_far.4 segment2 r1.4 ds[r0].6@8"],
  // Segment, control and debug registers.
  [64, "8e d8", "loadsreg.4 segment3 r0.2"],
  [64, "8c d8", "movsreg.4 r0.4 segment3"],
  [64, "48 8c d8", "movsreg.8 r0.8 segment3"],
  [64, "8c 18", "movsreg.4 ds[r0].2@8 segment3"],
  [64, "0f 20 d8", "mov_cr_read.8 r0.8 control3"],
  [64, "44 0f 22 c0", "mov_cr_write.8 control8 r0.8"],
  [32, "0f 22 18", "mov_cr_write.4 control3 r0.4"],
  [64, "0f 23 f8", "mov_dr_write.8 debug7 r0.8"],
  // String operations: pointers with their segments and address size.
  [64, "48 a5", "movs.8 es[r7].8@8 ds[r6].8@8"],
  [32, "64 67 a4", "movs.4 es[r7].1@2 fs[r6].1@2"],
  [64, "a6", "cmps.4 ds[r6].1@8 es[r7].1@8"],
  [64, "ab", "stos.4 es[r7].4@8 r0.4"],
  [64, "48 6d", "ins.8 es[r7].4@8 r2.2"],
  [16, "2e d7", "xlat.2 cs[r3].1@2"],
  // Three operands, counts, conditions.
  [64, "48 0f af c3", "imul2.8 r0.8 r0.8 r3.8"],
  [64, "6b c3 fe", "imul2.4 r0.4 r3.4 #-1:-2.4"],
  [64, "d1 f0", "shl.4 r0.4 #0:1.1"],
  [64, "d3 e8", "shr.4 r0.4 r1.1"],
  [64, "c1 e8 ff", "shr.4 r0.4 #0:255.1"],
  [64, "0f 9c c0", "setcc.4 cc12 r0.1"],
  [64, "48 0f 4d c3", "cmovcc.8 cc13 r0.8 r3.8"],
  [64, "0f c7 08", "cmpxchg8b.4 ds[r0].8@8"],
  [64, "48 0f c7 08", "cmpxchg8b.8 ds[r0].16@8"],
  [64, "48 63 c3", "movsx.8 r0.8 r3.4"],
  [32, "63 c3", "arpl.4 r3.2 r0.2"],
  // NOP, PAUSE, XCHG.
  [64, "90", "nop.4"],
  [64, "48 90", "nop.8"],
  [64, "f3 90", "pause.4"],
  [64, "41 90", "xchg.4 r8.4 r0.4"],
  [64, "0f 1f 44 00 00", "nop.4 ds[r0+r0*1].4@8"],
  [64, "f3 0f 1e fa", "nop.4 r2.4"],
  // Prefixes that choose, and prefixes that do not.
  [64, "f3 0f bc c3", "tzcnt.4 r0.4 r3.4"],
  [64, "f2 0f bc c3", "bsf.4 r0.4 r3.4"],
  [64, "66 f3 0f b8 c3", "popcnt.2 r0.2 r3.2"],
  [64, "f3 0f c7 f8", "rdpid.8 r0.8"],
  [64, "f3 48 0f ae c8", "rdgsbase.8 r0.8"],
  [64, "66 0f 38 f6 c3", "adcx.4 r0.4 r3.4"],
  [64, "66 48 0f c7 08", "cmpxchg8b.8 ds[r0].16@8"],
  // VEX.
  [64, "c4 e2 60 f2 c1", "andn.4 r0.4 r3.4 r1.4"],
  [64, "c4 62 e3 f6 c1", "mulx.8 r8.8 r3.8 r1.8"],
  [64, "c4 e3 fb f0 c1 07", "rorx.8 r0.8 r1.8 #0:7.1"],
  [32, "c4 e2 f8 f3 d9", "blsi.4 r0.4 r1.4"],
  [32, "c5 08", "load_far.4 segment3 r1.4 ds[r0].6@4"],
];

Deno.test("decode() gives operands as the manual encodes them", () => {
  for (const [bits, bytes, expected] of CASES) {
    strictEqual(text(decodeHex(bytes, bits)), expected, `${bits}-bit ${bytes}`);
    strictEqual(decodeHex(bytes, bits).length, bytes.split(" ").length, `${bits}-bit ${bytes}`);
  }
});

/** Bytes that are #UD, and a word of the reason. */
const INVALID: readonly (readonly [CodeSize, string, string])[] = [
  [64, "06", "64-bit"],
  [64, "ea", "64-bit"],
  [64, "82 c0", "64-bit"],
  [32, "0f 01 f8", "only in 64-bit"],
  [64, "8e c8", "reserved"],
  [64, "8e f0", "reserved"],
  [64, "8c f0", "segment"],
  [64, "0f 20 c8", "control"],
  [64, "0f 22 e8", "control"],
  [64, "44 0f 21 c0", "debug"],
  [64, "ff f8", "reserved"],
  [64, "fe d0", "reserved"],
  [64, "ff d8", "register"],
  [64, "8d c0", "register"],
  [64, "0f 01 d0", "XSAVE"],
  [64, "0f 0b", "UD2"],
  [64, "f0 01 d8", "LOCK on a register"],
  [64, "f0 89 00", "LOCK"],
  [64, "f0 39 00", "LOCK"],
  [64, "f0 0f a3 00", "LOCK"],
  [64, "f0 90", "LOCK"],
  [64, "66 c4 e2 60 f2 c1", "VEX"],
  [64, "48 c4 e2 60 f2 c1", "VEX"],
  [64, "c4 e2 64 f2 c1", "AVX"],
  [64, "d9 d1", "x87"],
];

Deno.test("decode() gives ud with a reason", () => {
  for (const [bits, bytes, reason] of INVALID) {
    const instruction = decodeHex(bytes, bits);
    strictEqual(instruction.mnemonic, "ud", `${bits}-bit ${bytes}`);
    ok(instruction.reason?.includes(reason), `${bits}-bit ${bytes}: ${instruction.reason}`);
    deepStrictEqual(instruction.operands, []);
  }
});

Deno.test("decode() allows LOCK with a memory destination, XCHG's implied one too", () => {
  for (const bytes of ["f0 01 18", "f0 87 18", "f0 ff 00", "f0 0f c1 18", "f0 0f ba 28 01"]) {
    strictEqual(decodeHex(bytes).lock, true, bytes);
    ok(decodeHex(bytes).mnemonic !== "ud", bytes);
  }
});

Deno.test("decode() lets the last of F2 and F3 count", () => {
  strictEqual(decodeHex("f2 f3 a4").repeat, "rep");
  strictEqual(decodeHex("f3 f2 a4").repeat, "repne");
  strictEqual(decodeHex("a4").repeat, "none");
  strictEqual(decodeHex("f3 f2 90").mnemonic, "nop");
});

Deno.test("decode() takes fifteen bytes and no more", () => {
  const fifteen = [...new Array(14).fill("66"), "90"].join(" ");
  strictEqual(decodeHex(fifteen).mnemonic, "nop");
  strictEqual(decodeHex(fifteen).length, 15);
  const sixteen = new Array(15).fill("66").join(" ");
  strictEqual(decodeHex(sixteen).mnemonic, "too_long");
  const immediate = [...new Array(11).fill("2e"), "05", "01", "02", "03"].join(" ");
  strictEqual(decodeHex(immediate).mnemonic, "too_long");
  strictEqual(decodeHex(immediate).length, 15);
});

Deno.test("decode() lets through what fetch throws", () => {
  const fault = new Error("page fault");
  const code = [0x48, 0xb8, 1, 2];
  throws(() =>
    decode((offset) => {
      if (offset === 4) throw fault;
      return code[offset];
    }, 64), fault);
});

Deno.test("decode() gives x87 and SSE their length and family", () => {
  deepStrictEqual(
    [decodeHex("d9 44 24 08"), decodeHex("0f 28 44 24 08"), decodeHex("66 0f 3a 0f c1 02")]
      .map(({ mnemonic, reason, length }) => [mnemonic, reason, length]),
    [["x87", undefined, 4], ["sse", "SSE/SSE2", 5], ["sse", "SSSE3", 6]],
  );
});

Deno.test("MNEMONICS has no name twice", () => {
  strictEqual(new Set(MNEMONICS).size, MNEMONICS.length);
});
