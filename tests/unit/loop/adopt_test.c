/* A loop that rides on a host's, and what only libuv loops have: signals. */
#include <uv.h>

#include "loop_kit.h"

#include <signal.h>

typedef struct guest {
  uv_loop_t host;
  sj__loop *loop;
  int done;
  int tasks;
  sj__task task;
  sj__timer timer;
  uv_prepare_t prepare;
  uv_timer_t guard;
} guest;

static void on_done(void *argument) {
  ((guest *)argument)->done++;
}

static void leave(guest *self) {
  sj__loop_free(self->loop, on_done, self);
}

static void count_task(sj__task *task) {
  guest *self = SJ__CONTAINER_OF(task, guest, task);
  self->tasks++;
  leave(self);
}

static void start_guest(guest *self) {
  assert_int_equal(uv_loop_init(&self->host), 0);
  assert_ok(sj__loop_adopt(&self->host, &self->loop));
  self->task.fn = count_task;
}

/* The host's loop ends by itself once we have left it: nothing of ours keeps it alive. */
static void end_guest(guest *self) {
  assert_int_equal(uv_run(&self->host, UV_RUN_DEFAULT), 0);
  assert_int_equal(self->done, 1);
  assert_int_equal(uv_loop_close(&self->host), 0);
  assert_int_equal(live_allocations(), 0);
}

static void leaves_nothing_on_the_host(void **state) {
  guest self = {.done = 0};
  start_guest(&self);
  leave(&self);
  assert_int_equal(self.done, 0);
  end_guest(&self);
}

static void runs_what_was_deferred_before_the_host_ran(void **state) {
  guest self = {.done = 0};
  start_guest(&self);
  sj__loop_defer(self.loop, &self.task);
  end_guest(&self);
  assert_int_equal(self.tasks, 1);
}

static void too_late(uv_timer_t *timer) {
  fail_msg("the host's loop was blocked");
}

static void defer_once(uv_prepare_t *prepare) {
  guest *self = prepare->data;
  uv_prepare_stop(prepare);
  uv_close((uv_handle_t *)prepare, NULL);
  uv_close((uv_handle_t *)&self->guard, NULL);
  sj__loop_defer(self->loop, &self->task);
}

/*
 * A prepare hook that runs after ours and defers: the loop must not block then.
 * libuv runs the newest first, so the host's is started before ours.
 */
static void a_later_prepare_hook_may_defer(void **state) {
  guest self = {.done = 0};
  assert_int_equal(uv_loop_init(&self.host), 0);
  uv_prepare_init(&self.host, &self.prepare);
  self.prepare.data = &self;
  uv_prepare_start(&self.prepare, defer_once);
  uv_timer_init(&self.host, &self.guard);
  assert_ok(sj__loop_adopt(&self.host, &self.loop));
  self.task.fn = count_task;
  uv_timer_start(&self.guard, too_late, 10000, 0);
  end_guest(&self);
  assert_int_equal(self.tasks, 1);
}

static void leave_when_due(sj__timer *timer) {
  guest *self = SJ__CONTAINER_OF(timer, guest, timer);
  self->tasks++;
  leave(self);
}

static void start_timer(uv_prepare_t *prepare) {
  guest *self = prepare->data;
  uv_close((uv_handle_t *)prepare, NULL);
  uv_close((uv_handle_t *)&self->guard, NULL);
  assert_ok(sj__timer_start(self->loop, &self->timer, 5, leave_when_due));
}

static void a_later_prepare_hook_may_start_a_timer(void **state) {
  guest self = {.done = 0};
  assert_int_equal(uv_loop_init(&self.host), 0);
  uv_prepare_init(&self.host, &self.prepare);
  self.prepare.data = &self;
  uv_prepare_start(&self.prepare, start_timer);
  uv_timer_init(&self.host, &self.guard);
  assert_ok(sj__loop_adopt(&self.host, &self.loop));
  uv_timer_start(&self.guard, too_late, 10000, 0);
  end_guest(&self);
  assert_int_equal(self.tasks, 1);
}

