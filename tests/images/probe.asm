; Calls a BIOS service with registers that a test chose, and shows what came back.
;
; The block at 0x600:  +0 number  +4 EAX ECX EDX EBX EBP ESI EDI  +32 DS ES FLAGS
; Port 0xF4 is written before every call: the test fills the block there and runs on.

bits 16
org 0x7c00

BLOCK equ 0x600

start:
    cli
    xor ax, ax
    mov ds, ax
    mov ss, ax
    mov sp, 0x7000
    sti
next:
    xor ax, ax
    mov ds, ax
    out 0xf4, al
    mov al, [BLOCK]
    mov [call + 1], al
    jmp $ + 2
    mov eax, [BLOCK + 4]
    mov ecx, [BLOCK + 8]
    mov edx, [BLOCK + 12]
    mov ebx, [BLOCK + 16]
    mov ebp, [BLOCK + 20]
    mov esi, [BLOCK + 24]
    mov edi, [BLOCK + 28]
    mov es, [BLOCK + 34]
    push word [BLOCK + 36]
    mov ds, [BLOCK + 32]
    popf
call:
    int 0
    push ds
    push word 0
    pop ds
    mov [BLOCK + 4], eax
    pop word [BLOCK + 32]
    pushf
    pop word [BLOCK + 36]
    mov [BLOCK + 8], ecx
    mov [BLOCK + 12], edx
    mov [BLOCK + 16], ebx
    mov [BLOCK + 20], ebp
    mov [BLOCK + 24], esi
    mov [BLOCK + 28], edi
    mov [BLOCK + 34], es
    jmp next

times 510 - ($ - $$) db 0
dw 0xaa55
; The sectors behind hold their number in every word.
%assign sector 1
%rep 63
times 256 dw sector
%assign sector sector + 1
%endrep
