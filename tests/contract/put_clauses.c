#include <string.h>

#include "contract.h"

static void creates_any_version(seat *s) {
  static const uint64_t versions[] = {1, 2, 77, 1ull << 40, UINT64_MAX - 1};
  for (size_t i = 0; i < SJ__COUNT_OF(versions); i++) {
    key16 key = random_key(s);
    sj__record record = new_record(s, key.bytes, NULL);
    record.version = versions[i];
    EXPECT_STATUS(put(s, encode(s, &record, 64), 0), SJ_OK);
    EXPECT(version_of(get(s, key.bytes)->record) == versions[i]);
  }
}

static void create_only(seat *s) {
  key16 key = create(s, NULL);
  sj_slice stored = get(s, key.bytes)->record;
  sj__record other = new_record(s, key.bytes, NULL);
  for (uint64_t version = 1; version <= 3; version++) {
    other.version = version;
    op *again = put(s, encode(s, &other, 64), 0);
    EXPECT_STATUS(again, SJ_CONFLICT);
    EXPECT(same(again->record, stored));
    EXPECT(same(get(s, key.bytes)->record, stored));
  }
}

static void create_on_tombstone(seat *s) {
  key16 key = create(s, NULL);
  EXPECT_STATUS(end(s, key.bytes), SJ_OK);
  sj_slice tombstone = get(s, key.bytes)->record;
  sj__record other = new_record(s, key.bytes, NULL);
  op *again = put(s, encode(s, &other, 64), 0);
  EXPECT_STATUS(again, SJ_ENDED);
  EXPECT(same(again->record, tombstone));
  EXPECT(same(get(s, key.bytes)->record, tombstone));
}

static void replaces_expected(seat *s) {
  key16 key = random_key(s);
  sj__record record = new_record(s, key.bytes, NULL);
  EXPECT_STATUS(put(s, encode(s, &record, 64), 0), SJ_OK);
  for (unsigned round = 0; round < 10; round++) {
    uint64_t expected = record.version;
    next_version(s, &record);
    if (round == 5) record.version += 1ull << 40; /* a taken-over home skips versions */
    sj_slice bytes = encode(s, &record, 28 + 977 * (round % 4));
    op *write = op_put(s, bytes, expected);
    write->call.in.put.write_class = round % 2 == 0 ? SJ__WRITE_DURABLE : SJ__WRITE_RELAXED;
    EXPECT_STATUS(run(write), SJ_OK);
    EXPECT(same(get(s, key.bytes)->record, bytes));
  }
}

/* Compare-and-swap: any version but the stored one is refused. */
static void other_version_is_conflict(seat *s) {
  static const uint64_t wrong[] = {1, 2, 4, 5, UINT64_MAX};
  key16 key = random_key(s);
  sj__record record = new_record(s, key.bytes, NULL);
  record.version = 3;
  EXPECT_STATUS(put(s, encode(s, &record, 64), 0), SJ_OK);
  sj_slice stored = get(s, key.bytes)->record;
  for (size_t i = 0; i < SJ__COUNT_OF(wrong); i++) {
    sj__record next = record;
    next_version(s, &next);
    EXPECT_STATUS(put(s, encode(s, &next, 80), wrong[i]), SJ_CONFLICT);
    EXPECT(same(get(s, key.bytes)->record, stored));
  }
}

static void conflict_returns_stored(seat *s) {
  key16 key = random_key(s), other = create(s, NULL);
  sj__record record = new_record(s, key.bytes, NULL);
  EXPECT_STATUS(put(s, encode(s, &record, 64), 0), SJ_OK);
  next_version(s, &record);
  sj_slice newest = encode(s, &record, 200);
  EXPECT_STATUS(put(s, newest, 1), SJ_OK);
  sj__record late = new_record(s, key.bytes, NULL);
  late.version = 2;
  op *refused = put(s, encode(s, &late, 64), 1);
  EXPECT_STATUS(refused, SJ_CONFLICT);
  EXPECT(same(refused->record, newest));
  EXPECT_STATUS(get(s, other.bytes), SJ_OK);
}

static void missing_is_said(seat *s) {
  key16 key = random_key(s);
  sj__record record = new_record(s, key.bytes, NULL);
  record.version = 2;
  op *write = put(s, encode(s, &record, 64), 1);
  EXPECT_STATUS(write, SJ_MISSING);
  EXPECT(write->record.size == 0);
  EXPECT_STATUS(get(s, key.bytes), SJ_MISSING);
}

