/* The life of a call: taken from the worker's pool, run step by step, finished once. */
#include <stdarg.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "session/session_private.h"

#define FIRST_BLOCK_SIZE 4096 /* what a check of a usual session needs */
#define ARENA_MAX        ((size_t)16 << 20)
#define IDLE_MAX         256 /* requests kept for reuse */

typedef struct pooled {
  sj__request request;
  char first_block[FIRST_BLOCK_SIZE];
} pooled;

/* Only what is read before it is set; the rest is each step's own. */
static void clear(sj__request *request) {
  const sj__arena arena = request->arena;
  memset(request, 0, sizeof(*request));
  request->arena = arena;
}

static sj__request *take(sj_worker *worker) {
  if (!sj__list_is_empty(&worker->idle)) {
    sj__request *request = SJ__CONTAINER_OF(worker->idle.next, sj__request, link);
    sj__list_remove(&request->link);
    worker->idle_count--;
    clear(request);
    return request;
  }
  pooled *fresh = sj__calloc(1, sizeof(*fresh));
  if (fresh == NULL) return NULL;
  sj__arena_init(&fresh->request.arena, fresh->first_block, FIRST_BLOCK_SIZE, ARENA_MAX);
  return &fresh->request;
}

void sj__request_free(sj__request *request) {
  sj__arena_release(&request->arena);
  sj__free(SJ__CONTAINER_OF(request, pooled, request));
}

static void give_back(sj__request *request) {
  sj_worker *worker = request->worker;
  sj__list_remove(&request->link);
  sj__rotation_leave(request);
  sj__wipe(request->id, sizeof(request->id));
  sj__wipe(request->successor_id, sizeof(request->successor_id));
  sj__wipe(&request->handle, sizeof(request->handle));
  if (worker->idle_count < IDLE_MAX) {
    sj__arena_reset(&request->arena);
    /* To the front: its memory is still in the cache. */
    sj__list_insert_before(worker->idle.next, &request->link);
    worker->idle_count++;
  } else {
    sj__request_free(request);
  }
}

static void clear_results(sj_call *call) {
  call->status = SJ_OK;
  call->detail = call->new_credential = call->set_cookie = call->next_cursor = (sj_slice){NULL, 0};
  call->applied = NULL;
  call->session = call->sessions = NULL;
  call->session_count = 0;
  call->count = 0;
  call->newer = false;
}

void sj__request_renew(sj__request *request) {
  const sj_call *call = request->call;
  uint32_t timeout_ms = call != NULL && call->timeout_ms > 0
                            ? call->timeout_ms
                            : request->worker->sessions->options.timeout_ms;
  request->deadline_ms = sj__loop_now_ms(request->worker->loop) + timeout_ms;
}

sj__request *sj__request_new(sj_worker *worker, sj_call *call, sj__kind kind, sj__step *begin) {
  SJ__REQUIRE(!worker->closing || kind == SJ__KIND_BACKGROUND);
  sj__request *request = take(worker);
  if (request == NULL) return NULL;
  request->worker = worker;
  request->call = call;
  request->kind = kind;
  request->begin = begin;
  request->now_ms = sj__wall_ms();
  request->started_ns = sj__monotonic_ns();
  sj__request_renew(request);
  request->want_attributes = true;
  sj__list_init(&request->link);
  if (call != NULL) {
    clear_results(call);
    call->state = request;
  }
  return request;
}

sj__request *sj__background_new(sj_worker *worker, sj__step *begin) {
  sj__request *request = worker->background_count < SJ__BACKGROUND_MAX
                             ? sj__request_new(worker, NULL, SJ__KIND_BACKGROUND, begin)
                             : NULL;
  if (request == NULL) sj__metric_add(worker->sessions->metrics.dropped, 1);
  if (request != NULL) worker->background_count++;
  return request;
}

static void on_start(sj__task *task) {
  sj__request *request = SJ__CONTAINER_OF(task, sj__request, start_task);
  if (request->cancelled) {
    sj__request_finish(request, SJ_CANCELLED);
  } else {
    request->begin(request);
  }
}

