/* A worker's life: attach, replay marks, do the process's chores, detach. */
#include "base/alloc.h"
#include "base/clock.h"
#include "session/session_private.h"

#define MARKS_PAGE       500
#define REPLAY_RETRY_MS  ((uint64_t)250)
#define UNREAD_TOLD_MS   ((uint64_t)60 * 1000)
#define CHORES_EVERY_MS  ((uint64_t)1000)
#define SWEEP_BUDGET     128
#define SWEEP_REST       4 /* times what the step took: a fifth of a core at the most */
#define SWEEP_REST_MIN   ((uint64_t)5)
#define SWEEP_REST_MAX   ((uint64_t)100)
#define LEAP_MS          ((int64_t)60 * 1000)
#define LEAP_BELIEVED_MS ((uint64_t)60 * 60 * 1000)

static void give_time(sj__request *request) {
  request->now_ms = sj__wall_ms();
  request->deadline_ms =
      sj__loop_now_ms(request->worker->loop) + request->worker->sessions->options.timeout_ms;
}

/* --- Marks --------------------------------------------------------------------------- */

static void ask_marks(sj__request *request);

/*
 * Unreadable marks are not skipped in silence: they stay refused until the keyring has their key.
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

static void finish_marks(sj__request *request, sj_status status) {
  request->worker->is_tailing = false;
  sj__request_finish(request, status);
}

/* Every worker tries four times a second: the log is told once a minute. */
static bool may_tell(sj_sessions *sessions) {
  uint64_t now_ms = sj__monotonic_ms();
  uint64_t told_ms = atomic_load(&sessions->unread_told_ms);
  return (told_ms == 0 || now_ms - told_ms >= UNREAD_TOLD_MS) &&
         atomic_compare_exchange_strong(&sessions->unread_told_ms, &told_ms, now_ms);
}

static void on_marks_unread(sj__request *request, sj_status status) {
  if (may_tell(request->worker->sessions)) {
    SJ__LOG(SJ__LOG_ERROR, "revocations cannot be read",
            SJ__FIELD_CSTR("reason", sj_status_text(status)));
  }
  if (request->worker->ready) {
    finish_marks(request, status); /* the next chores try again */
    return;
  }
  give_time(request);
  sj__request_after(request, REPLAY_RETRY_MS, ask_marks);
}

static void on_marks(sj__request *request) {
  sj_worker *worker = request->worker;
  const sj__store_call *call = &request->store_call;
  sj_status status = call->status == SJ_OK ? add_marks(request) : call->status;
  if (worker->closing) {
    finish_marks(request, SJ_CANCELLED);
  } else if (status != SJ_OK) {
    on_marks_unread(request, status);
  } else if (call->item_count > 0) {
    worker->marks_read = call->cursor_next;
    ask_marks(request);
  } else {
    if (!worker->ready) sj__worker_set_ready(worker);
    finish_marks(request, SJ_OK);
  }
}

static void ask_marks(sj__request *request) {
  give_time(request);
  request->store_call.in.marks.cursor = request->worker->marks_read;
  request->store_call.in.marks.limit = MARKS_PAGE;
  sj__request_submit(request, SJ__MARKS, on_marks);
}

/*
 * Marks that came into the store by other ways than a call of this process that
 * was answered: another process's, and those whose answer was lost.
 */
static void tail_marks(sj_worker *worker) {
  if (!worker->ready || worker->is_tailing) return;
  sj__request *request = sj__background_new(worker, ask_marks);
  if (request == NULL) return;
  worker->is_tailing = true;
  sj__request_start(request);
}

/* --- Sweeping --------------------------------------------------------------------------- */

/*
 * The moment that garbage is judged by. A wall clock that leaps ahead is not
 * believed for an hour: expired by mistake is forgiven when the clock is put
 * right, deleted by mistake is not.
 */
static int64_t sweep_moment_ms(sj_worker *worker) {
  int64_t wall_ms = sj__wall_ms();
  uint64_t passed_ms = sj__monotonic_ms() - worker->steady_monotonic_ms;
  int64_t expected_ms = worker->steady_wall_ms + (int64_t)passed_ms;
  if (wall_ms > expected_ms + LEAP_MS && passed_ms < LEAP_BELIEVED_MS) return expected_ms;
  worker->steady_wall_ms = wall_ms;
  worker->steady_monotonic_ms += passed_ms;
  return wall_ms;
}

