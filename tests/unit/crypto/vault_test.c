/* A keyring at work: tags, sealing, what is refused and how, what it costs and leaves behind. */
#include "../unit.h"

#include <openssl/err.h>

#include "../../kit/aborts.h"
#include "../../kit/counting_openssl.h"
#include "../../kit/failing_allocator.h"
#include "../../kit/watching_allocator.h"
#include "base/random.h"
#include "crypto/digest.h"
#include "crypto/vault.h"

#define NOW_MS    1790000000000
#define ACTIVE    1
#define PUBLISHED 2 /* its activation is to come */
#define RETIRED   3
#define UNKNOWN   4

static const uint8_t session_key[SJ__KEY_SIZE] = {1, 2, 3};
static const uint8_t id[SJ__ID_SIZE] = {9, 8, 7};

static sj__keyring *make_ring(void) {
  sj__keyring *keyring = NULL;
  sj__key keys[] = {
      {.kid = ACTIVE, .activates_ms = NOW_MS - 1000},
      {.kid = PUBLISHED, .activates_ms = NOW_MS + 1000},
      {.kid = RETIRED, .activates_ms = NOW_MS - 2000, .retired = true},
  };
  for (size_t i = 0; i < SJ__COUNT_OF(keys); i++) {
    memset(keys[i].secret, (int)i + 100, sizeof(keys[i].secret));
  }
  assert_ok(sj__keyring_new(keys, SJ__COUNT_OF(keys), &keyring, NULL));
  return keyring;
}

static sj__vault *make_vault(const char *realm) {
  sj__keyring *keyring = make_ring();
  sj__vault *vault = NULL;
  assert_ok(sj__vault_new(keyring, sj__slice_text(realm), &vault));
  sj__keyring_unref(keyring); /* the vault holds its own */
  return vault;
}

/* --- Realms ------------------------------------------------------------------------------ */

static void realms_are_named_within_bounds(void **state) {
  static const char *const bad[] = {"",    " ",   "a b", "a/b", "a:b", "caf\xc3\xa9",
                                    "a\n", "a\t", "@",   "[",   "`",   "{"};
  sj__keyring *keyring = make_ring();
  sj__vault *vault = NULL;
  char realm[66];
  memset(realm, 'z', sizeof(realm));
  for (size_t i = 0; i < SJ__COUNT_OF(bad); i++) {
    assert_int_equal(sj__vault_new(keyring, sj__slice_text(bad[i]), &vault), SJ_INVALID);
  }
  assert_int_equal(sj__vault_new(keyring, sj__slice("a\0b", 3), &vault), SJ_INVALID);
  assert_int_equal(sj__vault_new(keyring, sj__slice(realm, 65), &vault), SJ_INVALID);
  assert_null(vault);
  assert_ok(sj__vault_new(keyring, sj__slice(realm, 64), &vault));
  assert_true(sj__slice_equal(sj__vault_realm(vault), sj__slice(realm, 64)));
  assert_ptr_equal(sj__vault_keyring(vault), keyring);
  sj__vault_free(vault);
  assert_ok(sj__vault_new(keyring, SJ__SLICE("AZaz09._-"), &vault));
  sj__vault_free(vault);
  sj__vault_free(NULL);
  sj__keyring_unref(keyring);
}

/* --- MACs --------------------------------------------------------------------------------- */

static sj_status mac_of(sj__vault *vault, uint8_t kid, sj__purpose purpose, uint8_t out[16]) {
  const sj_slice parts[] = {SJ__SLICE("some"), SJ__SLICE("thing")};
  return sj__vault_mac(vault, kid, NOW_MS, purpose, parts, 2, out);
}

static void every_kid_purpose_and_realm_has_macs_of_its_own(void **state) {
  sj__vault *vaults[] = {make_vault("a"), make_vault("b")};
  uint8_t macs[2 * 2 * SJ__PURPOSE_COUNT][16];
  size_t count = 0;
  for (size_t i = 0; i < 2; i++) {
    for (uint8_t kid = ACTIVE; kid <= PUBLISHED; kid++) {
      for (int purpose = 0; purpose < SJ__PURPOSE_COUNT; purpose++, count++) {
        assert_ok(mac_of(vaults[i], kid, (sj__purpose)purpose, macs[count]));
        for (size_t other = 0; other < count; other++) {
          assert_memory_not_equal(macs[count], macs[other], 16);
        }
      }
    }
    sj__vault_free(vaults[i]);
  }
  assert_int_equal(count, SJ__COUNT_OF(macs));
}

static sj__vault *any_vault;

static void mac_for_no_purpose(void) {
  uint8_t out[16];
  (void)!mac_of(any_vault, ACTIVE, SJ__PURPOSE_COUNT, out);
}

