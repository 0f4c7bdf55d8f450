/* base64url: RFC 4648's examples, one text a value, and nothing repaired. */
#include "../unit.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "codec/base64url.h"
#include "vaults.h"

static void assert_encodes(sj_slice bytes, const char *text) {
  char out[SJ__BASE64URL_SIZE(64)];
  size_t size = sj__base64url_encode(bytes.data, bytes.size, out);
  assert_slice_text(sj__slice(out, size), text);
  assert_int_equal(size, SJ__BASE64URL_SIZE(bytes.size));
}

static void assert_decodes(const char *text, sj_slice bytes) {
  uint8_t out[64];
  size_t size = SIZE_MAX;
  assert_ok(sj__base64url_decode(sj__slice_text(text), out, &size));
  assert_true(sj__slice_equal(sj__slice(out, size), bytes));
}

static void assert_refused(sj_slice text) {
  uint8_t out[64];
  size_t size = 4711;
  assert_int_equal(sj__base64url_decode(text, out, &size), SJ_INVALID);
  assert_int_equal(size, 4711);
}

/* RFC 4648 10, without padding; and the two letters that differ from base64. */
static void the_published_examples_hold(void **state) {
  static const struct {
    sj_slice bytes;
    const char *text;
  } examples[] = {
      {{"", 0}, ""},
      {{"f", 1}, "Zg"},
      {{"fo", 2}, "Zm8"},
      {{"foo", 3}, "Zm9v"},
      {{"foob", 4}, "Zm9vYg"},
      {{"fooba", 5}, "Zm9vYmE"},
      {{"foobar", 6}, "Zm9vYmFy"},
      {{"\xfb\xff\xbf", 3}, "-_-_"},
      {{"\0\0\0", 3}, "AAAA"},
      {{"\xff\xff\xff", 3}, "____"},
  };
  for (size_t i = 0; i < SJ__COUNT_OF(examples); i++) {
    assert_encodes(examples[i].bytes, examples[i].text);
    assert_decodes(examples[i].text, examples[i].bytes);
  }
  assert_decodes("", SJ__SLICE(""));
  uint8_t out[1];
  size_t size = 1;
  assert_ok(sj__base64url_decode((sj_slice){NULL, 0}, out, &size));
  assert_int_equal(size, 0);
  assert_int_equal(sj__base64url_encode(NULL, 0, NULL), 0);
}

static void only_the_alphabet_is_taken(void **state) {
  static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  for (int c = 0; c < 256; c++) {
    const char *place = c != 0 ? strchr(alphabet, c) : NULL;
    for (size_t at = 0; at < 4; at++) {
      char text[4] = {'A', 'A', 'A', 'A'};
      uint8_t out[3];
      size_t size;
      text[at] = (char)c;
      sj_status status = sj__base64url_decode(sj__slice(text, 4), out, &size);
      assert_int_equal(status, place != NULL ? SJ_OK : SJ_INVALID);
      if (place == NULL) continue;
      uint32_t value = (uint32_t)out[0] << 16 | (uint32_t)out[1] << 8 | out[2];
      assert_int_equal(value >> (18 - 6 * at), place - alphabet);
    }
  }
}

static void malformed_forms_are_not_repaired(void **state) {
  static const char *const bad[] = {"A",     "AAAAA",    "Zg==", "Zg=",    "Zm8=",  "=",
                                    "====",  "Zm9v====", " Zg",  "Zg ",    "Z g",   "Zg\n",
                                    "\nZg",  "Zm\r\n",   "Zm9+", "Zm9/",   "Zm9v.", "Zm9v,Zg",
                                    "Zm9\t", "Z%3D",     "+/+/", "Zm9v\n", "Zg\v",  "Zm8\xa0"};
  for (size_t i = 0; i < SJ__COUNT_OF(bad); i++) assert_refused(sj__slice_text(bad[i]));
  assert_refused(sj__slice("Zg\0", 3));
  assert_refused(sj__slice("\0AAA", 4));
}

/* RFC 4648 3.5: with trailing bits that count for nothing, a value would have several texts. */
static void trailing_bits_are_zero(void **state) {
  static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  for (size_t last = 0; last < 64; last++) {
    char two[] = {'Z', alphabet[last]}, three[] = {'Z', 'm', alphabet[last]};
    uint8_t out[3];
    size_t size;
    assert_int_equal(sj__base64url_decode(sj__slice(two, 2), out, &size) == SJ_OK, last % 16 == 0);
    assert_int_equal(sj__base64url_decode(sj__slice(three, 3), out, &size) == SJ_OK, last % 4 == 0);
  }
}

static void what_is_written_is_read_again_and_nothing_is_written_beyond(void **state) {
  uint64_t seed = 4648;
  for (size_t size = 0; size < 300; size++) {
    uint8_t bytes[300], again[300];
    /* Exact blocks, so that a sanitizer sees what is written beyond them. */
    char *text = malloc(SJ__BASE64URL_SIZE(size) + 1);
    size_t text_size, again_size = 0;
    draw_bytes(&seed, bytes, size);
    text_size = sj__base64url_encode(bytes, size, text);
    assert_int_equal(text_size, SJ__BASE64URL_SIZE(size));
    uint8_t *out = malloc(text_size * 3 / 4 + 1);
    assert_ok(sj__base64url_decode(sj__slice(text, text_size), out, &again_size));
    assert_int_equal(again_size, size);
    memcpy(again, out, size);
    assert_memory_equal(again, bytes, size);
    free(text);
    free(out);
  }
}

/* The decoder takes sixteen characters at a time. */
static void one_foreign_character_or_bit_anywhere_is_seen(void **state) {
  for (size_t size = 1; size <= 50; size++) {
    char text[50];
    memset(text, 'A', sizeof(text));
    if (size % 4 == 1) assert_refused(sj__slice(text, size));
    for (size_t at = 0; at < size; at++) {
      text[at] = '+';
      assert_refused(sj__slice(text, size));
      text[at] = 'A';
    }
    text[size - 1] = 'B'; /* its lowest bit is used by whole groups alone */
    if (size % 4 != 0) assert_refused(sj__slice(text, size));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_published_examples_hold),
      cmocka_unit_test(only_the_alphabet_is_taken),
      cmocka_unit_test(malformed_forms_are_not_repaired),
      cmocka_unit_test(trailing_bits_are_zero),
      cmocka_unit_test(one_foreign_character_or_bit_anywhere_is_seen),
      cmocka_unit_test(what_is_written_is_read_again_and_nothing_is_written_beyond),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
