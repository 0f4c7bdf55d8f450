#include "daemon/api_key_file.h"

#include "base/alloc.h"
#include "base/errors.h"
#include "base/random.h"
#include "codec/base64url.h"
#include "daemon/config_table.h"
#include "loop/file.h"

#define FILE_MAX     ((size_t)256 * 1024)
#define SECRET_SIZE  32
#define HASH_PREFIX  "sha256:"
#define ROLES_PREFIX "roles="
#define NAME_PREFIX  "name="

typedef struct key_reader {
  const char *name;
  unsigned line;
  sj__api_key_list *list;
  sj_error *error;
} key_reader;

static sj_status refuse(key_reader *reader, const char *why) {
  return sj__fail(reader->error, SJ_INVALID, "%s:%u: %s", reader->name, reader->line, why);
}

void sj__api_key_list_release(sj__api_key_list *list) {
  sj__free(list->items);
  *list = (sj__api_key_list){NULL, 0};
}

static sj_status add(key_reader *reader, const sj__api_key *key) {
  sj__api_key_list *list = reader->list;
  for (size_t i = 0; i < list->count; i++) {
    if (memcmp(list->items[i].hash, key->hash, sizeof key->hash) == 0) {
      return refuse(reader, "this key is listed before");
    }
  }
  if (list->count == SJ__API_KEYS_MAX) return refuse(reader, "more than 1024 keys");
  sj__api_key *items = sj__realloc(list->items, (list->count + 1) * sizeof *items);
  if (items == NULL) return sj__fail(reader->error, SJ_NO_MEMORY, "out of memory");
  items[list->count] = *key;
  list->items = items;
  list->count++;
  return SJ_OK;
}

/* --- A key by itself ----------------------------------------------------------- */

static bool is_visible(sj_slice text) {
  for (size_t i = 0; i < text.size; i++) {
    if (text.data[i] <= ' ' || text.data[i] > '~') return false;
  }
  return true;
}

static sj_status add_plain(key_reader *reader, sj_slice text) {
  if (text.size < SJ__API_KEY_SIZE_MIN || text.size > SJ__API_KEY_SIZE_MAX || !is_visible(text)) {
    return refuse(reader,
                  "neither a key by itself (20 to 256 visible ASCII characters) nor a line of "
                  "sha256:HASH roles=ROLE,ROLE");
  }
  sj__api_key key = {.roles = SJ__ROLES_ALL};
  sj__sha256(&text, 1, key.hash);
  return add(reader, &key);
}

/* --- Lines of hashes -------------------------------------------------------------- */

static int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

