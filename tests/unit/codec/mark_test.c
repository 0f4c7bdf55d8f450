/* Marks: both ways, every change refused, and whom one names. */
#include "../unit.h"

#include "../../kit/aborts.h"
#include "base/alloc.h"
#include "codec/bytes.h"
#include "codec/mark.h"
#include "vaults.h"

static sj__mark make_mark(sj__mark_scope scope) {
  sj__mark mark = {
      .kid = KID_ACTIVE, .scope = scope, .moment_ms = NOW_MS, .until_ms = NOW_MS + 43200000};
  if (scope != SJ__MARK_REALM) memset(mark.value, 0x11, sizeof(mark.value));
  return mark;
}

static void assert_same(const sj__mark *a, const sj__mark *b) {
  assert_int_equal(a->kid, b->kid);
  assert_int_equal(a->scope, b->scope);
  assert_memory_equal(a->value, b->value, sizeof(a->value));
  assert_true(a->moment_ms == b->moment_ms && a->until_ms == b->until_ms);
  assert_int_equal(a->has_except, b->has_except);
  if (a->has_except) assert_memory_equal(a->except, b->except, sizeof(a->except));
}

static sj_status decode(sj__vault *vault, const uint8_t bytes[SJ__MARK_SIZE], sj__mark *out) {
  return sj__mark_decode(vault, NOW_MS, sj__slice(bytes, SJ__MARK_SIZE), out);
}

/* --- Both ways --------------------------------------------------------------------------- */

static void marks_of_every_scope_come_back(void **state) {
  static const int64_t moments[] = {0, 1, NOW_MS, INT64_MAX};
  for (int scope = SJ__MARK_SESSION; scope <= SJ__MARK_REALM; scope++) {
    for (size_t i = 0; i < 2 * SJ__COUNT_OF(moments); i++) {
      uint8_t bytes[SJ__MARK_SIZE], again_bytes[SJ__MARK_SIZE];
      sj__mark mark = make_mark((sj__mark_scope)scope), again;
      mark.kid = i % 2 == 0 ? KID_ACTIVE : KID_COMING;
      mark.moment_ms = mark.until_ms = moments[i / 2];
      mark.has_except = i % 2 == 0;
      if (mark.has_except) memset(mark.except, 0x22, sizeof(mark.except));
      assert_ok(sj__mark_encode(*state, NOW_MS, &mark, bytes));
      assert_ok(decode(*state, bytes, &again));
      assert_same(&mark, &again);
      assert_true(sj__mark_until_ms(sj__slice(bytes, sizeof(bytes))) == mark.until_ms);
      assert_ok(sj__mark_encode(*state, NOW_MS, &again, again_bytes));
      assert_memory_equal(bytes, again_bytes, sizeof(bytes));
    }
  }
}

static void every_flipped_bit_is_refused(void **state) {
  uint8_t bytes[SJ__MARK_SIZE];
  sj__mark mark = make_mark(SJ__MARK_SUBJECT);
  mark.has_except = true;
  memset(mark.except, 0x22, sizeof(mark.except));
  assert_ok(sj__mark_encode(*state, NOW_MS, &mark, bytes));
  for (size_t bit = 0; bit < 8 * sizeof(bytes); bit++) {
    bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    assert_int_equal(decode(*state, bytes, &mark), bit / 8 == 1 ? SJ_UNKNOWN_KEY : SJ_CORRUPT);
    bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
  }
  assert_ok(decode(*state, bytes, &mark));
}

static void every_other_size_is_refused(void **state) {
  uint8_t bytes[SJ__MARK_SIZE + 8] = {0};
  sj__mark mark = make_mark(SJ__MARK_REALM);
  assert_ok(sj__mark_encode(*state, NOW_MS, &mark, bytes));
  for (size_t size = 0; size < sizeof(bytes); size++) {
    assert_int_equal(sj__mark_decode(*state, NOW_MS, sj__slice(bytes, size), &mark),
                     size == SJ__MARK_SIZE ? SJ_OK : SJ_CORRUPT);
  }
  assert_int_equal(sj__mark_decode(*state, NOW_MS, (sj_slice){NULL, 0}, &mark), SJ_CORRUPT);
}

static void until_of_a_short_one(void) {
  (void)sj__mark_until_ms(SJ__SLICE("short"));
}

static void stores_must_not_ask_of_other_sizes(void **state) {
  assert_true(aborts(until_of_a_short_one));
}

/* --- Signed, but not what the encoder makes -------------------------------------------------- */

static sj_status decode_forged(sj__vault *vault, size_t at, uint8_t value, sj__mark_scope scope) {
  uint8_t bytes[SJ__MARK_SIZE];
  sj__mark mark = make_mark(scope);
  assert_ok(sj__mark_encode(vault, NOW_MS, &mark, bytes));
  bytes[at] = value;
  const sj_slice signed_part = sj__slice(bytes, SJ__MARK_SIZE - 16);
  assert_ok(sj__vault_mac(vault, KID_ACTIVE, NOW_MS, SJ__PURPOSE_MARK, &signed_part, 1,
                          bytes + SJ__MARK_SIZE - 16));
  return decode(vault, bytes, &mark);
}

