/*
 * tests/vectors/formats.json, written by an independent implementation of
 * docs/formats.md: everything in it is read, and written again byte for byte
 * where nothing is drawn at random.
 */
#include <stdio.h>
#include <stdlib.h>

#include "../unit.h"
#include "codec/base64url.h"
#include "codec/handle.h"
#include "codec/json.h"
#include "codec/mark.h"
#include "codec/record.h"

#define NOW_MS 1790000000000

typedef struct fixture {
  sj__arena arena;
  sj__json *root;
  sj__keyring *keyring;
  sj__vault *vault;
} fixture;

/* --- Reading the file ----------------------------------------------------------------- */

static sj_slice text_of(sj__json *object, const char *name) {
  sj_slice text = {NULL, 0};
  assert_true(sj__json_text(sj__json_member(object, name), &text));
  return text;
}

static uint64_t number_of(sj__json *object, const char *name) {
  sj__json *member = sj__json_member(object, name);
  uint64_t value = 0;
  sj_slice text;
  if (sj__json_text(member, &text)) {
    assert_true(sj__slice_to_u64(text, UINT64_MAX, &value));
  } else {
    assert_true(sj__json_u64(member, UINT64_MAX, &value));
  }
  return value;
}

static unsigned digit(char c) {
  return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'a' + 10);
}

static sj_slice bytes_of(fixture *f, sj__json *object, const char *name) {
  sj_slice text = text_of(object, name);
  uint8_t *out = sj__arena_alloc(&f->arena, text.size / 2 + 1);
  for (size_t i = 0; i < text.size / 2; i++) {
    out[i] = (uint8_t)(digit(text.data[2 * i]) << 4 | digit(text.data[2 * i + 1]));
  }
  return sj__slice(out, text.size / 2);
}

static void assert_bytes(const void *actual, size_t size, sj_slice expected) {
  assert_int_equal(size, expected.size);
  assert_memory_equal(actual, expected.data, size);
}

static char *read_file(const char *path, size_t *size) {
  FILE *file = fopen(path, "rb");
  assert_non_null(file);
  char *data = malloc(1 << 20);
  *size = fread(data, 1, 1 << 20, file);
  fclose(file);
  return data;
}

static int set_up(void **state) {
  fixture *f = calloc(1, sizeof(*f));
  size_t size;
  char *text = read_file(VECTORS, &size);
  sj__arena_init(&f->arena, NULL, 0, 0);
  assert_ok(
      sj__json_parse(&f->arena, sj__arena_dup(&f->arena, sj__slice(text, size)), &f->root, NULL));
  free(text);
  sj__key keys[8] = {0};
  size_t count = 0;
  sj__json_cursor cursor = {0};
  sj_slice name;
  sj__json *list = sj__json_member(f->root, "keys");
  for (sj__json *key; (key = sj__json_next(list, &cursor, &name)) != NULL; count++) {
    keys[count].kid = (uint8_t)number_of(key, "kid");
    memcpy(keys[count].secret, bytes_of(f, key, "secret").data, SJ__KEY_SECRET_SIZE);
  }
  assert_ok(sj__keyring_new(keys, count, &f->keyring, NULL));
  assert_ok(sj__vault_new(f->keyring, text_of(f->root, "realm"), &f->vault));
  *state = f;
  return 0;
}

static int tear_down(void **state) {
  fixture *f = *state;
  sj__vault_free(f->vault);
  sj__keyring_unref(f->keyring);
  sj__arena_release(&f->arena);
  free(f);
  return 0;
}

/* Calls `check` with every element; at least one. */
static void each(fixture *f, const char *name, void (*check)(fixture *f, sj__json *element)) {
  sj__json_cursor cursor = {0};
  sj_slice ignored;
  size_t count = 0;
  sj__json *list = sj__json_member(f->root, name);
  for (sj__json *element; (element = sj__json_next(list, &cursor, &ignored)) != NULL; count++) {
    check(f, element);
  }
  assert_true(count > 0);
}

/* --- What is in it ----------------------------------------------------------------------- */

