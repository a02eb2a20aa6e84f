/** The machine code of threads: how they end, and how the idle loop gives its turn away. */
import { asm, type AssembledCode } from "../../machine/mod.ts";

/** `int 0x30` is a call to the scheduler; RAX says which. */
export const THREAD_VECTOR = 0x30;

/** What RAX says at {@linkcode THREAD_VECTOR}; arguments in RDI and RSI, the result in RAX. */
export const THREAD_CALL = {
  /** Lets others run. */
  YIELD: 0,
  /** Sleeps RDI ticks of the timer. */
  SLEEP: 1,
  /** Ends with the exit code RDI. */
  EXIT: 2,
  /** Waits until thread RDI has ended. Gives its exit code, or −1 if there is no such thread. */
  JOIN: 3,
  /** Gives its own number. */
  SELF: 4,
  /** Prints RSI bytes at RDI. */
  PRINT: 5,
} as const;

/** Where a thread's function returns to: it ends with what that left in RAX. */
export function exitCode(): AssembledCode {
  return asm`
    mov rdi, rax
    mov eax, ${THREAD_CALL.EXIT}
    int ${THREAD_VECTOR}
  `;
}

/** Where the idle loop goes when threads are ready. @param idle Address of the loop. */
export function idleYieldCode(idle: number): AssembledCode {
  return asm`
    sti
    mov eax, ${THREAD_CALL.YIELD}
    int ${THREAD_VECTOR}
    mov eax, ${idle}
    jmp rax
  `;
}
