/*
 * JSON (RFC 8259) on yyjson, made strict: UTF-8 checked, depth bounded, no
 * duplicate members, numbers kept as text, no trailing bytes.
 */
#ifndef SJ_CODEC_JSON_H
#define SJ_CODEC_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "sojourn/status.h"

#define SJ__JSON_DEPTH_MAX 32

/*
 * A value, read through the calls below. A parsed document lives in the arena it was parsed into.
 */
typedef struct yyjson_val sj__json;

/*
 * SJ_INVALID: not JSON, or not ours (`error` says what and at which byte, and
 * names a duplicate member, but never quotes a value); SJ_TOO_LARGE: deeper
 * than SJ__JSON_DEPTH_MAX, the outermost container being depth 1; SJ_NO_MEMORY,
 * SJ_NO_ENTROPY. `error` may be NULL. The text is copied: it may go.
 */
SJ_MUST_USE sj_status sj__json_parse(sj__arena *arena, sj_slice text, sj__json **root,
                                     sj_error *error);

bool sj__json_is_object(const sj__json *value);
bool sj__json_is_array(const sj__json *value);
bool sj__json_is_null(const sj__json *value);
/* False when it is another type. */
bool sj__json_text(const sj__json *value, sj_slice *out);
bool sj__json_u64(const sj__json *value, uint64_t max, uint64_t *out);
bool sj__json_bool(const sj__json *value, bool *out);
bool sj__json_number(const sj__json *value, sj_slice *out);          /* as it was written */
sj__json *sj__json_member(const sj__json *object, const char *name); /* NULL: absent */

/* Walks members (name set) or elements (name {NULL,0}); start from a zeroed cursor. NULL: done. */
typedef struct sj__json_cursor {
  size_t index;
  sj__json *next;
} sj__json_cursor;
sj__json *sj__json_next(const sj__json *container, sj__json_cursor *cursor, sj_slice *name);

/* Writes the value as compact JSON, numbers as they were written, members in their order. */
void sj__json_write(const sj__json *value, sj__buffer *out);

/*
 * Whether two values are the same: numbers by their text (1 is not 1.0), strings
 * by what they say, arrays in order, objects whatever the order of their
 * members. Scratch memory comes from the arena. SJ_NO_MEMORY, SJ_NO_ENTROPY.
 */
SJ_MUST_USE sj_status sj__json_equal(sj__arena *arena, const sj__json *a, const sj__json *b,
                                     bool *equal);

/*
 * JSON Merge Patch (RFC 7396). `target` is an object's text (empty slice: {};
 * SJ_CORRUPT if it isn't one), `patch` must be an object (SJ_INVALID otherwise).
 * Appends the merged object to `out`, compact: the target's members in their
 * order, new ones after them. *changed is false when no member at any level
 * differs (sj__json_equal), and then the target's text is appended as it is.
 * SJ_TOO_LARGE: deeper than SJ__JSON_DEPTH_MAX, or over out->max;
 * SJ_NO_MEMORY, SJ_NO_ENTROPY. On failure `out` is to be thrown away.
 */
SJ_MUST_USE sj_status sj__json_merge_patch(sj__arena *arena, sj_slice target, sj_slice patch,
                                           sj__buffer *out, bool *changed, sj_error *error);

/* Appends a name for an error message: escaped, without quotes, cut at 64 bytes. */
void sj__json_append_name(sj__buffer *out, sj_slice name);

/*
 * The members of an object's text that take the most bytes as compact JSON
 * (name and value), largest first, as "name (1234 bytes), other (99 bytes)": for
 * errors that name the offenders. At most `count` of them, and never more than
 * SJ__JSON_LARGEST_MAX. Names are cut at 64 bytes and escaped. Appends nothing
 * when `object` isn't one.
 */
#define SJ__JSON_LARGEST_MAX 8
void sj__json_describe_largest(sj__arena *arena, sj_slice object, size_t count, sj__buffer *out);

#endif
