#include "codec/json.h"

#include <inttypes.h>
#include <yyjson.h>

#include "base/alloc.h"
#include "base/errors.h"
#include "base/text.h"
#include "codec/json_members.h"

/* yyjson takes pointers to what it does not change without const. */
static yyjson_val *loose(const sj__json *value) {
  return (yyjson_val *)(uintptr_t)value;
}

static sj_slice text_of(const sj__json *value) {
  return sj__slice(unsafe_yyjson_get_str(loose(value)), unsafe_yyjson_get_len(loose(value)));
}

/* --- Parsing -------------------------------------------------------------- */

static void *arena_malloc(void *arena, size_t size) {
  return sj__arena_alloc(arena, size);
}

static void *arena_realloc(void *arena, void *memory, size_t old_size, size_t size) {
  if (size <= old_size) return memory;
  void *grown = sj__arena_alloc(arena, size);
  if (grown != NULL) memcpy(grown, memory, old_size);
  return grown;
}

static void arena_free(void *arena, void *memory) {
  (void)arena;
  (void)memory;
}

/* From behind a string's opening quote to its closing one, or to the end. */
static size_t skip_string(sj_slice text, size_t at) {
  while (at < text.size) {
    const char *quote = memchr(text.data + at, '"', text.size - at);
    if (quote == NULL) break;
    size_t end = (size_t)(quote - text.data);
    size_t backslashes = 0;
    while (end - backslashes > at && text.data[end - backslashes - 1] == '\\') backslashes++;
    if (backslashes % 2 == 0) return end;
    at = end + 1;
  }
  return text.size;
}

/* Judged on the text, before anything is built from it. */
static bool is_too_deep(sj_slice text, size_t *position) {
  size_t depth = 0;
  for (size_t i = 0; i < text.size; i++) {
    char c = text.data[i];
    if (c == '"') {
      i = skip_string(text, i + 1);
    } else if (c == '{' || c == '[') {
      *position = i;
      if (++depth > SJ__JSON_DEPTH_MAX) return true;
    } else if ((c == '}' || c == ']') && depth > 0) {
      depth--;
    }
  }
  return false;
}

/* A copy that yyjson may write into, with the zeros it wants behind the text. */
static char *copy_padded(sj__arena *arena, sj_slice text) {
  size_t size;
  if (!sj__size_add(text.size, YYJSON_PADDING_SIZE, &size)) return NULL;
  char *copy = sj__arena_alloc(arena, size);
  if (copy == NULL) return NULL;
  if (text.size > 0) memcpy(copy, text.data, text.size);
  memset(copy + text.size, 0, YYJSON_PADDING_SIZE);
  return copy;
}

static sj_status fail_duplicate(sj_error *error, sj_slice name, size_t position) {
  sj__buffer shown;
  sj__buffer_init(&shown, 0);
  sj__json_append_name(&shown, name);
  sj_status status = sj__fail(error, SJ_INVALID, "duplicate member \"%.*s\" at byte %zu",
                              (int)shown.size, sj__buffer_slice(&shown).data, position);
  sj__buffer_release(&shown);
  return status;
}

/* RFC 8259 4 leaves duplicates undefined; what two parsers read differently is refused here. */
static sj_status refuse_duplicates(sj__arena *arena, const char *copy, yyjson_val *values,
                                   size_t count, sj_error *error) {
  for (size_t i = 0; i < count; i++) {
    if (!unsafe_yyjson_is_obj(&values[i])) continue;
    const sj__json_member_node *duplicate;
    sj__json_members members;
    sj_status status = sj__json_members_init(&members, arena, &values[i], &duplicate);
    if (status != SJ_OK) return status;
    sj__json_members_release(&members);
    if (duplicate != NULL) {
      /* yyjson unescapes in place: the name starts where its text did. */
      size_t position = (size_t)(duplicate->name.data - copy) - 1;
      return fail_duplicate(error, duplicate->name, position);
    }
  }
  return SJ_OK;
}

