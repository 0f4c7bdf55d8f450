#include "contract.h"

#define DAY_MS 86400000ll

/* Where the marks end now. */
static sj__cursor end_of_marks(seat *s) {
  sj__cursor cursor = {0};
  for (op *page; (page = run(op_marks(s, &cursor, 100)))->status == SJ_OK;) {
    cursor = page->call.cursor_next;
    if (page->item_count == 0) break;
  }
  return cursor;
}

static void replay_in_order(seat *s) {
  sj_slice marks[25];
  sj__cursor from = end_of_marks(s);
  for (size_t i = 0; i < 25; i++) {
    marks[i] = new_mark(s, s->now_ms + DAY_MS);
    EXPECT_STATUS(run(op_mark(s, marks[i])), SJ_OK);
  }
  static const uint32_t limits[] = {1, 7, 25, 1000};
  for (size_t i = 0; i < SJ__COUNT_OF(limits); i++) {
    sj__cursor cursor = from;
    size_t seen = 0;
    for (op *page; (page = run(op_marks(s, &cursor, limits[i])))->item_count > 0;) {
      EXPECT_STATUS(page, SJ_OK);
      EXPECT(page->item_count <= limits[i] && seen + page->item_count <= 25);
      for (size_t k = 0; k < page->item_count; k++) EXPECT(same(page->items[k], marks[seen + k]));
      seen += page->item_count;
      cursor = page->call.cursor_next;
    }
    EXPECT(seen == 25);
  }
}

static void replay_from_the_start(seat *s) {
  sj_slice mark = new_mark(s, s->now_ms + DAY_MS);
  EXPECT_STATUS(run(op_mark(s, mark)), SJ_OK);
  sj__cursor cursor = {0};
  unsigned seen = 0;
  for (op *page; (page = run(op_marks(s, &cursor, 10)))->item_count > 0;) {
    for (size_t i = 0; i < page->item_count; i++) seen += same(page->items[i], mark) ? 1 : 0;
    cursor = page->call.cursor_next;
  }
  EXPECT(seen == 1);
}

static void tail(seat *s) {
  sj__cursor cursor = end_of_marks(s);
  for (unsigned round = 0; round < 5; round++) {
    op *page = run(op_marks(s, &cursor, 10));
    EXPECT_STATUS(page, SJ_OK);
    EXPECT(page->item_count == 0);
    EXPECT(page->call.cursor_next.size > 0);
    cursor = page->call.cursor_next;
    sj_slice mark = new_mark(s, s->now_ms + DAY_MS);
    EXPECT_STATUS(run(op_mark(s, mark)), SJ_OK);
    page = run(op_marks(s, &cursor, 10));
    EXPECT(page->item_count == 1 && same(page->items[0], mark));
    cursor = page->call.cursor_next;
  }
}

/* Even where there has never been one, the start of the tail is a place. */
static void tail_of_nothing(seat *s) {
  op *page = run(op_marks(s, NULL, 10));
  EXPECT_STATUS(page, SJ_OK);
  EXPECT(page->call.cursor_next.size > 0);
}

static void is_idempotent(seat *s) {
  sj__cursor from = end_of_marks(s);
  sj_slice mark = new_mark(s, s->now_ms + DAY_MS);
  for (unsigned round = 0; round < 3; round++) EXPECT_STATUS(run(op_mark(s, mark)), SJ_OK);
  op *page = run(op_marks(s, &from, 10));
  EXPECT(page->item_count == 1);
  EXPECT(same(page->items[0], mark));
}

/* A reader that has seen everything misses nothing, though all that it saw was swept. */
static void cursor_outlives_a_sweep(seat *s) {
  EXPECT_STATUS(run(op_mark(s, new_mark(s, s->now_ms + 1000))), SJ_OK);
  sj__cursor cursor = end_of_marks(s);
  op *step;
  do {
    step = run(op_sweep(s, s->now_ms + 100 * DAY_MS, 1000));
    EXPECT_STATUS(step, SJ_OK);
  } while (step->call.more);
  EXPECT(run(op_marks(s, NULL, 10))->item_count == 0);
  sj_slice mark = new_mark(s, s->now_ms + DAY_MS);
  EXPECT_STATUS(run(op_mark(s, mark)), SJ_OK);
  op *page = run(op_marks(s, &cursor, 10));
  EXPECT_STATUS(page, SJ_OK);
  EXPECT(page->item_count == 1 && same(page->items[0], mark));
}

static void wrong_size_is_misuse(seat *s) {
  sj_slice mark = new_mark(s, s->now_ms + DAY_MS);
  EXPECT_STATUS(run(op_mark(s, sj__slice(mark.data, mark.size - 1))), SJ_MISUSE);
  EXPECT_STATUS(run(op_mark(s, SJ__SLICE(""))), SJ_MISUSE);
}

const clause mark_clauses[] = {
    {"marks.replay_in_order", replay_in_order, NEEDS_MARKS},
    {"marks.replay_from_the_start", replay_from_the_start, NEEDS_MARKS},
    {"marks.tail", tail, NEEDS_MARKS},
    {"marks.tail_of_nothing", tail_of_nothing, NEEDS_MARKS},
    {"marks.is_idempotent", is_idempotent, NEEDS_MARKS},
    {"marks.cursor_outlives_a_sweep", cursor_outlives_a_sweep, NEEDS_MARKS | NEEDS_SWEEP},
    {"marks.wrong_size_is_misuse", wrong_size_is_misuse, NEEDS_MARKS},
    {NULL, NULL, 0},
};
