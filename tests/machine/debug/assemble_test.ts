import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import fc from "fast-check";
import {
  asm,
  asm32,
  assemble,
  AssembledCode,
  type AssembleOptions,
} from "../../../machine/debug/assemble.ts";

/** Source, machine code by the manual. */
const CODE_64: readonly (readonly [string, number[]])[] = [
  ["mov rax, 1; int3", [0x48, 0xc7, 0xc0, 1, 0, 0, 0, 0xcc]],
  ["nop # comment; hlt\nhlt // nop", [0x90, 0xf4]],
  ["vmcall", [0x0f, 0x01, 0xc1]],
  ["again: vmcall; jmp short again", [0x0f, 0x01, 0xc1, 0xeb, 0xfb]],
  ["iretq; retfq; lretq", [0x48, 0xcf, 0x48, 0xcb, 0x48, 0xcb]],
  ["mov cr3, rax", [0x0f, 0x22, 0xd8]],
  ["swapgs; syscall", [0x0f, 0x01, 0xf8, 0x0f, 0x05]],
  ["and rax, 0xffffffff80000000", [0x48, 0x25, 0, 0, 0, 0x80]],
  ["mov eax, 0xffffffff", [0xb8, 0xff, 0xff, 0xff, 0xff]],
  ["add al, 255; add al, -128", [0x04, 0xff, 0x04, 0x80]],
  ["mov rax, 0x80000000", [0x48, 0xb8, 0, 0, 0, 0x80, 0, 0, 0, 0]],
  ["push -1; int 0x80; shl eax, 4", [0x6a, 0xff, 0xcd, 0x80, 0xc1, 0xe0, 4]],
  ["lock inc dword ptr [rax]", [0xf0, 0xff, 0x00]],
  ["mov al, byte ptr gs:[rbx + rcx*4 - 8]", [0x65, 0x8a, 0x44, 0x8b, 0xf8]],
  ["mov rax, 0x1122334455667788", [0x48, 0xb8, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11]],
  ["lea rax, [rip + there]\nthere:", [0x48, 0x8d, 0x05, 0, 0, 0, 0]],
  [`db "a;#", 'b', 1`, [0x61, 0x3b, 0x23, 0x62, 1]],
  [`.asciz "hi"`, [0x68, 0x69, 0]],
  [".byte 1, 2; .word 3; .long 4; .quad 5", [1, 2, 3, 0, 4, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0]],
  [".skip 3, 0x90; .zero 1", [0x90, 0x90, 0x90, 0]],
  ["db 5, 0x81, 255, -128", [5, 0x81, 255, 128]],
  ["", []],
];

Deno.test("assemble() makes 64-bit code", () => {
  for (const [source, bytes] of CODE_64) deepStrictEqual([...assemble(source)], bytes, source);
});

const CODE_32: readonly (readonly [string, number[]])[] = [
  ["push es; pusha; popfd; iretd", [0x06, 0x60, 0x9d, 0xcf]],
  ["mov eax, [ebx]", [0x8b, 0x03]],
  ["retf 8", [0xca, 8, 0]],
  ["jmp 8:0x12345678", [0xea, 0x78, 0x56, 0x34, 0x12, 8, 0]],
];

Deno.test("assemble() makes 32-bit code", () => {
  for (const [source, bytes] of CODE_32) {
    deepStrictEqual([...assemble(source, { bits: 32, at: 0 })], bytes, source);
  }
});

Deno.test("assemble() resolves absolute addresses with the option at", () => {
  const code = assemble("nop\nhere: mov eax, offset here + 4\njmp 8:here\ndd here", {
    bits: 32,
    at: 0x10_0000,
  });
  deepStrictEqual(
    [...code],
    [0x90, 0xb8, 5, 0, 0x10, 0, 0xea, 1, 0, 0x10, 0, 8, 0, 1, 0, 0x10, 0],
  );
  deepStrictEqual([...assemble("call 0x2000", { at: 0x1000n })], [0xe8, 0xfb, 0x0f, 0, 0]);
});

