/* The handle: one text a handle, verified whole, and every other text refused. */
#include "../unit.h"

#include "../../kit/failing_allocator.h"
#include "codec/base64url.h"
#include "codec/handle.h"
#include "vaults.h"

static const sj__handle sample = {
    .kid = KID_ACTIVE,
    .region = 3,
    .kind = SJ__HANDLE_COOKIE,
    .id = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20},
    .counter = 300,
    .fork = {0xde, 0xad, 0xbe, 0xef},
};

static sj_slice encode(sj__vault *vault, const sj__handle *handle, char out[SJ__HANDLE_TEXT_MAX]) {
  size_t size = 0;
  assert_ok(sj__handle_encode(vault, NOW_MS, handle, out, &size));
  assert_true(size <= SJ__HANDLE_TEXT_MAX);
  return sj__slice(out, size);
}

static void assert_same(const sj__handle *a, const sj__handle *b) {
  assert_int_equal(a->kid, b->kid);
  assert_int_equal(a->region, b->region);
  assert_int_equal(a->kind, b->kind);
  assert_memory_equal(a->id, b->id, SJ__ID_SIZE);
  assert_true(a->counter == b->counter);
  assert_memory_equal(a->fork, b->fork, sizeof(a->fork));
}

/* The refusal is the one expected, and no id is let out with it. */
static void assert_refused(sj__vault *vault, sj_slice text, sj_status expected) {
  static const sj__handle nothing;
  sj__handle handle;
  memset(&handle, 0xee, sizeof(handle));
  assert_int_equal(sj__handle_decode(vault, NOW_MS, text, &handle), expected);
  assert_memory_equal(&handle, &nothing, sizeof(handle));
}

/* --- Both ways -------------------------------------------------------------------------- */

static void the_bounds_are_those_of_the_format(void **state) {
  static const struct {
    uint64_t counter;
    size_t bytes;
  } sizes[] = {{0, 45},
               {1, 45},
               {127, 45},
               {128, 46},
               {16383, 46},
               {16384, 47},
               {UINT64_MAX / 2, 53},
               {UINT64_MAX, 54},
               {1ull << 63, 54},
               {1ull << 40, 50}};
  for (size_t i = 0; i < SJ__COUNT_OF(sizes); i++) {
    char text[SJ__HANDLE_TEXT_MAX];
    sj__handle handle = sample, again;
    handle.counter = sizes[i].counter;
    sj_slice encoded = encode(*state, &handle, text);
    assert_int_equal(encoded.size, SJ__BASE64URL_SIZE(sizes[i].bytes));
    assert_ok(sj__handle_decode(*state, NOW_MS, encoded, &again));
    assert_same(&handle, &again);
  }
  assert_int_equal(SJ__BASE64URL_SIZE(SJ__HANDLE_BYTES_MAX), SJ__HANDLE_TEXT_MAX);
}

static void what_a_seed_draws_comes_back(void **state) {
  static const uint8_t kids[] = {KID_ACTIVE, KID_COMING};
  uint64_t seed = 20;
  for (int i = 0; i < 2000; i++) {
    char text[SJ__HANDLE_TEXT_MAX], second[SJ__HANDLE_TEXT_MAX];
    sj__handle handle, again;
    draw_bytes(&seed, &handle, sizeof(handle));
    handle.kid = kids[draw(&seed) % 2];
    handle.kind = draw(&seed) % 2 == 0 ? SJ__HANDLE_COOKIE : SJ__HANDLE_REFRESH;
    handle.counter = draw(&seed) >> draw(&seed) % 64;
    sj_slice encoded = encode(*state, &handle, text);
    assert_ok(sj__handle_decode(*state, NOW_MS, encoded, &again));
    assert_same(&handle, &again);
    assert_true(sj__slice_equal(encode(*state, &again, second), encoded));
  }
}

/* --- Changed texts ------------------------------------------------------------------------ */

static void every_truncation_and_every_tail_is_refused(void **state) {
  char text[SJ__HANDLE_TEXT_MAX + 40], handle[SJ__HANDLE_TEXT_MAX];
  sj_slice good = encode(*state, &sample, handle);
  memset(text, 'A', sizeof(text));
  memcpy(text, good.data, good.size);
  for (size_t size = 0; size < sizeof(text); size++) {
    if (size != good.size) assert_refused(*state, sj__slice(text, size), SJ_BAD_CREDENTIAL);
    if (size > 0) assert_refused(*state, sj__slice(text + 1, size - 1), SJ_BAD_CREDENTIAL);
  }
  assert_refused(*state, (sj_slice){NULL, 0}, SJ_BAD_CREDENTIAL);
}

static void every_flipped_bit_of_the_text_is_refused(void **state) {
  char text[SJ__HANDLE_TEXT_MAX];
  sj_slice good = encode(*state, &sample, text);
  for (size_t bit = 0; bit < 8 * good.size; bit++) {
    sj__handle handle;
    text[bit / 8] = (char)(text[bit / 8] ^ (1 << bit % 8));
    sj_status status = sj__handle_decode(*state, NOW_MS, good, &handle);
    /* A flip in the kid names another key. */
    assert_true(status == SJ_BAD_CREDENTIAL || status == SJ_UNKNOWN_KEY ||
                status == SJ_RETIRED_KEY);
    text[bit / 8] = (char)(text[bit / 8] ^ (1 << bit % 8));
  }
}

