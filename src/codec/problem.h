/* Problem documents (RFC 9457) and the HTTP face of every status. */
#ifndef SJ_CODEC_PROBLEM_H
#define SJ_CODEC_PROBLEM_H

#include "base/buffer.h"
#include "sojourn/status.h"

typedef struct sj__problem {
  sj_status status;
  sj_slice detail;     /* absent: sj_status_text */
  const char *applied; /* "no" or "unknown" with 503; NULL otherwise */
  int http; /* the HTTP status where a protocol asks for its own (408, 431); 0: the status's */
} sj__problem;

/*
 * The HTTP face of a status: 401 for SJ_EXPIRED and so on. What concerns only
 * ourselves is told as what it means to a client: a retired key as
 * bad_credential, an unknown one and a failing system as 503 unavailable, and
 * what must never get this far as 500 internal.
 */
int sj__status_http(sj_status status);

/* The `code` member for a status ("expired", "internal"). Static. */
const char *sj__problem_code(sj_status status);

/* "Not Found": the phrase of RFC 9110 15 for the statuses above and those of fronts. Static. */
const char *sj__http_phrase(int http);

/*
 * Appends {"type":"about:blank","title":…,"status":…,"code":…,"detail":…,"applied":…}.
 * The title is the phrase, as RFC 9457 4.2.1 wants it of about:blank.
 */
void sj__problem_write(const sj__problem *problem, sj__buffer *out);

#endif
