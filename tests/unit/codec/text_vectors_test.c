/* tests/vectors/texts.json: what people and other programs write, read and written as it says. */
#include "vectors.h"

#include "base/text.h"
#include "codec/cookie.h"
#include "codec/keyring_text.h"
#include "codec/units.h"

typedef struct fixture {
  sj__arena arena;
  sj__json *root;
  sj__buffer out; /* empty before each row */
} fixture;

static int set_up(void **state) {
  fixture *f = calloc(1, sizeof(*f));
  sj__arena_init(&f->arena, NULL, 0, 0);
  sj__buffer_init(&f->out, 0);
  f->root = read_vectors(&f->arena, "texts.json");
  *state = f;
  return 0;
}

static int tear_down(void **state) {
  fixture *f = *state;
  sj__buffer_release(&f->out);
  sj__arena_release(&f->arena);
  free(f);
  return 0;
}

/* Calls `check` with every row; at least one. */
static void each(fixture *f, const char *name, void (*check)(fixture *f, sj__json *row)) {
  sj__json_cursor cursor = {0};
  size_t count = 0;
  sj__json *list = sj__json_member(f->root, name);
  for (sj__json *row; (row = sj__json_next(list, &cursor, NULL)) != NULL; count++) {
    sj__buffer_reset(&f->out);
    check(f, row);
  }
  assert_true(count > 0);
}

static sj_slice json_text(fixture *f, const char *before, const sj__json *value,
                          const char *after) {
  sj__buffer out;
  sj__buffer_init(&out, 0);
  sj__buffer_append_text(&out, before);
  if (value != NULL) sj__json_write(value, &out);
  sj__buffer_append_text(&out, after);
  sj_slice text = sj__arena_dup(&f->arena, sj__buffer_slice(&out));
  sj__buffer_release(&out);
  return text;
}

/* --- Merge patches ----------------------------------------------------------------------- */

static void assert_merges(fixture *f, sj_slice target, sj_slice patch, sj_slice result) {
  sj__json *merged, *expected;
  bool changed, equal = false;
  sj__buffer_reset(&f->out);
  assert_ok(sj__json_merge_patch(&f->arena, target, patch, &f->out, &changed, NULL));
  assert_ok(sj__json_parse(&f->arena, sj__buffer_slice(&f->out), &merged, NULL));
  assert_ok(sj__json_parse(&f->arena, result, &expected, NULL));
  assert_ok(sj__json_equal(&f->arena, merged, expected, &equal));
  assert_true(equal);
}

/*
 * Ours take objects alone; RFC 7396's appendix has others too. As members of
 * an object they say the same, where null means that the member goes.
 */
static void check_merge(fixture *f, sj__json *row) {
  const sj__json *target = sj__json_member(row, "target"), *patch = sj__json_member(row, "patch");
  const sj__json *result = sj__json_member(row, "result");
  bool gone = sj__json_is_null(result);
  assert_merges(f, json_text(f, "{\"x\":", target, "}"), json_text(f, "{\"x\":", patch, "}"),
                gone ? SJ__SLICE("{}") : json_text(f, "{\"x\":", result, "}"));
  if (!sj__json_is_object(target) || !sj__json_is_object(patch)) return;
  assert_merges(f, json_text(f, "", target, ""), json_text(f, "", patch, ""),
                json_text(f, "", result, ""));
}

static void test_merge_patches(void **state) {
  each(*state, "merge_patch", check_merge);
}

/* --- Cookies ------------------------------------------------------------------------------- */

static void check_cookie_header(fixture *f, sj__json *row) {
  sj_slice value = {NULL, 0}, header;
  bool differ = false;
  size_t count = 0;
  sj__json_cursor cursor = {0};
  sj__json *headers = sj__json_member(row, "headers");
  for (sj__json *each_header; (each_header = sj__json_next(headers, &cursor, NULL)) != NULL;) {
    assert_true(sj__json_text(each_header, &header));
    count += sj__cookie_find(header, text_of(row, "name"), &value, &differ);
  }
  assert_int_equal(count, number_of(row, "count"));
  assert_text(value, text_or_none(row, "value"));
  assert_int_equal(differ, flag_of(row, "differ"));
}

static sj__same_site same_site_of(sj_slice text) {
  if (sj__slice_equal(text, SJ__SLICE("Lax"))) return SJ__SAME_SITE_LAX;
  if (sj__slice_equal(text, SJ__SLICE("Strict"))) return SJ__SAME_SITE_STRICT;
  assert_true(sj__slice_equal(text, SJ__SLICE("None")));
  return SJ__SAME_SITE_NONE;
}

static void check_set_cookie(fixture *f, sj__json *row) {
  const sj__set_cookie cookie = {
      .name = text_of(row, "name"),
      .value = text_of(row, "value"),
      .domain = text_or_none(row, "domain"),
      .path = text_or_none(row, "path"),
      .max_age_s = signed_of(row, "max_age"),
      .secure = flag_of(row, "secure"),
      .http_only = flag_of(row, "http_only"),
      .same_site = same_site_of(text_of(row, "same_site")),
  };
  sj_status status = sj__set_cookie_write(&cookie, &f->out, NULL);
  assert_int_equal(status, is_null(row, "line") ? SJ_INVALID : SJ_OK);
  if (status == SJ_OK) assert_text(sj__buffer_slice(&f->out), text_of(row, "line"));
}

