/* Streams: what is written, read, ended and closed, on both implementations. */
#include "stream_kit.h"

static void echo_on(sj__loop *loop, const char *address) {
  pair self;
  make_pair_on(&self, loop, address);
  self.server.echo = true;
  self.client.expected = 12;
  const sj_slice slices[] = {SJ__SLICE("hello"), SJ__SLICE(""), SJ__SLICE(", world")};
  bool queued = true;
  assert_ok(sj__stream_write(self.client.stream, slices, 3, &queued));
  kit_run(loop);
  assert_slice_text(sj__buffer_slice(&self.client.received), "hello, world");
  assert_slice_text(sj__buffer_slice(&self.server.received), "hello, world");
  drop_pair(&self);
}

static void echoes_over_ipv4(void **state) {
  echo_on(*state, "127.0.0.1:0");
}

static void echoes_over_ipv6(void **state) {
  echo_on(*state, "[::1]:0");
}

static void echoes_over_a_unix_socket(void **state) {
  echo_on(*state, unix_address());
  assert_int_not_equal(access(unix_address() + 5, F_OK), 0);
}

#define SECRETS 1000

/* The buffer that reading fills is one a loop: what a connection has sent must not stay in it. */
static void on_read_beside_secrets(sj__stream *stream, char *data, size_t size) {
  side *self = side_of(stream);
  if (self->received.size >= SECRETS) assert_null(memchr(data + size, 's', SECRETS - size));
  sj__buffer_append(&self->received, data, size);
  if (self->received.size >= self->expected) sj__loop_stop(sj__stream_loop(stream));
}

static void what_was_read_does_not_stay_in_memory(void **state) {
  static const sj__stream_events looking = {on_read_beside_secrets, on_end, on_drained, on_closed};
  char secrets[SECRETS];
  pair self;
  memset(secrets, 's', sizeof secrets);
  make_pair(&self, *state);
  self.server.stream->events = &looking;
  const sj_slice slices[] = {sj__slice(secrets, sizeof secrets), SJ__SLICE("later")};
  for (size_t i = 0; i < SJ__COUNT_OF(slices); i++) {
    self.server.expected += slices[i].size;
    assert_ok(sj__stream_write(self.client.stream, &slices[i], 1, NULL));
    kit_run(self.loop);
  }
  assert_int_equal(self.server.received.size, SECRETS + 5);
  drop_pair(&self);
}

#define LARGE (8u << 20)

static char *make_pattern(size_t size) {
  char *pattern = sj__malloc(size);
  for (size_t i = 0; i < size; i++) pattern[i] = (char)(i * 31 + i / 251);
  return pattern;
}

/* More than any socket buffer takes, in slices of all sizes, while nobody reads. */
static void queued_writes_arrive_whole_and_in_order(void **state) {
  pair self;
  make_pair(&self, *state);
  sj__stream_read_stop(self.server.stream);
  char *pattern = make_pattern(LARGE);
  size_t at = 0;
  bool any_queued = false;
  while (at < LARGE) {
    sj_slice slices[100];
    size_t count = 0;
    for (; count < 100 && at < LARGE; count++) {
      size_t size = (count * 997) % 4099;
      if (size > LARGE - at) size = LARGE - at;
      slices[count] = sj__slice(pattern + at, size);
      at += size;
    }
    bool queued;
    assert_ok(sj__stream_write(self.client.stream, slices, count, &queued));
    any_queued = any_queued || queued;
  }
  assert_true(any_queued);
  assert_in_range(sj__stream_queued(self.client.stream), 1, LARGE);
  assert_int_equal(self.client.drained, 0);
  sj__stream_read_start(self.server.stream);
  self.server.expected = LARGE;
  kit_run(*state);
  kit_run_for(*state, 5);
  assert_int_equal(self.server.received.size, LARGE);
  assert_memory_equal(self.server.received.data, pattern, LARGE);
  assert_int_equal(self.client.drained, 1);
  assert_ok(self.client.drained_status);
  assert_int_equal(sj__stream_queued(self.client.stream), 0);
  sj__free(pattern);
  drop_pair(&self);
}

