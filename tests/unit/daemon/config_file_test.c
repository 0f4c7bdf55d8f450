/* Configuration files: every setting is read, and every wrong one is named with its line. */
#include "../unit.h"

#include <stdio.h>

#include "../../kit/failing_allocator.h"
#include "daemon/config.h"
#include "daemon/config_table.h"

static sj_status parse(sj__config *config, const char *text, sj_error *error) {
  return sj__config_parse(config, "sojourn.yaml", sj__slice_text(text), NULL, error);
}

/* --- What is accepted ------------------------------------------------------------ */

static void test_defaults(void **state) {
  sj__config config;
  sj_error error;
  assert_int_equal(sj__config_parse(&config, "", (sj_slice){NULL, 0}, NULL, &error), SJ_OK);
  assert_string_equal(config.realm, "default");
  assert_int_equal(config.listeners.count, 1);
  assert_string_equal(config.listeners.items[0].address, "127.0.0.1:7373");
  assert_int_equal(config.listeners.items[0].roles, 31);
  assert_int_equal(config.session_idle_ms, 30 * 60 * 1000);
  assert_int_equal(config.session_absolute_ms, 12 * 3600 * 1000);
  assert_int_equal(config.session_absolute_max_ms, INT64_C(30) * 86400 * 1000);
  assert_int_equal(config.session_touch_every_ms, 60000);
  assert_int_equal(config.session_attributes_max, 32 * 1024);
  assert_int_equal(config.http_head_max, 16 * 1024);
  assert_int_equal(config.http_body_max, 64 * 1024);
  assert_int_equal(config.http_keep_alive_ms, 75000);
  assert_int_equal(config.consistency_max_staleness_ms, 1000);
  assert_int_equal(config.consistency_on_rollback, SJ_ROLLBACK_ACCEPT);
  assert_int_equal(config.log_level, SJ__LOG_INFO);
  assert_true(config.keyring_default);
  assert_true(config.api_keys_default);
  assert_int_equal(config.warnings.count, 0);
  sj__config_release(&config);
}

static const char full[] =
    "# everything\n"
    "realm: shop.example\n"
    "region: 7\n"
    "state: /srv/sojourn\n"
    "store: \"lmdb:/srv/store?max_size=1GiB\"\n"
    "store_timeout: 500ms\n"
    "accept_loss: true\n"
    "keyring:\n"
    "  file: /etc/sojourn/keyring\n"
    "api_keys: [/etc/sojourn/keys, /etc/sojourn/more]\n"
    "listeners:\n"
    "  - address: 127.0.0.1:0\n"
    "    roles: [app, check]\n"
    "  - {address: 'unix:/run/s.sock', mode: 0600, uids: [0, 33], roles: [admin]}\n"
    "workers: 3\n"
    "log:\n"
    "  format: text\n"
    "  level: debug\n"
    "session:\n"
    "  idle: 5m\n"
    "  absolute: 1h\n"
    "  absolute_max: 7d\n"
    "  touch_every: 10s\n"
    "  attributes_max: 8KiB\n"
    "cookie:\n"
    "  name: __Secure-s\n"
    "  domain: example.org\n"
    "  same_site: strict\n"
    "consistency: {max_staleness: 2s, on_rollback: end}\n"
    "policy:\n"
    "  max_sessions: 5\n"
    "check:\n"
    "  attributes:\n"
    "    - theme\n"
    "    - \"cart size\"\n"
    "http:\n"
    "  connections_max: 100\n"
    "drain:\n"
    "  grace: 0\n";

static void assert_full(const sj__config *config) {
  assert_string_equal(config->realm, "shop.example");
  assert_int_equal(config->region, 7);
  assert_string_equal(config->state, "/srv/sojourn");
  assert_string_equal(config->store, "lmdb:/srv/store?max_size=1GiB");
  assert_int_equal(config->store_timeout_ms, 500);
  assert_true(config->accept_loss);
  assert_string_equal(config->keyring_file, "/etc/sojourn/keyring");
  assert_int_equal(config->api_keys.count, 2);
  assert_string_equal(config->api_keys.items[1], "/etc/sojourn/more");
  assert_int_equal(config->listeners.count, 2);
  assert_int_equal(config->listeners.items[0].roles, 3);
  assert_string_equal(config->listeners.items[1].address, "unix:/run/s.sock");
  assert_int_equal(config->listeners.items[1].mode, 0600);
  assert_int_equal(config->listeners.items[1].uids.count, 2);
  assert_int_equal(config->listeners.items[1].uids.items[1], 33);
  assert_int_equal(config->listeners.items[1].roles, 4);
  assert_int_equal(config->workers, 3);
  assert_int_equal(config->log_format, SJ__LOG_TEXT);
  assert_int_equal(config->log_level, SJ__LOG_DEBUG);
  assert_int_equal(config->session_idle_ms, 300000);
  assert_int_equal(config->session_attributes_max, 8192);
  assert_string_equal(config->cookie_name, "__Secure-s");
  assert_int_equal(config->cookie_same_site, SJ_SAME_SITE_STRICT);
  assert_int_equal(config->consistency_on_rollback, SJ_ROLLBACK_END);
  assert_int_equal(config->policy_max_sessions, 5);
  assert_int_equal(config->check_attributes.count, 2);
  assert_string_equal(config->check_attributes.items[1], "cart size");
  assert_int_equal(config->http_connections_max, 100);
  assert_int_equal(config->drain_grace_ms, 0);
}

