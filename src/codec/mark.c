#include "codec/mark.h"

#include <string.h>

#include "base/alloc.h"
#include "codec/bytes.h"
#include "crypto/digest.h"

#define MARK_FORMAT 1
#define FLAG_EXCEPT 1

enum { AT_VALUE = 4, AT_MOMENT = 20, AT_EXCEPT = 28, AT_UNTIL = 44, AT_MAC = 52 };

sj_status sj__mark_encode(sj__vault *vault, int64_t now_ms, const sj__mark *mark,
                          uint8_t out[SJ__MARK_SIZE]) {
  memset(out, 0, SJ__MARK_SIZE);
  out[0] = MARK_FORMAT;
  out[1] = mark->kid;
  out[2] = (uint8_t)mark->scope;
  out[3] = mark->has_except ? FLAG_EXCEPT : 0;
  if (mark->scope != SJ__MARK_REALM) memcpy(out + AT_VALUE, mark->value, sizeof(mark->value));
  sj__put_u64(out + AT_MOMENT, (uint64_t)mark->moment_ms);
  if (mark->has_except) memcpy(out + AT_EXCEPT, mark->except, sizeof(mark->except));
  sj__put_u64(out + AT_UNTIL, (uint64_t)mark->until_ms);
  sj_slice signed_part = sj__slice(out, AT_MAC);
  return sj__vault_mac(vault, mark->kid, now_ms, SJ__PURPOSE_MARK, &signed_part, 1, out + AT_MAC);
}

/* What is absent is zeros: one mark, one form. */
static bool is_canonical(const sj__mark *mark) {
  static const uint8_t zeros[SJ__KEY_SIZE];
  return (mark->has_except || memcmp(mark->except, zeros, sizeof(mark->except)) == 0) &&
         (mark->scope != SJ__MARK_REALM || memcmp(mark->value, zeros, sizeof(mark->value)) == 0);
}

static bool read_fields(const uint8_t *bytes, sj__mark *out) {
  *out = (sj__mark){
      .kid = bytes[1],
      .scope = (sj__mark_scope)bytes[2],
      .has_except = bytes[3] == FLAG_EXCEPT,
      .moment_ms = (int64_t)sj__get_u64(bytes + AT_MOMENT),
      .until_ms = (int64_t)sj__get_u64(bytes + AT_UNTIL),
  };
  memcpy(out->value, bytes + AT_VALUE, sizeof(out->value));
  memcpy(out->except, bytes + AT_EXCEPT, sizeof(out->except));
  return is_canonical(out) && bytes[0] == MARK_FORMAT && bytes[2] >= SJ__MARK_SESSION &&
         bytes[2] <= SJ__MARK_REALM && bytes[3] <= FLAG_EXCEPT && out->moment_ms >= 0 &&
         out->until_ms >= 0;
}

sj_status sj__mark_decode(sj__vault *vault, int64_t now_ms, sj_slice bytes, sj__mark *out) {
  const uint8_t *data = (const uint8_t *)bytes.data;
  uint8_t mac[16];
  if (bytes.size != SJ__MARK_SIZE || !read_fields(data, out)) return SJ_CORRUPT;
  sj_slice signed_part = sj__slice(data, AT_MAC);
  sj_status status = sj__vault_mac(vault, out->kid, now_ms, SJ__PURPOSE_MARK, &signed_part, 1, mac);
  if (status != SJ_OK) return status;
  return sj__equal_secret(mac, data + AT_MAC, sizeof(mac)) ? SJ_OK : SJ_CORRUPT;
}

bool sj__mark_names(const sj__mark *mark, const sj__record *record) {
  if (record->created_at_ms > mark->moment_ms) return false;
  if (mark->has_except && memcmp(mark->except, record->family, SJ__KEY_SIZE) == 0) return false;
  switch (mark->scope) {
    case SJ__MARK_SESSION:
      return memcmp(mark->value, record->key, SJ__KEY_SIZE) == 0;
    case SJ__MARK_SUBJECT:
      return record->has_subject && mark->kid == record->kid &&
             memcmp(mark->value, record->subject_tag, SJ__TAG_SIZE) == 0;
    case SJ__MARK_REALM:
      return true;
    default:
      return false; /* a client's: only tokens have one, and carry its tag */
  }
}

int64_t sj__mark_until_ms(sj_slice bytes) {
  SJ__REQUIRE(bytes.size == SJ__MARK_SIZE);
  return (int64_t)sj__get_u64((const uint8_t *)bytes.data + AT_UNTIL);
}