static void seal_meta_with_an_id(void) {
  uint8_t out[64];
  (void)!sj__vault_seal(any_vault, ACTIVE, NOW_MS, SJ__PART_META, session_key, id, NULL, 0,
                        SJ__SLICE("x"), out);
}

static void impossible_purposes_are_broken_rules(void **state) {
  any_vault = *state;
  assert_true(aborts(mac_for_no_purpose));
  assert_true(aborts(seal_meta_with_an_id));
}

/* Unknown and retired kids are told apart, in every call that takes one. */
static void kids_that_are_not_at_work_are_told_apart(void **state) {
  static const struct {
    uint8_t kid;
    sj_status status;
  } kids[] = {{ACTIVE, SJ_OK},           {PUBLISHED, SJ_OK},  {RETIRED, SJ_RETIRED_KEY},
              {UNKNOWN, SJ_UNKNOWN_KEY}, {0, SJ_UNKNOWN_KEY}, {255, SJ_UNKNOWN_KEY}};
  for (size_t i = 0; i < SJ__COUNT_OF(kids); i++) {
    uint8_t mac[16], sealed[1 + SJ__SEAL_OVERHEAD], out[1] = {0xee};
    uint8_t kid = kids[i].kid;
    memset(sealed, 0xee, sizeof(sealed));
    assert_int_equal(mac_of(*state, kid, SJ__PURPOSE_MARK, mac), kids[i].status);
    assert_int_equal(sj__vault_seal(*state, kid, NOW_MS, SJ__PART_DATA, session_key, id, NULL, 0,
                                    SJ__SLICE("x"), sealed),
                     kids[i].status);
    assert_int_equal(sj__vault_open(*state, kid, NOW_MS, SJ__PART_DATA, session_key, id, NULL, 0,
                                    sj__slice(sealed, sizeof(sealed)), out),
                     kids[i].status);
    assert_int_equal(out[0], kids[i].status == SJ_OK ? 'x' : 0);
  }
}

/* --- Sealing ------------------------------------------------------------------------------- */

#define PLAIN_MAX 300

typedef struct sealed { /* what was sealed, and with what */
  uint8_t kid;
  sj__sealed_part part;
  uint8_t key[SJ__KEY_SIZE], id[SJ__ID_SIZE];
  bool has_id;
  uint8_t associated[40];
  size_t associated_size;
  uint8_t bytes[PLAIN_MAX + SJ__SEAL_OVERHEAD];
  size_t size;
} sealed;

static sj_status open_sealed(sj__vault *vault, const sealed *s, uint8_t *out) {
  const sj_slice associated = sj__slice(s->associated, s->associated_size);
  return sj__vault_open(vault, s->kid, NOW_MS, s->part, s->key, s->has_id ? s->id : NULL,
                        &associated, 1, sj__slice(s->bytes, s->size), out);
}

static void seal_some(sj__vault *vault, sj__sealed_part part, size_t size, sealed *out) {
  uint8_t plain[PLAIN_MAX];
  memset(plain, 0x42, sizeof(plain));
  *out = (sealed){.kid = ACTIVE,
                  .part = part,
                  .has_id = part == SJ__PART_DATA,
                  .associated_size = sizeof(out->associated),
                  .size = size + SJ__SEAL_OVERHEAD};
  memset(out->key, 1, sizeof(out->key));
  memset(out->id, 2, sizeof(out->id));
  memset(out->associated, 3, sizeof(out->associated));
  const sj_slice associated = sj__slice(out->associated, out->associated_size);
  assert_ok(sj__vault_seal(vault, out->kid, NOW_MS, part, out->key, out->has_id ? out->id : NULL,
                           &associated, 1, sj__slice(plain, size), out->bytes));
}

static void what_is_sealed_opens(void **state) {
  for (size_t size = 0; size <= PLAIN_MAX; size++) {
    sealed s;
    uint8_t plain[PLAIN_MAX];
    seal_some(*state, size % 2 == 0 ? SJ__PART_META : SJ__PART_DATA, size, &s);
    memset(plain, 0, sizeof(plain));
    assert_ok(open_sealed(*state, &s, plain));
    for (size_t i = 0; i < sizeof(plain); i++) assert_int_equal(plain[i], i < size ? 0x42 : 0);
  }
}

static void the_same_text_is_never_sealed_to_the_same_bytes(void **state) {
  sealed first, second;
  seal_some(*state, SJ__PART_META, 32, &first);
  seal_some(*state, SJ__PART_META, 32, &second);
  assert_memory_not_equal(first.bytes, second.bytes, 12);
  assert_memory_not_equal(first.bytes + 12, second.bytes + 12, 32);
}

