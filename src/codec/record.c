/* The clear part of a record: fixed in size and place. */
#include "codec/record.h"

#include <string.h>

#include "base/alloc.h"
#include "codec/bytes.h"

enum { /* offsets; record.h has the table */
       AT_FORMAT = 0,
       AT_KID = 1,
       AT_STATE = 2,
       AT_REASON = 3,
       AT_CARRIER = 4,
       AT_FLAGS = 5,
       AT_RESERVED = 6,
       AT_REALM = 8,
       AT_KEY = 16,
       AT_VERSION = 32,
       AT_GENERATION = 40,
       AT_WRITE_IDS = 48,
       AT_SUBJECT_TAG = 80,
       AT_FAMILY = 96,
       AT_CREATED = 112,
       AT_LAST_SEEN = 120,
       AT_IDLE_FOR = 128,
       AT_ABSOLUTE = 136,
       AT_UNTIL = 144,
       AT_META_SIZE = 152,
       AT_DATA_SIZE = 156
};

#define FLAG_SUBJECT 1
/* Moments and durations beyond this are nobody's: sums of a few of them stay within 64 bits. */
#define MS_MAX (INT64_MAX / 8)

const char *sj__reason_name(sj__reason reason) {
  static const char *const names[SJ__REASON_LAST + 1] = {
      [SJ__REASON_NONE] = "none",
      [SJ__REASON_SIGNED_OUT] = "signed_out",
      [SJ__REASON_SUPERSEDED] = "superseded",
      [SJ__REASON_EXPIRED] = "expired",
      [SJ__REASON_ADMIN] = "admin",
      [SJ__REASON_REVOKED] = "revoked",
      [SJ__REASON_REPLAYED] = "replayed",
      [SJ__REASON_ROLLED_BACK] = "rolled_back",
      [SJ__REASON_LIMIT] = "limit",
      [SJ__REASON_ABANDONED] = "abandoned",
  };
  return (unsigned)reason <= SJ__REASON_LAST ? names[reason] : "unknown";
}

/* --- Reading ---------------------------------------------------------------------- */

static void read_fields(const uint8_t *bytes, sj__record *out) {
  out->kid = bytes[AT_KID];
  out->state = (sj__state)bytes[AT_STATE];
  out->reason = (sj__reason)bytes[AT_REASON];
  out->carrier = (sj__carrier)bytes[AT_CARRIER];
  out->has_subject = (bytes[AT_FLAGS] & FLAG_SUBJECT) != 0;
  memcpy(out->realm, bytes + AT_REALM, sizeof(out->realm));
  memcpy(out->key, bytes + AT_KEY, sizeof(out->key));
  out->version = sj__get_u64(bytes + AT_VERSION);
  out->generation = sj__get_u64(bytes + AT_GENERATION);
  memcpy(out->write_ids, bytes + AT_WRITE_IDS, sizeof(out->write_ids));
  memcpy(out->subject_tag, bytes + AT_SUBJECT_TAG, sizeof(out->subject_tag));
  memcpy(out->family, bytes + AT_FAMILY, sizeof(out->family));
  out->created_at_ms = (int64_t)sj__get_u64(bytes + AT_CREATED);
  out->last_seen_ms = (int64_t)sj__get_u64(bytes + AT_LAST_SEEN);
  out->idle_for_ms = (int64_t)sj__get_u64(bytes + AT_IDLE_FOR);
  out->absolute_at_ms = (int64_t)sj__get_u64(bytes + AT_ABSOLUTE);
  out->until_ms = (int64_t)sj__get_u64(bytes + AT_UNTIL);
}

static bool is_time(int64_t ms) {
  return ms >= 0 && ms <= MS_MAX;
}

