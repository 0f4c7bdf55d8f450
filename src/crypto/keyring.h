/*
 * The server's secrets. A keyring is immutable once made and shared by
 * reference count; workers derive a vault (crypto/vault.h) each from it.
 *
 * States (DESIGN.md 2) are a function of the moment. Every key has a stored
 * state, `published` or `retired`, and an activation time. Of the published
 * keys whose activation has come, the one with the latest activation is
 * *active* (equal moments: the greater kid): it seals and MACs. The other
 * published ones verify and open. Retired ones do neither, but are known.
 */
#ifndef SJ_CRYPTO_KEYRING_H
#define SJ_CRYPTO_KEYRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sojourn/status.h"

#define SJ__KEY_SECRET_SIZE      32
#define SJ__KEY_FINGERPRINT_SIZE 8
#define SJ__KEYS_MAX             255
#define SJ__KEY_SALT             "sojourn/1" /* of HKDF-Extract, for every key */

typedef enum sj__key_state {
  SJ__KEY_UNKNOWN, /* not in this keyring */
  SJ__KEY_PUBLISHED,
  SJ__KEY_ACTIVE,
  SJ__KEY_RETIRED
} sj__key_state;

typedef struct sj__key {
  uint8_t kid;
  bool retired;
  int64_t activates_ms; /* wall */
  uint8_t secret[SJ__KEY_SECRET_SIZE];
} sj__key;

typedef struct sj__keyring sj__keyring;

/*
 * Copies the keys. SJ_INVALID: none, more than SJ__KEYS_MAX, kid 0 (it means
 * "no key" in records), a kid or a secret twice, or no key that is not retired;
 * `error` names the kid. SJ_NO_MEMORY. Free with sj__keyring_unref.
 */
SJ_MUST_USE sj_status sj__keyring_new(const sj__key *keys, size_t count, sj__keyring **out,
                                      sj_error *error);
/* One random key, kid 1, active from `now_ms` on. SJ_NO_ENTROPY, SJ_NO_MEMORY. */
SJ_MUST_USE sj_status sj__keyring_generate(int64_t now_ms, sj__keyring **out);

sj__keyring *sj__keyring_ref(sj__keyring *keyring); /* any thread */
void sj__keyring_unref(sj__keyring *keyring); /* any thread; the last one wipes; NULL allowed */

size_t sj__keyring_count(const sj__keyring *keyring);
const sj__key *sj__keyring_at(const sj__keyring *keyring, size_t index);  /* by kid, ascending */
const sj__key *sj__keyring_find(const sj__keyring *keyring, uint8_t kid); /* NULL: unknown */
sj__key_state sj__keyring_state(const sj__keyring *keyring, uint8_t kid, int64_t now_ms);
/* The active kid; before any activation has come, the one that comes first. */
uint8_t sj__keyring_active(const sj__keyring *keyring, int64_t now_ms);

/*
 * Eight bytes that identify a key without telling anything of it: what stores
 * keep, so that a foreign keyring is refused (docs/formats.md).
 */
void sj__key_fingerprint(const sj__key *key, uint8_t out[SJ__KEY_FINGERPRINT_SIZE]);

#endif
