/* Lines on standard error: at once, or gathered to the turn's end and ahead of its replies. */
#include "../unit.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "../../kit/failing_allocator.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "daemon/log_sink.h"

#define READ_MAX ((size_t)64 << 10)

typedef struct fixture {
  sj__loop *loop;
  sj__task task;
  sj__task replies;
  size_t count;            /* of lines that the task logs */
  bool warns;              /* after them */
  size_t at_once;          /* lines that were out when the task had logged */
  size_t ahead_of_replies; /* and when what waited for the turn's end came */
} fixture;

static int written[2];
static int saved;

static void catch_stderr(void) {
  assert_int_equal(pipe(written), 0);
  assert_true(fcntl(written[0], F_SETFL, O_NONBLOCK) >= 0);
  saved = dup(STDERR_FILENO);
  assert_true(dup2(written[1], STDERR_FILENO) >= 0);
}

static void give_stderr_back(void) {
  assert_true(dup2(saved, STDERR_FILENO) >= 0);
  close(saved);
  close(written[0]);
  close(written[1]);
}

/* The lines that have arrived since; each must be whole. */
static size_t lines_arrived(void) {
  static char text[READ_MAX];
  ssize_t got = read(written[0], text, sizeof(text));
  size_t lines = 0;
  if (got <= 0) return 0;
  assert_true(text[0] == '{' && text[got - 1] == '\n');
  for (ssize_t i = 0; i < got; i++) {
    lines += text[i] == '\n';
    if (text[i] == '\n') assert_true(i + 1 == got || text[i + 1] == '{');
  }
  return lines;
}

static void on_replies(sj__task *task) {
  fixture *self = SJ__CONTAINER_OF(task, fixture, replies);
  self->ahead_of_replies = lines_arrived();
  sj__loop_stop(self->loop);
}

static void log_some(sj__task *task) {
  fixture *self = SJ__CONTAINER_OF(task, fixture, task);
  sj__loop_at_turn_end(self->loop, &self->replies);
  for (size_t i = 0; i < self->count; i++) {
    SJ__LOG(SJ__LOG_INFO, "session", SJ__FIELD_INT("number", i));
  }
  if (self->warns) SJ__LOG(SJ__LOG_WARNING, "a warning");
  self->at_once = lines_arrived();
}

static void run_turn(fixture *self) {
  self->task.fn = log_some;
  self->replies.fn = on_replies;
  assert_ok(sj__loop_new(&self->loop));
  catch_stderr();
  sj__log_gather(self->loop);
  sj__loop_defer(self->loop, &self->task);
  sj__loop_run(self->loop);
  sj__log_gather_end();
  sj__loop_free(self->loop, NULL, NULL);
}

static void lines_of_a_turn_leave_together_ahead_of_its_replies(void **state) {
  fixture self = {.count = 3};
  run_turn(&self);
  give_stderr_back();
  assert_int_equal(self.at_once, 0);
  assert_int_equal(self.ahead_of_replies, 3);
}

static void a_warning_leaves_at_once_with_what_came_before_it(void **state) {
  fixture self = {.count = 2, .warns = true};
  run_turn(&self);
  give_stderr_back();
  assert_int_equal(self.at_once, 3);
  assert_int_equal(self.ahead_of_replies, 0);
}

static void more_than_a_pipe_takes_whole_leaves_in_parts(void **state) {
  fixture self = {.count = 200};
  run_turn(&self);
  give_stderr_back();
  assert_in_range(self.at_once, 1, 199);
  assert_int_equal(self.at_once + self.ahead_of_replies, 200);
}

static void without_a_loop_every_line_leaves_at_once(void **state) {
  static char longest[PIPE_BUF + 1];
  memset(longest, 'x', sizeof(longest) - 1);
  catch_stderr();
  SJ__LOG(SJ__LOG_INFO, "one");
  size_t first = lines_arrived();
  SJ__LOG(SJ__LOG_INFO, "two", SJ__FIELD_CSTR("text", longest));
  size_t second = lines_arrived();
  give_stderr_back();
  assert_int_equal(first, 1);
  assert_int_equal(second, 1);
}

/* Until it takes no more. */
static void fill_stderr(void) {
  int flags = fcntl(written[1], F_GETFL);
  assert_true(fcntl(written[1], F_SETFL, flags | O_NONBLOCK) >= 0);
  while (write(written[1], "{}\n\n", 4) == 4) continue;
  assert_true(fcntl(written[1], F_SETFL, flags) >= 0);
}

static bool arrives(const char *what) {
  static char text[READ_MAX + 1];
  uint64_t end_ms = sj__monotonic_ms() + 10000;
  while (sj__monotonic_ms() < end_ms) {
    struct pollfd readable = {written[0], POLLIN, 0};
    (void)poll(&readable, 1, 100);
    ssize_t got = read(written[0], text, READ_MAX); /* a line comes whole */
    text[got > 0 ? got : 0] = '\0';
    if (strstr(text, what) != NULL) return true;
  }
  return false;
}

static void a_line_lost_for_memory_is_the_only_one(void **state) {
  for (long skip = 0; skip < 4; skip++) {
    catch_stderr();
    fill_stderr();
    fail_allocations_from(skip);
    SJ__LOG(SJ__LOG_INFO, "may be lost");
    (void)fail_no_allocations();
    SJ__LOG(SJ__LOG_INFO, "is queued");
    bool came = arrives("is queued");
    sj__log_finish();
    give_stderr_back();
    assert_true(came);
  }
}

int main(void) {
  install_failing_allocator();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(lines_of_a_turn_leave_together_ahead_of_its_replies),
      cmocka_unit_test(a_warning_leaves_at_once_with_what_came_before_it),
      cmocka_unit_test(more_than_a_pipe_takes_whole_leaves_in_parts),
      cmocka_unit_test(without_a_loop_every_line_leaves_at_once),
      cmocka_unit_test(a_line_lost_for_memory_is_the_only_one),
  };
  sj__log_to_stderr(SJ__LOG_JSON, SJ__LOG_INFO);
  return cmocka_run_group_tests_name("unit/daemon/log_sink", tests, NULL, NULL);
}
