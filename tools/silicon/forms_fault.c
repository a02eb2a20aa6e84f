/* What is refused: undefined encodings, LOCK where it may not be, privileged instructions, #AC. */
#include "silicon.h"
#include <string.h>

/* Bytes that are #UD or #GP whatever the registers are. First: length; then code sizes, or 0. */
typedef struct { const char *name; int cs; u8 length; u8 bytes[9]; } Refused;
static const Refused REFUSED[] = {
  {"ud2", 0, 2, {0x0f, 0x0b}},
  {"ud1", 0, 3, {0x0f, 0xb9, 0xc0}},
  {"ud0", 0, 3, {0x0f, 0xff, 0xc0}},
  {"push es in 64", 64, 1, {0x06}},
  {"pop es in 64", 64, 1, {0x07}},
  {"push cs in 64", 64, 1, {0x0e}},
  {"daa in 64", 64, 1, {0x27}},
  {"das in 64", 64, 1, {0x2f}},
  {"aaa in 64", 64, 1, {0x37}},
  {"aas in 64", 64, 1, {0x3f}},
  {"pusha in 64", 64, 1, {0x60}},
  {"popa in 64", 64, 1, {0x61}},
  {"80h alias in 64", 64, 3, {0x82, 0xc0, 0x01}},
  {"call far imm in 64", 64, 7, {0x9a, 0, 0, 0, 0, 0x33, 0}},
  {"jmp far imm in 64", 64, 7, {0xea, 0, 0, 0, 0, 0x33, 0}},
  {"into in 64", 64, 1, {0xce}},
  {"aam in 64", 64, 2, {0xd4, 0x0a}},
  {"aad in 64", 64, 2, {0xd5, 0x0a}},
  {"salc in 64", 64, 1, {0xd6}},
  {"lea register", 0, 2, {0x8d, 0xc1}},
  {"fe /2", 0, 2, {0xfe, 0xd0}},
  {"fe /7", 0, 2, {0xfe, 0xf8}},
  {"ff /7", 0, 2, {0xff, 0xf8}},
  {"ff /3 register", 0, 2, {0xff, 0xd8}},
  {"ff /5 register", 0, 2, {0xff, 0xe8}},
  {"8f /1", 0, 2, {0x8f, 0xc8}},
  {"c6 /1", 0, 3, {0xc6, 0xc8, 0x00}},
  {"c7 /2", 0, 6, {0xc7, 0xd0, 0, 0, 0, 0}},
  {"0f ba /0", 0, 4, {0x0f, 0xba, 0xc0, 1}},
  {"0f ba /3", 0, 4, {0x0f, 0xba, 0xd8, 1}},
  {"cmpxchg8b register", 0, 3, {0x0f, 0xc7, 0xc8}},
  {"movnti register", 0, 3, {0x0f, 0xc3, 0xc0}},
  {"66 movnti", 0, 4, {0x66, 0x0f, 0xc3, 0x03}},
  {"mov to cs", 0, 2, {0x8e, 0xc8}},
  {"mov to segment 6", 0, 2, {0x8e, 0xf0}},
  {"lock nop", 0, 2, {0xf0, 0x90}},
  {"lock mov", 0, 3, {0xf0, 0x89, 0x03}},
  {"lock add register", 0, 3, {0xf0, 0x01, 0xc0}},
  {"lock cmp", 0, 3, {0xf0, 0x39, 0x03}},
  {"lock add r,m", 0, 3, {0xf0, 0x03, 0x03}},
  {"lock test", 0, 3, {0xf0, 0x85, 0x03}},
  {"lock bt", 0, 5, {0xf0, 0x0f, 0xba, 0x23, 1}},
  {"lock shl", 0, 4, {0xf0, 0xc1, 0x23, 1}},
  {"lock push", 0, 2, {0xf0, 0x50}},
  {"lock inc register", 0, 3, {0xf0, 0xff, 0xc0}},
  {"lock movs", 0, 2, {0xf0, 0xa4}},
  {"lock jmp", 0, 3, {0xf0, 0xeb, 0x00}},
  {"lock mul", 0, 3, {0xf0, 0xf7, 0x23}},
  {"lock imul", 0, 4, {0xf0, 0x0f, 0xaf, 0x03}},
  {"lock lea", 0, 3, {0xf0, 0x8d, 0x03}},
  {"lock bswap", 0, 3, {0xf0, 0x0f, 0xc8}},
  {"66 vex", 0, 6, {0x66, 0xc4, 0xe2, 0x78, 0xf2, 0xc0}},
  {"f3 vex", 0, 6, {0xf3, 0xc4, 0xe2, 0x78, 0xf2, 0xc0}},
  {"lock vex", 0, 6, {0xf0, 0xc4, 0xe2, 0x78, 0xf2, 0xc0}},
  {"rex vex", 64, 6, {0x48, 0xc4, 0xe2, 0x78, 0xf2, 0xc0}},
  {"andn vex.l", 0, 5, {0xc4, 0xe2, 0x7c, 0xf2, 0xc0}},
  {"rorx with vvvv", 0, 6, {0xc4, 0xe3, 0x73, 0xf0, 0xc0, 1}},
  {"vex group /0", 0, 5, {0xc4, 0xe2, 0x78, 0xf3, 0xc0}},
  {"vex group /4", 0, 5, {0xc4, 0xe2, 0x78, 0xf3, 0xe0}},
  {"movbe register", 0, 4, {0x0f, 0x38, 0xf0, 0xc0}},
  {"hlt", 0, 1, {0xf4}},
  {"cli", 0, 1, {0xfa}},
  {"sti", 0, 1, {0xfb}},
  {"in al,imm", 0, 2, {0xe4, 0x60}},
  {"in eax,imm", 0, 2, {0xe5, 0x60}},
  {"out imm,al", 0, 2, {0xe6, 0x60}},
  {"out imm,eax", 0, 2, {0xe7, 0x60}},
  {"in al,dx", 0, 1, {0xec}},
  {"in eax,dx", 0, 1, {0xed}},
  {"out dx,al", 0, 1, {0xee}},
  {"out dx,eax", 0, 1, {0xef}},
  {"insb", 0, 1, {0x6c}},
  {"insd", 0, 1, {0x6d}},
  {"outsb", 0, 1, {0x6e}},
  {"outsd", 0, 1, {0x6f}},
  {"clts", 0, 2, {0x0f, 0x06}},
  {"invd", 0, 2, {0x0f, 0x08}},
  {"wbinvd", 0, 2, {0x0f, 0x09}},
  {"mov r,cr0", 0, 3, {0x0f, 0x20, 0xc0}},
  {"mov cr0,r", 0, 3, {0x0f, 0x22, 0xc0}},
  {"mov r,cr3", 0, 3, {0x0f, 0x20, 0xd8}},
  {"mov r,dr7", 0, 3, {0x0f, 0x21, 0xf8}},
  {"mov dr0,r", 0, 3, {0x0f, 0x23, 0xc0}},
  {"wrmsr", 0, 2, {0x0f, 0x30}},
  {"rdmsr", 0, 2, {0x0f, 0x32}},
  {"swapgs", 64, 3, {0x0f, 0x01, 0xf8}},
  {"sysret", 64, 3, {0x48, 0x0f, 0x07}},
  {"lmsw", 0, 3, {0x0f, 0x01, 0xf0}},
  {"invlpg", 0, 3, {0x0f, 0x01, 0x3b}},
  {"lgdt", 0, 3, {0x0f, 0x01, 0x13}},
  {"lidt", 0, 3, {0x0f, 0x01, 0x1b}},
  {"lldt", 0, 3, {0x0f, 0x00, 0xd0}},
  {"ltr", 0, 3, {0x0f, 0x00, 0xd8}},
  {"int 0", 0, 2, {0xcd, 0x00}},
  {"int 6", 0, 2, {0xcd, 0x06}},
  {"int 13", 0, 2, {0xcd, 0x0d}},
  {"int 14", 0, 2, {0xcd, 0x0e}},
  {"int 32", 0, 2, {0xcd, 0x20}},
  {"int 255", 0, 2, {0xcd, 0xff}},
};
/* They look at no operand: these need no two hundred. */
#define REFUSED_CASES 20
#define REFUSED_COUNT ((int)(sizeof REFUSED / sizeof *REFUSED))