static void refuse_for_memory(sj__request *request) {
  sj__request_finish(request, SJ_NO_MEMORY);
}

static void on_wait_over(sj__timer *timer) {
  sj__request *request = SJ__CONTAINER_OF(timer, sj__request, timer);
  sj__request_fail(request, SJ_UNAVAILABLE, "revocations are still being read from the store");
}

void sj__request_start(sj__request *request) {
  sj_worker *worker = request->worker;
  if (worker->ready || request->call == NULL) {
    sj__list_append(&worker->active, &request->link);
    request->start_task.fn = on_start;
    sj__loop_defer(worker->loop, &request->start_task);
    return;
  }
  sj__list_append(&worker->waiting, &request->link);
  uint64_t now_ms = sj__loop_now_ms(worker->loop);
  uint64_t delay_ms = request->deadline_ms > now_ms ? request->deadline_ms - now_ms : 0;
  if (sj__timer_start(worker->loop, &request->timer, delay_ms, on_wait_over) != SJ_OK) {
    request->begin = refuse_for_memory;
    request->start_task.fn = on_start;
    sj__loop_defer(worker->loop, &request->start_task);
  }
}

void sj__worker_set_ready(sj_worker *worker) {
  worker->ready = true;
  atomic_store(&worker->sessions->ready, true);
  SJ__LIST_FOR_SAFE(node, &worker->waiting) {
    sj__request *request = SJ__CONTAINER_OF(node, sj__request, link);
    sj__timer_stop(worker->loop, &request->timer);
    sj__list_remove(node);
    sj__list_append(&worker->active, node);
    request->now_ms = sj__wall_ms(); /* it has waited, and is judged by the time it runs */
    if (request->start_task.queued) continue;
    request->start_task.fn = on_start;
    sj__loop_defer(worker->loop, &request->start_task);
  }
}

static void count(const sj__request *request, sj_status status) {
  const sj__engine_metrics *metrics = &request->worker->sessions->metrics;
  sj__metric_add(metrics->calls[request->kind][status], 1);
  sj__metric_observe_ns(metrics->seconds[request->kind], sj__monotonic_ns() - request->started_ns);
}

static void audit_refusal(const sj__request *request, sj_status status) {
  bool refused =
      status == SJ_ENDED || status == SJ_CORRUPT ||
      (sj_status_category(status) == SJ_CATEGORY_CREDENTIAL && status != SJ_NO_CREDENTIAL);
  if (status == SJ_EXPIRED) {
    sj__audit(request, "expired", NULL);
  } else if (refused) {
    sj__audit(request, "refused", sj_status_code(status));
  }
}

/* A write that failed says whether it may have happened all the same (sojourn.h, `applied`). */
static const char *applied(const sj__request *request, sj_status status) {
  static const bool writes[SJ__KIND_COUNT] = {
      [SJ__KIND_CREATE] = true, [SJ__KIND_PATCH] = true,      [SJ__KIND_ROTATE] = true,
      [SJ__KIND_END] = true,    [SJ__KIND_END_BY_SID] = true, [SJ__KIND_END_SUBJECT] = true,
      [SJ__KIND_REVOKE] = true,
  };
  bool tells = status == SJ_UNAVAILABLE || status == SJ_CANCELLED || status == SJ_NO_MEMORY ||
               status == SJ_NO_ENTROPY;
  if (!writes[request->kind] || !tells) return NULL;
  return request->outcome_unknown || request->has_written ? "unknown" : "no";
}

void sj__request_finish(sj__request *request, sj_status status) {
  sj_worker *worker = request->worker;
  sj_call *call = request->call;
  sj__timer_stop(worker->loop, &request->timer);
  if (status != SJ_OK && request->undo != NULL) request->undo(request);
  if (call == NULL) {
    worker->background_count--;
  } else {
    count(request, status);
    audit_refusal(request, status);
    call->status = status;
    call->applied = applied(request, status);
    call->state = NULL;
    /* `done` may start the same call again or free it: nothing of it is touched afterwards. */
    call->done(call);
  }
  give_back(request);
  sj__worker_maybe_close(worker);
}

