/* The life of sessions, told to the log. */
#ifndef SJ_DAEMON_AUDIT_H
#define SJ_DAEMON_AUDIT_H

#include "session/engine.h"

/*
 * At level info: what happened, the public sid, the subject; never an id or a credential. Refusals
 * are bounded a second; `omitted` counts those between.
 */
void sj__audit_to_log(sj_sessions *sessions);

#endif
