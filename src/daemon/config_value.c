/* Values of settings: text in, member of the configuration out, and back. */
#include <stdio.h>

#include "base/alloc.h"
#include "base/errors.h"
#include "base/slice.h"
#include "codec/units.h"
#include "daemon/config_table.h"

typedef struct value_reader {
  const sj__config_entry *entry;
  sj__arena *arena;
  unsigned line; /* of what was wrong */
  sj_error *error;
} value_reader;

static void *member(const sj__config_entry *entry, void *target) {
  return (char *)target + entry->offset;
}

/* --- Errors -------------------------------------------------------------------- */

static sj_status refuse(value_reader *reader, const sj__config_node *node, const char *what) {
  reader->line = node->line;
  sj__buffer allowed;
  sj__buffer_init(&allowed, 0);
  sj__config_describe(reader->entry, &allowed);
  sj_slice range = sj__buffer_slice(&allowed);
  sj_status status = sj__fail(reader->error, SJ_INVALID, "%s: %s; allowed: %.*s",
                              reader->entry->path, what, (int)range.size, range.data);
  sj__buffer_release(&allowed);
  return status;
}

static sj_status out_of_memory(value_reader *reader) {
  return sj__fail(reader->error, SJ_NO_MEMORY, "%s: out of memory", reader->entry->path);
}

/* "'5x' is not …" or "… has no value": whatever stands where a scalar is wanted. */
static sj_status refuse_scalar(value_reader *reader, const sj__config_node *node) {
  char shown[SJ__CONFIG_SHOWN_SIZE];
  char what[SJ__CONFIG_SHOWN_SIZE + 32];
  switch (node->kind) {
    case SJ__NODE_NOTHING:
      return refuse(reader, node, "has no value");
    case SJ__NODE_LIST:
      return refuse(reader, node, "is a list");
    case SJ__NODE_MAP:
      return refuse(reader, node, "is a map");
    default:
      snprintf(what, sizeof what, "'%s' is not allowed", sj__config_shown(node->text, shown));
      return refuse(reader, node, what);
  }
}

/* --- Scalars --------------------------------------------------------------------- */

static bool in_range(const sj__config_entry *entry, uint64_t value) {
  return value >= entry->minimum && value <= entry->maximum;
}

static bool parse_octal(sj_slice text, uint64_t *out) {
  uint64_t value = 0;
  if (text.size == 0 || text.size > 5) return false;
  for (size_t i = 0; i < text.size; i++) {
    if (text.data[i] < '0' || text.data[i] > '7') return false;
    value = value * 8 + (uint64_t)(text.data[i] - '0');
  }
  *out = value;
  return true;
}

/* Whether the text is a number of the entry's kind, in range or not. */
static bool parse_number(const sj__config_entry *entry, sj_slice text, uint64_t *out) {
  int64_t duration = 0;
  switch (entry->type) {
    case SJ__CONFIG_DURATION:
      if (sj__duration_parse(text, &duration) != SJ_OK) return false;
      *out = (uint64_t)duration; /* never negative */
      return true;
    case SJ__CONFIG_BYTES:
      return sj__bytes_parse(text, out) == SJ_OK;
    case SJ__CONFIG_MODE:
      return parse_octal(text, out);
    default:
      return sj__slice_to_u64(text, UINT64_MAX, out);
  }
}

static sj_status read_number(value_reader *reader, const sj__config_node *node, uint64_t *out) {
  uint64_t value = 0;
  if (node->kind != SJ__NODE_SCALAR || !parse_number(reader->entry, node->text, &value) ||
      !in_range(reader->entry, value)) {
    return refuse_scalar(reader, node);
  }
  *out = value;
  return SJ_OK;
}

static sj_status read_boolean(value_reader *reader, const sj__config_node *node, bool *out) {
  bool is_true = node->kind == SJ__NODE_SCALAR && sj__slice_equal(node->text, SJ__SLICE("true"));
  if (!is_true &&
      (node->kind != SJ__NODE_SCALAR || !sj__slice_equal(node->text, SJ__SLICE("false")))) {
    return refuse_scalar(reader, node);
  }
  *out = is_true;
  return SJ_OK;
}

static sj_status read_name(value_reader *reader, const sj__config_node *node, uint64_t *index) {
  const char *const *choices = reader->entry->choices;
  for (uint64_t i = 0; node->kind == SJ__NODE_SCALAR && choices[i] != NULL; i++) {
    if (sj__slice_equal(node->text, sj__slice_text(choices[i]))) {
      *index = i;
      return SJ_OK;
    }
  }
  return refuse_scalar(reader, node);
}

