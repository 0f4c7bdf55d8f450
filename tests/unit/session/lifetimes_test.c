/* Idle and absolute expiry, touches, and clocks that step (DESIGN.md 2). */
#include "session_test.h"

#include "base/clock.h"

static const answer *create_for(site *s, int64_t idle_ms, int64_t absolute_ms) {
  sj_create_args args = {
      .subject = SJ__SLICE("ada"), .idle_ms = idle_ms, .absolute_ms = absolute_ms};
  ask_init(&s->ask, s);
  return ask_wait(&s->ask, sj_create(s->worker, &s->ask.call, &args));
}

/* The wall clock alone moves: to the very moment. */
static void go_to(fixture *f, int64_t wall_ms) {
  kit_step_wall(&f->kit, wall_ms - sj__wall_ms());
}

static int64_t last_seen(fixture *f, const char *sid) {
  sj__record stored;
  assert_ok(site_stored(&f->site, sid, &stored));
  return stored.last_seen_ms;
}

static void test_idle_has_the_slack_of_a_touch(void **state) {
  fixture *f = *state;
  const answer *a = create(&f->site, "ada", NULL);
  const char *credential = keep(a->credential);
  const char *sid = keep(a->session.sid);
  int64_t end_ms = a->session.last_seen_ms + 31 * MINUTE_MS; /* idle 30 min, touch_every 1 min */
  assert_int_equal(a->session.expires_ms, end_ms);
  go_to(f, end_ms);
  assert_status(load(&f->site, credential), SJ_EXPIRED);
  assert_status(patch(&f->site, credential, "{\"a\":1}"), SJ_EXPIRED);
  assert_status(sign_in(&f->site, credential, "ada"), SJ_EXPIRED);
  assert_status(get_by_sid(&f->site, sid), SJ_NOT_FOUND);
  assert_int_equal(list(&f->site, "ada", NULL, 0)->listed, 0);
  assert_true(site_audited(&f->site, "expired", NULL) >= 3);
  assert_int_equal(site_audited(&f->site, "refused", NULL), 0);
  go_to(f, end_ms - 1);
  assert_status(load(&f->site, credential), SJ_OK);
}

static void test_absolute_is_exact(void **state) {
  fixture *f = *state;
  const answer *a = create_for(&f->site, HOUR_MS, HOUR_MS);
  const char *credential = keep(a->credential);
  int64_t end_ms = a->session.created_ms + HOUR_MS;
  assert_int_equal(a->session.absolute_ms, end_ms);
  assert_int_equal(a->session.expires_ms, end_ms);
  assert_non_null(strstr(a->set_cookie, "Max-Age=3600"));
  go_to(f, end_ms - 1);
  assert_status(load(&f->site, credential), SJ_OK);
  go_to(f, end_ms);
  uint64_t reads = sj__fault_count(f->site.store, SJ__FAULT_NONE);
  assert_status(load(&f->site, credential), SJ_EXPIRED);
  /* It never moves, so a cheap read is enough to know. */
  assert_int_equal(sj__fault_count(f->site.store, SJ__FAULT_NONE), reads + 1);
  assert_status(patch(&f->site, credential, "{\"a\":1}"), SJ_EXPIRED);
}

/* A stale read shows last_seen too low: idle is said by the authority alone. */
static void test_idle_is_a_verdict_of_the_authority(void **state) {
  fixture *f = *state;
  sj__fault_plan plan = {.seed = 1, .keep_previous = true};
  sj__fault_set_plan(f->site.store, &plan);
  const char *credential = keep(create(&f->site, "ada", NULL)->credential);
  kit_pass(&f->kit, 25 * MINUTE_MS);
  assert_status(patch(&f->site, credential, "{\"a\":1}"), SJ_OK);
  kit_pass(&f->kit, 20 * MINUTE_MS);
  site_fault(&f->site, SJ__FAULT_STALE, SJ__FAULT_OP(SJ__GET), 0, 1);
  assert_status(load(&f->site, credential), SJ_OK);
  assert_int_equal(sj__fault_count(f->site.store, SJ__FAULT_STALE), 1);
}

