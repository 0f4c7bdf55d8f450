/*
 * Where ids and secrets come from: getrandom(2) in every mood, and a million
 * ids looked at as numbers (ASVS 11.5.1, NIST SP 800-22 2.1 and 2.3). The
 * linker leads getrandom here (--wrap).
 */
#include "../unit.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <sys/types.h>

#include "base/alloc.h"
#include "base/random.h"
#include "crypto/keyring.h"
#include "crypto/vault.h"

typedef enum mood { AS_IT_IS, INTERRUPTED, SHORT, REFUSED, EMPTY, FAILS_LATER } mood;
static mood source;
static unsigned calls;

ssize_t __real_getrandom(void *out, size_t size, unsigned flags);
ssize_t __wrap_getrandom(void *out, size_t size, unsigned flags);

ssize_t __wrap_getrandom(void *out, size_t size, unsigned flags) {
  assert_int_equal(flags, 0); /* it blocks until the pool is ready, and is not /dev/random */
  calls++;
  switch (source) {
    case INTERRUPTED:
      if (calls % 2 != 0) {
        errno = EINTR;
        return -1;
      }
      break;
    case SHORT:
      return __real_getrandom(out, size > 3 ? 3 : size, flags);
    case FAILS_LATER:
      if (calls == 1) return __real_getrandom(out, size / 2, flags);
      errno = EAGAIN;
      return -1;
    case REFUSED:
      errno = ENOSYS;
      return -1;
    case EMPTY:
      return 0;
    case AS_IT_IS:
      break;
  }
  return __real_getrandom(out, size, flags);
}

static void set_mood(mood wanted) {
  source = wanted;
  calls = 0;
}

static void interrupted_and_short_reads_go_on(void **state) {
  uint8_t bytes[64];
  for (int i = INTERRUPTED; i <= SHORT; i++) {
    set_mood((mood)i);
    memset(bytes, 0, sizeof(bytes));
    assert_ok(sj__random(bytes, sizeof(bytes)));
    size_t zeros = 0;
    for (size_t j = 0; j < sizeof(bytes); j++) zeros += bytes[j] == 0;
    assert_true(zeros < 16);
    assert_int_equal(calls, i == SHORT ? 22 : 2);
  }
  set_mood(AS_IT_IS);
}

/* No fall-back: who needs random bytes fails, and what was drawn before it is gone. */
static void a_failing_source_is_never_replaced(void **state) {
  sj__keyring *keyring = NULL;
  sj__vault *vault = NULL;
  uint8_t bytes[64], zeros[64] = {0}, sealed[4 + SJ__SEAL_OVERHEAD], id[SJ__ID_SIZE] = {0};
  assert_ok(sj__keyring_generate(0, &keyring));
  assert_ok(sj__vault_new(keyring, SJ__SLICE("realm"), &vault));
  for (int i = REFUSED; i <= FAILS_LATER; i++) {
    sj__keyring *none = NULL;
    set_mood((mood)i);
    memset(bytes, 0xee, sizeof(bytes));
    assert_int_equal(sj__random(bytes, sizeof(bytes)), SJ_NO_ENTROPY);
    assert_memory_equal(bytes, zeros, sizeof(bytes));
    calls = 0;
    assert_int_equal(sj__keyring_generate(0, &none), SJ_NO_ENTROPY);
    assert_null(none);
    calls = 0;
    assert_int_equal(
        sj__vault_seal(vault, 1, 0, SJ__PART_DATA, bytes, id, NULL, 0, SJ__SLICE("data"), sealed),
        SJ_NO_ENTROPY);
  }
  set_mood(AS_IT_IS);
  sj__vault_free(vault);
  sj__keyring_unref(keyring);
}

/* --- Drawn ahead ---------------------------------------------------------------------------- */

static void what_is_drawn_ahead_takes_one_call_and_is_given_out_once(void **state) {
  uint8_t first[8], second[12], third[12], zeros[12] = {0};
  set_mood(AS_IT_IS);
  sj__random_ahead(sizeof(first) + sizeof(second));
  assert_ok(sj__random(first, sizeof(first)));
  assert_ok(sj__random(second, sizeof(second)));
  assert_int_equal(calls, 1);
  assert_memory_not_equal(first, zeros, sizeof(first));
  assert_memory_not_equal(second, zeros, sizeof(second));
  assert_memory_not_equal(first, second, sizeof(first));
  assert_ok(sj__random(third, sizeof(third))); /* nothing is left: from the source again */
  assert_int_equal(calls, 2);
  assert_memory_not_equal(second, third, sizeof(third));
}

static void what_is_left_is_forgotten_and_too_little_is_not_used(void **state) {
  uint8_t bytes[16];
  set_mood(AS_IT_IS);
  sj__random_ahead(sizeof(bytes) - 1);
  sj__random_ahead(sizeof(bytes) - 1); /* so much is there */
  assert_int_equal(calls, 1);
  assert_ok(sj__random(bytes, sizeof(bytes)));
  assert_int_equal(calls, 2);
  sj__random_forget();
  assert_ok(sj__random(bytes, 1));
  assert_int_equal(calls, 3);
}

