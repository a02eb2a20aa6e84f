; A 16-bit program that is driven by the BIOS: prints, waits for keys, echoes them, ends at Esc.

bits 16
org 0x7c00

start:
    xor ax, ax
    mov ds, ax
    mov ss, ax
    mov sp, 0x7c00
    mov si, greeting
    call print
.key:
    xor ax, ax
    int 0x16
    cmp al, 27
    je .end
    mov ah, 0x0e
    mov bx, 7
    int 0x10
    cmp al, 13
    jne .key
    mov al, 10
    int 0x10
    jmp .key
.end:
    mov si, goodbye
    call print
    cli
    hlt
    jmp .end

print:
    lodsb
    test al, al
    jz .done
    mov ah, 0x0e
    mov bx, 7
    int 0x10
    jmp print
.done:
    ret

greeting db "Type, Esc ends.", 13, 10, 0
goodbye db "Bye.", 13, 10, 0

times 510 - ($ - $$) db 0
dw 0xaa55
