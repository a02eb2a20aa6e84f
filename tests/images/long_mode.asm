; A disk image of the shape of a bootimage: a boot sector that loads the rest by INT 13h, asks for
; the memory map, opens A20 and unreal mode, copies a 64-bit kernel above 1 MiB, and enters it in
; long mode. The kernel prints to the screen and to COM1, takes four timer interrupts and a
; breakpoint, and ends through port 0xF4 with 0x10.

bits 16
org 0x7c00

STAGE2 equ 0x7e00
STAGE2_SECTORS equ 4
KERNEL_SECTORS equ 8
KERNEL_LBA equ 1 + STAGE2_SECTORS
BUFFER equ 0x9000
KERNEL equ 0x100000
MAP equ 0x600
PML4 equ 0x1000
TICKS equ 4

start:
    cli
    xor ax, ax
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov sp, 0x7c00
    mov [drive], dl
    mov si, banner
    call print
    mov ah, 0x41
    mov bx, 0x55aa
    int 0x13
    jc fail
    mov word [packet + 2], STAGE2_SECTORS
    mov word [packet + 4], STAGE2
    mov dword [packet + 8], 1
    call load
    jmp stage2

load:
    mov si, packet
    mov ah, 0x42
    mov dl, [drive]
    int 0x13
    jc fail
    ret

fail:
    mov si, failed
    call print
    cli
    hlt

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

drive db 0
align 4
packet dw 16, 0, 0, 0
    dq 0
banner db "Booting", 13, 10, 0
failed db "Disk error", 13, 10, 0

times 510 - ($ - $$) db 0
dw 0xaa55

stage2:
    ; The memory map.
    mov di, MAP + 4
    xor ebx, ebx
    mov dword [MAP], 0
.map:
    mov eax, 0xe820
    mov edx, 0x534d4150
    mov ecx, 24
    int 0x15
    jc .mapped
    inc dword [MAP]
    add di, 24
    test ebx, ebx
    jnz .map
.mapped:
    ; A20 through port 0x92.
    in al, 0x92
    or al, 2
    out 0x92, al
    ; Unreal mode: DS and ES with a limit of 4 GiB, base as before.
    lgdt [gdtr]
    mov eax, cr0
    or al, 1
    mov cr0, eax
    jmp $ + 2
    mov bx, 0x10
    mov ds, bx
    mov es, bx
    and al, 0xfe
    mov cr0, eax
    jmp $ + 2
    xor ax, ax
    mov ds, ax
    mov es, ax
    ; The kernel, sector by sector, to 1 MiB.
    mov word [packet + 2], 1
    mov word [packet + 4], BUFFER
    mov dword [packet + 8], KERNEL_LBA
    mov edi, KERNEL
    mov cx, KERNEL_SECTORS
.sector:
    push cx
    push edi
    call load
    pop edi
    mov esi, BUFFER
    mov ecx, 128
    a32 rep movsd
    inc dword [packet + 8]
    pop cx
    loop .sector
    mov ax, 3
    int 0x10
    cli
    mov eax, cr0
    or al, 1
    mov cr0, eax
    jmp 0x18:protected

bits 32
protected:
    mov ax, 0x10
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov esp, 0x7c00
    ; The first GiB one to one, in large pages.
    mov edi, PML4
    xor eax, eax
    mov ecx, 3 * 1024
    cld
    rep stosd
    mov dword [PML4], PML4 + 0x1003
    mov dword [PML4 + 0x1000], PML4 + 0x2003
    mov edi, PML4 + 0x2000
    mov eax, 0x83
    mov ecx, 512
.page:
    mov [edi], eax
    add eax, 0x200000
    add edi, 8
    loop .page
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
    jmp 0x08:entry

bits 64
entry:
    mov rsp, 0x7c00
    mov eax, KERNEL
    jmp rax

align 8
gdt dq 0
    dq 0x00af9b000000ffff
    dq 0x00cf93000000ffff
    dq 0x00cf9b000000ffff
gdtr dw $ - gdt - 1
    dd gdt

times 512 * (1 + STAGE2_SECTORS) - ($ - $$) db 0

; The kernel, at 1 MiB.
kernel:
%define at(label) (KERNEL + (label) - kernel)
    mov rdi, IDT
    mov ecx, 256 * 16 / 8
    xor eax, eax
    cld
    rep stosq
    mov edi, 3
    mov rax, at(breakpoint)
    call gate
    mov edi, 32
    mov rax, at(timer)
    call gate
    mov rax, at(idtr)
    lidt [rax]
    mov rsi, at(hello)
    call say
    int3
    ; PIC to 32 and 40, only the timer.
    mov al, 0x11
    out 0x20, al
    out 0xa0, al
    mov al, 32
    out 0x21, al
    mov al, 40
    out 0xa1, al
    mov al, 4
    out 0x21, al
    mov al, 2
    out 0xa1, al
    mov al, 1
    out 0x21, al
    out 0xa1, al
    mov al, 0xfe
    out 0x21, al
    mov al, 0xff
    out 0xa1, al
    xor r15d, r15d
    sti
.wait:
    hlt
    cmp r15, TICKS
    jb .wait
    cli
    mov rsi, at(done)
    call say
    mov al, 0x10
    out 0xf4, al
.end:
    hlt
    jmp .end

IDT equ 0x200000

; RDI vector, RAX handler.
gate:
    shl edi, 4
    add edi, IDT
    mov [rdi], ax
    mov word [rdi + 2], 8
    mov word [rdi + 4], 0x8e00
    shr rax, 16
    mov [rdi + 6], ax
    shr rax, 16
    mov [rdi + 8], eax
    ret

breakpoint:
    push rsi
    push rax
    push rdx
    mov rsi, at(broke)
    call say
    pop rdx
    pop rax
    pop rsi
    iretq

timer:
    push rax
    inc r15
    mov al, 0x20
    out 0x20, al
    pop rax
    iretq

; RSI text with a zero: to the screen's next line and to COM1.
say:
    mov rdi, [at(line)]
    add qword [at(line)], 160
.next:
    lodsb
    test al, al
    jz .end
    mov ah, 0x0f
    mov [rdi], ax
    add rdi, 2
    call send
    jmp .next
.end:
    mov al, 10

; AL to COM1, when its transmitter is empty.
send:
    push rax
    mov dx, 0x3fd
.wait:
    in al, dx
    test al, 0x20
    jz .wait
    pop rax
    mov dx, 0x3f8
    out dx, al
    ret

align 8
line dq 0xb8000
idtr dw 256 * 16 - 1
    dq IDT
hello db "Hello from long mode!", 0
broke db "EXCEPTION: BREAKPOINT", 0
done db "It did not crash!", 0

times 512 * (1 + STAGE2_SECTORS + KERNEL_SECTORS) - ($ - $$) db 0
