/* Sweeping in small steps: bounded in time as in number, and in nobody's way. */
#include "lmdb_kit.h"

#include <time.h>

#include "base/clock.h"

#define EXPIRED 200
#define DAY_MS  86400000ll

static void create_expiring(seat *s) {
  for (unsigned i = 0; i < EXPIRED; i++) {
    sj__record record = new_record(s, random_key(s).bytes, NULL);
    record.idle_for_ms = 1000;
    assert_int_equal(put(s, encode(s, &record, 64), 0)->status, SJ_OK);
  }
}

static uint64_t records(lmdb_kit *kit) {
  sj__store_health health = {0};
  sj__store_health_get(kit->suite.store, &health);
  return health.records;
}

/* --- A clock that the disk outruns: a millisecond passes between two looks at it ------------- */

static int64_t system_wall_ms(void *context) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static uint64_t hasty_ns(void *context) {
  static _Atomic uint64_t looks;
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec +
         atomic_fetch_add(&looks, 1) * 1000000u;
}

static void a_step_is_bounded_in_time(void **state) {
  static const sj__clock hasty = {system_wall_ms, hasty_ns, NULL};
  lmdb_kit kit;
  sj__clock_install(&hasty);
  kit_start(&kit, "");
  seat *s = &kit.seat;
  create_expiring(s);
  uint64_t removed = 0;
  for (unsigned steps = 0; removed < EXPIRED; steps++) {
    op *step = run(op_sweep(s, s->now_ms + DAY_MS, EXPIRED));
    assert_int_equal(step->status, SJ_OK);
    /* However slow the pages come, a step gets on. */
    assert_in_range(step->count, steps < EXPIRED / 20 ? 16 : 1, 20);
    removed += step->count;
    assert_true(step->call.more == (removed < EXPIRED));
  }
  assert_int_equal(records(&kit), 0);
  kit_release(&kit);
  sj__clock_install(NULL);
}

/* While the writer can't get on with a step, reads are answered. */
static void readers_do_not_wait_for_a_step(void **state) {
  lmdb_kit kit;
  MDB_txn *txn;
  kit_start(&kit, "");
  seat *s = &kit.seat;
  create_expiring(s);
  key16 living = create(s, NULL);
  assert_int_equal(mdb_txn_begin(kit_store(&kit)->env, NULL, 0, &txn), 0);
  op *step = op_sweep(s, s->now_ms + 600000, EXPIRED);
  start(step);
  for (unsigned i = 0; i < 100; i++) assert_int_equal(get(s, living.bytes)->status, SJ_OK);
  assert_int_equal(step->dones, 0);
  mdb_txn_abort(txn);
  assert_true(wait_for(step));
  assert_int_equal(step->status, SJ_OK);
  assert_true(step->count > 0);
  kit_release(&kit);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_step_is_bounded_in_time),
      cmocka_unit_test(readers_do_not_wait_for_a_step),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
