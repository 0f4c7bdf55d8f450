#include "daemon/daemon.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/errors.h"
#include "daemon/audit.h"
#include "daemon/daemon_worker.h"
#include "daemon/first_start.h"
#include "store/compose/trace_store.h"

#define READY_POLL_MS 5
#define READY_LATE_MS 5000

typedef struct thread_slot {
  struct running_daemon *daemon;
  size_t index;
  sj__thread thread;
} thread_slot;

typedef struct running_daemon {
  const sj__config *config;
  sj__secrets secrets;
  sj__service service;
  thread_slot *threads; /* of the workers but the first, which is the main thread's */
  size_t worker_count;  /* that are wanted */

  sj__mutex lock; /* over the next four */
  sj__cond changed;
  size_t reported;
  sj_status start_status; /* the first failure */
  sj_error start_error;

  sj__timer ready_timer;
  uint64_t started_ms;
  bool late_said;
  bool ending;
} running_daemon;

/* --- Store and engine ------------------------------------------------------------ */

static sj_status open_store(running_daemon *self, const sj_options *options, sj__store **out,
                            sj_error *error) {
  const sj__store_options store_options = {
      .realm = sj__slice_text(options->realm),
      .keyring = self->secrets.keyring,
      .touch_every_ms = options->touch_every_ms,
      .metrics = self->service.metrics,
  };
  sj__store *inner = NULL;
  sj_status status = sj__store_open(options->store, &store_options, &inner, error);
  if (status == SJ_MISMATCH || status == SJ_BUSY || status == SJ_INVALID) {
    sj__secrets_discard_keyring(self->config, &self->secrets);
  }
  if (status != SJ_OK) return status;
  status = sj__trace_new(inner, self->service.metrics, out);
  if (status == SJ_OK) return SJ_OK;
  sj__store_close(inner);
  return sj__fail(error, status, "%s", sj_status_text(status));
}

static sj_status open_sessions(running_daemon *self, sj_error *error) {
  sj_options options;
  sj__store *store = NULL;
  sj__config_session_options(self->config, &options);
  sj_status status = open_store(self, &options, &store, error);
  if (status != SJ_OK) return status;
  status = sj__engine_open(&options, store, self->secrets.keyring, self->service.metrics,
                           &self->service.sessions, error);
  if (status != SJ_OK) {
    sj__store_close(store);
    return status;
  }
  sj__audit_to_log(self->service.sessions);
  return SJ_OK;
}

/* As Prometheus' own programs tell theirs: a gauge that is 1, the version as its label. */
static sj_status add_build_info(sj__metrics *metrics) {
  char labels[64];
  snprintf(labels, sizeof labels, "version=\"%s\"", sj_version());
  sj__metric *info = sj__metrics_add(metrics, SJ__GAUGE, "sojourn_build_info",
                                     "The program that runs here; always 1.", labels);
  sj__metric_set(info, 1);
  return info != NULL ? SJ_OK : SJ_NO_MEMORY;
}

static sj_status add_metrics(running_daemon *self) {
  sj__service *service = &self->service;
  service->metrics = sj__metrics_new();
  if (service->metrics == NULL || add_build_info(service->metrics) != SJ_OK) return SJ_NO_MEMORY;
  sj_status status = sj__process_metrics_init(&service->process, service->metrics);
  if (status != SJ_OK) return status;
  status = sj__http_metrics_init(&service->http_metrics, service->metrics);
  if (status != SJ_OK) return status;
  service->front_metrics = sj__front_metrics_new(service->metrics);
  return service->front_metrics != NULL ? SJ_OK : SJ_NO_MEMORY;
}

/* --- Workers ------------------------------------------------------------------------ */

static void report(running_daemon *self, sj_status status, const sj_error *error) {
  sj__mutex_lock(&self->lock);
  if (status != SJ_OK && self->start_status == SJ_OK) {
    self->start_status = status;
    self->start_error = *error;
  }
  self->reported++;
  sj__cond_signal(&self->changed);
  sj__mutex_unlock(&self->lock);
}

static void worker_thread(void *argument) {
  thread_slot *slot = argument;
  sj__daemon_worker *worker = slot->daemon->service.workers[slot->index];
  sj_error error;
  sj_status status = sj__worker_start(worker, &error);
  report(slot->daemon, status, &error);
  sj__worker_run(worker);
}

