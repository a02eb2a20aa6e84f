/* Near jumps, calls and returns; loops. What was taken shows in the instruction pointer. */
#include "silicon.h"

/* A place in the code page where neither the instruction nor what precedes it is. */
static u32 place(Ctx *c) {
  return chance(c, 2) ? START_OFFSET + 16 + rnd(c, 0x7e0) : rnd(c, START_OFFSET - 64);
}

static u32 code_base(Ctx *c) { return c->mode == MODE_16 ? 0 : CODE; }

/* Emits with an 8-bit displacement that hits neither the instruction nor its prelude. */
static void short_branch(Ctx *c, Insn *in) {
  int d = chance(c, 2) ? (int)rnd(c, 128) : -(int)rnd(c, 48) - 80;
  in->imm = (u64)(i64)d & 0xff;
  in->imm_size = 1;
  emit(c, in);
}

static void near_branch(Ctx *c, Insn *in, int size) {
  in->imm_size = size == 16 ? 2 : 4;
  emit(c, in);
  u32 target = code_base(c) + place(c);
  if (chance(c, 12)) target = c->mode == MODE_16 ? rng_next(&c->g) & 0xffff : HOLE + rnd(c, 4096);
  u32 d = target - (start_ip(c) + (u32)c->length);
  for (int i = 0; i < in->imm_size; i++)
    c->code[c->length - in->imm_size + i] = (u8)(d >> 8 * i);
}

/* 66h with a branch in 64-bit code is AMD's alone (RIP is cut to 16 bits): left out. */
static int branch_size(Ctx *c, Insn *in) {
  if (c->code_size == 64) return 32;
  int other = chance(c, 4);
  in->o66 = other;
  return other ? 48 - c->code_size : c->code_size;
}

static void jcc(Ctx *c) {
  Insn in = insn(c, 0, 0x70 + c->form->x, 0);
  if (c->code_size != 64) in.o66 = chance(c, 8);
  if (chance(c, 6)) in.seg = chance(c, 2) ? CS : DS;
  short_branch(c, &in);
}

static void jcc_near(Ctx *c) {
  Insn in = insn(c, 1, 0x80 + c->form->x, 0);
  near_branch(c, &in, branch_size(c, &in));
}

static void jmp_short(Ctx *c) {
  Insn in = insn(c, 0, 0xeb, 0);
  short_branch(c, &in);
}

/* E8, E9 */
static void relative(Ctx *c) {
  Insn in = insn(c, 0, c->form->op, 0);
  near_branch(c, &in, branch_size(c, &in));
}

/* Where indirect branches go: the code page, else a hole, else nowhere canonical. */
static u64 destination(Ctx *c) {
  if (c->mode == MODE_64 && chance(c, 10)) return 0x800000000000 + rng_next(&c->g);
  if (chance(c, 10)) return c->mode == MODE_16 ? rng_next(&c->g) & 0x3ffff : HOLE + rnd(c, 4096);
  return code_base(c) + place(c);
}

static int branch_bytes(Ctx *c, Insn *in) {
  int s = branch_size(c, in);
  return c->code_size == 64 ? 8 : s / 8;
}

static void stack_edge(Ctx *c) {
  c->pinned |= 1u << RSP;
  if (!chance(c, 10)) return;
  static const u32 EDGES[] = {0, 1, 3, 4, 7, 0xffc, 0xffe, 0xfff, 0x1000, 0xff9};
  u32 o = EDGES[rnd(c, 10)];
  set_reg(c, RSP, c->mode == MODE_16 ? o : STACK + o,
          c->mode == MODE_16 ? 16 : c->mode == MODE_64 ? 64 : 32);
}

/* FF /2 and /4 */
static void indirect(Ctx *c) {
  Insn in = insn(c, 0, 0xff, 0);
  int bytes = branch_bytes(c, &in);
  stack_edge(c);
  in.reg = c->form->x;
  operand(c, &in, bytes);
  u64 to = destination(c);
  if (in.mem) {
    if (c->target - DATA < DATA_SIZE - 8 || c->target - STACK < STACK_SIZE - 8)
      poke(c, c->target, to, bytes);
    else {
      /* What happens to lie there may be no good destination: let it fault instead. */
      in.mem = 0;
      in.asz = 0, in.a67 = 0;
      in.rm = RBX;
      set_reg(c, RBX, to, bytes * 8);
    }
  } else {
    if (in.rm == RSP) in.rm = RAX;
    set_reg(c, in.rm, to, bytes * 8);
  }
  emit(c, &in);
}

/* C3 and C2 */
static void ret(Ctx *c) {
  Insn in = insn(c, 0, c->form->op, 0);
  int bytes = branch_bytes(c, &in);
  stack_edge(c);
  u64 sp = c->mode == MODE_16 ? STACK + (c->reg[RSP] & 0xffff) : c->reg[RSP];
  if (sp - STACK <= STACK_SIZE - (u64)bytes) poke(c, sp, destination(c), bytes);
  else set_reg(c, RSP, c->mode == MODE_16 ? 0xfffc : STACK + 0xffe, c->mode == MODE_64 ? 64 : 16);
  if (c->form->op == 0xc2) imm(c, &in, 16);
  emit(c, &in);
}

/* E0 to E3: small counts; 67h changes the counter's size. */
static void loop(Ctx *c) {
  Insn in = insn(c, 0, c->form->op, 0);
  in.a67 = chance(c, 3);
  if (!chance(c, 3)) {
    static const u64 COUNTS[] = {0, 1, 2, 0x10000, 0x10001, 0x100000000, 0x100000001, ~0ull};
    set_reg(c, RCX, COUNTS[rnd(c, 8)], 64);
  }
  short_branch(c, &in);
}

void forms_branch(void) {
  static const char *const CC[16] = {"o", "no", "b", "ae", "e", "ne", "be", "a",
                                     "s", "ns", "p", "np", "l", "ge", "le", "g"};
  static const char *const LOOP[4] = {"loopne", "loope", "loop", "jcxz"};
  EACH_CODE_SIZE(cs) {
    for (int cc = 0; cc < 16; cc++) {
      add_form("branch", cs, jcc, 0, 0, 0, cc, "j%s rel8", CC[cc]);
      add_form("branch", cs, jcc_near, 0, 0, 0, cc, "j%s rel", CC[cc]);
    }
    add_form("branch", cs, jmp_short, 0, 0, 0, 0, "jmp rel8");
    add_form("branch", cs, relative, 0xe9, 0, 0, 0, "jmp rel");
    add_form("branch", cs, relative, 0xe8, 0, 0, 0, "call rel");
    MEM_KINDS(cs, m) {
      add_form("branch", cs, indirect, 0xff, 0, m, 4, "jmp rm");
      add_form("branch", cs, indirect, 0xff, 0, m, 2, "call rm");
    }
    add_form("branch", cs, ret, 0xc3, 0, 0, 0, "ret");
    add_form("branch", cs, ret, 0xc2, 0, 0, 0, "ret imm16");
    for (int i = 0; i < 4; i++) add_form("branch", cs, loop, 0xe0 + i, 0, 0, 0, "%s", LOOP[i]);
  }
}
