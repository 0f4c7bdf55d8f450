/* A worker's life: attach, replay marks, sweep, detach. */
#include "base/alloc.h"
#include "session/session_private.h"

#define MARKS_PAGE      500
#define REPLAY_RETRY_MS ((uint64_t)250)
#define SWEEP_EVERY_MS  1000
#define SWEEP_AGAIN_MS  5
#define SWEEP_BUDGET    128

/* --- Marks --------------------------------------------------------------------------- */

static void ask_marks(sj__request *request);

static void replay_again(sj__request *request) {
  request->deadline_ms =
      sj__loop_now_ms(request->worker->loop) + request->worker->sessions->options.timeout_ms;
  ask_marks(request);
}

/* Unreadable marks are not skipped in silence: they stay refused until the keyring has their key.
 */
static sj_status add_marks(sj__request *request) {
  const sj__store_call *call = &request->store_call;
  for (size_t i = 0; i < call->item_count; i++) {
    sj__mark mark;
    sj_status status =
        sj__mark_decode(request->worker->vault, request->now_ms, call->items[i], &mark);
    /* Under a retired key nothing is alive that it could name. */
    if (status == SJ_RETIRED_KEY) continue;
    if (status == SJ_OK) status = sj__mark_set_add(request->worker->sessions->marks, &mark);
    if (status != SJ_OK) return status;
  }
  return SJ_OK;
}

static void on_marks(sj__request *request) {
  sj_worker *worker = request->worker;
  const sj__store_call *call = &request->store_call;
  sj_status status = call->status == SJ_OK ? add_marks(request) : call->status;
  if (worker->closing) {
    sj__request_finish(request, SJ_CANCELLED);
  } else if (status != SJ_OK) {
    SJ__LOG(SJ__LOG_ERROR, "revocations cannot be read",
            SJ__FIELD_CSTR("reason", sj_status_text(status)));
    request->deadline_ms = sj__loop_now_ms(worker->loop) + 2 * REPLAY_RETRY_MS;
    sj__request_after(request, REPLAY_RETRY_MS, replay_again);
  } else if (call->item_count > 0) {
    request->cursor = call->cursor_next;
    ask_marks(request);
  } else {
    sj__worker_set_ready(worker);
    sj__request_finish(request, SJ_OK);
  }
}

static void ask_marks(sj__request *request) {
  request->store_call.in.marks.cursor = request->cursor;
  request->store_call.in.marks.limit = MARKS_PAGE;
  sj__request_submit(request, SJ__MARKS, on_marks);
}

void sj__marks_replay(sj_worker *worker) {
  sj__request *request = sj__background_new(worker, ask_marks);
  /* Without memory for this one, no request is answered: they wait, then are unavailable. */
  if (request != NULL) sj__request_start(request);
}

/* --- Sweeping --------------------------------------------------------------------------- */

static void sweep_after(sj_worker *worker, uint64_t delay_ms);

static void on_swept(sj__request *request) {
  sj_worker *worker = request->worker;
  bool again = request->store_call.status == SJ_OK && request->store_call.more;
  sj__metric_add(worker->sessions->metrics.swept, request->store_call.count);
  if (!worker->closing) sweep_after(worker, again ? SWEEP_AGAIN_MS : SWEEP_EVERY_MS);
  sj__request_finish(request, SJ_OK);
}

static void begin_sweep(sj__request *request) {
  request->store_call.in.sweep.budget = SWEEP_BUDGET;
  sj__request_submit(request, SJ__SWEEP, on_swept);
}

static void on_sweep_due(sj__timer *timer) {
  sj_worker *worker = SJ__CONTAINER_OF(timer, sj_worker, sweep_timer);
  sj__request *request = sj__background_new(worker, begin_sweep);
  if (request != NULL) {
    sj__request_start(request);
  } else {
    sweep_after(worker, SWEEP_EVERY_MS);
  }
}

static void sweep_after(sj_worker *worker, uint64_t delay_ms) {
  if (sj__timer_start(worker->loop, &worker->sweep_timer, delay_ms, on_sweep_due) != SJ_OK) {
    SJ__LOG(SJ__LOG_ERROR, "sweeping has stopped: out of memory");
  }
}

