/* A subject's sessions: pages, cursors, keys that come and go. */
#include "session_test.h"

#include "base/clock.h"

static void test_pages(void **state) {
  fixture *f = *state;
  char sids[25][SJ_SID_SIZE + 1];
  char cursor[128] = "";
  for (int i = 0; i < 25; i++) {
    memcpy(sids[i], create(&f->site, "ada", NULL)->session.sid, sizeof(sids[i]));
    kit_pass(&f->kit, 1 + i % 2); /* so that the order of creation is one */
  }
  (void)create(&f->site, "eve", NULL);
  size_t seen = 0;
  for (int page = 0; page < 3; page++) {
    const answer *a = list(&f->site, "ada", page > 0 ? cursor : NULL, 10);
    assert_status(a, SJ_OK);
    for (size_t i = 0; i < a->listed; i++) assert_string_equal(a->sids[i], sids[seen++]);
    assert_true(page == 2 || a->next_cursor[0] != '\0');
    memcpy(cursor, a->next_cursor, sizeof(cursor));
  }
  assert_int_equal(seen, 25);
  assert_string_equal(cursor, "");
  assert_int_equal(list(&f->site, "ada", NULL, 0)->listed, 25);
  assert_int_equal(list(&f->site, "nobody", NULL, 0)->listed, 0);
}

static void test_bad_arguments(void **state) {
  fixture *f = *state;
  (void)create(&f->site, "ada", NULL);
  assert_status(list(&f->site, NULL, NULL, 0), SJ_BAD_REQUEST);
  assert_status(list(&f->site, "", NULL, 0), SJ_BAD_REQUEST);
  assert_status(list(&f->site, "a\x7f", NULL, 0), SJ_BAD_REQUEST);
  assert_status(list(&f->site, "ada", NULL, 101), SJ_BAD_REQUEST);
  static const char *const cursors[] = {"",
                                        "*",
                                        "AA",
                                        "AQ==",
                                        "AUI",
                                        "AQEB",
                                        "_wEB",
                                        "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQ"
                                        "EBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB"};
  for (size_t i = 0; i < sizeof(cursors) / sizeof(cursors[0]); i++) {
    const answer *a = list(&f->site, "ada", cursors[i], 0);
    assert_status(a, SJ_BAD_REQUEST);
    assert_true(strlen(a->detail) > 0);
  }
}

/* Damage in one session hides none of the others, and none of the others' damage is shown. */
static void test_a_damaged_session_is_passed_over(void **state) {
  fixture *f = *state;
  for (int i = 0; i < 3; i++) (void)create(&f->site, "ada", NULL);
  size_t passed_over = 0;
  for (int i = 0; i < 200; i++) {
    site_fault(&f->site, SJ__FAULT_CORRUPT, SJ__FAULT_OP(SJ__LIST), 0, 1);
    const answer *a = list(&f->site, "ada", NULL, 0);
    /* A kid that was changed is one that this keyring doesn't have: that proves nothing. */
    if (a->status == SJ_UNAVAILABLE) continue;
    assert_status(a, SJ_OK);
    assert_true(a->listed == 2 || a->listed == 3);
    if (a->listed == 2) passed_over++;
  }
  assert_true(passed_over > 0);
  assert_true(site_audited(&f->site, "refused", "corrupt") > 0);
}

/* --- Keys ----------------------------------------------------------------------------- */

static sj__keyring *two_keys(bool first_is_retired) {
  sj__key keys[2] = {{.kid = 1, .activates_ms = KIT_WALL_MS - HOUR_MS},
                     {.kid = 2, .activates_ms = KIT_WALL_MS + HOUR_MS}};
  sj__keyring *keyring;
  memset(keys[0].secret, 1, sizeof(keys[0].secret));
  memset(keys[1].secret, 2, sizeof(keys[1].secret));
  keys[0].retired = first_is_retired;
  assert_ok(sj__keyring_new(keys, 2, &keyring, NULL));
  return keyring;
}

