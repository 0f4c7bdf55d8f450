/*
 * What the log and health() say of a store that cannot be written: each trouble
 * once, not once a write, and its end.
 */
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/log.h"
#include "lmdb_kit.h"

#define FULL      "the store is full: creations and patches are refused"
#define ROOM      "the store has room again"
#define FAILED    "a commit has failed"
#define DISPLACED "the store's file has been removed or replaced: nothing is written"
#define WRITTEN   "the store is written again"

static const char *const messages[] = {FULL, ROOM, FAILED, DISPLACED, WRITTEN};
static _Atomic unsigned said[SJ__COUNT_OF(messages)];

static void count_message(void *context, sj__log_level level, const char *message,
                          const sj__log_field *fields, size_t field_count) {
  for (size_t i = 0; i < SJ__COUNT_OF(messages); i++) {
    if (strcmp(message, messages[i]) == 0) atomic_fetch_add(&said[i], 1);
  }
}

static unsigned times(const char *message) {
  for (size_t i = 0; i < SJ__COUNT_OF(messages); i++) {
    if (strcmp(message, messages[i]) == 0) return atomic_load(&said[i]);
  }
  return UINT_MAX;
}

static int forget(void **state) {
  for (size_t i = 0; i < SJ__COUNT_OF(messages); i++) atomic_store(&said[i], 0);
  sj__log_install(count_message, NULL, SJ__LOG_DEBUG);
  return 0;
}

static bool is_writable(lmdb_kit *kit) {
  sj__store_health health;
  sj__store_health_get(kit->suite.store, &health);
  return health.writable;
}

static sj_status put_new(seat *s, size_t data_size) {
  sj__record record = new_record(s, random_key(s).bytes, NULL);
  return put(s, encode(s, &record, data_size), 0)->status;
}

static void full_is_said_once_and_its_end_too(void **state) {
  lmdb_kit kit;
  kit_start(&kit, "?max_size=1MiB");
  seat *s = &kit.seat;
  key16 last = create(s, NULL);
  sj_status status = SJ_OK;
  assert_int_equal(times(FULL), 0);
  for (unsigned i = 0; i < 2000 && status == SJ_OK; i++) status = put_new(s, 4000);
  assert_int_equal(status, SJ_FULL);
  for (unsigned i = 0; i < 20; i++) assert_int_equal(put_new(s, 4000), SJ_FULL);
  assert_int_equal(times(FULL), 1);
  assert_false(is_writable(&kit));
  op *step;
  do {
    step = run(op_sweep(s, s->now_ms + 400 * 86400000ll, 200));
    assert_int_equal(step->status, SJ_OK);
  } while (step->call.more);
  assert_int_equal(end(s, last.bytes)->status, SJ_OK);
  assert_int_equal(put_new(s, 4000), SJ_OK);
  assert_int_equal(times(ROOM), 1);
  assert_true(is_writable(&kit));
  kit_release(&kit);
}

/* LMDB's own writes fail (EFBIG): one line, however many writes meet it. */
static void failed_commits_are_said_once(void **state) {
  struct rlimit limit;
  lmdb_kit kit;
  kit_start(&kit, "?max_size=1GiB");
  seat *s = &kit.seat;
  assert_int_equal(put_new(s, 400), SJ_OK);
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
  struct rlimit low = {16384, limit.rlim_max};
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
  for (unsigned i = 0; i < 20; i++) assert_int_equal(put_new(s, 60000), SJ_FULL);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
  assert_int_equal(times(FAILED), 1);
  assert_int_equal(put_new(s, 400), SJ_OK);
  kit_release(&kit);
}

static void move(const lmdb_kit *kit, const char *from, const char *to) {
  char before[128], after[128];
  snprintf(before, sizeof(before), "%s/%s", kit->folder, from);
  snprintf(after, sizeof(after), "%s/%s", kit->folder, to);
  assert_int_equal(rename(before, after), 0);
}

/* What is written to a file that nobody finds again is lost: it must not be acknowledged. */
static void a_store_moved_away_takes_no_writes(void **state) {
  lmdb_kit kit;
  kit_start(&kit, "");
  seat *s = &kit.seat;
  key16 kept = create(s, NULL);
  move(&kit, "store", "elsewhere");
  for (unsigned i = 0; i < 20; i++) assert_int_equal(put_new(s, 400), SJ_UNAVAILABLE);
  assert_int_equal(end(s, kept.bytes)->status, SJ_UNAVAILABLE);
  assert_int_equal(get(s, kept.bytes)->status, SJ_OK);
  assert_int_equal(times(DISPLACED), 1);
  assert_false(is_writable(&kit));
  move(&kit, "elsewhere", "store");
  assert_int_equal(put_new(s, 400), SJ_OK);
  assert_int_equal(times(WRITTEN), 1);
  assert_true(is_writable(&kit));
  kit_release(&kit);
}

/* A backup put in its place under the running daemon. */
static void a_store_replaced_takes_no_writes(void **state) {
  lmdb_kit kit;
  char file[128];
  kit_start(&kit, "");
  seat *s = &kit.seat;
  key16 kept = create(s, NULL);
  snprintf(file, sizeof(file), "%s/store/data.mdb", kit.folder);
  assert_int_equal(unlink(file), 0);
  assert_int_equal(put_new(s, 400), SJ_UNAVAILABLE);
  FILE *other = fopen(file, "w");
  assert_non_null(other);
  fclose(other);
  assert_int_equal(put_new(s, 400), SJ_UNAVAILABLE);
  assert_int_equal(get(s, kept.bytes)->status, SJ_OK);
  assert_int_equal(times(DISPLACED), 1);
  kit_release(&kit);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(full_is_said_once_and_its_end_too, forget),
      cmocka_unit_test_setup(failed_commits_are_said_once, forget),
      cmocka_unit_test_setup(a_store_moved_away_takes_no_writes, forget),
      cmocka_unit_test_setup(a_store_replaced_takes_no_writes, forget),
  };
  (void)signal(SIGXFSZ, SIG_IGN);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
