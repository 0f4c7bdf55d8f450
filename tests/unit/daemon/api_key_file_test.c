/* API keys: what files say, what is refused without being quoted, and the one that is made. */
#include "../unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../kit/failing_allocator.h"
#include "base/buffer.h"
#include "daemon/api_key_file.h"
#include "loop/file.h"

/* SHA-256 of "abc" (FIPS 180-4's example), in both forms. */
#define ABC_HEX       "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define ABC_BASE64URL "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0"
/* Of the empty text. */
#define EMPTY_HEX "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static sj_status parse(const char *text, sj__api_key_list *list, sj_error *error) {
  return sj__api_keys_parse("keys", sj__slice_text(text), list, error);
}

static void a_key_by_itself_has_every_role(void **state) {
  static const char *const texts[] = {
      "sojourn_0123456789abcdef",
      "sojourn_0123456789abcdef\n",
      "  sojourn_0123456789abcdef\r\n\n",
      "# made by hand\nsojourn_0123456789abcdef\n",
  };
  uint8_t expected[SJ__DIGEST_SIZE];
  sj__sha256(&SJ__SLICE("sojourn_0123456789abcdef"), 1, expected);
  for (size_t i = 0; i < SJ__COUNT_OF(texts); i++) {
    sj__api_key_list list = {NULL, 0};
    sj_error error;
    assert_ok(parse(texts[i], &list, &error));
    assert_int_equal(list.count, 1);
    assert_int_equal(list.items[0].roles, SJ__ROLES_ALL);
    assert_memory_equal(list.items[0].hash, expected, sizeof expected);
    sj__api_key_list_release(&list);
  }
}

static void lines_of_hashes_have_roles(void **state) {
  sj__api_key_list list = {NULL, 0};
  sj_error error;
  assert_ok(
      parse("# the shop's\n"
            "sha256:" ABC_HEX " roles=app,check name=shop\n"
            "\n"
            "sha256:" EMPTY_HEX "  name=boss  roles=admin\r\n",
            &list, &error));
  assert_int_equal(list.count, 2);
  assert_int_equal(list.items[0].roles, SJ__ROLE_APP | SJ__ROLE_CHECK);
  assert_int_equal(list.items[1].roles, SJ__ROLE_ADMIN);
  assert_int_equal(list.items[0].hash[0], 0xba);
  assert_int_equal(list.items[0].hash[31], 0xad);
  sj__api_key_list_release(&list);

  assert_ok(parse("sha256:" ABC_BASE64URL " roles=metrics,oauth", &list, &error));
  assert_int_equal(list.items[0].hash[0], 0xba);
  assert_int_equal(list.items[0].hash[31], 0xad);
  assert_int_equal(list.items[0].roles, SJ__ROLE_METRICS | SJ__ROLE_OAUTH);
  sj__api_key_list_release(&list);
}

static void wrong_files_are_refused_by_line(void **state) {
#define NEITHER                                                                             \
  "neither a key by itself (20 to 256 visible ASCII characters) nor a line of sha256:HASH " \
  "roles=ROLE,ROLE"
#define HASH "the hash must be 64 hexadecimal digits or 43 of base64url"
#define WORDS \
  "after the hash come roles= (once; a list of app, check, admin, oauth, metrics) and name="
  static const struct {
    const char *text, *message;
  } cases[] = {
      {"", "keys:0: there is no key"},
      {"\n# only this\n", "keys:2: there is no key"},
      {"secret\n", "keys:1: " NEITHER},
      {"secret secret secret secret\n", "keys:1: " NEITHER},
      {"\x01secret-secret-secret-secret\n", "keys:1: " NEITHER},
      {"s\xc3\xa9"
       "cret-secret-secret-secret\n",
       "keys:1: " NEITHER},
      {"secret-secret-secret-1\nsecret-secret-secret-2\n",
       "keys:2: a key by itself must be the file's only line"},
      {"sha256:" ABC_HEX " roles=app\nsecret-secret-secret-1\n",
       "keys:2: a line must begin with sha256:"},
      {"sha256:abc roles=app\n", "keys:1: " HASH},
      {"sha256: roles=app\n", "keys:1: " HASH},
      {"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ag roles=app\n",
       "keys:1: " HASH},
      {"sha256:ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa1 roles=app\n", "keys:1: " HASH},
      {"sha256:" ABC_HEX "\n", "keys:1: the key has no roles="},
      {"sha256:" ABC_HEX " name=shop\n", "keys:1: the key has no roles="},
      {"sha256:" ABC_HEX " roles=\n", "keys:1: " WORDS},
      {"sha256:" ABC_HEX " roles=app,\n", "keys:1: " WORDS},
      {"sha256:" ABC_HEX " roles=app,,check\n", "keys:1: " WORDS},
      {"sha256:" ABC_HEX " roles=root\n", "keys:1: " WORDS},
      {"sha256:" ABC_HEX " roles=app roles=admin\n", "keys:1: " WORDS},
      {"sha256:" ABC_HEX " role=app\n", "keys:1: " WORDS},
      {"sha256:" ABC_HEX " roles=app\nsha256:" ABC_BASE64URL " roles=admin\n",
       "keys:2: this key is listed before"},
  };
  for (size_t i = 0; i < SJ__COUNT_OF(cases); i++) {
    sj__api_key_list list = {NULL, 0};
    sj_error error = {SJ_OK, "(accepted)"};
    sj_status status = parse(cases[i].text, &list, &error);
    if (status != SJ_INVALID || strcmp(error.message, cases[i].message) != 0) {
      fail_msg("case %zu: %s", i, error.message);
    }
    assert_null(strstr(error.message, "secret"));
    assert_null(strstr(error.message, "ba7816"));
    sj__api_key_list_release(&list);
  }
}

