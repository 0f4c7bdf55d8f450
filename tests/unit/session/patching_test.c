/* Merge patches: what commits, what doesn't, and against which version it is judged. */
#include "session_test.h"

#include <stdio.h>

static void test_a_patch_that_changes_nothing_commits_nothing(void **state) {
  fixture *f = *state;
  const char *credential = keep(create(&f->site, "ada", "{\"a\":1,\"b\":{\"c\":2}}")->credential);
  static const char *const patches[] = {"{}", "{\"a\":1}", "{\"none\":null}", "{\"b\":{\"c\":2}}",
                                        "{\"b\":{}}"};
  for (size_t i = 0; i < sizeof(patches) / sizeof(patches[0]); i++) {
    const answer *a = patch(&f->site, credential, patches[i]);
    assert_status(a, SJ_OK);
    assert_int_equal(a->session.version, 1);
    assert_false(a->newer);
    assert_string_equal(a->credential, "");
  }
}

static void test_every_change_is_a_version(void **state) {
  fixture *f = *state;
  const char *credential = keep(create(&f->site, "ada", NULL)->credential);
  for (uint64_t version = 2; version < 12; version++) {
    char text[32];
    snprintf(text, sizeof(text), "{\"n\":%d}", (int)version);
    const answer *a = patch(&f->site, credential, text);
    assert_status(a, SJ_OK);
    assert_int_equal(a->session.version, version);
    assert_true(a->newer);
  }
}

/*
 * A cheap read may be old (a replica's, a cache's). A patch that would change
 * nothing there must not be taken for done: the authority has something else.
 */
static void test_nothing_to_do_is_judged_by_the_authority(void **state) {
  fixture *f = *state;
  sj__fault_plan plan = {.seed = 1, .keep_previous = true};
  sj__fault_set_plan(f->site.store, &plan);
  const char *first = keep(create(&f->site, "ada", "{\"a\":1}")->credential);
  assert_status(patch(&f->site, first, "{\"a\":2}"), SJ_OK);
  site_fault(&f->site, SJ__FAULT_STALE, SJ__FAULT_OP(SJ__GET), 0, 1);
  const answer *a = patch(&f->site, first, "{\"a\":1}");
  assert_status(a, SJ_OK);
  assert_int_equal(sj__fault_count(f->site.store, SJ__FAULT_STALE), 1);
  assert_int_equal(a->session.version, 3);
  assert_string_equal(a->attributes, "{\"a\":1}");
}

static void test_if_version_is_judged_by_the_authority(void **state) {
  fixture *f = *state;
  sj__fault_plan plan = {.seed = 1, .keep_previous = true};
  sj_rotate_args args = {.auth_level = -1, .if_version = 3};
  sj__fault_set_plan(f->site.store, &plan);
  const char *first = keep(create(&f->site, "ada", "{\"a\":1}")->credential);
  assert_status(patch(&f->site, first, "{\"a\":2}"), SJ_OK);
  site_fault(&f->site, SJ__FAULT_STALE, SJ__FAULT_OP(SJ__GET), 0, 1);
  assert_status(patch_if(&f->site, first, "{\"a\":3}", 2), SJ_OK);
  site_fault(&f->site, SJ__FAULT_STALE, SJ__FAULT_OP(SJ__GET), 0, 1);
  assert_status(rotate(&f->site, first, &args), SJ_OK);
  assert_int_equal(sj__fault_count(f->site.store, SJ__FAULT_STALE), 2);
}

static void test_if_version(void **state) {
  fixture *f = *state;
  const char *first = keep(create(&f->site, "ada", NULL)->credential);
  assert_status(patch_if(&f->site, first, "{\"a\":1}", 2), SJ_VERSION_MISMATCH);
  assert_non_null(strstr(f->site.ask.answer.detail, "version 1"));
  assert_status(patch_if(&f->site, first, "{\"a\":1}", 1), SJ_OK);
  assert_status(patch_if(&f->site, first, "{\"a\":2}", 1), SJ_VERSION_MISMATCH);
}

static void test_bad_patches_change_nothing(void **state) {
  fixture *f = *state;
  const char *credential = keep(create(&f->site, "ada", "{\"a\":1}")->credential);
  static const char *const bad[] = {
      "", "[]", "1", "null", "{\"a\":1,\"a\":2}", "{a}", "{\"a\":\"\xff\"}", "{\"a\":1} x"};
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    const answer *a = patch(&f->site, credential, bad[i]);
    assert_status(a, SJ_BAD_REQUEST);
    assert_true(strlen(a->detail) > 0);
  }
  const answer *a = load(&f->site, credential);
  assert_int_equal(a->session.version, 1);
  assert_string_equal(a->attributes, "{\"a\":1}");
}

/* --- Contention --------------------------------------------------------------------- */

#define WRITERS 16

