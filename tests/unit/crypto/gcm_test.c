/* AES-256-GCM against the GCM specification's vectors, and against everything that is not them. */
#include "../unit.h"

#include <openssl/err.h>

#include "../../kit/counting_openssl.h"
#include "../../kit/failing_allocator.h"
#include "../../kit/hex.h"
#include "crypto/digest.h"
#include "crypto/gcm.h"

/* McGrew, Viega: "The Galois/Counter Mode of Operation", appendix B, cases 13 to 16. */
static const struct vector {
  const char *key, *nonce, *associated, *plain, *cipher, *tag;
} vectors[] = {
    {"0000000000000000000000000000000000000000000000000000000000000000", "000000000000000000000000",
     "", "", "", "530f8afbc74536b9a963b4f1c4cb738b"},
    {"0000000000000000000000000000000000000000000000000000000000000000", "000000000000000000000000",
     "", "00000000000000000000000000000000", "cea7403d4d606b6e074ec5d3baf39d18",
     "d0d1c8a799996bf0265b98b5d48ab919"},
    {"feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
     "",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
     "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255",
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
     "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad",
     "b094dac5d93471bdec1a502270e3cc6c"},
    {"feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
     "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
     "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
     "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
     "76fc6ece0f4e1768cddf8853bb2d551b"},
};

typedef struct sample { /* a vector in bytes */
  uint8_t key[SJ__GCM_KEY_SIZE], nonce[SJ__GCM_NONCE_SIZE], tag[SJ__GCM_TAG_SIZE];
  uint8_t associated_bytes[32], plain_bytes[64], cipher_bytes[64];
  sj_slice associated, plain, cipher;
} sample;

static void read_vector(const struct vector *vector, sample *out) {
  hex_bytes(vector->key, out->key);
  hex_bytes(vector->nonce, out->nonce);
  hex_bytes(vector->tag, out->tag);
  out->associated = hex_bytes(vector->associated, out->associated_bytes);
  out->plain = hex_bytes(vector->plain, out->plain_bytes);
  out->cipher = hex_bytes(vector->cipher, out->cipher_bytes);
}

static sj_status open_sample(sj__gcm *gcm, const sample *s, uint8_t *out) {
  return sj__gcm_open(gcm, s->key, s->nonce, &s->associated, 1, s->cipher, s->tag, out);
}

static void assert_all_zero(const uint8_t *bytes, size_t size) {
  for (size_t i = 0; i < size; i++) assert_int_equal(bytes[i], 0);
}

static void the_published_vectors_hold_both_ways(void **state) {
  for (size_t i = 0; i < SJ__COUNT_OF(vectors); i++) {
    sample s;
    uint8_t out[64], tag[SJ__GCM_TAG_SIZE];
    read_vector(&vectors[i], &s);
    assert_ok(sj__gcm_seal(*state, s.key, s.nonce, &s.associated, 1, s.plain, out, tag));
    assert_memory_equal(tag, s.tag, sizeof(tag));
    if (s.cipher.size > 0) assert_memory_equal(out, s.cipher.data, s.cipher.size);
    assert_ok(open_sample(*state, &s, out));
    if (s.plain.size > 0) assert_memory_equal(out, s.plain.data, s.plain.size);
  }
}

static void associated_data_may_come_in_parts(void **state) {
  sample s;
  uint8_t out[64], tag[SJ__GCM_TAG_SIZE];
  read_vector(&vectors[3], &s);
  for (size_t cut = 0; cut <= s.associated.size; cut++) {
    const sj_slice parts[] = {
        sj__slice(s.associated.data, cut),
        {NULL, 0},
        sj__slice(s.associated.data + cut, s.associated.size - cut),
    };
    assert_ok(sj__gcm_seal(*state, s.key, s.nonce, parts, 3, s.plain, out, tag));
    assert_memory_equal(tag, s.tag, sizeof(tag));
    assert_ok(sj__gcm_open(*state, s.key, s.nonce, parts, 3, s.cipher, tag, out));
  }
}

/* Refused, and nothing of the plain text is let out. */
static void assert_refused(sj__gcm *gcm, const sample *s) {
  uint8_t out[64];
  memset(out, 0xee, sizeof(out));
  assert_int_equal(open_sample(gcm, s, out), SJ_CORRUPT);
  assert_all_zero(out, s->cipher.size);
  assert_int_equal(ERR_peek_error(), 0);
}

static void flip_each_bit(sj__gcm *gcm, sample *s, uint8_t *bytes, size_t size) {
  for (size_t bit = 0; bit < 8 * size; bit++) {
    bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    assert_refused(gcm, s);
    bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
  }
}

static void every_flipped_bit_is_refused(void **state) {
  uint8_t out[64];
  for (size_t i = 0; i < SJ__COUNT_OF(vectors); i++) {
    sample s;
    read_vector(&vectors[i], &s);
    flip_each_bit(*state, &s, s.tag, sizeof(s.tag));
    flip_each_bit(*state, &s, s.nonce, sizeof(s.nonce));
    flip_each_bit(*state, &s, s.key, sizeof(s.key));
    flip_each_bit(*state, &s, s.cipher_bytes, s.cipher.size);
    flip_each_bit(*state, &s, s.associated_bytes, s.associated.size);
    /* A refusal is not remembered. */
    assert_ok(open_sample(*state, &s, out));
  }
}

