/**
 * Power-on: a ROM whose code goes from the reset vector to the kernel, one step after another.
 *
 * ```text
 * real mode       1  FFFF:0 jumps into the ROM; the devices are set up; the screen is cleared
 *                 2  A20 on
 *                 3  GDT; CR0.PE
 * protected mode  4  memory is cleared; the kernel, the GDT, the boot information are copied
 *                 5  page tables are filled from a list of runs
 *                 6  CR4.PAE, CR3, EFER.LME and NXE; CR0.PG
 * compatibility   7  far jump to a 64-bit code segment
 * 64-bit mode     8  data segments, stack, registers; jump to `_start`
 * ```
 *
 * @see Intel SDM Vol. 3A, "Initializing IA-32e Mode"
 */
import { EFER, type Machine, MSR } from "../machine/mod.ts";
import { A20_OFF, bootGdt, type BootPlan } from "./boot.ts";
import { ROM, SELECTOR } from "./layout.ts";
import { MachineCode } from "./machine_code.ts";

/** Segment and offsets of real mode within the ROM. */
const SEGMENT = 0xf000;
const RESET_VECTOR = 0xf_fff0;

/**
 * What a PC's firmware tells the devices: port and value. Vectors 8 and 0x70, IRQ 0, 1, 2, 6, 8,
 * 12–14 unmasked; 18.2 ticks a second; scancode set 1 by translation; A20 off, for old programs.
 *
 * @see IBM Personal Computer AT Technical Reference, "BIOS Listing" (POST)
 */
const FIRMWARE: readonly (readonly [port: number, value: number])[] = [
  [0x20, 0x11],
  [0xa0, 0x11],
  [0x21, 0x08],
  [0xa1, 0x70],
  [0x21, 0x04],
  [0xa1, 0x02],
  [0x21, 0x01],
  [0xa1, 0x01],
  [0x21, 0xb8],
  [0xa1, 0x8f],
  [0x43, 0x36],
  [0x40, 0x00],
  [0x40, 0x00],
  [0x43, 0x54],
  [0x41, 0x12],
  [0x64, 0x60],
  [0x60, 0x65],
  ...A20_OFF,
];

/** Resets the machine with the ROM in place; the next run starts at F000:FFF0. */
export function bootFromPowerOn(machine: Machine, plan: BootPlan): void {
  const rom = bootRom(plan);
  machine.reset();
  machine.physical.write(ROM.START, rom.finish());
}

/** The ROM, 64 KiB, with its symbols. */
export function bootRom(plan: BootPlan): MachineCode {
  const code = new MachineCode(ROM.START);
  tables(code, plan);
  realMode(code);
  protectedMode(code, plan);
  longMode(code, plan);
  return code
    .skipTo(RESET_VECTOR, 0xff)
    .bytes(0xea).address16("power_on").word16(SEGMENT) // jmp f000:power_on
    .skipTo(ROM.END, 0xff);
}

/** Everything that the code reads. */
function tables(code: MachineCode, plan: BootPlan): void {
  code.label("firmware");
  for (const [port, value] of FIRMWARE) code.word16(port).bytes(value);
  code.align(8, 0).label("gdt").bytes(...bootGdt());
  code.label("gdt_pointer").word16(bootGdt().length - 1).address32("gdt");
  const { gdtr } = plan.registers;
  code.label("final_gdt_pointer").word16(gdtr.limit).word64(BigInt(gdtr.base));
  code.label("empty_idt_pointer").word16(0).word64(0n);
  plan.copies.forEach(({ bytes }, i) => code.align(8, 0).label(`copy_${i}`).bytes(...bytes));
  code.align(4, 0).label("clear_list");
  for (const { start, size } of plan.clear) code.word32(start).word32(size);
  code.word32(0).word32(0);
  code.label("copy_list");
  plan.copies.forEach(({ to, bytes }, i) => {
    code.address32(`copy_${i}`).word32(to).word32(bytes.length);
  });
  code.word32(0).word32(0).word32(0);
  code.label("entry_list");
  for (const { table, first, step, count } of plan.entries) {
    code.word32(table).word64(first).word32(step).word32(count);
  }
  code.word32(0).word64(0n).word32(0).word32(0);
}

