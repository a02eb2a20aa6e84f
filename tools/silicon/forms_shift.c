/* Shifts and rotates by one, by CL and by an immediate; SHLD and SHRD. */
#include "silicon.h"

static const char *const SHIFT[8] = {"rol", "ror", "rcl", "rcr", "shl", "shr", "sal", "sar"};

static u8 count(Ctx *c, int size) {
  switch (rnd(c, 6)) {
    case 0: return (u8)rnd(c, 256);
    case 1: return (u8)(size - 1 + rnd(c, 3));
    case 2: return chance(c, 2) ? 0 : 1;
    case 3: return (u8)rnd(c, 64);
    default: return (u8)rnd(c, (u32)size + 1);
  }
}

/* op: C0 imm8, D0 one, D2 CL. x: /digit. */
static void shift(Ctx *c) {
  Form *f = c->form;
  Insn in = insn(c, 0, f->op + (f->size != 8), f->size);
  in.rmbyte = f->size == 8;
  in.reg = f->x;
  if (f->op == 0xd2) set_reg(c, RCX, count(c, f->size), 8);
  operand(c, &in, f->size / 8);
  if (f->op == 0xc0) in.imm = count(c, f->size), in.imm_size = 1;
  emit(c, &in);
}

static void double_shift(Ctx *c) {
  Form *f = c->form;
  Insn in = insn(c, 1, f->op, f->size);
  in.reg = pick_reg(c);
  if (f->op & 1) set_reg(c, RCX, count(c, f->size), 8);
  operand(c, &in, f->size / 8);
  if (!(f->op & 1)) in.imm = count(c, f->size), in.imm_size = 1;
  emit(c, &in);
}

void forms_shift(void) {
  EACH_CODE_SIZE(cs)
    for (int size = 8; size <= (cs == 64 ? 64 : 32); size *= 2) MEM_KINDS(cs, m) {
      for (int x = 0; x < 8; x++) {
        add_form("shift", cs, shift, 0xc0, size, m, x, "%s%d rm,imm8", SHIFT[x], size);
        add_form("shift", cs, shift, 0xd0, size, m, x, "%s%d rm,1", SHIFT[x], size);
        add_form("shift", cs, shift, 0xd2, size, m, x, "%s%d rm,cl", SHIFT[x], size);
      }
      if (size == 8) continue;
      add_form("shift", cs, double_shift, 0xa4, size, m, 0, "shld%d imm8", size);
      add_form("shift", cs, double_shift, 0xa5, size, m, 0, "shld%d cl", size);
      add_form("shift", cs, double_shift, 0xac, size, m, 0, "shrd%d imm8", size);
      add_form("shift", cs, double_shift, 0xad, size, m, 0, "shrd%d cl", size);
    }
}
