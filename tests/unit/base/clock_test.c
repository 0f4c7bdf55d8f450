/* Clock and random: what the world tells us, and what tests tell us instead. */
#include "../unit.h"

#include "base/clock.h"
#include "base/random.h"

static int64_t fixed_wall(void *context) {
  return *(int64_t *)context;
}

static uint64_t fixed_monotonic(void *context) {
  return 5999999;
}

static void clocks_can_be_replaced_and_put_back(void **state) {
  int64_t moment = -7;
  const sj__clock clock = {fixed_wall, fixed_monotonic, &moment};
  sj__clock_install(&clock);
  assert_int_equal(sj__wall_ms(), -7);
  assert_int_equal(sj__monotonic_ns(), 5999999);
  assert_int_equal(sj__monotonic_ms(), 5);
  sj__clock_install(NULL);
  assert_true(sj__wall_ms() > INT64_C(1700000000000));
  uint64_t before = sj__monotonic_ns();
  assert_true(sj__monotonic_ns() >= before);
}

static void random_bytes_fill_the_whole_run(void **state) {
  uint8_t bytes[1000];
  bool touched[sizeof(bytes)] = {false};
  for (int round = 0; round < 20; round++) {
    memset(bytes, 0, sizeof(bytes));
    assert_ok(sj__random(bytes, sizeof(bytes)));
    for (size_t i = 0; i < sizeof(bytes); i++) touched[i] = touched[i] || bytes[i] != 0;
  }
  for (size_t i = 0; i < sizeof(bytes); i++) assert_true(touched[i]);
  assert_ok(sj__random(bytes, 0));
}

static sj_status half_then_fail(void *context, void *out, size_t size) {
  memset(out, 'h', size / 2);
  return SJ_IO;
}

static void a_failing_source_leaves_nothing_that_looks_random(void **state) {
  uint8_t bytes[32];
  static const uint8_t zeros[32];
  memset(bytes, 'x', sizeof(bytes));
  sj__random_install(half_then_fail, NULL);
  assert_int_equal(sj__random(bytes, sizeof(bytes)), SJ_NO_ENTROPY);
  assert_memory_equal(bytes, zeros, sizeof(bytes));
  assert_int_equal(sj__random_below(100), 0);
  sj__random_install(NULL, NULL);
}

typedef struct script {
  const uint64_t *values;
  size_t at;
} script;

static sj_status scripted(void *context, void *out, size_t size) {
  script *self = context;
  memcpy(out, &self->values[self->at++], size);
  return SJ_OK;
}

/* 2^64 mod 3 is 1: the value 0 must be drawn again, or 0 would be likelier than 2. */
static void bounded_values_are_not_biased(void **state) {
  static const uint64_t values[] = {0, 1, 2, 3, UINT64_MAX};
  script self = {values, 0};
  sj__random_install(scripted, &self);
  assert_int_equal(sj__random_below(3), 1);
  assert_int_equal(self.at, 2);
  assert_int_equal(sj__random_below(3), 2);
  assert_int_equal(sj__random_below(3), 0);
  assert_int_equal(sj__random_below(1), 0);
  sj__random_install(NULL, NULL);
  bool seen[10] = {false};
  for (int i = 0; i < 1000; i++) {
    uint64_t value = sj__random_below(10);
    assert_in_range(value, 0, 9);
    seen[value] = true;
  }
  for (int i = 0; i < 10; i++) assert_true(seen[i]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(clocks_can_be_replaced_and_put_back),
      cmocka_unit_test(random_bytes_fill_the_whole_run),
      cmocka_unit_test(a_failing_source_leaves_nothing_that_looks_random),
      cmocka_unit_test(bounded_values_are_not_biased),
  };
  return cmocka_run_group_tests_name("unit/base/clock", tests, NULL, NULL);
}
