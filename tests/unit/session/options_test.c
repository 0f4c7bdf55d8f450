/* Every option out of its bounds, and every keyring file that must not be used. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../unit.h"

#include "sojourn/sojourn.h"

static void good_options(sj_options *options) {
  sj_options_init(options);
  options->store = "memory:";
  options->accept_loss = true;
}

static void refuse(const sj_options *options, sj_status status, const char *word) {
  sj_sessions *sessions = NULL;
  sj_error error = {SJ_OK, ""};
  sj_status told = sj_open(options, &sessions, &error);
  if (told == SJ_OK) fail_msg("accepted, though %s is wrong", word);
  assert_string_equal(sj_status_code(told), sj_status_code(status));
  assert_int_equal(error.status, status);
  if (strstr(error.message, word) == NULL) fail_msg("\"%s\" doesn't name %s", error.message, word);
  assert_int_equal(sj_open(options, &sessions, NULL), status);
}

static void accept(const sj_options *options) {
  sj_sessions *sessions = NULL;
  sj_error error;
  if (sj_open(options, &sessions, &error) != SJ_OK) fail_msg("%s", error.message);
  sj_close(sessions);
}

#define REFUSED(field, value, word)     \
  do {                                  \
    sj_options options;                 \
    good_options(&options);             \
    options.field = (value);            \
    refuse(&options, SJ_INVALID, word); \
  } while (0)

static void test_every_option_has_its_bounds(void **state) {
  static char long_text[200];
  memset(long_text, 'a', sizeof(long_text) - 1);
  REFUSED(size, 0, "options");
  REFUSED(realm, NULL, "realm");
  REFUSED(realm, "", "realm");
  REFUSED(realm, "a b", "realm");
  REFUSED(realm, long_text, "realm");
  REFUSED(store, NULL, "store");
  REFUSED(store, "memory", "store");
  REFUSED(store, "memory:?colour=red", "colour");
  REFUSED(accept_loss, false, "accept_loss");
  REFUSED(idle_ms, 999, "idle");
  REFUSED(idle_ms, -1, "idle");
  REFUSED(idle_ms, INT64_MAX, "idle");
  REFUSED(absolute_ms, 1000, "absolute");
  REFUSED(absolute_ms, INT64_MAX, "absolute");
  REFUSED(absolute_max_ms, 1000, "absolute_max");
  REFUSED(absolute_max_ms, INT64_C(401) * 24 * 3600 * 1000, "400d");
  REFUSED(touch_every_ms, 999, "touch_every");
  REFUSED(touch_every_ms, 3600001, "touch_every");
  REFUSED(max_staleness_ms, -1, "max_staleness");
  REFUSED(max_staleness_ms, 30001, "max_staleness");
  REFUSED(attributes_max, 1, "attributes_max");
  REFUSED(attributes_max, ((size_t)1 << 20) + 1, "attributes_max");
  REFUSED(max_sessions, 1001, "max_sessions");
  REFUSED(on_rollback, (sj_on_rollback)2, "on_rollback");
  REFUSED(on_rollback, (sj_on_rollback)-1, "on_rollback");
  REFUSED(timeout_ms, 9, "timeout");
  REFUSED(timeout_ms, 60001, "timeout");
  REFUSED(cookie_name, "", "cookie");
  REFUSED(cookie_name, "a b", "cookie");
  REFUSED(cookie_name, long_text, "cookie");
  REFUSED(cookie_domain, "a;b", "omain");
  REFUSED(cookie_domain, "", "omain");
  REFUSED(cookie_same_site, (sj_same_site)3, "same_site");
  REFUSED(cookie_same_site, (sj_same_site)-1, "same_site");
}

static void test_options_that_contradict_each_other(void **state) {
  sj_options options;
  good_options(&options);
  options.cookie_name = "__Host-mine";
  options.cookie_domain = "example.com";
  refuse(&options, SJ_INVALID, "__Host-");
  options.cookie_domain = NULL;
  options.cookie_insecure_dev = true;
  refuse(&options, SJ_INVALID, "__Host-mine");
  good_options(&options);
  options.cookie_same_site = SJ_SAME_SITE_NONE;
  options.cookie_insecure_dev = true;
  refuse(&options, SJ_INVALID, "Secure");
  good_options(&options);
  options.store = "lmdb:/nonexistent/store";
  refuse(&options, SJ_INVALID, "keyring_file");
  good_options(&options);
  options.store = "redis://127.0.0.1";
  options.keyring_file = "/nonexistent";
  options.keyring_create = true;
  refuse(&options, SJ_INVALID, "keyring_create");
  options.keyring_create = false;
  refuse(&options, SJ_MISSING, "/nonexistent");
}

static void test_good_options(void **state) {
  sj_options options;
  good_options(&options);
  accept(&options);
  options.cookie_domain = "example.com";
  accept(&options);
  options.cookie_domain = NULL;
  options.store = "trace+fault+memory:";
  options.cookie_name = "__Host-mine";
  options.cookie_same_site = SJ_SAME_SITE_NONE;
  options.idle_ms = options.absolute_ms = options.absolute_max_ms = 1000;
  options.max_sessions = 1000;
  options.timeout_ms = 60000;
  accept(&options);
}

/* --- The keyring file -------------------------------------------------------------------- */