void sj__request_fail(sj__request *request, sj_status status, const char *format, ...) {
  if (request->call != NULL) {
    char text[512];
    va_list args;
    va_start(args, format);
    int size = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (size > 0) {
      size_t kept = (size_t)size < sizeof(text) ? (size_t)size : sizeof(text) - 1;
      request->call->detail = sj__arena_dup(&request->arena, sj__slice(text, kept));
    }
  }
  sj__request_finish(request, status);
}

static void on_store_done(sj__store_call *store_call) {
  sj__request *request = SJ__CONTAINER_OF(store_call, sj__request, store_call);
  request->in_store = false;
  request->next(request);
}

void sj__request_submit(sj__request *request, sj__op op, sj__step *next) {
  sj__store_call *store_call = &request->store_call;
  store_call->op = op;
  store_call->done = on_store_done;
  store_call->deadline_ms = request->deadline_ms;
  store_call->now_ms = request->now_ms;
  request->next = next;
  request->in_store = true;
  sj__store_submit(request->worker->port, store_call);
}

static void on_delay_over(sj__timer *timer) {
  sj__request *request = SJ__CONTAINER_OF(timer, sj__request, timer);
  request->next(request);
}

uint64_t sj__request_left_ms(const sj__request *request) {
  uint64_t now_ms = sj__loop_now_ms(request->worker->loop);
  return request->deadline_ms > now_ms ? request->deadline_ms - now_ms : 0;
}

void sj__request_after(sj__request *request, uint64_t delay_ms, sj__step *next) {
  request->next = next;
  if (delay_ms >= sj__request_left_ms(request)) {
    sj__request_finish(request, SJ_UNAVAILABLE);
  } else if (sj__timer_start(request->worker->loop, &request->timer, delay_ms, on_delay_over) !=
             SJ_OK) {
    sj__request_finish(request, SJ_NO_MEMORY);
  }
}

void sj__request_store_failed(sj__request *request) {
  sj_status status = request->store_call.status;
  if (status == SJ_FULL) atomic_store(&request->worker->sessions->lacks_room, true);
  /* Even the reserve for ends and marks is used up: an outage, and no word about new records. */
  if (status == SJ_FULL && request->store_call.op != SJ__PUT) status = SJ_UNAVAILABLE;
  bool wrote = request->store_call.op == SJ__PUT || request->store_call.op == SJ__END ||
               request->store_call.op == SJ__MARK;
  if (wrote && (status == SJ_UNAVAILABLE || status == SJ_CANCELLED) &&
      request->store_call.applied == SJ__APPLIED_UNKNOWN) {
    request->outcome_unknown = true;
  }
  if (status == SJ_CANCELLED && !request->cancelled) status = SJ_UNAVAILABLE;
  /* The store has no other words for what the engine must not let through. */
  if (status == SJ_MISUSE || status == SJ_OK) status = SJ_CORRUPT;
  sj__request_finish(request, status);
}

void sj_cancel(sj_worker *worker, sj_call *call) {
  sj__request *request = call->state;
  if (request == NULL) return;
  request->cancelled = true;
  if (request->in_store) {
    sj__store_cancel(worker->port, &request->store_call);
  } else if (sj__timer_is_running(&request->timer)) { /* it backs off, or waits for the marks */
    sj__timer_stop(worker->loop, &request->timer);
    request->start_task.fn = on_start;
    sj__loop_defer(worker->loop, &request->start_task);
  }
}

void sj__audit(const sj__request *request, const char *what, const char *code) {
  const sj_sessions *sessions = request->worker->sessions;
  if (sessions->audit == NULL) return;
  char sid[SJ_SID_SIZE];
  static const uint8_t none[SJ__KEY_SIZE];
  bool known = memcmp(request->key, none, SJ__KEY_SIZE) != 0;
  if (known) sj__base64url_encode(request->key, SJ__KEY_SIZE, sid);
  sj__audit_event event = {
      .what = what,
      .code = code,
      .sid = known ? sj__slice(sid, sizeof(sid)) : (sj_slice){NULL, 0},
      .subject = request->loaded.meta.subject,
  };
  sessions->audit(sessions->audit_context, &event);
}
