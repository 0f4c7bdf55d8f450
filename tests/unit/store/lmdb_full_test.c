/*
 * A store that is full, by max_size, by a limit on files and by a disk that has
 * no more: records are refused, sessions can be ended, nothing is damaged.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "lmdb_kit.h"

#define DAY_MS   86400000ll
#define KEPT_MAX 60000

typedef struct filled {
  key16 tag;
  key16 *keys;
  size_t count;
} filled;

/* Several at once, as in life; false: one was refused as full. Others must not be. */
static bool put_some(seat *s, filled *all, size_t data_size, unsigned together) {
  op *writes[64];
  bool is_full = false;
  for (unsigned i = 0; i < together; i++) {
    sj__record record = new_record(s, random_key(s).bytes, all->tag.bytes);
    memcpy(all->keys[all->count + i].bytes, record.key, SJ__KEY_SIZE);
    writes[i] = op_put(s, encode(s, &record, data_size), 0);
    writes[i]->call.deadline_ms = sj__loop_now_ms(s->loop) + 60000;
    start(writes[i]);
  }
  size_t kept = all->count;
  for (unsigned i = 0; i < together; i++) {
    key16 key = all->keys[all->count + i];
    while (!wait_for(writes[i])) continue;
    if (writes[i]->status == SJ_OK) all->keys[kept++] = key;
    if (writes[i]->status != SJ_OK && writes[i]->status != SJ_FULL) {
      fail_msg("a put on a full store answered %s", sj_status_code(writes[i]->status));
    }
    is_full |= writes[i]->status == SJ_FULL;
  }
  all->count = kept;
  return !is_full;
}

static void fill(seat *s, filled *all, size_t data_size, unsigned together) {
  all->tag = random_key(s);
  all->keys = calloc(KEPT_MAX + 64, sizeof(*all->keys));
  assert_non_null(all->keys);
  while (all->count < KEPT_MAX && put_some(s, all, data_size, together)) continue;
  assert_true(all->count > 10 && all->count < KEPT_MAX);
}

static void end_all(seat *s, const filled *all) {
  for (size_t at = 0; at < all->count;) {
    op *ends[64];
    unsigned together = all->count - at < 64 ? (unsigned)(all->count - at) : 64;
    for (unsigned i = 0; i < together; i++) {
      ends[i] = op_end(s, all->keys[at + i].bytes, SJ__REASON_ADMIN, s->now_ms + DAY_MS);
      ends[i]->call.deadline_ms = sj__loop_now_ms(s->loop) + 60000;
      start(ends[i]);
    }
    for (unsigned i = 0; i < together; i++) {
      while (!wait_for(ends[i])) continue;
      assert_int_equal(ends[i]->status, SJ_OK);
      assert_int_equal(ends[i]->count, 1);
    }
    at += together;
  }
}

static void expect_all(seat *s, const filled *all, sj__state state) {
  for (size_t i = 0; i < all->count; i++) {
    op *found = get(s, all->keys[i].bytes);
    assert_int_equal(found->status, SJ_OK);
    assert_int_equal(state_of(found->record), state);
  }
}

static void sweep_everything(seat *s) {
  op *step;
  do {
    step = run(op_sweep(s, s->now_ms + 30 * DAY_MS, 200));
    assert_int_equal(step->status, SJ_OK);
  } while (step->call.more);
}

/* The whole story: full, ended, opened again, swept, written again. */
static void live_through_it(lmdb_kit *kit, size_t data_size, unsigned together) {
  seat *s = &kit->seat;
  filled all = {0};
  sj__store_health health;
  fill(s, &all, data_size, together);
  expect_all(s, &all, SJ__ACTIVE);
  assert_int_equal(run(op_touch(s, all.keys[0].bytes, s->now_ms + 1))->status, SJ_OK);
  sj__store_health_get(kit->suite.store, &health);
  assert_true(health.reachable);
  assert_true(!health.writable || data_size > 32768); /* a smaller one might fit */
  assert_int_equal(run(op_mark(s, new_mark(s, s->now_ms + DAY_MS)))->status, SJ_OK);
  for (unsigned i = 0; i < 50; i++) assert_int_equal(end(s, random_key(s).bytes)->status, SJ_OK);
  end_all(s, &all);
  kit_close(kit);
  kit_open(kit);
  expect_all(s, &all, SJ__ENDED);
  sweep_everything(s);
  sj__store_health_get(kit->suite.store, &health);
  assert_true(health.used_bytes < health.limit_bytes / 2);
  key16 tag = random_key(s);
  for (unsigned i = 0; i < 20; i++) (void)create(s, tag.bytes);
  assert_int_equal(run(op_list(s, tag.bytes, NULL, 100))->item_count, 20);
  sj__store_health_get(kit->suite.store, &health);
  assert_true(health.writable);
  free(all.keys);
}