/* What the bytes say, as text. The MAC is whatever they have in its place. */
static sj_slice text_of(const uint8_t *bytes, size_t size, char *out) {
  return sj__slice(out, sj__base64url_encode(bytes, size, out));
}

static void every_flipped_bit_of_the_bytes_is_refused(void **state) {
  char text[SJ__HANDLE_TEXT_MAX];
  uint8_t bytes[SJ__HANDLE_TEXT_MAX];
  size_t size = 0;
  assert_ok(sj__base64url_decode(encode(*state, &sample, text), bytes, &size));
  for (size_t bit = 0; bit < 8 * size; bit++) {
    bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    /* Flipped in the kid, 1 is 0, 3, 5 and so on: not in the ring. All the rest is one answer. */
    sj_status expected = bit / 8 == 1 ? SJ_UNKNOWN_KEY : SJ_BAD_CREDENTIAL;
    assert_refused(*state, text_of(bytes, size, text), expected);
    bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
  }
}

static void the_same_text_in_other_letters_is_refused(void **state) {
  char text[SJ__HANDLE_TEXT_MAX], other[SJ__HANDLE_TEXT_MAX + 4];
  sj_slice good = encode(*state, &sample, text);
  static const char *const tails[] = {"=", "==", " ", "\n", "\r\n", ";", "A", "."};
  for (size_t i = 0; i < SJ__COUNT_OF(tails); i++) {
    memcpy(other, good.data, good.size);
    memcpy(other + good.size, tails[i], strlen(tails[i]));
    assert_refused(*state, sj__slice(other, good.size + strlen(tails[i])), SJ_BAD_CREDENTIAL);
    memcpy(other, tails[i], strlen(tails[i]));
    memcpy(other + strlen(tails[i]), good.data, good.size);
    assert_refused(*state, sj__slice(other, good.size + strlen(tails[i])), SJ_BAD_CREDENTIAL);
  }
}

/* --- Forged forms, with a MAC that is right ------------------------------------------------- */

/* A handle with any front and counter under a MAC that only the server can make. */
static sj_slice forge(sj__vault *vault, sj__purpose purpose, const uint8_t front[4],
                      sj_slice counter, char out[200]) {
  uint8_t bytes[100];
  size_t size = 4;
  memcpy(bytes, front, 4);
  memcpy(bytes + size, sample.id, SJ__ID_SIZE);
  size += SJ__ID_SIZE;
  memcpy(bytes + size, counter.data, counter.size);
  size += counter.size;
  memcpy(bytes + size, sample.fork, sizeof(sample.fork));
  size += sizeof(sample.fork);
  const sj_slice signed_part = sj__slice(bytes, size);
  assert_ok(sj__vault_mac(vault, KID_ACTIVE, NOW_MS, purpose, &signed_part, 1, bytes + size));
  return text_of(bytes, size + 16, out);
}

static const uint8_t cookie_front[4] = {SJ__HANDLE_FORMAT, KID_ACTIVE, 0, SJ__HANDLE_COOKIE};

