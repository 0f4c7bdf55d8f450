/* SHA-256 (FIPS 180-4), HMAC-SHA-256 (RFC 2104), HKDF-SHA-256 (RFC 5869), over OpenSSL. */
#ifndef SJ_CRYPTO_DIGEST_H
#define SJ_CRYPTO_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "sojourn/status.h"

#define SJ__DIGEST_SIZE 32

/* Fetches the algorithms once. Before threads start; SJ_UNSUPPORTED when the library lacks one. */
SJ_MUST_USE sj_status sj__crypto_init(void);

/* Any thread. SJ_NO_MEMORY. */
SJ_MUST_USE sj_status sj__sha256(const sj_slice *parts, size_t count, uint8_t out[SJ__DIGEST_SIZE]);

/* A key, ready to MAC: kept contexts, no set-up per call. One thread at a time. */
typedef struct sj__hmac sj__hmac;
sj__hmac *sj__hmac_new(const void *key, size_t size); /* NULL: no memory */
void sj__hmac_free(sj__hmac *hmac);                    /* wipes; NULL allowed */
SJ_MUST_USE sj_status sj__hmac_compute(sj__hmac *hmac, const sj_slice *parts, size_t count,
                                       uint8_t out[SJ__DIGEST_SIZE]);

/* RFC 5869 2.2: salt may be empty. */
SJ_MUST_USE sj_status sj__hkdf_extract(sj_slice salt, sj_slice input_key,
                                       uint8_t prk[SJ__DIGEST_SIZE]);
/* RFC 5869 2.3 with the PRK in a kept context; out_size <= 32, one block. */
SJ_MUST_USE sj_status sj__hkdf_expand(sj__hmac *prk, const sj_slice *info, size_t count,
                                      uint8_t *out, size_t out_size);

/* Constant in time for equal sizes. */
bool sj__equal_secret(const void *a, const void *b, size_t size);

#endif
