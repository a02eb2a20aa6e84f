/* Entry: the loader has put the CPU into 64-bit (or flat 32-bit) mode with RAM mapped one to one. */
        .section .text.start, "ax"
        .globl  _start
_start:
        cli
        cld
#ifdef __x86_64__
        lea     stack_top(%rip), %rsp
#else
        mov     $stack_top, %esp
#endif
        xor     %ebp, %ebp
        call    guest_main
1:      hlt
        jmp     1b

        .section .bss.stack, "aw", @nobits
        .balign 16
        .skip   65536
stack_top:

        .section .note.GNU-stack, "", @progbits