static bool fields_are_possible(const uint8_t *bytes, const sj__record *record) {
  static const uint8_t zeros[SJ__TAG_SIZE];
  if (bytes[AT_FORMAT] != SJ__RECORD_FORMAT || (bytes[AT_FLAGS] & ~FLAG_SUBJECT) != 0 ||
      bytes[AT_RESERVED] != 0 || bytes[AT_RESERVED + 1] != 0) {
    return false;
  }
  if (record->carrier < SJ__CARRIER_COOKIE || record->carrier > SJ__CARRIER_TOKEN) return false;
  if (record->version == 0) return false;
  if (!record->has_subject && memcmp(record->subject_tag, zeros, sizeof(zeros)) != 0) return false;
  return is_time(record->created_at_ms) && is_time(record->last_seen_ms) &&
         is_time(record->idle_for_ms) && is_time(record->absolute_at_ms) &&
         is_time(record->until_ms);
}

static bool state_is_possible(const sj__record *record) {
  bool sealed_nothing = record->sealed_meta.size == 0 && record->sealed_data.size == 0;
  if (record->state == SJ__ENDED) {
    return record->reason > SJ__REASON_NONE && record->reason <= SJ__REASON_LAST && sealed_nothing;
  }
  return record->state == SJ__ACTIVE && record->reason == SJ__REASON_NONE &&
         record->until_ms == 0 && record->kid != 0 &&
         record->sealed_meta.size >= SJ__SEAL_OVERHEAD &&
         record->sealed_meta.size <= SJ__META_MAX + SJ__SEAL_OVERHEAD &&
         record->sealed_data.size >= SJ__SEAL_OVERHEAD;
}

sj_status sj__record_parse(sj_slice bytes, sj__record *out) {
  if (bytes.size < SJ__RECORD_HEADER_SIZE) return SJ_CORRUPT;
  const uint8_t *header = (const uint8_t *)bytes.data;
  size_t meta_size = sj__get_u32(header + AT_META_SIZE);
  size_t data_size = sj__get_u32(header + AT_DATA_SIZE);
  size_t rest = bytes.size - SJ__RECORD_HEADER_SIZE;
  if (meta_size > rest || data_size != rest - meta_size) return SJ_CORRUPT;
  read_fields(header, out);
  out->sealed_meta = sj__slice(bytes.data + SJ__RECORD_HEADER_SIZE, meta_size);
  out->sealed_data = sj__slice(bytes.data + SJ__RECORD_HEADER_SIZE + meta_size, data_size);
  return fields_are_possible(header, out) && state_is_possible(out) ? SJ_OK : SJ_CORRUPT;
}

/* --- Single fields ------------------------------------------------------------------ */

static const uint8_t *header_of(sj_slice bytes) {
  SJ__REQUIRE(bytes.size >= SJ__RECORD_HEADER_SIZE);
  return (const uint8_t *)bytes.data;
}

uint64_t sj__record_version(sj_slice bytes) {
  return sj__get_u64(header_of(bytes) + AT_VERSION);
}

sj__state sj__record_state(sj_slice bytes) {
  return (sj__state)header_of(bytes)[AT_STATE];
}

int64_t sj__record_last_seen_ms(sj_slice bytes) {
  return (int64_t)sj__get_u64(header_of(bytes) + AT_LAST_SEEN);
}

void sj__record_set_last_seen_ms(uint8_t *bytes, int64_t last_seen_ms) {
  sj__put_u64(bytes + AT_LAST_SEEN, (uint64_t)last_seen_ms);
}

const uint8_t *sj__record_key(sj_slice bytes) {
  return header_of(bytes) + AT_KEY;
}

const uint8_t *sj__record_newest_write_id(sj_slice bytes) {
  return header_of(bytes) + AT_WRITE_IDS;
}

bool sj__record_has_write_id(sj_slice bytes, const uint8_t id[SJ__WRITE_ID_SIZE]) {
  const uint8_t *ids = header_of(bytes) + AT_WRITE_IDS;
  for (size_t i = 0; i < SJ__WRITE_IDS; i++) {
    if (memcmp(ids + i * SJ__WRITE_ID_SIZE, id, SJ__WRITE_ID_SIZE) == 0) return true;
  }
  return false;
}

const uint8_t *sj__record_subject_tag(sj_slice bytes) {
  const uint8_t *header = header_of(bytes);
  return (header[AT_FLAGS] & FLAG_SUBJECT) != 0 ? header + AT_SUBJECT_TAG : NULL;
}

