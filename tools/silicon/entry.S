/* The signal handler's door: flags that a case may have left set are put right first. */
        .text
        .globl  signal_entry
signal_entry:
        pushfq
        andq    $~(0x40000 | 0x4000 | 0x400 | 0x100 | 0x200000), (%rsp)
        popfq
        jmp     signal_handler
        .section .note.GNU-stack, "", @progbits
