#include <string.h>

#include "contract.h"

#define DAY_MS 86400000ll

static void finds_what_was_created(seat *s) {
  key16 tag = random_key(s), keys[5];
  for (size_t i = 0; i < 5; i++) keys[i] = create(s, tag.bytes);
  op *listed = run(op_list(s, tag.bytes, NULL, 10));
  EXPECT_STATUS(listed, SJ_OK);
  EXPECT(listed->item_count == 5);
  EXPECT(listed->call.cursor_next.size == 0);
  for (size_t i = 0; i < 5; i++) {
    EXPECT(has_key(listed, keys[i].bytes));
    EXPECT(same(get(s, sj__record_key(listed->items[i]))->record, listed->items[i]));
  }
}

static void knows_subjects_apart(seat *s) {
  key16 tag = random_key(s), neighbour = tag;
  neighbour.bytes[SJ__TAG_SIZE - 1] ^= 1;
  key16 mine = create(s, tag.bytes), other = create(s, neighbour.bytes);
  (void)create(s, NULL);
  op *listed = run(op_list(s, tag.bytes, NULL, 10));
  EXPECT(listed->item_count == 1 && has_key(listed, mine.bytes));
  listed = run(op_list(s, neighbour.bytes, NULL, 10));
  EXPECT(listed->item_count == 1 && has_key(listed, other.bytes));
  listed = run(op_list(s, random_key(s).bytes, NULL, 10));
  EXPECT_STATUS(listed, SJ_OK);
  EXPECT(listed->item_count == 0 && listed->call.cursor_next.size == 0);
}

static void shows_newest_version(seat *s) {
  key16 tag = random_key(s), key = random_key(s);
  sj__record record = new_record(s, key.bytes, tag.bytes);
  EXPECT_STATUS(put(s, encode(s, &record, 64), 0), SJ_OK);
  next_version(s, &record);
  sj_slice newest = encode(s, &record, 500);
  EXPECT_STATUS(put(s, newest, 1), SJ_OK);
  op *listed = run(op_list(s, tag.bytes, NULL, 10));
  EXPECT(listed->item_count == 1);
  EXPECT(same(listed->items[0], newest));
}

/* Ended in any way, it is not shown: by END, by a terminal put. */
static void never_shows_the_dead(seat *s) {
  key16 tag = random_key(s), keys[6];
  for (size_t i = 0; i < 6; i++) keys[i] = create(s, tag.bytes);
  for (size_t i = 0; i < 3; i++) {
    EXPECT_STATUS(end(s, keys[i].bytes), SJ_OK);
    op *listed = run(op_list(s, tag.bytes, NULL, 10));
    EXPECT(!has_key(listed, keys[i].bytes));
    EXPECT(listed->item_count == 5 - i);
  }
  sj__record record;
  EXPECT(sj__record_parse(get(s, keys[3].bytes)->record, &record) == SJ_OK);
  sj_slice ended = encode_ended(s, &record, SJ__REASON_SUPERSEDED, s->now_ms + DAY_MS);
  EXPECT_STATUS(put(s, ended, 1), SJ_OK);
  op *listed = run(op_list(s, tag.bytes, NULL, 10));
  EXPECT(listed->item_count == 2);
  EXPECT(has_key(listed, keys[4].bytes) && has_key(listed, keys[5].bytes));
}

static int compare_records(sj_slice a, sj_slice b) {
  sj__record left, right;
  if (sj__record_parse(a, &left) != SJ_OK || sj__record_parse(b, &right) != SJ_OK) return 1;
  if (left.created_at_ms != right.created_at_ms) {
    return left.created_at_ms < right.created_at_ms ? -1 : 1;
  }
  return memcmp(left.key, right.key, SJ__KEY_SIZE);
}

/* A session of `tag` that was created at that moment, as rotation copies it. */
static key16 create_at(seat *s, const uint8_t *tag, int64_t created_ms) {
  key16 key = random_key(s);
  sj__record record = new_record(s, key.bytes, tag);
  record.created_at_ms = created_ms;
  if (put(s, encode(s, &record, 64), 0)->status != SJ_OK) {
    seat_fail(s, __FILE__, __LINE__, "creating failed");
  }
  return key;
}

static void orders_by_creation_then_key(seat *s) {
  static const int64_t ages_ms[] = {500, 3, 900, 3, 0, 500, 70000, 3, 255, 256, 65536};
  key16 tag = random_key(s);
  for (size_t i = 0; i < SJ__COUNT_OF(ages_ms); i++) {
    (void)create_at(s, tag.bytes, s->now_ms - ages_ms[i]);
  }
  op *listed = run(op_list(s, tag.bytes, NULL, 100));
  EXPECT(listed->item_count == SJ__COUNT_OF(ages_ms));
  for (size_t i = 1; i < listed->item_count; i++) {
    EXPECT(compare_records(listed->items[i - 1], listed->items[i]) < 0);
  }
}

/* Past garbage time nothing is live, swept or not. */
static void hides_what_is_past_garbage_time(seat *s) {
  key16 tag = random_key(s), old = create(s, tag.bytes);
  op *later = op_list(s, tag.bytes, NULL, 10);
  later->call.now_ms = s->now_ms + 2 * DAY_MS;
  EXPECT_STATUS(run(later), SJ_OK);
  EXPECT(later->item_count == 0);
  later = op_list(s, tag.bytes, NULL, 10); /* touches are lazy and may be lost: still live */
  later->call.now_ms = s->now_ms + 30 * 60000 + s->suite->options.touch_every_ms;
  EXPECT_STATUS(run(later), SJ_OK);
  EXPECT(later->item_count == 1 && has_key(later, old.bytes));
}

