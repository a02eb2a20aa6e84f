; A tour of the modes for lock-step: real, protected with 16/32-bit code, rings, virtual-8086,
; paging, long mode with IST, ring 3 and compatibility mode. 8 KiB at the ROM's end.
;
; Faults are wanted: EXPECT names where to go on, and the handlers return there. Vector, error
; code and CR2 of each go to a log in RAM, which is compared at the end like all memory.
        org     0xfe000
%define O(label) (label - $$ + 0xe000)          ; offset within segment F000

RESUME  equ     0x600           ; where handlers return to
LOG_AT  equ     0x608           ; next entry of the log
GDT     equ     0x1000
IDT32   equ     0x1800
TSS32   equ     0x2000
IDT64   equ     0x3000
TSS64   equ     0x4000
LOG     equ     0x5000
STACK_I equ     0x7000          ; IST 1
STACK_0 equ     0x8000          ; ring 0
STACK_3 equ     0x9000          ; ring 3
TABLES  equ     0x10000
DATA    equ     0x20000

; ---------------------------------------------------------------- real mode
        bits    16
start:  cli
        cld
        xor     ax, ax
        mov     ds, ax
        mov     ss, ax
        mov     sp, 0x7c00
        mov     bx, 0x2000
        mov     es, bx

%macro  IVT 2
        mov     word [%1 * 4], O(%2)
        mov     word [%1 * 4 + 2], 0xf000
%endmacro
        IVT     0, real_fault
        IVT     3, real_int
        IVT     4, real_int
        IVT     5, real_fault
        IVT     6, real_fault
        IVT     0x21, real_int

; Arithmetic on all sizes, with every carry and sign.
        mov     cx, 16
        mov     eax, 0x7fff80ff
        mov     edx, 0x8001ff01
.arith: add     al, dl
        adc     ax, dx
        sbb     eax, edx
        sub     dh, al
        inc     dx
        dec     eax
        neg     edx
        cmp     eax, edx
        xor     ah, dl
        and     edx, 0xf7ffffff
        or      eax, 0x10
        not     dx
        test    eax, edx
        lahf
        sahf
        rol     eax, 1
        rcr     edx, 1
        shl     ax, 3
        sar     dx, cl
        shld    eax, edx, 5
        shrd    edx, eax, cl
        ror     al, cl
        rcl     edx, cl
        bt      eax, ecx
        bts     edx, 3
        btc     ax, dx
        bsf     ebx, eax
        bsr     bx, dx
        bswap   eax
        xchg    ax, dx
        movsx   ebx, al
        movzx   esi, dx
        cbw
        cwde
        cdq
        cwd
        loop    .arith

; Decimal and ASCII adjustment.
        mov     cx, 12
        mov     ax, 0x0938
.bcd:   add     al, 0x27
        daa
        sub     al, 0x19
        das
        add     ax, 0x1f
        aaa
        sub     al, 9
        aas
        aam
        aad
        xchg    al, ah
        loop    .bcd

; Multiplication and division.
        mov     ax, 0x1234
        mov     bx, 0x0101
        mul     bx
        imul    bl
        imul    bx, ax, -3
        imul    ebx, edx
        mov     dx, 3
        mov     cx, 0x11
        div     cx
        mov     eax, -100000
        cdq
        mov     ecx, 777
        idiv    ecx
        mov     ax, 0x0f01
        mov     cl, 0x91
        idiv    cl

; Faults and interrupts through the IVT.
        mov     word [RESUME], O(.de)
        xor     cx, cx
        div     cx
.de:    mov     word [RESUME], O(.de2)
        mov     ax, 0x7fff
        mov     cl, 1
        idiv    cl
.de2:   int3
        int     0x21
        mov     al, 0x7f
        add     al, 1
        into
        mov     dword [0x610], 0x00200010
        mov     ax, 0x15
        bound   ax, [0x610]
        mov     word [RESUME], O(.br)
        mov     ax, 0x25
        bound   ax, [0x610]
.br:    mov     word [RESUME], O(.ud)
        ud2
.ud:

