#include "loop_kit.h"

#include "base/clock.h"

static int fired[4096];
static int fired_count;

typedef struct alarm {
  sj__timer timer;
  sj__loop *loop;
  int id;
  uint64_t delay_ms;
  bool stop;
  struct alarm *stops; /* stopped by this one */
} alarm;

static void write_down(sj__timer *timer) {
  alarm *self = SJ__CONTAINER_OF(timer, alarm, timer);
  assert_false(sj__timer_is_running(timer));
  assert_true(sj__loop_now_ms(self->loop) >= timer->due_ms);
  fired[fired_count++] = self->id;
  if (self->stops != NULL) sj__timer_stop(self->loop, &self->stops->timer);
  if (self->stop) sj__loop_stop(self->loop);
}

static void start(sj__loop *loop, alarm *self, int id, uint64_t delay_ms) {
  self->loop = loop;
  self->id = id;
  self->delay_ms = delay_ms;
  assert_ok(sj__timer_start(loop, &self->timer, delay_ms, write_down));
}

static int setup_fired(sj__loop *loop) {
  fired_count = 0;
  return 0;
}

static void fire_by_moment_then_by_order_of_starting(void **state) {
  setup_fired(*state);
  alarm alarms[6] = {0};
  static const uint64_t delays[] = {20, 5, 20, 0, 5, 40};
  for (int i = 0; i < 6; i++) start(*state, &alarms[i], i, delays[i]);
  alarms[5].stop = true;
  assert_int_equal(fired_count, 0);
  uint64_t started_ns = sj__monotonic_ns();
  kit_run(*state);
  static const int expected[] = {3, 1, 4, 0, 2, 5};
  assert_int_equal(fired_count, 6);
  assert_memory_equal(fired, expected, sizeof(expected));
  assert_true(sj__monotonic_ns() - started_ns >= 38000000);
}

static void a_stopped_timer_never_fires_even_when_due(void **state) {
  setup_fired(*state);
  alarm first = {0}, second = {0}, third = {0};
  start(*state, &first, 1, 1);
  start(*state, &second, 2, 1);
  start(*state, &third, 3, 1);
  first.stops = &second;
  third.stop = true;
  kit_run(*state);
  assert_int_equal(fired_count, 2);
  assert_int_equal(fired[1], 3);
  sj__timer_stop(*state, &second.timer);
}

static void starting_again_moves_a_timer(void **state) {
  setup_fired(*state);
  alarm later = {0}, sooner = {0}, fixed = {0};
  start(*state, &later, 1, 5);
  start(*state, &sooner, 2, 60000);
  start(*state, &fixed, 3, 15);
  start(*state, &later, 1, 10000);
  start(*state, &later, 1, 30);
  start(*state, &sooner, 2, 2);
  later.stop = true;
  kit_run(*state);
  static const int expected[] = {2, 3, 1};
  assert_int_equal(fired_count, 3);
  assert_memory_equal(fired, expected, sizeof(expected));
}

/* Moved to the very moment of another that was started before it: fires after it. */
static void moving_counts_as_starting_for_the_order(void **state) {
  setup_fired(*state);
  alarm moved = {0}, other = {0};
  start(*state, &moved, 1, 1);
  start(*state, &other, 2, 10);
  start(*state, &moved, 1, 10);
  moved.stop = true;
  kit_run(*state);
  assert_int_equal(fired[0], 2);
  assert_int_equal(fired[1], 1);
}

static void tick(sj__timer *timer) {
  alarm *self = SJ__CONTAINER_OF(timer, alarm, timer);
  if (++self->id == 50) {
    sj__loop_stop(self->loop);
  } else {
    assert_ok(sj__timer_start(self->loop, timer, 0, tick));
  }
}

