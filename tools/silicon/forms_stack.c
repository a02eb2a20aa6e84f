/* PUSH, POP and their relatives. */
#include "silicon.h"

/* Now and then the stack pointer stands at an edge of the stack page. */
static void stack_pointer(Ctx *c) {
  c->pinned |= 1u << RSP;
  if (!chance(c, 8)) return;
  static const u32 EDGES[] = {0, 1, 2, 3, 4, 7, 8, 15, 0x10, 0x1000, 0xfff, 0xffe, 0xffc, 0xff8,
                              0xff1, 0xff0, 0x803, 0x801};
  u32 o = EDGES[rnd(c, sizeof EDGES / sizeof *EDGES)];
  if (c->mode == MODE_64 && chance(c, 6)) set_reg(c, RSP, 0x800000000000 + o, 64);
  else if (c->mode == MODE_16) set_reg(c, RSP, o, 16);
  else set_reg(c, RSP, STACK + o, c->mode == MODE_64 ? 64 : 32);
}

/* Stack instructions have 64 bits by themselves in 64-bit code. */
static Insn stack_insn(Ctx *c, int map, int op) {
  Insn in = insn(c, map, op, c->form->size);
  in.rexw = c->form->size == 64 && chance(c, 12);
  if (c->form->size == 64) c->norex = !in.rexw && chance(c, 3);
  stack_pointer(c);
  return in;
}

static void short_reg(Ctx *c) {
  Insn in = stack_insn(c, 0, c->form->op);
  in.rm = pick_reg(c);
  emit(c, &in);
}

static void rm(Ctx *c) {
  Insn in = stack_insn(c, 0, c->form->op);
  in.reg = c->form->x;
  operand(c, &in, c->form->size / 8);
  /* [rsp + disp]: PUSH uses the pointer as it was, POP as it will be. */
  if (in.mem && in.asz != 16 && chance(c, 6)) {
    in.base = RSP, in.index = -1, in.rip_relative = 0, in.disp_size = 1 + 3 * (int)rnd(c, 2);
    in.disp = (int8_t)rnd(c, 256);
  }
  emit(c, &in);
}

static void immediate(Ctx *c) {
  Insn in = stack_insn(c, 0, c->form->op);
  imm(c, &in, c->form->op == 0x6a ? 8 : c->form->size == 64 ? 32 : c->form->size);
  emit(c, &in);
}

static void plain(Ctx *c) {
  Insn in = stack_insn(c, c->form->x, c->form->op);
  emit(c, &in);
}

/* TF is never in the image: the trap after it would be the next instruction's. */
static void popf(Ctx *c) {
  Insn in = stack_insn(c, 0, 0x9d);
  u64 sp = c->mode == MODE_16 ? STACK + (c->reg[RSP] & 0xffff) : c->reg[RSP];
  u64 v = rng_edge(&c->g);
  if (chance(c, 2)) v = rng_next(&c->g);
  if (sp - STACK < STACK_SIZE - 8) poke(c, sp, v & ~0x100ull, c->form->size / 8);
  else set_reg(c, RSP, c->mode == MODE_16 ? 0x1004 : STACK + 0x1004, c->mode == MODE_16 ? 16 : 64);
  emit(c, &in);
}

static void push_sreg(Ctx *c) {
  Insn in = stack_insn(c, c->form->x, c->form->op);
  emit(c, &in);
}

static void popa(Ctx *c) {
  Insn in = stack_insn(c, 0, 0x61);
  emit(c, &in);
}

/* The frame pointer: in the stack page, mostly. */
static void frame_pointer(Ctx *c) {
  u32 o = chance(c, 10) ? (chance(c, 2) ? 0xff0 + rnd(c, 16) : rnd(c, 32)) : 0x200 + rnd(c, 0x600);
  if (c->mode == MODE_16) set_reg(c, RBP, o, 16);
  else set_reg(c, RBP, STACK + o, c->mode == MODE_64 ? 64 : 32);
}

static void enter(Ctx *c) {
  Insn in = stack_insn(c, 0, 0xc8);
  frame_pointer(c);
  u32 level = chance(c, 2) ? 0 : chance(c, 4) ? rnd(c, 256) : rnd(c, 4);
  u32 size = chance(c, 8) ? rng_next(&c->g) & 0xffff : rnd(c, 64) * (chance(c, 2) ? 1 : 8);
  in.imm = size | level << 16;
  in.imm_size = 3;
  emit(c, &in);
}

static void leave(Ctx *c) {
  Insn in = stack_insn(c, 0, 0xc9);
  frame_pointer(c);
  emit(c, &in);
}

void forms_stack(void) {
  static const struct { const char *name; int map, op, legacy; } SREG[] = {
    {"es", 0, 0x06, 1}, {"cs", 0, 0x0e, 1}, {"ss", 0, 0x16, 1}, {"ds", 0, 0x1e, 1},
    {"fs", 1, 0xa0, 0}, {"gs", 1, 0xa8, 0}};
  EACH_CODE_SIZE(cs) {
    int sizes[2] = {16, cs == 64 ? 64 : 32};
    for (int k = 0; k < 2; k++) {
      int size = sizes[k];
      add_form("stack", cs, short_reg, 0x50, size, 0, 0, "push%d r", size);
      add_form("stack", cs, short_reg, 0x58, size, 0, 0, "pop%d r", size);
      MEM_KINDS(cs, m) {
        add_form("stack", cs, rm, 0xff, size, m, 6, "push%d rm", size);
        add_form("stack", cs, rm, 0x8f, size, m, 0, "pop%d rm", size);
      }
      add_form("stack", cs, immediate, 0x6a, size, 0, 0, "push%d imm8", size);
      add_form("stack", cs, immediate, 0x68, size, 0, 0, "push%d imm", size);
      add_form("stack", cs, plain, 0x9c, size, 0, 0, "pushf%d", size);
      add_form("stack", cs, popf, 0x9d, size, 0, 0, "popf%d", size);
      for (int s = 0; s < 6; s++)
        if (cs != 64 || !SREG[s].legacy)
          add_form("stack", cs, push_sreg, SREG[s].op, size, 0, SREG[s].map, "push%d %s", size,
                   SREG[s].name);
      if (cs != 64) {
        add_form("stack", cs, plain, 0x60, size, 0, 0, "pusha%d", size);
        last_form()->partial_stores = 1;
        add_form("stack", cs, popa, 0x61, size, 0, 0, "popa%d", size);
        last_form()->partial_registers = 1;
      }
      add_form("stack", cs, enter, 0xc8, size, 0, 0, "enter%d", size);
      last_form()->partial_stores = 1;
      add_form("stack", cs, leave, 0xc9, size, 0, 0, "leave%d", size);
    }
  }
}
