/* The sealed parts: both ways, readable with the id alone, and nothing opens that was touched. */
#include "sealed_record.h"

#include "base/alloc.h"
#include "codec/bytes.h"

static void assert_same_meta(const sj__meta *a, const sj__meta *b) {
  assert_true(sj__slice_equal(a->subject, b->subject) && sj__slice_equal(a->device, b->device));
  assert_true(sj__slice_equal(a->address, b->address));
  assert_true(sj__slice_equal(a->user_agent, b->user_agent) && sj__slice_equal(a->amr, b->amr));
  assert_true(sj__slice_equal(a->client, b->client) && sj__slice_equal(a->scope, b->scope));
  assert_true(sj__slice_equal(a->audience, b->audience));
  assert_int_equal(a->auth_level, b->auth_level);
  assert_true(a->auth_at_ms == b->auth_at_ms && a->refreshed_at_ms == b->refreshed_at_ms);
  assert_memory_equal(a->refresh_fork, b->refresh_fork, sizeof(a->refresh_fork));
  assert_int_equal(a->refresh_kid, b->refresh_kid);
  assert_int_equal(a->home_region, b->home_region);
  /* Absent and empty are two things. */
  assert_int_equal(a->subject.data == NULL, b->subject.data == NULL);
  assert_int_equal(a->device.data == NULL, b->device.data == NULL);
}

static void round_trip(sj__vault *vault, const sj__meta *meta, sj_slice data) {
  sealed s;
  opened all;
  sj__arena arena;
  seal_with(&s, vault, id, meta, data);
  sj__arena_init(&arena, NULL, 0, 0);
  assert_ok(open_all(&s, &arena, &all));
  assert_same_meta(meta, &all.meta);
  assert_true(sj__slice_equal(all.data, data));
  sj__arena_release(&arena);
  release(&s);
}

/* --- Both ways --------------------------------------------------------------------------- */

static void every_field_of_meta_comes_back(void **state) {
  const sj__meta none = {.subject = {NULL, 0}};
  const sj__meta empty = {.subject = {"", 0}, .device = {"", 0}};
  round_trip(*state, &ada, SJ__SLICE("{}"));
  round_trip(*state, &none, SJ__SLICE("{}"));
  round_trip(*state, &empty, SJ__SLICE(""));
}

static void what_a_seed_draws_comes_back(void **state) {
  static char text[70000];
  uint64_t seed = 152;
  draw_bytes(&seed, text, sizeof(text));
  for (int i = 0; i < 300; i++) {
    sj__meta meta = {.auth_level = (uint8_t)draw(&seed), .home_region = (uint8_t)draw(&seed)};
    sj_slice *const texts[] = {&meta.subject, &meta.device, &meta.address, &meta.user_agent,
                               &meta.amr,     &meta.client, &meta.scope,   &meta.audience};
    for (size_t j = 0; j < SJ__COUNT_OF(texts); j++) {
      if (draw(&seed) % 3 > 0) *texts[j] = sj__slice(text + draw(&seed) % 1000, draw(&seed) % 900);
    }
    meta.auth_at_ms = (int64_t)(draw(&seed) >> 4);
    draw_bytes(&seed, meta.refresh_fork, sizeof(meta.refresh_fork));
    round_trip(*state, &meta, sj__slice(text, draw(&seed) % sizeof(text)));
  }
}

static void meta_has_a_bound(void **state) {
  static char text[SJ__META_MAX + 1];
  sj__record record = make_record(*state, id);
  sj__buffer out;
  sj__buffer_init(&out, 0);
  sj__meta meta = {.user_agent = sj__slice(text, SJ__META_MAX - 3)};
  round_trip(*state, &meta, SJ__SLICE("{}"));
  for (size_t size = SJ__META_MAX - 2; size <= sizeof(text); size++) {
    meta.user_agent.size = size;
    assert_int_equal(sj__record_seal(*state, NOW_MS, &record, id, &meta, SJ__SLICE("{}"), &out),
                     SJ_TOO_LARGE);
  }
  meta = (sj__meta){.device = sj__slice(text, 5000), .user_agent = sj__slice(text, 5000)};
  assert_int_equal(sj__record_seal(*state, NOW_MS, &record, id, &meta, SJ__SLICE("{}"), &out),
                   SJ_TOO_LARGE);
  assert_int_equal(out.size, 0);
  sj__buffer_release(&out);
}