Deno.test("assemble() gives labels as offsets", () => {
  const { labels, bits } = assemble("a: nop\nb: c: hlt\nd equ 9");
  deepStrictEqual({ ...labels }, { a: 0, b: 1, c: 1 });
  strictEqual(bits, 64);
});

Deno.test("AssembledCode is bytes, and its pieces are plain bytes", () => {
  const code = asm`nop; hlt`;
  ok(code instanceof Uint8Array && code instanceof AssembledCode);
  strictEqual(code.slice(1).constructor, Uint8Array);
  strictEqual(code.subarray(1).constructor, Uint8Array);
  strictEqual(code.byteLength, 2);
});

Deno.test("asm inserts numbers as text and arrays as bytes", () => {
  deepStrictEqual([...asm`mov al, ${5}; mov ah, ${-1n}`], [0xb0, 5, 0xb4, 0xff]);
  deepStrictEqual([...asm`nop; ${Uint8Array.of(1, 2)} nop`], [0x90, 1, 2, 0x90]);
  deepStrictEqual([...asm`db 9, ${Uint8Array.of(1, 2)}, 3`], [9, 1, 2, 3]);
  deepStrictEqual([...asm`mov ${"ecx"}, eax`], [0x89, 0xc1]);
  strictEqual(asm32`nop`.bits, 32);
  throws(() => asm`mov al, ${1.5}`, { name: "RangeError", message: /1\.5: it must be an integer/ });
});

/** Source, options, what the message says. */
const ERRORS: readonly (readonly [string, AssembleOptions, RegExp])[] = [
  ["nop\nbad eax\nnop", {}, /^cannot assemble line 2: Unknown opcode: bad eax$/],
  ["nop; mov rax,\nnop", {}, /line 1: .*: mov rax,/],
  ["nop\n\njmp nowhere", {}, /line 3: nowhere is not defined: jmp nowhere/],
  ["nop ; say nothing", {}, /line 1: .*: say nothing \(; separates statements/],
  ["a: nop\na: nop", {}, /line 2: .*: a: nop/],
  ["mov rax, 1", { bits: 32 }, /line 1: .*: mov rax, 1/],
  ["nop\nmov rax, offset x\nx:", {}, /line 2: an absolute address needs the option `at`/],
  ["mov rax, offset x\nx:", { at: 0x8000_0000 }, /line 1: 0x80000007 exceeds 32 bits/],
  ["section .data\ndb 1", {}, /section .data is not supported/],
  ["and rax, 0xffffffff", {}, /line 1: 0xffffffff does not fit: and rax/],
  ["nop\ntest qword ptr [rax], 0x80000000", {}, /line 2: 0x80000000 does not fit/],
  ["mov al, 300", {}, /300/],
  ["db 1, 300", {}, /line 1: 300 does not fit: db 1, 300/],
  ["dw -32769", {}, /-32769/],
  ["add eax, 0x1ffffffff", {}, /0x1ffffffff/],
  ['db "open', {}, /line 1: /],
];

Deno.test("assemble() throws a SyntaxError with the line's number and text", () => {
  for (const [source, options, message] of ERRORS) {
    throws(() => assemble(source, options), { name: "SyntaxError", message }, source);
  }
  throws(() => assemble("nop", { bits: 16 as never }), RangeError);
});

Deno.test("assemble() throws nothing but SyntaxError, and forgets what failed", () => {
  const words = "mov eax rax [ ] , ; : + * ( ' \" \n db dq equ %assign 0x 5 x offset rip .byte jmp"
    .split(" ");
  const source = fc.array(fc.constantFrom(...words, "\n"), { maxLength: 12 });
  fc.assert(
    fc.property(source, fc.constantFrom(64, 32), (parts, bits) => {
      try {
        assemble(parts.join(" "), { bits: bits as 64 | 32, at: 0 });
      } catch (error) {
        ok(error instanceof SyntaxError, String(error));
      }
      deepStrictEqual([...assemble("x: nop\njmp x")], [0x90, 0xeb, 0xfd]);
    }),
    { seed: 7, numRuns: 2000 },
  );
});
