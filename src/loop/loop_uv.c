#include "loop/loop_uv.h"

#include <signal.h>

#include "base/alloc.h"

struct sj__uv_signal {
  sj__uv_signal *next;
  uv_signal_t handle;
  void (*fn)(void *argument, int signum);
  void *argument;
};

static sj_status status_of(int error) {
  return error == 0 ? SJ_OK : error == UV_ENOMEM ? SJ_NO_MEMORY : SJ_IO;
}

/* --- The turn ------------------------------------------------------------- */

static void on_timer(uv_timer_t *handle);

/*
 * A first timer that has moved to later leaves the alarm as it is: one wake-up
 * in vain costs less than setting it again every turn.
 */
static void arm_timer(sj__uv_loop *self) {
  uint64_t due_ms;
  if (!sj__timers_next(&self->loop, &due_ms)) {
    if (self->timer_armed) uv_timer_stop(&self->timer);
    self->timer_armed = false;
    return;
  }
  if (self->timer_armed && self->timer_due_ms <= due_ms) return;
  uint64_t now_ms = uv_now(self->uv);
  uv_timer_start(&self->timer, on_timer, due_ms > now_ms ? due_ms - now_ms : 0, 0);
  self->timer_armed = true;
  self->timer_due_ms = due_ms;
}

static void on_timer(uv_timer_t *handle) {
  sj__uv_loop *self = handle->data;
  self->timer_armed = false;
  sj__timers_fire(&self->loop, uv_now(self->uv));
}

static void on_async(uv_async_t *handle) {
  sj__uv_loop *self = handle->data;
  sj__loop_collect(&self->loop);
}

static void close_handles(sj__uv_loop *self);

/*
 * Prepare is the last thing before libuv works out how long to wait, so one
 * hook both runs what was deferred and spares an empty poll.
 */
static void on_prepare(uv_prepare_t *handle) {
  sj__uv_loop *self = handle->data;
  uv_idle_stop(&self->idle);
  sj__loop_settle(&self->loop);
  arm_timer(self);
  if (self->loop.stopping) uv_stop(self->uv);
  if (self->is_freeing && self->loop.live_count == 0) close_handles(self);
}

static void on_idle(uv_idle_t *handle) {}

/*
 * Of a host's own prepare hooks some run after ours, and may start calls of
 * ours: an active idle handle makes libuv come round instead of blocking.
 */
static void adopted_stir(sj__loop *loop) {
  sj__uv_loop *self = sj__uv_loop_of(loop);
  if (!uv_is_closing((uv_handle_t *)&self->idle)) uv_idle_start(&self->idle, on_idle);
}

static void uv_loop_wake(sj__loop *loop) {
  SJ__REQUIRE(uv_async_send(&sj__uv_loop_of(loop)->async) == 0);
}

static uint64_t adopted_now_ms(const sj__loop *loop) {
  return uv_now(sj__uv_loop_of(loop)->uv);
}

/* Before the first turn and between runs nobody else keeps libuv's clock fresh. */
static uint64_t own_now_ms(const sj__loop *loop) {
  sj__uv_loop *self = sj__uv_loop_of(loop);
  if (!self->is_running) uv_update_time(self->uv);
  return uv_now(self->uv);
}

static void own_run(sj__loop *loop) {
  sj__uv_loop *self = sj__uv_loop_of(loop);
  SJ__REQUIRE(!self->is_running);
  self->is_running = true;
  uv_run(self->uv, UV_RUN_DEFAULT);
  /* The last poll may have queued more, and this turn is to end like any other. */
  sj__loop_settle(loop);
  self->is_running = false;
  loop->stopping = false;
}

/* --- Signals -------------------------------------------------------------- */

static void on_signal(uv_signal_t *handle, int signum) {
  sj__uv_signal *watch = handle->data;
  watch->fn(watch->argument, signum);
}

static void signal_closed(uv_handle_t *handle) {
  sj__free(handle->data);
}

static sj_status uv_loop_on_signal(sj__loop *loop, int signum,
                                   void (*fn)(void *argument, int signum), void *argument) {
  sj__uv_loop *self = sj__uv_loop_of(loop);
  sj__uv_signal *watch = sj__calloc(1, sizeof(*watch));
  if (watch == NULL) return SJ_NO_MEMORY;
  watch->fn = fn;
  watch->argument = argument;
  int error = uv_signal_init(self->uv, &watch->handle);
  if (error != 0) {
    sj__free(watch);
    return status_of(error);
  }
  watch->handle.data = watch;
  error = uv_signal_start(&watch->handle, on_signal, signum);
  if (error != 0) {
    uv_close((uv_handle_t *)&watch->handle, signal_closed);
    return status_of(error);
  }
  watch->next = self->signals;
  self->signals = watch;
  return SJ_OK;
}

/* --- Life ----------------------------------------------------------------- */

