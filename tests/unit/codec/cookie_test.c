/* Cookies: tolerant in, strict out. */
#include "../unit.h"

#include "codec/cookie.h"

#include "base/alloc.h"

/* --- Reading -------------------------------------------------------------- */

static void finding(void **state) {
  (void)state;
  static const struct {
    const char *header;
    size_t count;
    const char *value; /* NULL: absent */
    bool differ;
  } cases[] = {
      {"", 0, NULL, false},
      {"sid=abc", 1, "abc", false},
      {"a=1; sid=abc; b=2", 1, "abc", false},
      {"a=1;sid=abc;b=2", 1, "abc", false},
      {"  sid=abc\t", 1, "abc", false},
      {"; ;;sid=abc;; ", 1, "abc", false},
      {"sid = abc ; a=1", 1, "abc", false},
      {"sid=\"abc\"", 1, "abc", false},
      {"sid=\"abc", 1, "\"abc", false},
      {"sid=\"", 1, "\"", false},
      {"sid=\"\"", 1, "", false},
      {"sid=", 1, "", false},
      {"sid", 0, NULL, false},
      {"=abc", 0, NULL, false},
      {"=sid=abc", 0, NULL, false},
      {"SID=abc; Sid=abc", 0, NULL, false},
      {"xsid=1; sidx=2; si=3", 0, NULL, false},
      {"sid=a=b==", 1, "a=b==", false},
      {"sid=abc; sid=abc", 2, "abc", false},
      {"sid=abc; sid=\"abc\"", 2, "abc", false},
      {"sid=abc; sid=abd", 2, "abc", true},
      {"sid=abc; sid=", 2, "abc", true},
      {"sid=; sid=abc", 2, "", true},
      {"a=\"x; sid=abc\"", 1, "abc\"", false}, /* quotes hide nothing: browsers split here */
      {"bad\x01=\x7F\xFF; sid=abc; {\"json\":1}", 1, "abc", false},
      {"$Version=1; sid=abc; $Path=/", 1, "abc", false},
      {"sid=abc, sid=def", 1, "abc, sid=def", false},
      {"\xE2\x80\x80sid=abc", 0, NULL, false}, /* no other white space: it would beat __Host- */
      {"\x0Bsid=abc", 0, NULL, false},
  };
  for (size_t i = 0; i < SJ__COUNT_OF(cases); i++) {
    sj_slice value = {NULL, 0};
    bool differ = false;
    size_t count =
        sj__cookie_find(sj__slice_text(cases[i].header), SJ__SLICE("sid"), &value, &differ);
    if (count != cases[i].count || differ != cases[i].differ) fail_msg("%s", cases[i].header);
    assert_int_equal(value.data != NULL, cases[i].value != NULL);
    if (cases[i].value != NULL) {
      assert_int_equal(value.size, strlen(cases[i].value));
      assert_memory_equal(value.data, cases[i].value, value.size);
    }
  }
}

static void several_fields(void **state) {
  (void)state;
  sj_slice value = {NULL, 0};
  bool differ = false;
  assert_int_equal(sj__cookie_find(SJ__SLICE("a=1"), SJ__SLICE("sid"), &value, &differ), 0);
  assert_int_equal(sj__cookie_find(SJ__SLICE("sid=x"), SJ__SLICE("sid"), &value, &differ), 1);
  assert_int_equal(sj__cookie_find(SJ__SLICE("sid=x"), SJ__SLICE("sid"), &value, &differ), 1);
  assert_false(differ);
  assert_int_equal(sj__cookie_find(SJ__SLICE("sid=y"), SJ__SLICE("sid"), &value, &differ), 1);
  assert_true(differ);
  assert_memory_equal(value.data, "x", 1);
}

/* --- Writing -------------------------------------------------------------- */

static sj__set_cookie plain(void) {
  return (sj__set_cookie){.name = SJ__SLICE("sid"),
                          .value = SJ__SLICE("abc"),
                          .max_age_s = -1,
                          .secure = true,
                          .http_only = true,
                          .same_site = SJ__SAME_SITE_LAX};
}

static void assert_written(sj__set_cookie cookie, const char *text) {
  sj__buffer out;
  sj__buffer_init(&out, 0);
  assert_int_equal(sj__set_cookie_write(&cookie, &out, NULL), SJ_OK);
  sj__buffer_append_char(&out, '\0');
  assert_string_equal(out.data, text);
  sj__buffer_release(&out);
}

static void assert_refused(sj__set_cookie cookie, sj_status status) {
  sj__buffer out;
  sj_error error = {0};
  sj__buffer_init(&out, 0);
  assert_int_equal(sj__set_cookie_write(&cookie, &out, &error), status);
  assert_int_equal(error.status, status);
  assert_true(error.message[0] != '\0');
  assert_int_equal(out.size, 0);
  sj__buffer_release(&out);
}

static void writing(void **state) {
  (void)state;
  sj__set_cookie cookie = plain();
  assert_written(cookie, "sid=abc; Path=/; Secure; HttpOnly; SameSite=Lax");
  cookie.name = SJ__SLICE("__Host-sojourn");
  cookie.max_age_s = 43200;
  assert_written(cookie,
                 "__Host-sojourn=abc; Max-Age=43200; Path=/; Secure; HttpOnly; SameSite=Lax");
  cookie = plain();
  cookie.name = SJ__SLICE("__Secure-s");
  cookie.domain = SJ__SLICE("shop.example");
  cookie.path = SJ__SLICE("/oauth2");
  cookie.same_site = SJ__SAME_SITE_STRICT;
  assert_written(cookie,
                 "__Secure-s=abc; Domain=shop.example; Path=/oauth2; Secure; HttpOnly; "
                 "SameSite=Strict");
  cookie = plain();
  cookie.same_site = SJ__SAME_SITE_NONE;
  cookie.http_only = false;
  assert_written(cookie, "sid=abc; Path=/; Secure; SameSite=None");
  cookie = plain();
  cookie.secure = false;
  assert_written(cookie, "sid=abc; Path=/; HttpOnly; SameSite=Lax");
}