; Stack frames, far calls, string operations, segments.
        pusha
        popa
        pushad
        popad
        push    0x1234
        push    dword 0x12345678
        pop     ecx
        pop     dx
        pushf
        pushfd
        popfd
        popf
        enter   8, 0
        enter   4, 2
        leave
        leave
        call    0xf000:O(real_far)
        push    ax
        push    ax
        call    real_near
        push    es
        pop     fs
        mov     gs, bx
        mov     dword [0x618], 0x30001234
        lds     si, [0x618]
        xor     ax, ax
        mov     ds, ax
        les     di, [0x618]
        mov     ax, 0x2000
        mov     es, ax
        xor     di, di
        mov     cx, 9
        mov     al, 0x5a
        rep stosb
        mov     cx, 5
        mov     eax, 0x31323334
        rep stosd
        mov     si, O(start)
        mov     cx, 13
        cs rep movsw
        xor     di, di
        mov     al, 0x34
        mov     cx, 40
        repne scasb
        mov     si, O(start)
        mov     di, 9 + 20
        mov     cx, 30
        repe cs cmpsb
        std
        mov     di, 0x40
        mov     cx, 4
        rep stosw
        lodsb
        cld
        mov     bx, O(gdt)
        mov     al, 9
        cs xlatb
        xor     cx, cx
        rep movsb
        jcxz    .next
        nop
.next:  mov     ecx, 0x10000
        db      0x67
        jcxz    .bad
        a32 loop .ecx
.bad:   nop
.ecx:   mov     esi, DATA + 5
        mov     eax, [esi + 4 - DATA]
        mov     al, [bx + si]
        lea     bx, [bp + di - 3]
        lea     eax, [eax + esi * 4 + 7]
        xadd    [0x620], ax
        cmpxchg [0x620], dx
        cmpxchg8b [0x628]
        setc    [0x630]
        setnle  al
        cmovs   ax, bx
        sgdt    [0x640]
        sidt    [0x648]
        smsw    ax
        smsw    eax
        salc

; ---------------------------------------------------------------- to protected mode
        mov     ax, 0x100
        mov     es, ax
        xor     di, di
        mov     si, O(gdt)
        mov     cx, (gdt.end - gdt) / 2
        cs rep movsw
        xor     ax, ax
        mov     es, ax
        o32 lgdt [cs:word O(gdtr)]
        o32 lidt [cs:word O(idtr32)]
        mov     eax, cr0
        or      al, 1
        mov     cr0, eax
        jmp     dword 0x08:flat

real_int:
        push    bp
        mov     bp, sp
        xor     word [bp + 6], 0x801
        pop     bp
        iret
real_fault:
        push    bp
        mov     bp, sp
        push    ax
        mov     ax, [RESUME]
        mov     [bp + 2], ax
        pop     ax
        pop     bp
        iret
real_far:
        retf
real_near:
        ret     4

; ---------------------------------------------------------------- protected mode
        bits    32
%macro  EXPECT 1
        mov     dword [RESUME], %1
%endmacro

flat:   mov     eax, 0x10
        mov     ds, eax
        mov     es, eax
        mov     ss, eax
        mov     esp, STACK_0
        mov     dword [LOG_AT], LOG

; 32-bit interrupt gates for all vectors that can come, and 0x80 from ring 3.
        mov     ebx, IDT32
        mov     edx, stubs32
        mov     ecx, 32
.gate:  mov     eax, edx
        and     eax, 0xffff
        or      eax, 0x00080000
        mov     [ebx], eax
        mov     eax, edx
        mov     ax, 0x8e00
        mov     [ebx + 4], eax
        add     ebx, 8
        add     edx, 8
        loop    .gate
        or      byte [IDT32 + 3 * 8 + 5], 0x60  ; int3 and into from ring 3
        or      byte [IDT32 + 4 * 8 + 5], 0x60
        mov     eax, syscall32
        and     eax, 0xffff
        or      eax, 0x00080000
        mov     [IDT32 + 0x80 * 8], eax
        mov     dword [IDT32 + 0x80 * 8 + 4], 0x000fef00
        mov     dword [TSS32 + 4], STACK_0 - 0x200
        mov     dword [TSS32 + 8], 0x10
        mov     word [TSS32 + 102], 104         ; I/O bitmap: all but ports 0x40 to 0x47
        mov     dword [TSS32 + 112], 0xff
        mov     ax, 0x28
        ltr     ax
        str     ebx
        sldt    ecx

; Faults of segmentation.
        EXPECT  .gp
        mov     eax, 0x1000
        mov     ds, eax
.gp:    EXPECT  .gp2
        mov     fs, [cs:.data_far]
