/* The one thread that writes: groups, flushes, deadlines, cancellations. */
#include "lmdb_kit.h"

#define DAY_MS 86400000ll

static op *put_as(seat *s, const sj__record *record, uint64_t expected, sj__write_class class) {
  op *self = op_put(s, encode(s, record, 64), expected);
  self->call.in.put.write_class = class;
  return run(self);
}

/* --- Groups ---------------------------------------------------------------------------- */

#define TOGETHER 400

static void writes_share_flushes(void **state) {
  lmdb_kit kit;
  kit_start(&kit, "");
  seat *s = &kit.seat;
  op *all[TOGETHER];
  uint64_t flushes = kit_flushes(&kit), writes = sj__metric_value(kit_store(&kit)->writes);
  for (unsigned i = 0; i < TOGETHER; i++) {
    sj__record record = new_record(s, random_key(s).bytes, NULL);
    all[i] = op_put(s, encode(s, &record, 64), 0);
    start(all[i]);
  }
  for (unsigned i = 0; i < TOGETHER; i++) {
    assert_true(wait_for(all[i]));
    assert_int_equal(all[i]->status, SJ_OK);
  }
  flushes = kit_flushes(&kit) - flushes;
  writes = sj__metric_value(kit_store(&kit)->writes) - writes;
  assert_int_equal(writes, TOGETHER);
  assert_true(flushes >= 1 && flushes * 10 <= writes);
  assert_int_equal(sj__metric_value(kit_store(&kit)->commit_seconds),
                   sj__metric_value(kit_store(&kit)->commits));
  kit_release(&kit);
}

#define WRITERS 32
#define ROUNDS  40

static void write_again(op *self) {
  if (self->starts >= ROUNDS) return;
  self->call.in.touch.last_seen_ms++;
  start(self);
}

/*
 * Writers that come back at once are waited for. Were they not, half of them
 * would write while the other half's flush is under way: two flushes a round.
 */
static void writers_that_return_share_a_flush(void **state) {
  lmdb_kit kit;
  kit_start(&kit, "");
  seat *s = &kit.seat;
  op *all[WRITERS];
  key16 keys[WRITERS];
  for (unsigned i = 0; i < WRITERS; i++) keys[i] = create(s, NULL);
  uint64_t flushes = kit_flushes(&kit);
  for (unsigned i = 0; i < WRITERS; i++) {
    all[i] = op_touch(s, keys[i].bytes, s->now_ms + 1);
    all[i]->then = write_again;
    all[i]->call.deadline_ms = sj__loop_now_ms(s->loop) + 60000;
    start(all[i]);
  }
  for (unsigned i = 0; i < WRITERS; i++) assert_true(wait_for(all[i]));
  flushes = kit_flushes(&kit) - flushes;
  assert_true(flushes >= ROUNDS && flushes <= ROUNDS * 3 / 2);
  for (unsigned i = 0; i < WRITERS; i++) {
    assert_int_equal(last_seen_of(get(s, keys[i].bytes)->record), s->now_ms + ROUNDS);
  }
  kit_release(&kit);
}

/* What changes nothing is not worth a flush. */
static void nothing_is_not_flushed(void **state) {
  lmdb_kit kit;
  kit_start(&kit, "");
  seat *s = &kit.seat;
  key16 key = create(s, NULL), unknown = random_key(s);
  uint64_t flushes = kit_flushes(&kit);
  sj__record record = new_record(s, key.bytes, NULL);
  assert_int_equal(put(s, encode(s, &record, 64), 0)->status, SJ_CONFLICT);
  assert_int_equal(put(s, encode(s, &record, 64), 9)->status, SJ_CONFLICT);
  assert_int_equal(run(op_touch(s, unknown.bytes, s->now_ms))->status, SJ_OK);
  assert_int_equal(run(op_touch(s, key.bytes, s->now_ms - 1))->status, SJ_OK);
  assert_int_equal(run(op_sweep(s, s->now_ms, 10))->status, SJ_OK);
  assert_int_equal(run(op_publish(s, SJ__SLICE("event")))->status, SJ_OK);
  assert_int_equal(kit_flushes(&kit), flushes);
  kit_release(&kit);
}

/* One that is refused spoils nobody else's. */
static void a_refusal_spoils_no_other(void **state) {
  lmdb_kit kit;
  kit_start(&kit, "");
  seat *s = &kit.seat;
  key16 key = create(s, NULL), other = random_key(s);
  sj__record record = new_record(s, key.bytes, NULL), good = new_record(s, other.bytes, NULL);
  op *refused = op_put(s, encode(s, &record, 64), 7), *done = op_put(s, encode(s, &good, 64), 0);
  op *malformed = op_put(s, SJ__SLICE("no record"), 0);
  start(refused);
  start(malformed);
  start(done);
  assert_true(wait_for(refused) && wait_for(malformed) && wait_for(done));
  assert_int_equal(refused->status, SJ_CONFLICT);
  assert_int_equal(version_of(refused->record), 1);
  assert_int_equal(malformed->status, SJ_MISUSE);
  assert_int_equal(done->status, SJ_OK);
  kit_release(&kit);
}

