/* Big numbers: 100! and Fibonacci 500 in limbs of nine decimal digits, and 64-bit signed division. */
#include "platform.h"

enum { LIMBS = 64, BASE = 1000000000 };

typedef struct {
  int used;
  uint32_t limb[LIMBS];
} Big;

static void set_small(Big *a, uint32_t value) {
  a->used = 1;
  a->limb[0] = value;
}

static void multiply_small(Big *a, uint32_t by) {
  uint64_t carry = 0;
  for (int i = 0; i < a->used; i++) {
    carry += (uint64_t)a->limb[i] * by;
    a->limb[i] = (uint32_t)(carry % BASE);
    carry /= BASE;
  }
  if (carry) a->limb[a->used++] = (uint32_t)carry;
}

/* Divides in place and returns the remainder. */
static uint32_t divide_small(Big *a, uint32_t by) {
  uint64_t rest = 0;
  for (int i = a->used; i--;) {
    rest = rest * BASE + a->limb[i];
    a->limb[i] = (uint32_t)(rest / by);
    rest %= by;
  }
  while (a->used > 1 && a->limb[a->used - 1] == 0) a->used--;
  return (uint32_t)rest;
}

static void add(Big *a, const Big *b) {
  uint32_t carry = 0;
  int n = a->used > b->used ? a->used : b->used;
  for (int i = 0; i < n; i++) {
    uint32_t x = i < a->used ? a->limb[i] : 0, y = i < b->used ? b->limb[i] : 0;
    uint32_t sum = x + y + carry;
    carry = sum >= BASE;
    a->limb[i] = sum - (carry ? BASE : 0);
  }
  a->used = n;
  if (carry) a->limb[a->used++] = carry;
}

static void put_big(const Big *a) {
  put_unsigned(a->limb[a->used - 1]);
  for (int i = a->used - 1; i--;) {
    for (uint32_t unit = BASE / 10; unit; unit /= 10) put_char((char)('0' + a->limb[i] / unit % 10));
  }
  put_char('\n');
}

/* Signed 64-bit division over all signs and sizes. */
static int64_t divisions(void) {
  static const int64_t edges[] = {1, -1, 7, -10, 0x7fffffff, -0x80000000LL, 0x100000001LL,
                                  -0x123456789abcdefLL, INT64_MAX, INT64_MIN + 1};
  enum { N = sizeof edges / sizeof *edges };
  int64_t sum = 0;
  for (int i = 0; i < N; i++) {
    for (int j = 0; j < N; j++) {
      volatile int64_t n = edges[i], d = edges[j];
      int64_t q = n / d, r = n % d;
      if (q * d + r != n) return -1;
      sum = (int64_t)((uint64_t)sum * 3 + (uint64_t)q + ((uint64_t)r << 1));
    }
  }
  return sum;
}

int run(unsigned repeat) {
  Big product, a, b;
  int failed = 0;
  for (unsigned round = 0; round < repeat; round++) {
    set_small(&product, 1);
    for (uint32_t i = 2; i <= 100; i++) multiply_small(&product, i);
    Big back = product;
    for (uint32_t i = 100; i >= 2; i--) failed |= divide_small(&back, i) != 0;
    failed |= back.used != 1 || back.limb[0] != 1;
    set_small(&a, 0);
    set_small(&b, 1);
    for (int i = 0; i < 250; i++) add(&a, &b), add(&b, &a);
  }
  put_big(&product);
  put_big(&a);
  put_signed(divisions());
  put_char('\n');
  return failed;
}
