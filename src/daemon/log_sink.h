/* Where logs go: standard error, JSON or text, whole lines in one write(2) of at most PIPE_BUF. */
#ifndef SJ_DAEMON_LOG_SINK_H
#define SJ_DAEMON_LOG_SINK_H

#include "base/log.h"
#include "daemon/config.h"
#include "loop/loop.h"

/*
 * Before threads start. No caller ever waits for standard error: what it does not take at once is
 * queued (1 MiB), and what the queue does not take is lost and counted in a line of its own.
 */
void sj__log_to_stderr(sj__log_format format, sj__log_level minimum);
/* Before the process ends: gives a reader that is late a second for what is queued. */
void sj__log_finish(void);

/*
 * Between these two, around the run of this thread's loop, what the thread logs
 * below SJ__LOG_WARNING leaves at the end of the loop's turn, ahead of all that
 * waits for that end: a crash takes no line of what somebody was told.
 */
void sj__log_gather(sj__loop *loop);
void sj__log_gather_end(void);

#endif
