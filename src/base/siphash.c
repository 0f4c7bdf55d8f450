/* SipHash-1-3 (Aumasson, Bernstein: "SipHash: a fast short-input PRF", 2012, section 2.2). */
#include <string.h>

#include "base/map.h"

typedef struct sip_state {
  uint64_t v0, v1, v2, v3;
} sip_state;

static inline uint64_t rotate_left(uint64_t x, int bits) {
  return (x << bits) | (x >> (64 - bits));
}

static inline void sip_round(sip_state *s) {
  s->v0 += s->v1;
  s->v1 = rotate_left(s->v1, 13) ^ s->v0;
  s->v0 = rotate_left(s->v0, 32);
  s->v2 += s->v3;
  s->v3 = rotate_left(s->v3, 16) ^ s->v2;
  s->v0 += s->v3;
  s->v3 = rotate_left(s->v3, 21) ^ s->v0;
  s->v2 += s->v1;
  s->v1 = rotate_left(s->v1, 17) ^ s->v2;
  s->v2 = rotate_left(s->v2, 32);
}

static inline void sip_absorb(sip_state *s, uint64_t word) {
  s->v3 ^= word;
  sip_round(s);
  s->v0 ^= word;
}

static inline uint64_t load_little_endian(const uint8_t *bytes, size_t size) {
  uint64_t word = 0;
  for (size_t i = 0; i < size; i++) word |= (uint64_t)bytes[i] << (8 * i);
  return word;
}

uint64_t sj__siphash(const uint64_t seed[2], const void *data, size_t size) {
  sip_state s = {
      seed[0] ^ 0x736f6d6570736575u,
      seed[1] ^ 0x646f72616e646f6du,
      seed[0] ^ 0x6c7967656e657261u,
      seed[1] ^ 0x7465646279746573u,
  };
  const uint8_t *bytes = data;
  size_t whole = size & ~(size_t)7;
  for (size_t at = 0; at < whole; at += 8) sip_absorb(&s, load_little_endian(bytes + at, 8));
  uint64_t last = (uint64_t)(size & 0xff) << 56;
  if (size > whole) last |= load_little_endian(bytes + whole, size - whole);
  sip_absorb(&s, last);
  s.v2 ^= 0xff;
  sip_round(&s);
  sip_round(&s);
  sip_round(&s);
  return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
