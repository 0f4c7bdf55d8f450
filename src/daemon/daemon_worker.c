#include "daemon/daemon_worker.h"

#include <string.h>

#include "base/alloc.h"
#include "base/errors.h"
#include "base/log.h"
#include "daemon/log_sink.h"

typedef struct worker_listener {
  sj__daemon_worker *worker;
  size_t index;           /* of the configured listener */
  sj__listener *listener; /* NULL: closed, or another worker's */
} worker_listener;

struct sj__daemon_worker {
  sj__service *service;
  size_t index;
  sj__loop *loop;
  sj_worker *engine;
  sj__front *front;
  sj__http_server *http;
  worker_listener listeners[SJ__LISTENERS_MAX];
  size_t listening;
  size_t next; /* of the workers, for whom the next Unix connection is */

  sj__task drain;
  uint32_t grace_ms;
  void (*on_deaf)(void *argument);
  void *argument;
};

static bool is_unix(const sj__config_listener *config) {
  return strncmp(config->address, "unix:", sizeof "unix:" - 1) == 0;
}

static bool is_first(const sj__daemon_worker *worker) {
  return worker->index == 0;
}

sj__loop *sj__worker_loop(sj__daemon_worker *worker) {
  return worker->loop;
}

/* --- Requests ------------------------------------------------------------------- */

static void on_scrape(void *context) {
  sj__process_metrics_update(context);
}

/* --- Connections --------------------------------------------------------------- */

static bool is_allowed(const sj__config_listener *config, const sj__stream *stream) {
  sj__peer peer;
  if (config->uids.count == 0) return true;
  if (sj__stream_peer(stream, &peer) != SJ_OK || !peer.is_unix) return false;
  for (size_t i = 0; i < config->uids.count; i++) {
    if (config->uids.items[i] == peer.uid) return true;
  }
  SJ__LOG(SJ__LOG_WARNING, "refused a connection by its user id",
          SJ__FIELD_CSTR("address", config->address), SJ__FIELD_INT("uid", peer.uid));
  return false;
}

static void serve(worker_listener *self, sj__stream *stream) {
  sj__http_server_accept(self->worker->http, stream, &self->worker->service->fronts[self->index]);
}

static void on_arrived(void *argument, sj__stream *stream) {
  if (stream != NULL) serve(argument, stream);
}

/* Each worker in turn, itself included. */
static void share_out(worker_listener *self, sj__stream *stream) {
  sj__service *service = self->worker->service;
  sj__daemon_worker *target = service->workers[self->worker->next++ % service->worker_count];
  if (target != self->worker && sj__stream_hand_over(stream, target->loop, on_arrived,
                                                     &target->listeners[self->index]) == SJ_OK) {
    return;
  }
  serve(self, stream);
}

static void on_accept(sj__listener *listener, sj__stream *stream) {
  worker_listener *self = sj__listener_data(listener);
  const sj__config_listener *config = &self->worker->service->config->listeners.items[self->index];
  if (!is_allowed(config, stream)) {
    sj__stream_close(stream);
  } else if (is_unix(config)) {
    share_out(self, stream);
  } else {
    serve(self, stream);
  }
}

/* --- Start ------------------------------------------------------------------------ */

sj_status sj__worker_new(sj__service *service, size_t index, sj__daemon_worker **out) {
  sj__daemon_worker *worker = sj__calloc(1, sizeof *worker);
  if (worker == NULL) return SJ_NO_MEMORY;
  worker->service = service;
  worker->index = index;
  for (size_t i = 0; i < SJ__LISTENERS_MAX; i++) {
    worker->listeners[i] = (worker_listener){.worker = worker, .index = i};
  }
  sj_status status = sj__loop_new(&worker->loop);
  if (status != SJ_OK) {
    sj__free(worker);
    return status;
  }
  *out = worker;
  return SJ_OK;
}

static sj_status start_front(sj__daemon_worker *worker) {
  sj__service *service = worker->service;
  const sj__front_options options = {
      .worker = worker->engine,
      .api_keys = service->api_keys->items,
      .api_key_count = service->api_keys->count,
      .check_attributes = service->config->check_attributes.items,
      .check_attribute_count = service->config->check_attributes.count,
      .registry = service->metrics,
      .metrics = service->front_metrics,
      .on_scrape = on_scrape,
      .scrape_context = &service->process,
  };
  return sj__front_new(&options, &worker->front);
}