static char folder[64];
static char path[128];

static int make_folder(void **state) {
  strcpy(folder, "/tmp/sojourn-keyring-XXXXXX"); /* NOLINT: it fits */
  if (mkdtemp(folder) == NULL) return 1;
  snprintf(path, sizeof(path), "%s/keyring", folder);
  return 0;
}

static int remove_folder(void **state) {
  (void)remove(path);
  return remove(folder);
}

static void with_file(sj_options *options) {
  good_options(options);
  options->keyring_file = path;
  options->keyring_create = true;
}

static size_t read_file(char *out, size_t size) {
  FILE *file = fopen(path, "rb");
  assert_non_null(file);
  size_t read = fread(out, 1, size, file);
  fclose(file);
  return read;
}

static void write_file(const char *bytes, size_t size) {
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(bytes, 1, size, file), size);
  assert_int_equal(fclose(file), 0);
}

static void test_a_keyring_is_made_once(void **state) {
  sj_options options;
  struct stat status;
  char first[1024];
  char second[1024];
  with_file(&options);
  options.keyring_create = false;
  refuse(&options, SJ_MISSING, path);
  options.keyring_create = true;
  accept(&options);
  assert_int_equal(stat(path, &status), 0);
  assert_int_equal(status.st_mode & 07777, 0600);
  size_t size = read_file(first, sizeof(first));
  accept(&options);
  assert_int_equal(read_file(second, sizeof(second)), size);
  assert_memory_equal(first, second, size);
}

static void test_an_over_permissive_keyring(void **state) {
  sj_options options;
  with_file(&options);
  accept(&options);
  static const mode_t modes[] = {0640, 0604, 0660, 0606, 0644, 0666, 0777, 0620, 0601, 0610};
  for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
    char found[8];
    assert_int_equal(chmod(path, modes[i]), 0);
    snprintf(found, sizeof(found), "%04o", (unsigned)modes[i]);
    refuse(&options, SJ_PERMISSION, found);
    refuse(&options, SJ_PERMISSION, "0600");
  }
  assert_int_equal(chmod(path, 0600), 0);
  accept(&options);
  assert_int_equal(chmod(path, 0400), 0); /* stricter is good */
  accept(&options);
}

static void test_what_is_no_keyring(void **state) {
  sj_options options;
  char text[1024];
  with_file(&options);
  accept(&options);
  size_t size = read_file(text, sizeof(text));
  static const char *const bad[] = {"", "\n", "garbage", "{}", "\xff\xfe", "1 2 3\n"};
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    write_file(bad[i], strlen(bad[i]));
    refuse(&options, SJ_INVALID, path);
  }
  for (size_t kept = 0; kept + 1 < size; kept++) { /* a torn file; but for its last line's end */
    write_file(text, kept);
    sj_sessions *sessions = NULL;
    assert_int_equal(sj_open(&options, &sessions, NULL), SJ_INVALID);
  }
  assert_int_equal(remove(path), 0);
  assert_int_equal(mkdir(path, 0700), 0);
  sj_sessions *sessions = NULL;
  sj_status status = sj_open(&options, &sessions, NULL);
  assert_true(status == SJ_IO || status == SJ_PERMISSION || status == SJ_INVALID);
  assert_int_equal(rmdir(path), 0);
}

int main(void) {
#define WITH_FOLDER(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_every_option_has_its_bounds),
      cmocka_unit_test(test_options_that_contradict_each_other),
      cmocka_unit_test(test_good_options),
      WITH_FOLDER(test_a_keyring_is_made_once),
      WITH_FOLDER(test_an_over_permissive_keyring),
      WITH_FOLDER(test_what_is_no_keyring),
  };
  return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
