/*
 * The first byte says what the rest is:
 *
 *   0  a record's bytes: what parses is written back the same, and never opens
 *   1  changes to a sealed record (place:2 | mask:1 each): it opens if and only
 *      if nothing but last_seen was changed
 *   2  meta in clear, sealed as only the server could: what is taken comes out
 *      the same when it is sealed and opened again
 */
#include <stdint.h>

#include "codec/record.h"
#include "vault.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t id[SJ__ID_SIZE] = {1, 2, 3};
static const uint8_t zero_id[SJ__ID_SIZE] = {0};

static sj__record make_record(void) {
  sj__record record = {
      .kid = 1,
      .state = SJ__ACTIVE,
      .carrier = SJ__CARRIER_COOKIE,
      .version = 3,
      .created_at_ms = FUZZ_NOW_MS,
      .last_seen_ms = FUZZ_NOW_MS,
      .idle_for_ms = 1800000,
      .absolute_at_ms = FUZZ_NOW_MS + 43200000,
  };
  memcpy(record.realm, sj__vault_realm_fingerprint(fuzz_vault()), sizeof(record.realm));
  sj__session_key(id, record.key);
  return record;
}

static bool opens(sj_slice bytes, const uint8_t *with_id) {
  sj__arena arena;
  sj__record record;
  sj__meta meta;
  sj_slice data;
  sj__arena_init(&arena, NULL, 0, 0);
  bool open =
      sj__record_parse(bytes, &record) == SJ_OK &&
      sj__record_open_meta(fuzz_vault(), FUZZ_NOW_MS, bytes, &record, &arena, &meta) == SJ_OK &&
      sj__record_open_data(fuzz_vault(), FUZZ_NOW_MS, bytes, &record, with_id, &arena, &data) ==
          SJ_OK;
  sj__arena_release(&arena);
  return open;
}

/* --- 0: any bytes ------------------------------------------------------------------------- */

static void check_fields(sj_slice bytes, const sj__record *record) {
  SJ__REQUIRE(sj__record_version(bytes) == record->version && record->version > 0);
  SJ__REQUIRE(sj__record_state(bytes) == record->state);
  SJ__REQUIRE(sj__record_last_seen_ms(bytes) == record->last_seen_ms);
  SJ__REQUIRE(memcmp(sj__record_key(bytes), record->key, SJ__KEY_SIZE) == 0);
  SJ__REQUIRE((sj__record_subject_tag(bytes) != NULL) == record->has_subject);
  SJ__REQUIRE(sj__record_has_write_id(bytes, sj__record_newest_write_id(bytes)));
  SJ__REQUIRE(sj__record_garbage_at_ms(bytes, 60000) >= 0);
}

static void any_bytes(sj_slice bytes) {
  sj__record record, tombstone, again;
  if (bytes.size >= SJ__RECORD_HEADER_SIZE) (void)sj__record_garbage_at_ms(bytes, 60000);
  if (sj__record_parse(bytes, &record) != SJ_OK) return;
  sj__buffer out;
  sj__buffer_init(&out, 0);
  SJ__REQUIRE(sj__record_encode(&record, &out) == SJ_OK);
  SJ__REQUIRE(sj__slice_equal(sj__buffer_slice(&out), bytes));
  check_fields(bytes, &record);
  SJ__REQUIRE(!opens(bytes, id) && !opens(bytes, zero_id) && !opens(bytes, NULL));
  sj__record_make_tombstone(&tombstone, &record, record.key, record.realm, SJ__REASON_ADMIN, 5);
  sj__buffer_reset(&out);
  SJ__REQUIRE(sj__record_encode(&tombstone, &out) == SJ_OK);
  SJ__REQUIRE(sj__record_parse(sj__buffer_slice(&out), &again) == SJ_OK);
  SJ__REQUIRE(again.state == SJ__ENDED && again.version == record.version);
  sj__buffer_release(&out);
}

/* --- 1: a sealed record, changed ------------------------------------------------------------- */

