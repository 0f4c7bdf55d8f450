/* The keyring's file format: both ways, and errors that name the line and never the secret. */
#include "../unit.h"

#include "../../kit/failing_allocator.h"
#include "../../kit/watching_allocator.h"
#include "codec/base64url.h"
#include "codec/keyring_text.h"
#include "vaults.h"

#define SECRET_1 "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8" /* 0, 1, 2 … 31 */
#define SECRET_2 "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8"
#define LINE_1   "kid=1 state=published activates=2026-01-02T03:04:05.000Z secret=" SECRET_1 "\n"
#define LINE_2   "kid=255 state=retired activates=1970-01-01T00:00:00.000Z secret=" SECRET_2 "\n"
#define FIRST    "sojourn-keyring 1\n"

static sj__keyring *parse(sj_slice text) {
  sj__keyring *keyring = NULL;
  sj_error error = {0};
  sj_status status = sj__keyring_parse(text, &keyring, &error);
  if (status != SJ_OK) print_message("%s\n", error.message);
  assert_ok(status);
  return keyring;
}

static void assert_keys(sj_slice text) {
  sj__keyring *keyring = parse(text);
  assert_int_equal(sj__keyring_count(keyring), 2);
  const sj__key *first = sj__keyring_at(keyring, 0), *second = sj__keyring_at(keyring, 1);
  assert_int_equal(first->kid, 1);
  assert_false(first->retired);
  assert_true(first->activates_ms == 1767323045000);
  assert_int_equal(second->kid, 255);
  assert_true(second->retired);
  assert_true(second->activates_ms == 0);
  for (size_t i = 0; i < SJ__KEY_SECRET_SIZE; i++) {
    assert_int_equal(first->secret[i], i);
    assert_int_equal(second->secret[i], i + 32);
  }
  sj__keyring_unref(keyring);
}

static void what_the_page_shows_is_read(void **state) {
  assert_keys(SJ__SLICE(FIRST LINE_1 LINE_2));
  assert_keys(SJ__SLICE(FIRST LINE_2 LINE_1)); /* any order */
  assert_keys(SJ__SLICE("# ours\n\n \t\n" FIRST "\n# old\n" LINE_2 "  # new\n\t" LINE_1 "\n\n"));
  assert_keys(sj__slice(FIRST LINE_1 LINE_2, strlen(FIRST LINE_1 LINE_2) - 1)); /* no newline */
}

static void what_is_written_is_read_again(void **state) {
  uint64_t seed = 255;
  for (int round = 0; round < 200; round++) {
    static sj__key keys[SJ__KEYS_MAX];
    size_t count = round == 0 ? SJ__KEYS_MAX : 1 + draw(&seed) % 5;
    for (size_t i = 0; i < count; i++) {
      keys[i] = (sj__key){.kid = (uint8_t)(i + 1), .retired = i > 0 && draw(&seed) % 2 == 0};
      keys[i].activates_ms = (int64_t)(draw(&seed) % 253402300800000u); /* to the end of 9999 */
      draw_bytes(&seed, keys[i].secret, sizeof(keys[i].secret));
    }
    sj__keyring *keyring = NULL;
    sj__buffer text, again_text;
    sj__buffer_init(&text, 0);
    sj__buffer_init(&again_text, 0);
    assert_ok(sj__keyring_new(keys, count, &keyring, NULL));
    sj__keyring_write(keyring, &text);
    sj__keyring *again = parse(sj__buffer_slice(&text));
    sj__keyring_write(again, &again_text);
    assert_true(sj__slice_equal(sj__buffer_slice(&text), sj__buffer_slice(&again_text)));
    for (size_t i = 0; i < count; i++) {
      const sj__key *key = sj__keyring_at(again, i);
      assert_int_equal(key->kid, keys[i].kid);
      assert_int_equal(key->retired, keys[i].retired);
      assert_true(key->activates_ms == keys[i].activates_ms);
      assert_memory_equal(key->secret, keys[i].secret, SJ__KEY_SECRET_SIZE);
    }
    sj__buffer_release(&text);
    sj__buffer_release(&again_text);
    sj__keyring_unref(keyring);
    sj__keyring_unref(again);
  }
}

