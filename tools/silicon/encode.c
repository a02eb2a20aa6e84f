/* Builds instructions byte by byte, with registers set so that operands are where they should be. */
#include "silicon.h"
#include <stdlib.h>
#include <string.h>

u32 rnd(Ctx *c, u32 n) { return (u32)((u64)rng_next(&c->g) * n >> 32); }
int chance(Ctx *c, int in) { return rnd(c, (u32)in) == 0; }

u32 start_ip(Ctx *c) { return c->mode == MODE_16 ? START_OFFSET : CODE + START_OFFSET; }

Insn insn(Ctx *c, int map, int op, int size) {
  Insn in = {.map = map, .op = op, .seg = NO_SEG};
  if (size == 16) in.o66 = c->code_size != 16;
  if (size == 32) in.o66 = c->code_size == 16;
  in.rexw = size == 64;
  c->norex = c->code_size != 64 || (size != 64 && chance(c, 4));
  return in;
}

int pick_reg(Ctx *c) { return (int)rnd(c, c->norex ? 8 : 16); }

int pick_free(Ctx *c) {
  for (;;) {
    int r = pick_reg(c);
    if (!(c->pinned >> r & 1)) return r;
  }
}

void set_reg(Ctx *c, int reg, u64 value, int width) {
  u64 m = width == 64 ? ~0ull : (1ull << width) - 1;
  c->reg[reg] = (c->reg[reg] & ~m) | (value & m);
  c->pinned |= 1u << reg;
}

void set_flags(Ctx *c, u32 flags) { c->flags = flags; }

void poke(Ctx *c, u64 address, u64 value, int bytes) {
  /* Only what is writable memory of ours, all of it. */
  if (address - DATA > DATA_SIZE - bytes && address - STACK > STACK_SIZE - (u64)bytes) return;
  if (c->npokes == 4) abort();
  Bytes *p = &c->pokes[c->npokes++];
  p->address = (u32)address;
  p->length = (u8)bytes;
  for (int i = 0; i < bytes; i++) p->bytes[i] = (u8)(value >> 8 * i);
}

u64 edge_imm(Ctx *c, int size) {
  u64 v = rng_edge(&c->g);
  return size == 64 ? v : v & ((1ull << size) - 1);
}

u64 seg_base(Ctx *c, int seg) {
  switch (c->mode) {
    case MODE_64: return seg == GS ? GS_BASE_64 : 0;
    case MODE_32: return seg == GS ? DATA : 0;
    case MODE_32S: return seg == GS || seg == DS || seg == ES ? DATA : 0;
    default: return seg == CS ? CODE : seg == SS ? STACK : seg == FS ? 0 : DATA;
  }
}

u64 pick_target(Ctx *c, int bytes) {
  u32 k = rnd(c, 100);
  if (k < 4) return STACK + rnd(c, STACK_SIZE - 16);
  if (k < 7) return DATA + 0x1000 - rnd(c, 16);
  if (k < 10) return DATA + DATA_SIZE - rnd(c, (u32)bytes + 2);
  if (k < 11) return DATA - rnd(c, 16);
  if (k < 14) return HOLE + rnd(c, 0x1000);
  if (k < 17) return READ_ONLY + rnd(c, READ_ONLY_SIZE - 16);
  if (k < 18) return CODE + rnd(c, 0x700);
  if (k < 20 && c->mode == MODE_64) {
    static const u64 HOLES[] = {0x800000000000, 0xffff7ffffffffff0, 0x8000000000000000};
    return HOLES[rnd(c, 3)] + rnd(c, 16);
  }
  return DATA + (chance(c, 2) ? rnd(c, DATA_SIZE - 64) : rnd(c, (DATA_SIZE - 64) / 8) * 8);
}

