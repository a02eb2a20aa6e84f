import { strictEqual } from "node:assert/strict";
import { BareCpu } from "../../../_support/bare_cpu.ts";
import { STATE } from "../../../../machine/memory/layout.ts";

const RAM = 0x10_0000;
const UD = 6;
const NM = 7;
const MP = 2;
const EM = 4;
const TS = 8;

/** Runs bytes at 0x1000, from memory: the reason is decoded there. */
function faultOf(bytes: readonly number[], cr0: number): { vector: number; reason?: string } {
  const cpu = new BareCpu(64);
  cpu.memory.u8.set(bytes, RAM + 0x1000);
  cpu.state.setWord(STATE.cr0, 1 | cr0);
  const vector = cpu.run(bytes);
  return cpu.faultReason === undefined ? { vector } : { vector, reason: cpu.faultReason };
}

Deno.test("x87 is #NM where CR0.EM or TS says so, else #UD, with the reason in words", () => {
  const fninit = [0xdb, 0xe3];
  strictEqual(faultOf(fninit, EM).vector, NM);
  strictEqual(faultOf(fninit, TS).vector, NM);
  strictEqual(faultOf(fninit, MP).vector, UD);
  strictEqual(faultOf(fninit, 0).reason?.includes("x87"), true);
});

Deno.test("SSE and undefined opcodes are #UD whatever CR0 says", () => {
  const movaps = [0x0f, 0x28, 0xc1];
  strictEqual(faultOf(movaps, TS | EM).vector, UD);
  strictEqual(faultOf(movaps, 0).reason?.includes("SSE"), true);
  strictEqual(faultOf([0x0f, 0x0b], 0).vector, UD);
});

Deno.test("WAIT is #NM when both MP and TS are set", () => {
  strictEqual(faultOf([0x9b], MP | TS).vector, NM);
  strictEqual(faultOf([0x9b], TS).vector, -1);
  strictEqual(faultOf([0x9b], MP).vector, -1);
});
