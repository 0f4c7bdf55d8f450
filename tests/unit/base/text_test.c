/* text and log: UTF-8, JSON strings, moments, log lines. */
#include "../unit.h"

#include <stdio.h>

#include "base/log.h"
#include "base/text.h"

static void knows_well_formed_utf8(void **state) {
  static const char *const good[] = {"",
                                     "abc",
                                     "\x7f",
                                     "\xc2\x80",
                                     "\xdf\xbf",
                                     "\xe0\xa0\x80",
                                     "\xed\x9f\xbf",
                                     "\xee\x80\x80",
                                     "\xef\xbf\xbf",
                                     "\xf0\x90\x80\x80",
                                     "\xf4\x8f\xbf\xbf"};
  static const char *const bad[] = {"\x80",
                                    "\xbf",
                                    "\xc0\x80",
                                    "\xc1\xbf",
                                    "\xc2",
                                    "\xc2\x41",
                                    "\xe0\x9f\xbf",
                                    "\xe1\x80",
                                    "\xe1\x80\x41",
                                    "\xed\xa0\x80",
                                    "\xf0\x8f\xbf\xbf",
                                    "\xf4\x90\x80\x80",
                                    "\xf5\x80\x80\x80",
                                    "\xf0\x90\x80",
                                    "\xff",
                                    "a\xfe"};
  for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
    assert_true(sj__utf8_valid(sj__slice_text(good[i])));
  }
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    assert_false(sj__utf8_valid(sj__slice_text(bad[i])));
  }
}

static void cuts_between_characters(void **state) {
  const char *text =
      "a\xe2\x82\xac"
      "b";
  static const size_t expected[] = {0, 1, 1, 1, 4, 5};
  for (size_t i = 0; i <= 5; i++) assert_int_equal(sj__utf8_floor(text, i), expected[i]);
}

static void assert_json(sj_slice text, const char *expected) {
  sj__buffer out;
  sj__buffer_init(&out, 0);
  sj__append_json_string(&out, text);
  assert_slice_text(sj__buffer_slice(&out), expected);
  sj__buffer_release(&out);
}

static void escapes_json_strings(void **state) {
  assert_json(SJ__SLICE(""), "\"\"");
  assert_json((sj_slice){NULL, 0}, "\"\"");
  assert_json(SJ__SLICE("a\"\\/\b\f\n\r\t"), "\"a\\\"\\\\/\\b\\f\\n\\r\\t\"");
  assert_json(SJ__SLICE("\0\x1f\x7f"), "\"\\u0000\\u001f\\u007f\"");
  assert_json(SJ__SLICE("\xe2\x82\xac"), "\"\xe2\x82\xac\"");
  assert_json(SJ__SLICE("x\xff\xc2"), "\"x\xef\xbf\xbd\xef\xbf\xbd\"");
}

/* Eight characters are looked at together: each, at each place, as if it stood alone. */
static void escapes_every_byte_at_every_place(void **state) {
  for (int c = 0; c < 256; c++) {
    char byte = (char)c;
    sj__buffer alone;
    sj__buffer_init(&alone, 0);
    sj__append_json_string(&alone, sj__slice(&byte, 1));
    for (int at = 0; at < 20; at++) {
      char text[20], expected[64];
      memset(text, 'a', sizeof(text));
      text[at] = byte;
      snprintf(expected, sizeof(expected), "\"%.*s%.*s%.*s\"", at, "aaaaaaaaaaaaaaaaaaaa",
               (int)alone.size - 2, alone.data + 1, 19 - at, "aaaaaaaaaaaaaaaaaaaa");
      assert_json(sj__slice(text, sizeof(text)), expected);
    }
    sj__buffer_release(&alone);
  }
}

static void assert_moment(int64_t wall_ms, const char *expected) {
  sj__buffer out;
  sj__buffer_init(&out, 0);
  sj__append_rfc3339(&out, wall_ms);
  assert_slice_text(sj__buffer_slice(&out), expected);
  sj__buffer_release(&out);
}