static void counters_have_one_form(void **state) {
  static const struct {
    sj_slice bytes;
    bool good;
  } counters[] = {
      {{"\x00", 1}, true},
      {{"\x7f", 1}, true},
      {{"\x80\x01", 2}, true},
      {{"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10}, true}, /* 2^64 - 1 */
      {{"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 10}, true}, /* 2^63 */
      {{"", 0}, false},
      {{"\x80\x00", 2}, false}, /* 0, too long */
      {{"\xff\x00", 2}, false}, /* 127, too long */
      {{"\x81\x80\x00", 3}, false},
      {{"\x80", 1}, false}, /* it does not end */
      {{"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 10}, false},
      {{"\x01\x01", 2}, false},                                      /* two of them */
      {{"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10}, false},     /* above 64 bits */
      {{"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 10}, false},     /* above 64 bits */
      {{"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00", 10}, false},     /* 0 */
      {{"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 11}, false}, /* 2^70 */
  };
  for (size_t i = 0; i < SJ__COUNT_OF(counters); i++) {
    char text[200];
    sj__handle handle;
    sj_slice forged =
        forge(*state, SJ__PURPOSE_COOKIE_HANDLE, cookie_front, counters[i].bytes, text);
    assert_int_equal(sj__handle_decode(*state, NOW_MS, forged, &handle),
                     counters[i].good ? SJ_OK : SJ_BAD_CREDENTIAL);
  }
}

static void unknown_formats_and_kinds_are_refused_though_signed(void **state) {
  for (unsigned value = 0; value < 256; value++) {
    char text[200];
    sj__handle handle;
    uint8_t front[4] = {(uint8_t)value, KID_ACTIVE, 0, SJ__HANDLE_COOKIE};
    sj_slice forged = forge(*state, SJ__PURPOSE_COOKIE_HANDLE, front, SJ__SLICE("\x01"), text);
    assert_int_equal(sj__handle_decode(*state, NOW_MS, forged, &handle),
                     value == SJ__HANDLE_FORMAT ? SJ_OK : SJ_BAD_CREDENTIAL);
    front[0] = SJ__HANDLE_FORMAT;
    front[3] = (uint8_t)value;
    sj__purpose purpose =
        value == SJ__HANDLE_REFRESH ? SJ__PURPOSE_REFRESH_HANDLE : SJ__PURPOSE_COOKIE_HANDLE;
    forged = forge(*state, purpose, front, SJ__SLICE("\x01"), text);
    bool known = value == SJ__HANDLE_COOKIE || value == SJ__HANDLE_REFRESH;
    assert_int_equal(sj__handle_decode(*state, NOW_MS, forged, &handle),
                     known ? SJ_OK : SJ_BAD_CREDENTIAL);
  }
}

/* A refresh token's MAC is not a cookie's: one can't be turned into the other. */
static void kinds_have_keys_of_their_own(void **state) {
  char text[200];
  uint8_t refresh_front[4] = {SJ__HANDLE_FORMAT, KID_ACTIVE, 0, SJ__HANDLE_REFRESH};
  assert_refused(*state,
                 forge(*state, SJ__PURPOSE_REFRESH_HANDLE, cookie_front, SJ__SLICE("\x01"), text),
                 SJ_BAD_CREDENTIAL);
  assert_refused(*state,
                 forge(*state, SJ__PURPOSE_COOKIE_HANDLE, refresh_front, SJ__SLICE("\x01"), text),
                 SJ_BAD_CREDENTIAL);
}

/* --- Keys --------------------------------------------------------------------------------- */

static void kids_are_told_apart_before_any_mac(void **state) {
  char text[SJ__HANDLE_TEXT_MAX];
  uint8_t bytes[SJ__HANDLE_TEXT_MAX];
  size_t size = 0;
  assert_ok(sj__base64url_decode(encode(*state, &sample, text), bytes, &size));
  for (unsigned kid = 0; kid < 256; kid++) {
    sj__handle handle;
    bytes[1] = (uint8_t)kid;
    sj_status expected = kid == KID_ACTIVE    ? SJ_OK
                         : kid == KID_COMING  ? SJ_BAD_CREDENTIAL
                         : kid == KID_RETIRED ? SJ_RETIRED_KEY
                                              : SJ_UNKNOWN_KEY;
    assert_int_equal(sj__handle_decode(*state, NOW_MS, text_of(bytes, size, text), &handle),
                     expected);
  }
}

static void nothing_is_issued_without_a_key(void **state) {
  char text[SJ__HANDLE_TEXT_MAX];
  size_t size = 4711;
  sj__handle handle = sample;
  handle.kid = KID_RETIRED;
  assert_int_equal(sj__handle_encode(*state, NOW_MS, &handle, text, &size), SJ_RETIRED_KEY);
  handle.kid = KID_UNKNOWN;
  assert_int_equal(sj__handle_encode(*state, NOW_MS, &handle, text, &size), SJ_UNKNOWN_KEY);
  assert_int_equal(size, 4711);
}

static void another_realm_takes_none_of_ours(void **state) {
  char text[SJ__HANDLE_TEXT_MAX];
  sj_slice good = encode(*state, &sample, text);
  sj__vault *other = make_vault("example.test");
  assert_refused(other, good, SJ_BAD_CREDENTIAL);
  sj__vault_free(other);
}

static void neither_way_allocates(void **state) {
  char text[SJ__HANDLE_TEXT_MAX];
  sj__handle handle;
  fail_allocations_from(0);
  sj_slice good = encode(*state, &sample, text);
  assert_ok(sj__handle_decode(*state, NOW_MS, good, &handle));
  assert_refused(*state, SJ__SLICE("AQ"), SJ_BAD_CREDENTIAL);
  assert_true(fail_no_allocations());
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_bounds_are_those_of_the_format),
      cmocka_unit_test(what_a_seed_draws_comes_back),
      cmocka_unit_test(every_truncation_and_every_tail_is_refused),
      cmocka_unit_test(every_flipped_bit_of_the_text_is_refused),
      cmocka_unit_test(every_flipped_bit_of_the_bytes_is_refused),
      cmocka_unit_test(the_same_text_in_other_letters_is_refused),
      cmocka_unit_test(counters_have_one_form),
      cmocka_unit_test(unknown_formats_and_kinds_are_refused_though_signed),
      cmocka_unit_test(kinds_have_keys_of_their_own),
      cmocka_unit_test(kids_are_told_apart_before_any_mac),
      cmocka_unit_test(nothing_is_issued_without_a_key),
      cmocka_unit_test(another_realm_takes_none_of_ours),
      cmocka_unit_test(neither_way_allocates),
  };
  install_failing_allocator();
  return cmocka_run_group_tests(tests, set_up_vault, tear_down_vault);
}