static void a_timer_of_no_delay_does_not_starve_the_others(void **state) {
  setup_fired(*state);
  alarm busy = {.loop = *state}, other = {0};
  assert_ok(sj__timer_start(*state, &busy.timer, 0, tick));
  start(*state, &other, 7, 0);
  kit_run(*state);
  assert_int_equal(busy.id, 50);
  assert_int_equal(fired_count, 1);
}

static void a_timer_may_be_freed_once_stopped(void **state) {
  alarm *self = sj__calloc(1, sizeof(*self));
  start(*state, self, 1, 1);
  sj__timer_stop(*state, &self->timer);
  sj__free(self);
  kit_run_for(*state, 5);
}

static uint64_t draw(uint64_t *seed) {
  *seed = *seed * 6364136223846793005u + 1442695040888963407u;
  return *seed >> 33;
}

/* Starts, moves and stops at random; what is left must fire in order of moment and start. */
static void many_timers_fire_in_order(void **state) {
  enum { COUNT = 1000, STEPS = 20000 };
  setup_fired(*state);
  alarm *alarms = sj__calloc(COUNT, sizeof(alarm));
  uint64_t seed = 7;
  for (int i = 0; i < STEPS; i++) {
    int id = (int)(draw(&seed) % COUNT);
    if (draw(&seed) % 3 == 0) {
      sj__timer_stop(*state, &alarms[id].timer);
    } else {
      start(*state, &alarms[id], id, draw(&seed) % 50);
    }
  }
  int running = 0;
  for (int i = 0; i < COUNT; i++) running += sj__timer_is_running(&alarms[i].timer) ? 1 : 0;
  assert_in_range(running, COUNT / 2, COUNT);
  kit_run_for(*state, 80);
  assert_int_equal(fired_count, running);
  for (int i = 1; i < fired_count; i++) {
    const sj__timer *before = &alarms[fired[i - 1]].timer, *after = &alarms[fired[i]].timer;
    assert_true(before->due_ms < after->due_ms ||
                (before->due_ms == after->due_ms && before->order < after->order));
  }
  sj__free(alarms);
}

static void far_away_moments_do_not_wrap(void **state) {
  setup_fired(*state);
  alarm far = {0};
  start(*state, &far, 1, UINT64_MAX);
  kit_run_for(*state, 5);
  assert_int_equal(fired_count, 0);
  assert_true(sj__timer_is_running(&far.timer));
  sj__timer_stop(*state, &far.timer);
}

static void without_memory_a_start_fails_and_a_move_does_not(void **state) {
  enum { COUNT = 65 };
  alarm alarms[COUNT] = {{.id = 0}};
  for (int i = 0; i < COUNT - 1; i++) start(*state, &alarms[i], i, 1000);
  fail_allocations_from(0);
  sj_status status = sj__timer_start(*state, &alarms[COUNT - 1].timer, 1, write_down);
  sj_status moved = sj__timer_start(*state, &alarms[0].timer, 2000, write_down);
  fail_no_allocations();
  assert_int_equal(status, SJ_NO_MEMORY);
  assert_false(sj__timer_is_running(&alarms[COUNT - 1].timer));
  assert_ok(moved);
  for (int i = 0; i < COUNT; i++) sj__timer_stop(*state, &alarms[i].timer);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      KIT_BOTH(fire_by_moment_then_by_order_of_starting),
      KIT_BOTH(a_stopped_timer_never_fires_even_when_due),
      KIT_BOTH(starting_again_moves_a_timer),
      KIT_BOTH(moving_counts_as_starting_for_the_order),
      KIT_BOTH(a_timer_of_no_delay_does_not_starve_the_others),
      KIT_BOTH(a_timer_may_be_freed_once_stopped),
      KIT_BOTH(many_timers_fire_in_order),
      KIT_BOTH(far_away_moments_do_not_wrap),
      KIT_BOTH(without_memory_a_start_fails_and_a_move_does_not),
  };
  install_failing_allocator();
  return cmocka_run_group_tests_name("unit/loop/timers", tests, NULL, NULL);
}
