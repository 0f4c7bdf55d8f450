#include "store/compose/trace_store.h"

#include <stdatomic.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/errors.h"
#include "base/log.h"
#include "codec/base64url.h"
#include "store/compose/wrapper_port.h"
#include "store/registry.h"

/* Every status that a store may answer is below this one (sojourn/status.h). */
#define OUTCOMES (SJ_MISUSE + 1)

typedef struct trace_store {
  sj__store base;
  sj__store *inner;
  sj__metric *calls[SJ__OP_COUNT][OUTCOMES];
  sj__metric *seconds[SJ__OP_COUNT];
  atomic_bool silent; /* the latest call was not answered */
} trace_store;

typedef struct trace_frame {
  sj__store_frame base;
  struct trace_port *port;
  struct trace_frame *next_free;
  uint64_t started_ns;
} trace_frame;

typedef struct trace_port {
  sj__wrapper_port base;
  trace_store *store;
  trace_frame *unused;
} trace_port;

/* --- Calls --------------------------------------------------------------------- */

/* The session a call is about, or NULL. */
static const uint8_t *key_of(const sj__store_call *call) {
  switch (call->op) {
    case SJ__GET:
      return call->in.get.key;
    case SJ__TOUCH:
      return call->in.touch.key;
    case SJ__END:
      return call->in.end.key;
    case SJ__PUT:
      if (call->in.put.record.size < SJ__RECORD_HEADER_SIZE) return NULL;
      return sj__record_key(call->in.put.record);
    default:
      return NULL;
  }
}

static void log_call(const sj__store_call *call, uint64_t took_ns) {
  const uint8_t *key = key_of(call);
  char sid[SJ__BASE64URL_SIZE(SJ__KEY_SIZE)];
  size_t size = key != NULL ? sj__base64url_encode(key, SJ__KEY_SIZE, sid) : 0;
  SJ__LOG(SJ__LOG_DEBUG, "store call", SJ__FIELD_CSTR("op", sj__op_name(call->op)),
          SJ__FIELD_CSTR("outcome", sj_status_code(call->status)),
          SJ__FIELD("sid", sj__slice(sid, size)), SJ__FIELD_INT("microseconds", took_ns / 1000));
}

/* Read by any thread; written only when it changes, so that workers don't share a line. */
static void note_answer(trace_store *store, sj_status status) {
  if (status == SJ_CANCELLED) return;
  bool silent = status == SJ_UNAVAILABLE;
  if (atomic_load_explicit(&store->silent, memory_order_relaxed) == silent) return;
  atomic_store_explicit(&store->silent, silent, memory_order_relaxed);
}

static void trace_done(sj__store_call *call) {
  trace_frame *frame = SJ__CONTAINER_OF(sj__store_frame_pop(call), trace_frame, base);
  trace_port *port = frame->port;
  uint64_t took_ns = sj__monotonic_ns() - frame->started_ns;
  frame->next_free = port->unused;
  port->unused = frame;
  note_answer(port->store, call->status);
  if (call->status < OUTCOMES) sj__metric_add(port->store->calls[call->op][call->status], 1);
  sj__metric_observe_ns(port->store->seconds[call->op], took_ns);
  if (sj__log_enabled(SJ__LOG_DEBUG)) log_call(call, took_ns);
  call->done(call);
}

static trace_frame *take_frame(trace_port *port) {
  trace_frame *frame = port->unused;
  if (frame != NULL) {
    port->unused = frame->next_free;
    return frame;
  }
  frame = sj__malloc(sizeof(*frame));
  if (frame != NULL) frame->port = port;
  return frame;
}

static void trace_submit(sj__port *base, sj__store_call *call) {
  trace_port *port = SJ__CONTAINER_OF(base, trace_port, base.outer);
  trace_frame *frame = take_frame(port);
  if (frame != NULL) { /* out of memory: served, but not counted */
    frame->started_ns = sj__monotonic_ns();
    sj__store_frame_push(call, &frame->base, trace_done);
  }
  sj__store_submit(port->base.inner, call);
}

/* --- Ports --------------------------------------------------------------------- */

static void release_port(sj__wrapper_port *base) {
  trace_port *port = SJ__CONTAINER_OF(base, trace_port, base);
  for (trace_frame *frame = port->unused, *next; frame != NULL; frame = next) {
    next = frame->next_free;
    sj__free(frame);
  }
  sj__free(port);
}