/* SP 800-38D 5.2.1.2 allows tags cut to 12 bytes and fewer; ours are whole or nothing. */
static void truncated_tags_are_refused(void **state) {
  for (size_t i = 0; i < SJ__COUNT_OF(vectors); i++) {
    for (size_t kept = 0; kept < SJ__GCM_TAG_SIZE; kept++) {
      sample s;
      read_vector(&vectors[i], &s);
      memset(s.tag + kept, 0, sizeof(s.tag) - kept);
      assert_refused(*state, &s);
    }
  }
}

static void cut_and_lengthened_texts_are_refused(void **state) {
  sample s;
  read_vector(&vectors[3], &s);
  size_t size = s.cipher.size;
  for (s.cipher.size = 0; s.cipher.size < sizeof(s.cipher_bytes); s.cipher.size++) {
    if (s.cipher.size != size) assert_refused(*state, &s);
  }
  s.cipher.size = size;
  size = s.associated.size;
  for (s.associated.size = 0; s.associated.size < sizeof(s.associated_bytes); s.associated.size++) {
    if (s.associated.size != size) assert_refused(*state, &s);
  }
}

/* The sizes alone are looked at: there are no such bytes. */
static void what_is_too_large_is_not_begun(void **state) {
  sample s;
  uint8_t tag[SJ__GCM_TAG_SIZE], out[1] = {0xee};
  read_vector(&vectors[0], &s);
  sj_slice huge = sj__slice(out, SJ__GCM_MAX + 1);
  sj_slice none = SJ__SLICE("");
  assert_int_equal(sj__gcm_seal(*state, s.key, s.nonce, &none, 1, huge, out, tag), SJ_TOO_LARGE);
  assert_int_equal(sj__gcm_seal(*state, s.key, s.nonce, &huge, 1, none, out, tag), SJ_TOO_LARGE);
  assert_int_equal(sj__gcm_open(*state, s.key, s.nonce, &none, 1, huge, s.tag, out), SJ_TOO_LARGE);
  assert_int_equal(sj__gcm_open(*state, s.key, s.nonce, &huge, 1, none, s.tag, out), SJ_TOO_LARGE);
  assert_int_equal(out[0], 0xee);
}

static void sealing_and_opening_cost_no_allocation(void **state) {
  sample s;
  uint8_t out[64], tag[SJ__GCM_TAG_SIZE];
  read_vector(&vectors[3], &s);
  unsigned long before = openssl_allocations();
  fail_allocations_from(0);
  for (int i = 0; i < 1000; i++) {
    s.key[0]++; /* another key each time, as records have */
    assert_ok(sj__gcm_seal(*state, s.key, s.nonce, &s.associated, 1, s.plain, out, tag));
    assert_ok(sj__gcm_open(*state, s.key, s.nonce, &s.associated, 1, sj__slice(out, s.plain.size),
                           tag, out));
  }
  assert_true(fail_no_allocations());
  assert_int_equal(openssl_allocations(), before);
}

static void contexts_without_memory_are_none(void **state) {
  size_t live = live_allocations();
  sj__gcm *gcm = NULL;
  fail_allocations_from(0);
  assert_int_equal(sj__gcm_new(&gcm), SJ_NO_MEMORY);
  fail_no_allocations();
  sj_status status = SJ_NO_MEMORY;
  long step = 0;
  for (; status != SJ_OK; step++) {
    fail_openssl_from(step);
    status = sj__gcm_new(&gcm);
    fail_openssl_from(-1);
    assert_true(status == SJ_OK || status == SJ_NO_MEMORY);
    assert_int_equal(ERR_peek_error(), 0);
  }
  assert_true(step > 2); /* two contexts at least */
  sj__gcm_free(gcm);
  sj__gcm_free(NULL);
  assert_int_equal(live_allocations(), live);
}

static int set_up(void **state) {
  sj__gcm *gcm = NULL;
  if (sj__gcm_new(&gcm) != SJ_OK) return -1;
  *state = gcm;
  return 0;
}

static int tear_down(void **state) {
  sj__gcm_free(*state);
  return live_allocations() == 0 ? 0 : -1;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_published_vectors_hold_both_ways),
      cmocka_unit_test(associated_data_may_come_in_parts),
      cmocka_unit_test(every_flipped_bit_is_refused),
      cmocka_unit_test(truncated_tags_are_refused),
      cmocka_unit_test(cut_and_lengthened_texts_are_refused),
      cmocka_unit_test(what_is_too_large_is_not_begun),
      cmocka_unit_test(sealing_and_opening_cost_no_allocation),
      cmocka_unit_test(contexts_without_memory_are_none),
  };
  if (!install_counting_openssl()) return 1;
  install_failing_allocator();
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
