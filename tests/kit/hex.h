/* Bytes written as hexadecimal digits, for published vectors. Header only. */
#ifndef SJ_TESTS_HEX_H
#define SJ_TESTS_HEX_H

#include <stdint.h>

#include "base/alloc.h"
#include "base/slice.h"

static inline unsigned hex_digit_(char c) {
  SJ__REQUIRE((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'));
  return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'a' + 10);
}

/* Into `out`, which has room for strlen(text) / 2 bytes. */
static inline sj_slice hex_bytes(const char *text, uint8_t *out) {
  size_t size = strlen(text) / 2;
  SJ__REQUIRE(strlen(text) % 2 == 0);
  for (size_t i = 0; i < size; i++) {
    out[i] = (uint8_t)(hex_digit_(text[2 * i]) << 4 | hex_digit_(text[2 * i + 1]));
  }
  return sj__slice(out, size);
}

#endif
