/* Deferred tasks, tasks at the end of a turn, tasks posted by other threads. */
#include "loop_kit.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/thread.h"

typedef struct note {
  sj__task task;
  sj__loop *loop;
  char mark;
  struct note *then;   /* deferred by this one */
  struct note *at_end; /* left for the end of the turn by this one */
  bool stop;
} note;

static char trace[64];

static void write_down(sj__task *task) {
  note *self = SJ__CONTAINER_OF(task, note, task);
  size_t size = strlen(trace);
  assert_true(size + 1 < sizeof(trace));
  trace[size] = self->mark;
  if (self->then != NULL) sj__loop_defer(self->loop, &self->then->task);
  if (self->at_end != NULL) sj__loop_at_turn_end(self->loop, &self->at_end->task);
  if (self->stop) sj__loop_stop(self->loop);
}

static note make_note(sj__loop *loop, char mark) {
  return (note){.task = {.fn = write_down}, .loop = loop, .mark = mark};
}

static void deferred_tasks_run_in_order_and_never_at_once(void **state) {
  sj__loop *loop = *state;
  memset(trace, 0, sizeof(trace));
  note a = make_note(loop, 'a'), b = make_note(loop, 'b'), c = make_note(loop, 'c');
  a.then = &c;
  sj__loop_defer(loop, &a.task);
  sj__loop_defer(loop, &b.task);
  assert_string_equal(trace, "");
  c.stop = true;
  kit_run(loop);
  assert_string_equal(trace, "abc");
}

static void what_comes_first_at_a_turn_end_still_waits_for_deferred_tasks(void **state) {
  sj__loop *loop = *state;
  memset(trace, 0, sizeof(trace));
  note end = make_note(loop, 'E'), first = make_note(loop, 'F'), a = make_note(loop, 'a');
  sj__loop_at_turn_end(loop, &end.task);
  sj__loop_first_at_turn_end(loop, &first.task);
  sj__loop_defer(loop, &a.task);
  end.stop = true;
  kit_run(loop);
  assert_string_equal(trace, "aFE");
  /* An empty queue is as good. */
  memset(trace, 0, sizeof(trace));
  sj__loop_first_at_turn_end(loop, &first.task);
  sj__loop_at_turn_end(loop, &end.task);
  kit_run(loop);
  assert_string_equal(trace, "FE");
}

static void turn_end_comes_after_all_deferred_tasks(void **state) {
  sj__loop *loop = *state;
  memset(trace, 0, sizeof(trace));
  note end = make_note(loop, 'E'), a = make_note(loop, 'a'), b = make_note(loop, 'b');
  note late = make_note(loop, 'l'), second_end = make_note(loop, 'F');
  sj__loop_at_turn_end(loop, &end.task);
  sj__loop_defer(loop, &a.task);
  a.then = &b;
  end.then = &late;
  b.at_end = &second_end;
  second_end.stop = true;
  kit_run(loop);
  assert_string_equal(trace, "abElF");
}

static void again(sj__task *task) {
  note *self = SJ__CONTAINER_OF(task, note, task);
  if (++self->mark < 5) {
    sj__loop_defer(self->loop, task);
  } else {
    sj__loop_stop(self->loop);
  }
}

static void a_running_task_may_queue_itself(void **state) {
  note self = {.task = {.fn = again}, .loop = *state};
  sj__loop_defer(*state, &self.task);
  kit_run(*state);
  assert_int_equal(self.mark, 5);
}

static void free_self(sj__task *task) {
  note *self = SJ__CONTAINER_OF(task, note, task);
  sj__loop_stop(self->loop);
  sj__free(self);
}

static void a_running_task_may_be_freed(void **state) {
  note *self = sj__calloc(1, sizeof(*self));
  *self = (note){.task = {.fn = free_self}, .loop = *state};
  sj__loop_defer(*state, &self->task);
  kit_run(*state);
}

/* A timer's deferred task must run before the loop waits for the next timer. */
typedef struct step {
  sj__timer timer;
  note note;
} step;

static void defer_note(sj__timer *timer) {
  step *self = SJ__CONTAINER_OF(timer, step, timer);
  sj__loop_defer(self->note.loop, &self->note.task);
}

static void tasks_deferred_by_a_timer_run_before_the_next_wait(void **state) {
  sj__loop *loop = *state;
  memset(trace, 0, sizeof(trace));
  step first = {.note = make_note(loop, 'a')}, second = {.note = make_note(loop, 'b')};
  assert_ok(sj__timer_start(loop, &first.timer, 1, defer_note));
  assert_ok(sj__timer_start(loop, &second.timer, 30, defer_note));
  kit_run_for(loop, 15);
  assert_string_equal(trace, "a");
  second.note.stop = true;
  kit_run(loop);
  assert_string_equal(trace, "ab");
}

static void what_is_deferred_last_still_runs_when_the_loop_stops(void **state) {
  sj__loop *loop = *state;
  memset(trace, 0, sizeof(trace));
  note a = make_note(loop, 'a'), b = make_note(loop, 'b');
  a.stop = true;
  a.then = &b;
  sj__loop_defer(loop, &a.task);
  kit_run(loop);
  assert_string_equal(trace, "ab");
}