static sj_status start_http(sj__daemon_worker *worker) {
  const sj__config *config = worker->service->config;
  sj__http_server_options options = {.handler = sj__front_handle,
                                     .context = worker->front,
                                     .metrics = &worker->service->http_metrics};
  sj__http_limits_init(&options.limits);
  options.limits.head_max = (size_t)config->http_head_max;
  options.limits.body_max = (size_t)config->http_body_max;
  options.limits.head_timeout_ms = (uint32_t)config->http_head_timeout_ms;
  options.limits.body_timeout_ms = (uint32_t)config->http_body_timeout_ms;
  options.limits.idle_timeout_ms = (uint32_t)config->http_keep_alive_ms;
  options.limits.write_timeout_ms = (uint32_t)config->http_write_timeout_ms;
  options.limits.pipeline_max = (uint32_t)config->http_pipeline_max;
  options.limits.connections_max = (uint32_t)config->http_connections_max;
  return sj__http_server_new(worker->loop, &options, &worker->http);
}

/* The commonest failure of a start says what to do about it. */
static sj_status explain_listening(const sj__config_listener *config, sj_status status,
                                   const sj_error *why, sj_error *error) {
  const char *advice = status != SJ_BUSY ? ""
                       : is_unix(config)
                           ? "; end what listens there (or remove a file that is in the way), or "
                             "set listeners to another address"
                           : "; end what listens there, or set listeners to another address";
  return sj__fail(error, status, "%s%s", why->message, advice);
}

static sj_status listen_on(sj__daemon_worker *worker, size_t index, sj_error *error) {
  sj__service *service = worker->service;
  const sj__config_listener *config = &service->config->listeners.items[index];
  worker_listener *self = &worker->listeners[index];
  if (is_unix(config) && !is_first(worker)) return SJ_OK;
  const sj__listen_options options = {
      .address = is_first(worker) ? config->address : service->addresses[index],
      .reuse_port = true,
      .first = is_first(worker),
      .unix_mode = (int)config->mode,
  };
  sj_error why;
  sj_status status =
      sj__listener_open(worker->loop, &options, on_accept, self, &self->listener, &why);
  if (status != SJ_OK) return explain_listening(config, status, &why, error);
  worker->listening++;
  if (is_first(worker)) sj__listener_address(self->listener, service->addresses[index]);
  return SJ_OK;
}

sj_status sj__worker_start(sj__daemon_worker *worker, sj_error *error) {
  sj_status status = sj__engine_attach(worker->service->sessions, worker->loop, &worker->engine);
  if (status == SJ_OK) status = start_front(worker);
  if (status == SJ_OK) status = start_http(worker);
  if (status != SJ_OK) {
    return sj__fail(error, status, "a worker could not start: %s", sj_status_text(status));
  }
  for (size_t i = 0; i < worker->service->config->listeners.count && status == SJ_OK; i++) {
    status = listen_on(worker, i, error);
  }
  return status;
}

void sj__worker_run(sj__daemon_worker *worker) {
  sj__log_gather(worker->loop);
  sj__loop_run(worker->loop);
  sj__log_gather_end();
}

/* --- End: listeners, then connections, then the engine's calls, then the loop ------- */

static void on_detached(void *argument) {
  sj__daemon_worker *worker = argument;
  sj__loop_stop(worker->loop);
}

static void detach(sj__daemon_worker *worker) {
  sj__front_free(worker->front);
  worker->front = NULL;
  if (worker->engine == NULL) {
    sj__loop_stop(worker->loop);
    return;
  }
  sj_worker *engine = worker->engine;
  worker->engine = NULL;
  sj_detach(engine, on_detached, worker);
}

static void on_http_drained(void *argument) {
  sj__daemon_worker *worker = argument;
  worker->http = NULL;
  detach(worker);
}

static void drain_http(sj__daemon_worker *worker) {
  if (worker->on_deaf != NULL) worker->on_deaf(worker->argument);
  if (worker->http == NULL) {
    detach(worker);
  } else {
    sj__http_server_drain(worker->http, worker->grace_ms, on_http_drained, worker);
  }
}

static void on_listener_closed(void *argument) {
  sj__daemon_worker *worker = argument;
  if (--worker->listening == 0) drain_http(worker);
}

static void drain(sj__task *task) {
  sj__daemon_worker *worker = SJ__CONTAINER_OF(task, sj__daemon_worker, drain);
  if (worker->listening == 0) drain_http(worker);
  for (size_t i = 0; i < SJ__LISTENERS_MAX; i++) {
    sj__listener *listener = worker->listeners[i].listener;
    worker->listeners[i].listener = NULL;
    if (listener != NULL) sj__listener_close(listener, on_listener_closed, worker);
  }
}

void sj__worker_drain(sj__daemon_worker *worker, uint32_t grace_ms, void (*on_deaf)(void *argument),
                      void *argument) {
  worker->grace_ms = grace_ms;
  worker->on_deaf = on_deaf;
  worker->argument = argument;
  worker->drain.fn = drain;
  sj__loop_post(worker->loop, &worker->drain);
}

void sj__worker_free(sj__daemon_worker *worker) {
  if (worker == NULL) return;
  sj__loop_free(worker->loop, NULL, NULL);
  sj__free(worker);
}
