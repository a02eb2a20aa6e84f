/*
 * The kernel's allocators in C, for comparison with bench/allocators.ts: the same algorithms as
 * kernel/allocator/, as C is written: real pointers, 64-bit words, unchecked.
 *
 * Arguments: "<trace file> <design> <heap bytes> <runs>". The trace is pairs of int32 (slot,
 * size): an empty slot is allocated, a full one freed. Prints "<best nanoseconds> <checksum>
 * <failures>", the checksum being over all offsets that were handed out.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef uint8_t u8;
typedef uint32_t u32;
typedef uint64_t u64;

static u8 *heap;
static u64 heap_size;

/* The statistics that every allocator keeps. */
static struct { u64 allocations, frees, failures, used, taken, visited; } count;

static inline void *gave(void *p, u64 size, u64 taken) {
  count.allocations++; count.used += size; count.taken += taken;
  return p;
}
static inline void took(u64 size, u64 taken) {
  count.frees++; count.used -= size; count.taken -= taken;
}
static inline void *failed(void) { count.failures++; return NULL; }
static inline u64 align_up(u64 n, u64 align) { return (n + align - 1) & -align; }

/* ---- bump ---- */
static u64 bump_next, bump_live;
static void bump_init(void) { bump_next = bump_live = 0; }
static void *bump_alloc(u64 size, u64 align) {
  u64 start = align_up(bump_next, align), end = start + size;
  if (end > heap_size) return failed();
  bump_next = end; bump_live++;
  return gave(heap + start, size, size);
}
static void bump_free(void *p, u64 size, u64 align) {
  (void)p; (void)align;
  took(size, size);
  if (--bump_live == 0) bump_next = 0;
}

/* ---- linked list: first fit, by address or by recency (naive) ---- */
typedef struct node { u64 size; struct node *next; } node;
static struct { node *head; u64 allocations, frees, used, taken; } list;

static u64 region_size(u64 size, u64 align) {
  u64 rounded = align_up(size, align < 8 ? 8 : align);
  return rounded < 16 ? 16 : rounded;
}
static void list_init(void) {
  memset(&list, 0, sizeof list);
  list.head = (node *)heap;
  list.head->size = heap_size;
  list.head->next = NULL;
}
static inline u8 *fits(node *n, u64 need, u64 align, int keep) {
  u8 *start = (u8 *)n;
  if (align > 8) {
    start = (u8 *)align_up((u64)n, align);
    if (keep && start != (u8 *)n && start - (u8 *)n < 16) start += align;
  }
  int64_t rest = (u8 *)n + n->size - start - need;
  return rest == 0 || rest >= 16 ? start : NULL;
}
/* Gives no statistics: the fixed-size blocks have their own. */
static inline void *list_take(u64 need, u64 align, int by_address) {
  u64 seen = 0;
  for (node **link = &list.head, *n; (n = *link) != NULL; link = &n->next) {
    seen++;
    if (n->size < need) continue;
    u8 *start = fits(n, need, align, by_address);
    if (!start) continue;
    u8 *after = start + need, *end = (u8 *)n + n->size;
    node *tail = n->next;
    if (by_address) {
      if (after != end) {
        node *rest = (node *)after;
        rest->size = end - after; rest->next = tail; tail = rest;
      }
      if (start != (u8 *)n) { n->size = start - (u8 *)n; n->next = tail; }
      else *link = tail;
    } else {
      *link = tail;
      if (after != end) {
        node *rest = (node *)after;
        rest->size = end - after; rest->next = list.head; list.head = rest;
      }
    }
    count.visited += seen;
    return start;
  }
  count.visited += seen;
  return NULL;
}
static inline void list_put(void *p, u64 length, int by_address) {
  node *block = p;
  if (!by_address) {
    block->size = length; block->next = list.head; list.head = block;
    return;
  }
  node *before = NULL, *n = list.head;
  u64 seen = 0;
  while (n != NULL && n < block) { seen++; before = n; n = n->next; }
  count.visited += seen;
  if (n != NULL && (u8 *)p + length == (u8 *)n) { length += n->size; n = n->next; }
  if (before != NULL && (u8 *)before + before->size == (u8 *)p) {
    before->size += length; before->next = n;
    return;
  }
  block->size = length; block->next = n;
  if (before != NULL) before->next = block; else list.head = block;
}
static void *list_alloc(u64 size, u64 align) {
  u64 need = region_size(size, align);
  void *p = list_take(need, align, 1);
  return p ? gave(p, size, need) : failed();
}
static void list_free(void *p, u64 size, u64 align) {
  u64 need = region_size(size, align);
  took(size, need);
  list_put(p, need, 1);
}
static void *naive_alloc(u64 size, u64 align) {
  u64 need = region_size(size, align);
  void *p = list_take(need, align, 0);
  return p ? gave(p, size, need) : failed();
}
static void naive_free(void *p, u64 size, u64 align) {
  u64 need = region_size(size, align);
  took(size, need);
  list_put(p, need, 0);
}