static void check_key(fixture *f, sj__json *key) {
  uint8_t fingerprint[SJ__KEY_FINGERPRINT_SIZE];
  uint8_t tag[SJ__TAG_SIZE];
  sj_slice ada = SJ__SLICE("ada");
  uint8_t kid = (uint8_t)number_of(key, "kid");
  for (size_t i = 0; i < sj__keyring_count(f->keyring); i++) {
    const sj__key *ours = sj__keyring_at(f->keyring, i);
    if (ours->kid != kid) continue;
    sj__key_fingerprint(ours, fingerprint);
    assert_bytes(fingerprint, sizeof(fingerprint), bytes_of(f, key, "fingerprint"));
  }
  assert_ok(sj__vault_mac(f->vault, kid, NOW_MS, SJ__PURPOSE_SUBJECT, &ada, 1, tag));
  assert_bytes(tag, sizeof(tag), bytes_of(f, key, "subject_tag_of_ada"));
}

static void check_id(fixture *f, sj__json *element) {
  uint8_t key[SJ__KEY_SIZE];
  char sid[SJ__BASE64URL_SIZE(SJ__KEY_SIZE)];
  sj__session_key((const uint8_t *)bytes_of(f, element, "id").data, key);
  assert_bytes(key, sizeof(key), bytes_of(f, element, "key"));
  assert_bytes(sid, sj__base64url_encode(key, sizeof(key), sid), text_of(element, "sid"));
}

static void test_identity(void **state) {
  fixture *f = *state;
  assert_bytes(sj__vault_realm_fingerprint(f->vault), 8, bytes_of(f, f->root, "realm_fingerprint"));
  each(f, "keys", check_key);
  each(f, "ids", check_id);
}

static void check_handle(fixture *f, sj__json *element) {
  sj__handle handle;
  char text[SJ__HANDLE_TEXT_MAX];
  size_t size = 0;
  assert_ok(sj__handle_decode(f->vault, NOW_MS, text_of(element, "text"), &handle));
  assert_int_equal(handle.kid, number_of(element, "kid"));
  assert_int_equal(handle.region, number_of(element, "region"));
  assert_int_equal(handle.kind, number_of(element, "kind"));
  assert_true(handle.counter == number_of(element, "counter"));
  assert_bytes(handle.id, sizeof(handle.id), bytes_of(f, element, "id"));
  assert_bytes(handle.fork, sizeof(handle.fork), bytes_of(f, element, "fork"));
  assert_ok(sj__handle_encode(f->vault, NOW_MS, &handle, text, &size));
  assert_bytes(text, size, text_of(element, "text"));
}

/* Every character changed to every other one of a sample: refused. */
static void check_changed_handle(fixture *f, sj__json *element) {
  static const char sample[] = "AQgw_-8z=";
  sj_slice good = text_of(element, "text");
  char text[SJ__HANDLE_TEXT_MAX + 2];
  sj__handle handle;
  for (size_t i = 0; i < good.size; i++) {
    for (size_t j = 0; j < sizeof(sample) - 1; j++) {
      memcpy(text, good.data, good.size);
      if (text[i] == sample[j]) continue;
      text[i] = sample[j];
      assert_int_not_equal(sj__handle_decode(f->vault, NOW_MS, sj__slice(text, good.size), &handle),
                           SJ_OK);
    }
  }
  memcpy(text, good.data, good.size);
  text[good.size] = 'A';
  for (size_t size = 0; size <= good.size + 1; size++) {
    if (size == good.size) continue;
    assert_int_not_equal(sj__handle_decode(f->vault, NOW_MS, sj__slice(text, size), &handle),
                         SJ_OK);
  }
}

static void test_handles(void **state) {
  each(*state, "handles", check_handle);
  each(*state, "handles", check_changed_handle);
}

static void check_text(sj__json *meta, const char *name, sj_slice actual) {
  sj__json *member = sj__json_member(meta, name);
  sj_slice expected = {NULL, 0};
  if (member != NULL) assert_true(sj__json_text(member, &expected));
  assert_true(sj__slice_equal(actual, expected));
}

