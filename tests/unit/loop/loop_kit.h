/*
 * Runs the same test bodies on both implementations of the loop: a test gets
 * its loop by `*state`, made fresh and freed after it, with every allocation
 * accounted for.
 */
#ifndef SJ_TESTS_LOOP_KIT_H
#define SJ_TESTS_LOOP_KIT_H

#include "../unit.h"

#include "../../kit/failing_allocator.h"
#include "loop/loop.h"
#include "loop/stream.h"

static bool kit_is_simulated;

static inline int kit_setup_uv(void **state) {
  kit_is_simulated = false;
  return sj__loop_new((sj__loop **)state) == SJ_OK ? 0 : -1;
}

static inline int kit_setup_sim(void **state) {
  kit_is_simulated = true;
  return sj__loop_sim_new(42, 1767323045678, (sj__loop **)state) == SJ_OK ? 0 : -1;
}

static inline int kit_teardown(void **state) {
  sj__loop_free(*state, NULL, NULL);
  return live_allocations() == 0 ? 0 : -1;
}

static inline void kit_too_late(sj__timer *timer) {
  fail_msg("nothing has stopped the loop for 20 s");
}

/* Runs until a callback calls sj__loop_stop. */
static inline void kit_run(sj__loop *loop) {
  sj__timer watchdog = {0};
  assert_ok(sj__timer_start(loop, &watchdog, 20000, kit_too_late));
  sj__loop_run(loop);
  sj__timer_stop(loop, &watchdog);
}

/* Lets `delay_ms` pass, and whatever happens meanwhile happen. */
typedef struct kit_pause {
  sj__timer timer;
  sj__loop *loop;
} kit_pause;

static inline void kit_pause_over(sj__timer *timer) {
  sj__loop_stop(SJ__CONTAINER_OF(timer, kit_pause, timer)->loop);
}

static inline void kit_run_for(sj__loop *loop, uint64_t delay_ms) {
  kit_pause pause = {.loop = loop};
  assert_ok(sj__timer_start(loop, &pause.timer, delay_ms, kit_pause_over));
  sj__loop_run(loop);
  sj__timer_stop(loop, &pause.timer);
}

#define KIT_UV(test) \
  { #test " (libuv)", test, kit_setup_uv, kit_teardown, NULL }
#define KIT_SIM(test) \
  { #test " (simulated)", test, kit_setup_sim, kit_teardown, NULL }
#define KIT_BOTH(test) KIT_UV(test), KIT_SIM(test)

#endif
