#include "codec/base64url.h"

#include <string.h>

#include "base/alloc.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

size_t sj__base64url_encode(const void *data, size_t size, char *out) {
  const uint8_t *bytes = data;
  char *at = out;
  for (size_t i = 0; i < size; i += 3) {
    size_t left = size - i;
    uint32_t group = (uint32_t)bytes[i] << 16;
    if (left > 1) group |= (uint32_t)bytes[i + 1] << 8;
    if (left > 2) group |= bytes[i + 2];
    *at++ = alphabet[group >> 18];
    *at++ = alphabet[(group >> 12) & 63];
    if (left > 1) *at++ = alphabet[(group >> 6) & 63];
    if (left > 2) *at++ = alphabet[group & 63];
  }
  return (size_t)(at - out);
}

/*
 * -1: not of the alphabet. Arithmetic rather than a table: no branch or look-up
 * on a secret. 16 bits are enough, and let the compiler take many at a time.
 */
static inline int16_t value_of(char c) {
  int16_t x = (unsigned char)c;
  int16_t value = -1;
  value += ((('A' - 1 - x) & (x - ('Z' + 1))) >> 8) & (x - 'A' + 1);
  value += ((('a' - 1 - x) & (x - ('z' + 1))) >> 8) & (x - 'a' + 26 + 1);
  value += ((('0' - 1 - x) & (x - ('9' + 1))) >> 8) & (x - '0' + 52 + 1);
  value += ((('-' - 1 - x) & (x - ('-' + 1))) >> 8) & (62 + 1);
  value += ((('_' - 1 - x) & (x - ('_' + 1))) >> 8) & (63 + 1);
  return value;
}

#define CHUNK_TEXT  16
#define CHUNK_BYTES 12

typedef struct chunk {
  char text[CHUNK_TEXT]; /* filled up with the zero of the alphabet */
  uint8_t values[CHUNK_TEXT];
  uint8_t bytes[CHUNK_BYTES];
} chunk;

/* Negative: a character is not of the alphabet. */
static int16_t decode_chunk(chunk *at) {
  int16_t bad = 0;
  for (size_t i = 0; i < CHUNK_TEXT; i++) {
    int16_t value = value_of(at->text[i]);
    bad |= value;
    at->values[i] = (uint8_t)value;
  }
  for (size_t i = 0; i < CHUNK_TEXT / 4; i++) {
    const uint8_t *from = at->values + 4 * i;
    uint8_t *to = at->bytes + 3 * i;
    to[0] = (uint8_t)(from[0] << 2 | from[1] >> 4);
    to[1] = (uint8_t)(from[1] << 4 | from[2] >> 2);
    to[2] = (uint8_t)(from[2] << 6 | from[3]);
  }
  return bad;
}

sj_status sj__base64url_decode(sj_slice text, uint8_t *out, size_t *size) {
  chunk now;
  int16_t bad = 0;
  uint8_t left_over = 0;
  size_t whole = text.size / 4 * 3 + (text.size % 4 > 0 ? text.size % 4 - 1 : 0);
  size_t written = 0;
  if (text.size % 4 == 1) return SJ_INVALID;
  for (size_t at = 0; at < text.size; at += CHUNK_TEXT) {
    size_t part = text.size - at < CHUNK_TEXT ? text.size - at : CHUNK_TEXT;
    size_t part_bytes = whole - written < CHUNK_BYTES ? whole - written : CHUNK_BYTES;
    memset(now.text, 'A', sizeof(now.text));
    memcpy(now.text, text.data + at, part);
    bad |= decode_chunk(&now);
    memcpy(out + written, now.bytes, part_bytes);
    written += part_bytes;
    if (part_bytes < CHUNK_BYTES) left_over = now.bytes[part_bytes];
  }
  sj__wipe(&now, sizeof(now));
  /* RFC 4648 3.5: the bits that are left over must be zero, or one value had several texts. */
  if (bad < 0 || left_over != 0) return SJ_INVALID;
  *size = written;
  return SJ_OK;
}
