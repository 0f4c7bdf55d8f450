/*
 * SHA-256 by its block functions: states are plain values that are copied, so
 * that a kept HMAC key costs no allocation a call. Deprecated in OpenSSL 3 in
 * favour of EVP; docs/decisions/hmac-contexts.md says why they are used here,
 * and here alone.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "crypto/digest.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "base/alloc.h"

#define BLOCK_SIZE 64 /* of SHA-256 (FIPS 180-4 1) */

struct sj__hmac {
  SHA256_CTX inner; /* after the key's inner block */
  SHA256_CTX outer; /* after the key's outer block */
};

static void update_all(SHA256_CTX *state, const sj_slice *parts, size_t count) {
  for (size_t i = 0; i < count; i++) SHA256_Update(state, parts[i].data, parts[i].size);
}

void sj__sha256(const sj_slice *parts, size_t count, uint8_t out[SJ__DIGEST_SIZE]) {
  SHA256_CTX state;
  SHA256_Init(&state);
  update_all(&state, parts, count);
  SHA256_Final(out, &state);
  sj__wipe(&state, sizeof state);
}

static void start_with_pad(SHA256_CTX *state, const uint8_t key[BLOCK_SIZE], uint8_t pad) {
  uint8_t block[BLOCK_SIZE];
  for (size_t i = 0; i < BLOCK_SIZE; i++) block[i] = key[i] ^ pad;
  SHA256_Init(state);
  SHA256_Update(state, block, sizeof block);
  sj__wipe(block, sizeof block);
}

static void set_key(sj__hmac *hmac, sj_slice key) {
  uint8_t block[BLOCK_SIZE] = {0};
  /* RFC 2104 2: a key longer than a block is hashed first. */
  if (key.size > BLOCK_SIZE) {
    sj__sha256(&key, 1, block);
  } else if (key.size > 0) {
    memcpy(block, key.data, key.size);
  }
  start_with_pad(&hmac->inner, block, 0x36);
  start_with_pad(&hmac->outer, block, 0x5c);
  sj__wipe(block, sizeof block);
}

sj__hmac *sj__hmac_new(const void *key, size_t size) {
  sj__hmac *hmac = sj__malloc(sizeof *hmac);
  if (hmac != NULL) set_key(hmac, sj__slice(key, size));
  return hmac;
}

void sj__hmac_free(sj__hmac *hmac) {
  if (hmac != NULL) sj__free_secret(hmac, sizeof *hmac);
}

void sj__hmac_compute(const sj__hmac *hmac, const sj_slice *parts, size_t count,
                      uint8_t out[SJ__DIGEST_SIZE]) {
  SHA256_CTX state = hmac->inner;
  update_all(&state, parts, count);
  SHA256_Final(out, &state);
  state = hmac->outer;
  SHA256_Update(&state, out, SJ__DIGEST_SIZE);
  SHA256_Final(out, &state);
  sj__wipe(&state, sizeof state);
}

void sj__hkdf_extract(sj_slice salt, sj_slice input_key, uint8_t prk[SJ__DIGEST_SIZE]) {
  sj__hmac hmac;
  set_key(&hmac, salt);
  sj__hmac_compute(&hmac, &input_key, 1, prk);
  sj__wipe(&hmac, sizeof hmac);
}

#define INFO_PARTS_MAX 7

void sj__hkdf_expand(const sj__hmac *prk, const sj_slice *info, size_t count, uint8_t *out,
                     size_t out_size) {
  sj_slice parts[INFO_PARTS_MAX + 1];
  uint8_t block[SJ__DIGEST_SIZE];
  SJ__REQUIRE(count <= INFO_PARTS_MAX && out_size <= sizeof block);
  for (size_t i = 0; i < count; i++) parts[i] = info[i];
  /* RFC 5869 2.3: T(1) = HMAC(PRK, info | 0x01), all that is needed for one block. */
  parts[count] = SJ__SLICE("\x01");
  sj__hmac_compute(prk, parts, count + 1, block);
  memcpy(out, block, out_size);
  sj__wipe(block, sizeof block);
}

void sj__hkdf(sj_slice salt, sj_slice input_key, sj_slice info, uint8_t *out, size_t out_size) {
  uint8_t prk[SJ__DIGEST_SIZE];
  sj__hmac hmac;
  sj__hkdf_extract(salt, input_key, prk);
  set_key(&hmac, sj__slice(prk, sizeof prk));
  sj__hkdf_expand(&hmac, &info, 1, out, out_size);
  sj__wipe(prk, sizeof prk);
  sj__wipe(&hmac, sizeof hmac);
}

bool sj__equal_secret(const void *a, const void *b, size_t size) {
  return CRYPTO_memcmp(a, b, size) == 0;
}
