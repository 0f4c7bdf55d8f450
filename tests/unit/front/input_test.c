/* What requests say beside their credential: queries, bodies, conditions, members. */
#include "../unit.h"

#include "base/alloc.h"
#include "front/input.h"

static sj__arena arena;
static sj_error error;

static int set_up(void **state) {
  sj__arena_init(&arena, NULL, 0, 0);
  error = (sj_error){0};
  return 0;
}

static int tear_down(void **state) {
  sj__arena_release(&arena);
  return 0;
}

/* --- Queries ------------------------------------------------------------------------ */

static sj_status parse_query(const char *query, sj_slice values[2]) {
  static const char *const names[] = {"cursor", "limit"};
  error.message[0] = '\0';
  return sj__query_parse(&arena, sj__slice_text(query), names, 2, values, &error);
}

static void reads_parameters(void **state) {
  sj_slice values[2];
  assert_ok(parse_query(NULL, values));
  assert_null(values[0].data);
  assert_ok(parse_query("&&limit=5&cursor=a%20b+c%2B&&", values));
  assert_slice_text(values[0], "a b c+");
  assert_slice_text(values[1], "5");
  assert_ok(parse_query("cursor", values));
  assert_non_null(values[0].data);
  assert_int_equal(values[0].size, 0);
  assert_ok(parse_query("%63ursor=x=y", values));
  assert_slice_text(values[0], "x=y");
  assert_ok(parse_query("access_token=secret&limit=1&access_token=2", values));
  assert_slice_text(values[1], "1");
}

static void refuses_parameters(void **state) {
  static const struct {
    const char *query;
    const char *message;
  } refused[] = {
      {"x=1", "unknown query parameter \"x\"; allowed here: cursor, limit"},
      {"Limit=1", "unknown query parameter \"Limit\"; allowed here: cursor, limit"},
      {"=1", "unknown query parameter \"\"; allowed here: cursor, limit"},
      {"limit=1&limit=1", "repeated query parameter \"limit\"; allowed here: cursor, limit"},
      {"limit=1&%6cimit=1", "repeated query parameter \"limit\"; allowed here: cursor, limit"},
      {"limit=1;cursor=2&b%0A=1", "unknown query parameter \"b\\n\"; allowed here: cursor, limit"},
      {"limit=%", "the query has a malformed % escape or a NUL"},
      {"limit=%4", "the query has a malformed % escape or a NUL"},
      {"limit=%4g", "the query has a malformed % escape or a NUL"},
      {"limit=%00", "the query has a malformed % escape or a NUL"},
      {"%zz=1", "the query has a malformed % escape or a NUL"},
  };
  sj_slice values[2];
  for (size_t i = 0; i < SJ__COUNT_OF(refused); i++) {
    assert_int_equal(parse_query(refused[i].query, values), SJ_BAD_REQUEST);
    assert_string_equal(error.message, refused[i].message);
  }
}

/* --- Bodies -------------------------------------------------------------------------- */

static sj_status parse_body(const char *type, const char *coding, const char *body) {
  sj__http_field fields[2];
  size_t count = 0;
  sj__json *object;
  if (type != NULL) {
    fields[count++] = (sj__http_field){SJ__SLICE("content-type"), sj__slice_text(type)};
  }
  if (coding != NULL) {
    fields[count++] = (sj__http_field){SJ__SLICE("Content-Encoding"), sj__slice_text(coding)};
  }
  const sj__http_request request = {
      .fields = fields, .field_count = count, .arena = &arena, .body = sj__slice_text(body)};
  return sj__body_parse(&request, "application/json", &object, NULL, &error);
}

static void takes_one_media_type(void **state) {
  static const char *const good[] = {"application/json",
                                     "Application/JSON",
                                     " application/json ",
                                     "application/json;",
                                     "application/json; charset=utf-8",
                                     "application/json;CHARSET=\"UTF-8\" ;"};
  static const char *const bad[] = {"",
                                    "application/jsonx",
                                    "application/json, text/plain",
                                    "application/merge-patch+json",
                                    "application/json; charset=latin1",
                                    "application/json; q=1",
                                    "text/plain; application/json"};
  for (size_t i = 0; i < SJ__COUNT_OF(good); i++) assert_ok(parse_body(good[i], NULL, "{}"));
  for (size_t i = 0; i < SJ__COUNT_OF(bad); i++) {
    assert_int_equal(parse_body(bad[i], NULL, "{}"), SJ_UNSUPPORTED_MEDIA_TYPE);
  }
  assert_int_equal(parse_body(NULL, NULL, "{}"), SJ_UNSUPPORTED_MEDIA_TYPE);
  assert_ok(parse_body("application/json", "identity", "{}"));
  assert_int_equal(parse_body("application/json", "gzip", "{}"), SJ_UNSUPPORTED_MEDIA_TYPE);
}

/* Nothing is sent: there is nothing whose type could be wrong. */
static void takes_an_empty_body_for_an_object(void **state) {
  assert_ok(parse_body(NULL, NULL, ""));
  assert_ok(parse_body("text/plain", NULL, NULL));
  assert_int_equal(parse_body("application/json", NULL, "[]"), SJ_BAD_REQUEST);
  assert_string_equal(error.message, "the body must be a JSON object");
  assert_int_equal(parse_body("application/json", NULL, " "), SJ_BAD_REQUEST);
}

/* --- Conditions ------------------------------------------------------------------------ */

