/* CRC-32 (reflected 0xEDB88320): bit by bit, and by a table of 256. */
#include "platform.h"

static uint32_t table[256];
static uint8_t data[4096];

static uint32_t crc_bitwise(uint32_t crc, const uint8_t *p, size_t n) {
  crc = ~crc;
  while (n--) {
    crc ^= *p++;
    for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc;
}

static uint32_t crc_by_table(uint32_t crc, const uint8_t *p, size_t n) {
  crc = ~crc;
  while (n--) crc = crc >> 8 ^ table[(crc ^ *p++) & 0xff];
  return ~crc;
}

int run(unsigned repeat) {
  for (uint32_t i = 0; i < 256; i++) {
    uint32_t c = i;
    for (int bit = 0; bit < 8; bit++) c = c & 1 ? c >> 1 ^ 0xedb88320 : c >> 1;
    table[i] = c;
  }
  uint32_t seed = 1;
  for (size_t i = 0; i < sizeof data; i++) data[i] = (uint8_t)next_random(&seed);

  uint32_t check = crc_by_table(0, (const uint8_t *)"123456789", 9);
  put_hex(check, 8);
  put_char('\n');

  uint32_t slow = 0, fast = 0;
  for (unsigned round = 0; round < repeat; round++) {
    slow = crc_bitwise(slow, data, sizeof data / 4);
    fast = crc_by_table(fast, data, sizeof data);
  }
  put_hex(slow, 8);
  put_char(' ');
  put_hex(fast, 8);
  put_char('\n');
  return check != 0xcbf43926;
}
