/* /v1: sessions for applications, and what administrators do with them. */
#ifndef SJ_FRONT_SESSIONS_SESSIONS_FRONT_H
#define SJ_FRONT_SESSIONS_SESSIONS_FRONT_H

#include "front/exchange.h"

/* By the presented credential. */
void sj__session_create(sj__exchange *exchange);
void sj__session_get(sj__exchange *exchange);
void sj__session_patch(sj__exchange *exchange);
void sj__session_rotate(sj__exchange *exchange);
void sj__session_end(sj__exchange *exchange);

/* By subject. */
void sj__subject_list(sj__exchange *exchange);
void sj__subject_end(sj__exchange *exchange);
void sj__subject_end_one(sj__exchange *exchange);

/* By sid, or all at once. */
void sj__admin_get(sj__exchange *exchange);
void sj__admin_end(sj__exchange *exchange);
void sj__admin_revoke(sj__exchange *exchange);

/* A session as the API shows it. Absent values are left out. */
void sj__session_write(const sj_session *session, sj__buffer *out);

#endif