/* --- Refusals ----------------------------------------------------------------------------- */

static void assert_refused(sj_slice text, const char *why) {
  sj__keyring *keyring = NULL;
  sj_error error = {0};
  assert_int_equal(sj__keyring_parse(text, &keyring, &error), SJ_INVALID);
  assert_int_equal(error.status, SJ_INVALID);
  assert_null(keyring);
  assert_string_equal(error.message, why);
  assert_int_equal(sj__keyring_parse(text, &keyring, NULL), SJ_INVALID);
}

static void lines_that_are_not_keys_are_named(void **state) {
  static const char kid[] = "line 2: kid=1 to 255 is expected first";
  static const char state_[] = "line 2: state=published or state=retired is expected second";
  static const char activates[] =
      "line 2: activates= and a moment like 2026-01-02T03:04:05.000Z is expected third";
  static const char secret[] = "line 2: secret= and 32 bytes as base64url is expected last";
  static const struct {
    const char *text, *why;
  } cases[] = {
      {"", "line 1: 'sojourn-keyring 1' is expected"},
      {"# nothing\n\n", "line 1: 'sojourn-keyring 1' is expected"},
      {LINE_1, "line 1: 'sojourn-keyring 1' is expected first"},
      {"\nsojourn-keyring 2\n", "line 2: 'sojourn-keyring 1' is expected first"},
      {"sojourn-keyring\n", "line 1: 'sojourn-keyring 1' is expected first"},
      {"\xef\xbb\xbf" FIRST LINE_1, "line 1: 'sojourn-keyring 1' is expected first"},
      {"sojourn-keyring 1\r\n", "line 1: 'sojourn-keyring 1' is expected first"},
      {FIRST, "a keyring needs at least one key"},
      {FIRST FIRST, kid},
      {FIRST "kid=0 state=published", kid},
      {FIRST "kid=256 state=published", kid},
      {FIRST "kid=01 state=published", kid},
      {FIRST "kid=+1 state=published", kid},
      {FIRST "kid= state=published", kid},
      {FIRST "kid", kid},
      {FIRST "KID=1 state=published", kid},
      {FIRST "state=published kid=1", kid},
      {FIRST "kid=1", state_},
      {FIRST "kid=1 state=active", state_},
      {FIRST "kid=1  state=published", state_},
      {FIRST "kid=1\tstate=published", kid},
      {FIRST "kid=1 state=published", activates},
      {FIRST "kid=1 state=published activates=2026-01-02 secret=" SECRET_1, activates},
      {FIRST "kid=1 state=published activates= secret=" SECRET_1, activates},
      {FIRST "kid=1 state=published activates=2026-02-30T00:00:00Z secret=" SECRET_1, activates},
      {FIRST "kid=1 state=published activates=2026-01-02T03:04:05.000Z", secret},
      {FIRST "kid=1 state=published activates=2026-01-02T03:04:05.000Z secret=", secret},
      {FIRST "kid=1 state=published activates=2026-01-02T03:04:05.000Z secret=AAAA", secret},
      {FIRST "kid=1 state=published activates=2026-01-02T03:04:05.000Z secret=" SECRET_1 "=",
       secret},
      {FIRST "kid=1 state=published activates=2026-01-02T03:04:05.000Z secret=" SECRET_1 "A",
       secret},
      {FIRST "kid=1 state=published activates=2026-01-02T03:04:05.000Z secret=" SECRET_1 " more",
       secret},
      {FIRST LINE_1 LINE_1, "kid 1 is there twice"},
      {FIRST LINE_2, "every key is retired; one must be published"},
  };
  for (size_t i = 0; i < SJ__COUNT_OF(cases); i++) {
    assert_refused(sj__slice_text(cases[i].text), cases[i].why);
  }
  /* Trailing bits that count for nothing: the 43rd character of 32 bytes has two. */
  assert_refused(SJ__SLICE(FIRST "kid=1 state=published activates=2026-01-02T03:04:05.000Z "
                                 "secret=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9"),
                 secret);
  assert_refused(SJ__SLICE(FIRST "kid=1\0"), kid);
}

