/* What is refused at opening, and in what words. */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "lmdb_kit.h"

static void expect_refusal(lmdb_kit *kit, sj_status expected, const char *said) {
  sj_error error = {0};
  sj_status status = kit_try_open(kit, &error);
  if (status != expected) {
    fail_msg("opening %s: %s (%s)", kit->url, sj_status_code(status), error.message);
  }
  assert_null(kit->suite.store);
  assert_int_equal(error.status, expected);
  if (strstr(error.message, said) == NULL) fail_msg("'%s' lacks '%s'", error.message, said);
}

static char *path_in(const lmdb_kit *kit, const char *name) {
  static char path[128];
  snprintf(path, sizeof(path), "%s/%s", kit->folder, name);
  return path;
}

/* --- The URL ----------------------------------------------------------------------------- */

static void urls(void **state) {
  static const struct {
    const char *tail;
    const char *said;
  } bad[] = {
      {"?max_size=1023KiB", "max_size is 1MiB to 16TiB"},
      {"?max_size=17TiB", "max_size is 1MiB to 16TiB"},
      {"?max_size=", "max_size is 1MiB to 16TiB"},
      {"?durability=never", "durability is commit or interval"},
      {"?durability=", "durability is commit or interval"},
      {"?interval=1s", "with durability=interval"},
      {"?durability=commit&interval=1s", "with durability=interval"},
      {"?durability=interval&interval=0", "1ms to 60s"},
      {"?durability=interval&interval=61s", "1ms to 60s"},
      {"?sync=off", "allowed: max_size, durability, interval"},
  };
  lmdb_kit kit;
  kit_init(&kit, "");
  for (size_t i = 0; i < SJ__COUNT_OF(bad); i++) {
    snprintf(kit.url, sizeof(kit.url), "lmdb:%s/store%s", kit.folder, bad[i].tail);
    expect_refusal(&kit, SJ_INVALID, bad[i].said);
  }
  snprintf(kit.url, sizeof(kit.url), "lmdb:");
  expect_refusal(&kit, SJ_INVALID, "path");
  snprintf(kit.url, sizeof(kit.url), "lmdb:?max_size=1MiB");
  expect_refusal(&kit, SJ_INVALID, "path");
  assert_int_not_equal(access(path_in(&kit, "store"), F_OK), 0); /* nothing was made */
  kit_release(&kit);
}

/* --- The folder ---------------------------------------------------------------------------- */

static void a_file_in_its_place(void **state) {
  lmdb_kit kit;
  kit_init(&kit, "");
  int fd = open(path_in(&kit, "store"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  assert_true(fd >= 0);
  close(fd);
  expect_refusal(&kit, SJ_INVALID, "not a folder");
  kit_release(&kit);
}

static void a_folder_that_others_may_write(void **state) {
  lmdb_kit kit;
  kit_init(&kit, "");
  assert_int_equal(mkdir(path_in(&kit, "store"), 0700), 0);
  assert_int_equal(chmod(path_in(&kit, "store"), 0770), 0);
  expect_refusal(&kit, SJ_PERMISSION, "0770");
  assert_int_equal(chmod(path_in(&kit, "store"), 0707), 0);
  expect_refusal(&kit, SJ_PERMISSION, "0707");
  assert_int_equal(chmod(path_in(&kit, "store"), 0755), 0);
  kit_open(&kit);
  kit_release(&kit);
}

static void data_that_others_may_read(void **state) {
  lmdb_kit kit;
  struct stat seen;
  kit_start(&kit, "");
  kit_close(&kit);
  assert_int_equal(stat(path_in(&kit, "store"), &seen), 0);
  assert_int_equal(seen.st_mode & 0777, 0700);
  assert_int_equal(stat(path_in(&kit, "store/data.mdb"), &seen), 0);
  assert_int_equal(seen.st_mode & 0777, 0600);
  assert_int_equal(chmod(path_in(&kit, "store/data.mdb"), 0640), 0);
  expect_refusal(&kit, SJ_PERMISSION, "0640");
  assert_int_equal(chmod(path_in(&kit, "store/data.mdb"), 0600), 0);
  kit_open(&kit);
  kit_release(&kit);
}

/* As somebody who may not: root may everything, so it becomes nobody for this. */
static void a_folder_that_cannot_be_entered(void **state) {
  lmdb_kit kit;
  sj_error error = {0};
  int status = 0;
  kit_init(&kit, "");
  assert_int_equal(mkdir(path_in(&kit, "store"), 0700), 0);
  if (geteuid() != 0) assert_int_equal(chmod(path_in(&kit, "store"), 0), 0);
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) _exit(2);
    _exit(kit_try_open(&kit, &error) == SJ_PERMISSION && error.message[0] != '\0' ? 0 : 1);
  }
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 0);
  kit_release(&kit);
}

