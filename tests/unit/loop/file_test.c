#include "../unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../../kit/failing_allocator.h"
#include "loop/file.h"

/* Ours wins over the C library's: who runs the tests is another user for a while. */
static uid_t pretended_user;

uid_t geteuid(void) {
  return pretended_user != 0 ? pretended_user : (uid_t)syscall(SYS_geteuid);
}

static char folder[] = "/tmp/sojourn-file-test-XXXXXX";

static const char *in_folder(const char *name) {
  static char paths[4][300];
  static int at;
  char *path = paths[at++ % 4];
  snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
  return path;
}

static mode_t mode_of(const char *path) {
  struct stat seen;
  assert_int_equal(stat(path, &seen), 0);
  return seen.st_mode & 07777;
}

static int count_entries(void) {
  DIR *open = opendir(folder);
  int count = -2; /* . and .. */
  while (readdir(open) != NULL) count++;
  closedir(open);
  return count;
}

static void assert_content(const char *path, const char *text) {
  sj__buffer out;
  sj__buffer_init(&out, 0);
  assert_ok(sj__file_read(path, SJ__FILE_PRIVATE, 100, &out, NULL));
  assert_slice_text(sj__buffer_slice(&out), text);
  sj__buffer_release(&out);
}

static void writes_private_files_whole(void **state) {
  const char *path = in_folder("key");
  mode_t before = umask(0);
  assert_ok(sj__file_write_private(path, SJ__SLICE("first"), false, NULL));
  umask(before);
  assert_int_equal(mode_of(path), 0600);
  assert_content(path, "first");
  sj_error error;
  assert_int_equal(sj__file_write_private(path, SJ__SLICE("second"), false, &error), SJ_BUSY);
  assert_non_null(strstr(error.message, path));
  assert_content(path, "first");
  assert_ok(sj__file_write_private(path, SJ__SLICE("second"), true, NULL));
  assert_content(path, "second");
  assert_ok(sj__file_write_private(path, SJ__SLICE(""), true, NULL));
  assert_content(path, "");
  assert_int_equal(count_entries(), 1);
  unlink(path);
}

static void writing_where_nothing_can_be_written_leaves_nothing(void **state) {
  sj_error error;
  assert_int_equal(sj__file_write_private(in_folder("none/key"), SJ__SLICE("x"), true, &error),
                   SJ_MISSING);
  assert_int_equal(sj__folder_make(in_folder("taken"), NULL), SJ_OK);
  assert_int_not_equal(sj__file_write_private(in_folder("taken"), SJ__SLICE("x"), true, &error),
                       SJ_OK);
  assert_int_equal(count_entries(), 1);
  rmdir(in_folder("taken"));
}

static void appends_up_to_the_bound(void **state) {
  const char *path = in_folder("big");
  char content[10000];
  memset(content, 'c', sizeof(content));
  assert_ok(sj__file_write_private(path, sj__slice(content, sizeof(content)), false, NULL));
  sj__buffer out;
  sj__buffer_init(&out, 0);
  sj__buffer_append_text(&out, "before ");
  assert_ok(sj__file_read(path, SJ__FILE_ANY, sizeof(content), &out, NULL));
  assert_int_equal(out.size, sizeof(content) + 7);
  assert_memory_equal(out.data + 7, content, sizeof(content));
  sj__buffer_reset(&out);
  sj_error error;
  assert_int_equal(sj__file_read(path, SJ__FILE_ANY, sizeof(content) - 1, &out, &error),
                   SJ_TOO_LARGE);
  assert_non_null(strstr(error.message, "9999"));
  sj__buffer_release(&out);
  fail_allocations_from(0);
  assert_int_equal(sj__file_read(path, SJ__FILE_ANY, sizeof(content), &out, &error), SJ_NO_MEMORY);
  fail_no_allocations();
  sj__buffer_release(&out);
  unlink(path);
}

static void a_buffer_bound_like_the_file_takes_it(void **state) {
  const char *path = in_folder("bound");
  char content[5000];
  sj__buffer out;
  memset(content, 'c', sizeof(content));
  for (size_t size = 4090; size <= sizeof(content); size += 5) {
    assert_ok(sj__file_write_private(path, sj__slice(content, size), true, NULL));
    sj__buffer_init(&out, size);
    assert_ok(sj__file_read(path, SJ__FILE_PRIVATE, size, &out, NULL));
    assert_int_equal(out.size, size);
    sj__buffer_release(&out);
    sj__buffer_init(&out, size - 1);
    assert_int_equal(sj__file_read(path, SJ__FILE_PRIVATE, size - 1, &out, NULL), SJ_TOO_LARGE);
    sj__buffer_release(&out);
  }
  unlink(path);
}

static void every_right_of_others_is_too_much(void **state) {
  static const mode_t bad[] = {0640, 0620, 0610, 0604, 0602, 0601, 0644, 0777, 0660};
  static const mode_t good[] = {0600, 0400, 0700};
  const char *path = in_folder("key");
  assert_ok(sj__file_write_private(path, SJ__SLICE("k"), false, NULL));
  sj__buffer out;
  sj__buffer_init(&out, 0);
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    sj_error error;
    char mode[8];
    chmod(path, bad[i]);
    snprintf(mode, sizeof(mode), "%04o", (unsigned)bad[i]);
    assert_int_equal(sj__file_read(path, SJ__FILE_PRIVATE, 10, &out, &error), SJ_PERMISSION);
    assert_non_null(strstr(error.message, mode));
    assert_non_null(strstr(error.message, "0600"));
    assert_int_equal(out.size, 0);
    assert_ok(sj__file_read(path, SJ__FILE_ANY, 10, &out, NULL));
    sj__buffer_reset(&out);
  }
  for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
    chmod(path, good[i]);
    assert_ok(sj__file_read(path, SJ__FILE_PRIVATE, 10, &out, NULL));
    sj__buffer_reset(&out);
  }
  sj__buffer_release(&out);
  unlink(path);
}

