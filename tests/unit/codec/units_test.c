/* Durations, sizes, moments, percent-encoding, clean text. */
#include "../unit.h"

#include "codec/units.h"

#include "base/alloc.h"
#include "base/text.h"

static void assert_text(sj__buffer *buffer, const char *text) {
  assert_int_equal(sj__buffer_status(buffer), SJ_OK);
  sj__buffer_append_char(buffer, '\0');
  assert_string_equal(buffer->data, text);
  sj__buffer_release(buffer);
}

static void duration_forms(void **state) {
  (void)state;
  static const struct {
    const char *text;
    int64_t ms;
    const char *canonical;
  } cases[] = {
      {"0", 0, "0"},           {"1ms", 1, "1ms"},        {"250ms", 250, "250ms"},
      {"90s", 90000, "90s"},   {"60s", 60000, "1m"},     {"30m", 1800000, "30m"},
      {"90m", 5400000, "90m"}, {"12h", 43200000, "12h"}, {"24h", 86400000, "1d"},
      {"7d", 604800000, "7d"}, {"1000ms", 1000, "1s"},   {"36525d", 3155760000000, "36525d"},
  };
  for (size_t i = 0; i < SJ__COUNT_OF(cases); i++) {
    int64_t ms = -1;
    sj__buffer out;
    sj__buffer_init(&out, 0);
    assert_int_equal(sj__duration_parse(sj__slice_text(cases[i].text), &ms), SJ_OK);
    assert_int_equal(ms, cases[i].ms);
    sj__duration_append(&out, ms);
    assert_text(&out, cases[i].canonical);
  }
}

static void duration_refusals(void **state) {
  (void)state;
  static const char *const cases[] = {
      "",
      " ",
      "s",
      "m",
      "1",
      "10",
      "0s",
      "00",
      "-1s",
      "+1s",
      "1.5h",
      "1h30m",
      "1 s",
      " 1s",
      "1s ",
      "01s",
      "1S",
      "1M",
      "1sec",
      "1w",
      "1us",
      "1y",
      "ms",
      "1mss",
      "36526d",
      "99999999999999999999d",
      "9223372036854775807ms",
      "18446744073709551616ms",
      "1d1",
  };
  for (size_t i = 0; i < SJ__COUNT_OF(cases); i++) {
    int64_t ms = 77;
    if (sj__duration_parse(sj__slice_text(cases[i]), &ms) != SJ_INVALID) fail_msg("%s", cases[i]);
    assert_int_equal(ms, 77);
  }
}

static void byte_sizes(void **state) {
  (void)state;
  static const struct {
    const char *text;
    uint64_t bytes;
    const char *canonical;
  } cases[] = {
      {"0", 0, "0"},
      {"512", 512, "512"},
      {"1024", 1024, "1KiB"},
      {"1025", 1025, "1025"},
      {"32KiB", 32768, "32KiB"},
      {"64MiB", 67108864, "64MiB"},
      {"1GiB", 1073741824, "1GiB"},
      {"2TiB", UINT64_C(2199023255552), "2TiB"},
      {"1536KiB", 1572864, "1536KiB"},
      {"16777215TiB", UINT64_C(18446742974197923840), "16777215TiB"},
      {"18446744073709551615", UINT64_MAX, "18446744073709551615"},
  };
  for (size_t i = 0; i < SJ__COUNT_OF(cases); i++) {
    uint64_t bytes = 1;
    sj__buffer out;
    sj__buffer_init(&out, 0);
    assert_int_equal(sj__bytes_parse(sj__slice_text(cases[i].text), &bytes), SJ_OK);
    assert_int_equal(bytes, cases[i].bytes);
    sj__bytes_append(&out, bytes);
    assert_text(&out, cases[i].canonical);
  }
  static const char *const refused[] = {"",
                                        "KiB",
                                        "-1",
                                        "1.5KiB",
                                        "1KB",
                                        "1k",
                                        "1kib",
                                        "1 KiB",
                                        "01",
                                        "1B",
                                        "1PiB",
                                        "16777216TiB",
                                        "18446744073709551616"};
  for (size_t i = 0; i < SJ__COUNT_OF(refused); i++) {
    uint64_t bytes;
    if (sj__bytes_parse(sj__slice_text(refused[i]), &bytes) != SJ_INVALID) {
      fail_msg("%s", refused[i]);
    }
  }
}

static void moments(void **state) {
  (void)state;
  static const struct {
    const char *text;
    int64_t ms;
  } cases[] = {
      {"1970-01-01T00:00:00Z", 0},
      {"1970-01-01t00:00:00z", 0},
      {"1970-01-01T00:00:00.001Z", 1},
      {"1969-12-31T23:59:59.999Z", -1},
      {"1985-04-12T23:20:50.52Z", 482196050520},
      {"1996-12-19T16:39:57-08:00", 851042397000},
      {"1990-12-31T23:59:60Z", 662688000000},
      {"1990-12-31T15:59:60-08:00", 662688000000},
      {"1937-01-01T12:00:27.87+00:20", -1041337172130},
      {"2026-01-02T03:04:05.6789999Z", 1767323045678},
      {"2026-01-02T03:04:05.123456789012345678901234567890Z", 1767323045123},
      {"2024-02-29T00:00:00-00:00", 1709164800000},
      {"2000-02-29T12:00:00+23:59", 951739260000},
      {"0000-01-01T00:00:00Z", -62167219200000},
      {"9999-12-31T23:59:59.999Z", 253402300799999},
  };
  for (size_t i = 0; i < SJ__COUNT_OF(cases); i++) {
    int64_t ms = 5;
    if (sj__rfc3339_parse(sj__slice_text(cases[i].text), &ms) != SJ_OK)
      fail_msg("%s", cases[i].text);
    if (ms != cases[i].ms) fail_msg("%s: %lld", cases[i].text, (long long)ms);
  }
}