function realMode(code: MachineCode): void {
  code.align(16).label("power_on")
    .bytes(0xfa, 0xfc) // cli; cld
    .bytes(0xbe).address16("firmware") // mov si, firmware
    .bytes(0xb9).word16(FIRMWARE.length); // mov cx, …
  code.label("next_port")
    .bytes(0x2e, 0xad) // lodsw ax, cs:[si]
    .bytes(0x89, 0xc2) // mov dx, ax
    .bytes(0x2e, 0xac) // lodsb al, cs:[si]
    .bytes(0xee) // out dx, al
    .jump8(0xe2, "next_port"); // loop next_port
  code.bytes(0xb8).word16(0xb800) // mov ax, 0xb800
    .bytes(0x8e, 0xc0) // mov es, ax
    .bytes(0x31, 0xff) // xor di, di
    .bytes(0xb8).word16(0x0720) // mov ax, 0x0720: blank, grey on black
    .bytes(0xb9).word16(80 * 25) // mov cx, 2000
    .bytes(0xf3, 0xab); // rep stosw
  code.label("enable_a20")
    .bytes(0xe4, 0x92) // in al, 0x92
    .bytes(0x0c, 0x02) // or al, 2
    .bytes(0x24, 0xfe) // and al, 0xfe: bit 0 would reset the machine
    .bytes(0xe6, 0x92); // out 0x92, al
  code.label("enter_protected_mode")
    .bytes(0x66, 0x2e, 0x0f, 0x01, 0x16).address16("gdt_pointer") // lgdt cs:[gdt_pointer]
    .bytes(0x0f, 0x20, 0xc0) // mov eax, cr0
    .bytes(0x66, 0x25).word32(0x9fff_ffff) // and eax, ~(CD | NW)
    .bytes(0x0c, 0x01) // or al, 1
    .bytes(0x0f, 0x22, 0xc0) // mov cr0, eax
    .bytes(0x66, 0xea).address32("protected_mode") // jmp 0x18:protected_mode
    .word16(SELECTOR.BOOT_CODE_32);
}

