/* What /check is asked, and whether a session satisfies it. */
#include "../unit.h"

#include "base/alloc.h"
#include "front/check/check_front.h"

static char first_block[4096];

static sj_status parse(const char *query, sj__check_query *out) {
  sj__arena arena;
  sj_error error = {0};
  sj__arena_init(&arena, first_block, sizeof(first_block), 0);
  sj_status status = sj__check_query_parse(&arena, sj__slice_text(query), out, &error);
  if (status != SJ_OK) assert_true(error.message[0] != '\0');
  sj__arena_release(&arena);
  return status;
}

static void reads_what_is_asked(void **state) {
  sj__check_query query;
  assert_ok(parse(NULL, &query));
  assert_false(query.optional || query.renew || query.has_max_age || query.level != 0);
  assert_ok(parse("optional=1&renew=1&level=255&max_age=0", &query));
  assert_true(query.optional && query.renew && query.has_max_age);
  assert_int_equal(query.level, 255);
  assert_int_equal(query.max_age_s, 0);
  assert_ok(parse("&&level=7&", &query));
  assert_int_equal(query.level, 7);
  assert_ok(parse("access_token=secret", &query));
}

/* A refused query asks for nothing less than a whole 403: not even `optional` counts. */
static void refuses_what_is_misspelt(void **state) {
  static const char *const queries[] = {"level=256",
                                        "level=-1",
                                        "level=+1",
                                        "level=01",
                                        "level=0x1",
                                        "level",
                                        "level=1&level=1",
                                        "Level=1",
                                        "lvl=1",
                                        "optional=2",
                                        "optional=",
                                        "renew=true",
                                        "max_age=9223372036854776",
                                        "max_age=1.5",
                                        "max_age=%",
                                        "%00=1",
                                        "=",
                                        "level=1;renew=1",
                                        "level=1+",
                                        "optional=1&x=1"};
  for (size_t i = 0; i < SJ__COUNT_OF(queries); i++) {
    sj__check_query query;
    if (parse(queries[i], &query) != SJ_FORBIDDEN) fail_msg("took %s", queries[i]);
  }
}

static void compares_level_and_age(void **state) {
  const int64_t now_ms = 1000000;
  sj__check_query query = {.level = 2};
  sj_session session = {.auth_level = 2, .auth_at_ms = 0};
  assert_true(sj__check_is_satisfied(&query, &session, now_ms));
  session.auth_level = 1;
  assert_false(sj__check_is_satisfied(&query, &session, now_ms));
  query = (sj__check_query){.has_max_age = true, .max_age_s = 10};
  session.auth_at_ms = now_ms - 10000;
  assert_true(sj__check_is_satisfied(&query, &session, now_ms));
  session.auth_at_ms = now_ms - 10001;
  assert_false(sj__check_is_satisfied(&query, &session, now_ms));
  session.auth_at_ms = now_ms + 5000; /* the clock went back */
  assert_true(sj__check_is_satisfied(&query, &session, now_ms));
  query.max_age_s = INT64_MAX / 1000;
  session.auth_at_ms = 0;
  assert_true(sj__check_is_satisfied(&query, &session, INT64_MAX / 2));
  query.max_age_s = 0;
  session.auth_at_ms = now_ms;
  assert_true(sj__check_is_satisfied(&query, &session, now_ms));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_what_is_asked),
      cmocka_unit_test(refuses_what_is_misspelt),
      cmocka_unit_test(compares_level_and_age),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
