/* The environment over the file, the state folder's defaults, the help, and files on disk. */
#include "../unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "daemon/config.h"
#include "daemon/config_table.h"

static sj_status parse(sj__config *config, const char *text, const char *const *environment,
                       sj_error *error) {
  return sj__config_parse(config, "sojourn.yaml", sj__slice_text(text), environment, error);
}

static void test_variables_win(void **state) {
  static const char *const environment[] = {
      "PATH=/bin",
      "SOJOURN__SESSION__IDLE=7m",
      "SOJOURN__SESSION__ABSOLUTE_MAX=40d",
      "SOJOURN__STATE=/tmp/state",
      "SOJOURN__CHECK__ATTRIBUTES=[\"theme\",\"a=b\"]",
      "SOJOURN__LISTENERS=[{\"address\":\"[::1]:0\",\"roles\":[\"check\"]},"
      "{\"address\":\"unix:/run/s\",\"mode\":\"0600\",\"uids\":[7]}]",
      "SOJOURN__COOKIE__INSECURE_DEV=true",
      "SOJOURN__COOKIE__DOMAIN=",
      "SOJOURN__WORKERS=2",
      NULL,
  };
  sj__config config;
  sj_error error = {SJ_OK, ""};
  sj_status status = parse(&config,
                           "session: {idle: 5m, absolute: 2h}\nstate: /srv\n"
                           "cookie: {domain: example.org}\n",
                           environment, &error);
  assert_string_equal(error.message, "");
  assert_int_equal(status, SJ_OK);
  assert_int_equal(config.session_idle_ms, 7 * 60000);
  assert_int_equal(config.session_absolute_ms, 2 * 3600000);
  assert_string_equal(config.state, "/tmp/state");
  assert_string_equal(config.store, "lmdb:/tmp/state/store");
  assert_string_equal(config.keyring_file, "/tmp/state/keyring");
  assert_string_equal(config.api_keys.items[0], "/tmp/state/api-key");
  assert_int_equal(config.check_attributes.count, 2);
  assert_string_equal(config.check_attributes.items[1], "a=b");
  assert_int_equal(config.listeners.count, 2);
  assert_string_equal(config.listeners.items[0].address, "[::1]:0");
  assert_int_equal(config.listeners.items[0].roles, 2);
  assert_int_equal(config.listeners.items[1].mode, 0600);
  assert_int_equal(config.listeners.items[1].uids.items[0], 7);
  assert_int_equal(config.listeners.items[1].roles, 31);
  assert_true(config.cookie_insecure_dev);
  assert_string_equal(config.cookie_domain, "");
  assert_int_equal(config.warnings.count, 0);
  sj__config_release(&config);
}

static void test_wrong_variables(void **state) {
  static const struct {
    const char *variable;
    const char *message;
  } cases[] = {
      {"SOJOURN__SESSION__IDLE=soon",
       "SOJOURN__SESSION__IDLE: session.idle: 'soon' is not allowed; allowed: a duration, 1s to "
       "400d"},
      {"SOJOURN__SESSION__IDLE=",
       "SOJOURN__SESSION__IDLE: session.idle: '' is not allowed; allowed: a duration, 1s to 400d"},
      {"SOJOURN__REALM=", "SOJOURN__REALM: realm: is empty; allowed: 1 to 64 of A-Z a-z 0-9 . _ -"},
      {"SOJOURN__API_KEYS={\"a\":1}",
       "SOJOURN__API_KEYS: api_keys: is not a list; allowed: a list of 1 to 16 elements, each a "
       "path"},
      {"SOJOURN__LISTENERS=[{\"adress\":\":1\"}]",
       "SOJOURN__LISTENERS: listeners: unknown key 'adress'; did you mean 'address'?"},
      {"SOJOURN__STORE=memory:",
       "SOJOURN__STORE: store: memory: forgets every session with the process; set accept_loss: "
       "true if that is meant"},
      {"SOJOURN__SESSION__IDLE=13h",
       "SOJOURN__SESSION__IDLE: session.idle: session.idle must not be longer than "
       "session.absolute"},
  };
  for (size_t i = 0; i < SJ__COUNT_OF(cases); i++) {
    const char *environment[] = {cases[i].variable, NULL};
    sj__config config;
    sj_error error = {SJ_OK, "(accepted)"};
    sj_status status = parse(&config, "", environment, &error);
    if (status != SJ_INVALID || strcmp(error.message, cases[i].message) != 0) {
      fail_msg("%s\nsaid %s\nnot  %s", cases[i].variable, error.message, cases[i].message);
    }
    sj__config_release(&config);
  }
}

static void test_lists_must_be_json(void **state) {
  static const char *const values[] = {
      "SOJOURN__API_KEYS=/etc/key", "SOJOURN__API_KEYS=[\"a\"", "SOJOURN__API_KEYS=[a]",
      "SOJOURN__API_KEYS=",         "SOJOURN__API_KEYS=['a']",
  };
  for (size_t i = 0; i < SJ__COUNT_OF(values); i++) {
    const char *environment[] = {values[i], NULL};
    sj__config config;
    sj_error error;
    assert_int_equal(parse(&config, "", environment, &error), SJ_INVALID);
    assert_non_null(
        strstr(error.message, "SOJOURN__API_KEYS: api_keys: a list is given as JSON here: "));
    sj__config_release(&config);
  }
}

