/* A first-fit allocator with coalescing, put under stress; every block's content is checked. */
#include "platform.h"

typedef struct Block {
  uint32_t size; /* of the payload, a multiple of 16 */
  uint32_t free;
  struct Block *previous, *next; /* neighbours in memory */
} Block;

/* One header size for both widths, so that both run out of memory at the same step. */
enum { ALIGN = 16, HEADER = 32, HEAP = 32 * 1024 };
_Static_assert(sizeof(Block) <= HEADER, "the header must fit");

static _Alignas(16) uint8_t heap[HEAP];
static Block *first;

static void heap_init(void) {
  first = (Block *)heap;
  *first = (Block){HEAP - HEADER, 1, NULL, NULL};
}

static void *allocate(uint32_t size) {
  size = (size + ALIGN - 1) & ~(uint32_t)(ALIGN - 1);
  for (Block *b = first; b; b = b->next) {
    if (!b->free || b->size < size) continue;
    if (b->size >= size + HEADER + ALIGN) {
      Block *rest = (Block *)((uint8_t *)b + HEADER + size);
      *rest = (Block){b->size - size - HEADER, 1, b, b->next};
      if (rest->next) rest->next->previous = rest;
      b->next = rest;
      b->size = size;
    }
    b->free = 0;
    return (uint8_t *)b + HEADER;
  }
  return NULL;
}

static void absorb_next(Block *b) {
  Block *next = b->next;
  if (!next || !next->free) return;
  b->size += HEADER + next->size;
  b->next = next->next;
  if (b->next) b->next->previous = b;
}

static void release(void *p) {
  if (!p) return;
  Block *b = (Block *)((uint8_t *)p - HEADER);
  b->free = 1;
  absorb_next(b);
  if (b->previous && b->previous->free) absorb_next(b->previous);
}

/* Walks the heap: blocks touch, and no two free ones are neighbours. */
static int consistent(void) {
  uint32_t total = 0;
  for (Block *b = first; b; b = b->next) {
    total += HEADER + b->size;
    if (b->next && (uint8_t *)b->next != (uint8_t *)b + HEADER + b->size) return 0;
    if (b->next && b->free && b->next->free) return 0;
    if (b->next && b->next->previous != b) return 0;
  }
  return total == HEAP;
}

enum { SLOTS = 97, STEPS = 1500 };

static struct {
  uint8_t *data;
  uint32_t size;
  uint8_t fill;
} slots[SLOTS];

int run(unsigned repeat) {
  uint32_t seed = 88172645, allocated = 0, bytes = 0, refused = 0;
  int damaged = 0;
  for (unsigned round = 0; round < repeat; round++) {
    heap_init();
    memset(slots, 0, sizeof slots);
    for (int step = 0; step < STEPS; step++) {
      uint32_t r = next_random(&seed), i = r % SLOTS;
      if (slots[i].data) {
        for (uint32_t j = 0; j < slots[i].size; j++) damaged |= slots[i].data[j] != slots[i].fill;
        release(slots[i].data);
        slots[i].data = NULL;
      } else {
        uint32_t size = r >> 8 & (r >> 30 ? 0xff : 0x7ff);
        slots[i].data = allocate(size);
        if (!slots[i].data) {
          refused++;
        } else {
          slots[i].size = size;
          slots[i].fill = (uint8_t)(r >> 16);
          memset(slots[i].data, slots[i].fill, size);
          allocated++;
          bytes += size;
        }
      }
      if (step % 64 == 0) damaged |= !consistent();
    }
    for (int i = 0; i < SLOTS; i++) release(slots[i].data);
    damaged |= !consistent() || first->next || !first->free;
  }
  put_field("allocated", allocated);
  put_field("bytes", bytes);
  put_field("refused", refused);
  put_string(damaged ? "damaged\n" : "whole\n");
  return damaged;
}