/* [bx+si] and its seven sisters. */
static void memory_16(Ctx *c, Insn *in, u64 target) {
  static const int FIRST[8] = {RBX, RBX, RBP, RBP, RSI, RDI, RBP, RBX};
  static const int SECOND[8] = {RSI, RDI, RSI, RDI, -1, -1, -1, -1};
  int rm, tries = 0;
  do rm = (int)rnd(c, 8);
  while (tries++ < 50 && (c->pinned >> FIRST[rm] & 1 ||
         (c->mode == MODE_32S && FIRST[rm] == RBP && !chance(c, 16))));
  int direct = tries >= 50 || chance(c, 8);
  if (direct) rm = 6;
  int seg = in->seg != NO_SEG ? in->seg : !direct && FIRST[rm] == RBP ? SS : DS;
  if (c->mode == MODE_16 && seg == SS) target = STACK + (target & 0xfff);
  if (c->mode == MODE_16 && seg == CS) target = CODE + (target & 0x6ff);
  c->target = target;
  u32 offset = (u32)(target - seg_base(c, seg));
  in->rm16 = rm;
  in->asz = 16;
  in->base = -1;
  if (direct) {
    in->disp = offset & 0xffff;
    in->disp_size = 2;
    return;
  }
  in->base = FIRST[rm];
  in->disp_size = rm == 6 ? 1 + (int)rnd(c, 2) : (int)rnd(c, 3);
  in->disp = in->disp_size == 1 ? (int8_t)rnd(c, 256) : in->disp_size == 2 ? (i64)rnd(c, 65536) : 0;
  u32 second = 0;
  if (SECOND[rm] >= 0) {
    second = (u32)c->reg[SECOND[rm]];
    c->pinned |= 1u << SECOND[rm];
  }
  c->addressed = 1u << FIRST[rm] | (SECOND[rm] >= 0 ? 1u << SECOND[rm] : 0);
  set_reg(c, FIRST[rm], offset - (u32)in->disp - second, 16);
}

void memory_at(Ctx *c, Insn *in, u64 target) {
  in->mem = 1;
  in->base = in->index = -1;
  in->scale = 1;
  c->target = target;
  int canonical = target < 0x7fffffff;
  /* Segment override and address size. */
  if (in->seg == NO_SEG) {
    if (c->mode == MODE_64) {
      if (chance(c, 12) && canonical) in->seg = GS;
      else if (chance(c, 20)) in->seg = (int)rnd(c, 4);
    } else if (chance(c, 8)) {
      in->seg = (int)rnd(c, 6);
      if ((in->seg == FS || in->seg == CS) && !chance(c, 4)) in->seg = GS;
    }
  }
  if (c->mode == MODE_64) {
    in->asz = canonical && chance(c, 10) ? 32 : 64;
    in->a67 = in->asz == 32;
  } else {
    int want16 = c->mode == MODE_16 ? !chance(c, 3)
      : c->mode == MODE_32S ? chance(c, 3)
      : in->seg == GS && chance(c, 2);
    in->asz = want16 ? 16 : 32;
    in->a67 = want16 != (c->mode == MODE_16);
    if (want16) {
      memory_16(c, in, target);
      return;
    }
  }
  int width = in->asz;
  u32 kind = rnd(c, 9);
  if (!canonical && (kind == 3 || kind == 4 || kind == 8)) kind = 2;
  if (kind == 3 && c->mode != MODE_64) kind = 1;
  if ((c->pinned & (c->norex ? 0xff : 0xffff)) == (c->norex ? 0xffu : 0xffffu)) kind = 4;
  int has_base = kind < 3 || (kind >= 5 && kind < 8);
  if (has_base) in->base = pick_free(c), c->addressed |= 1u << in->base;
  int seg = in->seg != NO_SEG && !(c->mode == MODE_64 && in->seg != GS)
    ? in->seg
    : (in->base == RSP || in->base == RBP) ? SS : DS;
  if (c->mode == MODE_16 && seg == SS) target = STACK + (target & 0xfff);
  if (c->mode == MODE_16 && seg == CS) target = CODE + (target & 0x6ff);
  c->target = target;
  u64 offset = target - seg_base(c, seg);
  if (width == 32) offset &= 0xffffffff;
  if (kind == 3) {
    in->rip_relative = 1;
    in->disp = (i64)offset;
    return;
  }
  if (kind == 4) {
    in->disp = (int32_t)offset;
    in->disp_size = 4;
    return;
  }
  u64 rest = 0;
  if (kind >= 5) {
    do in->index = pick_reg(c);
    while (in->index == RSP || in->index == in->base ||
           (!has_base && c->pinned >> in->index & 1 && !chance(c, 20)));
    in->scale = 1 << rnd(c, 4);
    if (!(c->pinned >> in->index & 1) && (!has_base || chance(c, 2)))
      set_reg(c, in->index, rnd(c, 256), width);
    c->pinned |= 1u << in->index;
    c->addressed |= 1u << in->index;
    u64 iv = c->reg[in->index];
    if (width == 32) iv &= 0xffffffff;
    rest = iv * (u64)in->scale;
  }
  if (kind == 8) {
    in->disp = (int32_t)(offset - rest);
    in->disp_size = 4;
    return;
  }
  in->disp_size = kind == 0 || kind == 5 ? 0 : kind == 1 || kind == 6 ? 1 : 4;
  if (in->disp_size == 0 && (in->base & 7) == RBP) in->disp_size = 1;
  in->disp = in->disp_size == 1 ? (int8_t)rnd(c, 256)
    : in->disp_size == 4 ? (int32_t)rng_next(&c->g) : 0;
  set_reg(c, in->base, offset - (u64)in->disp - rest, width);
}