static void shutdown_comes_after_what_is_queued_and_reading_goes_on(void **state) {
  pair self;
  make_pair(&self, *state);
  char *pattern = make_pattern(LARGE);
  sj_slice all = sj__slice(pattern, LARGE);
  bool queued;
  assert_ok(sj__stream_write(self.client.stream, &all, 1, &queued));
  assert_true(queued);
  sj__stream_shutdown(self.client.stream);
  sj__stream_shutdown(self.client.stream);
  self.server.stop_on_end = true;
  kit_run(*state);
  assert_int_equal(self.server.received.size, LARGE);
  assert_int_equal(self.server.ends, 1);
  assert_int_equal(self.server.end_status, SJ_CLOSED);
  sj_slice answer = SJ__SLICE("still here");
  assert_ok(sj__stream_write(self.server.stream, &answer, 1, NULL));
  self.client.expected = answer.size;
  kit_run(*state);
  assert_slice_text(sj__buffer_slice(&self.client.received), "still here");
  sj__free(pattern);
  drop_pair(&self);
}

static void the_end_is_told_once(void **state) {
  pair self;
  make_pair(&self, *state);
  self.server.stop_on_end = true;
  drop(&self.client);
  kit_run(*state);
  assert_int_equal(self.client.closed, 1);
  assert_int_equal(self.server.ends, 1);
  assert_int_equal(self.server.end_status, SJ_CLOSED);
  sj__stream_read_start(self.server.stream);
  kit_run_for(*state, 5);
  assert_int_equal(self.server.ends, 1);
  drop_pair(&self);
}

static void writing_to_one_who_has_gone_fails_and_harms_nobody(void **state) {
  pair self;
  make_pair(&self, *state);
  drop(&self.client);
  sj_status status = SJ_OK;
  for (int i = 0; i < 50 && status == SJ_OK; i++) {
    sj_slice text = SJ__SLICE("is anybody there?");
    status = sj__stream_write(self.server.stream, &text, 1, NULL);
    kit_run_for(*state, 1);
  }
  assert_int_equal(status, SJ_IO);
  drop_pair(&self);
}

static void closing_drops_what_is_queued_without_a_word(void **state) {
  pair self;
  make_pair(&self, *state);
  sj__stream_read_stop(self.server.stream);
  char *pattern = make_pattern(LARGE);
  sj_slice all = sj__slice(pattern, LARGE);
  bool queued;
  assert_ok(sj__stream_write(self.client.stream, &all, 1, &queued));
  assert_true(queued);
  sj__free(pattern);
  drop(&self.client);
  kit_run_for(*state, 5);
  assert_int_equal(self.client.closed, 1);
  assert_int_equal(self.client.drained, 0);
  assert_int_equal(self.client.ends, 0);
  drop_pair(&self);
}

static void reading_that_is_stopped_brings_nothing(void **state) {
  pair self;
  make_pair(&self, *state);
  sj__stream_read_stop(self.server.stream);
  sj_slice text = SJ__SLICE("later");
  assert_ok(sj__stream_write(self.client.stream, &text, 1, NULL));
  kit_run_for(*state, 10);
  assert_int_equal(self.server.received.size, 0);
  self.server.expected = 5;
  sj__stream_read_start(self.server.stream);
  sj__stream_read_start(self.server.stream);
  kit_run(*state);
  assert_slice_text(sj__buffer_slice(&self.server.received), "later");
  drop_pair(&self);
}

static void peers_are_named(void **state) {
  pair self;
  sj__peer peer;
  make_pair(&self, *state);
  assert_ok(sj__stream_peer(self.server.stream, &peer));
  assert_string_equal(peer.address, "127.0.0.1");
  assert_int_not_equal(peer.port, 0);
  assert_false(peer.is_unix);
  drop_pair(&self);
  make_pair_on(&self, *state, unix_address());
  assert_ok(sj__stream_peer(self.server.stream, &peer));
  assert_string_equal(peer.address, "unix");
  assert_int_equal(peer.port, 0);
  assert_true(peer.is_unix);
  assert_int_equal(peer.uid, geteuid());
  drop_pair(&self);
}

/* --- Closing --------------------------------------------------------------- */

typedef struct closer {
  sj__task task;
  side *side;
  int closed_before;
} closer;

static void look_at_closed(sj__task *task) {
  closer *self = SJ__CONTAINER_OF(task, closer, task);
  self->closed_before = self->side->closed;
}

static void on_closed_comes_after_the_tasks_of_the_turn(void **state) {
  pair self;
  make_pair(&self, *state);
  closer deferred = {{look_at_closed}, &self.client, -1};
  closer at_end = {{look_at_closed}, &self.client, -1};
  sj__loop_at_turn_end(*state, &at_end.task);
  sj__stream_close(self.client.stream);
  sj__loop_defer(*state, &deferred.task);
  self.client.stream = NULL;
  kit_run_for(*state, 2);
  assert_int_equal(deferred.closed_before, 0);
  assert_int_equal(at_end.closed_before, 0);
  assert_int_equal(self.client.closed, 1);
  sj__buffer_release(&self.client.received);
  drop_pair(&self);
}

