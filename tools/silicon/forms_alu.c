/* Two-operand arithmetic, INC to NOT, MUL to IDIV. */
#include "silicon.h"

static const char *const ALU[8] = {"add", "or", "adc", "sbb", "and", "sub", "xor", "cmp"};

/* op: 0-7; x: encoding. */
static void alu(Ctx *c) {
  Form *f = c->form;
  int byte = f->size == 8, wide = !byte, bytes = f->size / 8;
  int immediate = f->size == 64 ? 32 : f->size;
  Insn in = insn(c, 0, 0, f->size);
  in.regbyte = in.rmbyte = byte;
  switch (f->x) {
    case 0: /* r/m, r */
    case 1: /* r, r/m */
      in.op = f->op * 8 + f->x * 2 + wide;
      in.reg = pick_reg(c);
      operand(c, &in, bytes);
      if (f->x == 0) maybe_lock(c, &in);
      break;
    case 2: /* r/m, imm */
    case 3: /* r/m, imm8 sign-extended; 82h is 80h's alias */
      in.op = f->x == 3 ? (byte ? 0x82 : 0x83) : 0x80 + wide;
      operand(c, &in, bytes);
      in.reg = f->op;
      in.regbyte = 0;
      imm(c, &in, f->x == 3 ? 8 : immediate);
      maybe_lock(c, &in);
      break;
    default: /* accumulator, imm */
      in.op = f->op * 8 + 4 + wide;
      imm(c, &in, immediate);
  }
  emit(c, &in);
}

/* TEST: x as in alu: 0 r/m,r; 2 r/m,imm; 3 the alias /1; 4 accumulator. */
static void test(Ctx *c) {
  Form *f = c->form;
  int byte = f->size == 8, immediate = f->size == 64 ? 32 : f->size;
  Insn in = insn(c, 0, 0, f->size);
  in.rmbyte = byte;
  if (f->x == 0) {
    in.op = 0x84 + !byte;
    in.reg = pick_reg(c);
    in.regbyte = byte;
    operand(c, &in, f->size / 8);
  } else if (f->x == 4) {
    in.op = 0xa8 + !byte;
    imm(c, &in, immediate);
  } else {
    in.op = 0xf6 + !byte;
    in.reg = f->x - 2;
    operand(c, &in, f->size / 8);
    imm(c, &in, immediate);
  }
  emit(c, &in);
}

/* op: opcode; x: /digit. */
static void unary(Ctx *c) {
  Form *f = c->form;
  Insn in = insn(c, 0, f->op + (f->size != 8), f->size);
  in.reg = f->x;
  in.rmbyte = f->size == 8;
  operand(c, &in, f->size / 8);
  maybe_lock(c, &in);
  emit(c, &in);
}

static void short_inc(Ctx *c) {
  Insn in = insn(c, 0, c->form->op, c->form->size);
  in.rm = pick_reg(c);
  emit(c, &in);
}

/* Chooses a dividend whose quotient fits, most of the time just about. */
static void dividend(Ctx *c, Insn *in, int size, int is_signed) {
  u64 m = size == 64 ? ~0ull : (1ull << size) - 1;
  u64 d = operand_value(c, in, size / 8);
  if (!d || c->addressed & (1u << RAX | 1u << RDX)) return;
  unsigned __int128 n;
  if (is_signed) {
    int shift = 64 - size;
    i64 sd = (i64)(d << shift) >> shift;
    i64 q = (i64)(rng_edge(&c->g) << shift) >> shift;
    u64 magnitude = sd < 0 ? -(u64)sd : (u64)sd;
    u64 r = rng_edge(&c->g) % magnitude;
    __int128 v = (__int128)q * sd;
    n = (unsigned __int128)(v < 0 ? v - (__int128)r : v + (__int128)r);
  } else {
    u64 q = rng_edge(&c->g) & m;
    n = (unsigned __int128)q * d + rng_edge(&c->g) % d;
  }
  if (size == 8) {
    set_reg(c, RAX, (u64)n, 16);
  } else {
    set_reg(c, RAX, (u64)n, size);
    set_reg(c, RDX, (u64)(n >> size), size);
  }
}