void memory(Ctx *c, Insn *in, int bytes) { memory_at(c, in, pick_target(c, bytes)); }

/* The r/m operand: what the form asks for. */
void operand(Ctx *c, Insn *in, int bytes) {
  in->modrm = 1;
  int mem = c->form->mem == 2 ? (int)rnd(c, 2) : c->form->mem;
  if (mem) memory(c, in, bytes);
  else in->rm = pick_reg(c);
}

static int needs_rex(Ctx *c, Insn *in) {
  if (c->code_size != 64) return 0;
  if (in->rexw) return 1;
  if (in->modrm && in->reg >= 8) return 1;
  if (in->modrm && in->mem && (in->base >= 8 || in->index >= 8)) return 1;
  if (!in->mem && in->rm >= 8) return 1;
  if (c->norex) return 0;
  return (in->modrm && in->regbyte && in->reg >= 4) || (!in->mem && in->rmbyte && in->rm >= 4);
}

u64 operand_value(Ctx *c, Insn *in, int bytes) {
  u64 m = bytes == 8 ? ~0ull : (1ull << 8 * bytes) - 1;
  if (in->mem) return background_read(c, c->target, bytes);
  if (in->rmbyte && in->rm >= 4 && in->rm < 8 && !needs_rex(c, in))
    return c->reg[in->rm - 4] >> 8 & 0xff;
  return c->reg[in->rm] & m;
}

void imm(Ctx *c, Insn *in, int size) {
  in->imm_size = size / 8;
  in->imm = edge_imm(c, size);
}

void maybe_lock(Ctx *c, Insn *in) {
  if (in->mem ? chance(c, 6) : chance(c, 40)) in->lock = 1;
}

static void put(Ctx *c, u64 v, int n) {
  for (int i = 0; i < n; i++) c->code[c->length++] = (u8)(v >> 8 * i);
}

void raw(Ctx *c, const u8 *bytes, int n) {
  memcpy(c->code, bytes, (size_t)n);
  c->length = n;
}

