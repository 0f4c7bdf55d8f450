/* The checker on histories made by hand: a sound one, and each kind of violation alone. */
#include <string.h>

#include "../unit/unit.h"

#include "base/alloc.h"
#include "checker.h"

#define A "AAAAAAAAAAAAAAAAAAAAAA"
#define B "BBBBBBBBBBBBBBBBBBBBBB"

static history h;

static int set_up(void **state) {
  history_init(&h);
  return 0;
}

static int tear_down(void **state) {
  history_release(&h);
  return 0;
}

/* One operation after the other; `sid` NULL: none presented, `result` NULL: none in the reply. */
static op *add(op_kind kind, unsigned client, const char *sid, uint64_t seen, const char *result,
               uint64_t version) {
  op each = {.kind = kind,
             .client = client,
             .lineage = 1,
             .subject = 0,
             .seen = seen,
             .is_newest = true,
             .status = SJ_OK};
  if (sid != NULL) memcpy(each.sid, sid, SID_TEXT);
  if (result != NULL) {
    memcpy(each.result, result, SID_TEXT);
    each.has_session = true;
    each.version = version;
  }
  each.has_committed = result != NULL && kind != OP_LOAD;
  size_t at = history_start(&h, &each, h.order);
  history_finish(&h, at, h.order);
  return &h.ops[at];
}

static op *write_as(op_kind kind, unsigned client, const char *sid, uint64_t seen,
                    const char *result, uint64_t version, uint32_t attempt) {
  op *each = add(kind, client, sid, seen, result, version);
  each->attempt = attempt;
  each->values[client] = attempt;
  return each;
}

static void list_one(const char *sid, bool is_final) {
  op *each = add(OP_LIST, 0, NULL, 0, NULL, 0);
  each->is_final = is_final;
  if (sid == NULL) return;
  each->listed = sj__calloc(1, sizeof(*each->listed));
  assert_non_null(each->listed);
  memcpy(each->listed[0], sid, SID_TEXT);
  each->listed_count = 1;
}

/* Exactly this kind, and no other. */
static void expect(violation_kind kind) {
  violations found = {.out = NULL};
  assert_false(history_check(&h, &found));
  for (int i = 0; i < VIOLATION_COUNT; i++) {
    if (i != (int)kind && found.counts[i] > 0) fail_msg("also %s", violation_name(i));
  }
  assert_true(found.counts[kind] > 0);
}

static void test_a_sound_history(void **state) {
  violations found = {.out = stdout};
  write_as(OP_CREATE, 0, NULL, 0, A, 1, 1);
  write_as(OP_PATCH, 0, A, 1, A, 2, 2);
  op *other = write_as(OP_PATCH, 1, A, 1, A, 3, 1);
  other->values[0] = 2;
  op *read = add(OP_LOAD, 0, A, 2, A, 3);
  read->values[0] = 2;
  read->values[1] = 1;
  op *rotated = write_as(OP_ROTATE, 0, A, 3, B, 4, 3);
  rotated->values[1] = 1;
  add(OP_LOAD, 1, A, 3, NULL, 0)->status = SJ_ENDED;
  list_one(B, true);
  add(OP_END, 0, B, 4, NULL, 0);
  list_one(NULL, true);
  assert_true(history_check(&h, &found));
}

static void test_read_your_writes(void **state) {
  add(OP_PATCH, 0, A, 1, A, 2);
  add(OP_LOAD, 0, A, 0, A, 1);
  expect(READ_YOUR_WRITES);
}

static void test_monotonic_reads(void **state) {
  add(OP_LOAD, 0, A, 1, A, 2);
  add(OP_LOAD, 0, A, 1, A, 1);
  expect(MONOTONIC_READS);
}

static void test_below_the_credential(void **state) {
  add(OP_LOAD, 0, A, 3, A, 2);
  expect(BELOW_CREDENTIAL);
}

static void test_stale_strong_read(void **state) {
  add(OP_PATCH, 0, A, 1, A, 2);
  add(OP_LOAD, 1, A, 1, A, 1)->is_strong = true;
  expect(STALE_STRONG_READ);
}

static void test_lost_update(void **state) {
  write_as(OP_PATCH, 0, A, 1, A, 2, 7);
  add(OP_LOAD, 1, A, 1, A, 3);
  expect(LOST_UPDATE);
}

static void test_double_commit(void **state) {
  op *first = add(OP_PATCH, 0, A, 1, A, 2);
  op *second = add(OP_PATCH, 1, A, 1, A, 2);
  assert_true(first != NULL && second != NULL);
  expect(DOUBLE_COMMIT);
}

static void test_diverged(void **state) {
  add(OP_LOAD, 0, A, 1, A, 2)->values[3] = 1;
  add(OP_LOAD, 1, A, 1, A, 2)->values[3] = 2;
  expect(DIVERGED);
}

