/* Writes cases as bytes. README.md tells the layout. */
#include "silicon.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static u8 *out;
static size_t used;
static char header[1 << 20]; /* JSON */
static int header_used;
static const char *family_;

static void put(u64 v, int n) {
  for (int i = 0; i < n; i++) out[used++] = (u8)(v >> 8 * i);
}

void writer_begin(const char *family) {
  if (!out) out = malloc(256 << 20);
  used = 0;
  family_ = family;
  u32 h = hash_bytes(0x811c9dc5u, background_data, DATA_SIZE);
  h = hash_bytes(h, background_stack, STACK_SIZE);
  h = hash_bytes(h, background_ro, READ_ONLY_SIZE);
  header_used = sprintf(header, "{\"family\":\"%s\",\"memoryHash\":%u,\"forms\":[", family, h);
}

void writer_form(Form *f) {
  header_used += sprintf(header + header_used,
    "%s\n{\"name\":\"%s\",\"codeSize\":%d,\"cases\":%d,\"stateHash\":%u,"
    "\"unstableFlags\":%u,\"partialStores\":%s,\"partialRegisters\":%s}",
    header[header_used - 1] == '[' ? "" : ",", f->name, f->code_size, f->cases, f->check,
    f->unstable_flags, f->partial_stores ? "true" : "false",
    f->partial_registers ? "true" : "false");
}

void writer_end(const char *directory, int cases) {
  header_used += sprintf(header + header_used, "\n]}\n");
  char command[512];
  snprintf(command, sizeof command, "gzip -9n > '%s/%s.bin.gz'", directory, family_);
  FILE *pipe = popen(command, "w");
  u32 n = (u32)header_used;
  fwrite("SILICON1", 1, 8, pipe);
  fwrite(&n, 4, 1, pipe);
  fwrite(header, 1, n, pipe);
  fwrite(out, 1, used, pipe);
  if (pclose(pipe)) exit(1);
  printf("%-8s %8d cases %10zu bytes raw\n", family_, cases, used);
}

/* A register's new value, said as shortly as its difference from the old one allows. */
static int value(int reg, u64 old, u64 new, int wide) {
  if (!wide) old = (u32)old, new = (u32)new;
  if (old == new) return 0;
  u64 x = old ^ new;
  if (!(x & ~0xffull)) put((u64)(0 << 4 | reg), 1), put(new, 1);
  else if (!(x & ~0xff00ull)) put((u64)(1 << 4 | reg), 1), put(new >> 8, 1);
  else if ((i64)new == (int8_t)new && wide) put((u64)(7 << 4 | reg), 1), put(new, 1);
  else if (!(x & ~0xffffull)) put((u64)(2 << 4 | reg), 1), put(new, 2);
  else if (!(x >> 32)) put((u64)(3 << 4 | reg), 1), put(new, 4);
  else if (!(new >> 32)) put((u64)(4 << 4 | reg), 1), put(new, 4);
  else if ((i64)new == (int32_t)new) put((u64)(5 << 4 | reg), 1), put(new, 4);
  else put((u64)(6 << 4 | reg), 1), put(new, 8);
  return 1;
}

static void bytes(Bytes *b, int n) {
  put((u64)n, 1);
  for (int i = 0; i < n; i++) {
    put(b[i].address, 4);
    put(b[i].length, 1);
    for (int k = 0; k < b[i].length; k++) put(b[i].bytes[k], 1);
  }
}

void writer_case(Ctx *c, Outcome *o) {
  int wide = c->mode == MODE_64, fault = o->vector >= 0;
  u64 usual = fault ? start_ip(c) : start_ip(c) + (u64)c->length;
  int jump = o->rip != usual;
  /* Registers (eight bytes each, or the first eight's low four), flags. */
  for (int i = 0; i < (wide ? 16 : 8); i++)
    c->form->check = hash_bytes(c->form->check, (u8 *)&c->reg[i], wide ? 8 : 4);
  c->form->check = hash_bytes(c->form->check, (u8 *)&c->flags, 4);
  size_t at = used;
  used += 2;
  for (int i = 0; i < c->length; i++) put(c->code[i], 1);
  int sets = 0, results = 0;
  for (int i = 0; i < (wide ? 16 : 8); i++) sets += value(i, c->derived[i], c->reg[i], wide);
  if (c->flags != c->derived_flags) put(0x80, 1), put(c->flags, 4), sets++;
  if (c->npokes) bytes(c->pokes, c->npokes);
  if (fault) {
    put((u64)o->vector, 1);
    put(o->error, 2);
    if (o->vector == 14) put(o->cr2, 8);
  }
  if (jump) put(o->rip, 8);
  u32 x = o->flags ^ c->flags;
  do put((x & 0x7f) | (x > 0x7f) << 7, 1);
  while (x >>= 7);
  for (int i = 0; i < (wide ? 16 : 8); i++) results += value(i, c->reg[i], o->reg[i], wide);
  if (o->nmem) bytes(o->mem, o->nmem);
  if (sets > 7 || results > 15 || c->length > 15) abort();
  out[at] = (u8)(c->length | fault << 4 | jump << 5 | (c->npokes > 0) << 6 | (o->nmem > 0) << 7);
  out[at + 1] = (u8)(sets | (c->mode == MODE_32S) << 3 | results << 4);
}