/* ---- fixed-size blocks ---- */
typedef struct block { struct block *next; } block;
static block *blocks[9];
static void fixed_init(void) { memset(blocks, 0, sizeof blocks); list_init(); }
static inline int class_of(u64 need) { return need <= 8 ? 0 : 29 - __builtin_clz(need - 1); }
static void *fallback_alloc(u64 size, u64 align) {
  u64 need = region_size(size, align);
  void *p = list_take(need, align, 1);
  if (p) { list.allocations++; list.used += size; list.taken += need; }
  return p;
}
static void *fixed_alloc(u64 size, u64 align) {
  u64 need = size > align ? size : align;
  if (need > 2048) {
    void *p = fallback_alloc(size, align);
    return p ? gave(p, size, region_size(size, align)) : failed();
  }
  int index = class_of(need);
  u64 taken = 8 << index;
  block *head = blocks[index];
  if (head != NULL) { blocks[index] = head->next; return gave(head, size, taken); }
  void *p = fallback_alloc(taken, taken);
  return p ? gave(p, size, taken) : failed();
}
static void fixed_free(void *p, u64 size, u64 align) {
  u64 need = size > align ? size : align;
  if (need > 2048) {
    u64 length = region_size(size, align);
    took(size, length);
    list.frees++; list.used -= size; list.taken -= length;
    list_put(p, length, 1);
    return;
  }
  int index = class_of(need);
  took(size, 8 << index);
  ((block *)p)->next = blocks[index];
  blocks[index] = p;
}