/* --- Durability ------------------------------------------------------------------------- */

static void commit_flushes_each(void **state) {
  lmdb_kit kit;
  kit_start(&kit, "");
  seat *s = &kit.seat;
  sj__record record = new_record(s, random_key(s).bytes, NULL);
  uint64_t flushes = kit_flushes(&kit);
  assert_int_equal(put_as(s, &record, 0, SJ__WRITE_DURABLE)->status, SJ_OK);
  next_version(s, &record);
  assert_int_equal(put_as(s, &record, 1, SJ__WRITE_RELAXED)->status, SJ_OK);
  assert_int_equal(run(op_touch(s, record.key, s->now_ms + 5))->status, SJ_OK);
  assert_int_equal(kit_flushes(&kit), flushes + 3);
  assert_int_equal(kit.suite.store->caps.durability, SJ__DURABILITY_COMMIT);
  kit_release(&kit);
}

/* Neither a patch nor a touch; whatever class the caller claims. */
static void interval_spares_patches_and_touches_alone(void **state) {
  lmdb_kit kit;
  kit_start(&kit, "?durability=interval&interval=60s");
  seat *s = &kit.seat;
  sj__record record = new_record(s, random_key(s).bytes, NULL);
  uint64_t flushes = kit_flushes(&kit), commits = sj__metric_value(kit_store(&kit)->commits);
  assert_int_equal(kit.suite.store->caps.durability, SJ__DURABILITY_INTERVAL);
  assert_int_equal(put_as(s, &record, 0, SJ__WRITE_RELAXED)->status, SJ_OK);
  assert_int_equal(kit_flushes(&kit), ++flushes); /* a creation */
  for (unsigned i = 0; i < 5; i++) {
    next_version(s, &record);
    assert_int_equal(put_as(s, &record, record.version - 1, SJ__WRITE_RELAXED)->status, SJ_OK);
    assert_int_equal(run(op_touch(s, record.key, s->now_ms + 5 + i))->status, SJ_OK);
  }
  assert_int_equal(kit_flushes(&kit), flushes);
  assert_int_equal(sj__metric_value(kit_store(&kit)->commits), commits + 11);
  next_version(s, &record);
  assert_int_equal(put_as(s, &record, record.version - 1, SJ__WRITE_DURABLE)->status, SJ_OK);
  assert_int_equal(kit_flushes(&kit), ++flushes); /* a rotation */
  assert_int_equal(run(op_mark(s, new_mark(s, s->now_ms + DAY_MS)))->status, SJ_OK);
  assert_int_equal(kit_flushes(&kit), ++flushes);
  op *ending = op_put(s, encode_ended(s, &record, SJ__REASON_SUPERSEDED, s->now_ms + DAY_MS),
                      record.version);
  ending->call.in.put.write_class = SJ__WRITE_RELAXED;
  assert_int_equal(run(ending)->status, SJ_OK);
  assert_int_equal(kit_flushes(&kit), ++flushes); /* its tombstone */
  assert_int_equal(end(s, random_key(s).bytes)->status, SJ_OK);
  assert_int_equal(kit_flushes(&kit), ++flushes);
  kit_release(&kit);
}

static void interval_ends_with_a_flush(void **state) {
  lmdb_kit kit;
  kit_start(&kit, "?durability=interval&interval=30ms");
  seat *s = &kit.seat;
  sj__record record = new_record(s, random_key(s).bytes, NULL);
  assert_int_equal(put_as(s, &record, 0, SJ__WRITE_DURABLE)->status, SJ_OK);
  uint64_t flushes = kit_flushes(&kit);
  next_version(s, &record);
  assert_int_equal(put_as(s, &record, 1, SJ__WRITE_RELAXED)->status, SJ_OK);
  for (unsigned i = 0; i < 500 && kit_flushes(&kit) == flushes; i++) seat_rest(s, 10);
  assert_int_equal(kit_flushes(&kit), flushes + 1);
  seat_rest(s, 100); /* and once is enough */
  assert_int_equal(kit_flushes(&kit), flushes + 1);
  kit_release(&kit);
}

/* --- Deadlines and cancellation ------------------------------------------------------------ */

/* Holds LMDB's write lock, as a disk that hangs would hold the writer. */
static MDB_txn *block_writer(lmdb_kit *kit) {
  MDB_txn *txn;
  assert_int_equal(mdb_txn_begin(kit_store(kit)->env, NULL, 0, &txn), 0);
  return txn;
}

static void wait_until_taken(lmdb_kit *kit) {
  sj__lmdb_store *store = kit_store(kit);
  for (unsigned i = 0; i < 2000; i++) {
    sj__mutex_lock(&store->mutex);
    bool is_taken = store->queued == 0;
    sj__mutex_unlock(&store->mutex);
    if (is_taken) return;
    usleep(1000);
  }
  fail_msg("the writer took nothing");
}

static op *start_put(seat *s, const uint8_t *key, uint64_t in_ms) {
  sj__record record = new_record(s, key, NULL);
  op *self = op_put(s, encode(s, &record, 64), 0);
  self->call.deadline_ms = sj__loop_now_ms(s->loop) + in_ms;
  start(self);
  return self;
}

