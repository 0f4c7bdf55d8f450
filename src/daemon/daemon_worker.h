/*
 * A worker: a thread with a loop of its own, and on it listeners, the HTTP
 * server, the front and the engine's worker. Workers share what sj__service
 * holds, which does not change while they run.
 *
 * Life: stopped -> started -> (sj__worker_drain) draining -> ended. A worker
 * may be drained from any thread; all else is on its own thread.
 */
#ifndef SJ_DAEMON_DAEMON_WORKER_H
#define SJ_DAEMON_DAEMON_WORKER_H

#include "base/thread.h"
#include "daemon/api_key_file.h"
#include "daemon/config.h"
#include "daemon/process.h"
#include "front/front.h"
#include "session/engine.h"

#define SJ__LISTENERS_MAX 16u

typedef struct sj__daemon_worker sj__daemon_worker;

typedef struct sj__service {
  const sj__config *config;
  const sj__api_key_list *api_keys;
  sj_sessions *sessions;
  sj__metrics *metrics;
  sj__front_metrics *front_metrics;
  sj__http_metrics http_metrics;
  sj__process_metrics process;
  sj__front_listener fronts[SJ__LISTENERS_MAX];       /* by configured listener */
  char addresses[SJ__LISTENERS_MAX][SJ__ADDRESS_MAX]; /* with the ports that were chosen */
  sj__daemon_worker **workers;                        /* the first one accepts for Unix sockets */
  size_t worker_count;                                /* of those that have started */
} sj__service;

/* SJ_NO_MEMORY. Free with sj__worker_free. */
SJ_MUST_USE sj_status sj__worker_new(sj__service *service, size_t index, sj__daemon_worker **out);

/*
 * Makes everything and listens. The first worker (index 0) chooses ports and
 * writes them into service->addresses; the others, which start later, take
 * them from there and leave Unix sockets to the first. On failure (as
 * sj__listener_open, and SJ_NO_MEMORY) what was made still has to be drained
 * by sj__worker_run.
 */
SJ_MUST_USE sj_status sj__worker_start(sj__daemon_worker *worker, sj_error *error);

/* Serves until it has been drained. */
void sj__worker_run(sj__daemon_worker *worker);

sj__loop *sj__worker_loop(sj__daemon_worker *worker);

/*
 * Stops listening (who waits in the backlog is still let in), answers what is
 * under way, and ends after `grace_ms` at the latest. `on_deaf` (may be NULL)
 * is called on the worker's thread once it listens no more. Once only; any
 * thread, while the worker runs or has yet to.
 */
void sj__worker_drain(sj__daemon_worker *worker, uint32_t grace_ms, void (*on_deaf)(void *argument),
                      void *argument);

/* After sj__worker_run has returned. NULL allowed. */
void sj__worker_free(sj__daemon_worker *worker);

#endif