/* ModRM, SIB, displacement. RIP-relative ones are finished by emit, who knows the length. */
static int modrm(Ctx *c, Insn *in) {
  int reg = (in->reg & 7) << 3;
  if (!in->mem) {
    put(c, 0xc0 | reg | (in->rm & 7), 1);
    return -1;
  }
  if (in->asz == 16) {
    int mod = in->base < 0 ? 0 : in->disp_size;
    put(c, mod << 6 | reg | in->rm16, 1);
    put(c, (u64)in->disp, in->disp_size);
    return -1;
  }
  if (in->rip_relative) {
    put(c, reg | 5, 1);
    int at = c->length;
    put(c, 0, 4);
    return at;
  }
  static const int SCALE[9] = {0, 0, 1, 0, 2, 0, 0, 0, 3};
  int mod = in->base < 0 ? 0 : in->disp_size == 4 ? 2 : in->disp_size;
  if (in->base >= 0 && mod == 0 && (in->base & 7) == RBP) mod = 1, in->disp_size = 1;
  if (in->base < 0 && in->index < 0 && c->code_size != 64) {
    put(c, reg | 5, 1);
  } else if (in->base < 0 || in->index >= 0 || (in->base & 7) == RSP) {
    put(c, mod << 6 | reg | 4, 1);
    int index = in->index < 0 ? 4 : in->index & 7;
    int scale = in->index < 0 && in->base >= 0 ? (int)rnd(c, 4) : SCALE[in->scale];
    put(c, scale << 6 | index << 3 | (in->base < 0 ? 5 : in->base & 7), 1);
  } else {
    put(c, mod << 6 | reg | (in->base & 7), 1);
  }
  put(c, (u64)in->disp, in->base < 0 ? 4 : in->disp_size);
  return -1;
}

void emit(Ctx *c, Insn *in) {
  static const u8 SEG[6] = {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65};
  u8 prefix[5];
  int n = 0;
  c->length = 0;
  if (in->lock) prefix[n++] = 0xf0;
  if (in->seg != NO_SEG) prefix[n++] = SEG[in->seg];
  if (in->a67) prefix[n++] = 0x67;
  if (in->o66) prefix[n++] = 0x66;
  if (in->rep) prefix[n++] = (u8)in->rep;
  for (int i = n - 1; i > 0; i--) {
    int j = (int)rnd(c, (u32)i + 1);
    u8 t = prefix[i];
    prefix[i] = prefix[j];
    prefix[j] = t;
  }
  for (int i = 0; i < n; i++) put(c, prefix[i], 1);
  int r = in->modrm && in->reg >= 8;
  int x = in->mem && in->index >= 8;
  int b = in->mem ? in->base >= 8 : in->rm >= 8;
  if (in->vex) {
    int wide = in->map != 2 || in->rexw || x || b;
    if (in->map == 1) wide = in->rexw || x || b;
    int tail = (~in->vvvv & 15) << 3 | in->vexl << 2 | in->vexpp;
    if (wide || chance(c, 2) || in->map != 1) {
      put(c, 0xc4, 1);
      put(c, !r << 7 | !x << 6 | !b << 5 | in->map, 1);
      put(c, in->rexw << 7 | tail, 1);
    } else {
      put(c, 0xc5, 1);
      put(c, !r << 7 | tail, 1);
    }
  } else {
    if (needs_rex(c, in)) put(c, 0x40 | in->rexw << 3 | r << 2 | x << 1 | b, 1);
    if (in->map >= 1) put(c, 0x0f, 1);
    if (in->map == 2) put(c, 0x38, 1);
    if (in->map == 3) put(c, 0x3a, 1);
  }
  put(c, (u64)in->op + (in->modrm ? 0 : in->rm & 7), 1);
  int fix = in->modrm ? modrm(c, in) : -1;
  put(c, in->imm, in->imm_size);
  if (fix >= 0) {
    u32 d = (u32)in->disp - (CODE + START_OFFSET + (u32)c->length);
    memcpy(c->code + fix, &d, 4);
  }
  if (c->length > 15) abort();
}
