/*
 * The input is taken as a mark's bytes, and as those without the MAC, which
 * gets the right one. What is accepted is written back as the very same bytes.
 */
#include <stdint.h>

#include "codec/mark.h"
#include "vault.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SIGNED_SIZE (SJ__MARK_SIZE - 16)

static void decode(sj_slice bytes) {
  sj__mark mark;
  uint8_t again[SJ__MARK_SIZE];
  sj_status status = sj__mark_decode(fuzz_vault(), FUZZ_NOW_MS, bytes, &mark);
  if (status != SJ_OK) {
    SJ__REQUIRE(status == SJ_CORRUPT || status == SJ_UNKNOWN_KEY || status == SJ_RETIRED_KEY);
    return;
  }
  SJ__REQUIRE(sj__mark_encode(fuzz_vault(), FUZZ_NOW_MS, &mark, again) == SJ_OK);
  SJ__REQUIRE(sj__slice_equal(sj__slice(again, sizeof(again)), bytes));
  SJ__REQUIRE(sj__mark_until_ms(bytes) == mark.until_ms);
  /* Created at its moment a session may be named, a moment later it never is. */
  sj__record record = {.kid = mark.kid, .has_subject = true, .created_at_ms = mark.moment_ms};
  memcpy(record.key, mark.value, sizeof(record.key));
  memcpy(record.subject_tag, mark.value, sizeof(record.subject_tag));
  memcpy(record.family, mark.except, sizeof(record.family));
  bool spared = mark.has_except || mark.scope == SJ__MARK_CLIENT;
  SJ__REQUIRE(sj__mark_names(&mark, &record) == !spared);
  record.created_at_ms = mark.moment_ms < INT64_MAX ? mark.moment_ms + 1 : INT64_MAX;
  SJ__REQUIRE(record.created_at_ms == mark.moment_ms || !sj__mark_names(&mark, &record));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  uint8_t bytes[SJ__MARK_SIZE];
  decode(sj__slice(data, size));
  if (size < SIGNED_SIZE) return 0;
  const sj_slice signed_part = sj__slice(bytes, SIGNED_SIZE);
  memcpy(bytes, data, SIGNED_SIZE);
  if (sj__vault_mac(fuzz_vault(), bytes[1], FUZZ_NOW_MS, SJ__PURPOSE_MARK, &signed_part, 1,
                    bytes + SIGNED_SIZE) == SJ_OK) {
    decode(sj__slice(bytes, sizeof(bytes)));
  }
  return 0;
}