static void changes(sj_slice list) {
  sj__record record = make_record();
  const sj__meta meta = {.device = SJ__SLICE("phone"), .auth_level = 2};
  sj__buffer out;
  sj__buffer_init(&out, 0);
  SJ__REQUIRE(sj__record_seal(fuzz_vault(), FUZZ_NOW_MS, &record, id, &meta,
                              SJ__SLICE("{\"cart\":1}"), &out) == SJ_OK);
  char *good = sj__memdup(out.data, out.size);
  for (size_t at = 0; list.size - at >= 3; at += 3) {
    size_t place = (size_t)((uint8_t)list.data[at] << 8 | (uint8_t)list.data[at + 1]) % out.size;
    out.data[place] = (char)(out.data[place] ^ list.data[at + 2]);
  }
  bool bound =
      memcmp(out.data, good, 120) != 0 || memcmp(out.data + 128, good + 128, out.size - 128) != 0;
  bool open = opens(sj__buffer_slice(&out), id);
  SJ__REQUIRE(!(bound && open));
  if (!bound) {
    int64_t last_seen_ms = sj__record_last_seen_ms(sj__buffer_slice(&out));
    SJ__REQUIRE(open == (last_seen_ms >= 0 && last_seen_ms <= INT64_MAX / 8));
  }
  SJ__REQUIRE(!opens(sj__buffer_slice(&out), zero_id));
  sj__free(good);
  sj__buffer_release(&out);
}

/* --- 2: meta ------------------------------------------------------------------------- */

static sj_status seal_meta(sj_slice clear, uint8_t *header, uint8_t *sealed, sj__record *record) {
  *record = make_record();
  record->sealed_meta = sj__slice(sealed, clear.size + SJ__SEAL_OVERHEAD);
  record->sealed_data.size = SJ__SEAL_OVERHEAD;
  sj__record_write_header(record, header);
  const sj_slice associated[] = {sj__slice(header, 120), sj__slice(header + 128, 32)};
  return sj__vault_seal(fuzz_vault(), record->kid, FUZZ_NOW_MS, SJ__PART_META, record->key, NULL,
                        associated, 2, clear, sealed);
}

/* The nonce is the same each time, so the same meta is sealed to the same bytes. */
static void seal_again(const sj__record *record, const sj__meta *meta) {
  sj__record fresh = make_record(), again;
  sj__buffer out;
  sj__buffer_init(&out, 0);
  SJ__REQUIRE(sj__record_seal(fuzz_vault(), FUZZ_NOW_MS, &fresh, id, meta, (sj_slice){NULL, 0},
                              &out) == SJ_OK);
  SJ__REQUIRE(sj__record_parse(sj__buffer_slice(&out), &again) == SJ_OK);
  SJ__REQUIRE(sj__slice_equal(again.sealed_meta, record->sealed_meta));
  sj__buffer_release(&out);
}

static void meta_in_clear(sj_slice clear) {
  static uint8_t header[SJ__RECORD_HEADER_SIZE], sealed[SJ__META_MAX + SJ__SEAL_OVERHEAD];
  sj__arena arena;
  sj__record record;
  sj__meta meta;
  if (clear.size > SJ__META_MAX) return;
  SJ__REQUIRE(seal_meta(clear, header, sealed, &record) == SJ_OK);
  sj__arena_init(&arena, NULL, 0, 0);
  sj_status status = sj__record_open_meta(
      fuzz_vault(), FUZZ_NOW_MS, sj__slice(header, sizeof(header)), &record, &arena, &meta);
  SJ__REQUIRE(status == SJ_OK || status == SJ_CORRUPT);
  if (status == SJ_OK) seal_again(&record, &meta);
  sj__arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static void (*const readings[])(sj_slice rest) = {any_bytes, changes, meta_in_clear};
  if (size == 0) return 0;
  readings[data[0] % SJ__COUNT_OF(readings)](sj__slice(data + 1, size - 1));
  return 0;
}
