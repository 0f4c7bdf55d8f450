#include <string.h>

#include "contract.h"

#define DAY_MS 86400000ll

/* Touches until it shows: a touch may be lost. */
static bool touch_shows(seat *s, const uint8_t *key, int64_t last_seen_ms) {
  for (unsigned round = 0; round < 20; round++) {
    if (run(op_touch(s, key, last_seen_ms))->status != SJ_OK) return false;
    if (last_seen_of(get(s, key)->record) == last_seen_ms) return true;
  }
  return false;
}

static void touch_raises(seat *s) {
  key16 key = create(s, NULL);
  for (int64_t step = 1; step <= 5; step++) {
    EXPECT(touch_shows(s, key.bytes, s->now_ms + step * 60000));
  }
}

static void touch_never_lowers(seat *s) {
  key16 key = create(s, NULL);
  EXPECT(touch_shows(s, key.bytes, s->now_ms + 60000));
  EXPECT_STATUS(run(op_touch(s, key.bytes, s->now_ms + 59999)), SJ_OK);
  EXPECT_STATUS(run(op_touch(s, key.bytes, s->now_ms + 60000)), SJ_OK);
  EXPECT_STATUS(run(op_touch(s, key.bytes, 1)), SJ_OK);
  EXPECT(last_seen_of(get(s, key.bytes)->record) == s->now_ms + 60000);
}

static void touch_changes_nothing_else(seat *s) {
  key16 tag = random_key(s), key = create(s, tag.bytes);
  sj_slice before = get(s, key.bytes)->record;
  EXPECT(touch_shows(s, key.bytes, s->now_ms + 60000));
  EXPECT(same_but_last_seen(get(s, key.bytes)->record, before));
  op *listed = run(op_list(s, tag.bytes, NULL, 10));
  EXPECT(listed->item_count == 1);
  EXPECT(last_seen_of(listed->items[0]) == s->now_ms + 60000);
  sj__record next = new_record(s, key.bytes, tag.bytes); /* the version has not moved */
  next.version = 2;
  EXPECT_STATUS(put(s, encode(s, &next, 64), 1), SJ_OK);
}

static void touch_unknown_creates_nothing(seat *s) {
  key16 key = random_key(s);
  EXPECT_STATUS(run(op_touch(s, key.bytes, s->now_ms)), SJ_OK);
  EXPECT_STATUS(get(s, key.bytes), SJ_MISSING);
}

static void touch_leaves_tombstones(seat *s) {
  key16 key = create(s, NULL), unknown = random_key(s);
  EXPECT_STATUS(end(s, key.bytes), SJ_OK);
  EXPECT_STATUS(end(s, unknown.bytes), SJ_OK);
  sj_slice first = get(s, key.bytes)->record, second = get(s, unknown.bytes)->record;
  for (unsigned round = 0; round < 5; round++) {
    EXPECT_STATUS(run(op_touch(s, key.bytes, s->now_ms + DAY_MS)), SJ_OK);
    EXPECT_STATUS(run(op_touch(s, unknown.bytes, s->now_ms + DAY_MS)), SJ_OK);
  }
  EXPECT(same(get(s, key.bytes)->record, first));
  EXPECT(same(get(s, unknown.bytes)->record, second));
}

/* --- END ---------------------------------------------------------------------- */

static void end_ends(seat *s) {
  key16 tag = random_key(s), key = create(s, tag.bytes);
  op *ending = run(op_end(s, key.bytes, SJ__REASON_ADMIN, s->now_ms + DAY_MS));
  EXPECT_STATUS(ending, SJ_OK);
  EXPECT(ending->count == 1);
  op *read = get(s, key.bytes);
  EXPECT_STATUS(read, SJ_OK);
  sj__record record;
  EXPECT(sj__record_parse(read->record, &record) == SJ_OK);
  EXPECT(record.state == SJ__ENDED);
  EXPECT(record.reason == SJ__REASON_ADMIN);
  EXPECT(record.until_ms == s->now_ms + DAY_MS);
  EXPECT(record.sealed_meta.size == 0 && record.sealed_data.size == 0);
}

static void end_keeps_version(seat *s) {
  key16 key = random_key(s);
  sj__record record = new_record(s, key.bytes, NULL);
  record.version = 41;
  EXPECT_STATUS(put(s, encode(s, &record, 64), 0), SJ_OK);
  EXPECT_STATUS(end(s, key.bytes), SJ_OK);
  EXPECT(version_of(get(s, key.bytes)->record) == 41);
}

