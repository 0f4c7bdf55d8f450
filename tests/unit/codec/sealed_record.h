/* Sealed records for the codec's tests. Header only. */
#ifndef SJ_TESTS_CODEC_SEALED_RECORD_H
#define SJ_TESTS_CODEC_SEALED_RECORD_H

#include "../unit.h"

#include "codec/record.h"
#include "vaults.h"

enum { LAST_SEEN_FIRST = 120, LAST_SEEN_LAST = 127 }; /* the one field that nothing binds */

static const uint8_t id[SJ__ID_SIZE] = {1, 2, 3, 4, 5};
static const uint8_t other_id[SJ__ID_SIZE] = {5, 4, 3, 2, 1};

typedef struct sealed {
  sj__vault *vault;
  const uint8_t *id;
  sj__buffer bytes;
} sealed;

static inline sj__record make_record(sj__vault *vault, const uint8_t *of_id) {
  sj__record record = {
      .kid = KID_ACTIVE,
      .state = SJ__ACTIVE,
      .carrier = SJ__CARRIER_COOKIE,
      .has_subject = true,
      .version = 7,
      .created_at_ms = NOW_MS,
      .last_seen_ms = NOW_MS,
      .idle_for_ms = 1800000,
      .absolute_at_ms = NOW_MS + 43200000,
  };
  const sj_slice subject = SJ__SLICE("ada");
  memcpy(record.realm, sj__vault_realm_fingerprint(vault), sizeof(record.realm));
  sj__session_key(of_id, record.key);
  memcpy(record.family, record.key, sizeof(record.family));
  memset(record.write_ids, 0x5a, sizeof(record.write_ids));
  assert_ok(sj__vault_mac(vault, record.kid, NOW_MS, SJ__PURPOSE_SUBJECT, &subject, 1,
                          record.subject_tag));
  return record;
}

static const sj__meta ada = {
    .subject = {"ada", 3},
    .device = {"phone", 5},
    .address = {"192.0.2.1", 9},
    .user_agent = {"Mozilla/5.0", 11},
    .auth_level = 2,
    .amr = {"[\"pwd\"]", 7},
    .auth_at_ms = NOW_MS,
    .client = {"shop", 4},
    .scope = {"openid", 6},
    .audience = {"api", 3},
    .refreshed_at_ms = NOW_MS + 1,
    .refresh_fork = {1, 2, 3, 4},
    .refresh_kid = 200,
    .home_region = 9,
};

static inline void seal_with(sealed *s, sj__vault *vault, const uint8_t *of_id,
                             const sj__meta *meta, sj_slice data) {
  sj__record record = make_record(vault, of_id);
  *s = (sealed){.vault = vault, .id = of_id};
  sj__buffer_init(&s->bytes, 0);
  assert_ok(sj__record_seal(vault, NOW_MS, &record, of_id, meta, data, &s->bytes));
}

static inline void seal(sealed *s, sj__vault *vault) {
  seal_with(s, vault, id, &ada, SJ__SLICE("{\"cart\":[1.50]}"));
}

typedef struct opened {
  sj__record record;
  sj__meta meta;
  sj_slice data;
} opened;

static inline sj_status open_all(const sealed *s, sj__arena *arena, opened *out) {
  sj_slice bytes = sj__buffer_slice(&s->bytes);
  sj_status status = sj__record_parse(bytes, &out->record);
  if (status == SJ_OK) {
    status = sj__record_open_meta(s->vault, NOW_MS, bytes, &out->record, arena, &out->meta);
  }
  if (status != SJ_OK) return status;
  return sj__record_open_data(s->vault, NOW_MS, bytes, &out->record, s->id, arena, &out->data);
}

static inline sj_status try_open(const sealed *s) {
  opened all;
  sj__arena arena;
  sj__arena_init(&arena, NULL, 0, 0);
  sj_status status = open_all(s, &arena, &all);
  sj__arena_release(&arena);
  return status;
}

static inline void release(sealed *s) {
  sj__buffer_release(&s->bytes);
}

#endif