static sj_status parse_if_match(const char *first, const char *second, uint64_t *version) {
  const sj__http_field fields[] = {{SJ__SLICE("If-Match"), sj__slice_text(first)},
                                   {SJ__SLICE("if-match"), sj__slice_text(second)}};
  const size_t count = first == NULL ? 0 : second == NULL ? 1 : 2;
  const sj__http_request request = {.fields = fields, .field_count = count};
  return sj__if_match_parse(&request, version, &error);
}

static void reads_if_match(void **state) {
  static const struct {
    const char *tag;
    uint64_t version; /* UINT64_MAX: never matches */
  } good[] = {{NULL, 0},
              {"*", 0},
              {"\"3\"", 3},
              {"\"18446744073709551614\"", UINT64_MAX - 1},
              {"\"18446744073709551616\"", UINT64_MAX},
              {"\"0\"", UINT64_MAX},
              {"\"03\"", UINT64_MAX},
              {"\"\"", UINT64_MAX},
              {"\"a, b\"", UINT64_MAX},
              {"W/\"3\"", UINT64_MAX}};
  static const char *const bad[] = {"",    "3",       "\"",      "\"3",          "3\"",
                                    "**",  "w/\"3\"", "W/3",     "\"3\", \"4\"", "\"a\"b\"",
                                    "W/*", "W/",      "\"3\" x", "x \"3\""};
  uint64_t version;
  for (size_t i = 0; i < SJ__COUNT_OF(good); i++) {
    assert_ok(parse_if_match(good[i].tag, NULL, &version));
    assert_true(version == good[i].version);
  }
  for (size_t i = 0; i < SJ__COUNT_OF(bad); i++) {
    assert_int_equal(parse_if_match(bad[i], NULL, &version), SJ_BAD_REQUEST);
  }
  assert_int_equal(parse_if_match("\"3\"", "\"3\"", &version), SJ_BAD_REQUEST);
  assert_int_equal(parse_if_match("*", "*", &version), SJ_BAD_REQUEST);
}

/* --- Members --------------------------------------------------------------------------- */

typedef struct filled {
  sj_slice text;
  sj_slice object;
  sj_slice texts;
  int level;
  int64_t duration_ms;
  int64_t moment_ms;
} filled;

static sj_status read_members(const char *json, filled *out) {
  static const sj__member members[] = {
      {"text", SJ__MEMBER_TEXT, offsetof(filled, text)},
      {"object", SJ__MEMBER_OBJECT, offsetof(filled, object)},
      {"texts", SJ__MEMBER_TEXTS, offsetof(filled, texts)},
      {"level", SJ__MEMBER_LEVEL, offsetof(filled, level)},
      {"duration", SJ__MEMBER_DURATION, offsetof(filled, duration_ms)},
      {"moment", SJ__MEMBER_MOMENT, offsetof(filled, moment_ms)},
  };
  sj__json *object;
  assert_ok(sj__json_parse(&arena, sj__slice_text(json), &object, &error));
  return sj__members_read(&arena, object, members, SJ__COUNT_OF(members), out, &error);
}

static void fills_what_is_there(void **state) {
  filled out = {.level = -1, .duration_ms = 7};
  assert_ok(read_members("{}", &out));
  assert_int_equal(out.level, -1);
  assert_null(out.text.data);
  assert_ok(
      read_members("{\"text\":\"\\u00e9\", \"object\": {\"a\" : 1.0 }, \"texts\":[ \"x\" ],"
                   "\"level\":255,\"moment\":\"1970-01-01T00:00:01+00:00\"}",
                   &out));
  assert_slice_text(out.text, "\xc3\xa9");
  assert_slice_text(out.object, "{\"a\":1.0}");
  assert_slice_text(out.texts, "[\"x\"]");
  assert_int_equal(out.level, 255);
  assert_int_equal(out.duration_ms, 7);
  assert_int_equal(out.moment_ms, 1000);
}

static void refuses_what_is_not_of_the_type(void **state) {
  static const char *const bad[] = {
      "{\"text\":null}",        "{\"text\":1}",          "{\"object\":[]}",
      "{\"object\":null}",      "{\"texts\":\"x\"}",     "{\"texts\":[1]}",
      "{\"texts\":[\"x\",{}]}", "{\"level\":256}",       "{\"level\":1.0}",
      "{\"level\":\"1\"}",      "{\"level\":-1}",        "{\"duration\":30}",
      "{\"duration\":\"0\"}",   "{\"duration\":\"30\"}", "{\"moment\":\"now\"}",
      "{\"moment\":0}"};
  filled out = {0};
  for (size_t i = 0; i < SJ__COUNT_OF(bad); i++) {
    assert_int_equal(read_members(bad[i], &out), SJ_BAD_REQUEST);
    assert_non_null(strstr(error.message, "\" must be a"));
  }
  assert_int_equal(read_members("{\"Text\":\"x\"}", &out), SJ_BAD_REQUEST);
  assert_string_equal(error.message,
                      "unknown member \"Text\"; allowed here: text, object, texts, level, "
                      "duration, moment");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(reads_parameters, set_up, tear_down),
      cmocka_unit_test_setup_teardown(refuses_parameters, set_up, tear_down),
      cmocka_unit_test_setup_teardown(takes_one_media_type, set_up, tear_down),
      cmocka_unit_test_setup_teardown(takes_an_empty_body_for_an_object, set_up, tear_down),
      cmocka_unit_test_setup_teardown(reads_if_match, set_up, tear_down),
      cmocka_unit_test_setup_teardown(fills_what_is_there, set_up, tear_down),
      cmocka_unit_test_setup_teardown(refuses_what_is_not_of_the_type, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