.data_far:
.gp2:   EXPECT  .np
        mov     eax, 0x60                       ; not present
        mov     gs, eax
.np:    EXPECT  .ss
        mov     eax, 0x08                       ; code in SS
        mov     ss, eax
; QEMU looks at no limits and no rights of data accesses, so there are only legal ones here.
.ss:    mov     eax, 0x68                       ; 256 bytes
        mov     fs, eax
        mov     al, [fs:0xff]
        mov     eax, 0x70                       ; expand-down above 0xfff
        mov     gs, eax
        mov     al, [gs:0x1000]
        mov     eax, 0x78                       ; read-only
        mov     es, eax
        mov     al, [es:0x600]
        xor     eax, eax
        mov     es, eax
        mov     eax, 0x10
        mov     es, eax
        EXPECT  .ud
        ud2
.ud:    EXPECT  .de
        xor     ecx, ecx
        div     ecx
.de:    EXPECT  .lock
        db      0xf0, 0x90                      ; lock nop
.lock:  int3
        EXPECT  .int
        int     0x90                            ; beyond the IDT
.int:   EXPECT  .jump
        jmp     0x10:0
.jump:  EXPECT  .jump2
        jmp     0x1238:0
.jump2: lar     eax, ebx
        lsl     ecx, ebx
        mov     ebx, 0x68
        lar     eax, ebx
        lsl     ecx, ebx
        verr    bx
        verw    bx
        mov     ebx, 0x08
        verw    bx
        mov     ebx, 0x4000
        lar     edx, ebx
        mov     eax, 0x13
        mov     ebx, 0x10
        arpl    bx, ax
        clts
        smsw    eax
        sgdt    [0x650]
        sidt    [0x658]

; Arithmetic once more, with 32-bit addressing.
        mov     edi, DATA
        mov     ecx, 8
        mov     eax, 0x01234567
.fill:  stosd
        imul    eax, eax, 0x10dcd
        inc     eax
        loop    .fill
        mov     esi, DATA
        mov     ebx, 4
        mov     eax, [esi + ebx * 4 + 2]
        add     [esi + ebx], eax
        lock xadd [esi], ebx
        lock cmpxchg [esi + 4], ecx
        lock inc dword [esi + 8]
        bts     dword [esi], 70
        mov     ecx, -9
        btc     [esi + 8], ecx
        movbe   eax, [esi + 1]
        popcnt  ebx, eax
        tzcnt   ecx, eax
        lzcnt   edx, eax
        andn    eax, ebx, ecx
        bextr   eax, [esi], ecx
        blsi    ebx, [esi]
        blsr    ecx, ebx
        blsmsk  edx, ebx
        mulx    eax, ecx, [esi]
        pdep    ebx, eax, [esi]
        pext    ecx, ebx, [esi]
        rorx    edx, [esi], 7
        bzhi    eax, [esi], ebx
        sarx    eax, [esi], ecx
        shlx    ebx, [esi], ecx
        shrx    ecx, [esi], ebx
        adcx    eax, ebx
        adox    ecx, eax

; 16-bit code, a call gate within ring 0.
        call    0x80:O(code16)
        call    0x88:0
        push    eax
        enter   16, 3
        leave
        pop     eax

; To ring 3.
        push    0x43
        push    STACK_3
        push    0x3002                          ; IOPL 3
        push    0x3b
        push    ring3
        iret
ring3:  mov     eax, 0x43
        mov     ds, eax
        mov     es, eax
        pushfd
        cli
        sti
        popfd
        int     0x80                            ; comes back with IOPL 0
        EXPECT  .cli
        cli
.cli:   EXPECT  .hlt
        hlt
.hlt:   EXPECT  .cr
        mov     eax, cr0
.cr:    EXPECT  .seg
        mov     eax, 0x10
        mov     ds, eax
.seg:   in      al, 0x68                        ; allowed by the bitmap; nothing is there
        EXPECT  .port
        in      al, 0x40                        ; forbidden
.port:  EXPECT  .port2
        in      al, 0x88                        ; beyond the TSS's end
.port2: int3
        EXPECT  .gate
        int     0x20                            ; beyond what ring 3 may
.gate:  push    0x1111
        push    0x2222
        call    0x93:0                          ; call gate to ring 0 with two parameters
        pushfd
        or      dword [esp], 0x3200
        popfd
        mov     eax, 0x7fffffff
        add     eax, 1
        into
        int     0x80                            ; and back to ring 0 for good
        ud2

