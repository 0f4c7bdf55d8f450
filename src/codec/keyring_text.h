/*
 * The keyring's file format (docs/formats.md "Keyring"): one line a key,
 *
 *     sojourn-keyring 1
 *     kid=1 state=published activates=2026-01-02T03:04:05.000Z secret=BASE64URL(32 bytes)
 *
 * Blank lines and lines that start with # are kept out of the result.
 */
#ifndef SJ_CODEC_KEYRING_TEXT_H
#define SJ_CODEC_KEYRING_TEXT_H

#include "base/buffer.h"
#include "crypto/keyring.h"

/* SJ_INVALID with the line and what is allowed there (never the secret); SJ_NO_MEMORY. */
SJ_MUST_USE sj_status sj__keyring_parse(sj_slice text, sj__keyring **out, sj_error *error);
void sj__keyring_write(const sj__keyring *keyring, sj__buffer *out);

#endif