static void data_has_a_bound(void **state) {
  sj__record record = make_record(*state, id);
  sj__buffer out;
  sj__buffer_init(&out, 4096);
  /* Sizes alone are looked at: there are no such bytes. */
  static const size_t sizes[] = {4096, (size_t)1 << 31, (size_t)1 << 32, SIZE_MAX - 100, SIZE_MAX};
  for (size_t i = 0; i < SJ__COUNT_OF(sizes); i++) {
    sj__buffer_reset(&out);
    assert_int_equal(
        sj__record_seal(*state, NOW_MS, &record, id, &ada, sj__slice("x", sizes[i]), &out),
        SJ_TOO_LARGE);
    assert_int_equal(out.size, 0);
  }
  sj__buffer_release(&out);
}

static void sealing_appends(void **state) {
  sj__record record = make_record(*state, id), parsed;
  sj__buffer out;
  sj__buffer_init(&out, 0);
  sj__buffer_append_literal(&out, "before");
  assert_ok(sj__record_seal(*state, NOW_MS, &record, id, &ada, SJ__SLICE("{}"), &out));
  assert_memory_equal(out.data, "before", 6);
  assert_ok(sj__record_parse(sj__slice(out.data + 6, out.size - 6), &parsed));
  sj__buffer_release(&out);
}

/* --- Changed bytes ---------------------------------------------------------------------------- */

static void assert_never_a_session(sealed *s, size_t at) {
  sj_status status = try_open(s);
  if (at >= LAST_SEEN_FIRST && at <= LAST_SEEN_LAST) {
    /* A store may prolong idleness, up to absolute_at; an impossible moment is damage. */
    assert_true(status == SJ_OK || status == SJ_CORRUPT);
  } else {
    bool is_kid = at == 1;
    assert_true(status == SJ_CORRUPT ||
                (is_kid && (status == SJ_UNKNOWN_KEY || status == SJ_RETIRED_KEY)));
  }
}

static void every_flipped_bit_and_byte_is_refused(void **state) {
  sealed s;
  seal(&s, *state);
  for (size_t at = 0; at < s.bytes.size; at++) {
    char good = s.bytes.data[at];
    for (unsigned mask = 1; mask < 256; mask = mask < 128 ? mask * 2 : mask + 127) {
      s.bytes.data[at] = (char)(good ^ (char)mask);
      assert_never_a_session(&s, at);
    }
    s.bytes.data[at] = good;
  }
  assert_ok(try_open(&s));
  release(&s);
}

static void a_moved_last_seen_opens(void **state) {
  sealed s;
  seal(&s, *state);
  sj__record_set_last_seen_ms((uint8_t *)s.bytes.data, NOW_MS + 59000);
  assert_ok(try_open(&s));
  sj__record_set_last_seen_ms((uint8_t *)s.bytes.data, -1);
  assert_int_equal(try_open(&s), SJ_CORRUPT);
  release(&s);
}

static void every_truncation_and_every_tail_is_refused(void **state) {
  sealed s;
  seal(&s, *state);
  sj__buffer_append_literal(&s.bytes, "tail");
  size_t whole = s.bytes.size - 4;
  for (size_t size = 0; size <= whole + 4; size++) {
    s.bytes.size = size;
    assert_int_equal(try_open(&s), size == whole ? SJ_OK : SJ_CORRUPT);
  }
  release(&s);
}

