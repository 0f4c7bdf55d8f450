/* Stores that persist: what was acknowledged is there again. And what is refused at opening. */
#include <string.h>

#include "base/clock.h"
#include "contract.h"

#define DAY_MS 86400000ll

static sj_status close_and_open(seat *s, const sj__store_options *options, sj_error *error) {
  sj__store_options saved = s->suite->options;
  seat_detach_port(s, s->port);
  s->port = NULL;
  sj__store_close(s->suite->store);
  s->suite->store = s->store = NULL;
  if (options != NULL) s->suite->options = *options;
  sj_status status = s->suite->open(s->suite, s->suite->url, &s->suite->store, error);
  s->suite->options = saved;
  s->store = s->suite->store;
  if (status == SJ_OK) status = sj__store_attach(s->store, s->loop, &s->port);
  return status;
}

#define KEPT 30

static void keeps_what_was_acknowledged(seat *s) {
  key16 tag = random_key(s), keys[KEPT], unknown = random_key(s);
  sj_slice expected[KEPT];
  for (unsigned i = 0; i < KEPT; i++) {
    keys[i] = random_key(s);
    sj__record record = new_record(s, keys[i].bytes, tag.bytes);
    EXPECT_STATUS(put(s, encode(s, &record, 64), 0), SJ_OK);
    next_version(s, &record);
    if (i % 3 != 0) EXPECT_STATUS(put(s, encode(s, &record, 300), 1), SJ_OK);
    if (i % 5 == 0) EXPECT_STATUS(end(s, keys[i].bytes), SJ_OK);
    expected[i] = get(s, keys[i].bytes)->record;
  }
  EXPECT_STATUS(end(s, unknown.bytes), SJ_OK);
  sj_error error = {0};
  EXPECT(close_and_open(s, NULL, &error) == SJ_OK);
  for (unsigned i = 0; i < KEPT; i++) EXPECT(same(get(s, keys[i].bytes)->record, expected[i]));
  EXPECT(state_of(get(s, unknown.bytes)->record) == SJ__ENDED);
  op *listed = run(op_list(s, tag.bytes, NULL, 100));
  EXPECT(listed->item_count == KEPT - KEPT / 5);
}

static void keeps_marks_and_their_cursors(seat *s) {
  sj_slice marks[4];
  sj__cursor cursor = {0};
  for (op *page; (page = run(op_marks(s, &cursor, 1000)))->status == SJ_OK;) {
    cursor = page->call.cursor_next;
    if (page->item_count == 0) break;
  }
  sj_error error = {0};
  for (unsigned i = 0; i < 4; i++) {
    marks[i] = new_mark(s, s->now_ms + DAY_MS);
    EXPECT_STATUS(run(op_mark(s, marks[i])), SJ_OK);
    if (i == 1) EXPECT(close_and_open(s, NULL, &error) == SJ_OK);
  }
  op *page = run(op_marks(s, &cursor, 10));
  EXPECT_STATUS(page, SJ_OK);
  EXPECT(page->item_count == 4);
  for (unsigned i = 0; i < 4; i++) EXPECT(same(page->items[i], marks[i]));
}

static void keeps_what_a_sweep_left(seat *s) {
  key16 kept = create(s, NULL), swept = create(s, NULL);
  run(op_end(s, swept.bytes, SJ__REASON_ADMIN, s->now_ms + 1));
  while (run(op_sweep(s, s->now_ms + 1000, 100))->call.more) EXPECT(!s->has_failed);
  sj_error error = {0};
  EXPECT(close_and_open(s, NULL, &error) == SJ_OK);
  EXPECT_STATUS(get(s, swept.bytes), SJ_MISSING);
  EXPECT_STATUS(get(s, kept.bytes), SJ_OK);
}

