#include <string.h>

#include "base/random.h"
#include "contract.h"

#define DAY_MS 86400000ll

/* --- SCAN ------------------------------------------------------------------------- */

typedef struct found {
  const key16 *keys;
  unsigned *seen;
  size_t count;
} found;

static void note(found *all, const op *page) {
  for (size_t i = 0; i < all->count; i++) {
    all->seen[i] += has_key(page, all->keys[i].bytes) ? 1 : 0;
  }
}

static bool scan_all(seat *s, uint32_t limit, found *all, void (*between)(seat *s)) {
  sj__cursor cursor = {0};
  unsigned pages = 0;
  do {
    op *page = run(op_scan(s, &cursor, limit));
    if (page->status != SJ_OK || page->item_count > limit || ++pages > 100000) return false;
    note(all, page);
    cursor = page->call.cursor_next;
    if (between != NULL) between(s);
  } while (cursor.size != 0);
  return true;
}

#define SCANNED 60

static void finds_everything(seat *s) {
  static const uint32_t limits[] = {1, 7, 60, 1000};
  key16 keys[SCANNED];
  for (size_t i = 0; i < SCANNED; i++) keys[i] = create(s, i % 3 == 0 ? NULL : keys[0].bytes);
  for (size_t i = 0; i < 10; i++) EXPECT_STATUS(end(s, keys[i].bytes), SJ_OK); /* tombstones too */
  for (size_t i = 0; i < SJ__COUNT_OF(limits); i++) {
    unsigned seen[SCANNED] = {0};
    found all = {keys, seen, SCANNED};
    EXPECT(scan_all(s, limits[i], &all, NULL));
    for (size_t k = 0; k < SCANNED; k++) EXPECT(seen[k] >= 1);
  }
}

typedef struct churn {
  key16 fixed[SCANNED];
  uint64_t versions[SCANNED];
  unsigned step;
} churn;

static void write_in_between(seat *s) {
  churn *self = s->shared;
  for (unsigned i = 0; i < 3; i++) {
    size_t at = (self->step * 3 + i) % SCANNED;
    sj__record record = new_record(s, self->fixed[at].bytes, NULL);
    record.version = self->versions[at] + 1;
    op *write = put(s, encode(s, &record, 28 + (self->step % 5) * 300), self->versions[at]);
    if (write->status == SJ_OK) self->versions[at]++;
    key16 fleeting = create(s, NULL);
    if (i == 1) (void)end(s, fleeting.bytes);
  }
  self->step++;
}

static void misses_nothing_under_writes(seat *s) {
  churn self = {0};
  unsigned seen[SCANNED] = {0};
  s->shared = &self;
  for (size_t i = 0; i < SCANNED; i++) {
    self.fixed[i] = create(s, NULL);
    self.versions[i] = 1;
  }
  found all = {self.fixed, seen, SCANNED};
  EXPECT(scan_all(s, 20, &all, write_in_between));
  for (size_t i = 0; i < SCANNED; i++) EXPECT(seen[i] >= 1);
}

/* --- SWEEP -------------------------------------------------------------------------- */

/* Sweeps until nothing is left; the number removed, or UINT64_MAX. */
static uint64_t sweep_all(seat *s, int64_t now_ms, uint32_t budget) {
  uint64_t removed = 0;
  for (unsigned steps = 0; steps < 1000000; steps++) {
    op *step = run(op_sweep(s, now_ms, budget));
    if (step->status != SJ_OK || step->count > budget) return UINT64_MAX;
    removed += step->count;
    if (!step->call.more) return removed;
  }
  return UINT64_MAX;
}

static key16 create_idle(seat *s, const uint8_t *tag, int64_t idle_for_ms) {
  key16 key = random_key(s);
  sj__record record = new_record(s, key.bytes, tag);
  record.idle_for_ms = idle_for_ms;
  (void)put(s, encode(s, &record, 64), 0);
  return key;
}

