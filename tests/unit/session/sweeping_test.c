/* How fast garbage goes, and what that leaves to everybody else. In virtual time. */
#include "session_test.h"

#define BURST  6000
#define STEP   128                      /* records a step removes at most */
#define BEFORE (31 * MINUTE_MS + 45000) /* idle 30 min, the slack of a touch, nearly a minute */
#define DUE    30000

static uint64_t stored(fixture *f) {
  sj__store_health health = {0};
  sj__store_health_get(f->site.memory, &health);
  return health.records;
}

/* A burst of sessions that will soon be garbage together. */
static void burst(fixture *f) {
  for (int i = 0; i < BURST; i++) assert_status(create(&f->site, NULL, NULL), SJ_OK);
  kit_pass(&f->kit, BEFORE);
  assert_int_equal(stored(f), BURST);
}

static void slow_steps(fixture *f, uint32_t took_ms) {
  sj__fault_step step = {.fault = SJ__FAULT_DELAY,
                         .ops = SJ__FAULT_OP(SJ__SWEEP),
                         .times = UINT32_MAX,
                         .delay_ms = took_ms};
  assert_ok(sj__fault_add_step(f->site.store, &step));
}

static void until_it_begins(fixture *f) {
  for (int i = 0; stored(f) == BURST && i < DUE; i++) kit_pass(&f->kit, 1);
  assert_in_range(stored(f), 1, BURST - 1);
}

/* 128 each 5 ms: a hundred thousand take four seconds and one until somebody looks. */
static void test_a_burst_goes_at_once(void **state) {
  fixture *f = *state;
  burst(f);
  until_it_begins(f);
  kit_pass(&f->kit, (BURST / STEP + 1) * 6);
  assert_int_equal(stored(f), 0);
}

/* A step of 20 ms is followed by 80 ms in which the core and the disk are others'. */
static void test_it_rests_in_proportion(void **state) {
  fixture *f = *state;
  burst(f);
  slow_steps(f, 20);
  until_it_begins(f);
  uint64_t before = stored(f);
  kit_pass(&f->kit, 2000);
  assert_in_range(before - stored(f), 18 * STEP, 20 * STEP);
}

/* However slow the steps are, it goes on. */
static void test_a_rest_has_an_end(void **state) {
  fixture *f = *state;
  burst(f);
  slow_steps(f, 200);
  until_it_begins(f);
  uint64_t before = stored(f);
  kit_pass(&f->kit, 3000);
  assert_in_range(before - stored(f), 9 * STEP, 10 * STEP);
}

/* Who is refused for want of room is not kept waiting for a rest. */
static void test_want_of_room_comes_first(void **state) {
  fixture *f = *state;
  burst(f);
  slow_steps(f, 20);
  site_fault(&f->site, SJ__FAULT_FULL, SJ__FAULT_OP(SJ__PUT), 0, 200);
  until_it_begins(f);
  kit_pass(&f->kit, 100); /* the rest that is under way */
  uint64_t before = stored(f);
  for (int i = 0; i < 100; i++) {
    assert_status(create(&f->site, NULL, NULL), SJ_FULL);
    kit_pass(&f->kit, 5);
  }
  assert_in_range(before - stored(f), 18 * STEP, 25 * STEP);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      CASE(test_a_burst_goes_at_once),
      CASE(test_it_rests_in_proportion),
      CASE(test_a_rest_has_an_end),
      CASE(test_want_of_room_comes_first),
  };
  return cmocka_run_group_tests_name("sweeping", tests, NULL, NULL);
}
