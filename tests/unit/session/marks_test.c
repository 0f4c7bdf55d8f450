/* Marks: written first, honoured by every load, replayed before anything is answered, tailed. */
#include "base/log.h"
#include "session_test.h"

#include "base/clock.h"

#define MARKS SJ__FAULT_OP(SJ__MARK)

static const answer *revoke(site *s, const char *subject, const char *client, int64_t before_ms) {
  ask_init(&s->ask, s);
  return ask_wait(&s->ask, sj_revoke(s->worker, &s->ask.call, sj__slice_text(subject),
                                     sj__slice_text(client), before_ms));
}

static void test_a_mark_is_honoured_everywhere(void **state) {
  fixture *f = *state;
  const answer *a = create(&f->site, "ada", NULL);
  const char *ada = keep(a->credential);
  const char *sid = keep(a->session.sid);
  const char *eve = keep(create(&f->site, "eve", NULL)->credential);
  assert_status(revoke(&f->site, "ada", NULL, sj__wall_ms()), SJ_OK);
  assert_status(load(&f->site, ada), SJ_ENDED);
  assert_status(patch(&f->site, ada, "{\"a\":1}"), SJ_ENDED);
  assert_status(sign_in(&f->site, ada, "ada"), SJ_ENDED);
  assert_status(get_by_sid(&f->site, sid), SJ_NOT_FOUND);
  assert_int_equal(list(&f->site, "ada", NULL, 0)->listed, 0);
  assert_status(load(&f->site, eve), SJ_OK);
  assert_status(end(&f->site, ada), SJ_OK);
  /* What is made after it lives. */
  a = create(&f->site, "ada", NULL);
  assert_status(load(&f->site, keep(a->credential)), SJ_OK);
  assert_status(revoke(&f->site, NULL, NULL, sj__wall_ms()), SJ_OK);
  assert_status(load(&f->site, eve), SJ_ENDED);
}

static void test_a_moment_in_the_past(void **state) {
  fixture *f = *state;
  const char *old = keep(create(&f->site, "ada", NULL)->credential);
  kit_pass(&f->kit, 100);
  int64_t between_ms = sj__wall_ms();
  kit_pass(&f->kit, 100);
  const char *young = keep(create(&f->site, "ada", NULL)->credential);
  assert_status(revoke(&f->site, "ada", NULL, between_ms), SJ_OK);
  assert_status(load(&f->site, old), SJ_ENDED);
  assert_status(load(&f->site, young), SJ_OK);
}

static void test_bad_marks(void **state) {
  fixture *f = *state;
  site later;
  int64_t now_ms = sj__wall_ms();
  assert_status(revoke(&f->site, "ada", "app", now_ms), SJ_BAD_REQUEST);
  assert_status(revoke(&f->site, "", NULL, now_ms), SJ_BAD_REQUEST);
  assert_status(revoke(&f->site, "ada", NULL, now_ms + 10000), SJ_BAD_REQUEST);
  assert_status(revoke(&f->site, "ada", NULL, -1), SJ_BAD_REQUEST);
  assert_status(revoke(&f->site, "ada", NULL, 0), SJ_OK);
  assert_status(revoke(&f->site, NULL, "app", now_ms), SJ_OK);
  /* Whatever was accepted can be read again: a process that starts now becomes ready. */
  site_open_beside(&later, &f->site, NULL);
  assert_status(create(&later, "ada", NULL), SJ_OK);
  site_close(&later);
}

/* --- Replay and tail -------------------------------------------------------------------- */

static void test_nothing_is_answered_before_the_replay(void **state) {
  fixture *f = *state;
  site later;
  ask a;
  const char *ada = keep(create(&f->site, "ada", NULL)->credential);
  assert_status(revoke(&f->site, "ada", NULL, sj__wall_ms()), SJ_OK);
  site_fault(&f->site, SJ__FAULT_HANG, SJ__FAULT_OP(SJ__MARKS), 0, 2);
  site_open_beside(&later, &f->site, NULL);
  /* The first waits until its deadline, … */
  assert_false(sj__engine_ready(later.sessions));
  ask_init(&a, &later);
  ask_present(&a, ada);
  a.call.timeout_ms = 100;
  assert_status(ask_wait(&a, sj_load(later.worker, &a.call, NULL)), SJ_UNAVAILABLE);
  assert_non_null(strstr(a.answer.detail, "revocations"));
  /* … one may be cancelled, … */
  ask_init(&a, &later);
  ask_present(&a, ada);
  a.call.timeout_ms = 60000;
  assert_ok(sj_load(later.worker, &a.call, NULL));
  sj_cancel(later.worker, &a.call);
  uint64_t begun_ms = sj__loop_now_ms(f->kit.loop);
  assert_status(ask_wait(&a, SJ_OK), SJ_CANCELLED);
  assert_true(sj__loop_now_ms(f->kit.loop) - begun_ms < 2);
  /* … and the next is answered when the marks are there. */
  ask_init(&a, &later);
  ask_present(&a, ada);
  a.call.timeout_ms = 60000;
  assert_status(ask_wait(&a, sj_load(later.worker, &a.call, NULL)), SJ_ENDED);
  assert_true(sj__engine_ready(later.sessions));
  site_close(&later);
}

