/*
 * The daemon from start to end: secrets, store, engine, workers, signals.
 *
 * SIGTERM or SIGINT: drains (new connections are let in until the backlog is
 * empty, requests under way are answered, drain.grace bounds it), flushes the
 * store and returns. A second one: exits at once, with status 1. SIGHUP:
 * nothing is reloaded; it is logged. SIGPIPE is ignored.
 */
#ifndef SJ_DAEMON_DAEMON_H
#define SJ_DAEMON_DAEMON_H

#include "daemon/config.h"

/*
 * Serves until it is told to end. Once a process, on its main thread, logs
 * installed. Not SJ_OK: it did not start, and `error` says why in one sentence;
 * what it had made is closed, and what it leaves on disk is whole.
 */
SJ_MUST_USE sj_status sj__daemon_run(const sj__config *config, sj_error *error);

#endif
