/* Attempts to connect and listeners, on both implementations. */
#include "stream_kit.h"

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
      KIT_BOTH(nobody_listening_is_told_later),
      KIT_BOTH(no_such_unix_socket_is_told_later),
      KIT_BOTH(a_cancelled_attempt_still_completes),
      KIT_BOTH(names_are_not_addresses),
      KIT_BOTH(a_listener_in_use_is_busy),
      KIT_BOTH(closing_lets_in_who_waits),
      KIT_UV(short_memory_while_accepting_closes_that_connection),
  };
  install_failing_allocator();
  return cmocka_run_group_tests_name("unit/loop/connect", tests, NULL, NULL);
}
