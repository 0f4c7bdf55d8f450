/* trace+: one line and one count a call, and nothing of the session but its sid. */
#include "lmdb_kit.h"

#include "base/log.h"
#include "codec/base64url.h"

static unsigned lines;
static char last_op[16], last_outcome[32], last_sid[64];

static void keep(char *out, size_t size, sj_slice text) {
  snprintf(out, size, "%.*s", (int)text.size, text.data != NULL ? text.data : "");
}

static void on_line(void *context, sj__log_level level, const char *message,
                    const sj__log_field *fields, size_t field_count) {
  lines++;
  assert_string_equal(message, "store call");
  assert_int_equal(level, SJ__LOG_DEBUG);
  assert_int_equal(field_count, 4); /* these, and nothing else */
  assert_string_equal(fields[0].name, "op");
  assert_string_equal(fields[1].name, "outcome");
  assert_string_equal(fields[2].name, "sid");
  assert_string_equal(fields[3].name, "microseconds");
  assert_int_equal(fields[3].type, SJ__FIELD_INTEGER);
  keep(last_op, sizeof(last_op), fields[0].text);
  keep(last_outcome, sizeof(last_outcome), fields[1].text);
  keep(last_sid, sizeof(last_sid), fields[2].text);
}

static void expect_line(unsigned count, const char *call, const char *outcome, const uint8_t *key) {
  char sid[SJ__BASE64URL_SIZE(SJ__KEY_SIZE) + 1] = {0};
  if (key != NULL) sid[sj__base64url_encode(key, SJ__KEY_SIZE, sid)] = '\0';
  assert_int_equal(lines, count);
  assert_string_equal(last_op, call);
  assert_string_equal(last_outcome, outcome);
  assert_string_equal(last_sid, sid);
}

static void one_line_a_call(void **state) {
  suite all;
  seat s = {0};
  sj_error error = {0};
  suite_init(&all, "trace+memory:");
  assert_int_equal(sj__store_open(all.url, &all.options, &all.store, &error), SJ_OK);
  assert_true(seat_open(&s, &all, all.store));
  sj__log_install(on_line, NULL, SJ__LOG_DEBUG);
  key16 key = random_key(&s), tag = random_key(&s);
  sj__record record = new_record(&s, key.bytes, tag.bytes);
  sj_slice bytes = encode(&s, &record, 64);
  (void)put(&s, bytes, 0);
  expect_line(1, "put", "ok", key.bytes);
  (void)put(&s, bytes, 0);
  expect_line(2, "put", "conflict", key.bytes);
  (void)get(&s, key.bytes);
  expect_line(3, "get", "ok", key.bytes);
  (void)run(op_list(&s, tag.bytes, NULL, 5));
  expect_line(4, "list", "ok", NULL);
  (void)run(op_mark(&s, new_mark(&s, s.now_ms)));
  expect_line(5, "mark", "ok", NULL);
  (void)put(&s, SJ__SLICE("no record"), 0);
  expect_line(6, "put", "misuse", NULL);
  (void)end(&s, key.bytes);
  expect_line(7, "end", "ok", key.bytes);
  sj__log_install(NULL, NULL, SJ__LOG_ERROR);
  sj__buffer text;
  sj__buffer_init(&text, 0);
  sj__metrics_render(all.options.metrics, &text);
  sj__buffer_append_char(&text, '\0');
  assert_non_null(
      strstr(text.data, "sojourn_store_calls_total{op=\"put\",outcome=\"conflict\"} 1\n"));
  assert_non_null(strstr(text.data, "sojourn_store_calls_total{op=\"get\",outcome=\"ok\"} 1\n"));
  assert_non_null(strstr(text.data, "sojourn_store_seconds_count{op=\"put\"} 3\n"));
  sj__buffer_release(&text);
  seat_close(&s);
  sj__store_close(all.store);
  suite_release(&all);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(one_line_a_call)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
