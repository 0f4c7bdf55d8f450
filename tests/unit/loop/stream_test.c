/* Streams, listeners and attempts to connect, on both implementations. */
#include "loop_kit.h"

#include <stdio.h>
#include <unistd.h>

#include "base/buffer.h"

/* One side of a connection, with what it has seen. */
typedef struct side {
  sj__stream *stream;
  sj__buffer received;
  size_t expected; /* bytes after which the loop is stopped */
  int ends;
  sj_status end_status;
  int drained;
  sj_status drained_status;
  int closed;
  bool echo;
  bool stop_on_end;
  bool stop_on_drained;
} side;

static side *side_of(sj__stream *stream) {
  return stream->data;
}

static void on_read(sj__stream *stream, char *data, size_t size) {
  side *self = side_of(stream);
  sj__buffer_append(&self->received, data, size);
  memset(data, 'x', size); /* it is ours to write upon */
  if (self->echo) {
    sj_slice back = sj__slice(self->received.data + self->received.size - size, size);
    assert_ok(sj__stream_write(stream, &back, 1, NULL));
  }
  if (self->expected > 0 && self->received.size >= self->expected) {
    sj__loop_stop(sj__stream_loop(stream));
  }
}

static void on_end(sj__stream *stream, sj_status why) {
  side *self = side_of(stream);
  self->ends++;
  self->end_status = why;
  if (self->stop_on_end) sj__loop_stop(sj__stream_loop(stream));
}

static void on_drained(sj__stream *stream, sj_status status) {
  side *self = side_of(stream);
  self->drained++;
  self->drained_status = status;
  if (self->stop_on_drained) sj__loop_stop(sj__stream_loop(stream));
}

static void on_closed(sj__stream *stream) {
  side_of(stream)->closed++;
}

static const sj__stream_events events = {on_read, on_end, on_drained, on_closed};

static void attach(side *self, sj__stream *stream) {
  sj__buffer_init(&self->received, 0);
  self->stream = stream;
  stream->events = &events;
  stream->data = self;
  sj__stream_read_start(stream);
}

static void drop(side *self) {
  if (self->stream != NULL) sj__stream_close(self->stream);
  self->stream = NULL;
  sj__buffer_release(&self->received);
}

/* A listener, one accepted side and one connected side. */
typedef struct pair {
  sj__loop *loop;
  sj__listener *listener;
  char address[SJ__ADDRESS_MAX];
  side server, client;
  sj__connect *attempt;
  sj_status connect_status;
  int connects, accepts, listener_done;
} pair;

static void on_accept(sj__listener *listener, sj__stream *stream) {
  pair *self = sj__listener_data(listener);
  self->accepts++;
  if (self->accepts > 1) {
    sj__stream_close(stream);
    return;
  }
  attach(&self->server, stream);
  if (self->connects > 0) sj__loop_stop(self->loop);
}

static void on_connect(void *argument, sj_status status, sj__stream *stream) {
  pair *self = argument;
  self->connects++;
  self->connect_status = status;
  assert_true((status == SJ_OK) == (stream != NULL));
  if (stream != NULL) attach(&self->client, stream);
  if (stream == NULL || self->accepts > 0) sj__loop_stop(self->loop);
}

static void on_listener_done(void *argument) {
  ((pair *)argument)->listener_done++;
}

static void make_pair_on(pair *self, sj__loop *loop, const char *address) {
  *self = (pair){.loop = loop};
  const sj__listen_options options = {.address = address};
  sj_error error;
  assert_ok(sj__listener_open(loop, &options, on_accept, self, &self->listener, &error));
  sj__listener_address(self->listener, self->address);
  assert_ok(sj__connect_start(loop, self->address, 5000, on_connect, self, &self->attempt));
  assert_int_equal(self->connects, 0);
  kit_run(loop);
  assert_ok(self->connect_status);
  assert_int_equal(self->connects, 1);
  assert_int_equal(self->accepts, 1);
}

static void make_pair(pair *self, sj__loop *loop) {
  make_pair_on(self, loop, "127.0.0.1:0");
}

/* Every stream and listener says its farewell once, and not at once. */
static void drop_pair(pair *self) {
  int before = self->server.closed + self->client.closed;
  int server = self->server.closed + (self->server.stream != NULL ? 1 : 0);
  int client = self->client.closed + (self->client.stream != NULL ? 1 : 0);
  drop(&self->server);
  drop(&self->client);
  if (self->listener != NULL) sj__listener_close(self->listener, on_listener_done, self);
  assert_int_equal(self->server.closed + self->client.closed, before);
  assert_int_equal(self->listener_done, 0);
  kit_run_for(self->loop, 1);
  assert_int_equal(self->server.closed, server);
  assert_int_equal(self->client.closed, client);
  assert_int_equal(self->listener_done, self->listener != NULL);
}

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

