/* Records and marks as the engine makes them, but with made-up sealed parts. */
#include <string.h>

#include "base/random.h"
#include "contract.h"

#define META_SIZE 40

static void fill_random(void *out, size_t size) {
  SJ__REQUIRE(sj__random(out, size) == SJ_OK);
}

key16 random_key(seat *s) {
  key16 key;
  fill_random(key.bytes, sizeof(key.bytes));
  return key;
}

sj__record new_record(seat *s, const uint8_t *key, const uint8_t *tag) {
  sj__record record = {
      .kid = 1,
      .state = SJ__ACTIVE,
      .carrier = SJ__CARRIER_COOKIE,
      .has_subject = tag != NULL,
      .version = 1,
      .created_at_ms = s->now_ms,
      .last_seen_ms = s->now_ms,
      .idle_for_ms = 30 * 60000,
      .absolute_at_ms = s->now_ms + 12 * 3600000,
  };
  memcpy(record.realm, "contract", sizeof(record.realm));
  memcpy(record.key, key, sizeof(record.key));
  memcpy(record.family, key, sizeof(record.family));
  if (tag != NULL) memcpy(record.subject_tag, tag, sizeof(record.subject_tag));
  fill_random(record.write_ids, sizeof(record.write_ids));
  return record;
}

void next_version(seat *s, sj__record *record) {
  record->version++;
  memmove(record->write_ids[1], record->write_ids[0], (SJ__WRITE_IDS - 1) * SJ__WRITE_ID_SIZE);
  fill_random(record->write_ids[0], SJ__WRITE_ID_SIZE);
}

static sj_slice encode_parts(seat *s, const sj__record *record, size_t meta, size_t data) {
  sj__record whole = *record;
  char *sealed = sj__arena_alloc(&s->arena, meta + data + 1);
  SJ__REQUIRE(sealed != NULL);
  memset(sealed, (int)(record->version % 251), meta + data);
  whole.sealed_meta = sj__slice(sealed, meta);
  whole.sealed_data = sj__slice(sealed + meta, data);
  sj__buffer out;
  sj__buffer_init(&out, 0);
  SJ__REQUIRE(sj__record_encode(&whole, &out) == SJ_OK);
  sj_slice copy = sj__arena_dup(&s->arena, sj__buffer_slice(&out));
  SJ__REQUIRE(copy.data != NULL);
  sj__buffer_release(&out);
  return copy;
}

sj_slice encode(seat *s, const sj__record *record, size_t data_size) {
  return encode_parts(s, record, META_SIZE, data_size);
}

sj_slice encode_ended(seat *s, const sj__record *record, sj__reason reason, int64_t until_ms) {
  sj__record tombstone;
  sj__record_make_tombstone(&tombstone, record, record->key, record->realm, reason, until_ms);
  return encode_parts(s, &tombstone, 0, 0);
}

key16 create(seat *s, const uint8_t *tag) {
  key16 key = random_key(s);
  sj__record record = new_record(s, key.bytes, tag);
  op *made = put(s, encode(s, &record, 100), 0);
  if (made->status != SJ_OK) {
    seat_fail(s, __FILE__, __LINE__, "creating a session answered %s",
              sj_status_code(made->status));
  }
  return key;
}

sj_slice new_mark(seat *s, int64_t until_ms) {
  uint8_t *mark = sj__arena_alloc(&s->arena, SJ__MARK_SIZE);
  SJ__REQUIRE(mark != NULL);
  fill_random(mark, SJ__MARK_SIZE);
  mark[0] = 1;
  mark[1] = 1;
  mark[2] = SJ__MARK_SESSION;
  mark[3] = 0;
  for (int i = 0; i < 8; i++) mark[44 + i] = (uint8_t)((uint64_t)until_ms >> (56 - 8 * i));
  sj_slice bytes = sj__slice(mark, SJ__MARK_SIZE);
  SJ__REQUIRE(sj__mark_until_ms(bytes) == until_ms);
  return bytes;
}

static bool is_whole(sj_slice record) {
  return record.size >= SJ__RECORD_HEADER_SIZE;
}

uint64_t version_of(sj_slice record) {
  return is_whole(record) ? sj__record_version(record) : 0;
}

int64_t last_seen_of(sj_slice record) {
  return is_whole(record) ? sj__record_last_seen_ms(record) : 0;
}

sj__state state_of(sj_slice record) {
  return is_whole(record) ? sj__record_state(record) : (sj__state)0;
}

bool same(sj_slice a, sj_slice b) {
  return sj__slice_equal(a, b);
}

bool same_but_last_seen(sj_slice a, sj_slice b) {
  if (a.size != b.size || a.size < SJ__RECORD_HEADER_SIZE) return false;
  return memcmp(a.data, b.data, 120) == 0 && memcmp(a.data + 128, b.data + 128, a.size - 128) == 0;
}

bool has_key(const op *listing, const uint8_t *key) {
  for (size_t i = 0; i < listing->item_count; i++) {
    if (listing->items[i].size < SJ__RECORD_HEADER_SIZE) continue;
    if (memcmp(sj__record_key(listing->items[i]), key, SJ__KEY_SIZE) == 0) return true;
  }
  return false;
}
