/* Flags, decimal arithmetic, BOUND, INTO, ARPL, and what does nothing. */
#include "silicon.h"

static void plain(Ctx *c) {
  Insn in = insn(c, 0, c->form->op, 0);
  emit(c, &in);
}

static void with_imm8(Ctx *c) {
  Insn in = insn(c, 0, c->form->op, 0);
  in.imm_size = 1;
  in.imm = chance(c, 2) ? 10 : chance(c, 8) ? 0 : rng_next(&c->g) & 0xff;
  emit(c, &in);
}

/* Digits at their edges: half of the cases have AL near 9 and 99h. */
static void decimal(Ctx *c) {
  static const u8 AL[] = {0x00, 0x05, 0x06, 0x09, 0x0a, 0x0f, 0x10, 0x90, 0x99, 0x9a, 0x9f, 0xa0,
                          0xf9, 0xfa, 0xff, 0x66};
  if (chance(c, 2)) set_reg(c, RAX, AL[rnd(c, 16)], 8);
  else set_reg(c, RAX, rng_next(&c->g), 16);
  if (c->form->x) with_imm8(c);
  else plain(c);
}

static void bound(Ctx *c) {
  int size = c->form->size;
  Insn in = insn(c, 0, 0x62, size);
  in.modrm = 1;
  in.reg = pick_reg(c);
  c->pinned |= 1u << in.reg;
  memory(c, &in, size / 4);
  if (c->target - DATA < DATA_SIZE - 8 && !chance(c, 4)) {
    u64 m = size == 16 ? 0xffff : 0xffffffff;
    u64 v = c->reg[in.reg];
    u64 low = v - rnd(c, 3) + (u64)chance(c, 6), high = v + rnd(c, 3) - (u64)chance(c, 6);
    poke(c, c->target, (low & m) | (high & m) << size, size / 4);
  }
  emit(c, &in);
}

static void arpl(Ctx *c) {
  Insn in = insn(c, 0, 0x63, 0);
  in.reg = pick_reg(c);
  operand(c, &in, 2);
  emit(c, &in);
}

/* 0F op with ModRM and no effect: the long NOP and the prefetches. */
static void hint(Ctx *c) {
  static const int SIZES[3] = {16, 32, 64};
  Insn in = insn(c, 1, c->form->op, c->form->op == 0x0d ? 0 : SIZES[rnd(c, c->code_size == 64 ? 3 : 2)]);
  operand(c, &in, 1);
  in.reg = c->form->x >= 0 ? c->form->x : (int)rnd(c, 8);
  emit(c, &in);
}

static void bytes(Ctx *c) {
  static const u8 LIST[][5] = {
    {1, 0x90}, {2, 0x66, 0x90}, {2, 0xf3, 0x90}, {4, 0xf3, 0x0f, 0x1e, 0xfa},
    {4, 0xf3, 0x0f, 0x1e, 0xfb}, {3, 0x0f, 0xae, 0xe8}, {3, 0x0f, 0xae, 0xf0},
    {3, 0x0f, 0xae, 0xf8}};
  const u8 *b = LIST[c->form->op];
  raw(c, b + 1, b[0]);
}

void forms_misc(void) {
  static const struct { const char *name; int op; } PLAIN[] = {
    {"sahf", 0x9e}, {"lahf", 0x9f}, {"cmc", 0xf5}, {"clc", 0xf8}, {"stc", 0xf9},
    {"cld", 0xfc}, {"std", 0xfd}};
  static const struct { const char *name; int op, imm; } DECIMAL[] = {
    {"daa", 0x27, 0}, {"das", 0x2f, 0}, {"aaa", 0x37, 0}, {"aas", 0x3f, 0}, {"aam", 0xd4, 1},
    {"aad", 0xd5, 1}, {"salc", 0xd6, 0}};
  static const char *const NOTHING[] = {"nop", "66 nop", "pause", "endbr64", "endbr32", "lfence",
                                        "mfence", "sfence"};
  EACH_CODE_SIZE(cs) {
    for (int i = 0; i < 7; i++) add_form("misc", cs, plain, PLAIN[i].op, 0, 0, 0, "%s", PLAIN[i].name);
    for (int i = 0; i < 8; i++) add_form("misc", cs, bytes, i, 0, 0, 0, "%s", NOTHING[i]);
    MEM_KINDS(cs, m) add_form("misc", cs, hint, 0x1f, 0, m, -1, "nop rm");
    add_form("misc", cs, hint, 0x18, 0, 1, -1, "prefetch");
    add_form("misc", cs, hint, 0x0d, 0, 1, 1, "prefetchw");
    if (cs == 64) continue;
    for (int i = 0; i < 7; i++)
      add_form("misc", cs, decimal, DECIMAL[i].op, 0, 0, DECIMAL[i].imm, "%s", DECIMAL[i].name);
    add_form("misc", cs, plain, 0xce, 0, 0, 0, "into");
    add_form("misc", cs, bound, 0x62, 16, 1, 0, "bound16");
    add_form("misc", cs, bound, 0x62, 32, 1, 0, "bound32");
    MEM_KINDS(cs, m) add_form("misc", cs, arpl, 0x63, 16, m, 0, "arpl");
  }
}