static sj_status start_thread(running_daemon *self, size_t index) {
  sj__service *service = &self->service;
  thread_slot *slot = &self->threads[index];
  sj_status status = sj__worker_new(service, index, &service->workers[index]);
  if (status != SJ_OK) return status;
  *slot = (thread_slot){.daemon = self, .index = index};
  status = sj__thread_start(&slot->thread, "worker", worker_thread, slot);
  if (status == SJ_OK) {
    service->worker_count++;
  } else {
    sj__worker_free(service->workers[index]);
  }
  return status;
}

static sj_status catch_signals(running_daemon *self);

/*
 * The first worker chooses the ports, on this thread; then the others start
 * together. Whoever is served may send a signal: they are caught before that,
 * and answered once the first worker's loop runs.
 */
static sj_status start_workers(running_daemon *self, sj_error *error) {
  sj__service *service = &self->service;
  sj_status status = sj__worker_new(service, 0, &service->workers[0]);
  if (status != SJ_OK) return sj__fail(error, status, "%s", sj_status_text(status));
  service->worker_count = 1;
  status = catch_signals(self);
  if (status != SJ_OK) return sj__fail(error, status, "cannot watch for signals");
  status = sj__worker_start(service->workers[0], error);
  if (status != SJ_OK) return status;
  for (size_t i = 1; i < self->worker_count && status == SJ_OK; i++) {
    status = start_thread(self, i);
    if (status != SJ_OK)
      sj__error_set(error, status, "cannot start worker %zu: %s", i, sj_status_text(status));
  }
  sj__mutex_lock(&self->lock);
  while (self->reported < service->worker_count - 1) sj__cond_wait(&self->changed, &self->lock);
  if (status == SJ_OK && self->start_status != SJ_OK) {
    status = self->start_status;
    if (error != NULL) *error = self->start_error;
  }
  sj__mutex_unlock(&self->lock);
  return status;
}

/* --- End -------------------------------------------------------------------------------- */

/*
 * The first worker listens no more, and all it had to hand on it has posted:
 * now the others, which get those connections before this.
 */
static void drain_others(void *argument) {
  running_daemon *self = argument;
  for (size_t i = 1; i < self->service.worker_count; i++) {
    sj__worker_drain(self->service.workers[i], (uint32_t)self->config->drain_grace_ms, NULL, NULL);
  }
}

static void begin_to_end(running_daemon *self) {
  self->ending = true;
  sj__timer_stop(sj__worker_loop(self->service.workers[0]), &self->ready_timer);
  sj__worker_drain(self->service.workers[0], (uint32_t)self->config->drain_grace_ms, drain_others,
                   self);
}

static const char *signal_name(int signum) {
  return signum == SIGINT ? "SIGINT" : "SIGTERM";
}

static void on_end_signal(void *argument, int signum) {
  running_daemon *self = argument;
  if (self->ending) {
    SJ__LOG(SJ__LOG_WARNING, "ending at once", SJ__FIELD_CSTR("signal", signal_name(signum)));
    _exit(1);
  }
  SJ__LOG(SJ__LOG_INFO, "ending: requests under way are finished first",
          SJ__FIELD_CSTR("signal", signal_name(signum)));
  begin_to_end(self);
}

static void on_hang_up(void *argument, int signum) {
  SJ__LOG(SJ__LOG_INFO, "nothing is reloaded; restart to change the configuration",
          SJ__FIELD_CSTR("signal", "SIGHUP"));
}

static sj_status catch_signals(running_daemon *self) {
  sj__loop *loop = sj__worker_loop(self->service.workers[0]);
  sj_status status = sj__loop_on_signal(loop, SIGTERM, on_end_signal, self);
  if (status == SJ_OK) status = sj__loop_on_signal(loop, SIGINT, on_end_signal, self);
  if (status == SJ_OK) status = sj__loop_on_signal(loop, SIGHUP, on_hang_up, self);
  return status;
}

/* --- Ready --------------------------------------------------------------------------------- */

static void log_ready(running_daemon *self) {
  sj__buffer addresses;
  sj__buffer_init(&addresses, 0);
  for (size_t i = 0; i < self->config->listeners.count; i++) {
    if (i > 0) sj__buffer_append_char(&addresses, ' ');
    sj__buffer_append_text(&addresses, self->service.addresses[i]);
  }
  SJ__LOG(SJ__LOG_INFO, "ready", SJ__FIELD("addresses", sj__buffer_slice(&addresses)),
          SJ__FIELD_CSTR("state", self->config->state),
          SJ__FIELD_INT("workers", self->service.worker_count),
          SJ__FIELD_CSTR("version", sj_version()));
  sj__buffer_release(&addresses);
}