/* ---- slab ---- */
enum { PAGE = 4096, CLASSES = 14, LARGEST = 2032, HEADER = 32 };
static const int object_sizes[CLASSES] = {16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 672, 1008, 1344, 2032};
static u8 class_of_sixteenths[LARGEST / 16 + 1];
static int alignments[CLASSES], first_object[CLASSES];
typedef struct slab { struct slab *next, *previous; block *free; u32 size, in_use; } slab;
static slab *slabs[CLASSES];
static void slab_init(void) {
  memset(slabs, 0, sizeof slabs);
  for (int i = 0, n = 0; n <= LARGEST / 16; n++) {
    while (object_sizes[i] < n * 16) i++;
    class_of_sixteenths[n] = i;
  }
  for (int i = 0; i < CLASSES; i++) {
    alignments[i] = object_sizes[i] & -object_sizes[i];
    first_object[i] = align_up(HEADER, alignments[i]);
  }
  list_init();
}
static int cache_of(u64 size, u64 align) {
  if (size > LARGEST) return -1;
  int index = class_of_sixteenths[(size + 15) >> 4];
  while (alignments[index] < (int)align) if (++index == CLASSES) return -1;
  return index;
}
static void slab_push(slab *s, int index) {
  s->next = slabs[index]; s->previous = NULL;
  if (s->next) s->next->previous = s;
  slabs[index] = s;
}
static void slab_remove(slab *s, int index) {
  if (s->previous) s->previous->next = s->next; else slabs[index] = s->next;
  if (s->next) s->next->previous = s->previous;
}
static void slab_release(slab *s, int index) {
  slab_remove(s, index);
  list_put(s, PAGE, 1);
}
static int reap(void) {
  int any = 0;
  for (int i = 0; i < CLASSES; i++)
    for (slab *s = slabs[i], *next; s; s = next) {
      next = s->next;
      if (s->in_use == 0) { slab_release(s, i); any = 1; }
    }
  return any;
}
static void *pages(u64 bytes, u64 align) {
  void *p = list_take(bytes, align, 1);
  return p == NULL && reap() ? list_take(bytes, align, 1) : p;
}
static slab *make_slab(int index) {
  slab *s = pages(PAGE, PAGE);
  if (!s) return NULL;
  int size = object_sizes[index], first = first_object[index];
  block *next = NULL;
  for (int at = first + (PAGE - size - first) / size * size; at >= first; at -= size) {
    block *b = (block *)((u8 *)s + at);
    b->next = next; next = b;
  }
  s->free = next; s->size = size; s->in_use = 0;
  slab_push(s, index);
  return s;
}
static void *slab_alloc(u64 size, u64 align) {
  int index = cache_of(size, align);
  if (index < 0) {
    void *p = pages(align_up(size, PAGE), align < PAGE ? PAGE : align);
    return p ? gave(p, size, align_up(size, PAGE)) : failed();
  }
  slab *s = slabs[index];
  if (!s && !(s = make_slab(index))) return failed();
  block *object = s->free;
  s->free = object->next;
  s->in_use++;
  if (!s->free) slab_remove(s, index);
  return gave(object, size, object_sizes[index]);
}
static void slab_free(void *p, u64 size, u64 align) {
  int index = cache_of(size, align);
  if (index < 0) {
    took(size, align_up(size, PAGE));
    list_put(p, align_up(size, PAGE), 1);
    return;
  }
  took(size, object_sizes[index]);
  slab *s = (slab *)((u64)p & -(u64)PAGE);
  block *b = p, *rest = s->free;
  b->next = rest; s->free = b;
  s->in_use--;
  if (!rest) slab_push(s, index);
  if (s->in_use == 0 && !(slabs[index] == s && !s->next)) slab_release(s, index);
}

/* ---- buddy ---- */
typedef struct half { struct half *next, *previous; } half;
static half *halves[32];
static u32 first_pair[32], *bits;
static int orders;
static u64 buddy_end;
static inline int order_of(u64 need) { return need <= 16 ? 0 : 28 - __builtin_clz(need - 1); }
static inline u32 flip(u64 offset, int order) {
  u32 pair = first_pair[order] + (offset >> (5 + order));
  return (bits[pair >> 5] ^= 1u << (pair & 31)) >> (pair & 31) & 1;
}
static inline void half_push(u64 offset, int order) {
  half *h = (half *)(heap + offset);
  h->next = halves[order]; h->previous = NULL;
  if (h->next) h->next->previous = h;
  halves[order] = h;
}
static inline void half_remove(u64 offset, int order) {
  half *h = (half *)(heap + offset);
  if (h->previous) h->previous->next = h->next; else halves[order] = h->next;
  if (h->next) h->next->previous = h->previous;
}
static void buddy_init(void) {
  memset(halves, 0, sizeof halves);
  orders = 28 - __builtin_clz((u32)heap_size);
  u32 pairs = 0;
  for (int i = 0; i < orders; i++) { first_pair[i] = pairs; pairs += (heap_size >> (5 + i)) + 1; }
  u64 bitmap = (pairs + 31) / 32 * 4;
  buddy_end = (heap_size - bitmap) & -16ull;
  bits = (u32 *)(heap + buddy_end);
  memset(bits, 0, heap_size - buddy_end);
  for (u64 at = 0; at < buddy_end;) {
    int order = orders - 1;
    while ((at & ((16ull << order) - 1)) || at + (16ull << order) > buddy_end) order--;
    flip(at, order);
    half_push(at, order);
    at += 16ull << order;
  }
}
static void *buddy_alloc(u64 size, u64 align) {
  if (size > buddy_end) return failed();
  int order = order_of(size > align ? size : align), from = order;
  while (from < orders && !halves[from]) from++;
  count.visited += from - order + 1;
  if (from >= orders) return failed();
  u64 offset = (u8 *)halves[from] - heap;
  half_remove(offset, from);
  flip(offset, from);
  while (from > order) {
    from--;
    u64 other = offset + (16ull << from);
    flip(other, from);
    half_push(other, from);
  }
  return gave(heap + offset, size, 16ull << order);
}
static void buddy_free(void *p, u64 size, u64 align) {
  u64 offset = (u8 *)p - heap;
  int order = order_of(size > align ? size : align);
  took(size, 16ull << order);
  while (flip(offset, order) == 0 && order + 1 < orders) {
    u64 other = offset ^ (16ull << order);
    half_remove(other, order);
    if (other < offset) offset = other;
    order++;
    count.visited++;
  }
  half_push(offset, order);
}

