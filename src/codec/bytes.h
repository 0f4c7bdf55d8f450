/* Big-endian numbers in byte layouts. */
#ifndef SJ_CODEC_BYTES_H
#define SJ_CODEC_BYTES_H

#include <stdint.h>

static inline void sj__put_u32(uint8_t *out, uint32_t value) {
  for (int i = 3; i >= 0; i--, value >>= 8) out[i] = (uint8_t)value;
}

static inline void sj__put_u64(uint8_t *out, uint64_t value) {
  for (int i = 7; i >= 0; i--, value >>= 8) out[i] = (uint8_t)value;
}

static inline uint32_t sj__get_u32(const uint8_t *bytes) {
  uint32_t value = 0;
  for (int i = 0; i < 4; i++) value = value << 8 | bytes[i];
  return value;
}

static inline uint64_t sj__get_u64(const uint8_t *bytes) {
  uint64_t value = 0;
  for (int i = 0; i < 8; i++) value = value << 8 | bytes[i];
  return value;
}

#endif