static void look_whether_ready(sj__timer *timer) {
  running_daemon *self = SJ__CONTAINER_OF(timer, running_daemon, ready_timer);
  sj__loop *loop = sj__worker_loop(self->service.workers[0]);
  if (sj__engine_ready(self->service.sessions)) {
    log_ready(self);
    return;
  }
  if (!self->late_said && sj__loop_now_ms(loop) - self->started_ms > READY_LATE_MS) {
    SJ__LOG(SJ__LOG_WARNING, "not ready yet: the store has not answered");
    self->late_said = true;
  }
  /* Without memory for the timer the line is not written; /readyz tells the same. */
  if (sj__timer_start(loop, timer, READY_POLL_MS, look_whether_ready) != SJ_OK) return;
}

static sj_status watch_readiness(running_daemon *self) {
  sj__loop *loop = sj__worker_loop(self->service.workers[0]);
  self->started_ms = sj__loop_now_ms(loop);
  return sj__timer_start(loop, &self->ready_timer, READY_POLL_MS, look_whether_ready);
}

/* --- Life ------------------------------------------------------------------------------------ */

static sj_status prepare(running_daemon *self, sj_error *error) {
  sj__service *service = &self->service;
  self->worker_count =
      self->config->workers > 0 ? (size_t)self->config->workers : sj__process_cores();
  service->config = self->config;
  service->api_keys = &self->secrets.api_keys;
  for (size_t i = 0; i < self->config->listeners.count; i++) {
    service->fronts[i].roles = (uint32_t)self->config->listeners.items[i].roles;
  }
  service->workers = sj__calloc(self->worker_count, sizeof(sj__daemon_worker *));
  self->threads = sj__calloc(self->worker_count, sizeof *self->threads);
  if (service->workers == NULL || self->threads == NULL || add_metrics(self) != SJ_OK) {
    return sj__fail(error, SJ_NO_MEMORY, "out of memory");
  }
  sj_status status = sj__crypto_init();
  if (status != SJ_OK) return sj__fail(error, status, "OpenSSL lacks an algorithm");
  status = sj__secrets_open(self->config, &self->secrets, error);
  if (status == SJ_OK) status = open_sessions(self, error);
  return status;
}

/* With a failed start, ends what has started; then either way waits until all has ended. */
static void run_workers(running_daemon *self, sj_status status) {
  sj__service *service = &self->service;
  if (service->worker_count == 0) return;
  if (status != SJ_OK) begin_to_end(self);
  sj__worker_run(service->workers[0]);
  /* The loop that watched for signals has ended, other workers may take a while. */
  sj__process_end_on_signal();
  for (size_t i = 1; i < service->worker_count; i++) sj__thread_join(self->threads[i].thread);
  for (size_t i = 0; i < service->worker_count; i++) sj__worker_free(service->workers[i]);
}

static void release(running_daemon *self) {
  sj_close(self->service.sessions);
  sj__secrets_release(&self->secrets);
  sj__front_metrics_free(self->service.front_metrics);
  sj__metrics_free(self->service.metrics);
  sj__free(self->service.workers);
  sj__free(self->threads);
  sj__cond_release(&self->changed);
  sj__mutex_release(&self->lock);
}

sj_status sj__daemon_run(const sj__config *config, sj_error *error) {
  running_daemon self = {.config = config};
  sj_status status = sj__mutex_init(&self.lock);
  if (status == SJ_OK) status = sj__cond_init(&self.changed);
  if (status != SJ_OK) return sj__fail(error, status, "%s", sj_status_text(status));
  status = prepare(&self, error);
  if (status == SJ_OK) {
    status = start_workers(&self, error);
    if (status == SJ_OK && watch_readiness(&self) != SJ_OK) {
      status = sj__fail(error, SJ_NO_MEMORY, "cannot watch for readiness");
    }
    run_workers(&self, status);
  }
  release(&self);
  if (status == SJ_OK) SJ__LOG(SJ__LOG_INFO, "ended");
  return status;
}
