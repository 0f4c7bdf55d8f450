#include "codec/base64url.h"

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

/* -1: not of the alphabet. Arithmetic rather than a table: no branch or look-up on a secret. */
static int value_of(char c) {
  int x = (unsigned char)c;
  int value = -1;
  value += ((('A' - 1 - x) & (x - ('Z' + 1))) >> 8) & (x - 'A' + 1);
  value += ((('a' - 1 - x) & (x - ('z' + 1))) >> 8) & (x - 'a' + 26 + 1);
  value += ((('0' - 1 - x) & (x - ('9' + 1))) >> 8) & (x - '0' + 52 + 1);
  value += ((('-' - 1 - x) & (x - ('-' + 1))) >> 8) & (62 + 1);
  value += ((('_' - 1 - x) & (x - ('_' + 1))) >> 8) & (63 + 1);
  return value;
}

sj_status sj__base64url_decode(sj_slice text, uint8_t *out, size_t *size) {
  uint32_t group = 0;
  unsigned bits = 0;
  int bad = 0;
  size_t written = 0;
  if (text.size % 4 == 1) return SJ_INVALID;
  for (size_t i = 0; i < text.size; i++) {
    int value = value_of(text.data[i]);
    bad |= value;
    group = (group << 6) | (uint32_t)(value & 63);
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out[written++] = (uint8_t)(group >> bits);
      group &= (1u << bits) - 1;
    }
  }
  /* RFC 4648 3.5: the bits that are left over must be zero, or one value had several texts. */
  if (bad < 0 || group != 0) return SJ_INVALID;
  *size = written;
  return SJ_OK;
}
