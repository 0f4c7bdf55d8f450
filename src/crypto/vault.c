#include "crypto/vault.h"

#include <string.h>

#include "base/alloc.h"
#include "base/random.h"
#include "crypto/digest.h"
#include "crypto/gcm.h"

#define REALM_MAX              64
#define REALM_FINGERPRINT_SIZE 8

/* docs/formats.md, "Keys": an info starts with one of these and its NUL. */
#define INFO(text) ((sj_slice){(text), sizeof(text)})
static const sj_slice purpose_info[SJ__PURPOSE_COUNT] = {
    [SJ__PURPOSE_COOKIE_HANDLE] = INFO("sojourn/handle/cookie/1"),
    [SJ__PURPOSE_REFRESH_HANDLE] = INFO("sojourn/handle/refresh/1"),
    [SJ__PURPOSE_SUBJECT] = INFO("sojourn/subject/1"),
    [SJ__PURPOSE_CLIENT] = INFO("sojourn/client/1"),
    [SJ__PURPOSE_MARK] = INFO("sojourn/mark/1"),
    [SJ__PURPOSE_EVENT] = INFO("sojourn/event/1"),
};
static const sj_slice part_info[] = {
    [SJ__PART_META] = INFO("sojourn/meta/1"),
    [SJ__PART_DATA] = INFO("sojourn/data/1"),
};

typedef struct vault_key { /* one kid at work; empty for a retired one */
  sj__hmac *prk;
  sj__hmac *purposes[SJ__PURPOSE_COUNT];
} vault_key;

struct sj__vault {
  sj__keyring *keyring;
  sj__gcm *gcm;
  uint8_t realm[1 + REALM_MAX]; /* its length, then its bytes: as an info has it */
  uint8_t realm_fingerprint[REALM_FINGERPRINT_SIZE];
  vault_key *by_kid[256];
  vault_key keys[];
};

static sj_slice realm_info(const sj__vault *vault) {
  return sj__slice(vault->realm, 1u + vault->realm[0]);
}

static bool realm_is_valid(sj_slice realm) {
  bool valid = realm.size >= 1 && realm.size <= REALM_MAX;
  for (size_t i = 0; valid && i < realm.size; i++) {
    char c = realm.data[i];
    valid = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
            c == '.' || c == '_' || c == '-';
  }
  return valid;
}

static void set_realm(sj__vault *vault, sj_slice realm) {
  const sj_slice parts[] = {SJ__SLICE("sojourn/realm/1"), realm};
  uint8_t digest[SJ__DIGEST_SIZE];
  vault->realm[0] = (uint8_t)realm.size;
  memcpy(vault->realm + 1, realm.data, realm.size);
  sj__sha256(parts, SJ__COUNT_OF(parts), digest);
  memcpy(vault->realm_fingerprint, digest, sizeof vault->realm_fingerprint);
}

static sj__hmac *new_prk(const sj__key *key) {
  uint8_t prk[SJ__DIGEST_SIZE];
  sj__hkdf_extract(SJ__SLICE(SJ__KEY_SALT), sj__slice(key->secret, sizeof key->secret), prk);
  sj__hmac *hmac = sj__hmac_new(prk, sizeof prk);
  sj__wipe(prk, sizeof prk);
  return hmac;
}

static bool derive_purposes(sj__vault *vault, vault_key *key) {
  bool derived = true;
  for (size_t i = 0; i < SJ__PURPOSE_COUNT; i++) {
    const sj_slice info[] = {purpose_info[i], realm_info(vault)};
    uint8_t secret[SJ__DIGEST_SIZE];
    sj__hkdf_expand(key->prk, info, SJ__COUNT_OF(info), secret, sizeof secret);
    key->purposes[i] = sj__hmac_new(secret, sizeof secret);
    sj__wipe(secret, sizeof secret);
    derived = derived && key->purposes[i] != NULL;
  }
  return derived;
}

static bool derive_keys(sj__vault *vault) {
  for (size_t i = 0; i < sj__keyring_count(vault->keyring); i++) {
    const sj__key *key = sj__keyring_at(vault->keyring, i);
    if (key->retired) continue;
    vault_key *at_work = &vault->keys[i];
    vault->by_kid[key->kid] = at_work;
    at_work->prk = new_prk(key);
    if (at_work->prk == NULL || !derive_purposes(vault, at_work)) return false;
  }
  return true;
}

sj_status sj__vault_new(sj__keyring *keyring, sj_slice realm, sj__vault **out) {
  if (!realm_is_valid(realm)) return SJ_INVALID;
  sj__vault *vault =
      sj__calloc(1, sizeof *vault + sj__keyring_count(keyring) * sizeof vault->keys[0]);
  if (vault == NULL) return SJ_NO_MEMORY;
  vault->keyring = sj__keyring_ref(keyring);
  set_realm(vault, realm);
  sj_status status = sj__gcm_new(&vault->gcm);
  if (status == SJ_OK && !derive_keys(vault)) status = SJ_NO_MEMORY;
  if (status != SJ_OK) {
    sj__vault_free(vault);
    return status;
  }
  *out = vault;
  return SJ_OK;
}

void sj__vault_free(sj__vault *vault) {
  if (vault == NULL) return;
  for (size_t i = 0; i < sj__keyring_count(vault->keyring); i++) {
    sj__hmac_free(vault->keys[i].prk);
    for (size_t j = 0; j < SJ__PURPOSE_COUNT; j++) sj__hmac_free(vault->keys[i].purposes[j]);
  }
  sj__gcm_free(vault->gcm);
  sj__keyring_unref(vault->keyring);
  sj__free(vault);
}