/* One worker of the process sweeps, where the store doesn't forget by itself. */
void sj__sweep_start(sj_worker *worker) {
  sj_sessions *sessions = worker->sessions;
  if (sessions->store->caps.ttl || atomic_exchange(&sessions->swept_by_one, true)) return;
  worker->sweeps = true;
  sweep_after(worker, SWEEP_EVERY_MS);
}

/* --- Attaching ---------------------------------------------------------------------------- */

static void free_worker(sj_worker *worker) {
  SJ__LIST_FOR_SAFE(node, &worker->idle) {
    sj__request *request = SJ__CONTAINER_OF(node, sj__request, link);
    sj__list_remove(node);
    sj__request_free(request);
  }
  sj__vault_free(worker->vault);
  sj__free_secret(worker, sizeof(*worker));
}

static sj_status attach_parts(sj_worker *worker) {
  sj_sessions *sessions = worker->sessions;
  sj_status status =
      sj__vault_new(sessions->keyring, sj__slice_text(sessions->options.realm), &worker->vault);
  return status == SJ_OK ? sj__store_attach(sessions->store, worker->loop, &worker->port) : status;
}

sj_status sj__engine_attach(sj_sessions *sessions, sj__loop *loop, sj_worker **out) {
  sj_worker *worker = sj__calloc(1, sizeof(*worker));
  if (worker == NULL) return SJ_NO_MEMORY;
  worker->sessions = sessions;
  worker->loop = loop;
  sj__list_init(&worker->active);
  sj__list_init(&worker->waiting);
  sj__list_init(&worker->idle);
  sj_status status = attach_parts(worker);
  if (status != SJ_OK) {
    free_worker(worker);
    return status;
  }
  atomic_fetch_add(&sessions->workers, 1);
  sj__marks_replay(worker);
  sj__sweep_start(worker);
  *out = worker;
  return SJ_OK;
}

sj_status sj_attach(sj_sessions *sessions, struct uv_loop_s *uv, sj_worker **out) {
  sj__loop *loop = NULL;
  sj_status status = sj__loop_adopt(uv, &loop);
  if (status != SJ_OK) return status;
  status = sj__engine_attach(sessions, loop, out);
  if (status != SJ_OK) {
    sj__loop_free(loop, NULL, NULL);
    return status;
  }
  (*out)->adopted = true;
  return SJ_OK;
}

sj_sessions *sj__worker_sessions(sj_worker *worker) {
  return worker->sessions;
}

/* --- Detaching ------------------------------------------------------------------------------ */

static void on_port_detached(void *argument) {
  sj_worker *worker = argument;
  void (*closed)(void *) = worker->closed;
  void *closed_argument = worker->closed_argument;
  sj__loop *loop = worker->loop;
  bool adopted = worker->adopted;
  atomic_fetch_sub(&worker->sessions->workers, 1);
  free_worker(worker);
  if (adopted) {
    sj__loop_free(loop, closed, closed_argument);
  } else if (closed != NULL) {
    closed(closed_argument);
  }
}

static void on_close(sj__task *task) {
  sj_worker *worker = SJ__CONTAINER_OF(task, sj_worker, close_task);
  sj__port_detach(worker->port, on_port_detached, worker);
}

void sj__worker_maybe_close(sj_worker *worker) {
  if (!worker->closing || worker->close_task.fn != NULL) return;
  if (!sj__list_is_empty(&worker->active) || !sj__list_is_empty(&worker->waiting)) return;
  worker->close_task.fn = on_close;
  sj__loop_defer(worker->loop, &worker->close_task);
}

void sj_detach(sj_worker *worker, void (*done)(void *argument), void *argument) {
  SJ__REQUIRE(!worker->closing);
  worker->closing = true;
  worker->closed = done;
  worker->closed_argument = argument;
  sj__timer_stop(worker->loop, &worker->sweep_timer);
  if (worker->sweeps) atomic_store(&worker->sessions->swept_by_one, false);
  sj__worker_maybe_close(worker);
}
