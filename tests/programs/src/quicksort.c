/* Quicksort through a comparison callback (as qsort has it), with insertion sort for short runs. */
#include "platform.h"

enum { COUNT = 2000, SHORT = 12 };

typedef struct {
  int32_t key;
  uint32_t serial;
} Record;

typedef int (*Compare)(const Record *, const Record *);

static Record records[COUNT];
static uint32_t comparisons;

static int by_key(const Record *a, const Record *b) {
  comparisons++;
  return a->key < b->key ? -1 : a->key > b->key;
}

static int by_serial_descending(const Record *a, const Record *b) {
  comparisons++;
  return a->serial > b->serial ? -1 : a->serial < b->serial;
}

static void swap(Record *a, Record *b) {
  Record t = *a;
  *a = *b;
  *b = t;
}

static void insertion_sort(Record *first, Record *last, Compare compare) {
  for (Record *i = first + 1; i <= last; i++) {
    Record moving = *i, *j = i;
    for (; j > first && compare(&moving, j - 1) < 0; j--) *j = j[-1];
    *j = moving;
  }
}

static void quicksort(Record *first, Record *last, Compare compare) {
  while (last - first >= SHORT) {
    Record *middle = first + (last - first) / 2;
    if (compare(middle, first) < 0) swap(middle, first);
    if (compare(last, first) < 0) swap(last, first);
    if (compare(last, middle) < 0) swap(last, middle);
    Record pivot = *middle, *i = first, *j = last;
    while (i <= j) {
      while (compare(i, &pivot) < 0) i++;
      while (compare(&pivot, j) < 0) j--;
      if (i <= j) swap(i++, j--);
    }
    if (j - first < last - i) {
      quicksort(first, j, compare);
      first = i;
    } else {
      quicksort(i, last, compare);
      last = j;
    }
  }
  if (first < last) insertion_sort(first, last, compare);
}

static uint32_t fold(void) {
  uint32_t sum = 0;
  for (int i = 0; i < COUNT; i++) sum = sum * 31 + (uint32_t)records[i].key;
  return sum;
}

int run(unsigned repeat) {
  uint32_t seed = 2463534242, sum = 0;
  int failed = 0;
  for (unsigned round = 0; round < repeat; round++) {
    for (uint32_t i = 0; i < COUNT; i++) {
      records[i] = (Record){(int32_t)next_random(&seed) >> (round % 24), i};
    }
    quicksort(records, records + COUNT - 1, by_key);
    for (int i = 1; i < COUNT; i++) failed |= records[i - 1].key > records[i].key;
    sum ^= fold();
    quicksort(records, records + COUNT - 1, by_serial_descending);
    for (uint32_t i = 0; i < COUNT; i++) failed |= records[i].serial != COUNT - 1 - i;
    sum += fold();
  }
  put_field("comparisons", comparisons);
  put_field("checksum", sum);
  put_string(failed ? "not sorted\n" : "sorted\n");
  return failed;
}