static void test_phantom(void **state) {
  op *failed = add(OP_PATCH, 0, A, 1, NULL, 0);
  failed->status = SJ_CONTENDED;
  failed->attempt = 9;
  add(OP_LOAD, 1, A, 1, A, 2)->values[0] = 9;
  expect(PHANTOM);
}

static void test_what_may_have_happened_is_no_phantom(void **state) {
  violations found = {.out = stdout};
  op *failed = add(OP_PATCH, 0, A, 1, NULL, 0);
  failed->status = SJ_UNAVAILABLE;
  failed->may_have_happened = true;
  failed->attempt = 9;
  add(OP_LOAD, 1, A, 1, A, 2)->values[0] = 9;
  assert_true(history_check(&h, &found));
}

static void test_resurrection(void **state) {
  add(OP_END, 0, A, 1, NULL, 0);
  add(OP_LOAD, 1, A, 1, A, 1);
  expect(RESURRECTION);
}

static void test_resurrection_after_a_rotation(void **state) {
  add(OP_ROTATE, 0, A, 1, B, 2);
  add(OP_LOAD, 1, A, 1, A, 1);
  expect(RESURRECTION);
}

static void test_resurrection_in_a_list(void **state) {
  add(OP_LOAD, 0, A, 1, NULL, 0)->status = SJ_ENDED;
  list_one(A, false);
  expect(RESURRECTION);
}

static void test_resurrection_after_ending_all(void **state) {
  add(OP_CREATE, 0, NULL, 0, A, 1);
  add(OP_END_ALL, 1, NULL, 0, NULL, 0);
  add(OP_LOAD, 1, A, 1, A, 1);
  expect(RESURRECTION);
}

static void test_the_spared_one_lives(void **state) {
  violations found = {.out = stdout};
  add(OP_CREATE, 0, NULL, 0, A, 1);
  add(OP_END_ALL, 1, A, 0, NULL, 0);
  add(OP_LOAD, 1, A, 1, A, 1);
  assert_true(history_check(&h, &found));
}

static void test_within_the_bound_it_may_be_shown(void **state) {
  violations found = {.out = stdout};
  add(OP_END, 0, A, 1, NULL, 0);
  add(OP_LOAD, 1, A, 1, A, 1);
  h.bound_ms = 100;
  assert_true(history_check(&h, &found));
  h.ops[1].started_ms += 1000;
  expect(RESURRECTION);
}

static void test_lost_session(void **state) {
  add(OP_CREATE, 0, NULL, 0, A, 1);
  add(OP_LOAD, 0, A, 1, NULL, 0)->status = SJ_UNKNOWN;
  expect(LOST_SESSION);
}

static void test_unlisted(void **state) {
  add(OP_CREATE, 0, NULL, 0, A, 1);
  list_one(NULL, false);
  expect(UNLISTED);
}

static void test_orphan(void **state) {
  list_one(A, true);
  expect(ORPHAN);
}

static void test_over_the_limit(void **state) {
  h.max_sessions = 1;
  add(OP_CREATE, 0, NULL, 0, A, 1);
  add(OP_CREATE, 0, NULL, 0, B, 1)->lineage = 2;
  list_one(A, true);
  op *each = &h.ops[h.count - 1];
  each->listed = sj__realloc(each->listed, 2 * sizeof(*each->listed));
  assert_non_null(each->listed);
  memcpy(each->listed[1], B, SID_TEXT);
  each->listed_count = 2;
  expect(OVER_LIMIT);
}

static void test_unanswered(void **state) {
  add(OP_LOAD, 0, A, 1, A, 1)->finished = 0;
  expect(UNANSWERED);
}

static void test_the_hash_sees_everything(void **state) {
  op *each = add(OP_LOAD, 0, A, 1, A, 1);
  uint64_t hash = history_hash(&h);
  assert_int_equal(history_hash(&h), hash);
  each->version = 2;
  assert_int_not_equal(history_hash(&h), hash);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      CASE(test_a_sound_history),
      CASE(test_read_your_writes),
      CASE(test_monotonic_reads),
      CASE(test_below_the_credential),
      CASE(test_stale_strong_read),
      CASE(test_lost_update),
      CASE(test_double_commit),
      CASE(test_diverged),
      CASE(test_phantom),
      CASE(test_what_may_have_happened_is_no_phantom),
      CASE(test_resurrection),
      CASE(test_resurrection_after_a_rotation),
      CASE(test_resurrection_in_a_list),
      CASE(test_resurrection_after_ending_all),
      CASE(test_the_spared_one_lives),
      CASE(test_within_the_bound_it_may_be_shown),
      CASE(test_lost_session),
      CASE(test_unlisted),
      CASE(test_orphan),
      CASE(test_over_the_limit),
      CASE(test_unanswered),
      CASE(test_the_hash_sees_everything),
  };
  return cmocka_run_group_tests_name("checker", tests, NULL, NULL);
}
