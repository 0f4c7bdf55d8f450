#include "crypto/keyring.h"

#include <stdatomic.h>
#include <string.h>

#include "base/alloc.h"
#include "base/errors.h"
#include "base/random.h"
#include "crypto/digest.h"

struct sj__keyring {
  _Atomic size_t references;
  size_t count;
  size_t published_count;
  uint8_t index_of[256];           /* by kid: 1 + the place in keys; 0: unknown */
  uint8_t published[SJ__KEYS_MAX]; /* places in keys, latest activation first */
  sj__key keys[];                  /* by kid, ascending */
};

static size_t keyring_size(size_t count) {
  return sizeof(sj__keyring) + count * sizeof(sj__key);
}

static sj_status check_keys(const sj__key *keys, size_t count, sj_error *error) {
  bool seen[256] = {false};
  size_t live = 0;
  if (count == 0) return sj__fail(error, SJ_INVALID, "a keyring needs at least one key");
  if (count > SJ__KEYS_MAX) {
    return sj__fail(error, SJ_INVALID, "a keyring holds at most %d keys", SJ__KEYS_MAX);
  }
  for (size_t i = 0; i < count; i++) {
    if (keys[i].kid == 0) return sj__fail(error, SJ_INVALID, "kid 0 is reserved; use 1 to 255");
    if (seen[keys[i].kid]) return sj__fail(error, SJ_INVALID, "kid %u is there twice", keys[i].kid);
    seen[keys[i].kid] = true;
    live += !keys[i].retired;
    for (size_t j = 0; j < i; j++) {
      if (sj__equal_secret(keys[i].secret, keys[j].secret, SJ__KEY_SECRET_SIZE)) {
        return sj__fail(error, SJ_INVALID, "kids %u and %u have the same secret", keys[j].kid,
                        keys[i].kid);
      }
    }
  }
  if (live == 0) return sj__fail(error, SJ_INVALID, "every key is retired; one must be published");
  return SJ_OK;
}

/* Insertion sort: rings are short, made seldom. */
static void add_key(sj__keyring *keyring, const sj__key *key) {
  size_t place = keyring->count++;
  for (; place > 0 && keyring->keys[place - 1].kid > key->kid; place--) {
    keyring->keys[place] = keyring->keys[place - 1];
  }
  keyring->keys[place] = *key;
}

static const sj__key *published_at(const sj__keyring *keyring, size_t place) {
  return &keyring->keys[keyring->published[place]];
}

/* The latest activation wins, of equal ones the greater kid. */
static bool goes_before(const sj__key *a, const sj__key *b) {
  return a->activates_ms != b->activates_ms ? a->activates_ms > b->activates_ms : a->kid > b->kid;
}

static void index_keys(sj__keyring *keyring) {
  for (size_t i = 0; i < keyring->count; i++) {
    const sj__key *key = &keyring->keys[i];
    keyring->index_of[key->kid] = (uint8_t)(i + 1);
    if (key->retired) continue;
    size_t place = keyring->published_count++;
    for (; place > 0 && goes_before(key, published_at(keyring, place - 1)); place--) {
      keyring->published[place] = keyring->published[place - 1];
    }
    keyring->published[place] = (uint8_t)i;
  }
}

sj_status sj__keyring_new(const sj__key *keys, size_t count, sj__keyring **out, sj_error *error) {
  sj_status status = check_keys(keys, count, error);
  if (status != SJ_OK) return status;
  sj__keyring *keyring = sj__calloc(1, keyring_size(count));
  if (keyring == NULL) return sj__fail(error, SJ_NO_MEMORY, "%s", sj_status_text(SJ_NO_MEMORY));
  atomic_init(&keyring->references, 1);
  for (size_t i = 0; i < count; i++) add_key(keyring, &keys[i]);
  index_keys(keyring);
  *out = keyring;
  return SJ_OK;
}

sj_status sj__keyring_generate(int64_t now_ms, sj__keyring **out) {
  sj__key key = {.kid = 1, .activates_ms = now_ms};
  sj_status status = sj__random(key.secret, sizeof key.secret);
  if (status == SJ_OK) status = sj__keyring_new(&key, 1, out, NULL);
  sj__wipe(&key, sizeof key);
  return status;
}

sj__keyring *sj__keyring_ref(sj__keyring *keyring) {
  atomic_fetch_add_explicit(&keyring->references, 1, memory_order_relaxed);
  return keyring;
}

void sj__keyring_unref(sj__keyring *keyring) {
  if (keyring == NULL) return;
  if (atomic_fetch_sub_explicit(&keyring->references, 1, memory_order_acq_rel) > 1) return;
  sj__free_secret(keyring, keyring_size(keyring->count));
}

size_t sj__keyring_count(const sj__keyring *keyring) {
  return keyring->count;
}

const sj__key *sj__keyring_at(const sj__keyring *keyring, size_t index) {
  SJ__REQUIRE(index < keyring->count);
  return &keyring->keys[index];
}

const sj__key *sj__keyring_find(const sj__keyring *keyring, uint8_t kid) {
  uint8_t index = keyring->index_of[kid];
  return index > 0 ? &keyring->keys[index - 1] : NULL;
}

uint8_t sj__keyring_active(const sj__keyring *keyring, int64_t now_ms) {
  int64_t first_ms = published_at(keyring, keyring->published_count - 1)->activates_ms;
  /* Before any activation has come, what holds at the first one. */
  int64_t at_ms = now_ms < first_ms ? first_ms : now_ms;
  size_t place = 0;
  while (published_at(keyring, place)->activates_ms > at_ms) place++;
  return published_at(keyring, place)->kid;
}

sj__key_state sj__keyring_state(const sj__keyring *keyring, uint8_t kid, int64_t now_ms) {
  const sj__key *key = sj__keyring_find(keyring, kid);
  if (key == NULL) return SJ__KEY_UNKNOWN;
  if (key->retired) return SJ__KEY_RETIRED;
  return sj__keyring_active(keyring, now_ms) == kid ? SJ__KEY_ACTIVE : SJ__KEY_PUBLISHED;
}

void sj__key_fingerprint(const sj__key *key, uint8_t out[SJ__KEY_FINGERPRINT_SIZE]) {
  /* The text and its NUL, as every info of docs/formats.md "Keys". */
  static const char text[] = "sojourn/fingerprint/1";
  sj__hkdf(SJ__SLICE(SJ__KEY_SALT), sj__slice(key->secret, sizeof key->secret),
           sj__slice(text, sizeof text), out, SJ__KEY_FINGERPRINT_SIZE);
}