static const sj__port_ops port_ops = {
    .submit = trace_submit,
    .cancel = sj__wrapper_cancel,
    .subscribe = sj__wrapper_subscribe,
    .unsubscribe = sj__wrapper_unsubscribe,
    .detach = sj__wrapper_detach,
};

static sj_status trace_attach(sj__store *base, sj__loop *loop, sj__port **out) {
  trace_store *store = SJ__CONTAINER_OF(base, trace_store, base);
  trace_port *port = sj__calloc(1, sizeof(*port));
  if (port == NULL) return SJ_NO_MEMORY;
  sj_status status =
      sj__wrapper_port_init(&port->base, &port_ops, base, store->inner, loop, release_port);
  if (status != SJ_OK) {
    sj__free(port);
    return status;
  }
  port->store = store;
  *out = &port->base.outer;
  return SJ_OK;
}

/* --- The store -------------------------------------------------------------------- */

static void trace_health(sj__store *base, sj__store_health *out) {
  trace_store *store = SJ__CONTAINER_OF(base, trace_store, base);
  sj__store_health_get(store->inner, out);
  if (atomic_load_explicit(&store->silent, memory_order_relaxed)) out->reachable = false;
}

static void trace_close(sj__store *base) {
  trace_store *store = SJ__CONTAINER_OF(base, trace_store, base);
  sj__store_close(store->inner);
  sj__free(store);
}

static const sj__store_ops store_ops = {
    .attach = trace_attach,
    .health = trace_health,
    .close = trace_close,
};

/* What each operation may answer (store.h). */
static bool may_answer(sj__op op, sj_status status) {
  switch (status) {
    case SJ_MISSING:
      return op == SJ__GET || op == SJ__PUT;
    case SJ_BEHIND:
      return op == SJ__GET;
    case SJ_ENDED:
    case SJ_CONFLICT:
    case SJ_TOO_LARGE:
      return op == SJ__PUT;
    case SJ_FULL:
      return op == SJ__PUT || op == SJ__END || op == SJ__MARK;
    default:
      return true;
  }
}

static bool add_counters(trace_store *store, sj__metrics *metrics, sj__op op) {
  for (int status = 0; status < OUTCOMES; status++) {
    if (!may_answer(op, (sj_status)status)) continue;
    char labels[64];
    (void)snprintf(labels, sizeof(labels), "op=\"%s\",outcome=\"%s\"", sj__op_name(op),
                   sj_status_code((sj_status)status));
    sj__metric *counter = sj__metrics_add(metrics, SJ__COUNTER, "sojourn_store_calls_total",
                                          "Store calls by operation and outcome.", labels);
    if (counter == NULL) return false;
    store->calls[op][status] = counter;
  }
  return true;
}

static bool add_histogram(trace_store *store, sj__metrics *metrics, sj__op op) {
  char labels[64];
  (void)snprintf(labels, sizeof(labels), "op=\"%s\"", sj__op_name(op));
  store->seconds[op] = sj__metrics_add(metrics, SJ__HISTOGRAM, "sojourn_store_seconds",
                                       "Time from a store call to its completion.", labels);
  return store->seconds[op] != NULL;
}

/* Metrics of one name are made one after the other (base/metrics.h). */
static bool add_metrics(trace_store *store, sj__metrics *metrics) {
  bool is_made = true;
  for (int op = 0; op < SJ__OP_COUNT; op++) is_made &= add_counters(store, metrics, (sj__op)op);
  for (int op = 0; op < SJ__OP_COUNT; op++) is_made &= add_histogram(store, metrics, (sj__op)op);
  return is_made;
}

sj_status sj__trace_new(sj__store *inner, sj__metrics *metrics, sj__store **out) {
  trace_store *store = sj__calloc(1, sizeof(*store));
  if (store == NULL) return SJ_NO_MEMORY;
  if (metrics != NULL && !add_metrics(store, metrics)) {
    sj__free(store);
    return SJ_NO_MEMORY;
  }
  store->base = (sj__store){&store_ops, inner->scheme, inner->caps};
  store->inner = inner;
  *out = &store->base;
  return SJ_OK;
}

sj_status sj__trace_wrap(sj__store *inner, const sj__store_url *url,
                         const sj__store_options *options, sj__store **out, sj_error *error) {
  static const char *const allowed[] = {NULL};
  sj_status status = sj__store_url_check(url, allowed, error);
  if (status != SJ_OK) return status;
  status = sj__trace_new(inner, options->metrics, out);
  return status == SJ_OK ? SJ_OK : sj__fail(error, status, "store trace: out of memory");
}
