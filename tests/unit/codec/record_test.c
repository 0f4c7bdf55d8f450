/* The clear part of a record: both ways, what can't be one, and what stores read from it. */
#include "../unit.h"

#include "../../kit/aborts.h"
#include "base/alloc.h"
#include "codec/bytes.h"
#include "codec/record.h"
#include "vaults.h"

#define META_SIZE  40
#define DATA_SIZE  50
#define TOTAL_SIZE (SJ__RECORD_HEADER_SIZE + META_SIZE + DATA_SIZE)
/* Places of the table in record.h, as another reader of it would write them. */
enum {
  AT_KID = 1,
  AT_STATE = 2,
  AT_REASON = 3,
  AT_CARRIER = 4,
  AT_FLAGS = 5,
  AT_RESERVED = 6,
  AT_VERSION = 32,
  AT_SUBJECT_TAG = 80,
  AT_CREATED = 112,
  AT_LAST_SEEN = 120,
  AT_IDLE_FOR = 128,
  AT_ABSOLUTE = 136,
  AT_UNTIL = 144,
  AT_META_SIZE = 152,
  AT_DATA_SIZE = 156
};

static const char sealed_bytes[META_SIZE + DATA_SIZE] = "sealed parts are opaque here";

static sj__record make_active(void) {
  sj__record record = {
      .kid = KID_ACTIVE,
      .state = SJ__ACTIVE,
      .carrier = SJ__CARRIER_COOKIE,
      .has_subject = true,
      .version = 3,
      .generation = 4,
      .created_at_ms = NOW_MS,
      .last_seen_ms = NOW_MS + 60000,
      .idle_for_ms = 1800000,
      .absolute_at_ms = NOW_MS + 43200000,
      .sealed_meta = sj__slice(sealed_bytes, META_SIZE),
      .sealed_data = sj__slice(sealed_bytes + META_SIZE, DATA_SIZE),
  };
  memset(record.realm, 0x0a, sizeof(record.realm));
  memset(record.key, 0x0b, sizeof(record.key));
  memset(record.subject_tag, 0x0c, sizeof(record.subject_tag));
  memset(record.family, 0x0d, sizeof(record.family));
  for (size_t i = 0; i < SJ__WRITE_IDS; i++) memset(record.write_ids[i], (int)i + 1, 8);
  return record;
}

static sj__record make_ended(void) {
  sj__record record = make_active(), ended;
  sj__record_make_tombstone(&ended, &record, record.key, record.realm, SJ__REASON_SIGNED_OUT,
                            NOW_MS + 86400000);
  return ended;
}

static sj_slice encode(const sj__record *record, sj__buffer *out) {
  sj__buffer_init(out, 0);
  assert_ok(sj__record_encode(record, out));
  return sj__buffer_slice(out);
}

static void assert_same(const sj__record *a, const sj__record *b) {
  assert_int_equal(a->kid, b->kid);
  assert_int_equal(a->state, b->state);
  assert_int_equal(a->reason, b->reason);
  assert_int_equal(a->carrier, b->carrier);
  assert_int_equal(a->has_subject, b->has_subject);
  assert_memory_equal(a->realm, b->realm, sizeof(a->realm));
  assert_memory_equal(a->key, b->key, sizeof(a->key));
  assert_true(a->version == b->version && a->generation == b->generation);
  assert_memory_equal(a->write_ids, b->write_ids, sizeof(a->write_ids));
  assert_memory_equal(a->subject_tag, b->subject_tag, sizeof(a->subject_tag));
  assert_memory_equal(a->family, b->family, sizeof(a->family));
  assert_true(a->created_at_ms == b->created_at_ms && a->last_seen_ms == b->last_seen_ms);
  assert_true(a->idle_for_ms == b->idle_for_ms && a->absolute_at_ms == b->absolute_at_ms);
  assert_true(a->until_ms == b->until_ms);
  assert_true(sj__slice_equal(a->sealed_meta, b->sealed_meta));
  assert_true(sj__slice_equal(a->sealed_data, b->sealed_data));
}

/* --- Both ways --------------------------------------------------------------------------- */

static void round_trip(const sj__record *record) {
  sj__buffer bytes, again_bytes;
  sj__record again;
  sj_slice encoded = encode(record, &bytes);
  assert_ok(sj__record_parse(encoded, &again));
  assert_same(record, &again);
  assert_true(sj__slice_equal(encode(&again, &again_bytes), encoded));
  sj__buffer_release(&bytes);
  sj__buffer_release(&again_bytes);
}

