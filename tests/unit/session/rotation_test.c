/* Rotation (DESIGN.md 2): a successor, the old id dead at once, sign-in's new family. */
#include <stdio.h>

#include "session_test.h"

static void test_the_successor_follows(void **state) {
  fixture *f = *state;
  sj__record before;
  sj__record old;
  sj__record next;
  const answer *a = create(&f->site, "ada", "{\"a\":1}");
  const char *first = keep(a->credential);
  const char *sid = keep(a->session.sid);
  assert_ok(site_stored(&f->site, sid, &before));
  kit_pass(&f->kit, 3000);
  sj_rotate_args args = {.auth_level = 2, .attributes = SJ__SLICE("{\"b\":2}")};
  a = rotate(&f->site, first, &args);
  assert_status(a, SJ_OK);
  assert_int_equal(a->session.version, 2);
  assert_string_equal(a->attributes, "{\"a\":1,\"b\":2}");
  assert_string_not_equal(a->session.sid, sid);
  assert_int_equal(a->session.auth_level, 2);
  assert_ok(site_stored(&f->site, a->session.sid, &next));
  assert_ok(site_stored(&f->site, sid, &old));
  /* A rotation that names no subject copies the family and what goes with it. */
  assert_memory_equal(next.family, before.family, SJ__KEY_SIZE);
  assert_int_equal(next.created_at_ms, before.created_at_ms);
  assert_int_equal(next.absolute_at_ms, before.absolute_at_ms);
  assert_true(next.last_seen_ms >= before.last_seen_ms + 3000);
  assert_int_equal(old.state, SJ__ENDED);
  assert_int_equal(old.reason, SJ__REASON_SUPERSEDED);
  assert_int_equal(old.version, 2);
  assert_true(old.until_ms >= before.absolute_at_ms + 24 * HOUR_MS);
  assert_int_equal(site_audited(&f->site, "rotated", NULL), 1);
}

static void test_the_old_id_is_dead_for_everything(void **state) {
  fixture *f = *state;
  const char *first = keep(create(&f->site, "ada", "{\"a\":1}")->credential);
  const char *next = keep(sign_in(&f->site, first, "ada")->credential);
  assert_status(load(&f->site, first), SJ_ENDED);
  assert_status(patch(&f->site, first, "{\"a\":2}"), SJ_ENDED);
  assert_status(sign_in(&f->site, first, "ada"), SJ_ENDED);
  assert_status(load(&f->site, next), SJ_OK);
}

static void test_a_sign_in_starts_a_family(void **state) {
  fixture *f = *state;
  sj__record next;
  const answer *a = create(&f->site, NULL, "{\"cart\":1}");
  const char *first = keep(a->credential);
  int64_t created_ms = a->session.created_ms;
  assert_int_equal(a->session.auth_at_ms, 0);
  kit_pass(&f->kit, 20 * MINUTE_MS);
  a = sign_in(&f->site, first, "ada");
  assert_status(a, SJ_OK);
  assert_string_equal(a->subject, "ada");
  assert_string_equal(a->attributes, "{\"cart\":1}");
  assert_true(a->session.created_ms >= created_ms + 20 * MINUTE_MS);
  assert_int_equal(a->session.absolute_ms, a->session.created_ms + 12 * HOUR_MS);
  assert_true(a->session.auth_at_ms >= created_ms + 20 * MINUTE_MS);
  assert_ok(site_stored(&f->site, a->session.sid, &next));
  assert_memory_equal(next.family, next.key, SJ__KEY_SIZE);
}

/* Nothing of one user's reaches another: not the attributes, not how well the first had proved
 * who she is. */