code16_return:
stubs32:
%assign vector 0
%rep    32
        align   8
  %if vector == 8 || (vector >= 10 && vector <= 14) || vector == 17
        push    byte vector
        jmp     strict near fault32
  %else
        push    byte vector + 64
        jmp     strict near fault32
  %endif
  %assign vector vector + 1
%endrep

; Logs vector, error code (if any) and CR2; returns to RESUME unless it was a trap.
fault32:
        push    eax
        push    ebx
        push    ds
        mov     eax, ss
        mov     ds, eax
        mov     ebx, [LOG_AT]
        mov     eax, [esp + 12]
        mov     [ebx], eax
        mov     eax, cr2
        mov     [ebx + 8], eax
        mov     eax, [esp + 16]
        mov     [ebx + 4], eax
        mov     eax, [esp + 20]
        mov     [ebx + 12], eax
        add     dword [LOG_AT], 16
        test    byte [esp + 12], 64
        jz      .code
        cmp     byte [esp + 12], 3 + 64
        je      .trap
        cmp     byte [esp + 12], 4 + 64
        je      .trap
        mov     eax, [RESUME]
        mov     [esp + 16], eax
.trap:  pop     ds
        pop     ebx
        pop     eax
        add     esp, 4
        iret
.code:  mov     eax, [RESUME]
        mov     [esp + 20], eax
        pop     ds
        pop     ebx
        pop     eax
        add     esp, 8
        iret

; The first call drops IOPL to 0, the second leads on to paging.
syscall32:
        xor     byte [0x660], 1
        jz      paging
        and     dword [esp + 8], ~0x3000
        iret

gate0:  mov     eax, [esp]
        retf
gate3:  mov     eax, [esp + 8]
        mov     ebx, [esp + 12]
        retf    8

        bits    16
code16: push    ax
        mov     bp, sp
        mov     ax, [bp]
        pushf
        popf
        enter   4, 1
        leave
        pop     ax
        o32 retf
        bits    32

; 32-bit paging: 4 MiB identity page, a table with holes, read-only and supervisor pages.
paging: mov     eax, 0x10
        mov     ds, eax
        mov     es, eax
        mov     esp, STACK_0
        mov     dword [TABLES], TABLES + 0x1007
        mov     dword [TABLES + 4], 0x87        ; 4 MiB at 0
        mov     edi, TABLES + 0x1000
        mov     eax, 7
.page:  stosd
        add     eax, 0x1000
        cmp     eax, 0x100007
        jb      .page
        mov     dword [TABLES + 0x1000 + 0x30 * 4], 0           ; 0x30000: not present
        mov     dword [TABLES + 0x1000 + 0x31 * 4], DATA + 5    ; 0x31000: read-only
        mov     eax, cr4
        or      al, 0x10
        mov     cr4, eax
        mov     eax, TABLES
        mov     cr3, eax
        mov     eax, cr0
        or      eax, 0x80010000                 ; PG, WP
        mov     cr0, eax
        EXPECT  .absent
        mov     al, [0x30123]
.absent:
        EXPECT  .wp
        mov     [0x31004], eax
.wp:    mov     eax, [0x31004]
        mov     eax, [0x400000 + DATA]
        mov     dword [0x400000 + DATA + 0x100], 0x12345678
        EXPECT  .split
        mov     eax, 0x55aa55aa
        mov     [0x2fffe], eax                  ; second page absent: nothing is stored
.split: EXPECT  .pop
        push    eax
        pop     dword [0x30ffe]
.pop:   mov     esp, STACK_0
        mov     esi, DATA
        mov     edi, 0x2fff8
        mov     ecx, 5
        EXPECT  .string
        rep movsd                               ; stops at the third
.string:
        mov     dword [TABLES + 0x1000 + 0x30 * 4], DATA + 0x1007
        invlpg  [0x30000]
        mov     edi, 0x2fff8
        mov     ecx, 5
        rep movsd
        lock add [0x30ffc], ecx

; Virtual-8086 mode and back by int 0x80's gate (IOPL 3) or by #GP (IOPL 0).
        mov     dword [TSS32 + 4], STACK_0 - 0x200
        mov     ebx, 0x23000