static void deadlines_are_kept_while_the_disk_hangs(void **state) {
  lmdb_kit kit;
  kit_start(&kit, "");
  seat *s = &kit.seat;
  key16 taken = random_key(s), queued = random_key(s);
  MDB_txn *txn = block_writer(&kit);
  op *first = start_put(s, taken.bytes, 5000);
  wait_until_taken(&kit);
  op *second = start_put(s, queued.bytes, 50);
  assert_true(wait_for(second));
  assert_int_equal(second->status, SJ_UNAVAILABLE);
  assert_int_equal(second->applied, SJ__APPLIED_NO);
  assert_int_equal(first->dones, 0);
  mdb_txn_abort(txn);
  assert_true(wait_for(first));
  assert_int_equal(first->status, SJ_OK);
  assert_int_equal(get(s, queued.bytes)->status, SJ_MISSING);
  kit_release(&kit);
}

/* Once it is with the writer nobody knows; the caller's buffers are its own again. */
static void what_the_writer_has_is_unknown_at_the_deadline(void **state) {
  lmdb_kit kit;
  kit_start(&kit, "");
  seat *s = &kit.seat;
  key16 key = random_key(s);
  sj__record record = new_record(s, key.bytes, NULL);
  sj_slice bytes = encode(s, &record, 64), kept = encode(s, &record, 64);
  MDB_txn *txn = block_writer(&kit);
  op *write = op_put(s, bytes, 0);
  write->call.deadline_ms = sj__loop_now_ms(s->loop) + 100;
  start(write);
  wait_until_taken(&kit);
  assert_true(wait_for(write));
  assert_int_equal(write->status, SJ_UNAVAILABLE);
  assert_int_equal(write->applied, SJ__APPLIED_UNKNOWN);
  memset((void *)(uintptr_t)bytes.data, 0xee, bytes.size);
  mdb_txn_abort(txn);
  op *found = NULL;
  for (unsigned i = 0; i < 500; i++) {
    found = get(s, key.bytes);
    if (found->status == SJ_OK) break;
    seat_rest(s, 5);
  }
  assert_int_equal(found->status, SJ_OK);
  assert_true(same(found->record, kept));
  kit_release(&kit);
}

static void cancelling_takes_back_what_waits(void **state) {
  lmdb_kit kit;
  kit_start(&kit, "");
  seat *s = &kit.seat;
  key16 keys[3];
  for (unsigned i = 0; i < 3; i++) keys[i] = random_key(s);
  MDB_txn *txn = block_writer(&kit);
  op *taken = start_put(s, keys[0].bytes, 5000);
  wait_until_taken(&kit);
  op *cancelled = start_put(s, keys[1].bytes, 5000), *waiting = start_put(s, keys[2].bytes, 5000);
  sj__store_cancel(s->port, &cancelled->call);
  sj__store_cancel(s->port, &cancelled->call); /* advice may be repeated */
  sj__store_cancel(s->port, &taken->call);
  assert_int_equal(cancelled->dones, 0); /* never inside */
  assert_true(wait_for(cancelled));
  assert_int_equal(cancelled->status, SJ_CANCELLED);
  assert_int_equal(cancelled->applied, SJ__APPLIED_NO);
  mdb_txn_abort(txn);
  assert_true(wait_for(taken) && wait_for(waiting));
  assert_int_equal(taken->status, SJ_OK);
  assert_int_equal(waiting->status, SJ_OK);
  assert_int_equal(get(s, keys[1].bytes)->status, SJ_MISSING);
  kit_release(&kit);
}

/* A port goes when the writer has done with what came through it. */
static void detaching_waits_for_the_writer(void **state) {
  lmdb_kit kit;
  kit_start(&kit, "");
  seat *s = &kit.seat;
  key16 keys[100];
  op *last = NULL;
  for (unsigned i = 0; i < 100; i++) {
    keys[i] = random_key(s);
    last = start_put(s, keys[i].bytes, 5000);
  }
  seat_detach_port(s, s->port);
  s->port = NULL;
  assert_int_equal(last->dones, 1);
  assert_int_equal(last->status, SJ_OK);
  kit_close(&kit);
  kit_open(&kit);
  for (unsigned i = 0; i < 100; i++) assert_int_equal(get(s, keys[i].bytes)->status, SJ_OK);
  kit_release(&kit);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(writes_share_flushes),
      cmocka_unit_test(writers_that_return_share_a_flush),
      cmocka_unit_test(nothing_is_not_flushed),
      cmocka_unit_test(a_refusal_spoils_no_other),
      cmocka_unit_test(commit_flushes_each),
      cmocka_unit_test(interval_spares_patches_and_touches_alone),
      cmocka_unit_test(interval_ends_with_a_flush),
      cmocka_unit_test(deadlines_are_kept_while_the_disk_hangs),
      cmocka_unit_test(what_the_writer_has_is_unknown_at_the_deadline),
      cmocka_unit_test(cancelling_takes_back_what_waits),
      cmocka_unit_test(detaching_waits_for_the_writer),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
