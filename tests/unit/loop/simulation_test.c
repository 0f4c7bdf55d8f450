/* What the simulated loop promises beyond the other: one seed, one run. */
#include "loop_kit.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "base/random.h"
#include "loop/loop_sim.h"

#define WALL_MS INT64_C(1767323045678)

/* A few clients who talk to an echoing server; the outcome is a digest of the run. */
typedef struct world world;

typedef struct client {
  world *world;
  sj__connect *attempt;
  sj__timer timer;
  sj__stream *stream;
  size_t received;
  bool failed;
} client;

enum { CLIENTS = 5, BYTES = 3000 };

struct world {
  sj__loop *loop;
  sj__listener *listener;
  client clients[CLIENTS];
  int left;
};

static void echo(sj__stream *stream, char *data, size_t size) {
  sj_slice back = sj__slice(data, size);
  if (sj__stream_write(stream, &back, 1, NULL) != SJ_OK) sj__stream_read_stop(stream);
}

static void close_at_end(sj__stream *stream, sj_status why) {
  sj__stream_close(stream);
}

static void ignore_drained(sj__stream *stream, sj_status status) {}

static const sj__stream_events server_events = {echo, close_at_end, ignore_drained, NULL};

static void on_accept(sj__listener *listener, sj__stream *stream) {
  stream->events = &server_events;
  sj__stream_read_start(stream);
}

static void finish(client *self) {
  world *all = self->world;
  sj__timer_stop(all->loop, &self->timer);
  sj__stream_close(self->stream);
  if (--all->left == 0) sj__listener_close(all->listener, NULL, NULL);
}

static void client_read(sj__stream *stream, char *data, size_t size) {
  client *self = stream->data;
  self->received += size;
  if (self->received == BYTES) finish(self);
}

static void client_end(sj__stream *stream, sj_status why) {
  client *self = stream->data;
  self->failed = why == SJ_IO;
  finish(self);
}

static void client_late(sj__timer *timer) {
  client *self = SJ__CONTAINER_OF(timer, client, timer);
  self->failed = true;
  finish(self);
}

static const sj__stream_events client_events = {client_read, client_end, ignore_drained, NULL};

static void on_connect(void *argument, sj_status status, sj__stream *stream) {
  client *self = argument;
  static char bytes[BYTES];
  assert_ok(status);
  self->stream = stream;
  stream->events = &client_events;
  stream->data = self;
  assert_ok(sj__timer_start(self->world->loop, &self->timer, 2000, client_late));
  sj__stream_read_start(stream);
  sj_slice all = sj__slice(bytes, sizeof(bytes));
  assert_ok(sj__stream_write(stream, &all, 1, NULL));
}

typedef struct outcome {
  uint64_t trace;
  int failed;
  size_t received;
  uint64_t took_ms;
} outcome;

static outcome live(uint64_t seed, unsigned resets_per_million) {
  world self = {.left = CLIENTS};
  assert_ok(sj__loop_sim_new(seed, WALL_MS, &self.loop));
  sj__sim_faults faults;
  sj__sim_faults_init(&faults);
  faults.window = 700;
  faults.resets_per_million = resets_per_million;
  sj__sim_set_faults(self.loop, &faults);
  const sj__listen_options options = {.address = "127.0.0.1:80"};
  assert_ok(sj__listener_open(self.loop, &options, on_accept, &self, &self.listener, NULL));
  for (int i = 0; i < CLIENTS; i++) {
    self.clients[i].world = &self;
    assert_ok(sj__connect_start(self.loop, "127.0.0.1:80", 1000, on_connect, &self.clients[i],
                                &self.clients[i].attempt));
  }
  uint64_t start_ms = sj__loop_now_ms(self.loop);
  while (sj__loop_sim_step(self.loop)) continue;
  outcome out = {.trace = sj__sim_trace(self.loop),
                 .took_ms = sj__loop_now_ms(self.loop) - start_ms};
  for (int i = 0; i < CLIENTS; i++) {
    out.received += self.clients[i].received;
    out.failed += self.clients[i].failed;
  }
  sj__loop_free(self.loop, NULL, NULL);
  assert_int_equal(live_allocations(), 0);
  return out;
}

static void the_same_seed_gives_the_same_run(void **state) {
  for (uint64_t seed = 1; seed <= 20; seed++) {
    outcome first = live(seed, 0), second = live(seed, 0), other = live(seed + 100, 0);
    assert_true(first.trace == second.trace);
    assert_true(first.trace != other.trace);
    assert_int_equal(first.failed, 0);
    assert_int_equal(first.received, CLIENTS * BYTES);
  }
}

static void connections_break_as_often_as_asked(void **state) {
  int failed = 0, whole = 0;
  for (uint64_t seed = 1; seed <= 40; seed++) {
    outcome out = live(seed, 10000);
    assert_true(out.trace == live(seed, 10000).trace);
    failed += out.failed;
    whole += CLIENTS - out.failed;
  }
  assert_true(failed > 20);
  assert_true(whole > 20);
}

static void hour_passed(sj__timer *timer) {}

static void time_is_virtual(void **state) {
  sj__loop *loop = *state;
  assert_int_equal(sj__wall_ms(), WALL_MS);
  sj__timer timer = {0};
  uint64_t start_ms = sj__monotonic_ms();
  assert_ok(sj__timer_start(loop, &timer, 3600000, hour_passed));
  assert_true(sj__loop_sim_step(loop));
  assert_int_equal(sj__monotonic_ms() - start_ms, 3600000);
  assert_int_equal(sj__loop_now_ms(loop), sj__monotonic_ms());
  assert_int_equal(sj__wall_ms(), WALL_MS + 3600000);
  sj__loop_sim_step_wall(loop, -7200000);
  assert_int_equal(sj__wall_ms(), WALL_MS - 3600000);
  assert_int_equal(sj__monotonic_ms() - start_ms, 3600000);
  assert_false(sj__loop_sim_step(loop));
}