static void impossible_fields_are_refused_though_signed(void **state) {
  for (unsigned value = 0; value < 256; value++) {
    assert_int_equal(decode_forged(*state, 0, (uint8_t)value, SJ__MARK_SESSION),
                     value == 1 ? SJ_OK : SJ_CORRUPT);
    assert_int_equal(decode_forged(*state, 2, (uint8_t)value, SJ__MARK_REALM),
                     value >= SJ__MARK_SESSION && value <= SJ__MARK_REALM ? SJ_OK : SJ_CORRUPT);
    assert_int_equal(decode_forged(*state, 3, (uint8_t)value, SJ__MARK_SESSION),
                     value <= 1 ? SJ_OK : SJ_CORRUPT);
  }
  assert_int_equal(decode_forged(*state, 20, 0x80, SJ__MARK_SESSION), SJ_CORRUPT); /* moment < 0 */
  assert_int_equal(decode_forged(*state, 44, 0x80, SJ__MARK_SESSION), SJ_CORRUPT); /* until < 0 */
  /* One mark, one form: what is absent is zeros. */
  assert_int_equal(decode_forged(*state, 28, 1, SJ__MARK_SESSION), SJ_CORRUPT);
  assert_int_equal(decode_forged(*state, 43, 1, SJ__MARK_SESSION), SJ_CORRUPT);
  assert_int_equal(decode_forged(*state, 4, 1, SJ__MARK_REALM), SJ_CORRUPT);
  assert_int_equal(decode_forged(*state, 19, 1, SJ__MARK_REALM), SJ_CORRUPT);
}

static void keys_and_realms_are_told_apart(void **state) {
  uint8_t bytes[SJ__MARK_SIZE];
  sj__mark mark = make_mark(SJ__MARK_REALM);
  assert_ok(sj__mark_encode(*state, NOW_MS, &mark, bytes));
  sj__vault *other = make_vault("example.test");
  assert_int_equal(decode(other, bytes, &mark), SJ_CORRUPT);
  sj__vault_free(other);
  for (unsigned kid = 0; kid < 256; kid++) {
    bytes[1] = (uint8_t)kid;
    assert_int_equal(decode(*state, bytes, &mark), kid == KID_ACTIVE    ? SJ_OK
                                                   : kid == KID_COMING  ? SJ_CORRUPT
                                                   : kid == KID_RETIRED ? SJ_RETIRED_KEY
                                                                        : SJ_UNKNOWN_KEY);
  }
  mark = make_mark(SJ__MARK_REALM);
  mark.kid = KID_RETIRED;
  assert_int_equal(sj__mark_encode(*state, NOW_MS, &mark, bytes), SJ_RETIRED_KEY);
  mark.kid = KID_UNKNOWN;
  assert_int_equal(sj__mark_encode(*state, NOW_MS, &mark, bytes), SJ_UNKNOWN_KEY);
}

/* --- Whom one names ------------------------------------------------------------------ */

static sj__record make_record(void) {
  sj__record record = {.kid = KID_ACTIVE, .has_subject = true, .created_at_ms = NOW_MS};
  memset(record.key, 0x11, sizeof(record.key));
  memset(record.subject_tag, 0x11, sizeof(record.subject_tag));
  memset(record.family, 0x33, sizeof(record.family));
  return record;
}

static void a_mark_names_what_was_created_at_or_before_its_moment(void **state) {
  for (int scope = SJ__MARK_SESSION; scope <= SJ__MARK_REALM; scope++) {
    sj__mark mark = make_mark((sj__mark_scope)scope);
    sj__record record = make_record();
    bool names = scope != SJ__MARK_CLIENT; /* only tokens have clients */
    assert_int_equal(sj__mark_names(&mark, &record), names);
    record.created_at_ms = NOW_MS - 1;
    assert_int_equal(sj__mark_names(&mark, &record), names);
    record.created_at_ms = NOW_MS + 1;
    assert_false(sj__mark_names(&mark, &record));
  }
}

static void a_family_can_be_spared(void **state) {
  for (int scope = SJ__MARK_SESSION; scope <= SJ__MARK_REALM; scope++) {
    sj__mark mark = make_mark((sj__mark_scope)scope);
    sj__record record = make_record();
    mark.has_except = true;
    memcpy(mark.except, record.family, sizeof(mark.except));
    assert_false(sj__mark_names(&mark, &record));
    mark.except[15] ^= 1;
    assert_int_equal(sj__mark_names(&mark, &record), scope != SJ__MARK_CLIENT);
  }
}

static void only_its_own_are_named(void **state) {
  sj__mark session = make_mark(SJ__MARK_SESSION), subject = make_mark(SJ__MARK_SUBJECT);
  sj__record record = make_record();
  for (size_t bit = 0; bit < 128; bit++) {
    session.value[bit / 8] ^= (uint8_t)(1u << bit % 8);
    subject.value[bit / 8] ^= (uint8_t)(1u << bit % 8);
    assert_false(sj__mark_names(&session, &record) || sj__mark_names(&subject, &record));
    session.value[bit / 8] ^= (uint8_t)(1u << bit % 8);
    subject.value[bit / 8] ^= (uint8_t)(1u << bit % 8);
  }
  /* A tag means something under its own key alone, and nothing where there is no subject. */
  subject.kid = KID_COMING;
  assert_false(sj__mark_names(&subject, &record));
  subject.kid = KID_ACTIVE;
  record.has_subject = false;
  assert_false(sj__mark_names(&subject, &record));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(marks_of_every_scope_come_back),
      cmocka_unit_test(every_flipped_bit_is_refused),
      cmocka_unit_test(every_other_size_is_refused),
      cmocka_unit_test(stores_must_not_ask_of_other_sizes),
      cmocka_unit_test(impossible_fields_are_refused_though_signed),
      cmocka_unit_test(keys_and_realms_are_told_apart),
      cmocka_unit_test(a_mark_names_what_was_created_at_or_before_its_moment),
      cmocka_unit_test(a_family_can_be_spared),
      cmocka_unit_test(only_its_own_are_named),
  };
  return cmocka_run_group_tests(tests, set_up_vault, tear_down_vault);
}