static void max_size_is_kept_to(void **state) {
  lmdb_kit kit;
  kit_start(&kit, "?max_size=4MiB");
  live_through_it(&kit, 700, 64);
  kit_release(&kit);
}

/* Large records in large groups may not eat up what is kept back. */
static void large_records_leave_the_reserve_alone(void **state) {
  lmdb_kit kit;
  kit_start(&kit, "?max_size=16MiB");
  live_through_it(&kit, 200000, 64);
  kit_release(&kit);
}

/* A patch that makes a session larger is refused as well, and changes nothing. */
static void patches_are_refused_too(void **state) {
  lmdb_kit kit;
  kit_start(&kit, "?max_size=1MiB");
  seat *s = &kit.seat;
  filled all = {0};
  fill(s, &all, 700, 8);
  sj__record record;
  sj_slice before = get(s, all.keys[0].bytes)->record;
  assert_int_equal(sj__record_parse(before, &record), SJ_OK);
  next_version(s, &record);
  assert_int_equal(put(s, encode(s, &record, 60000), 1)->status, SJ_FULL);
  assert_true(same(get(s, all.keys[0].bytes)->record, before));
  free(all.keys);
  kit_release(&kit);
}

/* max_size lowered below what is there: as full as can be, and still no harm. */
static void a_lowered_max_size_is_full(void **state) {
  lmdb_kit kit;
  kit_start(&kit, "?max_size=8MiB");
  seat *s = &kit.seat;
  filled all = {0};
  fill(s, &all, 700, 64);
  kit_close(&kit);
  snprintf(kit.url, sizeof(kit.url), "lmdb:%s/store?max_size=1MiB", kit.folder);
  kit_open(&kit);
  sj__record record = new_record(s, random_key(s).bytes, NULL);
  assert_int_equal(put(s, encode(s, &record, 64), 0)->status, SJ_FULL);
  expect_all(s, &all, SJ__ACTIVE);
  end_all(s, &all);
  kit_close(&kit);
  kit_open(&kit);
  expect_all(s, &all, SJ__ENDED);
  free(all.keys);
  kit_release(&kit);
}

/* --- Limits from outside: each in a process of its own ------------------------------------- */

#define SKIPPED 77

static pid_t test_process;

/* A failure in a child ends the child: the rest of the tests are not its own. */
static int leave_child(void **state) {
  if (getpid() != test_process) _exit(1);
  return 0;
}

/* Runs `body` in a child. */
static void in_a_process(int (*body)(void)) {
  int status;
  test_process = getpid();
  fflush(NULL);
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) _exit(body());
  assert_int_equal(waitpid(child, &status, 0), child);
  if (WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED) skip();
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 0);
}

/* RLIMIT_FSIZE: writes beyond it fail with EFBIG. */
static int fill_under_a_file_limit(void) {
  const struct rlimit limit = {20u << 20, 20u << 20};
  lmdb_kit kit;
  if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return 1;
  kit_start(&kit, "?max_size=1GiB");
  sj__store_health health;
  sj__store_health_get(kit.suite.store, &health);
  assert_int_equal(health.limit_bytes, (20u << 20) - SJ__LMDB_RESERVE);
  live_through_it(&kit, 2000, 64);
  kit_release(&kit);
  return 0;
}

static void a_limit_on_files_is_kept_to(void **state) {
  in_a_process(fill_under_a_file_limit);
}

/* A limit that comes while the store is open: commits themselves fail, and harm nobody. */
static int commits_fail(void) {
  struct rlimit limit;
  lmdb_kit kit;
  kit_start(&kit, "?max_size=1GiB");
  seat *s = &kit.seat;
  filled all = {0};
  if (getrlimit(RLIMIT_FSIZE, &limit) != 0) return 1;
  rlim_t before = limit.rlim_cur;
  limit.rlim_cur = 6u << 20;
  if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return 1;
  uint64_t commits = sj__metric_value(kit_store(&kit)->commits);
  fill(s, &all, 2000, 64);
  assert_true(sj__metric_value(kit_store(&kit)->commits) > commits);
  expect_all(s, &all, SJ__ACTIVE);
  op *ending = end(s, all.keys[0].bytes); /* there may be no page left for it */
  assert_true(ending->status == SJ_OK || ending->status == SJ_FULL);
  limit.rlim_cur = before;
  if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return 1;
  assert_int_equal(end(s, all.keys[0].bytes)->status, SJ_OK);
  key16 last = create(s, NULL);
  kit_close(&kit);
  kit_open(&kit);
  assert_int_equal(state_of(get(s, all.keys[0].bytes)->record), SJ__ENDED);
  assert_int_equal(get(s, last.bytes)->status, SJ_OK);
  for (size_t i = 1; i < all.count; i++) {
    assert_int_equal(state_of(get(s, all.keys[i].bytes)->record), SJ__ACTIVE);
  }
  free(all.keys);
  kit_release(&kit);
  return 0;
}