static void assert_corrupt(sj__vault *vault, const sealed *s) {
  uint8_t out[PLAIN_MAX + SJ__SEAL_OVERHEAD];
  memset(out, 0xee, sizeof(out));
  assert_int_equal(open_sealed(vault, s, out), SJ_CORRUPT);
  size_t wiped = s->size < SJ__SEAL_OVERHEAD ? 0 : s->size - SJ__SEAL_OVERHEAD;
  for (size_t i = 0; i < sizeof(out); i++) assert_int_equal(out[i], i < wiped ? 0 : 0xee);
}

static void every_flipped_bit_and_every_cut_is_refused(void **state) {
  sealed s;
  seal_some(*state, SJ__PART_DATA, 20, &s);
  for (size_t bit = 0; bit < 8 * s.size; bit++) {
    s.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    assert_corrupt(*state, &s);
    s.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
  }
  size_t whole = s.size;
  for (s.size = 0; s.size < sizeof(s.bytes); s.size++) {
    if (s.size != whole) assert_corrupt(*state, &s);
  }
}

/* A sealed part opens where it was sealed and nowhere else. */
static void what_is_moved_elsewhere_is_refused(void **state) {
  sealed s, moved;
  seal_some(*state, SJ__PART_DATA, 20, &s);
  for (size_t bit = 0; bit < 8 * SJ__KEY_SIZE; bit++) { /* another session */
    moved = s;
    moved.key[bit / 8] ^= (uint8_t)(1u << bit % 8);
    assert_corrupt(*state, &moved);
  }
  for (size_t bit = 0; bit < 8 * SJ__ID_SIZE; bit++) { /* without the client's secret */
    moved = s;
    moved.id[bit / 8] ^= (uint8_t)(1u << bit % 8);
    assert_corrupt(*state, &moved);
  }
  moved = s;
  moved.has_id = false;
  assert_corrupt(*state, &moved);
  moved.part = SJ__PART_META;
  assert_corrupt(*state, &moved);
  moved = s;
  moved.kid = PUBLISHED;
  assert_corrupt(*state, &moved);
  moved = s;
  moved.associated_size--;
  assert_corrupt(*state, &moved);
  sj__vault *other_realm = make_vault("elsewhere");
  assert_corrupt(other_realm, &s);
  sj__vault_free(other_realm);
  uint8_t out[PLAIN_MAX];
  assert_ok(open_sealed(*state, &s, out));
}

/* Token sessions seal data without an id: that is another key than any id's. */
static void data_without_an_id_is_sealed_for_servers(void **state) {
  uint8_t bytes[4 + SJ__SEAL_OVERHEAD] = {0}, out[4];
  sj_slice sealed_bytes = sj__slice(bytes, sizeof(bytes));
  assert_ok(sj__vault_seal(*state, ACTIVE, NOW_MS, SJ__PART_DATA, session_key, NULL, NULL, 0,
                           SJ__SLICE("data"), bytes));
  assert_ok(sj__vault_open(*state, ACTIVE, NOW_MS, SJ__PART_DATA, session_key, NULL, NULL, 0,
                           sealed_bytes, out));
  assert_memory_equal(out, "data", 4);
  assert_int_equal(sj__vault_open(*state, ACTIVE, NOW_MS, SJ__PART_DATA, session_key, id, NULL, 0,
                                  sealed_bytes, out),
                   SJ_CORRUPT);
}

static void what_is_too_large_is_not_sealed(void **state) {
  uint8_t out[64];
  memset(out, 0xee, sizeof(out));
  /* Sizes alone are looked at: there are no such bytes. */
  assert_int_equal(sj__vault_seal(*state, ACTIVE, NOW_MS, SJ__PART_DATA, session_key, id, NULL, 0,
                                  sj__slice(out, SJ__SEAL_MAX + 1), out),
                   SJ_TOO_LARGE);
  for (size_t i = 0; i < sizeof(out); i++) assert_int_equal(out[i], 0xee);
}

/* --- Entropy ------------------------------------------------------------------------------- */

static sj_status fail_half_way(void *context, void *out, size_t size) {
  memset(out, 0x77, size / 2);
  return SJ_IO;
}

/* A nonce that is not random could come again, and then the key is spent: nothing is sealed. */
static void without_entropy_nothing_is_sealed(void **state) {
  uint8_t out[4 + SJ__SEAL_OVERHEAD], mac[16];
  memset(out, 0xee, sizeof(out));
  sj__random_install(fail_half_way, NULL);
  assert_int_equal(sj__vault_seal(*state, ACTIVE, NOW_MS, SJ__PART_DATA, session_key, id, NULL, 0,
                                  SJ__SLICE("data"), out),
                   SJ_NO_ENTROPY);
  for (size_t i = 12; i < sizeof(out); i++) assert_int_equal(out[i], 0xee);
  assert_ok(mac_of(*state, ACTIVE, SJ__PURPOSE_MARK, mac)); /* verifying needs none */
  sj__random_install(NULL, NULL);
}