static void clearing_says_so_twice(void **state) {
  (void)state;
  sj__set_cookie cookie = plain();
  cookie.value = SJ__SLICE("");
  cookie.max_age_s = 0;
  assert_written(cookie,
                 "sid=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/; Secure; "
                 "HttpOnly; SameSite=Lax");
}

static void max_age_is_capped(void **state) {
  (void)state;
  sj__set_cookie cookie = plain();
  cookie.max_age_s = SJ__COOKIE_MAX_AGE;
  assert_written(cookie, "sid=abc; Max-Age=34560000; Path=/; Secure; HttpOnly; SameSite=Lax");
  cookie.max_age_s = INT64_MAX;
  assert_written(cookie, "sid=abc; Max-Age=34560000; Path=/; Secure; HttpOnly; SameSite=Lax");
}

static void bad_characters(void **state) {
  (void)state;
  static const char *const names[] = {"",         "a b", "a=b", "a;b", "a,b", "a\"", "a\n",  "\x7F",
                                      "\xC3\xA9", "a(b", "[a]", "a/b", "a:b", "a@b", "a\\b", "{a}"};
  static const char *const values[] = {"a b",   "a;b",   "a,b",   "\"a\"",    "a\\b",
                                       "a\r\n", "a\x01", "a\x7F", "\xC3\xA9", "\t"};
  static const char *const domains[] = {"",    ".example", "-a.example", "a_b",
                                        "a b", "a;b",      "a:1",        "\xC3\xA9.example"};
  static const char *const paths[] = {"", "a", "/a;b", "/a\n", "/\x7F", "/\xC3\xA9"};
  for (size_t i = 0; i < SJ__COUNT_OF(names); i++) {
    sj__set_cookie cookie = plain();
    cookie.name = sj__slice_text(names[i]);
    assert_refused(cookie, SJ_INVALID);
  }
  for (size_t i = 0; i < SJ__COUNT_OF(values); i++) {
    sj__set_cookie cookie = plain();
    cookie.value = sj__slice_text(values[i]);
    assert_refused(cookie, SJ_INVALID);
  }
  for (size_t i = 0; i < SJ__COUNT_OF(domains); i++) {
    sj__set_cookie cookie = plain();
    cookie.domain = sj__slice_text(domains[i]);
    assert_refused(cookie, SJ_INVALID);
  }
  for (size_t i = 0; i < SJ__COUNT_OF(paths); i++) {
    sj__set_cookie cookie = plain();
    cookie.path = sj__slice_text(paths[i]);
    assert_refused(cookie, SJ_INVALID);
  }
  sj__set_cookie cookie = plain();
  cookie.name = sj__slice("a\0b", 3);
  assert_refused(cookie, SJ_INVALID);
  cookie = plain();
  cookie.value = sj__slice("a\0b", 3);
  assert_refused(cookie, SJ_INVALID);
}

static void prefix_rules(void **state) {
  (void)state;
  static const char *const hosts[] = {"__Host-s", "__host-s", "__HOST-s"};
  for (size_t i = 0; i < SJ__COUNT_OF(hosts); i++) {
    sj__set_cookie cookie = plain();
    cookie.name = sj__slice_text(hosts[i]);
    cookie.secure = false;
    assert_refused(cookie, SJ_INVALID);
    cookie.secure = true;
    cookie.path = SJ__SLICE("/a");
    assert_refused(cookie, SJ_INVALID);
    cookie.path = SJ__SLICE("/");
    cookie.domain = SJ__SLICE("a.example");
    assert_refused(cookie, SJ_INVALID);
  }
  sj__set_cookie cookie = plain();
  cookie.name = SJ__SLICE("__SECURE-s");
  cookie.secure = false;
  assert_refused(cookie, SJ_INVALID);
  cookie = plain();
  cookie.same_site = SJ__SAME_SITE_NONE;
  cookie.secure = false;
  assert_refused(cookie, SJ_INVALID);
}

/* RFC 6265bis 5.6: browsers drop a cookie of 4,097 bytes without a word. */
static void size_limits(void **state) {
  (void)state;
  char value[SJ__COOKIE_MAX];
  char path[1026];
  memset(value, 'v', sizeof value);
  memset(path, '/', sizeof path);
  for (size_t total = 4095; total <= 4097; total++) {
    sj__buffer out;
    sj__buffer_init(&out, 0);
    sj__set_cookie cookie = plain();
    cookie.value = sj__slice(value, total - cookie.name.size);
    sj_error error = {0};
    assert_int_equal(sj__set_cookie_write(&cookie, &out, &error),
                     total <= 4096 ? SJ_OK : SJ_TOO_LARGE);
    if (total > 4096) assert_non_null(strstr(error.message, "4097"));
    sj__buffer_release(&out);
  }
  sj__set_cookie cookie = plain();
  cookie.path = sj__slice(path, 1025);
  assert_refused(cookie, SJ_INVALID);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(finding),           cmocka_unit_test(several_fields),
      cmocka_unit_test(writing),           cmocka_unit_test(clearing_says_so_twice),
      cmocka_unit_test(max_age_is_capped), cmocka_unit_test(bad_characters),
      cmocka_unit_test(prefix_rules),      cmocka_unit_test(size_limits),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