static int set_up_keys(void **state) {
  fixture *f = calloc(1, sizeof(*f));
  sj__keyring *keyring = two_keys(false);
  kit_open(&f->kit, 1, keyring);
  sj__keyring_unref(keyring);
  site_open(&f->site, &f->kit, NULL);
  *state = f;
  return 0;
}

/* Sessions of before and after a change of keys are one list, and one limit. */
static void test_under_every_live_key(void **state) {
  fixture *f = *state;
  char cursor[128] = "";
  char first[128];
  for (int i = 0; i < 3; i++) {
    memcpy(first, create(&f->site, "ada", "{\"a\":1}")->credential, sizeof(first));
  }
  kit_step_wall(&f->kit, HOUR_MS + 1000);
  for (int i = 0; i < 3; i++) (void)create(&f->site, "ada", NULL);
  size_t seen = 0;
  do {
    const answer *a = list(&f->site, "ada", cursor[0] != '\0' ? cursor : NULL, 2);
    assert_status(a, SJ_OK);
    seen += a->listed;
    memcpy(cursor, a->next_cursor, sizeof(cursor));
  } while (cursor[0] != '\0');
  assert_int_equal(seen, 3); /* those of before have idled out meanwhile */
  kit_step_wall(&f->kit, -40 * MINUTE_MS);
  assert_int_equal(list(&f->site, "ada", NULL, 0)->listed, 6);
  /* A write seals under the active key: it moves in the index, and is never there twice. */
  kit_step_wall(&f->kit, 40 * MINUTE_MS);
  kit_step_wall(&f->kit, -31 * MINUTE_MS);
  assert_status(patch(&f->site, first, "{\"a\":2}"), SJ_OK);
  assert_int_equal(list(&f->site, "ada", NULL, 0)->listed, 6);
  const answer *a = end_subject(&f->site, "ada", NULL);
  assert_status(a, SJ_OK);
  assert_int_equal(a->count, 6);
  assert_status(load(&f->site, first), SJ_ENDED);
}

static void test_a_retired_and_an_unknown_key(void **state) {
  fixture *f = *state;
  site later;
  kit other_kit = f->kit;
  const answer *made = create(&f->site, "ada", NULL);
  const char *credential = keep(made->credential);
  const char *sid = keep(made->session.sid);
  other_kit.keyring = two_keys(true);
  site_open(&later, &other_kit, NULL);
  site_copy(&f->site, &later, sid);
  assert_status(load(&later, credential), SJ_BAD_CREDENTIAL);
  assert_status(get_by_sid(&later, sid), SJ_NOT_FOUND);
  assert_int_equal(list(&later, "ada", NULL, 0)->listed, 0);
  assert_status(end_subject(&later, "ada", sid), SJ_OK);
  site_close(&later);
  sj__keyring_unref(other_kit.keyring);
  sj__key key = {.kid = 9, .activates_ms = KIT_WALL_MS - HOUR_MS, .secret = {9}};
  assert_ok(sj__keyring_new(&key, 1, &other_kit.keyring, NULL));
  site_open(&later, &other_kit, NULL);
  site_copy(&f->site, &later, sid);
  const answer *a = patch(&later, credential, "{\"a\":1}");
  assert_status(a, SJ_UNAVAILABLE); /* proves nothing: 503, never 401 */
  assert_string_equal(a->applied, "no");
  assert_status(get_by_sid(&later, sid), SJ_UNAVAILABLE);
  assert_status(end_subject(&later, "ada", sid), SJ_UNAVAILABLE);
  site_close(&later);
  sj__keyring_unref(other_kit.keyring);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      CASE(test_pages),
      CASE(test_bad_arguments),
      CASE(test_a_damaged_session_is_passed_over),
      cmocka_unit_test_setup_teardown(test_under_every_live_key, set_up_keys, tear_down),
      cmocka_unit_test_setup_teardown(test_a_retired_and_an_unknown_key, set_up_keys, tear_down),
  };
  return cmocka_run_group_tests_name("listing", tests, NULL, NULL);
}