static void begin_sweep(sj__request *request);

/*
 * Deleting dirties about two pages a session, and the thread that writes them
 * may share the loop's core: without a rest in proportion, a million sessions
 * that expired together would leave it too little. Where somebody was refused for
 * want of room since the last step, room comes first.
 */
static uint64_t sweep_rest_ms(sj_worker *worker) {
  if (atomic_exchange(&worker->sessions->lacks_room, false)) return SWEEP_REST_MIN;
  uint64_t took_ms = (sj__monotonic_ns() - worker->sweep_began_ns) / 1000000u;
  uint64_t rest_ms = SWEEP_REST * took_ms;
  if (rest_ms < SWEEP_REST_MIN) return SWEEP_REST_MIN;
  return rest_ms < SWEEP_REST_MAX ? rest_ms : SWEEP_REST_MAX;
}

static void on_swept(sj__request *request) {
  sj_worker *worker = request->worker;
  sj__metric_add(worker->sessions->metrics.swept, request->store_call.count);
  if (request->store_call.status == SJ_OK && request->store_call.more && !worker->closing) {
    give_time(request);
    sj__request_after(request, sweep_rest_ms(worker), begin_sweep);
    return;
  }
  worker->is_sweeping = false;
  sj__request_finish(request, SJ_OK);
}

static void begin_sweep(sj__request *request) {
  give_time(request);
  request->now_ms = sweep_moment_ms(request->worker);
  request->worker->sweep_began_ns = sj__monotonic_ns();
  request->store_call.in.sweep.budget = SWEEP_BUDGET;
  sj__request_submit(request, SJ__SWEEP, on_swept);
}

static void sweep(sj_worker *worker) {
  if (worker->sessions->store->caps.ttl || worker->is_sweeping) return;
  sj__request *request = sj__background_new(worker, begin_sweep);
  if (request == NULL) return;
  worker->is_sweeping = true;
  sj__request_start(request);
}

/* --- Chores: one worker of the process does them ------------------------------------------ */

static void on_chores_due(sj__timer *timer) {
  sj_worker *worker = SJ__CONTAINER_OF(timer, sj_worker, chores_timer);
  if (sj__timer_start(worker->loop, timer, CHORES_EVERY_MS, on_chores_due) != SJ_OK) {
    SJ__LOG(SJ__LOG_ERROR, "sweeping has stopped: out of memory");
  }
  /* When the one on duty detaches, another takes over. */
  if (!worker->on_duty) worker->on_duty = !atomic_exchange(&worker->sessions->has_duty, true);
  if (!worker->on_duty) return;
  tail_marks(worker);
  sweep(worker);
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
  if (status != SJ_OK) return status;
  /* Without these nothing would ever be answered: had before the port, which can't be undone. */
  sj__request *replay = sj__background_new(worker, ask_marks);
  if (replay == NULL) return SJ_NO_MEMORY;
  status = sj__timer_start(worker->loop, &worker->chores_timer, CHORES_EVERY_MS, on_chores_due);
  if (status == SJ_OK) status = sj__store_attach(sessions->store, worker->loop, &worker->port);
  if (status == SJ_OK) {
    sj__request_start(replay);
    return SJ_OK;
  }
  sj__timer_stop(worker->loop, &worker->chores_timer);
  sj__request_free(replay);
  return status;
}

sj_status sj__engine_attach(sj_sessions *sessions, sj__loop *loop, sj_worker **out) {
  sj_worker *worker = sj__calloc(1, sizeof(*worker));
  if (worker == NULL) return SJ_NO_MEMORY;
  worker->sessions = sessions;
  worker->loop = loop;
  sj__list_init(&worker->active);
  sj__list_init(&worker->waiting);
  sj__list_init(&worker->idle);
  worker->steady_wall_ms = sj__wall_ms();
  worker->steady_monotonic_ms = sj__monotonic_ms();
  sj_status status = attach_parts(worker);
  if (status != SJ_OK) {
    free_worker(worker);
    return status;
  }
  atomic_fetch_add(&sessions->workers, 1);
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
  sj__timer_stop(worker->loop, &worker->chores_timer);
  if (worker->on_duty) atomic_store(&worker->sessions->has_duty, false);
  sj__worker_maybe_close(worker);
}
