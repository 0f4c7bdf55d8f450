/* What is taken is written back as the very same text; what is written is taken again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "codec/base64url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void decode_and_encode(sj_slice text) {
  uint8_t *bytes = malloc(text.size * 3 / 4 + 1);
  char *again = malloc(text.size + 4);
  size_t size = SIZE_MAX;
  sj_status status = sj__base64url_decode(text, bytes, &size);
  SJ__REQUIRE((status == SJ_OK) == (size != SIZE_MAX));
  if (status == SJ_OK) {
    SJ__REQUIRE(size == text.size * 3 / 4);
    SJ__REQUIRE(sj__slice_equal(sj__slice(again, sj__base64url_encode(bytes, size, again)), text));
  }
  free(bytes);
  free(again);
}

static void encode_and_decode(const uint8_t *data, size_t size) {
  char *text = malloc(SJ__BASE64URL_SIZE(size) + 1);
  uint8_t *again = malloc(size + 1);
  size_t text_size = sj__base64url_encode(data, size, text), again_size = 0;
  SJ__REQUIRE(text_size == SJ__BASE64URL_SIZE(size));
  SJ__REQUIRE(sj__base64url_decode(sj__slice(text, text_size), again, &again_size) == SJ_OK);
  SJ__REQUIRE(again_size == size && (size == 0 || memcmp(again, data, size) == 0));
  free(text);
  free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  decode_and_encode(sj__slice(data, size));
  encode_and_decode(data, size);
  return 0;
}
