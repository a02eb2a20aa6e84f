; The last 4 KiB of a 64 KiB ROM: from the reset vector to 64-bit or flat 32-bit mode, then copies
; the segments that the header at F000:0000 lists and jumps to the entry (see rom.ts).
; RAM is taken to be zero. Page tables: 1 GiB mapped one to one with 2 MiB pages at 0x10000.
        org     0xff000
HEADER  equ     0xf0000         ; dwords: bits (32 or 64), entry, count, then source, target, length
TABLES  equ     0x10000

        bits    16
start:  cli
        cld
        o32 lgdt [cs:0xf000 + gdtr - $$]
        mov     eax, cr0
        or      al, 1
        mov     cr0, eax
        jmp     dword 0x08:flat

        bits    32
flat:   mov     eax, 0x10
        mov     ds, eax
        mov     es, eax
        mov     ss, eax
        mov     fs, eax
        mov     gs, eax
        mov     esp, 0x8000
        mov     ebx, [HEADER + 8]
        mov     edx, HEADER + 12
.copy:  mov     esi, [edx]
        mov     edi, [edx + 4]
        mov     ecx, [edx + 8]
        shr     ecx, 2
        rep movsd
        mov     ecx, [edx + 8]
        and     ecx, 3
        rep movsb
        add     edx, 12
        dec     ebx
        jnz     .copy
        cmp     dword [HEADER], 64
        je      .long
        jmp     [HEADER + 4]

.long:  mov     dword [TABLES], TABLES + 0x1003
        mov     dword [TABLES + 0x1000], TABLES + 0x2003
        mov     edi, TABLES + 0x2000
        mov     eax, 0x83
.fill:  mov     [edi], eax
        add     eax, 0x200000
        add     edi, 8
        cmp     edi, TABLES + 0x3000
        jne     .fill
        mov     eax, TABLES
        mov     cr3, eax
        mov     eax, cr4
        or      eax, 0x20
        mov     cr4, eax
        mov     ecx, 0xc0000080
        rdmsr
        or      eax, 0x100
        wrmsr
        mov     eax, cr0
        or      eax, 0x80000000
        mov     cr0, eax
        jmp     0x18:.long64

        bits    64
.long64:
        mov     eax, [HEADER + 4]
        jmp     rax

        align   8
gdt:    dq      0
        dq      0x00cf9b000000ffff      ; 08: 32-bit code
        dq      0x00cf93000000ffff      ; 10: data
        dq      0x00af9b000000ffff      ; 18: 64-bit code
gdtr:   dw      gdtr - gdt - 1
        dd      gdt

        times   0xff0 - ($ - $$) db 0
        bits    16
reset:  jmp     0xf000:0xf000 + start - $$
        times   0x1000 - ($ - $$) db 0
