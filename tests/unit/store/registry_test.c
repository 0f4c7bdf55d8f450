/* Store URLs: their rows, their wrappers, and what is said of wrong ones. */
#include "../unit.h"

#include "base/alloc.h"
#include "store/registry.h"

static const sj__store_options options = {.realm = {"test", 4}, .touch_every_ms = 60000};

/* --- Rows ----------------------------------------------------------------------------- */

static void wrappers_and_case_do_not_hide_a_store(void **state) {
  static const struct {
    const char *url;
    bool is_embedded;
    bool is_volatile;
  } cases[] = {
      {"memory:", true, true},
      {"MEMORY:", true, true},
      {"trace+memory:", true, true},
      {"Fault+TRACE+memory:?fault.seed=1", true, true},
      {"lmdb:/srv/store", true, false},
      {"LMDB:/srv/store", true, false},
      {"fault+lmdb:/srv/a+b:c", true, false},
      {"redis://127.0.0.1", false, false},
      {"redis+lmdb:/srv/store", false, false},
      {"lmdb+memory:", false, false},
      {"trace+:", false, false},
      {"memory", false, false},
      {"", false, false},
  };
  for (size_t i = 0; i < SJ__COUNT_OF(cases); i++) {
    print_message("%s\n", cases[i].url);
    assert_int_equal(sj__store_is_embedded(cases[i].url), cases[i].is_embedded);
    assert_int_equal(sj__store_is_volatile(cases[i].url), cases[i].is_volatile);
  }
}

static void an_open_store_is_what_its_row_says(void **state) {
  static const char *const urls[] = {"memory:", "TRACE+Memory:", "fault+trace+memory:"};
  for (size_t i = 0; i < SJ__COUNT_OF(urls); i++) {
    sj__store *store = NULL;
    sj_error error = {0};
    assert_ok(sj__store_open(urls[i], &options, &store, &error));
    assert_string_equal(store->scheme, "memory");
    assert_int_equal(store->caps.volatile_data, sj__store_is_volatile(urls[i]));
    sj__store_close(store);
  }
}

/* --- Wrong ones ----------------------------------------------------------------------- */

static void wrong_urls_are_refused_with_what_is_allowed(void **state) {
  static const struct {
    const char *url;
    sj_status status;
    const char *message; /* how it begins: the stores of this build end it */
  } cases[] = {
      {"", SJ_INVALID, "store URL: does not start with a scheme such as memory:"},
      {"/srv/store", SJ_INVALID, "store URL: does not start with a scheme such as memory:"},
      {"1lmdb:", SJ_INVALID, "store URL: does not start with a scheme such as memory:"},
      {"none://host", SJ_UNSUPPORTED, "store URL: this build has no store 'none'; it has memory: "},
      {"trace+none:", SJ_UNSUPPORTED, "store URL: this build has no store 'none'; it has memory: "},
      {"memory:?size=1MiB", SJ_INVALID,
       "store URL memory: there is no parameter 'size'; allowed: max_size"},
      {"trace+memory:?trace.x=1", SJ_INVALID,
       "store URL trace+memory: there is no parameter 'trace.x'; allowed: none"},
      {"memory:?max_size", SJ_INVALID, "store URL: parameter 'max_size' has no value"},
      {"memory:?max_size=1MiB&max_size=1MiB", SJ_INVALID,
       "store URL: parameter 'max_size' is given twice"},
      {"trace+trace+trace+trace+trace+memory:", SJ_INVALID, "store URL: more than 4 wrappers"},
  };
  for (size_t i = 0; i < SJ__COUNT_OF(cases); i++) {
    sj__store *store = NULL;
    sj_error error = {0};
    assert_int_equal(sj__store_open(cases[i].url, &options, &store, &error), cases[i].status);
    assert_memory_equal(error.message, cases[i].message, strlen(cases[i].message));
    assert_null(store);
  }
}

static void a_url_has_at_most_its_bytes(void **state) {
  sj__store *store = NULL;
  sj_error error = {0};
  char url[SJ__STORE_URL_MAX + 2] = {0};
  memset(url, 'a', SJ__STORE_URL_MAX + 1);
  assert_int_equal(sj__store_open(url, &options, &store, &error), SJ_INVALID);
  assert_string_equal(error.message, "store URL: longer than 4096 bytes");
  url[SJ__STORE_URL_MAX] = '\0';
  assert_int_equal(sj__store_open(url, &options, &store, &error), SJ_INVALID);
  assert_string_equal(error.message, "store URL: does not start with a scheme such as memory:");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(wrappers_and_case_do_not_hide_a_store),
      cmocka_unit_test(an_open_store_is_what_its_row_says),
      cmocka_unit_test(wrong_urls_are_refused_with_what_is_allowed),
      cmocka_unit_test(a_url_has_at_most_its_bytes),
  };
  return cmocka_run_group_tests_name("unit/store/registry", tests, NULL, NULL);
}
