/*
 * The MMU's two measured algorithms in C, for comparison with bench/mmu.ts:
 * the fast-table lookup of generated code, and the 4-level walk of machine/mmu/walker.ts, as a
 * plain loop ("loop") and with that file's short cut for ordinary tables ("walk").
 *
 * Reads "<memory image file> <mode> <iterations>" from its arguments and prints
 * "<nanoseconds> <checksum>". The image is the machine's whole WebAssembly memory.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { RAM_BASE = 0x100000, FLAGS_REST = 0x0a8, CR3 = 0x0c0, FAST_READ = 0x1000 };
enum { P = 1, RW = 2, US = 4, A = 0x20, D = 0x40, PS = 0x80, NX = 1 << 9 };

static uint8_t *memory;
static uint32_t ram_size;
static uint8_t *kinds, *code_pages;
static int wp = 1, smep, smap, nxe = 1;
static uint32_t plain_start, plain_bytes;
static uint32_t reserved_high = 0x000fff00;
static uint32_t global_mask;

static struct { uint32_t rights, shift, error; } found;

static inline int64_t readable(uint32_t low, uint32_t high) {
  if (high != 0 || low >= ram_size || kinds[low >> 12] == 2) return -1;
  return RAM_BASE + (low & ~0xfffu);
}

static inline void write32(uint32_t low, uint32_t high, uint32_t value) {
  if (high != 0 || low >= ram_size || kinds[low >> 12] != 0) return;
  if (code_pages[low >> 12]) abort();
  memcpy(memory + RAM_BASE + low, &value, 4);
}

static int32_t wanted[64], checked[64];

static inline int permits(uint32_t rights, uint32_t access) {
  uint32_t flags;
  memcpy(&flags, memory + FLAGS_REST, 4);
  uint32_t rule = (access & 31) | ((flags >> 13) & 32);
  return ((rights ^ wanted[rule]) & checked[rule]) == 0;
}

static void make_rules(void) {
  for (int rule = 0; rule < 64; rule++) {
    int user = rule & 1, write = rule & 2, fetch = rule & 16, overridden = (rule & 36) == 32;
    int set = (user ? US : 0) | (write && (user || wp) ? RW : 0);
    int kept_out = !user && (fetch ? smep : smap && !overridden);
    wanted[rule] = set;
    checked[rule] = set | (kept_out ? US : 0) | (fetch && nxe ? NX : 0);
  }
}

static int32_t fail(uint32_t cause, uint32_t access) {
  found.error = cause | ((access & 2) ? 2 : 0) | ((access & 1) ? 4 : 0) | ((access & 16) ? 16 : 0);
  return -1;
}

static __attribute__((noinline)) int32_t general(uint32_t low, uint32_t high, uint32_t access) {
  uint32_t page = (high << 20) | (low >> 12), common = ~0u, any = 0, table_low, table_high;
  int shift = 39;
  memcpy(&table_low, memory + CR3, 4);
  memcpy(&table_high, memory + CR3 + 4, 4);
  for (;;) {
    table_low &= ~0xfffu;
    table_high &= 0xff;
    uint32_t offset = (shift == 39 ? (high >> 7) & 511 : (page >> (shift - 12)) & 511) << 3;
    int64_t host = readable(table_low, table_high);
    uint32_t lo = ~0u, hi = ~0u;
    if (host >= 0) {
      memcpy(&lo, memory + host + offset, 4);
      memcpy(&hi, memory + host + offset + 4, 4);
    }
    if (!(lo & P)) return fail(0, access);
    if (hi & reserved_high) return fail(9, access);
    common &= lo;
    any |= hi;
    if (shift != 12) {
      if (!(lo & PS)) {
        if (!(lo & A)) write32(table_low | offset, table_high, lo | A);
        table_low = lo;
        table_high = hi;
        shift -= 9;
        continue;
      }
      uint32_t reserved = shift == 21 ? 0x1fe000 : shift == 30 ? 0x3fffe000 : ~0u;
      if (lo & reserved) return fail(9, access);
    }
    uint32_t rights = (common & (RW | US)) | (lo & (D | global_mask)) | ((any >> 31) ? NX : 0);
    if (!permits(rights, access)) return fail(1, access);
    if (access & 2) rights |= D;
    uint32_t marked = lo | ((access & 2) ? A | D : A);
    if (marked != lo) write32(table_low | offset, table_high, marked);
    found.rights = rights;
    found.shift = shift;
    uint32_t inside = (1u << (shift - 12)) - 1;
    uint32_t frame = ((hi & 0xff) << 20) | (lo >> 12);
    return (frame & ~inside) | (page & inside);
  }
}

static inline int step(uint32_t table, uint32_t index, uint32_t odd, uint32_t *lo, uint32_t *hi) {
  if (table - plain_start >= plain_bytes) return 0;
  const uint8_t *at = memory + RAM_BASE + (table & ~0xfffu) + (index & 511) * 8;
  memcpy(lo, at, 4);
  memcpy(hi, at + 4, 4);
  return (*hi & odd) == 0;
}

static __attribute__((noinline)) int32_t ordinary(uint32_t low, uint32_t high, uint32_t access) {
  uint32_t odd = reserved_high | 0xff, root, top, l4, h4, l3, h3, l2, h2, l1, h1;
  memcpy(&root, memory + CR3, 4);
  memcpy(&top, memory + CR3 + 4, 4);
  if (top != 0) return -1;
  if (!step(root, high >> 7, odd, &l4, &h4) || (l4 & (P | A | PS)) != (P | A)) return -1;
  if (!step(l4, (high << 2) | (low >> 30), odd, &l3, &h3) || (l3 & (P | A | PS)) != (P | A))
    return -1;
  if (!step(l3, low >> 21, odd, &l2, &h2) || (l2 & (P | A | PS)) != (P | A)) return -1;
  if (!step(l2, low >> 12, odd, &l1, &h1) || (l1 & (P | A)) != (P | A)) return -1;
  if ((access & 2) && !(l1 & D)) return -1;
  uint32_t rights = (l4 & l3 & l2 & l1 & (RW | US)) | (l1 & (D | global_mask)) |
                    (((h4 | h3 | h2 | h1) >> 31) ? NX : 0);
  if (!permits(rights, access)) return -1;
  found.rights = rights;
  found.shift = 12;
  return l1 >> 12;
}

static inline int32_t walk(uint32_t low, uint32_t high, uint32_t access) {
  int32_t frame = ordinary(low, high, access);
  return frame >= 0 ? frame : general(low, high, access);
}

static uint32_t fast(uint32_t iterations) {
  uint32_t sum = 0, low = 0;
  for (uint32_t i = 0; i < iterations; i++) {
    low = (low * 1664525u + 1013904223u);
    uint32_t address = low & 0x3ffff8;
    const uint32_t *entry = (const uint32_t *)(memory + FAST_READ + ((address >> 12) & 1023) * 16);
    if (entry[0] == ((address + 3) & ~0xfffu) && entry[1] == 0) {
      uint32_t value;
      memcpy(&value, memory + (uint32_t)(entry[2] + address), 4);
      sum += value;
    } else sum += walk(address, 0, 0);
  }
  return sum;
}

static uint32_t walks(uint32_t iterations) {
  uint32_t sum = 0, low = 0;
  for (uint32_t i = 0; i < iterations; i++) {
    low = (low * 1664525u + 1013904223u);
    sum += walk(low & 0x3ffff8, 0, 0);
  }
  return sum;
}

static uint32_t plain_walks(uint32_t iterations) {
  uint32_t sum = 0, low = 0;
  for (uint32_t i = 0; i < iterations; i++) {
    low = (low * 1664525u + 1013904223u);
    sum += general(low & 0x3ffff8, 0, 0);
  }
  return sum;
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  FILE *file = fopen(argv[1], "rb");
  if (!file) return 1;
  fseek(file, 0, SEEK_END);
  long size = ftell(file);
  rewind(file);
  memory = malloc(size);
  if (fread(memory, 1, size, file) != (size_t)size) return 1;
  ram_size = size - RAM_BASE;
  kinds = calloc(ram_size >> 12, 1);
  code_pages = calloc(ram_size >> 12, 1);
  memset(kinds + 0xc0, 1, 0x40);
  plain_bytes = ram_size;
  make_rules();
  uint32_t iterations = strtoul(argv[3], 0, 10);
  uint32_t (*run)(uint32_t) = strcmp(argv[2], "fast") == 0   ? fast
                              : strcmp(argv[2], "walk") == 0 ? walks
                                                             : plain_walks;
  uint32_t sum = run(iterations / 10);
  struct timespec from, to;
  clock_gettime(CLOCK_MONOTONIC, &from);
  sum = run(iterations);
  clock_gettime(CLOCK_MONOTONIC, &to);
  printf("%lld %u\n", (to.tv_sec - from.tv_sec) * 1000000000LL + to.tv_nsec - from.tv_nsec, sum);
  return 0;
}
