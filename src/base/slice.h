/*
 * A borrowed run of bytes. Never owns; lives as long as what it points into.
 * The type itself is public (sojourn/sojourn.h); this adds what we do with it.
 */
#ifndef SJ_BASE_SLICE_H
#define SJ_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "sojourn/slice.h"

#define SJ__SLICE(literal) ((sj_slice){(literal), sizeof(literal) - 1})

static inline sj_slice sj__slice(const void *data, size_t size) {
  return (sj_slice){(const char *)data, size};
}

static inline sj_slice sj__slice_text(const char *text) {
  return text != NULL ? (sj_slice){text, strlen(text)} : (sj_slice){NULL, 0};
}

/* Not constant in time: for secrets use sj__equal_secret (crypto/digest.h). */
static inline bool sj__slice_equal(sj_slice a, sj_slice b) {
  return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* ASCII letters compare without case (RFC 9110 5.1: field names). */
bool sj__slice_equal_nocase(sj_slice a, sj_slice b);

static inline bool sj__slice_starts(sj_slice s, sj_slice prefix) {
  return s.size >= prefix.size &&
         (prefix.size == 0 || memcmp(s.data, prefix.data, prefix.size) == 0);
}

/* Without leading and trailing SP and HTAB. */
sj_slice sj__slice_trim(sj_slice s);

/*
 * Unsigned decimal, digits only, no sign, no leading zero but "0" itself.
 * False, and *out untouched, on anything else and above `max`.
 */
bool sj__slice_to_u64(sj_slice s, uint64_t max, uint64_t *out);

#define SJ__U64_DIGITS 20

/* The same the other way: decimal digits at the end of `space`. */
sj_slice sj__slice_of_u64(uint64_t value, char space[SJ__U64_DIGITS]);

#endif
