/* The sealed parts of a record: meta for servers, data for servers and client together. */
#include <string.h>

#include "base/alloc.h"
#include "codec/bytes.h"
#include "codec/record.h"

/*
 * Meta in clear is a run of fields, tag:1 | size:2 | value, tags ascending, each
 * at most once, absent ones left out (docs/formats.md, "Meta").
 */
enum {
  TAG_SUBJECT = 1,
  TAG_DEVICE,
  TAG_ADDRESS,
  TAG_USER_AGENT,
  TAG_AUTH_LEVEL,
  TAG_AMR,
  TAG_AUTH_AT,
  TAG_CLIENT,
  TAG_SCOPE,
  TAG_AUDIENCE,
  TAG_REFRESHED_AT,
  TAG_REFRESH_FORK,
  TAG_REFRESH_KID,
  TAG_HOME_REGION,
  TAG_COUNT
};

/* How a tag's value is kept. */
typedef enum value_type { VALUE_TEXT, VALUE_BYTE, VALUE_TIME, VALUE_FORK } value_type;

typedef struct meta_field {
  value_type type;
  size_t offset;
} meta_field;

#define FIELD(type, member) \
  { (type), offsetof(sj__meta, member) }
static const meta_field fields[TAG_COUNT] = {
    [TAG_SUBJECT] = FIELD(VALUE_TEXT, subject),
    [TAG_DEVICE] = FIELD(VALUE_TEXT, device),
    [TAG_ADDRESS] = FIELD(VALUE_TEXT, address),
    [TAG_USER_AGENT] = FIELD(VALUE_TEXT, user_agent),
    [TAG_AUTH_LEVEL] = FIELD(VALUE_BYTE, auth_level),
    [TAG_AMR] = FIELD(VALUE_TEXT, amr),
    [TAG_AUTH_AT] = FIELD(VALUE_TIME, auth_at_ms),
    [TAG_CLIENT] = FIELD(VALUE_TEXT, client),
    [TAG_SCOPE] = FIELD(VALUE_TEXT, scope),
    [TAG_AUDIENCE] = FIELD(VALUE_TEXT, audience),
    [TAG_REFRESHED_AT] = FIELD(VALUE_TIME, refreshed_at_ms),
    [TAG_REFRESH_FORK] = FIELD(VALUE_FORK, refresh_fork),
    [TAG_REFRESH_KID] = FIELD(VALUE_BYTE, refresh_kid),
    [TAG_HOME_REGION] = FIELD(VALUE_BYTE, home_region),
};

static const size_t fixed_sizes[] = {
    [VALUE_TEXT] = 0, [VALUE_BYTE] = 1, [VALUE_TIME] = 8, [VALUE_FORK] = 4};
static const uint8_t zeros[8];

/* --- Writing meta -------------------------------------------------------------------- */

/* The value as bytes; {NULL,0} where it is absent or zero. `space` holds numbers. */
static sj_slice value_of(const sj__meta *meta, const meta_field *field, uint8_t space[8]) {
  const char *member = (const char *)meta + field->offset;
  sj_slice text;
  int64_t time;
  if (field->type == VALUE_TEXT) {
    memcpy(&text, member, sizeof(text));
    return text;
  }
  if (field->type == VALUE_TIME) {
    memcpy(&time, member, sizeof(time));
    sj__put_u64(space, (uint64_t)time);
  } else {
    memcpy(space, member, fixed_sizes[field->type]);
  }
  if (memcmp(space, zeros, fixed_sizes[field->type]) == 0) return (sj_slice){NULL, 0};
  return sj__slice(space, fixed_sizes[field->type]);
}

static sj_status write_meta(const sj__meta *meta, sj__buffer *out) {
  for (int tag = TAG_SUBJECT; tag < TAG_COUNT; tag++) {
    uint8_t space[8];
    sj_slice value = value_of(meta, &fields[tag], space);
    if (value.data == NULL) continue;
    if (value.size > SJ__META_MAX) return SJ_TOO_LARGE;
    uint8_t front[3] = {(uint8_t)tag, (uint8_t)(value.size >> 8), (uint8_t)value.size};
    sj__buffer_append(out, front, sizeof(front));
    sj__buffer_append_slice(out, value);
  }
  return sj__buffer_status(out);
}

/* --- Reading meta --------------------------------------------------------------------- */

static void set_value(sj__meta *meta, const meta_field *field, sj_slice value) {
  char *member = (char *)meta + field->offset;
  if (field->type == VALUE_TEXT) {
    memcpy(member, &value, sizeof(value));
  } else if (field->type == VALUE_TIME) {
    int64_t time = (int64_t)sj__get_u64((const uint8_t *)value.data);
    memcpy(member, &time, sizeof(time));
  } else {
    memcpy(member, value.data, value.size);
  }
}

/* What write_meta can have made: zeros are left out, no moment is negative. */
static bool is_possible(value_type type, sj_slice value) {
  if (type == VALUE_TEXT) return true;
  if (value.size != fixed_sizes[type] || memcmp(value.data, zeros, value.size) == 0) return false;
  return type != VALUE_TIME || ((uint8_t)value.data[0] & 0x80) == 0;
}

