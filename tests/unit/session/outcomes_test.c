/* Answers that are lost, late or never come: found out by the write id, or told as unknown. */
#include "session_test.h"

#define PUTS SJ__FAULT_OP(SJ__PUT)

static const sj__fault lost_or_late[] = {SJ__FAULT_LOSE, SJ__FAULT_LATE};

/* Applied, but nobody heard: the same put again finds its own id. Committed once. */
static void test_a_lost_patch_is_committed_once(void **state) {
  fixture *f = *state;
  const char *first = keep(create(&f->site, "ada", "{\"n\":0}")->credential);
  for (size_t i = 0; i < 2; i++) {
    site_fault(&f->site, lost_or_late[i], PUTS, 0, 1);
    const answer *a = patch(&f->site, first, i == 0 ? "{\"n\":1}" : "{\"n\":2}");
    assert_status(a, SJ_OK);
    assert_int_equal(a->session.version, 2 + i);
  }
  kit_pass(&f->kit, 1000);
  const answer *a = load(&f->site, first);
  assert_int_equal(a->session.version, 3);
  assert_string_equal(a->attributes, "{\"n\":2}");
}

static void test_a_lost_creation_is_answered(void **state) {
  fixture *f = *state;
  for (size_t i = 0; i < 2; i++) {
    site_fault(&f->site, lost_or_late[i], PUTS, 0, 1);
    const answer *a = create(&f->site, "ada", "{\"n\":1}");
    assert_status(a, SJ_OK);
    assert_int_equal(a->session.version, 1);
    assert_status(load(&f->site, keep(a->credential)), SJ_OK);
  }
  kit_pass(&f->kit, 1000);
  assert_int_equal(list(&f->site, "ada", NULL, 0)->listed, 2);
}

/* Lost, and others have written since: its id is still among the last four. */
static void test_found_out_behind_later_writes(void **state) {
  fixture *f = *state;
  site other;
  ask a;
  site_open_beside(&other, &f->site, NULL);
  for (int later = 1; later <= 4; later++) {
    const char *first = keep(create(&f->site, "ada", "{\"n\":0}")->credential);
    ask_init(&a, &other);
    ask_present(&a, first);
    uint64_t lost = sj__fault_count(f->site.store, SJ__FAULT_LOSE);
    site_fault(&f->site, SJ__FAULT_LOSE, PUTS, 0, 1);
    assert_ok(sj_patch(other.worker, &a.call, SJ__SLICE("{\"n\":1}"), 0));
    while (sj__fault_count(f->site.store, SJ__FAULT_LOSE) == lost) kit_step(&f->kit);
    for (int i = 0; i < later; i++) {
      static const char *const texts[] = {"{\"n\":2}", "{\"n\":3}", "{\"n\":4}", "{\"n\":5}"};
      assert_status(patch(&f->site, first, texts[i]), SJ_OK);
    }
    (void)ask_wait(&a, SJ_OK);
    const answer *end = load(&f->site, first);
    assert_int_equal(end->session.version, 2 + later);
    if (later < 4) {
      assert_status(&a.answer, SJ_OK);
    } else { /* shifted out: nobody can tell any more, and it is not merged a second time */
      assert_status(&a.answer, SJ_UNAVAILABLE);
      assert_string_equal(a.answer.applied, "unknown");
    }
  }
  site_close(&other);
}

static void test_unknown_until_the_deadline(void **state) {
  fixture *f = *state;
  const char *first = keep(create(&f->site, "ada", "{\"n\":0}")->credential);
  site_fault(&f->site, SJ__FAULT_LOSE, PUTS, 0, 1);
  site_fault(&f->site, SJ__FAULT_REFUSE, PUTS, 0, 1000);
  const answer *a = patch(&f->site, first, "{\"n\":1}");
  assert_status(a, SJ_UNAVAILABLE);
  assert_string_equal(a->applied, "unknown");
  /* It kept asking until the end: with at most 400 ms between two tries, in two seconds. */
  assert_true(sj__fault_count(f->site.store, SJ__FAULT_REFUSE) >= 6);
  site_no_faults(&f->site);
  assert_int_equal(load(&f->site, first)->session.version, 2);
}