function protectedMode(code: MachineCode, plan: BootPlan): void {
  const { registers } = plan;
  code.align(16).label("protected_mode")
    .bytes(0x66, 0xb8).word16(SELECTOR.KERNEL_DATA) // mov ax, 0x10
    .bytes(0x8e, 0xd8, 0x8e, 0xc0, 0x8e, 0xd0); // mov ds, ax; mov es, ax; mov ss, ax
  code.label("clear_memory")
    .bytes(0x31, 0xc0) // xor eax, eax
    .bytes(0xbd).address32("clear_list") // mov ebp, clear_list
    .label("next_clear")
    .bytes(0x8b, 0x4d, 0x04) // mov ecx, [ebp + 4]
    .bytes(0x85, 0xc9) // test ecx, ecx
    .jump8(0x74, "copy") // jz copy
    .bytes(0x8b, 0x7d, 0x00) // mov edi, [ebp]
    .bytes(0xf3, 0xaa) // rep stosb
    .bytes(0x83, 0xc5, 0x08) // add ebp, 8
    .jump8(0xeb, "next_clear"); // jmp next_clear
  code.label("copy")
    .bytes(0xbd).address32("copy_list") // mov ebp, copy_list
    .label("next_copy")
    .bytes(0x8b, 0x4d, 0x08) // mov ecx, [ebp + 8]
    .bytes(0x85, 0xc9) // test ecx, ecx
    .jump8(0x74, "fill_tables") // jz fill_tables
    .bytes(0x8b, 0x75, 0x00) // mov esi, [ebp]
    .bytes(0x8b, 0x7d, 0x04) // mov edi, [ebp + 4]
    .bytes(0xf3, 0xa4) // rep movsb
    .bytes(0x83, 0xc5, 0x0c) // add ebp, 12
    .jump8(0xeb, "next_copy"); // jmp next_copy
  code.label("fill_tables")
    .bytes(0xbd).address32("entry_list") // mov ebp, entry_list
    .label("next_run")
    .bytes(0x8b, 0x4d, 0x10) // mov ecx, [ebp + 16]
    .bytes(0x85, 0xc9) // test ecx, ecx
    .jump8(0x74, "enter_long_mode") // jz enter_long_mode
    .bytes(0x8b, 0x7d, 0x00) // mov edi, [ebp]
    .bytes(0x8b, 0x45, 0x04) // mov eax, [ebp + 4]
    .bytes(0x8b, 0x55, 0x08) // mov edx, [ebp + 8]
    .label("next_entry")
    .bytes(0x89, 0x07) // mov [edi], eax
    .bytes(0x89, 0x57, 0x04) // mov [edi + 4], edx
    .bytes(0x03, 0x45, 0x0c) // add eax, [ebp + 12]
    .bytes(0x83, 0xd2, 0x00) // adc edx, 0
    .bytes(0x83, 0xc7, 0x08) // add edi, 8
    .jump8(0xe2, "next_entry") // loop next_entry
    .bytes(0x83, 0xc5, 0x14) // add ebp, 20
    .jump8(0xeb, "next_run"); // jmp next_run
  code.label("enter_long_mode")
    .bytes(0xb8).word32(registers.cr4) // mov eax, PAE
    .bytes(0x0f, 0x22, 0xe0) // mov cr4, eax
    .bytes(0xb8).word32(registers.cr3) // mov eax, level-4 table
    .bytes(0x0f, 0x22, 0xd8) // mov cr3, eax
    .bytes(0xb9).word32(MSR.EFER) // mov ecx, IA32_EFER
    .bytes(0x0f, 0x32) // rdmsr
    .bytes(0x0d).word32(registers.efer & ~EFER.LMA) // or eax, LME | NXE
    .bytes(0x0f, 0x30) // wrmsr
    .bytes(0xb8).word32(registers.cr0) // mov eax, PG | WP | NE | ET | PE
    .bytes(0x0f, 0x22, 0xc0) // mov cr0, eax
    .bytes(0xea).address32("long_mode").word16(SELECTOR.KERNEL_CODE); // jmp 8:long_mode
}

function longMode(code: MachineCode, { registers }: BootPlan): void {
  code.align(16).label("long_mode")
    .bytes(0x0f, 0x01, 0x15).relative32("final_gdt_pointer") // lgdt [rip + …]
    .bytes(0x0f, 0x01, 0x1d).relative32("empty_idt_pointer") // lidt [rip + …]
    .bytes(0xb8).word32(SELECTOR.KERNEL_DATA) // mov eax, 0x10
    .bytes(0x8e, 0xd8, 0x8e, 0xc0, 0x8e, 0xd0) // mov ds, eax; mov es, eax; mov ss, eax
    .bytes(0x8e, 0xe0, 0x8e, 0xe8) // mov fs, eax; mov gs, eax
    .bytes(0x48, 0xbc).word64(BigInt(registers.rsp)); // mov rsp, stack
  // eax ecx edx ebx ebp esi edi, r8d … r15d: xor r, r
  for (const r of [0, 1, 2, 3, 5, 6, 7]) code.bytes(0x31, 0xc0 | r << 3 | r);
  for (let r = 0; r < 8; r++) code.bytes(0x45, 0x31, 0xc0 | r << 3 | r);
  code.bytes(0x6a, registers.rflags) // push 2
    .bytes(0x9d) // popfq
    .bytes(0x48, 0xc7, 0x44, 0x24, 0xf8).word32(0) // mov qword ptr [rsp - 8], 0
    .bytes(0xbf).word32(registers.rdi) // mov edi, boot information
    .bytes(0xe9).word32(registers.rip - (code.here + 4)); // jmp _start
}