static void test_cookies(void **state) {
  each(*state, "cookie_headers", check_cookie_header);
  each(*state, "set_cookies", check_set_cookie);
}

/* --- Durations, sizes, moments, percent-encoding ---------------------------------------------- */

static void check_duration(fixture *f, sj__json *row) {
  int64_t ms, again;
  sj_status status = sj__duration_parse(text_of(row, "text"), &ms);
  assert_int_equal(status, is_null(row, "ms") ? SJ_INVALID : SJ_OK);
  assert_int_equal(is_null(row, "shown"), is_null(row, "ms"));
  if (status != SJ_OK) return;
  assert_true(ms == signed_of(row, "ms"));
  sj__duration_append(&f->out, ms);
  assert_text(sj__buffer_slice(&f->out), text_of(row, "shown"));
  assert_ok(sj__duration_parse(sj__buffer_slice(&f->out), &again));
  assert_true(again == ms);
}

static void check_size(fixture *f, sj__json *row) {
  uint64_t bytes, again;
  sj_status status = sj__bytes_parse(text_of(row, "text"), &bytes);
  assert_int_equal(status, is_null(row, "bytes") ? SJ_INVALID : SJ_OK);
  assert_int_equal(is_null(row, "shown"), is_null(row, "bytes"));
  if (status != SJ_OK) return;
  assert_true(bytes == number_of(row, "bytes"));
  sj__bytes_append(&f->out, bytes);
  assert_text(sj__buffer_slice(&f->out), text_of(row, "shown"));
  assert_ok(sj__bytes_parse(sj__buffer_slice(&f->out), &again));
  assert_true(again == bytes);
}

static void check_moment(fixture *f, sj__json *row) {
  int64_t ms;
  sj_status status = sj__rfc3339_parse(text_of(row, "text"), &ms);
  assert_int_equal(status, is_null(row, "ms") ? SJ_INVALID : SJ_OK);
  assert_int_equal(is_null(row, "shown"), is_null(row, "ms"));
  if (status != SJ_OK) return;
  assert_true(ms == signed_of(row, "ms"));
  sj__append_rfc3339(&f->out, ms);
  assert_text(sj__buffer_slice(&f->out), text_of(row, "shown"));
}

static void check_percent(fixture *f, sj__json *row) {
  sj__percent_encode(&f->out, text_of(row, "text"));
  assert_text(sj__buffer_slice(&f->out), text_of(row, "encoded"));
  sj__buffer_reset(&f->out);
  assert_ok(sj__percent_decode(&f->out, text_of(row, "encoded"), true));
  assert_text(sj__buffer_slice(&f->out), text_of(row, "text"));
}

static void test_units(void **state) {
  each(*state, "durations", check_duration);
  each(*state, "sizes", check_size);
  each(*state, "moments", check_moment);
  each(*state, "percent", check_percent);
}

/* --- Keyrings ------------------------------------------------------------------------ */

static void check_keys(fixture *f, sj__json *list, const sj__keyring *keyring) {
  sj__json_cursor cursor = {0};
  size_t count = 0;
  for (sj__json *row; (row = sj__json_next(list, &cursor, NULL)) != NULL; count++) {
    const sj__key *key = sj__keyring_at(keyring, count);
    uint8_t fingerprint[SJ__KEY_FINGERPRINT_SIZE];
    assert_int_equal(key->kid, number_of(row, "kid"));
    assert_text(key->retired ? SJ__SLICE("retired") : SJ__SLICE("published"),
                text_of(row, "state"));
    assert_true(key->activates_ms == signed_of(row, "activates"));
    assert_bytes(key->secret, sizeof(key->secret), bytes_of(&f->arena, row, "secret"));
    sj__key_fingerprint(key, fingerprint);
    assert_bytes(fingerprint, sizeof(fingerprint), bytes_of(&f->arena, row, "fingerprint"));
  }
  assert_int_equal(count, sj__keyring_count(keyring));
}

static void check_keyring(fixture *f, sj__json *row) {
  sj__keyring *keyring = NULL;
  sj__json_cursor cursor = {0};
  assert_ok(sj__keyring_parse(text_of(row, "text"), &keyring, NULL));
  check_keys(f, sj__json_member(row, "keys"), keyring);
  sj__json *moments = sj__json_member(row, "active");
  for (sj__json *moment; (moment = sj__json_next(moments, &cursor, NULL)) != NULL;) {
    assert_int_equal(sj__keyring_active(keyring, signed_of(moment, "at")),
                     number_of(moment, "kid"));
  }
  sj__keyring_write(keyring, &f->out);
  assert_text(sj__buffer_slice(&f->out), text_of(row, "written"));
  sj__keyring_unref(keyring);
}

static void test_keyrings(void **state) {
  each(*state, "keyrings", check_keyring);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_merge_patches),
      cmocka_unit_test(test_cookies),
      cmocka_unit_test(test_units),
      cmocka_unit_test(test_keyrings),
  };
  if (argc > 1) vectors_folder = argv[1];
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