static void writes_moments(void **state) {
  assert_moment(0, "1970-01-01T00:00:00.000Z");
  assert_moment(-1, "1969-12-31T23:59:59.999Z");
  assert_moment(951782400123, "2000-02-29T00:00:00.123Z");
  assert_moment(1709164800000, "2024-02-29T00:00:00.000Z");
  assert_moment(4107542400000, "2100-03-01T00:00:00.000Z");
  assert_moment(1767323045678, "2026-01-02T03:04:05.678Z");
  assert_moment(253402300799999, "9999-12-31T23:59:59.999Z");
  assert_moment(253402300800000, "9999-12-31T23:59:59.999Z");
  assert_moment(INT64_MAX, "9999-12-31T23:59:59.999Z");
  assert_moment(INT64_MIN, "0000-03-01T00:00:00.000Z");
}

typedef void log_format(sj__buffer *out, int64_t wall_ms, sj__log_level level, const char *message,
                        const sj__log_field *fields, size_t field_count);

static void assert_line(log_format *format, const char *expected) {
  const sj__log_field fields[] = {
      SJ__FIELD_CSTR("plain", "127.0.0.1:7373"),
      SJ__FIELD("forged", SJ__SLICE("a\nlevel=error \"x")),
      SJ__FIELD_CSTR("empty", ""),
      SJ__FIELD_INT("count", -9223372036854775807 - 1),
  };
  sj__buffer out;
  sj__buffer_init(&out, 0);
  format(&out, 1767323045678, SJ__LOG_WARNING, "it happened", fields, 4);
  assert_slice_text(sj__buffer_slice(&out), expected);
  sj__buffer_release(&out);
}

static void formats_lines_that_cannot_be_forged(void **state) {
  assert_line(sj__log_format_json,
              "{\"time\":\"2026-01-02T03:04:05.678Z\",\"level\":\"warning\",\"message\":\"it "
              "happened\",\"plain\":\"127.0.0.1:7373\",\"forged\":\"a\\nlevel=error "
              "\\\"x\",\"empty\":\"\",\"count\":-9223372036854775808}");
  assert_line(sj__log_format_text,
              "2026-01-02T03:04:05.678Z warning it happened plain=127.0.0.1:7373 "
              "forged=\"a\\nlevel=error \\\"x\" empty=\"\" count=-9223372036854775808");
}

static int lines;
static void count_lines(void *context, sj__log_level level, const char *message,
                        const sj__log_field *fields, size_t field_count) {
  assert_ptr_equal(context, &lines);
  lines += (int)field_count;
}

static void passes_on_what_is_loud_enough(void **state) {
  SJ__LOG(SJ__LOG_ERROR, "dropped", SJ__FIELD_INT("n", 1));
  sj__log_install(count_lines, &lines, SJ__LOG_INFO);
  SJ__LOG(SJ__LOG_DEBUG, "dropped", SJ__FIELD_INT("n", 1));
  assert_int_equal(lines, 0);
  SJ__LOG(SJ__LOG_INFO, "kept", SJ__FIELD_INT("n", 1), SJ__FIELD_CSTR("s", "t"));
  assert_int_equal(lines, 2);
  sj__log_install(NULL, NULL, SJ__LOG_DEBUG);
  SJ__LOG(SJ__LOG_ERROR, "dropped", SJ__FIELD_INT("n", 1));
  assert_int_equal(lines, 2);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(knows_well_formed_utf8),
      cmocka_unit_test(cuts_between_characters),
      cmocka_unit_test(escapes_json_strings),
      cmocka_unit_test(escapes_every_byte_at_every_place),
      cmocka_unit_test(writes_moments),
      cmocka_unit_test(formats_lines_that_cannot_be_forged),
      cmocka_unit_test(passes_on_what_is_loud_enough),
  };
  return cmocka_run_group_tests_name("unit/base/text", tests, NULL, NULL);
}