static void close_at_once(sj__stream *stream, char *data, size_t size) {
  side_of(stream)->stream = NULL;
  sj__stream_close(stream);
  sj__loop_stop(sj__stream_loop(stream));
}

static void a_stream_may_be_closed_by_its_own_read(void **state) {
  static const sj__stream_events closing = {close_at_once, on_end, on_drained, on_closed};
  pair self;
  make_pair(&self, *state);
  self.server.stream->events = &closing;
  sj_slice text = SJ__SLICE("bye");
  assert_ok(sj__stream_write(self.client.stream, &text, 1, NULL));
  kit_run(*state);
  kit_run_for(*state, 2);
  assert_int_equal(self.server.closed, 1);
  assert_int_equal(self.server.ends, 0);
  sj__buffer_release(&self.server.received);
  drop_pair(&self);
}

/* Streams that are still closing when the loop is freed say their farewell first. */
static void freeing_a_loop_waits_for_what_closes(void **state) {
  pair self;
  make_pair(&self, *state);
  drop(&self.server);
  drop(&self.client);
  sj__listener_close(self.listener, on_listener_done, &self);
  assert_int_equal(kit_teardown(state), 0);
  assert_int_equal(self.server.closed, 1);
  assert_int_equal(self.client.closed, 1);
  assert_int_equal(self.listener_done, 1);
  assert_int_equal(kit_is_simulated ? kit_setup_sim(state) : kit_setup_uv(state), 0);
}

static void short_memory_fails_cleanly(void **state) {
  for (long i = 0;; i++) {
    pair self = {.loop = *state};
    const sj__listen_options options = {.address = "127.0.0.1:0"};
    fail_allocations_from(i);
    sj_status status = sj__listener_open(*state, &options, on_accept, &self, &self.listener, NULL);
    bool pending = fail_no_allocations();
    if (status == SJ_OK) {
      drop_pair(&self);
      if (pending) break;
    } else {
      assert_int_equal(status, SJ_NO_MEMORY);
    }
  }
  for (long i = 0; i < 20; i++) {
    pair self = {.loop = *state};
    fail_allocations_from(i);
    sj_status status =
        sj__connect_start(*state, "127.0.0.1:1", 5000, on_connect, &self, &self.attempt);
    bool pending = fail_no_allocations();
    assert_true(status == SJ_OK || status == SJ_NO_MEMORY);
    if (status == SJ_OK) kit_run(*state);
    assert_int_equal(self.connects, status == SJ_OK);
    if (pending) break;
  }
}

/* What can't be kept for later is an error, after which nothing more is written. */
static void a_queue_without_memory_breaks_the_stream(void **state) {
  pair self;
  make_pair(&self, *state);
  sj__stream_read_stop(self.server.stream);
  char *pattern = make_pattern(LARGE);
  sj_slice all = sj__slice(pattern, LARGE);
  bool queued = true;
  fail_allocations_from(0);
  sj_status status = sj__stream_write(self.client.stream, &all, 1, &queued);
  fail_no_allocations();
  assert_int_equal(status, SJ_NO_MEMORY);
  assert_false(queued);
  assert_int_equal(sj__stream_write(self.client.stream, &all, 1, NULL), SJ_IO);
  kit_run_for(*state, 5);
  assert_int_equal(self.client.drained, 0);
  sj__free(pattern);
  drop_pair(&self);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      KIT_BOTH(echoes_over_ipv4),
      KIT_BOTH(echoes_over_ipv6),
      KIT_BOTH(echoes_over_a_unix_socket),
      KIT_UV(what_was_read_does_not_stay_in_memory),
      KIT_BOTH(queued_writes_arrive_whole_and_in_order),
      KIT_BOTH(shutdown_comes_after_what_is_queued_and_reading_goes_on),
      KIT_BOTH(the_end_is_told_once),
      KIT_BOTH(writing_to_one_who_has_gone_fails_and_harms_nobody),
      KIT_BOTH(closing_drops_what_is_queued_without_a_word),
      KIT_BOTH(reading_that_is_stopped_brings_nothing),
      KIT_BOTH(peers_are_named),
      KIT_BOTH(on_closed_comes_after_the_tasks_of_the_turn),
      KIT_BOTH(a_stream_may_be_closed_by_its_own_read),
      KIT_BOTH(freeing_a_loop_waits_for_what_closes),
      KIT_BOTH(short_memory_fails_cleanly),
      KIT_BOTH(a_queue_without_memory_breaks_the_stream),
  };
  install_failing_allocator();
  return cmocka_run_group_tests_name("unit/loop/stream", tests, NULL, NULL);
}