/* --- Who has it, and whose it is ----------------------------------------------------- */

static void this_process_has_it(void **state) {
  lmdb_kit kit;
  sj__store *second = NULL;
  sj_error error = {0};
  kit_start(&kit, "");
  assert_int_equal(sj__store_open(kit.url, &kit.suite.options, &second, &error), SJ_BUSY);
  assert_null(second);
  assert_non_null(strstr(error.message, "this process has this store open"));
  (void)create(&kit.seat, NULL);
  kit_release(&kit);
}

static void another_process_has_it(void **state) {
  lmdb_kit kit;
  char byte = 0, said[96];
  int ready[2], leave[2], status = 0;
  kit_init(&kit, "");
  assert_int_equal(pipe(ready), 0);
  assert_int_equal(pipe(leave), 0);
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    sj_error error;
    bool is_open = kit_try_open(&kit, &error) == SJ_OK;
    close(leave[1]);
    if (!is_open || write(ready[1], "x", 1) != 1) _exit(1);
    (void)!read(leave[0], &byte, 1);
    _exit(0); /* as if killed: nothing is closed in order */
  }
  assert_int_equal(read(ready[0], &byte, 1), 1);
  snprintf(said, sizeof(said), "another process has this store open (process %d)", (int)child);
  expect_refusal(&kit, SJ_BUSY, said);
  close(leave[1]);
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_int_equal(status, 0);
  close(ready[0]);
  close(ready[1]);
  close(leave[0]);
  kit_open(&kit); /* the lock went with the process */
  kit_release(&kit);
}

/* Changes the store from outside, as another version of the program would have left it. */
static void put_info(lmdb_kit *kit, const char *table, const char *name, const char *value) {
  MDB_env *env;
  MDB_txn *txn;
  MDB_dbi info;
  MDB_val key = sj__lmdb_val(name, strlen(name)), data = sj__lmdb_val(value, strlen(value));
  assert_int_equal(mdb_env_create(&env), 0);
  assert_int_equal(mdb_env_set_maxdbs(env, 6), 0);
  assert_int_equal(mdb_env_open(env, path_in(kit, "store"), 0, 0600), 0);
  assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
  assert_int_equal(mdb_dbi_open(txn, table, MDB_CREATE, &info), 0);
  assert_int_equal(mdb_put(txn, info, &key, &data, 0), 0);
  assert_int_equal(mdb_txn_commit(txn), 0);
  mdb_env_close(env);
}

static void another_format(void **state) {
  lmdb_kit kit;
  kit_start(&kit, "");
  kit_close(&kit);
  put_info(&kit, "info", "format", "2");
  expect_refusal(&kit, SJ_MISMATCH, "format 2; this program reads 1");
  put_info(&kit, "info", "format", "1");
  kit_open(&kit);
  kit_release(&kit);
}

static void another_realm(void **state) {
  lmdb_kit kit;
  kit_start(&kit, "");
  kit_close(&kit);
  kit.suite.options.realm = SJ__SLICE("another");
  expect_refusal(&kit, SJ_MISMATCH, "realm 'contract', not 'another'");
  kit_release(&kit);
}