static void moment_refusals(void **state) {
  (void)state;
  static const char *const cases[] = {
      "",
      "2026",
      "2026-01-02",
      "2026-01-02T03:04:05",
      "2026-01-02 03:04:05Z",
      "2026-01-02T03:04Z",
      "2026-1-2T03:04:05Z",
      "26-01-02T03:04:05Z",
      "2026-00-02T03:04:05Z",
      "2026-13-02T03:04:05Z",
      "2026-01-00T03:04:05Z",
      "2026-01-32T03:04:05Z",
      "2026-04-31T03:04:05Z",
      "2026-02-29T03:04:05Z",
      "1900-02-29T03:04:05Z",
      "2026-01-02T24:00:00Z",
      "2026-01-02T03:60:05Z",
      "2026-01-02T03:04:61Z",
      "2026-01-02T03:04:60Z",
      "2026-01-02T03:04:05.Z",
      "2026-01-02T03:04:05,5Z",
      "2026-01-02T03:04:05ZZ",
      "2026-01-02T03:04:05Z ",
      " 2026-01-02T03:04:05Z",
      "2026-01-02T03:04:05+24:00",
      "2026-01-02T03:04:05+01:60",
      "2026-01-02T03:04:05+0100",
      "2026-01-02T03:04:05+01",
      "+2026-01-02T03:04:05Z",
      "-026-01-02T03:04:05Z",
      "2026-W01-1T03:04:05Z",
      "1767323045",
  };
  for (size_t i = 0; i < SJ__COUNT_OF(cases); i++) {
    int64_t ms = 5;
    if (sj__rfc3339_parse(sj__slice_text(cases[i]), &ms) != SJ_INVALID) fail_msg("%s", cases[i]);
    assert_int_equal(ms, 5);
  }
}

/* Every day of 400 years and more, written by base and read back. */
static void moments_survive_the_way_back(void **state) {
  (void)state;
  for (int64_t day = -80000; day <= 80000; day += 7) {
    int64_t ms = day * 86400000 + 45296789, back = 0;
    sj__buffer out;
    sj__buffer_init(&out, 0);
    sj__append_rfc3339(&out, ms);
    assert_int_equal(sj__rfc3339_parse(sj__buffer_slice(&out), &back), SJ_OK);
    assert_int_equal(back, ms);
    sj__buffer_release(&out);
  }
}

static void percent(void **state) {
  (void)state;
  sj__buffer out;
  sj__buffer_init(&out, 0);
  sj__percent_encode(&out, SJ__SLICE("aZ09-._~ /%+\xC3\xA9\n"));
  assert_text(&out, "aZ09-._~%20%2F%25%2B%C3%A9%0A");
  sj__buffer_init(&out, 0);
  assert_int_equal(sj__percent_decode(&out, SJ__SLICE("a%20b+c%2f%C3%a9"), false), SJ_OK);
  assert_text(&out, "a b+c/\xC3\xA9");
  sj__buffer_init(&out, 0);
  assert_int_equal(sj__percent_decode(&out, SJ__SLICE("a+b%2B"), true), SJ_OK);
  assert_text(&out, "a b+");
  static const char *const refused[] = {"%",    "%2",  "a%",    "%g0", "%0g",
                                        "%%20", "%00", "a%00b", "% 1"};
  for (size_t i = 0; i < SJ__COUNT_OF(refused); i++) {
    sj__buffer_init(&out, 0);
    sj__buffer_append_literal(&out, "kept");
    if (sj__percent_decode(&out, sj__slice_text(refused[i]), false) != SJ_INVALID) {
      fail_msg("%s", refused[i]);
    }
    assert_text(&out, "kept");
  }
  sj__buffer_init(&out, 0);
  assert_int_equal(sj__percent_decode(&out, sj__slice("a\0", 2), false), SJ_INVALID);
  sj__buffer_release(&out);
}

static void clean_text(void **state) {
  (void)state;
  static const char *const clean[] = {"",    "a",        "J\xC3\xBCrgen", "\xF0\x9F\x98\x80",
                                      "a b", "\xC2\xA0", "\xEF\xBF\xBF",  "\xF4\x8F\xBF\xBF"};
  static const char *const dirty[] = {
      "\n",   "a\tb",     "\x7F",         "\xC2\x80",         "\xC2\x9F", "\x80",
      "\xC3", "\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "a\x1B[31m"};
  for (size_t i = 0; i < SJ__COUNT_OF(clean); i++) {
    if (!sj__text_is_clean(sj__slice_text(clean[i]), 20)) fail_msg("%s", clean[i]);
  }
  for (size_t i = 0; i < SJ__COUNT_OF(dirty); i++) {
    if (sj__text_is_clean(sj__slice_text(dirty[i]), 20)) fail_msg("case %zu", i);
  }
  assert_false(sj__text_is_clean(sj__slice("a\0b", 3), 20));
  assert_true(sj__text_is_clean(SJ__SLICE("abc"), 3));
  assert_false(sj__text_is_clean(SJ__SLICE("abcd"), 3));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(duration_forms),  cmocka_unit_test(duration_refusals),
      cmocka_unit_test(byte_sizes),      cmocka_unit_test(moments),
      cmocka_unit_test(moment_refusals), cmocka_unit_test(moments_survive_the_way_back),
      cmocka_unit_test(percent),         cmocka_unit_test(clean_text),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
