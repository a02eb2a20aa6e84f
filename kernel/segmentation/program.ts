/** The machine code of the segmentation lab: its small kernel, and the program that runs twice. */
import { assemble, type AssembledCode } from "../../machine/mod.ts";

/** Size of the program with its data and stack, in bytes: the chapter's 150. */
export const PROGRAM_BYTES = 150;

/** Offset of the program's variable in its segment. */
export const COUNTER = 100;

/** How a program gives control back: INT 0x30. */
export const DONE_VECTOR = 0x30;

/**
 * The program. All its addresses are offsets in its segments: it does not know where it is.
 *
 * | entry | does |
 * |---|---|
 * | `count` | adds 1 to its variable, gives it in EAX |
 * | `last_byte` | writes the last byte of its segment |
 * | `overstep` | writes the byte behind it |
 * | `peek` | reads the byte behind it |
 * | `run_away` | jumps behind it |
 * | `overflow` | pushes below its stack's end |
 */
export function program(): AssembledCode {
  return assemble(
    `
    count:
      inc dword ptr [${COUNTER}]
      mov eax, [${COUNTER}]
    done:
      int ${DONE_VECTOR}
      jmp count
    last_byte:
      mov byte ptr [${PROGRAM_BYTES - 1}], 0x55
      jmp done
    overstep:
      mov byte ptr [${PROGRAM_BYTES}], 0x55
      jmp done
    peek:
      mov al, [${PROGRAM_BYTES}]
      jmp done
    run_away:
      mov eax, ${PROGRAM_BYTES}
      jmp eax
    overflow:
      mov esp, 2
      push eax
      jmp done`,
    { bits: 32, at: 0 },
  );
}

/**
 * The kernel's part: into a program by IRET, with its data segments in EAX; out of it by a gate.
 * What to do then is decided in TypeScript, behind VMCALL.
 */
export function kernel(at: number): AssembledCode {
  return assemble(
    `
    enter:
      mov ds, eax
      mov es, eax
      mov eax, ebx
      mov ebx, ecx
      iretd
    finished:
      vmcall
      hlt
    stack_fault:
      vmcall
      hlt
    protection_fault:
      vmcall
      hlt`,
    { bits: 32, at },
  );
}
