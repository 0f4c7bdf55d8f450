/* AES-256-GCM (NIST SP 800-38D) in a kept context: 96-bit nonces, 128-bit tags, nothing else. */
#ifndef SJ_CRYPTO_GCM_H
#define SJ_CRYPTO_GCM_H

#include <stdint.h>

#include "base/slice.h"
#include "sojourn/status.h"

#define SJ__GCM_KEY_SIZE   32
#define SJ__GCM_NONCE_SIZE 12
#define SJ__GCM_TAG_SIZE   16
#define SJ__GCM_MAX        ((size_t)1 << 30) /* bytes of one text, or of one associated part */

/* One thread at a time. Keeps the last key's schedule until it is freed. */
typedef struct sj__gcm sj__gcm;

/* SJ_NO_MEMORY, SJ_UNSUPPORTED (as sj__crypto_init). */
SJ_MUST_USE sj_status sj__gcm_new(sj__gcm **out);
void sj__gcm_free(sj__gcm *gcm); /* wipes; NULL allowed */

/*
 * Writes plain.size bytes of cipher text and the tag. Never twice with one key
 * and nonce. SJ_TOO_LARGE; SJ_NO_MEMORY when OpenSSL fails.
 */
SJ_MUST_USE sj_status sj__gcm_seal(sj__gcm *gcm, const uint8_t key[SJ__GCM_KEY_SIZE],
                                   const uint8_t nonce[SJ__GCM_NONCE_SIZE],
                                   const sj_slice *associated, size_t count, sj_slice plain,
                                   uint8_t *out, uint8_t tag[SJ__GCM_TAG_SIZE]);
/*
 * Writes cipher.size bytes of plain text, wiped on failure. SJ_CORRUPT: the tag
 * is another's; SJ_TOO_LARGE; SJ_NO_MEMORY when OpenSSL fails. Leaves nothing
 * in the thread's OpenSSL error queue.
 */
SJ_MUST_USE sj_status sj__gcm_open(sj__gcm *gcm, const uint8_t key[SJ__GCM_KEY_SIZE],
                                   const uint8_t nonce[SJ__GCM_NONCE_SIZE],
                                   const sj_slice *associated, size_t count, sj_slice cipher,
                                   const uint8_t tag[SJ__GCM_TAG_SIZE], uint8_t *out);

#endif
