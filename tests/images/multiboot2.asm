; A Multiboot 2 kernel, as raw bytes with address tags: prints its command line, the count of
; memory map entries and its first module to COM1, goes to long mode, and ends with 0x11.

bits 32
BASE equ 0x200000
org BASE

header:
    dd 0xe85250d6, 0, header_end - header
    dd 0x100000000 - (0xe85250d6 + (header_end - header))
    dw 2, 0                             ; addresses
    dd 24, header, BASE, load_end, bss_end
    dw 3, 0                             ; entry
    dd 12, start, 0
    dw 0, 0
    dd 8
header_end:

start:
    mov esp, stack_top
    cmp eax, 0x36d76289
    jne wrong
    lea esi, [ebx + 8]
.tag:
    mov eax, [esi]
    test eax, eax
    jz .end
    cmp eax, 1
    je .text
    cmp eax, 3
    je .module
    cmp eax, 6
    je .map
.next:
    mov eax, [esi + 4]
    add eax, 7
    and eax, ~7
    add esi, eax
    jmp .tag
.text:
    lea edi, [esi + 8]
    call say
    jmp .next
.module:
    mov edi, [esi + 8]
    call say
    lea edi, [esi + 16]
    call say
    jmp .next
.map:
    mov eax, [esi + 4]
    sub eax, 16
    xor edx, edx
    div dword [esi + 8]
    add al, '0'
    mov [digit], al
    mov edi, digit
    call say
    jmp .next
.end:
    mov edi, PML4
    xor eax, eax
    mov ecx, 3 * 1024
    rep stosd
    mov dword [PML4], PML4 + 0x1003
    mov dword [PML4 + 0x1000], PML4 + 0x2003
    mov dword [PML4 + 0x2000], 0x83
    mov dword [PML4 + 0x2008], 0x200083
    mov eax, PML4
    mov cr3, eax
    mov eax, cr4
    or eax, 0x20
    mov cr4, eax
    mov ecx, 0xc0000080
    rdmsr
    or eax, 0x100
    wrmsr
    mov eax, cr0
    or eax, 0x80000000
    mov cr0, eax
    lgdt [gdtr]
    jmp 8:long_code

wrong:
    mov edi, no
    call say
    mov al, 1
    out 0xf4, al
    hlt

say:
    mov al, [edi]
    inc edi
    test al, al
    jz .end
    call send
    jmp say
.end:
    mov al, 10

; AL to COM1, when its transmitter is empty.
send:
    mov ah, al
    mov dx, 0x3fd
.wait:
    in al, dx
    test al, 0x20
    jz .wait
    mov al, ah
    mov dx, 0x3f8
    out dx, al
    ret

bits 64
long_code:
    mov rax, "64 bits!"
    mov [rel text], rax
    lea rdi, [rel text]
.next:
    mov al, [rdi]
    inc rdi
    test al, al
    jz .end
    mov dx, 0x3f8
    out dx, al
    jmp .next
.end:
    mov al, 0x11
    out 0xf4, al
    hlt

align 8
gdt dq 0, 0x00af9b000000ffff
gdtr dw $ - gdt - 1
    dd gdt
no db "not Multiboot 2", 0
digit db 0, 0
load_end:
absolute load_end
text: resb 16
resb 4096
stack_top:
bss_end:
PML4 equ 0x300000
