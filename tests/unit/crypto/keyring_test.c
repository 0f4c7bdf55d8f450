/* The keyring: what it takes, the states of its keys over time, and how it ends. */
#include "../unit.h"

#include <pthread.h>

#include "../../kit/aborts.h"
#include "../../kit/failing_allocator.h"
#include "../../kit/watching_allocator.h"
#include "base/random.h"
#include "crypto/keyring.h"

#define T0 1790000000000

static sj__key make_key(uint8_t kid, int64_t activates_ms) {
  sj__key key = {.kid = kid, .activates_ms = activates_ms};
  memset(key.secret, kid, sizeof(key.secret));
  key.secret[0] = 0xA5;
  return key;
}

static sj__key make_retired(uint8_t kid, int64_t activates_ms) {
  sj__key key = make_key(kid, activates_ms);
  key.retired = true;
  return key;
}

static sj__keyring *make_ring(const sj__key *keys, size_t count) {
  sj__keyring *keyring = NULL;
  assert_ok(sj__keyring_new(keys, count, &keyring, NULL));
  return keyring;
}

/* --- What it takes ------------------------------------------------------------------- */

static void assert_refused(const sj__key *keys, size_t count, const char *why) {
  sj__keyring *keyring = NULL;
  sj_error error = {0};
  assert_int_equal(sj__keyring_new(keys, count, &keyring, &error), SJ_INVALID);
  assert_int_equal(error.status, SJ_INVALID);
  assert_string_equal(error.message, why);
  assert_null(keyring);
  assert_int_equal(sj__keyring_new(keys, count, &keyring, NULL), SJ_INVALID);
}

static void impossible_rings_are_refused_by_name(void **state) {
  sj__key same_secret[] = {make_key(3, T0), make_key(9, T0)};
  memcpy(same_secret[1].secret, same_secret[0].secret, SJ__KEY_SECRET_SIZE);
  assert_refused(same_secret, 2, "kids 3 and 9 have the same secret");
  assert_refused(NULL, 0, "a keyring needs at least one key");
  assert_refused((sj__key[]){make_key(0, T0)}, 1, "kid 0 is reserved; use 1 to 255");
  assert_refused((sj__key[]){make_key(7, T0), make_key(8, T0), make_key(7, T0)}, 3,
                 "kid 7 is there twice");
  assert_refused((sj__key[]){make_retired(1, T0), make_retired(2, T0)}, 2,
                 "every key is retired; one must be published");
  static sj__key many[256];
  for (size_t i = 0; i < 256; i++) many[i] = make_key((uint8_t)i, T0);
  assert_refused(many, 256, "a keyring holds at most 255 keys");
}

static void keys_are_kept_by_kid(void **state) {
  sj__key keys[SJ__KEYS_MAX];
  for (size_t i = 0; i < SJ__KEYS_MAX; i++) {
    keys[i] = make_key((uint8_t)(1 + (i * 101) % SJ__KEYS_MAX), T0 + (int64_t)i);
  }
  sj__keyring *keyring = make_ring(keys, SJ__KEYS_MAX);
  assert_int_equal(sj__keyring_count(keyring), SJ__KEYS_MAX);
  for (unsigned kid = 1; kid <= SJ__KEYS_MAX; kid++) {
    const sj__key *key = sj__keyring_find(keyring, (uint8_t)kid);
    assert_ptr_equal(key, sj__keyring_at(keyring, kid - 1));
    assert_int_equal(key->kid, kid);
    assert_int_equal(key->secret[1], kid);
  }
  assert_null(sj__keyring_find(keyring, 0));
  sj__keyring_unref(keyring);
}

static sj__keyring *short_ring;

static void look_beyond_the_end(void) {
  (void)sj__keyring_at(short_ring, sj__keyring_count(short_ring));
}

static void there_is_no_key_beyond_the_last(void **state) {
  sj__key key = make_key(1, T0);
  short_ring = make_ring(&key, 1);
  assert_true(aborts(look_beyond_the_end));
  sj__keyring_unref(short_ring);
}

/* --- States ------------------------------------------------------------------------------ */

