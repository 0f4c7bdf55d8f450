/* Ending: final, idempotent, and kept trying while the store is away. */
#include "session_test.h"

#define ENDS SJ__FAULT_OP(SJ__END)

static void test_an_end_is_final_and_idempotent(void **state) {
  fixture *f = *state;
  sj__record stored;
  const answer *a = create(&f->site, "ada", "{\"a\":1}");
  const char *credential = keep(a->credential);
  const char *sid = keep(a->session.sid);
  for (int i = 0; i < 3; i++) {
    a = end(&f->site, credential);
    assert_status(a, SJ_OK);
    assert_non_null(strstr(a->set_cookie, "__Host-sojourn=;"));
    assert_non_null(strstr(a->set_cookie, "Max-Age=0"));
  }
  assert_ok(site_stored(&f->site, sid, &stored));
  assert_int_equal(stored.state, SJ__ENDED);
  assert_int_equal(stored.reason, SJ__REASON_SIGNED_OUT);
  assert_true(stored.until_ms >= stored.absolute_at_ms + 24 * HOUR_MS);
  assert_int_equal(site_audited(&f->site, "ended", "signed_out"), 1);
  assert_status(load(&f->site, credential), SJ_ENDED);
  assert_string_equal(f->site.ask.answer.set_cookie, "");
  assert_status(get_by_sid(&f->site, sid), SJ_NOT_FOUND);
}

static void test_during_an_outage_it_goes_on_in_the_background(void **state) {
  fixture *f = *state;
  const char *credential = keep(create(&f->site, "ada", NULL)->credential);
  site_fault(&f->site, SJ__FAULT_REFUSE, ENDS, 0, 1000);
  const answer *a = end(&f->site, credential);
  assert_status(a, SJ_UNAVAILABLE);
  assert_string_equal(a->applied, "no");
  assert_non_null(strstr(a->set_cookie, "Max-Age=0"));
  assert_status(load(&f->site, credential), SJ_OK);
  /* Two hours of outage: at least every five seconds it is tried again, and never given up. */
  uint64_t before = sj__fault_count(f->site.store, SJ__FAULT_REFUSE);
  site_fault(&f->site, SJ__FAULT_REFUSE, ENDS, 0, 1000000);
  kit_pass(&f->kit, 2 * HOUR_MS);
  assert_true(sj__fault_count(f->site.store, SJ__FAULT_REFUSE) - before >= 2 * 3600 / 5 - 10);
  site_no_faults(&f->site);
  kit_pass(&f->kit, 6000);
  assert_status(load(&f->site, credential), SJ_ENDED);
  assert_int_equal(site_audited(&f->site, "ended", "signed_out"), 1);
}

static void test_a_lost_answer_is_unknown(void **state) {
  fixture *f = *state;
  const char *credential = keep(create(&f->site, "ada", NULL)->credential);
  site_fault(&f->site, SJ__FAULT_LOSE, ENDS, 0, 1);
  const answer *a = end(&f->site, credential);
  assert_status(a, SJ_UNAVAILABLE);
  assert_string_equal(a->applied, "unknown");
  kit_pass(&f->kit, 1000);
  assert_status(load(&f->site, credential), SJ_ENDED);
}

static void test_any_valid_credential_can_be_ended(void **state) {
  fixture *f = *state;
  site empty;
  site_open(&empty, &f->kit, NULL);
  const char *credential = keep(create(&f->site, "ada", NULL)->credential);
  /* Nothing is stored here: ended all the same, whatever comes late. */
  assert_status(load(&empty, credential), SJ_UNKNOWN);
  assert_status(end(&empty, credential), SJ_OK);
  assert_status(load(&empty, credential), SJ_ENDED);
  assert_status(end(&empty, NULL), SJ_NO_CREDENTIAL);
  assert_status(end(&empty, "nonsense"), SJ_BAD_CREDENTIAL);
  site_close(&empty);
}

static void test_by_sid(void **state) {
  fixture *f = *state;
  ask a;
  const answer *made = create(&f->site, "ada", NULL);
  const char *sid = keep(made->session.sid);
  const char *credential = keep(made->credential);
  ask_init(&a, &f->site);
  site_fault(&f->site, SJ__FAULT_REFUSE, ENDS, 0, 1);
  const answer *told =
      ask_wait(&a, sj_end_by_sid(f->site.worker, &a.call, SJ__SLICE("ada"), sj__slice_text(sid)));
  assert_status(told, SJ_UNAVAILABLE);
  assert_string_equal(told->applied, "no");
  ask_init(&a, &f->site);
  told = ask_wait(&a,
                  sj_end_by_sid(f->site.worker, &a.call, (sj_slice){NULL, 0}, sj__slice_text(sid)));
  assert_status(told, SJ_OK);
  assert_status(load(&f->site, credential), SJ_ENDED);
  assert_int_equal(site_audited(&f->site, "ended", "admin"), 1);
}

/* Far more than one after the other could be ended in the time of one request. */
static void test_a_user_with_very_many(void **state) {
  fixture *f = *state;
  const char *last = NULL;
  for (unsigned i = 0; i < 250; i++) last = create(&f->site, "crowd", NULL)->credential;
  last = keep(last);
  const sj__fault_step slow = {
      .fault = SJ__FAULT_DELAY, .ops = ENDS, .times = 1000, .delay_ms = 1500};
  assert_ok(sj__fault_add_step(f->site.store, &slow));
  const answer *told = end_subject(&f->site, "crowd", NULL);
  assert_status(told, SJ_OK);
  assert_int_equal(told->count, 250);
  assert_status(load(&f->site, last), SJ_ENDED);
  /* A store that stops answering in the middle is still told of. */
  site_no_faults(&f->site);
  for (unsigned i = 0; i < 250; i++) last = create(&f->site, "crowd", NULL)->credential;
  site_fault(&f->site, SJ__FAULT_HANG, ENDS, 150, 1);
  told = end_subject(&f->site, "crowd", NULL);
  assert_status(told, SJ_UNAVAILABLE);
  assert_string_equal(told->applied, "unknown");
  site_no_faults(&f->site);
  assert_int_equal(end_subject(&f->site, "crowd", NULL)->count, 51);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      CASE(test_an_end_is_final_and_idempotent),
      CASE(test_during_an_outage_it_goes_on_in_the_background),
      CASE(test_a_lost_answer_is_unknown),
      CASE(test_any_valid_credential_can_be_ended),
      CASE(test_by_sid),
      CASE(test_a_user_with_very_many),
  };
  return cmocka_run_group_tests_name("ending", tests, NULL, NULL);
}
