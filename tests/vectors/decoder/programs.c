/* Code for the decoder to chew on: compiled by tools/decoder_corpus.ts, never run. */

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef signed char s8;
typedef short s16;
typedef int s32;
typedef long long s64;

/* ---- hashes ---------------------------------------------------------------------------- */

static const u32 K[16] = {
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
};

static u32 rotr(u32 x, int n) { return x >> n | x << (32 - n); }

void sha_rounds(u32 *state, const u8 *block) {
  u32 w[64], a = state[0], b = state[1], c = state[2], d = state[3];
  u32 e = state[4], f = state[5], g = state[6], h = state[7];
  for (int i = 0; i < 16; i++)
    w[i] = (u32)block[4 * i] << 24 | block[4 * i + 1] << 16 | block[4 * i + 2] << 8 | block[4 * i + 3];
  for (int i = 16; i < 64; i++) {
    u32 s0 = rotr(w[i - 15], 7) ^ rotr(w[i - 15], 18) ^ w[i - 15] >> 3;
    u32 s1 = rotr(w[i - 2], 17) ^ rotr(w[i - 2], 19) ^ w[i - 2] >> 10;
    w[i] = w[i - 16] + s0 + w[i - 7] + s1;
  }
  for (int i = 0; i < 64; i++) {
    u32 t1 = h + (rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25)) + ((e & f) ^ (~e & g)) + K[i & 15] + w[i];
    u32 t2 = (rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
    h = g; g = f; f = e; e = d + t1; d = c; c = b; b = a; a = t1 + t2;
  }
  state[0] += a; state[1] += b; state[2] += c; state[3] += d;
  state[4] += e; state[5] += f; state[6] += g; state[7] += h;
}

u32 crc32(const u8 *p, u32 n) {
  u32 crc = ~0u;
  while (n--) {
    crc ^= *p++;
    for (int k = 0; k < 8; k++) crc = crc & 1 ? crc >> 1 ^ 0xedb88320u : crc >> 1;
  }
  return ~crc;
}

u64 fnv(const char *s) {
  u64 h = 14695981039346656037ull;
  for (; *s; s++) h = (h ^ (u8)*s) * 1099511628211ull;
  return h;
}

/* ---- numbers --------------------------------------------------------------------------- */

u64 divide64(u64 a, u64 b) { return b ? a / b : 0; }
s64 modulo64(s64 a, s64 b) { return b ? a % b : 0; }
u32 by_ten(u32 a) { return a / 10; }
s32 by_seven(s32 a) { return a / 7 + a % 7; }
s16 mul16(s16 a, s16 b) { return (s16)(a * b + 0x1234); }
s8 mul8(s8 a, s8 b) { return (s8)(a * b - 5); }
u64 shift64(u64 a, int n) { return a << n ^ a >> (63 - n) ^ (u64)((s64)a >> n); }
int bits(u32 a) { return __builtin_popcount(a) + __builtin_clz(a | 1) + __builtin_ctz(a | 1); }
int bits64(u64 a) { return __builtin_popcountll(a) + __builtin_clzll(a | 1) + __builtin_ctzll(a | 1); }
u32 swap32(u32 a) { return __builtin_bswap32(a); }
u64 swap64(const u64 *a) { return __builtin_bswap64(*a); }
u64 lowest(u64 a) { return (a & -a) ^ (a & (a - 1)) ^ (a ^ (a - 1)); }
u64 and_not(u64 a, u64 b) { return ~a & b; }
int add_overflow(s32 a, s32 b, s32 *r) { return __builtin_add_overflow(a, b, r); }
int mul_overflow(s64 a, s64 b, s64 *r) { return __builtin_mul_overflow(a, b, r); }

#ifdef __SIZEOF_INT128__
unsigned __int128 wide(unsigned __int128 a, u64 b) { return a * b + (a >> 17) - b; }
#endif

void factorial(u32 *digits, int count, u32 n) {
  for (int i = 0; i < count; i++) digits[i] = i == 0;
  for (u32 k = 2; k <= n; k++) {
    u64 carry = 0;
    for (int i = 0; i < count; i++) {
      carry += (u64)digits[i] * k;
      digits[i] = (u32)(carry % 1000000000u);
      carry /= 1000000000u;
    }
  }
}

/* ---- memory ---------------------------------------------------------------------------- */

void *copy(void *to, const void *from, unsigned long n) {
  u8 *d = to;
  const u8 *s = from;
  while (n--) *d++ = *s++;
  return to;
}

void fill(u16 *p, u16 v, u32 n) { for (u32 i = 0; i < n; i++) p[i] = v; }

int compare(const char *a, const char *b) {
  while (*a && *a == *b) a++, b++;
  return *(const u8 *)a - *(const u8 *)b;
}

static void exchange(s64 *a, s64 *b) { s64 t = *a; *a = *b; *b = t; }

void quicksort(s64 *a, int lo, int hi) {
  while (lo < hi) {
    s64 pivot = a[(lo + hi) / 2];
    int i = lo, j = hi;
    while (i <= j) {
      while (a[i] < pivot) i++;
      while (a[j] > pivot) j--;
      if (i <= j) exchange(&a[i++], &a[j--]);
    }
    if (j - lo < hi - i) { quicksort(a, lo, j); lo = i; } else { quicksort(a, i, hi); hi = j; }
  }
}

struct node { struct node *next; u32 size : 28; u32 used : 1; u32 colour : 3; s16 tag; u8 data[5]; };