/* Bytes moved between meta and data, with sizes that agree. */
static void the_border_of_the_parts_is_bound(void **state) {
  sealed s;
  seal(&s, *state);
  uint8_t *bytes = (uint8_t *)s.bytes.data;
  uint32_t meta = sj__get_u32(bytes + 152), data = sj__get_u32(bytes + 156);
  for (uint32_t moved = 1; moved < data; moved++) {
    sj__put_u32(bytes + 152, meta + moved);
    sj__put_u32(bytes + 156, data - moved);
    assert_int_equal(try_open(&s), SJ_CORRUPT);
  }
  release(&s);
}

/* --- Swaps ---------------------------------------------------------------------------------- */

static void parts_of_two_sessions_do_not_mix(void **state) {
  sealed mine, theirs;
  seal_with(&mine, *state, id, &ada, SJ__SLICE("{\"a\":1}"));
  seal_with(&theirs, *state, other_id, &ada, SJ__SLICE("{\"b\":2}"));
  size_t meta = sj__get_u32((uint8_t *)mine.bytes.data + 152), header = SJ__RECORD_HEADER_SIZE;
  assert_int_equal(mine.bytes.size, theirs.bytes.size);
  const struct {
    size_t at, size;
  } ranges[] = {
      {16, SJ__KEY_SIZE},                               /* the key: whose record it says it is */
      {header, meta},                                   /* meta */
      {header + meta, mine.bytes.size - header - meta}, /* data */
      {header, mine.bytes.size - header},
      {0, header},
  };
  for (size_t i = 0; i < SJ__COUNT_OF(ranges); i++) {
    sealed mixed = mine;
    sj__buffer_init(&mixed.bytes, 0);
    sj__buffer_append_slice(&mixed.bytes, sj__buffer_slice(&mine.bytes));
    memcpy(mixed.bytes.data + ranges[i].at, theirs.bytes.data + ranges[i].at, ranges[i].size);
    assert_int_equal(try_open(&mixed), SJ_CORRUPT);
    release(&mixed);
  }
  /* Whole under my key: it names itself, and its data needs its owner's id. */
  sealed swapped = theirs;
  swapped.id = id;
  assert_int_equal(try_open(&swapped), SJ_CORRUPT);
  release(&mine);
  release(&theirs);
}

/* Two states of one session: neither part of the older one fits the newer one. */
static void parts_of_two_versions_do_not_mix(void **state) {
  sealed old, new;
  sj__record record = make_record(*state, id);
  seal(&old, *state);
  record.version++;
  new = (sealed){.vault = *state, .id = id};
  sj__buffer_init(&new.bytes, 0);
  assert_ok(sj__record_seal(*state, NOW_MS, &record, id, &ada, SJ__SLICE("{\"cart\":[1.51]}"),
                            &new.bytes));
  size_t meta = sj__get_u32((uint8_t *)old.bytes.data + 152), header = SJ__RECORD_HEADER_SIZE;
  memcpy(new.bytes.data + header, old.bytes.data + header, meta);
  assert_int_equal(try_open(&new), SJ_CORRUPT);
  memcpy(new.bytes.data, old.bytes.data, header);
  assert_int_equal(try_open(&new), SJ_CORRUPT);
  release(&old);
  release(&new);
}

static void realms_and_kids_do_not_mix(void **state) {
  sealed s;
  seal(&s, *state);
  sj__vault *other = make_vault("example.test");
  sealed elsewhere = s;
  elsewhere.vault = other;
  assert_int_equal(try_open(&elsewhere), SJ_CORRUPT);
  /* Not even if it is relabelled. */
  memcpy(s.bytes.data + 8, sj__vault_realm_fingerprint(other), 8);
  assert_int_equal(try_open(&elsewhere), SJ_CORRUPT);
  memcpy(s.bytes.data + 8, sj__vault_realm_fingerprint(*state), 8);
  for (unsigned kid = 0; kid < 256; kid++) {
    s.bytes.data[1] = (char)kid;
    assert_int_equal(try_open(&s), kid == KID_ACTIVE               ? SJ_OK
                                   : kid == KID_COMING || kid == 0 ? SJ_CORRUPT
                                   : kid == KID_RETIRED            ? SJ_RETIRED_KEY
                                                                   : SJ_UNKNOWN_KEY);
  }
  sj__vault_free(other);
  release(&s);
}

