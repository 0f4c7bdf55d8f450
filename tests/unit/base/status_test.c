#include "../unit.h"

#include "base/errors.h"
#include "base/text.h"

static void codes_are_unique_and_spelled_like_labels(void **state) {
  for (int i = 0; i < SJ_STATUS_COUNT; i++) {
    const char *code = sj_status_code((sj_status)i);
    assert_int_equal(strspn(code, "abcdefghijklmnopqrstuvwxyz_"), strlen(code));
    assert_true(strlen(sj_status_text((sj_status)i)) > 3);
    for (int j = 0; j < i; j++) assert_string_not_equal(code, sj_status_code((sj_status)j));
  }
}

static void looks_up_code_text_and_category(void **state) {
  assert_int_equal(SJ_OK, 0);
  assert_string_equal(sj_status_code(SJ_BEHIND), "behind");
  assert_int_equal(sj_status_category(SJ_BEHIND), SJ_CATEGORY_STORE);
  assert_int_equal(sj_status_category(SJ_UNSUPPORTED), SJ_CATEGORY_INPUT);
  assert_string_equal(sj_status_text(SJ_OK), "done");
}

static void fail_fills_the_error(void **state) {
  sj_error error = {SJ_OK, ""};
  assert_int_equal(sj__fail(&error, SJ_INVALID, "line %d: %s", 7, "a\nb"), SJ_INVALID);
  assert_int_equal(error.status, SJ_INVALID);
  assert_string_equal(error.message, "line 7: a b");
  sj__error_prefix(&error, "file.yaml");
  assert_string_equal(error.message, "file.yaml: line 7: a b");
  assert_int_equal(error.status, SJ_INVALID);
  assert_int_equal(sj__fail(NULL, SJ_IO, "nobody listens"), SJ_IO);
  sj__error_prefix(NULL, "x");
}

/* One to four bytes wide, so that every cut position is met. */
static void long_messages_are_cut_at_a_character(void **state) {
  static const char *const characters[] = {"a", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
  for (size_t i = 0; i < 4; i++) {
    for (size_t lead = 0; lead < 5; lead++) {
      char text[2000] = "";
      memset(text, 'x', lead);
      size_t width = strlen(characters[i]);
      for (size_t at = lead; at < 1500; at += width) memcpy(text + at, characters[i], width);
      sj_error error;
      assert_int_equal(sj__fail(&error, SJ_INVALID, "%s", text), SJ_INVALID);
      size_t size = strlen(error.message);
      assert_in_range(size, sizeof(error.message) - width, sizeof(error.message) - 1);
      assert_int_equal((size - lead) % width, 0);
      assert_true(sj__utf8_valid(sj__slice_text(error.message)));
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(codes_are_unique_and_spelled_like_labels),
      cmocka_unit_test(looks_up_code_text_and_category),
      cmocka_unit_test(fail_fills_the_error),
      cmocka_unit_test(long_messages_are_cut_at_a_character),
  };
  return cmocka_run_group_tests_name("unit/base/status", tests, NULL, NULL);
}
