/*
 * A keyring at work for one realm: derived keys and kept contexts, so that the
 * hot path neither fetches algorithms nor allocates. Derivations are in
 * docs/formats.md, "Keys".
 *
 * A vault belongs to one thread. It holds a reference on its keyring.
 */
#ifndef SJ_CRYPTO_VAULT_H
#define SJ_CRYPTO_VAULT_H

#include <stdint.h>

#include "base/slice.h"
#include "crypto/keyring.h"
#include "sojourn/status.h"

#define SJ__ID_SIZE       20
#define SJ__KEY_SIZE      16 /* a session's public key: what stores know */
#define SJ__TAG_SIZE      16 /* a subject tag; a handle's MAC */
#define SJ__SEAL_OVERHEAD 28 /* nonce 12, tag 16 */

typedef struct sj__vault sj__vault;

/*
 * `realm`: 1 to 64 bytes of [A-Za-z0-9._-] (SJ_INVALID otherwise). SJ_NO_MEMORY,
 * SJ_UNSUPPORTED (as sj__crypto_init).
 */
SJ_MUST_USE sj_status sj__vault_new(sj__keyring *keyring, sj_slice realm, sj__vault **out);
void sj__vault_free(sj__vault *vault); /* wipes; NULL allowed */
const sj__keyring *sj__vault_keyring(const sj__vault *vault);
sj_slice sj__vault_realm(const sj__vault *vault);
/* First 8 bytes of SHA-256("sojourn/realm/1" | realm). */
const uint8_t *sj__vault_realm_fingerprint(const sj__vault *vault);

/* The first 16 bytes of SHA-256("sojourn/key/1" | id). */
void sj__session_key(const uint8_t id[SJ__ID_SIZE], uint8_t key[SJ__KEY_SIZE]);

typedef enum sj__purpose {
  SJ__PURPOSE_COOKIE_HANDLE,  /* MAC of a cookie handle */
  SJ__PURPOSE_REFRESH_HANDLE, /* MAC of a refresh handle */
  SJ__PURPOSE_SUBJECT,        /* subject tags */
  SJ__PURPOSE_CLIENT,         /* client tags (marks of scope CLIENT) */
  SJ__PURPOSE_MARK,           /* MAC of a mark */
  SJ__PURPOSE_EVENT,          /* MAC of a change event */
  SJ__PURPOSE_COUNT
} sj__purpose;

/*
 * HMAC-SHA-256, first 16 bytes, under kid's key for `purpose` and this realm.
 * SJ_UNKNOWN_KEY, SJ_RETIRED_KEY (judged at `now_ms`). Neither allocates nor locks.
 */
SJ_MUST_USE sj_status sj__vault_mac(sj__vault *vault, uint8_t kid, int64_t now_ms,
                                    sj__purpose purpose, const sj_slice *parts, size_t count,
                                    uint8_t out[16]);

#define SJ__SEAL_MAX ((size_t)1 << 30) /* bytes of plain text */

typedef enum sj__sealed_part {
  SJ__PART_META, /* key from the keyring and the session key */
  SJ__PART_DATA  /* the same and the id (token sessions: no id) */
} sj__sealed_part;

/*
 * AES-256-GCM under the record's own key: out = nonce(12) | ciphertext | tag(16),
 * plain.size + SJ__SEAL_OVERHEAD bytes, random nonce. `id` is NULL for META and
 * for the data of token sessions. SJ_UNKNOWN_KEY, SJ_RETIRED_KEY, SJ_NO_ENTROPY,
 * SJ_TOO_LARGE (over SJ__SEAL_MAX), SJ_NO_MEMORY; nothing is sealed then.
 */
SJ_MUST_USE sj_status sj__vault_seal(sj__vault *vault, uint8_t kid, int64_t now_ms,
                                     sj__sealed_part part, const uint8_t key[SJ__KEY_SIZE],
                                     const uint8_t *id, const sj_slice *associated, size_t count,
                                     sj_slice plain, uint8_t *out);
/*
 * The reverse; `out` has room for sealed.size - SJ__SEAL_OVERHEAD bytes and is
 * wiped on failure. SJ_CORRUPT: too short, or anything was changed.
 */
SJ_MUST_USE sj_status sj__vault_open(sj__vault *vault, uint8_t kid, int64_t now_ms,
                                     sj__sealed_part part, const uint8_t key[SJ__KEY_SIZE],
                                     const uint8_t *id, const sj_slice *associated, size_t count,
                                     sj_slice sealed, uint8_t *out);

#endif
