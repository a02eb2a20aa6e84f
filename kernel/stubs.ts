/**
 * The kernel's own machine code: entry, idle loop, and one gate per vector.
 *
 * A gate is where the IDT leads. It makes all frames alike (a 0 where the CPU pushes no error
 * code), notes its vector, saves the registers, enters TypeScript by VMCALL, and undoes it all:
 *
 * ```text
 * higher │ SS      ┐                       vector_14:  push 14        ; error code is there
 *        │ RSP     │ pushed by the CPU                 jmp save
 *        │ RFLAGS  │                       save:       push rax … r15
 *        │ CS      │                                   cld
 *        │ RIP     ┘                                   mov rdi, rsp   ; the trap frame
 *        │ error code, or 0                            mov eax, 1     ; INTERRUPT
 *        │ vector                                      vmcall
 *        │ RAX RBX RCX RDX RBP RSI RDI                 pop r15 … rax
 *        │ R8 … R15   ◄── RSP, RDI                     add rsp, 16
 * lower                                                iretq
 * ```
 *
 * The idle loop asks whether there is work, then halts. The answer is in EAX: 0 halt, 1 ask
 * again, 2 enable interrupts and halt (`sti; hlt` lets no interrupt in between).
 */
import { hasErrorCode, VECTOR } from "../machine/mod.ts";
import { IMAGE } from "./layout.ts";
import { MachineCode } from "./machine_code.ts";

/** What RAX says at VMCALL. */
export const HYPERCALL = {
  /** A gate was entered; RDI is the trap frame. */
  INTERRUPT: 1,
  /** The kernel's main function. */
  MAIN: 2,
  /** The idle loop asks for work. */
  POLL: 3,
  /** A function that was registered; RDI is its number. */
  CALL: 4,
} as const;

/** What the idle loop is told. */
export const IDLE = { HALT: 0, AGAIN: 1, ENABLE_AND_HALT: 2 } as const;

export const VECTORS = 256;
/** Bytes from one vector's entry to the next one's. */
const STRIDE = 16;

/** RAX RBX RCX RDX RBP RSI RDI R8 … R15, in the order of pushing. */
const PUSH = [
  [0x50],
  [0x53],
  [0x51],
  [0x52],
  [0x55],
  [0x56],
  [0x57],
  ...Array.from({ length: 8 }, (_, i) => [0x41, 0x50 + i]),
];
/** The opcode of POP is that of PUSH and 8. */
const pop = (push: readonly number[]) => push.with(-1, push.at(-1)! + 8);

const VMCALL = [0x0f, 0x01, 0xc1];

/** The kernel's text, from {@linkcode IMAGE.TEXT} on, with its symbols. */
export function kernelText(): MachineCode {
  const code = new MachineCode(IMAGE.TEXT);
  entry(code);
  routines(code);
  gates(code);
  return code;
}

function entry(code: MachineCode): void {
  code.label("_start")
    .bytes(0xb8).word32(HYPERCALL.MAIN) // mov eax, MAIN
    .bytes(...VMCALL);
  code.label("idle")
    .bytes(0xb8).word32(HYPERCALL.POLL) // mov eax, POLL
    .bytes(...VMCALL)
    .bytes(0x83, 0xf8, IDLE.AGAIN) // cmp eax, 1
    .jump8(0x74, "idle") // je idle
    .jump8(0x72, "idle_halt") // jb idle_halt
    .bytes(0xfb); // sti
  code.label("idle_halt")
    .bytes(0xf4) // hlt
    .jump8(0xeb, "idle"); // jmp idle
  code.label("hlt_loop")
    .bytes(0xf4) // hlt
    .jump8(0xeb, "hlt_loop"); // jmp hlt_loop
}

/** Routines to call, by the System V convention: RDI, RSI, RDX in, RAX out. */
function routines(code: MachineCode): void {
  code.align(16).label("stack_overflow")
    .jump32(0xe8, "stack_overflow") // call stack_overflow
    .bytes(0xc3); // ret
  code.align(16).label("set_cs")
    .bytes(0x58) // pop rax
    .bytes(0x57) // push rdi
    .bytes(0x50) // push rax
    .bytes(0x48, 0xcb); // retfq
  code.align(16).label("memset")
    .bytes(0x57) // push rdi
    .bytes(0x89, 0xf0) // mov eax, esi
    .bytes(0x48, 0x89, 0xd1) // mov rcx, rdx
    .bytes(0xf3, 0xaa) // rep stosb
    .bytes(0x58, 0xc3); // pop rax; ret
  code.align(16).label("memcpy")
    .bytes(0x48, 0x89, 0xf8) // mov rax, rdi
    .bytes(0x48, 0x89, 0xd1) // mov rcx, rdx
    .bytes(0xf3, 0xa4) // rep movsb
    .bytes(0xc3); // ret
  code.align(16).label("memcmp")
    .bytes(0x48, 0x89, 0xd1) // mov rcx, rdx
    .bytes(0x39, 0xc0) // cmp eax, eax: equal, should there be no bytes
    .bytes(0xf3, 0xa6) // repe cmpsb
    .jump8(0x74, "memcmp_equal") // je memcmp_equal
    .bytes(0x0f, 0xb6, 0x47, 0xff) // movzx eax, byte ptr [rdi - 1]
    .bytes(0x0f, 0xb6, 0x4e, 0xff) // movzx ecx, byte ptr [rsi - 1]
    .bytes(0x29, 0xc8) // sub eax, ecx
    .bytes(0xc3) // ret
    .label("memcmp_equal")
    .bytes(0x31, 0xc0, 0xc3); // xor eax, eax; ret
}

function gates(code: MachineCode): void {
  code.align(16).label("save");
  for (const push of PUSH) code.bytes(...push);
  code.bytes(0xfc) // cld
    .bytes(0x48, 0x89, 0xe7) // mov rdi, rsp
    .bytes(0xb8).word32(HYPERCALL.INTERRUPT) // mov eax, INTERRUPT
    .bytes(...VMCALL);
  code.label("restore");
  for (const push of PUSH.toReversed()) code.bytes(...pop(push));
  code.bytes(0x48, 0x83, 0xc4, 0x10) // add rsp, 16
    .bytes(0x48, 0xcf); // iretq
  code.align(STRIDE).label("gates");
  for (let vector = 0; vector < VECTORS; vector++) {
    code.align(STRIDE).label(`vector_${vector}`);
    if (!pushesErrorCode(vector)) code.bytes(0x6a, 0); // push 0
    code.bytes(0x68).word32(vector) // push vector
      .jump32(0xe9, "save"); // jmp save
  }
}

/** Whether the CPU pushes an error code when this vector is an exception. */
export function pushesErrorCode(vector: number): boolean {
  return vector <= VECTOR.XM && hasErrorCode(vector);
}