static void works_with_a_host_that_polls(void **state) {
  guest self = {.done = 0};
  start_guest(&self);
  sj__loop_defer(self.loop, &self.task);
  for (int i = 0; i < 10 && self.done == 0; i++) uv_run(&self.host, UV_RUN_NOWAIT);
  assert_int_equal(self.tasks, 1);
  assert_int_equal(self.done, 1);
  end_guest(&self);
}

static void accept_and_close(sj__listener *listener, sj__stream *stream) {
  sj__stream_close(stream);
}

static void on_connected(void *argument, sj_status status, sj__stream *stream) {
  guest *self = argument;
  assert_ok(status);
  sj__stream_close(stream);
  leave(self);
}

static void leaving_waits_for_what_closes(void **state) {
  guest self = {.done = 0};
  start_guest(&self);
  sj__listener *listener;
  sj__connect *attempt;
  char address[SJ__ADDRESS_MAX];
  const sj__listen_options options = {.address = "127.0.0.1:0"};
  assert_ok(sj__listener_open(self.loop, &options, accept_and_close, &self, &listener, NULL));
  sj__listener_address(listener, address);
  assert_ok(sj__connect_start(self.loop, address, 5000, on_connected, &self, &attempt));
  sj__listener_close(listener, NULL, NULL);
  end_guest(&self);
}

static void short_memory_leaves_the_host_alone(void **state) {
  uv_loop_t host;
  sj__loop *loop;
  assert_int_equal(uv_loop_init(&host), 0);
  fail_allocations_from(0);
  assert_int_equal(sj__loop_adopt(&host, &loop), SJ_NO_MEMORY);
  assert_int_equal(sj__loop_new(&loop), SJ_NO_MEMORY);
  fail_no_allocations();
  assert_int_equal(uv_loop_close(&host), 0);
}

/* --- Signals --------------------------------------------------------------- */

typedef struct listener_to_signals {
  sj__loop *loop;
  int count;
  int signum;
} listener_to_signals;

static void on_signal(void *argument, int signum) {
  listener_to_signals *self = argument;
  self->signum = signum;
  self->count++;
  sj__loop_stop(self->loop);
}

static void signals_arrive_each_time(void **state) {
  listener_to_signals self = {.loop = *state};
  assert_ok(sj__loop_on_signal(*state, SIGUSR1, on_signal, &self));
  assert_ok(sj__loop_on_signal(*state, SIGUSR2, on_signal, &self));
  raise(SIGUSR1);
  kit_run(*state);
  assert_int_equal(self.signum, SIGUSR1);
  raise(SIGUSR2);
  kit_run(*state);
  assert_int_equal(self.signum, SIGUSR2);
  assert_int_equal(self.count, 2);
  assert_int_equal(sj__loop_on_signal(*state, 12345, on_signal, &self), SJ_IO);
  fail_allocations_from(0);
  assert_int_equal(sj__loop_on_signal(*state, SIGHUP, on_signal, &self), SJ_NO_MEMORY);
  fail_no_allocations();
}

static void a_broken_pipe_does_not_kill(void **state) {
  struct sigaction action;
  assert_int_equal(sigaction(SIGPIPE, NULL, &action), 0);
  assert_ptr_equal(action.sa_handler, SIG_IGN);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(leaves_nothing_on_the_host),
      cmocka_unit_test(runs_what_was_deferred_before_the_host_ran),
      cmocka_unit_test(a_later_prepare_hook_may_defer),
      cmocka_unit_test(a_later_prepare_hook_may_start_a_timer),
      cmocka_unit_test(works_with_a_host_that_polls),
      cmocka_unit_test(leaving_waits_for_what_closes),
      cmocka_unit_test(short_memory_leaves_the_host_alone),
      KIT_UV(signals_arrive_each_time),
      KIT_UV(a_broken_pipe_does_not_kill),
  };
  install_failing_allocator();
  return cmocka_run_group_tests_name("unit/loop/adopt", tests, NULL, NULL);
}