static void test_everything_set(void **state) {
  sj__config config;
  sj_error error;
  assert_int_equal(parse(&config, full, &error), SJ_OK);
  assert_full(&config);
  assert_false(config.keyring_default);
  assert_false(config.api_keys_default);
  sj__config_release(&config);
}

/* What is shown can be read again and means the same. */
static void test_shown_is_read_back(void **state) {
  sj__config first;
  sj__config second;
  sj_error error;
  sj__buffer shown;
  sj__buffer again;
  sj__buffer_init(&shown, 0);
  sj__buffer_init(&again, 0);
  assert_int_equal(parse(&first, full, &error), SJ_OK);
  sj__config_show_yaml(&first, &shown);
  sj__buffer_append_char(&shown, '\0');
  assert_non_null(strstr(shown.data, "  idle: \"5m\"  # sojourn.yaml:20\n"));
  assert_non_null(strstr(shown.data, "  pipeline_max: 64  # default\n"));
  assert_int_equal(parse(&second, shown.data, &error), SJ_OK);
  assert_full(&second);
  sj__config_show_json(&first, &again);
  sj__buffer_append_char(&again, '\0');
  assert_non_null(
      strstr(again.data, "\"session.idle\": {\"value\": \"5m\", \"source\": \"sojourn.yaml:20\"}"));
  sj__config_release(&first);
  sj__config_release(&second);
  sj__buffer_release(&shown);
  sj__buffer_release(&again);
}

static void test_passwords_are_not_shown(void **state) {
  static const struct {
    const char *url, *shown;
  } cases[] = {
      {"redis://user:hunter2@host:6379/0", "\"redis://user:***@host:6379/0\""},
      {"redis://:hunter2@host", "\"redis://:***@host\""},
      {"postgres://user:hunter@2@host", "\"postgres://user:***@host\""},
      {"redis://host:6379", "\"redis://host:6379\""},
      {"redis://user@host:6379", "\"redis://user@host:6379\""},
      {"lmdb:/a@b:c", "\"lmdb:/a@b:c\""},
  };
  for (size_t i = 0; i < SJ__COUNT_OF(cases); i++) {
    char text[200];
    sj__config config;
    sj_error error;
    sj__buffer shown;
    sj__buffer_init(&shown, 0);
    snprintf(text, sizeof text, "store: '%s'\n", cases[i].url);
    assert_int_equal(parse(&config, text, &error), SJ_OK);
    sj__config_show_yaml(&config, &shown);
    sj__buffer_append_char(&shown, '\0');
    assert_non_null(strstr(shown.data, cases[i].shown));
    assert_null(strstr(shown.data, "hunter"));
    sj__config_release(&config);
    sj__buffer_release(&shown);
  }
}

static void test_harmless_forms(void **state) {
  static const char *const texts[] = {
      "",
      "# nothing\n",
      "---\n",
      "---\n...\n",
      "{}\n",
      "session:\n",
      "session:\n  # idle: 5m\n",
      "\xEF\xBB\xBFrealm: a\n",
      "\"realm\": 'a'\n",
      "cookie: {name: ''}\n",
      "realm: a\r\nregion: 1\r\n",
      "%YAML 1.1\n---\nrealm: a\n",
  };
  for (size_t i = 0; i < SJ__COUNT_OF(texts); i++) {
    sj__config config;
    sj_error error = {SJ_OK, ""};
    if (parse(&config, texts[i], &error) != SJ_OK) fail_msg("%s: %s", texts[i], error.message);
    sj__config_release(&config);
  }
}

/* --- What is refused --------------------------------------------------------------- */

