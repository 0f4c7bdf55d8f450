/*
 * Out of memory: in every call, the n-th allocation fails, for every n until
 * none is left; once, and from there on. No crash, no leak, no hang, and never
 * a success that isn't one.
 */
#include <stdio.h>

#include "session_test.h"

#include "failing_allocator.h"

typedef struct scenario {
  const char *name;
  sj_status (*start)(site *s, ask *a, const char *credential);
  sj_status wanted; /* with memory enough */
} scenario;

static sj_status start_create(site *s, ask *a, const char *credential) {
  static const sj_create_args args = {.subject = {"ada", 3},
                                      .attributes = {"{\"cart\":[1,2]}", 14},
                                      .amr = {"[\"pwd\"]", 7},
                                      .device = {"phone", 5}};
  return sj_create(s->worker, &a->call, &args);
}

static sj_status start_load(site *s, ask *a, const char *credential) {
  return sj_load(s->worker, &a->call, NULL);
}

static sj_status start_patch(site *s, ask *a, const char *credential) {
  static unsigned n;
  static char text[32];
  snprintf(text, sizeof(text), "{\"n\":%u}", ++n);
  return sj_patch(s->worker, &a->call, sj__slice_text(text), 0);
}

static sj_status start_rotate(site *s, ask *a, const char *credential) {
  static const sj_rotate_args args = {
      .subject = {"ada", 3}, .auth_level = 1, .attributes = {"{\"r\":1}", 7}};
  return sj_rotate(s->worker, &a->call, &args);
}

static sj_status start_end(site *s, ask *a, const char *credential) {
  return sj_end(s->worker, &a->call);
}

static sj_status start_list(site *s, ask *a, const char *credential) {
  return sj_list(s->worker, &a->call, SJ__SLICE("ada"), (sj_slice){NULL, 0}, 5);
}

static sj_status start_end_subject(site *s, ask *a, const char *credential) {
  return sj_end_subject(s->worker, &a->call, SJ__SLICE("ada"), (sj_slice){NULL, 0});
}

static sj_status start_revoke(site *s, ask *a, const char *credential) {
  return sj_revoke(s->worker, &a->call, SJ__SLICE("bob"), (sj_slice){NULL, 0}, 1000);
}

static const scenario scenarios[] = {
    {"create", start_create, SJ_OK},
    {"load", start_load, SJ_OK},
    {"patch", start_patch, SJ_OK},
    {"rotate", start_rotate, SJ_OK},
    {"end", start_end, SJ_OK},
    {"list", start_list, SJ_OK},
    {"end_subject", start_end_subject, SJ_OK},
    {"revoke", start_revoke, SJ_OK},
};

static bool is_honest(sj_status status) {
  return status == SJ_NO_MEMORY || status == SJ_UNAVAILABLE || status == SJ_FULL;
}

/* True: the failure was never reached. */
static bool run_one(site *s, const scenario *each, long skip, bool once) {
  ask a;
  (void)create(s, "eve", NULL);
  (void)create(s, "ada", "{\"a\":1}");
  const char *credential = keep(s->ask.answer.credential);
  ask_init(&a, s);
  ask_present(&a, credential);
  kit_pass(s->kit, 2 * MINUTE_MS); /* so that a load touches */
  if (once) {
    fail_one_allocation(skip);
  } else {
    fail_allocations_from(skip);
  }
  sj_status started = each->start(s, &a, credential);
  for (int i = 0; started == SJ_OK && a.dones == 0 && i < 2000000; i++) kit_step(s->kit);
  bool untouched = fail_no_allocations();
  if (started != SJ_OK) {
    assert_int_equal(started, SJ_NO_MEMORY);
    kit_pass(s->kit, 10);
    assert_int_equal(a.dones, 0);
    return untouched;
  }
  assert_int_equal(a.dones, 1);
  sj_status status = a.answer.status;
  if (status != each->wanted && !is_honest(status)) {
    fail_msg("%s, allocation %ld: %s", each->name, skip, sj_status_code(status));
  }
  /* Said to be done, it is. */
  bool makes = each->start == start_create || each->start == start_patch ||
               each->start == start_rotate || each->start == start_load;
  if (status == SJ_OK && makes) {
    assert_true(a.answer.has_session && a.answer.attributes[0] == '{');
    const char *newest = a.answer.credential[0] != '\0' ? a.answer.credential : credential;
    const answer *again = load(s, keep(newest));
    assert_status(again, SJ_OK);
    assert_string_equal(again->attributes, a.answer.attributes);
  }
  if (status == SJ_OK && (each->start == start_end || each->start == start_end_subject)) {
    assert_status(load(s, credential), SJ_ENDED);
  }
  assert_status(end_subject(s, "ada", NULL), SJ_OK);
  return untouched;
}

static void sweep(const scenario *each, bool once) {
  size_t before = live_allocations();
  kit k;
  site s;
  kit_open(&k, 1, NULL);
  site_open(&s, &k, NULL);
  long skip = 0;
  while (!run_one(&s, each, skip, once)) {
    skip++;
    assert_true(skip < 2000);
  }
  kit_pass(&k, 10000); /* what is left in the background */
  site_close(&s);
  kit_close(&k);
  assert_int_equal(live_allocations(), before);
  print_message("%s: %ld allocations fail\n", each->name, skip);
}

static void test_one_allocation_fails(void **state) {
  for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++) sweep(&scenarios[i], true);
}

static void test_all_fail_from_one_on(void **state) {
  for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++) sweep(&scenarios[i], false);
}

/* Opening and attaching: all or nothing. */
static void test_opening(void **state) {
  bool is_done = false;
  for (long skip = 0; !is_done; skip++) {
    size_t before = live_allocations();
    sj_sessions *sessions = NULL;
    sj_options options;
    site_options(&options);
    fail_one_allocation(skip);
    sj_status status = sj_open(&options, &sessions, NULL);
    is_done = fail_no_allocations();
    if (status == SJ_OK) {
      sj_close(sessions);
    } else {
      assert_int_equal(status, SJ_NO_MEMORY);
    }
    assert_int_equal(live_allocations(), before);
    assert_true(skip < 2000);
  }
}

static void test_attaching(void **state) {
  kit k;
  site s;
  bool is_done = false;
  kit_open(&k, 1, NULL);
  site_open(&s, &k, NULL);
  for (long skip = 0; !is_done; skip++) {
    sj_worker *worker = NULL;
    fail_one_allocation(skip);
    sj_status status = sj__engine_attach(s.sessions, k.loop, &worker);
    is_done = fail_no_allocations();
    if (status != SJ_OK) {
      assert_int_equal(status, SJ_NO_MEMORY);
      continue;
    }
    /* Attached, it answers. */
    sj_worker *first = s.worker;
    s.worker = worker;
    assert_status(create(&s, "ada", NULL), SJ_OK);
    s.worker = first;
    sj_detach(worker, NULL, NULL);
    kit_pass(&k, 3000);
  }
  site_close(&s);
  kit_close(&k);
}

int main(void) {
  install_failing_allocator();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_one_allocation_fails),
      cmocka_unit_test(test_all_fail_from_one_on),
      cmocka_unit_test(test_opening),
      cmocka_unit_test(test_attaching),
  };
  return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
