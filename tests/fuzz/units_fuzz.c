/* The first byte chooses a parser; what it takes comes back from its writer with the same value. */
#include <stdint.h>

#include "base/alloc.h"
#include "base/text.h"
#include "codec/units.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void duration(sj_slice text, sj__buffer *out) {
  int64_t ms, again;
  if (sj__duration_parse(text, &ms) != SJ_OK) return;
  sj__duration_append(out, ms);
  SJ__REQUIRE(sj__duration_parse(sj__buffer_slice(out), &again) == SJ_OK && again == ms);
}

static void bytes(sj_slice text, sj__buffer *out) {
  uint64_t value, again;
  if (sj__bytes_parse(text, &value) != SJ_OK) return;
  sj__bytes_append(out, value);
  SJ__REQUIRE(sj__bytes_parse(sj__buffer_slice(out), &again) == SJ_OK && again == value);
}

static void moment(sj_slice text, sj__buffer *out) {
  int64_t ms, again;
  if (sj__rfc3339_parse(text, &ms) != SJ_OK) return;
  if (ms < -62162208000000 || ms > 253402300799999) return; /* four digits of year, in UTC */
  sj__append_rfc3339(out, ms);
  SJ__REQUIRE(sj__rfc3339_parse(sj__buffer_slice(out), &again) == SJ_OK && again == ms);
}

static void percent(sj_slice text, sj__buffer *out) {
  sj__percent_encode(out, text);
  sj__buffer decoded;
  sj__buffer_init(&decoded, 0);
  bool nul = text.size > 0 && memchr(text.data, 0, text.size) != NULL;
  sj_status status = sj__percent_decode(&decoded, sj__buffer_slice(out), true);
  SJ__REQUIRE((status == SJ_INVALID) == nul);
  SJ__REQUIRE(nul || sj__slice_equal(sj__buffer_slice(&decoded), text));
  sj__buffer_reset(&decoded);
  if (sj__percent_decode(&decoded, text, false) == SJ_OK) SJ__REQUIRE(decoded.size <= text.size);
  sj__buffer_release(&decoded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static void (*const parsers[])(sj_slice text, sj__buffer * out) = {duration, bytes, moment,
                                                                     percent};
  if (size == 0) return 0;
  sj_slice text = sj__slice(data + 1, size - 1);
  sj__buffer out;
  sj__buffer_init(&out, 0);
  parsers[data[0] % SJ__COUNT_OF(parsers)](text, &out);
  if (sj__text_is_clean(text, 64)) SJ__REQUIRE(sj__utf8_valid(text) && text.size <= 64);
  sj__buffer_release(&out);
  return 0;
}