const sj__keyring *sj__vault_keyring(const sj__vault *vault) {
  return vault->keyring;
}

sj_slice sj__vault_realm(const sj__vault *vault) {
  return sj__slice(vault->realm + 1, vault->realm[0]);
}

const uint8_t *sj__vault_realm_fingerprint(const sj__vault *vault) {
  return vault->realm_fingerprint;
}

void sj__session_key(const uint8_t id[SJ__ID_SIZE], uint8_t key[SJ__KEY_SIZE]) {
  const sj_slice parts[] = {SJ__SLICE("sojourn/key/1"), sj__slice(id, SJ__ID_SIZE)};
  uint8_t digest[SJ__DIGEST_SIZE];
  sj__sha256(parts, SJ__COUNT_OF(parts), digest);
  memcpy(key, digest, SJ__KEY_SIZE);
}

/* The keys of a kid that may verify, open, MAC and seal. */
static sj_status find_key(const sj__vault *vault, uint8_t kid, int64_t now_ms, vault_key **out) {
  switch (sj__keyring_state(vault->keyring, kid, now_ms)) {
    case SJ__KEY_UNKNOWN:
      return SJ_UNKNOWN_KEY;
    case SJ__KEY_RETIRED:
      return SJ_RETIRED_KEY;
    case SJ__KEY_PUBLISHED:
    case SJ__KEY_ACTIVE:
      break;
  }
  *out = vault->by_kid[kid];
  return SJ_OK;
}

sj_status sj__vault_mac(sj__vault *vault, uint8_t kid, int64_t now_ms, sj__purpose purpose,
                        const sj_slice *parts, size_t count, uint8_t out[SJ__TAG_SIZE]) {
  uint8_t mac[SJ__DIGEST_SIZE];
  vault_key *key;
  SJ__REQUIRE(purpose < SJ__PURPOSE_COUNT);
  sj_status status = find_key(vault, kid, now_ms, &key);
  if (status != SJ_OK) return status;
  sj__hmac_compute(key->purposes[purpose], parts, count, mac);
  memcpy(out, mac, SJ__TAG_SIZE);
  return SJ_OK;
}

static sj_status derive_record_key(const sj__vault *vault, uint8_t kid, int64_t now_ms,
                                   sj__sealed_part part, const uint8_t key[SJ__KEY_SIZE],
                                   const uint8_t *id, uint8_t out[SJ__GCM_KEY_SIZE]) {
  vault_key *at_work;
  SJ__REQUIRE(part == SJ__PART_DATA || (part == SJ__PART_META && id == NULL));
  sj_status status = find_key(vault, kid, now_ms, &at_work);
  if (status != SJ_OK) return status;
  const sj_slice info[] = {part_info[part], realm_info(vault), sj__slice(key, SJ__KEY_SIZE),
                           sj__slice(id, id != NULL ? SJ__ID_SIZE : 0)};
  sj__hkdf_expand(at_work->prk, info, SJ__COUNT_OF(info), out, SJ__GCM_KEY_SIZE);
  return SJ_OK;
}

sj_status sj__vault_seal(sj__vault *vault, uint8_t kid, int64_t now_ms, sj__sealed_part part,
                         const uint8_t key[SJ__KEY_SIZE], const uint8_t *id,
                         const sj_slice *associated, size_t count, sj_slice plain, uint8_t *out) {
  uint8_t record_key[SJ__GCM_KEY_SIZE];
  uint8_t *cipher = out + SJ__GCM_NONCE_SIZE;
  if (plain.size > SJ__SEAL_MAX) return SJ_TOO_LARGE;
  sj_status status = derive_record_key(vault, kid, now_ms, part, key, id, record_key);
  if (status != SJ_OK) return status;
  status = sj__random(out, SJ__GCM_NONCE_SIZE);
  if (status == SJ_OK) {
    status = sj__gcm_seal(vault->gcm, record_key, out, associated, count, plain, cipher,
                          cipher + plain.size);
  }
  sj__wipe(record_key, sizeof record_key);
  return status;
}

sj_status sj__vault_open(sj__vault *vault, uint8_t kid, int64_t now_ms, sj__sealed_part part,
                         const uint8_t key[SJ__KEY_SIZE], const uint8_t *id,
                         const sj_slice *associated, size_t count, sj_slice sealed, uint8_t *out) {
  uint8_t record_key[SJ__GCM_KEY_SIZE];
  const uint8_t *bytes = (const uint8_t *)sealed.data;
  if (sealed.size < SJ__SEAL_OVERHEAD) return SJ_CORRUPT;
  size_t plain_size = sealed.size - SJ__SEAL_OVERHEAD;
  sj_status status = derive_record_key(vault, kid, now_ms, part, key, id, record_key);
  if (status == SJ_OK) {
    const uint8_t *cipher = bytes + SJ__GCM_NONCE_SIZE;
    status = sj__gcm_open(vault->gcm, record_key, bytes, associated, count,
                          sj__slice(cipher, plain_size), cipher + plain_size, out);
    if (status == SJ_TOO_LARGE) status = SJ_CORRUPT; /* the sealer can't have made it */
  } else {
    sj__wipe(out, plain_size);
  }
  sj__wipe(record_key, sizeof record_key);
  return status;
}
