/* Where logs go: standard error, one write(2) a line, JSON or text. */
#ifndef SJ_DAEMON_LOG_SINK_H
#define SJ_DAEMON_LOG_SINK_H

#include "base/log.h"
#include "daemon/config.h"

/*
 * Before threads start. No caller ever waits for standard error: what it does not take at once is
 * queued (1 MiB), and what the queue does not take is lost and counted in a line of its own.
 */
void sj__log_to_stderr(sj__log_format format, sj__log_level minimum);
/* Before the process ends: gives a reader that is late a second for what is queued. */
void sj__log_finish(void);

#endif
