/* Bit tests, scans and counts; BMI1, BMI2, ADX. */
#include "silicon.h"

/* x 0: the offset in a register, which with memory reaches beyond the operand. */
static void bit_test(Ctx *c) {
  Form *f = c->form;
  Insn in = insn(c, 1, f->op, f->size);
  in.modrm = 1;
  in.reg = pick_reg(c);
  int mem = f->mem == 2 ? (int)rnd(c, 2) : f->mem;
  if (mem) {
    u64 t = pick_target(c, f->size / 8);
    i64 offset;
    if (f->size == 16) offset = (int16_t)rng_next(&c->g);
    else offset = (i64)rnd(c, 0x10000) - 0x8000;
    if (chance(c, 3)) offset &= f->size - 1;
    /* Farther than 32 bits of bits: the base lies beyond the canonical range's reach. */
    if (f->size == 64 && chance(c, 6)) offset = (i64)(rng_next(&c->g) & 0x7fff) << 24 | (offset & 63);
    int shift = f->size == 16 ? 4 : f->size == 32 ? 5 : 6;
    u64 base = t - (u64)((offset >> shift) * (f->size / 8));
    if (c->mode != MODE_64) base = (u32)base;
    if (in.reg != RSP || 1) set_reg(c, in.reg, (u64)offset, f->size);
    if (c->mode == MODE_64 && base >= 0x80000000u) {
      /* Only a 64-bit register can say it. */
      in.mem = 1, in.asz = 64, in.index = -1, in.scale = 1, in.disp_size = 0;
      in.base = RBX == in.reg ? RSI : RBX;
      set_reg(c, in.base, base, 64);
    } else {
      memory_at(c, &in, base);
    }
  } else {
    in.rm = pick_reg(c);
    if (chance(c, 2)) set_reg(c, in.reg, rnd(c, 64), f->size);
  }
  maybe_lock(c, &in);
  emit(c, &in);
}

static void bit_test_imm(Ctx *c) {
  Insn in = insn(c, 1, 0xba, c->form->size);
  operand(c, &in, c->form->size / 8);
  in.reg = c->form->x;
  imm(c, &in, 8);
  maybe_lock(c, &in);
  emit(c, &in);
}

/* op; x: mandatory prefix. */
static void scan(Ctx *c) {
  Form *f = c->form;
  Insn in = insn(c, 1, f->op, f->size);
  in.rep = f->x;
  in.reg = pick_reg(c);
  operand(c, &in, f->size / 8);
  if (!in.mem && chance(c, 8)) set_reg(c, in.rm, 0, f->size);
  emit(c, &in);
}

/* op: map << 12 | pp << 8 | opcode; x: /digit of the F3 group, -1: three registers. */
static void vex(Ctx *c) {
  Form *f = c->form;
  Insn in = insn(c, f->op >> 12, f->op & 0xff, 0);
  in.vex = 1;
  in.vexpp = f->op >> 8 & 15;
  in.rexw = f->size == 64;
  c->norex = c->code_size != 64;
  in.vvvv = pick_reg(c);
  in.reg = f->x >= 0 ? f->x : pick_reg(c);
  operand(c, &in, f->size / 8);
  if (in.map == 3) {
    in.vvvv = 0;
    in.imm = rng_next(&c->g) & 0xff;
    in.imm_size = 1;
  }
  /* Counts and bit ranges, which are otherwise mostly out of range. */
  if (in.map == 2 && (in.op == 0xf5 || in.op == 0xf7) && chance(c, 2) &&
      !(c->pinned >> in.vvvv & 1))
    set_reg(c, in.vvvv, rnd(c, 80) | rnd(c, 80) << 8, chance(c, 2) ? 16 : 32);
  emit(c, &in);
}

static void adx(Ctx *c) {
  Form *f = c->form;
  Insn in = insn(c, 2, 0xf6, f->size == 64 ? 64 : 0);
  in.o66 = f->op == 0x66;
  in.rep = f->op == 0xf3 ? 0xf3 : 0;
  in.reg = pick_reg(c);
  operand(c, &in, f->size / 8);
  emit(c, &in);
}

void forms_bit(void) {
  static const char *const BT[4] = {"bt", "bts", "btr", "btc"};
  static const struct { const char *name; int op, rep; } SCAN[] = {
    {"bsf", 0xbc, 0}, {"bsr", 0xbd, 0}, {"tzcnt", 0xbc, 0xf3}, {"lzcnt", 0xbd, 0xf3},
    {"popcnt", 0xb8, 0xf3}};
  static const struct { const char *name; int op, digit; } VEX[] = {
    {"andn", 0x20f2, -1}, {"bextr", 0x20f7, -1}, {"blsr", 0x20f3, 1}, {"blsmsk", 0x20f3, 2},
    {"blsi", 0x20f3, 3}, {"bzhi", 0x20f5, -1}, {"mulx", 0x23f6, -1}, {"pdep", 0x23f5, -1},
    {"pext", 0x22f5, -1}, {"rorx", 0x33f0, -1}, {"sarx", 0x22f7, -1}, {"shlx", 0x21f7, -1},
    {"shrx", 0x23f7, -1}};
  EACH_CODE_SIZE(cs)
    for (int size = 16; size <= (cs == 64 ? 64 : 32); size *= 2) MEM_KINDS(cs, m) {
      for (int i = 0; i < 4; i++) {
        add_form("bit", cs, bit_test, 0xa3 + 8 * i, size, m, 0, "%s%d rm,r", BT[i], size);
        add_form("bit", cs, bit_test_imm, 0, size, m, 4 + i, "%s%d rm,imm8", BT[i], size);
      }
      for (int i = 0; i < 5; i++)
        add_form("bit", cs, scan, SCAN[i].op, size, m, SCAN[i].rep, "%s%d", SCAN[i].name, size);
    }
  EACH_CODE_SIZE(cs)
    for (int size = 32; size <= (cs == 64 ? 64 : 32); size *= 2) MEM_KINDS(cs, m) {
      for (unsigned i = 0; i < sizeof VEX / sizeof *VEX; i++)
        add_form("bmi", cs, vex, VEX[i].op, size, m, VEX[i].digit, "%s%d", VEX[i].name, size);
      add_form("bmi", cs, adx, 0x66, size, m, 0, "adcx%d", size);
      add_form("bmi", cs, adx, 0xf3, size, m, 0, "adox%d", size);
    }
}