static void count_unread(void *context, sj__log_level level, const char *message,
                         const sj__log_field *fields, size_t field_count) {
  unsigned *count = context;
  if (strcmp(message, "revocations cannot be read") == 0) ++*count;
}

/* A damaged mark might be the one that names the session: nothing is answered without it. */
static void test_an_unreadable_mark_is_not_skipped(void **state) {
  fixture *f = *state;
  site later;
  ask a;
  const char *ada = keep(create(&f->site, "ada", NULL)->credential);
  assert_status(revoke(&f->site, "ada", NULL, sj__wall_ms()), SJ_OK);
  unsigned told = 0;
  sj__log_install(count_unread, &told, SJ__LOG_ERROR);
  site_fault(&f->site, SJ__FAULT_CORRUPT, SJ__FAULT_OP(SJ__MARKS), 0, 3);
  site_open_beside(&later, &f->site, NULL);
  ask_init(&a, &later);
  ask_present(&a, ada);
  a.call.timeout_ms = 60000;
  uint64_t begun_ms = sj__loop_now_ms(f->kit.loop);
  assert_status(ask_wait(&a, sj_load(later.worker, &a.call, NULL)), SJ_ENDED);
  assert_true(sj__loop_now_ms(f->kit.loop) - begun_ms >= 3 * 250);
  site_close(&later);
  sj__log_install(NULL, NULL, SJ__LOG_ERROR);
  assert_int_equal(told, 1); /* of three */
}

static void test_detaching_before_the_replay(void **state) {
  fixture *f = *state;
  site later;
  ask a;
  site_fault(&f->site, SJ__FAULT_HANG, SJ__FAULT_OP(SJ__MARKS), 0, 1000);
  site_open_beside(&later, &f->site, NULL);
  ask_init(&a, &later);
  assert_ok(sj_load(later.worker, &a.call, NULL));
  site_close(&later); /* waits for the call's deadline */
  assert_status(&a.answer, SJ_UNAVAILABLE);
  assert_int_equal(a.dones, 1);
  site_no_faults(&f->site);
}

static void test_marks_of_another_process_are_tailed(void **state) {
  fixture *f = *state;
  site other;
  site_open_beside(&other, &f->site, NULL);
  const char *ada = keep(create(&f->site, "ada", NULL)->credential);
  assert_status(load(&other, ada), SJ_OK);
  assert_status(revoke(&f->site, "ada", NULL, sj__wall_ms()), SJ_OK);
  kit_pass(&f->kit, 1100);
  assert_status(load(&other, ada), SJ_ENDED);
  site_close(&other);
}

/* The store has it, nobody heard: the caller is told so, and it is honoured soon. */
static void test_a_mark_whose_answer_was_lost(void **state) {
  fixture *f = *state;
  const char *ada = keep(create(&f->site, "ada", NULL)->credential);
  site_fault(&f->site, SJ__FAULT_LOSE, MARKS, 0, 1);
  const answer *a = revoke(&f->site, "ada", NULL, sj__wall_ms());
  assert_status(a, SJ_UNAVAILABLE);
  assert_string_equal(a->applied, "unknown");
  kit_pass(&f->kit, 1100);
  assert_status(load(&f->site, ada), SJ_ENDED);
}

/* --- Ending all of a subject's ------------------------------------------------------------- */

static void test_the_mark_is_written_first(void **state) {
  fixture *f = *state;
  const char *ada = keep(create(&f->site, "ada", NULL)->credential);
  site_fault(&f->site, SJ__FAULT_REFUSE, MARKS, 0, 1);
  const answer *a = end_subject(&f->site, "ada", NULL);
  assert_status(a, SJ_UNAVAILABLE);
  assert_string_equal(a->applied, "no");
  assert_status(load(&f->site, ada), SJ_OK);
  /* With the mark written, the rest may fail: she is out. */
  site_fault(&f->site, SJ__FAULT_REFUSE, SJ__FAULT_OP(SJ__LIST), 0, 1);
  a = end_subject(&f->site, "ada", NULL);
  assert_status(a, SJ_UNAVAILABLE);
  assert_string_equal(a->applied, "unknown");
  assert_status(load(&f->site, ada), SJ_ENDED);
  /* Asked again, it finds what is left to be ended. */
  a = end_subject(&f->site, "ada", NULL);
  assert_status(a, SJ_OK);
  assert_int_equal(a->count, 1);
}

