/*
 * The input is taken twice: as a handle's text, and as a handle's bytes without
 * the MAC, which gets the right one. A handle that is accepted is written back
 * as the very same text; with a right MAC, one is refused for its form alone.
 */
#include <stdint.h>

#include "codec/base64url.h"
#include "codec/handle.h"
#include "vault.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static sj_status decode(sj_slice text) {
  static const sj__handle nothing;
  sj__handle handle;
  char again[SJ__HANDLE_TEXT_MAX];
  size_t size = 0;
  memset(&handle, 0xee, sizeof(handle));
  sj_status status = sj__handle_decode(fuzz_vault(), FUZZ_NOW_MS, text, &handle);
  if (status == SJ_OK) {
    SJ__REQUIRE(sj__handle_encode(fuzz_vault(), FUZZ_NOW_MS, &handle, again, &size) == SJ_OK);
    SJ__REQUIRE(sj__slice_equal(sj__slice(again, size), text));
  } else {
    SJ__REQUIRE(status == SJ_BAD_CREDENTIAL || status == SJ_UNKNOWN_KEY ||
                status == SJ_RETIRED_KEY);
    SJ__REQUIRE(memcmp(&handle, &nothing, sizeof(handle)) == 0);
  }
  return status;
}

/* docs/formats.md "Handle", read a second time: the length of a shortest counter, or 0. */
static size_t counter_size(const uint8_t *bytes, size_t size) {
  size_t length = 0;
  while (length < size && length < 10 && bytes[length] >= 0x80) length++;
  if (length == size || length == 10) return 0;
  if (length > 0 && bytes[length] == 0) return 0;
  if (length == 9 && bytes[9] > 1) return 0;
  return length + 1;
}

static void sign_and_decode(const uint8_t *data, size_t size) {
  uint8_t bytes[100];
  char text[200];
  if (size < 4 || size > sizeof(bytes) - 16) return;
  bool refresh = data[3] == SJ__HANDLE_REFRESH;
  sj__purpose purpose = refresh ? SJ__PURPOSE_REFRESH_HANDLE : SJ__PURPOSE_COOKIE_HANDLE;
  const sj_slice signed_part = sj__slice(data, size);
  memcpy(bytes, data, size);
  if (sj__vault_mac(fuzz_vault(), data[1], FUZZ_NOW_MS, purpose, &signed_part, 1, bytes + size) !=
      SJ_OK) {
    return;
  }
  size_t counter = size > 24 ? counter_size(data + 24, size - 24) : 0;
  bool formed = data[0] == 1 && (data[3] == 1 || refresh) && counter > 0 && size == 28 + counter;
  sj_status status = decode(sj__slice(text, sj__base64url_encode(bytes, size + 16, text)));
  SJ__REQUIRE(status == (formed ? SJ_OK : SJ_BAD_CREDENTIAL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  (void)decode(sj__slice(data, size));
  sign_and_decode(data, size);
  return 0;
}