/* Refused with these options, and unharmed: opens again with the right ones. */
static void expect_refused(seat *s, const sj__store_options *wrong) {
  key16 key = create(s, NULL);
  sj_error error = {0};
  EXPECT(close_and_open(s, wrong, &error) == SJ_MISMATCH);
  EXPECT(error.message[0] != '\0' && error.status == SJ_MISMATCH);
  EXPECT(s->suite->open(s->suite, s->suite->url, &s->suite->store, &error) == SJ_OK);
  s->store = s->suite->store;
  EXPECT(sj__store_attach(s->store, s->loop, &s->port) == SJ_OK);
  EXPECT_STATUS(get(s, key.bytes), SJ_OK);
}

static void refuses_another_realm(seat *s) {
  sj__store_options wrong = s->suite->options;
  wrong.realm = SJ__SLICE("another");
  expect_refused(s, &wrong);
}

static void refuses_another_keyring(seat *s) {
  sj__store_options wrong = s->suite->options;
  EXPECT(sj__keyring_generate(sj__wall_ms(), &wrong.keyring) == SJ_OK);
  expect_refused(s, &wrong);
  sj__keyring_unref(wrong.keyring);
}

/* The old key stays in a keyring that has grown. */
static void takes_a_rotated_keyring(seat *s) {
  const sj__keyring *present = s->suite->options.keyring;
  sj__key keys[2] = {*sj__keyring_at(present, 0)};
  keys[1] = keys[0];
  keys[1].kid++;
  keys[1].secret[0] ^= 1;
  sj__store_options grown = s->suite->options;
  sj_error error = {0};
  EXPECT(sj__keyring_new(keys, 2, &grown.keyring, &error) == SJ_OK);
  key16 key = create(s, NULL);
  EXPECT(close_and_open(s, &grown, &error) == SJ_OK);
  EXPECT_STATUS(get(s, key.bytes), SJ_OK);
  sj__keyring_unref(grown.keyring);
}

static void refuses_a_second_opening(seat *s) {
  sj__store *second = NULL;
  sj_error error = {0};
  EXPECT(s->suite->open(s->suite, s->suite->url, &second, &error) == SJ_BUSY);
  EXPECT(second == NULL && error.message[0] != '\0');
  EXPECT_STATUS(get(s, create(s, NULL).bytes), SJ_OK);
}

static void refuses_unknown_parameters(seat *s) {
  static const char *const bad[] = {"no_such=1", "max_size", "max_size=x", "max_size=1&max_size=2"};
  for (size_t i = 0; i < SJ__COUNT_OF(bad); i++) {
    char url[1024];
    sj__store *second = NULL;
    sj_error error = {0};
    const char *mark = strchr(s->suite->url, '?') != NULL ? "&" : "?";
    (void)snprintf(url, sizeof(url), "%s%s%s", s->suite->url, mark, bad[i]);
    EXPECT(s->suite->open(s->suite, url, &second, &error) == SJ_INVALID);
    EXPECT(second == NULL && error.status == SJ_INVALID && error.message[0] != '\0');
  }
}

const clause reopen_clauses[] = {
    {"reopen.keeps_what_was_acknowledged", keeps_what_was_acknowledged, NEEDS_REOPEN},
    {"reopen.keeps_marks_and_their_cursors", keeps_marks_and_their_cursors,
     NEEDS_REOPEN | NEEDS_MARKS},
    {"reopen.keeps_what_a_sweep_left", keeps_what_a_sweep_left, NEEDS_REOPEN | NEEDS_SWEEP},
    {"open.refuses_another_realm", refuses_another_realm, NEEDS_REOPEN},
    {"open.refuses_another_keyring", refuses_another_keyring, NEEDS_REOPEN},
    {"open.takes_a_rotated_keyring", takes_a_rotated_keyring, NEEDS_REOPEN},
    {"open.refuses_a_second_opening", refuses_a_second_opening, NEEDS_REOPEN},
    {"open.refuses_unknown_parameters", refuses_unknown_parameters, 0},
    {NULL, NULL, 0},
};