static void test_bad_lifetimes(void **state) {
  fixture *f = *state;
  static const int64_t bad[][2] = {{999, HOUR_MS},
                                   {-1, 0},
                                   {0, -1},
                                   {2 * HOUR_MS, HOUR_MS},
                                   {0, 31 * 24 * HOUR_MS},
                                   {13 * HOUR_MS, 0},
                                   {INT64_MAX, INT64_MAX},
                                   {INT64_MIN, INT64_MIN}};
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    assert_status(create_for(&f->site, bad[i][0], bad[i][1]), SJ_BAD_REQUEST);
  }
  assert_status(create_for(&f->site, 1000, 1000), SJ_OK);
  assert_status(create_for(&f->site, 0, 30 * 24 * HOUR_MS), SJ_OK);
  assert_status(create_for(&f->site, 0, MINUTE_MS), SJ_OK); /* the default idle gives way */
}

/* --- Touches --------------------------------------------------------------------------- */

static void count_touches(fixture *f) {
  for (int i = 0; i < 4; i++) {
    sj__fault_step step = {
        .fault = SJ__FAULT_DELAY, .ops = SJ__FAULT_OP(SJ__TOUCH), .times = 1000, .delay_ms = 1};
    assert_ok(sj__fault_add_step(f->site.store, &step));
  }
}

static void test_at_most_one_touch_a_minute(void **state) {
  fixture *f = *state;
  const answer *a = create(&f->site, "ada", NULL);
  const char *credential = keep(a->credential);
  const char *sid = keep(a->session.sid);
  int64_t begun_ms = sj__wall_ms();
  count_touches(f);
  for (int i = 0; i < 600; i++) {
    assert_status(load(&f->site, credential), SJ_OK);
    kit_pass(&f->kit, 1000);
  }
  uint64_t touches = sj__fault_count(f->site.store, SJ__FAULT_DELAY);
  assert_true(touches >= 8 && touches <= 10);
  assert_true(last_seen(f, sid) >= begun_ms + 9 * MINUTE_MS - 30000);
}

static void test_a_short_idle_is_touched_more_often(void **state) {
  fixture *f = *state;
  const char *credential = keep(create_for(&f->site, 10000, 0)->credential);
  count_touches(f);
  for (int i = 0; i < 100; i++) {
    assert_status(load(&f->site, credential), SJ_OK);
    kit_pass(&f->kit, 100);
  }
  uint64_t touches = sj__fault_count(f->site.store, SJ__FAULT_DELAY);
  assert_true(touches >= 8 && touches <= 10); /* a tenth of idle: a second */
}

static void test_a_touch_delays_no_reply(void **state) {
  fixture *f = *state;
  const char *credential = keep(create(&f->site, "ada", NULL)->credential);
  kit_pass(&f->kit, 2 * MINUTE_MS);
  site_fault(&f->site, SJ__FAULT_HANG, SJ__FAULT_OP(SJ__TOUCH), 0, 1);
  uint64_t begun_ms = sj__loop_now_ms(f->kit.loop);
  assert_status(load(&f->site, credential), SJ_OK);
  assert_true(sj__loop_now_ms(f->kit.loop) - begun_ms <= 1);
}

/* Idle counts from the last use, so a touch that failed isn't left at that for a minute. */
static void test_a_touch_that_failed_is_tried_again(void **state) {
  fixture *f = *state;
  const answer *a = create(&f->site, "ada", NULL);
  const char *credential = keep(a->credential);
  const char *sid = keep(a->session.sid);
  kit_pass(&f->kit, 2 * MINUTE_MS);
  site_fault(&f->site, SJ__FAULT_REFUSE, SJ__FAULT_OP(SJ__TOUCH), 0, 1);
  int64_t now_ms = sj__wall_ms();
  assert_status(load(&f->site, credential), SJ_OK);
  kit_pass(&f->kit, 500);
  assert_status(load(&f->site, credential), SJ_OK); /* but not with every check either */
  kit_pass(&f->kit, 10);
  assert_true(last_seen(f, sid) < now_ms);
  kit_pass(&f->kit, 600);
  assert_status(load(&f->site, credential), SJ_OK);
  kit_pass(&f->kit, 10);
  assert_true(last_seen(f, sid) >= now_ms + 1000);
}