.v86:   push    0x1000                          ; gs
        push    0x1001                          ; fs
        push    0x1002                          ; ds
        push    0x2000                          ; es
        push    0x0900                          ; ss
        push    0x100                           ; sp
        push    ebx                             ; VM, IOPL
        push    0xf000
        push    O(v86)
        mov     eax, v86_back
        and     eax, 0xffff
        mov     [IDT32 + 13 * 8], ax
        iret
v86_back:                                       ; #GP out of virtual-8086 mode
        add     esp, 4
        mov     eax, 0x10
        mov     ds, eax
        mov     es, eax
        mov     esp, STACK_0
        btr     ebx, 12
        btr     ebx, 13
        jc      paging.v86
        jmp     go_long
        bits    16
v86:    mov     ax, 0x1234
        mov     ds, ax
        push    ds
        pop     es
        mov     si, 4
        lodsb
        pushf                                   ; #GP when IOPL is 0
        cli
        popf
        call    0xf000:O(.far)
        hlt                                     ; #GP
.far:   retf
        bits    32

; ---------------------------------------------------------------- long mode
go_long:
        mov     eax, cr0
        and     eax, 0x7fffffff
        mov     cr0, eax
        mov     edi, TABLES
        mov     ecx, 0x800
        xor     eax, eax
        rep stosd
        mov     dword [TABLES], TABLES + 0x1007
        mov     dword [TABLES + 0x1000], TABLES + 0x2007
        mov     dword [TABLES + 0x1008], 0x40000087             ; 1 GiB page
        mov     dword [TABLES + 0x2000], TABLES + 0x3007
        mov     dword [TABLES + 0x2008], 0x87                   ; 2 MiB page at 0
        mov     edi, TABLES + 0x3000
        mov     eax, 7
.page:  mov     [edi], eax
        add     edi, 8
        add     eax, 0x1000
        cmp     eax, 0x100007
        jb      .page
        mov     dword [TABLES + 0x3000 + 0x30 * 8], 0           ; absent
        mov     dword [TABLES + 0x3000 + 0x31 * 8], DATA + 5    ; read-only
        mov     dword [TABLES + 0x3000 + 0x32 * 8], DATA + 7    ; no execution
        mov     dword [TABLES + 0x3004 + 0x32 * 8], 0x80000000
        mov     dword [TABLES + 0x3000 + 0x33 * 8], DATA + 3    ; supervisor
        mov     eax, cr4
        or      al, 0xa0                        ; PAE, PGE
        mov     cr4, eax
        mov     eax, TABLES
        mov     cr3, eax
        mov     ecx, 0xc0000080
        rdmsr
        or      eax, 0x901                      ; NXE, LME, SCE
        wrmsr
        mov     eax, cr0
        or      eax, 0x80000000
        mov     cr0, eax
        jmp     0x18:long64

        bits    64
long64: mov     rsp, STACK_0
        mov     ebx, IDT64
        mov     edx, stubs64
        mov     ecx, 32
.gate:  mov     [rbx], dx
        mov     word [rbx + 2], 0x18
        mov     word [rbx + 4], 0x8e00
        mov     word [rbx + 6], 0x000f
        mov     qword [rbx + 8], 0
        add     rbx, 16
        add     edx, 8
        dec     ecx
        jnz     .gate
        or      byte [IDT64 + 3 * 16 + 5], 0x60
        lidt    [idtr64]
        mov     dword [TSS64 + 4], STACK_0 - 0x200
        mov     dword [TSS64 + 36], STACK_I
        mov     word [TSS64 + 102], 104
        mov     ax, 0x48
        ltr     ax

; 64-bit arithmetic.
        mov     rax, 0x8000000000000001
        mov     rdx, 0x7fffffffffffffff
        mov     r8, 0x123456789abcdef0
        mov     ecx, 12