static void a_source_that_fails_ahead_fails_the_calls_too(void **state) {
  uint8_t bytes[8], zeros[8] = {0};
  for (int i = REFUSED; i <= FAILS_LATER; i++) {
    set_mood((mood)i);
    sj__random_ahead(sizeof(bytes));
    set_mood(REFUSED);
    memset(bytes, 0xee, sizeof(bytes));
    assert_int_equal(sj__random(bytes, sizeof(bytes)), SJ_NO_ENTROPY);
    assert_memory_equal(bytes, zeros, sizeof(bytes));
    sj__random_forget();
  }
  set_mood(AS_IT_IS);
}

/* --- A million ids ------------------------------------------------------------------------- */

#define IDS  1000000
#define BITS ((double)IDS * SJ__ID_SIZE * 8)

static int set_up_ids(void **state) {
  uint8_t *ids = malloc((size_t)IDS * SJ__ID_SIZE);
  if (ids == NULL) return -1;
  for (size_t i = 0; i < IDS; i++) {
    if (sj__random(ids + i * SJ__ID_SIZE, SJ__ID_SIZE) != SJ_OK) return -1;
  }
  *state = ids;
  return 0;
}

static int tear_down_ids(void **state) {
  free(*state);
  return 0;
}

static int compare_ids(const void *a, const void *b) {
  return memcmp(a, b, SJ__ID_SIZE);
}

/* z > 6: once in 500 million runs by chance, always when a bit sticks. */
static void assert_plausible(double z) {
  assert_true(fabs(z) < 6);
}

/* SP 800-22 2.1: as many ones as zeros; over all, and at each of the 160 places. */
static void ones_and_zeros_are_even(void **state) {
  const uint8_t *ids = *state;
  static long ones[SJ__ID_SIZE * 8];
  long total = 0;
  for (size_t i = 0; i < IDS; i++) {
    for (size_t at = 0; at < SJ__ID_SIZE; at++) {
      uint8_t byte = ids[i * SJ__ID_SIZE + at];
      for (size_t bit = 0; bit < 8; bit++) ones[at * 8 + bit] += byte >> bit & 1;
      total += __builtin_popcount(byte);
    }
  }
  assert_plausible((2 * (double)total - BITS) / sqrt(BITS));
  for (size_t i = 0; i < SJ__COUNT_OF(ones); i++) {
    assert_plausible((2 * (double)ones[i] - IDS) / sqrt(IDS));
  }
}

/* SP 800-22 2.3: runs of equal bits are as many as chance makes them, (n + 1) / 2. */
static void runs_are_as_many_as_chance_makes(void **state) {
  const uint8_t *ids = *state;
  size_t size = (size_t)IDS * SJ__ID_SIZE;
  long changes = 0;
  unsigned last = ids[0] & 1;
  for (size_t i = 0; i < size; i++) {
    unsigned window = (unsigned)ids[i] << 1 | last; /* bits 1 to 8: the byte, after the last bit */
    changes += __builtin_popcount((window ^ window >> 1) & 0xff);
    last = ids[i] >> 7;
  }
  assert_plausible((2 * (double)changes - (BITS - 1)) / sqrt(BITS - 1));
}

/* Every value of a byte is met equally often: chi-square with 255 degrees of freedom. */
static void bytes_are_even(void **state) {
  const uint8_t *ids = *state;
  size_t size = (size_t)IDS * SJ__ID_SIZE;
  static long counts[256];
  double expected = (double)size / 256, sum = 0;
  for (size_t i = 0; i < size; i++) counts[ids[i]]++;
  for (size_t i = 0; i < 256; i++) {
    double off = (double)counts[i] - expected;
    sum += off * off / expected;
  }
  assert_plausible((sum - 255) / sqrt(2 * 255));
}

static void no_id_and_no_key_comes_twice(void **state) {
  uint8_t *ids = *state;
  qsort(ids, IDS, SJ__ID_SIZE, compare_ids);
  for (size_t i = 1; i < IDS; i++) {
    assert_true(compare_ids(ids + (i - 1) * SJ__ID_SIZE, ids + i * SJ__ID_SIZE) < 0);
  }
}

int main(void) {
  const struct CMUnitTest moods[] = {
      cmocka_unit_test(interrupted_and_short_reads_go_on),
      cmocka_unit_test(a_failing_source_is_never_replaced),
      cmocka_unit_test(what_is_drawn_ahead_takes_one_call_and_is_given_out_once),
      cmocka_unit_test(what_is_left_is_forgotten_and_too_little_is_not_used),
      cmocka_unit_test(a_source_that_fails_ahead_fails_the_calls_too),
  };
  const struct CMUnitTest million[] = {
      cmocka_unit_test(ones_and_zeros_are_even),
      cmocka_unit_test(runs_are_as_many_as_chance_makes),
      cmocka_unit_test(bytes_are_even),
      cmocka_unit_test(no_id_and_no_key_comes_twice),
  };
  return cmocka_run_group_tests(moods, NULL, NULL) +
         cmocka_run_group_tests(million, set_up_ids, tear_down_ids);
}