int64_t sj__record_garbage_at_ms(sj_slice bytes, int64_t touch_every_ms) {
  sj__record record;
  read_fields(header_of(bytes), &record);
  if (record.state == SJ__ENDED) return record.until_ms;
  /* What a damaged record says may not add up: such a one is kept for whoever looks. */
  int64_t idle_until_ms;
  int64_t last_ms;
  if (__builtin_add_overflow(record.last_seen_ms, record.idle_for_ms, &idle_until_ms)) {
    return INT64_MAX;
  }
  last_ms = idle_until_ms < record.absolute_at_ms ? idle_until_ms : record.absolute_at_ms;
  return __builtin_add_overflow(last_ms, touch_every_ms + 60000, &last_ms) ? INT64_MAX : last_ms;
}

/* --- Writing ------------------------------------------------------------------------- */

void sj__record_write_header(const sj__record *record, uint8_t out[SJ__RECORD_HEADER_SIZE]) {
  memset(out, 0, SJ__RECORD_HEADER_SIZE);
  out[AT_FORMAT] = SJ__RECORD_FORMAT;
  out[AT_KID] = record->kid;
  out[AT_STATE] = (uint8_t)record->state;
  out[AT_REASON] = (uint8_t)record->reason;
  out[AT_CARRIER] = (uint8_t)record->carrier;
  out[AT_FLAGS] = record->has_subject ? FLAG_SUBJECT : 0;
  memcpy(out + AT_REALM, record->realm, sizeof(record->realm));
  memcpy(out + AT_KEY, record->key, sizeof(record->key));
  sj__put_u64(out + AT_VERSION, record->version);
  sj__put_u64(out + AT_GENERATION, record->generation);
  memcpy(out + AT_WRITE_IDS, record->write_ids, sizeof(record->write_ids));
  memcpy(out + AT_SUBJECT_TAG, record->subject_tag, sizeof(record->subject_tag));
  memcpy(out + AT_FAMILY, record->family, sizeof(record->family));
  sj__put_u64(out + AT_CREATED, (uint64_t)record->created_at_ms);
  sj__put_u64(out + AT_LAST_SEEN, (uint64_t)record->last_seen_ms);
  sj__put_u64(out + AT_IDLE_FOR, (uint64_t)record->idle_for_ms);
  sj__put_u64(out + AT_ABSOLUTE, (uint64_t)record->absolute_at_ms);
  sj__put_u64(out + AT_UNTIL, (uint64_t)record->until_ms);
  sj__put_u32(out + AT_META_SIZE, (uint32_t)record->sealed_meta.size);
  sj__put_u32(out + AT_DATA_SIZE, (uint32_t)record->sealed_data.size);
}

sj_status sj__record_encode(const sj__record *record, sj__buffer *out) {
  if (record->sealed_meta.size > UINT32_MAX || record->sealed_data.size > UINT32_MAX) {
    return SJ_TOO_LARGE;
  }
  uint8_t header[SJ__RECORD_HEADER_SIZE];
  sj__record_write_header(record, header);
  sj__buffer_append(out, header, sizeof(header));
  sj__buffer_append_slice(out, record->sealed_meta);
  sj__buffer_append_slice(out, record->sealed_data);
  return sj__buffer_status(out);
}

void sj__record_make_tombstone(sj__record *out, const sj__record *from,
                               const uint8_t key[SJ__KEY_SIZE], const uint8_t realm[8],
                               sj__reason reason, int64_t until_ms) {
  if (from != NULL) {
    *out = *from;
  } else {
    *out = (sj__record){.carrier = SJ__CARRIER_COOKIE, .version = 1};
    memcpy(out->key, key, SJ__KEY_SIZE);
    memcpy(out->realm, realm, sizeof(out->realm));
  }
  out->state = SJ__ENDED;
  out->reason = reason;
  out->until_ms = until_ms;
  out->sealed_meta = out->sealed_data = (sj_slice){NULL, 0};
}