/* ---- the trace ---- */
static const struct {
  const char *name;
  void (*init)(void);
  void *(*alloc)(u64, u64);
  void (*free)(void *, u64, u64);
} designs[] = {
  {"bump", bump_init, bump_alloc, bump_free},
  {"linked-list", list_init, list_alloc, list_free},
  {"naive-linked-list", list_init, naive_alloc, naive_free},
  {"fixed-size-blocks", fixed_init, fixed_alloc, fixed_free},
  {"slab", slab_init, slab_alloc, slab_free},
  {"buddy", buddy_init, buddy_alloc, buddy_free},
};
typedef struct { int32_t slot, size; } op;

int main(int argc, char **argv) {
  if (argc != 5) return 2;
  FILE *file = fopen(argv[1], "rb");
  if (!file) return 2;
  fseek(file, 0, SEEK_END);
  long bytes = ftell(file);
  rewind(file);
  op *ops = malloc(bytes);
  if (!ops || fread(ops, 1, bytes, file) != (size_t)bytes) return 2;
  long n = bytes / sizeof(op);
  heap_size = strtoull(argv[3], NULL, 10);
  heap = aligned_alloc(1 << 18, align_up(heap_size, 1 << 18));
  if (!heap) return 2;
  memset(heap, 0, heap_size);
  static void *slots[1 << 16];
  static int32_t sizes[1 << 16];
  unsigned d = 0;
  while (d < sizeof designs / sizeof *designs && strcmp(designs[d].name, argv[2])) d++;
  if (d == sizeof designs / sizeof *designs) return 2;
  double best = 1e18;
  u32 sum = 0;
  for (int run = atoi(argv[4]); run > 0; run--) {
    memset(&count, 0, sizeof count);
    memset(slots, 0, sizeof slots);
    designs[d].init();
    sum = 0;
    struct timespec from, to;
    clock_gettime(CLOCK_MONOTONIC, &from);
    for (long i = 0; i < n; i++) {
      int32_t slot = ops[i].slot;
      if (slots[slot] != NULL) {
        designs[d].free(slots[slot], sizes[slot], 8);
        slots[slot] = NULL;
      } else {
        void *p = designs[d].alloc(ops[i].size, 8);
        sum = sum * 31 + (p ? (u32)((u8 *)p - heap) : -1u);
        slots[slot] = p; sizes[slot] = ops[i].size;
      }
    }
    clock_gettime(CLOCK_MONOTONIC, &to);
    double ns = (to.tv_sec - from.tv_sec) * 1e9 + (to.tv_nsec - from.tv_nsec);
    if (ns < best) best = ns;
  }
  printf("%.0f %u %llu\n", best, sum, (unsigned long long)count.failures);
  return 0;
}
