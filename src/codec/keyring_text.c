#include "codec/keyring_text.h"

#include <string.h>

#include "base/alloc.h"
#include "base/errors.h"
#include "base/text.h"
#include "codec/base64url.h"
#include "codec/units.h"

static const char first_line[] = "sojourn-keyring 1";

/* --- Reading ------------------------------------------------------------------------ */

/* Cuts the next piece off `rest`, up to `separator`. */
static sj_slice cut(sj_slice *rest, char separator) {
  const char *end = rest->size > 0 ? memchr(rest->data, separator, rest->size) : NULL;
  size_t size = end != NULL ? (size_t)(end - rest->data) : rest->size;
  sj_slice piece = sj__slice(rest->data, size);
  size_t used = end != NULL ? size + 1 : size;
  *rest = sj__slice(rest->data + used, rest->size - used);
  return piece;
}

/* "name=value" -> value, or {NULL,0}. */
static sj_slice value_of(sj_slice word, const char *name) {
  size_t size = strlen(name);
  if (word.size <= size || memcmp(word.data, name, size) != 0 || word.data[size] != '=') {
    return (sj_slice){NULL, 0};
  }
  return sj__slice(word.data + size + 1, word.size - size - 1);
}

static bool parse_secret(sj_slice text, uint8_t out[SJ__KEY_SECRET_SIZE]) {
  uint8_t bytes[SJ__BASE64URL_SIZE(SJ__KEY_SECRET_SIZE)];
  size_t size = 0;
  bool good = text.size == SJ__BASE64URL_SIZE(SJ__KEY_SECRET_SIZE) &&
              sj__base64url_decode(text, bytes, &size) == SJ_OK && size == SJ__KEY_SECRET_SIZE;
  if (good) memcpy(out, bytes, SJ__KEY_SECRET_SIZE);
  sj__wipe(bytes, sizeof(bytes));
  return good;
}

static bool parse_state(sj_slice text, bool *retired) {
  *retired = sj__slice_equal(text, SJ__SLICE("retired"));
  return *retired || sj__slice_equal(text, SJ__SLICE("published"));
}

/* NULL: good; else what is wrong, without the value. */
static const char *parse_key(sj_slice line, sj__key *out) {
  uint64_t kid;
  sj_slice word = cut(&line, ' ');
  if (!sj__slice_to_u64(value_of(word, "kid"), 255, &kid) || kid == 0) {
    return "kid=1 to 255 is expected first";
  }
  out->kid = (uint8_t)kid;
  if (!parse_state(value_of(cut(&line, ' '), "state"), &out->retired)) {
    return "state=published or state=retired is expected second";
  }
  if (sj__rfc3339_parse(value_of(cut(&line, ' '), "activates"), &out->activates_ms) != SJ_OK) {
    return "activates= and a moment like 2026-01-02T03:04:05.000Z is expected third";
  }
  if (!parse_secret(value_of(cut(&line, ' '), "secret"), out->secret) || line.size > 0) {
    return "secret= and 32 bytes as base64url is expected last";
  }
  return NULL;
}

static sj_status parse_lines(sj_slice text, sj__key *keys, size_t *count, sj_error *error) {
  bool begun = false;
  for (unsigned number = 1; text.size > 0; number++) {
    sj_slice line = sj__slice_trim(cut(&text, '\n'));
    if (line.size == 0 || line.data[0] == '#') continue;
    if (!begun) {
      if (!sj__slice_equal(line, sj__slice_text(first_line))) {
        return sj__fail(error, SJ_INVALID, "line %u: '%s' is expected first", number, first_line);
      }
      begun = true;
      continue;
    }
    if (*count == SJ__KEYS_MAX) {
      return sj__fail(error, SJ_INVALID, "line %u: at most %d keys", number, SJ__KEYS_MAX);
    }
    const char *problem = parse_key(line, &keys[*count]);
    if (problem != NULL) return sj__fail(error, SJ_INVALID, "line %u: %s", number, problem);
    (*count)++;
  }
  return begun ? SJ_OK : sj__fail(error, SJ_INVALID, "line 1: '%s' is expected", first_line);
}

sj_status sj__keyring_parse(sj_slice text, sj__keyring **out, sj_error *error) {
  size_t size = SJ__KEYS_MAX * sizeof(sj__key);
  sj__key *keys = sj__calloc(SJ__KEYS_MAX, sizeof(sj__key));
  if (keys == NULL) return sj__fail(error, SJ_NO_MEMORY, "out of memory");
  size_t count = 0;
  sj_status status = parse_lines(text, keys, &count, error);
  if (status == SJ_OK) status = sj__keyring_new(keys, count, out, error);
  sj__free_secret(keys, size);
  return status;
}

/* --- Writing -------------------------------------------------------------------------- */

void sj__keyring_write(const sj__keyring *keyring, sj__buffer *out) {
  sj__buffer_appendf(out, "%s\n", first_line);
  for (size_t i = 0; i < sj__keyring_count(keyring); i++) {
    const sj__key *key = sj__keyring_at(keyring, i);
    char secret[SJ__BASE64URL_SIZE(SJ__KEY_SECRET_SIZE)];
    sj__buffer_appendf(out, "kid=%u state=%s activates=", (unsigned)key->kid,
                       key->retired ? "retired" : "published");
    sj__append_rfc3339(out, key->activates_ms);
    sj__buffer_append_literal(out, " secret=");
    sj__buffer_append(out, secret, sj__base64url_encode(key->secret, sizeof(key->secret), secret));
    sj__buffer_append_char(out, '\n');
    sj__wipe(secret, sizeof(secret));
  }
}
