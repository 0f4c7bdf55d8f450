/* Limits: their size, who is named, and how many sessions a subject may have. */
#include <stdio.h>

#include "session_test.h"

static char *text_of(size_t size, const char *name) {
  char *text = malloc(size + 64);
  int used = snprintf(text, 64, "{\"small\":1,\"%s\":\"", name);
  memset(text + used, 'x', size);
  memcpy(text + used + size, "\"}", 3);
  return text;
}

static void test_the_largest_are_named(void **state) {
  fixture *f = *state;
  char *large = text_of(33000, "portrait");
  const char *credential = keep(create(&f->site, "ada", "{\"a\":1}")->credential);
  const answer *a = patch(&f->site, credential, large);
  assert_status(a, SJ_TOO_LARGE);
  assert_non_null(strstr(a->detail, "portrait"));
  assert_non_null(strstr(a->detail, "32768"));
  assert_status(create(&f->site, "ada", large), SJ_TOO_LARGE);
  sj_rotate_args args = {.auth_level = -1, .attributes = sj__slice_text(large)};
  assert_status(rotate(&f->site, credential, &args), SJ_TOO_LARGE);
  assert_string_equal(load(&f->site, credential)->attributes, "{\"a\":1}");
  free(large);
}

/* What policy allows and the store can't take names them as well. */
static void test_a_record_too_large_for_the_store(void **state) {
  fixture *f = *state;
  site roomy;
  sj_options options;
  site_options(&options);
  options.attributes_max = (size_t)1 << 20;
  site_open(&roomy, &f->kit, &options);
  char *large = text_of(((size_t)1 << 20) - 64, "portrait");
  const answer *a = create(&roomy, "ada", large);
  assert_status(a, SJ_TOO_LARGE);
  assert_non_null(strstr(a->detail, "portrait"));
  assert_int_equal(list(&roomy, "ada", NULL, 0)->listed, 0);
  free(large);
  site_close(&roomy);
}

/* --- policy.max_sessions ---------------------------------------------------------------- */

static void open_limited(site *s, fixture *f, uint32_t limit) {
  sj_options options;
  site_options(&options);
  options.max_sessions = limit;
  site_open_beside(s, &f->site, &options);
}

static void test_the_oldest_goes(void **state) {
  fixture *f = *state;
  site limited;
  const char *credentials[5];
  open_limited(&limited, f, 3);
  const char *eve = keep(create(&limited, "eve", NULL)->credential);
  const char *nobody = keep(create(&limited, NULL, NULL)->credential);
  for (int i = 0; i < 5; i++) {
    const answer *a = create(&limited, "ada", NULL);
    assert_status(a, SJ_OK);
    credentials[i] = keep(a->credential);
    kit_pass(&f->kit, 2);
  }
  assert_status(load(&limited, credentials[0]), SJ_ENDED);
  assert_status(load(&limited, credentials[1]), SJ_ENDED);
  for (int i = 2; i < 5; i++) assert_status(load(&limited, credentials[i]), SJ_OK);
  assert_status(load(&limited, eve), SJ_OK);
  assert_status(load(&limited, nobody), SJ_OK);
  assert_int_equal(site_audited(&limited, "ended", "limit"), 2);
  /* A sign-in counts as well, and a rotation of one's own doesn't. */
  assert_status(sign_in(&limited, nobody, "ada"), SJ_OK);
  assert_int_equal(list(&limited, "ada", NULL, 0)->listed, 3);
  assert_status(load(&limited, credentials[2]), SJ_ENDED);
  sj_rotate_args args = {.auth_level = 1};
  assert_status(rotate(&limited, credentials[3], &args), SJ_OK);
  assert_int_equal(list(&limited, "ada", NULL, 0)->listed, 3);
  site_close(&limited);
}

static void test_racing_creations_never_leave_more(void **state) {
  fixture *f = *state;
  site sites[2];
  static ask asks[12];
  sj_create_args args = {.subject = SJ__SLICE("ada")};
  for (uint32_t limit = 1; limit <= 3; limit++) {
    open_limited(&sites[0], f, limit);
    open_limited(&sites[1], f, limit);
    for (int i = 0; i < 12; i++) {
      ask_init(&asks[i], &sites[i % 2]);
      assert_ok(sj_create(sites[i % 2].worker, &asks[i].call, &args));
      if (i % 3 == 0) kit_step(&f->kit);
    }
    for (int i = 0; i < 12; i++) assert_status(ask_wait(&asks[i], SJ_OK), SJ_OK);
    assert_int_equal(list(&sites[0], "ada", NULL, 0)->listed, limit);
    site_close(&sites[1]);
    site_close(&sites[0]);
  }
}

