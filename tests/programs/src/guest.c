/* The platform on the bare machine: COM1, isa-debug-exit, and what GCC expects of a libc. */
#include "platform.h"

enum { COM1 = 0x3f8, LSR = COM1 + 5, LSR_THRE = 0x20, DEBUG_EXIT = 0xf4 };

/* isa-debug-exit turns a value v into the exit status 2v + 1. */
enum { EXIT_SUCCESS = 0x10, EXIT_FAILURE = 0x11 };

static inline void outb(uint16_t port, uint8_t value) {
  __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline void outl(uint16_t port, uint32_t value) {
  __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

static inline uint8_t inb(uint16_t port) {
  uint8_t value;
  __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}

void put_char(char c) {
  while (!(inb(LSR) & LSR_THRE)) {}
  outb(COM1, (uint8_t)c);
}

/* start.S calls this on a stack of its own. */
_Noreturn void guest_main(void) {
  int status = run(REPEAT);
  outl(DEBUG_EXIT, status == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
  for (;;) __asm__ volatile("cli; hlt");
}

void *memcpy(void *to, const void *from, size_t n) {
  unsigned char *t = to;
  const unsigned char *f = from;
  while (n--) *t++ = *f++;
  return to;
}

void *memmove(void *to, const void *from, size_t n) {
  unsigned char *t = to;
  const unsigned char *f = from;
  if (t < f) return memcpy(to, from, n);
  while (n--) t[n] = f[n];
  return to;
}

void *memset(void *to, int byte, size_t n) {
  unsigned char *t = to;
  while (n--) *t++ = (unsigned char)byte;
  return to;
}

int memcmp(const void *a, const void *b, size_t n) {
  const unsigned char *x = a, *y = b;
  for (; n--; x++, y++) {
    if (*x != *y) return *x - *y;
  }
  return 0;
}

#ifdef __i386__
/* 64-bit division, which 32-bit GCC calls by name. */
static uint64_t divide(uint64_t n, uint64_t d, uint64_t *remainder) {
  uint32_t high = (uint32_t)(n >> 32), low = (uint32_t)n;
  if (d >> 32 == 0) {
    uint32_t d32 = (uint32_t)d, quotient_high = high / d32, quotient_low, rest = high % d32;
    __asm__("divl %4" : "=a"(quotient_low), "=d"(rest) : "a"(low), "d"(rest), "r"(d32) : "cc");
    *remainder = rest;
    return (uint64_t)quotient_high << 32 | quotient_low;
  }
  uint64_t quotient = 0, rest = n;
  for (int shift = __builtin_clz((uint32_t)(d >> 32)); shift >= 0; shift--) {
    if (rest >= d << shift) {
      rest -= d << shift;
      quotient |= (uint64_t)1 << shift;
    }
  }
  *remainder = rest;
  return quotient;
}

uint64_t __udivdi3(uint64_t n, uint64_t d) {
  uint64_t remainder;
  return divide(n, d, &remainder);
}

uint64_t __umoddi3(uint64_t n, uint64_t d) {
  uint64_t remainder;
  divide(n, d, &remainder);
  return remainder;
}

uint64_t __udivmoddi4(uint64_t n, uint64_t d, uint64_t *remainder) {
  return divide(n, d, remainder);
}

static uint64_t magnitude(int64_t x) { return x < 0 ? -(uint64_t)x : (uint64_t)x; }

int64_t __divdi3(int64_t n, int64_t d) {
  uint64_t q = __udivdi3(magnitude(n), magnitude(d));
  return (int64_t)((n < 0) != (d < 0) ? -q : q);
}

int64_t __moddi3(int64_t n, int64_t d) {
  uint64_t r = __umoddi3(magnitude(n), magnitude(d));
  return (int64_t)(n < 0 ? -r : r);
}
#endif