static void muldiv(Ctx *c) {
  Form *f = c->form;
  Insn in = insn(c, 0, 0xf6 + (f->size != 8), f->size);
  in.reg = f->x;
  in.rmbyte = f->size == 8;
  /* Memory operands keep away from the dividend. */
  c->pinned = 1u << RAX | 1u << RDX;
  operand(c, &in, f->size / 8);
  int own = !in.mem && (in.rm == RAX || in.rm == RDX || (f->size == 8 && (in.rm & 7) == 4));
  if (f->x >= 6 && !own && !chance(c, 5)) dividend(c, &in, f->size, f->x == 7);
  emit(c, &in);
}

static void imul(Ctx *c) {
  Form *f = c->form;
  Insn in = insn(c, f->x == 2 ? 1 : 0, f->op, f->size);
  in.reg = pick_reg(c);
  operand(c, &in, f->size / 8);
  if (f->op == 0x6b) imm(c, &in, 8);
  if (f->op == 0x69) imm(c, &in, f->size == 64 ? 32 : f->size);
  emit(c, &in);
}

/* 98 and 99: sign extensions of the accumulator. */
static void convert(Ctx *c) {
  Insn in = insn(c, 0, c->form->op, c->form->size);
  if (c->form->size == 64) in.rexw = 1;
  emit(c, &in);
}

void forms_alu(void) {
  static const char *const SHAPE[5] = {"rm,r", "r,rm", "rm,imm", "rm,imm8", "acc,imm"};
  static const char *const SHORT[4][2] = {{"inc", "fe"}, {"dec", "fe"}, {"not", "f6"}, {"neg", "f6"}};
  static const char *const MUL[4] = {"mul", "imul", "div", "idiv"};
  EACH_CODE_SIZE(cs) {
    for (int op = 0; op < 8; op++)
      for (int size = 8; size <= (cs == 64 ? 64 : 32); size *= 2)
        for (int x = 0; x < 5; x++) {
          if (x == 3 && size == 8 && cs == 64) continue;
          if (x == 4) add_form("alu", cs, alu, op, size, 0, x, "%s%d %s", ALU[op], size, SHAPE[x]);
          else MEM_KINDS(cs, m)
            add_form("alu", cs, alu, op, size, m, x, "%s%d %s", ALU[op], size, SHAPE[x]);
        }
  }
  EACH_CODE_SIZE(cs)
    for (int size = 8; size <= (cs == 64 ? 64 : 32); size *= 2) {
      for (int i = 0; i < 4; i++) MEM_KINDS(cs, m)
        add_form("unary", cs, unary, i < 2 ? 0xfe : 0xf6, size, m, i, "%s%d", SHORT[i][0], size);
      for (int x = 0; x < 4; x++)
        if (x == 0 || x == 2 || x == 3) MEM_KINDS(cs, m)
          add_form("unary", cs, test, 0, size, m, x, "test%d %s", size,
                   x == 3 ? "rm,imm /1" : SHAPE[x]);
      add_form("unary", cs, test, 0, size, 0, 4, "test%d acc,imm", size);
      if (cs != 64 && size != 8) {
        add_form("unary", cs, short_inc, 0x40, size, 0, 0, "inc%d 40+r", size);
        add_form("unary", cs, short_inc, 0x48, size, 0, 0, "dec%d 48+r", size);
      }
      if (size != 8) {
        add_form("unary", cs, convert, 0x98, size, 0, 0, "cbw family, to %d", size);
        add_form("unary", cs, convert, 0x99, size, 0, 0, "cwd family, of %d", size);
      }
    }
  EACH_CODE_SIZE(cs)
    for (int size = 8; size <= (cs == 64 ? 64 : 32); size *= 2) {
      for (int x = 4; x < 8; x++) MEM_KINDS(cs, m)
        add_form("muldiv", cs, muldiv, 0, size, m, x, "%s%d rm", MUL[x - 4], size);
      if (size != 8) MEM_KINDS(cs, m) {
        add_form("muldiv", cs, imul, 0xaf, size, m, 2, "imul%d r,rm", size);
        add_form("muldiv", cs, imul, 0x69, size, m, 3, "imul%d r,rm,imm", size);
        add_form("muldiv", cs, imul, 0x6b, size, m, 3, "imul%d r,rm,imm8", size);
      }
    }
}