static void active_and_ended_records_come_back(void **state) {
  sj__record record = make_active();
  round_trip(&record);
  record.version = record.generation = UINT64_MAX;
  record.created_at_ms = record.last_seen_ms = record.idle_for_ms = record.absolute_at_ms =
      INT64_MAX / 8;
  record.carrier = SJ__CARRIER_TOKEN;
  record.kid = 255;
  round_trip(&record);
  record.has_subject = false;
  memset(record.subject_tag, 0, sizeof(record.subject_tag));
  record.created_at_ms = record.last_seen_ms = record.idle_for_ms = record.absolute_at_ms = 0;
  record.version = 1;
  round_trip(&record);
  record = make_ended();
  for (int reason = SJ__REASON_SIGNED_OUT; reason <= SJ__REASON_LAST; reason++) {
    record.reason = (sj__reason)reason;
    round_trip(&record);
  }
}

static void what_a_seed_draws_comes_back(void **state) {
  uint64_t seed = 160;
  for (int i = 0; i < 2000; i++) {
    sj__record record = draw(&seed) % 2 == 0 ? make_active() : make_ended();
    record.version = draw(&seed) | 1;
    record.generation = draw(&seed);
    record.carrier = (sj__carrier)(1 + draw(&seed) % 3);
    record.has_subject = draw(&seed) % 2 == 0;
    draw_bytes(&seed, record.realm, sizeof(record.realm));
    draw_bytes(&seed, record.key, sizeof(record.key));
    draw_bytes(&seed, record.write_ids, sizeof(record.write_ids));
    draw_bytes(&seed, record.family, sizeof(record.family));
    draw_bytes(&seed, record.subject_tag, sizeof(record.subject_tag));
    if (!record.has_subject) memset(record.subject_tag, 0, sizeof(record.subject_tag));
    record.created_at_ms = (int64_t)(draw(&seed) >> 4);
    record.last_seen_ms = (int64_t)(draw(&seed) >> 4);
    record.idle_for_ms = (int64_t)(draw(&seed) >> 4);
    record.absolute_at_ms = (int64_t)(draw(&seed) >> 4);
    round_trip(&record);
  }
}

/* --- What can't be one -------------------------------------------------------------------- */

static void every_other_size_is_refused(void **state) {
  const sj__record records[] = {make_active(), make_ended()};
  for (size_t i = 0; i < 2; i++) {
    sj__buffer bytes;
    sj__record record;
    size_t whole = encode(&records[i], &bytes).size;
    sj__buffer_append(&bytes, sealed_bytes, sizeof(sealed_bytes));
    for (size_t size = 0; size <= bytes.size; size++) {
      assert_int_equal(sj__record_parse(sj__slice(bytes.data, size), &record),
                       size == whole ? SJ_OK : SJ_CORRUPT);
    }
    sj__buffer_release(&bytes);
  }
}

static sj_status parse_changed(const sj__record *record, size_t at, uint8_t value) {
  sj__buffer bytes;
  sj__record parsed;
  sj_slice encoded = encode(record, &bytes);
  bytes.data[at] = (char)value;
  sj_status status = sj__record_parse(encoded, &parsed);
  sj__buffer_release(&bytes);
  return status;
}

static void enumerations_hold_nothing_else(void **state) {
  sj__record active = make_active(), ended = make_ended();
  for (unsigned value = 0; value < 256; value++) {
    uint8_t byte = (uint8_t)value;
    assert_int_equal(parse_changed(&active, 0, byte), value == 1 ? SJ_OK : SJ_CORRUPT);
    assert_int_equal(parse_changed(&active, AT_KID, byte), value != 0 ? SJ_OK : SJ_CORRUPT);
    assert_int_equal(parse_changed(&ended, AT_KID, byte), SJ_OK);
    assert_int_equal(parse_changed(&active, AT_STATE, byte), value == 1 ? SJ_OK : SJ_CORRUPT);
    assert_int_equal(parse_changed(&ended, AT_STATE, byte), value == 2 ? SJ_OK : SJ_CORRUPT);
    assert_int_equal(parse_changed(&active, AT_REASON, byte), value == 0 ? SJ_OK : SJ_CORRUPT);
    bool reason = value > SJ__REASON_NONE && value <= SJ__REASON_LAST;
    assert_int_equal(parse_changed(&ended, AT_REASON, byte), reason ? SJ_OK : SJ_CORRUPT);
    bool carrier = value >= SJ__CARRIER_COOKIE && value <= SJ__CARRIER_TOKEN;
    assert_int_equal(parse_changed(&active, AT_CARRIER, byte), carrier ? SJ_OK : SJ_CORRUPT);
    assert_int_equal(parse_changed(&active, AT_FLAGS, byte), value == 1 ? SJ_OK : SJ_CORRUPT);
    assert_int_equal(parse_changed(&active, AT_RESERVED, byte), value == 0 ? SJ_OK : SJ_CORRUPT);
    assert_int_equal(parse_changed(&active, AT_RESERVED + 1, byte),
                     value == 0 ? SJ_OK : SJ_CORRUPT);
    assert_int_equal(parse_changed(&active, AT_UNTIL + 7, byte), value == 0 ? SJ_OK : SJ_CORRUPT);
  }
}