.arith: add     rax, rdx
        adc     r8, rax
        sbb     rdx, r8
        imul    r9, r8, -77
        imul    r8, r9
        xor     r9d, eax
        shld    rax, r8, 13
        shrd    r8, rdx, cl
        rol     rdx, cl
        rcl     rax, 3
        rcr     r9, cl
        sar     r8, 1
        bt      r8, rax
        btc     rax, 63
        bsf     r10, rax
        bsr     r11, r8
        bswap   rdx
        movsxd  r12, r9d
        movsx   r13, al
        movzx   r14d, r8w
        cmovl   r15, rax
        setg    r15b
        not     r9
        neg     rdx
        xchg    r8, rax
        lea     rbx, [rax + r8 * 8 - 5]
        mov     spl, r15b
        mov     rsp, STACK_0
        mov     dil, al
        dec     ecx
        jnz     .arith
        mov     rax, r8
        mul     r9
        imul    r10
        mov     rdx, 0x1234
        mov     rcx, 0xfedcba9876543210
        div     rcx
        mov     rax, -12345678901
        cqo
        mov     ecx, 321
        idiv    rcx
        mov     eax, -1
        cdqe
        movbe   r8, [DATA]
        popcnt  r9, r8
        lzcnt   r10, r8
        tzcnt   r11, r8
        andn    rax, r8, r9
        mulx    rax, rbx, r8
        pdep    rcx, r8, rax
        pext    rdx, r8, rcx
        rorx    r8, r8, 33
        bzhi    r9, r8, r10
        adcx    r8, r9
        adox    r9, r8
        mov     rdi, DATA + 0x200
        mov     ecx, 4
        rep stosq
        mov     rsi, DATA + 0x200
        lodsq
        cmpsq
        lock cmpxchg16b [DATA + 0x200]
        lock cmpxchg [DATA + 0x210], r8
        xadd    [DATA + 0x218], r9
        movnti  [DATA + 0x220], r10
        push    0x7f
        push    qword [DATA]
        pop     r8
        pop     r9
        push    r12w
        pop     r12w
        enter   16, 2
        leave
        mov     rax, [rel gdt + 8]
        mov     rax, [qword DATA]
        mfence
        endbr64
        nop     word [rax]

; Faults.
        EXPECT  .absent
        mov     al, [0x30123]
.absent:
        EXPECT  .wp
        mov     [0x31004], rax
.wp:    EXPECT  .nx
        mov     eax, 0x32000
        jmp     rax
.nx:    EXPECT  .noncanonical
        mov     rax, 0x800000000000
        mov     bl, [rax]
.noncanonical:
        EXPECT  .gp
        mov     eax, 0x1000
        mov     ds, eax
.gp:    EXPECT  .ud
        db      0x06                            ; push es: no more
.ud:    int3
        mov     eax, [0x200000 + DATA]
        mov     rax, cr8

; MSRs, swapgs, SYSCALL and ring 3.
        mov     ecx, 0xc0000081                 ; STAR
        xor     eax, eax
        mov     edx, 0x00930018
        wrmsr
        mov     ecx, 0xc0000082                 ; LSTAR
        mov     eax, syscall64
        xor     edx, edx
        wrmsr
        mov     ecx, 0xc0000084                 ; FMASK
        mov     eax, 0x601
        wrmsr
        mov     ecx, 0xc0000101                 ; GS.base
        mov     eax, DATA
        wrmsr
        rdmsr
        mov     ecx, 0xc0000102                 ; KernelGSbase
        mov     eax, DATA + 0x100
        wrmsr
        mov     rbx, [gs:8]
        swapgs
        swapgs
; From ring 3 #PF goes to IST 1 (from ring 0 QEMU loads a null SS, which the manual has not).
        mov     byte [IDT64 + 14 * 16 + 4], 1
        mov     r11d, 0x202
        mov     ecx, user64
        mov     rsp, STACK_3
        o64 sysret

syscall64:
        swapgs
        mov     r10, [gs:0xfffffffffffffff0]
        swapgs
        dec     byte [0x661]
        jns     .back
        mov     rsp, STACK_0
        jmp     compatibility
.back:  o64 sysret

user64: EXPECT  .supervisor
        mov     al, [0x33000]
.supervisor:
        EXPECT  .hlt
        hlt
.hlt:   EXPECT  .iret
        cli
.iret:  int3
        inc     byte [0x661]
        stc
        syscall
        EXPECT  .io
        out     0x80, al
.io:    syscall
        ud2

; A 32-bit code segment under long mode, and back.
compatibility:
        mov     byte [IDT64 + 14 * 16 + 4], 0
        push    0x08
        push    compatible
        o64 retf
        bits    32
compatible:
        mov     eax, 0x10
        mov     ss, eax
        mov     ds, eax
        mov     esp, STACK_0
        pushad
        popad
        inc     eax
        dec     ax
        mov     eax, [DATA]
        EXPECT  .bad
        ud2
.bad:   EXPECT  .absent
        mov     al, [0x30004]
.absent:
        aam
        jmp     0x18:finish

        bits    64