static void commits_that_fail_harm_nobody(void **state) {
  in_a_process(commits_fail);
}

static int open_under_a_low_limit(void) {
  const struct rlimit limit = {1u << 20, 1u << 20};
  lmdb_kit kit;
  sj_error error = {0};
  if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return 1;
  kit_init(&kit, "");
  assert_int_equal(kit_try_open(&kit, &error), SJ_FULL);
  assert_non_null(strstr(error.message, "RLIMIT_FSIZE"));
  kit_release(&kit);
  return 0;
}

static void too_low_a_limit_is_said(void **state) {
  in_a_process(open_under_a_low_limit);
}

static bool write_text(const char *path, const char *text) {
  int fd = open(path, O_WRONLY);
  bool is_written = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
  if (fd >= 0) close(fd);
  return is_written;
}

/* A mount namespace of our own; as somebody else than root by way of a user namespace. */
static bool may_mount(void) {
  char map[64];
  uid_t uid = geteuid();
  if (uid != 0) {
    snprintf(map, sizeof(map), "0 %u 1", (unsigned)uid);
    if (unshare(CLONE_NEWUSER) != 0 || !write_text("/proc/self/uid_map", map)) return false;
  }
  return unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

/* A file system of 24 MiB: it is the disk that says ENOSPC, long before max_size. */
static int fill_a_disk(void) {
  lmdb_kit kit;
  kit_init(&kit, "?max_size=1GiB");
  if (!may_mount() || mount("none", kit.folder, "tmpfs", 0, "size=24m,mode=0700") != 0) {
    kit_release(&kit);
    return SKIPPED;
  }
  kit_open(&kit);
  live_through_it(&kit, 2000, 64);
  kit_close(&kit);
  assert_int_equal(umount(kit.folder), 0);
  kit_release(&kit);
  return 0;
}

static void a_full_disk_is_lived_through(void **state) {
  in_a_process(fill_a_disk);
}

static int fill_beside_others(void) {
  lmdb_kit kit;
  char other[128];
  kit_init(&kit, "?max_size=1GiB");
  if (!may_mount() || mount("none", kit.folder, "tmpfs", 0, "size=32m,mode=0700") != 0) {
    kit_release(&kit);
    return SKIPPED;
  }
  kit_open(&kit);
  seat *s = &kit.seat;
  key16 tag = random_key(s), before = create(s, tag.bytes);
  /* Somebody else takes all that is left. */
  snprintf(other, sizeof(other), "%s/other", kit.folder);
  int fd = open(other, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  static const char block[65536];
  while (write(fd, block, sizeof(block)) > 0) continue;
  assert_int_equal(errno, ENOSPC);
  filled all = {0};
  fill(s, &all, 2000, 16);
  end_all(s, &all);
  assert_int_equal(end(s, before.bytes)->status, SJ_OK);
  /* And gives it back: no restart is needed. */
  assert_int_equal(ftruncate(fd, 0), 0);
  close(fd);
  (void)create(s, tag.bytes);
  assert_int_equal(run(op_list(s, tag.bytes, NULL, 10))->item_count, 1);
  kit_close(&kit);
  kit_open(&kit);
  expect_all(s, &all, SJ__ENDED);
  kit_close(&kit);
  free(all.keys);
  assert_int_equal(unlink(other), 0);
  assert_int_equal(umount(kit.folder), 0);
  kit_release(&kit);
  return 0;
}

static void a_disk_that_others_fill_is_lived_through(void **state) {
  in_a_process(fill_beside_others);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(max_size_is_kept_to),
      cmocka_unit_test(large_records_leave_the_reserve_alone),
      cmocka_unit_test(patches_are_refused_too),
      cmocka_unit_test(a_lowered_max_size_is_full),
      cmocka_unit_test_teardown(a_limit_on_files_is_kept_to, leave_child),
      cmocka_unit_test_teardown(commits_that_fail_harm_nobody, leave_child),
      cmocka_unit_test_teardown(too_low_a_limit_is_said, leave_child),
      cmocka_unit_test_teardown(a_full_disk_is_lived_through, leave_child),
      cmocka_unit_test_teardown(a_disk_that_others_fill_is_lived_through, leave_child),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