/* Whatever is wrong, wherever a file is cut: no message repeats a secret. */
static void no_message_holds_a_secret(void **state) {
  static const char text[] = FIRST LINE_1 LINE_2;
  for (size_t size = 0; size < sizeof(text); size++) {
    for (int change = 0; change < 3; change++) {
      char damaged[sizeof(text)];
      sj__keyring *keyring = NULL;
      sj_error error = {0};
      memcpy(damaged, text, sizeof(text));
      if (change == 1) damaged[size] = '!';
      if (change == 2) damaged[size] = ' ';
      size_t kept = change == 0 ? size : sizeof(text) - 1;
      if (sj__keyring_parse(sj__slice(damaged, kept), &keyring, &error) == SJ_OK) {
        sj__keyring_unref(keyring);
        continue;
      }
      assert_true(error.message[0] != '\0');
      for (size_t at = 0; at + 6 < sizeof(SECRET_1); at++) {
        char piece[7] = {0}, other[7] = {0};
        memcpy(piece, SECRET_1 + at, 6);
        memcpy(other, SECRET_2 + at, 6);
        assert_null(strstr(error.message, piece));
        assert_null(strstr(error.message, other));
      }
    }
  }
}

static void a_file_holds_255_keys_and_no_more(void **state) {
  sj__buffer text;
  sj__keyring *keyring = NULL;
  sj_error error = {0};
  sj__buffer_init(&text, 0);
  sj__buffer_append_literal(&text, FIRST);
  for (int i = 0; i < 256; i++) sj__buffer_append_literal(&text, LINE_1);
  assert_int_equal(sj__keyring_parse(sj__buffer_slice(&text), &keyring, &error), SJ_INVALID);
  assert_string_equal(error.message, "line 257: at most 255 keys");
  sj__buffer_release(&text);
}

/* --- Failures ------------------------------------------------------------------------ */

static void without_memory_there_is_no_keyring(void **state) {
  size_t live = live_allocations();
  sj__keyring *keyring = NULL;
  sj_status status = SJ_NO_MEMORY;
  for (long step = 0; status != SJ_OK; step++) {
    sj_error error = {0};
    fail_one_allocation(step);
    status = sj__keyring_parse(SJ__SLICE(FIRST LINE_1), &keyring, &error);
    assert_int_equal(status, fail_no_allocations() ? SJ_OK : SJ_NO_MEMORY);
    assert_int_equal(error.status, status);
  }
  sj__keyring_unref(keyring);
  assert_int_equal(live_allocations(), live);
}

static void secrets_are_wiped_when_read_and_when_written(void **state) {
  uint8_t secret[SJ__KEY_SECRET_SIZE];
  for (size_t i = 0; i < sizeof(secret); i++) secret[i] = (uint8_t)i;
  install_watching_allocator();
  watch_nothing();
  watch_secret(secret, sizeof(secret));
  watch_secret(SECRET_1, strlen(SECRET_1));
  sj__keyring *keyring = parse(SJ__SLICE(FIRST LINE_1 LINE_2));
  sj__buffer text;
  sj__buffer_init(&text, 0);
  sj__keyring_write(keyring, &text);
  assert_non_null(memmem(text.data, text.size, SECRET_1, strlen(SECRET_1)));
  sj__buffer_release(&text);
  sj__keyring_unref(keyring);
  assert_int_equal(sj__keyring_parse(SJ__SLICE(FIRST LINE_1 LINE_1), &keyring, NULL), SJ_INVALID);
  assert_true(blocks_watched() >= 4);
  assert_int_equal(secrets_left_behind(), 0);
  install_failing_allocator();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_the_page_shows_is_read),
      cmocka_unit_test(what_is_written_is_read_again),
      cmocka_unit_test(lines_that_are_not_keys_are_named),
      cmocka_unit_test(no_message_holds_a_secret),
      cmocka_unit_test(a_file_holds_255_keys_and_no_more),
      cmocka_unit_test(without_memory_there_is_no_keyring),
      cmocka_unit_test(secrets_are_wiped_when_read_and_when_written),
  };
  install_failing_allocator();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