static void too_many_keys_are_refused(void **state) {
  sj__buffer text;
  sj__api_key_list list = {NULL, 0};
  sj_error error;
  sj__buffer_init(&text, 0);
  for (unsigned i = 0; i <= SJ__API_KEYS_MAX; i++) {
    sj__buffer_appendf(&text, "sha256:%064x roles=app\n", i);
  }
  assert_int_equal(sj__api_keys_parse("keys", sj__buffer_slice(&text), &list, &error), SJ_INVALID);
  assert_string_equal(error.message, "keys:1025: more than 1024 keys");
  sj__api_key_list_release(&list);
  sj__buffer_release(&text);
}

static void a_made_key_can_be_loaded(void **state) {
  char folder[] = "/tmp/sojourn-api-key-XXXXXX";
  char path[64];
  struct stat info;
  sj_error error;
  sj__api_key_list made = {NULL, 0};
  sj__api_key_list loaded = {NULL, 0};
  sj__buffer text;
  sj__buffer_init(&text, 0);
  assert_non_null(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/api-key", folder);
  assert_ok(sj__api_key_create(path, &made, &error));
  assert_int_equal(stat(path, &info), 0);
  assert_int_equal(info.st_mode & 0777, 0600);
  assert_ok(sj__file_read(path, SJ__FILE_PRIVATE, 1000, &text, &error));
  assert_int_equal(text.size, strlen("sojourn_") + 43);
  assert_memory_equal(text.data, "sojourn_", 8);
  assert_ok(sj__api_keys_load(path, &loaded, &error));
  assert_memory_equal(loaded.items[0].hash, made.items[0].hash, SJ__DIGEST_SIZE);
  assert_int_equal(made.items[0].roles, SJ__ROLES_ALL);
  assert_int_equal(sj__api_key_create(path, &made, &error), SJ_BUSY);

  assert_int_equal(chmod(path, 0640), 0);
  assert_int_equal(sj__api_keys_load(path, &loaded, &error), SJ_PERMISSION);
  assert_non_null(strstr(error.message, path));
  assert_int_equal(unlink(path), 0);
  assert_int_equal(sj__api_keys_load(path, &loaded, &error), SJ_MISSING);
  assert_int_equal(rmdir(folder), 0);
  sj__buffer_release(&text);
  sj__api_key_list_release(&made);
  sj__api_key_list_release(&loaded);
}

static void short_memory_fails_cleanly(void **state) {
  size_t before = live_allocations();
  for (long k = 0, pending = 0; !pending; k++) {
    sj__api_key_list list = {NULL, 0};
    sj_error error;
    fail_one_allocation(k);
    sj_status status =
        parse("sha256:" ABC_HEX " roles=app\nsha256:" EMPTY_HEX " roles=app\n", &list, &error);
    pending = fail_no_allocations();
    assert_int_equal(status, pending ? SJ_OK : SJ_NO_MEMORY);
    sj__api_key_list_release(&list);
    assert_int_equal(live_allocations(), before);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_key_by_itself_has_every_role),
      cmocka_unit_test(lines_of_hashes_have_roles),
      cmocka_unit_test(wrong_files_are_refused_by_line),
      cmocka_unit_test(too_many_keys_are_refused),
      cmocka_unit_test(a_made_key_can_be_loaded),
      cmocka_unit_test(short_memory_fails_cleanly),
  };
  install_failing_allocator();
  if (sj__crypto_init() != SJ_OK) return 1;
  return cmocka_run_group_tests_name("unit/daemon/api_key_file", tests, NULL, NULL);
}
