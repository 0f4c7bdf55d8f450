/* What a request presents: the client's credential and the API key. Pure. */
#ifndef SJ_FRONT_PRESENTED_H
#define SJ_FRONT_PRESENTED_H

#include "front/front.h"

/* Longer is no credential of ours: a sealed cookie and its name fit into 4,096 bytes. */
#define SJ__CREDENTIAL_MAX 4096

/* Whether a text is a credential of ours (engine.h, sj__engine_is_ours). */
typedef bool sj__is_ours(void *context, sj_slice credential);

/*
 * The credential of DESIGN.md 7: the cookie of that name over all Cookie
 * fields, else Authorization: Bearer. {NULL,0}: none. Nothing else is looked
 * at: not the query, not the body.
 * SJ_BAD_CREDENTIAL: cookies of that name with different values; beside the
 * cookie a Bearer of ours that differs (a foreign one is ignored); different
 * Bearers without a cookie; or over SJ__CREDENTIAL_MAX.
 */
SJ_MUST_USE sj_status sj__credential_find(const sj__http_request *request, sj_slice cookie_name,
                                          sj__is_ours *is_ours, void *context, sj_slice *out);

/*
 * SJ_FORBIDDEN unless the request carries, in one Sojourn-Key field (or, if
 * `bearer_allowed` and there is none, in one Authorization: Bearer), a key that
 * has all of `roles`. Every key is compared, in constant time.
 */
SJ_MUST_USE sj_status sj__api_key_check(const sj__http_request *request, const sj__api_key *keys,
                                        size_t count, uint32_t roles, bool bearer_allowed);

#endif
