/* Filling sj_error (sojourn/status.h). */
#ifndef SJ_BASE_ERRORS_H
#define SJ_BASE_ERRORS_H

#include "sojourn/status.h"

/*
 *   sj_status sj__fail(sj_error *error, sj_status status, const char *format, ...);
 *
 * Writes status and message and is the status, so that a failing path reads
 * `return sj__fail(error, SJ_INVALID, "…: %s", why);`. `error` may be NULL.
 * Over-long messages are cut at a UTF-8 boundary. A macro, so that compiler and
 * analyzer see which status is returned; it evaluates `status` twice. Where the
 * status is not wanted, sj__error_set alone.
 */
#define sj__fail(error, status, ...) (sj__error_set((error), (status), __VA_ARGS__), (status))

void sj__error_set(sj_error *error, sj_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts `prefix: ` before a message that is already there. */
void sj__error_prefix(sj_error *error, const char *prefix);

#endif
