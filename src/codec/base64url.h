/* base64url without padding (RFC 4648 5), canonical only. */
#ifndef SJ_CODEC_BASE64URL_H
#define SJ_CODEC_BASE64URL_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "sojourn/status.h"

#define SJ__BASE64URL_SIZE(bytes) ((4 * (bytes) + 2) / 3)

/* Writes SJ__BASE64URL_SIZE(size) characters, no NUL; returns their number. */
size_t sj__base64url_encode(const void *data, size_t size, char *out);

/*
 * `out` has room for text.size * 3 / 4 bytes; *size is what was written.
 * SJ_INVALID: padding, white space, a foreign character, an impossible length,
 * or trailing bits that are not zero.
 */
SJ_MUST_USE sj_status sj__base64url_decode(sj_slice text, uint8_t *out, size_t *size);

#endif