static void removes_garbage_alone(seat *s) {
  key16 tag = random_key(s);
  int64_t garbage_ms = s->now_ms + 1000 + s->suite->options.touch_every_ms + 60000;
  EXPECT(sweep_all(s, garbage_ms + 1, 1000) != UINT64_MAX); /* of other clauses */
  key16 soon = create_idle(s, tag.bytes, 1000), later = create_idle(s, tag.bytes, 3600000);
  key16 ended = create(s, tag.bytes), ended_later = create(s, tag.bytes);
  run(op_end(s, ended.bytes, SJ__REASON_ADMIN, s->now_ms + 1000));
  run(op_end(s, ended_later.bytes, SJ__REASON_ADMIN, s->now_ms + DAY_MS));
  EXPECT(sweep_all(s, s->now_ms, 10) == 0);
  EXPECT(sweep_all(s, garbage_ms - 1, 10) == 1); /* the tombstone's until has passed */
  EXPECT_STATUS(get(s, ended.bytes), SJ_MISSING);
  EXPECT_STATUS(get(s, soon.bytes), SJ_OK);
  EXPECT(sweep_all(s, garbage_ms + 1, 10) == 1);
  EXPECT_STATUS(get(s, soon.bytes), SJ_MISSING);
  EXPECT_STATUS(get(s, later.bytes), SJ_OK);
  EXPECT_STATUS(get(s, ended_later.bytes), SJ_OK);
  op *listed = run(op_list(s, tag.bytes, NULL, 10));
  EXPECT(listed->item_count == 1 && has_key(listed, later.bytes));
}

static void keeps_to_its_budget(seat *s) {
  int64_t garbage_ms = s->now_ms + DAY_MS;
  EXPECT(sweep_all(s, garbage_ms, 1000) != UINT64_MAX); /* of other clauses */
  for (unsigned i = 0; i < 50; i++) (void)create_idle(s, NULL, 1000);
  uint64_t removed = 0;
  bool more = true;
  for (unsigned steps = 0; more && steps < 1000; steps++) {
    op *step = run(op_sweep(s, garbage_ms, 7));
    EXPECT_STATUS(step, SJ_OK);
    EXPECT(step->count <= 7);
    removed += step->count;
    more = step->call.more;
    EXPECT(more || removed >= 50);
  }
  EXPECT(!more && removed >= 50);
  op *step = run(op_sweep(s, garbage_ms, 7));
  EXPECT(step->count == 0 && !step->call.more);
}

/* What was touched or patched since is looked at again before it is deleted. */
static void spares_what_was_used_since(seat *s) {
  key16 touched = create_idle(s, NULL, 60000), patched = create_idle(s, NULL, 60000);
  key16 prolonged = random_key(s);
  run(op_end(s, prolonged.bytes, SJ__REASON_ADMIN, s->now_ms + 1000));
  for (unsigned round = 0; round < 20; round++) { /* a touch may be lost */
    run(op_touch(s, touched.bytes, s->now_ms + 3600000));
    if (last_seen_of(get(s, touched.bytes)->record) > s->now_ms) break;
  }
  sj__record record;
  EXPECT(sj__record_parse(get(s, patched.bytes)->record, &record) == SJ_OK);
  next_version(s, &record);
  record.last_seen_ms += 3600000;
  EXPECT_STATUS(put(s, encode(s, &record, 64), 1), SJ_OK);
  run(op_end(s, prolonged.bytes, SJ__REASON_ADMIN, s->now_ms + DAY_MS));
  EXPECT(sweep_all(s, s->now_ms + 1800000, 10) != UINT64_MAX);
  EXPECT_STATUS(get(s, touched.bytes), SJ_OK);
  EXPECT_STATUS(get(s, patched.bytes), SJ_OK);
  EXPECT_STATUS(get(s, prolonged.bytes), SJ_OK);
  EXPECT(sweep_all(s, s->now_ms + 2 * DAY_MS, 10) >= 3);
  EXPECT_STATUS(get(s, touched.bytes), SJ_MISSING);
  EXPECT_STATUS(get(s, patched.bytes), SJ_MISSING);
  EXPECT_STATUS(get(s, prolonged.bytes), SJ_MISSING);
}

/* A shorter lifetime is kept to as well. */
static void removes_what_ends_earlier_now(seat *s) {
  key16 key = create(s, NULL);
  sj__record record;
  EXPECT(sj__record_parse(get(s, key.bytes)->record, &record) == SJ_OK);
  next_version(s, &record);
  record.idle_for_ms = 1000;
  EXPECT_STATUS(put(s, encode(s, &record, 64), 1), SJ_OK);
  key16 ended = create(s, NULL);
  run(op_end(s, ended.bytes, SJ__REASON_ADMIN, s->now_ms + 1000));
  EXPECT(sweep_all(s, s->now_ms + 600000, 10) >= 2);
  EXPECT_STATUS(get(s, key.bytes), SJ_MISSING);
  EXPECT_STATUS(get(s, ended.bytes), SJ_MISSING);
}