finish: mov     rsp, STACK_0
        pushfq
        pop     rax
        jmp     .self
.self:  nop
; Self-modifying code.
        mov     dword [DATA + 0x400], 0xc3c0ff40                ; inc eax; ret
        mov     eax, DATA + 0x400
        call    rax
        mov     byte [DATA + 0x402], 0xc8                       ; dec eax
        call    [rel .target]
        mov     eax, 0x10
        out     0xf4, eax
        hlt
.target:
        dq      DATA + 0x400

        align   8
stubs64:
%assign vector 0
%rep    32
        align   8
  %if vector == 8 || (vector >= 10 && vector <= 14) || vector == 17
        push    byte vector
        jmp     strict near fault64
  %else
        push    byte vector + 64
        jmp     strict near fault64
  %endif
  %assign vector vector + 1
%endrep

fault64:
        push    rax
        push    rbx
        mov     ebx, [LOG_AT]
        mov     rax, [rsp + 16]
        mov     [rbx], rax
        mov     rax, cr2
        mov     [rbx + 8], rax
        mov     rax, [rsp + 24]
        mov     [rbx + 16], rax
        mov     rax, [rsp + 32]
        mov     [rbx + 24], rax
        add     dword [LOG_AT], 32
        test    byte [rsp + 16], 64
        jz      .code
        cmp     byte [rsp + 16], 3 + 64
        je      .trap
        mov     eax, [RESUME]
        mov     [rsp + 24], rax
.trap:  pop     rbx
        pop     rax
        add     rsp, 8
        iretq
.code:  mov     eax, [RESUME]
        mov     [rsp + 32], rax
        pop     rbx
        pop     rax
        add     rsp, 16
        iretq

; ---------------------------------------------------------------- tables
%macro  DESCRIPTOR 3            ; base, limit, attributes (as the upper dword has them)
        dd      (%2 & 0xffff) | (%1 & 0xffff) << 16
        dd      (%1 >> 16 & 0xff) | %3 | (%2 & 0xf0000) | (%1 & 0xff000000)
%endmacro
        align   8
gdt:    dq      0
        DESCRIPTOR 0, 0xfffff, 0xc09b00         ; 08 code, 32-bit
        DESCRIPTOR 0, 0xfffff, 0xc09200         ; 10 data
        DESCRIPTOR 0, 0xfffff, 0xa09b00         ; 18 code, 64-bit
        DESCRIPTOR 0, 0xfffff, 0xc09200         ; 20 data (SYSCALL's SS)
        DESCRIPTOR TSS32, 119, 0x008900         ; 28 TSS, 32-bit; holds a short I/O bitmap
        dq      0                               ; 30
        DESCRIPTOR 0, 0xfffff, 0xc0fb00         ; 38 code, 32-bit, ring 3
        DESCRIPTOR 0, 0xfffff, 0xc0f300         ; 40 data, ring 3
        DESCRIPTOR TSS64, 103, 0x008900         ; 48 TSS, 64-bit
        dq      0
        dq      0                               ; 58
        DESCRIPTOR 0, 0xfffff, 0xc01200         ; 60 data, not present
        DESCRIPTOR 0, 0xff, 0x409200            ; 68 data, 256 bytes
        DESCRIPTOR 0, 0xfff, 0x409600           ; 70 data, expand-down
        DESCRIPTOR 0, 0xfffff, 0xc09000         ; 78 data, read-only
        DESCRIPTOR 0xf0000, 0xffff, 0x009b00    ; 80 code, 16-bit
        dd      0x00080000 + ((gate0 - $$) + 0xe000), 0x000f8c00        ; 88 call gate
        dd      0x00080000 + ((gate3 - $$) + 0xe000), 0x000fec02        ; 90 call gate, ring 3
        DESCRIPTOR 0, 0xfffff, 0xc0f300         ; 98 data, ring 3 (SYSRET's SS)
        DESCRIPTOR 0, 0xfffff, 0xa0fb00         ; a0 code, 64-bit, ring 3
.end:
gdtr:   dw      gdt.end - gdt - 1
        dd      GDT
idtr32: dw      0x81 * 8 - 1
        dd      IDT32
idtr64: dw      32 * 16 - 1
        dq      IDT64

        times   0x1ff0 - ($ - $$) db 0
        bits    16
reset:  jmp     0xf000:O(start)
        times   0x2000 - ($ - $$) db 0