/* A full store says nothing about the put before: it may have been applied. */
static void test_full_after_unknown_is_unknown(void **state) {
  fixture *f = *state;
  const char *first = keep(create(&f->site, "ada", "{\"n\":0}")->credential);
  site_fault(&f->site, SJ__FAULT_LOSE, PUTS, 0, 1);
  site_fault(&f->site, SJ__FAULT_FULL, PUTS, 0, 1000);
  const answer *a = patch(&f->site, first, "{\"n\":1}");
  assert_status(a, SJ_UNAVAILABLE);
  assert_string_equal(a->applied, "unknown");
}

static void test_refused_is_not_applied(void **state) {
  fixture *f = *state;
  const char *first = keep(create(&f->site, "ada", "{\"n\":0}")->credential);
  site_fault(&f->site, SJ__FAULT_REFUSE, PUTS, 0, 1);
  const answer *a = patch(&f->site, first, "{\"n\":1}");
  assert_status(a, SJ_UNAVAILABLE);
  assert_string_equal(a->applied, "no");
  site_fault(&f->site, SJ__FAULT_REFUSE, SJ__FAULT_OP(SJ__GET), 0, 1);
  a = patch(&f->site, first, "{\"n\":1}");
  assert_status(a, SJ_UNAVAILABLE);
  assert_string_equal(a->applied, "no");
  site_fault(&f->site, SJ__FAULT_REFUSE, SJ__FAULT_OP(SJ__GET), 0, 1);
  a = load(&f->site, first);
  assert_status(a, SJ_UNAVAILABLE);
  assert_string_equal(a->applied, "");
  assert_int_equal(load(&f->site, first)->session.version, 1);
}

static void test_an_unanswered_creation_is_ended(void **state) {
  fixture *f = *state;
  site_fault(&f->site, SJ__FAULT_LOSE, PUTS, 0, 1);
  site_fault(&f->site, SJ__FAULT_REFUSE, PUTS, 0, 1000);
  const answer *a = create(&f->site, "ada", NULL);
  assert_status(a, SJ_UNAVAILABLE);
  assert_string_equal(a->applied, "unknown");
  site_no_faults(&f->site);
  kit_pass(&f->kit, 1000);
  assert_int_equal(site_audited(&f->site, "ended", "abandoned"), 1);
  assert_int_equal(list(&f->site, "ada", NULL, 0)->listed, 0);
}

/* The put comes late, after the creation was given up: the tombstone is there already. */
static void test_a_late_creation_stays_ended(void **state) {
  fixture *f = *state;
  sj__fault_step late = {.fault = SJ__FAULT_LATE, .ops = PUTS, .times = 1, .delay_ms = 5000};
  assert_ok(sj__fault_add_step(f->site.store, &late));
  site_fault(&f->site, SJ__FAULT_REFUSE, PUTS, 0, 1000);
  assert_status(create(&f->site, "ada", NULL), SJ_UNAVAILABLE);
  site_no_faults(&f->site);
  kit_pass(&f->kit, 10000);
  assert_int_equal(list(&f->site, "ada", NULL, 0)->listed, 0);
}

/* Nothing was stored and the store said so: there is nothing to clean up. */
static void test_a_refused_creation_leaves_nothing(void **state) {
  fixture *f = *state;
  site_fault(&f->site, SJ__FAULT_REFUSE, PUTS, 0, 1);
  const answer *a = create(&f->site, "ada", NULL);
  assert_status(a, SJ_UNAVAILABLE);
  assert_string_equal(a->applied, "no");
  kit_pass(&f->kit, 1000);
  assert_int_equal(site_audited(&f->site, "ended", NULL), 0);
}

static void test_a_full_store(void **state) {
  fixture *f = *state;
  const char *first = keep(create(&f->site, "ada", NULL)->credential);
  site_fault(&f->site, SJ__FAULT_FULL, PUTS, 0, 2);
  assert_status(create(&f->site, "ada", NULL), SJ_FULL);
  assert_status(patch(&f->site, first, "{\"n\":1}"), SJ_FULL);
  assert_status(end(&f->site, first), SJ_OK);
}

/* --- Cancelling --------------------------------------------------------------------- */

