/* A connection that one loop accepts and another one, on its own thread, serves. */
#include "loop_kit.h"

#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/thread.h"
#include "loop/address.h"

typedef struct other {
  sj__loop *loop;
  sj__thread thread;
  pthread_t served_by;
  sj__task stop;
  int arrived;
  int closed;
} other;

static void echo(sj__stream *stream, char *data, size_t size) {
  const sj_slice back = sj__slice(data, size);
  assert_ok(sj__stream_write(stream, &back, 1, NULL));
}

static void hang_up(sj__stream *stream, sj_status why) {
  sj__stream_close(stream);
}

static void count_closed(sj__stream *stream) {
  ((other *)stream->data)->closed++;
}

static const sj__stream_events echoing = {echo, hang_up, NULL, count_closed};

static void arrive(void *argument, sj__stream *stream) {
  other *self = argument;
  assert_non_null(stream);
  assert_ptr_equal(sj__stream_loop(stream), self->loop);
  self->served_by = pthread_self();
  self->arrived++;
  stream->events = &echoing;
  stream->data = self;
  sj__stream_read_start(stream);
}

static void run(void *argument) {
  other *self = argument;
  sj__loop_run(self->loop);
}

static void stop(sj__task *task) {
  sj__loop_stop(SJ__CONTAINER_OF(task, other, stop)->loop);
}

static void hand_on(sj__listener *listener, sj__stream *stream) {
  other *self = sj__listener_data(listener);
  sj__peer peer;
  assert_ok(sj__stream_peer(stream, &peer));
  assert_ok(sj__stream_hand_over(stream, self->loop, arrive, self));
  sj__loop_stop(sj__stream_loop(stream)); /* `stream` closes later, and is not ours any more */
}

static int connect_to(const char *text) {
  sj__address address;
  assert_ok(sj__address_parse(text, &address, NULL));
  int fd = socket(address.storage.ss_family, SOCK_STREAM, 0);
  assert_true(fd >= 0);
  assert_int_equal(connect(fd, (struct sockaddr *)&address.storage, address.size), 0);
  return fd;
}

static void check_echo(int fd) {
  char answer[5] = "";
  assert_int_equal(write(fd, "hello", 5), 5);
  assert_int_equal(recv(fd, answer, 5, MSG_WAITALL), 5);
  assert_memory_equal(answer, "hello", 5);
}

static void serve_from_another_thread(sj__loop *loop, const char *address) {
  other self = {.stop = {.fn = stop}};
  sj__listener *listener;
  char bound[SJ__ADDRESS_MAX];
  const sj__listen_options options = {.address = address};
  assert_ok(sj__loop_new(&self.loop));
  assert_ok(sj__thread_start(&self.thread, "other", run, &self));
  assert_ok(sj__listener_open(loop, &options, hand_on, &self, &listener, NULL));
  sj__listener_address(listener, bound);
  for (int i = 0; i < 3; i++) {
    int fd = connect_to(bound);
    kit_run(loop);
    check_echo(fd);
    close(fd);
  }
  sj__listener_close(listener, NULL, NULL);
  kit_run_for(loop, 1);
  sj__loop_post(self.loop, &self.stop);
  sj__thread_join(self.thread);
  kit_run_for(self.loop, 1); /* the last client's end may come after the stop */
  assert_int_equal(self.arrived, 3);
  assert_int_equal(self.closed, 3);
  assert_false(pthread_equal(self.served_by, pthread_self()));
  sj__loop_free(self.loop, NULL, NULL);
}

static void tcp_connections_move(void **state) {
  serve_from_another_thread(*state, "127.0.0.1:0");
}

static void unix_connections_move(void **state) {
  char address[64];
  snprintf(address, sizeof address, "unix:/tmp/sojourn-handover-%d.sock", (int)getpid());
  serve_from_another_thread(*state, address);
}

/* The stream stays the caller's, who closes it. */
static void try_without_memory(sj__listener *listener, sj__stream *stream) {
  sj__loop *loop = sj__stream_loop(stream);
  fail_one_allocation(0);
  assert_int_equal(sj__stream_hand_over(stream, loop, arrive, NULL), SJ_NO_MEMORY);
  assert_false(fail_no_allocations());
  sj__stream_close(stream);
  sj__loop_stop(loop);
}

static void without_memory_nothing_moves(void **state) {
  sj__listener *listener;
  char bound[SJ__ADDRESS_MAX];
  char nothing;
  const sj__listen_options options = {.address = "127.0.0.1:0"};
  assert_ok(sj__listener_open(*state, &options, try_without_memory, NULL, &listener, NULL));
  sj__listener_address(listener, bound);
  int fd = connect_to(bound);
  kit_run(*state);
  sj__listener_close(listener, NULL, NULL);
  kit_run_for(*state, 1);
  assert_int_equal(recv(fd, &nothing, 1, 0), 0);
  close(fd);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      KIT_UV(tcp_connections_move),
      KIT_UV(unix_connections_move),
      KIT_UV(without_memory_nothing_moves),
  };
  install_failing_allocator();
  return cmocka_run_group_tests_name("unit/loop/handover", tests, NULL, NULL);
}
