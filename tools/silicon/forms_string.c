/* String instructions: every size, prefix and direction, small counts, faults half way. */
#include "silicon.h"

/* An element's address, with room for a run in the direction of DF; now and then without. */
static u64 place(Ctx *c, int bytes) {
  u32 k = rnd(c, 40);
  if (k == 0) return HOLE + rnd(c, 4096);
  if (k == 1) return READ_ONLY + 0x400 + rnd(c, 0x400);
  if (k == 2) return DATA + DATA_SIZE - (u32)bytes * (1 + rnd(c, 6)) - (chance(c, 4) ? 1 : 0);
  if (k == 3) return DATA + (u32)bytes * rnd(c, 6);
  if (k == 4) return STACK + 0x200 + rnd(c, 0x600);
  if (k < 8) return DATA + 0x1000 - 32 + rnd(c, 64);
  return DATA + 0x400 + (chance(c, 2) ? rnd(c, 0x1400) : rnd(c, 0x280) * 8);
}

static int uses_source(int op) { return op == 0xa4 || op == 0xa6 || op == 0xac; }
static int uses_destination(int op) { return op != 0xac; }

static void string(Ctx *c) {
  Form *f = c->form;
  int bytes = f->size / 8, compares = f->op == 0xa6 || f->op == 0xae;
  Insn in = insn(c, 0, f->op + (bytes != 1), f->size);
  in.rep = f->x;
  int asz = c->code_size;
  if (chance(c, 4)) in.a67 = 1, asz = asz == 32 ? 16 : 32;
  /* 16-bit addresses reach nothing in the flat segments. */
  if (asz == 16 && c->mode == MODE_32) c->mode = MODE_32S;
  if (uses_source(f->op) && chance(c, 8)) in.seg = c->mode == MODE_64 || chance(c, 2) ? GS : ES;
  u64 from = place(c, bytes), to = place(c, bytes);
  if (compares && chance(c, 2)) {
    u32 run = DATA + 0x1c00 + (chance(c, 2) ? 0x100 : 0) + 0x40;
    from = run + rnd(c, 0x80);
    to = run + rnd(c, 0x80);
    if (f->op == 0xae && !chance(c, 4))
      set_reg(c, RAX, background_read(c, to, bytes), f->size);
  } else if (compares && chance(c, 4)) {
    if (f->op == 0xae) set_reg(c, RAX, background_read(c, to, bytes), f->size);
    from = to;
  } else if (f->op == 0xa4 && chance(c, 4)) {
    from = to + rnd(c, 17) - 8;
  }
  if (uses_source(f->op))
    set_reg(c, RSI, from - seg_base(c, in.seg == NO_SEG ? DS : in.seg), asz);
  if (uses_destination(f->op)) set_reg(c, RDI, to - seg_base(c, ES), asz);
  if (f->x) {
    u32 n = chance(c, 6) ? 0 : chance(c, 6) ? 24 + rnd(c, 16) : rnd(c, 9);
    /* Changes of 8-byte elements must stay few enough to be told. */
    set_reg(c, RCX, n, asz);
  }
  emit(c, &in);
}

void forms_string(void) {
  static const struct { const char *name; int op; } STRING[] = {
    {"movs", 0xa4}, {"cmps", 0xa6}, {"stos", 0xaa}, {"lods", 0xac}, {"scas", 0xae}};
  EACH_CODE_SIZE(cs)
    for (int i = 0; i < 5; i++)
      for (int size = 8; size <= (cs == 64 ? 64 : 32); size *= 2) {
        add_form("string", cs, string, STRING[i].op, size, 2, 0, "%s%d", STRING[i].name, size);
        add_form("string", cs, string, STRING[i].op, size, 2, 0xf3, "rep %s%d", STRING[i].name, size);
        add_form("string", cs, string, STRING[i].op, size, 2, 0xf2, "repne %s%d", STRING[i].name,
                 size);
      }
}