static void sweeps_marks(seat *s) {
  sj_slice brief = new_mark(s, s->now_ms + 1000), lasting = new_mark(s, s->now_ms + 30 * DAY_MS);
  EXPECT_STATUS(run(op_mark(s, brief)), SJ_OK);
  EXPECT_STATUS(run(op_mark(s, lasting)), SJ_OK);
  EXPECT(sweep_all(s, s->now_ms + 2000, 10) != UINT64_MAX);
  sj__cursor cursor = {0};
  bool has_brief = false, has_lasting = false;
  for (op *page; (page = run(op_marks(s, &cursor, 100)))->item_count > 0;) {
    for (size_t i = 0; i < page->item_count; i++) {
      has_brief |= same(page->items[i], brief);
      has_lasting |= same(page->items[i], lasting);
    }
    cursor = page->call.cursor_next;
  }
  EXPECT(!has_brief && has_lasting);
}

/* --- Cursors that nobody made --------------------------------------------------------- */

static op *op_with_cursor(seat *s, unsigned kind, const sj__cursor *cursor) {
  static const uint8_t tag[SJ__TAG_SIZE];
  if (kind == 0) return op_list(s, tag, cursor, 5);
  if (kind == 1) return op_scan(s, cursor, 5);
  return op_marks(s, cursor, 5);
}

static void garbage_cursors_do_no_harm(seat *s) {
  unsigned kinds = s->store->caps.marks ? 3 : 2;
  for (unsigned i = 0; i < 20; i++) (void)create(s, NULL);
  for (unsigned round = 0; round < 600; round++) {
    sj__cursor cursor;
    EXPECT(sj__random(&cursor, sizeof(cursor)) == SJ_OK);
    if (round % 3 == 0) memset(cursor.bytes, round % 2 == 0 ? 0xff : 0, sizeof(cursor.bytes));
    cursor.size = (uint8_t)(1 + round % SJ__CURSOR_MAX);
    op *page = run(op_with_cursor(s, round % kinds, &cursor));
    EXPECT(page->status == SJ_OK || page->status == SJ_MISUSE);
    EXPECT(page->item_count <= 5);
  }
}

/* A true cursor, with each byte changed in turn, and of the wrong listing. */
static void bent_cursors_do_no_harm(seat *s) {
  for (unsigned i = 0; i < 20; i++) (void)create(s, NULL);
  op *page = run(op_scan(s, NULL, 5));
  EXPECT(page->call.cursor_next.size > 0);
  for (unsigned at = 0; at < page->call.cursor_next.size; at++) {
    sj__cursor bent = page->call.cursor_next;
    bent.bytes[at] ^= 0x80;
    op *next = run(op_scan(s, &bent, 5));
    EXPECT(next->status == SJ_OK || next->status == SJ_MISUSE);
  }
  op *wrong = run(op_with_cursor(s, 0, &page->call.cursor_next));
  EXPECT(wrong->status == SJ_OK || wrong->status == SJ_MISUSE);
  sj__cursor longest = page->call.cursor_next;
  longest.size = UINT8_MAX; /* beyond the array: must not be read */
  wrong = run(op_scan(s, &longest, 5));
  EXPECT_STATUS(wrong, SJ_MISUSE);
}

const clause scan_sweep_clauses[] = {
    {"scan.finds_everything", finds_everything, 0},
    {"scan.misses_nothing_under_writes", misses_nothing_under_writes, 0},
    {"sweep.removes_garbage_alone", removes_garbage_alone, NEEDS_SWEEP},
    {"sweep.keeps_to_its_budget", keeps_to_its_budget, NEEDS_SWEEP},
    {"sweep.spares_what_was_used_since", spares_what_was_used_since, NEEDS_SWEEP},
    {"sweep.removes_what_ends_earlier_now", removes_what_ends_earlier_now, NEEDS_SWEEP},
    {"sweep.removes_marks", sweeps_marks, NEEDS_SWEEP | NEEDS_MARKS},
    {"cursor.garbage_does_no_harm", garbage_cursors_do_no_harm, 0},
    {"cursor.bent_does_no_harm", bent_cursors_do_no_harm, 0},
    {NULL, NULL, 0},
};