static void test_between_two_subjects_nothing_is_carried_over(void **state) {
  fixture *f = *state;
  const char *first = keep(create(&f->site, "ada", "{\"secret\":1}")->credential);
  sj_rotate_args strong = {.auth_level = 3, .amr = SJ__SLICE("[\"hwk\"]")};
  const char *second = keep(rotate(&f->site, first, &strong)->credential);
  const answer *a = sign_in(&f->site, second, "eve");
  assert_status(a, SJ_OK);
  assert_string_equal(a->attributes, "{}");
  assert_int_equal(a->session.auth_level, 0);
  assert_string_equal(a->amr, "");
  sj_rotate_args both = {.subject = SJ__SLICE("bob"),
                         .auth_level = 1,
                         .amr = SJ__SLICE("[\"pwd\"]"),
                         .attributes = SJ__SLICE("{\"b\":1}")};
  a = rotate(&f->site, keep(a->credential), &both);
  assert_status(a, SJ_OK);
  assert_string_equal(a->attributes, "{\"b\":1}");
  assert_int_equal(a->session.auth_level, 1);
  assert_string_equal(a->amr, "[\"pwd\"]");
}

static void test_signing_in_again_keeps_what_is_hers(void **state) {
  fixture *f = *state;
  const char *first = keep(create(&f->site, "ada", "{\"a\":1}")->credential);
  const answer *a = sign_in(&f->site, first, "ada");
  assert_status(a, SJ_OK);
  assert_string_equal(a->attributes, "{\"a\":1}");
}

/* Starts a rotation on `other`: the successor is stored, the old record's burial is held back. */
static void rotate_until_burial(fixture *f, site *other, ask *a, const char *credential,
                                const sj_rotate_args *args) {
  sj__fault_step step = {
      .fault = SJ__FAULT_DELAY, .ops = SJ__FAULT_OP(SJ__PUT), .skip = 1, .delay_ms = 50};
  ask_init(a, other);
  ask_present(a, credential);
  assert_ok(sj__fault_add_step(f->site.store, &step));
  assert_ok(sj_rotate(other->worker, &a->call, args));
  while (sj__fault_count(f->site.store, SJ__FAULT_DELAY) == 0) kit_step(&f->kit);
}

/* A patch lands between the copy and the burial: it is merged again, not lost. */
static void test_a_patch_in_between_is_merged(void **state) {
  fixture *f = *state;
  site other;
  ask a;
  site_open_beside(&other, &f->site, NULL);
  const answer *made = create(&f->site, "ada", "{\"a\":1}");
  const char *first = keep(made->credential);
  const char *sid = keep(made->session.sid);
  sj_rotate_args args = {.auth_level = -1, .attributes = SJ__SLICE("{\"r\":1}")};
  rotate_until_burial(f, &other, &a, first, &args);
  assert_status(patch(&f->site, first, "{\"p\":1}"), SJ_OK);
  assert_status(ask_wait(&a, SJ_OK), SJ_OK);
  assert_int_equal(a.answer.session.version, 3);
  assert_string_equal(a.answer.attributes, "{\"a\":1,\"p\":1,\"r\":1}");
  assert_string_equal(load(&f->site, a.answer.credential)->attributes, "{\"a\":1,\"p\":1,\"r\":1}");
  sj__record old;
  assert_ok(site_stored(&f->site, sid, &old));
  assert_int_equal(old.state, SJ__ENDED);
  site_close(&other);
}

/* The old one is ended while it is copied: the successor must not live. */
static void test_an_end_in_between_wins(void **state) {
  fixture *f = *state;
  site other;
  ask a;
  site_open_beside(&other, &f->site, NULL);
  const char *first = keep(create(&f->site, "ada", NULL)->credential);
  sj_rotate_args args = {.auth_level = -1};
  rotate_until_burial(f, &other, &a, first, &args);
  assert_status(end(&f->site, first), SJ_OK);
  assert_status(ask_wait(&a, SJ_OK), SJ_ENDED);
  kit_pass(&f->kit, 100);
  assert_int_equal(list(&f->site, "ada", NULL, 0)->listed, 0);
  assert_int_equal(site_audited(&other, "ended", "abandoned"), 1);
  site_close(&other);
}

/* The successor is ended before it was answered (by a limit, an ending of all), and has to be
 * written once more: that says nothing of the session that was presented, which lives. */