static void a_published_key_takes_over_when_its_moment_comes(void **state) {
  const sj__key keys[] = {make_key(5, T0), make_key(2, T0 + 1000), make_retired(9, T0 - 1000)};
  sj__keyring *keyring = make_ring(keys, 3);
  static const struct {
    int64_t at_ms;
    uint8_t active;
    sj__key_state of_5, of_2;
  } moments[] = {
      {INT64_MIN, 5, SJ__KEY_ACTIVE, SJ__KEY_PUBLISHED}, /* before any: the first to come */
      {T0 - 1, 5, SJ__KEY_ACTIVE, SJ__KEY_PUBLISHED},
      {T0, 5, SJ__KEY_ACTIVE, SJ__KEY_PUBLISHED},
      {T0 + 999, 5, SJ__KEY_ACTIVE, SJ__KEY_PUBLISHED},
      {T0 + 1000, 2, SJ__KEY_PUBLISHED, SJ__KEY_ACTIVE},
      {INT64_MAX, 2, SJ__KEY_PUBLISHED, SJ__KEY_ACTIVE},
  };
  for (size_t i = 0; i < SJ__COUNT_OF(moments); i++) {
    assert_int_equal(sj__keyring_active(keyring, moments[i].at_ms), moments[i].active);
    assert_int_equal(sj__keyring_state(keyring, 5, moments[i].at_ms), moments[i].of_5);
    assert_int_equal(sj__keyring_state(keyring, 2, moments[i].at_ms), moments[i].of_2);
    assert_int_equal(sj__keyring_state(keyring, 9, moments[i].at_ms), SJ__KEY_RETIRED);
    assert_int_equal(sj__keyring_state(keyring, 1, moments[i].at_ms), SJ__KEY_UNKNOWN);
    assert_int_equal(sj__keyring_state(keyring, 0, moments[i].at_ms), SJ__KEY_UNKNOWN);
  }
  sj__keyring_unref(keyring);
}

/* Retired or not, in any order, at any moment: one key is active, and it is not a retired one. */
static void at_every_moment_one_key_is_active(void **state) {
  uint64_t seed = 1;
  for (int round = 0; round < 500; round++) {
    sj__key keys[12];
    size_t count = 1 + (size_t)round % SJ__COUNT_OF(keys);
    for (size_t i = 0; i < count; i++) {
      seed = seed * 6364136223846793005u + 1442695040888963407u;
      keys[i] = make_key((uint8_t)(i * 20 + 1 + (seed >> 60)), T0 + (int64_t)(seed >> 33) % 8);
      keys[i].retired = i > 0 && (seed >> 40) % 3 == 0;
    }
    sj__keyring *keyring = make_ring(keys, count);
    for (int64_t now_ms = T0 - 1; now_ms < T0 + 9; now_ms++) {
      size_t active = 0;
      for (size_t i = 0; i < count; i++) {
        sj__key_state found = sj__keyring_state(keyring, keys[i].kid, now_ms);
        assert_int_equal(found == SJ__KEY_RETIRED, keys[i].retired);
        active += found == SJ__KEY_ACTIVE;
      }
      assert_int_equal(active, 1);
    }
    sj__keyring_unref(keyring);
  }
}

static void of_equal_moments_the_greater_kid_is_active(void **state) {
  const sj__key keys[] = {make_key(4, T0), make_key(200, T0), make_retired(255, T0),
                          make_key(17, T0)};
  sj__keyring *keyring = make_ring(keys, 4);
  assert_int_equal(sj__keyring_active(keyring, T0), 200);
  assert_int_equal(sj__keyring_active(keyring, T0 - 1), 200);
  sj__keyring_unref(keyring);
}

/* --- Fingerprints ---------------------------------------------------------------------------- */

static void fingerprints_follow_the_secret_alone(void **state) {
  uint8_t first[SJ__KEY_FINGERPRINT_SIZE], other[SJ__KEY_FINGERPRINT_SIZE];
  sj__key key = make_key(1, T0);
  sj__key_fingerprint(&key, first);
  key.kid = 2;
  key.retired = true;
  key.activates_ms++;
  sj__key_fingerprint(&key, other);
  assert_memory_equal(first, other, sizeof(first));
  for (size_t bit = 0; bit < 8 * SJ__KEY_SECRET_SIZE; bit++) {
    sj__key changed = key;
    changed.secret[bit / 8] ^= (uint8_t)(1u << bit % 8);
    sj__key_fingerprint(&changed, other);
    assert_memory_not_equal(first, other, sizeof(first));
    assert_null(memmem(changed.secret, SJ__KEY_SECRET_SIZE, other, 4));
  }
}

/* --- Making one, and its end --------------------------------------------------------- */

