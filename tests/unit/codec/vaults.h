/* Keyrings and vaults for the codec's tests. Header only. */
#ifndef SJ_TESTS_CODEC_VAULTS_H
#define SJ_TESTS_CODEC_VAULTS_H

#include "../unit.h"

#include "crypto/vault.h"

#define NOW_MS      1790000000000
#define KID_ACTIVE  1
#define KID_COMING  200 /* published; its activation is to come */
#define KID_RETIRED 7
#define KID_UNKNOWN 9

static inline sj__vault *make_vault(const char *realm) {
  sj__key keys[] = {
      {.kid = KID_ACTIVE, .activates_ms = NOW_MS - 1000},
      {.kid = KID_COMING, .activates_ms = NOW_MS + 1000},
      {.kid = KID_RETIRED, .activates_ms = NOW_MS - 2000, .retired = true},
  };
  sj__keyring *keyring = NULL;
  sj__vault *vault = NULL;
  for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
    for (size_t j = 0; j < SJ__KEY_SECRET_SIZE; j++) keys[i].secret[j] = (uint8_t)(keys[i].kid + j);
  }
  assert_ok(sj__keyring_new(keys, sizeof(keys) / sizeof(keys[0]), &keyring, NULL));
  assert_ok(sj__vault_new(keyring, sj__slice_text(realm), &vault));
  sj__keyring_unref(keyring);
  return vault;
}

static inline int set_up_vault(void **state) {
  *state = make_vault("example.prod");
  return 0;
}

static inline int tear_down_vault(void **state) {
  sj__vault_free(*state);
  return 0;
}

/* Test data that a seed repeats (SplitMix64). */
static inline uint64_t draw(uint64_t *seed) {
  uint64_t z = (*seed += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

static inline void draw_bytes(uint64_t *seed, void *out, size_t size) {
  for (size_t i = 0; i < size; i++) ((uint8_t *)out)[i] = (uint8_t)draw(seed);
}

#endif