static void a_strangers_file_is_not_private(void **state) {
  const char *path = in_folder("key");
  assert_ok(sj__file_write_private(path, SJ__SLICE("k"), false, NULL));
  /* Root's own files are everybody's to trust, so as root the file is given away. */
  if (geteuid() == 0) assert_int_equal(chown(path, 12345, 12345), 0);
  uid_t stranger = geteuid() == 0 ? 12345 : geteuid();
  char shown[24];
  snprintf(shown, sizeof(shown), "%lu", (unsigned long)stranger);
  sj__buffer out;
  sj__buffer_init(&out, 0);
  sj_error error;
  pretended_user = stranger + 1;
  sj_status status = sj__file_read(path, SJ__FILE_PRIVATE, 10, &out, &error);
  pretended_user = 0;
  assert_int_equal(status, SJ_PERMISSION);
  assert_non_null(strstr(error.message, shown));
  sj__buffer_release(&out);
  unlink(path);
}

static void only_regular_files_are_read(void **state) {
  sj__buffer out;
  sj__buffer_init(&out, 0);
  sj_error error;
  const char *path = in_folder("pipe");
  assert_int_equal(sj__file_read(path, SJ__FILE_ANY, 10, &out, &error), SJ_MISSING);
  assert_non_null(strstr(error.message, path));
  assert_int_equal(mkfifo(path, 0600), 0);
  assert_int_equal(sj__file_read(path, SJ__FILE_ANY, 10, &out, &error), SJ_INVALID);
  assert_int_equal(sj__file_read(folder, SJ__FILE_ANY, 10, &out, &error), SJ_INVALID);
  unlink(path);
  sj__buffer_release(&out);
}

static void makes_folders_with_their_parents(void **state) {
  mode_t before = umask(0);
  assert_ok(sj__folder_make(in_folder("a/b//c/"), NULL));
  umask(before);
  assert_int_equal(mode_of(in_folder("a")), 0700);
  assert_int_equal(mode_of(in_folder("a/b/c")), 0700);
  chmod(in_folder("a/b"), 0755);
  assert_ok(sj__folder_make(in_folder("a/b/c"), NULL));
  assert_int_equal(mode_of(in_folder("a/b")), 0755);
  assert_ok(sj__folder_make("/", NULL));
  rmdir(in_folder("a/b/c"));
  rmdir(in_folder("a/b"));
  rmdir(in_folder("a"));
}

static void a_file_in_the_way_is_told(void **state) {
  sj_error error;
  assert_ok(sj__file_write_private(in_folder("file"), SJ__SLICE(""), false, NULL));
  assert_int_equal(sj__folder_make(in_folder("file"), &error), SJ_INVALID);
  assert_non_null(strstr(error.message, "not a folder"));
  assert_int_equal(sj__folder_make(in_folder("file/below"), &error), SJ_INVALID);
  assert_int_equal(sj__folder_make("", &error), SJ_INVALID);
  unlink(in_folder("file"));
}

static void a_folder_where_others_may_write_is_not_ours(void **state) {
  static const mode_t bad[] = {0720, 0702, 0777, 01777, 0770};
  static const mode_t good[] = {0700, 0750, 0755, 0500};
  sj_error error;
  assert_ok(sj__folder_make(in_folder("state"), NULL));
  for (size_t i = 0; i < SJ__COUNT_OF(good); i++) {
    chmod(in_folder("state"), good[i]);
    assert_ok(sj__folder_judge(in_folder("state"), NULL));
  }
  for (size_t i = 0; i < SJ__COUNT_OF(bad); i++) {
    chmod(in_folder("state"), bad[i]);
    assert_int_equal(sj__folder_judge(in_folder("state"), &error), SJ_PERMISSION);
    assert_non_null(strstr(error.message, "nobody but its owner may write"));
  }
  chmod(in_folder("state"), 0700);
  if (geteuid() == 0) assert_int_equal(chown(in_folder("state"), 4711, 4711), 0);
  pretended_user = 4712;
  assert_int_equal(sj__folder_judge(in_folder("state"), &error), SJ_PERMISSION);
  assert_non_null(strstr(error.message, "must belong to user 4712 or root"));
  pretended_user = 0;
  assert_int_equal(sj__folder_judge(in_folder("none"), &error), SJ_MISSING);
  rmdir(in_folder("state"));
}

static int make_folder(void **state) {
  return mkdtemp(folder) != NULL ? 0 : -1;
}

static int remove_folder(void **state) {
  return rmdir(folder);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(writes_private_files_whole),
      cmocka_unit_test(writing_where_nothing_can_be_written_leaves_nothing),
      cmocka_unit_test(appends_up_to_the_bound),
      cmocka_unit_test(a_buffer_bound_like_the_file_takes_it),
      cmocka_unit_test(every_right_of_others_is_too_much),
      cmocka_unit_test(a_strangers_file_is_not_private),
      cmocka_unit_test(only_regular_files_are_read),
      cmocka_unit_test(makes_folders_with_their_parents),
      cmocka_unit_test(a_file_in_the_way_is_told),
      cmocka_unit_test(a_folder_where_others_may_write_is_not_ours),
  };
  install_failing_allocator();
  return cmocka_run_group_tests_name("unit/loop/file", tests, make_folder, remove_folder);
}