static void a_generated_ring_has_one_active_key(void **state) {
  sj__keyring *first = NULL, *second = NULL;
  assert_ok(sj__keyring_generate(T0, &first));
  assert_ok(sj__keyring_generate(T0, &second));
  assert_int_equal(sj__keyring_count(first), 1);
  assert_int_equal(sj__keyring_active(first, T0), 1);
  assert_int_equal(sj__keyring_at(first, 0)->activates_ms, T0);
  assert_memory_not_equal(sj__keyring_at(first, 0)->secret, sj__keyring_at(second, 0)->secret,
                          SJ__KEY_SECRET_SIZE);
  sj__keyring_unref(first);
  sj__keyring_unref(second);
}

/* Fills what it can and says that it failed: half a secret must not be taken for one. */
static sj_status fail_half_way(void *context, void *out, size_t size) {
  memset(out, 0x77, size / 2);
  return SJ_IO;
}

static void without_entropy_there_is_no_keyring(void **state) {
  sj__keyring *keyring = NULL;
  sj__random_install(fail_half_way, NULL);
  assert_int_equal(sj__keyring_generate(T0, &keyring), SJ_NO_ENTROPY);
  sj__random_install(NULL, NULL);
  assert_null(keyring);
}

static void without_memory_there_is_no_keyring(void **state) {
  sj__key key = make_key(1, T0);
  sj__keyring *keyring = NULL;
  sj_error error = {0};
  fail_allocations_from(0);
  assert_int_equal(sj__keyring_new(&key, 1, &keyring, &error), SJ_NO_MEMORY);
  assert_int_equal(error.status, SJ_NO_MEMORY);
  assert_int_equal(sj__keyring_generate(T0, &keyring), SJ_NO_MEMORY);
  fail_no_allocations();
  assert_null(keyring);
}

static void *take_and_give_back(void *keyring) {
  for (int i = 0; i < 20000; i++) sj__keyring_unref(sj__keyring_ref(keyring));
  sj__keyring_unref(keyring);
  return NULL;
}

static void it_lives_until_the_last_of_its_holders(void **state) {
  size_t live = live_allocations();
  sj__key key = make_key(1, T0);
  sj__keyring *keyring = make_ring(&key, 1);
  pthread_t threads[4];
  for (size_t i = 0; i < SJ__COUNT_OF(threads); i++) {
    assert_int_equal(
        pthread_create(&threads[i], NULL, take_and_give_back, sj__keyring_ref(keyring)), 0);
  }
  for (size_t i = 0; i < SJ__COUNT_OF(threads); i++) pthread_join(threads[i], NULL);
  assert_int_equal(sj__keyring_find(keyring, 1)->kid, 1);
  sj__keyring_unref(keyring);
  sj__keyring_unref(NULL);
  assert_int_equal(live_allocations(), live);
}

static void secrets_are_wiped_with_it(void **state) {
  const sj__key keys[] = {make_key(1, T0), make_key(2, T0), make_retired(3, T0)};
  install_watching_allocator();
  watch_nothing();
  for (size_t i = 0; i < 3; i++) watch_secret(keys[i].secret, SJ__KEY_SECRET_SIZE);
  sj__keyring *keyring = make_ring(keys, 3);
  sj__keyring *second = sj__keyring_ref(keyring);
  sj__keyring_unref(keyring);
  assert_int_equal(blocks_watched(), 0);
  assert_memory_equal(sj__keyring_at(second, 2)->secret, keys[2].secret, SJ__KEY_SECRET_SIZE);
  sj__keyring_unref(second);
  assert_int_equal(blocks_watched(), 1);
  assert_int_equal(secrets_left_behind(), 0);
  /* The watch itself: a block freed as it is shows its secret. */
  sj__free(sj__memdup(keys[0].secret, SJ__KEY_SECRET_SIZE));
  assert_int_equal(secrets_left_behind(), 1);
  install_failing_allocator();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(impossible_rings_are_refused_by_name),
      cmocka_unit_test(keys_are_kept_by_kid),
      cmocka_unit_test(there_is_no_key_beyond_the_last),
      cmocka_unit_test(a_published_key_takes_over_when_its_moment_comes),
      cmocka_unit_test(at_every_moment_one_key_is_active),
      cmocka_unit_test(of_equal_moments_the_greater_kid_is_active),
      cmocka_unit_test(fingerprints_follow_the_secret_alone),
      cmocka_unit_test(a_generated_ring_has_one_active_key),
      cmocka_unit_test(without_entropy_there_is_no_keyring),
      cmocka_unit_test(without_memory_there_is_no_keyring),
      cmocka_unit_test(it_lives_until_the_last_of_its_holders),
      cmocka_unit_test(secrets_are_wiped_with_it),
  };
  install_failing_allocator();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