static void an_absent_tag_is_zeros(void **state) {
  sj__record anonymous = make_active();
  anonymous.has_subject = false;
  memset(anonymous.subject_tag, 0, sizeof(anonymous.subject_tag));
  for (size_t i = 0; i < SJ__TAG_SIZE; i++) {
    assert_int_equal(parse_changed(&anonymous, AT_SUBJECT_TAG + i, 0), SJ_OK);
    assert_int_equal(parse_changed(&anonymous, AT_SUBJECT_TAG + i, 1), SJ_CORRUPT);
  }
}

/* Negative times, and those whose sums would not fit. */
static void impossible_times_and_versions_are_refused(void **state) {
  static const size_t times[] = {AT_CREATED, AT_LAST_SEEN, AT_IDLE_FOR, AT_ABSOLUTE};
  sj__record active = make_active(), ended = make_ended();
  for (size_t i = 0; i < SJ__COUNT_OF(times); i++) {
    assert_int_equal(parse_changed(&active, times[i], 0x0f), SJ_OK);
    assert_int_equal(parse_changed(&active, times[i], 0x10), SJ_CORRUPT);
    assert_int_equal(parse_changed(&active, times[i], 0x80), SJ_CORRUPT);
    assert_int_equal(parse_changed(&ended, times[i], 0xff), SJ_CORRUPT);
  }
  assert_int_equal(parse_changed(&ended, AT_UNTIL, 0x10), SJ_CORRUPT);
  assert_int_equal(parse_changed(&active, AT_VERSION + 7, 0), SJ_CORRUPT);
  assert_int_equal(parse_changed(&ended, AT_VERSION + 7, 0), SJ_CORRUPT);
}

/* A part is at least a nonce and a tag; meta has a bound of its own; sizes add up. */
static void impossible_part_sizes_are_refused(void **state) {
  static const struct {
    size_t meta, data;
    sj_status status;
  } sizes[] = {
      {28, 28, SJ_OK},
      {27, 28, SJ_CORRUPT},
      {28, 27, SJ_CORRUPT},
      {0, 0, SJ_CORRUPT},
      {0, 56, SJ_CORRUPT},
      {56, 0, SJ_CORRUPT},
      {SJ__META_MAX + 28, 28, SJ_OK},
      {SJ__META_MAX + 29, 28, SJ_CORRUPT},
      {28, 1 << 20, SJ_OK},
  };
  char *parts = sj__calloc(1, 2 << 20);
  for (size_t i = 0; i < SJ__COUNT_OF(sizes); i++) {
    sj__record record = make_active(), parsed;
    sj__buffer bytes;
    record.sealed_meta = sj__slice(parts, sizes[i].meta);
    record.sealed_data = sj__slice(parts, sizes[i].data);
    assert_int_equal(sj__record_parse(encode(&record, &bytes), &parsed), sizes[i].status);
    sj__buffer_release(&bytes);
  }
  sj__free(parts);
  sj__record active = make_active(), ended = make_ended();
  static const size_t places[] = {AT_META_SIZE, AT_META_SIZE + 3, AT_DATA_SIZE, AT_DATA_SIZE + 3};
  for (size_t i = 0; i < SJ__COUNT_OF(places); i++) {
    assert_int_equal(parse_changed(&active, places[i], 0xff), SJ_CORRUPT);
    assert_int_equal(parse_changed(&ended, places[i], 1), SJ_CORRUPT);
  }
}

/* A tombstone that is called active has no parts; an active one that is called ended has some. */
static void states_are_not_turned_into_each_other(void **state) {
  sj__record active = make_active(), ended = make_ended();
  sj__record bad = ended;
  bad.state = SJ__ACTIVE;
  bad.reason = SJ__REASON_NONE;
  bad.until_ms = 0;
  sj__buffer bytes;
  sj__record parsed;
  assert_int_equal(sj__record_parse(encode(&bad, &bytes), &parsed), SJ_CORRUPT);
  sj__buffer_release(&bytes);
  bad = active;
  bad.state = SJ__ENDED;
  bad.reason = SJ__REASON_ADMIN;
  assert_int_equal(sj__record_parse(encode(&bad, &bytes), &parsed), SJ_CORRUPT);
  sj__buffer_release(&bytes);
}

/* --- What stores read ------------------------------------------------------------------------ */