static const char *unix_address(void) {
  static char address[SJ__ADDRESS_MAX];
  snprintf(address, sizeof(address), "unix:/tmp/sojourn-stream-test-%d.sock", (int)getpid());
  return address;
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

/* --- Connecting ------------------------------------------------------------ */

static void nobody_listening_is_told_later(void **state) {
  pair self = {.loop = *state};
  make_pair(&self, *state);
  char address[SJ__ADDRESS_MAX];
  snprintf(address, sizeof(address), "%s", self.address);
  drop_pair(&self);
  self = (pair){.loop = *state};
  assert_ok(sj__connect_start(*state, address, 5000, on_connect, &self, &self.attempt));
  assert_int_equal(self.connects, 0);
  kit_run(*state);
  assert_int_equal(self.connects, 1);
  assert_int_equal(self.connect_status, SJ_IO);
}

static void no_such_unix_socket_is_told_later(void **state) {
  pair self = {.loop = *state};
  assert_ok(sj__connect_start(*state, "unix:/tmp/sojourn-no-such.sock", 5000, on_connect, &self,
                              &self.attempt));
  kit_run(*state);
  assert_int_equal(self.connect_status, SJ_IO);
}

static void a_cancelled_attempt_still_completes(void **state) {
  pair self = {.loop = *state};
  const sj__listen_options options = {.address = "127.0.0.1:0"};
  assert_ok(sj__listener_open(*state, &options, on_accept, &self, &self.listener, NULL));
  sj__listener_address(self.listener, self.address);
  assert_ok(sj__connect_start(*state, self.address, 5000, on_connect, &self, &self.attempt));
  sj__connect_cancel(self.attempt);
  sj__connect_cancel(self.attempt);
  assert_int_equal(self.connects, 0);
  kit_run(*state);
  assert_int_equal(self.connects, 1);
  assert_int_equal(self.connect_status, SJ_CANCELLED);
  kit_run_for(*state, 5);
  drop_pair(&self);
}

static void names_are_not_addresses(void **state) {
  pair self = {.loop = *state};
  sj_error error;
  const sj__listen_options options = {.address = "localhost:80"};
  assert_int_equal(sj__listener_open(*state, &options, on_accept, &self, &self.listener, &error),
                   SJ_INVALID);
  assert_non_null(strstr(error.message, "localhost:80"));
  assert_int_equal(sj__connect_start(*state, "localhost:80", 1, on_connect, &self, &self.attempt),
                   SJ_INVALID);
}

/* --- Listening ------------------------------------------------------------- */

static void a_listener_in_use_is_busy(void **state) {
  static const char *const addresses[] = {"127.0.0.1:0", NULL};
  for (size_t i = 0; i < 2; i++) {
    pair self;
    make_pair_on(&self, *state, addresses[i] != NULL ? addresses[i] : unix_address());
    const sj__listen_options options = {.address = self.address};
    sj__listener *second;
    sj_error error;
    assert_int_equal(sj__listener_open(*state, &options, on_accept, &self, &second, &error),
                     SJ_BUSY);
    assert_non_null(strstr(error.message, self.address));
    drop_pair(&self);
  }
}

typedef struct caller {
  pair *pair;
  sj__connect *attempt;
  sj__stream *stream;
} caller;

static void caller_connected(void *argument, sj_status status, sj__stream *stream) {
  caller *self = argument;
  assert_ok(status);
  self->stream = stream;
  if (++self->pair->connects == 3) sj__loop_stop(self->pair->loop);
}

static int drained_accepts;
static void accept_and_close(sj__listener *listener, sj__stream *stream) {
  drained_accepts++;
  sj__stream_close(stream);
}

/* Who has connected but was not accepted yet is let in before the listener goes. */
static void closing_lets_in_who_waits(void **state) {
  pair self = {.loop = *state};
  const sj__listen_options options = {.address = "127.0.0.1:0"};
  drained_accepts = 0;
  assert_ok(sj__listener_open(*state, &options, accept_and_close, &self, &self.listener, NULL));
  sj__listener_address(self.listener, self.address);
  caller callers[3] = {{&self}, {&self}, {&self}};
  for (int i = 0; i < 3; i++) {
    assert_ok(sj__connect_start(*state, self.address, 5000, caller_connected, &callers[i],
                                &callers[i].attempt));
  }
  sj__listener_close(self.listener, on_listener_done, &self);
  assert_int_equal(self.listener_done, 0);
  kit_run(*state);
  assert_int_equal(drained_accepts, 3);
  assert_int_equal(self.listener_done, 1);
  for (int i = 0; i < 3; i++) sj__stream_close(callers[i].stream);
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

/* Without memory for its stream a connection is closed, and the next one is accepted. */
static void short_memory_while_accepting_closes_that_connection(void **state) {
  pair self = {.loop = *state};
  const sj__listen_options options = {.address = "127.0.0.1:0"};
  assert_ok(sj__listener_open(*state, &options, on_accept, &self, &self.listener, NULL));
  sj__listener_address(self.listener, self.address);
  self.accepts = 0;
  assert_ok(sj__connect_start(*state, self.address, 5000, on_connect, &self, &self.attempt));
  self.client.stop_on_end = true;
  fail_one_allocation(0);
  kit_run(*state);
  assert_false(fail_no_allocations());
  assert_int_equal(self.accepts, 0);
  assert_int_equal(self.client.ends, 1);
  drop(&self.client);
  self.client = (side){.closed = 1};
  self.connects = 0;
  assert_ok(sj__connect_start(*state, self.address, 5000, on_connect, &self, &self.attempt));
  kit_run(*state);
  assert_int_equal(self.accepts, 1);
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
      KIT_BOTH(nobody_listening_is_told_later),
      KIT_BOTH(no_such_unix_socket_is_told_later),
      KIT_BOTH(a_cancelled_attempt_still_completes),
      KIT_BOTH(names_are_not_addresses),
      KIT_BOTH(a_listener_in_use_is_busy),
      KIT_BOTH(closing_lets_in_who_waits),
      KIT_BOTH(on_closed_comes_after_the_tasks_of_the_turn),
      KIT_BOTH(a_stream_may_be_closed_by_its_own_read),
      KIT_BOTH(freeing_a_loop_waits_for_what_closes),
      KIT_BOTH(short_memory_fails_cleanly),
      KIT_BOTH(a_queue_without_memory_breaks_the_stream),
      KIT_UV(short_memory_while_accepting_closes_that_connection),
  };
  install_failing_allocator();
  return cmocka_run_group_tests_name("unit/loop/stream", tests, NULL, NULL);
}
