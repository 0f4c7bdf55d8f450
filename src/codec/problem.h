/* Problem documents (RFC 9457) and the HTTP face of every status. */
#ifndef SJ_CODEC_PROBLEM_H
#define SJ_CODEC_PROBLEM_H

#include "base/buffer.h"
#include "sojourn/status.h"

typedef struct sj__problem {
  sj_status status;
  sj_slice detail;      /* absent: sj_status_text */
  const char *applied;  /* "no" or "unknown" with 503; NULL otherwise */
} sj__problem;

/* 401 for SJ_EXPIRED and so on; 500 for what must not reach a client. */
int sj__status_http(sj_status status);

/* {"type":"about:blank","title":…,"status":…,"code":…,"detail":…,"applied":…} */
void sj__problem_write(const sj__problem *problem, sj__buffer *out);

#endif
