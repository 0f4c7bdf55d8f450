/* UTF-8 and the text forms that logs and errors need (RFC 3629, RFC 8259, RFC 3339). */
#ifndef SJ_BASE_TEXT_H
#define SJ_BASE_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/slice.h"

/*
 * The length (1 to 4) of the well-formed UTF-8 character at the start of
 * `text`, 0 if there is none: over-long forms, surrogates, values above
 * U+10FFFF, stray or missing continuation bytes (RFC 3629 4).
 */
size_t sj__utf8_size(const char *text, size_t size);

/* The whole run is well-formed UTF-8. */
bool sj__utf8_valid(sj_slice text);

/* The greatest length <= size at which `text` can be cut without splitting a character. */
size_t sj__utf8_floor(const char *text, size_t size);

/* Appends `text` as a JSON string with its quotes; invalid UTF-8 becomes U+FFFD. */
void sj__append_json_string(sj__buffer *out, sj_slice text);

/*
 * RFC 3339 in UTC with milliseconds: 2026-01-02T03:04:05.678Z. Moments outside
 * 0000-03-01 to the end of 9999 become the nearest inside (the format has four digits).
 */
void sj__append_rfc3339(sj__buffer *out, int64_t wall_ms);

#endif