static bool parse_hex(sj_slice text, uint8_t out[SJ__DIGEST_SIZE]) {
  for (size_t i = 0; i < SJ__DIGEST_SIZE; i++) {
    int high = hex_digit(text.data[2 * i]);
    int low = hex_digit(text.data[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    out[i] = (uint8_t)(high * 16 + low);
  }
  return true;
}

static bool parse_hash(sj_slice text, uint8_t out[SJ__DIGEST_SIZE]) {
  if (text.size == (size_t)2 * SJ__DIGEST_SIZE) return parse_hex(text, out);
  size_t size = 0;
  return text.size == SJ__BASE64URL_SIZE(SJ__DIGEST_SIZE) &&
         sj__base64url_decode(text, out, &size) == SJ_OK && size == SJ__DIGEST_SIZE;
}

static bool parse_role(sj_slice text, uint32_t *roles) {
  for (unsigned i = 0; sj__config_role_names[i] != NULL; i++) {
    if (!sj__slice_equal(text, sj__slice_text(sj__config_role_names[i]))) continue;
    *roles |= (uint32_t)1 << i;
    return true;
  }
  return false;
}

/* What stands before `separator` (or the end); *rest is what stands after it. */
static sj_slice cut(sj_slice *rest, char separator) {
  const char *end = rest->size > 0 ? memchr(rest->data, separator, rest->size) : NULL;
  sj_slice head = sj__slice(rest->data, end != NULL ? (size_t)(end - rest->data) : rest->size);
  size_t used = end != NULL ? head.size + 1 : head.size;
  *rest = sj__slice(rest->data + used, rest->size - used);
  return head;
}

static bool parse_roles(sj_slice text, uint32_t *roles) {
  bool good = text.size > 0 && text.data[text.size - 1] != ',';
  while (good && text.size > 0) good = parse_role(cut(&text, ','), roles);
  return good;
}

static bool after(sj_slice text, const char *prefix, sj_slice *rest) {
  sj_slice head = sj__slice_text(prefix);
  if (!sj__slice_starts(text, head)) return false;
  *rest = sj__slice(text.data + head.size, text.size - head.size);
  return true;
}

static sj_status add_line(key_reader *reader, sj_slice line) {
  sj__api_key key = {.roles = 0};
  sj_slice hash;
  if (!after(cut(&line, ' '), HASH_PREFIX, &hash)) {
    return refuse(reader, "a line must begin with sha256:");
  }
  if (!parse_hash(hash, key.hash)) {
    return refuse(reader, "the hash must be 64 hexadecimal digits or 43 of base64url");
  }
  while (line.size > 0) {
    sj_slice value;
    sj_slice word = cut(&line, ' ');
    if (word.size == 0 || after(word, NAME_PREFIX, &value)) continue;
    if (!after(word, ROLES_PREFIX, &value) || key.roles != 0 || !parse_roles(value, &key.roles)) {
      return refuse(reader,
                    "after the hash come roles= (once; a list of app, check, admin, oauth, "
                    "metrics) and name=");
    }
  }
  return key.roles != 0 ? add(reader, &key) : refuse(reader, "the key has no roles=");
}

/* --- Files ---------------------------------------------------------------------------- */

static bool is_comment(sj_slice line) {
  return line.size == 0 || line.data[0] == '#';
}

static sj_slice next_line(sj_slice *text, unsigned *number) {
  sj_slice line = cut(text, '\n');
  ++*number;
  if (line.size > 0 && line.data[line.size - 1] == '\r') line.size--;
  return sj__slice_trim(line);
}

sj_status sj__api_keys_parse(const char *name, sj_slice text, sj__api_key_list *list,
                             sj_error *error) {
  key_reader reader = {name, 0, list, error};
  sj_status status = SJ_OK;
  size_t before = list->count;
  bool plain = false;
  while (text.size > 0 && status == SJ_OK) {
    sj_slice line = next_line(&text, &reader.line);
    if (is_comment(line)) continue;
    if (plain) return refuse(&reader, "a key by itself must be the file's only line");
    bool first = list->count == before;
    plain = first && !sj__slice_starts(line, SJ__SLICE(HASH_PREFIX));
    status = plain ? add_plain(&reader, line) : add_line(&reader, line);
  }
  if (status == SJ_OK && list->count == before) return refuse(&reader, "there is no key");
  return status;
}

sj_status sj__api_keys_load(const char *path, sj__api_key_list *list, sj_error *error) {
  sj__buffer text;
  sj__buffer_init(&text, FILE_MAX);
  sj_status status = sj__file_read(path, SJ__FILE_PRIVATE, FILE_MAX, &text, error);
  if (status == SJ_OK) status = sj__api_keys_parse(path, sj__buffer_slice(&text), list, error);
  sj__buffer_release(&text);
  return status;
}

sj_status sj__api_key_create(const char *path, sj__api_key_list *list, sj_error *error) {
  uint8_t secret[SECRET_SIZE];
  char text[sizeof SJ__API_KEY_PREFIX - 1 + SJ__BASE64URL_SIZE(SECRET_SIZE)];
  sj_status status = sj__random(secret, sizeof secret);
  if (status != SJ_OK) return sj__fail(error, status, "%s: %s", path, sj_status_text(status));
  memcpy(text, SJ__API_KEY_PREFIX, sizeof SJ__API_KEY_PREFIX - 1);
  sj__base64url_encode(secret, sizeof secret, text + sizeof SJ__API_KEY_PREFIX - 1);
  key_reader reader = {path, 1, list, error};
  status = sj__file_write_private(path, sj__slice(text, sizeof text), false, error);
  if (status == SJ_OK) status = add_plain(&reader, sj__slice(text, sizeof text));
  sj__wipe(secret, sizeof secret);
  sj__wipe(text, sizeof text);
  return status;
}
