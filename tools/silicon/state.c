/* The random stream, and what it derives: registers, flags and memory before a case. */
#include "silicon.h"
#include <string.h>

u32 mix(u32 z) {
  z ^= z >> 16;
  z *= 0x21f0aaadu;
  z ^= z >> 15;
  z *= 0x735a2d97u;
  return z ^ z >> 15;
}

u32 rng_next(Rng *r) { return mix(r->state += 0x9e3779b9u); }

u32 hash_name(const char *name, int code_size) {
  u32 h = 0x811c9dc5u;
  for (; *name; name++) h = (h ^ (u8)*name) * 0x01000193u;
  return (h ^ (u32)code_size) * 0x01000193u;
}

u32 hash_bytes(u32 h, const u8 *bytes, u32 size) {
  for (u32 i = 0; i < size; i++) h = (h ^ bytes[i]) * 0x01000193u;
  return h;
}

u32 hash_case(u32 form_hash, u32 index) { return mix(form_hash ^ mix(index + 1)); }

static const u64 EDGES[16] = {
  0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000u, 0xffffffffu,
  0x7fffffffffffffff, 0x8000000000000000, 0x100000000, 1, 2,
  0x8080808080808080, 0x7f7f7f7f7f7f7f7f,
};

/* A 64-bit value, as likely as not at an edge. Always takes three steps of the stream. */
u64 rng_edge(Rng *r) {
  u32 kind = rng_next(r) & 15, lo = rng_next(r), hi = rng_next(r);
  switch (kind) {
    case 6: return 0;
    case 7: return ~0ull;
    case 8: return lo & 0xff;
    case 9: return (u64)(i64)(int8_t)lo;
    case 10: return 1ull << (lo & 63);
    case 11: return (1ull << (lo & 63)) - 1;
    case 12: return ~(1ull << (lo & 63));
    case 13: return EDGES[lo & 15];
    case 14: return lo;
    case 15: return (u64)(i64)(int32_t)lo;
    default: return (u64)hi << 32 | lo;
  }
}

u8 background_data[DATA_SIZE], background_stack[STACK_SIZE], background_ro[READ_ONLY_SIZE];

static void fill(u8 *to, u32 size, u32 seed) {
  Rng r = {seed};
  for (u32 i = 0; i < size; i += 8) {
    u64 v = rng_edge(&r);
    memcpy(to + i, &v, 8);
  }
}

void make_background(void) {
  fill(background_data, DATA_SIZE, 1);
  fill(background_stack, STACK_SIZE, 2);
  fill(background_ro, READ_ONLY_SIZE, 3);
  /* Runs of equal elements for the string comparisons. */
  memset(background_data + 0x1c00, 0, 0x100);
  memset(background_data + 0x1d00, 0x41, 0x100);
}

u64 background_read(Ctx *c, u64 address, int bytes) {
  u64 v = 0;
  for (int i = 0; i < bytes; i++) {
    u64 a = address + i;
    u8 b = 0xcc;
    if (a - DATA < DATA_SIZE) b = background_data[a - DATA];
    else if (a - STACK < STACK_SIZE) b = background_stack[a - STACK];
    else if (a - READ_ONLY < READ_ONLY_SIZE) b = background_ro[a - READ_ONLY];
    for (int p = 0; p < c->npokes; p++)
      if (a - c->pokes[p].address < c->pokes[p].length)
        b = c->pokes[p].bytes[a - c->pokes[p].address];
    v |= (u64)b << 8 * i;
  }
  return v;
}

/* Derives the state before from the case's number alone, then lets the form choose the rest. */
void build_case(Ctx *c, Form *f, int index) {
  memset(c, 0, sizeof *c);
  u32 h = hash_case(hash_name(f->name, f->code_size), (u32)index);
  Rng r = {h};
  c->form = f;
  c->g.state = mix(h ^ 0x5eed5eedu);
  c->code_size = f->code_size;
  c->mode = f->code_size == 64 ? MODE_64 : f->code_size == 16 ? MODE_16 : MODE_32;
  if (c->mode == MODE_32 && f->mem && chance(c, 3)) c->mode = MODE_32S;
  for (int i = 0; i < 16; i++) c->derived[i] = rng_edge(&r);
  u32 sp = STACK_SIZE / 2 + (rng_next(&r) & 0x38);
  c->derived[RSP] = c->mode == MODE_16 ? (c->derived[RSP] & ~0xffffull) | sp : STACK + sp;
  c->derived_flags = (rng_next(&r) & (F_CF | F_PF | F_AF | F_ZF | F_SF | F_DF | F_OF)) | 0x202;
  memcpy(c->reg, c->derived, sizeof c->reg);
  c->flags = c->derived_flags;
  f->gen(c);
}
