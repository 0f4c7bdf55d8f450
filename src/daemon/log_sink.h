/* Where logs go: standard error, one write(2) a line, JSON or text. */
#ifndef SJ_DAEMON_LOG_SINK_H
#define SJ_DAEMON_LOG_SINK_H

#include "base/log.h"
#include "daemon/config.h"

/*
 * Before threads start. A line that standard error does not take is lost, never waited for twice.
 */
void sj__log_to_stderr(sj__log_format format, sj__log_level minimum);

#endif