/* --- Paging -------------------------------------------------------------------------- */

/* Walks all pages; counts how often each of `keys` was shown. */
static bool walk(seat *s, const uint8_t *tag, uint32_t limit, const key16 *keys, unsigned *seen,
                 size_t count, void (*between)(seat *s)) {
  sj__cursor cursor = {0};
  unsigned pages = 0;
  do {
    op *page = run(op_list(s, tag, &cursor, limit));
    if (page->status != SJ_OK || page->item_count > limit || ++pages > 20000) return false;
    for (size_t i = 0; i < count; i++) seen[i] += has_key(page, keys[i].bytes) ? 1 : 0;
    cursor = page->call.cursor_next;
    if (between != NULL) between(s);
  } while (cursor.size != 0);
  return true;
}

static void pages(seat *s) {
  static const uint32_t limits[] = {1, 2, 7, 24, 25, 26, 1000};
  key16 tag = random_key(s), keys[25];
  for (size_t i = 0; i < 25; i++) {
    keys[i] = create_at(s, tag.bytes, s->now_ms - (int64_t)(i * 37 % 10));
  }
  for (size_t i = 0; i < SJ__COUNT_OF(limits); i++) {
    unsigned seen[25] = {0};
    EXPECT(walk(s, tag.bytes, limits[i], keys, seen, 25, NULL));
    for (size_t k = 0; k < 25; k++) EXPECT(seen[k] == 1);
  }
}

typedef struct churn {
  key16 tag;
  key16 doomed[40];
  unsigned step;
} churn;

/* Between two pages sessions come, before and after the cursor, and go. */
static void insert_and_end(seat *s) {
  churn *self = s->shared;
  (void)create_at(s, self->tag.bytes, s->now_ms - 100000);
  (void)create_at(s, self->tag.bytes, s->now_ms - (int64_t)(self->step % 20) * 10);
  if (self->step < 40) (void)end(s, self->doomed[self->step].bytes);
  self->step++;
}

static void pages_while_sessions_come_and_go(seat *s) {
  churn self = {.tag = random_key(s)};
  key16 keys[20];
  unsigned seen[20] = {0};
  s->shared = &self;
  for (size_t i = 0; i < 20; i++)
    keys[i] = create_at(s, self.tag.bytes, s->now_ms - (int64_t)i * 10);
  for (size_t i = 0; i < 40; i++) {
    self.doomed[i] = create_at(s, self.tag.bytes, s->now_ms - (int64_t)(i % 20) * 10);
  }
  EXPECT(walk(s, self.tag.bytes, 3, keys, seen, 20, insert_and_end));
  for (size_t i = 0; i < 20; i++) EXPECT(seen[i] == 1);
}

static void cursor_outlives_what_it_points_at(seat *s) {
  key16 tag = random_key(s), keys[6];
  for (size_t i = 0; i < 6; i++)
    keys[i] = create_at(s, tag.bytes, s->now_ms - 60 + (int64_t)i * 10);
  op *page = run(op_list(s, tag.bytes, NULL, 3));
  EXPECT(page->item_count > 0 && page->item_count <= 3);
  size_t shown = page->item_count;
  for (size_t i = 0; i < shown; i++) EXPECT_STATUS(end(s, keys[i].bytes), SJ_OK);
  op *rest = run(op_list(s, tag.bytes, &page->call.cursor_next, 100));
  EXPECT_STATUS(rest, SJ_OK);
  EXPECT(rest->item_count == 6 - shown);
  for (size_t i = shown; i < 6; i++) EXPECT(has_key(rest, keys[i].bytes));
}

/* One subject with very many sessions, made in an order that is not theirs. */
static void many_sessions_of_one_subject(seat *s) {
  size_t many = s->suite->effort * 1000;
  key16 tag = random_key(s);
  for (size_t i = 0; i < many; i++) {
    (void)create_at(s, tag.bytes, s->now_ms - (int64_t)(i * 7919 % many));
  }
  sj__cursor cursor = {0};
  sj_slice last = {NULL, 0};
  size_t seen = 0;
  do {
    op *page = run(op_list(s, tag.bytes, &cursor, 100));
    EXPECT_STATUS(page, SJ_OK);
    for (size_t i = 0; i < page->item_count; i++) {
      EXPECT(last.data == NULL || compare_records(last, page->items[i]) < 0);
      last = page->items[i];
    }
    seen += page->item_count;
    cursor = page->call.cursor_next;
  } while (cursor.size != 0);
  EXPECT(seen == many);
}

const clause list_clauses[] = {
    {"list.finds_what_was_created", finds_what_was_created, 0},
    {"list.knows_subjects_apart", knows_subjects_apart, 0},
    {"list.shows_newest_version", shows_newest_version, 0},
    {"list.never_shows_the_dead", never_shows_the_dead, 0},
    {"list.orders_by_creation_then_key", orders_by_creation_then_key, 0},
    {"list.hides_what_is_past_garbage_time", hides_what_is_past_garbage_time, 0},
    {"list.pages", pages, 0},
    {"list.pages_while_sessions_come_and_go", pages_while_sessions_come_and_go, 0},
    {"list.cursor_outlives_what_it_points_at", cursor_outlives_what_it_points_at, 0},
    {"list.many_sessions_of_one_subject", many_sessions_of_one_subject, 0},
    {NULL, NULL, 0},
};
