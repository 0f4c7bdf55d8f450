/* The store lost what a client has seen: a restore from a backup, a fail-over (DESIGN.md 3). */
#include "session_test.h"

/* The session at version 1 in the site, and a credential that proves version 3. */
static const char *lose_two_writes(fixture *f, site *restored) {
  const answer *a = create(&f->site, "ada", "{\"a\":1}");
  const char *sid = keep(a->session.sid);
  assert_status(a, SJ_OK);
  const char *first = keep(a->credential);
  site_copy(&f->site, restored, sid);
  assert_status(patch(&f->site, first, "{\"a\":2}"), SJ_OK);
  a = patch(&f->site, first, "{\"a\":3}");
  assert_status(a, SJ_OK);
  assert_int_equal(a->session.version, 3);
  return keep(a->credential);
}

static void test_a_load_commits_above_what_was_seen(void **state) {
  fixture *f = *state;
  site restored;
  site_open(&restored, &f->kit, NULL);
  const char *newest = lose_two_writes(f, &restored);
  const answer *a = load(&restored, newest);
  assert_status(a, SJ_OK);
  assert_int_equal(a->session.version, 4);
  assert_string_equal(a->attributes, "{\"a\":1}");
  assert_true(a->newer);
  assert_int_equal(site_audited(&restored, "rolled_back", NULL), 1);
  /* Only the first request: both credentials are good afterwards and commit nothing. */
  const char *handed = keep(a->credential);
  assert_int_equal(load(&restored, handed)->session.version, 4);
  assert_int_equal(load(&restored, newest)->session.version, 4);
  assert_int_equal(site_audited(&restored, "rolled_back", NULL), 1);
  site_close(&restored);
}

static void test_a_patch_that_changes_nothing_commits_too(void **state) {
  fixture *f = *state;
  site restored;
  site_open(&restored, &f->kit, NULL);
  const answer *a = patch(&restored, lose_two_writes(f, &restored), "{\"a\":1}");
  assert_status(a, SJ_OK);
  assert_int_equal(a->session.version, 4);
  assert_int_equal(site_audited(&restored, "rolled_back", NULL), 1);
  site_close(&restored);
}

static void test_a_check_without_attributes_commits_them(void **state) {
  fixture *f = *state;
  site restored;
  ask a;
  sj_load_args args = {.without_attributes = true};
  site_open(&restored, &f->kit, NULL);
  ask_init(&a, &restored);
  ask_present(&a, lose_two_writes(f, &restored));
  assert_status(ask_wait(&a, sj_load(restored.worker, &a.call, &args)), SJ_OK);
  assert_int_equal(a.answer.session.version, 4);
  assert_string_equal(load(&restored, a.answer.credential)->attributes, "{\"a\":1}");
  site_close(&restored);
}

static void test_a_rotation_goes_above_what_was_seen(void **state) {
  fixture *f = *state;
  site restored;
  site_open(&restored, &f->kit, NULL);
  const char *newest = lose_two_writes(f, &restored);
  const answer *a = sign_in(&restored, newest, "ada");
  assert_status(a, SJ_OK);
  assert_int_equal(a->session.version, 4);
  assert_status(load(&restored, newest), SJ_ENDED);
  site_close(&restored);
}

static void test_an_end_ends(void **state) {
  fixture *f = *state;
  site restored;
  site_open(&restored, &f->kit, NULL);
  const char *newest = lose_two_writes(f, &restored);
  assert_status(end(&restored, newest), SJ_OK);
  /* Ended outranks behind: the tombstone's version is below the credential's counter. */
  assert_status(load(&restored, newest), SJ_ENDED);
  assert_int_equal(site_audited(&restored, "rolled_back", NULL), 0);
  site_close(&restored);
}