static void end_is_idempotent(seat *s) {
  key16 key = create(s, NULL);
  op *first = run(op_end(s, key.bytes, SJ__REASON_LIMIT, s->now_ms + DAY_MS));
  EXPECT_STATUS(first, SJ_OK);
  EXPECT(first->count == 1);
  sj_slice tombstone = get(s, key.bytes)->record;
  for (unsigned round = 0; round < 3; round++) {
    op *again = run(op_end(s, key.bytes, SJ__REASON_SIGNED_OUT, s->now_ms + DAY_MS));
    EXPECT_STATUS(again, SJ_OK);
    EXPECT(again->count == 0);
    EXPECT(same(get(s, key.bytes)->record, tombstone)); /* the first reason stays */
  }
}

static int64_t until_of(seat *s, const uint8_t *key) {
  sj__record record;
  if (sj__record_parse(get(s, key)->record, &record) != SJ_OK) return -1;
  return record.until_ms;
}

static void end_greater_until_wins(seat *s) {
  key16 known = create(s, NULL), unknown = random_key(s);
  const key16 *keys[] = {&known, &unknown};
  for (size_t i = 0; i < 2; i++) {
    const uint8_t *key = keys[i]->bytes;
    run(op_end(s, key, SJ__REASON_ADMIN, s->now_ms + DAY_MS));
    EXPECT(until_of(s, key) == s->now_ms + DAY_MS);
    run(op_end(s, key, SJ__REASON_LIMIT, s->now_ms + 3 * DAY_MS));
    EXPECT(until_of(s, key) == s->now_ms + 3 * DAY_MS);
    run(op_end(s, key, SJ__REASON_LIMIT, s->now_ms + 2 * DAY_MS));
    EXPECT(until_of(s, key) == s->now_ms + 3 * DAY_MS);
    sj__record record;
    EXPECT(sj__record_parse(get(s, key)->record, &record) == SJ_OK);
    EXPECT(record.reason == SJ__REASON_ADMIN);
  }
}

static void end_unknown_key(seat *s) {
  key16 key = random_key(s);
  op *ending = run(op_end(s, key.bytes, SJ__REASON_ABANDONED, s->now_ms + DAY_MS));
  EXPECT_STATUS(ending, SJ_OK);
  EXPECT(ending->count == 0);
  op *read = get(s, key.bytes);
  EXPECT_STATUS(read, SJ_OK);
  sj__record record;
  EXPECT(sj__record_parse(read->record, &record) == SJ_OK);
  EXPECT(record.state == SJ__ENDED && record.reason == SJ__REASON_ABANDONED);
  EXPECT(memcmp(record.key, key.bytes, SJ__KEY_SIZE) == 0);
  EXPECT(memcmp(record.realm, "contract", 8) == 0);
  EXPECT(record.until_ms == s->now_ms + DAY_MS);
  sj__record late = new_record(s, key.bytes, NULL); /* the creation that it was to undo */
  EXPECT_STATUS(put(s, encode(s, &late, 64), 0), SJ_ENDED);
}

static void end_is_seen_by_every_port(seat *s) {
  sj__port *other = seat_second_port(s);
  EXPECT(other != NULL);
  for (unsigned round = 0; round < 10; round++) {
    key16 key = create(s, NULL);
    op *warm = op_get(s, key.bytes, 0, SJ__CHEAP); /* may fill whatever cache there is */
    warm->port = other;
    EXPECT_STATUS(run(warm), SJ_OK);
    EXPECT_STATUS(end(s, key.bytes), SJ_OK);
    op *read = op_get(s, key.bytes, 0, SJ__AUTHORITY);
    read->port = other;
    EXPECT_STATUS(run(read), SJ_OK);
    EXPECT(state_of(read->record) == SJ__ENDED);
  }
  seat_detach_port(s, other);
}

const clause touch_end_clauses[] = {
    {"touch.raises", touch_raises, 0},
    {"touch.never_lowers", touch_never_lowers, 0},
    {"touch.changes_nothing_else", touch_changes_nothing_else, 0},
    {"touch.unknown_creates_nothing", touch_unknown_creates_nothing, 0},
    {"touch.leaves_tombstones", touch_leaves_tombstones, 0},
    {"end.ends", end_ends, 0},
    {"end.keeps_version", end_keeps_version, 0},
    {"end.is_idempotent", end_is_idempotent, 0},
    {"end.greater_until_wins", end_greater_until_wins, 0},
    {"end.unknown_key", end_unknown_key, 0},
    {"end.is_seen_by_every_port", end_is_seen_by_every_port, 0},
    {NULL, NULL, 0},
};