struct node *first_fit(struct node *list, u32 size) {
  struct node *best = 0;
  for (; list; list = list->next)
    if (!list->used && list->size >= size && (!best || list->size < best->size)) best = list;
  if (best) { best->used = 1; best->colour ^= 5; best->tag = (s16)(best->tag * 3 - best->data[2]); }
  return best;
}

struct big { s64 a[9]; double d; char name[31]; };
struct big by_value(struct big x, int i) { x.a[i] += x.name[i]; return x; }

/* ---- control --------------------------------------------------------------------------- */

int interpret(const u8 *code, s32 *stack) {
  s32 *sp = stack;
  for (;;) {
    switch (*code++) {
      case 0: return sp[-1];
      case 1: *sp++ = (s8)*code++; break;
      case 2: sp--; sp[-1] += *sp; break;
      case 3: sp--; sp[-1] -= *sp; break;
      case 4: sp--; sp[-1] *= *sp; break;
      case 5: sp--; sp[-1] = *sp ? sp[-1] / *sp : 0; break;
      case 6: sp[-1] = -sp[-1]; break;
      case 7: *sp = sp[-1]; sp++; break;
      case 8: if (*--sp) code += (s8)*code; else code++; break;
      case 9: sp[-1] = sp[-1] < 0 ? -1 : sp[-1] > 0; break;
      case 10: sp--; sp[-1] = sp[-1] << (*sp & 31); break;
      case 11: sp--; sp[-1] = (u32)sp[-1] >> (*sp & 31); break;
      default: return -1;
    }
  }
}

int json_skip(const char **p) {
  while (**p == ' ' || **p == '\n' || **p == '\t') ++*p;
  char c = **p;
  if (c == '{' || c == '[') {
    char close = c == '{' ? '}' : ']';
    ++*p;
    int n = 0;
    while (**p && **p != close) {
      if (json_skip(p) < 0) return -1;
      if (**p == ',' || **p == ':') ++*p;
      n++;
    }
    return **p ? (++*p, n) : -1;
  }
  if (c == '"') {
    do { if (**p == '\\') ++*p; ++*p; } while (**p && **p != '"');
    return **p ? (++*p, 0) : -1;
  }
  int digits = 0;
  while ((**p >= '0' && **p <= '9') || **p == '-' || **p == '.') ++*p, digits++;
  return digits ? 0 : -1;
}

typedef u32 (*callback)(u32, void *);
u32 call_all(callback *list, int n, void *context) {
  u32 sum = 0;
  while (n-- > 0) sum = sum * 31 + list[n](sum, context);
  return sum;
}

int clamp(int x, int lo, int hi) { return x < lo ? lo : x > hi ? hi : x; }
u8 truth(s64 a, s64 b) { return (u8)((a < b) + 2 * (a == b) + 4 * ((u64)a > (u64)b)); }

/* ---- what kernels do ------------------------------------------------------------------- */

int take(volatile u32 *lock) {
  u32 expected = 0;
  return __atomic_compare_exchange_n(lock, &expected, 1, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}
u32 ticket(u32 *next) { return __atomic_fetch_add(next, 1, __ATOMIC_SEQ_CST); }
void set_flag(u8 *p) { __atomic_fetch_or(p, 0x40, __ATOMIC_SEQ_CST); __sync_synchronize(); }
u16 swap_in(u16 *p, u16 v) { return __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST); }

u8 in8(u16 port) { u8 v; __asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port)); return v; }
void out32(u16 port, u32 v) { __asm__ volatile("outl %0, %1" : : "a"(v), "Nd"(port)); }
u64 stamp(void) { u32 a, d; __asm__ volatile("rdtsc" : "=a"(a), "=d"(d)); return (u64)d << 32 | a; }
void idle(void) { __asm__ volatile("sti; hlt; cli; pause"); }
void load_idt(void *p) { __asm__ volatile("lidt (%0); sgdt (%0); invlpg (%0)" : : "r"(p) : "memory"); }
unsigned long read_cr3(void) { unsigned long v; __asm__ volatile("mov %%cr3, %0; mov %0, %%cr3" : "=r"(v)); return v; }
void segments(u16 s) { __asm__ volatile("mov %0, %%ds; mov %0, %%es; mov %0, %%ss; mov %%fs, %0" : "+r"(s)); }
void blank(void *p, u32 n) { __asm__ volatile("cld; rep stosl" : "+D"(p), "+c"(n) : "a"(0x0720) : "memory"); }

#ifdef FLOATS
/* ---- floating point: x87, SSE or AVX as the options have it ---------------------------- */

double horner(const double *c, int n, double x) {
  double y = 0;
  for (int i = n; i-- > 0;) y = y * x + c[i];
  return y;
}
float mix(float a, float b, int t) { return a + (b - a) * (float)t / 255.0f; }
s64 rounded(double x) { return (s64)(x < 0 ? x - 0.5 : x + 0.5); }
long double longer(long double a, u64 b) { return a * b - (long double)(s32)b; }
int order(double a, double b) { return a < b ? -1 : a > b; }
void matrix(float *r, const float *a, const float *b) {
  for (int i = 0; i < 16; i++) {
    float s = 0;
    for (int k = 0; k < 4; k++) s += a[i / 4 * 4 + k] * b[k * 4 + i % 4];
    r[i] = s;
  }
}
void saxpy(float *y, const float *x, float a, int n) { for (int i = 0; i < n; i++) y[i] += a * x[i]; }
u32 sum_bytes(const u8 *p, int n) { u32 s = 0; for (int i = 0; i < n; i++) s += p[i]; return s; }
#endif