/* Two that find the roll-back at once: one commits, the other answers with what it did. */
static void test_racing_requests_commit_once(void **state) {
  fixture *f = *state;
  site restored;
  ask asks[4];
  site_open(&restored, &f->kit, NULL);
  const char *newest = lose_two_writes(f, &restored);
  for (int i = 0; i < 4; i++) {
    ask_init(&asks[i], &restored);
    ask_present(&asks[i], newest);
    assert_ok(sj_load(restored.worker, &asks[i].call, NULL));
  }
  for (int i = 0; i < 4; i++) {
    assert_status(ask_wait(&asks[i], SJ_OK), SJ_OK);
    assert_int_equal(asks[i].answer.session.version, 4);
  }
  site_close(&restored);
}

/* Another write at the very version that the client saw: the store's history has forked. */
static void test_a_fork_at_the_same_version_is_behind(void **state) {
  fixture *f = *state;
  site forked;
  site_open(&forked, &f->kit, NULL);
  const answer *a = create(&f->site, "ada", "{\"a\":1}");
  const char *first = keep(a->credential);
  site_copy(&f->site, &forked, a->session.sid);
  const char *ours = keep(patch(&f->site, first, "{\"a\":2}")->credential);
  assert_status(patch(&forked, first, "{\"b\":2}"), SJ_OK);
  a = load(&forked, ours);
  assert_status(a, SJ_OK);
  assert_int_equal(a->session.version, 3);
  assert_string_equal(a->attributes, "{\"a\":1,\"b\":2}");
  assert_int_equal(site_audited(&forked, "rolled_back", NULL), 1);
  site_close(&forked);
}

static void open_strict(site *s, kit *k) {
  sj_options options;
  site_options(&options);
  options.on_rollback = SJ_ROLLBACK_END;
  site_open(s, k, &options);
}

static void test_the_policy_end_ends(void **state) {
  fixture *f = *state;
  site restored;
  sj__record stored;
  open_strict(&restored, &f->kit);
  const char *newest = lose_two_writes(f, &restored);
  const char *sid = keep(f->site.ask.answer.session.sid);
  assert_status(load(&restored, newest), SJ_ENDED);
  /* Told ended, it is: not a moment later. */
  assert_ok(site_stored(&restored, sid, &stored));
  assert_int_equal(stored.state, SJ__ENDED);
  assert_int_equal(stored.reason, SJ__REASON_ROLLED_BACK);
  assert_int_equal(site_audited(&restored, "rolled_back", NULL), 1);
  assert_int_equal(site_audited(&restored, "ended", "rolled_back"), 1);
  site_close(&restored);
}

/* Nobody is told "ended" before it is true; the end goes on in the background. */
static void test_the_policy_end_waits_for_the_store(void **state) {
  fixture *f = *state;
  site restored;
  sj__record stored;
  open_strict(&restored, &f->kit);
  const char *newest = lose_two_writes(f, &restored);
  const char *sid = keep(f->site.ask.answer.session.sid);
  site_fault(&restored, SJ__FAULT_REFUSE, SJ__FAULT_OP(SJ__END), 0, 3);
  assert_status(load(&restored, newest), SJ_UNAVAILABLE);
  kit_pass(&f->kit, 5000);
  assert_ok(site_stored(&restored, sid, &stored));
  assert_int_equal(stored.state, SJ__ENDED);
  assert_status(load(&restored, newest), SJ_ENDED);
  site_close(&restored);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      CASE(test_a_load_commits_above_what_was_seen),
      CASE(test_a_patch_that_changes_nothing_commits_too),
      CASE(test_a_check_without_attributes_commits_them),
      CASE(test_a_rotation_goes_above_what_was_seen),
      CASE(test_an_end_ends),
      CASE(test_racing_requests_commit_once),
      CASE(test_a_fork_at_the_same_version_is_behind),
      CASE(test_the_policy_end_ends),
      CASE(test_the_policy_end_waits_for_the_store),
  };
  return cmocka_run_group_tests_name("rollback", tests, NULL, NULL);
}