sj_status sj__json_parse(sj__arena *arena, sj_slice text, sj__json **root, sj_error *error) {
  size_t position;
  *root = NULL;
  if (is_too_deep(text, &position)) {
    return sj__fail(error, SJ_TOO_LARGE, "nested deeper than %d at byte %zu", SJ__JSON_DEPTH_MAX,
                    position);
  }
  char *copy = copy_padded(arena, text);
  if (copy == NULL) return sj__fail(error, SJ_NO_MEMORY, "out of memory");
  const yyjson_alc allocator = {arena_malloc, arena_realloc, arena_free, arena};
  yyjson_read_err failure;
  yyjson_doc *doc = yyjson_read_opts(
      copy, text.size, YYJSON_READ_INSITU | YYJSON_READ_NUMBER_AS_RAW, &allocator, &failure);
  if (doc == NULL) {
    if (failure.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION) {
      return sj__fail(error, SJ_NO_MEMORY, "out of memory");
    }
    return sj__fail(error, SJ_INVALID, "not JSON at byte %zu: %s", failure.pos,
                    text.size == 0 ? "nothing there" : failure.msg);
  }
  /* A document's values are one array in the order of the text (yyjson.h, "yyjson_doc"). */
  yyjson_val *first = yyjson_doc_get_root(doc);
  sj_status status = refuse_duplicates(arena, copy, first, yyjson_doc_get_val_count(doc), error);
  if (status == SJ_OK) *root = first;
  return status;
}

/* --- Reading -------------------------------------------------------------- */

bool sj__json_is_object(const sj__json *value) {
  return yyjson_is_obj(loose(value));
}

bool sj__json_is_array(const sj__json *value) {
  return yyjson_is_arr(loose(value));
}

bool sj__json_is_null(const sj__json *value) {
  return yyjson_is_null(loose(value));
}

bool sj__json_text(const sj__json *value, sj_slice *out) {
  if (!yyjson_is_str(loose(value))) return false;
  *out = text_of(value);
  return true;
}

bool sj__json_u64(const sj__json *value, uint64_t max, uint64_t *out) {
  return yyjson_is_raw(loose(value)) && sj__slice_to_u64(text_of(value), max, out);
}

bool sj__json_number(const sj__json *value, sj_slice *out) {
  if (!yyjson_is_raw(loose(value))) return false;
  *out = text_of(value);
  return true;
}

bool sj__json_bool(const sj__json *value, bool *out) {
  if (!yyjson_is_bool(loose(value))) return false;
  *out = yyjson_is_true(loose(value));
  return true;
}

sj__json *sj__json_member(const sj__json *object, const char *name) {
  return yyjson_obj_get(loose(object), name);
}

size_t sj__json_count(const sj__json *container) {
  return yyjson_is_ctn(loose(container)) ? unsafe_yyjson_get_len(loose(container)) : 0;
}

sj__json *sj__json_next(const sj__json *container, sj__json_cursor *cursor, sj_slice *name) {
  if (cursor->index >= sj__json_count(container)) return NULL;
  yyjson_val *value = cursor->index == 0 ? unsafe_yyjson_get_first(loose(container)) : cursor->next;
  if (name != NULL) *name = (sj_slice){NULL, 0};
  if (unsafe_yyjson_is_obj(loose(container))) {
    if (name != NULL) *name = text_of(value);
    value = value + 1; /* a member's value follows its name */
  }
  cursor->index++;
  cursor->next = unsafe_yyjson_get_next(value);
  return value;
}

/* --- Writing -------------------------------------------------------------- */

/* Recursion ends: no value is deeper than SJ__JSON_DEPTH_MAX. */
static void write_container(const sj__json *container, sj__buffer *out) {
  bool object = sj__json_is_object(container);
  sj__json_cursor cursor = {0};
  sj_slice name;
  sj__buffer_append_char(out, object ? '{' : '[');
  for (sj__json *value; (value = sj__json_next(container, &cursor, &name)) != NULL;) {
    if (cursor.index > 1) sj__buffer_append_char(out, ',');
    if (object) {
      sj__append_json_string(out, name);
      sj__buffer_append_char(out, ':');
    }
    sj__json_write(value, out);
  }
  sj__buffer_append_char(out, object ? '}' : ']');
}

void sj__json_write(const sj__json *value, sj__buffer *out) {
  switch (yyjson_get_type(loose(value))) {
    case YYJSON_TYPE_OBJ:
    case YYJSON_TYPE_ARR:
      write_container(value, out);
      break;
    case YYJSON_TYPE_STR:
      sj__append_json_string(out, text_of(value));
      break;
    case YYJSON_TYPE_BOOL:
      sj__buffer_append_text(out, yyjson_is_true(loose(value)) ? "true" : "false");
      break;
    case YYJSON_TYPE_NULL:
      sj__buffer_append_literal(out, "null");
      break;
    default: /* a number's text: nothing else is read raw */
      sj__buffer_append_slice(out, text_of(value));
      break;
  }
}
