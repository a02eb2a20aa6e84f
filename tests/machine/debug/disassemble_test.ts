import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import { asm, asm32 } from "../../../machine/debug/assemble.ts";
import { disassemble } from "../../../machine/debug/disassemble.ts";

Deno.test("disassemble() gives address, bytes and Intel text", () => {
  deepStrictEqual(disassemble(Uint8Array.of(0x48, 0x83, 0xe8, 0x10, 0xeb, 0xfa), { address: 64 }), [
    {
      address: 64n,
      length: 4,
      bytes: Uint8Array.of(0x48, 0x83, 0xe8, 0x10),
      text: "sub rax, 0x10",
    },
    { address: 68n, length: 2, bytes: Uint8Array.of(0xeb, 0xfa), text: "jmp 0x40" },
  ]);
});

Deno.test("disassemble() takes the code size from the option, or from assembled code", () => {
  const bytes = Uint8Array.of(0x48);
  strictEqual(disassemble(bytes, { bits: 32 })[0].text, "dec eax");
  strictEqual(disassemble(bytes, { bits: 16 })[0].text, "dec ax");
  strictEqual(disassemble(asm32`pusha`)[0].text, "pushad");
  strictEqual(disassemble(asm`push rax`)[0].text, "push rax");
});

Deno.test("disassemble() stops at count and at the end", () => {
  const nops = new Uint8Array(5).fill(0x90);
  strictEqual(disassemble(nops, { count: 2 }).length, 2);
  strictEqual(disassemble(nops).length, 5);
  strictEqual(disassemble(nops, { count: 0 }).length, 0);
  deepStrictEqual(disassemble(new Uint8Array(0)), []);
});

Deno.test("disassemble() shows what is no instruction as (bad), and all bytes once", () => {
  for (const bytes of [[0x06], [0x48, 0xb8, 1], [0xff, 0xff, 0x90]]) {
    const lines = disassemble(Uint8Array.from(bytes));
    strictEqual(lines[0].text, "(bad)");
    deepStrictEqual(lines.flatMap((line) => [...line.bytes]), bytes);
  }
});

Deno.test("disassemble() wraps addresses at 64 bits", () => {
  const lines = disassemble(Uint8Array.of(0x90, 0x90), { address: -1n });
  deepStrictEqual(lines.map((line) => line.address), [0xffff_ffff_ffff_ffffn, 0n]);
});

Deno.test("disassemble() refuses strange options", () => {
  throws(() => disassemble(new Uint8Array(1), { bits: 8 as never }), RangeError);
  throws(() => disassemble(new Uint8Array(1), { count: -1 }), RangeError);
  throws(() => disassemble(new Uint8Array(1), { address: 1.5 }), RangeError);
});

Deno.test("disassemble() reads back what asm wrote", () => {
  const code = asm`
    start: mov rax, cr3
    mov cr3, rax
    lidt [rdi]
    invlpg [rsi + 8]
    in al, dx
    vmcall
    iretq`;
  deepStrictEqual(disassemble(code).map((line) => line.text), [
    "mov rax, cr3",
    "mov cr3, rax",
    "lidt [rdi]",
    "invlpg [rsi+8]",
    "in al, dx",
    "vmcall",
    "iretq",
  ]);
});