/* Texts may hold a password (a store's URL): what is wrong with them is said without quoting. */
static sj_status read_text(value_reader *reader, const sj__config_node *node, const char **out) {
  const sj__config_entry *entry = reader->entry;
  bool is_list = entry->type == SJ__CONFIG_TEXTS;
  size_t minimum = is_list ? 1 : (size_t)entry->minimum;
  size_t maximum = is_list ? SJ__CONFIG_TEXT_MAX : (size_t)entry->maximum;
  if (node->kind != SJ__NODE_SCALAR) return refuse_scalar(reader, node);
  if (node->text.size < minimum) return refuse(reader, node, "is empty");
  if (node->text.size > maximum) return refuse(reader, node, "is too long");
  if (!sj__text_is_clean(node->text, maximum)) {
    return refuse(reader, node, "is not UTF-8 without control characters");
  }
  if (entry->check != NULL && node->text.size > 0 && !entry->check(node->text)) {
    return refuse(reader, node, "is malformed");
  }
  sj_slice copy = sj__arena_dup(reader->arena, node->text);
  if (copy.data == NULL) return out_of_memory(reader);
  *out = copy.data;
  return SJ_OK;
}

/* --- Lists -------------------------------------------------------------------------- */

/* Room for the node's elements, or NULL and *status says why not. */
static void *begin_list(value_reader *reader, const sj__config_node *node, size_t item_size,
                        sj_status *status) {
  bool counted = reader->entry->type != SJ__CONFIG_COUNTS; /* there the range is the elements' */
  *status = SJ_OK;
  if (node->kind != SJ__NODE_LIST) {
    *status = refuse(reader, node, "is not a list");
  } else if (node->count < (counted ? reader->entry->minimum : 0)) {
    *status = refuse(reader, node, "is empty");
  } else if (counted && node->count > reader->entry->maximum) {
    *status = refuse(reader, node, "has too many elements");
  }
  if (*status != SJ_OK) return NULL;
  void *items = sj__arena_calloc(reader->arena, node->count > 0 ? node->count : 1, item_size);
  if (items == NULL) *status = out_of_memory(reader);
  return items;
}

static sj_status read_texts(value_reader *reader, const sj__config_node *node,
                            sj__config_texts *out) {
  sj_status status = SJ_OK;
  const char **items = begin_list(reader, node, sizeof *items, &status);
  if (items == NULL) return status;
  size_t count = 0;
  for (sj__config_node *item = node->first; item != NULL && status == SJ_OK; item = item->next) {
    status = read_text(reader, item, &items[count++]);
  }
  if (status == SJ_OK) *out = (sj__config_texts){items, count};
  return status;
}

static sj_status read_counts(value_reader *reader, const sj__config_node *node,
                             sj__config_counts *out) {
  sj_status status = SJ_OK;
  uint64_t *items = begin_list(reader, node, sizeof *items, &status);
  if (items == NULL) return status;
  size_t count = 0;
  for (sj__config_node *item = node->first; item != NULL && status == SJ_OK; item = item->next) {
    status = read_number(reader, item, &items[count++]);
  }
  if (status == SJ_OK) *out = (sj__config_counts){items, count};
  return status;
}

static sj_status read_flags(value_reader *reader, const sj__config_node *node, uint64_t *out) {
  if (node->kind != SJ__NODE_LIST) return refuse(reader, node, "is not a list");
  if (node->count == 0) return refuse(reader, node, "is empty");
  uint64_t flags = 0;
  for (sj__config_node *item = node->first; item != NULL; item = item->next) {
    uint64_t index = 0;
    sj_status status = read_name(reader, item, &index);
    if (status != SJ_OK) return status;
    flags |= (uint64_t)1 << index;
  }
  *out = flags;
  return SJ_OK;
}

/* --- Listeners ------------------------------------------------------------------------- */

static const sj__config_entry *listener_entry(sj_slice name) {
  for (size_t i = 0; i < sj__config_listener_table_count; i++) {
    const char *last = sj__config_listener_table[i].path + sizeof "listeners." - 1;
    if (sj__slice_equal(sj__slice_text(last), name)) return &sj__config_listener_table[i];
  }
  return NULL;
}