static void on_tombstone(seat *s) {
  key16 key = create(s, NULL), unknown = random_key(s);
  EXPECT_STATUS(end(s, key.bytes), SJ_OK);
  EXPECT_STATUS(end(s, unknown.bytes), SJ_OK);
  const key16 *keys[] = {&key, &unknown};
  for (size_t i = 0; i < 2; i++) {
    sj_slice tombstone = get(s, keys[i]->bytes)->record;
    sj__record record = new_record(s, keys[i]->bytes, NULL);
    for (uint64_t expected = 0; expected <= 2; expected++) {
      record.version = expected + 1;
      op *write = put(s, encode(s, &record, 64), expected);
      EXPECT_STATUS(write, SJ_ENDED);
      EXPECT(same(write->record, tombstone));
      EXPECT(same(get(s, keys[i]->bytes)->record, tombstone));
    }
  }
}

static void commits_terminal_state(seat *s) {
  key16 key = random_key(s), tag = random_key(s);
  sj__record record = new_record(s, key.bytes, tag.bytes);
  EXPECT_STATUS(put(s, encode(s, &record, 64), 0), SJ_OK);
  sj_slice ended = encode_ended(s, &record, SJ__REASON_SUPERSEDED, s->now_ms + 86400000);
  op *wrong = put(s, ended, 7);
  EXPECT_STATUS(wrong, SJ_CONFLICT);
  EXPECT_STATUS(put(s, ended, 1), SJ_OK);
  op *read = get(s, key.bytes);
  EXPECT_STATUS(read, SJ_OK);
  EXPECT(same_but_last_seen(read->record, ended));
  EXPECT_STATUS(put(s, ended, 1), SJ_ENDED);
  EXPECT(run(op_list(s, tag.bytes, NULL, 10))->item_count == 0);
}

static void keeps_greater_last_seen(seat *s) {
  key16 key = random_key(s);
  sj__record record = new_record(s, key.bytes, NULL);
  EXPECT_STATUS(put(s, encode(s, &record, 64), 0), SJ_OK);
  int64_t touched_ms = s->now_ms;
  for (unsigned round = 0; round < 20 && touched_ms == s->now_ms; round++) { /* may be lost */
    run(op_touch(s, key.bytes, s->now_ms + 70000));
    touched_ms = last_seen_of(get(s, key.bytes)->record);
  }
  EXPECT(touched_ms == s->now_ms + 70000);
  next_version(s, &record); /* made from what was read before the touch */
  sj_slice bytes = encode(s, &record, 64);
  EXPECT_STATUS(put(s, bytes, 1), SJ_OK);
  op *read = get(s, key.bytes);
  EXPECT(last_seen_of(read->record) == s->now_ms + 70000);
  EXPECT(same_but_last_seen(read->record, bytes));
}

static void raises_last_seen(seat *s) {
  key16 key = random_key(s);
  sj__record record = new_record(s, key.bytes, NULL);
  EXPECT_STATUS(put(s, encode(s, &record, 64), 0), SJ_OK);
  next_version(s, &record);
  record.last_seen_ms += 5000;
  EXPECT_STATUS(put(s, encode(s, &record, 64), 1), SJ_OK);
  EXPECT(last_seen_of(get(s, key.bytes)->record) == s->now_ms + 5000);
}

static void max_record(seat *s) {
  size_t most = s->store->caps.max_record - SJ__RECORD_HEADER_SIZE - 40;
  key16 key = random_key(s), large = random_key(s);
  sj__record record = new_record(s, key.bytes, NULL), other = new_record(s, large.bytes, NULL);
  sj_slice bytes = encode(s, &record, most);
  EXPECT_STATUS(put(s, bytes, 0), SJ_OK);
  EXPECT(same(get(s, key.bytes)->record, bytes));
  EXPECT_STATUS(put(s, encode(s, &other, most + 1), 0), SJ_TOO_LARGE);
  EXPECT_STATUS(get(s, large.bytes), SJ_MISSING);
  next_version(s, &record);
  EXPECT_STATUS(put(s, encode(s, &record, most + 1), 1), SJ_TOO_LARGE);
  EXPECT(same(get(s, key.bytes)->record, bytes));
  EXPECT_STATUS(end(s, key.bytes), SJ_OK);
}

/* How an unknown outcome is resolved: the same put again finds its own write id. */
static void repeat_finds_own_write_id(seat *s) {
  key16 key = random_key(s);
  sj__record record = new_record(s, key.bytes, NULL);
  sj_slice first = encode(s, &record, 64);
  EXPECT_STATUS(put(s, first, 0), SJ_OK);
  op *again = put(s, first, 0);
  EXPECT_STATUS(again, SJ_CONFLICT);
  EXPECT(sj__record_has_write_id(again->record, record.write_ids[0]));
  next_version(s, &record);
  sj_slice second = encode(s, &record, 64);
  EXPECT_STATUS(put(s, second, 1), SJ_OK);
  again = put(s, second, 1);
  EXPECT_STATUS(again, SJ_CONFLICT);
  EXPECT(sj__record_has_write_id(again->record, record.write_ids[0]));
}