static const struct {
  const char *text;
  const char *message;
} wrong[] = {
    /* ranges and types */
    {"session:\n  idle: 500ms\n",
     "sojourn.yaml:2: session.idle: '500ms' is not allowed; allowed: a duration, 1s to 400d"},
    {"session: {idle: 5x}\n",
     "sojourn.yaml:1: session.idle: '5x' is not allowed; allowed: a duration, 1s to 400d"},
    {"session:\n  idle: 1800\n",
     "sojourn.yaml:2: session.idle: '1800' is not allowed; allowed: a duration, 1s to 400d"},
    {"session:\n  idle: -5m\n",
     "sojourn.yaml:2: session.idle: '-5m' is not allowed; allowed: a duration, 1s to 400d"},
    {"session:\n  idle: 99999999999999999999d\n",
     "sojourn.yaml:2: session.idle: '99999999999999999999d' is not allowed; allowed: a duration, "
     "1s to 400d"},
    {"region: 256\n",
     "sojourn.yaml:1: region: '256' is not allowed; allowed: a whole number, 0 to 255"},
    {"region: 0x10\n",
     "sojourn.yaml:1: region: '0x10' is not allowed; allowed: a whole number, 0 to 255"},
    {"region: 1.0\n",
     "sojourn.yaml:1: region: '1.0' is not allowed; allowed: a whole number, 0 to 255"},
    {"\n\nworkers: many\n",
     "sojourn.yaml:3: workers: 'many' is not allowed; allowed: a whole number, 0 to 256"},
    {"http:\n  body_max: 64KB\n",
     "sojourn.yaml:2: http.body_max: '64KB' is not allowed; allowed: a size in bytes, 1KiB to "
     "16MiB"},
    {"http:\n  body_max: 17MiB\n",
     "sojourn.yaml:2: http.body_max: '17MiB' is not allowed; allowed: a size in bytes, 1KiB to "
     "16MiB"},
    {"accept_loss: yes\n",
     "sojourn.yaml:1: accept_loss: 'yes' is not allowed; allowed: true or false"},
    {"log:\n  level: trace\n",
     "sojourn.yaml:2: log.level: 'trace' is not allowed; allowed: one of debug, info, warning, "
     "error"},
    {"log:\n  level: [info]\n",
     "sojourn.yaml:2: log.level: is a list; allowed: one of debug, info, warning, error"},
    {"realm: {a: b}\n", "sojourn.yaml:1: realm: is a map; allowed: 1 to 64 of A-Z a-z 0-9 . _ -"},
    {"realm:\n", "sojourn.yaml:1: realm: has no value; allowed: 1 to 64 of A-Z a-z 0-9 . _ -"},
    {"realm: ~\n", "sojourn.yaml:1: realm: has no value; allowed: 1 to 64 of A-Z a-z 0-9 . _ -"},
    {"realm: ''\n", "sojourn.yaml:1: realm: is empty; allowed: 1 to 64 of A-Z a-z 0-9 . _ -"},
    {"realm: a/b\n", "sojourn.yaml:1: realm: is malformed; allowed: 1 to 64 of A-Z a-z 0-9 . _ -"},
    {"realm: \"a\\tb\"\n",
     "sojourn.yaml:1: realm: is not UTF-8 without control characters; allowed: 1 to 64 of A-Z a-z "
     "0-9 . _ -"},
    {"cookie:\n  name: 'a b'\n",
     "sojourn.yaml:2: cookie.name: is malformed; allowed: up to 64 characters that a cookie's name "
     "may have"},
    {"cookie:\n  domain: .example.org\n",
     "sojourn.yaml:2: cookie.domain: is malformed; allowed: a domain name such as example.org"},
    {"store: /var/lib/store\n",
     "sojourn.yaml:1: store: is malformed; allowed: a URL such as lmdb:/var/lib/sojourn/store or "
     "memory:"},
    /* lists */
    {"api_keys: /etc/key\n",
     "sojourn.yaml:1: api_keys: is not a list; allowed: a list of 1 to 16 elements, each a path"},
    {"api_keys: []\n",
     "sojourn.yaml:1: api_keys: is empty; allowed: a list of 1 to 16 elements, each a path"},
    {"api_keys:\n  - a\n  -\n",
     "sojourn.yaml:3: api_keys: has no value; allowed: a list of 1 to 16 elements, each a path"},
    {"listeners: []\n",
     "sojourn.yaml:1: listeners: is empty; allowed: a list of 1 to 16 maps, each with an address"},
    {"listeners: 127.0.0.1:80\n",
     "sojourn.yaml:1: listeners: is not a list; allowed: a list of 1 to 16 maps, each with an "
     "address"},
    {"listeners: [127.0.0.1:80]\n",
     "sojourn.yaml:1: listeners: an element is not a map; allowed: a list of 1 to 16 maps, each "
     "with an address"},
    {"listeners:\n  - roles: [app]\n",
     "sojourn.yaml:2: listeners: an element has no address; allowed: a list of 1 to 16 maps, each "
     "with an address"},
    {"listeners:\n  - address: a\n    rules: [app]\n",
     "sojourn.yaml:3: listeners: unknown key 'rules'; did you mean 'roles'?"},
    {"listeners:\n  - address: 127.0.0.1:1\n    roles: [app, chek]\n",
     "sojourn.yaml:3: listeners.roles: 'chek' is not allowed; allowed: a list of one or more of "
     "app, check, admin, oauth, metrics"},
    {"listeners:\n  - address: 127.0.0.1:1\n    roles: []\n",
     "sojourn.yaml:3: listeners.roles: is empty; allowed: a list of one or more of app, check, "
     "admin, oauth, metrics"},
    {"listeners:\n  - address: unix:/a\n    mode: 0888\n",
     "sojourn.yaml:3: listeners.mode: '0888' is not allowed; allowed: an octal mode, 0600 to 0777"},
    {"listeners:\n  - address: unix:/a\n    uids: [root]\n",
     "sojourn.yaml:3: listeners.uids: 'root' is not allowed; allowed: a list of whole numbers, 0 "
     "to 4294967294"},
    /* keys */
    {"sesion:\n  idle: 5m\n", "sojourn.yaml:1: unknown key 'sesion'; did you mean 'session'?"},
    {"session:\n  idel: 5m\n", "sojourn.yaml:2: unknown key 'session.idel'; did you mean 'idle'?"},
    {"session.idle: 5m\n",
     "sojourn.yaml:1: unknown key 'session.idle'; write 'session:' and, indented under it, "
     "'idle:'"},
    {"frobnicate: 1\n",
     "sojourn.yaml:1: unknown key 'frobnicate'; sojournd --help-config lists all"},
    {"\"\\x01\\n\": 1\n",
     "sojourn.yaml:1: unknown key '?"
     "?'; sojournd --help-config lists all"},
    {"session: 5m\n", "sojourn.yaml:1: session: is not a map of settings"},
    {"realm: a\nrealm: b\n", "sojourn.yaml:2: 'realm' is set twice (first in line 1)"},
    {"session:\n  idle: 5m\n  idle: 6m\n", "sojourn.yaml:3: 'idle' is set twice (first in line 2)"},
    {"session:\n  idle: 5m\nsession:\n  idle: 6m\n",
     "sojourn.yaml:3: 'session' is set twice (first in line 1)"},
    {"? [a]\n: b\n", "sojourn.yaml:1: a key must be a word"},
    {"'': b\n", "sojourn.yaml:1: a key must be a word"},
    /* YAML that is not for configuration */
    {"realm: &r a\n", "sojourn.yaml:1: anchors ('&name') are not supported"},
    {"session: &s {idle: 5m}\n", "sojourn.yaml:1: anchors ('&name') are not supported"},
    {"realm: *r\n", "sojourn.yaml:1: aliases ('*name') are not supported"},
    {"realm: !!str a\n", "sojourn.yaml:1: tags ('!name') are not supported"},
    {"session: !x {idle: 5m}\n", "sojourn.yaml:1: tags ('!name') are not supported"},
    {"api_keys: !x [a]\n", "sojourn.yaml:1: tags ('!name') are not supported"},
    {"realm: a\n---\nrealm: b\n", "sojourn.yaml:2: a second document ('---') is not supported"},
    {"- a\n", "sojourn.yaml:1: the document must be a map of settings ('name: value')"},
    {"realm\n", "sojourn.yaml:1: the document must be a map of settings ('name: value')"},
    {"api_keys: [[[[[[[a]]]]]]]\n", "sojourn.yaml:1: nested too deeply"},
    {"realm: [a\n", "sojourn.yaml:2: not YAML: did not find expected ',' or ']'"},
    {"realm: a: b\n", "sojourn.yaml:1: not YAML: mapping values are not allowed in this context"},
    {"session:\n\tidle: 5m\n",
     "sojourn.yaml:2: not YAML: found character that cannot start any token"},
    {"realm: 'a\n", "sojourn.yaml:2: not YAML: found unexpected end of stream"},
    {"realm: a\nregion: \xff\n", "sojourn.yaml:2: not YAML in UTF-8: invalid leading UTF-8 octet"},
    /* settings that contradict each other */
    {"session:\n  idle: 13h\n",
     "sojourn.yaml:2: session.idle: session.idle must not be longer than session.absolute"},
    {"session:\n  absolute: 20m\n",
     "sojourn.yaml:2: session.absolute: session.idle must not be longer than session.absolute"},
    {"session:\n  absolute: 40d\n",
     "sojourn.yaml:2: session.absolute: session.absolute must not be longer than "
     "session.absolute_max"},
    {"session:\n  absolute_max: 1h\n",
     "sojourn.yaml:2: session.absolute_max: session.absolute must not be longer than "
     "session.absolute_max"},
    {"cookie:\n  insecure_dev: true\n  name: __Host-a\n",
     "sojourn.yaml:3: cookie.name: browsers refuse a cookie with this prefix without Secure; leave "
     "the name out with cookie.insecure_dev"},
    {"cookie:\n  domain: example.org\n  name: __Host-a\n",
     "sojourn.yaml:3: cookie.name: browsers refuse a __Host- cookie with a domain; use __Secure-"},
    {"cookie:\n  insecure_dev: true\n  same_site: none\n",
     "sojourn.yaml:3: cookie.same_site: none needs Secure, which cookie.insecure_dev leaves out"},
    {"store: 'memory:'\n",
     "sojourn.yaml:1: store: memory: forgets every session with the process; set accept_loss: true "
     "if that is meant"},
    {"listeners:\n  - address: 127.0.0.1:1\n  - address: 127.0.0.1:1\n",
     "sojourn.yaml:1: listeners: 127.0.0.1:1 is listed twice"},
    {"listeners:\n  - address: 127.0.0.1:1\n    mode: 0660\n",
     "sojourn.yaml:1: listeners: 127.0.0.1:1: mode and uids are for Unix sockets"},
};