static void free_adopted(sj__uv_loop *self) {
  void (*done)(void *) = self->done;
  void *argument = self->argument;
  sj__loop_release(&self->loop);
  sj__free(self);
  if (done != NULL) done(argument);
}

static void handle_closed(uv_handle_t *handle) {
  sj__uv_loop *self = handle->data;
  if (--self->closing_handles == 0 && self->uv != &self->own) free_adopted(self);
}

static void close_handles(sj__uv_loop *self) {
  uv_handle_t *handles[] = {(uv_handle_t *)&self->async, (uv_handle_t *)&self->prepare,
                            (uv_handle_t *)&self->idle, (uv_handle_t *)&self->timer};
  while (self->signals != NULL) {
    sj__uv_signal *watch = self->signals;
    self->signals = watch->next;
    uv_close((uv_handle_t *)&watch->handle, signal_closed);
  }
  self->closing_handles = SJ__COUNT_OF(handles);
  for (size_t i = 0; i < SJ__COUNT_OF(handles); i++) uv_close(handles[i], handle_closed);
}

/* What is still closing takes a turn or two; then the prepare hook closes our handles. */
static void own_free(sj__loop *loop, void (*done)(void *argument), void *argument) {
  sj__uv_loop *self = sj__uv_loop_of(loop);
  SJ__REQUIRE(!self->is_running);
  self->is_freeing = true;
  self->is_running = true;
  uv_run(self->uv, UV_RUN_DEFAULT);
  SJ__REQUIRE(uv_loop_close(self->uv) == 0);
  sj__loop_release(loop);
  sj__free(self);
  if (done != NULL) done(argument);
}

static void adopted_free(sj__loop *loop, void (*done)(void *argument), void *argument) {
  sj__uv_loop *self = sj__uv_loop_of(loop);
  self->done = done;
  self->argument = argument;
  self->is_freeing = true;
  adopted_stir(loop);
}

static const sj__loop_ops own_ops = {
    .now_ms = own_now_ms,
    .wake = uv_loop_wake,
    .run = own_run,
    .free = own_free,
    .on_signal = uv_loop_on_signal,
    .listen = sj__uv_listen,
    .connect = sj__uv_connect,
};

static const sj__loop_ops adopted_ops = {
    .now_ms = adopted_now_ms,
    .stir = adopted_stir,
    .wake = uv_loop_wake,
    .free = adopted_free,
    .on_signal = uv_loop_on_signal,
    .listen = sj__uv_listen,
    .connect = sj__uv_connect,
};

/* Only the first step can fail, so that a failed start leaves nothing to close. */
static sj_status init_handles(sj__uv_loop *self) {
  int error = uv_async_init(self->uv, &self->async, on_async);
  if (error != 0) return status_of(error);
  uv_prepare_init(self->uv, &self->prepare);
  uv_idle_init(self->uv, &self->idle);
  uv_timer_init(self->uv, &self->timer);
  self->async.data = self->prepare.data = self->idle.data = self->timer.data = self;
  uv_prepare_start(&self->prepare, on_prepare);
  return SJ_OK;
}

static sj__uv_loop *uv_loop_alloc(const sj__loop_ops *ops) {
  sj__uv_loop *self = sj__calloc(1, sizeof(*self));
  if (self == NULL) return NULL;
  if (sj__loop_init(&self->loop, ops) == SJ_OK) return self;
  sj__free(self);
  return NULL;
}

static sj_status uv_loop_abandon(sj__uv_loop *self, sj_status status) {
  sj__loop_release(&self->loop);
  sj__free(self);
  return status;
}

/* A peer that leaves must not end the process: libuv writes without MSG_NOSIGNAL. */
static void ignore_broken_pipes(void) {
  struct sigaction action;
  if (sigaction(SIGPIPE, NULL, &action) != 0 || action.sa_handler != SIG_DFL) return;
  action = (struct sigaction){.sa_handler = SIG_IGN};
  sigaction(SIGPIPE, &action, NULL);
}

sj_status sj__loop_new(sj__loop **out) {
  sj__uv_loop *self = uv_loop_alloc(&own_ops);
  if (self == NULL) return SJ_NO_MEMORY;
  int error = uv_loop_init(&self->own);
  if (error != 0) return uv_loop_abandon(self, status_of(error));
  self->uv = &self->own;
  sj_status status = init_handles(self);
  if (status != SJ_OK) {
    SJ__REQUIRE(uv_loop_close(&self->own) == 0);
    return uv_loop_abandon(self, status);
  }
  ignore_broken_pipes();
  *out = &self->loop;
  return SJ_OK;
}

sj_status sj__loop_adopt(struct uv_loop_s *uv, sj__loop **out) {
  sj__uv_loop *self = uv_loop_alloc(&adopted_ops);
  if (self == NULL) return SJ_NO_MEMORY;
  self->uv = uv;
  sj_status status = init_handles(self);
  if (status != SJ_OK) return uv_loop_abandon(self, status);
  *out = &self->loop;
  return SJ_OK;
}