static void test_all_writers_at_once_land(void **state) {
  fixture *f = *state;
  static ask asks[WRITERS];
  char texts[WRITERS][32];
  const char *credential = keep(create(&f->site, "ada", NULL)->credential);
  for (int i = 0; i < WRITERS; i++) {
    snprintf(texts[i], sizeof(texts[i]), "{\"w%d\":%d}", i, i);
    ask_init(&asks[i], &f->site);
    ask_present(&asks[i], credential);
    assert_ok(sj_patch(f->site.worker, &asks[i].call, sj__slice_text(texts[i]), 0));
  }
  bool versions[WRITERS + 2] = {false};
  for (int i = 0; i < WRITERS; i++) {
    assert_status(ask_wait(&asks[i], SJ_OK), SJ_OK);
    uint64_t version = asks[i].answer.session.version;
    assert_true(version >= 2 && version < WRITERS + 2 && !versions[version]);
    versions[version] = true;
  }
  const answer *a = load(&f->site, credential);
  for (int i = 0; i < WRITERS; i++) {
    char wanted[32];
    snprintf(wanted, sizeof(wanted), "\"w%d\":%d", i, i);
    assert_non_null(strstr(a->attributes, wanted));
  }
}

/* Somebody else writes between every read and put of ours: bounded tries, then contended. */
static void test_tries_are_bounded(void **state) {
  fixture *f = *state;
  site other;
  static ask rivals[200];
  static char texts[200][24];
  sj_options options;
  site_options(&options);
  options.timeout_ms = 60000;
  site_open_beside(&other, &f->site, &options);
  const char *credential = keep(create(&f->site, "ada", NULL)->credential);
  ask a;
  ask_init(&a, &other);
  ask_present(&a, credential);
  /* Every put of the one is held back, and meets a version that a rival made meanwhile. */
  sj__fault_plan slow = {.seed = 3, .delay_ms = 1, .ops = SJ__FAULT_OP(SJ__PUT)};
  slow.per_mille[SJ__FAULT_DELAY] = 0;
  sj__fault_set_plan(f->site.store, &slow);
  sj__fault_step step = {.fault = SJ__FAULT_DELAY, .ops = SJ__FAULT_OP(SJ__PUT), .delay_ms = 3};
  assert_ok(sj_patch(other.worker, &a.call, SJ__SLICE("{\"slow\":1}"), 0));
  size_t count = 0;
  while (a.dones == 0 && count < 200) {
    step.times = 1;
    assert_ok(sj__fault_add_step(f->site.store, &step));
    uint64_t delayed = sj__fault_count(f->site.store, SJ__FAULT_DELAY);
    while (a.dones == 0 && sj__fault_count(f->site.store, SJ__FAULT_DELAY) == delayed) {
      kit_step(&f->kit);
    }
    if (a.dones > 0) break;
    snprintf(texts[count], sizeof(texts[count]), "{\"r\":%zu}", count);
    ask_init(&rivals[count], &f->site);
    ask_present(&rivals[count], credential);
    assert_status(ask_wait(&rivals[count], sj_patch(f->site.worker, &rivals[count].call,
                                                    sj__slice_text(texts[count]), 0)),
                  SJ_OK);
    count++;
  }
  assert_status(&a.answer, SJ_CONTENDED);
  assert_int_equal(count, 64);
  site_no_faults(&f->site);
  assert_null(strstr(load(&f->site, credential)->attributes, "slow"));
  site_close(&other);
}

/* The deadline comes while it backs off: nothing of it was applied, and it says so. */
static void test_contended_until_the_deadline(void **state) {
  fixture *f = *state;
  site other;
  sj_options options;
  site_options(&options);
  options.timeout_ms = 60;
  site_open_beside(&other, &f->site, &options);
  const char *credential = keep(create(&f->site, "ada", NULL)->credential);
  ask a;
  ask_init(&a, &other);
  ask_present(&a, credential);
  assert_ok(sj_patch(other.worker, &a.call, SJ__SLICE("{\"slow\":1}"), 0));
  for (int i = 0; a.dones == 0 && i < 1000; i++) {
    sj__fault_step step = {
        .fault = SJ__FAULT_DELAY, .ops = SJ__FAULT_OP(SJ__PUT), .times = 1, .delay_ms = 4};
    assert_ok(sj__fault_add_step(f->site.store, &step));
    uint64_t delayed = sj__fault_count(f->site.store, SJ__FAULT_DELAY);
    while (a.dones == 0 && sj__fault_count(f->site.store, SJ__FAULT_DELAY) == delayed) {
      kit_step(&f->kit);
    }
    if (a.dones > 0) break;
    char text[24];
    snprintf(text, sizeof(text), "{\"r\":%d}", i);
    assert_status(patch(&f->site, credential, text), SJ_OK);
  }
  assert_true(a.answer.status == SJ_CONTENDED || a.answer.status == SJ_UNAVAILABLE);
  if (a.answer.status == SJ_UNAVAILABLE) assert_string_equal(a.answer.applied, "no");
  site_no_faults(&f->site);
  assert_null(strstr(load(&f->site, credential)->attributes, "slow"));
  site_close(&other);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      CASE(test_a_patch_that_changes_nothing_commits_nothing),
      CASE(test_every_change_is_a_version),
      CASE(test_nothing_to_do_is_judged_by_the_authority),
      CASE(test_if_version_is_judged_by_the_authority),
      CASE(test_if_version),
      CASE(test_bad_patches_change_nothing),
      CASE(test_all_writers_at_once_land),
      CASE(test_tries_are_bounded),
      CASE(test_contended_until_the_deadline),
  };
  return cmocka_run_group_tests_name("patching", tests, NULL, NULL);
}