static void the_real_clock_returns_afterwards(void **state) {
  sj__loop *loop;
  assert_ok(sj__loop_sim_new(1, 0, &loop));
  assert_true(sj__wall_ms() < 1000);
  sj__loop_free(loop, NULL, NULL);
  assert_true(sj__wall_ms() > INT64_C(1700000000000));
}

static void randomness_can_follow_the_seed(void **state) {
  uint8_t drawn[2][64];
  for (int i = 0; i < 2; i++) {
    sj__loop *loop;
    assert_ok(sj__loop_sim_new(9, 0, &loop));
    sj__random_install(sj__sim_random, loop);
    assert_ok(sj__random(drawn[i], sizeof(drawn[i])));
    sj__random_install(NULL, NULL);
    sj__loop_free(loop, NULL, NULL);
  }
  assert_memory_equal(drawn[0], drawn[1], sizeof(drawn[0]));
}

static void signals_are_not_simulated(void **state) {
  assert_int_equal(sj__loop_on_signal(*state, 15, NULL, NULL), SJ_UNSUPPORTED);
}

typedef struct breaking {
  sj__loop *loop;
  sj__stream *sides[2];
  int ends, drained;
} breaking;

static void breaking_end(sj__stream *stream, sj_status why) {
  assert_int_equal(why, SJ_IO);
  ((breaking *)stream->data)->ends++;
}

static void breaking_drained(sj__stream *stream, sj_status status) {
  assert_int_equal(status, SJ_IO);
  ((breaking *)stream->data)->drained++;
}

static const sj__stream_events breaking_events = {NULL, breaking_end, breaking_drained, NULL};

static void keep(breaking *self, int side, sj__stream *stream) {
  self->sides[side] = stream;
  stream->events = &breaking_events;
  stream->data = self;
}

static void breaking_accept(sj__listener *listener, sj__stream *stream) {
  keep(sj__listener_data(listener), 0, stream);
}

static void breaking_connect(void *argument, sj_status status, sj__stream *stream) {
  keep(argument, 1, stream);
}

static void a_reset_is_seen_by_both_sides_and_loses_what_waits(void **state) {
  breaking self = {.loop = *state};
  sj__listener *listener;
  sj__connect *attempt;
  const sj__listen_options options = {.address = "unix:/s"};
  static char bytes[200000];
  assert_ok(sj__listener_open(*state, &options, breaking_accept, &self, &listener, NULL));
  assert_ok(sj__connect_start(*state, "unix:/s", 1000, breaking_connect, &self, &attempt));
  while (sj__loop_sim_step(*state)) continue;
  sj_slice all = sj__slice(bytes, sizeof(bytes));
  bool queued;
  assert_ok(sj__stream_write(self.sides[1], &all, 1, &queued));
  assert_true(queued);
  sj__sim_reset(self.sides[0]);
  for (int i = 0; i < 2; i++) sj__stream_read_start(self.sides[i]);
  while (sj__loop_sim_step(*state)) continue;
  assert_int_equal(self.ends, 2);
  assert_int_equal(self.drained, 1);
  for (int i = 0; i < 2; i++) {
    assert_int_equal(sj__stream_write(self.sides[i], &all, 1, NULL), SJ_IO);
    sj__stream_close(self.sides[i]);
  }
  sj__listener_close(listener, NULL, NULL);
}

static void too_late_connect(void *argument, sj_status status, sj__stream *stream) {
  *(sj_status *)argument = status;
  assert_null(stream);
}

static void an_attempt_that_takes_too_long_is_given_up(void **state) {
  sj__sim_faults faults;
  sj__sim_faults_init(&faults);
  faults.delay_min_us = 50000;
  faults.delay_max_us = 60000;
  sj__sim_set_faults(*state, &faults);
  sj__listener *listener;
  sj__connect *attempt;
  const sj__listen_options options = {.address = "127.0.0.1:80"};
  sj_status status = SJ_OK;
  assert_ok(sj__listener_open(*state, &options, on_accept, NULL, &listener, NULL));
  assert_ok(sj__connect_start(*state, "127.0.0.1:80", 10, too_late_connect, &status, &attempt));
  uint64_t start_ms = sj__loop_now_ms(*state);
  while (status == SJ_OK) assert_true(sj__loop_sim_step(*state));
  assert_int_equal(status, SJ_TIMED_OUT);
  assert_in_range(sj__loop_now_ms(*state) - start_ms, 10, 11);
  while (sj__loop_sim_step(*state)) continue;
  sj__listener_close(listener, NULL, NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_same_seed_gives_the_same_run),
      cmocka_unit_test(connections_break_as_often_as_asked),
      KIT_SIM(time_is_virtual),
      cmocka_unit_test(the_real_clock_returns_afterwards),
      cmocka_unit_test(randomness_can_follow_the_seed),
      KIT_SIM(an_attempt_that_takes_too_long_is_given_up),
      KIT_SIM(signals_are_not_simulated),
      KIT_SIM(a_reset_is_seen_by_both_sides_and_loses_what_waits),
  };
  install_failing_allocator();
  return cmocka_run_group_tests_name("unit/loop/simulation", tests, NULL, NULL);
}