static void another_keyring(void **state) {
  lmdb_kit kit;
  kit_start(&kit, "");
  kit_close(&kit);
  sj__keyring *right = kit.suite.options.keyring;
  assert_int_equal(sj__keyring_generate(sj__wall_ms(), &kit.suite.options.keyring), SJ_OK);
  expect_refusal(&kit, SJ_MISMATCH, "another keyring");
  sj__keyring_unref(kit.suite.options.keyring);
  kit.suite.options.keyring = right;
  kit_open(&kit);
  kit_release(&kit);
}

/* The same keys under other numbers share nothing. */
static void a_keyring_without_a_common_key(void **state) {
  lmdb_kit kit;
  sj_error error;
  kit_start(&kit, "");
  kit_close(&kit);
  sj__keyring *right = kit.suite.options.keyring;
  sj__key key = *sj__keyring_at(right, 0);
  key.kid++;
  assert_int_equal(sj__keyring_new(&key, 1, &kit.suite.options.keyring, &error), SJ_OK);
  expect_refusal(&kit, SJ_MISMATCH, "no key in common");
  sj__keyring_unref(kit.suite.options.keyring);
  kit.suite.options.keyring = right;
  kit_open(&kit);
  kit_release(&kit);
}

/* --- Files that are not ours, or not whole ------------------------------------------- */

static void data_of_another_program(void **state) {
  lmdb_kit kit;
  kit_init(&kit, "");
  assert_int_equal(mkdir(path_in(&kit, "store"), 0700), 0);
  put_info(&kit, "theirs", "key", "value");
  expect_refusal(&kit, SJ_MISMATCH, "another program");
  kit_release(&kit);
}

static void no_lmdb_file_at_all(void **state) {
  lmdb_kit kit;
  kit_init(&kit, "");
  assert_int_equal(mkdir(path_in(&kit, "store"), 0700), 0);
  int fd = open(path_in(&kit, "store/data.mdb"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  char page[8192];
  memset(page, 'x', sizeof(page));
  assert_int_equal(write(fd, page, sizeof(page)), sizeof(page));
  close(fd);
  expect_refusal(&kit, SJ_CORRUPT, "not an LMDB file");
  kit_release(&kit);
}

static void a_file_that_was_cut_off(void **state) {
  lmdb_kit kit;
  struct stat seen;
  kit_start(&kit, "");
  seat *s = &kit.seat;
  for (unsigned i = 0; i < 8; i++) {
    sj__record record = new_record(s, random_key(s).bytes, NULL);
    assert_int_equal(put(s, encode(s, &record, 400000), 0)->status, SJ_OK);
  }
  kit_close(&kit);
  assert_int_equal(stat(path_in(&kit, "store/data.mdb"), &seen), 0);
  assert_int_equal(truncate(path_in(&kit, "store/data.mdb"), seen.st_size / 2), 0);
  expect_refusal(&kit, SJ_CORRUPT, "cut off");
  kit_release(&kit);
}

static void an_empty_file_is_a_new_store(void **state) {
  lmdb_kit kit;
  kit_init(&kit, "");
  assert_int_equal(mkdir(path_in(&kit, "store"), 0700), 0);
  close(open(path_in(&kit, "store/data.mdb"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  kit_open(&kit);
  (void)create(&kit.seat, NULL);
  kit_release(&kit);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(urls),
      cmocka_unit_test(a_file_in_its_place),
      cmocka_unit_test(a_folder_that_others_may_write),
      cmocka_unit_test(data_that_others_may_read),
      cmocka_unit_test(a_folder_that_cannot_be_entered),
      cmocka_unit_test(this_process_has_it),
      cmocka_unit_test(another_process_has_it),
      cmocka_unit_test(another_format),
      cmocka_unit_test(another_realm),
      cmocka_unit_test(another_keyring),
      cmocka_unit_test(a_keyring_without_a_common_key),
      cmocka_unit_test(data_of_another_program),
      cmocka_unit_test(no_lmdb_file_at_all),
      cmocka_unit_test(a_file_that_was_cut_off),
      cmocka_unit_test(an_empty_file_is_a_new_store),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
