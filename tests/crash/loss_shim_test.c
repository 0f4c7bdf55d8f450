/*
 * loss_shim_test SHIM LOSER: the shim and its counterpart themselves. A child
 * writes a file in several ways under the shim; what is taken back afterwards
 * is what it had not flushed, and nothing else.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../unit/unit.h"

static const char *self, *shim, *loser;
static char folder[64], file[96], journal[96];

/* --- The child: "way" in argv -------------------------------------------------------------- */

#define SIZE 4096

static char page[SIZE];

static void *filled(char with) {
  memset(page, with, sizeof(page));
  return page;
}

static int write_in_a_way(const char *way) {
  int fd = open(file, O_RDWR | O_CREAT, 0600), direct = open(file, O_WRONLY | O_DSYNC);
  struct iovec parts[2] = {{filled('b'), SIZE / 2}, {page + SIZE / 2, SIZE / 2}};
  if (fd < 0 || direct < 0) return 1;
  if (strcmp(way, "pwrite") == 0) return pwrite(fd, page, SIZE, 0) != SIZE;
  if (strcmp(way, "write") == 0)
    return lseek(fd, 0, SEEK_SET) != 0 || write(fd, page, SIZE) != SIZE;
  if (strcmp(way, "writev") == 0)
    return lseek(fd, 0, SEEK_SET) != 0 || writev(fd, parts, 2) != SIZE;
  if (strcmp(way, "pwritev") == 0) return pwritev(fd, parts, 2, 0) != SIZE;
  if (strcmp(way, "extend") == 0) return pwrite(fd, page, SIZE, SIZE) != SIZE;
  if (strcmp(way, "flushed") == 0) return pwrite(fd, page, SIZE, 0) != SIZE || fdatasync(fd) != 0;
  if (strcmp(way, "direct") == 0) return pwrite(direct, page, SIZE, 0) != SIZE;
  if (strcmp(way, "direct_after") == 0) {
    return pwrite(fd, filled('c'), SIZE, 0) != SIZE || pwrite(direct, filled('b'), SIZE, 0) != SIZE;
  }
  if (strcmp(way, "direct_before") == 0) {
    return pwrite(direct, page, SIZE, 0) != SIZE || pwrite(fd, filled('c'), SIZE, 0) != SIZE;
  }
  return 2;
}

/* --- The test ------------------------------------------------------------------------------ */

static void set_up_child(bool lies) {
  setenv("LOSS_JOURNAL", journal, 1);
  setenv("LOSS_FILE", file, 1);
  setenv("LD_PRELOAD", shim, 1);
  if (lies) setenv("LOSS_LIE", "1", 1);
}

static void wait_for_child(pid_t child) {
  int status = 0;
  assert_true(child > 0);
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_int_equal(status, 0);
}

/* The file's size afterwards; *first is its first byte. */
static off_t after(const char *way, bool lies, char *first) {
  int fd = open(file, O_RDWR | O_CREAT | O_TRUNC, 0600);
  assert_int_equal(write(fd, filled('a'), SIZE), SIZE);
  pid_t child = fork();
  if (child == 0) {
    set_up_child(lies);
    execl(self, self, "--write", way, (char *)NULL);
    _exit(127);
  }
  wait_for_child(child);
  child = fork();
  if (child == 0) {
    execl(loser, loser, file, journal, (char *)NULL);
    _exit(127);
  }
  wait_for_child(child);
  assert_int_equal(pread(fd, first, 1, 0), 1);
  off_t size = lseek(fd, 0, SEEK_END);
  close(fd);
  return size;
}

static void expect(const char *way, bool lies, char expected) {
  char first = 0;
  off_t size = after(way, lies, &first);
  if (first != expected || size != SIZE) {
    fail_msg("%s: %c and %ld bytes, not %c", way, first, (long)size, expected);
  }
}

static void what_was_not_flushed_is_lost(void **state) {
  static const char *const ways[] = {"pwrite", "write", "writev", "pwritev", "extend"};
  for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) expect(ways[i], false, 'a');
}

static void what_was_flushed_stays(void **state) {
  expect("flushed", false, 'b');
  expect("direct", false, 'b');
  expect("direct_after", false, 'b');
  expect("direct_before", false, 'b');
}

static void a_flush_that_lies_keeps_nothing(void **state) {
  expect("flushed", true, 'a');
  expect("direct", true, 'a');
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_was_not_flushed_is_lost),
      cmocka_unit_test(what_was_flushed_stays),
      cmocka_unit_test(a_flush_that_lies_keeps_nothing),
  };
  if (argc == 3 && strcmp(argv[1], "--write") == 0) {
    snprintf(file, sizeof(file), "%s", getenv("LOSS_FILE"));
    return write_in_a_way(argv[2]);
  }
  if (argc != 3) return 2;
  self = argv[0];
  shim = argv[1];
  loser = argv[2];
  snprintf(folder, sizeof(folder), "/tmp/sojourn-loss-XXXXXX");
  if (mkdtemp(folder) == NULL) return 1;
  snprintf(file, sizeof(file), "%s/data.mdb", folder);
  snprintf(journal, sizeof(journal), "%s/journal", folder);
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  (void)unlink(file);
  (void)unlink(journal);
  (void)rmdir(folder);
  return failed;
}