/* --- Posting --------------------------------------------------------------- */

#define POSTERS 4
#define POSTS   2000

typedef struct poster poster;

typedef struct post {
  sj__task task;
  poster *poster;
  int number;
} post;

struct poster {
  sj__loop *loop;
  sj__thread thread;
  int seen;
  int *total;
  post posts[POSTS];
};

static void count_post(sj__task *task) {
  post *self = SJ__CONTAINER_OF(task, post, task);
  assert_int_equal(self->number, self->poster->seen);
  self->poster->seen++;
  if (++*self->poster->total == POSTERS * POSTS) sj__loop_stop(self->poster->loop);
}

static void post_all(void *argument) {
  poster *self = argument;
  for (int i = 0; i < POSTS; i++) {
    self->posts[i] = (post){.task = {.fn = count_post}, .poster = self, .number = i};
    sj__loop_post(self->loop, &self->posts[i].task);
  }
}

static void posts_of_many_threads_arrive_once_and_in_order(void **state) {
  poster *posters = sj__calloc(POSTERS, sizeof(poster));
  int total = 0;
  for (int i = 0; i < POSTERS; i++) {
    posters[i].loop = *state;
    posters[i].total = &total;
    assert_ok(sj__thread_start(&posters[i].thread, "poster", post_all, &posters[i]));
  }
  kit_run(*state);
  for (int i = 0; i < POSTERS; i++) {
    sj__thread_join(posters[i].thread);
    assert_int_equal(posters[i].seen, POSTS);
  }
  sj__free(posters);
}

static void post_note(void *argument) {
  note *self = argument;
  sj__loop_post(self->loop, &self->task);
}

static void a_post_wakes_a_waiting_loop(void **state) {
  memset(trace, 0, sizeof(trace));
  for (int i = 0; i < 20; i++) {
    note self = make_note(*state, (char)('a' + i));
    self.stop = true;
    sj__thread thread;
    assert_ok(sj__thread_start(&thread, "poster", post_note, &self));
    kit_run(*state);
    sj__thread_join(thread);
  }
  assert_string_equal(trace, "abcdefghijklmnopqrst");
}

static void posts_from_the_own_thread_arrive_too(void **state) {
  memset(trace, 0, sizeof(trace));
  note a = make_note(*state, 'a'), b = make_note(*state, 'b');
  b.stop = true;
  sj__loop_post(*state, &a.task);
  sj__loop_post(*state, &b.task);
  kit_run(*state);
  assert_string_equal(trace, "ab");
}

/* --- A programmer's errors abort ------------------------------------------- */

static void assert_aborts(void (*fn)(sj__loop *loop), sj__loop *loop) {
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    signal(SIGABRT, SIG_DFL);
    close(2);
    fn(loop);
    _exit(0);
  }
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void queue_twice(sj__loop *loop) {
  note self = make_note(loop, 'a');
  sj__loop_defer(loop, &self.task);
  sj__loop_at_turn_end(loop, &self.task);
}

static void ignore_timer(sj__timer *timer) {}

static void free_with_a_timer(sj__loop *loop) {
  static sj__timer timer;
  if (sj__timer_start(loop, &timer, 1000, ignore_timer) == SJ_OK) sj__loop_free(loop, NULL, NULL);
}

static void ignore_stream(sj__listener *listener, sj__stream *stream) {}

static void free_with_a_listener(sj__loop *loop) {
  const sj__listen_options options = {.address = "127.0.0.1:0"};
  sj__listener *listener;
  if (sj__listener_open(loop, &options, ignore_stream, NULL, &listener, NULL) == SJ_OK) {
    sj__loop_free(loop, NULL, NULL);
  }
}

static void errors_of_the_programmer_abort(void **state) {
  assert_aborts(queue_twice, *state);
  assert_aborts(free_with_a_timer, *state);
  assert_aborts(free_with_a_listener, *state);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      KIT_BOTH(deferred_tasks_run_in_order_and_never_at_once),
      KIT_BOTH(turn_end_comes_after_all_deferred_tasks),
      KIT_BOTH(what_comes_first_at_a_turn_end_still_waits_for_deferred_tasks),
      KIT_BOTH(a_running_task_may_queue_itself),
      KIT_BOTH(a_running_task_may_be_freed),
      KIT_BOTH(tasks_deferred_by_a_timer_run_before_the_next_wait),
      KIT_BOTH(what_is_deferred_last_still_runs_when_the_loop_stops),
      KIT_BOTH(posts_from_the_own_thread_arrive_too),
      KIT_BOTH(errors_of_the_programmer_abort),
      KIT_UV(posts_of_many_threads_arrive_once_and_in_order),
      KIT_UV(a_post_wakes_a_waiting_loop),
  };
  install_failing_allocator();
  return cmocka_run_group_tests_name("unit/loop/tasks", tests, NULL, NULL);
}
