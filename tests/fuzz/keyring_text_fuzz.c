/* What is read is written and read again the same; what is refused has one line that says why. */
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "codec/keyring_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_and_read(const sj__keyring *keyring) {
  sj__buffer text, again_text;
  sj__keyring *again = NULL;
  sj__buffer_init(&text, 0);
  sj__buffer_init(&again_text, 0);
  sj__keyring_write(keyring, &text);
  SJ__REQUIRE(sj__keyring_parse(sj__buffer_slice(&text), &again, NULL) == SJ_OK);
  SJ__REQUIRE(sj__keyring_count(again) == sj__keyring_count(keyring));
  for (size_t i = 0; i < sj__keyring_count(again); i++) {
    const sj__key *a = sj__keyring_at(keyring, i), *b = sj__keyring_at(again, i);
    SJ__REQUIRE(a->kid == b->kid && a->retired == b->retired);
    SJ__REQUIRE(memcmp(a->secret, b->secret, SJ__KEY_SECRET_SIZE) == 0);
  }
  sj__keyring_write(again, &again_text);
  SJ__REQUIRE(sj__slice_equal(sj__buffer_slice(&text), sj__buffer_slice(&again_text)));
  uint8_t active = sj__keyring_active(again, 1790000000000);
  SJ__REQUIRE(sj__keyring_state(again, active, 1790000000000) == SJ__KEY_ACTIVE);
  sj__keyring_unref(again);
  sj__buffer_release(&text);
  sj__buffer_release(&again_text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  sj__keyring *keyring = NULL;
  sj_error error = {0};
  sj_status status = sj__keyring_parse(sj__slice(data, size), &keyring, &error);
  SJ__REQUIRE(status == error.status && (status == SJ_OK || status == SJ_INVALID));
  SJ__REQUIRE((status == SJ_OK) == (error.message[0] == '\0'));
  SJ__REQUIRE(strchr(error.message, '\n') == NULL);
  if (status == SJ_OK) write_and_read(keyring);
  sj__keyring_unref(keyring);
  return 0;
}