static void test_unknown_variables_warn(void **state) {
  static const char *const environment[] = {
      "SOJOURN__SESSION__IDEL=1",
      "SOJOURN__session__idle=1",
      "SOJOURN__=1",
      "SOJOURN__SESSION_IDLE=1",
      "SOJOURN__SESSION=1",
      "SOJOURN_SERVER=x",
      "SOJOURN__A\nB=1",
      NULL,
  };
  sj__config config;
  sj_error error;
  assert_int_equal(parse(&config, "", environment, &error), SJ_OK);
  assert_int_equal(config.warnings.count, 6);
  assert_string_equal(config.warnings.items[0],
                      "SOJOURN__SESSION__IDEL names no setting and is ignored");
  assert_string_equal(config.warnings.items[5], "SOJOURN__A?B names no setting and is ignored");
  assert_int_equal(config.session_idle_ms, 30 * 60000);
  sj__config_release(&config);
}

static void test_state_folder(void **state) {
  if (geteuid() == 0) {
    sj__config config;
    sj_error error;
    assert_int_equal(parse(&config, "", NULL, &error), SJ_OK);
    assert_string_equal(config.state, "/var/lib/sojourn");
    sj__config_release(&config);
    return;
  }
  static const struct {
    const char *environment[3];
    const char *state;
  } cases[] = {
      {{"XDG_STATE_HOME=/x", "HOME=/home/ada", NULL}, "/x/sojourn"},
      {{"XDG_STATE_HOME=x", "HOME=/home/ada", NULL}, "/home/ada/.local/state/sojourn"},
      {{"HOME=/home/ada", NULL}, "/home/ada/.local/state/sojourn"},
  };
  for (size_t i = 0; i < SJ__COUNT_OF(cases); i++) {
    sj__config config;
    sj_error error;
    assert_int_equal(parse(&config, "", cases[i].environment, &error), SJ_OK);
    assert_string_equal(config.state, cases[i].state);
    sj__config_release(&config);
  }
}

static void test_relative_state_is_made_absolute(void **state) {
  char folder[1000];
  char expected[1100];
  sj__config config;
  sj_error error;
  assert_non_null(getcwd(folder, sizeof folder));
  snprintf(expected, sizeof expected, "%s/here", folder);
  assert_int_equal(parse(&config, "state: here\n", NULL, &error), SJ_OK);
  assert_string_equal(config.state, expected);
  sj__config_release(&config);
}

static void test_files(void **state) {
  char path[] = "/tmp/sojourn-config-XXXXXX";
  int fd = mkstemp(path);
  assert_true(fd >= 0);
  sj__config config;
  sj_error error;
  assert_int_equal(write(fd, "realm: shop\nregion: 900\n", 24), 24);
  assert_int_equal(sj__config_load(&config, path, NULL, &error), SJ_INVALID);
  assert_non_null(strstr(error.message, path));
  assert_non_null(strstr(error.message, ":2: region: '900'"));
  sj__config_release(&config);

  char line[1024];
  memset(line, '#', sizeof line);
  line[sizeof line - 1] = '\n';
  for (unsigned i = 0; i < 65; i++) assert_int_equal(write(fd, line, sizeof line), sizeof line);
  assert_int_equal(sj__config_load(&config, path, NULL, &error), SJ_TOO_LARGE);
  sj__config_release(&config);
  close(fd);
  unlink(path);
  assert_int_equal(sj__config_load(&config, path, NULL, &error), SJ_MISSING);
  assert_non_null(strstr(error.message, path));
  sj__config_release(&config);
  assert_int_equal(sj__config_load(&config, "/tmp", NULL, &error), SJ_INVALID);
  sj__config_release(&config);
}

static void test_help_names_every_setting(void **state) {
  sj__buffer text;
  sj__buffer markdown;
  sj__buffer_init(&text, 0);
  sj__buffer_init(&markdown, 0);
  sj__config_help_text(&text);
  sj__config_help_markdown(&markdown);
  sj__buffer_append_char(&text, '\0');
  sj__buffer_append_char(&markdown, '\0');
  for (size_t i = 0; i < sj__config_table_count; i++) {
    char cell[80];
    assert_non_null(strstr(text.data, sj__config_table[i].path));
    snprintf(cell, sizeof cell, "| `%s` | ", sj__config_table[i].path);
    assert_non_null(strstr(markdown.data, cell));
  }
  assert_non_null(strstr(text.data, "session.idle\n    A session ends"));
  assert_non_null(strstr(text.data, "    allowed: a duration, 1s to 400d\n    default: 30m\n"));
  sj__buffer_release(&text);
  sj__buffer_release(&markdown);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_variables_win),
      cmocka_unit_test(test_wrong_variables),
      cmocka_unit_test(test_lists_must_be_json),
      cmocka_unit_test(test_unknown_variables_warn),
      cmocka_unit_test(test_state_folder),
      cmocka_unit_test(test_relative_state_is_made_absolute),
      cmocka_unit_test(test_files),
      cmocka_unit_test(test_help_names_every_setting),
  };
  return cmocka_run_group_tests_name("unit/daemon/config_environment", tests, NULL, NULL);
}