static void single_fields_are_where_they_belong(void **state) {
  sj__record record = make_active();
  sj__buffer bytes;
  sj_slice encoded = encode(&record, &bytes);
  static const uint8_t unknown[SJ__WRITE_ID_SIZE] = {1, 1, 1, 1, 1, 1, 1, 2};
  assert_true(sj__record_version(encoded) == record.version);
  assert_int_equal(sj__record_state(encoded), SJ__ACTIVE);
  assert_true(sj__record_last_seen_ms(encoded) == record.last_seen_ms);
  assert_memory_equal(sj__record_key(encoded), record.key, sizeof(record.key));
  assert_memory_equal(sj__record_newest_write_id(encoded), record.write_ids[0], 8);
  for (size_t i = 0; i < SJ__WRITE_IDS; i++) {
    assert_true(sj__record_has_write_id(encoded, record.write_ids[i]));
  }
  assert_false(sj__record_has_write_id(encoded, unknown));
  assert_memory_equal(sj__record_subject_tag(encoded), record.subject_tag, SJ__TAG_SIZE);
  sj__record_set_last_seen_ms((uint8_t *)bytes.data, NOW_MS + 120000);
  record.last_seen_ms = NOW_MS + 120000;
  sj__record again;
  assert_ok(sj__record_parse(encoded, &again));
  assert_same(&record, &again);
  bytes.data[AT_FLAGS] = 0;
  assert_null(sj__record_subject_tag(encoded));
  sj__buffer_release(&bytes);
}

static void version_of_half_a_header(void) {
  char half[SJ__RECORD_HEADER_SIZE - 1] = {0};
  (void)sj__record_version(sj__slice(half, sizeof(half)));
}

static void half_a_header_has_no_fields(void **state) {
  assert_true(aborts(version_of_half_a_header));
}

static int64_t garbage_at(const sj__record *record) {
  sj__buffer bytes;
  int64_t at_ms = sj__record_garbage_at_ms(encode(record, &bytes), 60000);
  sj__buffer_release(&bytes);
  return at_ms;
}

static void garbage_is_what_can_no_longer_be_alive(void **state) {
  sj__record record = make_active(), ended = make_ended();
  assert_true(garbage_at(&record) == record.last_seen_ms + 1800000 + 60000 + 60000);
  record.idle_for_ms = 86400000;
  assert_true(garbage_at(&record) == record.absolute_at_ms + 60000 + 60000);
  assert_true(garbage_at(&ended) == ended.until_ms);
  record.last_seen_ms = record.idle_for_ms = record.absolute_at_ms = INT64_MAX;
  assert_true(garbage_at(&record) == INT64_MAX); /* damaged: kept for whoever looks */
}

static void tombstones_keep_what_is_known(void **state) {
  sj__record record = make_active(), ended = make_ended(), unknown;
  assert_int_equal(ended.state, SJ__ENDED);
  assert_int_equal(ended.reason, SJ__REASON_SIGNED_OUT);
  assert_true(ended.version == record.version && ended.until_ms == NOW_MS + 86400000);
  assert_memory_equal(ended.family, record.family, sizeof(ended.family));
  assert_true(ended.has_subject);
  assert_int_equal(ended.sealed_meta.size + ended.sealed_data.size, 0);
  sj__record_make_tombstone(&unknown, NULL, record.key, record.realm, SJ__REASON_ADMIN, NOW_MS);
  assert_true(unknown.version == 1 && !unknown.has_subject && unknown.kid == 0);
  assert_memory_equal(unknown.key, record.key, sizeof(unknown.key));
  round_trip(&unknown);
}

static void reasons_have_names(void **state) {
  assert_string_equal(sj__reason_name(SJ__REASON_NONE), "none");
  assert_string_equal(sj__reason_name(SJ__REASON_SIGNED_OUT), "signed_out");
  assert_string_equal(sj__reason_name(SJ__REASON_LAST), "abandoned");
  assert_string_equal(sj__reason_name((sj__reason)(SJ__REASON_LAST + 1)), "unknown");
  for (int i = 0; i <= SJ__REASON_LAST; i++) {
    for (int j = 0; j < i; j++) {
      assert_string_not_equal(sj__reason_name((sj__reason)i), sj__reason_name((sj__reason)j));
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(active_and_ended_records_come_back),
      cmocka_unit_test(what_a_seed_draws_comes_back),
      cmocka_unit_test(every_other_size_is_refused),
      cmocka_unit_test(enumerations_hold_nothing_else),
      cmocka_unit_test(an_absent_tag_is_zeros),
      cmocka_unit_test(impossible_times_and_versions_are_refused),
      cmocka_unit_test(impossible_part_sizes_are_refused),
      cmocka_unit_test(states_are_not_turned_into_each_other),
      cmocka_unit_test(single_fields_are_where_they_belong),
      cmocka_unit_test(half_a_header_has_no_fields),
      cmocka_unit_test(garbage_is_what_can_no_longer_be_alive),
      cmocka_unit_test(tombstones_keep_what_is_known),
      cmocka_unit_test(reasons_have_names),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