static void test_wrong_files(void **state) {
  for (size_t i = 0; i < SJ__COUNT_OF(wrong); i++) {
    sj__config config;
    sj_error error = {SJ_OK, "(accepted)"};
    sj_status status = parse(&config, wrong[i].text, &error);
    if (status != SJ_INVALID || strcmp(error.message, wrong[i].message) != 0) {
      fail_msg("case %zu\n%s\nsaid %s: %s\nnot  %s", i, wrong[i].text, sj_status_code(status),
               error.message, wrong[i].message);
    }
    sj__config_release(&config);
  }
}

/* The address' own message is loop/address.h's; the place before it is ours. */
static void test_wrong_address(void **state) {
  sj__config config;
  sj_error error;
  assert_int_equal(parse(&config, "listeners:\n  - address: localhost:80\n", &error), SJ_INVALID);
  assert_non_null(strstr(error.message, "sojourn.yaml:1: listeners: "));
  assert_non_null(strstr(error.message, "localhost:80"));
  sj__config_release(&config);
}

static void test_too_many_elements(void **state) {
  sj__buffer text;
  sj__config config;
  sj_error error;
  sj__buffer_init(&text, 0);
  sj__buffer_append_literal(&text, "api_keys: [");
  for (int i = 0; i < 300; i++) sj__buffer_append_literal(&text, "a, ");
  sj__buffer_append_literal(&text, "a]\n");
  assert_int_equal(sj__config_parse(&config, "sojourn.yaml", sj__buffer_slice(&text), NULL, &error),
                   SJ_INVALID);
  assert_string_equal(error.message, "sojourn.yaml:1: more than 256 elements");
  sj__config_release(&config);
  sj__buffer_release(&text);
}

static void test_out_of_memory(void **state) {
  install_failing_allocator();
  bool pending = false;
  for (long k = 0; !pending; k++) {
    sj__config config;
    sj_error error;
    fail_one_allocation(k);
    sj_status status = parse(&config, full, &error);
    pending = fail_no_allocations();
    /* An error's own text may be what the memory was for. */
    if (status == SJ_OK) assert_full(&config);
    if (status != SJ_OK) assert_int_equal(status, SJ_NO_MEMORY);
    sj__config_release(&config);
    assert_int_equal(live_allocations(), 0);
  }
  sj__allocator_install(NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_defaults),           cmocka_unit_test(test_everything_set),
      cmocka_unit_test(test_shown_is_read_back), cmocka_unit_test(test_passwords_are_not_shown),
      cmocka_unit_test(test_harmless_forms),     cmocka_unit_test(test_wrong_files),
      cmocka_unit_test(test_wrong_address),      cmocka_unit_test(test_too_many_elements),
      cmocka_unit_test(test_out_of_memory),
  };
  return cmocka_run_group_tests_name("unit/daemon/config_file", tests, NULL, NULL);
}
