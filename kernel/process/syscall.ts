/**
 * SYSCALL: how a program in ring 3 comes to the kernel.
 *
 * The instruction changes CS, SS, RIP and RFLAGS, and nothing else: RSP is still the program's. So
 * the entry, with interrupts masked by FMASK, takes the kernel's stack from its own block, which
 * SWAPGS makes reachable, and builds the same trap frame there that an interrupt leaves. What
 * waits in that frame can be switched away from like any interrupted thread.
 *
 * ```text
 * GS block + 0  end of the running thread's kernel stack
 *          + 8  the program's RSP, for a moment
 * ```
 */
import { EFER, MSR, RFLAGS } from "../../machine/mod.ts";
import type { Selectors } from "../gdt.ts";
import type { Kernel } from "../kernel.ts";
import { MachineCode } from "../machine_code.ts";
import { HYPERCALL } from "../stubs.ts";

/** What RAX says at SYSCALL; arguments in RDI and RSI, the result in RAX. RCX and R11 are lost. */
export const SYSCALL = {
  /** Ends the process with the exit code RDI. */
  EXIT: 0,
  /** Prints RSI bytes at RDI. Gives how many. */
  WRITE: 1,
  /** Lets others run. */
  YIELD: 2,
  /** Sleeps RDI ticks of the timer. */
  SLEEP: 3,
  /** Gives the number of the process. */
  GETPID: 4,
} as const;

/** Negative results. */
export const ERRNO = { EFAULT: -14, ENOSYS: -38 } as const;

/** The vector in a trap frame that SYSCALL left. */
export const SYSCALL_VECTOR = 0x100;

const GS_BLOCK_BYTES = 16;
const FLAGS_MASKED = RFLAGS.IF | RFLAGS.TF | RFLAGS.DF | RFLAGS.AC | RFLAGS.NT;

/** RAX RBX RCX RDX RBP RSI RDI R8 … R15, as the gates push them. */
const PUSH: readonly (readonly number[])[] = [
  ...[0x50, 0x53, 0x51, 0x52, 0x55, 0x56, 0x57].map((opcode) => [opcode]),
  ...Array.from({ length: 8 }, (_, i) => [0x41, 0x50 + i]),
];
const SWAPGS = [0x0f, 0x01, 0xf8];

/** The entry's code; it may stand anywhere. @param call Number of the registered function. */
function entryCode(call: number, { userData, userCode }: Selectors): Uint8Array {
  const code = new MachineCode(0);
  code.bytes(...SWAPGS)
    .bytes(0x65, 0x48, 0x89, 0x24, 0x25).word32(8) // mov gs:[8], rsp
    .bytes(0x65, 0x48, 0x8b, 0x24, 0x25).word32(0) // mov rsp, gs:[0]
    .bytes(0x6a, userData) // push user data segment
    .bytes(0x65, 0xff, 0x34, 0x25).word32(8) // push gs:[8]
    .bytes(...SWAPGS)
    .bytes(0x41, 0x53) // push r11: flags
    .bytes(0x6a, userCode) // push user code segment
    .bytes(0x51) // push rcx: instruction pointer
    .bytes(0x6a, 0) // push 0: no error code
    .bytes(0x68).word32(SYSCALL_VECTOR); // push vector
  for (const push of PUSH) code.bytes(...push);
  code.bytes(0xbf).word32(call) // mov edi, number
    .bytes(0xb8).word32(HYPERCALL.CALL) // mov eax, CALL
    .bytes(0x0f, 0x01, 0xc1); // vmcall
  for (const push of PUSH.toReversed()) code.bytes(...push.with(-1, push.at(-1)! + 8)); // pop
  return code
    .bytes(0x48, 0x83, 0xc4, 0x10) // add rsp, 16
    .bytes(0x59) // pop rcx
    .bytes(0x48, 0x83, 0xc4, 0x08) // add rsp, 8
    .bytes(0x41, 0x5b) // pop r11
    .bytes(0x5c) // pop rsp
    .bytes(0x48, 0x0f, 0x07) // sysretq
    .finish();
}

/** The GS block. */
export class SyscallEntry {
  readonly #kernel: Kernel;
  readonly #block: number;
  /** Address of the code. */
  readonly address: number;

  /**
   * Loads the entry and sets STAR, LSTAR, FMASK, KERNEL_GS_BASE and EFER.SCE.
   *
   * @param call Called with the trap frame at RSP.
   */
  constructor(kernel: Kernel, selectors: Selectors, call: () => void) {
    this.#kernel = kernel;
    const { cpu, statics } = kernel;
    this.#block = statics.reserve("GS_BLOCK", GS_BLOCK_BYTES, 16);
    const number = kernel.registerCall("the system call", call);
    this.address = kernel.loadCode(entryCode(number, selectors), "syscall_entry");
    // SYSRET: SS is this base + 8, CS this base + 16. SYSCALL: CS, and SS behind it.
    const base = BigInt(selectors.userData & ~3) - 8n;
    cpu.wrmsr(MSR.STAR, base << 48n | BigInt(selectors.kernelCode) << 32n);
    cpu.wrmsr(MSR.LSTAR, this.address);
    cpu.wrmsr(MSR.FMASK, FLAGS_MASKED);
    cpu.wrmsr(MSR.KERNEL_GS_BASE, this.#block);
    cpu.wrmsr(MSR.EFER, cpu.rdmsr(MSR.EFER) | BigInt(EFER.SCE));
  }

  /** Sets the stack that the next SYSCALL takes. */
  setStack(end: bigint): void {
    this.#kernel.cpu.store64(this.#block, end);
  }
}
