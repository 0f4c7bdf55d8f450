/* Damaged records, memory that runs out, and reading while others write. */
#include "../../kit/failing_allocator.h"
#include "lmdb_kit.h"

#define DATA_SIZE 64

/* --- Damage -------------------------------------------------------------------------------- */

/* Changes stored values behind the store's back, which must be closed. */
static void damage(lmdb_kit *kit, const key16 *keys, size_t count) {
  MDB_env *env;
  MDB_txn *txn;
  MDB_dbi sessions;
  char path[128];
  snprintf(path, sizeof(path), "%s/store", kit->folder);
  assert_int_equal(mdb_env_create(&env), 0);
  assert_int_equal(mdb_env_set_maxdbs(env, 6), 0);
  assert_int_equal(mdb_env_open(env, path, 0, 0600), 0);
  assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
  assert_int_equal(mdb_dbi_open(txn, "sessions", 0, &sessions), 0);
  for (size_t i = 0; i < count; i++) {
    MDB_val key = sj__lmdb_val(keys[i].bytes, SJ__KEY_SIZE), value;
    uint8_t bytes[1024];
    assert_int_equal(mdb_get(txn, sessions, &key, &value), 0);
    assert_true(value.mv_size <= sizeof(bytes));
    memcpy(bytes, value.mv_data, value.mv_size);
    if (i < value.mv_size) bytes[i] ^= 0xff;
    MDB_val changed = sj__lmdb_val(bytes, i < value.mv_size ? value.mv_size : i % 160);
    assert_int_equal(mdb_put(txn, sessions, &key, &changed, 0), 0);
  }
  assert_int_equal(mdb_txn_commit(txn), 0);
  mdb_env_close(env);
}

/* Every byte of a record, one record each; then values that are too short. */
static void damage_stays_where_it_is(void **state) {
  lmdb_kit kit;
  kit_start(&kit, "");
  seat *s = &kit.seat;
  key16 keys[400], tag = random_key(s), sound = random_key(s);
  sj_slice right[400];
  sj__record record = new_record(s, sound.bytes, tag.bytes);
  assert_int_equal(put(s, encode(s, &record, DATA_SIZE), 0)->status, SJ_OK);
  for (size_t i = 0; i < SJ__COUNT_OF(keys); i++) {
    keys[i] = random_key(s);
    record = new_record(s, keys[i].bytes, tag.bytes);
    right[i] = encode(s, &record, DATA_SIZE);
    start(op_put(s, right[i], 0));
  }
  assert_int_equal(get(s, (create(s, NULL)).bytes)->status, SJ_OK);
  size_t size = right[0].size;
  assert_true(size + 20 < SJ__COUNT_OF(keys));
  static char copies[400][512];
  for (size_t i = 0; i < SJ__COUNT_OF(keys); i++) {
    memcpy(copies[i], right[i].data, size);
    right[i] = sj__slice(copies[i], size);
  }
  kit_close(&kit);
  damage(&kit, keys, SJ__COUNT_OF(keys));
  kit_open(&kit);
  for (size_t i = 0; i < SJ__COUNT_OF(keys); i++) {
    op *found = get(s, keys[i].bytes);
    assert_true(found->status == SJ_OK || found->status == SJ_CORRUPT);
    if (found->status == SJ_OK) assert_false(same(found->record, right[i]));
    sj_status wrote = put(s, right[i], 77)->status;
    assert_true(wrote == SJ_CORRUPT || wrote == SJ_CONFLICT || wrote == SJ_ENDED);
    assert_int_equal(run(op_touch(s, keys[i].bytes, s->now_ms))->status, SJ_OK);
  }
  assert_int_equal(run(op_list(s, tag.bytes, NULL, 500))->status, SJ_OK);
  assert_int_equal(get(s, sound.bytes)->status, SJ_OK);
  for (size_t i = 0; i < SJ__COUNT_OF(keys); i++) {
    sj_status ended = end(s, keys[i].bytes)->status;
    assert_true(ended == SJ_OK || ended == SJ_CORRUPT);
  }
  while (run(op_sweep(s, s->now_ms + 30ll * 86400000, 50))->call.more) {
    assert_false(s->has_failed);
  }
  assert_int_equal(get(s, sound.bytes)->status, SJ_MISSING);
  assert_int_equal(get(s, create(s, NULL).bytes)->status, SJ_OK);
  kit_release(&kit);
}

/* --- Memory -------------------------------------------------------------------------------- */

static void opening_without_memory(void **state) {
  lmdb_kit kit;
  install_failing_allocator();
  kit_init(&kit, "");
  sj__metrics_free(kit.suite.options.metrics); /* it would keep what the store registers */
  kit.suite.options.metrics = NULL;
  sj_error error = {0};
  for (long skip = 0;; skip++) {
    size_t live = live_allocations();
    fail_allocations_from(skip);
    sj_status status = kit_try_open(&kit, &error);
    bool was_pending = fail_no_allocations();
    if (status == SJ_OK) {
      sj__store_close(kit.suite.store);
      assert_int_equal(live_allocations(), live);
      if (was_pending) break;
      continue;
    }
    assert_int_equal(status, SJ_NO_MEMORY);
    assert_int_equal(live_allocations(), live);
  }
  kit_open(&kit);
  kit_release(&kit);
}

static void writing_without_memory(void **state) {
  lmdb_kit kit;
  kit_start(&kit, "");
  seat *s = &kit.seat;
  key16 key = random_key(s);
  sj__record record = new_record(s, key.bytes, NULL);
  op *write = op_put(s, encode(s, &record, DATA_SIZE), 0);
  fail_allocations_from(0);
  start(write);
  assert_false(fail_no_allocations());
  assert_true(wait_for(write));
  assert_int_equal(write->status, SJ_UNAVAILABLE);
  assert_int_equal(write->applied, SJ__APPLIED_NO);
  assert_int_equal(get(s, key.bytes)->status, SJ_MISSING);
  assert_int_equal(run(write)->status, SJ_OK);
  kit_release(&kit);
}

/* --- Readers -------------------------------------------------------------------------------- */

#define PORTS 200

/* More ports than LMDB has slots by default; none of them keeps old pages from being used. */
static void many_ports_pin_nothing(void **state) {
  lmdb_kit kit;
  sj__port *ports[PORTS];
  kit_start(&kit, "");
  seat *s = &kit.seat;
  key16 key = random_key(s);
  sj__record record = new_record(s, key.bytes, NULL);
  assert_int_equal(put(s, encode(s, &record, 1500), 0)->status, SJ_OK);
  for (unsigned i = 0; i < PORTS; i++) {
    assert_int_equal(sj__store_attach(s->store, s->loop, &ports[i]), SJ_OK);
    op *look = op_get(s, key.bytes, 0, SJ__CHEAP);
    look->port = ports[i];
    assert_int_equal(run(look)->status, SJ_OK);
  }
  MDB_envinfo before, after;
  mdb_env_info(kit_store(&kit)->env, &before);
  for (unsigned i = 0; i < 150; i++) {
    next_version(s, &record);
    assert_int_equal(put(s, encode(s, &record, 1500), record.version - 1)->status, SJ_OK);
  }
  mdb_env_info(kit_store(&kit)->env, &after);
  assert_true(after.me_last_pgno < before.me_last_pgno + 30);
  for (unsigned i = 0; i < PORTS; i++) seat_detach_port(s, ports[i]);
  kit_release(&kit);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(opening_without_memory), /* first: it installs the allocator */
      cmocka_unit_test(writing_without_memory),
      cmocka_unit_test(damage_stays_where_it_is),
      cmocka_unit_test(many_ports_pin_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
