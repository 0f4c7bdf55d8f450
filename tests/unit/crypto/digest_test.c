/* SHA-256, HMAC and HKDF against what FIPS 180-4, RFC 4231 and RFC 5869 publish. */
#include "../unit.h"

#include "../../kit/aborts.h"
#include "../../kit/failing_allocator.h"
#include "../../kit/hex.h"
#include "crypto/digest.h"

static void assert_hex(const void *actual, size_t size, const char *expected) {
  uint8_t bytes[256];
  SJ__REQUIRE(strlen(expected) / 2 <= sizeof(bytes));
  sj_slice wanted = hex_bytes(expected, bytes);
  assert_int_equal(size, wanted.size);
  assert_memory_equal(actual, wanted.data, size);
}

static void digest_of(sj_slice text, uint8_t out[SJ__DIGEST_SIZE]) {
  sj__sha256(&text, 1, out);
}

/* NIST's examples for SHA-256: none, one block, two blocks, and many. */
static void sha256_gives_the_published_digests(void **state) {
  static const struct {
    const char *text, *digest;
  } vectors[] = {
      {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
      {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
      {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
       "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
      {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmno"
       "ijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
       "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
  };
  uint8_t digest[SJ__DIGEST_SIZE];
  for (size_t i = 0; i < SJ__COUNT_OF(vectors); i++) {
    digest_of(sj__slice_text(vectors[i].text), digest);
    assert_hex(digest, sizeof(digest), vectors[i].digest);
  }
  static char million[1000000];
  memset(million, 'a', sizeof(million));
  digest_of(sj__slice(million, sizeof(million)), digest);
  assert_hex(digest, sizeof(digest),
             "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void parts_are_joined(void **state) {
  sj_slice text = SJ__SLICE(
      "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqr");
  uint8_t whole[SJ__DIGEST_SIZE], parted[SJ__DIGEST_SIZE];
  digest_of(text, whole);
  for (size_t cut = 0; cut <= text.size; cut++) {
    const sj_slice parts[] = {
        sj__slice(text.data, cut), {NULL, 0}, sj__slice(text.data + cut, text.size - cut)};
    sj__sha256(parts, 3, parted);
    assert_memory_equal(parted, whole, sizeof(whole));
  }
  sj__sha256(NULL, 0, parted);
  digest_of(SJ__SLICE(""), whole);
  assert_memory_equal(parted, whole, sizeof(whole));
}

typedef struct hmac_vector {
  const char *key, *data, *mac; /* hexadecimal */
} hmac_vector;

/* RFC 4231 4.2 to 4.8; case 5 publishes 16 bytes. */
static const hmac_vector rfc4231[] = {
    {"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
     "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
    {"4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
     "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
    {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
     "dddddddddddddddddddddddddddddddddddddddddddddddddd"
     "dddddddddddddddddddddddddddddddddddddddddddddddddd",
     "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
    {"0102030405060708090a0b0c0d0e0f10111213141516171819",
     "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd"
     "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd",
     "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
    {"0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c", "546573742057697468205472756e636174696f6e",
     "a3b6167473100ee06e0c796c2955552b"},
};

static void check_hmac(const void *key, size_t key_size, sj_slice data, const char *expected) {
  uint8_t mac[SJ__DIGEST_SIZE];
  sj__hmac *hmac = sj__hmac_new(key, key_size);
  assert_non_null(hmac);
  for (int round = 0; round < 2; round++) { /* what is kept is not used up */
    sj__hmac_compute(hmac, &data, 1, mac);
    assert_hex(mac, strlen(expected) / 2, expected);
  }
  sj__hmac_free(hmac);
}

static void hmac_gives_the_published_macs(void **state) {
  uint8_t key[64], data[64];
  for (size_t i = 0; i < SJ__COUNT_OF(rfc4231); i++) {
    sj_slice key_bytes = hex_bytes(rfc4231[i].key, key);
    check_hmac(key, key_bytes.size, hex_bytes(rfc4231[i].data, data), rfc4231[i].mac);
  }
}

/* RFC 4231 4.7 and 4.8: a key longer than a block is hashed first. */
static void hmac_hashes_long_keys(void **state) {
  uint8_t key[131];
  memset(key, 0xaa, sizeof(key));
  check_hmac(key, sizeof(key), SJ__SLICE("Test Using Larger Than Block-Size Key - Hash Key First"),
             "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
  check_hmac(key, sizeof(key),
             SJ__SLICE("This is a test using a larger than block-size key and a larger than "
                       "block-size data. The key needs to be hashed before being used by the "
                       "HMAC algorithm."),
             "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2");
}

/* A key of a block is used as it is; one byte more is hashed; none is a key too. */
static void hmac_keys_of_every_size_differ(void **state) {
  uint8_t key[66], macs[67][SJ__DIGEST_SIZE];
  sj_slice data = SJ__SLICE("data");
  memset(key, 0x5a, sizeof(key));
  for (size_t size = 0; size <= sizeof(key); size++) {
    sj__hmac *hmac = sj__hmac_new(size > 0 ? key : NULL, size);
    sj__hmac_compute(hmac, &data, 1, macs[size]);
    sj__hmac_free(hmac);
    for (size_t other = 0; other < size; other++) {
      assert_memory_not_equal(macs[size], macs[other], SJ__DIGEST_SIZE);
    }
  }
}

typedef struct hkdf_vector {
  const char *salt, *key, *info, *prk, *first; /* of the output, its first 32 bytes */
} hkdf_vector;

/* RFC 5869 A.1 to A.3; of longer outputs what the first block gives. */
static const hkdf_vector rfc5869[] = {
    {"000102030405060708090a0b0c", "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
     "f0f1f2f3f4f5f6f7f8f9", "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
     "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"},
    {"606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f"
     "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f"
     "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf",
     "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
     "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"
     "404142434445464748494a4b4c4d4e4f",
     "b0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecf"
     "d0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeef"
     "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
     "06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244",
     "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"},
    {"", "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "",
     "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
     "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"},
};

static void check_expand(const uint8_t prk[SJ__DIGEST_SIZE], sj_slice info, const char *first) {
  uint8_t out[SJ__DIGEST_SIZE], parted[SJ__DIGEST_SIZE];
  sj__hmac *kept = sj__hmac_new(prk, SJ__DIGEST_SIZE);
  assert_non_null(kept);
  sj__hkdf_expand(kept, &info, 1, out, sizeof(out));
  assert_hex(out, sizeof(out), first);
  const sj_slice parts[] = {sj__slice(info.data, info.size / 2),
                            sj__slice(info.data + info.size / 2, info.size - info.size / 2)};
  sj__hkdf_expand(kept, parts, 2, parted, sizeof(parted));
  assert_memory_equal(parted, out, sizeof(out));
  /* A shorter output is the start of the longer one. */
  memset(parted, 0, sizeof(parted));
  sj__hkdf_expand(kept, &info, 1, parted, 8);
  assert_memory_equal(parted, out, 8);
  assert_int_equal(parted[8], 0);
  sj__hmac_free(kept);
}

static void hkdf_gives_the_published_keys(void **state) {
  uint8_t salt[128], key[128], info[128], prk[SJ__DIGEST_SIZE], out[SJ__DIGEST_SIZE];
  for (size_t i = 0; i < SJ__COUNT_OF(rfc5869); i++) {
    sj_slice salt_bytes = hex_bytes(rfc5869[i].salt, salt);
    sj_slice key_bytes = hex_bytes(rfc5869[i].key, key);
    sj_slice info_bytes = hex_bytes(rfc5869[i].info, info);
    sj__hkdf_extract(salt_bytes, key_bytes, prk);
    assert_hex(prk, sizeof(prk), rfc5869[i].prk);
    check_expand(prk, info_bytes, rfc5869[i].first);
    sj__hkdf(salt_bytes, key_bytes, info_bytes, out, sizeof(out));
    assert_hex(out, sizeof(out), rfc5869[i].first);
  }
}

static void expand_too_much(void) {
  uint8_t prk[SJ__DIGEST_SIZE] = {0}, out[SJ__DIGEST_SIZE + 1];
  sj__hkdf_expand(sj__hmac_new(prk, sizeof(prk)), NULL, 0, out, sizeof(out));
}

static void expand_too_many(void) {
  uint8_t prk[SJ__DIGEST_SIZE] = {0}, out[SJ__DIGEST_SIZE];
  const sj_slice parts[8] = {{NULL, 0}};
  sj__hkdf_expand(sj__hmac_new(prk, sizeof(prk)), parts, 8, out, sizeof(out));
}

static void more_than_a_block_is_a_broken_rule(void **state) {
  assert_true(aborts(expand_too_much));
  assert_true(aborts(expand_too_many));
}

static void secrets_compare_whole(void **state) {
  uint8_t a[32], b[32];
  memset(a, 7, sizeof(a));
  memcpy(b, a, sizeof(a));
  assert_true(sj__equal_secret(a, b, sizeof(a)));
  assert_true(sj__equal_secret(a, b, 0));
  for (size_t bit = 0; bit < 8 * sizeof(b); bit++) {
    b[bit / 8] ^= (uint8_t)(1u << bit % 8);
    assert_false(sj__equal_secret(a, b, sizeof(a)));
    assert_true(sj__equal_secret(a, b, bit / 8));
    b[bit / 8] ^= (uint8_t)(1u << bit % 8);
  }
}

static void a_key_without_memory_is_none(void **state) {
  fail_allocations_from(0);
  assert_null(sj__hmac_new("key", 3));
  fail_no_allocations();
  sj__hmac_free(NULL);
  sj__hmac *hmac = sj__hmac_new("key", 3);
  assert_int_equal(live_allocations(), 1);
  fail_allocations_from(0); /* nothing but sj__hmac_new allocates */
  uint8_t out[SJ__DIGEST_SIZE];
  sj_slice data = SJ__SLICE("data");
  sj__hmac_compute(hmac, &data, 1, out);
  sj__hkdf_expand(hmac, &data, 1, out, sizeof(out));
  sj__hkdf(data, data, data, out, sizeof(out));
  digest_of(data, out);
  assert_true(fail_no_allocations());
  sj__hmac_free(hmac);
  assert_int_equal(live_allocations(), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sha256_gives_the_published_digests),
      cmocka_unit_test(parts_are_joined),
      cmocka_unit_test(hmac_gives_the_published_macs),
      cmocka_unit_test(hmac_hashes_long_keys),
      cmocka_unit_test(hmac_keys_of_every_size_differ),
      cmocka_unit_test(hkdf_gives_the_published_keys),
      cmocka_unit_test(more_than_a_block_is_a_broken_rule),
      cmocka_unit_test(secrets_compare_whole),
      cmocka_unit_test(a_key_without_memory_is_none),
  };
  install_failing_allocator();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