static sj_status read_meta(sj_slice text, sj__meta *out) {
  const uint8_t *bytes = (const uint8_t *)text.data;
  int last_tag = 0;
  memset(out, 0, sizeof(*out));
  for (size_t at = 0; at < text.size;) {
    if (text.size - at < 3) return SJ_CORRUPT;
    int tag = bytes[at];
    size_t size = (size_t)bytes[at + 1] << 8 | bytes[at + 2];
    at += 3;
    if (tag <= last_tag || tag >= TAG_COUNT || size > text.size - at) return SJ_CORRUPT;
    sj_slice value = sj__slice(text.data + at, size);
    if (!is_possible(fields[tag].type, value)) return SJ_CORRUPT;
    set_value(out, &fields[tag], value);
    last_tag = tag;
    at += size;
  }
  return SJ_OK;
}

/* --- Sealing ------------------------------------------------------------------------------ */

/* Every clear field but last_seen, sizes of the parts included. */
static void associated_data(const uint8_t header[SJ__RECORD_HEADER_SIZE], sj_slice parts[2]) {
  enum { BEFORE_LAST_SEEN = 120, AFTER_LAST_SEEN = 128 };
  parts[0] = sj__slice(header, BEFORE_LAST_SEEN);
  parts[1] = sj__slice(header + AFTER_LAST_SEEN, SJ__RECORD_HEADER_SIZE - AFTER_LAST_SEEN);
}

static sj_status seal_parts(sj__vault *vault, int64_t now_ms, const sj__record *record,
                            const uint8_t *id, sj_slice meta, sj_slice data, sj__buffer *out) {
  sj__record sized = *record;
  sized.sealed_meta.size = meta.size + SJ__SEAL_OVERHEAD;
  sized.sealed_data.size = data.size + SJ__SEAL_OVERHEAD;
  size_t total;
  if (data.size > UINT32_MAX / 2 || !sj__size_add(SJ__RECORD_HEADER_SIZE + sized.sealed_meta.size,
                                                  sized.sealed_data.size, &total)) {
    return SJ_TOO_LARGE;
  }
  uint8_t *bytes = (uint8_t *)sj__buffer_reserve(out, total);
  if (bytes == NULL) return sj__buffer_status(out);
  sj__record_write_header(&sized, bytes);
  sj_slice associated[2];
  associated_data(bytes, associated);
  uint8_t *sealed_meta = bytes + SJ__RECORD_HEADER_SIZE;
  sj_status status = sj__vault_seal(vault, record->kid, now_ms, SJ__PART_META, record->key, NULL,
                                    associated, 2, meta, sealed_meta);
  if (status == SJ_OK) {
    status = sj__vault_seal(vault, record->kid, now_ms, SJ__PART_DATA, record->key, id, associated,
                            2, data, sealed_meta + sized.sealed_meta.size);
  }
  if (status == SJ_OK) out->size += total;
  return status;
}

sj_status sj__record_seal(sj__vault *vault, int64_t now_ms, const sj__record *record,
                          const uint8_t *id, const sj__meta *meta, sj_slice data, sj__buffer *out) {
  sj__buffer clear;
  sj__buffer_init(&clear, SJ__META_MAX);
  sj_status status = write_meta(meta, &clear);
  if (status == SJ_OK) {
    status = seal_parts(vault, now_ms, record, id, sj__buffer_slice(&clear), data, out);
  }
  sj__buffer_release(&clear);
  return status;
}

static sj_status open_part(sj__vault *vault, int64_t now_ms, sj_slice bytes,
                           const sj__record *record, sj__sealed_part part, const uint8_t *id,
                           sj__arena *arena, sj_slice *out) {
  sj_slice sealed = part == SJ__PART_META ? record->sealed_meta : record->sealed_data;
  if (sealed.size < SJ__SEAL_OVERHEAD || bytes.size < SJ__RECORD_HEADER_SIZE) return SJ_CORRUPT;
  size_t size = sealed.size - SJ__SEAL_OVERHEAD;
  char *clear = sj__arena_alloc(arena, size + 1);
  if (clear == NULL) return SJ_NO_MEMORY;
  sj_slice associated[2];
  associated_data((const uint8_t *)bytes.data, associated);
  sj_status status = sj__vault_open(vault, record->kid, now_ms, part, record->key, id, associated,
                                    2, sealed, (uint8_t *)clear);
  if (status == SJ_OK) *out = sj__slice(clear, size);
  return status;
}

sj_status sj__record_open_meta(sj__vault *vault, int64_t now_ms, sj_slice bytes,
                               const sj__record *record, sj__arena *arena, sj__meta *out) {
  sj_slice clear;
  sj_status status = open_part(vault, now_ms, bytes, record, SJ__PART_META, NULL, arena, &clear);
  return status == SJ_OK ? read_meta(clear, out) : status;
}

sj_status sj__record_open_data(sj__vault *vault, int64_t now_ms, sj_slice bytes,
                               const sj__record *record, const uint8_t *id, sj__arena *arena,
                               sj_slice *out) {
  return open_part(vault, now_ms, bytes, record, SJ__PART_DATA, id, arena, out);
}