/* Made and revoked within one millisecond, again and again: each mark names what was made. */
static void test_sessions_and_marks_of_one_moment(void **state) {
  fixture *f = *state;
  for (int i = 0; i < 20; i++) {
    const answer *a = create(&f->site, "ada", NULL);
    const char *credential = keep(a->credential);
    assert_status(load(&f->site, credential), SJ_OK);
    site_fault(&f->site, SJ__FAULT_REFUSE, SJ__FAULT_OP(SJ__LIST), 0, 1);
    assert_status(end_subject(&f->site, "ada", NULL), SJ_UNAVAILABLE);
    assert_status(load(&f->site, credential), SJ_ENDED);
  }
}

static void test_a_clock_that_goes_back_spares_nobody(void **state) {
  fixture *f = *state;
  const char *ada = keep(create(&f->site, "ada", NULL)->credential);
  kit_step_wall(&f->kit, -HOUR_MS);
  site_fault(&f->site, SJ__FAULT_REFUSE, SJ__FAULT_OP(SJ__LIST), 0, 1);
  assert_status(end_subject(&f->site, "ada", NULL), SJ_UNAVAILABLE);
  assert_status(load(&f->site, ada), SJ_ENDED);
  const answer *a = create(&f->site, "ada", NULL);
  assert_status(load(&f->site, keep(a->credential)), SJ_OK);
}

static void test_one_family_is_spared(void **state) {
  fixture *f = *state;
  const char *first = keep(create(&f->site, "ada", NULL)->credential);
  const char *other = keep(create(&f->site, "ada", NULL)->credential);
  sj_rotate_args args = {.auth_level = 1};
  const answer *a = rotate(&f->site, first, &args); /* the same family, another sid */
  const char *kept = keep(a->credential);
  const char *sid = keep(a->session.sid);
  a = end_subject(&f->site, "ada", sid);
  assert_status(a, SJ_OK);
  assert_int_equal(a->count, 1);
  assert_status(load(&f->site, kept), SJ_OK);
  assert_status(load(&f->site, other), SJ_ENDED);
  /* Another's session spares nothing; nonsense is told as such. */
  const char *eve = keep(create(&f->site, "eve", NULL)->session.sid);
  assert_status(end_subject(&f->site, "ada", "nonsense"), SJ_BAD_REQUEST);
  a = end_subject(&f->site, "ada", eve);
  assert_int_equal(a->count, 1);
  assert_status(load(&f->site, kept), SJ_ENDED);
}

/* A patch is under way while its session is revoked: who is answered later is told so. */
static void test_revoked_while_it_was_written(void **state) {
  fixture *f = *state;
  ask a;
  const char *ada = keep(create(&f->site, "ada", NULL)->credential);
  ask_init(&a, &f->site);
  ask_present(&a, ada);
  sj__fault_step step = {.fault = SJ__FAULT_DELAY, .ops = SJ__FAULT_OP(SJ__PUT), .delay_ms = 50};
  assert_ok(sj__fault_add_step(f->site.store, &step));
  assert_ok(sj_patch(f->site.worker, &a.call, SJ__SLICE("{\"a\":1}"), 0));
  while (sj__fault_count(f->site.store, SJ__FAULT_DELAY) == 0) kit_step(&f->kit);
  assert_status(revoke(&f->site, "ada", NULL, sj__wall_ms()), SJ_OK);
  assert_status(load(&f->site, ada), SJ_ENDED);
  assert_status(ask_wait(&a, SJ_OK), SJ_ENDED);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      CASE(test_a_mark_is_honoured_everywhere),
      CASE(test_a_moment_in_the_past),
      CASE(test_bad_marks),
      CASE(test_nothing_is_answered_before_the_replay),
      CASE(test_an_unreadable_mark_is_not_skipped),
      CASE(test_detaching_before_the_replay),
      CASE(test_marks_of_another_process_are_tailed),
      CASE(test_a_mark_whose_answer_was_lost),
      CASE(test_the_mark_is_written_first),
      CASE(test_sessions_and_marks_of_one_moment),
      CASE(test_a_clock_that_goes_back_spares_nobody),
      CASE(test_one_family_is_spared),
      CASE(test_revoked_while_it_was_written),
  };
  return cmocka_run_group_tests_name("marks", tests, NULL, NULL);
}