static sj_status read_listener_member(value_reader *reader, const sj__config_node *node,
                                      sj__config_listener *out) {
  const sj__config_entry *entry = listener_entry(node->name);
  if (entry != NULL) {
    return sj__config_read(entry, node, out, reader->arena, &reader->line, reader->error);
  }
  const char *names[8] = {NULL};
  for (size_t i = 0; i < sj__config_listener_table_count && i + 1 < SJ__COUNT_OF(names); i++) {
    names[i] = sj__config_listener_table[i].path + sizeof "listeners." - 1;
  }
  char shown[SJ__CONFIG_SHOWN_SIZE];
  const char *nearest = sj__config_nearest(node->name, names);
  reader->line = node->line;
  return sj__fail(reader->error, SJ_INVALID, "listeners: unknown key '%s'%s%s%s",
                  sj__config_shown(node->name, shown), nearest != NULL ? "; did you mean '" : "",
                  nearest != NULL ? nearest : "", nearest != NULL ? "'?" : "");
}

static sj_status read_listener(value_reader *reader, const sj__config_node *node,
                               sj__config_listener *out) {
  if (node->kind != SJ__NODE_MAP) return refuse(reader, node, "an element is not a map");
  for (size_t i = 0; i < sj__config_listener_table_count; i++) {
    const sj__config_entry *entry = &sj__config_listener_table[i];
    if (entry->fallback == NULL) continue;
    sj_status status = sj__config_read_text(entry, sj__slice_text(entry->fallback), out,
                                            reader->arena, reader->error);
    if (status != SJ_OK) return status;
  }
  for (sj__config_node *item = node->first; item != NULL; item = item->next) {
    sj_status status = read_listener_member(reader, item, out);
    if (status != SJ_OK) return status;
  }
  return out->address != NULL ? SJ_OK : refuse(reader, node, "an element has no address");
}

static sj_status read_listeners(value_reader *reader, const sj__config_node *node,
                                sj__config_listeners *out) {
  sj_status status = SJ_OK;
  sj__config_listener *items = begin_list(reader, node, sizeof *items, &status);
  if (items == NULL) return status;
  size_t count = 0;
  for (sj__config_node *item = node->first; item != NULL && status == SJ_OK; item = item->next) {
    status = read_listener(reader, item, &items[count++]);
  }
  if (status == SJ_OK) *out = (sj__config_listeners){items, count};
  return status;
}

/* --- Entry ------------------------------------------------------------------------------ */

static sj_status read_value(value_reader *reader, const sj__config_node *node, void *out) {
  switch (reader->entry->type) {
    case SJ__CONFIG_TEXT:
      return read_text(reader, node, out);
    case SJ__CONFIG_DURATION:
    case SJ__CONFIG_BYTES:
    case SJ__CONFIG_COUNT:
    case SJ__CONFIG_MODE:
      return read_number(reader, node, out);
    case SJ__CONFIG_BOOLEAN:
      return read_boolean(reader, node, out);
    case SJ__CONFIG_CHOICE:
      return read_name(reader, node, out);
    case SJ__CONFIG_FLAGS:
      return read_flags(reader, node, out);
    case SJ__CONFIG_TEXTS:
      return read_texts(reader, node, out);
    case SJ__CONFIG_COUNTS:
      return read_counts(reader, node, out);
    case SJ__CONFIG_LISTENERS:
      return read_listeners(reader, node, out);
  }
  return SJ_MISUSE;
}

sj_status sj__config_read(const sj__config_entry *entry, const sj__config_node *node, void *target,
                          sj__arena *arena, unsigned *line, sj_error *error) {
  value_reader reader = {entry, arena, node->line, error};
  sj_status status = read_value(&reader, node, member(entry, target));
  if (line != NULL) *line = reader.line;
  return status;
}

static bool is_list(const sj__config_entry *entry) {
  return entry->type == SJ__CONFIG_TEXTS || entry->type == SJ__CONFIG_COUNTS ||
         entry->type == SJ__CONFIG_FLAGS || entry->type == SJ__CONFIG_LISTENERS;
}

sj_status sj__config_read_text(const sj__config_entry *entry, sj_slice text, void *target,
                               sj__arena *arena, sj_error *error) {
  sj__config_node scalar = {.kind = SJ__NODE_SCALAR, .line = 1, .text = text};
  if (!is_list(entry)) return sj__config_read(entry, &scalar, target, arena, NULL, error);
  sj__config_node *list = NULL;
  sj_error why;
  sj_status status = sj__config_json_parse(arena, text, &list, &why);
  if (status == SJ_INVALID) {
    return sj__fail(error, SJ_INVALID, "%s: a list is given as JSON here: %s", entry->path,
                    why.message);
  }
  if (status != SJ_OK) return sj__fail(error, status, "%s: %s", entry->path, why.message);
  return sj__config_read(entry, list, target, arena, NULL, error);
}
