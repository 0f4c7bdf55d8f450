/* The live marks of a process: what they name, and that repeating one costs nothing. */
#include "../unit.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/thread.h"
#include "session/mark_set.h"

static sj__mark_set *set;
static size_t blocks; /* of memory that the set has taken for its marks */

static void *counting_malloc(void *context, size_t size) {
  blocks++;
  return malloc(size);
}

static void *plain_realloc(void *context, void *memory, size_t size) {
  return realloc(memory, size);
}

static void plain_free(void *context, void *memory) {
  free(memory);
}

static int set_up(void **state) {
  static const sj__allocator counting = {counting_malloc, plain_realloc, plain_free, NULL};
  sj__allocator_install(&counting);
  set = sj__mark_set_new();
  blocks = 0;
  return set != NULL ? 0 : -1;
}

static int tear_down(void **state) {
  sj__mark_set_free(set);
  sj__allocator_install(NULL);
  return 0;
}

static sj__mark subject_mark(uint8_t subject, int64_t moment_ms) {
  sj__mark mark = {.kid = 1, .scope = SJ__MARK_SUBJECT, .moment_ms = moment_ms, .until_ms = 1};
  memset(mark.value, subject, sizeof mark.value);
  return mark;
}

static sj__mark sparing(uint8_t family, sj__mark mark) {
  mark.has_except = true;
  memset(mark.except, family, sizeof mark.except);
  return mark;
}

static void add(sj__mark mark) {
  assert_ok(sj__mark_set_add(set, &mark));
}

static bool names(uint8_t subject, uint8_t family, int64_t created_ms) {
  sj__record record = {.kid = 1, .has_subject = true, .created_at_ms = created_ms};
  memset(record.key, 0xee, sizeof record.key);
  memset(record.subject_tag, subject, sizeof record.subject_tag);
  memset(record.family, family, sizeof record.family);
  return sj__mark_set_names(set, &record);
}

static void test_names_what_was_made_before(void **state) {
  assert_false(names(7, 1, 0));
  assert_int_equal(sj__mark_set_newest_ms(set), INT64_MIN);
  add(subject_mark(7, 100));
  assert_true(names(7, 1, 100));
  assert_false(names(7, 1, 101));
  assert_false(names(8, 1, 100));
  assert_int_equal(sj__mark_set_newest_ms(set), 100);
}

/* Who signs out everywhere again and again must not make every later look-up longer. */
static void test_a_later_mark_takes_the_place_of_the_earlier(void **state) {
  for (int64_t moment_ms = 1; moment_ms <= 10000; moment_ms++) {
    add(subject_mark(7, moment_ms));
    add((sj__mark){.kid = 1, .scope = SJ__MARK_REALM, .moment_ms = moment_ms - 1000});
  }
  assert_int_equal(blocks, 2);
  assert_true(names(7, 1, 10000));
  assert_false(names(7, 1, 10001));
  assert_true(names(8, 1, 9000));
  assert_false(names(8, 1, 9001));
  assert_int_equal(sj__mark_set_newest_ms(set), 10000);
}

static void test_an_earlier_mark_changes_nothing(void **state) {
  add(subject_mark(7, 100));
  add(subject_mark(7, 50));
  add(sparing(1, subject_mark(7, 100)));
  assert_int_equal(blocks, 1);
  assert_true(names(7, 1, 100));
  assert_int_equal(sj__mark_set_newest_ms(set), 100);
}

/* One that spares a family is no word about it, however late. */
static void test_those_that_spare_stay_apart(void **state) {
  add(subject_mark(7, 100));
  add(sparing(1, subject_mark(7, 200)));
  add(sparing(2, subject_mark(7, 300)));
  add(sparing(1, subject_mark(7, 400)));
  assert_int_equal(blocks, 3);
  assert_true(names(7, 1, 300));
  assert_false(names(7, 1, 301));
  assert_true(names(7, 2, 400));
  assert_true(names(7, 3, 400));
  assert_false(names(7, 3, 401));
}

static void test_keys_and_scopes_stay_apart(void **state) {
  sj__mark of_key_2 = subject_mark(7, 300);
  sj__mark of_client = subject_mark(7, 400);
  of_key_2.kid = 2;
  of_client.scope = SJ__MARK_CLIENT;
  add(subject_mark(7, 100));
  add(of_key_2);
  add(of_client);
  assert_int_equal(blocks, 3);
  assert_true(names(7, 1, 100));
  assert_false(names(7, 1, 101));
}

/* What was named stays named, whoever adds meanwhile. */
static void read_meanwhile(void *argument) {
  bool *stayed = argument;
  *stayed = true;
  while (sj__mark_set_newest_ms(set) < 20000) *stayed = *stayed && names(7, 1, 1);
}

static void test_read_while_it_is_written(void **state) {
  sj__thread reader;
  bool stayed = false;
  add(subject_mark(7, 1));
  assert_ok(sj__thread_start(&reader, "reader", read_meanwhile, &stayed));
  for (int64_t moment_ms = 2; moment_ms <= 20000; moment_ms++) add(subject_mark(7, moment_ms));
  sj__thread_join(reader);
  assert_true(stayed);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      CASE(test_names_what_was_made_before),
      CASE(test_a_later_mark_takes_the_place_of_the_earlier),
      CASE(test_an_earlier_mark_changes_nothing),
      CASE(test_those_that_spare_stay_apart),
      CASE(test_keys_and_scopes_stay_apart),
      CASE(test_read_while_it_is_written),
  };
  return cmocka_run_group_tests_name("mark_set", tests, NULL, NULL);
}
