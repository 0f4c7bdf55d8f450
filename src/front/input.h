/*
 * Reading what requests say beside their credential: query parameters, bodies,
 * conditions. Every refusal names the offender and what is allowed.
 */
#ifndef SJ_FRONT_INPUT_H
#define SJ_FRONT_INPUT_H

#include "codec/json.h"
#include "wire/http/http_server.h"

/* Decodes %XX (and + in queries) into the arena. SJ_BAD_REQUEST, SJ_NO_MEMORY. */
SJ_MUST_USE sj_status sj__input_decode(sj__arena *arena, sj_slice text, bool plus_is_space,
                                       sj_slice *out);

/*
 * values[i] becomes the decoded value of names[i], {NULL,0} where it is absent.
 * SJ_BAD_REQUEST: a name that isn't there, one given twice, a bad escape: a
 * misspelt parameter must not widen what a call does. access_token is passed
 * over: credentials in URLs are ignored. SJ_NO_MEMORY.
 */
SJ_MUST_USE sj_status sj__query_parse(sj__arena *arena, sj_slice query, const char *const *names,
                                      size_t count, sj_slice *values, sj_error *error);

/*
 * The body as an object; none at all is {}. `type` is the one media type that
 * is taken, with charset=utf-8 at most: SJ_UNSUPPORTED_MEDIA_TYPE. *text (may
 * be NULL) is what was sent, or "{}". SJ_BAD_REQUEST, SJ_NO_MEMORY.
 */
SJ_MUST_USE sj_status sj__body_parse(const sj__http_request *request, const char *type,
                                     sj__json **object, sj_slice *text, sj_error *error);

/*
 * If-Match (RFC 9110 13.1.1): 0 for none and for *, else the version. A tag
 * that no version has, weak ones among them (the comparison is strong), becomes
 * UINT64_MAX, which never matches. SJ_BAD_REQUEST: not one tag.
 */
SJ_MUST_USE sj_status sj__if_match_parse(const sj__http_request *request, uint64_t *version,
                                         sj_error *error);

/* Sojourn-Consistency: SJ_BAD_REQUEST unless it is absent or "strong". */
SJ_MUST_USE sj_status sj__consistency_parse(const sj__http_request *request, bool *strong,
                                            sj_error *error);

/* --- Members of bodies ------------------------------------------------------- */

typedef enum sj__member_type {
  SJ__MEMBER_TEXT,     /* sj_slice */
  SJ__MEMBER_OBJECT,   /* sj_slice: compact JSON */
  SJ__MEMBER_TEXTS,    /* sj_slice: compact JSON, an array of strings */
  SJ__MEMBER_LEVEL,    /* int: 0 to 255 */
  SJ__MEMBER_DURATION, /* int64_t, ms, > 0 */
  SJ__MEMBER_MOMENT    /* int64_t, ms */
} sj__member_type;

typedef struct sj__member {
  const char *name;
  sj__member_type type;
  size_t offset; /* of the value in the structure that is filled */
} sj__member;

/*
 * Fills `out` with the members that are there; the others keep their values.
 * Texts point into the document, JSON texts into the arena. SJ_BAD_REQUEST: an
 * unknown member or a wrong type; SJ_NO_MEMORY.
 */
SJ_MUST_USE sj_status sj__members_read(sj__arena *arena, const sj__json *object,
                                       const sj__member *members, size_t count, void *out,
                                       sj_error *error);

#endif
