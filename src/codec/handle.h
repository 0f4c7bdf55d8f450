/*
 * The handle: the MACed reference that a client holds (DESIGN.md 3,
 * docs/formats.md "Handle"). Canonical encoding only: one handle, one text.
 */
#ifndef SJ_CODEC_HANDLE_H
#define SJ_CODEC_HANDLE_H

#include "base/slice.h"
#include "crypto/vault.h"

#define SJ__HANDLE_FORMAT 1
/* format 1, kid 1, region 1, kind 1, id 20, counter 1-10, fork 4, mac 16 */
#define SJ__HANDLE_BYTES_MAX 54
#define SJ__HANDLE_BYTES_MIN 45
#define SJ__HANDLE_TEXT_MAX  72

typedef enum sj__handle_kind { SJ__HANDLE_COOKIE = 1, SJ__HANDLE_REFRESH = 2 } sj__handle_kind;

typedef struct sj__handle {
  uint8_t kid;
  uint8_t region;
  sj__handle_kind kind;
  uint8_t id[SJ__ID_SIZE]; /* secret */
  uint64_t counter;
  uint8_t fork[4];
} sj__handle;

/* Writes at most SJ__HANDLE_TEXT_MAX characters, no NUL; returns SJ_OK and *size. */
SJ_MUST_USE sj_status sj__handle_encode(sj__vault *vault, int64_t now_ms, const sj__handle *handle,
                                        char *out, size_t *size);

/*
 * Parses and verifies. SJ_BAD_CREDENTIAL: malformed, not canonical, unknown
 * format or kind, or a wrong MAC (all alike to a caller outside);
 * SJ_UNKNOWN_KEY, SJ_RETIRED_KEY: the kid, before any MAC is computed. On
 * failure *out is zeroed.
 */
SJ_MUST_USE sj_status sj__handle_decode(sj__vault *vault, int64_t now_ms, sj_slice text,
                                        sj__handle *out);

#endif