static void moves_subject(seat *s) {
  key16 key = random_key(s), old_tag = random_key(s), new_tag = random_key(s);
  sj__record record = new_record(s, key.bytes, old_tag.bytes);
  EXPECT_STATUS(put(s, encode(s, &record, 64), 0), SJ_OK);
  next_version(s, &record);
  memcpy(record.subject_tag, new_tag.bytes, SJ__TAG_SIZE); /* re-sealed under another kid */
  EXPECT_STATUS(put(s, encode(s, &record, 64), 1), SJ_OK);
  EXPECT(run(op_list(s, old_tag.bytes, NULL, 10))->item_count == 0);
  op *listed = run(op_list(s, new_tag.bytes, NULL, 10));
  EXPECT(listed->item_count == 1 && has_key(listed, key.bytes));
}

/* Swaps the seat's store for the small one; false: failed. */
static bool use_small_store(seat *s) {
  suite *all = s->suite;
  sj_error error = {0};
  seat_detach_port(s, s->port);
  s->port = NULL;
  sj__store_close(all->store);
  all->store = s->store = NULL;
  sj_status status = all->open(all, all->small_url, &all->store, &error);
  if (status != SJ_OK) return seat_fail(s, __FILE__, __LINE__, "opening: %s", error.message);
  s->store = all->store;
  return sj__store_attach(s->store, s->loop, &s->port) == SJ_OK;
}

#define MANY 100000

static void full_spares_the_rest(seat *s) {
  EXPECT(use_small_store(s));
  key16 first = random_key(s), tag = random_key(s), last;
  sj__record record = new_record(s, first.bytes, tag.bytes);
  EXPECT_STATUS(put(s, encode(s, &record, 1000), 0), SJ_OK);
  op *write = NULL;
  for (unsigned i = 0; i < MANY && (write == NULL || write->status == SJ_OK); i++) {
    last = random_key(s);
    sj__record other = new_record(s, last.bytes, tag.bytes);
    write = put(s, encode(s, &other, 1000), 0);
  }
  EXPECT_STATUS(write, SJ_FULL);
  EXPECT_STATUS(get(s, last.bytes), SJ_MISSING);
  EXPECT_STATUS(get(s, first.bytes), SJ_OK);
  sj__store_health health;
  sj__store_health_get(s->store, &health);
  EXPECT(health.reachable && health.limit_bytes > 0 && health.used_bytes > 0);
  /* What a sign-out needs goes on, for known and unknown keys, and marks. */
  EXPECT_STATUS(end(s, first.bytes), SJ_OK);
  for (unsigned i = 0; i < 20; i++) EXPECT_STATUS(end(s, random_key(s).bytes), SJ_OK);
  EXPECT(state_of(get(s, first.bytes)->record) == SJ__ENDED);
  if (s->store->caps.marks) EXPECT_STATUS(run(op_mark(s, new_mark(s, s->now_ms + 1000))), SJ_OK);
}

/* After a sweep there is room again. */
static void full_recovers(seat *s) {
  EXPECT(use_small_store(s));
  key16 tag = random_key(s);
  op *write = NULL;
  for (unsigned i = 0; i < MANY && (write == NULL || write->status == SJ_OK); i++) {
    sj__record other = new_record(s, random_key(s).bytes, tag.bytes);
    write = put(s, encode(s, &other, 1000), 0);
  }
  EXPECT_STATUS(write, SJ_FULL);
  int64_t later_ms = s->now_ms + 30ll * 86400000;
  while (run(op_sweep(s, later_ms, 100))->call.more) EXPECT(!s->has_failed);
  for (unsigned i = 0; i < 10; i++) {
    sj__record other = new_record(s, random_key(s).bytes, tag.bytes);
    EXPECT_STATUS(put(s, encode(s, &other, 1000), 0), SJ_OK);
  }
}

const clause put_clauses[] = {
    {"put.creates_any_version", creates_any_version, 0},
    {"put.create_only", create_only, 0},
    {"put.create_on_tombstone", create_on_tombstone, 0},
    {"put.replaces_expected", replaces_expected, 0},
    {"put.other_version_is_conflict", other_version_is_conflict, 0},
    {"put.conflict_returns_stored", conflict_returns_stored, 0},
    {"put.missing", missing_is_said, 0},
    {"put.on_tombstone", on_tombstone, 0},
    {"put.commits_terminal_state", commits_terminal_state, 0},
    {"put.keeps_greater_last_seen", keeps_greater_last_seen, 0},
    {"put.raises_last_seen", raises_last_seen, 0},
    {"put.max_record", max_record, 0},
    {"put.repeat_finds_own_write_id", repeat_finds_own_write_id, 0},
    {"put.moves_subject", moves_subject, 0},
    {"put.full_spares_the_rest", full_spares_the_rest, NEEDS_SMALL},
    {"put.full_recovers", full_recovers, NEEDS_SMALL | NEEDS_SWEEP},
    {NULL, NULL, 0},
};