static void test_a_successor_that_is_ended_is_not_the_session(void **state) {
  fixture *f = *state;
  site other;
  ask a;
  ask by_sid;
  site_open_beside(&other, &f->site, NULL);
  const answer *made = create(&f->site, "ada", NULL);
  const char *first = keep(made->credential);
  const char *sid = keep(made->session.sid);
  sj_rotate_args args = {.auth_level = -1};
  rotate_until_burial(f, &other, &a, first, &args);
  assert_status(patch(&f->site, first, "{\"p\":1}"), SJ_OK);
  const answer *both = list(&f->site, "ada", NULL, 0);
  assert_int_equal(both->listed, 2);
  const char *successor = keep(both->sids[strcmp(both->sids[0], sid) == 0 ? 1 : 0]);
  ask_init(&by_sid, &f->site);
  assert_status(ask_wait(&by_sid, sj_end_by_sid(f->site.worker, &by_sid.call, (sj_slice){NULL, 0},
                                                sj__slice_text(successor))),
                SJ_OK);
  assert_status(ask_wait(&a, SJ_OK), SJ_CONTENDED);
  assert_status(load(&f->site, first), SJ_OK);
  site_close(&other);
}

/* The burial's answer never comes: no answer, so no successor either. */
static void test_an_unanswered_successor_is_ended(void **state) {
  fixture *f = *state;
  const char *first = keep(create(&f->site, "ada", NULL)->credential);
  site_fault(&f->site, SJ__FAULT_HANG, SJ__FAULT_OP(SJ__PUT), 1, 1);
  const answer *a = sign_in(&f->site, first, "ada");
  assert_status(a, SJ_UNAVAILABLE);
  assert_string_equal(a->applied, "unknown");
  kit_pass(&f->kit, 1000);
  assert_int_equal(site_audited(&f->site, "ended", "abandoned"), 1);
  /* The burial had hung before it was carried out: the old one lives, alone. */
  assert_int_equal(list(&f->site, "ada", NULL, 0)->listed, 1);
  assert_status(load(&f->site, first), SJ_OK);
}

static void test_a_lost_burial_is_found_out(void **state) {
  fixture *f = *state;
  const char *first = keep(create(&f->site, "ada", NULL)->credential);
  site_fault(&f->site, SJ__FAULT_LOSE, SJ__FAULT_OP(SJ__PUT), 1, 1);
  const answer *a = sign_in(&f->site, first, "ada");
  assert_status(a, SJ_OK);
  assert_status(load(&f->site, keep(a->credential)), SJ_OK);
  assert_status(load(&f->site, first), SJ_ENDED);
  assert_int_equal(list(&f->site, "ada", NULL, 0)->listed, 1);
}

static void test_bad_arguments(void **state) {
  fixture *f = *state;
  const char *first = keep(create(&f->site, "ada", NULL)->credential);
  sj_rotate_args bad[] = {
      {.auth_level = 256},
      {.auth_level = -1, .subject = SJ__SLICE("")},
      {.auth_level = -1, .subject = SJ__SLICE("a\x01")},
      {.auth_level = -1, .amr = SJ__SLICE("{}")},
      {.auth_level = -1, .amr = SJ__SLICE("[1]")},
      {.auth_level = -1, .attributes = SJ__SLICE("[]")},
  };
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    assert_status(rotate(&f->site, first, &bad[i]), SJ_BAD_REQUEST);
  }
  sj_rotate_args other_version = {.auth_level = -1, .if_version = 9};
  assert_status(rotate(&f->site, first, &other_version), SJ_VERSION_MISMATCH);
  kit_pass(&f->kit, 1000);
  assert_int_equal(list(&f->site, "ada", NULL, 0)->listed, 1);
  /* What was never stored needs no tombstone. */
  assert_int_equal(site_audited(&f->site, "ended", NULL), 0);
  assert_status(load(&f->site, first), SJ_OK);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      CASE(test_the_successor_follows),
      CASE(test_the_old_id_is_dead_for_everything),
      CASE(test_a_sign_in_starts_a_family),
      CASE(test_between_two_subjects_nothing_is_carried_over),
      CASE(test_signing_in_again_keeps_what_is_hers),
      CASE(test_a_patch_in_between_is_merged),
      CASE(test_an_end_in_between_wins),
      CASE(test_a_successor_that_is_ended_is_not_the_session),
      CASE(test_an_unanswered_successor_is_ended),
      CASE(test_a_lost_burial_is_found_out),
      CASE(test_bad_arguments),
  };
  return cmocka_run_group_tests_name("rotation", tests, NULL, NULL);
}
