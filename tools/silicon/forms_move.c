/* Moves, exchanges, extensions, addresses, conditional moves and sets. */
#include "silicon.h"

#define SIZES(cs, s, from) for (int s = from; s <= ((cs) == 64 ? 64 : 32); s *= 2)

/* op: opcode without its size bit; x: 1 when the opcode has one. Both r,rm and rm,r. */
static void mov(Ctx *c) {
  Form *f = c->form;
  int byte = f->size == 8;
  Insn in = insn(c, 0, f->op + !byte, f->size);
  in.regbyte = in.rmbyte = byte;
  in.reg = pick_reg(c);
  operand(c, &in, f->size / 8);
  if (f->op == 0x86) maybe_lock(c, &in);
  emit(c, &in);
}

static void mov_imm(Ctx *c) {
  Form *f = c->form;
  Insn in = insn(c, 0, 0xc6 + (f->size != 8), f->size);
  in.rmbyte = f->size == 8;
  operand(c, &in, f->size / 8);
  imm(c, &in, f->size == 64 ? 32 : f->size);
  emit(c, &in);
}

/* B0+r, B8+r */
static void mov_short(Ctx *c) {
  Form *f = c->form;
  Insn in = insn(c, 0, f->size == 8 ? 0xb0 : 0xb8, f->size);
  in.rmbyte = f->size == 8;
  in.rm = pick_reg(c);
  imm(c, &in, f->size);
  emit(c, &in);
}

/* A0 to A3: an absolute address of the address size. */
static void moffs(Ctx *c) {
  Form *f = c->form;
  Insn in = insn(c, 0, f->op + (f->size != 8), f->size);
  int asz = c->code_size;
  if (chance(c, 3)) in.a67 = 1, asz = asz == 32 ? 16 : 32;
  u64 t = pick_target(c, f->size / 8);
  if (chance(c, 6)) in.seg = c->mode == MODE_64 || chance(c, 2) ? GS : ES;
  if (asz == 16 && c->mode == MODE_32 && !chance(c, 8)) in.seg = GS;
  c->target = t;
  in.imm = t - seg_base(c, in.seg == NO_SEG ? DS : in.seg);
  in.imm_size = asz / 8;
  emit(c, &in);
}

/* 8C: all registers and two that do not exist. */
static void mov_from_sreg(Ctx *c) {
  Insn in = insn(c, 0, 0x8c, c->form->size);
  operand(c, &in, 2);
  in.reg = chance(c, 12) ? 6 + (int)rnd(c, 2) : (int)rnd(c, 6);
  if (in.reg == FS || in.reg == GS) in.reg = chance(c, 2) ? CS : GS;
  emit(c, &in);
}

static void xchg_short(Ctx *c) {
  Insn in = insn(c, 0, 0x90, c->form->size);
  in.rm = pick_reg(c);
  emit(c, &in);
}

static void xadd(Ctx *c) {
  Form *f = c->form;
  int byte = f->size == 8;
  Insn in = insn(c, 1, f->op + !byte, f->size);
  in.regbyte = in.rmbyte = byte;
  in.reg = pick_reg(c);
  if (f->op == 0xb0) c->pinned |= 1u << RAX;
  operand(c, &in, f->size / 8);
  if (f->op == 0xb0 && !(c->addressed & 1u << RAX) && chance(c, 2))
    set_reg(c, RAX, operand_value(c, &in, f->size / 8), f->size);
  maybe_lock(c, &in);
  emit(c, &in);
}

static void cmpxchg8b(Ctx *c) {
  int wide = c->form->size == 64;
  Insn in = insn(c, 1, 0xc7, c->form->size);
  in.modrm = 1;
  in.reg = 1;
  c->pinned |= 1u << RAX | 1u << RDX | 1u << RCX | 1u << RBX;
  u64 t = pick_target(c, wide ? 16 : 8);
  if (wide && !chance(c, 8)) t &= ~15ull;
  memory_at(c, &in, t);
  if (!(c->addressed & (1u << RAX | 1u << RDX)) && chance(c, 2)) {
    int half = wide ? 8 : 4;
    set_reg(c, RAX, background_read(c, c->target, half), wide ? 64 : 32);
    if (!chance(c, 5)) set_reg(c, RDX, background_read(c, c->target + half, half), wide ? 64 : 32);
  }
  if (chance(c, 3)) in.lock = 1;
  emit(c, &in);
}

static void bswap(Ctx *c) {
  Insn in = insn(c, 1, 0xc8, c->form->size);
  in.rm = pick_reg(c);
  emit(c, &in);
}

/* map 2: F0 and F1, memory only. */
static void movbe(Ctx *c) {
  Insn in = insn(c, 2, c->form->op, c->form->size);
  in.modrm = 1;
  in.reg = pick_reg(c);
  memory(c, &in, c->form->size / 8);
  emit(c, &in);
}

static void movnti(Ctx *c) {
  /* No 66h: with it the bytes mean nothing. In 16-bit code, too, the size is 32. */
  Insn in = insn(c, 1, 0xc3, c->form->size == 64 ? 64 : 0);
  in.modrm = 1;
  in.reg = pick_reg(c);
  memory(c, &in, c->form->size / 8);
  emit(c, &in);
}

/* movzx, movsx: x is the source's size. movsxd is op 63, map 0. */
static void extend(Ctx *c) {
  Form *f = c->form;
  Insn in = insn(c, f->op == 0x63 ? 0 : 1, f->op, f->size);
  in.rmbyte = f->x == 8;
  in.reg = pick_reg(c);
  operand(c, &in, f->x / 8);
  emit(c, &in);
}

