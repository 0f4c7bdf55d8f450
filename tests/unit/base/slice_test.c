#include "../unit.h"

static void compares_ascii_without_case(void **state) {
  assert_true(sj__slice_equal_nocase(SJ__SLICE("Content-Length"), SJ__SLICE("cONTENT-lENGTH")));
  assert_false(sj__slice_equal_nocase(SJ__SLICE("a"), SJ__SLICE("ab")));
  /* The neighbours of the letters differ by the same bit, but are no letters. */
  assert_false(sj__slice_equal_nocase(SJ__SLICE("@[`{"), SJ__SLICE("`{@[")));
  assert_false(sj__slice_equal_nocase(SJ__SLICE("\xc4"), SJ__SLICE("\xe4")));
  assert_true(sj__slice_equal_nocase(SJ__SLICE(""), (sj_slice){NULL, 0}));
}

static void trims_blanks_only(void **state) {
  assert_slice_text(sj__slice_trim(SJ__SLICE(" \t a b\t ")), "a b");
  assert_slice_text(sj__slice_trim(SJ__SLICE("\ra\n")), "\ra\n");
  assert_int_equal(sj__slice_trim(SJ__SLICE(" \t ")).size, 0);
  assert_int_equal(sj__slice_trim((sj_slice){NULL, 0}).size, 0);
}

static void compares_and_finds_prefixes(void **state) {
  assert_true(sj__slice_equal(SJ__SLICE("ab"), sj__slice("abc", 2)));
  assert_false(sj__slice_equal(SJ__SLICE("ab"), SJ__SLICE("aB")));
  assert_true(sj__slice_equal((sj_slice){NULL, 0}, SJ__SLICE("")));
  assert_true(sj__slice_starts(SJ__SLICE("unix:/x"), SJ__SLICE("unix:")));
  assert_false(sj__slice_starts(SJ__SLICE("uni"), SJ__SLICE("unix:")));
  assert_null(sj__slice_text(NULL).data);
}

static void reads_decimals(void **state) {
  static const struct {
    const char *text;
    uint64_t max;
    uint64_t value;
  } good[] = {
      {"0", 0, 0},
      {"7", 9, 7},
      {"65535", 65535, 65535},
      {"18446744073709551615", UINT64_MAX, UINT64_MAX},
  };
  for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
    uint64_t value = 99;
    assert_true(sj__slice_to_u64(sj__slice_text(good[i].text), good[i].max, &value));
    assert_int_equal(value, good[i].value);
  }
}

static void writes_decimals(void **state) {
  char space[SJ__U64_DIGITS];
  assert_slice_text(sj__slice_of_u64(0, space), "0");
  assert_slice_text(sj__slice_of_u64(10, space), "10");
  assert_slice_text(sj__slice_of_u64(UINT64_MAX, space), "18446744073709551615");
}

static void refuses_other_numbers(void **state) {
  static const char *const bad[] = {"",
                                    "+1",
                                    "-1",
                                    " 1",
                                    "1 ",
                                    "01",
                                    "00",
                                    "1.0",
                                    "1e3",
                                    "0x1",
                                    "1_0",
                                    "\xd9\xa1",
                                    "18446744073709551616",
                                    "99999999999999999999",
                                    "101",
                                    ":",
                                    "/"};
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    uint64_t value = 99;
    uint64_t max = strlen(bad[i]) > 10 ? UINT64_MAX : 100;
    assert_false(sj__slice_to_u64(sj__slice_text(bad[i]), max, &value));
    assert_int_equal(value, 99);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(compares_ascii_without_case),
      cmocka_unit_test(trims_blanks_only),
      cmocka_unit_test(compares_and_finds_prefixes),
      cmocka_unit_test(reads_decimals),
      cmocka_unit_test(writes_decimals),
      cmocka_unit_test(refuses_other_numbers),
  };
  return cmocka_run_group_tests_name("unit/base/slice", tests, NULL, NULL);
}
