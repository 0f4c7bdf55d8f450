/* Durations, sizes and moments as people write them, in configuration and API. */
#ifndef SJ_CODEC_UNITS_H
#define SJ_CODEC_UNITS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "sojourn/status.h"

/*
 * "250ms" "90s" "30m" "12h" "7d": one positive whole number and one unit, or
 * "0". SJ_INVALID otherwise, and beyond 100 years.
 */
SJ_MUST_USE sj_status sj__duration_parse(sj_slice text, int64_t *out_ms);
/* The largest unit that loses nothing: 5400000 -> "90m". */
void sj__duration_append(sj__buffer *out, int64_t ms);

/* "512", "32KiB", "64MiB", "1GiB", "2TiB" (powers of 1024). SJ_INVALID otherwise. */
SJ_MUST_USE sj_status sj__bytes_parse(sj_slice text, uint64_t *out);
void sj__bytes_append(sj__buffer *out, uint64_t bytes);

/* RFC 3339: any offset, any fraction (cut to ms). SJ_INVALID otherwise. */
SJ_MUST_USE sj_status sj__rfc3339_parse(sj_slice text, int64_t *out_ms);
/* Writing is sj__append_rfc3339 (base/text.h). */

/* Percent-encodes all but RFC 3986 2.3's unreserved characters. */
void sj__percent_encode(sj__buffer *out, sj_slice text);
/* SJ_INVALID: a bad escape, or NUL. `plus_is_space` for query strings. */
SJ_MUST_USE sj_status sj__percent_decode(sj__buffer *out, sj_slice text, bool plus_is_space);

/* Valid UTF-8 without control characters (C0, DEL, C1), at most `max` bytes. */
bool sj__text_is_clean(sj_slice text, size_t max);

#endif