/* --- What it costs, what it leaves ------------------------------------------------------------ */

/* DESIGN.md 4: a check fetches no algorithm and allocates nothing. */
static void the_check_path_allocates_nothing(void **state) {
  sealed s;
  uint8_t out[PLAIN_MAX], mac[16], key[SJ__KEY_SIZE];
  seal_some(*state, SJ__PART_DATA, 200, &s);
  unsigned long before = openssl_allocations();
  fail_allocations_from(0);
  fail_openssl_from(0);
  for (int i = 0; i < 100; i++) {
    sj__session_key(id, key);
    assert_ok(mac_of(*state, ACTIVE, SJ__PURPOSE_COOKIE_HANDLE, mac));
    assert_true(sj__equal_secret(mac, mac, sizeof(mac)));
    assert_ok(open_sealed(*state, &s, out));
  }
  fail_openssl_from(-1);
  assert_true(fail_no_allocations());
  assert_int_equal(openssl_allocations(), before);
}

static void without_memory_there_is_no_vault(void **state) {
  sj__keyring *keyring = make_ring();
  size_t live = live_allocations();
  sj__vault *vault = NULL;
  long step = 0;
  for (sj_status status = SJ_NO_MEMORY; status != SJ_OK; step++) {
    fail_allocations_from(step);
    status = sj__vault_new(keyring, SJ__SLICE("realm"), &vault);
    bool met = !fail_no_allocations();
    assert_int_equal(status, met ? SJ_NO_MEMORY : SJ_OK);
    if (status != SJ_OK) assert_int_equal(live_allocations(), live);
  }
  assert_true(step > 2 * SJ__PURPOSE_COUNT);
  sj__vault_free(vault);
  vault = NULL;
  for (sj_status status = SJ_NO_MEMORY, at = 0; status != SJ_OK; at++) {
    fail_openssl_from((long)at);
    status = sj__vault_new(keyring, SJ__SLICE("realm"), &vault);
    fail_openssl_from(-1);
    assert_true(status == SJ_OK || (status == SJ_NO_MEMORY && vault == NULL));
    assert_int_equal(ERR_peek_error(), 0);
  }
  sj__vault_free(vault);
  assert_int_equal(live_allocations(), live);
  sj__keyring_unref(keyring);
}

/*
 * What a vault derives from a secret is in no block that it frees. The kept
 * states themselves are not bytes that are known here, so every block is to be
 * zero as a whole, but for the vault's own, which holds pointers and the realm.
 */
static size_t blocks_not_zero;

static void count_and_free(void *context, void *memory) {
  const uint8_t *bytes = memory;
  size_t size = malloc_usable_size(memory);
  size_t zeros = 0;
  while (zeros < size && bytes[zeros] == 0) zeros++;
  blocks_not_zero += zeros < size;
  free(memory);
}

static void derived_keys_are_wiped(void **state) {
  static const sj__allocator zeros = {watching_malloc_, watching_realloc_, count_and_free, NULL};
  sj__allocator_install(&zeros);
  blocks_not_zero = 0;
  sj__vault *vault = make_vault("wiped");
  sj__vault_free(vault);                /* and the keyring, whose last holder it was */
  assert_int_equal(blocks_not_zero, 2); /* the vault's table and the pair of cipher contexts */
  install_failing_allocator();
}

static int set_up(void **state) {
  *state = make_vault("realm");
  return 0;
}

static int tear_down(void **state) {
  sj__vault_free(*state);
  return live_allocations() == 0 ? 0 : -1;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(realms_are_named_within_bounds),
      cmocka_unit_test(every_kid_purpose_and_realm_has_macs_of_its_own),
      cmocka_unit_test(impossible_purposes_are_broken_rules),
      cmocka_unit_test(kids_that_are_not_at_work_are_told_apart),
      cmocka_unit_test(what_is_sealed_opens),
      cmocka_unit_test(the_same_text_is_never_sealed_to_the_same_bytes),
      cmocka_unit_test(every_flipped_bit_and_every_cut_is_refused),
      cmocka_unit_test(what_is_moved_elsewhere_is_refused),
      cmocka_unit_test(data_without_an_id_is_sealed_for_servers),
      cmocka_unit_test(what_is_too_large_is_not_sealed),
      cmocka_unit_test(without_entropy_nothing_is_sealed),
      cmocka_unit_test(the_check_path_allocates_nothing),
      cmocka_unit_test(without_memory_there_is_no_vault),
      cmocka_unit_test(derived_keys_are_wiped),
  };
  if (!install_counting_openssl()) return 1;
  install_failing_allocator();
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