/* A sign-in that is sent twice: one wins, lives, and drives nobody else out. */
static void test_racing_rotations_count_as_one(void **state) {
  fixture *f = *state;
  site limited;
  static ask asks[8];
  sj_rotate_args args = {.subject = SJ__SLICE("ada"), .auth_level = -1};
  open_limited(&limited, f, 2);
  const char *other = keep(create(&limited, "ada", NULL)->credential);
  const char *old = keep(create(&limited, NULL, NULL)->credential);
  for (int i = 0; i < 8; i++) {
    ask_init(&asks[i], &limited);
    ask_present(&asks[i], old);
    assert_ok(sj_rotate(limited.worker, &asks[i].call, &args));
  }
  const char *won = NULL;
  for (int i = 0; i < 8; i++) {
    const answer *a = ask_wait(&asks[i], SJ_OK);
    if (a->status == SJ_OK) {
      assert_null(won);
      won = keep(a->credential);
    } else {
      assert_status(a, SJ_ENDED);
    }
  }
  assert_non_null(won);
  assert_status(load(&limited, won), SJ_OK);
  assert_status(load(&limited, other), SJ_OK);
  assert_int_equal(list(&limited, "ada", NULL, 0)->listed, 2);
  site_close(&limited);
}

/* The limit came later than the sessions: all beyond it go, however many pages they fill. */
static void test_a_limit_that_is_new(void **state) {
  fixture *f = *state;
  site limited;
  for (int i = 0; i < 450; i++) assert_status(create(&f->site, "ada", NULL), SJ_OK);
  open_limited(&limited, f, 2);
  assert_status(create(&limited, "ada", NULL), SJ_OK);
  assert_int_equal(list(&limited, "ada", NULL, 100)->listed, 2);
  site_close(&limited);
}

/* What is listed is not held in memory: large sessions can be many. */
static void test_large_sessions_can_be_many(void **state) {
  fixture *f = *state;
  char *large = text_of(30000, "portrait");
  for (int i = 0; i < 700; i++) assert_status(create(&f->site, "ada", large), SJ_OK);
  assert_int_equal(list(&f->site, "ada", NULL, 100)->listed, 100);
  const answer *a = end_subject(&f->site, "ada", NULL);
  assert_status(a, SJ_OK);
  assert_int_equal(a->count, 700);
  free(large);
}

/* A victim that can't be ended: then the creation isn't answered either, and doesn't stay. */
static void test_a_limit_that_cannot_be_kept(void **state) {
  fixture *f = *state;
  site limited;
  open_limited(&limited, f, 1);
  const char *first = keep(create(&limited, "ada", NULL)->credential);
  kit_pass(&f->kit, 2);
  sj__fault_step refuse = {.fault = SJ__FAULT_REFUSE, .ops = SJ__FAULT_OP(SJ__END)};
  assert_ok(sj__fault_add_step(f->site.store, &refuse));
  const answer *a = create(&limited, "ada", NULL);
  assert_status(a, SJ_UNAVAILABLE);
  assert_string_equal(a->applied, "unknown");
  kit_pass(&f->kit, 1000);
  assert_int_equal(site_audited(&limited, "ended", "abandoned"), 1);
  assert_status(load(&limited, first), SJ_OK);
  assert_int_equal(list(&limited, "ada", NULL, 0)->listed, 1);
  site_close(&limited);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      CASE(test_the_largest_are_named),
      CASE(test_a_record_too_large_for_the_store),
      CASE(test_the_oldest_goes),
      CASE(test_racing_creations_never_leave_more),
      CASE(test_racing_rotations_count_as_one),
      CASE(test_a_limit_that_is_new),
      CASE(test_large_sessions_can_be_many),
      CASE(test_a_limit_that_cannot_be_kept),
  };
  return cmocka_run_group_tests_name("limits", tests, NULL, NULL);
}