/* DESIGN.md 4: store and keyring together read meta, and of the data nothing. */
static void data_opens_with_the_id_alone(void **state) {
  sealed s;
  seal(&s, *state);
  sj__arena arena;
  sj__arena_init(&arena, NULL, 0, 0);
  sj_slice bytes = sj__buffer_slice(&s.bytes), data = {NULL, 0};
  sj__record record;
  sj__meta meta;
  assert_ok(sj__record_parse(bytes, &record));
  assert_ok(sj__record_open_meta(*state, NOW_MS, bytes, &record, &arena, &meta));
  const uint8_t *const wrong[] = {NULL, other_id};
  for (size_t i = 0; i < 2; i++) {
    assert_int_equal(sj__record_open_data(*state, NOW_MS, bytes, &record, wrong[i], &arena, &data),
                     SJ_CORRUPT);
    assert_null(data.data);
  }
  for (size_t bit = 0; bit < 8 * SJ__ID_SIZE; bit++) {
    uint8_t near[SJ__ID_SIZE];
    memcpy(near, id, sizeof(near));
    near[bit / 8] ^= (uint8_t)(1u << bit % 8);
    assert_int_equal(sj__record_open_data(*state, NOW_MS, bytes, &record, near, &arena, &data),
                     SJ_CORRUPT);
  }
  sj__arena_release(&arena);
  release(&s);
}

/* What a store gets to see: not the subject, not the attributes, not the id. */
static void nothing_readable_is_stored(void **state) {
  static const char *const secrets[] = {"ada", "phone", "192.0.2.1", "Mozilla", "cart", "1.50"};
  sealed s;
  seal(&s, *state);
  for (size_t i = 0; i < SJ__COUNT_OF(secrets); i++) {
    assert_null(memmem(s.bytes.data, s.bytes.size, secrets[i], strlen(secrets[i])));
  }
  assert_null(memmem(s.bytes.data, s.bytes.size, id, 5));
  release(&s);
}

static void a_tombstone_has_nothing_to_open(void **state) {
  sj__record record = make_record(*state, id), ended;
  sealed s = {.vault = *state, .id = id};
  sj__record_make_tombstone(&ended, &record, record.key, record.realm, SJ__REASON_ADMIN, NOW_MS);
  sj__buffer_init(&s.bytes, 0);
  assert_ok(sj__record_encode(&ended, &s.bytes));
  assert_int_equal(try_open(&s), SJ_CORRUPT);
  release(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_field_of_meta_comes_back),
      cmocka_unit_test(what_a_seed_draws_comes_back),
      cmocka_unit_test(meta_has_a_bound),
      cmocka_unit_test(data_has_a_bound),
      cmocka_unit_test(sealing_appends),
      cmocka_unit_test(every_flipped_bit_and_byte_is_refused),
      cmocka_unit_test(a_moved_last_seen_opens),
      cmocka_unit_test(every_truncation_and_every_tail_is_refused),
      cmocka_unit_test(the_border_of_the_parts_is_bound),
      cmocka_unit_test(parts_of_two_sessions_do_not_mix),
      cmocka_unit_test(parts_of_two_versions_do_not_mix),
      cmocka_unit_test(realms_and_kids_do_not_mix),
      cmocka_unit_test(data_opens_with_the_id_alone),
      cmocka_unit_test(nothing_readable_is_stored),
      cmocka_unit_test(a_tombstone_has_nothing_to_open),
  };
  return cmocka_run_group_tests(tests, set_up_vault, tear_down_vault);
}