/* Every addressing form there is, with any values: nothing is accessed. */
static void lea(Ctx *c) {
  Insn in = insn(c, 0, 0x8d, c->form->size);
  in.modrm = 1;
  in.mem = 1;
  in.reg = pick_reg(c);
  in.index = in.base = -1;
  in.scale = 1;
  int other = chance(c, 3);
  in.a67 = other;
  in.asz = other ? (c->code_size == 32 ? 16 : 32) : c->code_size;
  if (chance(c, 12)) in.seg = (int)rnd(c, 6);
  if (in.asz == 16) {
    in.rm16 = (int)rnd(c, 8);
    in.base = RBX;
    in.disp_size = (int)rnd(c, 3);
    if (in.rm16 == 6 && in.disp_size == 0) in.base = -1, in.disp_size = 2;
    in.disp = (i64)rng_edge(&c->g);
  } else {
    u32 kind = rnd(c, 8);
    if (kind == 0 && c->code_size == 64) {
      in.rip_relative = 1;
      in.disp = (i64)rng_edge(&c->g);
    } else {
      if (kind != 1) in.base = pick_reg(c);
      if (kind >= 4 || chance(c, 3)) {
        do in.index = pick_reg(c);
        while (in.index == RSP);
        in.scale = 1 << rnd(c, 4);
      }
      static const int SIZES_[3] = {0, 1, 4};
      in.disp_size = in.base < 0 ? 4 : SIZES_[rnd(c, 3)];
      in.disp = (i64)rng_edge(&c->g);
    }
  }
  emit(c, &in);
}

/* XLAT: [(e)bx + al]. */
static void xlat(Ctx *c) {
  Insn in = insn(c, 0, 0xd7, 0);
  int asz = c->code_size;
  if (chance(c, 4)) in.a67 = 1, asz = asz == 32 ? 16 : 32;
  u64 t = pick_target(c, 1);
  if (chance(c, 6)) in.seg = GS;
  if (asz == 16 && c->mode == MODE_32 && !chance(c, 8)) in.seg = GS;
  set_reg(c, RBX, t - seg_base(c, in.seg == NO_SEG ? DS : in.seg) - (c->reg[RAX] & 0xff), asz);
  emit(c, &in);
}

/* op 40: cmovcc, 90: setcc; x: the condition. */
static void conditional(Ctx *c) {
  Form *f = c->form;
  static const int SIZES_[3] = {16, 32, 64};
  int set = f->op == 0x90;
  int size = set ? 8 : SIZES_[rnd(c, c->code_size == 64 ? 3 : 2)];
  Insn in = insn(c, 1, f->op + f->x, size);
  in.reg = set ? (int)rnd(c, 8) : pick_reg(c);
  in.rmbyte = set;
  operand(c, &in, size / 8);
  emit(c, &in);
}

void forms_move(void) {
  static const char *const CC[16] = {"o", "no", "b", "ae", "e", "ne", "be", "a",
                                     "s", "ns", "p", "np", "l", "ge", "le", "g"};
  EACH_CODE_SIZE(cs) {
    SIZES(cs, size, 8) {
      MEM_KINDS(cs, m) {
        add_form("move", cs, mov, 0x88, size, m, 0, "mov%d rm,r", size);
        add_form("move", cs, mov, 0x8a, size, m, 0, "mov%d r,rm", size);
        add_form("move", cs, mov_imm, 0xc6, size, m, 0, "mov%d rm,imm", size);
        add_form("move", cs, mov, 0x86, size, m, 0, "xchg%d rm,r", size);
        add_form("move", cs, xadd, 0xc0, size, m, 0, "xadd%d", size);
        add_form("move", cs, xadd, 0xb0, size, m, 0, "cmpxchg%d", size);
      }
      add_form("move", cs, mov_short, 0, size, 0, 0, "mov%d r,imm short", size);
      add_form("move", cs, moffs, 0xa0, size, 2, 0, "mov%d acc,moffs", size);
      add_form("move", cs, moffs, 0xa2, size, 2, 0, "mov%d moffs,acc", size);
      if (size == 8) continue;
      MEM_KINDS(cs, m) {
        add_form("move", cs, mov_from_sreg, 0, size, m, 0, "mov%d rm,sreg", size);
        add_form("move", cs, extend, 0xb6, size, m, 8, "movzx%d r,rm8", size);
        add_form("move", cs, extend, 0xb7, size, m, 16, "movzx%d r,rm16", size);
        add_form("move", cs, extend, 0xbe, size, m, 8, "movsx%d r,rm8", size);
        add_form("move", cs, extend, 0xbf, size, m, 16, "movsx%d r,rm16", size);
        if (cs == 64 && size != 16)
          add_form("move", cs, extend, 0x63, size, m, 32, "movsxd%d r,rm32", size);
      }
      add_form("move", cs, xchg_short, 0, size, 0, 0, "xchg%d acc,r short", size);
      add_form("move", cs, bswap, 0, size, 0, 0, "bswap%d", size);
      add_form("move", cs, movbe, 0xf0, size, 1, 0, "movbe%d r,", size);
      add_form("move", cs, movbe, 0xf1, size, 1, 0, "movbe%d ,r", size);
      add_form("move", cs, lea, 0, size, 0, 0, "lea%d", size);
      if (size != 16) {
        add_form("move", cs, movnti, 0, size, 1, 0, "movnti%d", size);
        add_form("move", cs, cmpxchg8b, 0, size, 1, 0, "cmpxchg%db", size / 4);
      }
    }
    add_form("move", cs, xlat, 0, 8, 2, 0, "xlat");
    for (int cc = 0; cc < 16; cc++) MEM_KINDS(cs, m) {
      add_form("cond", cs, conditional, 0x90, 8, m, cc, "set%s", CC[cc]);
      add_form("cond", cs, conditional, 0x40, 0, m, cc, "cmov%s", CC[cc]);
    }
  }
}
