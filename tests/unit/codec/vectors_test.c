/*
 * tests/vectors/formats.json, written by an independent implementation of
 * docs/formats.md: everything in it is read, and written again byte for byte
 * where nothing is drawn at random.
 */
#include "vectors.h"

#include "base/random.h"
#include "codec/base64url.h"
#include "codec/handle.h"
#include "codec/mark.h"
#include "codec/record.h"

#define NOW_MS 1790000000000

typedef struct fixture {
  sj__arena arena;
  sj__json *root;
  sj__keyring *keyring;
  sj__vault *vault;
  sj_slice nonces[2]; /* what is drawn next: meta's, then data's */
  size_t drawn;
} fixture;

static int set_up(void **state) {
  fixture *f = calloc(1, sizeof(*f));
  sj__arena_init(&f->arena, NULL, 0, 0);
  f->root = read_vectors(&f->arena, "formats.json");
  sj__key keys[8] = {0};
  size_t count = 0;
  sj__json_cursor cursor = {0};
  sj__json *list = sj__json_member(f->root, "keys");
  for (sj__json *key; (key = sj__json_next(list, &cursor, NULL)) != NULL; count++) {
    keys[count].kid = (uint8_t)number_of(key, "kid");
    sj_slice secret = bytes_of(&f->arena, key, "secret");
    assert_int_equal(secret.size, SJ__KEY_SECRET_SIZE);
    memcpy(keys[count].secret, secret.data, SJ__KEY_SECRET_SIZE);
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
  size_t count = 0;
  sj__json *list = sj__json_member(f->root, name);
  for (sj__json *element; (element = sj__json_next(list, &cursor, NULL)) != NULL; count++) {
    check(f, element);
  }
  assert_true(count > 0);
}

/* --- Keys and ids ------------------------------------------------------------------------ */

static void check_tag(fixture *f, uint8_t kid, sj__purpose purpose, sj_slice text,
                      sj_slice expected) {
  uint8_t tag[SJ__TAG_SIZE];
  assert_ok(sj__vault_mac(f->vault, kid, NOW_MS, purpose, &text, 1, tag));
  assert_bytes(tag, sizeof(tag), expected);
}

static void check_key(fixture *f, sj__json *key) {
  uint8_t fingerprint[SJ__KEY_FINGERPRINT_SIZE];
  uint8_t kid = (uint8_t)number_of(key, "kid");
  sj__key_fingerprint(sj__keyring_find(f->keyring, kid), fingerprint);
  assert_bytes(fingerprint, sizeof(fingerprint), bytes_of(&f->arena, key, "fingerprint"));
  check_tag(f, kid, SJ__PURPOSE_SUBJECT, SJ__SLICE("ada"),
            bytes_of(&f->arena, key, "subject_tag_of_ada"));
  check_tag(f, kid, SJ__PURPOSE_CLIENT, SJ__SLICE("shop"),
            bytes_of(&f->arena, key, "client_tag_of_shop"));
}

static void check_id(fixture *f, sj__json *element) {
  uint8_t key[SJ__KEY_SIZE];
  char sid[SJ__BASE64URL_SIZE(SJ__KEY_SIZE)];
  sj_slice id = bytes_of(&f->arena, element, "id");
  assert_int_equal(id.size, SJ__ID_SIZE);
  sj__session_key((const uint8_t *)id.data, key);
  assert_bytes(key, sizeof(key), bytes_of(&f->arena, element, "key"));
  assert_bytes(sid, sj__base64url_encode(key, sizeof(key), sid), text_of(element, "sid"));
}

static void test_identity(void **state) {
  fixture *f = *state;
  assert_bytes(sj__vault_realm_fingerprint(f->vault), 8,
               bytes_of(&f->arena, f->root, "realm_fingerprint"));
  each(f, "keys", check_key);
  each(f, "ids", check_id);
}

/* --- Handles --------------------------------------------------------------------------------- */

static void check_handle(fixture *f, sj__json *element) {
  sj__handle handle;
  char text[SJ__HANDLE_TEXT_MAX];
  size_t size = 0;
  assert_ok(sj__handle_decode(f->vault, NOW_MS, text_of(element, "text"), &handle));
  assert_int_equal(handle.kid, number_of(element, "kid"));
  assert_int_equal(handle.region, number_of(element, "region"));
  assert_int_equal(handle.kind, number_of(element, "kind"));
  assert_true(handle.counter == number_of(element, "counter"));
  assert_bytes(handle.id, sizeof(handle.id), bytes_of(&f->arena, element, "id"));
  assert_bytes(handle.fork, sizeof(handle.fork), bytes_of(&f->arena, element, "fork"));
  assert_ok(sj__handle_encode(f->vault, NOW_MS, &handle, text, &size));
  assert_bytes(text, size, text_of(element, "text"));
}

static void test_handles(void **state) {
  each(*state, "handles", check_handle);
}

/* --- Records --------------------------------------------------------------------------------- */

static void check_clear_part(fixture *f, sj__json *element, const sj__record *record) {
  sj__json_cursor cursor = {0};
  sj__json *ids = sj__json_member(element, "write_ids");
  assert_int_equal(record->kid, number_of(element, "kid"));
  assert_int_equal(record->carrier, number_of(element, "carrier"));
  assert_memory_equal(record->realm, sj__vault_realm_fingerprint(f->vault), sizeof(record->realm));
  assert_true(record->version == number_of(element, "version"));
  assert_true(record->generation == number_of(element, "generation"));
  for (size_t i = 0; i < SJ__WRITE_IDS; i++) {
    sj_slice id;
    assert_true(sj__json_text(sj__json_next(ids, &cursor, NULL), &id));
    assert_bytes(record->write_ids[i], SJ__WRITE_ID_SIZE, bytes_in(&f->arena, id));
  }
  assert_bytes(record->family, sizeof(record->family), bytes_of(&f->arena, element, "family"));
  assert_true(record->created_at_ms == signed_of(element, "created_at"));
  assert_true(record->last_seen_ms == signed_of(element, "last_seen"));
  assert_true(record->idle_for_ms == signed_of(element, "idle_for"));
  assert_true(record->absolute_at_ms == signed_of(element, "absolute_at"));
}

static void check_subject(fixture *f, const sj__record *record, sj_slice subject) {
  static const uint8_t none[SJ__TAG_SIZE];
  assert_int_equal(record->has_subject, subject.data != NULL);
  if (subject.data == NULL) {
    assert_memory_equal(record->subject_tag, none, sizeof(none));
  } else {
    check_tag(f, record->kid, SJ__PURPOSE_SUBJECT, subject,
              sj__slice(record->subject_tag, SJ__TAG_SIZE));
  }
}

static uint64_t number_or_zero(sj__json *object, const char *name) {
  return sj__json_member(object, name) != NULL ? number_of(object, name) : 0;
}

static void check_meta(fixture *f, sj__json *expected, const sj__meta *meta) {
  const struct {
    const char *name;
    sj_slice value;
  } texts[] = {
      {"subject", meta->subject},       {"device", meta->device},     {"address", meta->address},
      {"user_agent", meta->user_agent}, {"amr", meta->amr},           {"client", meta->client},
      {"scope", meta->scope},           {"audience", meta->audience},
  };
  const struct {
    const char *name;
    uint64_t value;
  } numbers[] = {
      {"auth_level", meta->auth_level},
      {"auth_at", (uint64_t)meta->auth_at_ms},
      {"refreshed_at", (uint64_t)meta->refreshed_at_ms},
      {"refresh_kid", meta->refresh_kid},
      {"home_region", meta->home_region},
  };
  for (size_t i = 0; i < SJ__COUNT_OF(texts); i++) {
    assert_text(texts[i].value, text_or_none(expected, texts[i].name));
  }
  for (size_t i = 0; i < SJ__COUNT_OF(numbers); i++) {
    assert_true(numbers[i].value == number_or_zero(expected, numbers[i].name));
  }
  if (sj__json_member(expected, "refresh_fork") != NULL) {
    assert_bytes(meta->refresh_fork, 4, bytes_of(&f->arena, expected, "refresh_fork"));
  } else {
    assert_memory_equal(meta->refresh_fork, "\0\0\0\0", 4);
  }
}

/* Gives the file's nonces, so that sealing again gives the file's bytes. */
static sj_status draw_nonce(void *context, void *out, size_t size) {
  fixture *f = context;
  assert_true(f->drawn < SJ__COUNT_OF(f->nonces));
  assert_int_equal(size, f->nonces[f->drawn].size);
  memcpy(out, f->nonces[f->drawn++].data, size);
  return SJ_OK;
}

static void check_sealing(fixture *f, sj__json *element, const sj__record *record,
                          const uint8_t *id, const sj__meta *meta, sj_slice data) {
  sj__buffer out;
  sj__buffer_init(&out, 0);
  f->nonces[0] = bytes_of(&f->arena, element, "meta_nonce");
  f->nonces[1] = bytes_of(&f->arena, element, "data_nonce");
  f->drawn = 0;
  sj__random_install(draw_nonce, f);
  assert_ok(sj__record_seal(f->vault, NOW_MS, record, id, meta, data, &out));
  sj__random_install(NULL, NULL);
  assert_bytes(out.data, out.size, bytes_of(&f->arena, element, "bytes"));
  sj__buffer_release(&out);
}

static void check_record(fixture *f, sj__json *element) {
  sj_slice bytes = bytes_of(&f->arena, element, "bytes"), data;
  const uint8_t *id = (const uint8_t *)bytes_of(&f->arena, element, "id").data;
  sj__record record;
  sj__meta meta;
  uint8_t key[SJ__KEY_SIZE];
  assert_ok(sj__record_parse(bytes, &record));
  assert_int_equal(record.state, SJ__ACTIVE);
  sj__session_key(id, key);
  assert_memory_equal(record.key, key, sizeof(key));
  /* Token sessions seal data for servers alone. */
  if (record.carrier == SJ__CARRIER_TOKEN) id = NULL;
  check_clear_part(f, element, &record);
  assert_ok(sj__record_open_meta(f->vault, NOW_MS, bytes, &record, &f->arena, &meta));
  check_meta(f, sj__json_member(element, "meta"), &meta);
  check_subject(f, &record, meta.subject);
  assert_ok(sj__record_open_data(f->vault, NOW_MS, bytes, &record, id, &f->arena, &data));
  assert_text(data, text_of(element, "attributes"));
  check_sealing(f, element, &record, id, &meta, data);
}

static void check_tombstone(fixture *f, sj__json *element) {
  sj_slice bytes = bytes_of(&f->arena, element, "bytes");
  sj__record record;
  sj__buffer out;
  assert_ok(sj__record_parse(bytes, &record));
  assert_int_equal(record.state, SJ__ENDED);
  assert_int_equal(record.reason, number_of(element, "reason"));
  assert_true(record.until_ms == signed_of(element, "until"));
  assert_bytes(record.key, sizeof(record.key), bytes_of(&f->arena, element, "key"));
  check_clear_part(f, element, &record);
  check_subject(f, &record, text_or_none(element, "subject"));
  sj__buffer_init(&out, 0);
  assert_ok(sj__record_encode(&record, &out));
  assert_bytes(out.data, out.size, bytes);
  sj__buffer_release(&out);
}

static void test_records(void **state) {
  each(*state, "records", check_record);
  each(*state, "tombstones", check_tombstone);
}

/* --- Marks ------------------------------------------------------------------------------------ */

static void check_mark(fixture *f, sj__json *element) {
  sj_slice bytes = bytes_of(&f->arena, element, "bytes");
  sj_slice except = bytes_of(&f->arena, element, "except");
  uint8_t again[SJ__MARK_SIZE];
  sj__mark mark;
  assert_ok(sj__mark_decode(f->vault, NOW_MS, bytes, &mark));
  assert_int_equal(mark.kid, number_of(element, "kid"));
  assert_int_equal(mark.scope, number_of(element, "scope"));
  assert_bytes(mark.value, sizeof(mark.value), bytes_of(&f->arena, element, "value"));
  assert_true(mark.moment_ms == signed_of(element, "moment"));
  assert_true(mark.until_ms == signed_of(element, "until"));
  assert_int_equal(mark.has_except, except.size > 0);
  if (mark.has_except) assert_bytes(mark.except, sizeof(mark.except), except);
  assert_ok(sj__mark_encode(f->vault, NOW_MS, &mark, again));
  assert_bytes(again, sizeof(again), bytes);
}

static void test_marks(void **state) {
  each(*state, "marks", check_mark);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_identity),
      cmocka_unit_test(test_handles),
      cmocka_unit_test(test_records),
      cmocka_unit_test(test_marks),
  };
  if (argc > 1) vectors_folder = argv[1];
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
