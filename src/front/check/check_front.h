/*
 * /check: forward authentication, the hot path. A proxy asks with the client's
 * credential and gets 200 with who it is in Sojourn-* fields, 401, 403 or 503:
 * never anything else, whatever the request, so that no proxy can take an
 * answer for leave (auth_request makes 500 of what it doesn't know).
 *
 * The query comes from the proxy's configuration: optional=1, renew=1, level=N,
 * max_age=S. A parameter that is unknown, repeated or malformed is 403: a
 * misspelt `level` must not open what it was to guard. Sojourn-Consistency is
 * not looked at: many proxies pass a browser's fields on to their check.
 */
#ifndef SJ_FRONT_CHECK_CHECK_FRONT_H
#define SJ_FRONT_CHECK_CHECK_FRONT_H

#include "front/exchange.h"

typedef struct sj__check_query {
  bool optional; /* a bare 200 instead of 401 */
  bool renew;    /* may hand out the newer cookie */
  uint8_t level; /* least authentication level */
  bool has_max_age;
  uint64_t max_age_s; /* since the last change of subject, level or amr */
} sj__check_query;

/* SJ_FORBIDDEN: see above; `error` names the parameter. SJ_NO_MEMORY. */
SJ_MUST_USE sj_status sj__check_query_parse(sj__arena *arena, sj_slice query, sj__check_query *out,
                                            sj_error *error);

/* Whether the session's authentication is high and fresh enough at `now_ms`. */
bool sj__check_is_satisfied(const sj__check_query *query, const sj_session *session,
                            int64_t now_ms);

void sj__check(sj__exchange *exchange);

#endif
