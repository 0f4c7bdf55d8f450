/* A vault for targets, made once and kept: kids 1 (active), 2 (published) and 3 (retired). */
#ifndef SJ_TESTS_FUZZ_VAULT_H
#define SJ_TESTS_FUZZ_VAULT_H

#include <string.h>

#include "base/alloc.h"
#include "base/random.h"
#include "crypto/vault.h"

#define FUZZ_NOW_MS 1790000000000

/* Not random, so that what is sealed is the same in every run. */
static inline sj_status fuzz_not_random_(void *context, void *out, size_t size) {
  memset(out, 0x5a, size);
  return SJ_OK;
}

static inline sj__vault *fuzz_vault(void) {
  static sj__vault *vault;
  if (vault != NULL) return vault;
  sj__keyring *keyring = NULL;
  sj__key keys[3] = {{.kid = 1, .activates_ms = FUZZ_NOW_MS},
                     {.kid = 2, .activates_ms = FUZZ_NOW_MS - 1},
                     {.kid = 3, .retired = true}};
  for (size_t i = 0; i < SJ__COUNT_OF(keys); i++) {
    for (size_t j = 0; j < SJ__KEY_SECRET_SIZE; j++) keys[i].secret[j] = (uint8_t)(i * 50 + j);
  }
  sj__random_install(fuzz_not_random_, NULL);
  SJ__REQUIRE(sj__keyring_new(keys, SJ__COUNT_OF(keys), &keyring, NULL) == SJ_OK);
  SJ__REQUIRE(sj__vault_new(keyring, SJ__SLICE("fuzz"), &vault) == SJ_OK);
  sj__keyring_unref(keyring);
  return vault;
}

#endif