static void check_record(fixture *f, sj__json *element) {
  sj_slice bytes = bytes_of(f, element, "bytes");
  const uint8_t *id = (const uint8_t *)bytes_of(f, element, "id").data;
  sj__json *expected = sj__json_member(element, "meta");
  sj__record record;
  sj__meta meta;
  sj_slice data;
  assert_ok(sj__record_parse(bytes, &record));
  assert_true(record.version == number_of(element, "version"));
  assert_true((uint64_t)record.last_seen_ms == number_of(element, "last_seen"));
  assert_true((uint64_t)record.absolute_at_ms == number_of(element, "absolute_at"));
  assert_ok(sj__record_open_meta(f->vault, NOW_MS, bytes, &record, &f->arena, &meta));
  check_text(expected, "subject", meta.subject);
  check_text(expected, "device", meta.device);
  check_text(expected, "user_agent", meta.user_agent);
  check_text(expected, "amr", meta.amr);
  assert_ok(sj__record_open_data(f->vault, NOW_MS, bytes, &record, id, &f->arena, &data));
  assert_true(sj__slice_equal(data, text_of(element, "attributes")));
}

/* One bit of each byte: never a success, but for last_seen, which nothing binds. */
static void check_changed_record(fixture *f, sj__json *element) {
  sj_slice good = bytes_of(f, element, "bytes");
  const uint8_t *id = (const uint8_t *)bytes_of(f, element, "id").data;
  uint8_t *bytes = sj__arena_alloc(&f->arena, good.size);
  for (size_t at = 0; at < good.size; at++) {
    sj__record record;
    sj__meta meta;
    sj_slice data;
    memcpy(bytes, good.data, good.size);
    bytes[at] ^= 1;
    sj_slice changed = sj__slice(bytes, good.size);
    bool opens =
        sj__record_parse(changed, &record) == SJ_OK &&
        sj__record_open_meta(f->vault, NOW_MS, changed, &record, &f->arena, &meta) == SJ_OK &&
        sj__record_open_data(f->vault, NOW_MS, changed, &record, id, &f->arena, &data) == SJ_OK;
    assert_int_equal(opens, at >= 120 && at < 128);
  }
}

static void check_sealed_again(fixture *f, sj__json *element) {
  sj_slice bytes = bytes_of(f, element, "bytes");
  const uint8_t *id = (const uint8_t *)bytes_of(f, element, "id").data;
  sj__record record, again;
  sj__meta meta;
  sj_slice data;
  sj__buffer out;
  assert_ok(sj__record_parse(bytes, &record));
  assert_ok(sj__record_open_meta(f->vault, NOW_MS, bytes, &record, &f->arena, &meta));
  assert_ok(sj__record_open_data(f->vault, NOW_MS, bytes, &record, id, &f->arena, &data));
  sj__buffer_init(&out, 0);
  assert_ok(sj__record_seal(f->vault, NOW_MS, &record, id, &meta, data, &out));
  /* The clear part and the sizes are the same; the nonces are new. */
  assert_int_equal(out.size, bytes.size);
  assert_memory_equal(out.data, bytes.data, SJ__RECORD_HEADER_SIZE);
  assert_memory_not_equal(out.data + SJ__RECORD_HEADER_SIZE, bytes.data + SJ__RECORD_HEADER_SIZE,
                          12);
  assert_ok(sj__record_parse(sj__buffer_slice(&out), &again));
  assert_ok(
      sj__record_open_data(f->vault, NOW_MS, sj__buffer_slice(&out), &again, id, &f->arena, &data));
  sj__buffer_release(&out);
}

static void test_records(void **state) {
  each(*state, "records", check_record);
  each(*state, "records", check_changed_record);
  each(*state, "records", check_sealed_again);
}

static void check_mark(fixture *f, sj__json *element) {
  sj_slice bytes = bytes_of(f, element, "bytes");
  uint8_t again[SJ__MARK_SIZE];
  sj__mark mark;
  assert_ok(sj__mark_decode(f->vault, NOW_MS, bytes, &mark));
  assert_int_equal(mark.scope, number_of(element, "scope"));
  assert_true((uint64_t)mark.moment_ms == number_of(element, "moment"));
  assert_int_equal(mark.has_except, text_of(element, "except").size > 0);
  assert_ok(sj__mark_encode(f->vault, NOW_MS, &mark, again));
  assert_bytes(again, sizeof(again), bytes);
  for (size_t at = 0; at < sizeof(again); at++) {
    again[at] ^= 1;
    assert_int_not_equal(sj__mark_decode(f->vault, NOW_MS, sj__slice(again, sizeof(again)), &mark),
                         SJ_OK);
    again[at] ^= 1;
  }
}

static void test_marks(void **state) {
  each(*state, "marks", check_mark);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_identity),
      cmocka_unit_test(test_handles),
      cmocka_unit_test(test_records),
      cmocka_unit_test(test_marks),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