/* --- Clocks that step --------------------------------------------------------------------- */

static void test_a_clock_that_goes_back(void **state) {
  fixture *f = *state;
  const answer *a = create(&f->site, "ada", NULL);
  const char *credential = keep(a->credential);
  const char *sid = keep(a->session.sid);
  int64_t seen_ms = last_seen(f, sid);
  kit_step_wall(&f->kit, -HOUR_MS);
  for (int i = 0; i < 10; i++) {
    assert_status(load(&f->site, credential), SJ_OK);
    assert_status(patch(&f->site, credential, i % 2 == 0 ? "{\"a\":1}" : "{\"a\":2}"), SJ_OK);
    kit_pass(&f->kit, MINUTE_MS);
  }
  assert_int_equal(last_seen(f, sid), seen_ms);
  kit_step_wall(&f->kit, HOUR_MS);
  assert_status(load(&f->site, credential), SJ_OK);
}

/* Ahead by mistake: what looks expired is refused, but not lost when the clock is put right. */
static void test_a_clock_that_leaps_ahead_deletes_nothing(void **state) {
  fixture *f = *state;
  sj__record stored;
  const answer *a = create(&f->site, "ada", NULL);
  const char *credential = keep(a->credential);
  const char *sid = keep(a->session.sid);
  kit_pass(&f->kit, 2000);
  kit_step_wall(&f->kit, 24 * HOUR_MS);
  assert_status(load(&f->site, credential), SJ_EXPIRED);
  kit_pass(&f->kit, 10 * MINUTE_MS);
  kit_step_wall(&f->kit, -24 * HOUR_MS);
  assert_status(load(&f->site, credential), SJ_OK);
  /* A leap that lasts is believed. */
  kit_step_wall(&f->kit, 24 * HOUR_MS);
  kit_pass(&f->kit, 62 * MINUTE_MS);
  assert_int_equal(site_stored(&f->site, sid, &stored), SJ_MISSING);
}

static void test_garbage_is_swept(void **state) {
  fixture *f = *state;
  sj__record stored;
  const answer *a = create(&f->site, "ada", NULL);
  const char *sid = keep(a->session.sid);
  kit_pass(&f->kit, 31 * MINUTE_MS + 50000);
  assert_int_equal(site_stored(&f->site, sid, &stored), SJ_OK);
  kit_pass(&f->kit, 15000);
  assert_int_equal(site_stored(&f->site, sid, &stored), SJ_MISSING);
}

/* The sweeping worker goes: another of the process takes over. */
static void test_another_worker_takes_the_sweeping_over(void **state) {
  fixture *f = *state;
  sj_worker *second;
  sj__record stored;
  assert_ok(sj__engine_attach(f->site.sessions, f->kit.loop, &second));
  kit_pass(&f->kit, 3000);
  sj_detach(f->site.worker, NULL, NULL);
  f->site.worker = second;
  const answer *a = create(&f->site, "ada", NULL);
  const char *sid = keep(a->session.sid);
  kit_pass(&f->kit, 33 * MINUTE_MS);
  assert_int_equal(site_stored(&f->site, sid, &stored), SJ_MISSING);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      CASE(test_idle_has_the_slack_of_a_touch),
      CASE(test_absolute_is_exact),
      CASE(test_idle_is_a_verdict_of_the_authority),
      CASE(test_bad_lifetimes),
      CASE(test_at_most_one_touch_a_minute),
      CASE(test_a_short_idle_is_touched_more_often),
      CASE(test_a_touch_delays_no_reply),
      CASE(test_a_touch_that_failed_is_tried_again),
      CASE(test_a_clock_that_goes_back),
      CASE(test_a_clock_that_leaps_ahead_deletes_nothing),
      CASE(test_garbage_is_swept),
      CASE(test_another_worker_takes_the_sweeping_over),
  };
  return cmocka_run_group_tests_name("lifetimes", tests, NULL, NULL);
}