static void refused(Ctx *c) {
  const Refused *r = &REFUSED[c->form->op];
  /* Those that name memory name [rbx] or [bp+di]: both in the data or stack page. */
  set_reg(c, RBX, c->mode == MODE_16 ? 0x100 : DATA + 0x100, c->mode == MODE_64 ? 64 : 32);
  raw(c, r->bytes, r->length);
}

/* More than fifteen bytes: #GP before any meaning. */
static void too_long(Ctx *c) {
  memset(c->code, c->code_size == 64 ? 0x3e : 0x66, 15);
  c->length = 15;
}

/* EFLAGS.AC: x 0 load, 1 store, 2 push, 3 a byte (never misaligned), 4 pop, 5 read-modify-write. */
static void alignment(Ctx *c) {
  static const int SIZES[3] = {16, 32, 64};
  int size = c->form->x == 3 ? 8 : SIZES[rnd(c, c->code_size == 64 ? 3 : 2)];
  if (c->form->x == 2 || c->form->x == 4) {
    Insn in = insn(c, 0, c->form->x == 2 ? 0x50 : 0x58, c->code_size == 64 ? 0 : size);
    in.rm = RAX;
    u32 o = 0x700 + rnd(c, 16);
    set_reg(c, RSP, c->mode == MODE_16 ? o : STACK + o,
            c->mode == MODE_16 ? 16 : c->mode == MODE_64 ? 64 : 32);
    emit(c, &in);
  } else {
    static const int OPS[6] = {0x8a, 0x88, 0, 0x8a, 0, 0x00};
    Insn in = insn(c, 0, OPS[c->form->x] + (size != 8), size);
    in.modrm = 1;
    in.reg = pick_reg(c);
    in.regbyte = size == 8;
    memory_at(c, &in, chance(c, 8) ? pick_target(c, size / 8) : DATA + 0x200 + rnd(c, 0x400));
    emit(c, &in);
  }
  set_flags(c, c->flags | F_AC);
}

void forms_fault(void) {
  static const char *const AC[6] = {"load", "store", "push", "byte", "pop", "add"};
  EACH_CODE_SIZE(cs) {
    for (int i = 0; i < REFUSED_COUNT; i++)
      if (!REFUSED[i].cs || REFUSED[i].cs == cs) {
        add_form("fault", cs, refused, i, 0, 0, 0, "%s", REFUSED[i].name);
        last_form()->cases = REFUSED_CASES;
      }
    add_form("fault", cs, too_long, 0, 0, 0, 0, "fifteen prefixes");
    last_form()->cases = REFUSED_CASES;
    for (int x = 0; x < 6; x++) add_form("fault", cs, alignment, 0, 0, 0, x, "ac %s", AC[x]);
  }
}