static void test_a_cancelled_call_is_done_once(void **state) {
  fixture *f = *state;
  ask a;
  const char *first = keep(create(&f->site, "ada", NULL)->credential);
  ask_init(&a, &f->site);
  ask_present(&a, first);
  sj_cancel(f->site.worker, &a.call); /* not pending: nothing happens */
  assert_ok(sj_load(f->site.worker, &a.call, NULL));
  sj_cancel(f->site.worker, &a.call);
  sj_cancel(f->site.worker, &a.call);
  assert_status(ask_wait(&a, SJ_OK), SJ_CANCELLED);
  kit_pass(&f->kit, 3000);
  assert_int_equal(a.dones, 1);
  sj_cancel(f->site.worker, &a.call);
}

/* Cancelled with its put under way: a creation that may have happened is ended all the same. */
static void test_a_cancelled_creation_is_ended(void **state) {
  fixture *f = *state;
  ask a;
  sj_create_args args = {.subject = SJ__SLICE("ada")};
  site_fault(&f->site, SJ__FAULT_HANG, PUTS, 0, 1);
  ask_init(&a, &f->site);
  assert_ok(sj_create(f->site.worker, &a.call, &args));
  while (sj__fault_count(f->site.store, SJ__FAULT_HANG) == 0) kit_step(&f->kit);
  sj_cancel(f->site.worker, &a.call);
  assert_status(ask_wait(&a, SJ_OK), SJ_CANCELLED);
  assert_string_equal(a.answer.applied, "unknown");
  kit_pass(&f->kit, 1000);
  assert_int_equal(site_audited(&f->site, "ended", "abandoned"), 1);
}

/* Cancelled while it waits between two tries: it doesn't go on trying. */
static void test_cancelled_between_two_tries(void **state) {
  fixture *f = *state;
  ask a;
  const char *first = keep(create(&f->site, "ada", NULL)->credential);
  site_fault(&f->site, SJ__FAULT_LOSE, PUTS, 0, 1);
  site_fault(&f->site, SJ__FAULT_REFUSE, PUTS, 0, 1000);
  ask_init(&a, &f->site);
  ask_present(&a, first);
  assert_ok(sj_patch(f->site.worker, &a.call, SJ__SLICE("{\"n\":1}"), 0));
  while (sj__fault_count(f->site.store, SJ__FAULT_REFUSE) < 2) kit_step(&f->kit);
  sj_cancel(f->site.worker, &a.call);
  assert_status(ask_wait(&a, SJ_OK), SJ_CANCELLED);
  assert_string_equal(a.answer.applied, "unknown");
  assert_true(sj__fault_count(f->site.store, SJ__FAULT_REFUSE) <= 3);
}

/* --- Deadlines ------------------------------------------------------------------------ */

static void test_a_call_has_its_own_deadline(void **state) {
  fixture *f = *state;
  ask a;
  const char *first = keep(create(&f->site, "ada", NULL)->credential);
  site_fault(&f->site, SJ__FAULT_HANG, SJ__FAULT_OP(SJ__GET), 0, 2);
  ask_init(&a, &f->site);
  ask_present(&a, first);
  a.call.timeout_ms = 30;
  uint64_t begun_ms = sj__loop_now_ms(f->kit.loop);
  assert_status(ask_wait(&a, sj_load(f->site.worker, &a.call, NULL)), SJ_UNAVAILABLE);
  uint64_t took_ms = sj__loop_now_ms(f->kit.loop) - begun_ms;
  assert_true(took_ms >= 30 && took_ms <= 32);
  begun_ms = sj__loop_now_ms(f->kit.loop);
  assert_status(load(&f->site, first), SJ_UNAVAILABLE);
  took_ms = sj__loop_now_ms(f->kit.loop) - begun_ms;
  assert_true(took_ms >= 2000 && took_ms <= 2002);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      CASE(test_a_lost_patch_is_committed_once),    CASE(test_a_lost_creation_is_answered),
      CASE(test_found_out_behind_later_writes),     CASE(test_unknown_until_the_deadline),
      CASE(test_full_after_unknown_is_unknown),     CASE(test_refused_is_not_applied),
      CASE(test_an_unanswered_creation_is_ended),   CASE(test_a_late_creation_stays_ended),
      CASE(test_a_refused_creation_leaves_nothing), CASE(test_a_full_store),
      CASE(test_a_cancelled_call_is_done_once),     CASE(test_a_cancelled_creation_is_ended),
      CASE(test_cancelled_between_two_tries),       CASE(test_a_call_has_its_own_deadline),
  };
  return cmocka_run_group_tests_name("outcomes", tests, NULL, NULL);
}
