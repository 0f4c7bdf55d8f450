/* What the engine is told of a configuration. */
#include "../unit.h"

#include "base/alloc.h"
#include "daemon/config_table.h"

static const char text[] =
    "realm: shop.example\n"
    "region: 7\n"
    "store: lmdb:/srv/store\n"
    "store_timeout: 500ms\n"
    "keyring: {file: /etc/keyring}\n"
    "session: {idle: 5m, absolute: 1h, absolute_max: 7d, touch_every: 10s, attributes_max: 8KiB}\n"
    "cookie: {domain: example.org, same_site: strict}\n"
    "consistency: {max_staleness: 2s, on_rollback: end}\n"
    "policy: {max_sessions: 5}\n";

static void everything_set_is_passed_on(void **state) {
  sj__config config;
  sj_error error;
  sj_options options;
  assert_ok(sj__config_parse(&config, "sojourn.yaml", sj__slice_text(text), NULL, &error));
  sj__config_session_options(&config, &options);
  assert_int_equal(options.size, sizeof options);
  assert_string_equal(options.realm, "shop.example");
  assert_int_equal(options.region, 7);
  assert_string_equal(options.store, "lmdb:/srv/store");
  assert_string_equal(options.keyring_file, "/etc/keyring");
  assert_int_equal(options.timeout_ms, 500);
  assert_int_equal(options.idle_ms, 300000);
  assert_int_equal(options.absolute_ms, 3600000);
  assert_int_equal(options.absolute_max_ms, 7 * 86400000);
  assert_int_equal(options.touch_every_ms, 10000);
  assert_int_equal(options.attributes_max, 8192);
  assert_int_equal(options.max_staleness_ms, 2000);
  assert_int_equal(options.on_rollback, SJ_ROLLBACK_END);
  assert_int_equal(options.max_sessions, 5);
  assert_null(options.cookie_name);
  assert_string_equal(options.cookie_domain, "example.org");
  assert_int_equal(options.cookie_same_site, SJ_SAME_SITE_STRICT);
  assert_false(options.cookie_insecure_dev);
  sj__config_release(&config);
}

/* The table's defaults and the library's are the same promise (DESIGN.md 8). */
static void defaults_are_the_librarys(void **state) {
  sj__config config;
  sj_error error;
  sj_options ours;
  sj_options theirs;
  assert_ok(sj__config_parse(&config, "", (sj_slice){NULL, 0}, NULL, &error));
  sj__config_session_options(&config, &ours);
  sj_options_init(&theirs);
  assert_string_equal(ours.realm, theirs.realm);
  assert_int_equal(ours.region, theirs.region);
  assert_int_equal(ours.timeout_ms, theirs.timeout_ms);
  assert_int_equal(ours.idle_ms, theirs.idle_ms);
  assert_int_equal(ours.absolute_ms, theirs.absolute_ms);
  assert_int_equal(ours.absolute_max_ms, theirs.absolute_max_ms);
  assert_int_equal(ours.touch_every_ms, theirs.touch_every_ms);
  assert_int_equal(ours.attributes_max, theirs.attributes_max);
  assert_int_equal(ours.max_staleness_ms, theirs.max_staleness_ms);
  assert_int_equal(ours.on_rollback, theirs.on_rollback);
  assert_int_equal(ours.max_sessions, theirs.max_sessions);
  assert_null(ours.cookie_name);
  assert_null(ours.cookie_domain);
  assert_int_equal(ours.cookie_same_site, theirs.cookie_same_site);
  sj__config_release(&config);
}

/* Sets every number to its entry's lowest or highest. */
static void set_to_bounds(sj__config *config, bool highest) {
  for (size_t i = 0; i < sj__config_table_count; i++) {
    const sj__config_entry *entry = &sj__config_table[i];
    bool is_number = entry->type == SJ__CONFIG_DURATION || entry->type == SJ__CONFIG_BYTES ||
                     entry->type == SJ__CONFIG_COUNT;
    uint64_t value = highest ? entry->maximum : entry->minimum;
    if (is_number) memcpy((char *)config + entry->offset, &value, sizeof value);
  }
}

/* What the documents allow must not be refused by the engine at the start. */
static void the_engine_takes_what_the_table_allows(void **state) {
  for (int highest = 0; highest < 2; highest++) {
    sj__config config;
    sj_error error = {0};
    sj_options options;
    sj_sessions *sessions = NULL;
    assert_ok(sj__config_parse(&config, "", (sj_slice){NULL, 0}, NULL, &error));
    set_to_bounds(&config, highest == 1);
    sj__config_session_options(&config, &options);
    options.store = "memory:";
    options.keyring_file = NULL;
    options.accept_loss = true;
    if (sj_open(&options, &sessions, &error) != SJ_OK) fail_msg("%d: %s", highest, error.message);
    sj_close(sessions);
    sj__config_release(&config);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(everything_set_is_passed_on),
      cmocka_unit_test(defaults_are_the_librarys),
      cmocka_unit_test(the_engine_takes_what_the_table_allows),
  };
  return cmocka_run_group_tests_name("unit/daemon/config_options", tests, NULL, NULL);
}
