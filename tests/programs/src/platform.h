/* What a program may use. guest.c answers it with COM1 and port 0xF4, native.c with stdio. */
#ifndef PLATFORM_H
#define PLATFORM_H

#include <stddef.h>
#include <stdint.h>

/* How often a program repeats its work; the benchmarks are built with a higher count. */
#ifndef REPEAT
#define REPEAT 1
#endif

/* Every program's entry: does its work `repeat` times; 0 when its own checks passed. */
int run(unsigned repeat);

void put_char(char c);

void *memcpy(void *to, const void *from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);

static inline void put_string(const char *s) {
  while (*s) put_char(*s++);
}

static inline void put_unsigned(uint64_t value) {
  char digits[20];
  int n = 0;
  do digits[n++] = (char)('0' + value % 10);
  while (value /= 10);
  while (n) put_char(digits[--n]);
}

static inline void put_signed(int64_t value) {
  if (value < 0) put_char('-');
  put_unsigned(value < 0 ? -(uint64_t)value : (uint64_t)value);
}

static inline void put_hex(uint64_t value, int digits) {
  while (digits--) put_char("0123456789abcdef"[value >> (4 * digits) & 15]);
}

/* "name: value" lines. */
static inline void put_field(const char *name, uint64_t value) {
  put_string(name);
  put_string(": ");
  put_unsigned(value);
  put_char('\n');
}

/* xorshift32: the same numbers everywhere. */
static inline uint32_t next_random(uint32_t *state) {
  uint32_t x = *state;
  x ^= x << 13;
  x ^= x >> 17;
  x ^= x << 5;
  return *state = x;
}

#endif
