/* Filling sj_error (sojourn/status.h). */
#ifndef SJ_BASE_ERRORS_H
#define SJ_BASE_ERRORS_H

#include "sojourn/status.h"

/*
 * Writes status and message and returns the status, so that a failing path
 * reads `return sj__fail(error, SJ_INVALID, "…: %s", why);`. `error` may be
 * NULL. Over-long messages are cut at a UTF-8 boundary.
 */
sj_status sj__fail(sj_error *error, sj_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts `prefix: ` before a message that is already there. */
void sj__error_prefix(sj_error *error, const char *prefix);

#endif
