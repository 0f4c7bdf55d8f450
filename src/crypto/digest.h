/* SHA-256 (FIPS 180-4), HMAC-SHA-256 (RFC 2104), HKDF-SHA-256 (RFC 5869), over OpenSSL. */
#ifndef SJ_CRYPTO_DIGEST_H
#define SJ_CRYPTO_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "sojourn/status.h"

#define SJ__DIGEST_SIZE 32

/*
 * Fetches what OpenSSL is to do once. Idempotent, any thread; programs call it
 * at start so as to fail early, vaults call it themselves. SJ_UNSUPPORTED when
 * the library lacks an algorithm.
 */
SJ_MUST_USE sj_status sj__crypto_init(void);

/* Nothing below can fail or allocate, but sj__hmac_new (docs/decisions/hmac-contexts.md). */

/* Any thread. */
void sj__sha256(const sj_slice *parts, size_t count, uint8_t out[SJ__DIGEST_SIZE]);

/* A key, ready to MAC: the states after the key's blocks are kept. Read only: any thread. */
typedef struct sj__hmac sj__hmac;
sj__hmac *sj__hmac_new(const void *key, size_t size); /* NULL: no memory */
void sj__hmac_free(sj__hmac *hmac);                   /* wipes; NULL allowed */
void sj__hmac_compute(const sj__hmac *hmac, const sj_slice *parts, size_t count,
                      uint8_t out[SJ__DIGEST_SIZE]);

/* RFC 5869 2.2: salt may be empty. */
void sj__hkdf_extract(sj_slice salt, sj_slice input_key, uint8_t prk[SJ__DIGEST_SIZE]);
/* RFC 5869 2.3 with the PRK in a kept state; count <= 7, out_size <= 32: one block (aborts). */
void sj__hkdf_expand(const sj__hmac *prk, const sj_slice *info, size_t count, uint8_t *out,
                     size_t out_size);

/* Both steps at once, for what is seldom: out_size <= 32 (aborts). */
void sj__hkdf(sj_slice salt, sj_slice input_key, sj_slice info, uint8_t *out, size_t out_size);

/* Constant in time for equal sizes. */
bool sj__equal_secret(const void *a, const void *b, size_t size);

#endif
